//! A command-line SCEP client over the crate's client side: what the library leaves to its user is here, that is
//! HTTP, files, patience, and the decision which CA to trust.
//!
//! ```text
//! client ca    --url URL                                  prints the CA's fingerprints, to be compared
//! client enrol --url URL --ca-sha256 HEX --dir DIR --subject "C=DE, CN=dev1" --challenge PASSWORD
//! client poll  --dir DIR                                  goes on when the CA has held the request
//! client caps  --url URL                                  prints the CA's capabilities
//! ```

mod args;
mod files;
mod http;
mod names;
mod pending;
mod run;
mod trust;

use args::{Ca, Cli, Command, Enrol, Poll, Server};
use clap::Parser;
use files::Folder;
use names::San;
use pending::{follow, go_on};
use run::Runner;
use scep::client::{Done, Driven, NewEnrolment};
use scep::crypto::{ChallengePassword, Random};
use scep::wire::{DistinguishedName, Limits};
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use trust::Pin;

/// What `main` tells its caller.
pub(crate) enum End {
    Done,
    Refused,
    Pending,
}

/// One line for a person.
pub(crate) struct Failure(String);

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
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line that is not the result.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

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
    let ended = match cli.command {
        Command::Caps(server) => capabilities(&server),
        Command::Ca(ca) => certificates(&ca),
        Command::Enrol(enrol) => enrolment(&enrol),
        Command::Poll(poll) => resumption(&poll),
    };
    match ended {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Refused) => ExitCode::from(3),
        Ok(End::Pending) => ExitCode::from(4),
        Err(Failure(line)) => {
            note(format_args!("error: {line}"));
            ExitCode::from(1)
        }
    }
}

fn capabilities(server: &Server) -> Result<End, Failure> {
    let mut runner = Runner::new(server.legacy, None);
    let step = runner.client.fetch_capabilities(server.url.as_str())?;
    match runner.go(step, None)? {
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

fn certificates(ca: &Ca) -> Result<End, Failure> {
    let mut runner = Runner::new(ca.server.legacy, Pin::read(&ca.pin)?);
    runner.show_ca = true;
    let step = runner.client.fetch_ca(ca.server.url.as_str())?;
    let Driven::Done(Done::Ca(trusted)) = runner.go(step, None)? else { return Err(unexpected()) };
    say("trusted");
    if let Some(folder) = ca.dir.as_deref().map(Folder::at) {
        folder.make()?;
        folder.store_ca(&trusted)?;
    }
    Ok(End::Done)
}

fn enrolment(args: &Enrol) -> Result<End, Failure> {
    if args.subject.name().is_empty() && args.san.is_empty() {
        return Err(Failure::new("--subject is empty: give a subject, or at least one --san"));
    }
    let most = Limits::DEFAULT.names;
    if args.san.len() > most {
        return Err(Failure::new(format_args!("--san given {} times: at most {most}", args.san.len())));
    }
    let mut runner = Runner::new(args.server.legacy, Pin::read(&args.pin)?);
    let url = args.server.url.as_str();
    if args.pin.is_missing() {
        // ends in an error that says what to do
        let step = runner.client.fetch_ca(url)?;
        return runner.go(step, None).and(Err(unexpected()));
    }
    let folder = Folder::at(&args.dir);
    folder.refuse_if_enrolled()?;
    if folder.has_pending() {
        let next = go_on(&folder, args.wait_max, args.server.legacy);
        let line =
            format!("a request is pending here: remove pending.scep to give it up, or go on with {next}");
        return Err(Failure::at(&args.dir, line));
    }
    let challenge = challenge(args)?;
    folder.make()?;
    let key = folder.key_or_new(args.key_bits)?;
    let names: Vec<_> = args.san.iter().map(San::general_name).collect();
    let mut request =
        NewEnrolment::builder(args.subject.clone(), key.public_key_der()).subject_alt_names(&names);
    if let Some(challenge) = challenge {
        request = request.challenge(challenge);
    }
    let step = runner.client.enrol(url, request.build()?, &mut Random::system())?;
    let driven = runner.go(step, Some(&key))?;
    follow(runner, driven, &key, &args.subject, &folder, args.wait_max)
}

fn challenge(args: &Enrol) -> Result<Option<ChallengePassword>, Failure> {
    const VARIABLE: &str = "SCEP_CHALLENGE";
    let from_environment = || match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Failure::new(format_args!("{VARIABLE}: {error}"))),
    };
    let text = match &args.challenge {
        Some(text) => Some(text.clone()),
        None => from_environment()?,
    };
    Ok(text.map(ChallengePassword::new).transpose()?)
}

fn resumption(args: &Poll) -> Result<End, Failure> {
    let folder = Folder::at(&args.dir);
    folder.refuse_if_enrolled()?;
    let mut runner = Runner::new(args.legacy, None);
    let wait = folder.pending(|saved| runner.client.resume(saved))?;
    if let Some(url) = args.url.as_ref().filter(|url| url.as_str() != wait.url()) {
        return Err(Failure::new(format_args!("the request is pending at {}, not at {url}", wait.url())));
    }
    let key = folder.key_of(&wait)?;
    folder.make()?;
    let subject = DistinguishedName::from(wait.subject()?);
    let step = wait.poll(&mut Random::system()).map_err(|failed| failed.error)?;
    let driven = runner.go(step, Some(&key))?;
    follow(runner, driven, &key, &subject, &folder, args.wait_max)
}

pub(crate) fn unexpected() -> Failure {
    Failure::new("the exchange ended in an unexpected way")
}
