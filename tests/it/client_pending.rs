//! PENDING: polling, saving, resuming.

use crate::cert_rep::{Asked, CertRep};
use crate::client_kit::{Kit, standard};
use crate::provider::PROVIDER;
use crate::support::*;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use scep::client::{Client, ClientConfig, Done, Driven, Query, Step, TrustedCa, Wait};
use scep::crypto::rand_core::{TryCryptoRng, TryRng};
use scep::error::{ApiMisuse, Error, FailInfo, InvalidMessage, Limit, PeerMisbehaved, RngFailed};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Capabilities, Limits, MessageType, Oid};
use std::time::Duration;

/// A device whose request the CA holds.
fn held() -> (Ca, Device, Wait) {
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    let step = device.start();
    let Driven::Held(wait) = device.go(step, &mut ca).unwrap() else { panic!() };
    (ca, device, wait)
}

fn message_type(request: &HttpRequest) -> MessageType {
    Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap().message_type_hint().unwrap()
}

// R-2.3-4, R-2.5-7, R-3.2.1.1-1, R-2.5-5, R-4.4-1, case 104
#[test]
fn a_held_request_is_polled_until_it_is_decided() {
    let (mut ca, mut device, wait) = held();
    let id = wait.transaction_id().clone();
    let step = wait.poll(&mut device.rng).unwrap();
    let Driven::Held(wait) = device.go(step, &mut ca).unwrap() else { panic!() };
    assert_eq!((wait.polls(), wait.transaction_id()), (1, &id));
    ca.policy = Policy::Grant;
    let step = wait.poll(&mut device.rng).unwrap();
    issued(device.go(step, &mut ca).unwrap());

    let messages: Vec<_> = ca.requests.iter().filter(|request| !request.body.is_empty()).collect();
    let types: Vec<_> = messages.iter().map(|request| message_type(request)).collect();
    assert_eq!(types, [MessageType::PkcsReq, MessageType::CertPoll, MessageType::CertPoll]);
    let asked: Vec<_> = messages.iter().map(|request| Asked::of(request)).collect();
    assert!(asked.iter().all(|asked| asked.id == id));
    assert_ne!(asked[1].nonce.as_bytes(), asked[2].nonce.as_bytes());
}

#[test]
fn a_held_request_may_be_refused_in_the_end() {
    let (mut ca, mut device, wait) = held();
    ca.policy = Policy::Refuse;
    let step = wait.poll(&mut device.rng).unwrap();
    let driven = device.go(step, &mut ca).unwrap();
    assert!(matches!(driven, Driven::Done(Done::Refused { fail_info: FailInfo::BadRequest, .. })));
}

// R-5.2-2, T54, case 111
#[test]
fn a_saved_request_goes_on_after_a_reboot() {
    let (mut ca, device, wait) = held();
    let saved = wait.save().unwrap();
    drop((device, wait));

    let mut device = Device::new(&ca);
    device.rng = seeded(99);
    let wait = device.client.resume(&saved).unwrap();
    assert_eq!(wait.url(), URL);
    assert_eq!(wait.public_key().unwrap(), device.key.soft.public_key_der());
    let step = wait.poll(&mut device.rng).unwrap();
    let Driven::Held(wait) = device.go(step, &mut ca).unwrap() else { panic!() };

    ca.policy = Policy::Grant;
    let wait = device.client.resume(&wait.save().unwrap()).unwrap();
    assert_eq!(wait.polls(), 1);
    let step = wait.poll(&mut device.rng).unwrap();
    let issued = issued(device.go(step, &mut ca).unwrap());
    assert_eq!(issued.ca.anchors(), [ca.certificate.clone()]);
}

// R-5.2-2, R-4.4-1, T54: the power goes after the request was sent, or just before
#[test]
fn the_outcome_of_a_request_is_asked_for_after_a_reboot() {
    for arrives in [true, false] {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let step = device.start();
        let Step::Transmit(discovery) = &step else { panic!() };
        assert_eq!(discovery.save(), Ok(None));
        let transmit = device.up_to_message(step, &mut ca);
        let saved = transmit.save().unwrap().unwrap();
        assert!(!holds(&saved, CHALLENGE.as_bytes()));
        let asked = Asked::of(transmit.request());
        if arrives {
            ca.serve(transmit.request());
        }
        drop((device, transmit));

        let mut device = Device::new(&ca);
        device.rng = seeded(99);
        let wait = device.client.resume(&saved).unwrap();
        assert_eq!((wait.transaction_id(), wait.polls()), (&asked.id, 0));
        let step = wait.poll(&mut device.rng).unwrap();
        let driven = device.go(step, &mut ca).unwrap();
        match arrives {
            true => assert_eq!(issued(driven).ca.anchors(), [ca.certificate.clone()]),
            // nothing was issued, and it is time to begin anew
            false => {
                let unknown = Driven::Done(Done::Refused { fail_info: FailInfo::BadCertId, text: None });
                assert_eq!(format!("{driven:?}"), format!("{unknown:?}"));
            }
        }
    }
}

// R-4.5-1: a question is simply asked again
#[test]
fn there_is_nothing_to_save_of_a_question() {
    let mut kit = Kit::new();
    let (ca, query) = (kit.trusted(standard()), Query::own(kit.certificate.clone()).unwrap());
    let step = kit.client.fetch_crl(URL, ca, query, &mut kit.rng).unwrap();
    assert_eq!(kit.up_to_message(step).save(), Ok(None));
    // unlike of a renewal, which a poll under the current certificate asks for
    let saved = kit.renewing().0.save().unwrap().unwrap();
    let wait = kit.client.resume(&saved).unwrap();
    assert_eq!(wait.public_key().unwrap(), kit.current.soft.public_key_der());
    assert_eq!(wait.requested_key(), kit.new.soft.public_key_der());
}

// T50, T54, R-7.3-4, R-7.1-1, case 137
#[test]
fn saved_state_holds_no_secret() {
    let (_, device, wait) = held();
    let saved = wait.save().unwrap();
    // this search finds what is there
    let raw = &device.key.raw;
    assert!(holds(&saved, &raw.n().to_be_bytes()[..16]));
    assert!(!holds(&saved, CHALLENGE.as_bytes()));
    let secrets = [raw.d(), &raw.primes()[0], &raw.primes()[1]];
    for secret in secrets.map(|secret| secret.to_be_bytes_trimmed_vartime()) {
        for part in secret.chunks_exact(16) {
            assert!(!holds(&saved, part));
        }
    }
    assert!(!format!("{wait:?}").contains(CHALLENGE));
}

// T54
#[test]
fn damaged_state_is_refused_and_never_resumed() {
    let (_, device, wait) = held();
    let saved = wait.save().unwrap();
    let damaged = Error::InvalidMessage(InvalidMessage::SavedState);
    for length in 0..saved.len() {
        assert_eq!(device.client.resume(&saved[..length]).unwrap_err(), damaged, "{length} bytes");
    }
    for index in 0..saved.len() {
        let mut other = saved.clone();
        other[index] ^= 0x40;
        assert_eq!(device.client.resume(&other).unwrap_err(), damaged, "byte {index}");
    }
    let longer = [&saved[..], &[0]].concat();
    assert_eq!(device.client.resume(&longer).unwrap_err(), damaged);
    assert_eq!(device.client.resume(&vec![0; 200 << 10]).unwrap_err(), damaged);
}

// R-2.5.1-4, T36, case 122
#[test]
fn endless_pending_ends_after_so_many_polls() {
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    device.client = Client::new(ClientConfig::new(&PROVIDER).polls_max(2));
    let step = device.start();
    let mut driven = device.go(step, &mut ca).unwrap();
    for polls in 0..=2 {
        let Driven::Held(wait) = driven else { panic!() };
        assert_eq!(wait.polls(), polls);
        match wait.poll(&mut device.rng) {
            Ok(step) => driven = device.go(step, &mut ca).unwrap(),
            Err(failed) => {
                assert_eq!((polls, failed.error, failed.retry.is_some()), (2, Limit::Polls.into(), true));
                assert_eq!(ca.messages(), 3);
                return;
            }
        }
    }
    panic!("polled for ever");
}

// T36
#[test]
fn waits_grow_and_are_bounded() {
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    let config = ClientConfig::new(&PROVIDER).poll_interval(Duration::from_secs(10), Duration::from_secs(60));
    device.client = Client::new(config);
    let step = device.start();
    let mut driven = device.go(step, &mut ca).unwrap();
    for nominal in [10, 20, 40, 60, 60, 60] {
        let Driven::Held(wait) = driven else { panic!() };
        let nominal = Duration::from_secs(nominal);
        assert!(nominal.mul_f32(0.875) <= wait.after() && wait.after() <= nominal, "{:?}", wait.after());
        let step = wait.poll(&mut device.rng).unwrap();
        driven = device.go(step, &mut ca).unwrap();
    }
}

// R-3.2.1.5-3, case 116: authentic, to the same transaction, and still no answer to this message
#[test]
fn an_old_pending_does_not_answer_a_new_poll() {
    let (mut ca, mut device, wait) = held();
    let step = wait.poll(&mut device.rng).unwrap();
    let transmit = device.up_to_message(step, &mut ca);
    let old = ca.serve(transmit.request()).reply;
    let Step::Wait(wait) = device.take(transmit, old.clone()).unwrap() else { panic!() };

    let step = wait.poll(&mut device.rng).unwrap();
    let transmit = device.up_to_message(step, &mut ca);
    let failed = device.take(transmit, old).unwrap_err();
    assert_eq!(failed.error, PeerMisbehaved::RecipientNonce.into());
    ca.policy = Policy::Grant;
    let transmit = failed.retry.unwrap();
    let honest = ca.serve(transmit.request()).reply;
    issued_step(device.take(transmit, honest).unwrap());
}

// quirk 32, R-3.3.2.3-2, case 121: what comes with a PENDING is not looked at
#[test]
fn a_pending_with_an_envelope_is_a_pending() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.start();
    let transmit = device.up_to_message(step, &mut ca);
    let asked = Asked::of(transmit.request());
    let mut reply = CertRep::new(&asked, "3");
    reply.content = b"not even an envelope".to_vec();
    let reply: HttpResponse = reply.sign(&ca.key, &ca.certificate);
    assert!(matches!(device.take(transmit, reply), Ok(Step::Wait(_))));
    assert_eq!(device.decryptions, 0);
}

// quirk 44, P15, R-3.3.2-3, case 105
#[test]
fn a_reply_without_sender_nonce_is_taken() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.start();
    let transmit = device.up_to_message(step, &mut ca);
    let reply = CertRep::new(&Asked::of(transmit.request()), "3").without(Oid::SENDER_NONCE);
    let reply = reply.sign(&ca.key, &ca.certificate);
    assert!(matches!(device.take(transmit, reply), Ok(Step::Wait(_))));
}

// Q21, T36: a server may ask for more patience, within the client's own bound
#[test]
fn retry_after_of_a_pending_is_heeded_within_bounds() {
    for (asked, after) in [(1, None), (50, Some(50)), (u32::MAX, Some(60))] {
        let mut ca = Ca::new();
        ca.policy = Policy::Hold;
        let mut device = Device::new(&ca);
        let config =
            ClientConfig::new(&PROVIDER).poll_interval(Duration::from_secs(10), Duration::from_secs(60));
        device.client = Client::new(config);
        let step = device.start();
        let transmit = device.up_to_message(step, &mut ca);
        let mut response = ca.serve(transmit.request()).reply;
        response.retry_after = Some(asked);
        let Step::Wait(wait) = device.take(transmit, response).unwrap() else { panic!() };
        match after {
            Some(seconds) => assert_eq!(wait.after(), Duration::from_secs(seconds)),
            None => assert!(wait.after() <= Duration::from_secs(10)),
        }
    }
}

// a generator that fails for the jitter loses nothing
#[test]
fn a_pending_survives_a_generator_that_fails() {
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    let step = device.start();
    let transmit = device.up_to_message(step, &mut ca);
    let response = ca.serve(transmit.request()).reply;
    let failed = transmit.receive(response.clone(), device.now, &mut Broken).unwrap_err();
    assert_eq!(failed.error, Error::RandomFailed);
    let again = failed.retry.unwrap().receive(response, device.now, &mut device.rng).unwrap();
    assert!(matches!(again, Step::Wait(_)));
}

// the RA gets a new certificate while a request is held
// T37
#[test]
fn a_wait_takes_newer_certificates_of_the_same_ca_and_no_others() {
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    let step = device.start();
    let Driven::Held(wait) = device.go(step, &mut ca).unwrap() else { panic!() };
    let config = ClientConfig::new(&PROVIDER);
    let trusted = |anchor: &CertificateDer<'static>| {
        TrustedCa::new(&config, std::slice::from_ref(anchor), &[], Capabilities::new(), None).unwrap()
    };
    let other = TestKey::other_ca();
    let other = Template::ca(CA_NAME).sign(other.soft.public_key_der(), &other);
    let failed = wait.with_ca(trusted(&other)).unwrap_err();
    assert_eq!(failed.error, ApiMisuse::NoAnchor.into());
    let wait = failed.retry.unwrap().with_ca(trusted(&ca.certificate)).unwrap();
    let step = wait.poll(&mut device.rng).unwrap();
    assert!(matches!(device.go(step, &mut ca).unwrap(), Driven::Held(_)));
}

/// A generator that gives nothing.
struct Broken;

impl TryRng for Broken {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        Err(RngFailed)
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        Err(RngFailed)
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), RngFailed> {
        Err(RngFailed)
    }
}

impl TryCryptoRng for Broken {}
