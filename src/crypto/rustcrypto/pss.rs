//! RSASSA-PSS (RFC 8017 section 8.1): verification; and the mask generation function MGF1, which RSAES-OAEP shares.

use super::digest::{HashFunction, SHA256, SHA384, SHA512};
use super::rsa::{load, opened};
use crate::crypto::{DigestAlgorithm, DigestValue, SignatureScheme, Verifier};
use crate::error::{BadSignature, Error};
use crate::wire::public_key::SubjectPublicKeyInfo;
use ::rsa::traits::PublicKeyParts;
use core::fmt;
use zeroize::Zeroizing;

/// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
pub static RSA_PSS_SHA256: RsaPssVerifier = RsaPssVerifier::new(&SHA256);

/// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
pub static RSA_PSS_SHA384: RsaPssVerifier = RsaPssVerifier::new(&SHA384);

/// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
pub static RSA_PSS_SHA512: RsaPssVerifier = RsaPssVerifier::new(&SHA512);

/// Verifies RSASSA-PSS signatures (RFC 8017 section 8.1.2) with one hash function, also in MGF1, and a salt as long as
/// its digest, for public keys of 2048 to 8192 bits.
pub struct RsaPssVerifier {
    hash: &'static HashFunction,
}

impl RsaPssVerifier {
    pub(super) const fn new(hash: &'static HashFunction) -> Self {
        Self { hash }
    }
}

impl Verifier for RsaPssVerifier {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPss(self.hash.id())
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        let key = load(signer)?;
        let digest = self.hash.digest(parts);
        let bits = usize::try_from(key.n().bit_width()).unwrap_or_default().saturating_sub(1);
        let Some((block, is_number)) = opened(&key, signature) else {
            return Err(BadSignature::Signature.into());
        };
        let is_signed = is_encoding(self.hash, digest.as_bytes(), &block, bits) == Some(true);
        if is_signed & is_number { Ok(()) } else { Err(BadSignature::Signature.into()) }
    }
}

impl fmt::Debug for RsaPssVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPssVerifier({:?})", self.hash.id())
    }
}

/// EMSA-PSS-VERIFY (RFC 8017 section 9.1.2) over a block as long as the modulus; `bits` is emBits. `None` when there is
/// no room for such an encoding.
fn is_encoding(hash: &HashFunction, digest: &[u8], block: &[u8], bits: usize) -> Option<bool> {
    let size = hash.id().length();
    // a modulus of 8 n + 1 bits leaves the whole first byte unused
    let (unused, encoded) = block.split_at_checked(block.len().checked_sub(bits.div_ceil(8))?)?;
    let (masked, tail) = encoded.split_at_checked(encoded.len().checked_sub(size)?.checked_sub(1)?)?;
    let (own, trailer) = tail.split_at_checked(size)?;
    let padding = masked.len().checked_sub(size)?.checked_sub(1)?;

    let mut data = masked.to_vec();
    mask(hash, own, &mut data);
    // the highest bits are zero in the block, and the mask does not count there
    let spare = encoded.len().checked_mul(8)?.checked_sub(bits)?;
    let keep = 0xFF_u8.checked_shr(u32::try_from(spare).ok()?)?;
    let high = masked.first()? & !keep;
    *data.first_mut()? &= keep;

    let (zeros, rest) = data.split_at_checked(padding)?;
    let (one, salt) = rest.split_first()?;
    let expected = hash.digest(&[&[0; 8], digest, salt]);
    let clear = unused.iter().chain(zeros).chain([&high]).all(|byte| *byte == 0);
    Some(clear && *one == 1 && trailer == [0xBC] && expected.as_bytes() == own)
}

/// MGF1 (RFC 8017 appendix B.2.1), added to `target` by exclusive or.
pub(super) fn mask(hash: &HashFunction, seed: &[u8], target: &mut [u8]) {
    for (counter, chunk) in (0_u32..).zip(target.chunks_mut(hash.id().length())) {
        let stream: Zeroizing<DigestValue> = Zeroizing::new(hash.digest(&[seed, &counter.to_be_bytes()]));
        for (byte, other) in chunk.iter_mut().zip(stream.as_bytes()) {
            *byte ^= other;
        }
    }
}

#[cfg(test)]
#[path = "pss_tests.rs"]
mod tests;
