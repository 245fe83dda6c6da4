//! Two keys in the image: one in use, and one to renew with.

use crate::rsa::PrivateKey;
use scep::crypto::{DecryptJob, KeyError, Rng, SignJob, Signature, Unwrapped};

/// SubjectPublicKeyInfo of each in DER, and what the arithmetic takes. **Everybody knows these.** A product has them in
/// protected memory, and others on each device.
const BAKED: [(&[u8], PrivateKey<'static>); 2] = [
    (include_bytes!("../../keys/a.spki.der"), PrivateKey(include_bytes!("../../keys/a.primes"))),
    (include_bytes!("../../keys/b.spki.der"), PrivateKey(include_bytes!("../../keys/b.primes"))),
];

pub(crate) struct Keys;

impl Keys {
    pub(crate) fn new(_: &mut Rng<'_>) -> Result<Self, KeyError> {
        Ok(Self)
    }

    /// SubjectPublicKeyInfo of the key to begin with.
    pub(crate) fn first(&self) -> &[u8] {
        BAKED[0].0
    }

    /// SubjectPublicKeyInfo of the key that comes after this one.
    pub(crate) fn next(&self, current: &[u8]) -> &[u8] {
        if current == BAKED[0].0 { BAKED[1].0 } else { BAKED[0].0 }
    }

    pub(crate) fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        find(job.public_key())?.sign(job.digest_info(), rng).map(Signature::new)
    }

    pub(crate) fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        let key = find(job.recipient().public_key().unwrap_or_default())?;
        key.decrypt(job.encrypted_key(), job.key_length(), rng)
    }
}

fn find(public_key: &[u8]) -> Result<PrivateKey<'static>, KeyError> {
    BAKED.iter().find(|(own, _)| *own == public_key).map(|found| found.1).ok_or(KeyError::Unsupported)
}
