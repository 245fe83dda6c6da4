//! Transactions and issued certificates in SQLite: what survives a restart.
//!
//! The shape is that of any SQL database: three columns say which transaction, `revision` is what compare-and-set
//! compares, `expires` is for purging, and `record` holds the bytes that the library gives and takes.

use rusqlite::{Connection, OptionalExtension, Transaction as Sql, TransactionBehavior, params};
use scep::crypto::rustcrypto::PROVIDER;
use scep::pki_types::UnixTime;
use scep::server::{
    ChallengeChange, ChallengeId, ChallengeStore, OneTimeChallenge, Recorded, State, Store, Transaction,
    TransactionKey, Transition,
};
use scep::wire::{Certificate, SubjectPublicKeyInfo};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

/// Pending transactions of all owners, and of one: for more there is no room (T49).
const MAX_PENDING: u32 = 10_000;
const MAX_PENDING_OF_SIGNER: u32 = 4;

/// Challenges that have not expired: for more there is no room (T49).
const MAX_CHALLENGES: u32 = 100_000;

/// Of another version, a database is not touched; the two before this had no terms, and the first no challenges.
const VERSION: i32 = 5;
const OLDEST_VERSION: i32 = 3;

/// Some columns are of this program alone: `number` is what an operator calls a request, `polls` says how often the
/// owner of a held one asked again, `pending` whether it is one, `decision` what the operator said about it, `revoked`
/// when a certificate was. AUTOINCREMENT: no number is ever used again, so an operator who looked at the list a while ago
/// decides about nothing else.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS transactions (
        number          INTEGER PRIMARY KEY AUTOINCREMENT,
        endpoint        TEXT    NOT NULL,
        transaction_id  BLOB    NOT NULL,
        signer          BLOB    NOT NULL,
        revision        INTEGER NOT NULL,
        expires         INTEGER NOT NULL,
        polls           INTEGER NOT NULL DEFAULT 0,
        pending         INTEGER NOT NULL,
        decision        INTEGER,
        record          BLOB    NOT NULL,
        UNIQUE (endpoint, transaction_id, signer)
    );
    CREATE INDEX IF NOT EXISTS transactions_expires ON transactions (expires);
    CREATE INDEX IF NOT EXISTS transactions_pending ON transactions (signer, expires) WHERE pending;
    CREATE TABLE IF NOT EXISTS certificates (
        number          INTEGER PRIMARY KEY,
        endpoint        TEXT    NOT NULL,
        transaction_id  BLOB    NOT NULL,
        signer          BLOB    NOT NULL,
        key             BLOB    NOT NULL,
        issuer          BLOB    NOT NULL,
        serial          BLOB    NOT NULL,
        revoked         INTEGER,
        certificate     BLOB    NOT NULL
    );
    CREATE INDEX IF NOT EXISTS certificates_key ON certificates (key);
    CREATE INDEX IF NOT EXISTS certificates_serial ON certificates (serial);
    CREATE INDEX IF NOT EXISTS certificates_revoked ON certificates (issuer) WHERE revoked IS NOT NULL;
    CREATE TABLE IF NOT EXISTS crls (
        issuer          BLOB    NOT NULL,
        number          INTEGER NOT NULL,
        this_update     INTEGER NOT NULL,
        crl             BLOB    NOT NULL,
        PRIMARY KEY (issuer, number)
    );
    CREATE TABLE IF NOT EXISTS challenges (
        id              BLOB    PRIMARY KEY,
        revision        INTEGER NOT NULL,
        expires         INTEGER NOT NULL,
        record          BLOB    NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS challenges_expires ON challenges (expires);";

const SELECT: &str =
    "SELECT record FROM transactions WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3";
const INSERT: &str =
    "INSERT INTO transactions (endpoint, transaction_id, signer, revision, expires, pending, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
// What an operator denied meanwhile is not granted.
// Polls that are on their way while a request is released count on, and so they find out that it was
const UPDATE: &str = "UPDATE transactions SET revision = ?4, expires = ?5, pending = ?6, record = ?7
    WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3 AND revision = ?8
        AND NOT (?9 AND pending AND coalesce(decision, 1) = 0)";
const DELETE: &str = "DELETE FROM transactions
    WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3 AND revision = ?4";
const COUNT_PENDING: &str = "SELECT count(*) FILTER (WHERE signer = ?1), count(*) FROM transactions
    WHERE pending AND expires > ?2";
const INSERT_CERTIFICATE: &str =
    "INSERT INTO certificates (endpoint, transaction_id, signer, key, issuer, serial, certificate)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const IS_REVOKED: &str = "SELECT count(*) > 0 AND count(*) = count(revoked) FROM certificates WHERE key = ?1";
const PURGE: &str = "DELETE FROM transactions WHERE expires <= ?1";
const PURGE_CHALLENGES: &str = "DELETE FROM challenges WHERE expires <= ?1";
const SELECT_CHALLENGE: &str = "SELECT record FROM challenges WHERE id = ?1";
const INSERT_CHALLENGE: &str = "INSERT INTO challenges (id, revision, expires, record)
    SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM challenges) < ?5 ON CONFLICT DO NOTHING";
const UPDATE_CHALLENGE: &str = "UPDATE challenges SET revision = ?2, expires = ?3, record = ?4
    WHERE id = ?1 AND revision = ?5";
const LIST_CHALLENGES: &str = "SELECT record FROM challenges ORDER BY expires";

/// A store in one SQLite file. Several processes may have it open.
pub(crate) struct SqliteStore(Mutex<Connection>);

/// Why the store did not answer.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The file cannot be made, or not be kept to its owner.
    File(io::Error),
    /// SQLite says why.
    Sqlite(rusqlite::Error),
    /// A record that the library cannot read.
    Damaged(scep::Error),
    /// A database that another version of this program made.
    Version(i32),
    /// The certificate to be renewed was revoked while it was being renewed.
    Revoked,
    /// No room for one more pending transaction; known ones go on (T49).
    Full,
    /// No room for one more challenge; known ones go on (T49).
    FullOfChallenges,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Sqlite(error) => write!(f, "SQLite: {error}"),
            Self::Damaged(error) => write!(f, "transaction store: {error}"),
            Self::Version(found) => {
                write!(f, "made by another version of this program ({found}, not {VERSION})")
            }
            Self::Revoked => f.write_str("renewal: the certificate was revoked meanwhile"),
            Self::Full => {
                f.write_str("transaction store: too many pending transactions, of all or of one key")
            }
            Self::FullOfChallenges => {
                f.write_str("transaction store: too many challenges that have not expired")
            }
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
    /// Opens the file, or makes it. Only its owner may read it, and what SQLite puts beside it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        create(path).map_err(StoreError::File)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        check_version(&connection)?;
        make_private(path).map_err(StoreError::File)?;
        // with FULL, a commit is on the disk when it returns: a certificate that went out is never forgotten
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let sql = Sql::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        // again, now that nobody else can make it something else
        check_version(&sql)?;
        sql.execute_batch(SCHEMA)?;
        sql.pragma_update(None, "user_version", VERSION)?;
        sql.commit()?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Forgets transactions that have expired, never certificates. Says how many. Challenges that have expired go too.
    pub(crate) fn purge(&self, now: UnixTime) -> Result<usize, StoreError> {
        let connection = self.lock();
        connection.execute(PURGE_CHALLENGES, [seconds(now)])?;
        Ok(connection.execute(PURGE, [seconds(now)])?)
    }

    /// All challenges, those that end first in front.
    pub(crate) fn challenges(&self) -> Result<Vec<OneTimeChallenge>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(LIST_CHALLENGES)?;
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|record| OneTimeChallenge::from_bytes(&record?).map_err(StoreError::Damaged)).collect()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
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
        let (revision, expires, record) = (number(to.revision()), seconds(to.expires()), to.to_bytes());
        let pending = matches!(to.state(), State::Pending);
        let issued = matches!(to.state(), State::Issued(_));
        let mut connection = self.lock();
        // IMMEDIATE: nobody else writes between here and the commit
        let sql = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // first, so that nothing else has to be taken back when somebody else has it
        if let Some(change) = transition.challenge()
            && !change_challenge(&sql, change)?
        {
            return Ok(Recorded::Conflict(select(&sql, key)?));
        }
        let insert =
            || sql.execute(INSERT, params![endpoint, id, signer, revision, expires, pending, record]);
        let changed = match transition.from() {
            None => insert()?,
            Some(from) if transition.removes() => {
                sql.execute(DELETE, params![endpoint, id, signer, number(from)])?
            }
            // a later request under the same ID: what was said about the one before it is not about this one
            Some(from) if pending => {
                match sql.execute(DELETE, params![endpoint, id, signer, number(from)])? {
                    0 => 0,
                    _ => insert()?,
                }
            }
            Some(from) => sql.execute(
                UPDATE,
                params![endpoint, id, signer, revision, expires, pending, record, number(from), issued],
            )?,
        };
        if changed == 0 {
            // dropping `sql` rolls back
            return Ok(Recorded::Conflict(select(&sql, key)?));
        }
        if pending {
            let now = seconds(to.created());
            let (own, all): (u32, u32) =
                sql.query_row(COUNT_PENDING, params![signer, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if own > MAX_PENDING_OF_SIGNER || all > MAX_PENDING {
                return Err(StoreError::Full);
            }
        }
        // the key that signed is that of the certificate to be renewed
        if issued && to.is_renewal() && sql.query_row(IS_REVOKED, [signer], |row| row.get(0))? {
            return Err(StoreError::Revoked);
        }
        if let State::Issued(chain) = to.state()
            && let Some(leaf) = chain.first()
        {
            // what cannot be read can neither be found nor revoked
            let read = Certificate::parse(leaf).ok();
            let (issuer, serial) =
                read.map(|leaf| (leaf.issuer().as_der(), leaf.serial())).unwrap_or_default();
            let key = read.map(|leaf| key_hash(leaf.public_key().as_der())).unwrap_or_default();
            sql.execute(
                INSERT_CERTIFICATE,
                params![endpoint, id, signer, key, issuer, serial, leaf.as_ref()],
            )?;
        }
        sql.commit()?;
        Ok(Recorded::Stored)
    }
}

impl ChallengeStore for SqliteStore {
    fn load_challenge(&self, id: &ChallengeId) -> Result<Option<OneTimeChallenge>, StoreError> {
        let record: Option<Vec<u8>> =
            self.lock().query_row(SELECT_CHALLENGE, [id.as_bytes()], |row| row.get(0)).optional()?;
        record.map(|record| OneTimeChallenge::from_bytes(&record).map_err(StoreError::Damaged)).transpose()
    }

    fn add_challenge(&self, challenge: &OneTimeChallenge) -> Result<(), StoreError> {
        let connection = self.lock();
        let is_new = insert_challenge(&connection, challenge)? > 0;
        let is_there = || connection.query_row(SELECT_CHALLENGE, [challenge.id().as_bytes()], |_| Ok(()));
        match is_new || is_there().optional()?.is_some() {
            true => Ok(()),
            false => Err(StoreError::FullOfChallenges),
        }
    }
}

fn insert_challenge(connection: &Connection, challenge: &OneTimeChallenge) -> Result<usize, StoreError> {
    let (revision, expires) = (number(challenge.revision()), seconds(challenge.expires()));
    let row = params![challenge.id().as_bytes(), revision, expires, challenge.to_bytes(), MAX_CHALLENGES];
    Ok(connection.execute(INSERT_CHALLENGE, row)?)
}

/// Whether the stored revision was the one that it had to be.
fn change_challenge(sql: &Sql<'_>, change: &ChallengeChange) -> Result<bool, StoreError> {
    let (id, to) = (change.id().as_bytes(), change.to());
    let Some(from) = change.from() else {
        let is_there = sql.query_row(SELECT_CHALLENGE, [id], |_| Ok(())).optional()?.is_some();
        return match is_there {
            false if insert_challenge(sql, to)? == 0 => Err(StoreError::FullOfChallenges),
            _ => Ok(!is_there),
        };
    };
    let row = params![id, number(to.revision()), seconds(to.expires()), to.to_bytes(), number(from)];
    Ok(sql.execute(UPDATE_CHALLENGE, row)? == 1)
}

/// Refuses what another version, or another program, has filled.
fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && !(OLDEST_VERSION..=VERSION).contains(&version) {
        Err(StoreError::Version(version))
    } else {
        Ok(())
    }
}

/// Makes the file if there is none. SQLite gives the files beside a database the mode of the database.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Whatever its mode was before.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    for beside in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        match fs::set_permissions(&name, fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

fn select(connection: &Connection, key: &TransactionKey) -> Result<Option<Transaction>, StoreError> {
    let (endpoint, id, signer) = columns(key);
    let record: Option<Vec<u8>> =
        connection.query_row(SELECT, params![endpoint, id, signer], |row| row.get(0)).optional()?;
    record.map(|record| Transaction::from_bytes(&record).map_err(StoreError::Damaged)).transpose()
}

pub(crate) fn columns(key: &TransactionKey) -> (&str, &[u8], &[u8]) {
    (key.endpoint(), key.transaction_id().as_bytes(), key.signer())
}

/// What certificates for this key, DER SubjectPublicKeyInfo, are found by; empty for one that cannot be read.
pub(crate) fn key_hash(public_key: &[u8]) -> Vec<u8> {
    let key = SubjectPublicKeyInfo::parse(public_key).and_then(|key| key.to_canonical());
    key.and_then(|key| PROVIDER.sha256(&[&key])).map(|hash| hash.to_vec()).unwrap_or_default()
}

pub(crate) fn seconds(time: UnixTime) -> i64 {
    number(time.as_secs())
}

/// SQL integers have a sign; neither a revision nor a time gets as far as that.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
