//! How deployed clients poll and ask again.

use crate::requests::{
    Csr, DEVICE, DEVICE_2, DEVICE_CERTIFICATE, Envelope, Message, OLD_CERTIFICATE, challenge, pkcs_req,
    renewal_with, with_csr,
};
use crate::server_kit::{Server, approve, config, deny, hold, never, renew};
use crate::support::tlv;
use scep::error::FailInfo;
use scep::server::State;
use scep::wire::{Certificate, Oid};

/// The same request as ever, encrypted and signed anew.
fn anew(round: u8) -> Message {
    let mut envelope = Envelope::new(Csr::new(&DEVICE).encode());
    envelope.content_key = vec![round; 16];
    envelope.iv = vec![round.wrapping_mul(7); 16];
    let mut message = Message::new("19", envelope.encode(), &DEVICE, &DEVICE_CERTIFICATE);
    message.set(Oid::SENDER_NONCE, &tlv(4, &[&[round; 16]]));
    message
}

// P8, Q13, R-5.2-5: certmonger polls by its request, with a new nonce and in a new envelope
#[test]
fn a_poll_by_the_same_request_encrypted_anew_is_a_poll() {
    let mut server = Server::new().policy(hold);
    server.ask(&anew(1)).cert_rep();
    let before = server.transaction();
    for round in 2..5 {
        let read = server.ask(&anew(round)).cert_rep();
        assert_eq!((read.status.as_str(), read.recipient_nonce), ("3", vec![round; 16]));
    }
    assert_eq!(server.transaction(), before);
    server.policy = approve;
    let first = server.ask(&anew(5)).success_for(&DEVICE, &DEVICE_CERTIFICATE).1;
    server.policy = never;
    let second = server.ask(&anew(6)).success_for(&DEVICE, &DEVICE_CERTIFICATE).1;
    assert_eq!(first.certificates, second.certificates);
    assert_eq!(server.issuer.count(), 1);
}

// P8, Q13, quirk 53, T25: scepclient sends identical bytes every 30 seconds
#[test]
fn identical_bytes_are_a_poll_while_held_and_the_same_certificate_after() {
    let mut server = Server::new().policy(hold);
    let bytes = pkcs_req().encode();
    for _ in 0..3 {
        server.post(bytes.clone()).pending();
    }
    server.policy = approve;
    let issued = server.post(bytes.clone()).success();
    server.policy = never;
    assert_eq!(server.post(bytes).success(), issued);
    assert_eq!(server.issuer.count(), 1);
}

// quirk 53, E19: another request under the same transactionID is not the same request
#[test]
fn another_request_under_a_held_transaction_is_refused_and_changes_nothing() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let other = with_csr(|csr| csr.subject = crate::support::name("CN=other"));
    server.policy = never;
    server.ask(&other).refused(FailInfo::BadRequest, 1);
    server.policy = approve;
    server.ask(&pkcs_req()).success();
}

// Q14, Q15, P10, quirk 48, I-8, I-15: what the signer is decides, not the type of the message nor a challenge
#[test]
fn renewals_of_deployed_clients_are_renewals() {
    for (clients, message_type, with_challenge, new_key) in [
        ("strongSwan, xipki", "17", false, true),
        ("scepclient", "17", true, false),
        ("sscep, jscep, Cisco", "19", false, true),
        ("PyScep, Apple, Intune", "19", true, true),
        ("certmonger", "19", true, false),
    ] {
        let server = Server::with(config().renewal(true)).policy(never).renewal(renew);
        let message = renewal_with(message_type, &OLD_CERTIFICATE, |csr| {
            if !new_key {
                *csr = Csr::new(&DEVICE);
            }
            csr.attributes = Some(vec![]);
            if with_challenge {
                csr.attributes = Some(vec![challenge(0x13, b"no longer valid")]);
            }
        });
        let (_, opened) = server.ask(&message).success_for(&DEVICE, &OLD_CERTIFICATE);
        let issued = Certificate::parse(&opened.certificates[0]).unwrap();
        let key = if new_key { DEVICE_2.public() } else { DEVICE.public() };
        assert_eq!(issued.public_key().as_der(), key, "{clients}");
        assert!(server.transaction().is_renewal(), "{clients}");
    }
}

// P8: one that was refused stays refused however it is asked about
#[test]
fn a_poll_by_the_same_request_tells_of_a_refusal_too() {
    let mut server = Server::new().policy(hold);
    server.ask(&anew(1)).cert_rep();
    server.policy = deny;
    assert_eq!(server.ask(&anew(2)).cert_rep().status, "2");
    assert_eq!(*server.transaction().state(), State::Rejected);
    server.policy = never;
    assert_eq!(server.ask(&anew(3)).cert_rep().status, "2");
}
