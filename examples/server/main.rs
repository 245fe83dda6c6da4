//! A CA with a SCEP responder, for tests and labs: keys in files, transactions in SQLite, HTTP on hyper.
//!
//! ```sh
//! cargo run --release --example server -- --listen 127.0.0.1:8080 --dir ca --challenge secret123
//! ```

mod admin;
mod ca;
mod certificate;
mod challenge;
mod connections;
mod crl;
#[path = "../shared/disk.rs"]
mod disk;
mod driver;
mod endpoint;
mod files;
mod folder;
mod held;
mod http;
mod key;
mod log;
mod names;
mod refusals;
mod register;
mod store;

use admin::Command;
use clap::Parser;
use endpoint::{Endpoint, Options, report};
use folder::{CaKey, Layout, Ra};
use key::Arithmetic;
use scep::crypto::ChallengePassword;
use scep::crypto::rustcrypto::PROVIDER;
use scep::pki_types::UnixTime;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often expired transactions and old revocation lists are looked for.
const TIDY_INTERVAL: Duration = Duration::from_secs(3600);

/// A CA with a SCEP responder, for tests and labs.
///
/// Devices enrol with one-time challenges, which the command `challenge` makes. With --challenge there is also one secret
/// for everybody: whoever knows it gets a certificate for any name, any number of times.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Option<Args>,
}

#[derive(clap::Args)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Folder for keys, certificates and the database; made at the first start, used again later.
    #[arg(long)]
    dir: PathBuf,
    /// A shared challenge password, for tests and labs only. Other users of this machine can see it in the process
    /// list.
    #[arg(long, value_name = "PASSWORD")]
    challenge: Option<String>,
    /// Hold requests whose common name begins like this (PENDING); `list`, `approve` and `deny` decide about them.
    #[arg(long, value_name = "CN_PREFIX")]
    hold: Option<String>,
    /// Grant a held request that nobody has decided about when it is asked about for this time; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 3)]
    hold_polls: u32,
    /// Renew certificates without a challenge password only when they end within so many days; without this at any time.
    #[arg(long, value_name = "DAYS")]
    renew_window: Option<u32>,
    /// Make the CA that comes after this one, and serve its certificate (GetNextCACert).
    #[arg(long)]
    next_ca: bool,
    /// Who speaks SCEP for the CA: itself, an RA with one certificate, or an RA with two.
    #[arg(long, value_enum, default_value_t = Ra::None)]
    ra: Ra,
    /// Size of RSA keys that are made now, bits: 2048 to 8192, a multiple of 8.
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = key_bits)]
    key_bits: usize,
    /// What a CA signs certificates with that is made now; other kinds than RSA need an RA.
    #[arg(long, value_enum, default_value_t = CaKey::Rsa)]
    ca_key: CaKey,
    /// Whose arithmetic to use: rustcrypto, or aws-lc-rs, which is faster, where the server was built with it.
    #[arg(long, value_name = "NAME", default_value = "rustcrypto", value_parser = Arithmetic::parse)]
    provider: Arithmetic,
    /// Accept SHA-1 and 3DES, and answer in kind; accept clients that sign with another key than the one to be certified.
    #[arg(long)]
    legacy: bool,
    /// Take devices with keys that cannot decrypt, such as ECDSA keys: their messages are protected by the challenge
    /// password, which has to be a strong one.
    #[arg(long)]
    password_recipients: bool,
    /// How many refusals a source (an IPv4 address, an IPv6 network) gets in a minute before it has to wait; 0 for any
    /// number. Without this it is 5, and any number for this machine: where a proxy stands on it, the proxy has to count.
    #[arg(long, value_name = "N")]
    refusals_per_minute: Option<u32>,
    /// Read requests encrypted with single DES, which RFC 8894 forbids: whoever records one can find its challenge
    /// password.
    #[arg(long)]
    danger_des: bool,
}

fn main() -> ExitCode {
    let ended = match Cli::parse() {
        Cli { command: Some(command), .. } => admin::run(command, &mut log::print),
        Cli { serve: Some(args), .. } => run(args),
        Cli { .. } => Err("nothing to do: see --help".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::complain(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> ca::Result<()> {
    let Args {
        listen,
        dir,
        challenge,
        hold,
        hold_polls,
        renew_window,
        next_ca,
        ra,
        key_bits,
        ca_key,
        provider,
        legacy,
        danger_des,
        password_recipients,
        refusals_per_minute,
    } = args;
    // without clap, which would show the password in its message
    let challenge = challenge.map(ChallengePassword::new).transpose();
    let challenge = challenge.map_err(|_| "--challenge: wants 1 to 8192 bytes, and no NUL")?;
    if password_recipients && challenge.is_none() {
        return Err(
            "--password-recipients: wants --challenge, for of a one-time challenge no text is kept".into()
        );
    }
    let is_shared = challenge.is_some();
    let layout = Layout { ra, bits: key_bits, ca_key, next_ca, arithmetic: provider };
    let renew_window = renew_window.map(|days| Duration::from_secs(u64::from(days) * 24 * 3600));
    let folder = dir.clone();
    let options = Options {
        folder,
        challenge,
        hold,
        hold_polls,
        renew_window,
        layout,
        legacy,
        danger_des,
        password_recipients,
        refusals_per_minute,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    // before the CA is made, for nothing, if the port is taken
    let listener =
        runtime.block_on(TcpListener::bind(listen)).map_err(|error| format!("--listen {listen}: {error}"))?;
    let endpoint = Arc::new(Endpoint::open(options)?);
    runtime.block_on(async {
        let stop = stop_signal()?;
        tokio::spawn(tidy(Arc::clone(&endpoint)));
        match is_shared {
            true => {
                log::print("for tests and labs: whoever knows the challenge password gets any certificate")
            }
            false => log::print("devices enrol with what `challenge --dir` prints"),
        }
        if danger_des {
            log::print("WARNING: --danger-des: a recorded request gives its challenge password away");
        }
        log::print(&format!("CA certificate {}", dir.join("ca.pem").display()));
        let fingerprint = PROVIDER.sha256(&[endpoint.keys.ca.certificate()])?;
        log::print(&format!("CA SHA-256 fingerprint {}", log::hex(&fingerprint)));
        log::print(&format!("ready http://{}/scep", listener.local_addr()?));
        http::serve(listener, endpoint, log::print, stop).await;
        log::print("stopped");
        Ok(())
    })
}

/// What the library makes keys of.
fn key_bits(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(bits @ 2048..=8192) if bits % 8 == 0 => Ok(bits),
        _ => Err("wants 2048 to 8192, a multiple of 8".into()),
    }
}

/// Tidies up now and then. At the start it was done.
async fn tidy(endpoint: Arc<Endpoint>) {
    loop {
        tokio::time::sleep(TIDY_INTERVAL).await;
        let endpoint = Arc::clone(&endpoint);
        let tidied = tokio::task::spawn_blocking(move || endpoint.tidy(UnixTime::now())).await;
        if let Ok(Err(error)) = tidied {
            report(error);
        }
    }
}

/// Ends at Ctrl-C or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    Ok(std::future::poll_fn(move |context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
