//! The interface to cryptography: what a provider lists, and what a key's owner is asked for.
//!
//! The library does no arithmetic of its own. A [`Provider`] lists algorithms as `&'static dyn` values, so what an
//! application does not list is dropped by the linker; private keys stay with their owner behind [`Signer`] and
//! [`Decryptor`], or behind the jobs themselves ([`SignJob`], [`DecryptJob`]) where a call has to wait.

#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
#[cfg(feature = "server")]
mod hmac;
mod keys;
pub(crate) mod password;
#[cfg(all(feature = "pem", any(feature = "rustcrypto", feature = "aws-lc-rs")))]
mod pem;
#[cfg(any(feature = "rustcrypto", feature = "aws-lc-rs"))]
mod private_key;
pub(crate) mod random;
mod ring;
#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;
mod secret;
mod software;

#[cfg(feature = "server")]
pub(crate) use hmac::hmac_sha256;
pub use keys::{DecryptJob, Decryptor, NoKey, Purpose, Recipient, SignJob, Signature, Signer};
pub use rand_core;
pub use random::{Random, Rng};
pub use ring::KeyRing;
pub use secret::{ChallengePassword, ContentKey, Unwrapped};
pub use software::{KeyType, SharedKey};
pub use subtle::Choice;

pub use crate::error::{KeyError, RngFailed};
pub use crate::wire::algorithm::{ContentEncryption, Digest, KeyTransport, SignatureScheme};

use crate::error::{ApiMisuse, BadSignature, Error, Unsupported};
use crate::wire::algorithm::AlgorithmIdentifier;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroize;

/// A hash function.
pub trait DigestAlgorithm: Send + Sync {
    /// Which one it is.
    fn id(&self) -> Digest;
    /// The digest of the concatenation of `parts`.
    fn digest(&self, parts: &[&[u8]]) -> DigestValue;
}

/// A block cipher in CBC mode, without padding: the library pads, and checks padding in constant time.
pub trait ContentCipher: Send + Sync {
    /// Which one it is.
    fn id(&self) -> ContentEncryption;
    /// Encrypts whole blocks in place. `key`, `iv` and `blocks` have the lengths that [`ContentEncryption`] states,
    /// else [`ApiMisuse::Algorithm`].
    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error>;
    /// Decrypts whole blocks in place.
    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error>;
}

/// Encryption of a content key to a public key (RFC 5652 section 6.2.1).
pub trait KeyWrapper: Send + Sync {
    /// Which one it is.
    fn id(&self) -> KeyTransport;
    /// Whether `identifier` names this one: what [`KeyTransport::from_identifier`] reads. There is no need to write it
    /// anew: it is here so that a device links the reading of what it lists, and of nothing else.
    fn is_named_by(&self, identifier: &AlgorithmIdentifier<'_>) -> bool {
        self.id().is_named_by(identifier)
    }
    /// Encrypts `key` for `recipient`. A public key out of bounds is refused before any arithmetic.
    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error>;
}

/// Verification of one kind of signature.
pub trait Verifier: Send + Sync {
    /// Which one it is.
    fn scheme(&self) -> SignatureScheme;
    /// Whether `identifier` names this one, as in a certificate: what [`SignatureScheme::from_identifier`] reads. As for
    /// [`KeyWrapper::is_named_by`], there is no need to write it anew.
    fn is_named_by(&self, identifier: &AlgorithmIdentifier<'_>) -> bool {
        self.scheme().is_named_by(identifier)
    }
    /// Verifies `signature` over the concatenation of `parts`. A public key out of bounds is refused before any
    /// arithmetic. Any fault of the signature is [`BadSignature::Signature`].
    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error>;
}

/// PBKDF2 (RFC 8018 section 5.2) with the HMAC of one hash function: what makes a key of a challenge password, for
/// recipients by password (RFC 8894 section 3.1).
pub trait PasswordKdf: Send + Sync {
    /// The hash function whose HMAC is the pseudo-random function.
    fn prf(&self) -> Digest;
    /// Fills `key`, 16 to 32 bytes. `salt` and `iterations` are within bounds already; the password may be empty.
    fn derive(&self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]);
}

/// The algorithms that an application wants, each list in order of preference.
#[derive(Clone, Copy)]
pub struct Provider {
    /// Hash functions. SHA-256 is needed.
    pub digests: &'static [&'static dyn DigestAlgorithm],
    /// Content ciphers, for reading and for writing.
    pub ciphers: &'static [&'static dyn ContentCipher],
    /// Content ciphers for reading only: single DES, and only where a switch allows it.
    pub read_only_ciphers: &'static [&'static dyn ContentCipher],
    /// Key transports, for reading and for writing.
    pub wrappers: &'static [&'static dyn KeyWrapper],
    /// Signature verifiers.
    pub verifiers: &'static [&'static dyn Verifier],
    /// Key derivations for recipients by password (RFC 8894 section 3.1), for reading; writing needs that of SHA-256.
    /// Where there are none, nothing is encrypted for a password and nothing is opened with one.
    pub password_kdfs: &'static [&'static dyn PasswordKdf],
}

impl Provider {
    /// The hash function, or [`Unsupported::Digest`].
    pub fn digest(&self, id: Digest) -> Result<&'static dyn DigestAlgorithm, Error> {
        find(self.digests, |item| item.id() == id).ok_or(Unsupported::Digest.into())
    }

    /// The content cipher for writing, or [`Unsupported::ContentEncryption`].
    pub fn cipher(&self, id: ContentEncryption) -> Result<&'static dyn ContentCipher, Error> {
        find(self.ciphers, |item| item.id() == id).ok_or_else(|| refused(id))
    }

    /// The content cipher for reading; `des` says whether the switch for single DES is on.
    pub(crate) fn reading_cipher(
        &self,
        id: ContentEncryption,
        des: bool,
    ) -> Result<&'static dyn ContentCipher, Error> {
        if id == ContentEncryption::DesCbc && !des {
            return Err(refused(id));
        }
        find(self.ciphers, |item| item.id() == id)
            .or_else(|| find(self.read_only_ciphers, |item| item.id() == id))
            .ok_or_else(|| refused(id))
    }

    /// The key transport, or [`Unsupported::KeyTransport`].
    pub fn wrapper(&self, id: KeyTransport) -> Result<&'static dyn KeyWrapper, Error> {
        find(self.wrappers, |item| item.id() == id).ok_or(Unsupported::KeyTransport.into())
    }

    /// The key transport that `identifier` names, or [`Unsupported::KeyTransport`].
    pub(crate) fn named_wrapper(
        &self,
        identifier: &AlgorithmIdentifier<'_>,
    ) -> Result<&'static dyn KeyWrapper, Error> {
        find(self.wrappers, |item| item.is_named_by(identifier)).ok_or(Unsupported::KeyTransport.into())
    }

    /// The verifier for a certificate whose signature algorithm is `identifier`, or [`Unsupported::Signature`].
    pub(crate) fn named_verifier(
        &self,
        identifier: &AlgorithmIdentifier<'_>,
    ) -> Result<&'static dyn Verifier, Error> {
        find(self.verifiers, |item| item.is_named_by(identifier)).ok_or(Unsupported::Signature.into())
    }

    /// The verifier for a SignerInfo: what [`SignatureScheme::from_signer_info`] reads, of what is listed.
    pub(crate) fn signer_info_verifier(
        &self,
        digest: Digest,
        signature: &AlgorithmIdentifier<'_>,
    ) -> Result<&'static dyn Verifier, Error> {
        if let Some(scheme) = SignatureScheme::from_key_type(digest, signature) {
            return self.verifier(scheme);
        }
        let verifier = self.named_verifier(signature)?;
        if verifier.scheme().digest() == digest { Ok(verifier) } else { Err(BadSignature::Algorithms.into()) }
    }

    /// The verifier, or [`Unsupported::Signature`].
    pub fn verifier(&self, scheme: SignatureScheme) -> Result<&'static dyn Verifier, Error> {
        find(self.verifiers, |item| item.scheme() == scheme).ok_or(Unsupported::Signature.into())
    }

    /// The key derivation, or [`Unsupported::KeyDerivation`].
    pub fn password_kdf(&self, prf: Digest) -> Result<&'static dyn PasswordKdf, Error> {
        find(self.password_kdfs, |item| item.prf() == prf).ok_or(Unsupported::KeyDerivation.into())
    }

    /// SHA-256 over the concatenation of `parts`: fingerprints and identifiers. [`ApiMisuse::Algorithm`] when the
    /// provider does not list it, which every provider has to.
    pub fn sha256(&self, parts: &[&[u8]]) -> Result<[u8; 32], Error> {
        let value = self.digest(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?.digest(parts);
        value.as_bytes().try_into().map_err(|_| ApiMisuse::Algorithm.into())
    }
}

fn refused(id: ContentEncryption) -> Error {
    match id {
        ContentEncryption::DesCbc => Unsupported::SingleDes.into(),
        _ => Unsupported::ContentEncryption.into(),
    }
}

fn find<T: ?Sized>(list: &[&'static T], wanted: impl Fn(&T) -> bool) -> Option<&'static T> {
    list.iter().copied().find(|item| wanted(item))
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}

/// A digest: at most 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestValue {
    bytes: [u8; 64],
    length: usize,
}

impl DigestValue {
    /// Takes a digest of at most 64 bytes; a longer one is cut.
    pub fn new(digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        let length = digest.len().min(64);
        for (target, source) in bytes.iter_mut().zip(digest) {
            *target = *source;
        }
        Self { bytes, length }
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// For digests that were computed from a secret.
impl Zeroize for DigestValue {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for DigestValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
