use super::*;
use crate::crypto::rustcrypto::rsa::{integer, load, octets};
use crate::crypto::rustcrypto::testing::{
    Counting, FailsAfter, RSA_2048_PKCS8, RSA_2048_SPKI, RSA_2050_PKCS8, RSA_2050_SPKI, Seeded, Stuck,
};
use crate::crypto::rustcrypto::{PROVIDER, RSA_OAEP_SHA1, RSA_OAEP_SHA256, RSA_PKCS1_SHA256, RSA_PKCS1V15};
use crate::crypto::{ContentKey, Digest, KeyTransport, KeyWrapper, Purpose, Recipient, Verifier};
use crate::wire::public_key::SubjectPublicKeyInfo;
use ::rsa::hazmat;
use ::rsa::traits::PublicKeyParts;
use alloc::{format, vec};
use rustls_pki_types::{CertificateDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};

const MESSAGE: &[u8] = b"signed by another implementation";
const PKCS1: &[u8] = include_bytes!("testdata/rsa2048.pkcs1.der");

fn key_2048() -> SoftwareKey {
    SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap()
}

fn sign_job(digest: Digest) -> SignJob {
    let scheme = SignatureScheme::RsaPkcs1(digest);
    SignJob::new(&PROVIDER, MESSAGE.to_vec(), scheme, Purpose::PkiMessage, RSA_2048_SPKI).unwrap()
}

fn decrypt_job(encrypted_key: &[u8], key_length: usize) -> DecryptJob {
    job_by(KeyTransport::RsaPkcs1v15, encrypted_key, key_length)
}

fn job_by(transport: KeyTransport, encrypted_key: &[u8], key_length: usize) -> DecryptJob {
    let recipient = Recipient::new(CertificateDer::from(Vec::new()));
    DecryptJob::new(encrypted_key.to_vec(), transport, key_length, recipient)
}

/// The content key that comes out, or `None` for a rejection.
fn unwrapped(key: &SoftwareKey, encrypted_key: &[u8], length: usize) -> Option<Vec<u8>> {
    unwrapped_by(key, &decrypt_job(encrypted_key, length))
}

fn unwrapped_by(key: &SoftwareKey, job: &DecryptJob) -> Option<Vec<u8>> {
    let length = job.key_length();
    let unwrapped = key.decrypt(job, &mut Seeded(1)).unwrap();
    let chosen = ContentKey::random(length, &mut Stuck(0xee)).unwrap().choose(&unwrapped);
    Some(chosen.as_bytes().to_vec()).filter(|bytes| *bytes != vec![0xee; length])
}

fn counted(length: usize) -> Vec<u8> {
    (1..).take(length).collect()
}

/// Encrypts a block as it stands.
fn encrypted(key: &SoftwareKey, block: &[u8]) -> Vec<u8> {
    let public = load(&SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap()).unwrap();
    let value = integer(block, &public).unwrap();
    octets(&hazmat::rsa_encrypt(&public, &value).unwrap(), public.size()).unwrap().to_vec()
}

#[test]
fn signatures_are_those_of_openssl() {
    let expected: [(Digest, &[u8]); 3] = [
        (Digest::Sha256, include_bytes!("testdata/sha256.sig")),
        (Digest::Sha384, include_bytes!("testdata/sha384.sig")),
        (Digest::Sha512, include_bytes!("testdata/sha512.sig")),
    ];
    let mut key = key_2048();
    for (digest, expected) in expected {
        let signature = Signer::sign(&mut key, &sign_job(digest), &mut Seeded(1)).unwrap();
        assert_eq!(signature.as_bytes(), expected);
    }
    let other = SoftwareKey::from_pkcs8(RSA_2050_PKCS8).unwrap();
    let signature = Signer::sign(&mut &other, &sign_job(Digest::Sha256), &mut Seeded(1)).unwrap();
    assert_eq!(signature.as_bytes(), include_bytes!("testdata/rsa2050.sha256.sig"));
}

#[test]
fn content_keys_wrapped_by_openssl_are_unwrapped() {
    let key = key_2048();
    let wrapped: [(usize, &[u8]); 5] = [
        (8, include_bytes!("testdata/wrapped8.bin")),
        (16, include_bytes!("testdata/wrapped16.bin")),
        (24, include_bytes!("testdata/wrapped24.bin")),
        (32, include_bytes!("testdata/wrapped32.bin")),
        (16, include_bytes!("testdata/wrapped16.known-padding.bin")),
    ];
    for (length, wrapped) in wrapped {
        assert_eq!(unwrapped(&key, wrapped, length), Some(counted(length)));
        // The key of another cipher than the message names.
        for other in [8, 16, 24, 32].into_iter().filter(|other| *other != length) {
            assert_eq!(unwrapped(&key, wrapped, other), None);
        }
    }
    let other = SoftwareKey::from_pkcs8(RSA_2050_PKCS8).unwrap();
    let wrapped = include_bytes!("testdata/rsa2050.wrapped16.bin");
    assert_eq!(unwrapped(&other, wrapped, 16), Some(counted(16)));
}

#[test]
fn content_keys_wrapped_here_are_unwrapped_here() {
    for (private, public) in [(RSA_2048_PKCS8, RSA_2048_SPKI), (RSA_2050_PKCS8, RSA_2050_SPKI)] {
        let content_key = ContentKey::random(32, &mut Seeded(7)).unwrap();
        let public = SubjectPublicKeyInfo::parse(public).unwrap();
        let wrapped = RSA_PKCS1V15.wrap(&public, &content_key, &mut Seeded(2)).unwrap();
        let key = SoftwareKey::from_pkcs8(private).unwrap();
        assert_eq!(unwrapped(&key, &wrapped, 32).unwrap(), content_key.as_bytes());
    }
}

// ALG-5, MMA-9
#[test]
fn content_keys_wrapped_with_oaep_are_unwrapped_with_the_same_hash_only() {
    let wrappers = [&RSA_OAEP_SHA1, &RSA_OAEP_SHA256];
    for (private, public) in [(RSA_2048_PKCS8, RSA_2048_SPKI), (RSA_2050_PKCS8, RSA_2050_SPKI)] {
        let key = SoftwareKey::from_pkcs8(private).unwrap();
        let public = SubjectPublicKeyInfo::parse(public).unwrap();
        for (index, wrapper) in wrappers.iter().enumerate() {
            let content_key = ContentKey::random(32, &mut Seeded(7)).unwrap();
            let wrapped = wrapper.wrap(&public, &content_key, &mut Seeded(2)).unwrap();
            let job = job_by(wrapper.id(), &wrapped, 32);
            assert_eq!(unwrapped_by(&key, &job).unwrap(), content_key.as_bytes());
            // the other hash, the other padding, the key of another cipher
            for job in [
                job_by(wrappers[1 - index].id(), &wrapped, 32),
                decrypt_job(&wrapped, 32),
                job_by(wrapper.id(), &wrapped, 16),
            ] {
                assert_eq!(unwrapped_by(&key, &job), None);
            }
        }
    }
}

// T4, MMA-1: as with the other padding
#[test]
fn an_impossible_ciphertext_under_oaep_is_rejected_without_an_error() {
    let key = key_2048();
    let modulus = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap().rsa().unwrap().modulus;
    for wrong in [&[][..], &[1; 255], &[1; 257], &[0; 256], &[1; 256], modulus, &[0xff; 256]] {
        for transport in [KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
            assert_eq!(unwrapped_by(&key, &job_by(transport, wrong, 16)), None);
        }
    }
}

// T1, MMA-1: through the private key too, wrong padding is a rejection and never an error.
#[test]
fn wrong_padding_is_rejected_without_an_error() {
    let key = key_2048();
    let mut good = [&[0, 2][..], &[0x55; 237], &[0], &counted(16)].concat();
    assert_eq!(unwrapped(&key, &encrypted(&key, &good), 16), Some(counted(16)));
    for (at, value) in [(0, 1), (1, 1), (1, 3), (2, 0), (100, 0), (238, 0), (239, 9)] {
        let right = core::mem::replace(&mut good[at], value);
        assert_eq!(unwrapped(&key, &encrypted(&key, &good), 16), None, "{at}");
        good[at] = right;
    }
    let mut zero = vec![0; 256];
    assert_eq!(unwrapped(&key, &zero, 16), None);
    zero[255] = 1;
    assert_eq!(unwrapped(&key, &zero, 16), None);
}

// T4
#[test]
fn ciphertext_of_another_length_or_not_below_the_modulus_is_rejected_without_an_error() {
    let key = key_2048();
    let wrapped = include_bytes!("testdata/wrapped16.bin");
    let modulus = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap().rsa().unwrap().modulus;
    let longer = [&[0], wrapped.as_slice()].concat();
    for wrong in [&[][..], &[1], &wrapped[..255], &wrapped[1..], &longer, &[0; 1000], modulus, &[0xff; 256]] {
        assert_eq!(unwrapped(&key, wrong, 16), None);
    }
    // Here the longer string would fit into the limbs of the modulus.
    let key = SoftwareKey::from_pkcs8(RSA_2050_PKCS8).unwrap();
    let longer = [&[0], include_bytes!("testdata/rsa2050.wrapped16.bin").as_slice()].concat();
    assert_eq!(unwrapped(&key, &longer, 16), None);
}

// A faulty or stuck generator ends the operation: nothing is ever computed without blinding.
#[test]
fn every_private_operation_is_blinded_or_fails() {
    let key = key_2048();
    let sign = sign_job(Digest::Sha256);
    let decrypt = decrypt_job(include_bytes!("testdata/wrapped16.bin"), 16);

    let mut rng = Counting(1);
    key.sign(&sign, &mut rng).unwrap();
    assert!(rng.0 > 256);
    let mut rng = Counting(1);
    key.decrypt(&decrypt, &mut rng).unwrap();
    assert!(rng.0 > 256);

    let failed = Some(KeyError::RandomFailed);
    assert_eq!(key.sign(&sign, &mut FailsAfter(255)).err(), failed);
    assert_eq!(key.decrypt(&decrypt, &mut FailsAfter(255)).err(), failed);
    for stuck in [0, 0xff] {
        assert_eq!(key.sign(&sign, &mut Stuck(stuck)).err(), failed);
        assert_eq!(key.decrypt(&decrypt, &mut Stuck(stuck)).err(), failed);
    }
}

#[test]
fn key_of_openssl_is_read_in_each_form_and_written_as_pkcs8() {
    let forms = [
        SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap(),
        SoftwareKey::from_pkcs1(PKCS1).unwrap(),
        SoftwareKey::try_from(&PrivateKeyDer::from(PrivatePkcs8KeyDer::from(RSA_2048_PKCS8))).unwrap(),
        SoftwareKey::try_from(&PrivateKeyDer::from(PrivatePkcs1KeyDer::from(PKCS1))).unwrap(),
    ];
    for key in forms {
        assert_eq!(key.to_pkcs8().as_slice(), RSA_2048_PKCS8);
        assert_eq!(key.public_key_der(), RSA_2048_SPKI);
    }
}

#[cfg(not(feature = "ecdsa"))]
#[test]
fn keys_on_curves_are_unsupported_without_the_feature() {
    let unsupported = Some(KeyError::Unsupported);
    assert_eq!(SoftwareKey::from_pkcs8(include_bytes!("testdata/p256.pkcs8.der")).err(), unsupported);
    let sec1 = PrivateKeyDer::from(rustls_pki_types::PrivateSec1KeyDer::from(vec![0x30, 0]));
    assert_eq!(SoftwareKey::try_from(&sec1).err(), unsupported);
    for key_type in [KeyType::EcP256, KeyType::EcP384] {
        assert_eq!(SoftwareKey::generate(key_type, &mut Seeded(1)).err(), unsupported);
    }
}

#[test]
fn keys_of_other_kinds_are_unsupported() {
    // Ed25519 by its name
    let der = [0x30, 12, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0];
    assert_eq!(SoftwareKey::from_pkcs8(&der).err(), Some(KeyError::Unsupported));
}

#[test]
fn an_rsa_key_makes_no_other_signatures_than_its_own() {
    let key = key_2048();
    for scheme in [SignatureScheme::RsaPss(Digest::Sha256), SignatureScheme::Ecdsa(Digest::Sha256)] {
        let job = SignJob::new(&PROVIDER, MESSAGE.to_vec(), scheme, Purpose::PkiMessage, RSA_2048_SPKI);
        let signed = key.sign(&job.unwrap(), &mut Seeded(1));
        assert_eq!(signed.err(), Some(KeyError::Unsupported));
    }
}

// ALG-8, R-7.1-1
#[test]
fn keys_out_of_bounds_malformed_or_inconsistent_are_invalid() {
    let invalid = Some(KeyError::Invalid);
    for der in [
        &include_bytes!("testdata/rsa1024.pkcs8.der")[..],
        include_bytes!("testdata/rsa2048e3.pkcs8.der"),
        RSA_2048_SPKI,
        PKCS1,
        &RSA_2048_PKCS8[..RSA_2048_PKCS8.len() - 1],
        &[RSA_2048_PKCS8, &[0]].concat(),
        &[],
    ] {
        assert_eq!(SoftwareKey::from_pkcs8(der).err(), invalid);
    }
    // n = p * p: decryption with it would be wrong.
    let equal_primes = include_bytes!("testdata/rsa2048.equal-primes.pkcs1.der");
    assert_eq!(SoftwareKey::from_pkcs1(equal_primes).err(), invalid);
    // One bit of the modulus, the private exponent, each prime: offsets into the PKCS #1 form.
    for at in [20, 300, 560, 700] {
        let mut altered = PKCS1.to_vec();
        altered[at] ^= 4;
        assert_eq!(SoftwareKey::from_pkcs1(&altered).err(), invalid, "{at}");
    }
}

#[test]
fn generated_key_has_its_size_signs_and_can_be_stored() {
    let key = SoftwareKey::generate(KeyType::Rsa(2048), &mut Seeded(42)).unwrap();
    let public = SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap().rsa().unwrap();
    assert_eq!((public.bits(), public.exponent), (2048, &[1, 0, 1][..]));
    let signature = key.sign(&sign_job(Digest::Sha256), &mut Seeded(1)).unwrap();
    let public = SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap();
    assert_eq!(RSA_PKCS1_SHA256.verify(&public, &[MESSAGE], signature.as_bytes()), Ok(()));
    let stored = SoftwareKey::from_pkcs8(&key.to_pkcs8()).unwrap();
    assert_eq!(stored.public_key_der(), key.public_key_der());
    assert_eq!(stored.to_pkcs8(), key.to_pkcs8());
}

#[test]
fn generation_fails_with_its_generator() {
    let failed = Some(KeyError::RandomFailed);
    // At the first prime, and between the first and the second.
    for bytes in [0, 200] {
        assert_eq!(SoftwareKey::generate(KeyType::Rsa(2048), &mut FailsAfter(bytes)).err(), failed);
    }
    // Both primes would be the same for ever.
    assert_eq!(SoftwareKey::generate(KeyType::Rsa(2048), &mut Stuck(1)).err(), failed);
}

#[test]
fn sizes_out_of_bounds_are_not_generated() {
    for bits in [0, 512, 1024, 2047, 2049, 8200, 16384, usize::MAX] {
        let result = SoftwareKey::generate(KeyType::Rsa(bits), &mut Seeded(1));
        assert_eq!(result.err(), Some(KeyError::Invalid), "{bits}");
    }
}

// T50, R-7.1-1
#[test]
fn debug_shows_the_size_alone() {
    assert_eq!(format!("{:?}", key_2048()), "SoftwareKey(RSA, modulus of 256 bytes)");
}

#[test]
fn key_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let key = key_2048();
    shared(&key);
    let (mut one, mut two) = (&key, &key);
    assert!(Signer::sign(&mut one, &sign_job(Digest::Sha256), &mut Seeded(1)).is_ok());
    assert!(Signer::sign(&mut two, &sign_job(Digest::Sha256), &mut Seeded(1)).is_ok());
}

// a public key that comes along has to be the right one (RFC 5958 section 2)
#[test]
fn a_public_key_in_pkcs8_is_compared() {
    use crate::wire::tlv::{self, Tlv, Writer};
    let own = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap();
    let with = |public: &[u8]| {
        let mut fields = Tlv::parse(RSA_2048_PKCS8).unwrap().value.to_vec();
        fields[2] = 1;
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.raw(&fields);
            writer.tlv(tlv::context_primitive(1), &[&[0], public].concat());
        });
        SoftwareKey::from_pkcs8(&writer.finish()).map(drop)
    };
    assert_eq!(with(own.key()), Ok(()));
    assert_eq!(with(&own.key()[1..]), Err(KeyError::Invalid));
    assert_eq!(with(&[]), Err(KeyError::Invalid));
}
