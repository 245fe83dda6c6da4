//! Where transactions are kept: any key-value place with compare-and-set.

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
    /// [`Transition::from`]; else changes nothing and says what is stored.
    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error>;
}

/// What became of a [`Transition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The change is made.
    Stored,
    /// Something else was stored meanwhile; it is this, or nothing.
    Conflict(Option<Transaction>),
}

#[cfg(feature = "std")]
pub use memory::{Full, MemoryStore};

#[cfg(feature = "std")]
mod memory {
    use super::{Recorded, Store, Transaction, TransactionKey, Transition};
    use core::fmt;
    use rustls_pki_types::UnixTime;
    use std::collections::HashMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// A store in memory, bounded; it forgets everything when the process ends.
    #[derive(Debug)]
    pub struct MemoryStore {
        transactions: Mutex<HashMap<TransactionKey, Transaction>>,
        capacity: usize,
    }

    impl MemoryStore {
        /// A store for at most `capacity` transactions.
        pub fn new(capacity: usize) -> Self {
            Self { transactions: Mutex::default(), capacity }
        }

        /// Forgets what has expired. Call it now and then.
        pub fn purge(&self, now: UnixTime) {
            self.lock().retain(|_, transaction| now < transaction.expires());
        }

        /// How many transactions are stored.
        pub fn len(&self) -> usize {
            self.lock().len()
        }

        /// Whether nothing is stored.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }

        fn lock(&self) -> MutexGuard<'_, HashMap<TransactionKey, Transaction>> {
            // every change is one insertion, so a panic elsewhere leaves nothing half done
            self.transactions.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Default for MemoryStore {
        /// Ten thousand transactions.
        fn default() -> Self {
            Self::new(10_000)
        }
    }

    /// The store is full: new transactions are refused, known ones go on (T49).
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
            Ok(self.lock().get(key).cloned())
        }

        fn record(&self, transition: &Transition) -> Result<Recorded, Full> {
            let mut transactions = self.lock();
            let stored = transactions.get(transition.key());
            if stored.map(Transaction::revision) != transition.from() {
                return Ok(Recorded::Conflict(stored.cloned()));
            }
            if stored.is_none() && transactions.len() >= self.capacity {
                return Err(Full);
            }
            transactions.insert(transition.key().clone(), transition.to().clone());
            Ok(Recorded::Stored)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::server::conformance::{conformance, samples};

        #[test]
        fn the_memory_store_conforms() {
            conformance(&MemoryStore::default()).unwrap();
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

        #[test]
        fn what_has_expired_can_be_purged() {
            let store = MemoryStore::default();
            let [first, _] = samples().unwrap();
            store.record(&first).unwrap();
            store.purge(first.to().created());
            assert!(!store.is_empty());
            store.purge(first.to().expires());
            assert!(store.is_empty());
        }
    }
}
