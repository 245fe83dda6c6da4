//! The SQLite store of the example server: what the library asks of a store, restarts, and two processes at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests too

// the server uses more of these
#[path = "../examples/server/held.rs"]
#[allow(dead_code)]
mod held;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
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

use held::Asked;
use register::{Revoked, Standing};
use rusqlite::Connection;
use scep::crypto::rustcrypto::PROVIDER;
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::{
    ChallengeId, ChallengeStore, Decide, Identity, MemoryStore, OneTimeChallenge, Recorded, Refusal,
    Responder, ServerConfig, State, Store, Transaction, TransactionKey, Transition, challenge_conformance,
    challenge_samples, conformance, drive,
};
use scep::transport::HttpRequest;
use std::path::{Path, PathBuf};
use std::sync::{Barrier, Mutex};
use std::{fs, thread};
use store::{SqliteStore, StoreError};
use support::{NOW, at};

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

impl ChallengeStore for Spy {
    fn load_challenge(&self, id: &ChallengeId) -> Result<Option<OneTimeChallenge>, Self::Error> {
        self.0.load_challenge(id)
    }

    fn add_challenge(&self, challenge: &OneTimeChallenge) -> Result<(), Self::Error> {
        self.0.add_challenge(challenge)
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

fn certificates(path: &Path) -> u32 {
    let connection = Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM certificates", [], |row| row.get(0)).unwrap()
}

#[test]
fn the_sqlite_store_conforms() {
    let path = folder("conforms").join("scep.db");
    conformance(&SqliteStore::open(&path).unwrap()).unwrap();
    assert_eq!(certificates(&path), 1);
    let path = folder("conforms_challenges").join("scep.db");
    challenge_conformance(&SqliteStore::open(&path).unwrap()).unwrap();
}

// T9: two servers on one store
#[test]
fn of_two_stores_on_one_file_one_reserves_a_challenge() {
    let path = folder("two_challenges").join("scep.db");
    let stores = [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()];
    // the last transitions of a run on a store that conforms: two transactions, each with a challenge
    let spy = Spy::default();
    challenge_conformance(&spy).unwrap();
    let seen = spy.1.into_inner().unwrap();
    let minted = challenge_samples().unwrap()[0].clone();
    let rivals: Vec<Transition> = seen
        .into_iter()
        .filter(|seen| {
            seen.challenge().is_some_and(|change| change.id() == minted.id() && change.from() == Some(1))
        })
        .collect();
    assert_eq!(rivals.len(), 2);
    assert_ne!(rivals[0].key(), rivals[1].key());
    for round in 0..20 {
        let [first, second] = &stores;
        if round > 0 {
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch("DELETE FROM challenges; DELETE FROM transactions;").unwrap();
        }
        first.add_challenge(&minted).unwrap();
        let barrier = Barrier::new(2);
        let stored: Vec<bool> = thread::scope(|scope| {
            let barrier = &barrier;
            let racers = [(first, &rivals[0]), (second, &rivals[1])].map(|(store, rival)| {
                scope.spawn(move || {
                    barrier.wait();
                    store.record(rival).unwrap() == Recorded::Stored
                })
            });
            racers.map(|racer| racer.join().unwrap()).into()
        });
        assert_eq!(stored.iter().filter(|stored| **stored).count(), 1, "{stored:?}");
        assert_eq!(second.load_challenge(minted.id()).unwrap().unwrap().revision(), 2);
        let rows = rivals.iter().filter(|rival| first.load(rival.key()).unwrap().is_some()).count();
        assert_eq!(rows, 1);
    }
}

// T49
#[test]
fn expired_challenges_make_room_and_a_full_store_takes_no_more() {
    let path = folder("challenges_full").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [first, second] = challenge_samples().unwrap();
    store.add_challenge(&first).unwrap();
    let connection = Connection::open(&path).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
        INSERT INTO challenges SELECT randomblob(32), 1, 1800000000, x'' FROM n";
    connection.execute(fill, []).unwrap();
    assert!(matches!(store.add_challenge(&second), Err(StoreError::FullOfChallenges)));
    store.purge(first.expires()).unwrap();
    assert_eq!(store.load_challenge(first.id()).unwrap(), None);
    store.add_challenge(&second).unwrap();
    assert_eq!(store.load_challenge(second.id()).unwrap(), Some(second));
}

// a database of the version before this one has no challenges, and is otherwise the same
#[test]
fn a_database_without_challenges_gets_the_table() {
    let path = folder("version_3").join("scep.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("DROP TABLE challenges; PRAGMA user_version = 3;").unwrap();
    let [first, _] = challenge_samples().unwrap();
    SqliteStore::open(&path).unwrap().add_challenge(&first).unwrap();
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
fn copy(path: &Path, copies: u32, other_signers: bool) {
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

/// Serves a message: what is new is held, and what is held stays so unless the operator refused it.
fn send(store: &SqliteStore, message: &requests::Message, now: u64) {
    let ca = CertificateDer::from(requests::CA_CERTIFICATE.clone());
    let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]);
    let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message.encode());
    let rng = &mut support::seeded(now);
    let exchange = Responder::new(config).unwrap().accept(request, at(now), rng);
    let key = &requests::CA.soft;
    let outcome = drive(exchange, &mut &*key, &mut &*key, store, rng, |question, rng| match question {
        Decide::Enrol(question) => {
            let denied = question.is_held()
                && store.count_poll(question.transaction()).unwrap().approved == Some(false);
            if denied { question.refuse(Refusal::Policy, rng) } else { question.hold(rng) }
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(outcome.reply.status, 200);
}

/// Number and decision of what is held at this time.
fn held_at(store: &SqliteStore, now: u64) -> Vec<(i64, Option<bool>)> {
    store.held(at(now)).unwrap().into_iter().map(|held| (held.number, held.approved)).collect()
}

// R-2.4-8: one transactionID for request after request, as clients have that make it from the key
#[test]
fn a_decision_is_about_one_request_and_not_about_a_later_one_of_the_same_transaction() {
    let store = SqliteStore::open(&folder("later").join("scep.db")).unwrap();
    let other = || requests::with_csr(|csr| csr.subject = support::name("CN=other"));
    send(&store, &requests::pkcs_req(), NOW);
    assert_eq!(held_at(&store, NOW), [(1, None)]);
    store.decide(1, false, at(NOW)).unwrap().unwrap();
    send(&store, &requests::cert_poll(), NOW + 1);
    assert_eq!(held_at(&store, NOW + 1), []);
    // the next one, while the first one is remembered, and one after that has expired
    for (number, now) in [(2, NOW + 2), (3, NOW + 30 * 24 * 3600)] {
        send(&store, &other(), now);
        assert_eq!(held_at(&store, now), [(number, None)]);
        for gone in 1..number {
            assert_eq!(store.decide(gone, true, at(now)).unwrap(), None);
        }
        send(&store, &requests::cert_poll(), now + 1);
        assert_eq!(held_at(&store, now + 1), [(number, None)]);
        let [held] = <[_; 1]>::try_from(store.held(at(now)).ok().unwrap()).ok().unwrap();
        assert_eq!(held.record.requested().subject().unwrap().to_string(), "CN=other");
        // one poll so far, whatever was before
        let key = spied_key();
        let polls = store.count_poll(&key).unwrap().polls;
        assert_eq!(polls, 2);
        store.decide(number, true, at(now)).unwrap().unwrap();
    }
}

/// The transaction of [`requests::pkcs_req`].
fn spied_key() -> TransactionKey {
    let spy = Spy::default();
    let ca = CertificateDer::from(requests::CA_CERTIFICATE.clone());
    let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]);
    let message = requests::pkcs_req().encode();
    let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message);
    let rng = &mut support::seeded(1);
    let exchange = Responder::new(config).unwrap().accept(request, at(NOW), rng);
    let key = &requests::CA.soft;
    drive(exchange, &mut &*key, &mut &*key, &spy, rng, |question, rng| match question {
        Decide::Enrol(question) => question.hold(rng),
        other => panic!("{other:?}"),
    });
    let seen = spy.1.into_inner().unwrap();
    seen[0].key().clone()
}

#[test]
fn the_number_of_a_request_that_is_gone_is_never_that_of_another() {
    let store = SqliteStore::open(&folder("numbers").join("scep.db")).unwrap();
    let [pending, _] = transitions();
    for number in 1..4 {
        store.record(&pending).unwrap();
        let held = store.held(pending.to().created()).unwrap();
        assert_eq!(held.iter().map(|held| held.number).collect::<Vec<_>>(), [number]);
        assert_eq!(held[0].transaction_id, pending.key().transaction_id().as_bytes());
        assert_eq!(held[0].record, *pending.to());
        assert_eq!(store.purge(pending.to().expires()).unwrap(), 1);
    }
}

#[test]
fn what_is_held_is_listed_and_decided_until_it_expires_or_ends() {
    let store = SqliteStore::open(&folder("decide").join("scep.db")).unwrap();
    let [pending, issued] = transitions();
    let (begin, end) = (pending.to().created(), pending.to().expires());
    let last = at(end.as_secs() - 1);
    let number = |now| store.held(now).unwrap().first().map(|held| (held.number, held.approved));
    let decide = |approved, now| store.decide(1, approved, now).unwrap();
    let id = Some(pending.key().transaction_id().as_bytes().to_vec());
    assert!(matches!(store.count_poll(pending.key()), Err(StoreError::Sqlite(_))));
    assert_eq!((number(begin), decide(true, begin)), (None, None));
    store.record(&pending).unwrap();
    assert_eq!(number(last), Some((1, None)));
    assert_eq!(number(end), None);
    assert_eq!(decide(true, end), None);
    assert!(matches!(store.count_poll(pending.key()), Ok(Asked { polls: 1, approved: None })));
    for (approved, polls) in [(false, 2), (true, 3), (true, 4)] {
        assert_eq!(decide(approved, last), id);
        assert_eq!(number(last), Some((1, Some(approved))));
        let asked = store.count_poll(pending.key()).unwrap();
        assert_eq!((asked.polls, asked.approved), (polls, Some(approved)));
    }
    for number in [0, 2, -1, i64::MAX, i64::MIN] {
        assert_eq!(store.decide(number, false, begin).unwrap(), None);
    }
    store.record(&issued).unwrap();
    assert_eq!((number(begin), decide(false, begin)), (None, None));
    assert_eq!(store.count_poll(pending.key()).unwrap().approved, Some(true));
}

#[test]
fn held_requests_are_listed_in_the_order_of_their_numbers() {
    let path = folder("order").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, _] = transitions();
    store.record(&pending).unwrap();
    copy(&path, 12, true);
    let numbers: Vec<i64> =
        store.held(pending.to().created()).unwrap().iter().map(|held| held.number).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
}

// quirk 49, T49: the same key and transactionID again, after the first time was forgotten
#[test]
fn what_was_purged_may_come_again_and_be_granted_again() {
    let path = folder("again").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, issued] = transitions();
    for times in 1..=3 {
        assert_eq!(store.record(&pending).unwrap(), Recorded::Stored);
        assert_eq!(store.record(&issued).unwrap(), Recorded::Stored);
        assert_eq!(certificates(&path), times);
        store.purge(issued.to().expires()).unwrap();
    }
}

// R-2.4-8: whoever denies while a poll is on its way is not told that it was in vain
#[test]
fn what_was_denied_meanwhile_is_not_granted() {
    let path = folder("denied").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let [pending, issued] = transitions();
    let now = pending.to().created();
    store.record(&pending).unwrap();
    let number = store.held(now).unwrap()[0].number;
    // a poll has seen an approval
    store.decide(number, true, now).unwrap().unwrap();
    assert_eq!(store.count_poll(pending.key()).unwrap().approved, Some(true));
    // and then the operator thinks better of it
    store.decide(number, false, now).unwrap().unwrap();
    let stored = Some(pending.to().clone());
    assert_eq!(store.record(&issued).unwrap(), Recorded::Conflict(stored));
    assert_eq!(certificates(&path), 0);
    store.decide(number, true, now).unwrap().unwrap();
    assert_eq!(store.record(&issued).unwrap(), Recorded::Stored);
}

/// A certificate in the register, by no transaction of this test's.
fn register(path: &Path, issuer: &str, serial: &[u8]) {
    let sql = "INSERT INTO certificates (endpoint, transaction_id, signer, key, issuer, serial, certificate)
        VALUES ('', randomblob(8), x'', x'', ?1, ?2, ?3)";
    let (issuer, certificate) = (issuer.as_bytes(), [serial, issuer.as_bytes()].concat());
    Connection::open(path).unwrap().execute(sql, rusqlite::params![issuer, serial, certificate]).unwrap();
}

#[test]
fn a_certificate_is_found_by_its_issuer_and_its_very_serial_number() {
    let path = folder("register").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    for (issuer, serial) in [("a", &[1][..]), ("a", &[0, 0x80]), ("b", &[2])] {
        register(&path, issuer, serial);
        assert_eq!(store.standing(issuer.as_bytes(), serial).unwrap(), Standing::Good);
        let expected = [serial, issuer.as_bytes()].concat();
        assert_eq!(store.certificate(issuer.as_bytes(), serial).unwrap(), Some(expected));
    }
    for (issuer, serial) in [("b", &[1][..]), ("a", &[0x80]), ("a", &[0, 1]), ("a", &[]), ("", &[1])] {
        assert_eq!(store.standing(issuer.as_bytes(), serial).unwrap(), Standing::Unknown);
        assert_eq!(store.certificate(issuer.as_bytes(), serial).unwrap(), None);
    }
    assert_eq!(store.certificates().unwrap().len(), 3);
}

#[test]
fn a_certificate_is_revoked_once_and_stays_in_the_register() {
    let path = folder("revoke").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    register(&path, "a", &[1]);
    register(&path, "a", &[2]);
    for serial in [&[][..], &[0, 1], &[3]] {
        assert_eq!(store.revoke(serial, at(5)).unwrap(), None);
    }
    assert_eq!(store.revoke(&[1], at(5)).unwrap().as_deref(), Some(&b"a"[..]));
    assert_eq!(store.revoke(&[1], at(9)).unwrap().as_deref(), Some(&b"a"[..]));
    assert_eq!(store.standing(b"a", &[1]).unwrap(), Standing::Revoked);
    assert_eq!(store.standing(b"a", &[2]).unwrap(), Standing::Good);
    assert!(store.certificate(b"a", &[1]).unwrap().is_some());
    let revoked: Vec<bool> = store.certificates().unwrap().iter().map(|issued| issued.revoked).collect();
    assert_eq!(revoked, [true, false]);
    // the first time counts
    let mut since = Vec::new();
    let make = |_: u64, revoked: &[Revoked]| {
        since.extend(revoked.iter().map(|revoked| (revoked.serial.clone(), revoked.since)));
        Ok::<_, StoreError>(Vec::new())
    };
    store.crl(b"a", at(9), make).unwrap();
    assert_eq!(since, [(vec![1], 5)]);
}

/// A list in form, with its number for a signature, and with so many entries.
fn list(number: u64, entries: usize) -> Vec<u8> {
    let seq = |parts: &[&[u8]]| support::tlv(0x30, parts);
    let (algorithm, time) = (seq(&[b"\x06\x01\x2A"]), support::tlv(0x17, &[b"270115080000Z"]));
    let revoked = (0..entries).map(|_| seq(&[b"\x02\x01\x01", &time])).collect::<Vec<_>>().concat();
    let revoked = if entries == 0 { Vec::new() } else { seq(&[&revoked]) };
    let tbs = seq(&[&algorithm, &seq(&[]), &time, &revoked]);
    seq(&[&tbs, &algorithm, &support::tlv(3, &[&[0], &number.to_be_bytes()])])
}

#[test]
fn lists_are_numbered_for_each_issuer_and_made_when_they_are_needed_only() {
    let path = folder("crl").join("scep.db");
    let store = SqliteStore::open(&path).unwrap();
    let made = |issuer: &[u8], now| {
        let mut made = None;
        let make = |number: u64, revoked: &[Revoked]| {
            made = Some((number, revoked.len()));
            Ok::<_, StoreError>(list(number, revoked.len()))
        };
        let crl = store.crl(issuer, at(now), make).unwrap();
        (crl, made)
    };
    let day = 24 * 3600;
    assert_eq!(made(b"a", 1000), (list(1, 0), Some((1, 0))));
    assert_eq!(made(b"a", 1000), (list(1, 0), None));
    assert_eq!(made(b"a", 999 + day), (list(1, 0), None));
    assert_eq!(made(b"a", 1000 + day), (list(2, 0), Some((2, 0))));
    assert_eq!(made(b"b", 1000), (list(1, 0), Some((1, 0))));
    // in the same second as the list, and before it
    for (serial, since, number) in [(1, 1000 + day, 3), (2, 10, 4)] {
        register(&path, "a", &[serial]);
        store.revoke(&[serial], at(since)).unwrap().unwrap();
        let entries = usize::from(serial);
        assert_eq!(made(b"a", 1000 + day), (list(number, entries), Some((number, entries))));
        assert_eq!(made(b"a", 1000 + day), (list(number, entries), None));
    }
    assert_eq!(made(b"b", 1001), (list(1, 0), None));
    // one that cannot be made takes no number
    let failed = store.crl(b"a", at(9 * day), |_, _| Err(StoreError::Full));
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(made(b"a", 9 * day), (list(5, 2), Some((5, 2))));
}

#[test]
fn of_two_processes_that_want_a_list_one_makes_it_and_both_have_it() {
    let path = folder("crl-race").join("scep.db");
    let stores = [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()];
    for day in 0..20 {
        let (start, calls) = (Barrier::new(2), Mutex::new(Vec::new()));
        let race = |store: &SqliteStore| {
            start.wait();
            let make = |number: u64, _: &[Revoked]| {
                calls.lock().unwrap().push(number);
                Ok::<_, StoreError>(list(number, 0))
            };
            store.crl(b"a", at(day * 24 * 3600), make).unwrap()
        };
        let [one, other] = &stores;
        let lists = thread::scope(|scope| {
            [scope.spawn(|| race(one)), scope.spawn(|| race(other))].map(|racer| racer.join().unwrap())
        });
        assert_eq!(lists, [list(day + 1, 0), list(day + 1, 0)]);
        assert_eq!(*calls.lock().unwrap(), [day + 1]);
    }
}

#[test]
fn a_database_of_another_version_or_program_is_refused_and_not_touched() {
    for (name, version) in [("old", 2), ("none", 0), ("new", 6)] {
        let folder = folder(&format!("version-{name}"));
        let path = folder.join("scep.db");
        let sql = Connection::open(&path).unwrap();
        sql.execute_batch("CREATE TABLE transactions (number INTEGER); INSERT INTO transactions VALUES (7)")
            .unwrap();
        sql.pragma_update(None, "user_version", version).unwrap();
        drop(sql);
        assert_untouched(&folder, &format!("made by another version of this program ({version}, not 5)"));
    }
    let folder = folder("no-database");
    fs::write(folder.join("scep.db"), "what somebody else keeps here".repeat(50)).unwrap();
    assert_untouched(&folder, "SQLite: file is not a database");
}

fn assert_untouched(folder: &Path, expected: &str) {
    let path = folder.join("scep.db");
    let look = || {
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let metadata = fs::metadata(&path).unwrap();
        (files, fs::read(&path).unwrap(), metadata.permissions(), metadata.modified().unwrap())
    };
    let before = look();
    let error = SqliteStore::open(&path).err().unwrap();
    assert_eq!(error.to_string(), expected);
    assert_eq!(look(), before);
}

#[test]
fn whoever_opens_the_database_of_a_running_server_sees_and_changes_the_same() {
    let path = folder("together").join("scep.db");
    let server = SqliteStore::open(&path).unwrap();
    let [pending, _] = transitions();
    server.record(&pending).unwrap();
    let now: UnixTime = pending.to().created();
    let operator = SqliteStore::open(&path).unwrap();
    assert_eq!(operator.held(now).unwrap().len(), 1);
    operator.decide(1, true, now).unwrap().unwrap();
    assert_eq!(server.count_poll(pending.key()).unwrap().approved, Some(true));
    // and while the server is in the middle of something
    let busy = server.lock();
    busy.execute_batch("BEGIN; SELECT * FROM transactions").unwrap();
    let operator = SqliteStore::open(&path).unwrap();
    assert_eq!(operator.held(now).unwrap().len(), 1);
    operator.decide(1, false, now).unwrap().unwrap();
    busy.execute_batch("ROLLBACK").unwrap();
    drop(busy);
    assert_eq!(server.count_poll(pending.key()).unwrap().approved, Some(false));
}
