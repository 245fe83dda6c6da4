//! Messages made by hand from the types of `cms`.

use crate::primitives::{certificate, cipher_oid, cipher_sizes, digest_oid, encrypt, hash, pad, sign, wrap};
use crate::support::{CA, DEVICE, Party};
use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::enveloped_data::{
    EncryptedContentInfo, EnvelopedData, KeyTransRecipientInfo, RecipientIdentifier, RecipientInfo,
    RecipientInfos,
};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode as _, DecodeOwned, Encode as _, EncodeValue, Tag, Tagged};
use scep::wire::{ContentEncryption, Digest};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::spki;

pub(crate) const DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
pub(crate) const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
pub(crate) const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";

pub(crate) fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(text).unwrap()
}

/// With parameters NULL.
pub(crate) fn algorithm(name: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: oid(name), parameters: Some(Any::null()) }
}

/// Without parameters.
pub(crate) fn bare_algorithm(name: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: oid(name), parameters: None }
}

/// One element of shorter than 64 KiB.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let [.., high, low] = contents.len().to_be_bytes();
    let header = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header, contents].concat()
}

pub(crate) fn content_info(content_type: &str, content: &(impl EncodeValue + Tagged)) -> Vec<u8> {
    let content = Any::encode_from(content).unwrap();
    ContentInfo { content_type: oid(content_type), content }.to_der().unwrap()
}

/// A ContentInfo around fields that are encoded already.
pub(crate) fn content_info_of(content_type: &str, fields: &[&[u8]]) -> Vec<u8> {
    let content = tlv(0xA0, &[&tlv(0x30, fields)]);
    tlv(0x30, &[&oid(content_type).to_der().unwrap(), &content])
}

pub(crate) fn issuer_and_serial(party: &Party) -> IssuerAndSerialNumber {
    let certificate = certificate(party);
    let tbs = certificate.tbs_certificate();
    IssuerAndSerialNumber { issuer: tbs.issuer().clone(), serial_number: tbs.serial_number().clone() }
}

pub(crate) fn key_identifier(party: &Party) -> SubjectKeyIdentifier {
    let certificate = certificate(party);
    let (_, identifier) = certificate.tbs_certificate().get_extension().unwrap().unwrap();
    identifier
}

pub(crate) fn by_serial(party: &Party) -> SignerIdentifier {
    SignerIdentifier::IssuerAndSerialNumber(issuer_and_serial(party))
}

pub(crate) fn octets(bytes: &[u8]) -> OctetString {
    OctetString::new(bytes).unwrap()
}

pub(crate) fn attribute(name: &str, tag: Tag, value: &[u8]) -> Attribute {
    let values = SetOfVec::try_from([Any::new(tag, value).unwrap()]).unwrap();
    Attribute { oid: oid(name), values }
}

pub(crate) const MESSAGE_TYPE: &str = "2.16.840.1.113733.1.9.2";
pub(crate) const PKI_STATUS: &str = "2.16.840.1.113733.1.9.3";
pub(crate) const SENDER_NONCE: &str = "2.16.840.1.113733.1.9.5";
pub(crate) const RECIPIENT_NONCE: &str = "2.16.840.1.113733.1.9.6";
pub(crate) const TRANSACTION_ID: &str = "2.16.840.1.113733.1.9.7";

/// What a CertRep has; `digested` are the octets that messageDigest covers.
pub(crate) fn attributes(digest: Digest, digested: &[u8]) -> Vec<Attribute> {
    vec![
        attribute("1.2.840.113549.1.9.3", Tag::ObjectIdentifier, oid(DATA).as_bytes()),
        attribute("1.2.840.113549.1.9.4", Tag::OctetString, &hash(digest, digested)),
        attribute("1.2.840.113549.1.9.5", Tag::UtcTime, b"260102030405Z"),
        attribute(MESSAGE_TYPE, Tag::PrintableString, b"3"),
        attribute(PKI_STATUS, Tag::PrintableString, b"0"),
        attribute(SENDER_NONCE, Tag::OctetString, &[0x51; 16]),
        attribute(RECIPIENT_NONCE, Tag::OctetString, &[0x52; 16]),
        attribute(TRANSACTION_ID, Tag::PrintableString, b"4711-ABC"),
    ]
}

/// A SignerInfo of [`DEVICE`] over `content`, as RFC 5652 has it.
pub(crate) fn signer_info(digest: Digest, content: &[u8]) -> SignerInfo {
    let attributes = SetOfVec::try_from(attributes(digest, content)).unwrap();
    SignerInfo {
        version: CmsVersion::V1,
        sid: by_serial(&DEVICE),
        digest_alg: algorithm(digest_oid(digest)),
        signature: octets(&sign(&DEVICE, digest, &attributes.to_der().unwrap())),
        signed_attrs: Some(attributes),
        signature_algorithm: algorithm(RSA_ENCRYPTION),
        unsigned_attrs: None,
    }
}

/// A SignedData of [`DEVICE`] with its certificate.
pub(crate) fn signed_data(content: &[u8], signer: SignerInfo) -> SignedData {
    let certificates = vec![CertificateChoices::Certificate(certificate(&DEVICE))];
    SignedData {
        version: CmsVersion::V1,
        digest_algorithms: SetOfVec::try_from([signer.digest_alg.clone()]).unwrap(),
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: oid(DATA),
            econtent: Some(Any::new(Tag::OctetString, content).unwrap()),
        },
        certificates: Some(CertificateSet::try_from(certificates).unwrap()),
        crls: None,
        signer_infos: SignerInfos::try_from(vec![signer]).unwrap(),
    }
}

/// The message of [`DEVICE`] around `content`.
pub(crate) fn message(content: &[u8]) -> Vec<u8> {
    content_info(SIGNED_DATA, &signed_data(content, signer_info(Digest::Sha256, content)))
}

pub(crate) fn content_key(cipher: ContentEncryption) -> Vec<u8> {
    (1..).take(cipher_sizes(cipher).0).collect()
}

pub(crate) fn iv(cipher: ContentEncryption) -> Vec<u8> {
    (0xA0..).take(cipher_sizes(cipher).1).collect()
}

/// A recipient of [`content_key`]: [`CA`], by issuer and serial number.
pub(crate) fn recipient(cipher: ContentEncryption) -> KeyTransRecipientInfo {
    KeyTransRecipientInfo {
        version: CmsVersion::V0,
        rid: RecipientIdentifier::IssuerAndSerialNumber(issuer_and_serial(&CA)),
        key_enc_alg: algorithm(RSA_ENCRYPTION),
        enc_key: octets(&wrap(&CA, &content_key(cipher))),
    }
}

/// `content` under [`content_key`] and [`iv`].
pub(crate) fn encrypted_content(cipher: ContentEncryption, content: &[u8]) -> EncryptedContentInfo {
    let iv = iv(cipher);
    let ciphertext = encrypt(cipher, &content_key(cipher), &iv, &pad(content, iv.len()));
    EncryptedContentInfo {
        content_type: oid(DATA),
        content_enc_alg: AlgorithmIdentifierOwned {
            oid: oid(cipher_oid(cipher)),
            parameters: Some(Any::new(Tag::OctetString, iv).unwrap()),
        },
        encrypted_content: Some(octets(&ciphertext)),
    }
}

/// An EnvelopedData for [`CA`].
pub(crate) fn enveloped_data(cipher: ContentEncryption, content: &[u8]) -> EnvelopedData {
    EnvelopedData {
        version: CmsVersion::V0,
        originator_info: None,
        recip_infos: RecipientInfos::try_from(vec![RecipientInfo::Ktri(recipient(cipher))]).unwrap(),
        encrypted_content: encrypted_content(cipher, content),
        unprotected_attrs: None,
    }
}

/// The content of a ContentInfo, which must have this type.
pub(crate) fn decode<T: DecodeOwned<Error = der::Error>>(der: &[u8], content_type: &str) -> T {
    let info = ContentInfo::from_der(der).unwrap();
    assert_eq!(info.content_type, oid(content_type));
    T::from_der(&info.content.to_der().unwrap()).unwrap()
}
