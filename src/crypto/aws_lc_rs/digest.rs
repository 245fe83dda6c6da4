//! Hash functions (FIPS 180-4).

use crate::crypto::{Digest, DigestAlgorithm, DigestValue};
use ::aws_lc_rs::digest;
use core::fmt;

/// SHA-256, 32 bytes.
pub static SHA256: HashFunction = HashFunction { id: Digest::Sha256, algorithm: &digest::SHA256 };

/// SHA-384, 48 bytes.
pub static SHA384: HashFunction = HashFunction { id: Digest::Sha384, algorithm: &digest::SHA384 };

/// SHA-512, 64 bytes.
pub static SHA512: HashFunction = HashFunction { id: Digest::Sha512, algorithm: &digest::SHA512 };

/// SHA-1, 20 bytes.
#[cfg(feature = "legacy")]
pub static SHA1: HashFunction =
    HashFunction { id: Digest::Sha1, algorithm: &digest::SHA1_FOR_LEGACY_USE_ONLY };

/// A hash function of this provider: [`SHA256`] and its like.
pub struct HashFunction {
    id: Digest,
    algorithm: &'static digest::Algorithm,
}

impl DigestAlgorithm for HashFunction {
    fn id(&self) -> Digest {
        self.id
    }

    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        let mut context = digest::Context::new(self.algorithm);
        for part in parts {
            context.update(part);
        }
        DigestValue::new(context.finish().as_ref())
    }
}

impl fmt::Debug for HashFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashFunction({:?})", self.id)
    }
}
