//! How many refusals a source gets in a minute: who guesses challenges, or tries what a server makes of altered messages,
//! has to be slow (T1, T8).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sources that are remembered. More are not counted: whoever has so many needs no patience.
const SOURCES: usize = 65_536;
/// How often room is made, where there is none.
const SWEEP: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Counts them.
pub(crate) struct Refusals {
    a_minute: u32,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    /// Until when the refusals of a source count, each for its share of a minute.
    sources: HashMap<u64, Instant>,
    swept: Option<Instant>,
}

impl Refusals {
    /// So many in a minute; 0 for any number.
    pub(crate) fn new(a_minute: u32) -> Self {
        Self { a_minute, counted: Mutex::default() }
    }

    /// How long this source has to wait before it is answered again, if it has to.
    pub(crate) fn wait(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        if self.a_minute == 0 {
            return None;
        }
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *counted.sources.get(&network(source))?;
        // the minute is full, up to the share of one
        let room = MINUTE - self.share();
        until
            .checked_duration_since(now)
            .and_then(|left| left.checked_sub(room))
            .filter(|wait| !wait.is_zero())
    }

    /// A request of this source was refused.
    pub(crate) fn count(&self, source: IpAddr, now: Instant) {
        if self.a_minute == 0 {
            return;
        }
        let share = self.share();
        let Counted { sources, swept } = &mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(source);
        if sources.len() >= SOURCES && !sources.contains_key(&network) {
            if swept.is_some_and(|swept| now.duration_since(swept) < SWEEP) {
                return;
            }
            *swept = Some(now);
            sources.retain(|_, until| *until > now);
            if sources.len() >= SOURCES {
                return;
            }
        }
        let until = sources.entry(network).or_insert(now);
        *until = (*until).max(now) + share;
    }

    fn share(&self) -> Duration {
        MINUTE / self.a_minute.max(1)
    }
}

/// An IPv4 address, or the network of an IPv6 address: 64 bits are for whoever has the network to choose.
fn network(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default() | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    // T8, T48
    #[test]
    fn a_source_waits_after_so_many_refusals_and_no_other_does() {
        let refusals = Refusals::new(5);
        let (one, other, start) = (address("192.0.2.1"), address("192.0.2.2"), Instant::now());
        for _ in 0..5 {
            assert_eq!(refusals.wait(one, start), None);
            refusals.count(one, start);
        }
        assert_eq!(refusals.wait(one, start), Some(Duration::from_secs(12)));
        assert_eq!(refusals.wait(other, start), None);
        assert_eq!(refusals.wait(address("::ffff:192.0.2.1"), start), Some(Duration::from_secs(12)));
        // one more for each fifth of a minute
        let later = start + Duration::from_secs(12);
        assert_eq!(refusals.wait(one, later), None);
        refusals.count(one, later);
        assert!(refusals.wait(one, later).is_some());
        assert_eq!(refusals.wait(one, later + MINUTE), None);
        let unlimited = Refusals::new(0);
        (0..100).for_each(|_| unlimited.count(one, start));
        assert_eq!(unlimited.wait(one, start), None);
    }

    // T48
    #[test]
    fn all_addresses_of_a_network_are_one_source_and_there_are_so_many_sources() {
        let refusals = Refusals::new(1);
        let now = Instant::now();
        refusals.count(address("2001:db8::1"), now);
        assert!(refusals.wait(address("2001:db8::2:3:4:5"), now).is_some());
        assert!(refusals.wait(address("2001:db8:0:1::1"), now).is_none());
        for number in 0..70_000_u32 {
            refusals.count(IpAddr::V4(number.into()), now);
        }
        assert_eq!(refusals.counted.lock().unwrap().sources.len(), SOURCES);
        // room is made of those whose time is over
        let later = now + MINUTE;
        refusals.count(address("2001:db8:0:2::1"), later);
        assert_eq!(refusals.counted.lock().unwrap().sources.len(), 1);
    }
}
