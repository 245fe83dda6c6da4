use super::*;
use crate::crypto::rustcrypto::testing::{FailsAfter, RSA_2048_SPKI, Seeded, Stuck, unhex};
use crate::crypto::rustcrypto::{KeyType, PROVIDER, SoftwareKey};
use crate::crypto::{DecryptJob, Digest, KeyTransport, Purpose, Recipient, SignJob};
use crate::error::Unsupported;
use crate::wire::public_key::encode_ec;
use alloc::format;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivateSec1KeyDer};

const MESSAGE: &[u8] = b"signed by another implementation";
const REFUSED: Result<(), Error> = Err(Error::BadSignature(BadSignature::Signature));

const P256_PKCS8: &[u8] = include_bytes!("testdata/p256.pkcs8.der");
const P256_SPKI: &[u8] = include_bytes!("testdata/p256.spki.der");
const P384_PKCS8: &[u8] = include_bytes!("testdata/p384.pkcs8.der");
const P384_SPKI: &[u8] = include_bytes!("testdata/p384.spki.der");

fn public(der: &[u8]) -> SubjectPublicKeyInfo<'_> {
    SubjectPublicKeyInfo::parse(der).unwrap()
}

fn sign_job(scheme: SignatureScheme, key: &[u8]) -> SignJob {
    SignJob::new(&PROVIDER, MESSAGE.to_vec(), scheme, Purpose::PkiMessage, key).unwrap()
}

// ALG-11: any of the digests with either curve
#[test]
fn ecdsa_signatures_of_openssl_verify_with_their_own_digest_only() {
    let curves: [(&[u8], [&[u8]; 3]); 2] = [
        (
            P256_SPKI,
            [
                include_bytes!("testdata/p256.sha256.sig"),
                include_bytes!("testdata/p256.sha384.sig"),
                include_bytes!("testdata/p256.sha512.sig"),
            ],
        ),
        (
            P384_SPKI,
            [
                include_bytes!("testdata/p384.sha256.sig"),
                include_bytes!("testdata/p384.sha384.sig"),
                include_bytes!("testdata/p384.sha512.sig"),
            ],
        ),
    ];
    let verifiers = [&ECDSA_SHA256, &ECDSA_SHA384, &ECDSA_SHA512];
    for (key, signatures) in curves {
        for (own, verifier) in verifiers.iter().enumerate() {
            for (other, signature) in signatures.iter().enumerate() {
                let result = verifier.verify(&public(key), &[&MESSAGE[..7], &MESSAGE[7..]], signature);
                assert_eq!(result, if own == other { Ok(()) } else { REFUSED });
            }
            assert_eq!(verifier.verify(&public(key), &[b"else"], signatures[own]), REFUSED);
        }
    }
    assert_eq!(ECDSA_SHA256.verify(&public(P256_SPKI), &[MESSAGE], curves[1].1[0]), REFUSED);
    assert_eq!(ECDSA_SHA256.verify(&public(P384_SPKI), &[MESSAGE], curves[0].1[0]), REFUSED);
}

#[cfg(feature = "legacy")]
#[test]
fn signatures_of_openssl_with_sha1_verify() {
    let verifier = &crate::crypto::rustcrypto::ECDSA_SHA1;
    let p256 = include_bytes!("testdata/p256.sha1.sig");
    assert_eq!(verifier.verify(&public(P256_SPKI), &[MESSAGE], p256), Ok(()));
    let p384 = include_bytes!("testdata/p384.sha1.sig");
    assert_eq!(verifier.verify(&public(P384_SPKI), &[MESSAGE], p384), Ok(()));
}

// RFC 6979 appendix A.2.5 and A.2.6: "sample", with the digest of the curve's own size
#[test]
fn signatures_are_those_of_rfc_6979() {
    let p256 = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let key = EcKey::from_number(EcCurve::P256, &p256).unwrap();
    let signature = key.sign(SHA256.digest(&[b"sample"]).as_bytes()).unwrap();
    assert_eq!(
        signature,
        unhex(
            "3046 022100 EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
                  022100 F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
        )
    );
    let p384 = unhex(
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8
         96D5724E4C70A825F872C9EA60D2EDF5",
    );
    let key = EcKey::from_number(EcCurve::P384, &p384).unwrap();
    let signature = key.sign(SHA384.digest(&[b"sample"]).as_bytes()).unwrap();
    assert_eq!(
        signature,
        unhex(
            "3066 023100 94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C
                         81A648152E44ACF96E36DD1E80FABE46
                  023100 99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F
                         A329C145786E679E7B82C71A38628AC8"
        )
    );
}

// ALG-11
#[test]
fn what_is_signed_here_verifies_here() {
    for (pkcs8, spki) in [(P256_PKCS8, P256_SPKI), (P384_PKCS8, P384_SPKI)] {
        let key = SoftwareKey::from_pkcs8(pkcs8).unwrap();
        assert_eq!(key.public_key_der(), spki);
        for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            let job = sign_job(SignatureScheme::Ecdsa(digest), spki);
            // no generator is asked
            let signature = key.sign(&job, &mut FailsAfter(0)).unwrap();
            job.check(&PROVIDER, &signature).unwrap();
        }
        let rsa = sign_job(SignatureScheme::RsaPkcs1(Digest::Sha256), spki);
        assert_eq!(key.sign(&rsa, &mut Seeded(1)).err(), Some(KeyError::Unsupported));
    }
}

#[test]
fn signatures_that_are_not_der_or_out_of_range_are_refused() {
    let right = include_bytes!("testdata/p256.sha256.sig");
    let order = unhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    let over = [unhex("3026 022100"), order, unhex("020101")].concat();
    let mut longer = right.to_vec();
    longer[1] += 1;
    longer.push(0);
    let long_form = [&[0x30, 0x81], &right[1..]].concat();
    for wrong in [
        &[][..],
        &[0x30, 0],
        &unhex("3006 020100 020101"),
        &unhex("3006 020101 020100"),
        &unhex("3006 020101 0201FF"),
        &over,
        &longer,
        &long_form,
        &[right.as_slice(), &[0]].concat(),
        &right[..right.len() - 1],
        &[1; 64],
    ] {
        assert_eq!(ECDSA_SHA256.verify(&public(P256_SPKI), &[MESSAGE], wrong), REFUSED, "{wrong:x?}");
    }
}

// T41
#[test]
fn points_off_the_curve_are_refused() {
    for (curve, spki) in [(EcCurve::P256, P256_SPKI), (EcCurve::P384, P384_SPKI)] {
        let right = public(spki).ec().unwrap().point.to_vec();
        let mut off = right.clone();
        *off.last_mut().unwrap() ^= 1;
        let mut zero = vec![0; right.len()];
        zero[0] = 4;
        let mut above = vec![0xFF; right.len()];
        above[0] = 4;
        for point in [off, zero, above] {
            let der = encode_ec(curve, &point);
            let verified = ECDSA_SHA256.verify(&public(&der), &[MESSAGE], &[0x30, 0]);
            assert_eq!(verified, Err(InvalidMessage::PublicKey.into()));
        }
    }
    let rsa = ECDSA_SHA256.verify(&public(RSA_2048_SPKI), &[MESSAGE], &[0x30, 0]);
    assert_eq!(rsa, Err(Unsupported::PublicKey.into()));
}

#[test]
fn keys_of_openssl_are_read_in_each_form_and_written_as_pkcs8() {
    let forms = [
        (P256_PKCS8, P256_SPKI, include_str!("testdata/p256.sec1.pem")),
        (P384_PKCS8, P384_SPKI, include_str!("testdata/p384.sec1.pem")),
    ];
    for (pkcs8, spki, pem) in forms {
        let sec1: Vec<u8> = {
            let key = SoftwareKey::from_pkcs8(pkcs8).unwrap();
            assert_eq!((key.to_pkcs8().as_slice(), key.public_key_der()), (pkcs8, spki));
            // ECPrivateKey out of PKCS #8, with its curve put in
            let curve = public(spki).ec().unwrap().curve;
            let name = [&[6, curve.oid().as_bytes().len() as u8], curve.oid().as_bytes()].concat();
            let number = [&[4, curve.field_length() as u8], number(pkcs8, curve)].concat();
            let head = [&[2, 1, 1], number.as_slice(), &[0xA0, name.len() as u8], &name].concat();
            [&[0x30, head.len() as u8], head.as_slice()].concat()
        };
        let key = SoftwareKey::try_from(&PrivateKeyDer::from(PrivateSec1KeyDer::from(sec1))).unwrap();
        assert_eq!(key.to_pkcs8().as_slice(), pkcs8);
        #[cfg(feature = "pem")]
        assert_eq!(SoftwareKey::from_pem(pem).unwrap().to_pkcs8().as_slice(), pkcs8);
        #[cfg(not(feature = "pem"))]
        let _ = pem;
    }
}

/// The number of a private key in PKCS #8 of OpenSSL: behind version, algorithm, two headers and another version.
fn number(pkcs8: &[u8], curve: EcCurve) -> &[u8] {
    let start = match curve {
        EcCurve::P256 => 36,
        EcCurve::P384 => 35,
    };
    &pkcs8[start..start + curve.field_length()]
}

#[test]
fn malformed_and_inconsistent_keys_are_invalid() {
    let invalid = Some(KeyError::Invalid);
    // another number, another point, the curve of PKCS #8 against the length, cut off, a byte behind
    let with = |at: usize, value: u8| {
        let mut altered = P256_PKCS8.to_vec();
        altered[at] = value;
        SoftwareKey::from_pkcs8(&altered).err()
    };
    assert_eq!(with(40, P256_PKCS8[40] ^ 1), invalid);
    assert_eq!(with(80, P256_PKCS8[80] ^ 1), invalid);
    assert_eq!(with(33, 2), invalid);
    assert_eq!(SoftwareKey::from_pkcs8(&P256_PKCS8[..100]).err(), invalid);
    assert_eq!(SoftwareKey::from_pkcs8(&[P256_PKCS8, &[0]].concat()).err(), invalid);
    // the last arc of the curve's name
    assert_eq!(with(25, 8), Some(KeyError::Unsupported));

    for (number, expected) in [
        ("00".repeat(32), invalid),
        ("FF".repeat(32), invalid),
        (format!("{}01", "00".repeat(31)), None),
        ("11".repeat(31), invalid),
        ("11".repeat(33), invalid),
    ] {
        let key = EcKey::from_number(EcCurve::P256, &unhex(&number)).map(drop);
        assert_eq!(key.err(), expected, "{number}");
    }
    // SEC 1: no curve; another version; another curve than PKCS #8 says
    let number = [&[4, 32][..], &[0x11; 32]].concat();
    let p384 = [0xA0, 7, 6, 5, 0x2B, 0x81, 4, 0, 34];
    for (version, rest) in
        [(1, &[][..]), (2, &[0xA0, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]), (1, &p384)]
    {
        let inner = [&[2, 1, version], number.as_slice(), rest].concat();
        let der = [&[0x30, inner.len() as u8], inner.as_slice()].concat();
        assert_eq!(SoftwareKey::from_sec1(&der).err(), invalid);
    }
    assert_eq!(SoftwareKey::from_sec1(&[]).err(), invalid);
}

#[test]
fn generated_keys_sign_and_can_be_stored() {
    for (key_type, curve) in [(KeyType::EcP256, EcCurve::P256), (KeyType::EcP384, EcCurve::P384)] {
        let key = SoftwareKey::generate(key_type, &mut Seeded(42)).unwrap();
        assert_eq!(public(key.public_key_der()).ec().unwrap().curve, curve);
        let job = sign_job(SignatureScheme::Ecdsa(Digest::Sha256), key.public_key_der());
        job.check(&PROVIDER, &key.sign(&job, &mut Seeded(1)).unwrap()).unwrap();
        let stored = SoftwareKey::from_pkcs8(&key.to_pkcs8()).unwrap();
        assert_eq!(stored.public_key_der(), key.public_key_der());
        let other = SoftwareKey::generate(key_type, &mut Seeded(43)).unwrap();
        assert_ne!(other.public_key_der(), key.public_key_der());
        // no bytes, and bytes that are out of range for ever
        for rng in [&mut FailsAfter(20) as &mut Rng<'_>, &mut Stuck(0), &mut Stuck(0xFF)] {
            assert_eq!(SoftwareKey::generate(key_type, rng).err(), Some(KeyError::RandomFailed));
        }
    }
}

#[test]
fn a_key_on_a_curve_decrypts_nothing_and_shows_nothing() {
    let key = SoftwareKey::from_pkcs8(P256_PKCS8).unwrap();
    let nobody = Recipient::new(CertificateDer::from(Vec::new()));
    for transport in [KeyTransport::RsaPkcs1v15, KeyTransport::RsaOaepSha256] {
        let job = DecryptJob::new(vec![1; 256], transport, 16, nobody.clone());
        assert_eq!(key.decrypt(&job, &mut Seeded(1)).err(), Some(KeyError::Unsupported));
    }
    assert_eq!(format!("{key:?}"), "SoftwareKey(P256)");
}
