//! From content to bytes: encrypt first, then sign (RFC 8894 section 3.1).

use crate::crypto::{
    ChallengePassword, ContentCipher, ContentKey, Provider, Purpose, Rng, SignJob, Signature, password,
};
use crate::error::{ApiMisuse, Error, FailInfo};
use crate::wire::algorithm::{ContentEncryption, Digest, KeyTransport};
use crate::wire::attributes::{MessageType, Nonce, PkiStatus, SignedAttributesDraft, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::enveloped_data::{EnvelopedDataDraft, RecipientDraft};
use crate::wire::password_recipient::Pbkdf2Parameters;
use crate::wire::signed_data::SignedDataDraft;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};
use zeroize::Zeroizing;

/// Whom an envelope is for, and so how its content key is protected (RFC 8894 section 3.1).
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Addressee<'a> {
    /// The owner of a certificate with an RSA key (RFC 5652 section 6.2.1).
    Certificate {
        /// The certificate.
        certificate: &'a Certificate<'a>,
        /// How the content key is encrypted.
        transport: KeyTransport,
    },
    /// Who knows a challenge password: where the recipient's key cannot encrypt (RFC 5652 section 6.2.4). The provider
    /// has to list [PBKDF2 with SHA-256](Provider::password_kdfs).
    Password(&'a ChallengePassword),
}

impl<'a> From<&'a Certificate<'a>> for Addressee<'a> {
    /// With RSAES-PKCS1-v1_5, which every peer knows.
    fn from(certificate: &'a Certificate<'a>) -> Self {
        Self::Certificate { certificate, transport: KeyTransport::RsaPkcs1v15 }
    }
}

/// Encrypts `content` for `addressee` (RFC 5652 section 6): a ContentInfo with an EnvelopedData.
///
/// A challenge password that is not [strong](ChallengePassword::is_strong) is [`ApiMisuse::WeakChallenge`]: whoever
/// records the message may try passwords for as long as he likes (RFC 8894 section 7.3).
pub fn envelope(
    provider: &Provider,
    content: &[u8],
    addressee: Addressee<'_>,
    algorithm: ContentEncryption,
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    match addressee {
        Addressee::Certificate { certificate, transport } => {
            envelope_for_certificate(provider, content, certificate, transport, algorithm, rng)
        }
        Addressee::Password(challenge) => envelope_for_password(provider, content, challenge, algorithm, rng),
    }
}

/// [`envelope`] for the owner of a certificate: what a client that knows no other way links.
pub(crate) fn envelope_for_certificate(
    provider: &Provider,
    content: &[u8],
    certificate: &Certificate<'_>,
    transport: KeyTransport,
    algorithm: ContentEncryption,
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    let sealed = Sealed::new(provider, content, algorithm, rng)?;
    let wrapper = provider.wrapper(transport)?;
    let encrypted_key = wrapper.wrap(&certificate.public_key(), &sealed.key, rng)?;
    Ok(sealed.encode(RecipientDraft::KeyTransport {
        recipient: certificate.issuer_and_serial(),
        key_transport: wrapper.id(),
        encrypted_key: &encrypted_key,
    }))
}

/// [`envelope`] for who knows a challenge password.
pub(crate) fn envelope_for_password(
    provider: &Provider,
    content: &[u8],
    challenge: &ChallengePassword,
    algorithm: ContentEncryption,
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    let sealed = Sealed::new(provider, content, algorithm, rng)?;
    if !challenge.is_strong() {
        return Err(ApiMisuse::WeakChallenge.into());
    }
    let kdf = provider.password_kdf(PRF).map_err(|_| ApiMisuse::Algorithm)?;
    let mut salt = [0; SALT];
    rng.try_fill_bytes(&mut salt)?;
    let mut iv = [0; BLOCK];
    let iv = fresh_iv(&mut iv, algorithm, rng)?;
    // the content cipher wraps its own key: no key stands under a weaker one
    let mut key_encryption_key = Zeroizing::new(vec![0; algorithm.key_length()]);
    kdf.derive(challenge.expose().as_bytes(), &salt, ITERATIONS, &mut key_encryption_key);
    let encrypted_key = password::wrap(sealed.cipher, &key_encryption_key, iv, &sealed.key, rng)?;
    let key_derivation = Pbkdf2Parameters { salt: &salt, iterations: ITERATIONS, key_length: None, prf: PRF };
    let encrypted_key = &encrypted_key;
    Ok(sealed.encode(RecipientDraft::Password { key_derivation, cipher: algorithm, iv, encrypted_key }))
}

/// Encrypted content, whose key is still to be protected.
struct Sealed {
    cipher: &'static dyn ContentCipher,
    key: ContentKey,
    iv: [u8; BLOCK],
    buffer: Zeroizing<Vec<u8>>,
}

impl Sealed {
    fn new(
        provider: &Provider,
        content: &[u8],
        algorithm: ContentEncryption,
        rng: &mut Rng<'_>,
    ) -> Result<Self, Error> {
        let cipher = provider.cipher(algorithm)?;
        let key = ContentKey::random(algorithm.key_length(), rng)?;
        let mut iv = [0; BLOCK];
        let drawn = fresh_iv(&mut iv, algorithm, rng)?;
        let mut buffer = pad(content, algorithm.block_length());
        cipher.encrypt(key.as_bytes(), drawn, &mut buffer)?;
        Ok(Self { cipher, key, iv, buffer })
    }

    fn encode(&self, recipient: RecipientDraft<'_>) -> Vec<u8> {
        let content_encryption = self.cipher.id();
        let iv = self.iv.get(..content_encryption.block_length()).unwrap_or_default();
        EnvelopedDataDraft { recipient, content_encryption, iv, encrypted_content: &self.buffer }.encode()
    }
}

/// Longest initialisation vector, bytes.
const BLOCK: usize = 16;

/// Salt of PBKDF2, bytes.
const SALT: usize = 16;

/// Rounds of PBKDF2: as many as [`Limits::FIRMWARE`](crate::wire::Limits::FIRMWARE) lets a peer ask for. What protects
/// a message is the strength of the challenge.
const ITERATIONS: u32 = 100_000;

/// The pseudo-random function of PBKDF2 is HMAC with this.
const PRF: Digest = Digest::Sha256;

/// Draws an initialisation vector of the length that the cipher needs.
fn fresh_iv<'a>(
    iv: &'a mut [u8; BLOCK],
    algorithm: ContentEncryption,
    rng: &mut Rng<'_>,
) -> Result<&'a [u8], Error> {
    let iv = iv.get_mut(..algorithm.block_length()).ok_or(ApiMisuse::Algorithm)?;
    rng.try_fill_bytes(iv)?;
    Ok(iv)
}

/// A copy with padding: always at least one byte (RFC 5652 section 6.3).
fn pad(content: &[u8], block: usize) -> Zeroizing<Vec<u8>> {
    let used = content.len().checked_rem(block).unwrap_or_default();
    let missing = block.saturating_sub(used);
    let mut buffer = Zeroizing::new(Vec::with_capacity(content.len().saturating_add(missing)));
    buffer.extend_from_slice(content);
    buffer.extend(core::iter::repeat_n(u8::try_from(missing).unwrap_or_default(), missing));
    buffer
}

/// The signed attributes of a message, apart from the digest (RFC 8894 section 3.2.1).
#[derive(Clone, Debug)]
pub struct Fields {
    /// What the message is.
    pub message_type: MessageType,
    /// Outcome; in a CertRep only.
    pub pki_status: Option<PkiStatus>,
    /// Reason of a FAILURE; in a CertRep only.
    pub fail_info: Option<FailInfo>,
    /// What there is to say about a FAILURE, for people: at most 255 characters go out.
    pub fail_info_text: Option<String>,
    /// Fresh for every message.
    pub sender_nonce: Nonce,
    /// The request's senderNonce; in a CertRep only.
    pub recipient_nonce: Option<Nonce>,
    /// Which transaction the message belongs to.
    pub transaction_id: TransactionId,
    /// When it was signed, if the sender has a clock.
    pub signing_time: Option<UnixTime>,
}

/// A message that lacks nothing but its signature.
pub struct Draft {
    content: Vec<u8>,
    certificate: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    job: SignJob,
}

impl Draft {
    /// `content` is the encoded envelope, or empty for a FAILURE or PENDING; `certificate` the signer's, which is
    /// put into the message.
    pub fn new(
        provider: &Provider,
        content: Vec<u8>,
        fields: &Fields,
        certificate: CertificateDer<'static>,
        digest: Digest,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let message_digest = provider.digest(digest)?.digest(&[&content]);
        let attributes = SignedAttributesDraft {
            message_digest: message_digest.as_bytes(),
            signing_time: fields.signing_time,
            message_type: fields.message_type,
            pki_status: fields.pki_status,
            fail_info: fields.fail_info,
            fail_info_text: fields.fail_info_text.as_deref(),
            sender_nonce: &fields.sender_nonce,
            recipient_nonce: fields.recipient_nonce.as_ref(),
            transaction_id: &fields.transaction_id,
        }
        .encode();
        let public_key = Certificate::parse(&certificate)?.public_key();
        let scheme = public_key.signature_scheme(digest)?;
        let job = SignJob::new(provider, attributes, scheme, purpose, public_key.as_der())?;
        Ok(Self { content, certificate, chain: Vec::new(), job })
    }

    /// Further certificates, which go into the message behind the signer's (RFC 8894 section 2.3).
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<CertificateDer<'static>>) -> Self {
        self.chain = chain;
        self
    }

    /// What the private key has to do.
    pub fn job(&self) -> &SignJob {
        &self.job
    }

    /// Puts the message together, after a check that the signature verifies.
    pub fn seal(&self, provider: &Provider, signature: &Signature) -> Result<Vec<u8>, Error> {
        self.job.check(provider, signature)?;
        let certificate = Certificate::parse(&self.certificate)?;
        let chain = self.chain.iter().map(AsRef::as_ref);
        let certificates: Vec<&[u8]> = core::iter::once(self.certificate.as_ref()).chain(chain).collect();
        Ok(SignedDataDraft {
            content: &self.content,
            certificates: &certificates,
            signer: certificate.issuer_and_serial(),
            scheme: self.job.scheme(),
            signed_attributes: self.job.message(),
            signature: signature.as_bytes(),
        }
        .encode())
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} bytes, {:?})", self.content.len(), self.job)
    }
}

#[cfg(test)]
mod tests {
    use super::pad;

    // C-6.3-1
    #[test]
    fn content_of_whole_blocks_gets_a_block_of_padding() {
        assert_eq!(*pad(&[7; 16], 16), [[7; 16], [16; 16]].concat());
        assert_eq!(*pad(&[7; 15], 16), [&[7; 15][..], &[1]].concat());
        assert_eq!(*pad(&[], 8), [8; 8]);
    }
}
