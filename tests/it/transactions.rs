//! The table of transactions on the store in memory. `tests/store_sqlite.rs` runs the same rows on a database.

use crate::transaction_rows::{a_held_request_ends_once, every_row_holds, two_writers_issue_one_certificate};
use scep::server::{MemoryStore, Recorded, Store, Transaction, TransactionKey, Transition};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Stores in memory by their names: what a name was given first stays with it.
fn stores() -> impl Fn(&str) -> Shared {
    let stores: Mutex<HashMap<String, Shared>> = Mutex::default();
    move |name| stores.lock().unwrap().entry(name.to_string()).or_default().clone()
}

/// A store that keeps what a database would: every transaction goes through its stored form.
#[derive(Clone, Default)]
struct Shared(Arc<MemoryStore>);

impl Store for Shared {
    type Error = <MemoryStore as Store>::Error;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Self::Error> {
        let stored = self.0.load(key)?;
        Ok(stored.map(|transaction| Transaction::from_bytes(&transaction.to_bytes()).unwrap()))
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error> {
        self.0.record(transition)
    }
}

// R-2.5-8, R-3.2.1.1-4, R-4.4-2, R-5.2-3, R-5.2-5, E18, E19, T25, T26, cases 40 to 45
#[test]
fn every_row_of_the_transaction_table_holds_in_memory() {
    every_row_holds(stores());
}

// R-2.4-8, R-2.5-8, R-4.4.1-1, case 38, case 42
#[test]
fn a_held_request_ends_once_in_memory() {
    a_held_request_ends_once(stores());
}

// T25, R-5.2-5, E21
#[test]
fn two_writers_at_once_issue_one_certificate_in_memory() {
    two_writers_issue_one_certificate(stores());
}
