//! Patience: polling while the CA holds the request, and how to go on later.

use crate::files::Folder;
use crate::run::Runner;
use crate::{End, Failure, note, say, unexpected};
use scep::client::{Done, Driven};
use scep::crypto::Random;
use scep::crypto::rustcrypto::SoftwareKey;
use scep::wire::{Certificate, DistinguishedName};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Polls as long as the CA holds the request and patience lasts, and stores what comes out.
pub(crate) fn follow(
    mut runner: Runner,
    driven: Driven,
    key: &SoftwareKey,
    asked: &DistinguishedName,
    folder: &Folder,
    wait_max: u32,
) -> Result<End, Failure> {
    let legacy = runner.legacy;
    let start = Instant::now();
    let patience = Duration::from_secs(wait_max.into());
    let mut driven = driven;
    loop {
        let wait = match driven {
            Driven::Held(wait) => wait,
            Driven::Done(Done::Issued(issued)) => {
                folder.store_issued(&issued)?;
                let certificate = Certificate::parse(&issued.certificate)?;
                let subject = certificate.subject();
                say(format_args!("issued: {subject}\n  stored in {}", folder.path().display()));
                // a CA may do so (RFC 8894 section 3.3.2.1)
                if !asked.name().matches(&subject) {
                    say(format_args!("note: asked for {asked}, issued for {subject}"));
                }
                return Ok(End::Done);
            }
            Driven::Done(Done::Refused { fail_info, text }) => {
                let text = text.map(|text| format!(": {text}")).unwrap_or_default();
                // the refusal is what counts; one line for both
                let left = folder.forget_pending().err();
                let left = left.map(|Failure(line)| format!("; {line}")).unwrap_or_default();
                note(format_args!("error: refused by the CA: {fail_info}{text}{left}"));
                return Ok(End::Refused);
            }
            Driven::Done(_) => return Err(unexpected()),
        };
        // first of all, so that nothing is lost whatever happens while we wait
        folder.store_pending(&wait)?;
        let next = go_on(folder, wait_max, legacy);
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            say(format_args!("pending: transaction {}; go on with\n  {next}", wait.transaction_id()));
            return Ok(End::Pending);
        }
        sleep(wait.after().min(left));
        let step = wait.poll(&mut Random::system()).map_err(|failed| failed.error)?;
        driven = runner
            .go(step, Some(key))
            .map_err(|Failure(line)| Failure(format!("{line}; still pending, go on with {next}")))?;
    }
}

/// The command that goes on, to be copied into a shell.
pub(crate) fn go_on(folder: &Folder, wait_max: u32, legacy: bool) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "client".into());
    let path = folder.path();
    // what begins with a hyphen would be an option
    let dir =
        if path.to_string_lossy().starts_with('-') { Path::new(".").join(path) } else { path.to_owned() };
    let dir = dir.to_string_lossy();
    let (program, dir) = (quoted(&program.to_string_lossy()), quoted(&dir));
    let wait = if wait_max == 0 { String::new() } else { format!(" --wait-max {wait_max}") };
    format!("{program} poll --dir {dir}{wait}{}", if legacy { " --legacy" } else { "" })
}

fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
