//! Our reader of CMS against another one: where both take a message, they find the same in it.

use super::world::LIMITS;
use cms::content_info::ContentInfo;
use cms::enveloped_data::{
    EnvelopedData as TheirEnvelope, RecipientIdentifier, RecipientInfo as TheirRecipient,
};
use cms::signed_data::{SignedData as TheirMessage, SignerIdentifier};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode, Tag, Tagged as _};
use scep::wire::{
    CertificateSelector, EnvelopedData, Oid, RecipientInfo, SignedAttributes, SignedData, normalize,
};

/// What is in a ContentInfo of this type.
fn inside<T: for<'a> Decode<'a>>(der: &[u8], wanted: Oid<'_>) -> Option<T> {
    let info = ContentInfo::from_der(der).ok()?;
    (info.content_type.as_bytes() == wanted.as_bytes()).then_some(())?;
    T::from_der(&info.content.to_der().ok()?).ok()
}

/// Whether both name the same certificate; their reader sorts the attributes of a name, and ours keeps them.
fn same_issuer(ours: &[u8], theirs: &impl Encode) -> bool {
    let theirs = theirs.to_der().unwrap();
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    ours == theirs || sorted(ours) == sorted(&theirs)
}

fn same_selector(
    ours: &CertificateSelector<'_>,
    serial: Option<(&impl Encode, &[u8])>,
    key: Option<&[u8]>,
) -> bool {
    match (ours, serial, key) {
        (CertificateSelector::IssuerAndSerialNumber(ours), Some((issuer, serial)), None) => {
            ours.serial == serial && same_issuer(ours.issuer.as_der(), issuer)
        }
        (CertificateSelector::SubjectKeyIdentifier(ours), None, Some(theirs)) => *ours == theirs,
        _ => false,
    }
}

fn is(ours: Oid<'_>, theirs: ObjectIdentifier) -> bool {
    ours.as_bytes() == theirs.as_bytes()
}

/// Signed and enveloped data.
pub fn differential(data: &[u8]) {
    let Ok(der) = normalize(data, &LIMITS) else { return };
    if let (Ok(ours), Some(theirs)) =
        (SignedData::parse(&der, &LIMITS), inside::<TheirMessage>(&der, Oid::ID_SIGNED_DATA))
    {
        messages(&ours, &theirs);
        if let Some(inner) = ours.content() {
            let inner = normalize(inner, &LIMITS).unwrap_or_default();
            envelopes(&inner);
        }
    }
    envelopes(&der);
}

fn messages(ours: &SignedData<'_>, theirs: &TheirMessage) {
    assert!(is(ours.content_type(), theirs.encap_content_info.econtent_type), "content type");
    match (&theirs.encap_content_info.econtent, ours.content()) {
        (None, None) => {}
        (Some(theirs), Some(found)) => {
            if theirs.tag() == Tag::OctetString {
                assert_eq!((found, ours.embedded()), (theirs.value(), Some(theirs.value())), "content");
            } else {
                assert_eq!(found, theirs.value(), "content of another type");
                assert_eq!(ours.embedded(), Some(&theirs.to_der().unwrap()[..]), "content of another type");
            }
        }
        (theirs, found) => panic!("content {found:?}, theirs {theirs:?}"),
    }
    assert_eq!(ours.has_signers(), !theirs.signer_infos.0.is_empty());
    let Ok(signer) = ours.signer() else { return };
    assert_eq!(theirs.signer_infos.0.len(), 1);
    let Some(other) = theirs.signer_infos.0.as_slice().first() else { return };
    let same = match &other.sid {
        SignerIdentifier::IssuerAndSerialNumber(sid) => {
            same_selector(&signer.sid(), Some((&sid.issuer, sid.serial_number.as_bytes())), None)
        }
        SignerIdentifier::SubjectKeyIdentifier(key) => {
            same_selector(&signer.sid(), None::<(&bool, &[u8])>, Some(key.0.as_bytes()))
        }
    };
    assert!(same, "signer {:?}, theirs {:?}", signer.sid(), other.sid);
    assert!(is(signer.digest_algorithm().oid, other.digest_alg.oid), "digest");
    assert!(is(signer.signature_algorithm().oid, other.signature_algorithm.oid), "signature algorithm");
    assert_eq!(signer.signature(), other.signature.as_bytes(), "signature");
    if let Ok(found) = signer.signed_attributes() {
        attributes(&found, other.signed_attrs.as_ref().expect("no signed attributes"));
    }
}

fn attributes(ours: &SignedAttributes<'_>, theirs: &x509_cert::attr::Attributes) {
    assert_eq!(ours.iter().count(), theirs.len(), "number of attributes");
    for attribute in theirs.iter() {
        let mut same = theirs.iter().filter(|other| other.oid == attribute.oid);
        let value = ours.value(Oid::new(attribute.oid.as_bytes()));
        match (same.next(), same.next(), attribute.values.len()) {
            (Some(_), None, 1) => {
                let theirs = attribute.values.as_slice()[0].to_der().unwrap();
                assert_eq!(value, Ok(Some(&theirs[..])), "{}", attribute.oid);
            }
            _ => assert!(value.is_err(), "{} is there more than once", attribute.oid),
        }
    }
}

fn envelopes(der: &[u8]) {
    let ours = EnvelopedData::parse(der, &LIMITS);
    let theirs = inside::<TheirEnvelope>(der, Oid::ID_ENVELOPED_DATA);
    let (Ok(ours), Some(theirs)) = (ours, theirs) else { return };
    let content = &theirs.encrypted_content;
    assert!(is(ours.content_type(), content.content_type), "content type");
    assert!(is(ours.content_encryption().oid, content.content_enc_alg.oid), "cipher");
    let encrypted = content.encrypted_content.as_ref().map(|content| content.as_bytes());
    assert_eq!(ours.encrypted_content(), encrypted.unwrap_or_default(), "ciphertext");
    // Theirs are sorted.
    assert_eq!(ours.recipients().count(), theirs.recip_infos.0.len(), "recipients");
    for recipient in ours.recipients() {
        let found = theirs.recip_infos.0.iter().any(|other| match (&recipient, other) {
            (RecipientInfo::KeyTransport(ours), TheirRecipient::Ktri(other)) => {
                let same = match &other.rid {
                    RecipientIdentifier::IssuerAndSerialNumber(rid) => same_selector(
                        &ours.recipient,
                        Some((&rid.issuer, rid.serial_number.as_bytes())),
                        None,
                    ),
                    RecipientIdentifier::SubjectKeyIdentifier(key) => {
                        same_selector(&ours.recipient, None::<(&bool, &[u8])>, Some(key.0.as_bytes()))
                    }
                };
                same && ours.encrypted_key == other.enc_key.as_bytes()
                    && is(ours.key_encryption.oid, other.key_enc_alg.oid)
            }
            (RecipientInfo::Password(ours), TheirRecipient::Pwri(other)) => {
                ours.encrypted_key == other.enc_key.as_bytes()
            }
            (RecipientInfo::Other, TheirRecipient::Ktri(_)) => false,
            (RecipientInfo::Other, _) => true,
            _ => false,
        });
        assert!(found, "{recipient:?} is none of {:?}", theirs.recip_infos);
    }
}
