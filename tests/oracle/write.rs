//! CMS messages that the crate writes, read by `cms`.

use crate::primitives::{DIGESTS, certificate, cipher_oid, digest_oid, hash, verifies};
use crate::support::{CA, DEVICE, PROVIDER, SIGNING_TIME, STRANGER, enclose, seal, success, time};
use crate::types::*;
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::CmsVersion;
use cms::enveloped_data::{EnvelopedData, RecipientIdentifier, RecipientInfo};
use cms::signed_data::SignedData;
use der::asn1::{Any, UtcTime};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use scep::error::FailInfo;
use scep::message::Fields;
use scep::wire::{self, ContentEncryption, Digest, KeyTransport, SignatureScheme, TransactionId, certs_only};
use x509_cert::attr::Attribute;
use x509_cert::name::Name;

/// The one value of the attribute, or nothing.
fn value<'a>(attributes: impl IntoIterator<Item = &'a Attribute>, name: &str) -> Option<Any> {
    let mut found = attributes.into_iter().filter(|attribute| attribute.oid == oid(name));
    let attribute = found.next()?;
    assert!(found.next().is_none());
    let [value] = attribute.values.as_slice() else { panic!("{attribute:?}") };
    Some(value.clone())
}

fn any(tag: Tag, value: &[u8]) -> Option<Any> {
    Some(Any::new(tag, value).unwrap())
}

// C-5.1-1, C-5.3-1, C-5.3-2, C-5.3-4, C-5.4-1, ALG-1, ALG-2, ALG-3, ALG-10
#[test]
fn a_message_has_every_field_as_expected() {
    for digest in DIGESTS {
        let content = b"not an envelope, but nobody looks";
        let der = seal(content.to_vec(), &success(), &DEVICE, digest);
        let data: SignedData = decode(&der, SIGNED_DATA);
        assert_eq!(data.version, CmsVersion::V1);
        assert_eq!(data.digest_algorithms.as_slice(), [algorithm(digest_oid(digest))]);
        assert_eq!(data.encap_content_info.econtent_type, oid(DATA));
        assert_eq!(data.encap_content_info.econtent, any(Tag::OctetString, content));
        let certificates = data.certificates.as_ref().unwrap().0.as_slice();
        assert_eq!(certificates, [CertificateChoices::Certificate(certificate(&DEVICE))]);
        assert_eq!(data.crls, None);

        let [signer] = data.signer_infos.0.as_slice() else { panic!("{data:?}") };
        assert_eq!(signer.version, CmsVersion::V1);
        assert_eq!(signer.sid, by_serial(&DEVICE));
        assert_eq!(signer.digest_alg, algorithm(digest_oid(digest)));
        assert_eq!(signer.signature_algorithm, algorithm(RSA_ENCRYPTION));
        assert_eq!(signer.unsigned_attrs, None);
        let signed = signer.signed_attrs.as_ref().unwrap();
        // The tag of SET OF, and the order of DER, which `SetOfVec` restores.
        let to_be_verified = signed.to_der().unwrap();
        assert_eq!(to_be_verified[0], 0x31);
        assert!(verifies(&DEVICE, digest, &to_be_verified, signer.signature.as_bytes()));

        assert_eq!(signed.len(), 8);
        let value = |name| value(signed.iter(), name);
        assert_eq!(value("1.2.840.113549.1.9.3"), any(Tag::ObjectIdentifier, oid(DATA).as_bytes()));
        assert_eq!(value("1.2.840.113549.1.9.4"), any(Tag::OctetString, &hash(digest, content)));
        let signing_time: UtcTime = value("1.2.840.113549.1.9.5").unwrap().decode_as().unwrap();
        assert_eq!(signing_time.to_unix_duration().as_secs(), SIGNING_TIME);
        assert_eq!(value(MESSAGE_TYPE), any(Tag::PrintableString, b"3"));
        assert_eq!(value(PKI_STATUS), any(Tag::PrintableString, b"0"));
        assert_eq!(value(SENDER_NONCE), any(Tag::OctetString, &[0x51; 16]));
        assert_eq!(value(RECIPIENT_NONCE), any(Tag::OctetString, &[0x52; 16]));
        assert_eq!(value(TRANSACTION_ID), any(Tag::PrintableString, b"4711-ABC"));

        assert_eq!(content_info(SIGNED_DATA, &data), der);
    }
}

// R-3.2.1-4: without an envelope eContent is there, and empty.
#[test]
fn a_failure_has_empty_content_and_its_reason() {
    let fields = Fields {
        pki_status: Some(wire::PkiStatus::Failure),
        fail_info: Some(FailInfo::BadCertId),
        signing_time: None,
        ..success()
    };
    let der = seal(vec![], &fields, &CA, Digest::Sha256);
    let data: SignedData = decode(&der, SIGNED_DATA);
    assert_eq!(data.encap_content_info.econtent, any(Tag::OctetString, b""));
    let signed = data.signer_infos.0.as_slice()[0].signed_attrs.as_ref().unwrap();
    assert_eq!(signed.len(), 8);
    assert_eq!(value(signed.iter(), PKI_STATUS), any(Tag::PrintableString, b"2"));
    assert_eq!(value(signed.iter(), "2.16.840.1.113733.1.9.4"), any(Tag::PrintableString, b"4"));
    assert_eq!(value(signed.iter(), "1.2.840.113549.1.9.5"), None);
    assert_eq!(content_info(SIGNED_DATA, &data), der);
}

#[test]
fn attributes_that_only_a_draft_has_are_written_too() {
    let nonce = wire::Nonce::from_bytes(&[7; 16]).unwrap();
    let id = TransactionId::new("a b").unwrap();
    let set = wire::SignedAttributesDraft {
        message_digest: &[9; 32],
        // 2050-01-01: GeneralizedTime from here on (RFC 5652 section 11.3)
        signing_time: Some(time(2_524_608_000)),
        message_type: wire::MessageType::RenewalReq,
        pki_status: None,
        fail_info: None,
        fail_info_text: Some("größer"),
        sender_nonce: &nonce,
        recipient_nonce: None,
        transaction_id: &id,
    }
    .encode();
    let attributes = x509_cert::attr::Attributes::from_der(&set).unwrap();
    assert_eq!(attributes.to_der().unwrap(), set);
    let value = |name| value(attributes.iter(), name);
    assert_eq!(value("1.3.6.1.5.5.7.24.1"), any(Tag::Utf8String, "größer".as_bytes()));
    assert_eq!(value("1.2.840.113549.1.9.5"), any(Tag::GeneralizedTime, b"20500101000000Z"));
    assert_eq!(value(MESSAGE_TYPE), any(Tag::PrintableString, b"17"));
    assert_eq!(value(TRANSACTION_ID), any(Tag::PrintableString, b"a b"));
    assert_eq!((value(PKI_STATUS), value(RECIPIENT_NONCE)), (None, None));
}

// The order of certificates is the sender's, not that of DER: peers take the first one for the issued one.
#[test]
fn a_draft_keeps_several_certificates_in_order() {
    let parties = [DEVICE, CA, STRANGER];
    let ders = parties.each_ref().map(|party| party.certificate());
    let signer = wire::Certificate::parse(&ders[2]).unwrap();
    let draft = |certificates: &[&[u8]]| {
        wire::SignedDataDraft {
            content: b"content",
            certificates,
            signer: signer.issuer_and_serial(),
            scheme: SignatureScheme::RsaPkcs1(Digest::Sha512),
            signed_attributes: &tlv(0x31, &[]),
            signature: &[0x5A; 256],
        }
        .encode()
    };
    let der = draft(&[&ders[0], &ders[1], &ders[2]]);
    let data: SignedData = decode(&der, SIGNED_DATA);
    let read = data.certificates.as_ref().unwrap().0.as_slice();
    assert_eq!(read.len(), 3);
    for party in &parties {
        assert!(read.contains(&CertificateChoices::Certificate(certificate(party))));
    }
    let [info] = data.signer_infos.0.as_slice() else { panic!("{data:?}") };
    assert_eq!(info.sid, by_serial(&STRANGER));
    assert_eq!(info.digest_alg, algorithm(digest_oid(Digest::Sha512)));
    assert_eq!(info.signed_attrs.as_ref().map(|set| set.len()), Some(0));
    assert_eq!(info.signature.as_bytes(), [0x5A; 256]);

    let mut sorted = ders.each_ref().map(|der| &der[..]);
    sorted.sort();
    let data: SignedData = decode(&draft(&sorted), SIGNED_DATA);
    assert_eq!(content_info(SIGNED_DATA, &data), draft(&sorted));
    let view = wire::SignedData::parse(&der, &wire::Limits::DEFAULT).unwrap();
    assert!(view.certificates().iter().eq(ders.iter().map(|der| &der[..])));

    let data: SignedData = decode(&draft(&[]), SIGNED_DATA);
    assert_eq!(data.certificates, None);
}

// C-6.1-1, C-6.2.1-1, ALG-4, ALG-10
#[test]
fn an_envelope_has_every_field_as_expected() {
    for (cipher, key, block) in [
        (ContentEncryption::Aes128Cbc, 16, 16),
        (ContentEncryption::Aes192Cbc, 24, 16),
        (ContentEncryption::Aes256Cbc, 32, 16),
        (ContentEncryption::TripleDesCbc, 24, 8),
    ] {
        let der = enclose(&[0x30; 40], &CA, cipher);
        let data: EnvelopedData = decode(&der, ENVELOPED_DATA);
        assert_eq!(data.version, CmsVersion::V0);
        assert_eq!((&data.originator_info, &data.unprotected_attrs), (&None, &None));
        let [RecipientInfo::Ktri(recipient)] = data.recip_infos.0.as_slice() else { panic!("{data:?}") };
        assert_eq!(recipient.version, CmsVersion::V0);
        assert_eq!(recipient.rid, RecipientIdentifier::IssuerAndSerialNumber(issuer_and_serial(&CA)));
        assert_eq!(recipient.key_enc_alg, algorithm(RSA_ENCRYPTION));
        assert_eq!(recipient.enc_key.as_bytes().len(), 256);
        assert_eq!(crate::primitives::unwrap(&CA, recipient.enc_key.as_bytes()).len(), key);
        let content = &data.encrypted_content;
        assert_eq!(content.content_type, oid(DATA));
        assert_eq!(content.content_enc_alg.oid, oid(cipher_oid(cipher)));
        let iv = content.content_enc_alg.parameters.as_ref().unwrap();
        assert_eq!((iv.tag(), iv.value().len()), (Tag::OctetString, block));
        assert_eq!(content.encrypted_content.as_ref().unwrap().as_bytes().len(), 48);
        assert_eq!(content_info(ENVELOPED_DATA, &data), der);
    }
    // Single DES is never written.
    let certificate = CA.certificate();
    let certificate = wire::Certificate::parse(&certificate).unwrap();
    let mut rng = scep::crypto::Random::new(crate::support::seeded(4));
    let refused =
        scep::message::envelope(PROVIDER, b"", (&certificate).into(), ContentEncryption::DesCbc, &mut rng);
    assert_eq!(refused, Err(scep::error::Unsupported::SingleDes.into()));
}

#[test]
fn an_envelope_draft_is_written_field_by_field() {
    let certificate = STRANGER.certificate();
    let der = wire::EnvelopedDataDraft {
        recipient: wire::RecipientDraft::KeyTransport {
            recipient: wire::Certificate::parse(&certificate).unwrap().issuer_and_serial(),
            key_transport: KeyTransport::RsaPkcs1v15,
            encrypted_key: &[1; 300],
        },
        content_encryption: ContentEncryption::DesCbc,
        iv: &[2; 8],
        encrypted_content: &[3; 70_000],
    }
    .encode();
    let data: EnvelopedData = decode(&der, ENVELOPED_DATA);
    let [RecipientInfo::Ktri(recipient)] = data.recip_infos.0.as_slice() else { panic!("{data:?}") };
    assert_eq!(recipient.rid, RecipientIdentifier::IssuerAndSerialNumber(issuer_and_serial(&STRANGER)));
    assert_eq!(recipient.enc_key.as_bytes(), [1; 300]);
    assert_eq!(data.encrypted_content.content_enc_alg.oid, oid("1.3.14.3.2.7"));
    assert_eq!(data.encrypted_content.content_enc_alg.parameters, any(Tag::OctetString, &[2; 8]));
    assert_eq!(data.encrypted_content.encrypted_content.as_ref().unwrap().as_bytes(), [3; 70_000]);
    assert_eq!(content_info(ENVELOPED_DATA, &data), der);
}

// R-3.4-1, C-5.1-1, C-5.2-1
#[test]
fn a_certs_only_message_has_no_content_and_no_signer() {
    let ders = [&STRANGER, &DEVICE, &CA].map(|party| party.certificate());
    let mut certificates = ders.each_ref().map(|der| &der[..]);
    certificates.sort();
    for count in 0..=3 {
        let der = certs_only::encode(&certificates[..count]);
        let data: SignedData = decode(&der, SIGNED_DATA);
        assert_eq!(data.version, CmsVersion::V1);
        assert!(data.digest_algorithms.is_empty());
        assert_eq!(data.encap_content_info.econtent_type, oid(DATA));
        assert_eq!((&data.encap_content_info.econtent, &data.crls), (&None, &None));
        assert!(data.signer_infos.0.is_empty());
        let read = data.certificates.as_ref().map_or(&[][..], |set| set.0.as_slice());
        let read: Vec<_> = read.iter().map(|certificate| certificate.to_der().unwrap()).collect();
        assert_eq!(read, certificates[..count]);
        assert_eq!(content_info(SIGNED_DATA, &data), der);
    }
}

// R-3.3.3-1, R-3.3.4-1
#[test]
fn the_contents_of_polls_and_queries_are_names_and_serial_numbers() {
    let (ca, device) = (CA.certificate(), DEVICE.certificate());
    let (ca, device) = (wire::Certificate::parse(&ca).unwrap(), wire::Certificate::parse(&device).unwrap());
    let poll = wire::IssuerAndSubject { issuer: ca.subject(), subject: device.subject() }.encode();
    // SEQUENCE { Name, Name } is SEQUENCE OF Name.
    let [issuer, subject] = &Vec::<Name>::from_der(&poll).unwrap()[..] else { panic!("{poll:?}") };
    assert_eq!(issuer, certificate(&CA).tbs_certificate().subject());
    assert_eq!(subject, certificate(&DEVICE).tbs_certificate().subject());
    assert_eq!(vec![issuer.clone(), subject.clone()].to_der().unwrap(), poll);

    for (party, view) in [(&CA, ca), (&DEVICE, device)] {
        let der = view.issuer_and_serial().encode();
        let read = IssuerAndSerialNumber::from_der(&der).unwrap();
        assert_eq!(read, issuer_and_serial(party));
        assert_eq!(read.to_der().unwrap(), der);
    }
}
