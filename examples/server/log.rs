//! One line for each request.
//!
//! Nothing here is secret. Texts of the peer's stand in quotes and are escaped, so that no request can forge a line or
//! a field of one; what comes after `cause:` and `WARNING:` is always of this program.

use scep::Error;
use scep::error::Unsupported;
use scep::server::{Event, Outcome, Status};
use std::fmt::{Display, Write as _};
use std::io::Write as _;
use std::time::Duration;

/// What an outcome looks like in the log.
pub(crate) fn line(outcome: &Outcome, took: Duration, legacy: bool, danger_des: bool) -> String {
    let Outcome { reply, cause, summary, events } = outcome;
    let operation = summary.operation.map_or("-", |operation| operation.name());
    let message_type = summary.message_type.map_or("-", |message_type| message_type.name());
    let status = match summary.status {
        Status::HttpError => format!("HTTP {}", reply.status),
        status => status.to_string(),
    };
    let mut line = format!("{operation:<12} {message_type:<8} {status:<18} {:>4} ms", took.as_millis());
    // writing to a String cannot fail; {:?} quotes a text, and escapes quotes, backslashes and what is not seen
    if let Some(id) = &summary.transaction_id {
        let _ = write!(line, "  id={:?}", id.to_string());
    }
    if let Some(subject) = &summary.subject {
        let _ = write!(line, "  subject={subject:?}");
    }
    if let Some(detail) = &summary.detail {
        let _ = write!(line, "  detail={detail:?}");
    }
    if events.contains(&Event::SingleDesRead) {
        line.push_str(
            "  WARNING: read single DES (--danger-des); whoever recorded this request can find its challenge",
        );
    }
    if events.contains(&Event::OtherSigner) {
        line.push_str("  WARNING: signed with another key than the one to be certified (--legacy)");
    }
    if events.contains(&Event::ChallengeExposed) {
        line.push_str("  WARNING: everybody on the way can read the challenge in the signer's certificate");
    }
    if events.contains(&Event::ChallengeReuse) {
        line.push_str("  WARNING: a one-time challenge came a second time; somebody has a copy of it");
    }
    if let Some(cause) = cause {
        let _ = write!(line, "  cause: {cause}{}", advice(*cause, legacy, danger_des));
    }
    line
}

/// The switch that would have let the request in, if there is one.
fn advice(cause: Error, legacy: bool, danger_des: bool) -> &'static str {
    match cause {
        Error::Unsupported(Unsupported::SingleDes) if !danger_des => {
            "; start with --danger-des to read it all the same"
        }
        Error::Unsupported(Unsupported::ContentEncryption) if !legacy => {
            "; if it is 3DES, start with --legacy"
        }
        Error::Unsupported(Unsupported::Digest | Unsupported::Signature) if !legacy => {
            "; if it is SHA-1, start with --legacy (and --danger-des for a client that sends single DES too)"
        }
        _ => "",
    }
}

/// A fingerprint as openssl writes it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Writes a line to standard output. A reader that went away is no reason to stop.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The same to standard error, where `eprintln!` would panic once nobody reads.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
