//! PBKDF2 with HMAC (RFC 8018 section 5.2, RFC 2104).

use crate::crypto::{Digest, PasswordKdf};
#[cfg(feature = "legacy")]
use ::aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1;
use ::aws_lc_rs::pbkdf2::{Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, derive};
use core::fmt;
use core::num::NonZeroU32;

/// PBKDF2 with HMAC-SHA-256: what is written.
pub static PBKDF2_SHA256: Pbkdf2Hmac = Pbkdf2Hmac { prf: Digest::Sha256, algorithm: PBKDF2_HMAC_SHA256 };

/// PBKDF2 with HMAC-SHA-384.
pub static PBKDF2_SHA384: Pbkdf2Hmac = Pbkdf2Hmac { prf: Digest::Sha384, algorithm: PBKDF2_HMAC_SHA384 };

/// PBKDF2 with HMAC-SHA-512.
pub static PBKDF2_SHA512: Pbkdf2Hmac = Pbkdf2Hmac { prf: Digest::Sha512, algorithm: PBKDF2_HMAC_SHA512 };

/// PBKDF2 with HMAC-SHA-1: the default of RFC 8018, which OpenSSL writes.
#[cfg(feature = "legacy")]
pub static PBKDF2_SHA1: Pbkdf2Hmac = Pbkdf2Hmac { prf: Digest::Sha1, algorithm: PBKDF2_HMAC_SHA1 };

/// A key derivation of this provider: [`PBKDF2_SHA256`] and its like.
pub struct Pbkdf2Hmac {
    prf: Digest,
    algorithm: Algorithm,
}

impl PasswordKdf for Pbkdf2Hmac {
    fn prf(&self) -> Digest {
        self.prf
    }

    fn derive(&self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        // 0 is out of bounds, and never comes
        let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        derive(self.algorithm, iterations, salt, password, key);
    }
}

impl fmt::Debug for Pbkdf2Hmac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pbkdf2Hmac({:?})", self.prf)
    }
}
