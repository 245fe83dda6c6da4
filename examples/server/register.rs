//! Certificates that were issued, which of them are revoked, and the revocation lists that say so.

use crate::store::{SqliteStore, StoreError, key_hash, seconds};
use rusqlite::{OptionalExtension as _, TransactionBehavior, params};
use scep::pki_types::UnixTime;
use scep::wire::CertificateList;

const FIND: &str = "SELECT certificate FROM certificates WHERE issuer = ?1 AND serial = ?2";
const LIST: &str = "SELECT certificate, revoked IS NOT NULL FROM certificates ORDER BY number";
const REVOKE: &str = "UPDATE certificates SET revoked = coalesce(revoked, ?2) WHERE serial = ?1
    RETURNING issuer, revoked";
const STANDING: &str = "SELECT revoked IS NOT NULL FROM certificates WHERE issuer = ?1 AND serial = ?2";
const IS_REVOKED_KEY: &str = "SELECT count(*) > 0 FROM certificates WHERE key = ?1 AND revoked IS NOT NULL";
const REVOKED: &str =
    "SELECT serial, revoked FROM certificates WHERE issuer = ?1 AND revoked IS NOT NULL ORDER BY revoked";
const NEWEST_CRL: &str =
    "SELECT number, this_update, crl FROM crls WHERE issuer = ?1 ORDER BY number DESC LIMIT 1";
const INSERT_CRL: &str = "INSERT INTO crls (issuer, number, this_update, crl) VALUES (?1, ?2, ?3, ?4)";

/// A revocation list serves for this long, seconds, if nothing is revoked meanwhile.
const CRL_AGE: i64 = 24 * 3600;

/// What became of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was issued here, and is not revoked.
    Good,
    /// It was issued here, and revoked.
    Revoked,
    /// It was not issued here.
    Unknown,
}

/// A certificate that was issued here.
pub(crate) struct Issued {
    /// DER.
    pub(crate) certificate: Vec<u8>,
    pub(crate) revoked: bool,
}

/// What goes into a revocation list.
pub(crate) struct Revoked {
    pub(crate) serial: Vec<u8>,
    pub(crate) since: i64,
}

impl SqliteStore {
    /// The certificate with this serial number, contents octets, that the CA of this name (DER) issued.
    pub(crate) fn certificate(&self, issuer: &[u8], serial: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().query_row(FIND, [issuer, serial], |row| row.get(0)).optional()?)
    }

    /// Every certificate that was issued, oldest first.
    pub(crate) fn certificates(&self) -> Result<Vec<Issued>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(LIST)?;
        let rows =
            statement.query_map([], |row| Ok(Issued { certificate: row.get(0)?, revoked: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Revokes the certificate with this serial number. The name of its issuer, DER, or `None` if there is none such.
    pub(crate) fn revoke(&self, serial: &[u8], now: UnixTime) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().query_row(REVOKE, params![serial, seconds(now)], |row| row.get(0)).optional()?)
    }

    /// What became of the certificate with this serial number, contents octets, of the CA of this name (DER).
    pub(crate) fn standing(&self, issuer: &[u8], serial: &[u8]) -> Result<Standing, StoreError> {
        let found = self.lock().query_row(STANDING, [issuer, serial], |row| row.get(0)).optional()?;
        Ok(match found {
            Some(true) => Standing::Revoked,
            Some(false) => Standing::Good,
            None => Standing::Unknown,
        })
    }

    /// Whether a certificate for this key, DER SubjectPublicKeyInfo, was revoked: it may be in other hands.
    pub(crate) fn is_revoked_key(&self, public_key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.lock().query_row(IS_REVOKED_KEY, [key_hash(public_key)], |row| row.get(0))?)
    }

    /// The newest revocation list of `issuer`, if there is one.
    pub(crate) fn last_crl(&self, issuer: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().query_row(NEWEST_CRL, [issuer], |row| row.get(2)).optional()?)
    }

    /// The newest revocation list of `issuer`, made with `make` when there is none that still tells the truth. The
    /// number that it gets is one more than that of the last.
    pub(crate) fn crl<E: From<StoreError>>(
        &self,
        issuer: &[u8],
        now: UnixTime,
        make: impl FnOnce(u64, &[Revoked]) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let mut connection = self.lock();
        // IMMEDIATE: no two lists get the same number
        let sql =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let newest: Option<(i64, i64, Vec<u8>)> =
            sql.query_row(NEWEST_CRL, [issuer], read).optional().map_err(StoreError::from)?;
        let revoked = revoked(&sql, issuer)?;
        // revocations are never taken back, so their number says whether the list has them all; their times do not, for
        // one may have waited for the database while the list was made
        let fresh = |since: i64, crl: &[u8]| {
            (0..CRL_AGE).contains(&(seconds(now) - since)) && entries(crl) == Some(revoked.len())
        };
        let number = match newest {
            Some((_, since, crl)) if fresh(since, &crl) => return Ok(crl),
            Some((number, ..)) => number + 1,
            None => 1,
        };
        let crl = make(number.unsigned_abs(), &revoked)?;
        sql.execute(INSERT_CRL, params![issuer, number, seconds(now), crl]).map_err(StoreError::from)?;
        sql.commit().map_err(StoreError::from)?;
        Ok(crl)
    }
}

/// How many certificates a list names.
fn entries(crl: &[u8]) -> Option<usize> {
    Some(CertificateList::parse(crl).ok()?.revoked().filter(Result::is_ok).count())
}

fn revoked(connection: &rusqlite::Connection, issuer: &[u8]) -> Result<Vec<Revoked>, StoreError> {
    let mut statement = connection.prepare(REVOKED)?;
    let rows =
        statement.query_map([issuer], |row| Ok(Revoked { serial: row.get(0)?, since: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
