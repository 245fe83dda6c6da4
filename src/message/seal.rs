//! From content to bytes: encrypt first, then sign (RFC 8894 section 3.1).

use crate::crypto::{ContentKey, Provider, Purpose, Rng, SignJob, Signature};
use crate::error::{ApiMisuse, Error, FailInfo};
use crate::wire::algorithm::{ContentEncryption, Digest, KeyTransport};
use crate::wire::attributes::{MessageType, Nonce, PkiStatus, SignedAttributesDraft, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::enveloped_data::EnvelopedDataDraft;
use crate::wire::signed_data::SignedDataDraft;
use alloc::string::String;
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
}

impl<'a> From<&'a Certificate<'a>> for Addressee<'a> {
    /// With RSAES-PKCS1-v1_5, which every peer knows.
    fn from(certificate: &'a Certificate<'a>) -> Self {
        Self::Certificate { certificate, transport: KeyTransport::RsaPkcs1v15 }
    }
}

/// Encrypts `content` for `addressee` (RFC 5652 section 6): a ContentInfo with an EnvelopedData.
pub fn envelope(
    provider: &Provider,
    content: &[u8],
    addressee: Addressee<'_>,
    algorithm: ContentEncryption,
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    let Addressee::Certificate { certificate: recipient, transport } = addressee;
    let cipher = provider.cipher(algorithm)?;
    let wrapper = provider.wrapper(transport)?;
    let key = ContentKey::random(algorithm.key_length(), rng)?;
    let mut iv = [0; 16];
    let iv = iv.get_mut(..algorithm.block_length()).ok_or(ApiMisuse::Algorithm)?;
    rng.try_fill_bytes(iv)?;
    let mut buffer = pad(content, algorithm.block_length());
    cipher.encrypt(key.as_bytes(), iv, &mut buffer)?;
    let encrypted_key = wrapper.wrap(&recipient.public_key(), &key, rng)?;
    Ok(EnvelopedDataDraft {
        recipient: recipient.issuer_and_serial(),
        key_transport: wrapper.id(),
        encrypted_key: &encrypted_key,
        content_encryption: algorithm,
        iv,
        encrypted_content: &buffer,
    }
    .encode())
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
        Ok(Self { content, certificate, job })
    }

    /// What the private key has to do.
    pub fn job(&self) -> &SignJob {
        &self.job
    }

    /// Puts the message together, after a check that the signature verifies.
    pub fn seal(&self, provider: &Provider, signature: &Signature) -> Result<Vec<u8>, Error> {
        self.job.check(provider, signature)?;
        let certificate = Certificate::parse(&self.certificate)?;
        Ok(SignedDataDraft {
            content: &self.content,
            certificates: &[&self.certificate],
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
