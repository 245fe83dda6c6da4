//! What the owner of a private key is asked for, and what it answers.

use super::{DigestValue, Provider, Rng, Unwrapped};
use crate::error::{Error, KeyError};
use crate::wire::algorithm::{Digest, KeyTransport, SignatureScheme};
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::selector::IssuerAndSerialNumber;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// Makes signatures with a private key that the library never sees.
///
/// `&mut self` is for devices; a key that can be shared implements this for `&Key`.
pub trait Signer {
    /// Signs what `job` asks for, in the scheme that [`SignJob::scheme`] names, or says why not.
    ///
    /// The signature is verified with the public key before it is used, so a fault injected into the device gives
    /// [`KeyError::WrongSignature`] and not a bad message.
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError>;
}

/// Unwraps content keys with a private key that the library never sees.
pub trait Decryptor {
    /// Decrypts [`DecryptJob::encrypted_key`]. A wrong padding is not an error: answer [`Unwrapped::rejected`].
    ///
    /// Errors are for faults that do not depend on the ciphertext: a device that cannot be reached, an RNG that
    /// failed.
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError>;
}

/// No key at all, for exchanges that need none: fetching capabilities and CA certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoKey;

impl Signer for NoKey {
    fn sign(&mut self, _: &SignJob, _: &mut Rng<'_>) -> Result<Signature, KeyError> {
        Err(KeyError::Unsupported)
    }
}

impl Decryptor for NoKey {
    fn decrypt(&mut self, _: &DecryptJob, _: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        Err(KeyError::Unsupported)
    }
}

/// What a signature is for, so that an owner of several keys picks the right one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The certification request, by the key to be certified (RFC 2986 section 4.2).
    Csr,
    /// The self-signed certificate that carries a first request, by its own key: the one to be certified, unless another
    /// opens the reply (RFC 8894 section 2.3).
    TransportCertificate,
    /// A request to the CA, by the key of the certificate it is sent with (RFC 8894 section 3).
    PkiMessage,
    /// The CA's reply, by the key of the RA or CA certificate (RFC 8894 section 3.3.2).
    CertRep,
    /// The answer to GetNextCACert, by the key of the RA or CA certificate (RFC 8894 section 4.7.1).
    NextCa,
    /// A certificate or a revocation list, by the issuing key. For programs that issue with a [`Signer`]: this library
    /// asks for none.
    Certificate,
}

/// A signature to be made: the bytes, their digest, and the DigestInfo, so that a KMS, a secure element, a
/// PKCS#11 token or a PIV card each finds the form that it takes.
///
/// The message of a certification request holds the challenge password, so it is zeroized and not shown.
#[derive(Clone)]
pub struct SignJob {
    message: Zeroizing<Vec<u8>>,
    digest: DigestValue,
    digest_info: Vec<u8>,
    scheme: SignatureScheme,
    purpose: Purpose,
    public_key: Vec<u8>,
}

impl SignJob {
    /// `message` is what gets signed, `public_key` the SubjectPublicKeyInfo of the key that has to do it. The library
    /// makes jobs itself; others may, to try a [`Signer`] or to use it for certificates.
    ///
    /// Fails only when the provider lacks the digest.
    pub fn new(
        provider: &Provider,
        message: Vec<u8>,
        scheme: SignatureScheme,
        purpose: Purpose,
        public_key: &[u8],
    ) -> Result<Self, Error> {
        let digest = provider.digest(scheme.digest())?.digest(&[&message]);
        let digest_info = scheme.digest().digest_info(digest.as_bytes());
        let message = Zeroizing::new(message);
        Ok(Self { message, digest, digest_info, scheme, purpose, public_key: public_key.to_vec() })
    }

    /// The whole message to be signed, for signers that hash themselves.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The digest of [`Self::message`] under [`SignatureScheme::digest`]: 20, 32, 48 or 64 bytes.
    pub fn digest(&self) -> &[u8] {
        self.digest.as_bytes()
    }

    /// The DER `DigestInfo` (RFC 8017 section 9.2), which raw RSA signers pad and sign: at most 83 bytes.
    pub fn digest_info(&self) -> &[u8] {
        &self.digest_info
    }

    /// The signature scheme to use.
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// What the signature is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The key that has to sign, as a DER SubjectPublicKeyInfo: how an owner of several keys (old and new, current
    /// and next) finds the right one.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Checks what came back, so that a faulty device never makes a bad message.
    pub(crate) fn check(&self, provider: &Provider, signature: &Signature) -> Result<(), Error> {
        let public_key = SubjectPublicKeyInfo::parse(&self.public_key)?;
        provider
            .verifier(self.scheme)?
            .verify(&public_key, &[&self.message], signature.as_bytes())
            .map_err(|_| KeyError::WrongSignature.into())
    }
}

impl fmt::Debug for SignJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SignJob");
        shown.field("purpose", &self.purpose).field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// A signature value: for RSA as long as the modulus, for ECDSA the DER `ECDSA-Sig-Value`.
#[derive(Clone, Debug)]
pub struct Signature(Vec<u8>);

impl Signature {
    /// Takes the bytes that the key's device gave.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The signature's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A content key to be unwrapped.
#[derive(Clone, PartialEq, Eq)]
pub struct DecryptJob {
    encrypted_key: Vec<u8>,
    transport: KeyTransport,
    key_length: usize,
    recipient: Recipient,
}

impl DecryptJob {
    pub(crate) fn new(
        encrypted_key: Vec<u8>,
        transport: KeyTransport,
        key_length: usize,
        recipient: Recipient,
    ) -> Self {
        Self { encrypted_key, transport, key_length, recipient }
    }

    /// The encrypted content key as it came. Its length is not checked before.
    pub fn encrypted_key(&self) -> &[u8] {
        &self.encrypted_key
    }

    /// How it was encrypted.
    pub fn transport(&self) -> KeyTransport {
        self.transport
    }

    /// How long the content key must be, bytes: 8 to 32, from the clear algorithm of the content. A decryptor that
    /// unpads itself can use it to run in constant time.
    pub fn key_length(&self) -> usize {
        self.key_length
    }

    /// Whose key is wanted.
    pub fn recipient(&self) -> &Recipient {
        &self.recipient
    }
}

impl fmt::Debug for DecryptJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DecryptJob");
        shown.field("transport", &self.transport).field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

/// The certificate that a message was encrypted for; the owner of several keys finds the right one by it.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(CertificateDer<'static>);

impl Recipient {
    pub(crate) fn new(certificate: CertificateDer<'static>) -> Self {
        Self(certificate)
    }

    /// The recipient's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.0
    }

    /// Its public key, a DER SubjectPublicKeyInfo: how an owner of several keys finds the right one. `None` when the
    /// certificate cannot be read.
    pub fn public_key(&self) -> Option<&[u8]> {
        Certificate::parse(&self.0).ok().map(|certificate| certificate.public_key().as_der())
    }

    /// Its issuer and serial number, as messages name it.
    pub fn issuer_and_serial(&self) -> Option<IssuerAndSerialNumber<'_>> {
        Certificate::parse(&self.0).ok().map(|certificate| certificate.issuer_and_serial())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({} bytes)", self.0.len())
    }
}

impl Digest {
    /// The DER `DigestInfo` of a digest value (RFC 8017 section 9.2 note 1): the parameters are NULL.
    ///
    /// ```text
    /// DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING }
    /// ```
    pub fn digest_info(self, digest: &[u8]) -> Vec<u8> {
        crate::wire::algorithm::digest_info(self, digest)
    }
}
