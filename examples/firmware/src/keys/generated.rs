//! A key that the device makes at its first start, and keeps. It renews with the same one.

use crate::store;
use core::ffi::CStr;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey};
use scep::crypto::{DecryptJob, KeyError, Rng, SignJob, Signature, Unwrapped};

/// PKCS #8. A product keeps it where nobody reads it.
const KEY: &CStr = c"key";

pub(crate) struct Keys(SoftwareKey);

impl Keys {
    /// A key is stored before it is used: without it a certificate is worth nothing.
    pub(crate) fn new(rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        if let Some(stored) = store::read(KEY) {
            return SoftwareKey::from_pkcs8(&stored).map(Self);
        }
        let key = SoftwareKey::generate(KeyType::Rsa(2048), rng)?;
        if store::write(KEY, &key.to_pkcs8()) { Ok(Self(key)) } else { Err(KeyError::Failed) }
    }

    pub(crate) fn first(&self) -> &[u8] {
        self.0.public_key_der()
    }

    pub(crate) fn next(&self, _: &[u8]) -> &[u8] {
        self.0.public_key_der()
    }

    pub(crate) fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.0.sign(job, rng)
    }

    pub(crate) fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.0.decrypt(job, rng)
    }
}
