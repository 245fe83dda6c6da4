//! A private key in memory.

use super::rsa_key::RsaKey;
#[cfg(feature = "ecdsa")]
use super::{ecdsa::EcKey, sec1};
use crate::crypto::private_key::PrivateKeyInfo;
use crate::crypto::software::shared_key;
use crate::crypto::{
    DecryptJob, Decryptor, KeyError, KeyType, Rng, SignJob, Signature, SignatureScheme, Signer, Unwrapped,
};
use crate::wire::oid::Oid;
#[cfg(feature = "ecdsa")]
use crate::wire::public_key::EcCurve;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

/// A private key in memory, wiped when dropped. Share it between threads by reference: [`Signer`] and [`Decryptor`]
/// are implemented for `&SoftwareKey` too.
pub struct SoftwareKey {
    key: Key,
    public_key: Vec<u8>,
}

enum Key {
    Rsa(RsaKey),
    #[cfg(feature = "ecdsa")]
    Ec(EcKey),
}

impl SoftwareKey {
    /// Generates a key: a matter of 0.1 s for RSA-2048 on a computer, of minutes on a small board, and of no time for
    /// a key on a curve.
    ///
    /// Fails with [`KeyError::Invalid`] when the size is out of bounds, [`KeyError::RandomFailed`] when `rng` fails or
    /// is stuck, and [`KeyError::Unsupported`] for a curve without feature `ecdsa`.
    pub fn generate(key_type: KeyType, rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        match key_type {
            KeyType::Rsa(bits) => Self::rsa(RsaKey::generate(bits, rng)?),
            #[cfg(feature = "ecdsa")]
            KeyType::EcP256 => EcKey::generate(EcCurve::P256, rng).map(Self::ec),
            #[cfg(feature = "ecdsa")]
            KeyType::EcP384 => EcKey::generate(EcCurve::P384, rng).map(Self::ec),
            #[cfg(not(feature = "ecdsa"))]
            KeyType::EcP256 | KeyType::EcP384 => Err(KeyError::Unsupported),
        }
    }

    /// Reads a PKCS #8 `PrivateKeyInfo` or `OneAsymmetricKey` in DER (RFC 5208 section 5, RFC 5958 section 2).
    ///
    /// Fails with [`KeyError::Unsupported`] for a key that is neither RSA nor, with feature `ecdsa`, on P-256 or P-384,
    /// and [`KeyError::Invalid`] for one that is malformed, inconsistent, or RSA outside 2048 to 8192 bits.
    ///
    /// ```text
    /// OneAsymmetricKey ::= SEQUENCE { version Version, privateKeyAlgorithm AlgorithmIdentifier,
    ///     privateKey OCTET STRING, attributes [0] Attributes OPTIONAL, publicKey [1] PublicKey OPTIONAL }
    /// ```
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::read(der).map_err(|_| KeyError::Invalid)?;
        let PrivateKeyInfo { algorithm, key, public_key } = info;
        let key = match algorithm.oid {
            Oid::RSA_ENCRYPTION => Self::from_pkcs1(key),
            #[cfg(feature = "ecdsa")]
            Oid::EC_PUBLIC_KEY => {
                let curve =
                    algorithm.parameters.and_then(EcCurve::from_parameters).ok_or(KeyError::Unsupported)?;
                sec1::read(key, Some(curve)).map(Self::ec)
            }
            _ => Err(KeyError::Unsupported),
        }?;
        // one that comes along has to be the right one
        let own = SubjectPublicKeyInfo::parse(&key.public_key).map_err(|_| KeyError::Invalid)?;
        match public_key {
            Some(other) if other != own.key() => Err(KeyError::Invalid),
            _ => Ok(key),
        }
    }

    /// Reads a PKCS #1 `RSAPrivateKey` in DER (RFC 8017 appendix A.1.2); fails as [`Self::from_pkcs8`] does.
    ///
    /// ```text
    /// RSAPrivateKey ::= SEQUENCE { version Version, modulus INTEGER, publicExponent INTEGER,
    ///     privateExponent INTEGER, prime1 INTEGER, prime2 INTEGER, exponent1 INTEGER,
    ///     exponent2 INTEGER, coefficient INTEGER, otherPrimeInfos OtherPrimeInfos OPTIONAL }
    /// ```
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::rsa(RsaKey::from_pkcs1(der)?)
    }

    /// Reads a SEC 1 `ECPrivateKey` in DER (RFC 5915 section 3), which has to name its curve; fails as
    /// [`Self::from_pkcs8`] does.
    ///
    /// ```text
    /// ECPrivateKey ::= SEQUENCE { version INTEGER { ecPrivkeyVer1(1) }, privateKey OCTET STRING,
    ///     parameters [0] ECParameters OPTIONAL, publicKey [1] BIT STRING OPTIONAL }
    /// ```
    #[cfg(feature = "ecdsa")]
    pub fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        sec1::read(der, None).map(Self::ec)
    }

    fn rsa(key: RsaKey) -> Result<Self, KeyError> {
        let public_key = key.public_key();
        Ok(Self { key: Key::Rsa(key), public_key })
    }

    #[cfg(feature = "ecdsa")]
    fn ec(key: EcKey) -> Self {
        let public_key = sec1::public_key(&key);
        Self { key: Key::Ec(key), public_key }
    }

    /// The private key as PKCS #8 `PrivateKeyInfo` in DER, to be stored as a secret: 1.2 KiB for RSA-2048, 138 bytes for
    /// P-256.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        match &self.key {
            Key::Rsa(key) => key.to_pkcs8(),
            #[cfg(feature = "ecdsa")]
            Key::Ec(key) => sec1::write_pkcs8(key),
        }
    }

    /// The public key as `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1.2.7): 294 bytes for RSA-2048, 91 for P-256.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    /// Makes a signature; what [`Signer`] does. [`KeyError::Unsupported`] for the scheme of another kind of key, and for
    /// RSASSA-PSS, which is for reading only.
    pub fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        match (&self.key, job.scheme()) {
            (Key::Rsa(key), SignatureScheme::RsaPkcs1(_)) => key.sign(job.digest_info(), rng),
            #[cfg(feature = "ecdsa")]
            (Key::Ec(key), SignatureScheme::Ecdsa(_)) => key.sign(job.digest()),
            _ => Err(KeyError::Unsupported),
        }
        .map(Signature::new)
    }

    /// Unwraps a content key; what [`Decryptor`] does. [`KeyError::Unsupported`] for a key on a curve.
    pub fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        match &self.key {
            Key::Rsa(key) => key.decrypt(job, rng),
            #[cfg(feature = "ecdsa")]
            Key::Ec(_) => Err(KeyError::Unsupported),
        }
    }
}

shared_key!(SoftwareKey);

/// Reads PKCS #8, PKCS #1, and with feature `ecdsa` SEC 1.
impl TryFrom<&PrivateKeyDer<'_>> for SoftwareKey {
    type Error = KeyError;

    fn try_from(key: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        match key {
            PrivateKeyDer::Pkcs8(key) => Self::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => Self::from_pkcs1(key.secret_pkcs1_der()),
            #[cfg(feature = "ecdsa")]
            PrivateKeyDer::Sec1(key) => Self::from_sec1(key.secret_sec1_der()),
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Rsa(key) => write!(f, "SoftwareKey(RSA, modulus of {} bytes)", key.size()),
            #[cfg(feature = "ecdsa")]
            Key::Ec(key) => write!(f, "SoftwareKey({:?})", key.curve()),
        }
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
