//! A command-line SCEP client over the crate's client side: what the library leaves to its user is here, that is
//! HTTP, files, patience, and the decision which CA to trust.
//!
//! ```text
//! client ca      --url URL                                prints the CA's fingerprints, to be compared
//! client enrol   --url URL --ca-sha256 HEX --dir DIR --subject "C=DE, CN=dev1" --challenge PASSWORD
//! client poll    --dir DIR                                goes on when the CA has held the request
//! client renew   --dir DIR                                a new key and certificate in place of those there
//! client cert    --dir DIR [--serial HEX]                 asks the CA for a certificate
//! client crl     --dir DIR                                whether the certificate is revoked
//! client next-ca --dir DIR                                the CA that takes over later
//! client caps    --url URL                                prints the CA's capabilities
//! ```
//!
//! A key on an elliptic curve signs, but nothing can be encrypted for it. With --password-recipient the challenge
//! password protects the CA's reply instead, if the CA takes part (the example server has --password-recipients) and the
//! password has 128 bits. It is kept nowhere, so polls and renewals want it again:
//!
//! ```text
//! export SCEP_CHALLENGE="..."                             of the CA, made by openssl rand -base64 24
//! client enrol   --url URL --ca-sha256 HEX --dir DIR --subject "CN=dev1" --alg p256 --password-recipient
//! client poll    --dir DIR --password-recipient
//! client renew   --dir DIR --alg p384 --password-recipient
//! ```

pub(crate) mod args;
mod challenge;
#[path = "../shared/disk.rs"]
pub(crate) mod disk;
mod enrol;
pub(crate) mod files;
mod http;
mod keys;
mod names;
mod next_ca;
mod pending;
pub(crate) mod query;
mod renew;
mod run;
mod swap;
mod trust;
mod values;

use args::{Ca, Cli, Command, Server};
use clap::Parser;
use files::{CA, Folder};
use run::{Runner, Tolerance};
use scep::client::{Done, Driven, UntrustedText};
use scep::pki_types::UnixTime;
use scep::wire::FailInfo;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use trust::Pin;

/// What `main` tells its caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Refused,
    Pending,
}

/// One line for a person.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(text: impl Display) -> Self {
        Self(text.to_string())
    }

    pub(crate) fn at(path: &Path, error: impl Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl From<scep::Error> for Failure {
    fn from(error: scep::Error) -> Self {
        Self::new(error)
    }
}

/// A line of result. Nobody may be there to read it; that is no reason to stop.
#[cfg(not(test))]
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line that is not the result.
#[cfg(not(test))]
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
thread_local! {
    /// What this test's client has printed.
    pub(crate) static SAID: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(test)]
pub(crate) fn say(line: impl Display) {
    SAID.with_borrow_mut(|said| drop(writeln!(said, "{line}")));
}

#[cfg(test)]
pub(crate) use say as note;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            note(format_args!("error: {} (see --help)", args::one_line(&error)));
            return ExitCode::from(1);
        }
        // --help
        Err(error) => {
            say(error.render());
            return ExitCode::SUCCESS;
        }
    };
    match run(cli) {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Refused) => ExitCode::from(3),
        Ok(End::Pending) => ExitCode::from(4),
        Err(Failure(line)) => {
            note(format_args!("error: {line}"));
            ExitCode::from(1)
        }
    }
}

pub(crate) fn run(cli: Cli) -> Result<End, Failure> {
    match cli.command {
        Command::Caps(server) => capabilities(&server),
        Command::Ca(ca) => certificates(&ca),
        Command::Enrol(args) => enrol::run(&args),
        Command::Poll(args) => pending::run(&args),
        Command::Renew(args) => renew::run(&args),
        Command::Cert(args) => query::certificate(&args),
        Command::Crl(args) => query::crl(&args),
        Command::NextCa(args) => next_ca::run(&args),
    }
}

fn capabilities(server: &Server) -> Result<End, Failure> {
    let mut runner = Runner::new(Tolerance { legacy: server.legacy, ..Tolerance::default() }, None);
    let step = runner.client.fetch_capabilities(server.url.as_str())?;
    match runner.go(step, &[])? {
        Driven::Done(Done::Capabilities(list)) if list.is_empty() => match runner.not_scep() {
            // an unknown capability is plain text, and no fault
            Some(what) if what != "plain text" => {
                return Err(Failure::new(format_args!(
                    "the answer to GetCACaps is {what}, not a SCEP answer: is the URL right?"
                )));
            }
            _ => say("no capability that is known here"),
        },
        Driven::Done(Done::Capabilities(list)) => list.iter().for_each(say),
        _ => return Err(unexpected()),
    }
    Ok(End::Done)
}

fn certificates(args: &Ca) -> Result<End, Failure> {
    let tolerance = Tolerance { legacy: args.server.legacy, ..Tolerance::default() };
    let mut runner = Runner::new(tolerance, Pin::read(&args.pin)?);
    runner.show_ca = true;
    let trusted = runner.ca(args.server.url.as_str())?;
    say("trusted");
    if let Some(mut folder) = args.dir.as_deref().map(Folder::at) {
        folder.make()?;
        folder.store_ca(CA, &trusted)?;
    }
    Ok(End::Done)
}

/// The CA's refusal, in one line.
pub(crate) fn refused(fail_info: FailInfo, text: Option<UntrustedText>, more: &str) -> End {
    let text = text.map(|text| format!(": {text}")).unwrap_or_default();
    note(format_args!("error: refused by the CA: {fail_info}{text}{more}"));
    End::Refused
}

/// A time as people write it, in UTC.
pub(crate) fn date(time: UnixTime) -> String {
    let time = der::DateTime::from_unix_duration(Duration::from_secs(time.as_secs()));
    time.map(|time| time.to_string()).unwrap_or_else(|_| "after the year 9999".into())
}

pub(crate) fn unexpected() -> Failure {
    Failure::new("the exchange ended in an unexpected way")
}
