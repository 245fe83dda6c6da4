//! Signed attributes, nonces and what stands in replies.

use super::{Waiting, add_algorithm_protection, unsorted};
use crate::cert_rep::{OCTET_STRING, PRINTABLE_STRING, UTF8_STRING};
use crate::provider::PROVIDER;
use crate::requests::{Message, cert_poll, oid, pkcs_req, seq, with_message};
use crate::server_kit::{Server, deny, hold};
use crate::support::*;
use scep::client::{Done, Step};
use scep::crypto::{Provider, SignatureScheme, Verifier};
use scep::error::{BadSignature, Error, FailInfo, InvalidMessage, Limit, PeerMisbehaved};
use scep::message::Unverified;
use scep::wire::{Limits, Oid, SignedData, SubjectPublicKeyInfo};
use std::sync::atomic::{AtomicUsize, Ordering};

// Q5, quirk 36
#[test]
fn a_reply_with_unsorted_attributes_is_read_whichever_order_was_signed() {
    for over_sorted in [false, true] {
        let waiting = Waiting::new();
        let leaf = waiting.leaf();
        let bytes = unsorted(&mut waiting.success(), over_sorted);
        assert_eq!(issued_step(waiting.take(bytes).unwrap()).certificate, leaf);
    }
}

/// Verifies like the library's own, and counts.
struct CountingVerifier;

static CHECKS: AtomicUsize = AtomicUsize::new(0);

impl Verifier for CountingVerifier {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1(scep::crypto::Digest::Sha256)
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        CHECKS.fetch_add(1, Ordering::SeqCst);
        PROVIDER.verifier(self.scheme())?.verify(signer, parts, signature)
    }
}

// Q5, T40: one signature more where the order leaves a doubt, none where it does not, and it counts
#[test]
fn attributes_cost_a_second_signature_only_where_they_are_unsorted() {
    let provider = Provider { verifiers: &[&CountingVerifier], ..PROVIDER };
    let verify = |bytes: Vec<u8>, limits: &Limits| {
        CHECKS.store(0, Ordering::SeqCst);
        let verified = Unverified::parse(bytes, limits).unwrap().verify_as_sent(&provider);
        (verified.map(drop), CHECKS.load(Ordering::SeqCst))
    };
    let wrong = Err(BadSignature::Signature.into());
    let limits = Limits::DEFAULT;
    assert_eq!(verify(pkcs_req().encode(), &limits), (Ok(()), 1));
    assert_eq!(verify(unsorted(&mut pkcs_req(), false), &limits), (Ok(()), 1));
    assert_eq!(verify(unsorted(&mut pkcs_req(), true), &limits), (Ok(()), 2));
    let sorted = with_message(|m| m.signature = Some(vec![1; 256]));
    assert_eq!(verify(sorted.encode(), &limits), (wrong, 1));
    let mut of_neither = unsorted(&mut pkcs_req(), true);
    *of_neither.last_mut().unwrap() ^= 1;
    assert_eq!(verify(of_neither, &limits), (wrong, 2));

    let mut limits = Limits::DEFAULT;
    limits.signatures = 1;
    assert_eq!(verify(unsorted(&mut pkcs_req(), false), &limits), (Ok(()), 1));
    assert_eq!(verify(unsorted(&mut pkcs_req(), true), &limits), (Err(Limit::Signatures.into()), 1));
}

/// The values of each signed attribute.
fn values(message: &[u8]) -> Vec<Vec<u8>> {
    let data = SignedData::parse(message, &Limits::DEFAULT).unwrap();
    let attributes = data.signer().unwrap().signed_attributes().unwrap();
    attributes.iter().map(|attribute| attribute.values.to_vec()).collect()
}

// Q12: iOS cannot read an attribute without value
#[test]
fn every_attribute_that_is_sent_has_exactly_one_value() {
    let mut sent = Vec::new();
    let server = Server::new();
    sent.push(server.ask(&pkcs_req()).outcome.reply.body);
    sent.push(server.ask(&cert_poll()).outcome.reply.body);
    for policy in [hold, deny] {
        sent.push(Server::new().policy(policy).ask(&pkcs_req()).outcome.reply.body);
    }
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    let mut step = device.start();
    for _ in 0..2 {
        let transmit = device.up_to_message(step, &mut ca);
        sent.push(transmit.request().body.clone());
        let reply = ca.serve(transmit.request()).reply;
        let Ok(Step::Wait(wait)) = device.take(transmit, reply) else { panic!() };
        step = wait.poll(&mut device.rng).unwrap();
    }
    assert_eq!(sent.len(), 6);
    for message in sent {
        let values = values(&message);
        assert!(values.len() >= 5);
        assert!(values.iter().all(|values| crate::reading::elements(values).len() == 1));
    }
}

// quirk 32, P15, R-3.3.2.3-2: zero octets (EJBCA, micromdm), none (jscep), one (NDES), anything
#[test]
fn whatever_comes_with_pending_and_failure_is_not_looked_at() {
    let contents: [(&[u8], bool); 5] =
        [(b"", true), (b"", false), (b"\0", true), (b"no envelope", true), (&[0x30, 0x80], true)];
    for (content, present) in contents {
        for status in ["3", "2"] {
            let waiting = Waiting::new();
            let mut message = waiting.reply(status, content.to_vec());
            if status == "2" {
                message.set(Oid::FAIL_INFO, &tlv(PRINTABLE_STRING, &[b"4"]));
            }
            if !present {
                message.encapsulated = Some(seq(&[&oid(Oid::ID_DATA)]));
            }
            match waiting.take(message.encode()).unwrap() {
                Step::Wait(_) => assert_eq!(status, "3"),
                Step::Done(Done::Refused { fail_info, .. }) => {
                    assert_eq!((status, fail_info), ("2", FailInfo::BadCertId));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

// quirk 43, R-3.2.1-3: RFC 8894 has PrintableString, and some servers other types
#[test]
fn a_reply_may_have_its_texts_in_other_string_types() {
    for tag in [PRINTABLE_STRING, UTF8_STRING, 0x16] {
        let waiting = Waiting::new();
        let mut message = waiting.success();
        message.set(Oid::MESSAGE_TYPE, &tlv(tag, &[b"3"]));
        message.set(Oid::PKI_STATUS, &tlv(tag, &[b"0"]));
        message.set(Oid::TRANSACTION_ID, &tlv(tag, &[waiting.asked.id.as_bytes()]));
        waiting.issues(&message);
    }
}

// quirk 44, P15, R-3.3.2-3: micromdm repeats the device's nonce as its own; others send none, or 8 bytes
#[test]
fn the_nonce_of_a_server_may_be_ours_or_short_or_missing() {
    for nonce in [Some(16), Some(8), Some(1), None] {
        let waiting = Waiting::new();
        let mut message = waiting.success();
        match nonce {
            Some(16) => {
                message.set(Oid::SENDER_NONCE, &tlv(OCTET_STRING, &[waiting.asked.nonce.as_bytes()]));
            }
            Some(length) => message.set(Oid::SENDER_NONCE, &tlv(OCTET_STRING, &[&vec![7; length]])),
            None => message.remove(Oid::SENDER_NONCE),
        }
        waiting.issues(&message);
    }
}

// quirk 44: of our own nonce only the whole counts
#[test]
fn a_recipient_nonce_that_is_missing_or_cut_is_no_answer() {
    let cut = |length: usize| {
        let waiting = Waiting::new();
        let mut message = waiting.success();
        let nonce = tlv(OCTET_STRING, &[&waiting.asked.nonce.as_bytes()[..length]]);
        message.set(Oid::RECIPIENT_NONCE, &nonce);
        waiting.take(message.encode()).unwrap_err().error
    };
    for length in [15, 8, 1] {
        assert_eq!(cut(length), PeerMisbehaved::RecipientNonce.into(), "{length}");
    }
    let waiting = Waiting::new();
    let mut message = waiting.success();
    message.remove(Oid::RECIPIENT_NONCE);
    assert!(waiting.take(message.encode()).unwrap_err().retry.is_some());
}

// quirk 45: Dogtag has had other statuses for a held request, some servers failInfo up to 12. Nothing is guessed
#[test]
fn statuses_and_reasons_that_are_not_defined_are_no_answer() {
    for status in ["1", "4", "5", "03", "PENDING", ""] {
        let waiting = Waiting::new();
        let message = waiting.reply(status, Vec::new());
        let failed = waiting.take(message.encode()).unwrap_err();
        assert_eq!(failed.error, InvalidMessage::PkiStatus.into(), "{status}");
        assert!(failed.retry.is_some());
    }
    for reason in 5..=12 {
        let waiting = Waiting::new();
        let mut message = waiting.failure();
        message.set(Oid::FAIL_INFO, &tlv(PRINTABLE_STRING, &[reason.to_string().as_bytes()]));
        let failed = waiting.take(message.encode()).unwrap_err();
        assert_eq!(failed.error, InvalidMessage::FailInfo.into(), "{reason}");
        assert!(failed.retry.is_some());
    }
    // Apple goes on without either attribute; here the request goes on waiting
    let waiting = Waiting::new();
    let mut message = waiting.success();
    message.remove(Oid::MESSAGE_TYPE);
    message.remove(Oid::PKI_STATUS);
    assert!(waiting.take(message.encode()).unwrap_err().retry.is_some());
}

// quirk 46, P6, C-11.3-2: NDES sends no signing time, and clocks are wrong
#[test]
fn a_signing_time_may_be_missing_or_far_off_in_both_directions() {
    let times: [Option<&[u8]>; 4] =
        [None, Some(b"700101000000Z"), Some(b"491231235959Z"), Some(b"270115080000Z")];
    for time in times {
        let set = |message: &mut Message| {
            if let Some(time) = time {
                message.set(Oid::SIGNING_TIME, &tlv(0x17, &[time]));
            }
        };
        let waiting = Waiting::new();
        let mut message = waiting.success();
        set(&mut message);
        waiting.issues(&message);
        Server::new().ask(&with_message(set)).success();
    }
}

// quirk 31, P6: attributes that nobody knows, some with odd values
#[test]
fn attributes_of_others_are_passed_over() {
    let known_to_others = |message: &mut Message| {
        add_algorithm_protection(message);
        // Microsoft's HRESULT and osVersion, one of cryptlib's
        let microsoft = |last| [0x2B, 6, 1, 4, 1, 0x82, 0x37, 21, last];
        message.push(Oid::new(&microsoft(33)), &tlv(PRINTABLE_STRING, &[b"-2147024809"]));
        message.push(Oid::new(&microsoft(38)), &tlv(UTF8_STRING, &[b"10.0"]));
        let cryptlib = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 25, 3];
        message.push(Oid::new(&cryptlib), &tlv(OCTET_STRING, &[&[5; 16]]));
        message.push(Oid::new(&[0x2A, 3]), &[]);
    };
    Server::new().ask(&with_message(known_to_others)).success();
    let waiting = Waiting::new();
    let mut message = waiting.success();
    known_to_others(&mut message);
    waiting.issues(&message);
}
