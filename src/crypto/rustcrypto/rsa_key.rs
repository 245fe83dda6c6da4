//! A private RSA key: its operations are blinded, and checked against faults.

use super::oaep;
use super::rng::Bounded;
use super::rsa::{integer, octets, signature_block, unpad};
use crate::crypto::{DecryptJob, KeyError, Rng, Unwrapped};
use crate::wire::limits::Limits;
use crate::wire::public_key::{self, RsaPublicKey};
use ::rsa::pkcs1::RsaPrivateKeyRef;
use ::rsa::pkcs8::EncodePrivateKey;
use ::rsa::traits::PublicKeyParts;
use ::rsa::{BoxedUint, PrivateKey, hazmat};
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Random bytes that one operation may draw, in lengths of the modulus. A draw is refused at most every second
/// time, so a sound generator needs more once in 2^128 operations.
const DRAWS: usize = 128;

/// The same for key generation, which draws one length for two primes and throws away one pair of 32,000.
const GENERATION_DRAWS: usize = 8;

/// A private key of 2048 to 8192 bits, wiped when dropped.
pub(super) struct RsaKey(PrivateKey);

impl RsaKey {
    pub(super) fn generate(bits: usize, rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        let limits = Limits::DEFAULT;
        if bits < limits.rsa_min_bits || bits > limits.rsa_max_bits || !bits.is_multiple_of(8) {
            return Err(KeyError::Invalid);
        }
        let mut rng = Bounded::new(rng, GENERATION_DRAWS.saturating_mul(bits / 8));
        // The size is in bounds, so what is left to fail is the generator: no bytes, or the same prime twice.
        PrivateKey::new(&mut rng, bits).map(Self).map_err(|_| KeyError::RandomFailed)
    }

    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let parts = RsaPrivateKeyRef::try_from(der).map_err(|_| KeyError::Invalid)?;
        RsaPublicKey { modulus: parts.modulus.as_bytes(), exponent: parts.public_exponent.as_bytes() }
            .check(&Limits::DEFAULT)
            .map_err(|_| KeyError::Invalid)?;
        PrivateKey::try_from(parts).map(Self).map_err(|_| KeyError::Invalid)
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Ok(self.0.to_pkcs8_der().map_err(|_| KeyError::Invalid)?.to_bytes())
    }

    /// The SubjectPublicKeyInfo.
    pub(super) fn public_key(&self) -> Vec<u8> {
        public_key::encode_rsa(&self.0.n_bytes(), &self.0.e_bytes())
    }

    /// Length of the modulus, bytes.
    pub(super) fn size(&self) -> usize {
        self.0.size()
    }

    /// Raises to the private exponent: blinded, and checked with the public one against faults.
    fn private_operation(
        &self,
        value: &BoxedUint,
        rng: &mut Rng<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let length = self.size();
        let mut rng = Bounded::new(rng, length.saturating_mul(DRAWS));
        match hazmat::rsa_decrypt_and_check(&self.0, Some(&mut rng), value).map(Zeroizing::new) {
            Ok(result) => octets(&result, length).ok_or(KeyError::Failed),
            Err(::rsa::Error::Rng) => Err(KeyError::RandomFailed),
            Err(_) => Err(KeyError::Failed),
        }
    }

    /// RSASSA-PKCS1-v1_5 over a DigestInfo (RFC 8017 section 8.2.1).
    pub(super) fn sign(&self, digest_info: &[u8], rng: &mut Rng<'_>) -> Result<Vec<u8>, KeyError> {
        let value = signature_block(digest_info, self.size())
            .and_then(|block| integer(&block, &self.0))
            .ok_or(KeyError::Unsupported)?;
        Ok(self.private_operation(&value, rng)?.to_vec())
    }

    /// RSAES-PKCS1-v1_5 or RSAES-OAEP (RFC 8017 sections 7.2.2 and 7.1.2).
    pub(super) fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        // Public facts about the ciphertext, and still no error: RFC 3218 section 2.3.2.
        let value = integer(job.encrypted_key(), &self.0);
        let Some(value) = value.filter(|value| **value < *self.0.n().as_ref()) else {
            return Ok(Unwrapped::rejected());
        };
        let block = self.private_operation(&value, rng)?;
        Ok(match oaep::hash_of(job.transport()) {
            Some(hash) => oaep::unpad(hash, &block, job.key_length()),
            None => unpad(&block, job.key_length()),
        })
    }
}

#[cfg(test)]
#[path = "rsa_key_tests.rs"]
mod tests;
