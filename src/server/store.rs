//! Where transactions are kept: any key-value place with compare-and-set.

use super::one_time::{ChallengeId, OneTimeChallenge};
use super::transaction::{Transaction, TransactionKey, Transition};

/// A store, for [`drive`](super::drive()). An asynchronous driver needs no trait: it answers the steps
/// [`Lookup`](super::Lookup) and [`Record`](super::Record) itself, and can still prove its store with
/// [`conformance`](super::conformance()).
pub trait Store {
    /// Why a store did not answer.
    type Error;

    /// What is stored for `key`. An expired transaction may be returned or not.
    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Self::Error>;

    /// Makes the change in one atomic step, durable when this returns, if the stored revision is
    /// [`Transition::from`]; else changes nothing and says what is stored. A [`Transition::challenge`] is part of that
    /// step: its revision has to be as it says too, and both are changed, or neither. One that
    /// [removes](Transition::removes) leaves nothing of the transaction.
    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error>;
}

/// A store that keeps one-time challenges beside transactions, for
/// [`OneTimeChallenges`](super::OneTimeChallenges). [`challenge_conformance`](super::challenge_conformance()) proves one.
pub trait ChallengeStore: Store {
    /// What is stored for `id`. An expired challenge may be returned or not.
    fn load_challenge(&self, id: &ChallengeId) -> Result<Option<OneTimeChallenge>, Self::Error>;

    /// Stores a challenge that was just minted. A store has room for a bounded number of them (T49). One that is there
    /// already stays as it is.
    fn add_challenge(&self, challenge: &OneTimeChallenge) -> Result<(), Self::Error>;
}

/// What became of a [`Transition`].
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and not for long")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The change is made.
    Stored,
    /// Something else was stored meanwhile; for the transaction it is this, or nothing.
    Conflict(Option<Transaction>),
}

#[cfg(feature = "std")]
pub use memory::{Full, MemoryStore};

#[cfg(feature = "std")]
mod memory {
    use super::{
        ChallengeId, ChallengeStore, OneTimeChallenge, Recorded, Store, Transaction, TransactionKey,
        Transition,
    };
    use crate::server::transaction::State;
    use alloc::vec::Vec;
    use core::fmt;
    use rustls_pki_types::UnixTime;
    use std::collections::HashMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// A store in memory, bounded; it forgets everything when the process ends.
    #[derive(Debug)]
    pub struct MemoryStore {
        rows: Mutex<Rows>,
        capacity: usize,
    }

    #[derive(Debug, Default)]
    struct Rows {
        transactions: HashMap<TransactionKey, Transaction>,
        /// Which transactions of a signer were pending when they were last recorded.
        pending: HashMap<[u8; 32], Vec<TransactionKey>>,
        challenges: HashMap<ChallengeId, OneTimeChallenge>,
    }

    /// Transactions of one signer's key that may be pending at the same time (T49).
    const PENDING_OF_SIGNER: usize = 4;

    impl Rows {
        /// Whether `transition` leaves one more transaction pending than its signer may have.
        fn is_one_too_many(&mut self, transition: &Transition) -> bool {
            let (key, now) = (transition.key(), transition.to().created());
            if !is_pending(transition.to()) {
                return false;
            }
            let Some(pending) = self.pending.get_mut(key.signer()) else { return false };
            let stored = &self.transactions;
            pending.retain(|key| stored.get(key).is_some_and(|it| is_pending(it) && now < it.expires()));
            !pending.contains(key) && pending.len() >= PENDING_OF_SIGNER
        }

        fn purge(&mut self, now: UnixTime) {
            let Self { transactions, pending, challenges } = self;
            transactions.retain(|_, transaction| now < transaction.expires());
            pending.retain(|_, keys| {
                keys.retain(|key| transactions.contains_key(key));
                !keys.is_empty()
            });
            challenges.retain(|_, challenge| now < challenge.expires());
        }

        fn insert(&mut self, key: &TransactionKey, transaction: &Transaction) {
            if !is_pending(transaction) {
                self.no_longer_pending(key);
            } else {
                let pending = self.pending.entry(*key.signer()).or_default();
                if !pending.contains(key) {
                    pending.push(key.clone());
                }
            }
            self.transactions.insert(key.clone(), transaction.clone());
        }

        fn remove(&mut self, key: &TransactionKey) {
            self.no_longer_pending(key);
            self.transactions.remove(key);
        }

        fn no_longer_pending(&mut self, key: &TransactionKey) {
            if let Some(pending) = self.pending.get_mut(key.signer()) {
                pending.retain(|other| other != key);
                if pending.is_empty() {
                    self.pending.remove(key.signer());
                }
            }
        }
    }

    fn is_pending(transaction: &Transaction) -> bool {
        matches!(transaction.state(), State::Pending)
    }

    impl MemoryStore {
        /// A store for at most `capacity` transactions, of which four of one signer's key may be pending, and as many
        /// challenges.
        pub fn new(capacity: usize) -> Self {
            Self { rows: Mutex::default(), capacity }
        }

        /// Forgets what has expired. A store that is full does so by itself; one that should be small wants it now and then.
        pub fn purge(&self, now: UnixTime) {
            self.lock().purge(now);
        }

        /// How many transactions are stored.
        pub fn len(&self) -> usize {
            self.lock().transactions.len()
        }

        /// Whether no transaction is stored.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        fn lock(&self) -> MutexGuard<'_, Rows> {
            // what is changed together is changed after the last thing that can fail
            self.rows.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Default for MemoryStore {
        /// Ten thousand transactions.
        fn default() -> Self {
            Self::new(10_000)
        }
    }

    /// The store is full, or as many transactions of the signer are pending as may be: new transactions and challenges are
    /// refused, known ones go on (T49).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Full;

    impl fmt::Display for Full {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("transaction store is full")
        }
    }

    impl core::error::Error for Full {}

    impl Store for MemoryStore {
        type Error = Full;

        fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Full> {
            Ok(self.lock().transactions.get(key).cloned())
        }

        fn record(&self, transition: &Transition) -> Result<Recorded, Full> {
            let mut rows = self.lock();
            let stored = rows.transactions.get(transition.key());
            let change = transition.challenge();
            let challenge = change.and_then(|change| rows.challenges.get(change.id()));
            if stored.map(Transaction::revision) != transition.from()
                || change.is_some_and(|change| challenge.map(OneTimeChallenge::revision) != change.from())
            {
                return Ok(Recorded::Conflict(stored.cloned()));
            }
            // a sealed challenge is new here when it is used
            let (is_new, brings_new) = (stored.is_none(), change.is_some() && challenge.is_none());
            let full = |rows: &Rows| {
                is_new && rows.transactions.len() >= self.capacity
                    || brings_new && rows.challenges.len() >= self.capacity
            };
            if full(&rows) {
                rows.purge(transition.to().created());
            }
            if full(&rows) || rows.is_one_too_many(transition) {
                return Err(Full);
            }
            if transition.removes() {
                rows.remove(transition.key());
            } else {
                rows.insert(transition.key(), transition.to());
            }
            if let Some(change) = change {
                rows.challenges.insert(*change.id(), change.to().clone());
            }
            Ok(Recorded::Stored)
        }
    }

    impl ChallengeStore for MemoryStore {
        fn load_challenge(&self, id: &ChallengeId) -> Result<Option<OneTimeChallenge>, Full> {
            Ok(self.lock().challenges.get(id).cloned())
        }

        fn add_challenge(&self, challenge: &OneTimeChallenge) -> Result<(), Full> {
            let mut rows = self.lock();
            if rows.challenges.len() >= self.capacity && !rows.challenges.contains_key(challenge.id()) {
                return Err(Full);
            }
            rows.challenges.entry(*challenge.id()).or_insert_with(|| challenge.clone());
            Ok(())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::server::conformance::{challenge_conformance, challenge_samples, conformance, samples};
        use crate::server::transaction::Kind;
        use crate::wire::attributes::TransactionId;
        use core::time::Duration;

        #[test]
        fn the_memory_store_conforms() {
            conformance(&MemoryStore::default()).unwrap();
            challenge_conformance(&MemoryStore::default()).unwrap();
        }

        // T49
        #[test]
        fn a_full_store_refuses_new_transactions_only() {
            let store = MemoryStore::new(1);
            let [first, second] = samples().unwrap();
            assert_eq!(store.record(&first), Ok(Recorded::Stored));
            assert_eq!(store.record(&second), Err(Full));
            let mut next = first.clone();
            next.from = Some(1);
            assert_eq!(store.record(&next), Ok(Recorded::Stored));
            assert_eq!(store.len(), 1);
        }

        // T49: nobody has to call `purge`
        #[test]
        fn a_store_that_is_full_forgets_what_has_expired() {
            let store = MemoryStore::new(1);
            let [first, second] = samples().unwrap();
            assert_eq!(store.record(&first), Ok(Recorded::Stored));
            assert_eq!(store.record(&second), Err(Full));
            let (requested, later) = (second.to().requested().clone(), first.to().expires());
            let retention = Duration::from_secs(60);
            let to = Transaction::new(second.key(), Kind::Enrolment, [9; 32], requested, later, retention);
            assert_eq!(store.record(&Transition { to, ..second.clone() }), Ok(Recorded::Stored));
            assert_eq!(store.load(first.key()), Ok(None));
        }

        // T49
        #[test]
        fn of_one_signers_transactions_four_are_pending_at_most() {
            let store = MemoryStore::default();
            let [first, other] = samples().unwrap();
            let another = |number: u8| {
                let id = TransactionId::new([b'a' + number]).unwrap();
                let key = TransactionKey::new("conformance".into(), id, *first.key().signer());
                Transition { key, ..first.clone() }
            };
            let known: Vec<_> = (0..4).map(another).collect();
            assert!(known.iter().all(|transition| store.record(transition) == Ok(Recorded::Stored)));
            assert_eq!(store.record(&another(4)), Err(Full));
            assert_eq!(store.len(), 4);
            assert_eq!(store.record(&other), Ok(Recorded::Stored));
            // what is known goes on, and is counted once
            let again = Transition { from: Some(1), ..known[0].clone() };
            assert_eq!(store.record(&again), Ok(Recorded::Stored));
            let retention = Duration::from_secs(60);
            let refused = first.to().clone().starting_as(State::Rejected, first.to().created(), retention);
            let refused = |number, from| Transition { from, to: refused.clone(), ..another(number) };
            assert_eq!(store.record(&refused(5, None)), Ok(Recorded::Stored));
            assert_eq!(store.record(&another(6)), Err(Full));
            // what is decided makes room for one
            assert_eq!(store.record(&refused(1, Some(1))), Ok(Recorded::Stored));
            assert_eq!(store.record(&another(6)), Ok(Recorded::Stored));
            assert_eq!(store.record(&another(7)), Err(Full));
            // and what has expired for all, purged or not
            let (requested, later) = (first.to().requested().clone(), first.to().expires());
            let to = Transaction::new(first.key(), Kind::Enrolment, [9; 32], requested, later, retention);
            assert_eq!(store.record(&Transition { to, ..another(8) }), Ok(Recorded::Stored));
            store.purge(later);
            let left = store.lock().pending.values().map(Vec::len).sum::<usize>();
            assert_eq!((store.len(), left), (1, 1));
        }

        // T49
        #[test]
        fn a_full_store_takes_no_more_challenges_and_goes_on_with_those_that_it_has() {
            let store = MemoryStore::new(1);
            let [first, second] = challenge_samples().unwrap();
            store.add_challenge(&first).unwrap();
            assert_eq!(store.add_challenge(&second), Err(Full));
            assert_eq!(store.load_challenge(second.id()), Ok(None));
            assert_eq!(store.load_challenge(first.id()), Ok(Some(first)));
        }

        #[test]
        fn what_has_expired_can_be_purged() {
            let store = MemoryStore::default();
            let [first, _] = samples().unwrap();
            store.record(&first).unwrap();
            store.purge(first.to().created());
            assert!(!store.is_empty());
            store.purge(first.to().expires());
            assert!(store.is_empty());

            let [challenge, _] = challenge_samples().unwrap();
            store.add_challenge(&challenge).unwrap();
            store.purge(challenge.expires());
            assert_eq!(store.load_challenge(challenge.id()), Ok(None));
        }
    }
}
