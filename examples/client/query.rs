//! What the CA has: a certificate (GetCert), its revocation list (GetCRL).

use super::args::{Cert, Crl, Home, Sending};
use super::files::{self, Folder};
use super::run::{Runner, Tolerance};
use super::trust::{Pin, Recipient};
use super::{End, Failure, date, refused, say, unexpected};
use scep::client::{Crl as List, Done, Driven, Query, TrustedCa};
use scep::crypto::Random;
use scep::crypto::rustcrypto::{SoftwareKey, certificates_to_pem};
use scep::error::Unsupported;
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire::{Certificate, CertificateList};
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const LIST: &str = "crl.der";

/// What a question is made of.
struct Asking {
    folder: Folder,
    url: String,
    certificate: CertificateDer<'static>,
    key: SoftwareKey,
    runner: Runner,
    ca: TrustedCa,
}

impl Asking {
    fn begin(home: &Home, sending: &Sending) -> Result<Self, Failure> {
        let mut folder = Folder::at(&home.dir);
        folder.enter()?;
        let (certificate, key) = folder.messaging_pair()?;
        let url = folder.url(home.url.as_ref())?.as_str().to_owned();
        let tolerance = Tolerance { legacy: home.legacy, get: sending.get, ..Tolerance::default() };
        let mut runner = Runner::new(tolerance, Some(Pin::stored(&folder)?));
        let recipient = sending.recipient.as_deref().map(Recipient::read).transpose()?;
        let mut ca = runner.ca(&url)?;
        if let Some(recipient) = recipient {
            ca = recipient.choose(ca)?;
        }
        Ok(Self { folder, url, certificate, key, runner, ca })
    }
}

pub(crate) fn certificate(args: &Cert) -> Result<End, Failure> {
    let Asking { url, certificate, key, mut runner, ca, .. } = Asking::begin(&args.home, &args.sending)?;
    let own = Certificate::parse(&certificate)?;
    let mut wanted = own.issuer_and_serial();
    if let Some(serial) = &args.serial {
        wanted.serial = &serial.0;
    }
    let query = Query::new(certificate.clone(), &wanted)?;
    let step = runner.client.fetch_certificate(&url, ca, query, &mut Random::system());
    let step = step.map_err(|error| runner.misuse(error))?;
    let found = match runner.go(step, &[&key])? {
        Driven::Done(Done::Certificate(found)) => found,
        Driven::Done(Done::Refused { fail_info, text }) => {
            let advice = " (a CA may well give a device no certificate but its own)";
            return Ok(refused(fail_info, text, if args.serial.is_some() { advice } else { "" }));
        }
        _ => return Err(unexpected()),
    };
    let parsed = Certificate::parse(&found)?;
    let (from, until) = (date(parsed.not_before()?), date(parsed.not_after()?));
    say(format_args!("certificate: {}\n  issuer {}", parsed.subject(), parsed.issuer()));
    say(format_args!("  serial {}\n  valid {from} to {until}", hex(parsed.serial())));
    say(certificates_to_pem(&[&found]).trim_end());
    Ok(End::Done)
}

pub(crate) fn crl(args: &Crl) -> Result<End, Failure> {
    if let Some(path) = &args.out {
        refuse_if_foreign(path)?;
    }
    let Asking { folder, url, certificate, key, mut runner, ca } = Asking::begin(&args.home, &args.sending)?;
    let query = Query::own(certificate.clone())?;
    let step = runner.client.fetch_crl(&url, ca, query, &mut Random::system());
    let step = step.map_err(|error| runner.misuse(error))?;
    let list = match runner.go(step, &[&key])? {
        Driven::Done(Done::Crl(list)) => list,
        Driven::Done(Done::Refused { fail_info, text }) => {
            return Ok(refused(fail_info, text, " (the CA may have its list elsewhere)"));
        }
        _ => return Err(unexpected()),
    };
    let path = match &args.out {
        Some(path) => {
            files::replace(path, &list.der, false).map_err(|error| Failure::at(path, error))?;
            path.clone()
        }
        None => {
            folder.replace(LIST, &list.der, false)?;
            folder.file(LIST)
        }
    };
    print(&list, &Certificate::parse(&certificate)?)?;
    say(format_args!("  stored in {}", path.display()));
    Ok(End::Done)
}

/// Only a revocation list is overwritten by one: anything else was named by mistake.
fn refuse_if_foreign(path: &Path) -> Result<(), Failure> {
    match fs::read(path) {
        Ok(there) if CertificateList::parse(&there).is_ok() => Ok(()),
        Ok(_) => Err(Failure::at(path, "is there already, and no revocation list: give another --out")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::at(path, error)),
    }
}

fn print(list: &List, own: &Certificate<'_>) -> Result<(), Failure> {
    let parsed = list.list()?;
    say(format_args!("revocation list of {}", parsed.issuer()));
    let next = match list.next_update() {
        Some(next) if next < UnixTime::now() => format!("{}, which has passed: the list is old", date(next)),
        Some(next) => date(next),
        None => "not said".into(),
    };
    say(format_args!("  this update {}\n  next update {next}", date(parsed.this_update()?)));
    say(standing(&parsed, own.serial()));
    Ok(())
}

/// Whether the certificate is in the list.
pub(crate) fn standing(list: &CertificateList<'_>, serial: &[u8]) -> String {
    let shown = hex(serial);
    let found = match list.has_unknown_critical_extension() {
        // such a list is about a part of the certificates only (RFC 5280 section 5.2)
        Ok(true) => Err(Unsupported::Crl.into()),
        Ok(false) => list.find(serial),
        Err(error) => Err(error),
    };
    match found.and_then(|entry| entry.map(|entry| entry.date()).transpose()) {
        Ok(None) => format!("  certificate {shown} is not revoked"),
        Ok(Some(since)) => format!("  certificate {shown} is REVOKED since {}", date(since)),
        Err(error) => format!("  whether certificate {shown} is revoked cannot be told: {error}"),
    }
}

/// A serial number as openssl prints it.
fn hex(serial: &[u8]) -> String {
    let digits = match serial {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    digits.iter().fold(String::new(), |mut text, byte| {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02X}");
        text
    })
}
