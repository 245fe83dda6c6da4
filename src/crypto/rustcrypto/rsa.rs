//! RSA with PKCS #1 v1.5 padding (RFC 8017 sections 7.2 and 8.2): the public-key operations and both paddings.

use super::digest::{HashFunction, SHA256, SHA384, SHA512};
use crate::crypto::{
    ContentKey, DigestAlgorithm, KeyTransport, KeyWrapper, Rng, SignatureScheme, Unwrapped, Verifier,
};
use crate::error::{BadSignature, Error, Limit, RngFailed};
use crate::wire::limits::Limits;
use crate::wire::public_key::SubjectPublicKeyInfo;
use ::rsa::traits::PublicKeyParts;
use ::rsa::{BoxedUint, PublicKey, hazmat};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// RSASSA-PKCS1-v1_5 with SHA-256.
pub static RSA_PKCS1_SHA256: RsaPkcs1Verifier = RsaPkcs1Verifier::new(&SHA256);

/// RSASSA-PKCS1-v1_5 with SHA-384.
pub static RSA_PKCS1_SHA384: RsaPkcs1Verifier = RsaPkcs1Verifier::new(&SHA384);

/// RSASSA-PKCS1-v1_5 with SHA-512.
pub static RSA_PKCS1_SHA512: RsaPkcs1Verifier = RsaPkcs1Verifier::new(&SHA512);

/// RSAES-PKCS1-v1_5 to public keys of 2048 to 8192 bits.
pub static RSA_PKCS1V15: RsaPkcs1v15Wrapper = RsaPkcs1v15Wrapper(());

/// Shortest padding string of either padding, bytes (RFC 8017 sections 7.2.1 and 9.2).
const SHORTEST_PADDING: usize = 8;

/// How often a padding byte is drawn again for being zero: a sound generator needs more once in 2^128 times.
const REDRAWS: usize = 16;

/// Verifies RSASSA-PKCS1-v1_5 signatures (RFC 8017 section 8.2.2) with one hash function, for public keys of 2048
/// to 8192 bits. The expected encoding is built and compared; what a signature holds is never parsed.
pub struct RsaPkcs1Verifier {
    hash: &'static HashFunction,
}

impl RsaPkcs1Verifier {
    pub(super) const fn new(hash: &'static HashFunction) -> Self {
        Self { hash }
    }
}

impl Verifier for RsaPkcs1Verifier {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1(self.hash.id())
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        let key = load(signer)?;
        let digest = self.hash.digest(parts);
        let digest_info = self.hash.id().digest_info(digest.as_bytes());
        let (Some((block, is_number)), Some(own)) =
            (opened(&key, signature), signature_block(&digest_info, key.size()))
        else {
            return Err(BadSignature::Signature.into());
        };
        let is_same = own == *block;
        if is_same & is_number { Ok(()) } else { Err(BadSignature::Signature.into()) }
    }
}

impl fmt::Debug for RsaPkcs1Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPkcs1Verifier({:?})", self.hash.id())
    }
}

/// Encrypts content keys with RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1).
pub struct RsaPkcs1v15Wrapper(());

impl KeyWrapper for RsaPkcs1v15Wrapper {
    fn id(&self) -> KeyTransport {
        KeyTransport::RsaPkcs1v15
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        let public = load(recipient)?;
        encrypt(&public, &encryption_block(key.as_bytes(), public.size(), rng)?)
    }
}

impl fmt::Debug for RsaPkcs1v15Wrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPkcs1v15Wrapper")
    }
}

/// Raises a padded block, as long as the modulus, to the public exponent.
pub(super) fn encrypt(public: &PublicKey, block: &[u8]) -> Result<Vec<u8>, Error> {
    let wrapped = integer(block, public)
        .and_then(|value| hazmat::rsa_encrypt(public, &value).ok())
        .and_then(|value| octets(&value, public.size()))
        .ok_or(Limit::PublicKey)?;
    Ok(wrapped.to_vec())
}

/// Reads a public key; its bounds are checked before any arithmetic.
pub(super) fn load(info: &SubjectPublicKeyInfo<'_>) -> Result<PublicKey, Error> {
    let key = info.rsa()?;
    let limits = Limits::DEFAULT;
    key.check_size(&limits)?;
    let modulus = BoxedUint::from_be_slice_vartime(key.modulus);
    let exponent = BoxedUint::from_be_slice_vartime(key.exponent);
    PublicKey::new_with_size_limits(modulus, exponent, limits.rsa_min_bits..=limits.rsa_max_bits)
        .map_err(|_| Limit::PublicKey.into())
}

/// The padded block in a signature, and whether there is one: the signature has the length of the modulus and is smaller
/// than it (RFC 8017 section 8.2.2 steps 1 and 2). The arithmetic is done in any case: a signature may come out of an
/// envelope, and then its faults must not show in the time.
pub(super) fn opened(key: &PublicKey, signature: &[u8]) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let value = integer(signature, key);
    let is_number = value.as_ref().is_some_and(|value| **value < *key.n().as_ref());
    let stand_in = stand_in(key)?;
    let number = value.as_ref().filter(|_| is_number).unwrap_or(&stand_in);
    let block = octets(&hazmat::rsa_encrypt(key, number).ok()?, key.size())?;
    Some((block, is_number))
}

/// A number smaller than any modulus of this size.
fn stand_in(key: &PublicKey) -> Option<Zeroizing<BoxedUint>> {
    let mut block = vec![0x55; key.size()];
    block.iter_mut().take(1).for_each(|first| *first = 0);
    integer(&block, key)
}

/// OS2IP (RFC 8017 section 4.2) of a string as long as the modulus; `None` for any other length.
pub(super) fn integer(block: &[u8], key: &impl PublicKeyParts) -> Option<Zeroizing<BoxedUint>> {
    if block.len() != key.size() {
        return None;
    }
    BoxedUint::from_be_slice(block, key.n_bits_precision()).ok().map(Zeroizing::new)
}

/// I2OSP (RFC 8017 section 4.1): the last `length` bytes of a number below the modulus. The time depends on the
/// modulus alone.
pub(super) fn octets(value: &BoxedUint, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(value.to_be_bytes());
    let start = bytes.len().checked_sub(length)?;
    Some(Zeroizing::new(bytes.get(start..)?.to_vec()))
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): `00 01 FF..FF 00 DigestInfo`, `length` bytes.
pub(super) fn signature_block(digest_info: &[u8], length: usize) -> Option<Vec<u8>> {
    let padding = length.checked_sub(digest_info.len())?.checked_sub(3)?;
    if padding < SHORTEST_PADDING {
        return None;
    }
    let mut block = Vec::with_capacity(length);
    block.extend([0, 1]);
    block.resize(length.checked_sub(digest_info.len())?.checked_sub(1)?, 0xff);
    block.push(0);
    block.extend(digest_info);
    Some(block)
}

/// EME-PKCS1-v1_5 (RFC 8017 section 7.2.1 step 2): `00 02 PS 00 M`, `length` bytes, PS random and without zeros.
fn encryption_block(message: &[u8], length: usize, rng: &mut Rng<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let padding = length
        .checked_sub(message.len())
        .and_then(|rest| rest.checked_sub(3))
        .filter(|padding| *padding >= SHORTEST_PADDING)
        .ok_or(Limit::PublicKey)?;
    let mut string = Zeroizing::new(vec![0; padding]);
    rng.try_fill_bytes(&mut string)?;
    for byte in string.iter_mut() {
        for _ in 0..REDRAWS {
            if *byte == 0 {
                rng.try_fill_bytes(core::slice::from_mut(byte))?;
            }
        }
        if *byte == 0 {
            return Err(RngFailed.into());
        }
    }
    // The full capacity from the start: growing would leave copies behind that nothing wipes.
    let mut block = Zeroizing::new(Vec::with_capacity(length));
    block.extend([0, 2]);
    block.extend_from_slice(&string);
    block.push(0);
    block.extend_from_slice(message);
    Ok(block)
}

/// Takes a content key of `key_length` bytes out of `00 02 PS 00 M` (RFC 8017 section 7.2.2 step 3).
///
/// The key's length is known, so the separator has one place and M is always the last bytes; no branch and no
/// index depends on what the block holds (RFC 3218 section 2.3.2). Only lengths, which are public, decide early.
pub(super) fn unpad(block: &[u8], key_length: usize) -> Unwrapped {
    let split = block.len().checked_sub(key_length).and_then(|rest| rest.checked_sub(1));
    let Some((head, tail)) = split.and_then(|split| block.split_at_checked(split)) else {
        return Unwrapped::rejected();
    };
    let ([zero, two, padding @ ..], [separator, key @ ..]) = (head, tail) else {
        return Unwrapped::rejected();
    };
    if padding.len() < SHORTEST_PADDING {
        return Unwrapped::rejected();
    }
    let mut valid = zero.ct_eq(&0) & two.ct_eq(&2) & separator.ct_eq(&0);
    for byte in padding {
        valid &= !byte.ct_eq(&0);
    }
    Unwrapped::checked(key, valid)
}

#[cfg(test)]
#[path = "rsa_tests.rs"]
mod tests;
