//! The key in the secure element. It renews with the same one.

use super::chip::Chip;
use alloc::vec::Vec;
use scep::crypto::{DecryptJob, KeyError, Rng, SignJob, Signature, Unwrapped};

pub(crate) struct Keys {
    chip: Chip,
    public_key: Vec<u8>,
}

impl Keys {
    pub(crate) fn new(_: &mut Rng<'_>) -> Result<Self, KeyError> {
        let mut chip = Chip::new();
        let public_key = chip.public_key();
        if public_key.is_empty() { Err(KeyError::Unavailable) } else { Ok(Self { chip, public_key }) }
    }

    pub(crate) fn first(&self) -> &[u8] {
        &self.public_key
    }

    pub(crate) fn next(&self, _: &[u8]) -> &[u8] {
        &self.public_key
    }

    /// The two halves stand one behind the other here. A step may be kept in between, for as long as the chip takes.
    pub(crate) fn sign(&mut self, job: &SignJob, _: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.chip.begin_signature(job);
        self.chip.signature()
    }

    pub(crate) fn decrypt(&mut self, job: &DecryptJob, _: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.chip.begin_decryption(job);
        Ok(self.chip.content_key())
    }
}
