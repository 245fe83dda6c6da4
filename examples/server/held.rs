//! Requests that are held: what an operator sees of them, and what the operator said.

use crate::store::{SqliteStore, StoreError, columns, seconds};
use rusqlite::{OptionalExtension as _, params};
use scep::pki_types::UnixTime;
use scep::server::{Transaction, TransactionKey};

const COUNT_POLL: &str = "UPDATE transactions SET polls = polls + 1
    WHERE endpoint = ?1 AND transaction_id = ?2 AND signer = ?3 RETURNING polls, decision";
const LIST: &str = "SELECT number, transaction_id, decision, record FROM transactions
    WHERE pending AND expires > ?1 ORDER BY number";
const DECIDE: &str = "UPDATE transactions SET decision = ?2 WHERE number = ?1 AND pending AND expires > ?3
    RETURNING transaction_id";

/// A held request that is asked about.
pub(crate) struct Asked {
    /// How often its owner asked so far.
    pub(crate) polls: u32,
    /// What the operator said, if anything.
    pub(crate) approved: Option<bool>,
}

/// A held request, for the operator's list.
pub(crate) struct Held {
    /// By which `approve` and `deny` find it.
    pub(crate) number: i64,
    pub(crate) transaction_id: Vec<u8>,
    pub(crate) approved: Option<bool>,
    pub(crate) record: Transaction,
}

impl SqliteStore {
    /// Notes that a held request was asked about.
    pub(crate) fn count_poll(&self, key: &TransactionKey) -> Result<Asked, StoreError> {
        let (endpoint, id, signer) = columns(key);
        let read = |row: &rusqlite::Row<'_>| Ok(Asked { polls: row.get(0)?, approved: row.get(1)? });
        Ok(self.lock().query_row(COUNT_POLL, params![endpoint, id, signer], read)?)
    }

    /// The requests that are held, oldest first.
    pub(crate) fn held(&self, now: UnixTime) -> Result<Vec<Held>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(LIST)?;
        let rows = statement
            .query_map([seconds(now)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.map(|row| {
            let (number, transaction_id, approved, record): (_, _, _, Vec<u8>) = row?;
            let record = Transaction::from_bytes(&record).map_err(StoreError::Damaged)?;
            Ok(Held { number, transaction_id, approved, record })
        })
        .collect()
    }

    /// Notes what the operator says; the device learns it when it asks next. `None` when no such request is held.
    pub(crate) fn decide(
        &self,
        number: i64,
        approved: bool,
        now: UnixTime,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let decided = self
            .lock()
            .query_row(DECIDE, params![number, approved, seconds(now)], |row| row.get(0))
            .optional()?;
        Ok(decided)
    }
}
