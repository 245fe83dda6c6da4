//! What is kept between two runs of a program, and what a tool reads.

use super::insecure::{INSECURE, Steps};
use super::world::{LIMITS, NOW, at};
use scep::client::{Client, ClientConfig, Step, Wait};
use scep::crypto::{DecryptJob, Decryptor, Digest, KeyError, Rng, Unwrapped};
use scep::inspect::inspect as read;
use scep::server::{Asked, OneTimeChallenge, Ruling, State, Transaction, rule};
use std::hint::black_box;

/// Unwraps whatever it is given; the cipher does not look at the key.
struct AnyKey;

impl Decryptor for AnyKey {
    fn decrypt(&mut self, job: &DecryptJob, _: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        Ok(Unwrapped::bytes(&[0x42; 32][..job.key_length()]))
    }
}

/// The tolerant reader of everything.
pub fn inspect(data: &[u8]) {
    let Ok(mut report) = read(data, &INSECURE) else { return };
    let strict = scep::message::Unverified::parse(data.to_vec(), &LIMITS);
    if let (Some(message), Ok(strict)) = (&report.message, strict)
        && let (Some(found), Ok(Some(expected))) = (&message.transaction_id, strict.transaction_id_hint())
    {
        // what is no text is shown otherwise
        let is_text = expected.as_bytes().iter().all(u8::is_ascii_graphic);
        assert!(!is_text || found.as_bytes() == expected.as_bytes(), "{found} is not {expected}");
    }
    let _ = black_box(report.open(&INSECURE, &mut AnyKey, &mut Steps::constant()));
    let _ = black_box(report.plaintext());
    let shown = format!("{report:?}");
    for finding in &report.findings {
        let _ = black_box((finding.to_string(), report.deviates(finding.deviation)));
    }
    assert!(shown.len() <= 64 * data.len() + 65_536, "{} of {}", shown.len(), data.len());
}

/// Saved state: of a client, with its checksum put right, and of a server.
pub fn resume(data: &[u8]) {
    let client = Client::new(ClientConfig::new(&INSECURE).password_recipients(true));
    if let Ok(wait) = client.resume(data) {
        go_on(&client, wait);
    }
    if let Some((fields, _)) = data.split_at_checked(data.len().saturating_sub(8)) {
        let sum = INSECURE.digest(Digest::Sha256).unwrap().digest(&[fields]);
        if let Ok(wait) = client.resume(&[fields, &sum.as_bytes()[..8]].concat()) {
            go_on(&client, wait);
        }
    }
    if let Ok(stored) = OneTimeChallenge::from_bytes(data) {
        assert_eq!(stored.to_bytes(), data);
        let _ = black_box(format!("{stored:?} {:?}", stored.expires()));
    }
    if let Ok(stored) = Transaction::from_bytes(data) {
        let saved = stored.to_bytes();
        assert_eq!(Transaction::from_bytes(&saved).unwrap().to_bytes(), saved);
        // a row of an earlier version is saved in the present one
        assert!(saved == data || !saved.starts_with(&data[..4]));
        let _ = black_box(format!("{stored:?}"));
        let _ = black_box(stored.requested().subject().map(|subject| subject.to_string()));
        let _ = black_box(stored.requested().extensions(&LIMITS).map(|list| list.is_some()));
        // The table holds for any row.
        for now in [at(NOW), stored.expires()] {
            let gone = now >= stored.expires();
            let expected = match (gone, stored.state()) {
                (true, _) => matches!(rule(Some(&stored), Asked::Outcome, now), Ruling::Refuse(_)),
                (_, State::Pending) => rule(Some(&stored), Asked::Outcome, now) == Ruling::DecideHeld,
                (_, State::Issuing { until, .. }) => {
                    let over = now >= *until;
                    let ruling = rule(Some(&stored), Asked::Outcome, now);
                    ruling == if over { Ruling::DecideHeld } else { Ruling::Hold }
                }
                (_, State::Issued(_)) => rule(Some(&stored), Asked::Outcome, now) == Ruling::Deliver,
                (_, State::Rejected) => matches!(rule(Some(&stored), Asked::Outcome, now), Ruling::Refuse(_)),
            };
            assert!(expected, "{stored:?}");
        }
    }
}

/// Saved again it is the same, and it can be polled or says why not.
fn go_on(client: &Client, wait: Wait) {
    let _ = black_box(format!("{wait:?} {:?}", wait.ca()));
    let _ = black_box((wait.public_key(), wait.subject().map(|name| name.to_string())));
    assert!(!wait.ca().anchors().is_empty());
    assert!(wait.ca().certificates().contains(wait.ca().recipient()));
    if let Ok(saved) = wait.save() {
        let again = client.resume(&saved).expect("saved by ourselves");
        assert_eq!(again.save().as_ref(), Ok(&saved));
        assert_eq!((again.polls(), again.url()), (wait.polls(), wait.url()));
    }
    let polls = wait.polls();
    match wait.poll(&mut Steps::constant()) {
        Ok(Step::Sign(sign)) => drop(black_box(format!("{:?}", sign.job()))),
        Ok(other) => panic!("{other:?}"),
        Err(failed) => {
            let kept = failed.retry.map(|wait| wait.polls());
            assert!(kept.is_none_or(|kept| kept == polls), "{:?}", failed.error);
        }
    }
}
