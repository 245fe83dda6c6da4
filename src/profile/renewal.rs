//! When to renew: at a share of the lifetime, not all devices at once, and not without a clock.

use super::error::ProfileError;
use crate::crypto::{Rng, random};
use crate::error::RngFailed;
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// How much of a certificate's lifetime is left when its renewal begins, 1 to 99 percent. The guide's 20 means: at 80
/// percent of its life.
///
/// ```
/// use scep::pki_types::UnixTime;
/// use scep::profile::{Jitter, RenewalThreshold};
/// use std::time::Duration;
///
/// let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
/// let threshold = RenewalThreshold::new(20).expect("between 1 and 99");
/// assert_eq!(threshold.renew_at(at(1000), at(2000), Jitter::NONE), at(1800));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenewalThreshold(u8);

impl RenewalThreshold {
    /// [`ProfileError::Threshold`] when it is not from 1 to 99.
    pub const fn new(percent: u8) -> Result<Self, ProfileError> {
        match percent {
            1..=99 => Ok(Self(percent)),
            _ => Err(ProfileError::Threshold),
        }
    }

    /// The percentage.
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// When a certificate with this validity is to be renewed: so many percent of it before its end, and later by the
    /// jitter, which is a tenth of that at most. A validity that ends before it begins, or when it begins, is over: that is
    /// its end.
    ///
    /// Renewals take a new key each time, and go on until they succeed: a failure moves nothing.
    pub fn renew_at(self, not_before: UnixTime, not_after: UnixTime, jitter: Jitter) -> UnixTime {
        let end = not_after.as_secs();
        let window = self.window(not_before, not_after);
        // a tenth of the window is less than the window
        let early = window.saturating_sub(jitter.of(window / 10));
        UnixTime::since_unix_epoch(Duration::from_secs(end.saturating_sub(early)))
    }

    /// What to do about a certificate. `now` is `None` on a board without a clock: then the answer is how long after
    /// its issue the certificate is to be renewed, for those who count the time that they are up, and renew in any case
    /// when they do not know.
    pub fn state(
        self,
        not_before: UnixTime,
        not_after: UnixTime,
        jitter: Jitter,
        now: Option<UnixTime>,
    ) -> RenewalState {
        let at = self.renew_at(not_before, not_after, jitter);
        let Some(now) = now else {
            let after = at.as_secs().saturating_sub(not_before.as_secs());
            return RenewalState::ClockUnknown { after: Duration::from_secs(after) };
        };
        match now.as_secs() {
            seconds if seconds > not_after.as_secs() => RenewalState::Expired,
            seconds if seconds >= at.as_secs() => RenewalState::Due,
            _ => RenewalState::Waits { until: at },
        }
    }

    /// Seconds between the threshold and the end.
    fn window(self, not_before: UnixTime, not_after: UnixTime) -> u64 {
        let life = u128::from(not_after.as_secs().saturating_sub(not_before.as_secs()));
        // less than the life, which fitted
        let window = life.saturating_mul(self.0.into()) / 100;
        u64::try_from(window).unwrap_or(u64::MAX)
    }
}

/// 20 percent, as the guide has it.
impl Default for RenewalThreshold {
    fn default() -> Self {
        Self(20)
    }
}

/// What a [`RenewalThreshold`] says about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenewalState {
    /// Nothing to do yet.
    Waits {
        /// When there is.
        until: UnixTime,
    },
    /// Renew now, under the certificate that is still valid.
    Due,
    /// It is over: nothing is renewed under it, and a new enrolment needs a challenge.
    Expired,
    /// The board has no clock.
    ClockUnknown {
        /// How long after the start of its validity to renew.
        after: Duration,
    },
}

/// How far one device renews behind its threshold, so that a fleet that was enrolled in an hour does not renew in an
/// hour. Choose it once for a certificate: at every look a new one would make the time move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter(u32);

impl Jitter {
    /// At the threshold.
    pub const NONE: Self = Self(0);

    /// Any of 2^32 places; keep it with the certificate.
    pub fn random(rng: &mut Rng<'_>) -> Result<Self, RngFailed> {
        random::random_array::<4>(rng).map(|bytes| Self(u32::from_le_bytes(bytes)))
    }

    /// A place that follows from bytes, for those who keep nothing: a certificate's
    /// [signature](crate::wire::Certificate::signature) is another for each.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // FNV-1a, and its bits mixed: spreads, and hides nothing
        let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
        });
        let [high @ .., _, _, _, _] = (hash ^ (hash >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        Self(u32::from_be_bytes(high))
    }

    /// The share of `most` that it stands for.
    fn of(self, most: u64) -> u64 {
        let share = u128::from(most).saturating_mul(self.0.into()) >> 32_u32;
        u64::try_from(share).unwrap_or(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * 24 * 3600;
    /// 2049-12-31 23:59:59: the last second of UTCTime.
    const END_OF_UTC_TIME: u64 = 2_524_607_999;
    /// 9999-12-31 23:59:59.
    const END_OF_TIME: u64 = 253_402_300_799;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn renew(percent: u8, from: u64, to: u64, jitter: Jitter) -> u64 {
        RenewalThreshold::new(percent).unwrap().renew_at(at(from), at(to), jitter).as_secs()
    }

    // A40
    #[test]
    fn a_renewal_begins_at_its_share_of_the_lifetime() {
        for (percent, from, to, expected) in [
            (20, 0, 100, 80),
            (1, 0, 100, 99),
            (99, 0, 100, 1),
            (20, 1_000, 1_001, 1_001),
            (20, 1_000, 1_000, 1_000),
            (20, 2_000, 1_000, 1_000),
            (20, END_OF_UTC_TIME - 99, END_OF_UTC_TIME + 1, END_OF_UTC_TIME - 19),
            (50, 0, END_OF_TIME, END_OF_TIME - END_OF_TIME / 2),
            (99, 0, u64::MAX, u64::MAX - u64::MAX / 100 * 99 - 14),
            (1, u64::MAX - 1, u64::MAX, u64::MAX),
        ] {
            assert_eq!(renew(percent, from, to, Jitter::NONE), expected, "{percent} {from} {to}");
        }
        for percent in [0, 100, 101, 255] {
            assert_eq!(RenewalThreshold::new(percent), Err(ProfileError::Threshold));
        }
        assert_eq!(RenewalThreshold::default().percent(), 20);
    }

    // A40
    #[test]
    fn jitter_is_a_tenth_of_the_window_at_most_and_stays_in_the_lifetime() {
        for percent in [1, 20, 50, 99] {
            for (from, to) in [(0, YEAR), (YEAR, YEAR), (7, 8), (0, u64::MAX), (END_OF_TIME, 0), (0, 1_000)] {
                let plain = renew(percent, from, to, Jitter::NONE);
                let most = renew(percent, from, to, Jitter(u32::MAX));
                assert!((plain..=to).contains(&most) || from > to, "{percent} {from} {to}");
                assert!(most - plain <= (to - plain) / 10, "{percent} {from} {to}");
                for jitter in [1, 77, u32::MAX / 2] {
                    assert!((plain..=most).contains(&renew(percent, from, to, Jitter(jitter))));
                }
            }
        }
        // half of a tenth of 20 percent of 100,000
        assert_eq!(renew(20, 0, 100_000, Jitter(1 << 31)), 81_000);
    }

    #[test]
    fn jitter_of_different_certificates_is_spread_and_stays() {
        let places: alloc::vec::Vec<_> = (0..100_u32).map(|n| Jitter::from_bytes(&n.to_be_bytes())).collect();
        for (index, place) in places.iter().enumerate() {
            assert_eq!(places.iter().position(|other| other == place), Some(index));
        }
        let late = places.iter().filter(|place| place.0 > u32::MAX / 2).count();
        assert!((25..=75).contains(&late), "{late}");
        assert_eq!(Jitter::from_bytes(b"certificate"), Jitter::from_bytes(b"certificate"));
    }

    // A40
    #[test]
    fn a_board_without_a_clock_is_told_so_and_how_long_to_count() {
        let threshold = RenewalThreshold::default();
        let state = |now: Option<u64>| threshold.state(at(1_000), at(2_000), Jitter::NONE, now.map(at));
        assert_eq!(state(None), RenewalState::ClockUnknown { after: Duration::from_secs(800) });
        assert_eq!(state(Some(0)), RenewalState::Waits { until: at(1_800) });
        assert_eq!(state(Some(1_799)), RenewalState::Waits { until: at(1_800) });
        assert_eq!(state(Some(1_800)), RenewalState::Due);
        assert_eq!(state(Some(2_000)), RenewalState::Due);
        assert_eq!(state(Some(2_001)), RenewalState::Expired);
        let odd = threshold.state(at(2_000), at(1_000), Jitter::NONE, None);
        assert_eq!(odd, RenewalState::ClockUnknown { after: Duration::ZERO });
    }
}
