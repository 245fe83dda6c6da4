//! What keys in memory have in common, whoever does their arithmetic.

use super::{DecryptJob, KeyError, Rng, SignJob, Signature, Unwrapped};
use core::fmt;

/// What kind of key to generate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// RSA with this many bits of modulus (2048 to 8192, a multiple of 8) and the public exponent 65537.
    Rsa(usize),
    /// A key on the curve P-256, which needs feature `ecdsa` with RustCrypto. It signs and decrypts nothing.
    EcP256,
    /// A key on the curve P-384, which needs feature `ecdsa` with RustCrypto. It signs and decrypts nothing.
    EcP384,
}

/// A private key that knows its public one and can be used by several at the same time: what a
/// [`KeyRing`](super::KeyRing) holds.
pub trait SharedKey: fmt::Debug + Send + Sync {
    /// The public key as a DER SubjectPublicKeyInfo.
    fn public_key_der(&self) -> &[u8];
    /// What [`Signer::sign`](super::Signer::sign) does.
    fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError>;
    /// What [`Decryptor::decrypt`](super::Decryptor::decrypt) does.
    fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError>;
}

/// Implements [`SharedKey`], [`Signer`](super::Signer) and [`Decryptor`](super::Decryptor) for a key and for references to
/// it, by its own methods.
#[cfg(any(feature = "rustcrypto", feature = "aws-lc-rs"))]
macro_rules! shared_key {
    ($key:ty) => {
        impl $crate::crypto::SharedKey for $key {
            fn public_key_der(&self) -> &[u8] {
                <$key>::public_key_der(self)
            }

            fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
                <$key>::sign(self, job, rng)
            }

            fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
                <$key>::decrypt(self, job, rng)
            }
        }

        impl Signer for $key {
            fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
                <$key>::sign(self, job, rng)
            }
        }

        impl Signer for &$key {
            fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
                <$key>::sign(self, job, rng)
            }
        }

        impl Decryptor for $key {
            fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
                <$key>::decrypt(self, job, rng)
            }
        }

        impl Decryptor for &$key {
            fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
                <$key>::decrypt(self, job, rng)
            }
        }
    };
}

#[cfg(any(feature = "rustcrypto", feature = "aws-lc-rs"))]
pub(super) use shared_key;
