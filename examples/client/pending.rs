//! Patience: polling while the CA holds the request, and how to go on later.

use super::args::{Patience, Poll};
use super::challenge;
use super::files::Folder;
use super::run::{Runner, Tolerance};
use super::swap::{CERTIFICATE_NEXT_CA, CERTIFICATE_OLD, KEY_NEXT_CA, KEY_OLD, NEXT_CA};
use super::{End, Failure, date, refused, say, unexpected};
use scep::client::{Done, Driven, Issued};
use scep::crypto::Random;
use scep::crypto::rustcrypto::SoftwareKey;
use scep::wire::{Certificate, DistinguishedName};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is under way, and where its result goes.
pub(crate) struct Request<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) url: &'a str,
    pub(crate) keys: &'a [&'a SoftwareKey],
    pub(crate) asked: &'a DistinguishedName,
    pub(crate) wait_max: u32,
    /// What to try when the CA refuses.
    pub(crate) advice: &'static str,
}

/// Goes on with what is stored.
pub(crate) fn run(args: &Poll) -> Result<End, Failure> {
    let mut folder = Folder::at(&args.dir);
    folder.enter()?;
    let Poll { legacy, get, patience, .. } = args;
    let password_recipient = patience.password_recipient;
    let mut runner = Runner::new(Tolerance { legacy: *legacy, get: *get, password_recipient }, None);
    let wait = folder.pending(|saved| runner.client.resume(saved))?;
    if let Some(url) = args.url.as_ref().filter(|url| url.as_str() != wait.url()) {
        return Err(Failure::new(format_args!("the request is pending at {}, not at {url}", wait.url())));
    }
    let keys = folder.keys_of(&wait)?;
    let keys: Vec<_> = keys.iter().collect();
    let (subject, url) = (DistinguishedName::from(wait.subject()?), wait.url().to_owned());
    let wait = challenge::restore(wait, patience)?;
    let step = wait.poll(&mut Random::system()).map_err(|failed| runner.misuse(failed.error))?;
    let driven = runner.go(step, &keys)?;
    let (folder, asked, wait_max) = (&folder, &subject, patience.wait_max);
    follow(runner, driven, &Request { folder, url: &url, keys: &keys, asked, wait_max, advice: "" })
}

/// The command was cut short after the certificate had come; entering the folder did the rest of it.
pub(crate) fn finished(folder: &Folder) -> Result<End, Failure> {
    let certificate = folder.certificates(super::files::CERTIFICATE)?.swap_remove(0);
    let subject = Certificate::parse(&certificate)?.subject().to_string();
    say(format_args!("issued before, and in use now: {subject}\n  stored in {}", folder.path().display()));
    Ok(End::Done)
}

/// One request at a time: a second one would put its state in the place of the first.
pub(crate) fn refuse_if_pending(folder: &Folder, wait_max: u32, tolerance: Tolerance) -> Result<(), Failure> {
    if !folder.has_pending() {
        return Ok(());
    }
    let next = go_on(folder, wait_max, tolerance);
    let line = format!("a request is pending here: remove pending.scep to give it up, or go on with {next}");
    Err(Failure::at(folder.path(), line))
}

/// Asks first what became of a request that was sent before, and whose answer was never stored. Nothing, if there is none,
/// or if it came to nothing: then it is time for a new one.
pub(crate) fn settle_sent(
    folder: &Folder,
    asked: &DistinguishedName,
    url: &str,
    patience: &Patience,
    tolerance: Tolerance,
) -> Result<Option<End>, Failure> {
    if !folder.has_sent() {
        return Ok(None);
    }
    let mut runner = Runner::new(tolerance, None);
    let wait = folder.pending(|saved| runner.client.resume(saved))?;
    let subject = DistinguishedName::from(wait.subject()?);
    if !asked.name().matches(&subject.name()) {
        let line = format_args!(
            "a request for {subject} was sent before, and what became of it is not known: ask with poll, or remove this \
             to give it up"
        );
        return Err(Failure::at(&folder.request_file(), line));
    }
    if wait.url() != url {
        say(format_args!("note: a request was sent to {} before; poll asks what became of it", wait.url()));
        folder.put_aside()?;
        return Ok(None);
    }
    let keys = folder.keys_of(&wait)?;
    let keys: Vec<_> = keys.iter().collect();
    let wait = challenge::restore(wait, patience)?;
    let step = wait.poll(&mut Random::system()).map_err(|failed| runner.misuse(failed.error))?;
    let wait_max = patience.wait_max;
    match runner.go(step, &keys) {
        Ok(Driven::Done(Done::Refused { .. })) => {}
        Ok(driven) => {
            let request = Request { folder, url, keys: &keys, asked, wait_max, advice: "" };
            return follow(runner, driven, &request).map(Some);
        }
        Err(_) if runner.has_no_polls() => {}
        Err(Failure(line)) => {
            let file = folder.request_file();
            let next = format_args!("try again, or remove {} to give it up", file.display());
            return Err(Failure(format!(
                "{line}; what became of the request sent before is not known: {next}"
            )));
        }
    }
    folder.put_aside()?;
    Ok(None)
}

/// Polls as long as the CA holds the request and patience lasts, and stores what comes out.
pub(crate) fn follow(mut runner: Runner, driven: Driven, request: &Request<'_>) -> Result<End, Failure> {
    let Request { folder, url, keys, wait_max, advice, .. } = *request;
    let start = Instant::now();
    let patience = Duration::from_secs(wait_max.into());
    let mut driven = driven;
    loop {
        let wait = match driven {
            Driven::Held(wait) => wait,
            Driven::Done(Done::Issued(issued)) => {
                let had_one = folder.is_there(super::files::CERTIFICATE);
                folder.store_issued(&issued, url)?;
                report(&issued, request, had_one)?;
                return Ok(End::Done);
            }
            Driven::Done(Done::Refused { fail_info, text }) => {
                // the refusal is what counts; one line for both
                let left = folder.put_aside().err();
                let left = left.map(|Failure(line)| format!("; {line}")).unwrap_or_default();
                return Ok(refused(fail_info, text, &format!("{advice}{left}")));
            }
            Driven::Done(_) => return Err(unexpected()),
        };
        // first of all, so that nothing is lost whatever happens while we wait
        folder.store_pending(&wait)?;
        let next = go_on(folder, wait_max, runner.tolerance);
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            say(format_args!("pending: transaction {}; go on with\n  {next}", wait.transaction_id()));
            // as it will be for the process that polls
            if runner.client.resume(&wait.save()?).is_ok_and(|wait| wait.needs_challenge()) {
                let variable = challenge::VARIABLE;
                say(format_args!("  and the challenge password in {variable}: it is stored nowhere"));
            }
            return Ok(End::Pending);
        }
        sleep(wait.after().min(left));
        let step = wait.poll(&mut Random::system()).map_err(|failed| runner.misuse(failed.error))?;
        driven = runner
            .go(step, keys)
            .map_err(|Failure(line)| Failure(format!("{line}; still pending, go on with {next}")))?;
    }
}

fn report(issued: &Issued, request: &Request<'_>, had_one: bool) -> Result<(), Failure> {
    let Request { folder, asked, .. } = *request;
    let certificate = Certificate::parse(&issued.certificate)?;
    let subject = certificate.subject();
    let until = date(certificate.not_after()?);
    say(format_args!("issued: {subject}\n  stored in {}, valid until {until}", folder.path().display()));
    match issued.ca.valid_from() {
        Some(from) => say(format_args!(
            "  for use from {}: rename {KEY_NEXT_CA}, {CERTIFICATE_NEXT_CA} and {NEXT_CA} to key.pem, \
             cert.pem and ca.pem then",
            date(from)
        )),
        None if had_one => say(format_args!("  what it replaces is in {KEY_OLD} and {CERTIFICATE_OLD}")),
        None => {}
    }
    // a CA may do so (RFC 8894 section 3.3.2.1)
    if !asked.name().matches(&subject) {
        say(format_args!("note: asked for {asked}, issued for {subject}"));
    }
    Ok(())
}

/// The command that goes on, to be copied into a shell.
fn go_on(folder: &Folder, wait_max: u32, tolerance: Tolerance) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "client".into());
    let path = folder.path();
    // what begins with a hyphen would be an option
    let dir =
        if path.to_string_lossy().starts_with('-') { Path::new(".").join(path) } else { path.to_owned() };
    let dir = dir.to_string_lossy();
    let (program, dir) = (quoted(&program.to_string_lossy()), quoted(&dir));
    let wait = if wait_max == 0 { String::new() } else { format!(" --wait-max {wait_max}") };
    let Tolerance { legacy, get, password_recipient } = tolerance;
    let options = [(legacy, " --legacy"), (get, " --get"), (password_recipient, " --password-recipient")];
    let options: String = options.iter().filter(|(on, _)| *on).map(|(_, option)| *option).collect();
    format!("{program} poll --dir {dir}{wait}{options}")
}

fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
