//! Transactions: held requests, polls, repeated requests, strangers, and two exchanges at once.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, at, name, seeded};
use scep::error::{PeerMisbehaved, Unavailable};
use scep::server::{Exchange, MemoryStore, Refusal, State, Transaction};
use scep::wire::{FailInfo, Limits, MessageType, Oid};
use std::time::Duration;

/// The usual message with another nonce.
fn again(mut message: Message, nonce: u8) -> Message {
    message.set(Oid::SENDER_NONCE, &crate::support::tlv(4, &[&[nonce; 16]]));
    message
}

// R-2.4-8, R-2.5-8, R-3.3.2.3-1, R-4.4.1-1, cases 37, 38
#[test]
fn a_held_request_is_pending_until_it_is_approved() {
    let mut server = Server::new().policy(hold);
    let answer = server.ask(&pkcs_req());
    answer.pending();
    assert!(answer.changed);
    assert_eq!(*server.transaction().state(), State::Pending);
    for _ in 0..3 {
        let answer = server.ask(&cert_poll());
        answer.pending();
        answer.message_type(Some(MessageType::CertPoll));
        assert_eq!(answer.outcome.summary.subject.as_deref(), Some(SUBJECT));
        let expected = Counts { decrypted: 0, loaded: 1, decided: 1, recorded: 0, signed: 1 };
        assert_eq!(answer.counts, expected);
        assert!(!answer.changed);
    }
    server.policy = approve;
    let answer = server.ask(&cert_poll());
    let issued = answer.success();
    assert!(answer.changed);
    let State::Issued(chain) = server.transaction().state().clone() else { panic!() };
    assert_eq!(chain[0].as_ref(), issued);
}

// R-4.4.1-1, case 38, case 43
#[test]
fn a_held_request_that_is_denied_stays_denied() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    server.policy = deny;
    let answer = server.ask(&cert_poll());
    let read = answer.cert_rep();
    assert_eq!((read.status.as_str(), read.fail_info.as_deref()), ("2", Some("2")));
    answer.cause(PeerMisbehaved::Policy);
    assert_eq!(*server.transaction().state(), State::Rejected);
    server.policy = never;
    for (message, decrypted) in [(cert_poll(), 0), (pkcs_req(), 1)] {
        let answer = server.ask(&message);
        answer.refused(FailInfo::BadRequest, decrypted);
        answer.cause(PeerMisbehaved::StoredRefusal);
    }
    assert_eq!(server.issuer.count(), 0);
}

// P9, R-3.3.3-2, case 39
#[test]
fn the_names_in_a_poll_do_not_select() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let poll =
        |content: Vec<u8>| Message::new("20", Envelope::new(content).encode(), &DEVICE, &DEVICE_CERTIFICATE);
    let others = seq(&[&name("CN=somebody"), &name("CN=else")]);
    let empty = seq(&[&[0x30, 0], &[0x30, 0]]);
    server.ask(&poll(others.clone())).pending();
    server.ask(&poll(empty)).pending();
    server.policy = approve;
    server.ask(&poll(others)).success();
}

// Q13, quirk 53, P8
// draft-23 App. B, R-5.2-5, case 43
#[test]
fn a_repeated_request_asks_like_a_poll() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let before = server.transaction();
    let answer = server.ask(&pkcs_req());
    answer.pending();
    assert_eq!((answer.counts.recorded, answer.counts.decided), (0, 1));
    assert_eq!(server.transaction(), before);
    server.policy = approve;
    server.ask(&pkcs_req()).success();
    assert_eq!(server.issuer.count(), 1);
}

// Q13, quirk 53, P8, R-5.2-3, R-5.2-5, R-3.2.1.5-4, T25, cases 42, 43
#[test]
fn what_was_issued_is_delivered_again_and_nothing_new_is_issued() {
    let mut server = Server::new();
    let bytes = pkcs_req().encode();
    let issued = server.post(bytes.clone()).success();
    let before = server.transaction();
    server.policy = never;
    let mut bodies = vec![];
    for message in [bytes.clone(), bytes, cert_poll().encode()] {
        let answer = server.post(message);
        assert_eq!(answer.success(), issued);
        assert_eq!((answer.counts.recorded, answer.changed), (0, false));
        bodies.push(answer.outcome.reply.body);
    }
    // sealed afresh each time
    assert_ne!(bodies[0], bodies[1]);
    let (read, opened) = server.ask(&again(pkcs_req(), 9)).success_for(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!((read.recipient_nonce, &opened.certificates[0]), (vec![9; 16], &issued));
    assert_eq!(server.transaction(), before);
    assert_eq!(server.issuer.count(), 1);
}

// R-2.3-10: a redelivery goes to the certificate of the message in hand
#[test]
fn a_redelivery_is_encrypted_for_the_current_certificate() {
    let server = Server::new();
    let issued = server.ask(&pkcs_req()).success();
    let other = X509 { serial: vec![0x55], ..X509::device(&DEVICE) }.sign(&DEVICE);
    let (_, opened) = server.ask(&cert_poll_of(&DEVICE, &other)).success_for(&DEVICE, &other);
    assert_eq!(opened.certificates, [issued]);
}

// R-5.2-5, R-3.2.1.5-4, T25, T49: nothing protects the signer's certificate on its way, and whoever changes what stands
// next to the key in it must not get a second transaction out of one request
#[test]
fn a_replay_with_other_parameters_next_to_the_same_key_is_the_same_transaction() {
    let mut server = Server::new();
    let mut altered = DEVICE_CERTIFICATE.clone();
    let spki = altered.windows(DEVICE.public().len()).position(|part| part == DEVICE.public()).unwrap();
    let null = spki + DEVICE.public().windows(2).position(|part| part == NULL).unwrap();
    altered[null] = 4;
    let replay = with_message(|m| m.certificates = vec![altered]);
    let issued = server.ask(&pkcs_req()).success();
    server.policy = never;
    let poll = |message: &Message| {
        let answer = server.ask(message);
        answer.success_for(&DEVICE, &DEVICE_CERTIFICATE).1.certificates
    };
    assert_eq!(poll(&replay), [issued]);
    assert_eq!(server.snapshot().len(), 1);
}

// R-3.2.1.1-4, R-4.4-2, E18, T26, case 41
#[test]
fn a_stranger_learns_nothing_from_a_known_transaction_id() {
    let states: [fn(&mut Server); 3] = [
        |server| {
            server.policy = hold;
            server.ask(&pkcs_req()).pending();
        },
        |server| drop(server.ask(&pkcs_req()).success()),
        |server| {
            server.policy = hold;
            server.ask(&pkcs_req()).pending();
            server.policy = deny;
            server.ask(&cert_poll()).cert_rep();
        },
    ];
    for prepare in states {
        let mut server = Server::new();
        prepare(&mut server);
        server.policy = never;
        let before = server.snapshot();
        let ask = |id: &[u8]| {
            let mut poll = cert_poll_of(&STRANGER, &STRANGER_CERTIFICATE);
            poll.set_transaction(id);
            let answer = server.ask(&poll);
            let read = answer.failure(FailInfo::BadCertId, 0);
            answer.cause(PeerMisbehaved::UnknownTransaction);
            assert_eq!(read.transaction.1, id);
            (read.length, read.attributes, answer.counts, answer.outcome.reply.content_type)
        };
        assert_eq!(ask(TRANSACTION), ask(b"tx-2"));
        assert_eq!(server.snapshot(), before);
    }
}

// R-3.2.1.1-4, T26: neither can a stranger take it over or block it
#[test]
fn a_stranger_with_a_known_transaction_id_has_a_transaction_of_his_own() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let envelope = Envelope::new(Csr::new(&STRANGER).encode()).encode();
    let strangers = Message::new("19", envelope, &STRANGER, &STRANGER_CERTIFICATE);
    server.ask(&strangers).pending();
    assert_eq!(server.snapshot().len(), 2);
    server.policy = approve;
    let (_, his) = server.ask(&strangers).success_for(&STRANGER, &STRANGER_CERTIFICATE);
    server.policy = hold;
    server.ask(&cert_poll()).pending();
    server.policy = approve;
    let issued = server.ask(&cert_poll()).success();
    assert_ne!(his.certificates[0], issued);
}

// requirements section 2.2
// R-5.2-5, I-23
#[test]
fn another_request_under_a_finished_transaction_is_decided_anew() {
    let mut server = Server::new();
    let first = server.ask(&pkcs_req()).success();
    let other = || with_csr(|csr| csr.subject = name("CN=other"));
    let second = server.ask(&other()).success();
    assert_ne!(first, second);
    assert_eq!(server.issuer.count(), 2);
    assert_eq!(server.ask(&cert_poll()).success(), second);
    // what was stored before is gone: the first request counts as new, too
    server.policy = deny;
    let answer = server.ask(&pkcs_req());
    answer.refused(FailInfo::BadRequest, 1);
    assert_eq!(answer.counts.decided, 1);
    assert_eq!(server.ask(&cert_poll()).success(), second);
}

#[test]
fn a_rejected_transaction_may_be_replaced_by_another_request() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    server.policy = deny;
    server.ask(&cert_poll()).cert_rep();
    server.policy = by_challenge;
    server.ask(&with_csr(|csr| csr.subject = name("CN=other"))).success();
}

// R-3.2.1.5-4, case 90
#[test]
fn an_expired_transaction_is_gone() {
    let mut server = Server::with(config().retention(Duration::from_secs(1000), Duration::from_secs(100)));
    server.policy = hold;
    server.ask(&pkcs_req()).pending();
    assert_eq!(server.transaction().expires(), at(NOW + 1000));
    server.now = NOW + 999;
    server.ask(&cert_poll()).pending();
    server.now = NOW + 1000;
    server.policy = never;
    server.ask(&cert_poll()).refused(FailInfo::BadCertId, 0);

    server.policy = by_challenge;
    let first = server.ask(&pkcs_req()).success();
    assert_eq!(server.transaction().expires(), at(NOW + 1100));
    server.now = NOW + 1099;
    assert_eq!(server.ask(&cert_poll()).success(), first);
    server.now = NOW + 1100;
    server.ask(&cert_poll()).refused(FailInfo::BadCertId, 0);
    // the same request needs a new authorisation
    server.policy = deny;
    server.ask(&pkcs_req()).refused(FailInfo::BadRequest, 1);
    server.policy = by_challenge;
    assert_ne!(server.ask(&pkcs_req()).success(), first);
}

#[test]
fn transactions_are_remembered_for_seven_days_and_one_day_by_default() {
    let day = 24 * 3600;
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    assert_eq!(server.transaction().expires(), at(NOW + 7 * day));
    server.policy = approve;
    server.now += 3 * day;
    server.ask(&cert_poll()).success();
    assert_eq!(server.transaction().expires(), at(NOW + 4 * day));
    assert_eq!(server.transaction().created(), at(NOW));
}

// R-5.2-3, T54, case 45
#[test]
fn a_held_request_survives_in_its_stored_form() {
    let server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let stored = server.transaction().to_bytes();
    let restarted = Server::new().policy(approve);
    let lookup = restarted.walk(cert_poll().encode(), |step| matches!(step, Exchange::Lookup(_)));
    let Exchange::Lookup(lookup) = lookup else { panic!() };
    let transaction = Transaction::from_bytes(&stored).unwrap();
    let exchange = lookup.complete(Some(transaction), &mut seeded(3));
    let Exchange::Decide(scep::server::Decide::Enrol(question)) = exchange else { panic!() };
    assert!(question.is_held());
    assert!(question.challenge().is_none() && question.csr().is_none());
    assert_eq!(question.requested().public_key(), DEVICE.public());
}

// a question says what is known, and a first request is no held one
#[test]
fn a_question_knows_the_request_and_whether_it_was_held() {
    let mut server = Server::new().policy(hold);
    let question = server.up_to_question(&pkcs_req());
    assert!(!question.is_held());
    assert_eq!(question.csr(), Some(Csr::new(&DEVICE).encode().as_slice()));
    assert_eq!(question.challenge().unwrap().expose(), crate::support::CHALLENGE);
    assert_eq!(question.requested().subject().unwrap().as_der(), name(SUBJECT));
    assert_eq!(question.transaction().transaction_id().as_bytes(), TRANSACTION);
    assert_eq!(question.transaction().signer(), &crate::support::sha256(DEVICE.public()));
    assert_eq!(question.record().state(), &State::Pending);
    server.go_on(question.hold(&mut seeded(1))).cert_rep();

    let question = server.up_to_question(&pkcs_req());
    assert!(question.is_held() && question.challenge().is_some());
    server.policy = never;
    let answer = server.go_on(question.hold(&mut seeded(1)));
    assert_eq!((answer.cert_rep().status.as_str(), answer.changed), ("3", false));
    let question = server.up_to_question(&cert_poll());
    assert!(question.is_held() && question.challenge().is_none() && question.csr().is_none());
    // nobody can tell: 503, and it stays held
    let answer = server.go_on(question.unavailable());
    answer.unavailable();
    answer.cause(Unavailable::Decision);
    assert!(!answer.changed);
}

#[test]
fn the_name_of_the_endpoint_is_in_the_key() {
    let server = Server::with(config().endpoint("lab"));
    server.ask(&pkcs_req()).success();
    let stored = server.snapshot();
    assert!(stored.keys().all(|key| key.endpoint() == "lab"));
}

// T25, case 49 in small: two exchanges about the same request
#[test]
fn of_two_grants_at_once_one_is_stored_and_both_get_it() {
    let server = Server::new();
    let one = server.up_to_record(&pkcs_req());
    let other = server.up_to_record(&again(pkcs_req(), 5));
    assert_eq!(server.issuer.count(), 2);
    assert!(server.snapshot().is_empty());

    let answer = server.go_on(Exchange::Record(other));
    assert!(answer.changed);
    let second = answer.cert_rep().open(&DEVICE, &DEVICE_CERTIFICATE).certificates;
    let answer = server.go_on(Exchange::Record(one));
    assert!(!answer.changed);
    let first = answer.cert_rep().open(&DEVICE, &DEVICE_CERTIFICATE).certificates;
    assert_eq!(first, second);
    assert_eq!(first[0], server.issuer.issued.borrow()[1]);
    assert_eq!(server.transaction().revision(), 1);
}

#[test]
fn a_first_request_held_twice_at_once_is_stored_once() {
    let server = Server::new().policy(hold);
    let records = [server.up_to_record(&pkcs_req()), server.up_to_record(&pkcs_req())];
    for record in records {
        assert_eq!(server.go_on(Exchange::Record(record)).cert_rep().status, "3");
    }
    assert_eq!(server.transaction().revision(), 1);
}

// case 43: an approval and a denial at once; what is stored first counts for both
#[test]
fn of_an_approval_and_a_denial_at_once_the_first_one_counts() {
    for approved_first in [true, false] {
        let mut server = Server::new().policy(hold);
        server.ask(&pkcs_req()).pending();
        server.policy = approve;
        let approval = server.up_to_record(&cert_poll());
        server.policy = deny;
        let denial = server.up_to_record(&cert_poll());
        let (first, second) = if approved_first { (approval, denial) } else { (denial, approval) };
        let expected = if approved_first { "0" } else { "2" };
        let answer = server.go_on(Exchange::Record(first));
        assert!(answer.changed);
        assert_eq!(answer.cert_rep().status, expected);
        let answer = server.go_on(Exchange::Record(second));
        assert!(!answer.changed);
        assert_eq!(answer.cert_rep().status, expected);
        assert_eq!(server.transaction().revision(), 2);
    }
}

// E19, E21
#[test]
fn of_two_different_requests_at_once_the_second_is_not_issued() {
    let other = || with_csr(|csr| csr.subject = name("CN=other"));
    // the first one was granted: the second may ask again
    let server = Server::new();
    let (one, two) = (server.up_to_record(&pkcs_req()), server.up_to_record(&other()));
    assert_eq!(server.go_on(Exchange::Record(one)).cert_rep().status, "0");
    let answer = server.go_on(Exchange::Record(two));
    answer.unavailable();
    answer.cause(Unavailable::Changed);
    assert!(!answer.changed);
    // the first one is held: the second is refused
    let server = Server::new().policy(hold);
    let (one, two) = (server.up_to_record(&pkcs_req()), server.up_to_record(&other()));
    assert_eq!(server.go_on(Exchange::Record(one)).cert_rep().status, "3");
    let answer = server.go_on(Exchange::Record(two));
    assert_eq!(answer.cert_rep().fail_info.as_deref(), Some("2"));
    answer.cause(PeerMisbehaved::TransactionBusy);
    assert!(!answer.changed);
}

// E21: a transaction that vanished between two steps
#[test]
fn a_transaction_that_was_forgotten_meanwhile_is_503() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    server.policy = approve;
    let record = server.up_to_record(&cert_poll());
    let answer = server.go_on(record.conflict(None, &mut seeded(1)));
    answer.unavailable();
    answer.cause(Unavailable::Changed);
}

// T49
#[test]
fn a_full_store_is_503_for_new_transactions_and_lets_known_ones_go_on() {
    let mut server = Server::new().policy(hold);
    server.store = MemoryStore::new(1);
    server.ask(&pkcs_req()).pending();
    let mut second = pkcs_req();
    second.set_transaction(b"tx-2");
    let answer = server.ask(&second);
    answer.unavailable();
    answer.cause(Unavailable::Store);
    assert!(!answer.changed);
    server.policy = approve;
    server.ask(&cert_poll()).success();
}

// a refusal of the issuer after the authorisation
#[test]
fn an_authorised_request_can_still_be_refused_or_left() {
    let server = Server::new();
    let authorized = server.up_to_question(&pkcs_req()).approve();
    assert_eq!(authorized.transaction().transaction_id().as_bytes(), TRANSACTION);
    assert_eq!(authorized.evidence(), scep::server::Evidence::Operator);
    let answer = server.go_on(authorized.refuse(Refusal::Policy, &mut seeded(1)));
    assert_eq!((answer.cert_rep().fail_info.as_deref(), answer.changed), (Some("2"), false));
    let authorized = server.up_to_question(&pkcs_req()).approve();
    let answer = server.go_on(authorized.unavailable());
    answer.unavailable();
    assert!(!answer.changed);
}

// a store that mixes its rows up delivers nobody else's certificate
#[test]
fn a_record_of_another_transaction_is_503() {
    let server = Server::new();
    // the very same request under another transactionID, granted and alive
    let other = Server::new();
    let mut elsewhere = pkcs_req();
    elsewhere.set_transaction(b"tx-2");
    other.ask(&elsewhere).success_for(&DEVICE, &DEVICE_CERTIFICATE);
    let foreign = || Some(other.transaction());
    let at_lookup = |exchange: &Exchange| matches!(exchange, Exchange::Lookup(_));
    let Exchange::Lookup(lookup) = server.walk(pkcs_req().encode(), at_lookup) else { panic!() };
    let answer = server.go_on(lookup.complete(foreign(), &mut seeded(1)));
    answer.unavailable();
    answer.cause(Unavailable::Store);
    assert_eq!(answer.counts.decided, 0);
    let conflict = server.up_to_record(&pkcs_req()).conflict(foreign(), &mut seeded(1));
    let answer = server.go_on(conflict);
    answer.unavailable();
    answer.cause(Unavailable::Store);
}

// R-5.2-5, T26: a later request under the ID of one that was granted is a new one, held or refused as such
#[test]
fn a_later_request_under_a_finished_id_is_held_and_refused_like_a_first_one() {
    let later = || with_csr(|csr| csr.subject = name("CN=later"));
    let server = Server::new();
    let issued = server.ask(&pkcs_req()).success();
    let refusing = server.policy(deny);
    let before = refusing.transaction();
    refusing.ask(&later()).refused(FailInfo::BadRequest, 1);
    // what was granted is still there
    assert_eq!(refusing.transaction(), before);
    assert_eq!(refusing.ask(&pkcs_req()).success(), issued);
    let holding = refusing.policy(hold);
    holding.ask(&later()).pending();
    assert_eq!(*holding.transaction().state(), State::Pending);
    assert!(holding.transaction().revision() > before.revision());
    let releasing = holding.policy(approve);
    assert_ne!(releasing.ask(&later()).success(), issued);
}

// E15, R-3.3.2.2-2: the owner's reason goes to the client, cut after 255 characters
// case 91
#[test]
fn an_owner_can_say_why_an_authorised_request_is_refused() {
    let server = Server::new();
    let why = format!("no such subject here{}", "!".repeat(300));
    let refused = server.up_to_question(&pkcs_req()).approve().refuse_because(&why, &mut seeded(1));
    let Exchange::Sign(_) = &refused else { panic!("{refused:?}") };
    let answer = server.go_on(refused);
    assert_eq!(answer.outcome.summary.detail.as_deref(), why.get(..255));
    assert!(!answer.changed);
    let message =
        scep::message::Unverified::parse(answer.outcome.reply.body.clone(), &Limits::DEFAULT).unwrap();
    let verified = message.verify_as_sent(&crate::provider::PROVIDER).unwrap();
    let attributes = verified.attributes().unwrap();
    assert_eq!(attributes.fail_info(), Ok(Some(FailInfo::BadRequest)));
    assert_eq!(attributes.fail_info_text().unwrap().as_deref(), why.get(..255));
}
