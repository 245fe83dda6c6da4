//! Formats: whatever the bytes, nothing panics, bounds hold, and what is written anew reads the same.

use super::insecure::INSECURE;
use super::world::{CA, LIMITS, NOW, at};
use scep::message::{PathContext, check_path};
use scep::wire::{
    AlgorithmIdentifier, Certificate, CertificateList, CertificateSelector, CertificationRequest, CertsOnly,
    ContentEncryption, Digest, EnvelopedData, Extensions, KeyTransport, Limits, Name, Oid, RecipientInfo,
    SignatureScheme, SignedAttributes, SignedData, SignedDataDraft, SubjectPublicKeyInfo, ca_certificates,
    normalize as to_der, subject_alt_names,
};
use std::borrow::Cow;
use std::hint::black_box;

/// BER becomes DER, which is not longer and stays as it is.
pub fn normalize(data: &[u8]) {
    for limits in [LIMITS, Limits::FIRMWARE] {
        let Ok(der) = to_der(data, &limits) else { continue };
        // elements of 64 KiB and more with indefinite lengths may grow by a byte or two
        assert!(der.len() <= data.len() || data.len() > 0xFFFF, "{} of {}", der.len(), data.len());
        match to_der(&der, &limits) {
            Ok(Cow::Borrowed(again)) => assert_eq!(again, &*der, "another form the second time"),
            other => panic!("DER was changed or refused: {other:?}"),
        }
        if to_der(data, &Limits::FIRMWARE).is_ok() {
            assert!(to_der(data, &LIMITS).is_ok(), "smaller limits take more");
        }
    }
}

/// SignedData, with all that is in it.
pub fn signed(data: &[u8]) {
    let Ok(der) = to_der(data, &LIMITS) else { return };
    if let Ok(list) = ca_certificates(&der, &LIMITS) {
        assert!(list.len() <= LIMITS.certificates);
    }
    if let Ok(list) = CertsOnly::parse(&der, &LIMITS) {
        list.certificates().iter().for_each(certificate);
        list.crls().for_each(crl);
    }
    let Ok(message) = SignedData::parse(&der, &LIMITS) else { return };
    let _ = black_box(format!("{message:?}"));
    let certificates: Vec<&[u8]> = message.certificates().iter().collect();
    assert!(certificates.len() <= LIMITS.certificates && certificates.len() == message.certificates().len());
    certificates.iter().for_each(|der| certificate(der));
    message.crls().for_each(crl);
    let Ok(signer) = message.signer() else { return };
    let _ = black_box(format!("{signer:?}"));
    let _ = black_box(message.certificates().find(&signer.sid()));
    algorithm(&signer.digest_algorithm());
    algorithm(&signer.signature_algorithm());
    let Ok(signed) = signer.signed_attributes() else { return };
    attributes(signed.raw());

    // What the encoder makes of it reads the same.
    let digest = Digest::from_identifier(&signer.digest_algorithm());
    let scheme =
        digest.and_then(|digest| SignatureScheme::from_signer_info(digest, &signer.signature_algorithm()));
    let (Ok(scheme), CertificateSelector::IssuerAndSerialNumber(sid)) = (scheme, signer.sid()) else {
        return;
    };
    let content = message.content().unwrap_or_default();
    let written = SignedDataDraft {
        content,
        certificates: &certificates,
        signer: sid,
        scheme,
        signed_attributes: &signed.to_be_verified().concat(),
        signature: signer.signature(),
    }
    .encode();
    let again = SignedData::parse(&written, &LIMITS).unwrap();
    let info = again.signer().unwrap();
    assert_eq!(again.content().unwrap_or_default(), content);
    assert!(again.certificates().iter().eq(certificates));
    assert_eq!(info.sid(), signer.sid());
    assert_eq!(info.signature(), signer.signature());
    assert_eq!(info.signed_attributes().unwrap().raw(), signed.raw());
}

fn algorithm(identifier: &AlgorithmIdentifier<'_>) {
    let _ = black_box(Digest::from_identifier(identifier));
    let _ = black_box(SignatureScheme::from_identifier(identifier));
    let _ = black_box(KeyTransport::from_identifier(identifier));
    let _ = black_box(ContentEncryption::from_oid(identifier.oid));
    for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        if let Ok(scheme) = SignatureScheme::from_signer_info(digest, identifier) {
            assert_eq!(scheme.digest(), digest);
        }
    }
    let _ = black_box(identifier.oid.to_string());
}

/// EnvelopedData, with its recipients.
pub fn enveloped(data: &[u8]) {
    let Ok(der) = to_der(data, &LIMITS) else { return };
    let Ok(message) = EnvelopedData::parse(&der, &LIMITS) else { return };
    let _ = black_box(format!("{message:?}"));
    let count = message.recipients().count();
    assert!((1..=LIMITS.recipients).contains(&count), "{count} recipients");
    let _ = black_box((message.content_type().to_string(), message.iv()));
    algorithm(&message.content_encryption());
    assert!(message.encrypted_content().len() <= der.len());
    let ca = Certificate::parse(&CA).unwrap();
    for recipient in message.recipients() {
        let _ = black_box(format!("{recipient:?}"));
        match recipient {
            RecipientInfo::KeyTransport(info) => {
                algorithm(&info.key_encryption);
                let _ = black_box(info.recipient.matches(&ca));
            }
            RecipientInfo::Password(info) => {
                if let Ok(parameters) = info.pbkdf2(&LIMITS) {
                    assert!(parameters.iterations <= LIMITS.pbkdf2_iterations);
                }
                let _ = black_box(info.key_encryption_cipher());
            }
            RecipientInfo::Other => {}
        }
    }
}

/// Signed attributes: the element of a SignerInfo, with tag A0.
pub fn attributes(data: &[u8]) {
    let Ok(list) = SignedAttributes::parse(data, &LIMITS) else { return };
    let _ = black_box(format!("{list:?}"));
    assert_eq!(list.raw(), data);
    assert!(list.iter().count() <= LIMITS.attributes);
    for attribute in list.iter() {
        let _ = black_box(format!("{attribute:?}"));
        let _ = black_box(list.value(attribute.oid));
    }
    let _ = black_box((list.content_type(), list.message_digest(), list.signing_time()));
    let _ = black_box((list.message_type(), list.pki_status(), list.fail_info()));
    if let Ok(Some(text)) = list.fail_info_text() {
        assert!(text.chars().count() <= 255);
    }
    if let Ok(Some(id)) = list.transaction_id() {
        assert!((1..=255).contains(&id.as_bytes().len()));
        assert!(id.to_string().chars().all(|shown| !shown.is_control()), "{id}");
    }
    for nonce in [list.sender_nonce(), list.recipient_nonce()] {
        if let Ok(Some(nonce)) = nonce {
            assert!((1..=64).contains(&nonce.as_bytes().len()));
        }
    }
    // The same attributes in another order say the same.
    if let Some(mut sorted) = list.sorted() {
        assert_eq!(sorted.len(), data.len());
        sorted[0] = 0xA0;
        let again = SignedAttributes::parse(&sorted, &LIMITS).unwrap();
        assert_eq!(again.sorted(), None);
        assert_eq!(again.message_type(), list.message_type());
        assert_eq!(again.transaction_id(), list.transaction_id());
        assert_eq!(again.message_digest(), list.message_digest());
    }
}

/// A certification request.
pub fn csr(data: &[u8]) {
    let Ok(request) = CertificationRequest::parse(data, &LIMITS) else { return };
    let _ = black_box(format!("{request:?}"));
    assert!(data.len() <= LIMITS.certification_request);
    assert!(request.attributes().count() <= LIMITS.attributes);
    name(&request.subject());
    key(&request.public_key());
    algorithm(&request.signature_algorithm());
    if let Ok(Some(challenge)) = request.challenge_password() {
        assert!(challenge.len() <= LIMITS.challenge);
        // it never shows
        if challenge.len() > 8 {
            assert!(!format!("{request:?}").contains(challenge.as_str()));
        }
    }
    if let Ok(Some(list)) = request.extension_request(&LIMITS) {
        extensions(&list);
    }
}

fn name(name: &Name<'_>) {
    let shown = name.to_string();
    assert!(shown.chars().count() <= 515 && shown.chars().all(|shown| !shown.is_control()), "{shown}");
    assert!(name.matches(name));
    let _ = black_box((name.common_name(), name.is_empty()));
    for attribute in name.attributes() {
        let _ = black_box(attribute.text());
    }
    assert_eq!(Name::parse(name.as_der()), Ok(*name));
}

fn key(key: &SubjectPublicKeyInfo<'_>) {
    let _ = black_box((key.check(&LIMITS), key.ec().is_ok(), key.can_encrypt()));
    if let Ok(canonical) = key.to_canonical() {
        let again = SubjectPublicKeyInfo::parse(&canonical).unwrap();
        assert!(again.same_key(key) && key.same_key(&again));
        assert_eq!(again.to_canonical().unwrap(), canonical);
    }
    if let Ok(rsa) = key.rsa() {
        assert!(rsa.bits() <= rsa.modulus.len() * 8);
        if rsa.check(&LIMITS).is_ok() {
            assert!((2048..=8192).contains(&rsa.bits()));
        }
    }
}

fn extensions(list: &Extensions<'_>) {
    let _ = black_box(format!("{list:?}"));
    assert!(list.iter().count() <= LIMITS.extensions);
    for extension in list.iter() {
        assert!(list.get(extension.oid).is_some());
        let _ = black_box(scep::wire::KeyUsage::from_extension(extension.value));
    }
    if let Some(names) = list.get(Oid::SUBJECT_ALT_NAME)
        && let Ok(names) = subject_alt_names(names.value, &LIMITS)
    {
        assert!(names.len() <= LIMITS.names);
        let _ = black_box(format!("{names:?}"));
    }
}

/// A certificate, and its path.
pub fn certificate(data: &[u8]) {
    let Ok(own) = Certificate::parse(data) else { return };
    let _ = black_box(format!("{own:?}"));
    assert_eq!(own.as_der(), data);
    name(&own.issuer());
    name(&own.subject());
    key(&own.public_key());
    algorithm(&own.signature_algorithm());
    let _ = black_box((own.not_before(), own.not_after(), own.key_usage(), own.extended_key_usage()));
    let _ = black_box((own.is_ca(), own.path_length(), own.subject_key_identifier(), own.is_self_issued()));
    if let Ok(Some(list)) = own.extensions() {
        extensions(&list);
    }
    assert!(own.issuer_and_serial().matches(&own));
    let anchors = [CA.clone()];
    let other = scep::pki_types::CertificateDer::from(data);
    let other = other.into_owned();
    for now in [None, Some(at(NOW))] {
        let context = PathContext {
            provider: &INSECURE,
            limits: &LIMITS,
            anchors: &anchors,
            intermediates: &[&other],
            now,
        };
        let _ = black_box(check_path(&own, &context));
    }
}

/// A revocation list.
pub fn crl(data: &[u8]) {
    let Ok(list) = CertificateList::parse(data) else { return };
    let _ = black_box(format!("{list:?}"));
    assert_eq!(list.as_der(), data);
    name(&list.issuer());
    algorithm(&list.signature_algorithm());
    let _ = black_box((list.this_update(), list.next_update(), list.has_unknown_critical_extension()));
    if let Ok(Some(found)) = list.extensions() {
        extensions(&found);
    }
    for entry in list.revoked().take(64) {
        let Ok(entry) = entry else { continue };
        let _ = black_box((entry.date(), entry.extensions().is_ok()));
        // an error says that a later entry cannot be read
        assert!(!matches!(list.find(entry.serial()), Ok(None)), "an entry that is not found");
    }
}
