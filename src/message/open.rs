//! From bytes to content: parse, verify, then decrypt.

use super::password::{PasswordEnvelope, PasswordKey};
use crate::crypto::{ContentCipher, ContentKey, DecryptJob, Provider, Recipient, Rng, Unwrapped};
use crate::error::{BadEnvelope, BadSignature, Error, InvalidMessage, Limit};
use crate::wire::algorithm::{ContentEncryption, Digest, SignatureScheme};
use crate::wire::attributes::{MessageType, Nonce, SignedAttributes, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::enveloped_data::{EnvelopedData, RecipientInfo};
use crate::wire::limits::Limits;
use crate::wire::normalize::normalize;
use crate::wire::oid::Oid;
use crate::wire::selector::CertificateSelector;
use crate::wire::signed_data::{CertificateSet, SignedData, SignerInfo};
use crate::wire::tlv;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use rustls_pki_types::CertificateDer;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

/// A pkiMessage of which nothing has been checked but its form. All that it tells are hints.
///
/// The signature is verified over the signed attributes as they were sent and, where they are not in the order of DER
/// and that fails, once more in that order: deployed peers sign either. [`Limits::signatures`] counts both
/// ([`Limit::Signatures`]).
pub struct Unverified {
    der: Vec<u8>,
    limits: Limits,
}

impl Unverified {
    /// Reads a CMS SignedData in DER or BER with exactly one SignerInfo and signed attributes. Its length is
    /// checked by whoever received it.
    pub fn parse(message: Vec<u8>, limits: &Limits) -> Result<Self, Error> {
        let der = match normalize(&message, limits)? {
            Cow::Borrowed(der) => {
                let length = der.len();
                let mut message = message;
                message.truncate(length);
                message
            }
            Cow::Owned(der) => der,
        };
        // lists stand in the content of a reply, and nowhere else
        let this = Self { der, limits: Limits { crls: 0, ..limits.clone() } };
        this.signer_info()?.1.signed_attributes()?;
        Ok(this)
    }

    fn signer_info(&self) -> Result<(SignedData<'_>, SignerInfo<'_>), Error> {
        let data = SignedData::parse(&self.der, &self.limits)?;
        let signer = data.signer()?;
        Ok((data, signer))
    }

    fn attributes(&self) -> Result<SignedAttributes<'_>, Error> {
        self.signer_info()?.1.signed_attributes()
    }

    /// The transactionID that the sender claims, or `None`. Two of them are an error.
    pub fn transaction_id_hint(&self) -> Result<Option<TransactionId>, Error> {
        self.attributes()?.transaction_id()
    }

    /// The senderNonce that the sender claims, or `None`. Two of them are an error.
    pub fn sender_nonce_hint(&self) -> Result<Option<Nonce>, Error> {
        self.attributes()?.sender_nonce()
    }

    /// The messageType that the sender claims.
    pub fn message_type_hint(&self) -> Result<MessageType, Error> {
        self.attributes()?.message_type()
    }

    /// The digest and the signature scheme that the sender names, before any arithmetic: what is unsupported is
    /// known here already.
    pub fn scheme_hint(&self) -> Result<SignatureScheme, Error> {
        scheme(&self.signer_info()?.1)
    }

    /// What a reply goes by, in one reading.
    #[cfg(feature = "server")]
    pub(crate) fn hints(&self) -> Result<Hints, Error> {
        let (_, signer) = self.signer_info()?;
        let attributes = signer.signed_attributes()?;
        Ok(Hints {
            transaction_id: attributes.transaction_id()?,
            sender_nonce: attributes.sender_nonce()?,
            digest: scheme(&signer).ok().map(SignatureScheme::digest),
        })
    }

    /// Verifies with the certificate that the sender put into the message: that shows that the sender has the key,
    /// and nothing about who it is (RFC 8894 section 2.3).
    pub fn verify_as_sent(self, provider: &Provider) -> Result<Verified, Error> {
        let (data, info) = self.signer_info()?;
        let certificate = data.certificates().find(&info.sid()).ok_or(BadSignature::SignerNotFound)?;
        let proven = self.prove(provider, &data, &info, &certificate)?;
        let signer = CertificateDer::from(certificate.as_der()).into_owned();
        Ok(Verified { der: self.der, limits: self.limits, signer, proven })
    }

    /// Verifies with one of `trusted`; the certificates in the message are not looked at (T31).
    pub fn verify_by<'a>(
        self,
        provider: &Provider,
        trusted: impl IntoIterator<Item = &'a CertificateDer<'static>>,
    ) -> Result<Verified, Error> {
        let (data, info) = self.signer_info()?;
        let selector = info.sid();
        let (signer, certificate) = trusted
            .into_iter()
            .filter_map(|der| Certificate::parse(der).ok().map(|certificate| (der, certificate)))
            .find(|(_, certificate)| selector.matches(certificate))
            .ok_or(BadSignature::UntrustedSigner)?;
        let proven = self.prove(provider, &data, &info, &certificate)?;
        Ok(Verified { der: self.der, limits: self.limits, signer: signer.clone(), proven })
    }

    #[inline(never)] // so that its frame is not part of a larger one
    fn prove(
        &self,
        provider: &Provider,
        data: &SignedData<'_>,
        info: &SignerInfo<'_>,
        certificate: &Certificate<'_>,
    ) -> Result<Proven, Error> {
        let digest = Digest::from_identifier(&info.digest_algorithm())?;
        let hash = provider.digest(digest)?;
        let verifier = provider.signer_info_verifier(digest, &info.signature_algorithm())?;
        let attributes = info.signed_attributes()?;
        let content = data.content().unwrap_or_default();
        // cheap checks first: the digest is public, and shows damage without arithmetic (T40)
        let digest = hash.digest(&[content]);
        if attributes.message_digest() != Ok(Some(digest.as_bytes())) {
            return Err(BadSignature::MessageDigest.into());
        }
        if attributes.content_type() != Ok(Some(data.content_type())) {
            return Err(BadSignature::ContentType.into());
        }
        certificate.public_key().check(&self.limits)?;
        let mut signatures = self.limits.signatures;
        let mut holds = |parts: &[&[u8]]| {
            signatures = signatures.checked_sub(1).ok_or(Limit::Signatures)?;
            verifier.verify(&certificate.public_key(), parts, info.signature())
        };
        match holds(&attributes.to_be_verified()) {
            // some peers sign the order of DER and send another one (Q5): one more signature, which counts (T40)
            Err(Error::BadSignature(error)) => match attributes.sorted() {
                Some(sorted) => holds(&[&sorted])?,
                None => return Err(error.into()),
            },
            other => other?,
        }
        let attributes_at = tlv::range_of(&self.der, attributes.raw()).ok_or(InvalidMessage::Der)?;
        let content_at = match data.embedded() {
            Some(content) => tlv::range_of(&self.der, content).ok_or(InvalidMessage::Der)?,
            None => 0..0,
        };
        let content_type_is_known = [Oid::ID_DATA, Oid::ID_ENVELOPED_DATA].contains(&data.content_type());
        Ok(Proven { scheme: verifier.scheme(), signatures, attributes_at, content_at, content_type_is_known })
    }
}

/// What the sender claims of itself.
#[cfg(feature = "server")]
pub(crate) struct Hints {
    pub(crate) transaction_id: Option<TransactionId>,
    pub(crate) sender_nonce: Option<Nonce>,
    /// Of the signature scheme, if that is known.
    pub(crate) digest: Option<Digest>,
}

/// The scheme that a SignerInfo names.
fn scheme(signer: &SignerInfo<'_>) -> Result<SignatureScheme, Error> {
    let digest = Digest::from_identifier(&signer.digest_algorithm())?;
    SignatureScheme::from_signer_info(digest, &signer.signature_algorithm())
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({} bytes)", self.der.len())
    }
}

/// A pkiMessage whose signature verifies under [`Verified::signer`].
pub struct Verified {
    der: Vec<u8>,
    limits: Limits,
    signer: CertificateDer<'static>,
    proven: Proven,
}

/// What came of a signature that holds, and where its parts are.
struct Proven {
    scheme: SignatureScheme,
    /// How many more signatures may be verified for this message.
    signatures: usize,
    attributes_at: Range<usize>,
    content_at: Range<usize>,
    content_type_is_known: bool,
}

impl Verified {
    /// The certificate under which the signature verifies.
    pub fn signer(&self) -> &CertificateDer<'static> {
        &self.signer
    }

    /// The signature scheme of the message.
    pub fn scheme(&self) -> SignatureScheme {
        self.proven.scheme
    }

    /// The certificates that came along. The signature does not cover them.
    pub fn certificates(&self) -> Result<CertificateSet<'_>, Error> {
        Ok(SignedData::parse(&self.der, &self.limits)?.certificates())
    }

    /// How many more signatures may be verified for this message, on certificates for example: what
    /// [`Limits::signatures`] leaves.
    pub fn signatures_left(&self) -> usize {
        self.proven.signatures
    }

    /// The signed attributes.
    pub fn attributes(&self) -> Result<SignedAttributes<'_>, Error> {
        SignedAttributes::parse(
            self.der.get(self.proven.attributes_at.clone()).unwrap_or_default(),
            &self.limits,
        )
    }

    /// The SignedData that the message is.
    #[cfg(feature = "server")]
    pub(super) fn signed_data(&self) -> Result<SignedData<'_>, Error> {
        SignedData::parse(&self.der, &self.limits)
    }

    /// The signed content: a ContentInfo with the envelope, or nothing.
    pub fn content(&self) -> &[u8] {
        self.der.get(self.proven.content_at.clone()).unwrap_or_default()
    }

    /// Reads the envelope, chooses the recipient and draws the stand-in for the content key. Everything that can be
    /// refused without the private key is refused here.
    ///
    /// `recipients` are the certificates whose keys are at hand; exactly one RecipientInfo has to name one of them
    /// (T3: there is no trial decryption).
    #[inline(never)] // so that its frame is not part of a larger one
    pub fn envelope(&self, policy: &OpenPolicy<'_>, rng: &mut Rng<'_>) -> Result<Envelope, Error> {
        let der = self.enveloped()?;
        let data = EnvelopedData::parse(&der, &self.limits)?;
        let cipher = content_cipher(&data, policy)?;
        let mut ours = data.recipients().filter_map(|recipient| match recipient {
            RecipientInfo::KeyTransport(info) => {
                policy.find(&info.recipient).map(|certificate| (info, certificate))
            }
            _ => None,
        });
        let (info, certificate) = ours.next().ok_or(BadEnvelope::Recipient)?;
        let decrypts = Certificate::parse(certificate)?.public_key().can_encrypt();
        if ours.next().is_some() || !decrypts {
            return Err(BadEnvelope::Recipient.into());
        }
        let transport = policy.provider.named_wrapper(&info.key_encryption)?.id();
        let sealed = SealedContent::new(cipher, &data, rng)?;
        let recipient = Recipient::new(certificate.clone());
        let key_length = cipher.id().key_length();
        let job = DecryptJob::new(info.encrypted_key.to_vec(), transport, key_length, recipient);
        Ok(Envelope { sealed, job })
    }

    /// Reads an envelope for whoever knows a challenge password, and draws the stand-in for the content key: what to
    /// try where [`Self::envelope`] finds no recipient of ours, and the provider has [`Provider::password_kdfs`].
    ///
    /// Everything that can be refused without the password is refused here, above all a derivation that would cost too
    /// much. There has to be exactly one recipient by password, and none of our certificates may be named beside it:
    /// else it is [`BadEnvelope::Recipient`].
    pub fn password_envelope(
        &self,
        policy: &OpenPolicy<'_>,
        rng: &mut Rng<'_>,
    ) -> Result<PasswordEnvelope, Error> {
        let der = self.enveloped()?;
        let data = EnvelopedData::parse(&der, &self.limits)?;
        let cipher = content_cipher(&data, policy)?;
        let mut found = None;
        for recipient in data.recipients() {
            let is_ours = match recipient {
                RecipientInfo::KeyTransport(info) => policy.find(&info.recipient).is_some(),
                RecipientInfo::Password(info) => found.replace(info).is_some(),
                RecipientInfo::Other => false,
            };
            if is_ours {
                return Err(BadEnvelope::Recipient.into());
            }
        }
        let info = found.ok_or(BadEnvelope::Recipient)?;
        let key = PasswordKey::new(&info, policy.provider, &self.limits)?;
        Ok(PasswordEnvelope::new(SealedContent::new(cipher, &data, rng)?, key))
    }

    /// The ContentInfo of the envelope, in DER.
    fn enveloped(&self) -> Result<Cow<'_, [u8]>, Error> {
        // id-data by RFC 8894 section 3.2; xipki names what is inside, and that is the same ContentInfo (P6)
        if !self.proven.content_type_is_known {
            return Err(InvalidMessage::ContentType.into());
        }
        if self.content().is_empty() {
            return Err(InvalidMessage::NotEnvelopedData.into());
        }
        normalize(self.content(), &self.limits)
    }
}

/// The content cipher of an envelope that holds id-data, if the policy lets it be read.
fn content_cipher(
    data: &EnvelopedData<'_>,
    policy: &OpenPolicy<'_>,
) -> Result<&'static dyn ContentCipher, Error> {
    if data.content_type() != Oid::ID_DATA {
        return Err(InvalidMessage::ContentType.into());
    }
    let algorithm = ContentEncryption::from_oid(data.content_encryption().oid)?;
    policy.provider.reading_cipher(algorithm, policy.single_des)
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.der.len())
    }
}

/// What [`Verified::envelope`] may use.
#[derive(Clone, Copy, Debug)]
pub struct OpenPolicy<'a> {
    /// The algorithms.
    pub provider: &'static Provider,
    /// The certificates whose private keys are at hand.
    pub recipients: &'a [&'a CertificateDer<'static>],
    /// Whether single DES may be read, if the provider can (RFC 8894 section 2.9 forbids it).
    pub single_des: bool,
    /// Takes any subjectKeyIdentifier for that of a certificate without that extension: for a client, which has one
    /// key, and whose CA may have computed the identifier by itself.
    pub any_key_identifier: bool,
}

impl<'a> OpenPolicy<'a> {
    fn find(&self, selector: &CertificateSelector<'_>) -> Option<&'a CertificateDer<'static>> {
        let by_key = matches!(selector, CertificateSelector::SubjectKeyIdentifier(_));
        self.recipients.iter().copied().find(|der| {
            Certificate::parse(der).is_ok_and(|certificate| {
                let unnamed = certificate.subject_key_identifier().is_none();
                selector.matches(&certificate) || (self.any_key_identifier && by_key && unnamed)
            })
        })
    }
}

/// Content that waits for its key, and the random stand-in for that key.
pub(super) struct SealedContent {
    cipher: &'static dyn ContentCipher,
    iv: Vec<u8>,
    ciphertext: Zeroizing<Vec<u8>>,
    stand_in: ContentKey,
}

impl SealedContent {
    fn new(
        cipher: &'static dyn ContentCipher,
        data: &EnvelopedData<'_>,
        rng: &mut Rng<'_>,
    ) -> Result<Self, Error> {
        let iv = data.iv()?;
        let ciphertext = data.encrypted_content();
        let block = cipher.id().block_length();
        if iv.len() != block || ciphertext.is_empty() || ciphertext.len().checked_rem(block) != Some(0) {
            return Err(BadEnvelope::Ciphertext.into());
        }
        Ok(Self {
            cipher,
            iv: iv.to_vec(),
            ciphertext: Zeroizing::new(ciphertext.to_vec()),
            stand_in: ContentKey::random(cipher.id().key_length(), rng)?,
        })
    }

    pub(super) fn content_encryption(&self) -> ContentEncryption {
        self.cipher.id()
    }

    /// Decrypts with the unwrapped key, or with the stand-in when there is none.
    pub(super) fn open(self, unwrapped: &Unwrapped) -> Result<Opened, Error> {
        let Self { cipher, iv, ciphertext: mut buffer, stand_in } = self;
        let key = stand_in.choose(unwrapped);
        cipher.decrypt(key.as_bytes(), &iv, &mut buffer)?;
        let (length, valid) = unpad(&buffer, cipher.id().block_length());
        Ok(Opened { buffer, length, valid })
    }
}

/// An envelope that waits for its content key.
pub struct Envelope {
    sealed: SealedContent,
    job: DecryptJob,
}

impl Envelope {
    /// What the private key has to do.
    pub fn job(&self) -> &DecryptJob {
        &self.job
    }

    /// The content cipher.
    pub fn content_encryption(&self) -> ContentEncryption {
        self.sealed.content_encryption()
    }

    /// Decrypts with the unwrapped key, or with the random stand-in when there is none. There is no error for a
    /// wrong key: what comes out is garbage, and shows as such only in the end (RFC 3218 section 2.3.2).
    pub fn open(self, unwrapped: &Unwrapped) -> Result<Opened, Error> {
        self.sealed.open(unwrapped)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("job", &self.job).finish_non_exhaustive()
    }
}

/// Decrypted content of which nobody knows yet whether key and padding were right.
///
/// The one ASN.1 element it should hold is read first; the verdict comes at the end, and is one answer for a wrong
/// key, a wrong padding and bytes after the element.
pub struct Opened {
    buffer: Zeroizing<Vec<u8>>,
    length: usize,
    valid: Choice,
}

impl Opened {
    /// The first ASN.1 element, a candidate until [`Opened::verdict`] has spoken.
    pub fn candidate(&self) -> Result<&[u8], Error> {
        let read = tlv::Reader::new(&self.buffer).and_then(|mut reader| reader.any());
        read.map(|element| element.raw).map_err(|_| BadEnvelope::Content.into())
    }

    /// All that was decrypted, with its padding: its length is that of the ciphertext.
    #[cfg(feature = "server")]
    pub(crate) fn decrypted(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether the padding was right and the content is `length` bytes long.
    pub fn verdict(&self, length: usize) -> Choice {
        self.valid & length.ct_eq(&self.length)
    }

    /// Why content is refused of which `length` bytes were read: for key or padding if these are wrong, else for `error`.
    /// Which it is makes no branch.
    #[cfg(feature = "server")]
    pub(crate) fn cause(&self, length: usize, error: Error) -> Error {
        let causes = [BadEnvelope::Content.into(), error];
        causes.get(usize::from(self.verdict(length).unwrap_u8())).copied().unwrap_or(error)
    }

    /// The whole content, for a side that need not be blind: a client opens only what its CA has signed, and a tool
    /// opens what it was given.
    ///
    /// Not for a server: whether this fails tells a stranger whether an alteration decrypts to a valid padding.
    pub fn content(&self) -> Result<&[u8], Error> {
        if self.valid.unwrap_u8() == 0 {
            return Err(BadEnvelope::Content.into());
        }
        self.buffer.get(..self.length).ok_or(BadEnvelope::Content.into())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(..)")
    }
}

/// Length without padding, and whether the padding is right (RFC 5652 section 6.3). Every padding byte is looked
/// at, in a time that depends on `buffer.len()` and `block` alone (T2).
fn unpad(buffer: &[u8], block: usize) -> (usize, Choice) {
    let padding = buffer.last().copied().unwrap_or_default();
    let block = u8::try_from(block).unwrap_or(u8::MAX);
    let mut valid = !padding.ct_eq(&0) & !padding.ct_gt(&block);
    for (index, byte) in buffer.iter().rev().take(usize::from(block)).enumerate() {
        let inside = padding.ct_gt(&u8::try_from(index).unwrap_or(u8::MAX));
        valid &= !inside | byte.ct_eq(&padding);
    }
    let cut = u8::conditional_select(&0, &padding, valid);
    (buffer.len().saturating_sub(usize::from(cut)), valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(buffer: &[u8]) -> Option<usize> {
        let (length, valid) = unpad(buffer, 8);
        (valid.unwrap_u8() == 1).then_some(length)
    }

    // C-6.3-1, C-6.3-2, MMA-6: a full block of padding, and every padding byte is checked
    #[test]
    fn padding_is_checked_byte_by_byte() {
        assert_eq!(verdict(&[8; 8]), Some(0));
        assert_eq!(verdict(&[9, 9, 9, 9, 5, 3, 3, 3]), Some(5));
        assert_eq!(verdict(&[0, 0, 0, 0, 0, 0, 0, 1]), Some(7));
        // content may end as padding looks
        assert_eq!(verdict(&[1; 8]), Some(7));
        assert_eq!(verdict(&[2; 8]), Some(6));
        assert_eq!(verdict(&[9, 9, 9, 9, 3, 4, 3, 3]), None);
        assert_eq!(verdict(&[9, 9, 9, 9, 9, 9, 9, 0]), None);
        assert_eq!(verdict(&[9; 16]), None);
        assert_eq!(verdict(&[0xFF; 8]), None);
        assert_eq!(verdict(&[]), None);
    }

    #[test]
    fn wrong_padding_keeps_the_whole_length() {
        assert_eq!(unpad(&[9; 16], 8).0, 16);
    }
}
