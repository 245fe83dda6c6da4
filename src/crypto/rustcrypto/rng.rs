//! The caller's generator, bounded.

use crate::crypto::Rng;
use crate::error::RngFailed;
use rand_core::{TryCryptoRng, TryRng};

/// Gives at most `left` bytes and then fails, so that a stuck generator (all zeros, all ones) ends the rejection
/// loops around it instead of running them for ever.
pub(super) struct Bounded<'a> {
    rng: &'a mut Rng<'a>,
    left: usize,
}

impl<'a> Bounded<'a> {
    pub(super) fn new(rng: &'a mut Rng<'_>, bytes: usize) -> Self {
        Self { rng, left: bytes }
    }
}

impl TryRng for Bounded<'_> {
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

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RngFailed> {
        self.left = self.left.checked_sub(dst.len()).ok_or(RngFailed)?;
        self.rng.try_fill_bytes(dst)
    }
}

impl TryCryptoRng for Bounded<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::testing::Counting;

    #[test]
    fn bounded_generator_fails_when_its_bytes_are_used_up() {
        let mut source = Counting::default();
        let mut rng = Bounded::new(&mut source, 12);
        assert_eq!(rng.try_next_u64(), Ok(0x0706_0504_0302_0100));
        assert_eq!(rng.try_fill_bytes(&mut [0; 5]), Err(RngFailed));
        assert_eq!(rng.try_next_u32(), Ok(0x0b0a_0908));
        assert_eq!(rng.try_next_u32(), Err(RngFailed));
    }
}
