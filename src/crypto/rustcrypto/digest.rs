//! Hash functions (FIPS 180-4).

use crate::crypto::{Digest, DigestAlgorithm, DigestValue};
use core::fmt;

/// SHA-256, 32 bytes.
pub static SHA256: HashFunction = HashFunction::new::<sha2::Sha256>(Digest::Sha256);

/// SHA-384, 48 bytes.
pub static SHA384: HashFunction = HashFunction::new::<sha2::Sha384>(Digest::Sha384);

/// SHA-512, 64 bytes.
pub static SHA512: HashFunction = HashFunction::new::<sha2::Sha512>(Digest::Sha512);

/// SHA-1, 20 bytes: for fingerprints that others ask for, and with feature `legacy` for peers that know nothing better.
#[cfg(any(feature = "legacy", feature = "intune"))]
pub static SHA1: HashFunction = HashFunction::new::<sha1::Sha1>(Digest::Sha1);

/// A hash function of this provider: [`SHA256`] and its like.
pub struct HashFunction {
    id: Digest,
    run: fn(&[&[u8]]) -> DigestValue,
}

impl HashFunction {
    pub(super) const fn new<H: sha2::Digest>(id: Digest) -> Self {
        Self { id, run: run::<H> }
    }
}

fn run<H: sha2::Digest>(parts: &[&[u8]]) -> DigestValue {
    let mut hash = H::new();
    for part in parts {
        hash.update(part);
    }
    DigestValue::new(&hash.finalize())
}

impl DigestAlgorithm for HashFunction {
    fn id(&self) -> Digest {
        self.id
    }

    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        (self.run)(parts)
    }
}

impl fmt::Debug for HashFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashFunction({:?})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::testing::unhex;

    // FIPS 180-4, the one-block message "abc".
    #[test]
    fn sha2_gives_the_published_digests() {
        for (hash, expected) in [
            (&SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                &SHA384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                &SHA512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert_eq!(hash.digest(&[b"abc"]).as_bytes(), unhex(expected), "{hash:?}");
            assert_eq!(hash.digest(&[b"a", b"", b"bc"]).as_bytes(), unhex(expected), "{hash:?}");
        }
    }
}
