use super::*;
use crate::crypto::rustcrypto::testing::{
    Counting, FailsAfter, RSA_2048_SPKI, RSA_2050_SPKI, Seeded, Stuck, unhex,
};
use crate::error::Unsupported;
use crate::wire::public_key::encode_rsa;

const MESSAGE: &[u8] = b"signed by another implementation";
const REFUSED: Result<(), Error> = Err(Error::BadSignature(BadSignature::Signature));

fn key(der: &[u8]) -> SubjectPublicKeyInfo<'_> {
    SubjectPublicKeyInfo::parse(der).unwrap()
}

/// The content key 1, 2, 3, ...
fn content_key(length: usize) -> ContentKey {
    ContentKey::random(length, &mut Counting(1)).unwrap()
}

fn accepted(unwrapped: &Unwrapped, length: usize) -> bool {
    let stand_in = ContentKey::random(length, &mut Stuck(0xee)).unwrap();
    let chosen = stand_in.choose(unwrapped);
    assert!(chosen.as_bytes() == content_key(length).as_bytes() || chosen.as_bytes() == vec![0xee; length]);
    chosen.as_bytes() != vec![0xee; length]
}

// R-2.9-1
#[test]
fn signatures_of_openssl_verify_with_their_own_digest_only() {
    let signatures: [&[u8]; 3] = [
        include_bytes!("testdata/sha256.sig"),
        include_bytes!("testdata/sha384.sig"),
        include_bytes!("testdata/sha512.sig"),
    ];
    let verifiers = [&RSA_PKCS1_SHA256, &RSA_PKCS1_SHA384, &RSA_PKCS1_SHA512];
    for (own, verifier) in verifiers.iter().enumerate() {
        for (other, signature) in signatures.iter().enumerate() {
            let result = verifier.verify(&key(RSA_2048_SPKI), &[&MESSAGE[..7], &MESSAGE[7..]], signature);
            assert_eq!(result, if own == other { Ok(()) } else { REFUSED });
        }
    }
}

#[test]
fn a_modulus_of_no_whole_number_of_bytes_works() {
    let signature = include_bytes!("testdata/rsa2050.sha256.sig");
    assert_eq!(signature.len(), 257);
    assert_eq!(RSA_PKCS1_SHA256.verify(&key(RSA_2050_SPKI), &[MESSAGE], signature), Ok(()));
}

#[test]
fn altered_message_key_or_signature_is_refused() {
    let signature = include_bytes!("testdata/sha256.sig");
    let verify =
        |message, signature: &[u8]| RSA_PKCS1_SHA256.verify(&key(RSA_2048_SPKI), &[message], signature);
    assert_eq!(verify(b"signed by somebody else", signature), REFUSED);
    for at in [0, 1, 128, 255] {
        let mut altered = *signature;
        altered[at] ^= 1;
        assert_eq!(verify(MESSAGE, &altered), REFUSED);
    }
    let other = include_bytes!("testdata/rsa2050.sha256.sig");
    assert_eq!(verify(MESSAGE, other), REFUSED);
}

// RFC 8017 section 8.2.2 step 1: the length is that of the modulus, also where the number would be the same.
#[test]
fn signature_of_another_length_is_refused() {
    let signature = include_bytes!("testdata/sha256.sig");
    let longer = [&[0], signature.as_slice()].concat();
    let trailing = [signature.as_slice(), &[0]].concat();
    for wrong in [&[][..], &[0], &signature[..255], &signature[1..], &longer, &trailing] {
        assert_eq!(RSA_PKCS1_SHA256.verify(&key(RSA_2048_SPKI), &[MESSAGE], wrong), REFUSED);
    }
    // Here the longer string would fit into the limbs of the modulus.
    let longer = [&[0], include_bytes!("testdata/rsa2050.sha256.sig").as_slice()].concat();
    assert_eq!(RSA_PKCS1_SHA256.verify(&key(RSA_2050_SPKI), &[MESSAGE], &longer), REFUSED);
}

// RFC 8017 section 5.2.2 step 1: s + n is the same number modulo n.
#[test]
fn signature_not_below_the_modulus_is_refused() {
    let modulus = key(RSA_2050_SPKI).rsa().unwrap().modulus;
    let mut sum = *include_bytes!("testdata/rsa2050.sha256.sig");
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(modulus).rev() {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        [*byte, _] = total.to_le_bytes();
        carry = total >> 8;
    }
    // A modulus of 2050 bits leaves room for the sum in its 257 bytes.
    assert_eq!(carry, 0);
    assert_eq!(RSA_PKCS1_SHA256.verify(&key(RSA_2050_SPKI), &[MESSAGE], &sum), REFUSED);
    let equal: &[u8] = modulus;
    assert_eq!(RSA_PKCS1_SHA256.verify(&key(RSA_2050_SPKI), &[MESSAGE], equal), REFUSED);
}

// T41, ALG-8
#[test]
fn hostile_public_keys_are_refused_before_arithmetic() {
    let good = key(RSA_2048_SPKI).rsa().unwrap();
    let big = |bits: usize| {
        let mut modulus = vec![0xff; bits / 8];
        *modulus.last_mut().unwrap() = 0xfb;
        modulus
    };
    let mut even = good.modulus.to_vec();
    *even.last_mut().unwrap() &= 0xfe;
    let e = [1, 0, 1];
    let cases = [
        ("tiny", encode_rsa(&[0x0f], &e)),
        ("512 bits", encode_rsa(&big(512), &e)),
        ("1024 bits", encode_rsa(&big(1024), &e)),
        ("2040 bits", encode_rsa(&big(2040), &e)),
        ("8200 bits", encode_rsa(&big(8200), &e)),
        ("16384 bits", encode_rsa(&big(16384), &e)),
        ("even modulus", encode_rsa(&even, &e)),
        ("e = 1", encode_rsa(good.modulus, &[1])),
        ("e = 3", encode_rsa(good.modulus, &[3])),
        ("e even", encode_rsa(good.modulus, &[1, 0, 0])),
        ("e = 2^33 + 1", encode_rsa(good.modulus, &[2, 0, 0, 0, 1])),
        ("e = 2^64 + 1", encode_rsa(good.modulus, &[1, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("e as long as n", encode_rsa(good.modulus, &big(2048))),
    ];
    let refused = Error::from(Limit::PublicKey);
    for (name, der) in cases {
        let key = key(&der);
        let length = key.rsa().unwrap().modulus.len();
        assert_eq!(RSA_PKCS1_SHA256.verify(&key, &[MESSAGE], &vec![1; length]), Err(refused), "{name}");
        assert_eq!(
            RSA_PKCS1V15.wrap(&key, &content_key(16), &mut Counting(0)).err(),
            Some(refused),
            "{name}"
        );
    }
    // The same way of writing keys is not what gets them refused.
    let written = encode_rsa(good.modulus, good.exponent);
    assert_eq!(
        RSA_PKCS1_SHA256.verify(&key(&written), &[MESSAGE], include_bytes!("testdata/sha256.sig")),
        Ok(())
    );
}

#[test]
fn key_of_another_algorithm_is_unsupported() {
    let curve = key(include_bytes!("testdata/p256.spki.der"));
    let unsupported = Error::from(Unsupported::PublicKey);
    assert_eq!(RSA_PKCS1_SHA256.verify(&curve, &[MESSAGE], &[1; 64]), Err(unsupported));
    assert_eq!(RSA_PKCS1V15.wrap(&curve, &content_key(16), &mut Counting(0)).err(), Some(unsupported));
}

// RFC 8017 section 9.2
#[test]
fn signature_block_has_the_standard_form_and_at_least_eight_bytes_of_padding() {
    let block = signature_block(&[0xaa, 0xbb], 13).unwrap();
    assert_eq!(block, unhex("0001 ffffffffffffffff 00 aabb"));
    assert_eq!(signature_block(&[0xaa, 0xbb], 12), None);
    assert_eq!(signature_block(&[0xaa, 0xbb], 1), None);
}

// The expected bytes are `openssl pkeyutl -encrypt` without padding over 00 02 ed 01 02 .. ec 00 01 .. 10.
#[test]
fn wrapped_key_is_what_openssl_makes_of_the_same_block() {
    let wrapped = RSA_PKCS1V15.wrap(&key(RSA_2048_SPKI), &content_key(16), &mut Counting(0)).unwrap();
    assert_eq!(wrapped, include_bytes!("testdata/wrapped16.known-padding.bin"));
}

// RFC 8017 section 7.2.1 step 2 a: no padding byte is zero.
#[test]
fn encryption_padding_is_random_and_has_no_zero() {
    let mut rng = Seeded(1);
    let mut previous = Zeroizing::new(Vec::new());
    for _ in 0..50 {
        let block = encryption_block(&[7; 16], 256, &mut rng).unwrap();
        assert_eq!(
            (block.len(), &block[..2], &block[239..]),
            (256, &[0, 2][..], [&[0], &[7; 16][..]].concat().as_slice())
        );
        assert!(block[2..239].iter().all(|byte| *byte != 0));
        assert_ne!(block, previous);
        previous = block;
    }
}

#[test]
fn failing_and_stuck_generators_stop_wrapping() {
    let failed = Some(Error::RandomFailed);
    assert_eq!(RSA_PKCS1V15.wrap(&key(RSA_2048_SPKI), &content_key(16), &mut FailsAfter(100)).err(), failed);
    assert_eq!(RSA_PKCS1V15.wrap(&key(RSA_2048_SPKI), &content_key(16), &mut Stuck(0)).err(), failed);
}

#[test]
fn message_too_long_for_the_modulus_is_refused() {
    let mut rng = Counting(1);
    assert!(encryption_block(&[7; 16], 27, &mut rng).is_ok());
    assert_eq!(encryption_block(&[7; 16], 26, &mut rng).err(), Some(Limit::PublicKey.into()));
    assert_eq!(encryption_block(&[7; 16], 3, &mut rng).err(), Some(Limit::PublicKey.into()));
}

/// `00 02 PS 00 1..=16`, 256 bytes.
fn block() -> Vec<u8> {
    let mut block = vec![0x55; 256];
    block[..2].copy_from_slice(&[0, 2]);
    block[239] = 0;
    block[240..].copy_from_slice(content_key(16).as_bytes());
    block
}

#[test]
fn well_formed_block_gives_the_key() {
    assert!(accepted(&unpad(&block(), 16), 16));
    // The shortest padding that is allowed: eight bytes.
    assert!(accepted(&unpad(&unhex("0002 0102030405060708 00 0102030405060708"), 8), 8));
}

// T1, MMA-1
#[test]
fn every_wrong_block_is_the_same_rejection() {
    let with = |changes: &[(usize, u8)]| {
        let mut block = block();
        changes.iter().for_each(|(at, value)| block[*at] = *value);
        block
    };
    let cases = [
        ("first byte", with(&[(0, 1)])),
        ("first byte, high bit", with(&[(0, 0x80)])),
        ("block type 1", with(&[(1, 1)])),
        ("block type 0", with(&[(1, 0)])),
        ("zero at the start of the padding", with(&[(2, 0)])),
        ("zero within the first eight", with(&[(9, 0)])),
        ("zero after the first eight: a longer key", with(&[(10, 0)])),
        ("zero at the end of the padding: a key of 17", with(&[(238, 0)])),
        ("no separator in its place", with(&[(239, 1)])),
        ("separator one late: a key of 15", with(&[(239, 1), (240, 0)])),
        ("separator as the last byte: no key", with(&[(239, 1), (255, 0)])),
        ("all zero", vec![0; 256]),
        ("all ones", vec![0xff; 256]),
    ];
    for (name, block) in cases {
        assert!(!accepted(&unpad(&block, 16), 16), "{name}");
    }
}

#[test]
fn lengths_without_room_for_padding_are_rejected() {
    assert!(!accepted(&unpad(&unhex("0002 01020304050607 00 0102030405060708"), 8), 8));
    for length in 0..=17 {
        assert!(!accepted(&unpad(&vec![0; length], 16), 16));
    }
    assert!(!accepted(&unpad(&block(), usize::MAX), 16));
    assert!(!accepted(&unpad(&block(), 33), 16));
}
