use super::*;
use crate::crypto::rustcrypto::testing::{RSA_2048_SPKI, Seeded};
use crate::crypto::rustcrypto::{RSA_PKCS1_SHA256, SHA256};
use crate::crypto::{Digest, DigestAlgorithm, Verifier};
use crate::error::BadSignature;
use crate::wire::public_key::SubjectPublicKeyInfo;

const MESSAGE: &[u8] = b"signed by another implementation";

// T42, ALG-2, ALG-7: the encoding is compared as a whole, so nothing can hide in it.
#[test]
fn verifier_refuses_signatures_over_any_other_encoding() {
    let key = RsaKey::from_pkcs1(include_bytes!("testdata/rsa2048.pkcs1.der")).unwrap();
    let public = SubjectPublicKeyInfo::parse(RSA_2048_SPKI).unwrap();
    let info = Digest::Sha256.digest_info(SHA256.digest(&[MESSAGE]).as_bytes());
    let standard = signature_block(&info, 256).unwrap();
    let verify = |block: &[u8]| {
        let value = integer(block, &key.0).unwrap();
        let signature = key.private_operation(&value, &mut Seeded(3)).unwrap();
        RSA_PKCS1_SHA256.verify(&public, &[MESSAGE], &signature)
    };
    assert_eq!(verify(&standard), Ok(()));

    // Short padding and garbage after the digest (Bleichenbacher 2006).
    let mut garbage = [&[0, 1][..], &[0xff; 8], &[0], &info].concat();
    garbage.resize(256, 0x77);
    // Parameters absent instead of NULL in the DigestInfo.
    let absent = [&[0x30, 0x2f, 0x30, 0x0b], &info[4..15], &info[17..]].concat();
    let absent = signature_block(&absent, 256).unwrap();
    // The digest alone, without a DigestInfo.
    let bare = signature_block(&info[19..], 256).unwrap();
    let mut block_type = standard.clone();
    block_type[1] = 2;
    let mut padding = standard.clone();
    padding[100] = 0xfe;
    for wrong in [garbage, absent, bare, block_type, padding] {
        assert_eq!(verify(&wrong), Err(BadSignature::Signature.into()));
    }
}
