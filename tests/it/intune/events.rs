//! The connector's event log: both tables, and what the server's own outcomes become.

use super::*;
use scep::crypto::KeyError;
use scep::intune::{ConnectorEvent, DiagnosticCode, EventId, Remedy, Severity};

/// A copy of the table: number, name, severity, codes besides 0x0 and 0x0FFFFFFF.
const EVENTS: [(u32, &str, Severity, &[u32]); 19] = [
    (10010, "StartedConnectorService", Severity::Information, &[]),
    (10020, "StoppedConnectorService", Severity::Information, &[]),
    (10100, "CertificateRenewal_Success", Severity::Information, &[]),
    (10102, "CertificateRenewal_Failure", Severity::Error, &[0x405]),
    (10301, "RetrieveCertificate_Warning", Severity::Warning, &[0x403]),
    (10302, "RetrieveCertificate_Error", Severity::Error, &[0x404]),
    (20100, "PkcsCertIssue_Success", Severity::Information, &[]),
    (20102, "PkcsCertIssue_Failure", Severity::Error, &[0x400, 0x401]),
    (20200, "RevokeCert_Success", Severity::Information, &[]),
    (20202, "RevokeCert_Failure", Severity::Error, &[0x402]),
    (20300, "Upload_Success", Severity::Information, &[]),
    (20302, "Upload_Failure", Severity::Error, &[]),
    (20400, "Download_Success", Severity::Information, &[]),
    (20402, "Download_Failure", Severity::Error, &[]),
    (20500, "CRPVerifyMetric_Success", Severity::Information, &[]),
    (20501, "CRPVerifyMetric_Warning", Severity::Warning, &[0x411]),
    (20502, "CRPVerifyMetric_Failure", Severity::Error, &[0x408, 0x409, 0x410]),
    (20600, "CRPNotifyMetric_Success", Severity::Information, &[]),
    (20602, "CRPNotifyMetric_Failure", Severity::Error, &[]),
];

const CODES: [(u32, &str); 12] = [
    (0x0, "Success"),
    (0x400, "PKCS_Issue_CA_Unavailable"),
    (0x401, "Symantec_ClientAuthCertNotFound"),
    (0x402, "RevokeCert_AccessDenied"),
    (0x403, "CertThumbprint_NotFound"),
    (0x404, "Certificate_NotFound"),
    (0x405, "Certificate_Expired"),
    (0x408, "CRPSCEPCert_NotFound"),
    (0x409, "CRPSCEPSigningCert_NotFound"),
    (0x410, "CRPSCEPDeserialize_Failed"),
    (0x411, "CRPSCEPChallenge_Expired"),
    (0x0FFF_FFFF, "Unknown_Error"),
];

#[test]
fn events_are_those_of_the_connector() {
    let own: Vec<_> = EventId::ALL
        .iter()
        .map(|id| {
            let codes: Vec<u32> = id.codes().iter().map(|code| code.number()).collect();
            (id.number(), id.name(), id.severity(), codes)
        })
        .collect();
    let table: Vec<_> = EVENTS
        .iter()
        .map(|(number, name, severity, codes)| (*number, *name, *severity, codes.to_vec()))
        .collect();
    assert_eq!(own, table);
    for id in EventId::ALL {
        assert_eq!(EventId::from_number(id.number()), Some(*id));
        assert!(!id.text().is_empty());
    }
    for number in [0, 10011, 20101, 20503, 20601, u32::MAX] {
        assert_eq!(EventId::from_number(number), None);
    }
}

#[test]
fn codes_are_those_of_the_connector_and_there_is_no_order_in_them() {
    let own: Vec<_> = DiagnosticCode::ALL.iter().map(|code| (code.number(), code.name())).collect();
    assert_eq!(own, CODES);
    for code in DiagnosticCode::ALL {
        assert_eq!(DiagnosticCode::from_number(code.number()), Some(*code));
        let written = code.to_string();
        let number = written.split(' ').next().unwrap();
        assert_eq!(DiagnosticCode::from_text(number), Some(*code), "{written}");
        assert!(!code.text().is_empty());
    }
    for number in [1, 0x406, 0x407, 0x40A, 0x40F, 0x412, 408, 411, 0xFFFF_FFFF] {
        assert_eq!(DiagnosticCode::from_number(number), None, "{number:#x}");
    }
}

#[test]
fn both_spellings_of_the_unknown_error_are_read_and_the_first_is_written() {
    for text in ["0x0FFFFFFF", "0x0FFFFFFFF", "0x0fffffff", "0X0FFFFFFFF", "0xFFFFFFF"] {
        assert_eq!(DiagnosticCode::from_text(text), Some(DiagnosticCode::UnknownError), "{text}");
    }
    assert_eq!(DiagnosticCode::UnknownError.to_string(), "0x0FFFFFFF Unknown_Error");
    for text in ["", "0x", "411", "0xFFFFFFFF", "0x0FFFFFFFFF", "0x+411", "0x 411", "0x411 ", "x411"] {
        assert_eq!(DiagnosticCode::from_text(text), None, "{text:?}");
    }
}

#[test]
fn a_code_says_what_to_do() {
    for (code, remedy) in [
        (DiagnosticCode::Success, Remedy::Nothing),
        (DiagnosticCode::CrpScepChallengeExpired, Remedy::NewChallenge),
        (DiagnosticCode::CrpScepCertNotFound, Remedy::Configuration),
        (DiagnosticCode::CrpScepSigningCertNotFound, Remedy::Configuration),
        (DiagnosticCode::CrpScepDeserializeFailed, Remedy::Configuration),
        (DiagnosticCode::UnknownError, Remedy::TryAgain),
    ] {
        assert_eq!(code.remedy(), remedy, "{code}");
    }
}

// A24
#[test]
fn a_failed_key_is_told_by_its_role() {
    for (role, code) in
        [(0, DiagnosticCode::CrpScepCertNotFound), (1, DiagnosticCode::CrpScepSigningCertNotFound)]
    {
        let mut server = Server::new();
        match role {
            0 => server.faults.decrypt = Some(KeyError::Unavailable),
            _ => server.faults.sign = Some(KeyError::Failed),
        }
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        for asked in [false, true] {
            let event = ConnectorEvent::of_outcome(&answer.outcome, "mdm", asked).unwrap();
            assert_eq!((event.id, event.code), (EventId::CrpVerifyMetricFailure, code));
            assert_eq!(event.endpoint.as_deref(), Some("mdm"));
            assert_eq!(event.transaction.unwrap().as_bytes(), TRANSACTION);
        }
    }
}

#[test]
fn an_endpoint_that_checks_challenges_itself_tells_the_same_events() {
    let server = Server::new();
    let event = |answer: &Answer<'_>, asked| {
        ConnectorEvent::of_outcome(&answer.outcome, "lab", asked).map(|event| (event.id, event.code))
    };
    let good = server.ask(&pkcs_req());
    assert_eq!(event(&good, false), Some((EventId::CrpVerifyMetricSuccess, DiagnosticCode::Success)));
    let bad = server.ask(&with_csr(|csr| csr.attributes = Some(vec![challenge(PRINTABLE, b"wrong")])));
    assert_eq!(event(&bad, false), Some((EventId::CrpVerifyMetricWarning, DiagnosticCode::UnknownError)));
    let down = Server::new().policy(|_, question, _| question.unavailable());
    let down = down.ask(&pkcs_req());
    assert_eq!(event(&down, false), Some((EventId::CrpVerifyMetricFailure, DiagnosticCode::UnknownError)));
    // a poll for nothing is nobody's challenge
    assert_eq!(event(&server.ask(&cert_poll_of(&STRANGER, &STRANGER_CERTIFICATE)), false), None);
    // where the service was asked its own events say it
    for answer in [&good, &bad, &down] {
        assert_eq!(event(answer, true), None);
    }
}

#[test]
fn every_event_that_is_told_has_a_code_that_goes_with_it() {
    let mut office = Office::new();
    for code in ["ChallengeExpired", "Unknown", "BadUserIdInChallenge", "New"] {
        office.mock.trouble("validateRequest", Trouble::Says(code.into()));
        let message = office.request();
        office.ask(&message).counts.signed.to_string();
    }
    office.mock.trouble("successNotification", Trouble::Status(403));
    let message = office.request();
    office.ask(&message).unavailable();
    for _ in 0..3 {
        office.mock.trouble("validateRequest", Trouble::Body("x"));
    }
    office.ask(&message).unavailable();
    assert_eq!(office.log.len(), 7);
    for event in &office.log {
        let always = [DiagnosticCode::Success, DiagnosticCode::UnknownError];
        let goes = always.contains(&event.code) || event.id.codes().contains(&event.code);
        assert!(goes, "{event}");
        assert_eq!(event.code == DiagnosticCode::Success, event.id.severity() == Severity::Information);
    }
}

#[test]
fn an_event_reads_as_one_line() {
    let mut office = Office::new();
    office.mock.trouble("validateRequest", Trouble::Says("ChallengeExpired".into()));
    let message = office.request();
    office.ask(&message).cert_rep();
    let id = office.log[0].correlation.unwrap();
    assert_eq!(
        office.log[0].to_string(),
        format!(
            "20501 CRPVerifyMetric_Warning 0x411 CRPSCEPChallenge_Expired, the service says ChallengeExpired, \
             endpoint mdm, transaction tx-1, call {id}"
        )
    );
    let event = ConnectorEvent::new(EventId::StartedConnectorService, DiagnosticCode::Success);
    assert_eq!(event.to_string(), "10010 StartedConnectorService 0x0 Success");
}
