//! What RFC 8894 section 2.9 advises against and older peers still need. An application has to list it.

use super::cipher::CbcCipher;
use super::digest::SHA1;
#[cfg(feature = "ecdsa")]
use super::ecdsa::EcdsaVerifier;
#[cfg(feature = "pwri")]
use super::pbkdf2::Pbkdf2Hmac;
use super::pss::RsaPssVerifier;
use super::rsa::RsaPkcs1Verifier;
use crate::crypto::ContentEncryption;
#[cfg(feature = "pwri")]
use crate::crypto::Digest;

/// RSASSA-PKCS1-v1_5 with SHA-1. Collisions of SHA-1 can be made: a signature shows less than it says.
pub static RSA_PKCS1_SHA1: RsaPkcs1Verifier = RsaPkcs1Verifier::new(&SHA1);

/// RSASSA-PSS with SHA-1 and a salt of 20 bytes: the default of RFC 4055. As weak as [`RSA_PKCS1_SHA1`].
pub static RSA_PSS_SHA1: RsaPssVerifier = RsaPssVerifier::new(&SHA1);

/// ECDSA with SHA-1, on P-256 and P-384. As weak as [`RSA_PKCS1_SHA1`].
#[cfg(feature = "ecdsa")]
pub static ECDSA_SHA1: EcdsaVerifier = EcdsaVerifier::new(&SHA1);

/// PBKDF2 with HMAC-SHA-1: the default of RFC 8018, which OpenSSL writes. It is here because nothing new needs it; HMAC
/// does not suffer from what is broken in SHA-1.
#[cfg(feature = "pwri")]
pub static PBKDF2_SHA1: Pbkdf2Hmac = Pbkdf2Hmac::new::<sha1::Sha1>(Digest::Sha1);

/// Three-key triple DES in CBC mode: key 24 bytes, IV 8 bytes.
pub static TRIPLE_DES_CBC: CbcCipher = CbcCipher::new::<des::TdesEde3>(ContentEncryption::TripleDesCbc);

/// Single DES in CBC mode: key 8 bytes, IV 8 bytes. RFC 8894 section 2.9 forbids it; list it in
/// [`Provider::read_only_ciphers`](crate::crypto::Provider::read_only_ciphers) and nowhere else.
pub static DES_CBC: CbcCipher = CbcCipher::new::<des::Des>(ContentEncryption::DesCbc);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::DigestAlgorithm;
    use crate::crypto::Verifier;
    use crate::crypto::rustcrypto::testing::{RSA_2048_SPKI, check_cipher, unhex};
    use crate::wire::public_key::SubjectPublicKeyInfo;

    // FIPS 180-4, the one-block message "abc".
    #[test]
    fn sha1_gives_the_published_digest() {
        let expected = unhex("a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(SHA1.digest(&[b"a", b"bc"]).as_bytes(), expected);
    }

    // NIST's example for three-key TDEA in CBC mode.
    #[test]
    fn triple_des_gives_the_published_ciphertext() {
        check_cipher(
            &TRIPLE_DES_CBC,
            "0123456789abcdef23456789abcdef01456789abcdef0123",
            "f69f2445df4f9b17",
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "2079c3d53aa763e193b79e2569ab5262516570481f25b50f73c0bda85c8e0da7",
        );
    }

    // FIPS 81 appendix C: "Now is the time for all ".
    #[test]
    fn single_des_gives_the_published_ciphertext() {
        check_cipher(
            &DES_CBC,
            "0123456789abcdef",
            "1234567890abcdef",
            "4e6f77206973207468652074696d6520666f7220616c6c20",
            "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
        );
    }

    #[test]
    fn sha1_signature_of_openssl_verifies() {
        let key = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap();
        let signature = include_bytes!("testdata/sha1.sig");
        let message: &[u8] = b"signed by another implementation";
        assert_eq!(RSA_PKCS1_SHA1.verify(&key, &[message], signature), Ok(()));
        assert!(RSA_PKCS1_SHA1.verify(&key, &[b"else"], signature).is_err());
    }
}
