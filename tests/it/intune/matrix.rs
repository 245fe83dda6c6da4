//! Microsoft's test matrix: what the service may answer, in each place, and what the device is told.

use super::*;
use scep::error::PeerMisbehaved;
use scep::intune::{DiagnosticCode, EventId, ResultCode};
use scep::server::Status;
use scep::wire::FailInfo;

/// Written down here once more: the words that the service is known to say.
const CODES: [&str; 25] = [
    "Unknown",
    "Success",
    "CertificateRequestDecodingFailed",
    "ChallengePasswordMissing",
    "ChallengeDeserializationError",
    "ChallengeDecryptionError",
    "ChallengeDecodingError",
    "ChallengeInvalidTimestamp",
    "ChallengeExpired",
    "SubjectNameMissing",
    "SubjectNameMismatch",
    "SubjectAltNameMissing",
    "SubjectAltNameMismatch",
    "KeyUsageMismatch",
    "KeyLengthMismatch",
    "EnhancedKeyUsageMissing",
    "EnhancedKeyUsageMismatch",
    "AadKeyIdentifierListMissing",
    "RegisteredKeyMismatch",
    "SigningCertThumbprintMismatch",
    "ScepProfileNoLongerTargetedToTheClient",
    "SignatureValidationFailed",
    "BadCertificateRequestIdInChallenge",
    "BadDeviceIdInChallenge",
    "BadUserIdInChallenge",
];

#[test]
fn every_known_code_is_read_and_written_as_the_service_does() {
    let own: Vec<&str> = ResultCode::ALL.iter().map(ResultCode::name).collect();
    assert_eq!(own, CODES);
    for name in CODES {
        assert_eq!(ResultCode::from_name(name).name(), name);
    }
    // fails closed: nothing that is only like it is success
    for name in
        ["success", "SUCCESS", " Success", "Success ", "Success\0", "", "0", "Succes", "\u{FF33}uccess"]
    {
        assert!(!matches!(ResultCode::from_name(name), ResultCode::Success), "{name}");
    }
    // it goes into logs
    let long = ResultCode::from_name(&format!("a\r\nb\u{1b}[0m{}", "x".repeat(100)));
    assert_eq!(long.name(), format!("ab0m{}", "x".repeat(60)));
}

// A1, A11, N-10, N-15: issued, reported, then handed out
#[test]
fn a_valid_request_is_issued_and_the_service_knows_of_it_before_the_device_does() {
    let mut office = Office::new();
    let message = office.request();
    let issued = issued(&office.ask(&message));
    let [reported] = &office.mock.issued[..] else { panic!("{:?}", office.mock.issued) };
    assert_eq!(reported.transaction, "tx-1");
    assert_eq!(reported.serial, "1F00");
    assert_eq!(reported.expires, "2028-01-15T08:00:00Z");
    assert_eq!(reported.issuer, "CN=Server CA");
    let thumbprint: String =
        hash(scep::crypto::Digest::Sha1, &issued).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(reported.thumbprint, thumbprint);
    let paths: Vec<&str> = office.mock.calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["endpoints", "validateRequest", "successNotification"]);
    // one GUID stands for all of it
    assert!(office.mock.calls.iter().all(|call| call.id == office.mock.calls[0].id));
    let ids: Vec<EventId> = office.log.iter().map(|event| event.id).collect();
    assert_eq!(ids, [EventId::CrpVerifyMetricSuccess, EventId::CrpNotifyMetricSuccess]);
    // the place is known now
    let mut again = office.request();
    again.set_transaction(b"tx-2");
    office.ask(&again).cert_rep();
    assert_eq!(office.mock.calls.len(), 5);
}

// A11, T20: rows 1 to 25 of the matrix, on validateRequest
#[test]
fn every_code_but_success_refuses_and_leaves_no_trace() {
    for code in
        CODES.iter().filter(|code| !["Success", "Unknown"].contains(code)).chain(&["NewInTenYears", ""])
    {
        let mut office = Office::new();
        let message = office.request();
        office.mock.trouble("validateRequest", Trouble::Says((*code).into()));
        let answer = office.ask(&message);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(office.server.issuer.count(), 0, "{code}");
        assert!(office.mock.issued.is_empty() && office.mock.failures.is_empty());
        let [event] = &office.log[..] else { panic!("{:?}", office.log) };
        let expected = match *code {
            "ChallengeExpired" | "ChallengeInvalidTimestamp" => DiagnosticCode::CrpScepChallengeExpired,
            _ => DiagnosticCode::UnknownError,
        };
        assert_eq!((event.id, event.code), (EventId::CrpVerifyMetricWarning, expected), "{code}");
        assert_eq!(event.result.as_ref().map(ResultCode::name), Some(*code));
        // the service is not asked twice for what it has answered
        assert_eq!(office.mock.calls.len(), 2);
    }
}

// the row for a service that does not know: neither yes nor no
#[test]
fn a_service_that_does_not_know_leaves_the_challenge_as_it_was() {
    let mut office = Office::new();
    let message = office.request();
    office.mock.trouble("validateRequest", Trouble::Says("Unknown".into()));
    let answer = office.ask(&message);
    answer.unavailable();
    assert!(!answer.changed);
    let [event] = &office.log[..] else { panic!("{:?}", office.log) };
    assert_eq!((event.id, event.code), (EventId::CrpVerifyMetricFailure, DiagnosticCode::UnknownError));
    issued(&office.ask(&message));
}

// N-10: the same rows on successNotification; the last row of the matrix says "does issue", and nothing is
#[test]
fn a_certificate_that_the_service_does_not_want_is_not_handed_out() {
    for code in CODES.iter().filter(|code| !["Success", "Unknown"].contains(code)).chain(&["NewInTenYears"]) {
        let mut office = Office::new();
        let message = office.request();
        office.mock.trouble("successNotification", Trouble::Says((*code).into()));
        let answer = office.ask(&message);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(PeerMisbehaved::Policy);
        // it was made, and is to be revoked
        assert_eq!(office.withheld.len(), 1, "{code}");
        assert_eq!(office.withheld[0].as_ref(), office.server.issuer.issued.borrow()[0]);
        let event = office.log.last().unwrap();
        assert_eq!((event.id, event.code), (EventId::CrpNotifyMetricFailure, DiagnosticCode::UnknownError));
        // a poll finds nothing either
        assert_eq!(office.server.ask(&cert_poll()).cert_rep().fail_info.as_deref(), Some("4"));
    }
}

/// A change of a request, and what the service says to it.
type Case = (&'static str, fn(&mut Vec<(Oid<'static>, Vec<u8>)>));

// T20: what the mock finds out by itself
#[test]
fn requests_for_something_else_than_the_profile_are_refused() {
    let cases: [Case; 6] = [
        ("SubjectAltNameMissing", |wishes| wishes.retain(|(which, _)| *which != Oid::SUBJECT_ALT_NAME)),
        ("SubjectAltNameMismatch", |wishes| wishes[0].1 = dns_names(&["boss.example"])),
        ("KeyUsageMismatch", |wishes| wishes[1].1 = vec![3, 2, 7, 0x80]),
        ("KeyUsageMismatch", |wishes| wishes.retain(|(which, _)| *which != Oid::KEY_USAGE)),
        ("EnhancedKeyUsageMissing", |wishes| wishes.retain(|(which, _)| *which != Oid::EXTENDED_KEY_USAGE)),
        ("EnhancedKeyUsageMismatch", |wishes| {
            wishes[2].1 = seq(&[&oid(Oid::CLIENT_AUTH), &oid(Oid::SMART_CARD_LOGON)]);
        }),
    ];
    for (code, change) in cases {
        let mut office = Office::new();
        let challenge = office.mock.challenge(&profile(), 3600);
        office.ask(&request_with(&challenge, change)).refused(FailInfo::BadRequest, 0);
        assert_eq!(office.log[0].result.as_ref().map(ResultCode::name), Some(code));
    }
}

// T20: a challenge for one, a request of another
#[test]
fn a_challenge_serves_the_device_that_it_was_made_for_and_until_it_expires() {
    let mut office = Office::new();
    let other = Profile { subject: "O=Test, CN=dev2".into(), ..profile() };
    let challenge = office.mock.challenge(&other, 3600);
    office.ask(&request_with(&challenge, |_| ())).refused(FailInfo::BadRequest, 0);
    assert_eq!(office.log[0].result, Some(ResultCode::SubjectNameMismatch));

    let forged = office.mock.challenge(&profile(), 3600).replace(".", ".0");
    office.ask(&request_with(&forged, |_| ())).refused(FailInfo::BadRequest, 0);
    assert_eq!(office.log[1].result, Some(ResultCode::SignatureValidationFailed));

    let message = office.request();
    office.mock.now += 3600;
    office.ask(&message).refused(FailInfo::BadRequest, 0);
    assert_eq!(office.log[2].result, Some(ResultCode::ChallengeExpired));
    assert_eq!(office.log[2].code, DiagnosticCode::CrpScepChallengeExpired);

    let message = office.request();
    office.mock.targets.clear();
    office.ask(&message).refused(FailInfo::BadRequest, 0);
    assert_eq!(office.log[3].result, Some(ResultCode::ScepProfileNoLongerTargetedToTheClient));
}

// a device that did not hear the answer asks again, and the service is not asked for what is recorded
#[test]
fn a_repeated_request_gets_the_same_certificate_without_another_call() {
    let mut office = Office::new();
    let message = office.request();
    let first = issued(&office.ask(&message));
    let calls = office.mock.calls.len();
    assert_eq!(issued(&office.ask(&message)), first);
    assert_eq!((office.mock.calls.len(), office.server.issuer.count()), (calls, 1));
}

#[test]
fn a_request_without_a_challenge_is_refused_without_a_call() {
    let office = Office::new();
    let message = with_csr(|csr| csr.attributes = Some(vec![extension_request(&wishes())]));
    let question = office.server.up_to_question(&message);
    let unasked = office.service.validate(question, &office.endpoints, &mut seeded(1)).unwrap_err();
    let exchange = unasked.answer(&mut seeded(2));
    office.server.go_on(exchange).refused(FailInfo::BadRequest, 0);
    assert!(office.mock.calls.is_empty());
    assert_eq!(office.mock.tokens, []);
}

// T24: the service's yes is not enough
#[test]
fn a_security_identifier_does_not_pass_although_the_service_says_yes() {
    let mut office = Office::new();
    let message = office.request();
    let sid = b"tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500";
    let challenge = office.mock.challenge(&profile(), 3600);
    drop(message);
    let message = request_with(&challenge, |wishes| {
        wishes.push((Oid::NTDS_CA_SECURITY, seq(&[&oid(Oid::CLIENT_AUTH)])));
        wishes[0].1 =
            seq(&[&crate::support::tlv(0x82, &[b"dev1.example"]), &crate::support::tlv(0x86, &[sid])]);
    });
    office.mock.trouble("validateRequest", Trouble::Says("Success".into()));
    let question = office.server.up_to_question(&message);
    let Verdict::Valid(validated) = office.validate(question) else { panic!("{:?}", office.log) };
    let passed = validated.wishes().unwrap();
    assert!(!crate::support::holds(&passed, b"S-1-5-21"));
    assert!(!crate::support::holds(&passed, Oid::NTDS_CA_SECURITY.as_bytes()));
    // and a certificate that has one all the same is not sent
    let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
    template.extensions.push((Oid::EXTENDED_KEY_USAGE, client_auth()));
    template.extensions.push((Oid::NTDS_CA_SECURITY, seq(&[])));
    let leaf = certificate(&template.sign(&CA));
    let unfit = validated.issued(leaf, Vec::new(), &IssuedBy::default(), &office.endpoints).unwrap_err();
    assert_eq!(unfit.error, scep::error::ApiMisuse::Chain.into());
    assert!(office.mock.issued.is_empty());
    let ask = unfit.validated.failed(0x8007_000D_u32.cast_signed(), &"\u{e4}".repeat(300), &office.endpoints);
    let reported = drive(ask, &mut office.mock, &mut office.endpoints);
    assert_eq!(reported.answer(), Ok(&ResultCode::Success));
    assert_eq!(reported.event().id, EventId::CrpNotifyMetricSuccess);
    assert_eq!(office.mock.failures, [(0x8007_000D, "\u{e4}".repeat(255))]);
    let answer = office.server.go_on(reported.refuse(&mut seeded(5)));
    answer.refused(FailInfo::BadRequest, 0);
    assert_eq!(answer.outcome.summary.status, Status::Failure(FailInfo::BadRequest));
}
