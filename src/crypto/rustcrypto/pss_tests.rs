use super::*;
use crate::crypto::rustcrypto::testing::{RSA_2048_SPKI, RSA_2050_SPKI};
use alloc::vec;
use alloc::vec::Vec;

const MESSAGE: &[u8] = b"signed by another implementation";
const RSA_2049_SPKI: &[u8] = include_bytes!("testdata/rsa2049.spki.der");
const REFUSED: Result<(), Error> = Err(Error::BadSignature(BadSignature::Signature));

fn verify(verifier: &RsaPssVerifier, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    verifier.verify(&SubjectPublicKeyInfo::parse(key).unwrap(), &[message], signature)
}

// ALG-11
#[test]
fn pss_signatures_of_openssl_verify_with_their_own_digest_only() {
    let signatures: [&[u8]; 3] = [
        include_bytes!("testdata/pss.sha256.sig"),
        include_bytes!("testdata/pss.sha384.sig"),
        include_bytes!("testdata/pss.sha512.sig"),
    ];
    let verifiers = [&RSA_PSS_SHA256, &RSA_PSS_SHA384, &RSA_PSS_SHA512];
    for (own, verifier) in verifiers.iter().enumerate() {
        for (other, signature) in signatures.iter().enumerate() {
            let result = verify(verifier, RSA_2048_SPKI, MESSAGE, signature);
            assert_eq!(result, if own == other { Ok(()) } else { REFUSED });
        }
        assert_eq!(verify(verifier, RSA_2048_SPKI, b"else", signatures[own]), REFUSED);
    }
}

#[cfg(feature = "legacy")]
#[test]
fn a_signature_of_openssl_with_sha1_verifies() {
    let signature = include_bytes!("testdata/pss.sha1.sig");
    assert_eq!(verify(&crate::crypto::rustcrypto::RSA_PSS_SHA1, RSA_2048_SPKI, MESSAGE, signature), Ok(()));
}

// The encoding is as long as the modulus less one bit: a byte shorter for 2049 bits, the same length for 2050.
#[test]
fn pss_works_with_a_modulus_of_no_whole_number_of_bytes() {
    let signatures: [(&[u8], &[u8]); 2] = [
        (RSA_2049_SPKI, include_bytes!("testdata/rsa2049.pss.sha256.sig")),
        (RSA_2050_SPKI, include_bytes!("testdata/rsa2050.pss.sha256.sig")),
    ];
    for (key, signature) in signatures {
        assert_eq!(signature.len(), 257);
        assert_eq!(verify(&RSA_PSS_SHA256, key, MESSAGE, signature), Ok(()));
        for at in [0, 1, 128, 256] {
            let mut altered = signature.to_vec();
            altered[at] ^= 1;
            assert_eq!(verify(&RSA_PSS_SHA256, key, MESSAGE, &altered), REFUSED);
        }
    }
}

// T43: what was signed with another salt or another mask does not verify, whatever the parameters say
#[test]
fn another_salt_length_and_another_mask_do_not_verify() {
    for signature in [
        include_bytes!("testdata/pss.sha256.salt20.sig"),
        include_bytes!("testdata/pss.sha256.mgf1-sha1.sig"),
    ] {
        assert_eq!(verify(&RSA_PSS_SHA256, RSA_2048_SPKI, MESSAGE, signature), REFUSED);
    }
}

#[test]
fn signatures_with_the_other_padding_do_not_verify() {
    let signature = include_bytes!("testdata/sha256.sig");
    assert_eq!(verify(&RSA_PSS_SHA256, RSA_2048_SPKI, MESSAGE, signature), REFUSED);
    for wrong in [&[][..], &[0; 255], &[0; 256], &[0xFF; 256], &[1; 257]] {
        assert_eq!(verify(&RSA_PSS_SHA256, RSA_2048_SPKI, MESSAGE, wrong), REFUSED);
    }
}

/// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) in a block of 256 bytes, after a change of DB and of the block.
fn encoding(data: impl Fn(&mut [u8]), whole: impl Fn(&mut [u8]), salt: &[u8]) -> Vec<u8> {
    let digest = SHA256.digest(&[MESSAGE]);
    let own = SHA256.digest(&[&[0; 8], digest.as_bytes(), salt]);
    let mut masked = vec![0; 223];
    masked[222 - salt.len()] = 1;
    masked[223 - salt.len()..].copy_from_slice(salt);
    data(&mut masked);
    mask(&SHA256, own.as_bytes(), &mut masked);
    masked[0] &= 0x7F;
    let mut block = [&masked, own.as_bytes(), &[0xBC]].concat();
    whole(&mut block);
    block
}

fn is_right(block: &[u8], bits: usize) -> bool {
    is_encoding(&SHA256, SHA256.digest(&[MESSAGE]).as_bytes(), block, bits) == Some(true)
}

// T42, T43: RFC 8017 section 9.1.2, step by step
#[test]
fn every_part_of_the_encoding_counts() {
    let salt = [7; 32];
    assert!(is_right(&encoding(|_| (), |_| (), &salt), 2047));
    let wrong_data: [(&str, usize, u8); 5] = [
        ("a bit in the first zero", 0, 0x40),
        ("a bit in the last zero", 189, 1),
        ("no one", 190, 1),
        ("two", 190, 3),
        ("the salt", 222, 1),
    ];
    for (name, at, bit) in wrong_data {
        assert!(!is_right(&encoding(|data| data[at] ^= bit, |_| (), &salt), 2047), "{name}");
    }
    for (name, at, bit) in
        [("the highest bit", 0, 0x80), ("the hash", 223, 1), ("the hash", 254, 1), ("the trailer", 255, 1)]
    {
        assert!(!is_right(&encoding(|_| (), |block| block[at] ^= bit, &salt), 2047), "{name}");
    }
    for length in [0, 20, 31, 33] {
        assert!(!is_right(&encoding(|_| (), |_| (), &vec![7; length]), 2047), "{length}");
    }
}

#[test]
fn there_is_no_encoding_where_there_is_no_room() {
    for length in [0, 1, 32, 33, 64, 65] {
        assert!(!is_right(&vec![0xBC; length], (length * 8).saturating_sub(1)), "{length}");
    }
    assert!(!is_right(&[0; 10], 2047));
}
