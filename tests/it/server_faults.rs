//! What is not the peer's fault: keys, stores and generators that fail at any moment.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{SplitMix, seeded};
use rand_core::{TryCryptoRng, TryRng};
use scep::crypto::{Digest, KeyError, Random, RngFailed};
use scep::error::{Error, Unavailable};
use scep::server::State;
use scep::transport::HttpRequest;
use scep::wire::FailInfo;

const KEY_ERRORS: [KeyError; 6] = [
    KeyError::Unavailable,
    KeyError::Unsupported,
    KeyError::Invalid,
    KeyError::Failed,
    KeyError::WrongSignature,
    KeyError::RandomFailed,
];

// E21, case 92
#[test]
fn a_decryptor_that_fails_is_503_and_nothing_happened() {
    for error in KEY_ERRORS {
        let mut server = Server::new().policy(never);
        server.faults.decrypt = Some(error);
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        answer.cause(error);
        assert_eq!(answer.counts, Counts { decrypted: 1, ..Counts::default() });
        assert!(!answer.changed);
    }
}

// R-3.3.3-2: nothing in a poll has to be opened
#[test]
fn a_decryptor_that_fails_holds_up_no_poll() {
    for error in KEY_ERRORS {
        let mut server = held();
        server.faults.decrypt = Some(error);
        server.ask(&cert_poll()).pending();
        server.policy = approve;
        server.ask(&cert_poll()).success();
        let mut unknown = Server::new().policy(never);
        unknown.faults.decrypt = Some(error);
        unknown.ask(&cert_poll()).refused(FailInfo::BadCertId, 0);
    }
}

// E21, case 92: the outcome is recorded before it is signed, so the next message gets it
#[test]
fn a_signer_that_fails_is_503_and_the_outcome_is_delivered_later() {
    for error in KEY_ERRORS {
        let mut server = Server::new();
        server.faults.sign = Some(error);
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        answer.cause(error);
        assert_eq!(answer.counts.signed, 1);
        assert!(matches!(server.transaction().state(), State::Issued(_)));
        let refusal = server.ask(&with_csr(|csr| csr.signature = Some(vec![1; 256])));
        refusal.unavailable();
        assert!(!refusal.changed);
        server.faults = Faults::default();
        server.policy = never;
        server.ask(&pkcs_req()).success();
        assert_eq!(server.issuer.count(), 1);
    }
}

// T54: a fault in the signature never leaves the server
#[test]
fn a_wrong_signature_is_503_and_is_not_sent() {
    let right = CA.sign(Digest::Sha256, b"another message");
    for signature in [Vec::new(), vec![0; 256], vec![0xFF; 256], right[1..].to_vec(), right] {
        let mut server = Server::new();
        server.faults.signature = Some(signature);
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        answer.cause(KeyError::WrongSignature);
        server.ask(&with_message(|m| m.signature = Some(vec![1; 256]))).unavailable();
    }
}

// E21, case 92
#[test]
fn a_store_that_fails_is_503_and_no_certificate_leaves() {
    for (load, record) in [(true, false), (false, true)] {
        let mut server = Server::new();
        server.faults = Faults { load, record, ..Faults::default() };
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        answer.cause(Unavailable::Store);
        assert_eq!((answer.counts.signed, answer.changed), (0, false));
        assert_eq!(server.issuer.count(), usize::from(record));
        server.faults = Faults::default();
        server.ask(&pkcs_req()).success();
    }
    // refusals that need no store are not held up by it
    let mut server = Server::new().policy(never);
    server.faults = Faults { load: true, record: true, ..Faults::default() };
    server.ask(&with_csr(|csr| csr.signature = Some(vec![1; 256]))).refused(FailInfo::BadRequest, 1);
}

/// Fails at the draw with this number, and counts.
struct FailsAt {
    inner: Random<SplitMix>,
    draws: usize,
    fails_at: usize,
}

impl FailsAt {
    fn new(fails_at: usize) -> Self {
        Self { inner: seeded(11), draws: 0, fails_at }
    }

    fn draw(&mut self) -> Result<(), RngFailed> {
        self.draws += 1;
        if self.draws > self.fails_at { Err(RngFailed) } else { Ok(()) }
    }
}

impl TryRng for FailsAt {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        self.draw()?;
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        self.draw()?;
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RngFailed> {
        self.draw()?;
        self.inner.try_fill_bytes(dst)
    }
}

impl TryCryptoRng for FailsAt {}

/// Lets the generator fail at every draw of one exchange in turn: from any byte on, that is, since a draw that is
/// cut short fails as a whole.
fn at_every_draw(prepare: fn() -> Server, message: &Message, expected: &str) {
    let bytes = message.encode();
    let request = || HttpRequest::new("POST", "/scep?operation=PKIOperation", bytes.clone());
    let mut good = FailsAt::new(usize::MAX);
    let server = prepare();
    assert_eq!(server.serve_with(request(), &mut good).cert_rep().status, expected);
    // where AWS-LC wraps content keys, it draws its own numbers
    assert!(good.draws > usize::from(cfg!(not(feature = "aws-lc-rs"))));
    for fails_at in 0..good.draws {
        let server = prepare();
        let before = server.snapshot();
        let mut rng = FailsAt::new(fails_at);
        let answer = server.serve_with(request(), &mut rng);
        answer.unavailable();
        answer.cause(Error::RandomFailed);
        assert!(rng.draws > fails_at, "draw {fails_at}");
        // either nothing happened, or the outcome waits for the next message
        let changed = answer.changed;
        assert_eq!(changed, server.snapshot() != before);
        let issued = server.issuer.count();
        assert_eq!(server.post(bytes.clone()).cert_rep().status, expected, "draw {fails_at}");
        if changed {
            assert_eq!(server.issuer.count(), issued, "draw {fails_at}");
        }
        assert_eq!(server.snapshot().len(), before.len().max(usize::from(expected != "2")));
    }
}

fn held() -> Server {
    let server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    server
}

// T52, C-14-1, R-3.2.1.5-1: the failure is passed on and nothing takes the generator's place
#[test]
fn a_generator_that_fails_while_a_certificate_is_issued_is_503() {
    at_every_draw(Server::new, &pkcs_req(), "0");
}

#[test]
fn a_generator_that_fails_while_a_request_is_held_is_503() {
    at_every_draw(|| Server::new().policy(hold), &pkcs_req(), "3");
}

#[test]
fn a_generator_that_fails_during_a_poll_is_503() {
    at_every_draw(held, &cert_poll(), "3");
    at_every_draw(|| held().policy(approve), &cert_poll(), "0");
}

#[test]
fn a_generator_that_fails_during_a_refusal_is_503() {
    at_every_draw(|| Server::new().policy(deny), &pkcs_req(), "2");
    at_every_draw(Server::new, &with_message(|m| m.signature = Some(vec![1; 256])), "2");
    at_every_draw(Server::new, &with_envelope(|e| e.recipient.block = Some(vec![1; 256])), "2");
}

// T52: a stuck generator is an error as well, and not an endless loop
#[cfg_attr(feature = "aws-lc-rs", ignore = "its wrapping asks a generator of its own")]
#[test]
fn a_generator_of_zeros_ends_in_503() {
    struct Zeros;
    impl TryRng for Zeros {
        type Error = RngFailed;
        fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
            Ok(0)
        }
        fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
            Ok(0)
        }
        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RngFailed> {
            dst.fill(0);
            Ok(())
        }
    }
    impl TryCryptoRng for Zeros {}
    let server = Server::new();
    let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", pkcs_req().encode());
    let answer = server.serve_with(request, &mut Zeros);
    answer.unavailable();
    answer.cause(Error::RandomFailed);
    assert!(!answer.changed);
}

// `accept`, the steps and the answers may go to another thread
#[test]
fn a_responder_is_shared_and_its_steps_move_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn moves<T: Send>() {}
    shared::<scep::server::Responder>();
    moves::<scep::server::Exchange>();
    let server = Server::new();
    let (responder, bytes) = (&server.responder, pkcs_req().encode());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let bytes = bytes.clone();
                scope.spawn(move || {
                    let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", bytes);
                    responder.accept(request, crate::support::at(crate::support::NOW), &mut seeded(seed))
                })
            })
            .collect();
        for thread in threads {
            let exchange = thread.join().unwrap();
            assert!(matches!(exchange, scep::server::Exchange::Decrypt(_)));
        }
    });
}
