//! A private key in memory.

use super::rng::Bounded;
use super::rsa::{integer, octets, signature_block, unpad};
use crate::crypto::{
    DecryptJob, Decryptor, KeyError, KeyTransport, Rng, SignJob, Signature, SignatureScheme, Signer,
    Unwrapped,
};
use crate::wire::limits::Limits;
use crate::wire::public_key::{self, RsaPublicKey};
use ::rsa::pkcs1::RsaPrivateKeyRef;
use ::rsa::pkcs8::{EncodePrivateKey, PrivateKeyInfoRef};
use ::rsa::traits::PublicKeyParts;
use ::rsa::{BoxedUint, PrivateKey, hazmat};
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

/// Random bytes that one operation may draw, in lengths of the modulus. A draw is refused at most every second
/// time, so a sound generator needs more once in 2^128 operations.
const DRAWS: usize = 128;

/// The same for key generation, which draws one length for two primes and throws away one pair of 32,000.
const GENERATION_DRAWS: usize = 8;

/// What kind of key to generate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// RSA with this many bits of modulus (2048 to 8192, a multiple of 8) and the public exponent 65537.
    Rsa(usize),
}

/// A private key in memory, wiped when dropped. Share it between threads by reference: [`Signer`] and [`Decryptor`]
/// are implemented for `&SoftwareKey` too.
pub struct SoftwareKey {
    key: PrivateKey,
    public_key: Vec<u8>,
    // Encoded once: so a key that cannot be stored is refused when it is made, not when it is to be stored.
    pkcs8: Zeroizing<Vec<u8>>,
}

impl SoftwareKey {
    /// Generates a key: a matter of 0.1 s for RSA-2048 on a computer, of minutes on a small board.
    ///
    /// Fails with [`KeyError::Invalid`] when the size is out of bounds and [`KeyError::RandomFailed`] when `rng`
    /// fails or is stuck.
    pub fn generate(key_type: KeyType, rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        let KeyType::Rsa(bits) = key_type;
        let limits = Limits::DEFAULT;
        if bits < limits.rsa_min_bits || bits > limits.rsa_max_bits || bits % 8 != 0 {
            return Err(KeyError::Invalid);
        }
        let mut rng = Bounded::new(rng, GENERATION_DRAWS.saturating_mul(bits / 8));
        // The size is in bounds, so what is left to fail is the generator: no bytes, or the same prime twice.
        let key = PrivateKey::new(&mut rng, bits).map_err(|_| KeyError::RandomFailed)?;
        Self::new(key)
    }

    /// Reads a PKCS #8 `PrivateKeyInfo` or `OneAsymmetricKey` in DER (RFC 5208 section 5, RFC 5958 section 2).
    ///
    /// Fails with [`KeyError::Unsupported`] for a key that is not RSA and [`KeyError::Invalid`] for one that is
    /// malformed, inconsistent, or outside 2048 to 8192 bits.
    ///
    /// ```text
    /// OneAsymmetricKey ::= SEQUENCE { version Version, privateKeyAlgorithm AlgorithmIdentifier,
    ///     privateKey OCTET STRING, attributes [0] Attributes OPTIONAL, publicKey [1] PublicKey OPTIONAL }
    /// ```
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Invalid)?;
        if info.algorithm.oid != ::rsa::pkcs1::ALGORITHM_OID {
            return Err(KeyError::Unsupported);
        }
        Self::from_pkcs1(info.private_key.as_bytes())
    }

    /// Reads a PKCS #1 `RSAPrivateKey` in DER (RFC 8017 appendix A.1.2); fails as [`Self::from_pkcs8`] does.
    ///
    /// ```text
    /// RSAPrivateKey ::= SEQUENCE { version Version, modulus INTEGER, publicExponent INTEGER,
    ///     privateExponent INTEGER, prime1 INTEGER, prime2 INTEGER, exponent1 INTEGER,
    ///     exponent2 INTEGER, coefficient INTEGER, otherPrimeInfos OtherPrimeInfos OPTIONAL }
    /// ```
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let parts = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyError::Invalid)?;
        RsaPublicKey { modulus: parts.modulus.as_bytes(), exponent: parts.public_exponent.as_bytes() }
            .check(&Limits::DEFAULT)
            .map_err(|_| KeyError::Invalid)?;
        Self::new(PrivateKey::try_from(parts).map_err(|_| KeyError::Invalid)?)
    }

    fn new(key: PrivateKey) -> Result<Self, KeyError> {
        let public_key = public_key::encode_rsa(&key.n_bytes(), &key.e_bytes());
        let pkcs8 = key.to_pkcs8_der().map_err(|_| KeyError::Invalid)?.to_bytes();
        Ok(Self { key, public_key, pkcs8 })
    }

    /// The private key as PKCS #8 `PrivateKeyInfo` in DER, to be stored as a secret: 1.2 KiB for RSA-2048.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8.clone()
    }

    /// The public key as `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1.2.7): 294 bytes for RSA-2048.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    /// Raises to the private exponent: blinded, and checked with the public one against faults.
    fn private_operation(
        &self,
        value: &BoxedUint,
        rng: &mut Rng<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let length = self.key.size();
        let mut rng = Bounded::new(rng, length.saturating_mul(DRAWS));
        match hazmat::rsa_decrypt_and_check(&self.key, Some(&mut rng), value).map(Zeroizing::new) {
            Ok(result) => octets(&result, length).ok_or(KeyError::Failed),
            Err(::rsa::Error::Rng) => Err(KeyError::RandomFailed),
            Err(_) => Err(KeyError::Failed),
        }
    }

    /// Makes a signature; what [`Signer`] does.
    pub fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        let SignatureScheme::RsaPkcs1(_) = job.scheme();
        let value = signature_block(job.digest_info(), self.key.size())
            .and_then(|block| integer(&block, &self.key))
            .ok_or(KeyError::Unsupported)?;
        Ok(Signature::new(self.private_operation(&value, rng)?.to_vec()))
    }

    /// Unwraps a content key; what [`Decryptor`] does.
    pub fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        let KeyTransport::RsaPkcs1v15 = job.transport();
        // Public facts about the ciphertext, and still no error: RFC 3218 section 2.3.2.
        let value = integer(job.encrypted_key(), &self.key);
        let Some(value) = value.filter(|value| **value < *self.key.n().as_ref()) else {
            return Ok(Unwrapped::rejected());
        };
        let block = self.private_operation(&value, rng)?;
        Ok(unpad(&block, job.key_length()))
    }
}

impl Signer for SoftwareKey {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        SoftwareKey::sign(self, job, rng)
    }
}

impl Signer for &SoftwareKey {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        SoftwareKey::sign(self, job, rng)
    }
}

impl Decryptor for SoftwareKey {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        SoftwareKey::decrypt(self, job, rng)
    }
}

impl Decryptor for &SoftwareKey {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        SoftwareKey::decrypt(self, job, rng)
    }
}

/// Reads PKCS #8 and PKCS #1; SEC 1 keys are [`KeyError::Unsupported`].
impl TryFrom<&PrivateKeyDer<'_>> for SoftwareKey {
    type Error = KeyError;

    fn try_from(key: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        match key {
            PrivateKeyDer::Pkcs8(key) => Self::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => Self::from_pkcs1(key.secret_pkcs1_der()),
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoftwareKey(RSA, modulus of {} bytes)", self.key.size())
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
