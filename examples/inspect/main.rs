//! Shows what is in a SCEP message, or in anything else that SCEP sends, and how it deviates from RFC 8894.
//!
//! ```text
//! inspect request.der                         layers, attributes, algorithms, certificates, deviations
//! inspect --key ca.pem request.der            the same, and what is in the envelope
//! inspect --json --key ca.pem capture.http    the same for a program
//! curl -s 'http://ca.example/scep?operation=GetCACaps' | inspect -
//! ```
//!
//! The reading is [`scep::inspect`]; here are files and printing only.

mod json;
mod text;

use clap::Parser;
use scep::crypto::Random;
use scep::crypto::rustcrypto::{PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::inspect::{Report, inspect};
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Shows what is in a SCEP message: DER, BER, PEM, base64, or HTTP with its headers.
///
/// Exit status: 0 read (whatever it says), 1 not read.
#[derive(Debug, Parser)]
#[command(name = "inspect")]
struct Args {
    /// A private key in PEM, to open the envelope with. May be repeated: the first that fits is taken.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Prints JSON. Names in it do not change; a name without a value is null.
    #[arg(long)]
    json: bool,
    /// Shows the challenge password.
    #[arg(long)]
    show_secrets: bool,
    /// What to read; - is standard input.
    file: PathBuf,
}

/// Whether there was an envelope and what became of it.
enum Opened {
    /// There is none, or nobody gave a key.
    NotTried,
    Yes,
    No(scep::Error),
}

/// More is no SCEP message.
const LONGEST: u64 = 4 << 20;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(text) => {
            // Nobody may be there to read it; that is no reason to stop.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(line) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {line}");
            ExitCode::from(1)
        }
    }
}

fn run(args: &Args) -> Result<String, String> {
    let mut keys = Vec::new();
    for path in &args.key {
        let pem = String::from_utf8(read(path)?).map_err(|error| at(path, error))?;
        keys.push(SoftwareKey::from_pem(&pem).map_err(|error| at(path, error))?);
    }
    let mut report =
        inspect(&read(&args.file)?, &PROVIDER_WITH_LEGACY).map_err(|error| at(&args.file, error))?;
    let opened = open(&mut report, &keys);
    Ok(if args.json {
        let value = json::report(&report, &opened, args.show_secrets);
        format!("{value:#}\n")
    } else {
        text::report(&report, &opened, args.show_secrets)
    })
}

fn open(report: &mut Report, keys: &[SoftwareKey]) -> Opened {
    if report.envelope.is_none() {
        return Opened::NotTried;
    }
    let mut opened = Opened::NotTried;
    for key in keys {
        match report.open(&PROVIDER_WITH_LEGACY, &mut &*key, &mut Random::system()) {
            Ok(()) => return Opened::Yes,
            Err(error) => opened = Opened::No(error),
        }
    }
    opened
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| at(path, error))?;
    Ok(bytes)
}

fn at(path: &Path, error: impl Display) -> String {
    format!("{}: {error}", path.display())
}

/// Octets in hexadecimal.
fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A time as in RFC 3339, in UTC.
fn date(time: scep::pki_types::UnixTime) -> String {
    let seconds = time.as_secs();
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}
