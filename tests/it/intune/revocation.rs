//! Certificates that the service wants revoked, and what it is told of them.

use super::*;
use scep::error::ApiMisuse;
use scep::intune::{
    AccessToken, Asked, DiagnosticCode, EventId, Fault, MAX_REVOCATIONS, Patience, RevocationError,
    RevocationRequest, RevocationResult,
};
use scep::transport::HttpResponse;

fn download(office: &mut Office) -> Vec<RevocationRequest> {
    let ask =
        office.service.download_revocations(500, Some("CN=Server CA"), &office.endpoints, &mut seeded(1));
    let downloaded = drive(ask.unwrap(), &mut office.mock, &mut office.endpoints);
    office.log.push(downloaded.event());
    downloaded.requests.unwrap()
}

fn upload(office: &mut Office, results: &[RevocationResult]) -> Result<(), Fault> {
    let ask = office.service.upload_revocations(results, &office.endpoints, &mut seeded(1)).unwrap();
    let uploaded = drive(ask, &mut office.mock, &mut office.endpoints);
    office.log.push(uploaded.event());
    uploaded.result
}

// A18
#[test]
fn revocations_are_fetched_carried_out_and_reported() {
    let mut office = Office::new();
    office.mock.to_revoke.extend([
        ("a".into(), "1F00".into()),
        ("b".into(), "00ff".into()),
        ("c".into(), "no".into()),
    ]);
    let requests = download(&mut office);
    let serials: Vec<_> = requests.iter().map(|request| request.serial_bytes()).collect();
    assert_eq!(serials, [Some(vec![0x1F, 0]), Some(vec![0xFF]), None]);
    assert_eq!(requests[0].issuer_name(), Some("CN=Server CA"));
    assert_eq!((requests[0].serial_number(), requests[0].configuration()), ("1F00", None));
    let results: Vec<RevocationResult> = requests
        .into_iter()
        .map(|request| match request.serial_bytes().as_deref() {
            Some([0x1F, 0]) => request.done(),
            Some(_) => request.failed(RevocationError::Authentication, "no right"),
            None => request.failed(RevocationError::ParameterDataInvalid, &"x".repeat(300)),
        })
        .collect();
    let events: Vec<_> = results.iter().map(|result| (result.event().id, result.event().code)).collect();
    let denied = (EventId::RevokeCertFailure, DiagnosticCode::RevokeCertAccessDenied);
    let other = (EventId::RevokeCertFailure, DiagnosticCode::UnknownError);
    assert_eq!(events, [(EventId::RevokeCertSuccess, DiagnosticCode::Success), denied, other]);
    assert_eq!(upload(&mut office, &results), Ok(()));
    let revoked: Vec<_> = office.mock.revoked.iter().map(|(_, ok, code)| (*ok, code.as_str())).collect();
    assert_eq!(
        revoked,
        [(true, "None"), (false, "AuthenticationException"), (false, "ParameterDataInvalidError")]
    );
    assert!(download(&mut office).is_empty());
    let ids: Vec<EventId> = office.log.iter().map(|event| event.id).collect();
    assert_eq!(ids, [EventId::DownloadSuccess, EventId::UploadSuccess, EventId::DownloadSuccess]);
    assert!(office.log.iter().all(|event| event.correlation.is_some()));
}

#[test]
fn the_bodies_are_exactly_what_the_service_takes() {
    let office = Office::new();
    let mut places = Endpoints::default();
    let token = AccessToken::new("t").unwrap();
    let found = br#"{"value":[{"providerName":"PkiConnectorFEService","uri":"https://r.example"}]}"#;
    let found = || Ok(HttpResponse::new(200, None, found.to_vec()));
    let ask = office.service.download_revocations(7, None, &places, &mut seeded(1)).unwrap();
    let Asked::Again(ask) = ask.receive(found(), &mut places) else { panic!("done") };
    let request = ask.request(&token);
    assert_eq!(request.url, "https://r.example/CertificateAuthorityRequests/downloadRevocationRequests");
    assert_eq!(request.header("api-version"), Some("5019-05-05"));
    assert_eq!(request.body, br#"{"downloadParameters":{"maxRequests":7}}"#);
    let answer = br#"{"@odata.context":"x","value":[{"requestContext":"c","serialNumber":"0A","caConfiguration":"d"}]}"#;
    let Asked::Done(downloaded) = ask.receive(Ok(HttpResponse::new(200, None, answer.to_vec())), &mut places)
    else {
        panic!("again")
    };
    let [one] = &downloaded.requests.unwrap()[..] else { panic!("none") };
    assert_eq!((one.configuration(), one.serial_bytes()), (Some("d"), Some(vec![10])));
    let results = [one.clone().done(), one.clone().failed(RevocationError::Conflict, "again")];
    let ask = office.service.upload_revocations(&results, &places, &mut seeded(1)).unwrap();
    let request = ask.request(&token);
    assert_eq!(request.url, "https://r.example/CertificateAuthorityRequests/uploadRevocationResults");
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let expected = serde_json::json!({ "results": [
        { "requestContext": "c", "succeeded": true, "errorCode": "None", "errorMessage": null },
        { "requestContext": "c", "succeeded": false, "errorCode": "ConflictError", "errorMessage": "again" },
    ]});
    assert_eq!(body, expected);
}

#[test]
fn only_true_says_that_results_arrived() {
    for body in
        ["{\"value\":false}", "{\"value\":\"true\"}", "{\"value\":1}", "{}", "true", "", "{\"value\":null}"]
    {
        let mut office = Office::new();
        office.mock.to_revoke.insert("a".into(), "01".into());
        let [request] = &download(&mut office)[..] else { panic!("none") };
        let result = request.clone().done();
        for _ in 0..Patience::default().attempts {
            office.mock.trouble("uploadRevocationResults", Trouble::Body(body));
        }
        assert_eq!(upload(&mut office, &[result]), Err(Fault::Unreadable), "{body}");
        assert_eq!(office.log.last().unwrap().id, EventId::UploadFailure);
        // it comes again
        assert_eq!(download(&mut office).len(), 1);
    }
}

#[test]
fn a_list_that_is_none_is_no_list() {
    let more = format!(
        "{{\"value\":[{}]}}",
        vec!["{\"requestContext\":\"c\",\"serialNumber\":\"1\"}"; 501].join(",")
    );
    let more: &'static str = more.leak();
    for body in ["{\"value\":\"x\"}", "{}", "[]", "{\"value\":[{\"serialNumber\":\"1\"}]}", more] {
        let mut office = Office::new();
        for _ in 0..Patience::default().attempts {
            office.mock.trouble("downloadRevocationRequests", Trouble::Body(body));
        }
        let ask = office.service.download_revocations(500, None, &office.endpoints, &mut seeded(1)).unwrap();
        let downloaded = drive(ask, &mut office.mock, &mut office.endpoints);
        assert_eq!(downloaded.event().id, EventId::DownloadFailure);
        assert_eq!(downloaded.requests.err(), Some(Fault::Unreadable));
    }
}

#[test]
fn numbers_out_of_range_and_empty_lists_are_refused() {
    let office = Office::new();
    let misuse = scep::Error::from(ApiMisuse::Service);
    for most in [0, MAX_REVOCATIONS + 1, u16::MAX] {
        let asked = office.service.download_revocations(most, None, &office.endpoints, &mut seeded(1));
        assert_eq!(asked.err(), Some(misuse));
    }
    for most in [1, MAX_REVOCATIONS] {
        let _ = office.service.download_revocations(most, None, &office.endpoints, &mut seeded(1)).unwrap();
    }
    let none = office.service.upload_revocations(&[], &office.endpoints, &mut seeded(1));
    assert_eq!(none.err(), Some(misuse));
}

#[test]
fn errors_of_revocation_are_those_of_the_service() {
    use RevocationError::*;
    let all = [
        (NonRetryable, 4000),
        (DataSerialization, 4001),
        (ParameterDataInvalid, 4002),
        (Cryptography, 4003),
        (CertificateNotFound, 4004),
        (Conflict, 4005),
        (NotSupported, 4006),
        (PayloadTooLarge, 4007),
        (Retryable, 4100),
        (ServiceUnavailable, 4101),
        (TooBusy, 4102),
        (Authentication, 4103),
    ];
    for (error, number) in all {
        assert_eq!((error.number(), error.is_retryable()), (number, number >= 4100), "{error}");
    }
}
