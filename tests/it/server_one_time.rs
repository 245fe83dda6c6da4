//! One-time challenges: spent once, by one request, for what they allow, and in one step with the transaction.

use crate::provider::PROVIDER;
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, at, name, seeded};
use scep::crypto::{ChallengePassword, Rng};
use scep::error::{PeerMisbehaved, Unavailable};
use scep::server::{
    Authorized, ChallengeKey, ChallengeStore, ChallengeTerms, Decide, Enrol, Event, Evidence, Exchange,
    IssuedChain, OneTimeChallenge, OneTimeChallenges, Refusal, State, Status, Store as _, Transaction,
};
use scep::wire::{EcCurve, FailInfo, GeneralName, KeyUsage, Oid};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const LEASE: u64 = 60;

fn challenges() -> OneTimeChallenges {
    OneTimeChallenges::new(&PROVIDER, "", ChallengeKey::from_bytes([7; 32]))
}

fn any() -> ChallengeTerms {
    ChallengeTerms::any_subject()
}

fn for_device() -> ChallengeTerms {
    ChallengeTerms::for_subject(&name(SUBJECT)).unwrap()
}

/// A server whose owner leaves every request to one-time challenges, and one challenge with these terms.
struct Office {
    server: Server,
    challenges: OneTimeChallenges,
    text: String,
}

impl Office {
    fn new(terms: ChallengeTerms) -> Self {
        let server = Server::new().policy(never);
        let challenges = challenges();
        let (text, made) = challenges.mint(terms, at(NOW), HOUR, &mut seeded(1)).unwrap();
        server.store.add_challenge(&made).unwrap();
        Self { server, challenges, text: text.expose().into() }
    }

    /// With a challenge that is not stored.
    fn sealed(terms: &ChallengeTerms) -> Self {
        let challenges = challenges();
        let text = challenges.seal(terms, at(NOW), HOUR, &mut seeded(1)).unwrap();
        Self { server: Server::new().policy(never), challenges, text: text.expose().into() }
    }

    /// The device's request with this challenge, and a change.
    fn request(&self, change: impl FnOnce(&mut Csr)) -> Message {
        with_csr(|csr| {
            csr.attributes = Some(vec![challenge(UTF8, self.text.as_bytes())]);
            change(csr);
        })
    }

    /// The stranger's request with the same challenge.
    fn theft(&self) -> Message {
        let mut csr = Csr::new(&STRANGER);
        csr.attributes = Some(vec![challenge(UTF8, self.text.as_bytes())]);
        Message::new("19", Envelope::new(csr.encode()).encode(), &STRANGER, &STRANGER_CERTIFICATE)
    }

    fn stored(&self, question: &Enrol) -> Option<OneTimeChallenge> {
        let id = self.challenges.wanted(question).unwrap()?;
        self.server.store.load_challenge(&id).unwrap()
    }

    fn redeem(&self, question: Enrol) -> Exchange {
        let stored = self.stored(&question);
        match self.challenges.redeem(question, stored) {
            // its own already: to be looked at again
            Ok(Exchange::Lookup(step)) => {
                let stored = self.server.store.load(step.key()).unwrap();
                match step.complete(stored, &mut seeded(2)) {
                    Exchange::Decide(Decide::Enrol(question)) => self.redeem(question),
                    other => other,
                }
            }
            Ok(exchange) => exchange,
            Err(question) => question.refuse(Refusal::Challenge, &mut seeded(2)),
        }
    }

    /// To the end of an exchange.
    #[track_caller]
    fn ask(&self, message: &Message) -> Answer<'_> {
        let exchange = self.redeem(self.server.up_to_question(message));
        self.server.go_on(exchange)
    }

    /// To where a certificate is to be issued.
    #[track_caller]
    fn up_to_issue(&self, message: &Message) -> Authorized {
        let Exchange::Record(record) = self.redeem(self.server.up_to_question(message)) else { panic!() };
        self.stand_in(record)
    }

    #[track_caller]
    fn stand_in(&self, record: scep::server::Record) -> Authorized {
        let recorded = self.server.record(record.transition());
        assert_eq!(recorded, scep::server::Recorded::Stored);
        match record.stored(&mut seeded(3)) {
            Exchange::Decide(Decide::Issue(authorized)) => authorized,
            other => panic!("{other:?}"),
        }
    }

    /// The one challenge, by the text that it was made with.
    fn is_spent(&self) -> bool {
        let made =
            self.challenges.adopt(&ChallengePassword::new(self.text.as_str()).unwrap(), any(), at(NOW), HOUR);
        self.server.store.load_challenge(made.unwrap().id()).unwrap().is_some_and(|stored| stored.is_spent())
    }

    /// R3 for the challenge, whatever is wrong with it: nothing issued, nothing changed.
    #[track_caller]
    fn refused(&self, answer: &Answer<'_>) {
        answer.failure(FailInfo::BadRequest, 0);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(self.server.issuer.count(), 0);
    }
}

/// SUCCESS: the certificate for the device, or for the stranger.
#[track_caller]
fn issued(answer: &Answer<'_>, stranger: bool) -> Vec<u8> {
    let read = answer.cert_rep();
    assert_eq!(read.status, "0", "{:?}", answer.outcome.cause);
    let opened = match stranger {
        false => read.open(&DEVICE, &DEVICE_CERTIFICATE),
        true => read.open(&STRANGER, &STRANGER_CERTIFICATE),
    };
    assert!(answer.server.issuer.issued.borrow().contains(&opened.certificates[0]));
    opened.certificates[0].clone()
}

#[track_caller]
fn pending(answer: &Answer<'_>) {
    let read = answer.cert_rep();
    assert_eq!((read.status.as_str(), read.fail_info), ("3", None), "{:?}", answer.outcome.cause);
}

fn later(message: Message, nonce: u8) -> Message {
    let mut message = message;
    message.set(Oid::SENDER_NONCE, &crate::support::tlv(4, &[&[nonce; 16]]));
    message
}

// R-2.4-1, R-2.4-2, T9: the transaction is on record before anybody is asked for a certificate
#[test]
fn a_one_time_challenge_authorises_one_certificate() {
    for office in [Office::new(for_device()), Office::sealed(&for_device())] {
        let authorized = office.up_to_issue(&office.request(|_| ()));
        assert_eq!(authorized.evidence(), Evidence::OneTimeChallenge);
        assert!(matches!(office.server.transaction().state(), State::Issuing { .. }));
        assert!(!office.is_spent());
        let answer = office.server.go_on(office.server.issuer.grant(authorized));
        let certificate = issued(&answer, false);
        assert!(office.is_spent());
        // R-5.2-5: the same request gets the same certificate, and the challenge is not asked for
        let again = office.server.ask(&later(office.request(|_| ()), 9));
        assert_eq!(issued(&again, false), certificate);
        assert_eq!((again.counts.decided, office.server.issuer.count()), (0, 1));
    }
}

// T9, R-2.4-2, R-7.3-2, case 48, case 90: used again, by the same device or by another one, it is an alarm
#[test]
fn a_spent_challenge_is_refused_and_reported() {
    for office in [Office::new(any()), Office::sealed(&any())] {
        issued(&office.ask(&office.request(|_| ())), false);
        let mut other = office.request(|csr| csr.subject = name("CN=other"));
        other.set_transaction(b"tx-2");
        let before = office.server.snapshot();
        for message in [office.theft(), other] {
            let answer = office.ask(&message);
            answer.failure(FailInfo::BadRequest, 0);
            answer.cause(PeerMisbehaved::Challenge);
            assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
        }
        assert!(office.server.snapshot() == before);
        assert_eq!(office.server.issuer.count(), 1);
    }
}

// T9, case 90: after the outcome was forgotten the same request is not worth another certificate
#[test]
fn a_replay_after_the_transaction_was_forgotten_is_refused() {
    let mut office = Office::new(any());
    office.server = Server::with(config().retention(HOUR, Duration::from_secs(10))).policy(never);
    let (text, made) = office.challenges.mint(any(), at(NOW), HOUR, &mut seeded(1)).unwrap();
    office.server.store.add_challenge(&made).unwrap();
    office.text = text.expose().into();
    issued(&office.ask(&office.request(|_| ())), false);
    office.server.now += 11;
    let answer = office.ask(&later(office.request(|_| ()), 5));
    answer.failure(FailInfo::BadRequest, 0);
    answer.cause(PeerMisbehaved::Challenge);
    assert_eq!(office.server.issuer.count(), 1);
}

// T9, R-2.4-11, case 49: whoever comes second finds it reserved, wherever the first one is
#[test]
fn of_two_requests_at_once_one_gets_as_far_as_the_issuer() {
    for office in [Office::new(any()), Office::sealed(&any())] {
        // both have looked before either has recorded
        let first = office.server.up_to_question(&office.request(|_| ()));
        let second = office.server.up_to_question(&office.theft());
        let (stored_first, stored_second) = (office.stored(&first), office.stored(&second));
        let Ok(Exchange::Record(first)) = office.challenges.redeem(first, stored_first) else { panic!() };
        let Ok(second) = office.challenges.redeem(second, stored_second) else { panic!() };
        let authorized = office.stand_in(first);
        let answer = office.server.go_on(second);
        answer.failure(FailInfo::BadRequest, 0);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
        // and one who looks while it is reserved
        let answer = office.ask(&office.theft());
        office.refused(&answer);
        assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
        issued(&office.server.go_on(office.server.issuer.grant(authorized)), false);
        assert_eq!(office.server.issuer.count(), 1);
    }
}

// T9: fifty of them
#[test]
fn of_many_requests_at_once_one_succeeds() {
    let office = Office::new(any());
    let waiting: Vec<Exchange> = (0..50)
        .map(|number: u8| {
            let mut message = office.request(|_| ());
            message.set_transaction(&[b't', number]);
            office.redeem(office.server.up_to_question(&message))
        })
        .collect();
    let successes = waiting
        .into_iter()
        .map(|exchange| office.server.go_on(exchange).outcome.summary.status)
        .filter(|status| *status == scep::server::Status::Success)
        .count();
    assert_eq!((successes, office.server.issuer.count()), (1, 1));
}

// T9: a repeated request while the first one is being issued waits; it is neither refused nor issued a second time
#[test]
fn a_request_that_is_being_issued_is_pending() {
    let office = Office::new(any());
    let authorized = office.up_to_issue(&office.request(|_| ()));
    for message in [later(office.request(|_| ()), 3), cert_poll()] {
        let answer = office.server.ask(&message);
        pending(&answer);
        assert_eq!((answer.counts.decided, answer.changed), (0, false));
    }
    // E19
    let mut other = office.request(|csr| csr.subject = name("CN=other"));
    other.set(Oid::SENDER_NONCE, &crate::support::tlv(4, &[&[6; 16]]));
    let answer = office.server.ask(&other);
    answer.failure(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::TransactionBusy);
    issued(&office.server.go_on(office.server.issuer.grant(authorized)), false);
    issued(&office.server.ask(&later(cert_poll(), 8)), false);
}

// T9, T54, R-2.4-11: a server that died between the two steps leaves a reservation that ends
#[test]
fn a_reservation_that_was_left_behind_ends_with_its_lease() {
    // the device asks again, by its request or by a poll, or somebody else was given the challenge
    for who in 0..3 {
        let mut office = Office::new(any());
        drop(office.up_to_issue(&office.request(|_| ())));
        office.server.now += LEASE - 1;
        let answer = office.ask(&office.theft());
        office.refused(&answer);
        office.server.now += 1;
        let message = match who {
            0 => later(office.request(|_| ()), 4),
            1 => cert_poll(),
            _ => office.theft(),
        };
        issued(&office.ask(&message), who == 2);
        assert!(office.is_spent());
        assert_eq!(office.server.issuer.count(), 1);
    }
}

// T9: a server that was slow, and not dead
#[test]
fn a_certificate_that_comes_after_another_request_has_the_challenge_is_not_sent() {
    let mut office = Office::new(any());
    let slow = office.up_to_issue(&office.request(|_| ()));
    office.server.now += LEASE;
    issued(&office.ask(&office.theft()), true);
    let answer = office.server.go_on(office.server.issuer.grant(slow));
    answer.failure(FailInfo::BadRequest, 0);
    answer.cause(PeerMisbehaved::Challenge);
    assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
    assert!(!answer.changed);
}

// T13, E21, case 50: nothing was issued, so it is not burned
#[test]
fn an_issuer_that_is_down_releases_the_challenge() {
    for thief in [false, true] {
        let office = Office::new(any());
        let authorized = office.up_to_issue(&office.request(|_| ()));
        let answer = office.server.go_on(authorized.unavailable());
        answer.unavailable();
        answer.cause(Unavailable::Decision);
        assert!(!office.is_spent());
        let message = if thief { office.theft() } else { later(office.request(|_| ()), 4) };
        issued(&office.ask(&message), thief);
        assert_eq!(office.server.issuer.count(), 1);
    }
}

// T13: what cannot be recorded was not decided
#[test]
fn a_store_that_is_down_reserves_nothing_and_asks_for_no_certificate() {
    let mut office = Office::new(any());
    let exchange = office.redeem(office.server.up_to_question(&office.request(|_| ())));
    office.server.faults.record = true;
    let answer = office.server.go_on(exchange);
    answer.unavailable();
    assert_eq!(office.server.issuer.count(), 0);
    office.server.faults.record = false;
    issued(&office.ask(&later(office.request(|_| ()), 4)), false);
}

#[test]
fn an_issuer_that_refuses_releases_the_challenge_and_forgets_the_request() {
    let office = Office::new(any());
    let authorized = office.up_to_issue(&office.request(|_| ()));
    let answer = office.server.go_on(authorized.refuse_because("not today", &mut seeded(5)));
    answer.cause(PeerMisbehaved::Policy);
    assert!(!office.is_spent());
    // the same request again, once the owner has thought better of it
    issued(&office.ask(&later(office.request(|_| ()), 4)), false);
}

// R-3.2.1.3-2, R-2.4-8: held, it is spent: a person decides now, and the challenge is of no further use
#[test]
fn to_hold_an_authorised_request_spends_its_challenge() {
    let mut office = Office::new(any());
    let authorized = office.up_to_issue(&office.request(|_| ()));
    pending(&office.server.go_on(authorized.hold(&mut seeded(5))));
    assert!(office.is_spent());
    assert_eq!(*office.server.transaction().state(), State::Pending);
    let answer = office.ask(&office.theft());
    assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
    office.refused(&answer);
    office.server.policy = approve;
    office.server.now += 3 * 24 * 3600;
    issued(&office.server.ask(&cert_poll()), false);
    assert_eq!(office.server.issuer.count(), 1);
}

// T10
#[test]
fn an_expired_challenge_is_refused_and_a_second_before_that_it_serves() {
    for sealed in [false, true] {
        let office = || if sealed { Office::sealed(&any()) } else { Office::new(any()) };
        let mut late = office();
        late.server.now += HOUR.as_secs();
        let answer = late.ask(&late.request(|_| ()));
        late.refused(&answer);
        assert!(answer.outcome.events.is_empty());
        let mut in_time = office();
        in_time.server.now += HOUR.as_secs() - 1;
        issued(&in_time.ask(&in_time.request(|_| ())), false);
    }
}

// T8, R-2.4-11, case 48: unknown, missing, of another key, of another endpoint, altered: the one refusal
#[test]
fn challenges_that_were_never_made_are_refused_alike() {
    let office = Office::sealed(&any());
    let mut altered = office.text.clone().into_bytes();
    altered[20] ^= 1;
    let foreign = |endpoint, key| {
        let other = OneTimeChallenges::new(&PROVIDER, endpoint, ChallengeKey::from_bytes(key));
        other.seal(&any(), at(NOW), HOUR, &mut seeded(1)).unwrap().expose().as_bytes().to_vec()
    };
    let texts = [
        b"0123456789ABCDEF0123456789ABCDEF".to_vec(),
        altered,
        office.text.as_bytes()[..office.text.len() - 4].to_vec(),
        foreign("another", [7; 32]),
        foreign("", [8; 32]),
    ];
    let mut lengths = Vec::new();
    for text in texts.iter().map(|text| vec![challenge(UTF8, text)]).chain([Vec::new()]) {
        let answer = office.ask(&with_csr(|csr| csr.attributes = Some(text.clone())));
        office.refused(&answer);
        assert!(answer.outcome.events.is_empty());
        lengths.push(answer.outcome.reply.body.len());
    }
    assert!(lengths.iter().all(|length| *length == lengths[0]));
    issued(&office.ask(&office.request(|_| ())), false);
}

// T9: base64 has more than one way to write the same bytes
#[test]
fn a_sealed_challenge_in_another_spelling_is_the_same_one() {
    let office = Office::sealed(&any());
    issued(&office.ask(&office.request(|_| ())), false);
    for text in [office.text.trim_end_matches('=').to_string(), format!("{}\r\n", office.text)] {
        let mut message = with_csr(|csr| csr.attributes = Some(vec![challenge(UTF8, text.as_bytes())]));
        message.set_transaction(b"tx-2");
        let answer = office.ask(&message);
        answer.failure(FailInfo::BadRequest, 0);
        assert_eq!(answer.outcome.events, [Event::ChallengeReuse], "{text:?}");
    }
}

/// Issues for client authentication.
fn for_clients(issuer: &Issuer, authorized: Authorized, _: &mut Rng<'_>) -> Exchange {
    let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
    template.extensions.push((Oid::EXTENDED_KEY_USAGE, seq(&[&oid(Oid::CLIENT_AUTH)])));
    let leaf = template.sign(&CA);
    issuer.issued.borrow_mut().push(leaf.clone());
    scep::server::IssuedChain::new(certificate(&leaf), Vec::new(), authorized).unwrap().grant()
}

// T20, N-12, case 51
#[test]
fn a_challenge_serves_only_what_it_was_made_for() {
    let host = || {
        ChallengeTerms::for_subject(&name(SUBJECT))
            .unwrap()
            .alt_names(&[GeneralName::Dns("a.example"), GeneralName::Dns("b.example")])
            .unwrap()
    };
    let asks = |which: Oid<'static>, value: Vec<u8>| extension_request(&[(which, value)]);
    let usage = |usage: u8| vec![3, 2, 0, usage];
    let purpose = |which: Oid<'_>| seq(&[&oid(which)]);
    let allowed: [(ChallengeTerms, Option<Vec<u8>>); 8] = [
        (for_device(), None),
        (host(), None),
        (host(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["b.example", "a.example"])))),
        (host(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["a.example"])))),
        (any(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["c.example"])))),
        (
            for_device().key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT),
            Some(asks(Oid::KEY_USAGE, usage(0x80))),
        ),
        (
            for_device().extended_key_usage(&[Oid::CLIENT_AUTH]),
            Some(asks(Oid::EXTENDED_KEY_USAGE, purpose(Oid::CLIENT_AUTH))),
        ),
        (for_device().ec_key(EcCurve::P256).rsa_key(2048), None),
    ];
    for (terms, wish) in allowed {
        for mut office in [Office::new(terms.clone()), Office::sealed(&terms)] {
            office.server.issue = for_clients;
            let message = office.request(|csr| csr.attributes.as_mut().unwrap().extend(wish.clone()));
            issued(&office.ask(&message), false);
        }
    }
    let refused: [(ChallengeTerms, Option<Vec<u8>>); 9] = [
        (ChallengeTerms::for_subject(&name("CN=other")).unwrap(), None),
        (ChallengeTerms::for_subject(&name("O=Test, CN=dev1, CN=dev1")).unwrap(), None),
        (for_device(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["a.example"])))),
        (host(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["a.example", "c.example"])))),
        (any().alt_names(&[]).unwrap(), Some(asks(Oid::SUBJECT_ALT_NAME, dns_names(&["a.example"])))),
        (for_device().key_usage(KeyUsage::DIGITAL_SIGNATURE), Some(asks(Oid::KEY_USAGE, usage(0xA0)))),
        (
            for_device().extended_key_usage(&[Oid::CLIENT_AUTH]),
            Some(asks(Oid::EXTENDED_KEY_USAGE, purpose(Oid::SERVER_AUTH))),
        ),
        (for_device().ec_key(EcCurve::P256), None),
        (for_device().rsa_key(3072), None),
    ];
    for (index, (terms, wish)) in refused.into_iter().enumerate() {
        for office in [Office::new(terms.clone()), Office::sealed(&terms)] {
            let message = office.request(|csr| csr.attributes.as_mut().unwrap().extend(wish.clone()));
            let answer = office.ask(&message);
            office.refused(&answer);
            assert!(!office.is_spent() && answer.outcome.events.is_empty(), "{index}");
        }
    }
}

// T20: what the CA makes of it has to keep to the terms too
#[test]
fn a_certificate_beyond_the_terms_of_the_challenge_does_not_leave() {
    fn for_somebody_else(issuer: &Issuer, authorized: Authorized, rng: &mut Rng<'_>) -> Exchange {
        let mut template = X509::of("CN=other", "CN=Server CA", &DEVICE);
        template.public_key = authorized.requested().public_key().to_vec();
        let leaf = certificate(&template.sign(&CA));
        let mismatch = scep::server::IssuedChain::new(leaf, Vec::new(), authorized).unwrap_err();
        assert_eq!(mismatch.error, scep::error::ApiMisuse::Chain.into());
        assert_eq!(issuer.count(), 0);
        mismatch.authorized.refuse(Refusal::Policy, rng)
    }
    // the policy would let another name out
    let policy = scep::server::IssuancePolicy::default().issuer_names(true);
    let mut office = Office::new(for_device());
    let server = Server::with(config().issuance(policy)).policy(never);
    let (text, made) = office.challenges.mint(for_device(), at(NOW), HOUR, &mut seeded(1)).unwrap();
    server.store.add_challenge(&made).unwrap();
    office.server = server;
    office.text = text.expose().into();
    office.server.issue = for_somebody_else;
    let answer = office.ask(&office.request(|_| ()));
    answer.cause(PeerMisbehaved::Policy);
    assert!(!office.is_spent());
}

// T50, R-7.3-4, case 137
#[test]
fn what_is_stored_and_shown_of_a_challenge_does_not_hold_its_text() {
    let office = Office::new(for_device());
    let (text, made) = office.challenges.mint(for_device(), at(NOW), HOUR, &mut seeded(9)).unwrap();
    let stored = made.to_bytes();
    let shown = format!("{made:?} {:?} {:?}", office.challenges, made.id());
    assert!(!stored.windows(8).any(|bytes| text.expose().as_bytes().windows(8).any(|part| part == bytes)));
    assert!(!shown.contains(text.expose()) && !shown.contains("7, 7, 7"));
    assert_eq!(shown.matches("ChallengeKey(..)").count(), 1);
    issued(&office.ask(&office.request(|_| ())), false);
    let transaction = office.server.transaction().to_bytes();
    assert!(!transaction.windows(8).any(|part| office.text.as_bytes().windows(8).any(|other| other == part)));
}

// R-7.3-1: 128 random bits, in characters that every client can type and every string type can hold
#[test]
fn a_minted_challenge_has_128_random_bits_and_is_never_the_same() {
    let mut rng = seeded(3);
    let texts: std::collections::HashSet<String> = (0..64)
        .map(|_| challenges().mint(any(), at(NOW), HOUR, &mut rng).unwrap().0.expose().to_string())
        .collect();
    assert_eq!(texts.len(), 64);
    for text in &texts {
        assert!(
            text.len() == 32
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
        );
        assert!(ChallengePassword::new(text.as_str()).unwrap().is_strong());
    }
}

// T54
#[test]
fn a_damaged_record_of_a_challenge_is_refused() {
    let terms =
        for_device().alt_names(&[GeneralName::Dns("a.example")]).unwrap().rsa_key(2048).ec_key(EcCurve::P384);
    let (_, made) = challenges().mint(terms, at(NOW), HOUR, &mut seeded(1)).unwrap();
    let stored = made.to_bytes();
    assert_eq!(OneTimeChallenge::from_bytes(&stored).unwrap(), made);
    for length in 0..stored.len() {
        assert!(OneTimeChallenge::from_bytes(&stored[..length]).is_err(), "{length}");
    }
    // T54: found by the fuzz target `resume`: a bit that the terms do not hold was dropped
    for index in 0..stored.len() {
        for bit in 0..8 {
            let mut damaged = stored.clone();
            damaged[index] ^= 1 << bit;
            if let Ok(read) = OneTimeChallenge::from_bytes(&damaged) {
                assert_eq!(read.to_bytes(), damaged, "{index}");
            }
        }
    }
}

// T12: in the outer certificate, where some clients copy the attributes of their request
#[test]
fn a_challenge_that_stands_in_the_signers_certificate_is_reported() {
    let office = Office::new(any());
    let mut template = X509::device(&DEVICE);
    template.extensions.push((Oid::CHALLENGE_PASSWORD, crate::support::tlv(UTF8, &[office.text.as_bytes()])));
    let mut csr = Csr::new(&DEVICE);
    csr.attributes = Some(vec![challenge(UTF8, office.text.as_bytes())]);
    let envelope = Envelope::new(csr.encode()).encode();
    let exposed = Message::new("19", envelope, &DEVICE, &template.sign(&DEVICE));
    let question = office.server.up_to_question(&exposed);
    assert!(question.is_challenge_exposed());
    let answer = office.server.go_on(office.redeem(question));
    assert_eq!(answer.cert_rep().status, "0");
    assert_eq!(answer.outcome.events, [Event::ChallengeExposed]);
    // burned
    let answer = office.ask(&office.theft());
    answer.cause(PeerMisbehaved::Challenge);

    let office = Office::new(any());
    let question = office.server.up_to_question(&office.request(|_| ()));
    assert!(!question.is_challenge_exposed());
}

// T9: a store of another server, or a clock, that is ahead
#[test]
fn a_spent_challenge_is_remembered_for_a_day_after_its_end() {
    for mut office in [Office::new(any()), Office::sealed(&any())] {
        issued(&office.ask(&office.request(|_| ())), false);
        office.server.store.purge(at(NOW + HOUR.as_secs() + 24 * 3600 - 1));
        office.server.forget();
        assert!(office.is_spent());
        office.server.now = NOW + HOUR.as_secs() - 1;
        let mut message = office.request(|csr| csr.subject = name("CN=other"));
        message.set_transaction(b"tx-2");
        let answer = office.ask(&message);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(answer.outcome.events, [Event::ChallengeReuse]);
        assert_eq!(office.server.issuer.count(), 1);
    }
}

// T49: one challenge, any number of requests under it
#[test]
fn requests_that_the_issuer_refuses_leave_nothing_in_the_store() {
    let office = Office::new(any());
    for number in 0..5 {
        let mut message = office.request(|_| ());
        message.set_transaction(&[b't', number]);
        let authorized = office.up_to_issue(&message);
        let answer = office.server.go_on(authorized.refuse(Refusal::Policy, &mut seeded(5)));
        assert_eq!(answer.cert_rep().status, "2");
        assert!(office.server.store.is_empty());
    }
    issued(&office.ask(&office.request(|_| ())), false);
}

// R-5.2-5: what was issued before under the same transactionID can still be polled for
#[test]
fn what_was_issued_before_comes_back_when_nothing_new_is_issued() {
    for down in [false, true] {
        let mut office = Office::new(any());
        let first = issued(&office.ask(&office.request(|_| ())), false);
        let (text, made) = office.challenges.mint(any(), at(NOW), HOUR, &mut seeded(6)).unwrap();
        office.server.store.add_challenge(&made).unwrap();
        office.text = text.expose().into();
        let authorized = office.up_to_issue(&office.request(|csr| csr.subject = name("CN=other")));
        match down {
            true => office.server.go_on(authorized.unavailable()).unavailable(),
            false => drop(office.server.go_on(authorized.refuse(Refusal::Policy, &mut seeded(5)))),
        }
        assert_eq!(issued(&office.server.ask(&later(cert_poll(), 8)), false), first);
        assert!(!office.is_spent());
    }
}

// R-2.3-11, T14: whoever has a certificate for the same subject, and somebody else's envelope
#[test]
fn a_challenge_in_a_request_that_another_key_signed_is_not_redeemed() {
    let mut office = Office::new(any());
    office.server.responder = scep::server::Responder::new(config().renewal(true)).unwrap();
    let mut csr = Csr::new(&DEVICE_2);
    csr.attributes = Some(vec![challenge(UTF8, office.text.as_bytes())]);
    let borrowed = Message::new("19", Envelope::new(csr.encode()).encode(), &DEVICE, &OLD_CERTIFICATE);
    let question = office.server.up_to_renewal(&borrowed).into_enrol();
    let answer = office.server.go_on(office.redeem(question));
    office.refused(&answer);
    assert!(!office.is_spent());
    // under its own key it is redeemed
    let mut csr = Csr::new(&DEVICE);
    csr.attributes = Some(vec![challenge(UTF8, office.text.as_bytes())]);
    let own = Message::new("19", Envelope::new(csr.encode()).encode(), &DEVICE, &OLD_CERTIFICATE);
    let question = office.server.up_to_renewal(&own).into_enrol();
    assert_eq!(office.server.go_on(office.redeem(question)).cert_rep().status, "0");
    assert!(office.is_spent());
}

#[test]
fn terms_that_cannot_be_kept_make_no_challenge() {
    let many = (0..9).fold(any(), |terms, _| terms.rsa_key(2048));
    assert!(challenges().mint(many.clone(), at(NOW), HOUR, &mut seeded(1)).is_err());
    assert!(challenges().seal(&many, at(NOW), HOUR, &mut seeded(1)).is_err());
    assert!(any().alt_names(&[GeneralName::Dns("a.example"); 65]).is_err());
}

// T20: a request without purposes is for nothing in particular, a certificate without them for everything
#[test]
fn a_certificate_without_the_usages_that_the_terms_limit_does_not_leave() {
    for terms in [
        for_device().extended_key_usage(&[Oid::CLIENT_AUTH]),
        for_device().key_usage(KeyUsage::DIGITAL_SIGNATURE),
    ] {
        let office = Office::new(terms);
        let authorized = office.up_to_issue(&office.request(|_| ()));
        let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
        template.usage = None;
        let leaf = certificate(&template.sign(&CA));
        assert!(scep::server::IssuedChain::new(leaf, Vec::new(), authorized).is_err());
    }
}

/// A certificate for serverAuth, and for any key usage.
fn for_servers() -> Vec<u8> {
    let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
    template.usage = None;
    template.extensions.push((Oid::EXTENDED_KEY_USAGE, seq(&[&oid(Oid::SERVER_AUTH)])));
    template.sign(&CA)
}

// T20: a request that asks for no usages keeps to all terms, so the certificate is where they count, also after a hold
#[test]
fn terms_outlive_a_hold_and_a_restart() {
    let clients = for_device().extended_key_usage(&[Oid::CLIENT_AUTH]);
    for terms in [clients.clone(), clients.key_usage(KeyUsage::DIGITAL_SIGNATURE)] {
        let office = Office::new(terms.clone());
        let authorized = office.up_to_issue(&office.request(|_| ()));
        let mismatch = IssuedChain::new(certificate(&for_servers()), Vec::new(), authorized).unwrap_err();
        pending(&office.server.go_on(mismatch.authorized.hold(&mut seeded(3))));
        // the stored form is all that is left of it
        let stored = office.server.transaction();
        assert_eq!(Transaction::from_bytes(&stored.to_bytes()).unwrap().terms(), Some(&terms));
        let held = office.server.up_to_question(&cert_poll());
        assert!(held.is_held() && held.record().terms() == Some(&terms));
        let beyond = IssuedChain::new(certificate(&for_servers()), Vec::new(), held.approve());
        let authorized = beyond.unwrap_err().authorized;
        let mut fitting = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
        fitting.usage = Some(KeyUsage::DIGITAL_SIGNATURE);
        fitting.extensions.push((Oid::EXTENDED_KEY_USAGE, seq(&[&oid(Oid::CLIENT_AUTH)])));
        let issued = IssuedChain::new(certificate(&fitting.sign(&CA)), Vec::new(), authorized).unwrap();
        assert_eq!(office.server.go_on(issued.grant()).outcome.summary.status, Status::Success);
    }
}

// T20: nor does a lease that ended while it was issued free a transaction from them
#[test]
fn terms_outlive_a_reservation_that_was_left_behind() {
    let terms = for_device().extended_key_usage(&[Oid::CLIENT_AUTH]);
    let mut office = Office::new(terms.clone());
    drop(office.up_to_issue(&office.request(|_| ())));
    office.server.now += LEASE;
    let held = office.server.up_to_question(&cert_poll());
    assert!(IssuedChain::new(certificate(&for_servers()), Vec::new(), held.approve()).is_err());
}

// T49: while the issuer is down, one challenge fills four places and no more
#[test]
fn a_challenge_leaves_four_rows_behind_at_most_while_the_issuer_is_down() {
    let office = Office::new(any());
    for number in 0..20_u8 {
        let mut request = office.request(|_| ());
        request.set_transaction(&[b'a' + number]);
        let authorized = office.up_to_issue(&request);
        office.server.go_on(authorized.unavailable()).unavailable();
        assert_eq!(office.server.snapshot().len(), usize::from(number + 1).min(4));
    }
    // each of the four may ask as often as it likes, and keeps its place
    for number in (0..4).cycle().take(20) {
        let mut again = office.request(|_| ());
        again.set_transaction(&[b'a' + number]);
        office.server.go_on(office.up_to_issue(&again).unavailable()).unavailable();
        assert_eq!(office.server.snapshot().len(), 4);
    }
}
