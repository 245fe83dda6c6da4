//! Short, aligned lines for a person to read.

use scep::pki_types::UnixTime;
use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, Instant};
use x509_cert::der;

/// Anything. A reader that went away is no reason to stop.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Begins a part of the story.
pub(crate) fn heading(part: &str, text: &str) {
    line(format_args!("\n{part:<8}{text}"));
}

/// One fact.
pub(crate) fn item(label: &str, text: impl Display) {
    line(format_args!("        {label:<13}{text}"));
}

/// How long it has been.
pub(crate) fn took(start: Instant) {
    item("took", format_args!("{} ms", milliseconds(start.elapsed())));
}

/// With one decimal place.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1000.0)
}

/// A time as people write it.
pub(crate) fn date(time: UnixTime) -> der::Result<String> {
    let date = der::DateTime::from_unix_duration(Duration::from_secs(time.as_secs()))?;
    Ok(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}
