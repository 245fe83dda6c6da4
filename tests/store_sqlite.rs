//! The SQLite store of the example server: what the library asks of a store, restarts, and two processes at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

// the server uses more of these
#[path = "../examples/server/held.rs"]
#[allow(dead_code)]
mod held;
#[path = "../examples/server/register.rs"]
#[allow(dead_code)]
mod register;
#[path = "../examples/server/store.rs"]
#[allow(dead_code)]
mod store;

// what the rows of the transaction table are made of
#[path = "it/reading.rs"]
#[allow(dead_code)]
mod reading;
#[path = "it/requests.rs"]
#[allow(dead_code)]
mod requests;
#[path = "it/support.rs"]
#[allow(dead_code)]
mod support;
#[path = "it/transaction_rows.rs"]
mod transaction_rows;

use rusqlite::Connection;
use scep::server::{
    MemoryStore, Recorded, State, Store, Transaction, TransactionKey, Transition, conformance,
};
use std::path::PathBuf;
use std::sync::{Barrier, Mutex};
use std::{fs, thread};
use store::{SqliteStore, StoreError};

/// An empty folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("store_sqlite-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A store that remembers what it was asked to record: the way to transitions from outside the library.
#[derive(Default)]
struct Spy(MemoryStore, Mutex<Vec<Transition>>);

impl Store for Spy {
    type Error = <MemoryStore as Store>::Error;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Self::Error> {
        self.0.load(key)
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error> {
        self.1.lock().unwrap().push(transition.clone());
        self.0.record(transition)
    }
}

/// A transaction that begins as pending, and its change to issued.
fn transitions() -> [Transition; 2] {
    let spy = Spy::default();
    conformance(&spy).unwrap();
    let seen = spy.1.into_inner().unwrap();
    let pending = seen.iter().find(|seen| seen.from().is_none()).unwrap();
    let issued = seen.iter().find(|seen| matches!(seen.to().state(), State::Issued(_))).unwrap();
    assert_eq!(pending.key(), issued.key());
    [pending.clone(), issued.clone()]
}

fn certificates(path: &std::path::Path) -> u32 {
    let connection = Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM certificates", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_sqlite_store_conforms() {
    let path = folder("conforms").join("scep.db");
    conformance(&SqliteStore::open(&path).unwrap()).unwrap();
    assert_eq!(certificates(&path), 1);
}

// T54
#[test]
fn transactions_certificates_and_polls_survive_a_restart() {
    let path = folder("restart").join("scep.db");
    let [pending, issued] = transitions();
    let reopen = || SqliteStore::open(&path).unwrap();
    assert_eq!(reopen().record(&pending).unwrap(), Recorded::Stored);
    assert_eq!(reopen().count_poll(pending.key()).unwrap().polls, 1);
    assert_eq!(reopen().count_poll(pending.key()).unwrap().polls, 2);
    assert_eq!(reopen().load(pending.key()).unwrap().as_ref(), Some(pending.to()));
    assert_eq!(reopen().record(&issued).unwrap(), Recorded::Stored);
    assert_eq!(reopen().load(pending.key()).unwrap().as_ref(), Some(issued.to()));
    assert_eq!(certificates(&path), 1);
}

// T25: a poll that was on its way when another one released the request must not begin to count again
#[test]
fn polls_count_on_while_a_request_is_released_and_begin_anew_with_a_later_one() {
    let path = folder("polls").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, issued] = transitions();
    store.record(&pending).unwrap();
    assert_eq!([1, 2, 3].map(|_| store.count_poll(pending.key()).unwrap().polls), [1, 2, 3]);
    store.record(&issued).unwrap();
    assert_eq!(store.count_poll(pending.key()).unwrap().polls, 4);
    store.purge(issued.to().expires()).unwrap();
    store.record(&pending).unwrap();
    assert_eq!(store.count_poll(pending.key()).unwrap().polls, 1);
}

/// Copies the only transaction so many times, as others of the same key or each of another.
fn copy(path: &std::path::Path, copies: u32, other_signers: bool) {
    let signer = if other_signers { "CAST(printf('%032d', n) AS BLOB)" } else { "signer" };
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {copies})
        INSERT INTO transactions (endpoint, transaction_id, signer, revision, expires, pending, record)
        SELECT endpoint, CAST(n AS BLOB), {signer}, revision, expires, pending, record FROM transactions, numbers"
    );
    assert_eq!(Connection::open(path).unwrap().execute(&sql, []).unwrap(), copies as usize);
}

// T49: four for each key, ten thousand for all
#[test]
fn more_pending_transactions_than_there_is_room_for_are_refused_and_known_ones_go_on() {
    for (name, room, other_signers) in [("full-signer", 4, false), ("full", 10_000, true)] {
        let path = folder(name).join("scep.db");
        let store = SqliteStore::open(&path).unwrap();
        let [pending, issued] = transitions();
        let forget = |id: &[u8]| {
            let connection = Connection::open(&path).unwrap();
            connection.execute("DELETE FROM transactions WHERE transaction_id = ?1", [id]).unwrap();
        };
        store.record(&pending).unwrap();
        copy(&path, room, other_signers);
        // the first one again, for which there is no room now
        forget(pending.key().transaction_id().as_bytes());
        assert!(matches!(store.record(&pending), Err(StoreError::Full)), "{name}");
        assert_eq!(store.load(pending.key()).unwrap(), None);
        // one goes, and the first one has room, and goes on although there is no room for others
        forget(b"1");
        assert_eq!(store.record(&pending).unwrap(), Recorded::Stored);
        assert_eq!(store.record(&pending).unwrap(), Recorded::Conflict(Some(pending.to().clone())));
        assert_eq!(store.record(&issued).unwrap(), Recorded::Stored);
        // what was issued is not pending
        forget(pending.key().transaction_id().as_bytes());
        assert_eq!(store.record(&pending).unwrap(), Recorded::Stored);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder("mode");
    let path = folder.join("scep.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    store.record(&transitions()[0]).unwrap();
    let modes: Vec<u32> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();
    // the database, its log and its index
    assert_eq!(modes, [0o600; 3]);
}

// T25, E21: whoever comes second learns what the first one stored
#[test]
fn of_two_processes_that_make_the_same_change_exactly_one_succeeds() {
    let folder = folder("race");
    for round in 0..20 {
        let path = folder.join(format!("{round}.db"));
        // two connections, as two processes would have
        let stores = [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()];
        for transition in transitions() {
            let start = Barrier::new(2);
            let race = |store: &SqliteStore| {
                start.wait();
                store.record(&transition).unwrap()
            };
            let [one, other] = &stores;
            let outcomes = thread::scope(|scope| {
                [scope.spawn(|| race(one)), scope.spawn(|| race(other))].map(|racer| racer.join().unwrap())
            });
            let conflict = Recorded::Conflict(Some(transition.to().clone()));
            assert_eq!(outcomes.iter().filter(|outcome| **outcome == Recorded::Stored).count(), 1);
            assert_eq!(outcomes.iter().filter(|outcome| **outcome == conflict).count(), 1);
        }
        assert_eq!(certificates(&path), 1);
    }
}

// T49
#[test]
fn what_has_expired_is_purged_and_its_certificate_stays() {
    let path = folder("purge").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, issued] = transitions();
    store.record(&pending).unwrap();
    store.record(&issued).unwrap();
    assert_eq!(store.purge(issued.to().created()).unwrap(), 0);
    assert_eq!(store.purge(issued.to().expires()).unwrap(), 1);
    assert_eq!(store.load(issued.key()).unwrap(), None);
    assert_eq!(certificates(&path), 1);
}

#[test]
fn a_damaged_record_is_an_error_and_no_new_transaction() {
    let path = folder("damaged").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, _] = transitions();
    store.record(&pending).unwrap();
    Connection::open(&path).unwrap().execute("UPDATE transactions SET record = x'53435431'", []).unwrap();
    assert!(matches!(store.load(pending.key()), Err(StoreError::Damaged(_))));
    assert!(matches!(store.record(&pending), Err(StoreError::Damaged(_))));
}

/// Databases by the names of the rows, each opened anew whenever it is asked for.
fn databases(name: &str) -> impl Fn(&str) -> SqliteStore {
    let folder = folder(name);
    move |row| SqliteStore::open(&folder.join(format!("{row}.db"))).unwrap()
}

// R-2.5-8, R-3.2.1.1-4, R-4.4-2, R-5.2-3, R-5.2-5, E18, E19, T25, T26, cases 40 to 45: across a restart at each step
#[test]
fn every_row_of_the_transaction_table_holds_on_sqlite() {
    transaction_rows::every_row_holds(databases("rows"));
}

// R-2.4-8, R-2.5-8, R-4.4.1-1, T54, case 38, case 42, case 45
#[test]
fn a_held_request_ends_once_on_sqlite() {
    transaction_rows::a_held_request_ends_once(databases("held"));
}

// T25, R-5.2-5, E21: two servers on one file
#[test]
fn two_writers_at_once_issue_one_certificate_on_sqlite() {
    transaction_rows::two_writers_issue_one_certificate(databases("writers"));
}
