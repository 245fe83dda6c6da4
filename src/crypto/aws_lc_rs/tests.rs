//! This provider against the vectors that `rustcrypto` is tested with, and against `rustcrypto` itself: the same answer to
//! what is right, to what is damaged, and to what is hostile.

use super::*;
use crate::crypto::rustcrypto::testing::{
    Counting, FailsAfter, RSA_2048_PKCS8, RSA_2048_SPKI, RSA_2050_PKCS8, RSA_2050_SPKI, Seeded, Stuck, unhex,
};
use crate::crypto::{
    ContentKey, DecryptJob, Digest, KeyError, KeyTransport, Purpose, Recipient, SignJob, SignatureScheme,
    rustcrypto,
};
use crate::error::{BadSignature, Error, InvalidMessage};
use crate::wire::public_key::{EcCurve, SubjectPublicKeyInfo, encode_ec, encode_rsa};
use alloc::vec::Vec;
use alloc::{format, vec};
use rustls_pki_types::CertificateDer;

const MESSAGE: &[u8] = b"signed by another implementation";
const REFUSED: Result<(), Error> = Err(Error::BadSignature(BadSignature::Signature));

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../rustcrypto/testdata/", $name)).as_slice()
    };
}

const P256_SPKI: &[u8] = data!("p256.spki.der");
const P384_SPKI: &[u8] = data!("p384.spki.der");

/// What OpenSSL signed [`MESSAGE`] with, and what came out.
fn signatures() -> Vec<(SignatureScheme, &'static [u8], &'static [u8])> {
    use Digest::{Sha1, Sha256, Sha384, Sha512};
    use SignatureScheme::{Ecdsa, RsaPkcs1, RsaPss};
    vec![
        (RsaPkcs1(Sha1), RSA_2048_SPKI, data!("sha1.sig")),
        (RsaPkcs1(Sha256), RSA_2048_SPKI, data!("sha256.sig")),
        (RsaPkcs1(Sha384), RSA_2048_SPKI, data!("sha384.sig")),
        (RsaPkcs1(Sha512), RSA_2048_SPKI, data!("sha512.sig")),
        (RsaPkcs1(Sha256), RSA_2050_SPKI, data!("rsa2050.sha256.sig")),
        (RsaPss(Sha1), RSA_2048_SPKI, data!("pss.sha1.sig")),
        (RsaPss(Sha256), RSA_2048_SPKI, data!("pss.sha256.sig")),
        (RsaPss(Sha384), RSA_2048_SPKI, data!("pss.sha384.sig")),
        (RsaPss(Sha512), RSA_2048_SPKI, data!("pss.sha512.sig")),
        (RsaPss(Sha256), data!("rsa2049.spki.der"), data!("rsa2049.pss.sha256.sig")),
        (RsaPss(Sha256), RSA_2050_SPKI, data!("rsa2050.pss.sha256.sig")),
        (Ecdsa(Sha1), P256_SPKI, data!("p256.sha1.sig")),
        (Ecdsa(Sha256), P256_SPKI, data!("p256.sha256.sig")),
        (Ecdsa(Sha384), P256_SPKI, data!("p256.sha384.sig")),
        (Ecdsa(Sha512), P256_SPKI, data!("p256.sha512.sig")),
        (Ecdsa(Sha1), P384_SPKI, data!("p384.sha1.sig")),
        (Ecdsa(Sha256), P384_SPKI, data!("p384.sha256.sig")),
        (Ecdsa(Sha384), P384_SPKI, data!("p384.sha384.sig")),
        (Ecdsa(Sha512), P384_SPKI, data!("p384.sha512.sig")),
    ]
}

/// What both providers say, which has to be the same.
fn verify(scheme: SignatureScheme, key: &[u8], parts: &[&[u8]], signature: &[u8]) -> Result<(), Error> {
    let key = SubjectPublicKeyInfo::parse(key).unwrap();
    let [own, other] = [&PROVIDER_WITH_LEGACY, &rustcrypto::PROVIDER_WITH_LEGACY]
        .map(|provider| provider.verifier(scheme).unwrap().verify(&key, parts, signature));
    assert_eq!(own, other, "{scheme:?} {signature:x?}");
    own
}

#[test]
fn lists_hold_what_those_of_rustcrypto_hold_in_the_same_order() {
    let names = |provider: &Provider| {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            provider.digests.iter().map(|item| item.id()).collect::<Vec<_>>(),
            provider.ciphers.iter().map(|item| item.id()).collect::<Vec<_>>(),
            provider.read_only_ciphers.iter().map(|item| item.id()).collect::<Vec<_>>(),
            provider.wrappers.iter().map(|item| item.id()).collect::<Vec<_>>(),
            provider.verifiers.iter().map(|item| item.scheme()).collect::<Vec<_>>(),
        )
    };
    assert_eq!(names(&PROVIDER), names(&rustcrypto::PROVIDER));
    assert_eq!(names(&PROVIDER_WITH_LEGACY), names(&rustcrypto::PROVIDER_WITH_LEGACY));
    assert!(PROVIDER.password_kdfs.is_empty() && PROVIDER_WITH_LEGACY.password_kdfs.is_empty());
}

// ALG-11
#[test]
fn signatures_of_openssl_verify_with_their_own_scheme_and_key_only() {
    let all = signatures();
    for (scheme, key, signature) in &all {
        assert_eq!(verify(*scheme, key, &[MESSAGE], signature), Ok(()), "{scheme:?}");
        assert_eq!(verify(*scheme, key, &[&MESSAGE[..7], b"", &MESSAGE[7..]], signature), Ok(()));
        assert_eq!(verify(*scheme, key, &[b"else"], signature), REFUSED);
        for (other, other_key, _) in &all {
            if (other, other_key) != (scheme, key) {
                assert!(verify(*other, other_key, &[MESSAGE], signature).is_err(), "{scheme:?} {other:?}");
            }
        }
    }
}

// T42
#[test]
fn a_damaged_signature_is_refused_as_rustcrypto_refuses_it() {
    for (scheme, key, signature) in signatures() {
        for at in [0, 1, 2, 3, 4, signature.len() / 2, signature.len() - 1] {
            let mut altered = signature.to_vec();
            altered[at] ^= 1;
            assert_eq!(verify(scheme, key, &[MESSAGE], &altered), REFUSED);
        }
        let longer = [&[0], signature].concat();
        let trailing = [signature, &[0]].concat();
        let ones = vec![0xFF; signature.len()];
        let zeros = vec![0; signature.len()];
        for wrong in [&[][..], &[0], &signature[1..], &signature[..signature.len() - 1]] {
            assert_eq!(verify(scheme, key, &[MESSAGE], wrong), REFUSED);
        }
        for wrong in [longer, trailing, ones, zeros] {
            assert_eq!(verify(scheme, key, &[MESSAGE], &wrong), REFUSED);
        }
    }
    for wrong in ["pss.sha256.salt20", "pss.sha256.mgf1-sha1"] {
        let signature = match wrong {
            "pss.sha256.salt20" => data!("pss.sha256.salt20.sig"),
            _ => data!("pss.sha256.mgf1-sha1.sig"),
        };
        let scheme = SignatureScheme::RsaPss(Digest::Sha256);
        assert_eq!(verify(scheme, RSA_2048_SPKI, &[MESSAGE], signature), REFUSED, "{wrong}");
    }
}

// RFC 8017 section 5.2.2 step 1: s + n is the same number modulo n
#[test]
fn a_signature_not_below_the_modulus_is_refused() {
    let modulus = SubjectPublicKeyInfo::parse(RSA_2050_SPKI).unwrap().rsa().unwrap().modulus;
    let mut sum = data!("rsa2050.sha256.sig").to_vec();
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(modulus).rev() {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        [*byte, _] = total.to_le_bytes();
        carry = total >> 8;
    }
    assert_eq!(carry, 0);
    let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    assert_eq!(verify(scheme, RSA_2050_SPKI, &[MESSAGE], &sum), REFUSED);
    assert_eq!(verify(scheme, RSA_2050_SPKI, &[MESSAGE], modulus), REFUSED);
}

// ALG-11, T42
#[test]
fn numbers_out_of_range_and_other_forms_than_der_are_no_ecdsa_signatures() {
    let scheme = SignatureScheme::Ecdsa(Digest::Sha256);
    let right = data!("p256.sha256.sig");
    let order = unhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    let over = [unhex("3026 022100"), order, unhex("020101")].concat();
    let below = [
        unhex("3026 022100"),
        unhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550"),
        unhex("020101"),
    ]
    .concat();
    let long_form = [&[0x30, 0x81], &right[1..]].concat();
    for wrong in [
        &[0x30, 0][..],
        &unhex("3006 020100 020101"),
        &unhex("3006 020101 020100"),
        &unhex("3006 020101 0201FF"),
        &unhex("3006 020101 020101"),
        &unhex("3007 02020001 020101"),
        &over,
        &below,
        &long_form,
        &[1; 64],
    ] {
        assert_eq!(verify(scheme, P256_SPKI, &[MESSAGE], wrong), REFUSED);
    }
}

// T41, ALG-8
#[test]
fn hostile_public_keys_are_refused_as_rustcrypto_refuses_them() {
    let good = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap().rsa().unwrap();
    let large = |bits: usize| {
        let mut modulus = vec![0xFF; bits / 8];
        modulus[bits / 8 - 1] = 0xFB;
        modulus
    };
    let mut even = good.modulus.to_vec();
    even[255] &= 0xFE;
    let e = [1, 0, 1];
    let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    for key in [
        encode_rsa(&[0x0F], &e),
        encode_rsa(&large(1024), &e),
        encode_rsa(&large(2040), &e),
        encode_rsa(&large(8200), &e),
        encode_rsa(&even, &e),
        encode_rsa(good.modulus, &[1]),
        encode_rsa(good.modulus, &[3]),
        encode_rsa(good.modulus, &[1, 0, 0]),
        encode_rsa(good.modulus, &[2, 0, 0, 0, 1]),
        P256_SPKI.to_vec(),
    ] {
        assert!(verify(scheme, &key, &[MESSAGE], data!("sha256.sig")).is_err());
        let info = SubjectPublicKeyInfo::parse(&key).unwrap();
        let content_key = || ContentKey::random(16, &mut Counting(1)).unwrap();
        for transport in PROVIDER.wrappers {
            let own = transport.wrap(&info, &content_key(), &mut Seeded(1));
            let other = rustcrypto::PROVIDER.wrapper(transport.id()).unwrap();
            assert_eq!(own.err(), other.wrap(&info, &content_key(), &mut Seeded(1)).err());
        }
    }
    for (curve, spki) in [(EcCurve::P256, P256_SPKI), (EcCurve::P384, P384_SPKI)] {
        let mut off = SubjectPublicKeyInfo::parse(spki).unwrap().ec().unwrap().point.to_vec();
        *off.last_mut().unwrap() ^= 1;
        let found = verify(
            SignatureScheme::Ecdsa(Digest::Sha256),
            &encode_ec(curve, &off),
            &[MESSAGE],
            data!("p256.sha256.sig"),
        );
        assert_eq!(found, Err(InvalidMessage::PublicKey.into()));
    }
}

fn job(transport: KeyTransport, encrypted_key: &[u8], length: usize) -> DecryptJob {
    let nobody = Recipient::new(CertificateDer::from(Vec::new()));
    DecryptJob::new(encrypted_key.to_vec(), transport, length, nobody)
}

/// The content key that both providers unwrap, or `None` for a rejection by both.
fn unwrapped(pkcs8: &[u8], job: &DecryptJob) -> Option<Vec<u8>> {
    let own = SoftwareKey::from_pkcs8(pkcs8).unwrap().decrypt(job, &mut FailsAfter(0)).unwrap();
    let other = rustcrypto::SoftwareKey::from_pkcs8(pkcs8).unwrap().decrypt(job, &mut Seeded(1)).unwrap();
    let length = job.key_length();
    let [own, other] = [own, other].map(|unwrapped| {
        let stand_in = ContentKey::random(length, &mut Stuck(0xEE)).unwrap();
        stand_in.choose(&unwrapped).as_bytes().to_vec()
    });
    assert_eq!(own, other);
    Some(own).filter(|key| *key != vec![0xEE; length])
}

// ALG-5, MMA-9
#[test]
fn content_keys_wrapped_by_openssl_are_unwrapped_where_length_and_padding_are_right() {
    use KeyTransport::{RsaOaepSha1, RsaOaepSha256, RsaPkcs1v15};
    let wrapped = [
        (RsaPkcs1v15, RSA_2048_PKCS8, data!("wrapped8.bin"), 8),
        (RsaPkcs1v15, RSA_2048_PKCS8, data!("wrapped16.bin"), 16),
        (RsaPkcs1v15, RSA_2048_PKCS8, data!("wrapped24.bin"), 24),
        (RsaPkcs1v15, RSA_2048_PKCS8, data!("wrapped32.bin"), 32),
        (RsaPkcs1v15, RSA_2050_PKCS8, data!("rsa2050.wrapped16.bin"), 16),
        (RsaOaepSha1, RSA_2048_PKCS8, data!("oaep.sha1.wrapped16.bin"), 16),
        (RsaOaepSha256, RSA_2048_PKCS8, data!("oaep.sha256.wrapped32.bin"), 32),
        (RsaOaepSha256, RSA_2050_PKCS8, data!("rsa2050.oaep.sha256.wrapped16.bin"), 16),
    ];
    for (own, key, encrypted, length) in wrapped {
        for transport in [RsaPkcs1v15, RsaOaepSha1, RsaOaepSha256] {
            for wanted in [8, 16, 24, 32] {
                let expected = (transport == own && wanted == length).then(|| (1..).take(length).collect());
                assert_eq!(unwrapped(key, &job(transport, encrypted, wanted)), expected);
            }
        }
    }
    for label in [data!("oaep.sha256.mgf1-sha1.wrapped16.bin"), data!("oaep.sha256.label.wrapped16.bin")] {
        assert_eq!(unwrapped(RSA_2048_PKCS8, &job(RsaOaepSha256, label, 16)), None);
    }
}

// T1, T4, MMA-1
#[test]
fn an_impossible_ciphertext_is_rejected_without_an_error() {
    let modulus = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap().rsa().unwrap().modulus;
    let wrapped = data!("wrapped16.bin");
    let longer = [&[0], wrapped].concat();
    for transport in [KeyTransport::RsaPkcs1v15, KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
        for wrong in [
            &[][..],
            &[1],
            &wrapped[1..],
            &wrapped[..255],
            &longer,
            &[0; 256],
            &[1; 256],
            modulus,
            &[0xFF; 256],
        ] {
            assert_eq!(unwrapped(RSA_2048_PKCS8, &job(transport, wrong, 16)), None);
        }
    }
}

#[test]
fn what_either_provider_wraps_the_other_unwraps() {
    for (pkcs8, spki) in [(RSA_2048_PKCS8, RSA_2048_SPKI), (RSA_2050_PKCS8, RSA_2050_SPKI)] {
        let public = SubjectPublicKeyInfo::parse(spki).unwrap();
        for transport in [KeyTransport::RsaPkcs1v15, KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
            let key = ContentKey::random(32, &mut Seeded(7)).unwrap();
            for provider in [&PROVIDER, &rustcrypto::PROVIDER] {
                let wrapper = provider.wrapper(transport).unwrap();
                let wrapped = wrapper.wrap(&public, &key, &mut Seeded(2)).unwrap();
                assert_ne!(wrapper.wrap(&public, &key, &mut Seeded(3)).unwrap(), wrapped);
                assert_eq!(unwrapped(pkcs8, &job(transport, &wrapped, 32)).unwrap(), key.as_bytes());
            }
        }
    }
}

fn sign_job(scheme: SignatureScheme, key: &[u8]) -> SignJob {
    let provider = &rustcrypto::PROVIDER_WITH_LEGACY;
    SignJob::new(provider, MESSAGE.to_vec(), scheme, Purpose::PkiMessage, key).unwrap()
}

// ALG-11: any of the digests with any key
#[test]
fn what_is_signed_here_verifies_with_both_providers() {
    let keys = [
        (RSA_2048_PKCS8, RSA_2048_SPKI),
        (RSA_2050_PKCS8, RSA_2050_SPKI),
        (data!("p256.pkcs8.der"), P256_SPKI),
        (data!("p384.pkcs8.der"), P384_SPKI),
    ];
    for (pkcs8, spki) in keys {
        let key = SoftwareKey::from_pkcs8(pkcs8).unwrap();
        assert_eq!((key.public_key_der(), key.to_pkcs8().as_slice()), (spki, pkcs8));
        let info = SubjectPublicKeyInfo::parse(spki).unwrap();
        for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            let scheme = info.signature_scheme(digest).unwrap();
            let signature = key.sign(&sign_job(scheme, spki), &mut Seeded(1)).unwrap();
            assert_eq!(verify(scheme, spki, &[MESSAGE], signature.as_bytes()), Ok(()), "{scheme:?}");
        }
        for scheme in [SignatureScheme::RsaPss(Digest::Sha256), SignatureScheme::RsaPkcs1(Digest::Sha256)] {
            if info.rsa().is_err() || scheme == SignatureScheme::RsaPss(Digest::Sha256) {
                let refused = key.sign(&sign_job(scheme, spki), &mut Seeded(1)).err();
                assert_eq!(refused, Some(KeyError::Unsupported));
            }
        }
    }
    let key = SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap();
    for (digest, expected) in [
        (Digest::Sha1, data!("sha1.sig")),
        (Digest::Sha256, data!("sha256.sig")),
        (Digest::Sha384, data!("sha384.sig")),
        (Digest::Sha512, data!("sha512.sig")),
    ] {
        let job = sign_job(SignatureScheme::RsaPkcs1(digest), RSA_2048_SPKI);
        assert_eq!(key.sign(&job, &mut Seeded(1)).unwrap().as_bytes(), expected);
    }
}

// ALG-8, R-7.1-1: whatever becomes of a byte of a key, both providers say the same of it, or at least refuse it
#[test]
fn keys_that_are_malformed_inconsistent_or_out_of_bounds_are_refused_as_by_rustcrypto() {
    let both = |der: &[u8]| {
        let own = SoftwareKey::from_pkcs8(der).err();
        assert_eq!(own, rustcrypto::SoftwareKey::from_pkcs8(der).err(), "{der:x?}");
        own
    };
    let invalid = Some(KeyError::Invalid);
    let ed25519 = [0x30, 12, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0];
    assert_eq!(both(&ed25519), Some(KeyError::Unsupported));
    for pkcs8 in [RSA_2048_PKCS8, data!("p256.pkcs8.der"), data!("p384.pkcs8.der")] {
        assert_eq!(both(pkcs8), None);
        assert_eq!(both(&pkcs8[..pkcs8.len() - 1]), invalid);
        assert_eq!(both(&[pkcs8, &[0]].concat()), invalid);
        assert_eq!(both(&[]), invalid);
    }
    assert_eq!(both(data!("rsa1024.pkcs8.der")), invalid);
    assert_eq!(both(data!("rsa2048e3.pkcs8.der")), invalid);
    // version, number, point of a key on a curve; the curve's name
    let p256 = data!("p256.pkcs8.der");
    for (at, byte) in [(33, 2), (40, p256[40] ^ 1), (80, p256[80] ^ 1), (25, 8)] {
        let mut altered = p256.to_vec();
        altered[at] = byte;
        assert!(both(&altered).is_some(), "{at}");
    }
    let equal_primes = data!("rsa2048.equal-primes.pkcs1.der");
    assert_eq!(SoftwareKey::from_pkcs1(equal_primes).err(), invalid);
    let pkcs1 = data!("rsa2048.pkcs1.der");
    for at in [20, 300, 560, 700] {
        let mut altered = pkcs1.to_vec();
        altered[at] ^= 4;
        assert_eq!(SoftwareKey::from_pkcs1(&altered).err(), invalid, "{at}");
    }
    // SEC 1 without a curve, with another version, cut short
    let number = [&[4, 32][..], &[0x11; 32]].concat();
    let p256_name = [0xA0, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
    for (version, rest) in [(1, &[][..]), (2, &p256_name), (1, &p256_name[..6])] {
        let inner = [&[2, 1, version], number.as_slice(), rest].concat();
        let der = [&[0x30, inner.len() as u8], inner.as_slice()].concat();
        assert_eq!(SoftwareKey::from_sec1(&der).err(), invalid);
    }
    let inner = [&[2, 1, 1], number.as_slice(), &p256_name].concat();
    let der = [&[0x30, inner.len() as u8], inner.as_slice()].concat();
    let [own, other] = [
        SoftwareKey::from_sec1(&der).unwrap().to_pkcs8(),
        rustcrypto::SoftwareKey::from_sec1(&der).unwrap().to_pkcs8(),
    ];
    assert_eq!(own, other);
}

#[cfg(feature = "pem")]
#[test]
fn keys_are_read_from_pem_and_written_to_it() {
    for text in [
        include_str!("../rustcrypto/testdata/rsa2048.pkcs8.pem"),
        include_str!("../rustcrypto/testdata/rsa2048.pkcs1.pem"),
    ] {
        let key = SoftwareKey::from_pem(text).unwrap();
        assert_eq!(key.to_pem().as_str(), include_str!("../rustcrypto/testdata/rsa2048.pkcs8.pem"));
    }
    let key = SoftwareKey::from_pem(include_str!("../rustcrypto/testdata/p256.sec1.pem")).unwrap();
    assert_eq!(key.to_pkcs8().as_slice(), data!("p256.pkcs8.der"));
    let encrypted = include_str!("../rustcrypto/testdata/rsa2048.encrypted-pkcs8.pem");
    assert_eq!(SoftwareKey::from_pem(encrypted).err(), Some(KeyError::Unsupported.into()));
}

#[test]
fn generated_keys_have_their_kind_and_can_be_stored() {
    for kind in [KeyType::Rsa(2048), KeyType::EcP256, KeyType::EcP384] {
        let key = SoftwareKey::generate(kind, &mut FailsAfter(0)).unwrap();
        let stored = rustcrypto::SoftwareKey::from_pkcs8(&key.to_pkcs8()).unwrap();
        assert_eq!(stored.public_key_der(), key.public_key_der());
        let again = SoftwareKey::generate(kind, &mut FailsAfter(0)).unwrap();
        assert_ne!(again.public_key_der(), key.public_key_der());
    }
    for bits in [0, 1024, 2047, 8200, usize::MAX] {
        let refused = SoftwareKey::generate(KeyType::Rsa(bits), &mut Seeded(1)).err();
        assert_eq!(refused, Some(KeyError::Invalid), "{bits}");
    }
    let refused = SoftwareKey::generate(KeyType::Rsa(2056), &mut Seeded(1)).err();
    assert_eq!(refused, Some(KeyError::Unsupported));
}

// T50, R-7.1-1
#[test]
fn debug_shows_the_kind_alone_and_a_key_on_a_curve_decrypts_nothing() {
    let key = SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap();
    assert_eq!(format!("{key:?}"), "SoftwareKey(RSA, modulus of 256 bytes)");
    let key = SoftwareKey::from_pkcs8(data!("p256.pkcs8.der")).unwrap();
    assert_eq!(format!("{key:?}"), "SoftwareKey(P256)");
    let refused = key.decrypt(&job(KeyTransport::RsaPkcs1v15, &[1; 256], 16), &mut Seeded(1)).err();
    assert_eq!(refused, Some(KeyError::Unsupported));
}

#[test]
fn a_ring_holds_keys_of_both_providers() {
    let own = SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap();
    let other = rustcrypto::SoftwareKey::from_pkcs8(RSA_2050_PKCS8).unwrap();
    let ring = KeyRing::new(&[&own]).with(&other);
    for key in [RSA_2048_SPKI, RSA_2050_SPKI] {
        assert_eq!(ring.find(key).unwrap().public_key_der(), key);
    }
}

#[test]
fn hashes_ciphers_and_derived_keys_are_those_of_rustcrypto() {
    let data: Vec<u8> = (0..=255).collect();
    for own in PROVIDER_WITH_LEGACY.digests {
        let other = rustcrypto::PROVIDER_WITH_LEGACY.digest(own.id()).unwrap();
        for parts in [&[][..], &[b"abc".as_slice()], &[data.as_slice(), b"", &data[..100]]] {
            assert_eq!(own.digest(parts), other.digest(parts), "{:?}", own.id());
        }
    }
    for own in PROVIDER.ciphers {
        let other = rustcrypto::PROVIDER.cipher(own.id()).unwrap();
        let (key, iv) = (&data[..own.id().key_length()], &data[100..116]);
        for length in [0, 16, 32, 256] {
            let (mut one, mut two) = (data[..length].to_vec(), data[..length].to_vec());
            own.encrypt(key, iv, &mut one).unwrap();
            other.encrypt(key, iv, &mut two).unwrap();
            assert_eq!(one, two, "{:?}", own.id());
            own.decrypt(key, iv, &mut one).unwrap();
            assert_eq!(one, data[..length]);
        }
        for (key, iv, length) in [
            (&data[..15], iv, 32),
            (&data[..33], iv, 32),
            (key, &data[..15], 32),
            (key, iv, 31),
            (key, iv, 1),
        ] {
            let mut blocks = data[..length].to_vec();
            assert!(own.encrypt(key, iv, &mut blocks).is_err() && own.decrypt(key, iv, &mut blocks).is_err());
            assert_eq!(blocks, data[..length]);
        }
    }
}

#[cfg(feature = "pwri")]
#[test]
fn keys_are_derived_from_passwords_as_by_rustcrypto() {
    use crate::crypto::PasswordKdf;
    let pairs: [(&dyn PasswordKdf, &dyn PasswordKdf); 4] = [
        (&PBKDF2_SHA1, &rustcrypto::PBKDF2_SHA1),
        (&PBKDF2_SHA256, &rustcrypto::PBKDF2_SHA256),
        (&PBKDF2_SHA384, &rustcrypto::PBKDF2_SHA384),
        (&PBKDF2_SHA512, &rustcrypto::PBKDF2_SHA512),
    ];
    for (own, other) in pairs {
        assert_eq!(own.prf(), other.prf());
        for password in [&b""[..], b"passwd", &[b'x'; 200]] {
            let (mut one, mut two) = ([0; 32], [1; 32]);
            own.derive(password, b"saltsalt", 10, &mut one);
            other.derive(password, b"saltsalt", 10, &mut two);
            assert_eq!(one, two, "{:?}", own.prf());
        }
    }
}
