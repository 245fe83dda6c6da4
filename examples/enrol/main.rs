//! A device gets a certificate from a CA with SCEP (RFC 8894), over real HTTP on loopback, with every step explained.
//!
//! ```sh
//! cargo run --release --example enrol
//! ```
//!
//! The device is in `device.rs`: it takes the library's steps one by one. The CA is that of `examples/server`, run in
//! this process.

// the server uses more of what is in its files
#[allow(dead_code)]
#[path = "../server/ca.rs"]
mod ca;
#[path = "../server/certificate.rs"]
mod certificate;
#[allow(dead_code)]
#[path = "../server/challenge.rs"]
mod challenge;
#[path = "../server/connections.rs"]
mod connections;
#[path = "../server/crl.rs"]
mod crl;
mod device;
#[path = "../shared/disk.rs"]
mod disk;
#[path = "../server/driver.rs"]
mod driver;
#[path = "../server/endpoint.rs"]
mod endpoint;
#[path = "../server/files.rs"]
mod files;
#[allow(dead_code)]
#[path = "../server/folder.rs"]
mod folder;
#[allow(dead_code)]
#[path = "../server/held.rs"]
mod held;
#[path = "../server/http.rs"]
mod http;
#[path = "../server/key.rs"]
mod key;
#[allow(dead_code)]
#[path = "../server/log.rs"]
mod log;
#[path = "../server/names.rs"]
mod names;
mod network;
#[path = "../server/refusals.rs"]
mod refusals;
#[allow(dead_code)]
#[path = "../server/register.rs"]
mod register;
mod say;
#[allow(dead_code)]
#[path = "../server/store.rs"]
mod store;

use ca::Result;
use clap::Parser;
use device::Device;
use endpoint::{Endpoint, Options};
use folder::{CaKey, Layout, Ra};
use key::Arithmetic;
use scep::client::Issued;
use scep::crypto::rustcrypto::{KeyType, PROVIDER, SoftwareKey, certificates_to_pem};
use scep::crypto::{ChallengePassword, Random, Rng};
use scep::pki_types::UnixTime;
use scep::server::ChallengeTerms;
use scep::wire::{Certificate, DistinguishedName};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The CA holds what begins with "device" until somebody has asked for it three times.
const HELD: &str = "device";

/// A device gets a certificate from a CA with SCEP (RFC 8894), over HTTP on loopback, with every step explained.
#[derive(Parser)]
struct Args {
    /// Folder for what is made; nothing in it is overwritten. Default: a new one below target/enrol.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The same as --dir.
    #[arg(value_name = "DIR", conflicts_with = "dir")]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Args { dir, folder } = Args::parse();
    match run(dir.or(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(format_args!("\nfailed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(folder: Option<PathBuf>) -> Result<()> {
    let start = Instant::now();
    let folder = match folder {
        Some(folder) => folder,
        None => new_folder(Path::new("target/enrol"))?,
    };
    let [key_path, certificate_path, ca_path] =
        ["key.pem", "cert.pem", "ca.pem"].map(|name| folder.join(name));
    for path in [&key_path, &certificate_path, &ca_path] {
        if path.exists() {
            return Err(
                format!("{} exists, and is not overwritten; give another --dir", path.display()).into()
            );
        }
    }
    let rng = &mut Random::system();
    say::line("A device gets a certificate from a CA with SCEP (RFC 8894).");

    let runtime = Runtime::new()?;
    let (ca, challenge) = TestCa::start(&runtime, folder.join("ca"), rng)?;
    say::heading(
        "CA",
        "This process plays the CA too. It gives the device, by another way than the network:",
    );
    say::item("address", &ca.url);
    say::item(
        "password",
        "a one-time challenge, not shown here: for this device's name, once, for ten minutes",
    );
    say::item("fingerprint", "the SHA-256 of its certificate: it proves that the CA is the right one");
    let text = log::hex(&ca.fingerprint);
    text.as_bytes()
        .chunks(48)
        .for_each(|half| say::item("", String::from_utf8_lossy(half).trim_end_matches(':')));

    let made = Instant::now();
    let key = SoftwareKey::generate(KeyType::Rsa(2048), rng)?;
    files::create_secret(&key_path, &key.to_pem())?;
    say::heading("Device", "The device makes its key pair, RSA with 2048 bits.");
    say::took(made);
    say::item("why", "the private key never leaves the device; the CA certifies the public key");

    let device = Device { key: &key, url: &ca.url, fingerprint: &ca.fingerprint };
    let issued = device.enrol(challenge, rng)?;
    let certificate = &issued.certificate;
    files::create(&certificate_path, &certificates_to_pem(&[certificate]))?;
    files::create(&ca_path, &certificates_to_pem(&[issued.ca.issuer()]))?;
    summary(&issued, start)?;
    say::item("key.pem", "the device's private key: keep it secret");
    say::item("cert.pem", "its certificate");
    say::item("ca.pem", "the CA's certificate");
    say::item("folder", folder.display());
    say::line(format_args!(
        "\nCheck it with OpenSSL:\n\n  openssl verify -CAfile {} {}",
        ca_path.display(),
        certificate_path.display()
    ));
    ca.stop(&runtime);
    Ok(())
}

fn summary(issued: &Issued, start: Instant) -> Result<()> {
    let certificate = &issued.certificate;
    let parsed = Certificate::parse(certificate)?;
    say::heading(
        "Done",
        &format!("The device has its certificate, {} ms after the start.", start.elapsed().as_millis()),
    );
    say::item("subject", parsed.subject());
    say::item("issuer", parsed.issuer());
    say::item(
        "valid",
        format_args!("{} to {}", say::date(parsed.not_before()?)?, say::date(parsed.not_after()?)?),
    );
    Ok(())
}

/// A new folder below `parent`: 1, 2, 3, ..
fn new_folder(parent: &Path) -> Result<PathBuf> {
    fs::create_dir_all(parent)?;
    for number in 1..u32::MAX {
        let folder = parent.join(number.to_string());
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
            Ok(()) => return Ok(folder),
        }
    }
    Err("no free folder".into())
}

/// The CA of `examples/server`, on a port of its own.
struct TestCa {
    url: String,
    fingerprint: [u8; 32],
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl TestCa {
    /// The CA, and what it gives to the device.
    fn start(runtime: &Runtime, folder: PathBuf, rng: &mut Rng<'_>) -> Result<(Self, ChallengePassword)> {
        let endpoint = Endpoint::open(Options {
            folder,
            challenge: None,
            hold: Some(HELD.into()),
            hold_polls: 3,
            renew_window: None,
            layout: Layout {
                ra: Ra::None,
                bits: 2048,
                ca_key: CaKey::Rsa,
                next_ca: false,
                arithmetic: Arithmetic::RustCrypto,
            },
            legacy: false,
            danger_des: false,
            password_recipients: false,
            refusals_per_minute: None,
        })?;
        let subject: DistinguishedName = device::SUBJECT.parse()?;
        let terms = ChallengeTerms::for_subject(subject.as_der())?.alt_names(&[device::HOST])?;
        let (now, lifetime) = (UnixTime::now(), Duration::from_secs(600));
        let challenge = challenge::mint(&endpoint.challenges, &endpoint.store, terms, now, lifetime, rng)?;
        let fingerprint = PROVIDER.sha256(&[endpoint.keys.ca.certificate()])?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}/scep", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(http::serve(listener, Arc::new(endpoint), |_| {}, async {
            let _ = stopped.await;
        }));
        Ok((Self { url, fingerprint, stop, task }, challenge))
    }

    fn stop(self, runtime: &Runtime) {
        drop(self.stop);
        // it ended by itself or it ended badly; the device has its certificate either way
        let _ = runtime.block_on(self.task);
    }
}
