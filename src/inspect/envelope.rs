//! EnvelopedData: reading it, and opening it with a key (RFC 5652 section 6).

use super::ber::{CHUNKED, CONSTRUCTED, Element, Fields, Layer};
use super::finding::{Deviation, Findings, Place};
use super::names::{Algorithm, ObjectId, Parameters, Use};
use super::signed::Identifier;
use super::value::MOST;
use crate::crypto::{ContentKey, DecryptJob, Decryptor, Provider, Recipient, Rng};
use crate::error::{BadEnvelope, Error, Unsupported};
use crate::wire::algorithm::{AlgorithmIdentifier, ContentEncryption, KeyTransport};
use crate::wire::oid::Oid;
use crate::wire::tlv::{self, Tlv};
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// The EnvelopedData of a pkiMessage (RFC 8894 section 3.2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct EnvelopeReport {
    /// CMSVersion.
    pub version: Option<u32>,
    /// Who can open it: one recipient where all is well.
    pub recipients: Vec<RecipientReport>,
    /// The type of the encrypted content: id-data where all is well.
    pub content_type: Option<ObjectId>,
    /// The content cipher.
    pub content_encryption: Option<Algorithm>,
    /// The encrypted content.
    pub encrypted_content: Vec<u8>,
    /// Whether the encrypted content came in chunks.
    pub is_chunked: bool,
    cipher: Option<ContentEncryption>,
}

/// One recipient (RFC 5652 section 6.2).
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientReport {
    /// Which of the five kinds it is.
    pub kind: RecipientKind,
    /// CMSVersion.
    pub version: Option<u32>,
    /// Whose key it is for; with key transport only.
    pub identifier: Option<Identifier>,
    /// How a password becomes a key; with a password only.
    pub key_derivation: Option<Algorithm>,
    /// How the content key is encrypted.
    pub key_encryption: Option<Algorithm>,
    /// The encrypted content key; with key transport and with a password only.
    pub encrypted_key: Vec<u8>,
    transport: Option<KeyTransport>,
}

/// The alternatives of RecipientInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientKind {
    /// `ktri`: a key for encryption.
    KeyTransport,
    /// `kari`
    KeyAgreement,
    /// `kekri`
    KeyEncryptionKey,
    /// `pwri`: a password.
    Password,
    /// `ori`, or something else.
    Other,
}

impl fmt::Display for RecipientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyTransport => "key transport",
            Self::KeyAgreement => "key agreement",
            Self::KeyEncryptionKey => "key-encryption key",
            Self::Password => "password",
            Self::Other => "other",
        })
    }
}

impl fmt::Debug for EnvelopeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeReport")
            .field("version", &self.version)
            .field("recipients", &self.recipients)
            .field("content_encryption", &self.content_encryption)
            .field("encrypted_length", &self.encrypted_content.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RecipientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientReport")
            .field("kind", &self.kind)
            .field("identifier", &self.identifier)
            .field("key_encryption", &self.key_encryption)
            .finish_non_exhaustive()
    }
}

/// The identifier as this library's types need it.
fn identifier_of<T>(
    element: &Element<'_>,
    read: impl FnOnce(&AlgorithmIdentifier<'_>) -> Result<T, Error>,
) -> Option<T> {
    read(&AlgorithmIdentifier::parse(&element.to_der()).ok()?).ok()
}

fn recipient(element: &Element<'_>, findings: &mut Findings) -> RecipientReport {
    let kind = match element.tag & 0x1F {
        _ if element.tag == tlv::SEQUENCE => RecipientKind::KeyTransport,
        1 => RecipientKind::KeyAgreement,
        2 => RecipientKind::KeyEncryptionKey,
        3 => RecipientKind::Password,
        _ => RecipientKind::Other,
    };
    let mut report = RecipientReport {
        kind,
        version: None,
        identifier: None,
        key_derivation: None,
        key_encryption: None,
        encrypted_key: Vec::new(),
        transport: None,
    };
    let mut fields = element.fields();
    report.version = fields.tagged(tlv::INTEGER).and_then(|version| version.small());
    if kind == RecipientKind::Password {
        password(&mut report, fields, findings);
        return report;
    }
    if kind != RecipientKind::KeyTransport {
        findings.add(Deviation::RecipientKind, Place::RecipientInfo);
        let algorithm = fields.find(|field| field.tag == tlv::SEQUENCE);
        report.key_encryption = algorithm
            .and_then(|algorithm| Algorithm::read(&algorithm, Use::Other, Place::RecipientInfo, findings));
        return report;
    }
    let identifier = Identifier::read(fields.next().as_ref());
    let right = if matches!(identifier, Identifier::KeyIdentifier(_)) { 2 } else { 0 };
    findings.add_if(report.version != Some(right), Deviation::RecipientVersion, Place::RecipientInfo);
    report.identifier = Some(identifier);
    if let Some(algorithm) = fields.tagged(tlv::SEQUENCE) {
        report.transport = identifier_of(&algorithm, KeyTransport::from_identifier);
        report.key_encryption =
            Algorithm::read(&algorithm, Use::KeyTransport, Place::RecipientInfo, findings);
    }
    let key = fields.tagged(tlv::OCTET_STRING).or_else(|| fields.tagged(CHUNKED));
    report.encrypted_key = key.map(|key| key.octets().into_owned()).unwrap_or_default();
    report
}

/// What follows the version of a PasswordRecipientInfo. RFC 8894 section 3.1 has it for keys that cannot encrypt, and the
/// password is the challenge, so a key has to be derived.
fn password(report: &mut RecipientReport, mut fields: Fields<'_>, findings: &mut Findings) {
    let place = Place::RecipientInfo;
    let mut read = |element: Element<'_>| Algorithm::read(&element, Use::Other, place, findings);
    report.key_derivation = fields.tagged(tlv::context(0)).and_then(&mut read);
    report.key_encryption = fields.tagged(tlv::SEQUENCE).and_then(&mut read);
    let key = fields.tagged(tlv::OCTET_STRING).or_else(|| fields.tagged(CHUNKED));
    report.encrypted_key = key.map(|key| key.octets().into_owned()).unwrap_or_default();
    findings.add_if(report.key_derivation.is_none(), Deviation::RecipientKind, place);
    findings.add_if(report.version != Some(0), Deviation::RecipientVersion, place);
}

impl EnvelopeReport {
    /// Reads what is inside the SEQUENCE of an EnvelopedData.
    pub(super) fn read(mut fields: Fields<'_>, layer: &mut Layer<'_, '_>) -> Self {
        let place = Place::EnvelopedData;
        let version = fields.tagged(tlv::INTEGER).and_then(|version| version.small());
        let originator = fields.tagged(tlv::context(0));
        let mut recipients = Vec::new();
        if let Some(set) = fields.tagged(tlv::SET) {
            for element in set.fields().take(MOST) {
                layer.mark(&element, Place::RecipientInfo);
                recipients.push(recipient(&element, layer.findings));
            }
        }
        let mut report = Self {
            version,
            recipients,
            content_type: None,
            content_encryption: None,
            encrypted_content: Vec::new(),
            is_chunked: false,
            cipher: None,
        };
        let content = fields.tagged(tlv::SEQUENCE);
        if let Some(content) = &content {
            layer.mark(content, Place::EncryptedContent);
            report.content(content, layer.findings);
        }
        let unprotected = fields.tagged(tlv::context(1));

        layer.findings.add_if(report.recipients.len() != 1, Deviation::RecipientCount, place);
        let is = |kind| report.recipients.iter().any(|recipient| recipient.kind == kind);
        let all_zero = report.recipients.iter().all(|recipient| recipient.version == Some(0));
        let right = match () {
            () if is(RecipientKind::Password) || is(RecipientKind::Other) => 3,
            () if all_zero && originator.is_none() && unprotected.is_none() => 0,
            () => 2,
        };
        layer.findings.add_if(version != Some(right), Deviation::EnvelopeVersion, place);
        layer.findings.add_if(
            !report.content_type.as_ref().is_some_and(|oid| oid.is("id-data")),
            Deviation::ContentType,
            Place::EncryptedContent,
        );
        report
    }

    fn content(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let place = Place::EncryptedContent;
        let mut fields = element.fields();
        self.content_type = fields.tagged(tlv::OBJECT_IDENTIFIER).map(|oid| ObjectId::new(oid.contents));
        if let Some(algorithm) = fields.tagged(tlv::SEQUENCE) {
            let oid = algorithm.fields().tagged(tlv::OBJECT_IDENTIFIER);
            self.cipher = oid.and_then(|oid| ContentEncryption::from_oid(Oid::new(oid.contents)).ok());
            self.content_encryption = Algorithm::read(&algorithm, Use::Other, place, findings);
        }
        let content = fields.next().filter(|field| field.tag & !CONSTRUCTED == tlv::context_primitive(0));
        if let Some(content) = content {
            self.encrypted_content = content.octets().into_owned();
            self.is_chunked = content.is_constructed();
        }
        if let Some(cipher) = self.cipher {
            let block = cipher.block_length();
            findings.add_if(
                self.iv().is_none_or(|iv| iv.len() != block),
                Deviation::InitialisationVector,
                place,
            );
            let whole = self.encrypted_content.len().checked_rem(block) == Some(0);
            let fits = whole && !self.encrypted_content.is_empty();
            findings.add_if(!fits, Deviation::CiphertextLength, place);
        }
    }

    /// The initialisation vector, when the parameters of the cipher are one.
    pub fn iv(&self) -> Option<&[u8]> {
        let Parameters::Other(parameters) = &self.content_encryption.as_ref()?.parameters else {
            return None;
        };
        Tlv::parse(parameters).ok().filter(|tlv| tlv.tag == tlv::OCTET_STRING).map(|tlv| tlv.value)
    }

    /// Decrypts for the first recipient that the key fits. Whether the padding was right comes with it.
    pub(super) fn open(
        &self,
        provider: &Provider,
        key: &mut dyn Decryptor,
        rng: &mut Rng<'_>,
    ) -> Result<(Zeroizing<Vec<u8>>, bool), Error> {
        let id = self.cipher.ok_or(Unsupported::ContentEncryption)?;
        let cipher = provider.reading_cipher(id, true)?;
        let block = id.block_length();
        let iv = self.iv().filter(|iv| iv.len() == block).ok_or(BadEnvelope::Ciphertext)?;
        let whole = self.encrypted_content.len().checked_rem(block) == Some(0);
        if self.encrypted_content.is_empty() || !whole {
            return Err(BadEnvelope::Ciphertext.into());
        }
        let mut refused = Error::from(BadEnvelope::Recipient);
        for recipient in self.recipients.iter().filter(|r| r.kind == RecipientKind::KeyTransport) {
            let Some(transport) = recipient.transport else {
                refused = Unsupported::KeyTransport.into();
                continue;
            };
            // Nobody knows the certificate of a key in a file, so the job names none.
            let nobody = Recipient::new(CertificateDer::from(Vec::new()));
            let job = DecryptJob::new(recipient.encrypted_key.clone(), transport, id.key_length(), nobody);
            let unwrapped = key.decrypt(&job, rng)?;
            let content_key = ContentKey::random(id.key_length(), rng)?.choose(&unwrapped);
            let mut buffer = Zeroizing::new(self.encrypted_content.clone());
            cipher.decrypt(content_key.as_bytes(), iv, &mut buffer)?;
            let length = unpadded(&buffer, block);
            // A wrong key leaves noise. Wrong padding behind a whole element is worth showing.
            let mut rest = buffer.as_slice();
            let element = Element::read(&mut rest).filter(|element| element.tag == tlv::SEQUENCE);
            match (length, element) {
                (Some(length), _) => {
                    buffer.truncate(length);
                    return Ok((buffer, true));
                }
                (None, Some(element)) if element.fields().count() > 1 && rest.len() <= block => {
                    let length = element.raw.len();
                    buffer.truncate(length);
                    return Ok((buffer, false));
                }
                _ => refused = BadEnvelope::Content.into(),
            }
        }
        Err(refused)
    }
}

/// How long the content is without its padding (RFC 5652 section 6.3); `None` when the padding is wrong. The one who
/// reads captures has the key, so there is nothing to keep from him.
fn unpadded(buffer: &[u8], block: usize) -> Option<usize> {
    let padding = usize::from(*buffer.last()?);
    let length = buffer.len().checked_sub(padding)?;
    let right = buffer.get(length..)?.iter().all(|byte| usize::from(*byte) == padding);
    ((1..=block).contains(&padding) && right).then_some(length)
}
