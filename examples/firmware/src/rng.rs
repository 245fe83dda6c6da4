//! Random numbers: SHA-256 over a seed, which is replaced after each draw.
//!
//! **For the demonstration.** The seed comes from the host, in a file, and is the only entropy. A product reads the
//! generator of its chip here, and fails when its health tests do.

use crate::meter::{Work, during};
use crate::store;
use scep::crypto::DigestAlgorithm;
use scep::crypto::rand_core::{TryCryptoRng, TryRng};
use scep::crypto::rustcrypto::SHA256;
use scep::error::RngFailed;

pub(crate) struct SeededRng {
    state: [u8; 32],
    broken: bool,
}

impl SeededRng {
    /// `None` without a seed of 32 bytes. A start counts, so that no two draw the same.
    pub(crate) fn new(broken: bool) -> Option<Self> {
        let seed: [u8; 32] = store::raw(c"seed")?.try_into().ok()?;
        let mut rng = Self { state: seed, broken: false };
        let next = rng.block(2);
        if !store::write_raw(c"seed", &next) {
            return None;
        }
        rng.state = rng.block(3);
        rng.broken = broken;
        Some(rng)
    }

    fn block(&self, counter: u8) -> [u8; 32] {
        let mut out = [0; 32];
        let digest = SHA256.digest(&[&self.state, &[counter]]);
        out.iter_mut().zip(digest.as_bytes()).for_each(|(out, byte)| *out = *byte);
        out
    }
}

impl TryRng for SeededRng {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RngFailed> {
        if self.broken {
            return Err(RngFailed);
        }
        during(Work::Program, || {
            for chunk in bytes.chunks_mut(32) {
                let block = self.block(0);
                self.state = self.block(1);
                chunk.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
            }
        });
        Ok(())
    }
}

impl TryCryptoRng for SeededRng {}
