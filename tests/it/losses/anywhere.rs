//! Any trouble at any place, polls without end, late replies, and a server that has lost everything.

use super::*;
use scep::error::{Error, FailInfo, Limit, PeerMisbehaved};
use std::time::Duration;

/// One enrolment in which the HTTP request of number `place` meets `fate`.
fn with_fate(operator: Operator, place: usize, fate: Fate, reboots: bool) -> Wire {
    let mut wire = Wire::new(operator);
    let mut device = wire.device(1);
    wire.fates.extend(vec![Fate::Arrives; place]);
    wire.fates.push_back(fate);
    let step = start(&mut device, 1);
    let end = to_the_end(&mut device, &mut wire, step, reboots);
    wire.exactly_one(end);
    wire
}

const FATES: [Fate; 6] =
    [Fate::RequestLost, Fate::ReplyLost, Fate::Twice, Fate::Late(500), Fate::Restart, Fate::Busy(120)];

// R-2.5-7, R-2.5-5, R-4.4-1, R-5.2-3, R-5.2-5: at every place, also with a reboot of the device in every wait
#[test]
fn whatever_happens_once_to_one_message_one_challenge_gives_one_certificate() {
    for (operator, places) in [(Operator::Issues, 3), (Operator::Approves(NOW + 100), 6)] {
        for place in 0..places {
            for fate in FATES {
                for reboots in [false, true] {
                    let wire = with_fate(operator, place, fate, reboots);
                    assert!(wire.sent.len() > place, "{fate:?} at {place} came too late");
                    assert_eq!((wire.ids(), wire.store.len()), (1, 1), "{fate:?} at {place}");
                    // one request, then polls only
                    let types = wire.types();
                    let polls = types.iter().skip_while(|kind| **kind == MessageType::PkcsReq);
                    assert!(polls.clone().all(|kind| *kind == MessageType::CertPoll), "{types:?}");
                    let first = types.len() - polls.count();
                    assert!((1..=2).contains(&first), "{types:?}");
                }
            }
        }
    }
}

// R-5.2-3, R-5.2-5
#[test]
fn whatever_happens_all_the_time_one_challenge_gives_one_certificate() {
    use scep::crypto::rand_core::Rng as _;
    for seed in 0..24 {
        let mut wire =
            Wire::new(if seed % 3 == 0 { Operator::Issues } else { Operator::Approves(NOW + 600) });
        let mut dice = SplitMix(seed);
        wire.fates.extend((0..40).map(|_| match dice.next_u64() % 9 {
            number @ 0..6 => FATES[number as usize],
            _ => Fate::Arrives,
        }));
        let mut device = wire.device(seed);
        let step = start(&mut device, 1);
        let end = to_the_end(&mut device, &mut wire, step, seed % 2 == 0);
        wire.exactly_one(end);
        assert_eq!((wire.ids(), wire.store.len()), (1, 1), "{seed}");
    }
}

// R-2.5.1-3, R-5.2-1: no answer at all leads back to the start, and nothing is left at the server
#[test]
fn a_server_that_cannot_be_reached_leads_back_to_the_start() {
    let mut wire = Wire::new(Operator::Issues);
    let mut device = wire.device(1);
    wire.fates.extend([Fate::Arrives, Fate::Arrives, Fate::RequestLost, Fate::RequestLost]);
    let step = start(&mut device, 1);
    let again = lost(go(&mut device, &mut wire, step));
    drop(lost(go(&mut device, &mut wire, *again)));
    assert!(wire.store.is_empty());
    let step = start(&mut device, 1);
    let end = done(go(&mut device, &mut wire, step));
    wire.exactly_one(end);
    assert_eq!(wire.ids(), 2);
}

// R-2.5.1-4, R-2.5-6, R-2.5-5: so often, with such pauses, and no further; what was saved then goes on in other hands
#[test]
fn polls_without_end_stop_and_can_be_taken_up_again() {
    let mut wire = Wire::new(Operator::Approves(u64::MAX));
    let mut device = wire.device(1);
    let patience = |polls| {
        let config = ClientConfig::new(&PROVIDER).polls_max(polls);
        Client::new(config.poll_interval(Duration::from_secs(60), Duration::from_secs(24 * 3600)))
    };
    device.client = patience(4);
    let step = start(&mut device, 1);
    let mut wait = held(go(&mut device, &mut wire, step));
    let failed = loop {
        wire.now += wait.after().as_secs();
        match wait.poll(&mut device.rng) {
            Ok(step) => wait = held(go(&mut device, &mut wire, step)),
            Err(failed) => break failed,
        }
    };
    assert_eq!(failed.error, Error::from(Limit::Polls));
    let times: Vec<u64> = wire.messages().into_iter().map(|(time, _, _)| time).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 4);
    for (pause, nominal) in pauses.iter().zip([60, 120, 240, 480]) {
        assert!((nominal * 7 / 8..=nominal + 1).contains(pause), "{pauses:?}");
    }

    let saved = failed.retry.unwrap().save().unwrap();
    device.client = patience(100);
    wire.owner.operator = Operator::Issues;
    let step = reboot(&mut device, &wire, &saved).poll(&mut device.rng).unwrap();
    let end = done(go(&mut device, &mut wire, step));
    wire.exactly_one(end);
}

// Q21: what a server asks for is waited, before the same request and before the next poll
#[test]
fn a_retry_after_is_waited() {
    for place in 2..5 {
        let wire = with_fate(Operator::Approves(NOW + 60), place, Fate::Busy(900), false);
        let (first, second) = (&wire.sent[place], &wire.sent[place + 1]);
        assert_eq!(first.1, second.1, "the same request");
        assert!(second.0 - first.0 >= 900);
    }
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let step = start(&mut device, 1);
    drop(held(go(&mut device, &mut wire, step)));
    let mut pending = wire.replies.pop().unwrap();
    assert_eq!((pending.status, pending.retry_after), (200, None));
    pending.retry_after = Some(777);
    // the same reply, as a proxy in front would have it, to the same request of the same device
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    wire.replies = vec![pending];
    let mut device = wire.device(1);
    wire.fates.extend([Fate::Arrives, Fate::Arrives, Fate::OtherReply(0)]);
    let step = start(&mut device, 1);
    let wait = held(go(&mut device, &mut wire, step));
    assert_eq!(wait.after(), Duration::from_secs(777));
}

// R-3.2.1.5-3, R-3.2.1.1-3, T25, T32: an answer that comes once more, or too late, is none; the same request goes on
#[test]
fn a_late_reply_to_another_message_is_no_answer_and_nothing_is_lost() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let step = start(&mut device, 1);
    let wait = held(go(&mut device, &mut wire, step));
    let first_pending = wire.replies.len() - 1;
    let step = wait.poll(&mut device.rng).unwrap();
    wire.fates.push_back(Fate::OtherReply(first_pending));
    let failed = go(&mut device, &mut wire, step).unwrap_err();
    assert!(matches!(
        failed.cause,
        DriveCause::Protocol(Error::PeerMisbehaved(PeerMisbehaved::RecipientNonce))
    ));
    wire.now = ONE_HOUR;
    let end = to_the_end(&mut device, &mut wire, *failed.retry.unwrap(), false);
    wire.exactly_one(end);
    let success = wire.replies.len() - 1;

    // the SUCCESS of one transaction, in another one
    let step = start(&mut device, 2);
    wire.fates.extend([Fate::Arrives, Fate::Arrives, Fate::OtherReply(success)]);
    let failed = go(&mut device, &mut wire, step).unwrap_err();
    assert!(matches!(
        failed.cause,
        DriveCause::Protocol(Error::PeerMisbehaved(PeerMisbehaved::TransactionId))
    ));
    let end = done(go(&mut device, &mut wire, *failed.retry.unwrap()));
    assert_eq!(wire.owner.issued.len(), 2);
    assert_eq!(issued(Driven::Done(end)).certificate, wire.owner.issued[1].certificate);
}

// R-4.4-2, R-5.2-3: a server that has lost its store knows of nothing, and says so; the device starts anew
#[test]
fn polls_to_a_server_that_has_lost_everything_are_refused() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let step = start(&mut device, 1);
    let wait = held(go(&mut device, &mut wire, step));
    wire.store = MemoryStore::default();
    let step = wait.poll(&mut device.rng).unwrap();
    let end = done(go(&mut device, &mut wire, step));
    assert!(matches!(end, Done::Refused { fail_info: FailInfo::BadCertId, .. }));
    wire.owner.operator = Operator::Issues;
    let step = start(&mut device, 1);
    let end = done(go(&mut device, &mut wire, step));
    wire.exactly_one(end);
}

// R-4.4-3: two requests of one device at the same time are two transactions, and their answers are not mixed up
#[test]
fn two_requests_of_one_device_at_a_time_do_not_get_each_others_answers() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let waits: Vec<Wait> = (1..=2)
        .map(|number| {
            let step = start(&mut device, number);
            held(go(&mut device, &mut wire, step))
        })
        .collect();
    assert_ne!(waits[0].transaction_id(), waits[1].transaction_id());
    wire.now = ONE_HOUR;
    for (wait, number) in waits.into_iter().zip(1..) {
        let step = wait.poll(&mut device.rng).unwrap();
        let end = done(go(&mut device, &mut wire, step));
        let issued = issued(Driven::Done(end));
        let expected = wire.owner.issued.last().unwrap();
        assert_eq!(expected.challenge, format!("{CHALLENGE} {number}"));
        assert_eq!(issued.certificate, expected.certificate);
    }
}
