//! How many refusals a source gets in a minute: who guesses challenges, or tries what a server makes of altered messages,
//! has to be slow (T1, T8).
//!
//! A request takes the place of a refusal when the work on it begins, and gives it back if it is not refused. So those that
//! come at the same time count as well: of one source, as many are worked on at once as may be refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout_at;

/// Sources that are remembered. More are not counted: whoever has so many needs no patience.
const SOURCES: usize = 65_536;
/// How often room is made, where there is none.
const SWEEP: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// How long a request waits for others of its source that may not be refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// Unless the operator says otherwise, and then not for this machine.
const A_MINUTE: u32 = 5;

/// Counts them.
pub(crate) struct Refusals {
    a_minute: u32,
    /// Whether this machine is a source like others. Where a proxy stands on it, its address says nothing of who asks.
    loopback: bool,
    counted: Mutex<Counted>,
    /// Tells those that wait that there may be a place.
    left: Notify,
}

#[derive(Default)]
struct Counted {
    sources: HashMap<u64, Source>,
    swept: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Source {
    /// Until when its refusals count, each for its share of a minute, and so do its requests in hand.
    until: Instant,
    in_hand: u32,
}

/// Why a request has to wait.
enum Full {
    /// As many as may be are in hand.
    InHand(Duration),
    Refused(Duration),
}

impl Refusals {
    /// So many in a minute; 0 for any number. Without a number it is five, and any number from this machine.
    pub(crate) fn new(a_minute: Option<u32>) -> Self {
        Self {
            a_minute: a_minute.unwrap_or(A_MINUTE),
            loopback: a_minute.is_some(),
            counted: Mutex::default(),
            left: Notify::new(),
        }
    }

    /// How long this source has to wait before it is answered again, if it has to whatever becomes of its requests in hand.
    pub(crate) fn wait(&self, source: IpAddr, now: Instant) -> Option<Duration> {
        let network = self.network(source)?;
        let Source { until, in_hand } = *self.counted().sources.get(&network)?;
        self.over(until.checked_sub(self.share() * in_hand)?, now)
    }

    /// Waits for a place, and takes it; the error says how long there will be none.
    pub(crate) async fn enter(self: &Arc<Self>, source: IpAddr) -> Result<Place, Duration> {
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            // from before the look, so that none is missed
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            let wait = match self.try_enter(source, Instant::now()) {
                Ok(place) => return Ok(place),
                Err(Full::Refused(wait)) => return Err(wait),
                Err(Full::InHand(wait)) => wait,
            };
            if timeout_at(patience, left).await.is_err() {
                return Err(wait);
            }
        }
    }

    fn try_enter(self: &Arc<Self>, source: IpAddr, now: Instant) -> Result<Place, Full> {
        let refusals = Arc::clone(self);
        let Some(network) = self.network(source) else { return Ok(Place { refusals, network: None }) };
        let mut counted = self.counted();
        let Counted { sources, swept } = &mut *counted;
        if sources.len() >= SOURCES && !sources.contains_key(&network) {
            if swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP) {
                *swept = Some(now);
                sources.retain(|_, source| source.until > now || source.in_hand > 0);
            }
            if sources.len() >= SOURCES {
                return Ok(Place { refusals, network: None });
            }
        }
        let source = sources.entry(network).or_insert(Source { until: now, in_hand: 0 });
        if let Some(wait) = self.over(source.until, now) {
            return Err(if source.in_hand > 0 { Full::InHand(wait) } else { Full::Refused(wait) });
        }
        source.until = source.until.max(now) + self.share();
        source.in_hand += 1;
        Ok(Place { refusals, network: Some(network) })
    }

    fn leave(&self, network: u64, refused: bool, now: Instant) {
        let mut counted = self.counted();
        if let Some(source) = counted.sources.get_mut(&network) {
            source.in_hand = source.in_hand.saturating_sub(1);
            if !refused {
                source.until = source.until.checked_sub(self.share()).unwrap_or(now);
            }
            // who is not refused leaves no trace
            if source.in_hand == 0 && source.until <= now {
                counted.sources.remove(&network);
            }
        }
        drop(counted);
        self.left.notify_waiters();
    }

    /// How long a minute that is full until then has no room for one more.
    fn over(&self, until: Instant, now: Instant) -> Option<Duration> {
        let left = until.checked_duration_since(now)?;
        left.checked_sub(MINUTE - self.share()).filter(|wait| !wait.is_zero())
    }

    fn share(&self) -> Duration {
        MINUTE / self.a_minute.max(1)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An IPv4 address, or the network of an IPv6 address: 64 bits are for whoever has the network to choose. `None` where
    /// it is not counted.
    pub(crate) fn network(&self, source: IpAddr) -> Option<u64> {
        let source = source.to_canonical();
        if self.a_minute == 0 || source.is_loopback() && !self.loopback {
            return None;
        }
        Some(match source {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default() | 1 << 63,
        })
    }
}

/// The place of a request in hand. Dropped, it is free again.
pub(crate) struct Place {
    refusals: Arc<Refusals>,
    network: Option<u64>,
}

impl Place {
    /// The request was refused: its place is taken for a while.
    pub(crate) fn refused(mut self) {
        self.give_back(true);
    }

    fn give_back(&mut self, refused: bool) {
        if let Some(network) = self.network.take() {
            self.refusals.leave(network, refused, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    impl Refusals {
        /// One refusal.
        fn count(self: &Arc<Self>, source: IpAddr, now: Instant) {
            let Ok(mut place) = self.try_enter(source, now) else { panic!("{source} has to wait") };
            if let Some(network) = place.network.take() {
                self.leave(network, true, now);
            }
        }

        fn sources(&self) -> usize {
            self.counted().sources.len()
        }
    }

    // T8, T48
    #[test]
    fn a_source_waits_after_so_many_refusals_and_no_other_does() {
        let refusals = Arc::new(Refusals::new(Some(5)));
        let (one, other, start) = (address("192.0.2.1"), address("192.0.2.2"), Instant::now());
        for _ in 0..5 {
            assert_eq!(refusals.wait(one, start), None);
            refusals.count(one, start);
        }
        assert_eq!(refusals.wait(one, start), Some(Duration::from_secs(12)));
        assert!(matches!(refusals.try_enter(one, start), Err(Full::Refused(_))));
        assert_eq!(refusals.wait(other, start), None);
        assert!(refusals.try_enter(other, start).is_ok());
        assert_eq!(refusals.wait(address("::ffff:192.0.2.1"), start), Some(Duration::from_secs(12)));
        // one more for each fifth of a minute
        let later = start + Duration::from_secs(12);
        assert_eq!(refusals.wait(one, later), None);
        refusals.count(one, later);
        assert!(refusals.wait(one, later).is_some());
        assert_eq!(refusals.wait(one, later + MINUTE), None);
        let unlimited = Arc::new(Refusals::new(Some(0)));
        (0..100).for_each(|_| unlimited.count(one, start));
        assert_eq!((unlimited.wait(one, start), unlimited.sources()), (None, 0));
    }

    // T48
    #[test]
    fn all_addresses_of_a_network_are_one_source_and_there_are_so_many_sources() {
        let refusals = Arc::new(Refusals::new(Some(1)));
        let now = Instant::now();
        refusals.count(address("2001:db8::1"), now);
        assert!(refusals.wait(address("2001:db8::2:3:4:5"), now).is_some());
        assert!(refusals.wait(address("2001:db8:0:1::1"), now).is_none());
        for number in 0..70_000_u32 {
            refusals.count(IpAddr::V4(number.into()), now);
        }
        assert_eq!(refusals.sources(), SOURCES);
        // room is made of those whose time is over
        let later = now + MINUTE;
        refusals.count(address("2001:db8:0:2::1"), later);
        assert_eq!(refusals.sources(), 1);
    }

    // T8: else who asks many times at once is refused many times
    #[test]
    fn requests_in_hand_take_the_places_of_refusals_until_they_are_none() {
        let refusals = Arc::new(Refusals::new(Some(2)));
        let (source, now) = (address("192.0.2.1"), Instant::now());
        let enter = || refusals.try_enter(source, now);
        let places = [enter(), enter()].map(|place| place.ok().unwrap());
        assert!(matches!(enter(), Err(Full::InHand(_))));
        // nobody knows yet what becomes of them
        assert_eq!(refusals.wait(source, now), None);
        drop(places);
        assert_eq!(refusals.sources(), 0);
        for _ in 0..2 {
            enter().ok().unwrap().refused();
        }
        assert!(matches!(enter(), Err(Full::Refused(_))));
        assert!(refusals.wait(source, now).is_some());
    }

    // T8: whoever waits for others in hand goes on when they were not refused, and not otherwise
    #[test]
    fn a_request_waits_for_others_of_its_source() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
        for refused in [false, true] {
            let refusals = Arc::new(Refusals::new(Some(1)));
            let source = address("192.0.2.1");
            let first = refusals.try_enter(source, Instant::now()).ok().unwrap();
            let own = Arc::clone(&refusals);
            let second = runtime.spawn(async move { own.enter(source).await.is_ok() });
            // until it waits, or a little longer
            std::thread::sleep(Duration::from_millis(50));
            assert!(!second.is_finished());
            if refused {
                first.refused()
            } else {
                drop(first)
            }
            assert_eq!(runtime.block_on(second).unwrap(), !refused);
        }
    }

    // where a proxy stands on this machine, everybody comes from it
    #[test]
    fn this_machine_is_counted_only_where_the_operator_names_a_number() {
        let now = Instant::now();
        for (a_minute, counted) in [(None, false), (Some(5), true)] {
            let refusals = Arc::new(Refusals::new(a_minute));
            for source in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].map(address) {
                let waits = || refusals.wait(source, now).is_some();
                (0..100).take_while(|_| !waits()).for_each(|_| refusals.count(source, now));
                assert_eq!(waits(), counted, "{source}");
            }
            let other = address("192.0.2.1");
            (0..5).for_each(|_| refusals.count(other, now));
            assert!(refusals.wait(other, now).is_some());
        }
    }
}
