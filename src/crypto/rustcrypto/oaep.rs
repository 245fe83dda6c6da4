//! RSAES-OAEP (RFC 8017 section 7.1) with one hash function for label and mask, and an empty label.

use super::digest::{HashFunction, SHA256};
use super::pss::mask;
use super::rsa::{encrypt, load};
use crate::crypto::{ContentKey, Digest, DigestAlgorithm, KeyTransport, KeyWrapper, Rng, Unwrapped};
use crate::error::{Error, Limit};
use crate::wire::public_key::SubjectPublicKeyInfo;
use ::rsa::traits::PublicKeyParts;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// RSAES-OAEP with SHA-256 to public keys of 2048 to 8192 bits.
pub static RSA_OAEP_SHA256: RsaOaepWrapper =
    RsaOaepWrapper { id: KeyTransport::RsaOaepSha256, hash: &SHA256 };

/// RSAES-OAEP with SHA-1 to public keys of 2048 to 8192 bits: the default of RFC 4055, which Windows sends. OAEP does
/// not need what is broken in SHA-1 (RFC 8017 appendix B.1), so this is not behind feature `legacy`.
pub static RSA_OAEP_SHA1: RsaOaepWrapper = RsaOaepWrapper { id: KeyTransport::RsaOaepSha1, hash: &SHA1 };

/// For OAEP only; as a hash function of messages it is a value of feature `legacy`.
static SHA1: HashFunction = HashFunction::new::<sha1::Sha1>(Digest::Sha1);

/// Encrypts content keys with RSAES-OAEP (RFC 8017 section 7.1.1).
pub struct RsaOaepWrapper {
    id: KeyTransport,
    hash: &'static HashFunction,
}

impl KeyWrapper for RsaOaepWrapper {
    fn id(&self) -> KeyTransport {
        self.id
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        let public = load(recipient)?;
        let mut seed = Zeroizing::new(vec![0; self.hash.id().length()]);
        rng.try_fill_bytes(&mut seed)?;
        let block = encode(self.hash, key.as_bytes(), &seed, public.size()).ok_or(Limit::PublicKey)?;
        encrypt(&public, &block)
    }
}

impl fmt::Debug for RsaOaepWrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaOaepWrapper({:?})", self.hash.id())
    }
}

/// The hash function of a key transport; `None` when it is not OAEP.
pub(super) fn hash_of(transport: KeyTransport) -> Option<&'static HashFunction> {
    match transport {
        KeyTransport::RsaOaepSha1 => Some(&SHA1),
        KeyTransport::RsaOaepSha256 => Some(&SHA256),
        KeyTransport::RsaPkcs1v15 => None,
    }
}

/// EME-OAEP (RFC 8017 section 7.1.1 step 2): `00 maskedSeed maskedDB`, `length` bytes; `None` when there is no room.
fn encode(hash: &HashFunction, message: &[u8], seed: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let size = hash.id().length();
    let data = length.checked_sub(size)?.checked_sub(1)?;
    let separator = data.checked_sub(message.len())?.checked_sub(1).filter(|at| *at >= size)?;
    let mut block = Zeroizing::new(vec![0; length]);
    let (masked_seed, masked_data) = block.get_mut(1..)?.split_at_mut_checked(size)?;
    masked_data.get_mut(..size)?.copy_from_slice(hash.digest(&[]).as_bytes());
    *masked_data.get_mut(separator)? = 1;
    masked_data.get_mut(separator.checked_add(1)?..)?.copy_from_slice(message);
    mask(hash, seed, masked_data);
    masked_seed.copy_from_slice(seed);
    mask(hash, masked_data, masked_seed);
    Some(block)
}

/// Takes a content key of `key_length` bytes out of a block (RFC 8017 section 7.1.2 step 3).
///
/// The key's length is known, so the separator has one place. The first byte, the hash of the label, the zeros and the
/// separator are looked at together: no branch and no index depends on what the block holds, which is what that section
/// and Manger's attack ask for. Only lengths, which are public, decide early.
pub(super) fn unpad(hash: &HashFunction, block: &[u8], key_length: usize) -> Unwrapped {
    let size = hash.id().length();
    let Some((first, rest)) = block.split_first() else { return Unwrapped::rejected() };
    let Some((masked_seed, masked_data)) = rest.split_at_checked(size) else { return Unwrapped::rejected() };
    let mut seed = Zeroizing::new(masked_seed.to_vec());
    mask(hash, masked_data, &mut seed);
    let mut data = Zeroizing::new(masked_data.to_vec());
    mask(hash, &seed, &mut data);

    let Some((label, rest)) = data.split_at_checked(size) else { return Unwrapped::rejected() };
    let split = rest.len().checked_sub(key_length).and_then(|rest| rest.checked_sub(1));
    let Some((zeros, tail)) = split.and_then(|split| rest.split_at_checked(split)) else {
        return Unwrapped::rejected();
    };
    let [separator, key @ ..] = tail else { return Unwrapped::rejected() };
    let mut valid = first.ct_eq(&0) & label.ct_eq(hash.digest(&[]).as_bytes()) & separator.ct_eq(&1);
    for byte in zeros {
        valid &= byte.ct_eq(&0);
    }
    Unwrapped::checked(key, valid)
}

#[cfg(test)]
#[path = "oaep_tests.rs"]
mod tests;
