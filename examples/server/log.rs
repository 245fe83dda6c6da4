//! One line for each request.
//!
//! Nothing here is secret, and the library escapes texts of the peer's, so that no request can forge a line.

use scep::Error;
use scep::error::Unsupported;
use scep::server::{Event, Outcome, Status};
use std::fmt::Write as _;
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
    // writing to a String cannot fail
    if let Some(id) = &summary.transaction_id {
        let _ = write!(line, "  id={id}");
    }
    if let Some(subject) = &summary.subject {
        let _ = write!(line, "  subject={subject}");
    }
    if let Some(cause) = cause {
        let _ = write!(line, "  cause: {cause}{}", advice(*cause, legacy, danger_des));
    }
    if events.contains(&Event::SingleDesRead) {
        line.push_str(
            "  WARNING: read single DES (--danger-des); whoever recorded this request can find its challenge",
        );
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
