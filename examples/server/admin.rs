//! What an operator does beside the running server: look at held requests, decide about them, revoke certificates.

use crate::ca::Result;
use crate::challenge::{self, Mint};
use crate::store::SqliteStore;
use crate::{crl, folder, log};
use clap::{Args, Subcommand};
use scep::crypto::Random;
use scep::crypto::rustcrypto::PROVIDER;
use scep::pki_types::UnixTime;
use scep::wire::{self, Certificate, Limits, Oid, TransactionId};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a one-time challenge, and prints it: for one certificate, for a time, and for the names that are given.
    Challenge(Mint),
    /// Lists the requests that are held.
    List(List),
    /// Grants a held request; the device learns it when it asks next.
    Approve(Decision),
    /// Refuses a held request; the device learns it when it asks next.
    Deny(Decision),
    /// Revokes a certificate: it renews nothing any more, and the next revocation list has it.
    Revoke(Revoke),
}

#[derive(Args)]
pub(crate) struct List {
    /// Folder of the server.
    #[arg(long)]
    dir: PathBuf,
    /// Lists the certificates that were issued instead.
    #[arg(long)]
    certificates: bool,
    /// Lists the one-time challenges instead.
    #[arg(long, conflicts_with = "certificates")]
    challenges: bool,
}

#[derive(Args)]
pub(crate) struct Decision {
    /// Folder of the server.
    #[arg(long)]
    dir: PathBuf,
    /// The number that `list` shows.
    #[arg(value_name = "NUMBER")]
    number: i64,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// Folder of the server.
    #[arg(long)]
    dir: PathBuf,
    /// Serial number of the certificate, as `list --certificates` and openssl show it.
    #[arg(long, value_name = "HEX", value_parser = serial)]
    serial: Serial,
}

/// Contents octets of the INTEGER.
#[derive(Clone)]
pub(crate) struct Serial(pub(crate) Vec<u8>);

/// Where the lines go.
pub(crate) type Print<'a> = &'a mut dyn FnMut(&str);

pub(crate) fn run(command: Command, print: Print<'_>) -> Result<()> {
    let now = UnixTime::now();
    match command {
        Command::Challenge(mint) => {
            let text = mint.make(&open(&mint.dir)?, now, &mut Random::system())?;
            print(text.expose());
            Ok(())
        }
        Command::List(List { dir, challenges: true, .. }) => list_challenges(&open(&dir)?, now, print),
        Command::List(List { dir, certificates: true, .. }) => list_certificates(&open(&dir)?, print),
        Command::List(List { dir, .. }) => list_held(&open(&dir)?, now, print),
        Command::Approve(Decision { dir, number }) => decide(&open(&dir)?, number, true, now, print),
        Command::Deny(Decision { dir, number }) => decide(&open(&dir)?, number, false, now, print),
        Command::Revoke(Revoke { dir, serial }) => revoke(&dir, &serial, now, print),
    }
}

/// The database, which must be there: a wrong folder must not become an empty one.
fn open(folder: &Path) -> Result<SqliteStore> {
    let path = folder::database(folder);
    if !path.exists() {
        return Err(format!("{}: no server was started here", folder.display()).into());
    }
    SqliteStore::open(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn list_held(store: &SqliteStore, now: UnixTime, print: Print<'_>) -> Result<()> {
    let held = store.held(now)?;
    if held.is_empty() {
        print("no request is held");
    }
    for request in held {
        let requested = request.record.requested();
        let state = match request.approved {
            Some(true) => "approved",
            Some(false) => "denied",
            None => "waits",
        };
        let minutes = now.as_secs().saturating_sub(request.record.created().as_secs()) / 60;
        // {:?} quotes what the device says, and escapes what could upset a terminal
        let id = TransactionId::new(request.transaction_id)?.to_string();
        let subject = requested.subject()?.to_string();
        let mut line =
            format!("{:>4}  {state:<8} {minutes:>5} min  id={id:?}  subject={subject:?}", request.number);
        let wishes = requested.extensions(&Limits::DEFAULT)?;
        if let Some(names) = wishes.and_then(|wishes| wishes.get(Oid::SUBJECT_ALT_NAME)) {
            for name in wire::subject_alt_names(names.value, &Limits::DEFAULT)? {
                let _ = write!(line, "  san={:?}", format!("{name:?}"));
            }
        }
        // a person can compare this one with what the device shows
        let key = PROVIDER.sha256(&[requested.public_key()])?;
        let _ = write!(line, "  key-sha256={}", log::hex(&key));
        print(&line);
    }
    Ok(())
}

fn list_certificates(store: &SqliteStore, print: Print<'_>) -> Result<()> {
    for issued in store.certificates()? {
        let certificate = Certificate::parse(&issued.certificate)?;
        let state = if issued.revoked { "revoked" } else { "good" };
        let serial: String = certificate.serial().iter().map(|byte| format!("{byte:02X}")).collect();
        let [subject, issuer] = [certificate.subject(), certificate.issuer()].map(|name| name.to_string());
        print(&format!("{serial}  {state:<7}  subject={subject:?}  issuer={issuer:?}"));
    }
    Ok(())
}

fn list_challenges(store: &SqliteStore, now: UnixTime, print: Print<'_>) -> Result<()> {
    for challenge in store.challenges()? {
        print(&challenge::line(&challenge, now));
    }
    Ok(())
}

fn decide(store: &SqliteStore, number: i64, approved: bool, now: UnixTime, print: Print<'_>) -> Result<()> {
    let id = store.decide(number, approved, now)?.ok_or(format!("no request {number} is held"))?;
    let id = TransactionId::new(id)?.to_string();
    let what = if approved { "approved" } else { "denied" };
    print(&format!("{what}: id={id:?}; the device learns it when it asks next"));
    Ok(())
}

fn revoke(folder: &Path, serial: &Serial, now: UnixTime, print: Print<'_>) -> Result<()> {
    let store = open(folder)?;
    // before anything is changed, what is needed to say so
    let issuers = folder::issuers(folder)?;
    let issuer =
        store.revoke(&serial.0, now)?.ok_or("no certificate with this serial number was issued here")?;
    for (file, ca) in &issuers {
        if ca.name() == issuer {
            crl::publish(folder, &store, file, ca, now).map_err(|error| {
                format!("revoked, but the file of its revocation list is the old one: {error}")
            })?;
            print(&format!("revoked; revocation list {}", folder.join(file).display()));
            return Ok(());
        }
    }
    Err("revoked; the CA that issued it is not in this folder, so there is no revocation list".into())
}

/// A serial number as people write it, with or without colons and zeros in front.
pub(crate) fn serial(text: &str) -> std::result::Result<Serial, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|character| *character != ':')
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let mut digits = digits.filter(|digits| !digits.is_empty()).ok_or("not hexadecimal")?;
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    let mut bytes: Vec<u8> = digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect();
    // as DER has it: no needless zero, and one where the number would be negative without
    while let [0, second, ..] = bytes.as_slice()
        && *second < 0x80
    {
        bytes.remove(0);
    }
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    Ok(Serial(bytes))
}
