//! The requests as values: what exactly is sent, and that nothing secret is shown.

use super::*;
use crate::support::holds;
use scep::intune::{AccessToken, Asked, NoAnswer, RequestId};
use scep::transport::{HttpResponse, Method};
use serde_json::Value;

const ID: fn(&scep::intune::ServiceRequest) -> String =
    |request| request.header("client-request-id").unwrap().to_string();

fn token(text: &str) -> AccessToken {
    AccessToken::new(text).unwrap()
}

fn directory() -> HttpResponse {
    let body =
        br#"{"value":[{"providerName":"SCEPREQUESTVALIDATIONFESERVICE","uri":"https://a.example/x/"}]}"#;
    HttpResponse::new(200, None, body.to_vec())
}

#[test]
fn discovery_and_validation_are_exactly_the_requests_that_the_service_takes() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let csr = scep::transport::base64_encode(question.csr().unwrap());
    let ask = office.service.validate(question, &office.endpoints, &mut seeded(1)).unwrap();
    assert_eq!(ask.scope(), "https://graph.microsoft.com/.default");
    assert!(ask.pause().is_zero() && !ask.wants_new_token());

    let request = ask.request(&token("one"));
    let id = ID(&request);
    assert_eq!(request.method, Method::Get);
    let url = "https://graph.microsoft.com/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints";
    assert_eq!(request.url, url);
    assert_eq!(request.header("Authorization"), Some("Bearer one"));
    assert!(request.body.is_empty());
    assert_eq!(id, ask.request_id().to_string());

    let Asked::Again(ask) = ask.receive(Ok(directory()), &mut office.endpoints) else { panic!("done") };
    assert_eq!(ask.scope(), "https://api.manage.microsoft.com//.default");
    assert_eq!(office.endpoints.get("ScepRequestValidationFEService"), Some("https://a.example/x"));
    let request = ask.request(&token("two"));
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.url, "https://a.example/x/ScepActions/validateRequest");
    assert_eq!(request.header("authorization"), Some("Bearer two"));
    assert_eq!(request.header("api-version"), Some("2018-02-20"));
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(ID(&request), id);
    assert_eq!(request.timeout, std::time::Duration::from_secs(10));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = serde_json::json!({
        "request": { "transactionId": "tx-1", "certificateRequest": csr, "callerInfo": "Test CA 1.0" },
    });
    assert_eq!(body, expected);
    // T50: neither token nor challenge nor request in what is logged
    let shown = format!("{request:?} {ask:?} {:?}", token("two"));
    assert!(!shown.contains("two") && !shown.contains(&csr[..20]), "{shown}");
    assert!(shown.contains(&id));
}

#[test]
fn a_notification_is_exactly_what_the_service_takes() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let csr = scep::transport::base64_encode(question.csr().unwrap());
    let Verdict::Valid(validated) = office.validate(question) else { panic!("{:?}", office.log) };
    assert_eq!(validated.transaction().endpoint(), "mdm");
    assert_eq!(validated.recipient().as_ref(), &CA_CERTIFICATE[..]);
    let leaf = office.leaf(&validated);
    let by = IssuedBy { issuer: Some("Issuer \"1\""), configuration: "cfg", authority: "ca\\1" };
    let ask = validated.issued(leaf.clone(), Vec::new(), &by, &office.endpoints).unwrap();
    let request = ask.request(&token("t"));
    assert!(request.url.ends_with("/ScepActions/successNotification"), "{}", request.url);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let thumbprint: String =
        hash(scep::crypto::Digest::Sha1, &leaf).iter().map(|byte| format!("{byte:02X}")).collect();
    let expected = serde_json::json!({ "notification": {
        "transactionId": "tx-1",
        "certificateRequest": csr,
        "certificateThumbprint": thumbprint,
        "certificateSerialNumber": "1F00",
        "certificateExpirationDateUtc": "2028-01-15T08:00:00Z",
        "issuingCertificateAuthority": "Issuer \"1\"",
        "callerInfo": "Test CA 1.0",
        "caConfiguration": "cfg",
        "certificateAuthority": "ca\\1",
    }});
    assert_eq!(body, expected);
}

#[test]
fn a_failure_is_exactly_what_the_service_takes() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let Verdict::Valid(validated) = office.validate(question) else { panic!("{:?}", office.log) };
    let ask = validated.failed(0x8009_4012_u32.cast_signed(), "the template denies it", &office.endpoints);
    let request = ask.request(&token("t"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let notification = &body["notification"];
    assert_eq!(notification["hResult"], 0x8009_4012_u32);
    assert_eq!(notification["errorDescription"], "the template denies it");
    let keys: Vec<&str> = notification.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["callerInfo", "certificateRequest", "errorDescription", "hResult", "transactionId"];
    assert_eq!(keys.len(), expected.len());
    assert!(expected.iter().all(|key| keys.contains(key)));

    // whether it arrives makes no difference to the device: the CA has failed
    let exchange = match ask.receive(Ok(HttpResponse::error(403)), &mut office.endpoints) {
        Asked::Done(reported) => {
            assert!(reported.answer().is_err());
            assert_eq!(reported.event().id, scep::intune::EventId::CrpNotifyMetricFailure);
            reported.refuse(&mut seeded(1))
        }
        Asked::Again(ask) => panic!("{ask:?}"),
    };
    office.server.go_on(exchange).refused(scep::wire::FailInfo::BadRequest, 0);
}

#[test]
fn a_validated_request_can_be_left_undone() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let Verdict::Valid(validated) = office.validate(question) else { panic!("{:?}", office.log) };
    let answer = office.server.go_on(validated.unavailable());
    answer.unavailable();
    assert!(!answer.changed);
    issued(&office.ask(&message));
}

// the CA is down after the validation, then a token is refused, then all is well
#[test]
fn a_token_that_was_refused_is_asked_for_anew() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let ask = office.service.validate(question, &office.endpoints, &mut seeded(1)).unwrap();
    let refused = ask.receive(Ok(HttpResponse::error(401)), &mut office.endpoints);
    let Asked::Again(ask) = refused else { panic!("done") };
    assert!(ask.wants_new_token());
    let Asked::Again(ask) = ask.receive(Err(NoAnswer::Unreachable), &mut office.endpoints) else {
        panic!("done")
    };
    assert!(!ask.wants_new_token());
    let Asked::Done(verdict) = ask.receive(Err(NoAnswer::Unreachable), &mut office.endpoints) else {
        panic!("again")
    };
    let Verdict::Undecided(undecided) = verdict else { panic!("{verdict:?}") };
    office.server.go_on(undecided.unavailable()).unavailable();
}

// T50
#[test]
fn nothing_that_is_logged_holds_the_challenge() {
    let mut office = Office::new();
    let challenge = office.mock.challenge(&profile(), 3600);
    let message = request_with(&challenge, |_| ());
    office.mock.trouble("validateRequest", Trouble::Says("ChallengeExpired".into()));
    let question = office.server.up_to_question(&message);
    let verdict = office.validate(question);
    let shown = format!("{verdict:?} {:?} {}", office.log, office.log[0]);
    assert!(!shown.contains(&challenge[..16]), "{shown}");
    let Verdict::Refused(refused) = verdict else { panic!("{verdict:?}") };
    assert_eq!(refused.description(), "as told");
    let answer = office.server.go_on(refused.refuse(&mut seeded(1)));
    // nor is the device told the service's words
    assert!(!holds(&answer.outcome.reply.body, b"Expired"));
}

#[test]
fn a_request_id_is_a_random_guid() {
    let (first, second) =
        (RequestId::generate(&mut seeded(1)).unwrap(), RequestId::generate(&mut seeded(2)).unwrap());
    assert_ne!(first, second);
    for text in [first.to_string(), second.to_string()] {
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{text}");
    }
}

// a transactionID of other bytes than text reaches the service escaped
#[test]
fn any_transaction_id_becomes_a_text() {
    for (sent, expected) in
        [(&b"a'b c/=+"[..], "a'b c/=+"), (b"\xFF\x00\"x", "\\xff\\x00\\\"x"), (b"a\r\nb", "a\\r\\nb")]
    {
        let mut office = Office::new();
        let challenge = office.mock.challenge(&profile(), 3600);
        let mut message = request_with(&challenge, |_| ());
        message.set_transaction(sent);
        let question = office.server.up_to_question(&message);
        let mut places = office.endpoints.clone();
        let ask = office.service.validate(question, &places, &mut seeded(1)).unwrap();
        let Asked::Again(ask) = ask.receive(Ok(directory()), &mut places) else { panic!("done") };
        let body: Value = serde_json::from_slice(&ask.request(&token("t")).body).unwrap();
        assert_eq!(body["request"]["transactionId"], expected);
    }
}
