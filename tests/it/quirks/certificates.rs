//! Certificates of devices, of CAs and of RAs, and how messages name them.

use crate::provider::PROVIDER;
use crate::requests::{
    self, CA, CA_CERTIFICATE, DEVICE, DEVICE_CERTIFICATE, Envelope, Message, RA, RA_CERTIFICATE, Recipient,
    algorithm, indefinite, oid, pkcs_req, seq, sha_with_rsa, validity, with_envelope,
};
use crate::server_kit::{Server, certificate};
use crate::support::*;
use scep::client::{Driven, Transport};
use scep::crypto::Digest;
use scep::error::{BadEnvelope, FailInfo};
use scep::message::Unverified;
use scep::server::{Identity, ServerConfig};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{
    Certificate, EnvelopedData, ExtensionsBuilder, KeyUsage, Limits, Oid, RecipientInfo, certs_only,
};
use std::convert::Infallible;

/// A certificate that the device made for itself, with these extensions.
fn with_extensions(extensions: ExtensionsBuilder) -> Vec<u8> {
    let signature = algorithm(sha_with_rsa(Digest::Sha256), requests::NULL);
    let tbs = seq(&[
        &tlv(0xA0, &[&[2, 1, 2]]),
        &[2, 1, 9],
        &signature,
        &name(requests::SUBJECT),
        &seq(&[&validity(NOW - 60, NOW + YEAR)]),
        &name(requests::SUBJECT),
        DEVICE.public(),
        &tlv(0xA3, &[&extensions.build()]),
    ]);
    seq(&[&tbs, &signature, &tlv(3, &[&[0], &DEVICE.sign(Digest::Sha256, &tbs)])])
}

// Q1, quirk 26: Windows 10 makes its authority key identifier critical
#[test]
fn a_device_may_sign_with_critical_extensions_that_no_ca_would_make_critical() {
    let identifier = seq(&[&tlv(0x80, &[&[0xDE; 20]])]);
    let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
    let base = || ExtensionsBuilder::default().key_usage(usage);
    for extensions in [
        base().raw(Oid::new(&[0x55, 0x1D, 0x23]), true, &identifier),
        base().raw(Oid::SUBJECT_KEY_IDENTIFIER, true, &tlv(4, &[&[0xDE; 20]])),
        base().raw(Oid::new(&[0x2A, 3, 4]), true, &[5, 0]),
    ] {
        let certificate = with_extensions(extensions);
        let server = Server::new();
        let message = Message::new("19", pkcs_req().content, &DEVICE, &certificate);
        server.ask(&message).success_for(&DEVICE, &certificate);
        assert_eq!(server.issuer.count(), 1);
    }
}

// quirk 37, C-6.2.1-3: clients write the CA's name anew, in the string type that they like
#[test]
fn a_recipient_is_found_by_its_name_in_another_string_type() {
    let serial = tlv(2, &[Certificate::parse(&CA_CERTIFICATE).unwrap().serial()]);
    let named = |tag: u8, text: &[u8]| {
        let name = seq(&[&tlv(0x31, &[&seq(&[&oid(Oid::COMMON_NAME), &tlv(tag, &[text])])])]);
        with_envelope(|e| e.recipient.rid = seq(&[&name, &serial]))
    };
    for tag in [0x13, 0x0C, 0x14] {
        Server::new().ask(&named(tag, b"Server CA")).success();
        Server::new().ask(&named(tag, b"server  ca")).success();
        let answer = Server::new();
        answer.ask(&named(tag, b"Server CB")).refused(FailInfo::BadRequest, 0);
    }
    let wide: Vec<u8> = b"Server CA".iter().flat_map(|byte| [0, *byte]).collect();
    Server::new().ask(&named(0x1E, &wide)).success();
}

// quirk 37: an OCTET STRING inside of the tag, so that the identifier has two octets more and is nobody's
#[test]
fn a_key_identifier_that_is_wrapped_twice_names_nobody() {
    let server = Server::new();
    let wrapped = |e: &mut Envelope| {
        e.recipient.rid = tlv(0x80, &[&tlv(4, &[&[0xCA; 20]])]);
        e.recipient.version = 2;
        e.version = 2;
    };
    let answer = server.ask(&with_envelope(wrapped));
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(BadEnvelope::Recipient);
}

/// An honest CA that shows its certificates in some other way.
struct Shows {
    ca: Ca,
    certificates: Vec<u8>,
}

impl Transport for Shows {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        if request.target.contains("GetCACert") {
            return Ok(HttpResponse::new(200, None, self.certificates.clone()));
        }
        self.ca.exchange(request)
    }
}

// quirks 20, 21: encrypting for the wrong one is the fault most often reported about SCEP clients
#[test]
fn of_the_certificates_of_ndes_the_one_for_encryption_is_taken_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let ca = Ca::with_encryption_ra();
        let recipient = ca.ra.clone().unwrap();
        let template = Template { usage: Some(KeyUsage::DIGITAL_SIGNATURE), ..Template::leaf("CN=RA") };
        let signs = template.sign(TestKey::stranger().soft.public_key_der(), &ca.key);
        let all = [signs, recipient.clone(), ca.certificate.clone()];
        let chain: Vec<&[u8]> = order.iter().map(|index| all[*index].as_ref()).collect();
        let mut shows = Shows { certificates: certs_only::encode(&chain), ca };
        let mut device = Device::new(&shows.ca);
        let step = device.start();
        issued(device.go(step, &mut shows).unwrap());

        let request = shows.ca.requests.last().unwrap().body.clone();
        let message = Unverified::parse(request, &Limits::DEFAULT).unwrap();
        let verified = message.verify_as_sent(&PROVIDER).unwrap();
        let data = EnvelopedData::parse(verified.content(), &Limits::DEFAULT).unwrap();
        let Some(RecipientInfo::KeyTransport(info)) = data.recipients().next() else { panic!() };
        assert!(info.recipient.matches(&Certificate::parse(&recipient).unwrap()), "{order:?}");
    }
}

// Q8, R-4.2.1-2, R-3.4-1: bare, in a bundle of one, with empty content (Redwax), in BER, with an empty field for CRLs,
// with a line end behind it
#[test]
fn an_answer_to_get_ca_cert_is_read_in_every_shape_seen() {
    let ca = Ca::new().certificate.to_vec();
    let bundle = |nest: fn(u8, &[&[u8]]) -> Vec<u8>, content: &[u8], crls: &[u8]| {
        let encapsulated = nest(0x30, &[&oid(Oid::ID_DATA), content]);
        let certificates = nest(0xA0, &[&ca]);
        let data = nest(0x30, &[&[2, 1, 1, 0x31, 0], &encapsulated, &certificates, crls, &[0x31, 0]]);
        nest(0x30, &[&oid(Oid::ID_SIGNED_DATA), &nest(0xA0, &[&data])])
    };
    let empty = tlv(0xA0, &[&[4, 0]]);
    for certificates in [
        ca.clone(),
        [&ca[..], b"\r\n"].concat(),
        bundle(tlv, &[], &[]),
        bundle(tlv, &empty, &[]),
        bundle(tlv, &[], &[0xA1, 0]),
        bundle(indefinite, &[], &[]),
        bundle(indefinite, &indefinite(0xA0, &[&[0x24, 0x80, 4, 0, 0, 0]]), &[]),
        [bundle(tlv, &empty, &[]), b"\n".to_vec()].concat(),
    ] {
        let mut shows = Shows { ca: Ca::new(), certificates };
        let mut device = Device::new(&shows.ca);
        let step = device.start();
        let driven = device.go(step, &mut shows);
        assert!(matches!(driven, Ok(Driven::Done(_))), "{:02x?}", &shows.certificates[..30]);
        issued(driven.unwrap());
    }
}

// Q10: macOS takes the CA for the recipient where it does not know better; the server has both keys
#[test]
fn a_request_is_opened_whichever_of_the_servers_certificates_it_was_encrypted_for() {
    for (first, second) in [(&RA_CERTIFICATE, &CA_CERTIFICATE), (&CA_CERTIFICATE, &RA_CERTIFICATE)] {
        let identity = |der: &[u8]| Identity::new(certificate(der));
        let config = ServerConfig::new(&PROVIDER, identity(first), vec![certificate(&CA_CERTIFICATE)]);
        let mut server = Server::with(config.also_open(identity(second)));
        server.keys = vec![&CA, &RA];
        for (recipient, key) in [(&RA_CERTIFICATE, &RA), (&CA_CERTIFICATE, &CA)] {
            // the one that opens is the one that answers
            server.signing = (key, recipient.to_vec());
            let message = with_envelope(|e| e.recipient = Recipient::new(recipient, key));
            server.ask(&message).success_for(&DEVICE, &DEVICE_CERTIFICATE);
        }
    }
}
