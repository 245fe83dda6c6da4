//! Random numbers come from the caller and may fail (RFC 8894 section 3.2.1.5, RFC 5652 section 14).

use crate::error::RngFailed;
use core::fmt;
use rand_core::{TryCryptoRng, TryRng};

/// What every step that draws random bytes asks for. Object safe; `&mut Random::new(rng)` makes one of any
/// [`rand_core::TryCryptoRng`].
pub type Rng<'a> = dyn TryCryptoRng<Error = RngFailed> + 'a;

/// Wraps any cryptographic generator, so that its own error type becomes [`RngFailed`].
///
/// ```
/// # #[cfg(feature = "getrandom")] {
/// use scep::crypto::Random;
/// let mut rng = Random::new(getrandom::SysRng);
/// # }
/// ```
pub struct Random<R>(R);

impl<R: TryCryptoRng> Random<R> {
    /// Wraps `rng`.
    pub const fn new(rng: R) -> Self {
        Self(rng)
    }
}

#[cfg(feature = "getrandom")]
impl Random<getrandom::SysRng> {
    /// The operating system's generator.
    pub const fn system() -> Self {
        Self(getrandom::SysRng)
    }
}

impl<R> fmt::Debug for Random<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(..)")
    }
}

impl<R: TryCryptoRng> TryRng for Random<R> {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        self.0.try_next_u32().map_err(|_| RngFailed)
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        self.0.try_next_u64().map_err(|_| RngFailed)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RngFailed> {
        self.0.try_fill_bytes(dst).map_err(|_| RngFailed)
    }
}

impl<R: TryCryptoRng> TryCryptoRng for Random<R> {}

/// `N` fresh random bytes.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn random_array<const N: usize>(rng: &mut Rng<'_>) -> Result<[u8; N], RngFailed> {
    let mut bytes = [0; N];
    rng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}
