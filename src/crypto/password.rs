//! The key wrap for recipients by password (RFC 3211 section 2.3.1): twice CBC over length, check bytes and key.

use super::{ContentCipher, ContentKey, Rng, Unwrapped};
use crate::error::{ApiMisuse, Error};
use alloc::vec::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length octet and check octets before the key.
const HEAD: usize = 4;

/// Longest wrapped key that is looked at: the longest content key takes 48 bytes under AES.
const LONGEST: usize = 64;

/// Whether a wrapped key of this length can be one: whole blocks, two at least.
pub(crate) fn is_wrapped_length(length: usize, block: usize) -> bool {
    length.checked_rem(block) == Some(0) && (block.saturating_mul(2)..=LONGEST).contains(&length)
}

/// Wraps a content key. `key_encryption_key` and `iv` have the lengths that the cipher states.
pub(crate) fn wrap(
    cipher: &dyn ContentCipher,
    key_encryption_key: &[u8],
    iv: &[u8],
    key: &ContentKey,
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    let misuse = ApiMisuse::Algorithm;
    let block = cipher.id().block_length();
    let key = key.as_bytes();
    let [first, second, third, ..] = *key else { return Err(misuse.into()) };
    let used = key.len().saturating_add(HEAD);
    let length = used.checked_next_multiple_of(block).ok_or(misuse)?.max(block.saturating_mul(2));
    let mut buffer = Zeroizing::new(Vec::with_capacity(length));
    buffer.extend([u8::try_from(key.len()).map_err(|_| misuse)?, !first, !second, !third]);
    buffer.extend_from_slice(key);
    buffer.resize(length, 0);
    rng.try_fill_bytes(buffer.get_mut(used..).unwrap_or_default())?;

    cipher.encrypt(key_encryption_key, iv, &mut buffer)?;
    // the second pass goes on where the first one ended
    let last = buffer.get(length.saturating_sub(block)..).unwrap_or_default().to_vec();
    cipher.encrypt(key_encryption_key, &last, &mut buffer)?;
    Ok(buffer.to_vec())
}

/// Unwraps a content key of `key_length` bytes. The key's length is known, so all places are fixed: no branch and no
/// index depends on what comes out (RFC 3218 section 2.3.2). An error says that a length, which is public, is wrong.
pub(crate) fn unwrap(
    cipher: &dyn ContentCipher,
    key_encryption_key: &[u8],
    iv: &[u8],
    wrapped: &[u8],
    key_length: usize,
) -> Result<Unwrapped, Error> {
    let misuse = ApiMisuse::Algorithm;
    let block = cipher.id().block_length();
    if !is_wrapped_length(wrapped.len(), block) {
        return Err(misuse.into());
    }
    let (head, last) = wrapped.split_at_checked(wrapped.len().saturating_sub(block)).ok_or(misuse)?;
    let before = head.get(head.len().saturating_sub(block)..).ok_or(misuse)?;
    // the last block of the first pass is what the second began with
    let mut last = Zeroizing::new(last.to_vec());
    cipher.decrypt(key_encryption_key, before, &mut last)?;
    let mut buffer = Zeroizing::new(wrapped.to_vec());
    cipher.decrypt(key_encryption_key, &last, &mut buffer)?;
    cipher.decrypt(key_encryption_key, iv, &mut buffer)?;

    let [length, check @ ..] = buffer.as_slice() else { return Err(misuse.into()) };
    let Some((check, rest)) = check.split_at_checked(HEAD.saturating_sub(1)) else {
        return Err(misuse.into());
    };
    let Some(key) = rest.get(..key_length) else { return Ok(Unwrapped::rejected()) };
    let mut valid = usize::from(*length).ct_eq(&key_length);
    for (own, other) in key.iter().zip(check) {
        valid &= own.ct_eq(&!other);
    }
    Ok(Unwrapped::checked(key, valid))
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests;
