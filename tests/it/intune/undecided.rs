//! A service that is down, slow, or speaks nonsense: nothing is issued, nothing is lost, and a later try works.

use super::*;
use scep::error::Unavailable;
use scep::intune::{DiagnosticCode, EventId, Fault, NoAnswer, Patience};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// What may go wrong, and what it is called.
fn troubles() -> Vec<(Trouble, Fault)> {
    let mut list = vec![
        (Trouble::Unreachable, Fault::NoAnswer(NoAnswer::Unreachable)),
        (Trouble::Slow(MINUTE), Fault::NoAnswer(NoAnswer::TimedOut)),
        (Trouble::NoToken, Fault::NoAnswer(NoAnswer::NoToken)),
    ];
    for status in [100, 199, 300, 301, 307, 400, 401, 403, 404, 408, 410, 418, 429, 500, 502, 503, 504, 599] {
        list.push((Trouble::Status(status), Fault::Status(status)));
    }
    for body in [
        "",
        "Success",
        "\"Success\"",
        "null",
        "[]",
        "{}",
        "{\"code\":null}",
        "{\"code\":1}",
        "{\"Code\":\"Success\"}",
        "{\"code\":[\"Success\"]}",
        "{\"code\":\"Success\"",
        "{\"code\":\"Success\"} x",
        "{\"value\":{\"code\":\"Success\"}}",
        "{\"code\":\"ChallengeExpired\",\"code\":\"Success\"}",
        "<html><body>Success</body></html>",
    ] {
        list.push((Trouble::Body(body), Fault::Unreadable));
    }
    list
}

/// As often as the service is asked.
fn every_time(office: &mut Office, path: &'static str, trouble: &Trouble) {
    for _ in 0..Patience::default().attempts {
        office.mock.trouble(path, trouble.clone());
    }
}

// the row "HTTP 500 on validate", "AAD failure", and their like
#[test]
fn what_cannot_be_validated_is_neither_issued_nor_refused_and_works_later() {
    for (trouble, fault) in troubles() {
        let mut office = Office::new();
        let message = office.request();
        every_time(&mut office, "validateRequest", &trouble);
        let answer = office.ask(&message);
        answer.unavailable();
        answer.cause(Unavailable::Decision);
        assert!(!answer.changed, "{trouble:?}");
        assert_eq!(office.server.issuer.count(), 0, "{trouble:?}");
        let [event] = &office.log[..] else { panic!("{:?}", office.log) };
        assert_eq!((event.id, event.fault), (EventId::CrpVerifyMetricFailure, Some(fault)));
        let unreadable = fault == Fault::Unreadable;
        assert_eq!(event.code == DiagnosticCode::CrpScepDeserializeFailed, unreadable);
        // where it is has to be looked up again
        assert!(office.endpoints.is_empty(), "{trouble:?}");
        office.mock.troubles.clear();
        issued(&office.ask(&message));
        assert_eq!(office.mock.issued.len(), 1);
    }
}

// the row "HTTP 500 on success notification"
#[test]
fn what_cannot_be_reported_is_not_handed_out_and_works_later() {
    for (trouble, fault) in troubles() {
        if matches!(trouble, Trouble::NoToken) {
            continue; // the mock has none for whoever asks first: see the next test
        }
        let mut office = Office::new();
        let message = office.request();
        every_time(&mut office, "successNotification", &trouble);
        let answer = office.ask(&message);
        answer.unavailable();
        assert!(!answer.changed, "{trouble:?}");
        assert_eq!(office.withheld.len(), 1);
        let event = office.log.last().unwrap();
        assert_eq!((event.id, event.fault), (EventId::CrpNotifyMetricFailure, Some(fault)));
        assert!(office.endpoints.is_empty());
        // nobody gets it by asking for the outcome
        assert_eq!(office.server.ask(&cert_poll()).cert_rep().fail_info.as_deref(), Some("4"));
        office.mock.troubles.clear();
        let second = issued(&office.ask(&message));
        assert_ne!(second, office.withheld[0].as_ref());
    }
}

#[test]
fn no_token_for_a_notification_withholds_the_certificate() {
    let mut office = Office::new();
    let message = office.request();
    let question = office.server.up_to_question(&message);
    let Verdict::Valid(validated) = office.validate(question) else { panic!("{:?}", office.log) };
    let leaf = office.leaf(&validated);
    every_time(&mut office, "", &Trouble::NoToken);
    let ask = validated.issued(leaf.clone(), Vec::new(), &IssuedBy::default(), &office.endpoints).unwrap();
    let Notification::Undecided(unnotified) = drive(ask, &mut office.mock, &mut office.endpoints) else {
        panic!("decided");
    };
    assert_eq!(unnotified.fault(), Fault::NoAnswer(NoAnswer::NoToken));
    assert_eq!(*unnotified.certificate(), leaf);
    let answer = office.server.go_on(unnotified.unavailable());
    answer.unavailable();
    assert!(!answer.changed);
}

// the look-up of the service can fail like any other call
#[test]
fn a_directory_that_fails_is_undecided() {
    for (trouble, fault) in troubles() {
        let mut office = Office::new();
        let message = office.request();
        every_time(&mut office, "endpoints", &trouble);
        office.ask(&message).unavailable();
        assert_eq!(office.log[0].fault, Some(fault), "{trouble:?}");
        office.mock.troubles.clear();
        issued(&office.ask(&message));
    }
    for body in ["{\"value\":[]}", "{\"value\":[{\"uri\":\"https://a.example\"}]}"] {
        let mut office = Office::new();
        let message = office.request();
        office.mock.trouble("endpoints", Trouble::Body(body));
        office.ask(&message).unavailable();
        assert_eq!(office.log[0].fault, Some(Fault::NotFound), "{body}");
    }
}

// one that fails once is asked again, at the place that is looked up anew, under the same GUID
#[test]
fn a_failure_that_passes_is_not_seen_by_the_device() {
    let once = [
        Trouble::Unreachable,
        Trouble::Slow(MINUTE),
        Trouble::Status(500),
        Trouble::Status(503),
        Trouble::Status(429),
        Trouble::Status(401),
        Trouble::Status(404),
        Trouble::Body("<html>"),
    ];
    for trouble in once {
        for path in ["endpoints", "validateRequest", "successNotification"] {
            let mut office = Office::new();
            let message = office.request();
            office.mock.trouble(path, trouble.clone());
            issued(&office.ask(&message));
            let paths: Vec<&str> = office.mock.calls.iter().map(|call| call.path.as_str()).collect();
            let expected: &[&str] = match path {
                "endpoints" => &["endpoints", "endpoints", "validateRequest", "successNotification"],
                "validateRequest" => {
                    &["endpoints", "validateRequest", "endpoints", "validateRequest", "successNotification"]
                }
                _ => &[
                    "endpoints",
                    "validateRequest",
                    "successNotification",
                    "endpoints",
                    "successNotification",
                ],
            };
            assert_eq!(paths, expected, "{trouble:?}");
            assert_eq!(office.mock.pauses, [Duration::from_secs(1)]);
            assert!(office.mock.calls.iter().all(|call| call.id == office.mock.calls[0].id));
            let fresh = office.mock.tokens.iter().filter(|(_, fresh)| *fresh).count();
            assert_eq!(fresh > 0, matches!(trouble, Trouble::Status(401)), "{trouble:?}");
        }
    }
}

// what the service has answered for good is not asked again
#[test]
fn a_status_that_does_not_pass_is_not_repeated() {
    for status in [300, 301, 400, 403, 405, 418] {
        let mut office = Office::new();
        let message = office.request();
        office.mock.trouble("validateRequest", Trouble::Status(status));
        office.ask(&message).unavailable();
        assert_eq!(office.mock.calls.len(), 2, "{status}");
        assert!(office.mock.pauses.is_empty());
    }
}

#[test]
fn patience_is_a_matter_of_configuration_and_has_an_end() {
    let second = Duration::from_secs(1);
    let patience = Patience { attempts: 4, timeout: 5 * second, pause: second, longest_pause: 3 * second };
    let mut office = Office::new();
    office.service = office.service.clone().patience(patience);
    let message = office.request();
    for _ in 0..9 {
        office.mock.trouble("validateRequest", Trouble::Busy(2));
    }
    office.ask(&message).unavailable();
    // what the service asks for by Retry-After, then twice as long each time, and never longer than allowed
    assert_eq!(office.mock.pauses, [2 * second, 2 * second, 3 * second]);
    assert_eq!(office.mock.troubles.len(), 5);
    assert!(office.mock.now - NOW <= patience.longest().as_secs());
    assert_eq!(patience.longest(), Duration::from_secs(4 * 2 * 5 + 3 * 3));

    // no attempts at all would be no service
    let mut office = Office::new();
    office.service = office.service.clone().patience(Patience { attempts: 0, ..patience });
    let message = office.request();
    issued(&office.ask(&message));
    // and no numbers make it overflow
    let endless = Patience {
        attempts: u32::MAX,
        timeout: Duration::MAX,
        pause: Duration::MAX,
        longest_pause: Duration::MAX,
    };
    assert_eq!(endless.longest(), Duration::MAX);
}

// slow is not wrong: what comes in time counts
#[test]
fn an_answer_just_in_time_counts() {
    let mut office = Office::new();
    let message = office.request();
    office.mock.trouble("validateRequest", Trouble::Slow(Patience::default().timeout));
    issued(&office.ask(&message));
    assert!(office.mock.pauses.is_empty());
}

// the service heard of it, and nobody heard the answer: it is told once more, and the certificate goes out once
#[test]
fn a_notification_whose_answer_was_lost_is_repeated() {
    let mut office = Office::new();
    let message = office.request();
    office.mock.trouble("successNotification", Trouble::Slow(MINUTE));
    issued(&office.ask(&message));
    let [first, second] = &office.mock.issued[..] else { panic!("{:?}", office.mock.issued) };
    assert_eq!((&first.thumbprint, &first.transaction), (&second.thumbprint, &second.transaction));
    assert_eq!(office.server.issuer.count(), 1);
}

// the store fails after the notification
#[test]
fn a_certificate_that_cannot_be_recorded_is_not_handed_out() {
    let mut office = Office::new();
    office.server.faults.record = true;
    let message = office.request();
    let answer = office.ask(&message);
    answer.unavailable();
    answer.cause(Unavailable::Store);
    assert_eq!(office.mock.issued.len(), 1);
    office.server.faults.record = false;
    issued(&office.ask(&message));
    assert_eq!(office.mock.issued.len(), 2);
}
