//! Requests that are held, and what the operator does about them.

use crate::lab::*;
use scep::error::FailInfo;

/// Holds what begins with "held", and lets nobody in by asking.
fn lab(name: &str) -> Lab {
    Lab::new(name, |options| {
        options.hold = Some("held".into());
        options.hold_polls = 0;
    })
}

const NOTHING: [&str; 1] = ["no request is held"];

/// All that the database says about requests.
fn rows(lab: &Lab) -> Vec<(i64, i64, u32, bool, Option<bool>)> {
    let sql = lab.sql();
    let mut all = sql.prepare("SELECT number, revision, polls, pending, decision FROM transactions").unwrap();
    let read =
        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    all.query_map([], read).unwrap().map(Result::unwrap).collect()
}

// R-2.4-8, R-2.5-8
#[test]
fn a_held_request_is_granted_at_the_next_poll_after_its_approval_and_never_by_polls_alone() {
    let lab = lab("approve");
    assert_eq!(lab.operator(&["list"]).unwrap(), NOTHING);
    let key = device();
    let wait = held(lab.enrol(&key, "CN=held-1"));
    let (saved, id) = (wait.save().unwrap(), wait.transaction_id().to_string());
    for _ in 0..10 {
        drop(held(lab.poll(&saved, &key)));
    }
    let list = lab.operator(&["list"]).unwrap();
    let [line] = list.as_slice() else { panic!("{list:?}") };
    assert!(line.starts_with("   1  waits        0 min  id="), "{line}");
    assert!(line.contains(&format!("id={id:?}  subject=\"CN=held-1\"  key-sha256=")), "{line}");
    assert!(lab.operator(&["list", "--certificates"]).unwrap().is_empty());

    let lines = lab.operator(&["approve", "1"]).unwrap();
    assert_eq!(lines, [format!("approved: id={id:?}; the device learns it when it asks next")]);
    assert!(lab.operator(&["list"]).unwrap()[0].contains("  approved "));
    let granted = issued(lab.poll(&saved, &key));
    assert_eq!(lab.operator(&["list"]).unwrap(), NOTHING);
    let shown = lab.operator(&["list", "--certificates"]).unwrap();
    let expected = format!(
        "{}  good     subject=\"CN=held-1\"  issuer=\"CN=SCEP example CA\"",
        serial(&granted.certificate)
    );
    assert_eq!(shown, [expected]);
    // it stays so, whatever comes
    assert_eq!(lab.operator(&["deny", "1"]).unwrap_err(), "no request 1 is held");
    assert_eq!(issued(lab.poll(&saved, &key)).certificate, granted.certificate);
}

// R-2.5-8
#[test]
fn a_denied_request_is_refused_at_the_next_poll_and_for_good() {
    let lab = lab("deny");
    let key = device();
    let saved = held(lab.enrol(&key, "CN=held-1")).save().unwrap();
    lab.operator(&["deny", "1"]).unwrap();
    assert!(lab.operator(&["list"]).unwrap()[0].contains("  denied "));
    assert_eq!(refused(lab.poll(&saved, &key)), (FailInfo::BadRequest, None));
    assert_eq!(lab.operator(&["list"]).unwrap(), NOTHING);
    assert_eq!(lab.operator(&["approve", "1"]).unwrap_err(), "no request 1 is held");
    assert_eq!(refused(lab.poll(&saved, &key)), (FailInfo::BadRequest, None));
    assert!(lab.operator(&["list", "--certificates"]).unwrap().is_empty());
}

#[test]
fn until_the_device_asks_the_last_word_of_the_operator_counts_across_a_restart_too() {
    let hold = |options: &mut crate::endpoint::Options| {
        options.hold = Some("held".into());
        options.hold_polls = 0;
    };
    let mut lab = lab("last-word");
    for (number, words) in [("1", ["deny", "approve"]), ("2", ["approve", "deny"])] {
        let key = device();
        let saved = held(lab.enrol(&key, "CN=held-1")).save().unwrap();
        for word in words {
            lab.operator(&[word, number]).unwrap();
        }
        lab = lab.restart(hold);
        match words[1] {
            "approve" => drop(issued(lab.poll(&saved, &key))),
            _ => drop(refused(lab.poll(&saved, &key))),
        }
    }
}

#[test]
fn numbers_of_no_held_request_are_errors_and_change_nothing() {
    let lab = lab("numbers");
    let [key, other] = [device(), device_2()];
    let first = held(lab.enrol(&key, "CN=held-1")).save().unwrap();
    drop(held(lab.enrol(&other, "CN=held-2")));
    lab.operator(&["approve", "1"]).unwrap();
    issued(lab.poll(&first, &key));
    let before = rows(&lab);
    assert_eq!(before.len(), 2);
    for word in ["approve", "deny"] {
        // issued, never there, and what people type
        for number in ["1", "0", "3", "9223372036854775807"] {
            assert_eq!(lab.operator(&[word, number]).unwrap_err(), format!("no request {number} is held"));
        }
        for number in ["", "x", "1.0", "9223372036854775808"] {
            let error = lab.operator(&[word, number]).unwrap_err();
            assert!(error.contains("invalid value"), "{error}");
        }
    }
    assert_eq!(rows(&lab), before);
    assert!(lab.operator(&["list"]).unwrap()[0].contains("   2  waits "));
}

#[test]
fn a_held_request_is_granted_by_the_poll_that_the_server_was_told_and_not_before() {
    let lab = Lab::new("by-polls", |options| {
        options.hold = Some("held".into());
        options.hold_polls = 2;
    });
    let key = device();
    let saved = held(lab.enrol(&key, "CN=held-1")).save().unwrap();
    drop(held(lab.poll(&saved, &key)));
    issued(lab.poll(&saved, &key));
    // what the operator said comes first
    let saved = held(lab.enrol(&key, "CN=held-2")).save().unwrap();
    lab.operator(&["deny", "2"]).unwrap();
    refused(lab.poll(&saved, &key));
    let saved = held(lab.enrol(&key, "CN=held-3")).save().unwrap();
    lab.operator(&["approve", "3"]).unwrap();
    issued(lab.poll(&saved, &key));
}

#[test]
fn in_a_folder_without_a_server_there_is_nothing_to_do() {
    let elsewhere = crate::new_folder("wrong-folder").join("elsewhere");
    let words =
        [&["list"][..], &["list", "--certificates"], &["approve", "1"], &["revoke", "--serial", "01"]];
    for words in words {
        let error = operator(&elsewhere, words).unwrap_err();
        assert_eq!(error, format!("{}: no server was started here", elsewhere.display()));
    }
    assert!(!elsewhere.exists());
}
