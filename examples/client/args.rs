//! The command line.

use super::names::{San, san, subject};
use super::values::{Alg, Serial, key_bits, serial, sha1, sha256, url};
use clap::{Args, Parser, Subcommand, ValueEnum};
use scep::transport::ScepUrl;
use scep::wire::DistinguishedName;
use std::path::PathBuf;

/// A SCEP client (RFC 8894): gets a device its certificate, and renews it.
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
    /// Goes on with a request that the CA holds, for a first certificate or a renewal.
    Poll(Poll),
    /// Asks for a certificate in place of the one in a folder; key and certificate before stay until all is well.
    Renew(Box<Renew>),
    /// Asks the CA for a certificate by its serial number (GetCert), and prints it.
    Cert(Cert),
    /// Gets the CA's revocation list (GetCRL), stores it, and says whether the certificate here is revoked.
    Crl(Crl),
    /// Gets the certificates of the CA that takes over later (GetNextCACert), prints and stores them.
    NextCa(NextCa),
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

// A folder where enrol has been. (Not a doc comment: clap would take it for the text of a whole command.)
#[derive(Debug, Args)]
pub(crate) struct Home {
    /// Where key.pem, cert.pem and ca.pem are. The CA has to be the one in ca.pem.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The CA's URL, if it is not the one that enrol stored in url.txt.
    #[arg(long, value_parser = url)]
    pub(crate) url: Option<ScepUrl>,
    /// As for enrol.
    #[arg(long)]
    pub(crate) legacy: bool,
}

// How messages go.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    /// Sends messages by GET to a CA that does not list POST: they are longer so, and show up in logs.
    #[arg(long)]
    pub(crate) get: bool,
    /// Encrypts for the certificate in this file, which has to be one of the CA's or its RA's: when its operator says
    /// which one, and the certificates do not.
    #[arg(long, value_name = "FILE")]
    pub(crate) recipient: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// SHA-256 fingerprint of the CA's certificate: 64 hexadecimal digits; colons and spaces do not count.
    #[arg(long, value_name = "HEX", conflicts_with = "ca_pem", value_parser = sha256)]
    pub(crate) ca_sha256: Option<[u8; 32]>,
    /// The CA's certificate; the first one in the file counts.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_pem: Option<PathBuf>,
    /// SHA-1 fingerprint, 40 digits, when the operator publishes no other; with --legacy only. Whoever had a part in
    /// making the CA's certificate may have made another one with the same fingerprint.
    #[arg(long, value_name = "HEX", requires = "legacy", conflicts_with_all = ["ca_pem", "ca_sha256"],
          value_parser = sha1)]
    pub(crate) ca_sha1: Option<[u8; 20]>,
}

#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Kind of a new key; rsa if not given. A p256 or p384 key cannot open the CA's reply: that takes
    /// --password-recipient, then and for each renewal of such a certificate. Without it enrol makes an RSA key in
    /// reply-key.pem to open the reply, which many servers refuse (the example server takes it with --legacy).
    #[arg(long, value_enum)]
    pub(crate) alg: Option<Alg>,
    /// Bits of a new RSA key, a multiple of 8; 2048 if not given.
    #[arg(long, value_name = "N", value_parser = key_bits)]
    pub(crate) key_bits: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Patience {
    /// The challenge password. Better in the environment variable SCEP_CHALLENGE, where others do not see it. It is
    /// stored nowhere; poll wants it again for a request that it protects.
    #[arg(long, value_name = "PASSWORD")]
    pub(crate) challenge: Option<String>,
    /// Lets the challenge password protect messages where a key cannot encrypt, as p256 and p384 keys cannot. The CA has
    /// to take part. The password wants 128 bits, for example the output of openssl rand -base64 24.
    #[arg(long)]
    pub(crate) password_recipient: bool,
    /// How long to go on polling when the CA holds the request.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait_max: u32,
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
    /// Where key.pem, cert.pem, ca.pem and url.txt go. A key that is there already is used again.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The subject to ask for, such as "C=DE, CN=dev1". It may be empty if there is a --san.
    #[arg(long, value_name = "NAME", value_parser = subject)]
    pub(crate) subject: DistinguishedName,
    /// An alternative name to ask for: dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS. May be repeated.
    #[arg(long, value_name = "KIND:NAME", value_parser = san)]
    pub(crate) san: Vec<San>,
    #[command(flatten)]
    pub(crate) key: NewKey,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Asks the CA that takes over later: key and certificate go to key.next-ca.pem and cert.next-ca.pem.
    #[arg(long)]
    pub(crate) next_ca: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Poll {
    /// The CA's URL. It is stored with the request, and compared with that if it is given.
    #[arg(long, value_parser = url)]
    pub(crate) url: Option<ScepUrl>,
    /// Where pending.scep and the keys of the request are.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// As for enrol.
    #[arg(long)]
    pub(crate) legacy: bool,
    /// As for enrol.
    #[arg(long)]
    pub(crate) get: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Style {
    /// By what the CA lists.
    Auto,
    /// RenewalReq (RFC 8894).
    Renewal,
    /// PKCSReq signed under the present certificate, as before RFC 8894.
    Pkcsreq,
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    pub(crate) home: Home,
    /// Asks for a certificate for a new key, in key.next.pem until all is well. This is what happens anyway.
    #[arg(long)]
    pub(crate) new_key: bool,
    /// Asks for a certificate for the key in key.pem once more.
    #[arg(long, conflicts_with_all = ["new_key", "alg", "key_bits", "next_ca"])]
    pub(crate) same_key: bool,
    /// How to ask. With auto, a CA that lists no renewal, or a certificate that has ended, means a new enrolment: for
    /// that most CAs want a challenge password.
    #[arg(long, value_enum, default_value_t = Style::Auto)]
    pub(crate) style: Style,
    #[command(flatten)]
    pub(crate) key: NewKey,
    #[command(flatten)]
    pub(crate) patience: Patience,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Asks the CA that takes over later. Nothing is replaced: key and certificate go to key.next-ca.pem and
    /// cert.next-ca.pem.
    #[arg(long)]
    pub(crate) next_ca: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cert {
    #[command(flatten)]
    pub(crate) home: Home,
    /// Serial number, as openssl prints it, of a certificate of the same issuer; without it, that of cert.pem.
    #[arg(long, value_name = "HEX", value_parser = serial)]
    pub(crate) serial: Option<Serial>,
    #[command(flatten)]
    pub(crate) sending: Sending,
}

#[derive(Debug, Args)]
pub(crate) struct Crl {
    #[command(flatten)]
    pub(crate) home: Home,
    /// Where to write the list, in DER; crl.der in the folder if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) sending: Sending,
}

#[derive(Debug, Args)]
pub(crate) struct NextCa {
    #[command(flatten)]
    pub(crate) home: Home,
}

/// The one line of a usage error that says what is wrong.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.trim_start().lines().map(str::trim).take_while(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}
