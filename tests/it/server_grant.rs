//! From an authorisation to a certificate, and what is never shown or stored.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, holds, seeded};
use scep::crypto::ChallengePassword;
use scep::error::{ApiMisuse, Error, Limit};
use scep::pki_types::CertificateDer;
use scep::server::{Authorized, Evidence, Exchange, IssuancePolicy, IssuedChain, Refusal, SharedSecret};

fn authorized(server: &Server) -> Authorized {
    server.up_to_question(&pkcs_req()).approve()
}

/// A certificate of the CA for the device's key, with a change.
fn leaf(change: impl FnOnce(&mut X509)) -> CertificateDer<'static> {
    let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
    change(&mut template);
    certificate(&template.sign(&CA))
}

#[track_caller]
fn refused(leaf: CertificateDer<'static>, rest: Vec<CertificateDer<'static>>, expected: impl Into<Error>) {
    let server = Server::new();
    let mismatch = IssuedChain::new(leaf, rest, authorized(&server)).unwrap_err();
    assert_eq!(mismatch.error, expected.into());
    assert_eq!(mismatch.to_string(), mismatch.error.to_string());
    // the authorisation is not lost
    assert_eq!(mismatch.authorized.requested().public_key(), DEVICE.public());
    let answer = server.go_on(mismatch.authorized.refuse(Refusal::Policy, &mut seeded(1)));
    assert_eq!(answer.cert_rep().fail_info.as_deref(), Some("2"));
    assert!(server.snapshot().is_empty());
}

// T19, T33, P9-6
#[test]
fn a_certificate_for_another_key_cannot_be_granted() {
    refused(leaf(|t| t.public_key = STRANGER.public().to_vec()), Vec::new(), ApiMisuse::Chain);
    refused(certificate(&CA_CERTIFICATE), Vec::new(), ApiMisuse::Chain);
}

// T19, P9-6, case 61
#[test]
fn a_ca_certificate_cannot_be_granted() {
    refused(leaf(|t| t.is_ca = true), Vec::new(), ApiMisuse::Chain);
}

#[test]
fn bytes_that_are_no_certificate_cannot_be_granted() {
    for der in [&[][..], &[0x30, 0], b"-----BEGIN CERTIFICATE-----"] {
        refused(certificate(der), Vec::new(), ApiMisuse::Chain);
    }
    let mut cut = leaf(|_| ()).to_vec();
    cut.pop();
    refused(certificate(&cut), Vec::new(), ApiMisuse::Chain);
}

#[test]
fn a_chain_longer_than_sixteen_cannot_be_granted() {
    let ca = certificate(&CA_CERTIFICATE);
    refused(leaf(|_| ()), vec![ca.clone(); 16], Limit::Certificates);
    let server = Server::new();
    let granted = IssuedChain::new(leaf(|_| ()), vec![ca; 15], authorized(&server)).unwrap().grant();
    let answer = server.go_on(granted);
    let opened = answer.cert_rep().open(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!(opened.certificates.len(), 16);
}

// the issuer may try again with a better certificate
#[test]
fn an_authorisation_survives_a_certificate_that_does_not_fit() {
    let server = Server::new();
    let wrong = leaf(|t| t.is_ca = true);
    let mismatch = IssuedChain::new(wrong, Vec::new(), authorized(&server)).unwrap_err();
    let right = leaf(|_| ());
    let granted = IssuedChain::new(right.clone(), Vec::new(), mismatch.authorized).unwrap().grant();
    let opened = server.go_on(granted).cert_rep().open(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!(opened.certificates, [right.to_vec()]);
}

// R-3.3.2.1-6: the CA may change subject and extensions, where its owner says that it does
#[test]
fn a_certificate_with_another_subject_can_be_granted() {
    let server = Server::with(config().issuance(IssuancePolicy::default().issuer_names(true)));
    let other = leaf(|t| t.subject = crate::support::name("CN=as the CA likes"));
    let granted = IssuedChain::new(other.clone(), Vec::new(), authorized(&server)).unwrap().grant();
    let opened = server.go_on(granted).cert_rep().open(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!(opened.certificates, [other.to_vec()]);
}

// R-2.4-11, T8
#[test]
fn a_shared_secret_is_redeemed_by_the_very_same_text_only() {
    let server = Server::new();
    let secret = |text: &str| SharedSecret::new(ChallengePassword::new(text).unwrap());
    let question = || server.up_to_question(&pkcs_req());
    assert_eq!(secret(CHALLENGE).redeem(question()).unwrap().evidence(), Evidence::SharedSecret);
    for wrong in ["x", &CHALLENGE[1..], &CHALLENGE.to_uppercase(), &format!("{CHALLENGE} ")] {
        assert!(secret(wrong).redeem(question()).is_err());
    }
    let question = server.up_to_question(&with_csr(|csr| csr.attributes = None));
    assert!(secret(CHALLENGE).redeem(question).is_err());
}

/// Fails if the challenge is in this text, or in bytes that are shown in it.
#[track_caller]
fn hides(shown: &str) {
    let bytes = CHALLENGE.as_bytes();
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown = shown.to_lowercase();
    for form in [CHALLENGE, &decimal.join(", "), &decimal.join(","), &hex] {
        assert!(!shown.contains(form), "{shown}");
    }
    // what would be there if the whole request was shown
    assert!(!shown.contains("correct"), "{shown}");
}

// T50, P9-7, R-2.4-10: in no step, no outcome and nothing that is stored
#[test]
fn the_challenge_is_in_no_debug_output_and_in_nothing_that_is_stored() {
    let message = pkcs_req().encode();
    assert!(!holds(&message, CHALLENGE.as_bytes()));
    assert!(holds(&Csr::new(&DEVICE).encode(), CHALLENGE.as_bytes()));
    for policy in [by_challenge as Policy, hold, deny] {
        let server = Server::new().policy(policy);
        // one stop after the other, from the first step on
        let stops: [fn(&Exchange) -> bool; 6] = [
            |exchange| matches!(exchange, Exchange::Decrypt(_)),
            |exchange| matches!(exchange, Exchange::Lookup(_)),
            |exchange| matches!(exchange, Exchange::Decide(_)),
            |exchange| matches!(exchange, Exchange::Record(_) | Exchange::Sign(_)),
            |exchange| matches!(exchange, Exchange::Sign(_)),
            |exchange| matches!(exchange, Exchange::Done(_)),
        ];
        let mut steps = Vec::new();
        for stop in stops {
            let server = Server::new().policy(policy);
            let exchange = server.walk(message.clone(), stop);
            let shown = format!("{exchange:?} {exchange:#?}");
            hides(&shown);
            steps.push(shown);
            if let Exchange::Record(record) = &exchange {
                hides(&format!("{:?}", record.transition()));
                assert!(!holds(&record.transition().to().to_bytes(), CHALLENGE.as_bytes()));
            }
            if let Exchange::Done(outcome) = &exchange {
                hides(&format!("{outcome:?} {:#?} {}", outcome.summary, outcome.summary.status));
                assert!(!holds(&outcome.reply.body, CHALLENGE.as_bytes()));
            }
            for (key, transaction) in server.snapshot() {
                hides(&format!("{key:?} {transaction:?}"));
                assert!(!holds(&transaction.to_bytes(), CHALLENGE.as_bytes()));
            }
        }
        assert!(steps.iter().all(|shown| shown.len() > 10));
        server.ask(&pkcs_req()).cert_rep();
    }
}

// T50
#[test]
fn questions_authorisations_and_secrets_show_no_challenge() {
    let server = Server::new();
    let question = server.up_to_question(&pkcs_req());
    hides(&format!("{question:?} {:?} {:?}", question.record(), question.challenge()));
    assert!(format!("{question:?}").contains(SUBJECT));
    let authorized = question.approve();
    hides(&format!("{authorized:?} {:?}", authorized.requested()));
    let chain = IssuedChain::new(leaf(|_| ()), Vec::new(), authorized).unwrap();
    hides(&format!("{chain:?}"));
    let mismatch = IssuedChain::new(certificate(&[]), Vec::new(), self::authorized(&server)).unwrap_err();
    hides(&format!("{mismatch:?} {mismatch}"));
    hides(&format!("{:?}", SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap())));
    hides(&format!("{:?}", server.responder));
}
