//! A [`Provider`] and a key in memory, on the RustCrypto crates.
//!
//! [`PROVIDER`] has what RFC 8894 section 2.9 asks for; with feature `legacy`, `PROVIDER_WITH_LEGACY` adds what
//! older peers need. Each algorithm is a value of its own, so that firmware can list only the ones that it uses:
//!
//! ```
//! use scep::crypto::{Provider, rustcrypto};
//!
//! static SMALL: Provider = Provider {
//!     digests: &[&rustcrypto::SHA256],
//!     ciphers: &[&rustcrypto::AES_128_CBC],
//!     read_only_ciphers: &[],
//!     wrappers: &[&rustcrypto::RSA_PKCS1V15],
//!     verifiers: &[&rustcrypto::RSA_PKCS1_SHA256],
//!     password_kdfs: &[],
//! };
//! ```
//!
//! Recipients by password are for keys that cannot encrypt, and off: with feature `pwri` they take one line more.
//!
//! ```
//! # #[cfg(feature = "pwri")] {
//! use scep::crypto::{Provider, rustcrypto};
//!
//! static WITH_PASSWORDS: Provider =
//!     Provider { password_kdfs: &[&rustcrypto::PBKDF2_SHA256], ..rustcrypto::PROVIDER };
//! # }
//! ```
//!
//! Private-key operations are blinded with the caller's random numbers, checked against faults, and unpadded
//! without branching on secret bytes.

mod cipher;
mod digest;
#[cfg(feature = "ecdsa")]
mod ecdsa;
mod key;
#[cfg(feature = "legacy")]
mod legacy;
#[cfg(feature = "oaep")]
mod oaep;
#[cfg(feature = "pwri")]
mod pbkdf2;
#[cfg(feature = "pem")]
mod pem;
mod pss;
mod rng;
mod rsa;
mod rsa_key;
#[cfg(feature = "ecdsa")]
mod sec1;

pub use self::cipher::{AES_128_CBC, AES_192_CBC, AES_256_CBC, CbcCipher};
#[cfg(any(feature = "legacy", feature = "intune"))]
pub use self::digest::SHA1;
pub use self::digest::{HashFunction, SHA256, SHA384, SHA512};
#[cfg(feature = "ecdsa")]
pub use self::ecdsa::{ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, EcdsaVerifier};
pub use self::key::SoftwareKey;
#[cfg(all(feature = "legacy", feature = "ecdsa"))]
pub use self::legacy::ECDSA_SHA1;
#[cfg(all(feature = "legacy", feature = "pwri"))]
pub use self::legacy::PBKDF2_SHA1;
#[cfg(feature = "legacy")]
pub use self::legacy::{DES_CBC, RSA_PKCS1_SHA1, RSA_PSS_SHA1, TRIPLE_DES_CBC};
#[cfg(feature = "oaep")]
pub use self::oaep::{RSA_OAEP_SHA1, RSA_OAEP_SHA256, RsaOaepWrapper};
#[cfg(feature = "pwri")]
pub use self::pbkdf2::{PBKDF2_SHA256, PBKDF2_SHA384, PBKDF2_SHA512, Pbkdf2Hmac};
pub use self::pss::{RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaPssVerifier};
pub use self::rsa::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PKCS1V15, RsaPkcs1Verifier, RsaPkcs1v15Wrapper,
};

use super::Provider;
#[cfg(feature = "pem")]
pub use super::pem::{certificates_from_pem, certificates_to_pem};
pub use super::ring::KeyRing;
pub use super::software::KeyType;

/// SHA-2, AES-CBC, RSA, and with feature `ecdsa` ECDSA: no algorithm that RFC 8894 section 2.9 advises against. A content
/// key is encrypted with PKCS #1 v1.5 padding unless OAEP (feature `oaep`) is asked for; both are read.
pub static PROVIDER: Provider = Provider {
    digests: &[&SHA256, &SHA384, &SHA512],
    ciphers: &[&AES_128_CBC, &AES_256_CBC, &AES_192_CBC],
    read_only_ciphers: &[],
    wrappers: &[
        &RSA_PKCS1V15,
        #[cfg(feature = "oaep")]
        &RSA_OAEP_SHA256,
        #[cfg(feature = "oaep")]
        &RSA_OAEP_SHA1,
    ],
    verifiers: &[
        &RSA_PKCS1_SHA256,
        &RSA_PKCS1_SHA384,
        &RSA_PKCS1_SHA512,
        &RSA_PSS_SHA256,
        &RSA_PSS_SHA384,
        &RSA_PSS_SHA512,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA256,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA384,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA512,
    ],
    password_kdfs: &[],
};

/// [`PROVIDER`] and, last in each list, SHA-1 and three-key triple DES. Single DES can be read only, and only
/// behind a switch.
#[cfg(feature = "legacy")]
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
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA256,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA384,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA512,
        &RSA_PKCS1_SHA1,
        &RSA_PSS_SHA1,
        #[cfg(feature = "ecdsa")]
        &ECDSA_SHA1,
    ],
    ..PROVIDER
};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod wycheproof_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ContentEncryption, Digest, SignatureScheme};
    use crate::error::Unsupported;

    #[test]
    fn default_provider_refuses_every_legacy_algorithm() {
        assert_eq!(PROVIDER.digest(Digest::Sha1).err(), Some(Unsupported::Digest.into()));
        assert_eq!(
            PROVIDER.cipher(ContentEncryption::TripleDesCbc).err(),
            Some(Unsupported::ContentEncryption.into())
        );
        assert_eq!(
            PROVIDER.reading_cipher(ContentEncryption::DesCbc, true).err(),
            Some(Unsupported::SingleDes.into())
        );
        for scheme in [SignatureScheme::RsaPkcs1, SignatureScheme::RsaPss, SignatureScheme::Ecdsa] {
            let found = PROVIDER.verifier(scheme(Digest::Sha1)).err();
            assert_eq!(found, Some(Unsupported::Signature.into()));
        }
    }

    // T47: an application has to list the key derivation
    #[test]
    fn no_provider_opens_anything_with_a_password_by_itself() {
        #[cfg(feature = "legacy")]
        assert!(PROVIDER_WITH_LEGACY.password_kdfs.is_empty());
        let found = PROVIDER.password_kdf(Digest::Sha256).err();
        assert_eq!(found, Some(Unsupported::KeyDerivation.into()));
    }

    #[cfg(feature = "legacy")]
    #[test]
    fn single_des_is_read_only_and_needs_the_switch() {
        let refused = Some(Unsupported::SingleDes.into());
        let provider = &PROVIDER_WITH_LEGACY;
        assert_eq!(provider.cipher(ContentEncryption::DesCbc).err(), refused);
        assert_eq!(provider.reading_cipher(ContentEncryption::DesCbc, false).err(), refused);
        assert!(provider.reading_cipher(ContentEncryption::DesCbc, true).is_ok());
        assert!(provider.cipher(ContentEncryption::TripleDesCbc).is_ok());
    }

    #[test]
    fn every_listed_algorithm_is_found_by_its_own_name() {
        #[cfg(feature = "legacy")]
        let provider = &PROVIDER_WITH_LEGACY;
        #[cfg(not(feature = "legacy"))]
        let provider = &PROVIDER;
        for item in provider.digests {
            assert_eq!(provider.digest(item.id()).unwrap().id(), item.id());
        }
        for item in provider.ciphers {
            assert_eq!(provider.cipher(item.id()).unwrap().id(), item.id());
        }
        for item in provider.wrappers {
            assert_eq!(provider.wrapper(item.id()).unwrap().id(), item.id());
        }
        for item in provider.verifiers {
            assert_eq!(provider.verifier(item.scheme()).unwrap().scheme(), item.scheme());
        }
    }
}
