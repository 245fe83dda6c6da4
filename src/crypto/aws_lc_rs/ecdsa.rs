//! ECDSA on P-256 and P-384 (FIPS 186-5 section 6): verification, and private keys.

use super::digest::{HashFunction, SHA256, SHA384, SHA512};
use crate::crypto::{DigestAlgorithm, KeyError, SignatureScheme, Verifier, private_key};
use crate::error::{BadSignature, Error, InvalidMessage};
use crate::wire::public_key::{EcCurve, SubjectPublicKeyInfo, unsigned};
use crate::wire::tlv::{self, Reader};
use ::aws_lc_rs::digest::{self, Digest};
use ::aws_lc_rs::encoding::AsBigEndian as _;
use ::aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm,
    KeyPair as _, ParsedPublicKey,
};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroizing;

/// ECDSA with SHA-256, on P-256 and P-384.
pub static ECDSA_SHA256: EcdsaVerifier = EcdsaVerifier { hash: &SHA256 };

/// ECDSA with SHA-384, on P-256 and P-384.
pub static ECDSA_SHA384: EcdsaVerifier = EcdsaVerifier { hash: &SHA384 };

/// ECDSA with SHA-512, on P-256 and P-384.
pub static ECDSA_SHA512: EcdsaVerifier = EcdsaVerifier { hash: &SHA512 };

/// ECDSA with SHA-1, on P-256 and P-384. Collisions of SHA-1 can be made: a signature shows less than it says.
#[cfg(feature = "legacy")]
pub static ECDSA_SHA1: EcdsaVerifier = EcdsaVerifier { hash: &super::digest::SHA1 };

/// The orders of the curves (NIST SP 800-186 sections 3.2.1.3 and 3.2.1.4).
const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
    0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
const P384_ORDER: [u8; 48] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC7, 0x63, 0x4D, 0x81, 0xF4, 0x37, 0x2D, 0xDF, 0x58, 0x1A,
    0x0D, 0xB2, 0x48, 0xB0, 0xA7, 0x7A, 0xEC, 0xEC, 0x19, 0x6A, 0xCC, 0xC5, 0x29, 0x73,
];

/// r = s = 1: in range on every curve, and nobody's signature.
const STAND_IN: [u8; 8] = [0x30, 6, 2, 1, 1, 2, 1, 1];

/// Verifies ECDSA signatures (FIPS 186-5 section 6.4.2) with one hash function, for public keys on P-256 and P-384.
///
/// ```text
/// ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }
/// ```
pub struct EcdsaVerifier {
    hash: &'static HashFunction,
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
        let point = ParsedPublicKey::new(verification(key.curve), key.point)
            .map_err(|_| InvalidMessage::PublicKey)?;
        let number = fitted(key.curve, self.hash.digest(parts).as_bytes());
        let number = number.ok_or(BadSignature::Signature)?;
        // what cannot be read costs no arithmetic, and then its faults would show in the time
        let is_in_range = is_in_range(key.curve, signature);
        let examined = if is_in_range { signature } else { &STAND_IN };
        match point.verify_digest_sig(&number, examined) {
            Ok(()) if is_in_range => Ok(()),
            _ => Err(BadSignature::Signature.into()),
        }
    }
}

impl fmt::Debug for EcdsaVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaVerifier({:?})", self.hash.id())
    }
}

fn verification(curve: EcCurve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        EcCurve::P256 => &ECDSA_P256_SHA256_ASN1,
        EcCurve::P384 => &ECDSA_P384_SHA384_ASN1,
    }
}

fn signing(curve: EcCurve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        EcCurve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        EcCurve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

/// The number that ECDSA makes of a digest (FIPS 186-5 section 6.4.1): its leftmost bits, as many as the order has. As
/// the digest of the one hash function that aws-lc-rs pairs with the curve, since it takes no other.
fn fitted(curve: EcCurve, value: &[u8]) -> Option<Digest> {
    let algorithm = match curve {
        EcCurve::P256 => &digest::SHA256,
        EcCurve::P384 => &digest::SHA384,
    };
    let length = curve.field_length();
    let mut number = vec![0; length.saturating_sub(value.len())];
    number.extend(value.iter().take(length));
    Digest::import_less_safe(&number, algorithm).ok()
}

/// Whether these are r and s in DER, each from 1 to below the order.
fn is_in_range(curve: EcCurve, signature: &[u8]) -> bool {
    let order: &[u8] = match curve {
        EcCurve::P256 => &P256_ORDER,
        EcCurve::P384 => &P384_ORDER,
    };
    let read = || -> Result<[&[u8]; 2], Error> {
        let mut reader = Reader::new(signature)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        let numbers = [fields.expect(tlv::INTEGER)?.value, fields.expect(tlv::INTEGER)?.value];
        fields.finish()?;
        Ok(numbers)
    };
    let in_range = |number: &[u8]| {
        let Ok(value) = unsigned(number) else { return false };
        // a zero in front is there to keep it positive, and else not DER
        let minimal = match number {
            [0, second, ..] => *second >= 0x80,
            _ => true,
        };
        let below = value.len() < order.len() || (value.len() == order.len() && value < order);
        minimal && below && !value.is_empty()
    };
    read().is_ok_and(|numbers| numbers.into_iter().all(in_range))
}

/// A private key on one of the curves.
pub(super) struct EcKey {
    pair: EcdsaKeyPair,
    curve: EcCurve,
}

impl EcKey {
    pub(super) fn generate(curve: EcCurve) -> Result<Self, KeyError> {
        // nothing but its generator can fail
        let pair = EcdsaKeyPair::generate(signing(curve)).map_err(|_| KeyError::RandomFailed)?;
        Ok(Self { pair, curve })
    }

    pub(super) fn from_pkcs8(curve: EcCurve, der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(signing(curve), der).map_err(|_| KeyError::Invalid)?;
        Ok(Self { pair, curve })
    }

    /// Reads an ECPrivateKey, which has to name its curve.
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        let curve = named_curve(der).map_err(|_| KeyError::Invalid)?.ok_or(KeyError::Invalid)?;
        let curve = EcCurve::from_parameters(curve).ok_or(KeyError::Unsupported)?;
        let pair = EcdsaKeyPair::from_private_key_der(signing(curve), der).map_err(|_| KeyError::Invalid)?;
        Ok(Self { pair, curve })
    }

    pub(super) fn curve(&self) -> EcCurve {
        self.curve
    }

    /// The public point, not compressed.
    pub(super) fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The PKCS #8 PrivateKeyInfo, with the public key in it also where the key came without.
    pub(super) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        // it cannot fail: the key has been read or made
        let Ok(number) = self.pair.private_key().as_be_bytes() else { return Zeroizing::default() };
        private_key::write_ec(self.curve, number.as_ref(), self.point())
    }

    /// Signs a digest; the result is DER.
    pub(super) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        let number = fitted(self.curve, digest).ok_or(KeyError::Failed)?;
        let signature = self.pair.sign_digest(&number).map_err(|_| KeyError::Failed)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// The parameters in an ECPrivateKey, if it has any.
fn named_curve(der: &[u8]) -> Result<Option<&[u8]>, Error> {
    let mut reader = Reader::new(der)?;
    let mut fields = reader.enter(tlv::SEQUENCE)?;
    reader.finish()?;
    fields.expect(tlv::INTEGER)?;
    fields.expect(tlv::OCTET_STRING)?;
    Ok(fields.optional(tlv::context(0))?.map(|field| field.value))
}
