//! One signature check, whatever was found in an envelope.

use super::open::Verified;
use crate::crypto::Provider;
use crate::error::Error;
use crate::wire::algorithm::{Digest, SignatureScheme};
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use core::hint::black_box;

/// How a certification request shows that its sender has its key.
pub(crate) struct Proof<'a> {
    pub(crate) scheme: SignatureScheme,
    pub(crate) public_key: SubjectPublicKeyInfo<'a>,
    /// What is signed.
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Verified {
    /// Checks the proof that was found in `content`. Where there is none, the same work is done with the key and the
    /// signature of the message itself, and fails.
    ///
    /// Either way one signature is checked, and as many blocks are hashed as `content` has, and one more: the time does
    /// not tell what was found (T2), and above all not which length a piece of it claims to have.
    pub(crate) fn check_proof(
        &self,
        provider: &Provider,
        content: &[u8],
        proof: Option<&Proof<'_>>,
    ) -> Result<(), Error> {
        let own = self.signed_data().and_then(|data| data.signer())?;
        let signer = Certificate::parse(self.signer())?;
        let stand_in = Proof {
            scheme: self.scheme(),
            public_key: signer.public_key(),
            message: content,
            signature: own.signature(),
        };
        let result = proof.unwrap_or(&stand_in).check(provider, content);
        if !matches!(result, Ok(()) | Err(Error::BadSignature(_))) {
            // refused before any arithmetic
            let _ = black_box(stand_in.check(provider, content));
        }
        result
    }
}

impl Proof<'_> {
    fn check(&self, provider: &Provider, content: &[u8]) -> Result<(), Error> {
        let result =
            provider.verifier(self.scheme)?.verify(&self.public_key, &[self.message], self.signature);
        let digest = self.scheme.digest();
        if let Ok(algorithm) = provider.digest(digest) {
            let length = filler(digest, self.message.len(), content.len());
            let most = content.get(..length).unwrap_or(content);
            let rest = [0; LONGEST_BLOCK];
            let rest = rest.get(..length.saturating_sub(most.len())).unwrap_or_default();
            black_box(algorithm.digest(&[most, rest]));
        }
        result
    }
}

/// Longest block of a hash function here, bytes.
const LONGEST_BLOCK: usize = 128;

/// How many bytes have to be hashed after `message`, so that both together take one block more than `content` would.
fn filler(digest: Digest, message: usize, content: usize) -> usize {
    // length of a block, and of the shortest padding (FIPS 180-4 section 5.1)
    let (block, padding) = match digest {
        Digest::Sha1 | Digest::Sha256 => (64, 9),
        Digest::Sha384 | Digest::Sha512 => (LONGEST_BLOCK, 17),
    };
    let blocks = |length: usize| length.saturating_add(padding).div_ceil(block);
    let left = blocks(content).saturating_add(1).saturating_sub(blocks(message));
    left.saturating_mul(block).saturating_sub(padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    // T2
    #[test]
    fn message_and_filler_take_as_many_blocks_as_the_content_and_one_more() {
        for (digest, block, padding) in [
            (Digest::Sha1, 64, 9),
            (Digest::Sha256, 64, 9),
            (Digest::Sha384, 128, 17),
            (Digest::Sha512, 128, 17),
        ] {
            let blocks = |length: usize| (length + padding).div_ceil(block);
            for content in [0, 1, 16, 54, 55, 56, 64, 111, 112, 600, 1024] {
                for message in 0..=content {
                    let filler = filler(digest, message, content);
                    assert_eq!(
                        blocks(message) + blocks(filler),
                        blocks(content) + 1,
                        "{message} of {content}"
                    );
                    assert!(filler < content + block);
                }
            }
        }
    }
}
