//! Keys, generators, stores and the power fail: each use of each of them in its turn, at the device and at the CA.

use super::cheap::{self, CHEAP, CONTENT_KEYS};
use super::plan::{Fault, Flaw, Part, Plan, Story, World, named};
use crate::support::{holds, seeded};
use scep::crypto::{Digest, KeyError, SignatureScheme};
use scep::message::{OpenPolicy, Unverified};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpResponse, PKI_MESSAGE};
use scep::wire::{Certificate, CertificationRequest, Limits};

const KEY_ERRORS: [KeyError; 6] = [
    KeyError::Unavailable,
    KeyError::Unsupported,
    KeyError::Invalid,
    KeyError::Failed,
    KeyError::WrongSignature,
    KeyError::RandomFailed,
];

/// Runs a plan whose one fault has to happen.
#[track_caller]
fn with(story: Story, fault: Fault) {
    let plan = Plan::new(story, &[fault]);
    let World { device, wire, .. } = plan.run();
    assert_eq!(device.parts.fired.get() + wire.office.parts.fired.get(), 1, "{plan}");
    // whatever went wrong, what was sent is whole and signed
    let requests = wire.sent.iter().map(|request| &request.body).filter(|body| !body.is_empty());
    let is_message = |reply: &&HttpResponse| reply.content_type.as_deref() == Some(PKI_MESSAGE);
    let replies = wire.replies.iter().flatten().filter(is_message);
    named(&plan, || {
        requests.for_each(|message| well_signed(message, Some(&wire.office.ca)));
        replies.for_each(|reply| well_signed(&reply.body, None));
    });
}

/// Every signature in a message; in its envelope too, where it is for this one.
#[track_caller]
fn well_signed(message: &[u8], recipient: Option<&CertificateDer<'static>>) {
    let verifier = CHEAP.verifier(SignatureScheme::RsaPkcs1(Digest::Sha256)).unwrap();
    let message = Unverified::parse(message.to_vec(), &Limits::DEFAULT).unwrap();
    let message = message.verify_as_sent(&CHEAP).expect("the message is signed");
    let signer = Certificate::parse(message.signer()).unwrap();
    if signer.is_self_issued() {
        let verified = verifier.verify(&signer.public_key(), &[signer.tbs()], signer.signature());
        verified.expect("the certificate is signed");
    }
    let Some(recipient) = recipient else { return };
    let policy = OpenPolicy {
        provider: &CHEAP,
        recipients: &[recipient],
        single_des: false,
        any_key_identifier: false,
    };
    let envelope = message.envelope(&policy, &mut seeded(1)).unwrap();
    let unwrapped = cheap::unwrap(envelope.job());
    let opened = envelope.open(&unwrapped).unwrap();
    if let Ok(csr) = CertificationRequest::parse(opened.content().unwrap(), &Limits::DEFAULT) {
        let verified = verifier.verify(&csr.public_key(), &[csr.info()], csr.signature());
        verified.expect("the certification request is signed");
    }
}

/// Every use of this part, at both ends or where it is used at all.
fn everywhere(part: Part) -> usize {
    let mut plans = 0;
    for story in Story::ALL {
        let whole = Plan::new(story, &[]).run();
        // up to where the device begins anew
        let begun = whole.device.begun;
        for at in 0..whole.device.parts.used(part) / begun {
            with(story, Fault::Device(part, at));
            plans += 1;
        }
        for at in 0..whole.wire.office.parts.used(part) / begun {
            with(story, Fault::Office(part, at));
            plans += 1;
        }
    }
    plans
}

// T52
#[test]
fn a_generator_that_fails_at_any_draw_is_an_error_and_nothing_is_lost() {
    assert!(everywhere(Part::Generator) > 100);
}

// T54
#[test]
fn a_signer_that_fails_at_any_signature_loses_nothing() {
    for error in KEY_ERRORS {
        assert!(everywhere(Part::Signer(Flaw::Error(error))) > 30);
    }
}

// T54: one bit, as after a fault in RSA's arithmetic, or all of them
#[test]
fn no_faulty_signature_is_sent() {
    for flaw in (0..2048).step_by(409).map(Flaw::Bit).chain([Flaw::Garbage]) {
        assert!(everywhere(Part::Signer(flaw)) > 30);
    }
}

// T54
#[test]
fn a_decryptor_that_fails_or_gives_something_else_loses_nothing() {
    for flaw in KEY_ERRORS.map(Flaw::Error).into_iter().chain([Flaw::Garbage, Flaw::Rejected]) {
        assert!(everywhere(Part::Decryptor(flaw)) > 10);
    }
}

// T9, E21
#[test]
fn a_store_that_fails_before_or_after_a_change_loses_nothing_and_issues_nothing_twice() {
    for part in [Part::Load, Part::Record { written: false }, Part::Record { written: true }, Part::Owner] {
        assert!(everywhere(part) > 5);
    }
}

// T9: the step that asked unwinds, and the responder and the store go on
#[test]
fn a_store_that_panics_before_or_after_a_change_loses_nothing_and_issues_nothing_twice() {
    for written in [false, true] {
        assert!(everywhere(Part::Panic { written }) > 5);
    }
}

// T9, T54, R-5.2-2
#[test]
fn the_power_may_go_between_any_two_steps_of_either_end() {
    assert!(everywhere(Part::Power) > 150);
}

// T50, T54: neither at the device nor at the CA
#[test]
fn no_content_key_is_in_what_outlives_the_power() {
    for story in Story::ALL {
        CONTENT_KEYS.take();
        let World { device, wire, .. } = Plan::new(story, &[]).run();
        let rows = wire.office.rows.borrow();
        let keys = CONTENT_KEYS.take();
        assert_eq!(keys.is_empty(), story == Story::NextCa);
        for stored in rows.transactions.values().chain(rows.challenges.values()).chain(&device.flashed) {
            assert!(keys.iter().all(|key| !holds(stored, key)), "{story:?}");
        }
    }
}
