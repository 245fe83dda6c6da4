//! CMS EnvelopedData (RFC 5652 section 6): the pkcsPKIEnvelope of RFC 8894 section 3.2.2.

use super::algorithm::{AlgorithmIdentifier, ContentEncryption, KeyTransport};
use super::limits::Limits;
use super::oid::Oid;
use super::password_recipient::{self, PasswordRecipientInfo, Pbkdf2Parameters};
use super::selector::{CertificateSelector, IssuerAndSerialNumber};
use super::signed_data::{check_elements, check_version, content_info, elements, write_content_info};
use super::tlv::{self, Tlv, Writer};
use crate::error::{BadEnvelope, Error, InvalidMessage, Limit, Unsupported};
use alloc::vec::Vec;
use core::fmt;

/// A view of a ContentInfo that holds EnvelopedData (RFC 5652 sections 3 and 6.1).
///
/// ```text
/// EnvelopedData ::= SEQUENCE {
///     version CMSVersion,
///     originatorInfo [0] IMPLICIT OriginatorInfo OPTIONAL,
///     recipientInfos SET SIZE (1..MAX) OF RecipientInfo,
///     encryptedContentInfo EncryptedContentInfo,
///     unprotectedAttrs [1] IMPLICIT UnprotectedAttributes OPTIONAL }
/// EncryptedContentInfo ::= SEQUENCE {
///     contentType OBJECT IDENTIFIER,
///     contentEncryptionAlgorithm ContentEncryptionAlgorithmIdentifier,
///     encryptedContent [0] IMPLICIT OCTET STRING OPTIONAL }
/// ```
///
/// Versions 0 to 4 are read; originatorInfo and unprotectedAttrs are passed over.
#[derive(Clone, Copy)]
pub struct EnvelopedData<'a> {
    recipients: &'a [u8],
    content_type: Oid<'a>,
    content_encryption: AlgorithmIdentifier<'a>,
    encrypted_content: &'a [u8],
}

impl<'a> EnvelopedData<'a> {
    /// Reads DER that holds one ContentInfo and nothing else.
    ///
    /// [`InvalidMessage::NotEnvelopedData`] if it holds another content type,
    /// [`Unsupported::ContentEncryption`] if that is AuthEnvelopedData (RFC 5083), [`BadEnvelope::Recipient`] without
    /// recipients, [`Limit::Recipients`] with too many.
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = match content_info(der, Oid::ID_ENVELOPED_DATA, InvalidMessage::NotEnvelopedData) {
            // its algorithms are none of RFC 8894, and that is what to tell the sender
            Err(_)
                if content_info(der, Oid::ID_AUTH_ENVELOPED_DATA, InvalidMessage::NotEnvelopedData)
                    .is_ok() =>
            {
                return Err(Unsupported::ContentEncryption.into());
            }
            other => other?,
        };
        check_version(&mut reader, 0, 4)?;
        reader.optional(tlv::context(0))?;
        let recipients = reader.expect(tlv::SET)?.value;
        let check = |info| RecipientInfo::parse(&info).map(drop);
        if check_elements(recipients, limits.recipients, Limit::Recipients, check)? == 0 {
            return Err(BadEnvelope::Recipient.into());
        }
        let mut info = reader.enter(tlv::SEQUENCE)?;
        reader.optional(tlv::context(1))?;
        reader.finish()?;

        let content_type = Oid::new(info.expect(tlv::OBJECT_IDENTIFIER)?.value);
        let content_encryption = AlgorithmIdentifier::read(&mut info)?;
        let encrypted_content = info.optional(tlv::context_primitive(0))?;
        info.finish()?;
        let encrypted_content = encrypted_content.map(|content| content.value).unwrap_or_default();
        Ok(Self { recipients, content_type, content_encryption, encrypted_content })
    }

    /// The recipients, in the order sent; at least one.
    pub fn recipients(&self) -> impl Iterator<Item = RecipientInfo<'a>> + use<'a> {
        elements(self.recipients).filter_map(|info| RecipientInfo::parse(&info).ok())
    }

    /// The type of the encrypted content: id-data in a pkiMessage; it is for the caller to refuse others.
    pub fn content_type(&self) -> Oid<'a> {
        self.content_type
    }

    /// The content cipher, with its initialisation vector as parameter.
    pub fn content_encryption(&self) -> AlgorithmIdentifier<'a> {
        self.content_encryption
    }

    /// The initialisation vector (RFC 3565 section 4.1, RFC 3370 section 5.1): one cipher block when right, which
    /// is for the caller to check. [`BadEnvelope::Ciphertext`] if the parameter is no OCTET STRING.
    pub fn iv(&self) -> Result<&'a [u8], Error> {
        self.content_encryption.octet_string().ok_or(BadEnvelope::Ciphertext.into())
    }

    /// The ciphertext; empty if the field is absent.
    pub fn encrypted_content(&self) -> &'a [u8] {
        self.encrypted_content
    }
}

impl fmt::Debug for EnvelopedData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopedData")
            .field("recipients", &self.recipients().count())
            .field("content_encryption", &self.content_encryption.oid)
            .field("encrypted_length", &self.encrypted_content.len())
            .finish_non_exhaustive()
    }
}

/// One recipient (RFC 5652 section 6.2).
///
/// ```text
/// RecipientInfo ::= CHOICE {
///     ktri KeyTransRecipientInfo,
///     kari [1] IMPLICIT KeyAgreeRecipientInfo,
///     kekri [2] IMPLICIT KEKRecipientInfo,
///     pwri [3] IMPLICIT PasswordRecipientInfo,
///     ori [4] IMPLICIT OtherRecipientInfo }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum RecipientInfo<'a> {
    /// A recipient with a key for encryption.
    KeyTransport(KeyTransRecipientInfo<'a>),
    /// A recipient who knows a password.
    Password(PasswordRecipientInfo<'a>),
    /// Any other kind, unread, or one by password that cannot be read.
    Other,
}

impl<'a> RecipientInfo<'a> {
    fn parse(info: &Tlv<'a>) -> Result<Self, Error> {
        if info.tag == tlv::context(3) {
            let password = info.reader().and_then(PasswordRecipientInfo::read);
            return Ok(password.map_or(Self::Other, Self::Password));
        }
        if info.tag != tlv::SEQUENCE {
            return Ok(Self::Other);
        }
        let mut reader = info.reader()?;
        reader.expect(tlv::INTEGER)?;
        let recipient = CertificateSelector::read(&mut reader)?;
        let key_encryption = AlgorithmIdentifier::read(&mut reader)?;
        let encrypted_key = reader.expect(tlv::OCTET_STRING)?.value;
        reader.finish()?;
        Ok(Self::KeyTransport(KeyTransRecipientInfo { recipient, key_encryption, encrypted_key }))
    }
}

/// A content key, encrypted to the public key of a certificate (RFC 5652 section 6.2.1).
///
/// ```text
/// KeyTransRecipientInfo ::= SEQUENCE {
///     version CMSVersion,
///     rid RecipientIdentifier,
///     keyEncryptionAlgorithm KeyEncryptionAlgorithmIdentifier,
///     encryptedKey OCTET STRING }
/// ```
#[derive(Clone, Copy)]
pub struct KeyTransRecipientInfo<'a> {
    /// Whose key it is encrypted to.
    pub recipient: CertificateSelector<'a>,
    /// How it is encrypted.
    pub key_encryption: AlgorithmIdentifier<'a>,
    /// The encrypted content key, as long as the recipient's RSA modulus.
    pub encrypted_key: &'a [u8],
}

impl fmt::Debug for KeyTransRecipientInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTransRecipientInfo")
            .field("key_encryption", &self.key_encryption.oid)
            .field("encrypted_length", &self.encrypted_key.len())
            .finish_non_exhaustive()
    }
}

/// What goes into the EnvelopedData of a pkiMessage: id-data, one recipient.
#[derive(Clone, Copy)]
pub struct EnvelopedDataDraft<'a> {
    /// The recipient.
    pub recipient: RecipientDraft<'a>,
    /// The content cipher.
    pub content_encryption: ContentEncryption,
    /// Its initialisation vector, one block.
    pub iv: &'a [u8],
    /// The ciphertext.
    pub encrypted_content: &'a [u8],
}

/// The recipient of an [`EnvelopedDataDraft`].
#[non_exhaustive]
#[derive(Clone, Copy)]
pub enum RecipientDraft<'a> {
    /// KeyTransRecipientInfo, version 0, in an EnvelopedData of version 0.
    KeyTransport {
        /// The recipient's certificate.
        recipient: IssuerAndSerialNumber<'a>,
        /// How the content key is encrypted.
        key_transport: KeyTransport,
        /// The encrypted content key.
        encrypted_key: &'a [u8],
    },
    /// [`PasswordRecipientInfo`], version 0, in an EnvelopedData of version 3 (RFC 5652 section 6.1).
    Password {
        /// How the password becomes a key.
        key_derivation: Pbkdf2Parameters<'a>,
        /// The cipher under which the content key is wrapped (RFC 3211 section 2.3.1).
        cipher: ContentEncryption,
        /// Its initialisation vector, one block.
        iv: &'a [u8],
        /// The wrapped content key.
        encrypted_key: &'a [u8],
    },
}

impl RecipientDraft<'_> {
    /// The version of the EnvelopedData around it.
    const fn version(&self) -> u8 {
        match self {
            Self::KeyTransport { .. } => 0,
            Self::Password { .. } => 3,
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::KeyTransport { recipient, key_transport, encrypted_key } => {
                writer.nested(tlv::SEQUENCE, |writer| {
                    writer.tlv(tlv::INTEGER, &[0]);
                    recipient.write(writer);
                    key_transport.write(writer);
                    writer.tlv(tlv::OCTET_STRING, encrypted_key);
                });
            }
            Self::Password { key_derivation, cipher, iv, encrypted_key } => {
                password_recipient::write(writer, key_derivation, *cipher, iv, encrypted_key);
            }
        }
    }
}

impl fmt::Debug for RecipientDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyTransport { .. } => "KeyTransport(..)",
            Self::Password { .. } => "Password(..)",
        })
    }
}

impl EnvelopedDataDraft<'_> {
    /// The DER of the ContentInfo.
    pub fn encode(&self) -> Vec<u8> {
        write_content_info(Oid::ID_ENVELOPED_DATA, self.encrypted_content.len(), |writer| {
            writer.tlv(tlv::INTEGER, &[self.recipient.version()]);
            writer.nested(tlv::SET, |writer| self.recipient.write(writer));
            writer.nested(tlv::SEQUENCE, |writer| {
                writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::ID_DATA.as_bytes());
                self.content_encryption.write(writer, self.iv);
                writer.tlv(tlv::context_primitive(0), self.encrypted_content);
            });
        })
    }
}

impl fmt::Debug for EnvelopedDataDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopedDataDraft")
            .field("content_encryption", &self.content_encryption)
            .field("encrypted_length", &self.encrypted_content.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::algorithm::Digest;
    use crate::wire::name::Name;

    fn draft() -> EnvelopedDataDraft<'static> {
        EnvelopedDataDraft {
            recipient: RecipientDraft::KeyTransport {
                recipient: IssuerAndSerialNumber { issuer: Name::parse(&[0x30, 0]).unwrap(), serial: &[7] },
                key_transport: KeyTransport::RsaPkcs1v15,
                encrypted_key: &[0xAB, 0xCD],
            },
            content_encryption: ContentEncryption::Aes128Cbc,
            iv: &[b'V'; 16],
            encrypted_content: &[b'E'; 16],
        }
    }

    /// An EnvelopedData around these fields, from the version to unprotectedAttrs.
    fn enveloped_data(fields: &[&[u8]]) -> Vec<u8> {
        write_content_info(Oid::ID_ENVELOPED_DATA, 0, |writer| {
            fields.iter().for_each(|field| writer.raw(field))
        })
    }

    fn set(elements: &[&[u8]]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.tlv(tlv::SET, &elements.concat());
        writer.finish()
    }

    fn parse(der: &[u8]) -> EnvelopedData<'_> {
        EnvelopedData::parse(der, &Limits::DEFAULT).unwrap()
    }

    fn refused(der: &[u8]) -> Error {
        EnvelopedData::parse(der, &Limits::DEFAULT).unwrap_err()
    }

    const VERSION: &[u8] = &[2, 1, 0];
    /// version 0, issuerAndSerialNumber { {}, 7 }, rsaEncryption, two bytes of key.
    const RECIPIENT: &[u8] = b"\x30\x1D\x02\x01\x00\x30\x05\x30\x00\x02\x01\x07\
        \x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x02\xAB\xCD";
    /// id-data, AES-128-CBC, one block.
    const CONTENT: &[u8] = b"\x30\x3C\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\
        \x30\x1D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02\x04\x10VVVVVVVVVVVVVVVV\x80\x10EEEEEEEEEEEEEEEE";

    // C-6.1-1, C-6.2.1-1
    #[test]
    fn an_envelope_has_these_bytes() {
        let start =
            b"\x30\x71\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03\xA0\x64\x30\x62\x02\x01\x00\x31\x1F";
        assert_eq!(draft().encode(), [start, RECIPIENT, CONTENT].concat());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let der = draft().encode();
        let envelope = parse(&der);
        assert_eq!(envelope.content_type(), Oid::ID_DATA);
        assert_eq!(envelope.content_encryption().oid, Oid::AES128_CBC);
        assert_eq!(envelope.iv(), Ok(&[b'V'; 16][..]));
        assert_eq!(envelope.encrypted_content(), [b'E'; 16]);
        let recipients: Vec<_> = envelope.recipients().collect();
        let [RecipientInfo::KeyTransport(recipient)] = recipients[..] else { panic!("{recipients:?}") };
        let RecipientDraft::KeyTransport { recipient: named, .. } = draft().recipient else { panic!() };
        assert_eq!(recipient.recipient, CertificateSelector::IssuerAndSerialNumber(named));
        assert_eq!(recipient.key_encryption.oid, Oid::RSA_ENCRYPTION);
        assert_eq!(recipient.encrypted_key, [0xAB, 0xCD]);
    }

    // C-6.1-1, C-6.2.4-1, R-3.1-3
    #[test]
    fn a_recipient_by_password_has_tag_3_in_an_envelope_of_version_3() {
        let key_derivation =
            Pbkdf2Parameters { salt: &[7; 16], iterations: 1000, key_length: None, prf: Digest::Sha256 };
        let cipher = ContentEncryption::Aes128Cbc;
        let recipient =
            RecipientDraft::Password { key_derivation, cipher, iv: &[b'V'; 16], encrypted_key: &[0xAB; 32] };
        let der = EnvelopedDataDraft { recipient, ..draft() }.encode();
        let envelope = parse(&der);
        let recipients: Vec<_> = envelope.recipients().collect();
        let [RecipientInfo::Password(info)] = recipients[..] else { panic!("{recipients:?}") };
        assert_eq!(info.pbkdf2(&Limits::DEFAULT), Ok(key_derivation));
        assert_eq!(info.encrypted_key, [0xAB; 32]);
        assert_eq!(envelope.encrypted_content(), [b'E'; 16]);
        let mut content = Tlv::parse(&der).unwrap().reader().unwrap();
        content.any().unwrap();
        let mut fields = content.enter(tlv::context(0)).unwrap().enter(tlv::SEQUENCE).unwrap();
        assert_eq!(fields.any().unwrap().raw, [2, 1, 3]);
        assert_eq!(fields.any().unwrap().value[0], 0xA3);
    }

    // C-6.1-1, C-6.2-1
    #[test]
    fn optional_fields_and_other_recipients_are_passed_over() {
        let others: [&[u8]; 3] = [b"\xA1\x02\x05\x00", b"\xA3\x00", b"\xA4\x02\x06\x00"];
        let recipients = set(&[others[0], others[1], RECIPIENT, others[2]]);
        for version in 0..=4 {
            let der = enveloped_data(&[&[2, 1, version], &[0xA0, 0], &recipients, CONTENT, &[0xA1, 2, 5, 0]]);
            let is_known = |recipient| matches!(recipient, RecipientInfo::KeyTransport(_));
            assert!(parse(&der).recipients().map(is_known).eq([false, false, true, false]));
        }
        let der = enveloped_data(&[&[2, 1, 5], &recipients, CONTENT]);
        assert_eq!(refused(&der), InvalidMessage::Der.into());
    }

    // C-6.2.1-1
    #[test]
    fn a_recipient_may_be_named_by_key_identifier() {
        let recipient = b"\x30\x1A\x02\x01\x02\x80\x02\x01\x02\
            \x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x02\xAB\xCD";
        let der = enveloped_data(&[&[2, 1, 2], &set(&[recipient]), CONTENT]);
        let first = parse(&der).recipients().next();
        let Some(RecipientInfo::KeyTransport(recipient)) = first else { panic!("{first:?}") };
        assert_eq!(recipient.recipient, CertificateSelector::SubjectKeyIdentifier(&[1, 2]));
    }

    // C-6.1-2, T39
    #[test]
    fn recipients_are_counted() {
        let with = |count| enveloped_data(&[VERSION, &set(&[RECIPIENT].repeat(count)), CONTENT]);
        assert_eq!(refused(&with(0)), BadEnvelope::Recipient.into());
        assert_eq!(parse(&with(4)).recipients().count(), 4);
        assert_eq!(refused(&with(5)), Limit::Recipients.into());
    }

    // C-6.3-3, T5
    #[test]
    fn an_initialisation_vector_is_an_octet_string() {
        let with = |algorithm: &[u8]| {
            let mut writer = Writer::new();
            writer.tlv(tlv::SEQUENCE, &[&CONTENT[2..13], algorithm].concat());
            enveloped_data(&[VERSION, &set(&[RECIPIENT]), &writer.finish()])
        };
        let missing = with(b"\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02");
        let null = with(b"\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02\x05\x00");
        for der in [missing, null] {
            assert_eq!(parse(&der).iv(), Err(BadEnvelope::Ciphertext.into()));
            assert!(parse(&der).encrypted_content().is_empty());
        }
    }

    // T46, R-3.1-4
    #[test]
    fn other_contents_are_no_envelope() {
        let not = Error::from(InvalidMessage::NotEnvelopedData);
        assert_eq!(refused(&write_content_info(Oid::ID_SIGNED_DATA, 0, |_| ())), not);
        // The beginning of a bare certification request.
        assert_eq!(refused(&[0x30, 5, 0x30, 3, 2, 1, 0]), not);
        assert_eq!(refused(&[0x30, 0]), not);
    }

    // T38
    #[test]
    fn truncated_and_overlong_envelopes_are_refused() {
        let mut der = draft().encode();
        for length in 0..der.len() {
            refused(&der[..length]);
        }
        der.push(0);
        assert_eq!(refused(&der), InvalidMessage::TrailingData.into());
        let field = enveloped_data(&[VERSION, &set(&[RECIPIENT]), CONTENT, &[5, 0]]);
        assert_eq!(refused(&field), InvalidMessage::TrailingData.into());
    }
}
