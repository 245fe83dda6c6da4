//! CMS messages made of the types of `cms`, read by the crate: also in forms that it never writes.

use crate::primitives::{DIGESTS, certificate, digest_oid, hash, sign, signature_oid};
use crate::support::{CA, DEVICE, PROVIDER, SIGNING_TIME, STRANGER, open};
use crate::types::*;
use cms::cert::{CertificateChoices, OtherCertificateFormat};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::enveloped_data::{
    EnvelopedData, KekIdentifier, KekRecipientInfo, KeyAgreeRecipientIdentifier, KeyAgreeRecipientInfo,
    KeyTransRecipientInfo, OriginatorIdentifierOrKey, OriginatorInfo, OtherRecipientInfo,
    PasswordRecipientInfo, RecipientEncryptedKey, RecipientIdentifier, RecipientInfo,
};
use cms::revocation::{RevocationInfoChoice, RevocationInfoChoices};
use cms::signed_data::{CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier};
use der::asn1::{Any, BitString, SetOfVec};
use der::{Encode as _, Tag};
use scep::Error;
use scep::error::{BadEnvelope, BadSignature, InvalidMessage, Limit, Unsupported};
use scep::message::{Unverified, Verified};
use scep::wire::{
    self, CertificateSelector, CertsOnly, ContentEncryption, Digest, Limits, MessageType, Oid, PkiStatus,
    SignatureScheme, ca_certificates, normalize,
};
use x509_cert::crl::{CertificateList, TbsCertList};

const CONTENT: &[u8] = b"content";

fn verified(der: Vec<u8>) -> Result<Verified, Error> {
    Unverified::parse(der, &Limits::DEFAULT)?.verify_by(PROVIDER, &[DEVICE.certificate()])
}

/// The fields of a SignedData, each encoded; they are put together in the order given.
fn fields(data: &SignedData) -> [Vec<u8>; 4] {
    let certificates: Vec<_> =
        data.certificates.iter().flat_map(|set| set.0.iter()).map(|one| one.to_der().unwrap()).collect();
    [
        data.digest_algorithms.to_der().unwrap(),
        data.encap_content_info.to_der().unwrap(),
        certificates.concat(),
        data.signer_infos.to_der().unwrap(),
    ]
}

fn signed() -> SignedData {
    signed_data(CONTENT, signer_info(Digest::Sha256, CONTENT))
}

#[test]
fn the_views_show_every_field() {
    let der = message(CONTENT);
    let view = wire::SignedData::parse(&der, &Limits::DEFAULT).unwrap();
    assert_eq!(view.content_type(), Oid::ID_DATA);
    assert_eq!((view.content(), view.embedded()), (Some(CONTENT), Some(CONTENT)));
    assert!(view.certificates().iter().eq([&DEVICE.certificate()[..]]));
    assert_eq!(view.crls().count(), 0);
    let signer = view.signer().unwrap();
    assert_eq!(signer.digest_algorithm().oid, Oid::SHA256);
    assert_eq!(signer.signature_algorithm().oid, Oid::RSA_ENCRYPTION);
    let expected = signer_info(Digest::Sha256, CONTENT);
    assert_eq!(signer.signature(), expected.signature.as_bytes());
    let CertificateSelector::IssuerAndSerialNumber(sid) = signer.sid() else { panic!("{:?}", signer.sid()) };
    assert_eq!(sid.encode(), issuer_and_serial(&DEVICE).to_der().unwrap());
    let attributes = signer.signed_attributes().unwrap();
    assert_eq!(attributes.to_be_verified().concat(), expected.signed_attrs.unwrap().to_der().unwrap());
    assert_eq!(attributes.content_type(), Ok(Some(Oid::ID_DATA)));
    assert_eq!(attributes.message_digest(), Ok(Some(&hash(Digest::Sha256, CONTENT)[..])));
    assert_eq!(attributes.signing_time().unwrap().unwrap().as_secs(), SIGNING_TIME);
    assert_eq!(attributes.message_type(), Ok(MessageType::CertRep));
    assert_eq!(attributes.pki_status(), Ok(PkiStatus::Success));
    assert_eq!(attributes.sender_nonce().unwrap().unwrap().as_bytes(), [0x51; 16]);
    assert_eq!(attributes.recipient_nonce().unwrap().unwrap().as_bytes(), [0x52; 16]);
    assert_eq!(attributes.transaction_id().unwrap().unwrap().as_bytes(), b"4711-ABC");
    assert_eq!((attributes.fail_info(), attributes.fail_info_text()), (Ok(None), Ok(None)));
    // DER is left as it is.
    assert_eq!(normalize(&der, &Limits::DEFAULT).unwrap(), der);
}

// ALG-1, ALG-3, C-5.1-1, C-5.3-1
#[test]
fn every_form_of_signer_and_algorithms_verifies() {
    for digest in DIGESTS {
        let digests = [algorithm(digest_oid(digest)), bare_algorithm(digest_oid(digest))];
        let signatures = [
            algorithm(RSA_ENCRYPTION),
            bare_algorithm(RSA_ENCRYPTION),
            algorithm(signature_oid(digest)),
            bare_algorithm(signature_oid(digest)),
        ];
        let sids = [
            (CmsVersion::V1, by_serial(&DEVICE)),
            (CmsVersion::V3, SignerIdentifier::SubjectKeyIdentifier(key_identifier(&DEVICE))),
        ];
        let signatures = signatures.iter().flat_map(|one| sids.iter().map(move |two| (one, two)));
        let forms = signatures.flat_map(|rest| digests.iter().map(move |one| (one, rest)));
        for (digest_alg, (signature_alg, (version, sid))) in forms {
            let mut signer = signer_info(digest, CONTENT);
            signer.version = *version;
            signer.sid = sid.clone();
            signer.digest_alg = digest_alg.clone();
            signer.signature_algorithm = signature_alg.clone();
            let mut data = signed_data(CONTENT, signer);
            data.version = *version;
            let der = content_info(SIGNED_DATA, &data);
            let message = Unverified::parse(der.clone(), &Limits::DEFAULT).unwrap();
            assert_eq!(message.scheme_hint(), Ok(SignatureScheme::RsaPkcs1(digest)));
            let message = message.verify_as_sent(PROVIDER).unwrap();
            assert_eq!(message.signer(), &DEVICE.certificate());
            verified(der).unwrap();
        }
    }
}

// C-5.1-2, C-5.6-2, ALG-11
#[test]
fn algorithms_that_do_not_fit_or_are_unknown_are_refused() {
    let with = |digest_alg, signature_algorithm| {
        let mut signer = signer_info(Digest::Sha256, CONTENT);
        (signer.digest_alg, signer.signature_algorithm) = (digest_alg, signature_algorithm);
        verified(content_info(SIGNED_DATA, &signed_data(CONTENT, signer))).map(drop)
    };
    let sha256 = algorithm(digest_oid(Digest::Sha256));
    assert_eq!(with(sha256.clone(), algorithm(RSA_ENCRYPTION)), Ok(()));
    let other = signature_oid(Digest::Sha1);
    assert_eq!(with(sha256.clone(), algorithm(other)), Err(BadSignature::Algorithms.into()));
    // id-RSASSA-PSS without its parameters, Ed25519
    for name in ["1.2.840.113549.1.1.10", "1.3.101.112"] {
        assert_eq!(with(sha256.clone(), bare_algorithm(name)), Err(Unsupported::Signature.into()));
    }
    // ecdsa-with-SHA256 and id-ecPublicKey, with an RSA key
    for name in ["1.2.840.10045.4.3.2", "1.2.840.10045.2.1"] {
        assert_eq!(with(sha256.clone(), bare_algorithm(name)), Err(Unsupported::PublicKey.into()));
    }
    // MD5, sha256WithRSAEncryption in place of SHA-256, SHA-224
    for name in ["1.2.840.113549.2.5", signature_oid(Digest::Sha256), "2.16.840.1.101.3.4.2.4"] {
        assert_eq!(with(algorithm(name), algorithm(RSA_ENCRYPTION)), Err(Unsupported::Digest.into()));
    }
}

// C-5.3-2, C-5.3-3, Q5, quirk 36
#[test]
fn sets_in_any_order_are_read_and_verified_as_they_were_sent() {
    let data = signed();
    let [_, encapsulated, _, _] = fields(&data);
    let version = [2, 1, 1];
    let sha256 = algorithm(digest_oid(Digest::Sha256)).to_der().unwrap();
    let sha1 = algorithm(digest_oid(Digest::Sha1)).to_der().unwrap();

    // Attributes from last to first, and signed so.
    let sorted = SetOfVec::try_from(attributes(Digest::Sha256, CONTENT)).unwrap();
    let reversed: Vec<_> = sorted.as_slice().iter().rev().map(|one| one.to_der().unwrap()).collect();
    let reversed = reversed.concat();
    assert_ne!(tlv(0x31, &[&reversed]), sorted.to_der().unwrap());
    let signer = signer_info(Digest::Sha256, CONTENT);
    let signer = |signature: &[u8]| {
        tlv(
            0x30,
            &[
                &version,
                &signer.sid.to_der().unwrap(),
                &sha256,
                &tlv(0xA0, &[&reversed]),
                &signer.signature_algorithm.to_der().unwrap(),
                &tlv(4, &[signature]),
            ],
        )
    };
    let [stranger, device] = [&STRANGER, &DEVICE].map(|party| party.certificate());
    for digests in [&[][..], &[&sha256[..], &sha1], &[&sha1, &sha256]] {
        for certificates in [[&stranger[..], &device], [&device, &stranger]] {
            let message = |signature: &[u8]| {
                let signers = tlv(0x31, &[&signer(signature)]);
                let sets = (tlv(0x31, digests), tlv(0xA0, &certificates));
                content_info_of(SIGNED_DATA, &[&version, &sets.0, &encapsulated, &sets.1, &signers])
            };
            let der = message(&sign(&DEVICE, Digest::Sha256, &tlv(0x31, &[&reversed])));
            let view = wire::SignedData::parse(&der, &Limits::DEFAULT).unwrap();
            assert!(view.certificates().iter().eq(certificates));
            let read = Unverified::parse(der, &Limits::DEFAULT).unwrap().verify_as_sent(PROVIDER).unwrap();
            assert_eq!(read.signer()[..], device[..]);
            assert_eq!(read.attributes().unwrap().message_type(), Ok(MessageType::CertRep));
            // Some peers sign them sorted and send them so all the same; what was neither sent nor sorted is refused.
            verified(message(&sign(&DEVICE, Digest::Sha256, &sorted.to_der().unwrap()))).unwrap();
            let turned = [&reversed[10..], &reversed[..10]].concat();
            let der = message(&sign(&DEVICE, Digest::Sha256, &tlv(0x31, &[&turned])));
            assert_eq!(verified(der).map(drop), Err(BadSignature::Signature.into()));
        }
    }
}

#[test]
fn other_choices_of_certificates_are_passed_over() {
    let device = certificate(&DEVICE).to_der().unwrap();
    let other = CertificateChoices::Other(OtherCertificateFormat {
        other_cert_format: oid("1.2.3.4"),
        other_cert: Any::new(Tag::OctetString, vec![1, 2, 3]).unwrap(),
    });
    let mut data = signed();
    let both = vec![other.clone(), CertificateChoices::Certificate(certificate(&DEVICE))];
    data.certificates = Some(CertificateSet::try_from(both).unwrap());
    data.version = CmsVersion::V5;
    let der = content_info(SIGNED_DATA, &data);
    let view = wire::SignedData::parse(&der, &Limits::DEFAULT).unwrap();
    assert!(view.certificates().iter().eq([&device[..]]));
    verified(der).unwrap();

    // extendedCertificate, both kinds of attribute certificates, another format, a certificate that nobody reads
    let odd = [
        &b"\xA0\x02\x05\x00"[..],
        b"\xA1\x00",
        b"\xA2\x02\x04\x00",
        &other.to_der().unwrap(),
        b"\x30\x03\x02\x01\x05",
        &device,
    ];
    let [digests, encapsulated, _, signers] = fields(&signed());
    let certificates = tlv(0xA0, &odd);
    let der = content_info_of(SIGNED_DATA, &[&[2, 1, 4], &digests, &encapsulated, &certificates, &signers]);
    let view = wire::SignedData::parse(&der, &Limits::DEFAULT).unwrap();
    assert!(view.certificates().iter().eq([odd[4], &device]));
    let message = Unverified::parse(der, &Limits::DEFAULT).unwrap().verify_as_sent(PROVIDER).unwrap();
    assert_eq!(message.signer()[..], device);
}

fn crl() -> CertificateList {
    let issuer = certificate(&CA);
    let tbs_cert_list = TbsCertList {
        version: x509_cert::Version::V2,
        signature: algorithm(signature_oid(Digest::Sha256)),
        issuer: issuer.tbs_certificate().subject().clone(),
        this_update: issuer.tbs_certificate().validity().not_before,
        next_update: None,
        revoked_certificates: None,
        crl_extensions: None,
    };
    let signature = sign(&CA, Digest::Sha256, &tbs_cert_list.to_der().unwrap());
    CertificateList {
        signature_algorithm: tbs_cert_list.signature.clone(),
        tbs_cert_list,
        signature: BitString::from_bytes(&signature).unwrap(),
    }
}

// R-3.4-1, C-5.1-1
#[test]
fn certs_only_messages_of_other_hands_are_read() {
    // With an empty field for CRLs, as OpenSSL writes it.
    let chain = vec![certificate(&DEVICE), certificate(&CA)];
    let der = ContentInfo::try_from(chain).unwrap().to_der().unwrap();
    let view = CertsOnly::parse(&der, &Limits::DEFAULT).unwrap();
    let mut sorted = [DEVICE.certificate().to_vec(), CA.certificate().to_vec()];
    sorted.sort();
    assert!(view.certificates().iter().eq(sorted.iter().map(|der| &der[..])));
    assert_eq!(view.crls().count(), 0);
    assert_eq!(ca_certificates(&der, &Limits::DEFAULT).unwrap(), sorted);

    let list = crl();
    let mut data = signed();
    data.encap_content_info.econtent = None;
    data.digest_algorithms = SetOfVec::new();
    data.signer_infos.0 = SetOfVec::new();
    let choices = vec![RevocationInfoChoice::Crl(list.clone())];
    data.crls = Some(RevocationInfoChoices::try_from(choices).unwrap());
    let der = content_info(SIGNED_DATA, &data);
    let view = CertsOnly::parse(&der, &Limits::DEFAULT).unwrap();
    assert!(view.crls().eq([&list.to_der().unwrap()[..]]));
    assert_eq!(view.certificates().len(), 1);

    // Empty content is no content, and other content is no certs-only message.
    data.encap_content_info.econtent = Some(Any::new(Tag::OctetString, vec![]).unwrap());
    assert!(CertsOnly::parse(&content_info(SIGNED_DATA, &data), &Limits::DEFAULT).is_ok());
    data.encap_content_info.econtent = Some(Any::new(Tag::OctetString, vec![0]).unwrap());
    let refused = CertsOnly::parse(&content_info(SIGNED_DATA, &data), &Limits::DEFAULT).map(drop);
    assert_eq!(refused, Err(InvalidMessage::ContentType.into()));
}

// C-5.1-3
#[test]
fn messages_have_exactly_one_signer() {
    let mut data = signed();
    data.signer_infos.0.insert(signer_info(Digest::Sha512, CONTENT)).unwrap();
    let refused = verified(content_info(SIGNED_DATA, &data)).map(drop);
    assert_eq!(refused, Err(InvalidMessage::SignerCount.into()));
    data.signer_infos.0 = SetOfVec::new();
    let refused = verified(content_info(SIGNED_DATA, &data)).map(drop);
    assert_eq!(refused, Err(InvalidMessage::SignerCount.into()));
}

// C-5.3-2, C-5.6-1
#[test]
fn attributes_that_are_missing_or_wrong_are_refused() {
    let with = |change: &dyn Fn(&mut Vec<x509_cert::attr::Attribute>)| {
        let mut list = attributes(Digest::Sha256, CONTENT);
        change(&mut list);
        let set = SetOfVec::try_from(list).unwrap();
        let mut signer = signer_info(Digest::Sha256, CONTENT);
        signer.signature = octets(&sign(&DEVICE, Digest::Sha256, &set.to_der().unwrap()));
        signer.signed_attrs = Some(set);
        verified(content_info(SIGNED_DATA, &signed_data(CONTENT, signer))).map(drop)
    };
    assert_eq!(with(&|_| ()), Ok(()));
    assert_eq!(with(&|list| drop(list.remove(0))), Err(BadSignature::ContentType.into()));
    assert_eq!(with(&|list| drop(list.remove(1))), Err(BadSignature::MessageDigest.into()));
    let other = |list: &mut Vec<_>| list[1] = attributes(Digest::Sha256, b"other")[1].clone();
    assert_eq!(with(&other), Err(BadSignature::MessageDigest.into()));
    let other = |list: &mut Vec<x509_cert::attr::Attribute>| {
        list[0] = attribute("1.2.840.113549.1.9.3", Tag::ObjectIdentifier, oid(SIGNED_DATA).as_bytes());
    };
    assert_eq!(with(&other), Err(BadSignature::ContentType.into()));

    let mut signer = signer_info(Digest::Sha256, CONTENT);
    signer.signed_attrs = None;
    signer.signature = octets(&sign(&DEVICE, Digest::Sha256, CONTENT));
    let refused = verified(content_info(SIGNED_DATA, &signed_data(CONTENT, signer))).map(drop);
    assert_eq!(refused, Err(InvalidMessage::NoSignedAttributes.into()));
}

// C-5.2.1-1: PKCS #7 v1.5 has any type in place of the OCTET STRING, and digests its contents octets.
#[test]
fn an_envelope_may_stand_bare_in_the_signed_data() {
    let envelope = content_info(ENVELOPED_DATA, &enveloped_data(ContentEncryption::Aes128Cbc, b"inside"));
    let bare = Any::new(Tag::Sequence, &envelope[4..]).unwrap();
    assert_eq!(bare.to_der().unwrap(), envelope);
    let mut data = signed_data(CONTENT, signer_info(Digest::Sha256, bare.value()));
    data.encap_content_info = EncapsulatedContentInfo { econtent_type: oid(DATA), econtent: Some(bare) };
    let message = verified(content_info(SIGNED_DATA, &data)).unwrap();
    assert_eq!(message.content(), envelope);
    assert_eq!(open(&message, &CA, false).as_deref(), Ok(&b"inside"[..]));
}

// C-5.4-2, I-5: indefinite lengths and chunks at every level, outside and inside.
#[test]
fn chunks_with_indefinite_lengths_are_put_together() {
    let indefinite = |tag: u8, parts: &[&[u8]]| [&[tag, 0x80][..], &parts.concat(), &[0, 0]].concat();
    let encode = |name: &str| oid(name).to_der().unwrap();
    let data = enveloped_data(ContentEncryption::Aes256Cbc, b"inside");
    let content = &data.encrypted_content;
    let ciphertext = content.encrypted_content.as_ref().unwrap().as_bytes();
    let chunks: Vec<_> = ciphertext.chunks(5).map(|chunk| tlv(4, &[chunk])).collect();
    let algorithm = content.content_enc_alg.to_der().unwrap();
    let chunks = indefinite(0xA0, &[&chunks.concat()]);
    let info = indefinite(0x30, &[&encode(DATA), &algorithm, &chunks]);
    let recipients = data.recip_infos.to_der().unwrap();
    let enveloped = indefinite(0x30, &[&[2, 1, 0], &recipients, &info]);
    let envelope = indefinite(0x30, &[&encode(ENVELOPED_DATA), &indefinite(0xA0, &[&enveloped])]);

    let outer = signed_data(&envelope, signer_info(Digest::Sha256, &envelope));
    let [digests, _, certificates, signers] = fields(&outer);
    let chunks: Vec<_> = envelope.chunks(100).map(|chunk| tlv(4, &[chunk])).collect();
    let content = indefinite(0xA0, &[&indefinite(0x24, &[&chunks.concat()])]);
    let encapsulated = indefinite(0x30, &[&encode(DATA), &content]);
    let certificates = indefinite(0xA0, &[&certificates]);
    let signed = indefinite(0x30, &[&[2, 1, 1], &digests, &encapsulated, &certificates, &signers]);
    let ber = indefinite(0x30, &[&encode(SIGNED_DATA), &indefinite(0xA0, &[&signed])]);

    assert_eq!(normalize(&ber, &Limits::DEFAULT).unwrap(), content_info(SIGNED_DATA, &outer));
    assert_eq!(normalize(&envelope, &Limits::DEFAULT).unwrap(), content_info(ENVELOPED_DATA, &data));
    let message = verified(ber).unwrap();
    assert_eq!(message.content(), envelope);
    assert_eq!(open(&message, &CA, false).as_deref(), Ok(&b"inside"[..]));
}

/// Recipients of every other kind.
fn others() -> [RecipientInfo; 4] {
    let aes_wrap = || bare_algorithm("2.16.840.1.101.3.4.1.5");
    let key = || octets(&[7; 24]);
    [
        RecipientInfo::Kari(KeyAgreeRecipientInfo {
            version: CmsVersion::V3,
            originator: OriginatorIdentifierOrKey::SubjectKeyIdentifier(key_identifier(&DEVICE)),
            ukm: None,
            key_enc_alg: aes_wrap(),
            recipient_enc_keys: vec![RecipientEncryptedKey {
                rid: KeyAgreeRecipientIdentifier::IssuerAndSerialNumber(issuer_and_serial(&CA)),
                enc_key: key(),
            }],
        }),
        RecipientInfo::Kekri(KekRecipientInfo {
            version: CmsVersion::V4,
            kek_id: KekIdentifier { kek_identifier: octets(b"kek"), date: None, other: None },
            key_enc_alg: aes_wrap(),
            encrypted_key: key(),
        }),
        RecipientInfo::Pwri(PasswordRecipientInfo {
            version: CmsVersion::V0,
            key_derivation_alg: None,
            key_enc_alg: aes_wrap(),
            enc_key: key(),
        }),
        RecipientInfo::Ori(OtherRecipientInfo { ori_type: oid("1.2.3.4"), ori_value: Any::null() }),
    ]
}

/// Opens the envelope as [`CA`].
fn opened(envelope: &[u8]) -> Result<Vec<u8>, Error> {
    open(&verified(message(envelope)).unwrap(), &CA, false)
}

const CIPHER: ContentEncryption = ContentEncryption::Aes128Cbc;

// C-6.1-1, C-6.2-1
#[test]
fn other_recipients_may_stand_next_to_ours() {
    let ours = RecipientInfo::Ktri(recipient(CIPHER));
    for skipped in 0..4 {
        let mut recipients = others().to_vec();
        recipients[skipped] = ours.clone();
        // In the order of DER, and in the order in which they stand.
        let mut data = enveloped_data(CIPHER, b"inside");
        data.version = CmsVersion::V3;
        data.recip_infos = recipients.clone().try_into().unwrap();
        assert_eq!(opened(&content_info(ENVELOPED_DATA, &data)).as_deref(), Ok(&b"inside"[..]));
        let recipients: Vec<_> = recipients.iter().map(|one| one.to_der().unwrap()).collect();
        let content = data.encrypted_content.to_der().unwrap();
        let der =
            content_info_of(ENVELOPED_DATA, &[&[2, 1, 3], &tlv(0x31, &[&recipients.concat()]), &content]);
        assert_eq!(opened(&der).as_deref(), Ok(&b"inside"[..]));
        let view = wire::EnvelopedData::parse(&der, &Limits::DEFAULT).unwrap();
        let found: Vec<_> = view
            .recipients()
            .map(|recipient| matches!(recipient, wire::RecipientInfo::KeyTransport(_)))
            .collect();
        assert_eq!(found, [0, 1, 2, 3].map(|index| index == skipped));
    }
    let mut data = enveloped_data(CIPHER, b"inside");
    data.recip_infos = others().to_vec().try_into().unwrap();
    assert_eq!(opened(&content_info(ENVELOPED_DATA, &data)), Err(BadEnvelope::Recipient.into()));
}

// C-6.1-2, T3
#[test]
fn exactly_one_recipient_is_ours() {
    let stranger = {
        let mut stranger = recipient(CIPHER);
        stranger.rid = RecipientIdentifier::IssuerAndSerialNumber(issuer_and_serial(&STRANGER));
        stranger
    };
    let with = |recipients: Vec<KeyTransRecipientInfo>| {
        let mut data = enveloped_data(CIPHER, b"inside");
        let recipients: Vec<_> = recipients.into_iter().map(RecipientInfo::Ktri).collect();
        data.recip_infos = recipients.try_into().unwrap();
        opened(&content_info(ENVELOPED_DATA, &data))
    };
    assert_eq!(with(vec![stranger.clone(), recipient(CIPHER)]).as_deref(), Ok(&b"inside"[..]));
    let refused = Err(BadEnvelope::Recipient.into());
    assert_eq!(with(vec![stranger.clone()]), refused);
    assert_eq!(with(vec![recipient(CIPHER), by_key_identifier()]), refused);
    assert_eq!(with(vec![]), refused);
    let five = vec![stranger; 5];
    assert_eq!(with(five), Err(Limit::Recipients.into()));
}

/// The same recipient, named by its key identifier.
fn by_key_identifier() -> KeyTransRecipientInfo {
    let mut recipient = recipient(CIPHER);
    recipient.version = CmsVersion::V2;
    recipient.rid = RecipientIdentifier::SubjectKeyIdentifier(key_identifier(&CA));
    recipient
}

// C-6.1-1, C-6.2.1-1
#[test]
fn a_recipient_may_be_named_by_key_identifier() {
    let mut data = enveloped_data(CIPHER, b"inside");
    data.version = CmsVersion::V2;
    data.recip_infos = vec![RecipientInfo::Ktri(by_key_identifier())].try_into().unwrap();
    let der = content_info(ENVELOPED_DATA, &data);
    assert_eq!(opened(&der).as_deref(), Ok(&b"inside"[..]));
    let view = wire::EnvelopedData::parse(&der, &Limits::DEFAULT).unwrap();
    let Some(wire::RecipientInfo::KeyTransport(recipient)) = view.recipients().next() else { panic!() };
    let identifier = key_identifier(&CA);
    assert_eq!(recipient.recipient, CertificateSelector::SubjectKeyIdentifier(identifier.0.as_bytes()));
}

// C-6.1-1
#[test]
fn originator_and_unprotected_attributes_are_passed_over() {
    let mut data = enveloped_data(CIPHER, b"inside");
    data.version = CmsVersion::V2;
    let certificates = vec![CertificateChoices::Certificate(certificate(&STRANGER))];
    data.originator_info = Some(OriginatorInfo {
        certs: Some(CertificateSet::try_from(certificates).unwrap()),
        crls: Some(RevocationInfoChoices::try_from(vec![RevocationInfoChoice::Crl(crl())]).unwrap()),
    });
    let attributes = [attribute("1.2.3.4", Tag::Utf8String, b"x")];
    data.unprotected_attrs = Some(SetOfVec::try_from(attributes).unwrap());
    assert_eq!(opened(&content_info(ENVELOPED_DATA, &data)).as_deref(), Ok(&b"inside"[..]));
}

// ALG-4, ALG-5, C-6.2-1
#[test]
fn key_transports_and_ciphers_are_read_as_far_as_they_are_known() {
    let with = |change: &dyn Fn(&mut KeyTransRecipientInfo, &mut EnvelopedData)| {
        let mut data = enveloped_data(CIPHER, b"inside");
        let mut recipient = recipient(CIPHER);
        change(&mut recipient, &mut data);
        data.recip_infos = vec![RecipientInfo::Ktri(recipient)].try_into().unwrap();
        opened(&content_info(ENVELOPED_DATA, &data))
    };
    let bare = with(&|recipient, _| recipient.key_enc_alg = bare_algorithm(RSA_ENCRYPTION));
    assert_eq!(bare.as_deref(), Ok(&b"inside"[..]));
    // OAEP by its name, over a key that was encrypted otherwise; with parameters that are none; RSA-KEM
    let oaep = with(&|recipient, _| recipient.key_enc_alg = bare_algorithm("1.2.840.113549.1.1.7"));
    assert_eq!(oaep, Err(BadEnvelope::Content.into()));
    for other in ["1.2.840.113549.1.1.7", "1.2.840.113549.1.9.16.3.14"] {
        let refused = with(&|recipient, _| recipient.key_enc_alg = algorithm(other));
        assert_eq!(refused, Err(Unsupported::KeyTransport.into()), "{other}");
    }
    // RC2-CBC
    let cipher = with(&|_, data| data.encrypted_content.content_enc_alg.oid = oid("1.2.840.113549.3.2"));
    assert_eq!(cipher, Err(Unsupported::ContentEncryption.into()));
    let content = with(&|_, data| data.encrypted_content.content_type = oid(SIGNED_DATA));
    assert_eq!(content, Err(InvalidMessage::ContentType.into()));
    let none = with(&|_, data| data.encrypted_content.encrypted_content = None);
    assert_eq!(none, Err(BadEnvelope::Ciphertext.into()));
    let part = with(&|_, data| data.encrypted_content.encrypted_content = Some(octets(&[0; 17])));
    assert_eq!(part, Err(BadEnvelope::Ciphertext.into()));
}
