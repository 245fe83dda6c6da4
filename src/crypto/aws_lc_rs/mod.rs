//! A [`Provider`] and a key in memory, on AWS-LC by way of the crate `aws-lc-rs`: C and assembly, and the fastest
//! arithmetic there is.
//!
//! It has the same algorithms as `crypto::rustcrypto` under the same names, and the same behaviour. What differs:
//!
//! - It needs `std` and a C compiler, and is `unsafe` code in C.
//! - It draws its own random numbers wherever it needs some: a generator that fails is noticed only by what the library
//!   itself draws.
//! - It gives an error for a padding that is wrong, and no block to look at in constant time. SECURITY.md counts what
//!   that comes to.
//! - 3DES, single DES and signing with RSA and SHA-1 are those of `rustcrypto`; without it they are refused.
//! - RSA keys of 2048, 3072, 4096 and 8192 bits can be generated; the sizes in between can be read.

mod cipher;
mod digest;
mod ecdsa;
mod key;
mod pbkdf2;
mod rsa;

pub use self::cipher::{AES_128_CBC, AES_192_CBC, AES_256_CBC, AesCbc};
#[cfg(feature = "legacy")]
pub use self::digest::SHA1;
pub use self::digest::{HashFunction, SHA256, SHA384, SHA512};
#[cfg(feature = "legacy")]
pub use self::ecdsa::ECDSA_SHA1;
pub use self::ecdsa::{ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, EcdsaVerifier};
pub use self::key::SoftwareKey;
#[cfg(feature = "legacy")]
pub use self::pbkdf2::PBKDF2_SHA1;
pub use self::pbkdf2::{PBKDF2_SHA256, PBKDF2_SHA384, PBKDF2_SHA512, Pbkdf2Hmac};
#[cfg(feature = "legacy")]
pub use self::rsa::RSA_PKCS1_SHA1;
pub use self::rsa::{
    RSA_OAEP_SHA1, RSA_OAEP_SHA256, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PKCS1V15,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaVerifier, RsaWrapper,
};

use super::Provider;
#[cfg(feature = "pem")]
pub use super::pem::{certificates_from_pem, certificates_to_pem};
pub use super::ring::KeyRing;
pub use super::software::KeyType;

#[cfg(all(feature = "legacy", feature = "rustcrypto"))]
pub use super::rustcrypto::{DES_CBC, RSA_PSS_SHA1, TRIPLE_DES_CBC};

/// SHA-2, AES-CBC, RSA and ECDSA: no algorithm that RFC 8894 section 2.9 advises against. A content key is encrypted with
/// PKCS #1 v1.5 padding unless OAEP is asked for; both are read.
pub static PROVIDER: Provider = Provider {
    digests: &[&SHA256, &SHA384, &SHA512],
    ciphers: &[&AES_128_CBC, &AES_256_CBC, &AES_192_CBC],
    read_only_ciphers: &[],
    wrappers: &[&RSA_PKCS1V15, &RSA_OAEP_SHA256, &RSA_OAEP_SHA1],
    verifiers: &[
        &RSA_PKCS1_SHA256,
        &RSA_PKCS1_SHA384,
        &RSA_PKCS1_SHA512,
        &RSA_PSS_SHA256,
        &RSA_PSS_SHA384,
        &RSA_PSS_SHA512,
        &ECDSA_SHA256,
        &ECDSA_SHA384,
        &ECDSA_SHA512,
    ],
    password_kdfs: &[],
};

/// [`PROVIDER`] and, last in each list, SHA-1 and three-key triple DES. Single DES can be read only, and only
/// behind a switch. Both ciphers, and RSASSA-PSS with SHA-1, are those of `crypto::rustcrypto`.
#[cfg(all(feature = "legacy", feature = "rustcrypto"))]
pub static PROVIDER_WITH_LEGACY: Provider = Provider {
    digests: &[&SHA256, &SHA384, &SHA512, &SHA1],
    ciphers: &[&AES_128_CBC, &AES_256_CBC, &AES_192_CBC, &TRIPLE_DES_CBC],
    read_only_ciphers: &[&DES_CBC],
    verifiers: &[
        &RSA_PKCS1_SHA256,
        &RSA_PKCS1_SHA384,
        &RSA_PKCS1_SHA512,
        &RSA_PSS_SHA256,
        &RSA_PSS_SHA384,
        &RSA_PSS_SHA512,
        &ECDSA_SHA256,
        &ECDSA_SHA384,
        &ECDSA_SHA512,
        &RSA_PKCS1_SHA1,
        &RSA_PSS_SHA1,
        &ECDSA_SHA1,
    ],
    ..PROVIDER
};

#[cfg(test)]
#[cfg(all(feature = "rustcrypto", feature = "legacy"))]
mod tests;
#[cfg(test)]
#[cfg(feature = "rustcrypto")]
#[allow(clippy::duplicate_mod, reason = "the same vectors, for the key of this provider")]
#[path = "../rustcrypto/wycheproof_tests.rs"]
mod wycheproof_tests;
