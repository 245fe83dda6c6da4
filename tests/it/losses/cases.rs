//! The cases of RFC 8894 section 5.2, and what draft-nourse-scep has besides.

use super::*;
use crate::requests::{cert_poll, pkcs_req};
use crate::server_kit;
use scep::error::FailInfo;

// R-5.2-1, R-2.5.1-1, case 1 of RFC 8894 section 5.2 (figure 10): the PENDING is lost, and the device starts anew
#[test]
fn after_a_lost_pending_a_new_request_is_held_beside_the_old_one_and_one_of_them_is_granted() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    wire.fates.extend([Fate::Arrives, Fate::Arrives, Fate::ReplyLost]);
    let step = start(&mut device, 1);
    drop(lost(go(&mut device, &mut wire, step)));

    let step = start(&mut device, 1);
    let wait = held(go(&mut device, &mut wire, step));
    assert_eq!((wire.ids(), wire.store.len()), (2, 2));
    // an operator sees that both entries of the queue are of one challenge
    let challenges: BTreeSet<_> = wire.owner.held.values().collect();
    assert_eq!((wire.owner.held.len(), challenges.len()), (2, 1));
    wire.now = ONE_HOUR;
    let step = wait.poll(&mut device.rng).unwrap();
    let end = to_the_end(&mut device, &mut wire, step, false);
    wire.exactly_one(end);
}

// R-5.2-2, R-4.4-1, case 2 (figure 11): the PENDING is lost, and the device polls under the old transactionID
#[test]
fn after_a_lost_pending_a_poll_under_the_old_transaction_id_goes_on() {
    // a device that polls without having seen any PENDING
    let mut server = server_kit::Server::new().policy(server_kit::hold);
    drop(server.ask(&pkcs_req()));
    server.ask(&cert_poll()).pending();
    server.policy = server_kit::approve;
    server.ask(&cert_poll()).success();
    assert_eq!(server.issuer.count(), 1);

    // this library's device, when the PENDING to a poll is lost: it sends the poll again, or after a reboot another one
    for reboots in [false, true] {
        let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
        let mut device = wire.device(1);
        let step = start(&mut device, 1);
        let wait = held(go(&mut device, &mut wire, step));
        let saved = wait.save().unwrap();
        let step = wait.poll(&mut device.rng).unwrap();
        wire.fates.push_back(Fate::ReplyLost);
        let mut step = *lost(go(&mut device, &mut wire, step));
        if reboots {
            step = reboot(&mut device, &wire, &saved).poll(&mut device.rng).unwrap();
        }
        wire.now = ONE_HOUR;
        let end = to_the_end(&mut device, &mut wire, step, false);
        wire.exactly_one(end);
        assert_eq!((wire.ids(), wire.store.len()), (1, 1));
        let bodies: BTreeSet<_> = wire.sent.iter().map(|(_, request)| &request.body).collect();
        // none, the request, and one poll or two
        assert_eq!(bodies.len(), if reboots { 4 } else { 3 });
    }
}

/// A held request that was granted, and whose SUCCESS is lost: the state before the last poll, and the poll.
fn success_lost(wire: &mut Wire, device: &mut Device) -> (Vec<u8>, Step) {
    let step = start(device, 1);
    let wait = held(go(device, wire, step));
    let saved = wait.save().unwrap();
    wire.now = ONE_HOUR;
    let step = wait.poll(&mut device.rng).unwrap();
    wire.fates.push_back(Fate::ReplyLost);
    let again = *lost(go(device, wire, step));
    assert_eq!(wire.owner.issued.len(), 1);
    (saved, again)
}

// R-5.2-4, case 3 (figure 12): the SUCCESS is lost, and the device starts anew while its name has a certificate
// case 46
#[test]
fn after_a_lost_success_a_new_request_is_refused_until_the_old_certificate_is_revoked() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    wire.owner.one_for_a_name = true;
    let mut device = wire.device(1);
    drop(success_lost(&mut wire, &mut device));

    let step = start(&mut device, 2);
    let end = done(go(&mut device, &mut wire, step));
    let Done::Refused { fail_info, text } = end else { panic!("{end:?}") };
    assert_eq!(fail_info, FailInfo::BadRequest);
    assert_eq!(text.unwrap().raw(), "revoke the old certificate first");
    wire.owner.issued[0].revoked = true;
    // R-2.5.1-3: after a FAILURE all begins anew
    let step = start(&mut device, 2);
    let end = done(go(&mut device, &mut wire, step));
    assert_eq!(wire.owner.issued.len(), 2);
    assert_eq!(issued(Driven::Done(end)).certificate, wire.owner.issued[1].certificate);
    assert_eq!(wire.ids(), 3);
}

// R-5.2-4: the other policy, a second certificate for the same name; it takes a second challenge
// case 46
#[test]
fn after_a_lost_success_a_new_challenge_gives_a_second_certificate_where_the_owner_allows_it() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    drop(success_lost(&mut wire, &mut device));
    let step = start(&mut device, 1);
    let refused = done(go(&mut device, &mut wire, step));
    assert!(matches!(refused, Done::Refused { fail_info: FailInfo::BadRequest, .. }));
    let step = start(&mut device, 2);
    let end = done(go(&mut device, &mut wire, step));
    assert_eq!(issued(Driven::Done(end)).certificate, wire.owner.issued[1].certificate);
}

// R-5.2-2, R-5.2-3, case 4 (figure 13): the SUCCESS is lost, and the device polls under the old transactionID
#[test]
fn after_a_lost_success_a_poll_gets_the_same_certificate() {
    for reboots in [false, true] {
        let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
        let mut device = wire.device(1);
        let (saved, again) = success_lost(&mut wire, &mut device);
        let step = match reboots {
            true => reboot(&mut device, &wire, &saved).poll(&mut device.rng).unwrap(),
            false => again,
        };
        let end = done(go(&mut device, &mut wire, step));
        wire.exactly_one(end);
        assert_eq!(wire.types()[1..], [MessageType::CertPoll; 2]);
    }
}

// R-5.2-3, R-2.5-8: and so any number of times, whatever the operator does by now; a refusal stays one as well
#[test]
fn a_transaction_that_has_ended_is_never_pending_again() {
    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let (saved, _) = success_lost(&mut wire, &mut device);
    for operator in [Operator::Approves(u64::MAX), Operator::Denies, Operator::Issues] {
        wire.owner.operator = operator;
        let step = reboot(&mut device, &wire, &saved).poll(&mut device.rng).unwrap();
        let end = done(go(&mut device, &mut wire, step));
        wire.exactly_one(end);
    }

    let mut wire = Wire::new(Operator::Approves(ONE_HOUR));
    let mut device = wire.device(1);
    let step = start(&mut device, 1);
    let saved = held(go(&mut device, &mut wire, step)).save().unwrap();
    for operator in [Operator::Denies, Operator::Approves(u64::MAX), Operator::Issues] {
        wire.owner.operator = operator;
        let step = reboot(&mut device, &wire, &saved).poll(&mut device.rng).unwrap();
        let end = done(go(&mut device, &mut wire, step));
        assert!(matches!(end, Done::Refused { fail_info: FailInfo::BadRequest, .. }));
    }
    assert!(wire.owner.issued.is_empty());
}

// R-2.4-2, R-5.2-1: nothing is held, the SUCCESS is lost, and the device starts anew with a challenge that is used up
// T9
#[test]
fn a_used_challenge_is_refused_unless_its_owner_gives_the_same_key_some_time() {
    for (grace, waits, granted) in [(0, 10, false), (300, 10, true), (300, 1000, false)] {
        let mut wire = Wire::new(Operator::Issues);
        wire.owner.grace = grace;
        let mut device = wire.device(1);
        wire.fates.extend([Fate::Arrives, Fate::Arrives, Fate::ReplyLost]);
        let step = start(&mut device, 1);
        drop(lost(go(&mut device, &mut wire, step)));
        wire.now += waits;
        let step = start(&mut device, 1);
        match done(go(&mut device, &mut wire, step)) {
            Done::Refused { fail_info, .. } => {
                assert_eq!((granted, fail_info), (false, FailInfo::BadRequest));
            }
            end => {
                assert!(granted);
                wire.exactly_one(end);
            }
        }
        assert_eq!((wire.owner.issued.len(), wire.ids()), (1, 2));
    }
}

// R-5.2-5, R-3.2.1.5-4, draft-nourse-scep appendix B: the very same request again needs no challenge that still works
#[test]
fn the_very_same_request_again_gets_the_stored_outcome() {
    for (operator, replies_lost) in
        [(Operator::Issues, 1), (Operator::Issues, 4), (Operator::Approves(NOW + 5), 2)]
    {
        let mut wire = Wire::new(operator);
        let mut device = wire.device(1);
        wire.fates.extend([Fate::Arrives, Fate::Arrives]);
        wire.fates.extend(vec![Fate::ReplyLost; replies_lost]);
        let step = start(&mut device, 1);
        let end = to_the_end(&mut device, &mut wire, step, false);
        wire.exactly_one(end);
        let requests: Vec<_> = wire.sent.iter().filter(|(_, request)| !request.body.is_empty()).collect();
        assert_eq!(requests.len(), replies_lost + 1);
        assert!(requests.iter().all(|(_, request)| request == &requests[0].1));
    }
}
