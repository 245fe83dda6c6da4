//! Transactions and issued certificates in SQLite: what survives a restart.
//!
//! The shape is that of any SQL database: three columns say which transaction, `revision` is what compare-and-set
//! compares, `expires` is for purging, and `record` holds the bytes that the library gives and takes.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use scep::pki_types::UnixTime;
use scep::server::{Recorded, State, Store, Transaction, TransactionKey, Transition};
use scep::wire::Certificate;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// `polls` is of this program alone: how often the owner of a held request asked again.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS transactions (
        endpoint        TEXT    NOT NULL,
        transaction_id  BLOB    NOT NULL,
        signer          BLOB    NOT NULL,
        revision        INTEGER NOT NULL,
        expires         INTEGER NOT NULL,
        polls           INTEGER NOT NULL DEFAULT 0,
        record          BLOB    NOT NULL,
        PRIMARY KEY (endpoint, transaction_id, signer)
    );
    CREATE INDEX IF NOT EXISTS transactions_expires ON transactions (expires);
    CREATE TABLE IF NOT EXISTS certificates (
        endpoint        TEXT    NOT NULL,
        transaction_id  BLOB    NOT NULL,
        signer          BLOB    NOT NULL,
        revision        INTEGER NOT NULL,
        serial          BLOB,
        certificate     BLOB    NOT NULL,
        PRIMARY KEY (endpoint, transaction_id, signer, revision)
    );
    CREATE INDEX IF NOT EXISTS certificates_serial ON certificates (serial);";

const SELECT: &str =
    "SELECT record FROM transactions WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3";
const INSERT: &str = "INSERT INTO transactions (endpoint, transaction_id, signer, revision, expires, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE transactions SET revision = ?4, expires = ?5, record = ?6, polls = 0
    WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3 AND revision = ?7";
const INSERT_CERTIFICATE: &str =
    "INSERT INTO certificates (endpoint, transaction_id, signer, revision, serial, certificate)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const COUNT_POLL: &str = "UPDATE transactions SET polls = polls + 1
    WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3 RETURNING polls";
const PURGE: &str = "DELETE FROM transactions WHERE expires <= ?1";

/// A store in one SQLite file. Several processes may have it open.
pub(crate) struct SqliteStore(Mutex<Connection>);

/// Why the store did not answer.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// SQLite says why.
    Sqlite(rusqlite::Error),
    /// A record that the library cannot read.
    Damaged(scep::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => write!(f, "SQLite: {error}"),
            Self::Damaged(error) => write!(f, "transaction store: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl SqliteStore {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        // with FULL, a commit is on the disk when it returns: a certificate that went out is never forgotten
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Notes that a held request was asked about, and says how often that happened.
    pub(crate) fn count_poll(&self, key: &TransactionKey) -> Result<u32, StoreError> {
        let (endpoint, id, signer) = columns(key);
        Ok(self.lock().query_row(COUNT_POLL, params![endpoint, id, signer], |row| row.get(0))?)
    }

    /// Forgets transactions that have expired, never certificates. Says how many.
    pub(crate) fn purge(&self, now: UnixTime) -> Result<usize, StoreError> {
        Ok(self.lock().execute(PURGE, [seconds(now)])?)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // a panic elsewhere rolled its transaction back, so the connection is sound
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    type Error = StoreError;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, StoreError> {
        select(&self.lock(), key)
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, StoreError> {
        let (key, to) = (transition.key(), transition.to());
        let (endpoint, id, signer) = columns(key);
        let (revision, expires, bytes) = (number(to.revision()), seconds(to.expires()), to.to_bytes());
        let mut connection = self.lock();
        // IMMEDIATE: nobody else writes between here and the commit
        let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let changed = match transition.from() {
            None => sql.execute(INSERT, params![endpoint, id, signer, revision, expires, bytes])?,
            Some(from) => {
                sql.execute(UPDATE, params![endpoint, id, signer, revision, expires, bytes, number(from)])?
            }
        };
        if changed == 0 {
            // dropping `sql` rolls back, and nothing was changed anyway
            return Ok(Recorded::Conflict(select(&sql, key)?));
        }
        if let State::Issued(chain) = to.state()
            && let Some(leaf) = chain.first()
        {
            let serial = Certificate::parse(leaf).ok().map(|leaf| leaf.serial());
            sql.execute(INSERT_CERTIFICATE, params![endpoint, id, signer, revision, serial, leaf.as_ref()])?;
        }
        sql.commit()?;
        Ok(Recorded::Stored)
    }
}

fn select(connection: &Connection, key: &TransactionKey) -> Result<Option<Transaction>, StoreError> {
    let (endpoint, id, signer) = columns(key);
    let record: Option<Vec<u8>> =
        connection.query_row(SELECT, params![endpoint, id, signer], |row| row.get(0)).optional()?;
    record.map(|record| Transaction::from_bytes(&record).map_err(StoreError::Damaged)).transpose()
}

fn columns(key: &TransactionKey) -> (&str, &[u8], &[u8]) {
    (key.endpoint(), key.transaction_id().as_bytes(), key.signer())
}

fn seconds(time: UnixTime) -> i64 {
    number(time.as_secs())
}

/// SQL integers have a sign; neither a revision nor a time gets as far as that.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
