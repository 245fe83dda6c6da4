//! Real hashes and a real cipher, and keys that cost no arithmetic, so that there is time for every fault everywhere.
//! Whoever knows how can sign and decrypt with any key; but a signature is one of the bytes that it was made for, and a
//! wrapped key that was damaged is rejected.

use crate::provider::PROVIDER;
use crate::support::{NOW, Template, tlv};
use scep::Error;
use scep::crypto::{
    ContentKey, DecryptJob, Digest, KeyTransport, KeyWrapper, Provider, Rng, SignJob, Signature,
    SignatureScheme, Unwrapped, Verifier,
};
use scep::error::BadSignature;
use scep::pki_types::CertificateDer;
use scep::wire::public_key::encode_rsa;
use scep::wire::{Oid, SubjectPublicKeyInfo, assemble};
use std::cell::RefCell;

pub(super) static CHEAP: Provider = Provider { wrappers: &[&Wrap], verifiers: &[&Mark], ..PROVIDER };

const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
/// What a key encrypted with RSA of 2048 bits is long, and a signature.
const LENGTH: usize = 256;
const SALT: usize = 8;

thread_local! {
    /// The content keys of this test.
    pub(super) static CONTENT_KEYS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The public key with this number, which looks like one of RSA with 2048 bits; nobody has the private one.
pub(super) fn key(number: u8) -> Vec<u8> {
    // with these last bytes there is no small factor, so the keys are taken for sound ones
    const LAST: [u8; 16] = [23, 1, 37, 19, 1, 19, 1, 23, 1, 1, 1, 1, 1, 19, 19, 1];
    let number = number & 0x0F;
    let modulus = [[0xC0 | number; LENGTH - 1].as_slice(), &[LAST[usize::from(number)]]].concat();
    encode_rsa(&modulus, &[1, 0, 1])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    PROVIDER.sha256(parts).unwrap()
}

fn canonical(key: &SubjectPublicKeyInfo<'_>) -> Vec<u8> {
    key.to_canonical().unwrap()
}

fn signature(key: &SubjectPublicKeyInfo<'_>, parts: &[&[u8]]) -> Vec<u8> {
    hash(&[b"signature", &canonical(key), &hash(parts)]).repeat(LENGTH / 32)
}

pub(super) fn sign(job: &SignJob) -> Signature {
    let key = SubjectPublicKeyInfo::parse(job.public_key()).unwrap();
    Signature::new(signature(&key, &[job.message()]))
}

struct Mark;

impl Verifier for Mark {
    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }

    fn verify(&self, signer: &SubjectPublicKeyInfo<'_>, parts: &[&[u8]], sent: &[u8]) -> Result<(), Error> {
        signer.rsa()?;
        if sent == signature(signer, parts) { Ok(()) } else { Err(BadSignature::Signature.into()) }
    }
}

struct Wrap;

fn mask(key: &SubjectPublicKeyInfo<'_>, salt: &[u8]) -> [u8; 32] {
    hash(&[b"mask", &canonical(key), salt])
}

impl KeyWrapper for Wrap {
    fn id(&self) -> KeyTransport {
        KeyTransport::RsaPkcs1v15
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        content_key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        recipient.rsa()?;
        let content_key = content_key.as_bytes();
        CONTENT_KEYS.with_borrow_mut(|keys| keys.push(content_key.to_vec()));
        let mut salt = [0; SALT];
        rng.try_fill_bytes(&mut salt)?;
        let mut wrapped = salt.to_vec();
        wrapped.extend(content_key.iter().zip(mask(recipient, &salt)).map(|(byte, mask)| byte ^ mask));
        // the rest is a check of all before it
        let check = hash(&[b"check", &canonical(recipient), &wrapped, content_key]);
        wrapped.extend(check.iter().cycle().copied().take(LENGTH - wrapped.len()).collect::<Vec<u8>>());
        Ok(wrapped)
    }
}

pub(super) fn unwrap(job: &DecryptJob) -> Unwrapped {
    let key = SubjectPublicKeyInfo::parse(job.recipient().public_key().unwrap()).unwrap();
    let (sent, length) = (job.encrypted_key(), SALT + job.key_length());
    if sent.len() != LENGTH {
        return Unwrapped::rejected();
    }
    let (head, check) = sent.split_at(length);
    let (salt, masked) = head.split_at(SALT);
    let content_key: Vec<u8> = masked.iter().zip(mask(&key, salt)).map(|(byte, mask)| byte ^ mask).collect();
    let expected = hash(&[b"check", &canonical(&key), head, &content_key]);
    match check.iter().eq(expected.iter().cycle().take(check.len())) {
        true => Unwrapped::bytes(&content_key),
        false => Unwrapped::rejected(),
    }
}

fn algorithm() -> Vec<u8> {
    tlv(0x30, &[&tlv(0x06, &[Oid::SHA256_WITH_RSA.as_bytes()]), &[0x05, 0x00]])
}

fn assemble_by(tbs: &[u8], by: &[u8]) -> Vec<u8> {
    assemble(tbs, SCHEME, &signature(&SubjectPublicKeyInfo::parse(by).unwrap(), &[tbs]))
}

/// A certificate for `key`, signed by `by`.
pub(super) fn certify(template: &Template, key: &[u8], by: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(assemble_by(&template.tbs(key, &algorithm()), by))
}

/// A revocation list of this issuer (DER) with one certificate in it.
pub(super) fn revocation_list(issuer: &[u8], by: &[u8]) -> Vec<u8> {
    let time = tlv(0x18, &[b"20260101000000Z"]);
    let entry = tlv(0x30, &[&[2, 1, 0x7F], &time]);
    let next = tlv(0x18, &[b"20400101000000Z"]);
    let parts: [&[u8]; 6] = [&[2, 1, 1], &algorithm(), issuer, &time, &next, &tlv(0x30, &[&entry])];
    // 2026 was before the day of the tests
    const { assert!(NOW > 1_767_225_600) };
    assemble_by(&tlv(0x30, &parts), by)
}
