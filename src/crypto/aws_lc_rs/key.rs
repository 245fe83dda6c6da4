//! A private key in memory.

use super::ecdsa::EcKey;
use super::rsa::oaep;
use crate::crypto::private_key::PrivateKeyInfo;
use crate::crypto::software::shared_key;
use crate::crypto::{
    DecryptJob, Decryptor, Digest, KeyError, KeyType, Rng, SignJob, Signature, SignatureScheme, Signer,
    Unwrapped,
};
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::public_key::{EcCurve, SubjectPublicKeyInfo, encode_ec};
use ::aws_lc_rs::digest;
use ::aws_lc_rs::encoding::AsDer as _;
use ::aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use ::aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::PrivateKeyDer;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A private key in memory, wiped when dropped. Share it between threads by reference: [`Signer`] and [`Decryptor`]
/// are implemented for `&SoftwareKey` too.
///
/// The generator of the caller is never asked: AWS-LC draws and blinds with its own.
pub struct SoftwareKey {
    key: Key,
    public_key: Vec<u8>,
}

enum Key {
    Rsa(RsaKey),
    Ec(EcKey),
}

/// One key under three names: aws-lc-rs has a type for each use.
struct RsaKey {
    signing: RsaKeyPair,
    pkcs1: Pkcs1PrivateDecryptingKey,
    oaep: OaepPrivateDecryptingKey,
}

impl SoftwareKey {
    /// Generates a key: a matter of 0.1 s for RSA-2048, and of no time for a key on a curve.
    ///
    /// RSA has 2048, 3072, 4096 or 8192 bits here. Fails with [`KeyError::Unsupported`] for any other size from 2048 to
    /// 8192 bits, with [`KeyError::Invalid`] for one that is out of bounds, and with [`KeyError::RandomFailed`].
    pub fn generate(key_type: KeyType, _: &mut Rng<'_>) -> Result<Self, KeyError> {
        let size = match key_type {
            KeyType::EcP256 => return EcKey::generate(EcCurve::P256).map(Self::ec),
            KeyType::EcP384 => return EcKey::generate(EcCurve::P384).map(Self::ec),
            KeyType::Rsa(2048) => KeySize::Rsa2048,
            KeyType::Rsa(3072) => KeySize::Rsa3072,
            KeyType::Rsa(4096) => KeySize::Rsa4096,
            KeyType::Rsa(8192) => KeySize::Rsa8192,
            KeyType::Rsa(bits) => {
                let limits = Limits::DEFAULT;
                let possible = (limits.rsa_min_bits..=limits.rsa_max_bits).contains(&bits);
                let reason = possible && bits.is_multiple_of(8);
                return Err(if reason { KeyError::Unsupported } else { KeyError::Invalid });
            }
        };
        Self::rsa(RsaKeyPair::generate(size).map_err(|_| KeyError::RandomFailed)?)
    }

    /// Reads a PKCS #8 `PrivateKeyInfo` or `OneAsymmetricKey` in DER (RFC 5208 section 5, RFC 5958 section 2).
    ///
    /// Fails with [`KeyError::Unsupported`] for a key that is neither RSA nor on P-256 or P-384, and
    /// [`KeyError::Invalid`] for one that is malformed, inconsistent, or RSA outside 2048 to 8192 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let info = PrivateKeyInfo::read(der).map_err(|_| KeyError::Invalid)?;
        let PrivateKeyInfo { algorithm, key, public_key } = info;
        let key = match algorithm.oid {
            Oid::RSA_ENCRYPTION => Self::from_pkcs1(key),
            Oid::EC_PUBLIC_KEY => {
                let curve = algorithm.parameters.and_then(EcCurve::from_parameters);
                EcKey::from_pkcs8(curve.ok_or(KeyError::Unsupported)?, der).map(Self::ec)
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
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::rsa(RsaKeyPair::from_der(der).map_err(|_| KeyError::Invalid)?)
    }

    /// Reads a SEC 1 `ECPrivateKey` in DER (RFC 5915 section 3), which has to name its curve; fails as
    /// [`Self::from_pkcs8`] does.
    pub fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        EcKey::from_sec1(der).map(Self::ec)
    }

    /// Reads the first private key in `text`: `PRIVATE KEY` (PKCS #8, RFC 7468 section 10), `RSA PRIVATE KEY`
    /// (PKCS #1) or `EC PRIVATE KEY` (SEC 1, RFC 5915 section 4). Other text around it is skipped.
    ///
    /// Fails with [`InvalidMessage::Pem`](crate::error::InvalidMessage::Pem) when there is none,
    /// [`KeyError::Unsupported`] when it is encrypted or of another kind, and else as [`Self::from_pkcs8`] does.
    #[cfg(feature = "pem")]
    pub fn from_pem(text: &str) -> Result<Self, crate::error::Error> {
        use crate::crypto::pem::PrivateKey;
        Ok(match PrivateKey::find(text)? {
            PrivateKey::Pkcs8(der) => Self::from_pkcs8(&der),
            PrivateKey::Pkcs1(der) => Self::from_pkcs1(&der),
            PrivateKey::Sec1(der) => Self::from_sec1(&der),
        }?)
    }

    fn rsa(signing: RsaKeyPair) -> Result<Self, KeyError> {
        let public_key = signing.public_key().as_der().map_err(|_| KeyError::Invalid)?.as_ref().to_vec();
        let public = SubjectPublicKeyInfo::parse(&public_key).map_err(|_| KeyError::Invalid)?;
        public.check(&Limits::DEFAULT).map_err(|_| KeyError::Invalid)?;
        let der = signing.as_der().map_err(|_| KeyError::Invalid)?;
        let key = PrivateDecryptingKey::from_pkcs8(der.as_ref()).map_err(|_| KeyError::Invalid)?;
        let pkcs1 = Pkcs1PrivateDecryptingKey::new(key.clone()).map_err(|_| KeyError::Invalid)?;
        let oaep = OaepPrivateDecryptingKey::new(key).map_err(|_| KeyError::Invalid)?;
        Ok(Self { key: Key::Rsa(RsaKey { signing, pkcs1, oaep }), public_key })
    }

    fn ec(key: EcKey) -> Self {
        let public_key = encode_ec(key.curve(), key.point());
        Self { key: Key::Ec(key), public_key }
    }

    /// The private key as PKCS #8 `PrivateKeyInfo` in DER, to be stored as a secret: 1.2 KiB for RSA-2048, 138 bytes for
    /// P-256.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        match &self.key {
            // it did not fail when the key was read
            Key::Rsa(key) => {
                Zeroizing::new(key.signing.as_der().map(|der| der.as_ref().to_vec()).unwrap_or_default())
            }
            Key::Ec(key) => key.to_pkcs8(),
        }
    }

    /// The private key as PKCS #8 in PEM (`PRIVATE KEY`), to be stored as a secret.
    #[cfg(feature = "pem")]
    pub fn to_pem(&self) -> Zeroizing<alloc::string::String> {
        crate::crypto::pem::PrivateKey::encode_pkcs8(&self.to_pkcs8())
    }

    /// The public key as `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1.2.7): 294 bytes for RSA-2048, 91 for P-256.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key
    }

    /// Makes a signature; what [`Signer`] does. [`KeyError::Unsupported`] for the scheme of another kind of key, and for
    /// RSASSA-PSS, which is for reading only.
    ///
    /// aws-lc-rs signs nothing with RSA and SHA-1: with features `legacy` and `rustcrypto` that is done there.
    pub fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        match (&self.key, job.scheme()) {
            (Key::Rsa(_), SignatureScheme::RsaPkcs1(Digest::Sha1)) => self.sign_with_sha1(job, rng),
            (Key::Rsa(key), SignatureScheme::RsaPkcs1(digest)) => key.sign(digest, job.digest()),
            (Key::Ec(key), SignatureScheme::Ecdsa(_)) => key.sign(job.digest()).map(Signature::new),
            _ => Err(KeyError::Unsupported),
        }
    }

    #[cfg(all(feature = "legacy", feature = "rustcrypto"))]
    fn sign_with_sha1(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        crate::crypto::rustcrypto::SoftwareKey::from_pkcs8(&self.to_pkcs8())?.sign(job, rng)
    }

    #[cfg(not(all(feature = "legacy", feature = "rustcrypto")))]
    fn sign_with_sha1(&self, _: &SignJob, _: &mut Rng<'_>) -> Result<Signature, KeyError> {
        Err(KeyError::Unsupported)
    }

    /// Unwraps a content key; what [`Decryptor`] does. [`KeyError::Unsupported`] for a key on a curve.
    ///
    /// aws-lc-rs says of a padding whether it is right, and does not give the block: that makes a difference of some
    /// hundred instructions, which SECURITY.md counts. Whatever else fails in there looks like a wrong padding.
    pub fn decrypt(&self, job: &DecryptJob, _: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        match &self.key {
            Key::Rsa(key) => Ok(key.decrypt(job)),
            Key::Ec(_) => Err(KeyError::Unsupported),
        }
    }
}

impl RsaKey {
    fn sign(&self, digest: Digest, value: &[u8]) -> Result<Signature, KeyError> {
        let (encoding, algorithm): (&'static RsaSignatureEncoding, _) = match digest {
            Digest::Sha256 => (&RSA_PKCS1_SHA256, &digest::SHA256),
            Digest::Sha384 => (&RSA_PKCS1_SHA384, &digest::SHA384),
            Digest::Sha512 => (&RSA_PKCS1_SHA512, &digest::SHA512),
            _ => return Err(KeyError::Unsupported),
        };
        let value = digest::Digest::import_less_safe(value, algorithm).map_err(|_| KeyError::Failed)?;
        let mut signature = vec![0; self.signing.public_modulus_len()];
        self.signing.sign_digest(encoding, &value, &mut signature).map_err(|_| KeyError::Failed)?;
        Ok(Signature::new(signature))
    }

    fn decrypt(&self, job: &DecryptJob) -> Unwrapped {
        let size = self.signing.public_modulus_len();
        // A public fact about the ciphertext, and still no error: RFC 3218 section 2.3.2.
        if job.encrypted_key().len() != size {
            return Unwrapped::rejected();
        }
        let mut block = Zeroizing::new(vec![0; size]);
        let found = match oaep(job.transport()) {
            Some(algorithm) => self.oaep.decrypt(algorithm, job.encrypted_key(), &mut block, None),
            None => self.pkcs1.decrypt(job.encrypted_key(), &mut block),
        };
        // no content key has 0 bytes; as many bytes are copied whatever came out
        let length = found.map_or(0, |found| found.len());
        let key = block.get(..job.key_length()).unwrap_or_default();
        Unwrapped::checked(key, length.ct_eq(&job.key_length()))
    }
}

shared_key!(SoftwareKey);

/// Reads PKCS #8, PKCS #1 and SEC 1.
impl TryFrom<&PrivateKeyDer<'_>> for SoftwareKey {
    type Error = KeyError;

    fn try_from(key: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        match key {
            PrivateKeyDer::Pkcs8(key) => Self::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => Self::from_pkcs1(key.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(key) => Self::from_sec1(key.secret_sec1_der()),
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Key::Rsa(key) => {
                write!(f, "SoftwareKey(RSA, modulus of {} bytes)", key.signing.public_modulus_len())
            }
            Key::Ec(key) => write!(f, "SoftwareKey({:?})", key.curve()),
        }
    }
}
