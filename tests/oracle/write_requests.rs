//! Certification requests, self-signed certificates and names that the crate writes, read by `x509-cert`.

use crate::primitives::{DIGESTS, sign, signature_oid, verifies};
use crate::support::{DEVICE, STRANGER, time};
use crate::types::{algorithm, attribute, octets, oid};
use der::asn1::{Any, BitString, Ia5String};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use scep::wire::{
    self, CertificationRequestInfoDraft, Digest, DistinguishedName, ExtensionsBuilder, GeneralName, KeyUsage,
    Oid, SignatureScheme, SubjectPublicKeyInfo, TbsCertificateDraft, assemble,
};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{self, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, ExtensionReq, Version};

fn subject() -> DistinguishedName {
    "C=DE, O=Test GmbH, CN=dev_1, emailAddress=a@example.com".parse().unwrap()
}

fn request(draft: &CertificationRequestInfoDraft<'_>, digest: Digest) -> Vec<u8> {
    let info = draft.encode();
    assemble(&info, SignatureScheme::RsaPkcs1(digest), &sign(&DEVICE, digest, &info))
}

fn bits(bytes: &[u8]) -> BitString {
    BitString::from_bytes(bytes).unwrap()
}

// R-3.3.1-1, P10-1, P10-2, P9-2, P9-5
#[test]
fn a_request_has_every_field_as_expected() {
    let key = DEVICE.key();
    let subject = subject();
    let extensions = ExtensionsBuilder::default()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT | KeyUsage::DECIPHER_ONLY)
        .extended_key_usage(&[Oid::CLIENT_AUTH, Oid::SERVER_AUTH])
        .subject_alt_names(&[
            GeneralName::Dns("dev1.example.com"),
            GeneralName::Ip(&[192, 0, 2, 1]),
            GeneralName::Email("a@example.com"),
            GeneralName::Uri("urn:x"),
            GeneralName::DirectoryName(subject.name()),
        ])
        .unwrap()
        .build();
    for (digest, challenge, tag) in [
        (Digest::Sha1, "abc", Tag::PrintableString),
        (Digest::Sha256, "p@ss_ü", Tag::Utf8String),
        (Digest::Sha384, "A z'()+,-./:=?9", Tag::PrintableString),
        (Digest::Sha512, "a&b", Tag::Utf8String),
    ] {
        let draft = CertificationRequestInfoDraft {
            subject: subject.name(),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            challenge: Some(challenge),
            extensions: Some(&extensions),
        };
        let der = request(&draft, digest);
        let read = CertReq::from_der(&der).unwrap();
        assert_eq!(read.to_der().unwrap(), der);
        assert_eq!(read.info.version, Version::V1);
        assert_eq!(read.info.subject.to_der().unwrap(), subject.as_der());
        assert_eq!(read.info.public_key.to_der().unwrap(), key.public_key_der());
        assert_eq!(read.algorithm, algorithm(signature_oid(digest)));
        let info = read.info.to_der().unwrap();
        assert!(verifies(&DEVICE, digest, &info, read.signature.as_bytes().unwrap()));

        let [password, requested] = read.info.attributes.as_slice() else { panic!("{read:?}") };
        assert_eq!(*password, attribute("1.2.840.113549.1.9.7", tag, challenge.as_bytes()));
        assert_eq!(requested.oid, oid("1.2.840.113549.1.9.14"));
        let [value] = requested.values.as_slice() else { panic!("{requested:?}") };
        assert_eq!(value.to_der().unwrap(), extensions);
        let ExtensionReq(requested) = ExtensionReq::from_der(&extensions).unwrap();
        let [usage, purposes, names] = &requested[..] else { panic!("{requested:?}") };
        assert_eq!(usage.extn_id, oid("2.5.29.15"));
        assert!(usage.critical && !purposes.critical && !names.critical);
        let usage = pkix::KeyUsage::from_der(usage.extn_value.as_bytes()).unwrap();
        assert!(usage.digital_signature() && usage.key_encipherment() && usage.decipher_only());
        assert!(!usage.key_cert_sign() && !usage.non_repudiation() && !usage.encipher_only());
        let pkix::ExtendedKeyUsage(purposes) =
            pkix::ExtendedKeyUsage::from_der(purposes.extn_value.as_bytes()).unwrap();
        assert_eq!(purposes, [oid("1.3.6.1.5.5.7.3.2"), oid("1.3.6.1.5.5.7.3.1")]);
        let SubjectAltName(names) = SubjectAltName::from_der(names.extn_value.as_bytes()).unwrap();
        let text = |text: &str| Ia5String::new(text).unwrap();
        use pkix::name::GeneralName as Read;
        let expected = [
            Read::DnsName(text("dev1.example.com")),
            Read::IpAddress(octets(&[192, 0, 2, 1])),
            Read::Rfc822Name(text("a@example.com")),
            Read::UniformResourceIdentifier(text("urn:x")),
            Read::DirectoryName(read.info.subject.clone()),
        ];
        assert_eq!(names, expected);
    }
}

// P10-1: the attributes field stays when it is empty.
#[test]
fn a_request_without_attributes_is_read() {
    let key = DEVICE.key();
    let draft = CertificationRequestInfoDraft {
        subject: wire::Name::parse(&[0x30, 0]).unwrap(),
        public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
        challenge: None,
        extensions: None,
    };
    let der = request(&draft, Digest::Sha256);
    let read = CertReq::from_der(&der).unwrap();
    assert!(read.info.attributes.is_empty() && read.info.subject.is_empty());
    assert_eq!(read.to_der().unwrap(), der);
}

// R-2.3-1
#[test]
fn a_self_signed_certificate_has_every_field_as_expected() {
    let key = STRANGER.key();
    let subject = subject();
    for (digest, not_after) in
        DIGESTS.into_iter().zip([1_800_000_000, 2_524_607_999, 2_524_608_000, u64::MAX])
    {
        let scheme = SignatureScheme::RsaPkcs1(digest);
        let tbs = TbsCertificateDraft {
            serial: &[0x00, 0xFE, 0xDC],
            subject: subject.name(),
            not_before: time(1_600_000_000),
            not_after: time(not_after),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            scheme,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        }
        .encode();
        let signature = sign(&STRANGER, digest, &tbs);
        let der = assemble(&tbs, scheme, &signature);
        let read = Certificate::from_der(&der).unwrap();
        assert_eq!(read.to_der().unwrap(), der);
        assert_eq!(*read.signature_algorithm(), algorithm(signature_oid(digest)));
        assert_eq!(*read.signature(), bits(&signature));
        let fields = read.tbs_certificate();
        assert_eq!(fields.to_der().unwrap(), tbs);
        assert_eq!(fields.version(), x509_cert::Version::V3);
        assert_eq!(fields.serial_number().as_bytes(), [0x00, 0xFE, 0xDC]);
        assert_eq!(fields.signature(), read.signature_algorithm());
        assert_eq!(fields.subject().to_der().unwrap(), subject.as_der());
        assert_eq!(fields.issuer(), fields.subject());
        assert_eq!(fields.subject_public_key_info().to_der().unwrap(), key.public_key_der());
        let validity = fields.validity();
        assert_eq!(validity.not_before.to_unix_duration().as_secs(), 1_600_000_000);
        // 9999-12-31T23:59:59Z is "no end".
        assert_eq!(validity.not_after.to_unix_duration().as_secs(), not_after.min(253_402_300_799));
        let tag = if not_after < 2_524_608_000 { Tag::UtcTime } else { Tag::GeneralizedTime };
        assert_eq!(Any::from_der(&validity.not_after.to_der().unwrap()).unwrap().tag(), tag);
        assert_eq!(fields.extensions().map(|extensions| extensions.len()), Some(1));
        let (critical, usage) = fields.get_extension::<pkix::KeyUsage>().unwrap().unwrap();
        assert!(critical && usage.digital_signature() && usage.key_encipherment());
        assert!(!usage.key_cert_sign() && !usage.non_repudiation());
    }
}

#[test]
fn a_name_made_of_text_has_the_string_types_of_rfc_5280() {
    let name: DistinguishedName =
        "C=DE, DC=example, O=Tést, serialNumber=47-11, CN=a*b + UID=u1, emailAddress=a@example.com"
            .parse()
            .unwrap();
    let read = Name::from_der(name.as_der()).unwrap();
    assert_eq!(read.to_der().unwrap(), name.as_der());
    let rdns: Vec<Vec<_>> = read
        .iter_rdn()
        .map(|rdn| rdn.iter().map(|part| (part.oid, part.value.tag(), part.value.value().to_vec())).collect())
        .collect();
    let part = |name, tag, text: &str| (oid(name), tag, text.as_bytes().to_vec());
    let expected = [
        vec![part("2.5.4.6", Tag::PrintableString, "DE")],
        vec![part("0.9.2342.19200300.100.1.25", Tag::Ia5String, "example")],
        vec![part("2.5.4.10", Tag::Utf8String, "Tést")],
        vec![part("2.5.4.5", Tag::PrintableString, "47-11")],
        vec![
            part("2.5.4.3", Tag::Utf8String, "a*b"),
            part("0.9.2342.19200300.100.1.1", Tag::PrintableString, "u1"),
        ],
        vec![part("1.2.840.113549.1.9.1", Tag::Ia5String, "a@example.com")],
    ];
    assert_eq!(rdns, expected);
}
