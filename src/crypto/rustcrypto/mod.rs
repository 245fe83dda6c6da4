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
//! };
//! ```
//!
//! Private-key operations are blinded with the caller's random numbers, checked against faults, and unpadded
//! without branching on secret bytes.

mod cipher;
mod digest;
mod key;
#[cfg(feature = "legacy")]
mod legacy;
#[cfg(feature = "pem")]
mod pem;
mod rng;
mod rsa;

pub use self::cipher::{AES_128_CBC, AES_192_CBC, AES_256_CBC, CbcCipher};
pub use self::digest::{HashFunction, SHA256, SHA384, SHA512};
pub use self::key::{KeyType, SoftwareKey};
#[cfg(feature = "legacy")]
pub use self::legacy::{DES_CBC, RSA_PKCS1_SHA1, SHA1, TRIPLE_DES_CBC};
#[cfg(feature = "pem")]
pub use self::pem::{certificates_from_pem, certificates_to_pem};
pub use self::rsa::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PKCS1V15, RsaPkcs1Verifier, RsaPkcs1v15Wrapper,
};

use super::Provider;

/// SHA-2, AES-CBC and RSA with PKCS #1 v1.5 padding: no algorithm that RFC 8894 section 2.9 advises against.
pub static PROVIDER: Provider = Provider {
    digests: &[&SHA256, &SHA384, &SHA512],
    ciphers: &[&AES_128_CBC, &AES_256_CBC, &AES_192_CBC],
    read_only_ciphers: &[],
    wrappers: &[&RSA_PKCS1V15],
    verifiers: &[&RSA_PKCS1_SHA256, &RSA_PKCS1_SHA384, &RSA_PKCS1_SHA512],
};

/// [`PROVIDER`] and, last in each list, SHA-1 and three-key triple DES. Single DES can be read only, and only
/// behind a switch.
#[cfg(feature = "legacy")]
pub static PROVIDER_WITH_LEGACY: Provider = Provider {
    digests: &[&SHA256, &SHA384, &SHA512, &SHA1],
    ciphers: &[&AES_128_CBC, &AES_256_CBC, &AES_192_CBC, &TRIPLE_DES_CBC],
    read_only_ciphers: &[&DES_CBC],
    wrappers: &[&RSA_PKCS1V15],
    verifiers: &[&RSA_PKCS1_SHA256, &RSA_PKCS1_SHA384, &RSA_PKCS1_SHA512, &RSA_PKCS1_SHA1],
};

#[cfg(test)]
pub(crate) mod testing;

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
        assert_eq!(
            PROVIDER.verifier(SignatureScheme::RsaPkcs1(Digest::Sha1)).err(),
            Some(Unsupported::Signature.into())
        );
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
        for item in provider.verifiers {
            assert_eq!(provider.verifier(item.scheme()).unwrap().scheme(), item.scheme());
        }
    }
}
