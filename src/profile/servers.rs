//! Several servers for one profile.

use crate::crypto::{Rng, random};
use crate::error::RngFailed;
use crate::transport::ScepUrl;
use alloc::vec::Vec;

/// In which order the servers of a profile are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServerOrder {
    /// As the profile lists them.
    #[default]
    AsGiven,
    /// In an order of the device's own, so that a fleet spreads over them.
    Shuffled,
    /// The first one and no other, as iOS does it.
    First,
}

/// The servers of a profile: one is followed by the next between enrolments, and never within one.
///
/// Servers behind a list often do not know of each other: an answer to GetCACert of one and a PKIOperation to the other
/// fails. So [`Self::attempt`] gives out one URL for a whole enrolment, from GetCACaps to the CertRep, polls included, and
/// no other can be had before that [`Attempt`] has ended.
///
/// ```
/// use scep::profile::{ServerList, ServerOrder};
///
/// # fn main() -> Result<(), scep::Error> {
/// let urls = vec!["http://one.example/scep".parse()?, "http://two.example/scep".parse()?];
/// let mut servers = ServerList::in_order(urls);
/// let attempt = servers.attempt().expect("none has failed yet");
/// assert_eq!(attempt.url().host(), "one.example");
/// attempt.failed(); // no answer at all
/// assert_eq!(servers.attempt().expect("one is left").url().host(), "two.example");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServerList {
    urls: Vec<ScepUrl>,
    /// The next one to try; behind the last when all have failed.
    next: usize,
}

impl ServerList {
    /// These servers in this order.
    pub fn in_order(urls: Vec<ScepUrl>) -> Self {
        Self { urls, next: 0 }
    }

    /// These servers in an order of chance: each order is as likely as any other.
    pub fn shuffled(mut urls: Vec<ScepUrl>, rng: &mut Rng<'_>) -> Result<Self, RngFailed> {
        // Fisher and Yates, from the end
        for last in (1..urls.len()).rev() {
            urls.swap(last, below(last.saturating_add(1), rng)?);
        }
        Ok(Self::in_order(urls))
    }

    /// Begins an enrolment or a renewal with the server whose turn it is; `None` when all have failed since
    /// [`Self::start_over`].
    pub fn attempt(&mut self) -> Option<Attempt<'_>> {
        if self.next < self.urls.len() { Some(Attempt { list: self }) } else { None }
    }

    /// Gives all servers another chance, after a pause.
    pub fn start_over(&mut self) {
        self.next = 0;
    }
}

/// One enrolment with one server. Dropping it says nothing about the server, which stays the one whose turn it is.
#[derive(Debug)]
pub struct Attempt<'a> {
    list: &'a mut ServerList,
}

impl Attempt<'_> {
    /// The server for every message of this enrolment.
    pub fn url(&self) -> &ScepUrl {
        // `ServerList::attempt` has looked, and the list is borrowed since
        #[allow(clippy::indexing_slicing, reason = "it is there")]
        &self.list.urls[self.list.next]
    }

    /// The server answered, with a certificate or a signed refusal: no other would say anything else, and the next
    /// enrolment begins with this one.
    pub fn answered(self) {
        // the others keep their order
        if let Some(tried) = self.list.urls.get_mut(..=self.list.next) {
            tried.rotate_right(1);
        }
        self.list.next = 0;
    }

    /// The server did not answer, or not so that it could be believed: the next enrolment, with a transactionID of its
    /// own, goes to the next one.
    pub fn failed(self) {
        self.list.next = self.list.next.saturating_add(1);
    }
}

/// A number below `end`, each as likely as any other.
fn below(end: usize, rng: &mut Rng<'_>) -> Result<usize, RngFailed> {
    // 64 bits more than any list is long: the bias of the remainder is below 2^-64
    let number = u128::from_le_bytes(random::random_array::<16>(rng)?);
    let end = u128::try_from(end).unwrap_or(u128::MAX).max(1);
    Ok(usize::try_from(number.checked_rem(end).unwrap_or_default()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Random;
    use alloc::format;
    use alloc::string::{String, ToString};
    use core::convert::Infallible;
    use rand_core::{TryCryptoRng, TryRng};

    fn urls(count: usize) -> Vec<ScepUrl> {
        (0..count).map(|n| format!("http://s{n}.test/scep").parse().unwrap()).collect()
    }

    fn host(servers: &mut ServerList) -> Option<String> {
        servers.attempt().map(|attempt| attempt.url().host().to_string())
    }

    // A41
    #[test]
    fn servers_are_tried_one_after_the_other_and_a_good_one_stays() {
        let mut servers = ServerList::in_order(urls(3));
        assert_eq!(host(&mut servers).as_deref(), Some("s0.test"));
        // nothing was said about it
        assert_eq!(host(&mut servers).as_deref(), Some("s0.test"));
        servers.attempt().unwrap().failed();
        servers.attempt().unwrap().failed();
        assert_eq!(host(&mut servers).as_deref(), Some("s2.test"));
        servers.attempt().unwrap().answered();
        assert_eq!(host(&mut servers).as_deref(), Some("s2.test"));
        (0..3).for_each(|_| servers.attempt().unwrap().failed());
        assert!(servers.attempt().is_none());
        servers.start_over();
        assert_eq!(host(&mut servers).as_deref(), Some("s2.test"));
        assert!(ServerList::in_order(Vec::new()).attempt().is_none());
    }

    struct Counter(u64);

    impl TryRng for Counter {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            self.try_next_u64().map(|number| number as u32)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            Ok(self.0 >> 20)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            for byte in bytes {
                *byte = self.try_next_u64()? as u8;
            }
            Ok(())
        }
    }

    impl TryCryptoRng for Counter {}

    // A41
    #[test]
    fn a_shuffled_list_has_every_server_once_and_begins_with_any() {
        let mut rng = Random::new(Counter(1));
        let mut first = [0; 4];
        for _ in 0..400 {
            let servers = ServerList::shuffled(urls(4), &mut rng).unwrap();
            let mut sorted = servers.urls.clone();
            sorted.sort_by(|one, other| one.as_str().cmp(other.as_str()));
            assert_eq!(sorted, urls(4));
            first[urls(4).iter().position(|url| *url == servers.urls[0]).unwrap()] += 1;
        }
        assert!(first.iter().all(|count| (60..=140).contains(count)), "{first:?}");
    }
}
