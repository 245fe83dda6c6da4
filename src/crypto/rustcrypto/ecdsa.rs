//! ECDSA on P-256 and P-384 (FIPS 186-5 section 6): verification, and private keys.

use super::digest::{HashFunction, SHA256, SHA384, SHA512};
use crate::crypto::{DigestAlgorithm, KeyError, Rng, SignatureScheme, Verifier};
use crate::error::{BadSignature, Error, InvalidMessage};
use crate::wire::public_key::{EcCurve, SubjectPublicKeyInfo};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use zeroize::Zeroizing;

/// ECDSA with SHA-256, on P-256 and P-384.
pub static ECDSA_SHA256: EcdsaVerifier = EcdsaVerifier::new(&SHA256);

/// ECDSA with SHA-384, on P-256 and P-384.
pub static ECDSA_SHA384: EcdsaVerifier = EcdsaVerifier::new(&SHA384);

/// ECDSA with SHA-512, on P-256 and P-384.
pub static ECDSA_SHA512: EcdsaVerifier = EcdsaVerifier::new(&SHA512);

/// How often a private key is drawn again for being out of range: at most one draw in 2^32 is.
const REDRAWS: usize = 4;

/// Verifies ECDSA signatures (FIPS 186-5 section 6.4.2) with one hash function, for public keys on P-256 and P-384.
///
/// ```text
/// ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }
/// ```
pub struct EcdsaVerifier {
    hash: &'static HashFunction,
}

impl EcdsaVerifier {
    pub(super) const fn new(hash: &'static HashFunction) -> Self {
        Self { hash }
    }
}

impl Verifier for EcdsaVerifier {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::Ecdsa(self.hash.id())
    }

    /// A point that is not on its curve is [`InvalidMessage::PublicKey`].
    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        let key = signer.ec()?;
        let digest = self.hash.digest(parts);
        let digest = digest.as_bytes();
        let holds = match key.curve {
            EcCurve::P256 => p256_verify(key.point, digest, signature)?,
            EcCurve::P384 => p384_verify(key.point, digest, signature)?,
        };
        if holds { Ok(()) } else { Err(BadSignature::Signature.into()) }
    }
}

impl fmt::Debug for EcdsaVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaVerifier({:?})", self.hash.id())
    }
}

/// One curve: its crate's types are different, what is done with them is not.
macro_rules! curve {
    ($curve:ident, $verify:ident, $length:literal) => {
        /// Whether the signature holds; an error when the point is not on the curve. A signature that cannot be read costs
        /// the arithmetic too: it may come out of an envelope, and then its faults must not show in the time.
        fn $verify(point: &[u8], digest: &[u8], signature: &[u8]) -> Result<bool, Error> {
            let key =
                $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| InvalidMessage::PublicKey)?;
            if let Ok(signature) = $curve::ecdsa::Signature::from_der(signature) {
                return Ok(key.verify_prehash(digest, &signature).is_ok());
            }
            if let Ok(stand_in) = $curve::ecdsa::Signature::from_slice(&[1; 2 * $length]) {
                let _ = core::hint::black_box(key.verify_prehash(digest, &stand_in));
            }
            Ok(false)
        }
    };
}

curve!(p256, p256_verify, 32);
curve!(p384, p384_verify, 48);

/// A private key on one of the curves, wiped when dropped.
pub(super) enum EcKey {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

impl EcKey {
    /// Draws the number of a private key until it is in range (FIPS 186-5 appendix A.2.2).
    pub(super) fn generate(curve: EcCurve, rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        let mut number = Zeroizing::new(vec![0; curve.field_length()]);
        for _ in 0..REDRAWS {
            rng.try_fill_bytes(&mut number)?;
            if let Ok(key) = Self::from_number(curve, &number) {
                return Ok(key);
            }
        }
        Err(KeyError::RandomFailed)
    }

    /// Takes the number of a private key, as long as the curve says; [`KeyError::Invalid`] for 0, and from the order on.
    pub(super) fn from_number(curve: EcCurve, number: &[u8]) -> Result<Self, KeyError> {
        if number.len() != curve.field_length() {
            return Err(KeyError::Invalid);
        }
        let key = match curve {
            EcCurve::P256 => p256::ecdsa::SigningKey::from_slice(number).map(Self::P256),
            EcCurve::P384 => p384::ecdsa::SigningKey::from_slice(number).map(Self::P384),
        };
        key.map_err(|_| KeyError::Invalid)
    }

    pub(super) fn curve(&self) -> EcCurve {
        match self {
            Self::P256(_) => EcCurve::P256,
            Self::P384(_) => EcCurve::P384,
        }
    }

    /// The number, as long as the curve says.
    pub(super) fn number(&self) -> Zeroizing<Vec<u8>> {
        let mut number = Zeroizing::new(vec![0; self.curve().field_length()]);
        match self {
            Self::P256(key) => number.copy_from_slice(&Zeroizing::new(key.to_bytes())[..]),
            Self::P384(key) => number.copy_from_slice(&Zeroizing::new(key.to_bytes())[..]),
        }
        number
    }

    /// The public point, not compressed.
    pub(super) fn point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// Signs a digest with the number that RFC 6979 makes of key and digest: no random generator is asked, so none can
    /// fail. The signature is verified, since one fault in the arithmetic would give the key away.
    ///
    /// The result is DER.
    pub(super) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Failed;
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).map_err(failed)?;
                key.verifying_key().verify_prehash(digest, &signature).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest).map_err(failed)?;
                key.verifying_key().verify_prehash(digest, &signature).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

#[cfg(test)]
#[path = "ecdsa_tests.rs"]
mod tests;
