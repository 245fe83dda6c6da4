//! Makes distinct requests for a server, sends them over some connections, and says what CPU time the server took for them:
//! `benches/compare/run` calls it. Arguments: ADDRESS:PORT PATH PID CHALLENGE CONNECTIONS REQUESTS KEYS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement")]

#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "../../tests/shared/provider.rs"]
mod provider;

use provider::{KeyType, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::client::{Client, ClientConfig, Done, Driven, NewEnrolment, Step, Transport, TrustedCa, drive};
use scep::crypto::{ChallengePassword, NoKey, Random};
use scep::message::Unverified;
use scep::pki_types::UnixTime;
use scep::transport::{HttpRequest, HttpResponse, Method};
use scep::wire::{Limits, PkiStatus};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::new(stream))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_ascii_lowercase())
    }
}

impl Transport for Connection {
    type Error = std::io::Error;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, std::io::Error> {
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: ca.test\r\nContent-Type: application/x-pki-message\r\nContent-Length: {}\r\n\r\n",
            request.target,
            request.body.len()
        );
        self.0.get_mut().write_all(&[head.as_bytes(), &request.body].concat())?;
        let status = self.line()?.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut content_type, mut chunked) = (0, None, false);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("content-type", value)) => content_type = Some(value.to_string().into()),
                Some(("transfer-encoding", _)) => chunked = true,
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = Vec::new();
        loop {
            let next = if chunked { usize::from_str_radix(&self.line()?, 16).unwrap() } else { length };
            let start = body.len();
            body.resize(start + next, 0);
            self.0.read_exact(&mut body[start..])?;
            if !chunked || next == 0 {
                break;
            }
            self.line()?;
        }
        if chunked {
            self.line()?;
        }
        Ok(HttpResponse { status, content_type, body, allow: None, retry_after: None })
    }
}

/// User and system time of a process.
fn cpu(pid: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // 100 a second on every Linux
    Duration::from_millis(ticks * 10)
}

/// Keys that are made once and kept, since that takes longest.
fn keys(folder: &Path, count: usize) -> Vec<SoftwareKey> {
    std::fs::create_dir_all(folder).unwrap();
    let key = |number| {
        let file = folder.join(format!("{number}.der"));
        if let Ok(der) = std::fs::read(&file) {
            return SoftwareKey::from_pkcs8(&der).unwrap();
        }
        let key = SoftwareKey::generate(KeyType::Rsa(2048), &mut Random::system()).unwrap();
        std::fs::write(file, key.to_pkcs8().as_slice()).unwrap();
        key
    };
    (0..count).map(key).collect()
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [address, path, pid, challenge, connections, requests, folder] = &arguments[..] else {
        eprintln!("compare: benches/compare/run calls this");
        return;
    };
    let (connections, requests): (usize, usize) = (connections.parse().unwrap(), requests.parse().unwrap());
    let url = format!("http://{address}{path}");
    let client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY));
    let rng = &mut Random::system();

    let step = client.fetch_ca(&url).unwrap();
    let mut first = Connection::new(address);
    // the server is one that was just started here
    let trust = scep::client::Trust::dangerous;
    let driven = drive(step, &mut first, &mut NoKey, &mut NoKey, trust, rng, Some(UnixTime::now())).unwrap();
    let Driven::Done(Done::Ca(ca)) = driven else { panic!("{driven:?}") };
    drop(first);

    let offset = connections * 1000;
    let messages: Vec<HttpRequest> = keys(Path::new(folder), requests)
        .iter()
        .enumerate()
        .map(|(number, key)| message(&client, &url, ca.clone(), key, offset + number, challenge))
        .collect();

    let (before, start) = (cpu(pid), Instant::now());
    let granted: usize = std::thread::scope(|scope| {
        let share = messages.chunks(requests.div_ceil(connections));
        let threads: Vec<_> =
            share.map(|share| scope.spawn(|| send(address, share, PROVIDER_WITH_LEGACY))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let (took, used) = (start.elapsed(), cpu(pid) - before);
    println!(
        "{connections} {:.2} {:.0} {granted}/{requests}",
        used.as_secs_f64() * 1e3 / requests as f64,
        requests as f64 / took.as_secs_f64()
    );
}

fn message(
    client: &Client,
    url: &str,
    ca: TrustedCa,
    key: &SoftwareKey,
    number: usize,
    challenge: &str,
) -> HttpRequest {
    let subject = format!("C=DE, CN=device{number}").parse().unwrap();
    let request = NewEnrolment::builder(subject, key.public_key_der())
        .challenge(ChallengePassword::new(challenge).unwrap())
        .build()
        .unwrap();
    let rng = &mut Random::system();
    let mut step = client.enrol_with(url, ca, request, Some(UnixTime::now()), rng).unwrap();
    loop {
        step = match step {
            Step::Transmit(transmit) => return transmit.request().clone(),
            Step::Sign(sign) => {
                let signature = key.sign(sign.job(), rng);
                sign.complete(signature, rng).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }
}

/// How many of them were granted.
fn send(address: &str, share: &[HttpRequest], provider: scep::crypto::Provider) -> usize {
    let mut connection = Connection::new(address);
    let replies: Vec<HttpResponse> =
        share.iter().map(|request| connection.exchange(request).unwrap()).collect();
    let is_success = |reply: &HttpResponse| {
        let verified =
            Unverified::parse(reply.body.clone(), &Limits::DEFAULT).ok()?.verify_as_sent(&provider);
        Some(verified.ok()?.attributes().ok()?.pki_status().ok()? == PkiStatus::Success)
    };
    replies.iter().filter(|reply| is_success(reply) == Some(true)).count()
}
