//! The revocation list of a CA (RFC 5280 section 5), on the builder of `x509-cert`.

use crate::ca::{Ca, Result};
use crate::certificate::time;
use crate::files;
use crate::register::Revoked;
use crate::store::SqliteStore;
use scep::crypto::{Random, Rng};
use scep::pki_types::UnixTime;
use std::fs;
use std::path::Path;
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::builder::{Builder as _, CrlBuilder};
use x509_cert::crl::RevokedCert;
use x509_cert::der::asn1::Uint;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::serial_number::SerialNumber;

/// Longer than this server serves a list, so that devices which seldom ask have a valid one.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// Writes the newest list of `ca` to a file: the form of RFC 2585.
pub(crate) fn publish(folder: &Path, store: &SqliteStore, file: &str, ca: &Ca, now: UnixTime) -> Result<()> {
    let path = folder.join(file);
    let mut list = newest(store, ca, now)?;
    loop {
        if !fs::read(&path).is_ok_and(|there| there == list) {
            files::replace(&path, &list)?;
        }
        // another process may have made a newer one meanwhile, and have been faster with its file
        match store.last_crl(ca.name())? {
            Some(last) if last != list => list = last,
            _ => return Ok(()),
        }
    }
}

/// The newest list of `ca`, made anew if something was revoked since the last one.
pub(crate) fn newest(store: &SqliteStore, ca: &Ca, now: UnixTime) -> Result<Vec<u8>> {
    store.crl(ca.name(), now, |number, revoked| build(ca, number, revoked, now, &mut Random::system()))
}

/// Builds the list with this number, and signs it.
fn build(ca: &Ca, number: u64, revoked: &[Revoked], now: UnixTime, rng: &mut Rng<'_>) -> Result<Vec<u8>> {
    let now = Duration::from_secs(now.as_secs());
    let number = CrlNumber(Uint::new(&number.to_be_bytes())?);
    let mut builder =
        CrlBuilder::new_with_this_update(&Certificate::from_der(ca.certificate())?, number, time(now)?)?
            .with_next_update(Some(time(now + LIFETIME)?));
    // an empty list must be absent (RFC 5280 section 5.1.2.6)
    if !revoked.is_empty() {
        let entries: Result<Vec<_>> = revoked.iter().map(entry).collect();
        builder = builder.with_certificates(entries?.into_iter());
    }
    let to_be_signed = builder.finalize(ca.key())?;
    Ok(builder.assemble(ca.key().sign(to_be_signed, rng)?, ca.key())?.to_der()?)
}

fn entry(revoked: &Revoked) -> Result<RevokedCert> {
    let since = Duration::from_secs(u64::try_from(revoked.since)?);
    Ok(RevokedCert {
        serial_number: SerialNumber::new(&revoked.serial)?,
        revocation_date: time(since)?,
        crl_entry_extensions: None,
    })
}
