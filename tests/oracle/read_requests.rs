//! Requests, certificates and names made of the types of `x509-cert`, read by the crate.

use crate::primitives::{certificate, sign, signature_oid, verifies};
use crate::support::{CA, DEVICE, PROVIDER, STRANGER};
use crate::types::*;
use der::asn1::{Any, BitString, SetOfVec};
use der::{Decode as _, Encode as _, Tag};
use scep::error::{BadSignature, InvalidMessage};
use scep::wire::{self, CertificateSelector, CertificationRequest, Digest, Limits, Oid, SignatureScheme};
use std::str::FromStr as _;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

const CHALLENGE: &str = "1.2.840.113549.1.9.7";

fn info(attributes: Vec<Attribute>) -> CertReqInfo {
    CertReqInfo {
        version: Version::V1,
        subject: Name::from_str("CN=dev1,O=Test").unwrap(),
        public_key: certificate(&DEVICE).tbs_certificate().subject_public_key_info().clone(),
        attributes: SetOfVec::try_from(attributes).unwrap(),
    }
}

fn request(info: CertReqInfo) -> Vec<u8> {
    let signature = sign(&DEVICE, Digest::Sha256, &info.to_der().unwrap());
    let algorithm = algorithm(signature_oid(Digest::Sha256));
    CertReq { info, algorithm, signature: BitString::from_bytes(&signature).unwrap() }.to_der().unwrap()
}

/// P10-2: as a CA verifies it, over the bytes received.
fn verify(request: &CertificationRequest<'_>) -> Result<(), scep::Error> {
    let scheme = SignatureScheme::from_identifier(&request.signature_algorithm())?;
    PROVIDER.verifier(scheme)?.verify(&request.public_key(), &[request.info()], request.signature())
}

// P10-1, P10-2, P9-3, P9-5
#[test]
fn a_request_of_other_hands_is_read_and_verified() {
    let extensions = certificate(&DEVICE).tbs_certificate().extensions().unwrap().clone();
    let requested = Attribute::try_from(ExtensionReq(extensions.clone())).unwrap();
    for (tag, bytes) in [
        (Tag::PrintableString, &b"Ab1"[..]),
        (Tag::Utf8String, b"Ab1"),
        (Tag::Ia5String, b"Ab1"),
        (Tag::TeletexString, b"Ab1"),
        (Tag::BmpString, b"\0A\0b\x001"),
    ] {
        let info = info(vec![
            requested.clone(),
            attribute(CHALLENGE, tag, bytes),
            attribute("1.3.6.1.4.1.311.13.2.3", Tag::Ia5String, b"10.0.1.2"),
        ]);
        let der = request(info.clone());
        let read = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap();
        assert_eq!(read.info(), info.to_der().unwrap());
        assert_eq!(read.subject().as_der(), info.subject.to_der().unwrap());
        assert_eq!(read.public_key().as_der(), info.public_key.to_der().unwrap());
        assert_eq!(read.attributes().count(), 3);
        let challenge = read.challenge_password().unwrap().unwrap();
        assert_eq!(challenge.as_str(), "Ab1", "{tag:?}");
        let found = read.extension_request(&Limits::DEFAULT).unwrap().unwrap();
        assert_eq!(found.as_der(), extensions.to_der().unwrap());
        let usage = found.get(Oid::KEY_USAGE).unwrap();
        let usage = wire::KeyUsage::from_extension(usage.value).unwrap();
        assert_eq!(usage, wire::KeyUsage::DIGITAL_SIGNATURE | wire::KeyUsage::KEY_ENCIPHERMENT);
        assert_eq!(verify(&read), Ok(()));

        let mut damaged = der.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let read = CertificationRequest::parse(&damaged, &Limits::DEFAULT).unwrap();
        assert_eq!(verify(&read), Err(BadSignature::Signature.into()));
    }
}

// P4, P10-1, P10-2: the signature holds over what was sent, not over what an encoder would make of it.
#[test]
fn a_request_with_attributes_in_another_order_verifies_as_it_was_sent() {
    let attributes =
        [attribute(CHALLENGE, Tag::PrintableString, b"Ab1"), attribute("1.2.3.4", Tag::Utf8String, b"x")];
    let sorted = info(attributes.to_vec());
    let reversed: Vec<_> =
        sorted.attributes.as_slice().iter().rev().map(|one| one.to_der().unwrap()).collect();
    let reversed = reversed.concat();
    let fields = [
        &[2, 1, 0][..],
        &sorted.subject.to_der().unwrap(),
        &sorted.public_key.to_der().unwrap(),
        &tlv(0xA0, &[&reversed]),
    ];
    for fields in [&fields[..], &fields[..3]] {
        let info = tlv(0x30, fields);
        let signature = sign(&DEVICE, Digest::Sha256, &info);
        let algorithm = algorithm(signature_oid(Digest::Sha256)).to_der().unwrap();
        let der = tlv(0x30, &[&info, &algorithm, &tlv(3, &[&[0], &signature])]);
        let read = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap();
        assert_eq!(verify(&read), Ok(()));
        let challenge = read.challenge_password().unwrap();
        assert_eq!(challenge.as_ref().map(|text| text.as_str()), (fields.len() == 4).then_some("Ab1"));
    }
}

// P9-1
#[test]
fn a_challenge_with_two_values_is_refused() {
    let two = [Any::new(Tag::PrintableString, *b"1"), Any::new(Tag::PrintableString, *b"2")];
    let values = SetOfVec::try_from(two.map(Result::unwrap)).unwrap();
    let der = request(info(vec![Attribute { oid: oid(CHALLENGE), values }]));
    let read = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap();
    assert_eq!(read.challenge_password().map(drop), Err(InvalidMessage::ChallengePassword.into()));
}

#[test]
fn certificates_are_read_as_the_oracle_reads_them() {
    for party in [&CA, &DEVICE, &STRANGER] {
        let der = party.certificate();
        let view = wire::Certificate::parse(&der).unwrap();
        let oracle = certificate(party);
        let tbs = oracle.tbs_certificate();
        assert_eq!(view.tbs(), tbs.to_der().unwrap());
        assert_eq!(view.serial(), tbs.serial_number().as_bytes());
        assert_eq!(view.issuer().as_der(), tbs.issuer().to_der().unwrap());
        assert_eq!(view.subject().as_der(), tbs.subject().to_der().unwrap());
        assert_eq!(view.public_key().as_der(), tbs.subject_public_key_info().to_der().unwrap());
        let validity = tbs.validity();
        assert_eq!(view.not_before().unwrap().as_secs(), validity.not_before.to_unix_duration().as_secs());
        assert_eq!(view.not_after().unwrap().as_secs(), validity.not_after.to_unix_duration().as_secs());
        assert_eq!(view.subject_key_identifier(), Some(key_identifier(party).0.as_bytes()));
        assert_eq!(view.signature(), oracle.signature().as_bytes().unwrap());
        let (_, usage) = tbs.get_extension::<KeyUsage>().unwrap().unwrap();
        let read = view.key_usage().unwrap();
        assert_eq!(read.contains(wire::KeyUsage::KEY_CERT_SIGN), usage.key_cert_sign());
        assert_eq!(read.contains(wire::KeyUsage::KEY_ENCIPHERMENT), usage.key_encipherment());
        let constraints = tbs.get_extension::<BasicConstraints>().unwrap();
        assert_eq!(view.is_ca(), constraints.is_some_and(|(_, constraints)| constraints.ca));
        assert_eq!(view.is_self_issued(), tbs.issuer() == tbs.subject());
        let issuer = if view.is_self_issued() { party } else { &CA };
        assert!(verifies(issuer, Digest::Sha256, view.tbs(), view.signature()));
    }
}

// C-6.2.1-3: the issuer is compared by the rules of RFC 5280 section 7.1, not by its bytes.
#[test]
fn a_selector_of_other_hands_names_the_certificate() {
    let der = DEVICE.certificate();
    let view = wire::Certificate::parse(&der).unwrap();
    let mut selector = issuer_and_serial(&DEVICE);
    let encoded = selector.to_der().unwrap();
    assert!(wire::IssuerAndSerialNumber::parse(&encoded).unwrap().matches(&view));

    let part = |name, tag, text: &[u8]| {
        let part = [oid(name).to_der().unwrap(), Any::new(tag, text).unwrap().to_der().unwrap()].concat();
        tlv(0x31, &[&tlv(0x30, &[&part])])
    };
    let name = |cn: &[u8]| {
        let parts = [
            part("2.5.4.6", Tag::PrintableString, b"DE"),
            part("2.5.4.10", Tag::PrintableString, b"TEST"),
            part("2.5.4.3", Tag::BmpString, cn),
        ];
        Name::from_der(&tlv(0x30, &[&parts.concat()])).unwrap()
    };
    selector.issuer = name(b"\0T\0e\0s\0t\0 \0 \0c\0a");
    let encoded = selector.to_der().unwrap();
    let read = wire::IssuerAndSerialNumber::parse(&encoded).unwrap();
    assert!(read.matches(&view) && CertificateSelector::IssuerAndSerialNumber(read).matches(&view));
    selector.issuer = name(b"\0T\0e\0s\0t\0 \0c\0b");
    let encoded = selector.to_der().unwrap();
    assert!(!wire::IssuerAndSerialNumber::parse(&encoded).unwrap().matches(&view));
    selector = issuer_and_serial(&CA);
    let encoded = selector.to_der().unwrap();
    assert!(!wire::IssuerAndSerialNumber::parse(&encoded).unwrap().matches(&view));
}

// R-3.3.3-1
#[test]
fn a_poll_of_other_hands_is_read() {
    let names = [&CA, &DEVICE].map(|party| certificate(party).tbs_certificate().subject().clone());
    let der = names.to_vec().to_der().unwrap();
    let read = wire::IssuerAndSubject::parse(&der).unwrap();
    assert_eq!(read.issuer.as_der(), names[0].to_der().unwrap());
    assert_eq!(read.subject.as_der(), names[1].to_der().unwrap());
    assert_eq!(read.subject.common_name().as_deref(), Some("dev1"));
    let three = [&names[..], &names[..1]].concat().to_der().unwrap();
    assert_eq!(wire::IssuerAndSubject::parse(&three), Err(InvalidMessage::TrailingData.into()));
}
