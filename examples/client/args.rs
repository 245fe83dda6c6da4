//! The command line.

use crate::names::{San, san, subject};
use clap::{Args, Parser, Subcommand};
use scep::transport::ScepUrl;
use scep::wire::DistinguishedName;
use std::path::PathBuf;

/// A SCEP client (RFC 8894): gets a device its certificate.
///
/// Exit status: 0 done, 3 refused by the CA, 4 held by the CA and not decided yet, 1 anything else.
#[derive(Debug, Parser)]
#[command(name = "client")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints the CA's capabilities. Nobody signs them.
    Caps(Server),
    /// Prints the CA's certificates; with a fingerprint or a file to compare with, verifies and stores them.
    Ca(Ca),
    /// Makes a key, asks for a certificate, and stores it.
    Enrol(Box<Enrol>),
    /// Goes on with a request that the CA holds.
    Poll(Poll),
}

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The CA's URL, such as http://ca.example/scep.
    #[arg(long, value_parser = url)]
    pub(crate) url: ScepUrl,
    /// Also takes SHA-1, triple DES and single DES from the CA, and a CA without keyEncipherment.
    #[arg(long)]
    pub(crate) legacy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// SHA-256 fingerprint of the CA's certificate: 64 hexadecimal digits; colons and spaces do not count.
    #[arg(long, value_name = "HEX", conflicts_with = "ca_pem", value_parser = fingerprint)]
    pub(crate) ca_sha256: Option<[u8; 32]>,
    /// The CA's certificate; the first one in the file counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_pem: Option<PathBuf>,
}

impl PinArgs {
    pub(crate) fn is_missing(&self) -> bool {
        self.ca_sha256.is_none() && self.ca_pem.is_none()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Ca {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) pin: PinArgs,
    /// Where to write ca.pem.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Enrol {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) pin: PinArgs,
    /// Where key.pem, cert.pem and ca.pem go. A key that is there already is used again.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The subject to ask for, such as "C=DE, CN=dev1". It may be empty if there is a --san.
    #[arg(long, value_name = "NAME", value_parser = subject)]
    pub(crate) subject: DistinguishedName,
    /// An alternative name to ask for: dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS. May be repeated.
    #[arg(long, value_name = "KIND:NAME", value_parser = san)]
    pub(crate) san: Vec<San>,
    /// The challenge password. Better in the environment variable SCEP_CHALLENGE, where others do not see it.
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) challenge: Option<String>,
    /// Bits of a new RSA key, a multiple of 8.
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = key_bits)]
    pub(crate) key_bits: usize,
    /// How long to poll when the CA holds the request.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait_max: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Poll {
    /// The CA's URL. It is stored with the request, and compared with that if it is given.
    #[arg(long, value_parser = url)]
    pub(crate) url: Option<ScepUrl>,
    /// Where key.pem and pending.scep are.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How long to go on polling after the first time.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait_max: u32,
    /// As for enrol.
    #[arg(long)]
    pub(crate) legacy: bool,
}

fn url(text: &str) -> Result<ScepUrl, String> {
    let url = ScepUrl::parse(text).map_err(|error| error.to_string())?;
    if url.is_https() {
        return Err("this program has no TLS: give an http URL (SCEP protects its messages itself)".into());
    }
    Ok(url)
}

fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let digits = text.chars().filter(|char| !matches!(char, ':' | ' '));
    let digits: Option<Vec<u8>> =
        digits.map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.ok_or("not hexadecimal")?;
    match digits.len() {
        64 => {}
        40 => return Err("40 digits are a SHA-1 fingerprint: give the SHA-256 one, of 64 digits".into()),
        32 => return Err("32 digits are an MD5 fingerprint: give the SHA-256 one, of 64 digits".into()),
        length => return Err(format!("{length} digits: a SHA-256 fingerprint has 64")),
    }
    let bytes: Vec<u8> = digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().map_err(|_| "not a SHA-256 fingerprint".into())
}

fn key_bits(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bits @ 2048..=8192) if bits % 8 == 0 => Ok(bits),
        _ => Err("give a multiple of 8 from 2048 to 8192".into()),
    }
}

/// The one line of a usage error that says what is wrong.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start().lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}
