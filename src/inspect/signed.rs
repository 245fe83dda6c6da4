//! SignedData, as far as it can be read (RFC 5652 section 5).

use super::ber::{CHUNKED, Element, Fields, Layer};
use super::certificate::{CertificateReport, CrlReport, hex, name_text};
use super::finding::{Deviation, Findings, Place};
use super::names::{Algorithm, ObjectId, Use};
use super::value::{AttributeReport, MOST, are_sorted, attributes};
use crate::crypto::Provider;
use crate::wire::tlv;
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A SignedData: of a pkiMessage, or of a certs-only message (RFC 8894 sections 3.2 and 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDataReport {
    /// CMSVersion.
    pub version: Option<u32>,
    /// `digestAlgorithms`
    pub digest_algorithms: Vec<Algorithm>,
    /// eContentType: id-data where all is well.
    pub content_type: Option<ObjectId>,
    /// eContent.
    pub content: ContentForm,
    /// The certificates sent along, in their order.
    pub certificates: Vec<CertificateReport>,
    /// The CRLs.
    pub crls: Vec<CrlReport>,
    /// The signers: one in a pkiMessage, none in a certs-only message.
    pub signers: Vec<SignerReport>,
}

/// In which form eContent was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentForm {
    /// Not at all.
    Absent,
    /// As an OCTET STRING of so many octets, 0 too.
    OctetString(usize),
    /// As an element of another type, with this tag, of so many octets (PKCS #7 v1.5).
    Other(u8, usize),
}

impl fmt::Display for ContentForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::OctetString(0) => f.write_str("OCTET STRING of no bytes"),
            Self::OctetString(length) => write!(f, "OCTET STRING of {length} bytes"),
            Self::Other(tag, length) => write!(f, "element with tag {tag:#04x} of {length} bytes"),
        }
    }
}

/// Whether a signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It verifies, and the digest of the content fits.
    Valid,
    /// It does not.
    Invalid,
    /// The provider cannot say: an algorithm, or a size of key, that it does not know.
    Unsupported,
    /// The certificate of the signer is not in the message.
    NoCertificate,
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::NoCertificate => "no certificate",
        })
    }
}

/// How a SignerInfo names its signer, or a RecipientInfo its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// By issuer and serial number.
    IssuerAndSerial {
        /// The issuer, as text for people.
        issuer: Option<String>,
        /// The serial number, as it stands.
        serial: Vec<u8>,
    },
    /// By the key identifier of its certificate.
    KeyIdentifier(Vec<u8>),
    /// In no form that is known.
    Unreadable,
}

impl Identifier {
    pub(super) fn read(element: Option<&Element<'_>>) -> Self {
        match element {
            Some(element) if element.tag & 0xDF == tlv::context_primitive(0) => {
                Self::KeyIdentifier(element.octets().into_owned())
            }
            Some(element) if element.tag == tlv::SEQUENCE => {
                let mut fields = element.fields();
                let issuer = fields.next().and_then(|name| name_text(&name));
                let serial = fields.tagged(tlv::INTEGER).map(|serial| serial.contents.to_vec());
                Self::IssuerAndSerial { issuer, serial: serial.unwrap_or_default() }
            }
            _ => Self::Unreadable,
        }
    }

    /// The CMSVersion that follows from it, in a SignerInfo.
    fn signer_version(&self) -> u32 {
        if matches!(self, Self::KeyIdentifier(_)) { 3 } else { 1 }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                write!(f, "issuer {}, serial {}", issuer.as_deref().unwrap_or("(unreadable)"), hex(serial))
            }
            Self::KeyIdentifier(identifier) => write!(f, "key identifier {}", hex(identifier)),
            Self::Unreadable => f.write_str("(unreadable)"),
        }
    }
}

/// One signer (RFC 5652 section 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerReport {
    /// CMSVersion.
    pub version: Option<u32>,
    /// Which certificate it means.
    pub identifier: Identifier,
    /// That certificate, when it is in the message: its place in [`SignedDataReport::certificates`].
    pub certificate: Option<usize>,
    /// The digest algorithm.
    pub digest_algorithm: Option<Algorithm>,
    /// The signed attributes, in the order sent; `None` when there is no such field.
    pub attributes: Option<Vec<AttributeReport>>,
    /// The signature algorithm.
    pub signature_algorithm: Option<Algorithm>,
    /// Length of the signature, bytes.
    pub signature_length: usize,
    /// The unsigned attributes, which mean nothing in SCEP.
    pub unsigned_attributes: Vec<AttributeReport>,
    /// Whether the signature holds.
    pub validity: Validity,
}

/// A SignerInfo as it stands, for the one who verifies it.
#[derive(Default)]
pub(super) struct RawSigner<'a> {
    pub(super) sid: Option<Element<'a>>,
    pub(super) digest: Option<Element<'a>>,
    pub(super) attributes: Option<Element<'a>>,
    pub(super) algorithm: Option<Element<'a>>,
    pub(super) signature: Cow<'a, [u8]>,
}

/// What was signed.
pub(super) struct SignedContent<'a> {
    pub(super) content_type: &'a [u8],
    /// What is digested.
    pub(super) octets: Cow<'a, [u8]>,
    /// What is read.
    pub(super) embedded: Cow<'a, [u8]>,
}

/// Reads the SignedData in a ContentInfo; `None` when there is none.
pub(super) fn read<'a>(
    fields: Fields<'a>,
    layer: &mut Layer<'_, '_>,
    provider: &Provider,
) -> Option<(SignedDataReport, SignedContent<'a>)> {
    let mut info = fields;
    let mut fields = info.tagged(tlv::context(0))?.fields().tagged(tlv::SEQUENCE)?.fields();
    let version = fields.tagged(tlv::INTEGER).and_then(|version| version.small());
    let algorithms = fields.tagged(tlv::SET).map(|set| set.fields());
    let mut report = SignedDataReport {
        version,
        digest_algorithms: Vec::new(),
        content_type: None,
        content: ContentForm::Absent,
        certificates: Vec::new(),
        crls: Vec::new(),
        signers: Vec::new(),
    };
    for algorithm in algorithms.into_iter().flatten().take(MOST) {
        let read = Algorithm::read(&algorithm, Use::Digest, Place::SignedData, layer.findings);
        report.digest_algorithms.extend(read);
    }
    let content = content(&mut fields, &mut report, layer);
    if let Some(certificates) = fields.tagged(tlv::context(0)) {
        layer.mark(&certificates, Place::Certificates);
        // Other kinds of certificate are context-specific.
        let certificates = certificates.fields().filter(|field| field.tag == tlv::SEQUENCE).take(MOST);
        let read = |field| CertificateReport::read(&field, layer.findings);
        report.certificates = certificates.map(read).collect();
    }
    if let Some(crls) = fields.tagged(tlv::context(1)) {
        layer.mark(&crls, Place::Crls);
        let read = |field| CrlReport::read(&field, layer.findings);
        report.crls = crls.fields().take(MOST).filter_map(read).collect();
    }
    let signers = fields.tagged(tlv::SET).map(|set| set.fields());
    for signer in signers.into_iter().flatten().take(MOST) {
        layer.mark(&signer, Place::SignerInfo);
        let read = self::signer(&signer, &report, &content, layer, provider);
        report.signers.push(read);
    }
    Some((report, content))
}

fn content<'a>(
    fields: &mut Fields<'a>,
    report: &mut SignedDataReport,
    layer: &mut Layer<'_, '_>,
) -> SignedContent<'a> {
    let mut content =
        SignedContent { content_type: &[], octets: Cow::Borrowed(&[]), embedded: Cow::Borrowed(&[]) };
    let Some(encapsulated) = fields.tagged(tlv::SEQUENCE) else { return content };
    layer.mark(&encapsulated, Place::Content);
    let mut fields = encapsulated.fields();
    if let Some(oid) = fields.tagged(tlv::OBJECT_IDENTIFIER) {
        content.content_type = oid.contents;
        report.content_type = Some(ObjectId::new(oid.contents));
    }
    let inside = fields.tagged(tlv::context(0)).and_then(|holder| holder.fields().next());
    let Some(inside) = inside else { return content };
    if matches!(inside.tag, tlv::OCTET_STRING | CHUNKED) {
        content.octets = inside.octets();
        content.embedded = content.octets.clone();
        report.content = ContentForm::OctetString(content.octets.len());
    } else {
        content.octets = Cow::Borrowed(inside.contents);
        content.embedded = Cow::Borrowed(inside.raw);
        report.content = ContentForm::Other(inside.tag, inside.contents.len());
        layer.add(Deviation::ContentNotOctets, Place::Content, Some(&inside));
    }
    content
}

fn signer(
    element: &Element<'_>,
    data: &SignedDataReport,
    content: &SignedContent<'_>,
    layer: &mut Layer<'_, '_>,
    provider: &Provider,
) -> SignerReport {
    let mut fields = element.fields();
    let version = fields.tagged(tlv::INTEGER).and_then(|version| version.small());
    let mut raw = RawSigner { sid: fields.next(), ..RawSigner::default() };
    raw.digest = fields.tagged(tlv::SEQUENCE);
    raw.attributes = fields.tagged(tlv::context(0));
    raw.algorithm = fields.tagged(tlv::SEQUENCE);
    let signature = fields.tagged(tlv::OCTET_STRING).or_else(|| fields.tagged(CHUNKED));
    raw.signature = signature.map(|signature| signature.octets()).unwrap_or_default();
    let unsigned = fields.tagged(tlv::context(1)).map(|set| attributes(set.fields()));

    let place = Place::SignerInfo;
    let algorithm = |element: &Option<Element<'_>>, role, findings: &mut Findings| {
        element.as_ref().and_then(|element| Algorithm::read(element, role, place, findings))
    };
    let digest_algorithm = algorithm(&raw.digest, Use::Digest, layer.findings);
    let signature_algorithm = algorithm(&raw.algorithm, Use::Signature, layer.findings);
    let identifier = Identifier::read(raw.sid.as_ref());
    if version.is_some_and(|version| version != identifier.signer_version()) {
        layer.add(Deviation::SignerVersion, place, Some(element));
    }
    let listed = |digest: &Algorithm| {
        data.digest_algorithms.iter().any(|listed| listed.oid.dotted == digest.oid.dotted)
    };
    if digest_algorithm.as_ref().is_some_and(|digest| !listed(digest)) {
        layer.add(Deviation::DigestUnlisted, Place::SignedData, None);
    }
    match &raw.attributes {
        None => layer.add(Deviation::NoSignedAttributes, place, Some(element)),
        Some(attributes) => {
            layer.mark(attributes, Place::SignedAttributes);
            if !are_sorted(attributes.fields()) {
                layer.add(Deviation::UnsortedAttributes, Place::SignedAttributes, Some(attributes));
            }
        }
    }
    let certificate = super::signature::signer_certificate(&raw, data);
    let validity = super::signature::verify(&raw, certificate, data, content, layer.findings, provider);
    SignerReport {
        version,
        identifier,
        certificate,
        digest_algorithm,
        attributes: raw.attributes.map(|set| attributes(set.fields())),
        signature_algorithm,
        signature_length: raw.signature.len(),
        unsigned_attributes: unsigned.unwrap_or_default(),
        validity,
    }
}

impl SignedDataReport {
    /// The subject of the signer's certificate, when that is in the message.
    pub fn signer_subject(&self) -> Option<String> {
        self.signer_certificate()?.subject.as_ref().map(ToString::to_string)
    }

    /// The certificate of the first signer, when it is in the message.
    pub fn signer_certificate(&self) -> Option<&CertificateReport> {
        self.certificates.get(self.signers.first()?.certificate?)
    }
}
