//! Settings, and where the service is.

use super::*;
use scep::crypto::rustcrypto::{SHA1, SHA256};
use scep::error::{ApiMisuse, Error};
use scep::intune::{AccessToken, Asked, Fault};
use scep::transport::HttpResponse;

const MISUSE: Error = Error::ApiMisuse(ApiMisuse::Service);

#[test]
fn settings_that_would_break_a_header_are_refused() {
    for text in ["", " ", "a\r\nb", "a\nX: y", "\u{e4}", &"x".repeat(256)] {
        assert_eq!(Service::new(text, &SHA1).unwrap_err(), MISUSE, "{text:?}");
        let service = || Service::new("CA", &SHA1).unwrap();
        assert_eq!(service().scope(text).unwrap_err(), MISUSE);
        assert_eq!(service().versions(text, "1").unwrap_err(), MISUSE);
        assert_eq!(service().versions("1", text).unwrap_err(), MISUSE);
    }
    // certificates are reported by SHA-1 and nothing else
    assert_eq!(Service::new("CA", &SHA256).unwrap_err(), MISUSE);
    for text in ["", "a b", "a\r\nb", "a\u{e4}", &"x".repeat(AccessToken::MAX_LENGTH + 1)] {
        assert_eq!(AccessToken::new(text).unwrap_err(), MISUSE);
    }
    AccessToken::new("x".repeat(AccessToken::MAX_LENGTH)).unwrap();
}

#[test]
fn national_clouds_have_their_own_directory_and_scope() {
    let mut office = Office::new();
    let application = "0000000a-0000-0000-c000-000000000000";
    let service = Service::new("CA", &SHA1).unwrap();
    office.service = service
        .directory("https://graph.example.us", "beta", application)
        .unwrap()
        .scope("https://api.manage.example.us/.default")
        .unwrap()
        .versions("2030-01-01", "6000-01-01")
        .unwrap();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let mut places = Endpoints::default();
    let ask = office.service.validate(question, &places, &mut seeded(1)).unwrap();
    let token = AccessToken::new("t").unwrap();
    assert_eq!(ask.scope(), "https://graph.example.us/.default");
    let url = format!("https://graph.example.us/beta/servicePrincipals/appId={application}/endpoints");
    assert_eq!(ask.request(&token).url, url);
    let body =
        br#"{"value":[{"serviceName":"ScepRequestValidationFEService","uri":"https://b.example:8443"}]}"#;
    let Asked::Again(ask) = ask.receive(Ok(HttpResponse::new(200, None, body.to_vec())), &mut places) else {
        panic!("done")
    };
    assert_eq!(ask.scope(), "https://api.manage.example.us/.default");
    let request = ask.request(&token);
    assert_eq!(request.header("api-version"), Some("2030-01-01"));
    assert_eq!(request.url, "https://b.example:8443/ScepActions/validateRequest");

    for wrong in ["http://graph.example", "graph.example", "https://a@graph.example", "https://"] {
        let service = Service::new("CA", &SHA1).unwrap();
        assert_eq!(service.directory(wrong, "v1.0", application).unwrap_err(), MISUSE, "{wrong}");
    }
}

// whoever answers for the directory must not get the token to send it anywhere in the clear
#[test]
fn a_token_goes_to_https_only() {
    for uri in [
        "http://a.example",
        "HTTPS://a.example",
        "ftp://a.example",
        "//a.example",
        "https://",
        "https:///x",
        "https://user@a.example",
        "https://a.example?x=y",
        "https://a.example#x",
        "https://a.example\\@b.example",
        "https://a.example\r\nX: y",
        "https://a example",
        "",
    ] {
        let mut office = Office::new();
        let message = office.request();
        let question = office.server.up_to_question(&message);
        let mut places = Endpoints::default();
        let ask = office.service.validate(question, &places, &mut seeded(1)).unwrap();
        let body = serde_json::json!({
            "value": [{ "providerName": "ScepRequestValidationFEService", "uri": uri }],
        });
        let body = body.to_string().into_bytes();
        match ask.receive(Ok(HttpResponse::new(200, None, body)), &mut places) {
            Asked::Done(Verdict::Undecided(undecided)) => assert_eq!(undecided.fault(), Fault::NotFound),
            other => panic!("{uri}: {other:?}"),
        }
        assert!(places.is_empty());
    }
}

// A2: two endpoints in one process, each with its own validator
#[test]
fn a_challenge_of_one_tenant_fails_at_the_endpoint_of_another() {
    let (mut first, mut second) = (Office::new(), Office::new());
    second.server = Server::with(config().endpoint("other"));
    second.mock.trouble("nothing", Trouble::Unreachable);
    second.mock.targets.insert("device-1".into(), profile());
    second.mock.set_secret(*b"that of another tenant, 32 bytes");
    let message = first.request();
    second.ask(&message).refused(scep::wire::FailInfo::BadRequest, 0);
    assert_eq!(second.log[0].result, Some(scep::intune::ResultCode::SignatureValidationFailed));
    assert_eq!(second.log[0].endpoint.as_deref(), Some("other"));
    issued(&first.ask(&message));
}
