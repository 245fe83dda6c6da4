//! PBKDF2 with HMAC (RFC 8018 section 5.2, RFC 2104).

use crate::crypto::{Digest, PasswordKdf};
use ::pbkdf2::hmac::EagerHash;
use ::pbkdf2::pbkdf2_hmac;
use core::fmt;

/// PBKDF2 with HMAC-SHA-256: what is written.
pub static PBKDF2_SHA256: Pbkdf2Hmac = Pbkdf2Hmac::new::<sha2::Sha256>(Digest::Sha256);

/// PBKDF2 with HMAC-SHA-384.
pub static PBKDF2_SHA384: Pbkdf2Hmac = Pbkdf2Hmac::new::<sha2::Sha384>(Digest::Sha384);

/// PBKDF2 with HMAC-SHA-512.
pub static PBKDF2_SHA512: Pbkdf2Hmac = Pbkdf2Hmac::new::<sha2::Sha512>(Digest::Sha512);

type Run = fn(&[u8], &[u8], u32, &mut [u8]);

/// A key derivation of this provider: [`PBKDF2_SHA256`] and its like.
pub struct Pbkdf2Hmac {
    prf: Digest,
    run: Run,
}

impl Pbkdf2Hmac {
    pub(super) const fn new<H: EagerHash>(prf: Digest) -> Self {
        Self { prf, run: pbkdf2_hmac::<H> }
    }
}

impl PasswordKdf for Pbkdf2Hmac {
    fn prf(&self) -> Digest {
        self.prf
    }

    fn derive(&self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        (self.run)(password, salt, iterations, key);
    }
}

impl fmt::Debug for Pbkdf2Hmac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pbkdf2Hmac({:?})", self.prf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::testing::unhex;
    use alloc::vec;

    fn check(kdf: &Pbkdf2Hmac, password: &[u8], salt: &[u8], iterations: u32, expected: &str) {
        let expected = unhex(expected);
        let mut key = vec![0; expected.len()];
        kdf.derive(password, salt, iterations, &mut key);
        assert_eq!(key, expected, "{kdf:?} {iterations}");
    }

    // PWRI-1: RFC 6070
    #[cfg(feature = "legacy")]
    #[test]
    fn hmac_sha1_gives_the_published_keys() {
        let kdf = &crate::crypto::rustcrypto::PBKDF2_SHA1;
        for (iterations, expected) in [
            (1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (4096, "4b007901b765489abead49d926f721d065a429c1"),
        ] {
            check(kdf, b"password", b"salt", iterations, expected);
        }
        let (password, salt) = (b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt");
        check(kdf, password, salt, 4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    }

    // PWRI-1: RFC 7914 section 11, and Python's hashlib for what has no published vector
    #[test]
    fn hmac_sha2_gives_the_published_keys() {
        check(
            &PBKDF2_SHA256,
            b"passwd",
            b"salt",
            1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
        );
        for (kdf, password, expected) in [
            (&PBKDF2_SHA384, "password", "9c2af27410c6bfe294fda90b79736699f5c735ddcb4d743274c72054b82aeac6"),
            (&PBKDF2_SHA512, "password", "43abf8c7027c6bd9d63e9d81784a006188474a8db14663d60114f5eef4e94b1b"),
            // no password, and one longer than a block of the hash function
            (&PBKDF2_SHA256, "", "3e0661ee06a100bed97329d06f71c16a"),
            (
                &PBKDF2_SHA256,
                &"x".repeat(200),
                "3c53218948cbf2c91c53ea1629a0547392523b35ee6f3c351fe3708ca1328ee6",
            ),
        ] {
            check(kdf, password.as_bytes(), b"saltsalt", 1000, expected);
        }
    }
}
