use super::*;
use crate::crypto::rustcrypto::testing::{
    Counting, FailsAfter, RSA_2048_PKCS8, RSA_2048_SPKI, RSA_2050_PKCS8, Seeded, Stuck,
};
use crate::crypto::rustcrypto::{PROVIDER, SoftwareKey};
use crate::crypto::{DecryptJob, Recipient};
use rustls_pki_types::CertificateDer;

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

fn decrypted(private: &[u8], transport: KeyTransport, wrapped: &[u8], length: usize) -> bool {
    let nobody = Recipient::new(CertificateDer::from(Vec::new()));
    let job = DecryptJob::new(wrapped.to_vec(), transport, length, nobody);
    let key = SoftwareKey::from_pkcs8(private).unwrap();
    accepted(&key.decrypt(&job, &mut Seeded(1)).unwrap(), length)
}

// ALG-5
#[test]
fn content_keys_wrapped_by_openssl_with_oaep_are_unwrapped() {
    let (sha1, sha256) = (KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256);
    let with_sha1 = include_bytes!("testdata/oaep.sha1.wrapped16.bin");
    let with_sha256 = include_bytes!("testdata/oaep.sha256.wrapped32.bin");
    assert!(decrypted(RSA_2048_PKCS8, sha1, with_sha1, 16));
    assert!(decrypted(RSA_2048_PKCS8, sha256, with_sha256, 32));
    let other = include_bytes!("testdata/rsa2050.oaep.sha256.wrapped16.bin");
    assert!(decrypted(RSA_2050_PKCS8, sha256, other, 16));

    assert!(!decrypted(RSA_2048_PKCS8, sha256, with_sha1, 16));
    assert!(!decrypted(RSA_2048_PKCS8, sha1, with_sha256, 32));
    assert!(!decrypted(RSA_2048_PKCS8, sha256, with_sha256, 16));
}

// T43: the parameters can say what they like, another mask and a label give no key
#[test]
fn another_mask_and_a_label_are_rejected_without_an_error() {
    let mask = include_bytes!("testdata/oaep.sha256.mgf1-sha1.wrapped16.bin");
    let label = include_bytes!("testdata/oaep.sha256.label.wrapped16.bin");
    for wrapped in [mask, label] {
        for transport in [KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
            assert!(!decrypted(RSA_2048_PKCS8, transport, wrapped, 16));
        }
    }
}

/// The block of the content key of 16 bytes for a modulus of 256, unmasked, and masked again after a change.
fn block(hash: &HashFunction, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let size = hash.id().length();
    let seed = vec![0x5A; size];
    let mut data = vec![0; 256];
    data[1..=size].copy_from_slice(&seed);
    data[1 + size..1 + 2 * size].copy_from_slice(hash.digest(&[]).as_bytes());
    data[239] = 1;
    data[240..].copy_from_slice(content_key(16).as_bytes());
    change(&mut data);
    let (seed, data_part) = data[1..].split_at_mut(size);
    mask(hash, seed, data_part);
    mask(hash, data_part, seed);
    data
}

// T1, T43, MMA-1: RFC 8017 section 7.1.2 step 3 g, all of it one answer
#[test]
fn every_wrong_oaep_block_is_the_same_rejection() {
    for hash in [&SHA1, &SHA256] {
        let size = hash.id().length();
        assert!(accepted(&unpad(hash, &block(hash, |_| ()), 16), 16));
        let with = |at: usize, value: u8| unpad(hash, &block(hash, |data| data[at] = value), 16);
        let label = 1 + size;
        for (name, at, value) in [
            ("first byte", 0, 1),
            ("first byte, high bit", 0, 0x80),
            ("label, first byte", label, 0),
            ("label, last byte", label + size - 1, 0),
            ("no zero, first", label + size, 9),
            ("an early separator", label + size, 1),
            ("no zero, last", 238, 9),
            ("a separator one early: a key of 17", 238, 1),
            ("no separator", 239, 0),
            ("separator 2", 239, 2),
        ] {
            assert!(!accepted(&with(at, value), 16), "{name}");
        }
        for length in [0, 1, size, 2 * size, 2 * size + 17, 255] {
            assert!(!accepted(&unpad(hash, &vec![0; length], 16), 16), "{length}");
        }
        assert!(!accepted(&unpad(hash, &block(hash, |_| ()), usize::MAX), 16));
        // the seed is used as it stands, so another one garbles all of it
        let mut other = block(hash, |_| ());
        other[1] ^= 1;
        assert!(!accepted(&unpad(hash, &other, 16), 16));
    }
}

// RFC 8017 section 7.1.1 step 1 b: mLen <= k - 2 hLen - 2
#[test]
fn a_block_holds_as_much_as_the_standard_says() {
    for hash in [&SHA1, &SHA256] {
        let size = hash.id().length();
        let most = 256 - 2 * size - 2;
        let seed = vec![7; size];
        assert!(encode(hash, &vec![1; most], &seed, 256).is_some());
        assert!(encode(hash, &vec![1; most + 1], &seed, 256).is_none());
        for length in [0, 1, size, 2 * size + 1] {
            assert!(encode(hash, &[], &seed, length).is_none());
        }
        let shortest = encode(hash, content_key(16).as_bytes(), &seed, 2 * size + 18).unwrap();
        assert!(accepted(&unpad(hash, &shortest, 16), 16));
    }
}

#[test]
fn wrapping_draws_a_seed_and_fails_with_its_generator() {
    let public = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap();
    for wrapper in [&RSA_OAEP_SHA1, &RSA_OAEP_SHA256] {
        let size = wrapper.hash.id().length();
        let wrap = |rng: &mut Rng<'_>| wrapper.wrap(&public, &content_key(16), rng);
        let mut rng = Counting(0);
        let wrapped = wrap(&mut rng).unwrap();
        assert_eq!((wrapped.len(), rng.0), (256, size));
        assert_ne!(wrap(&mut Counting(1)).unwrap(), wrapped);
        assert_eq!(wrap(&mut FailsAfter(size - 1)).err(), Some(Error::RandomFailed));
        assert!(PROVIDER.wrapper(wrapper.id()).is_ok());
    }
}

#[cfg(feature = "ecdsa")]
#[test]
fn nothing_is_wrapped_for_a_key_on_a_curve() {
    let curve = SubjectPublicKeyInfo::parse(include_bytes!("testdata/p256.spki.der")).unwrap();
    let wrapped = RSA_OAEP_SHA256.wrap(&curve, &content_key(16), &mut Counting(0));
    assert_eq!(wrapped.err(), Some(crate::error::Unsupported::PublicKey.into()));
}
