//! What packaged clients and a packaged server say to each other and to our example server, as a proxy saw it. Names
//! and algorithms are read off by openssl, never by this library.

use super::recorder::{Exchange, Recorder, find};
use super::{CA, Set, changed, facts};
use crate::manifest::{Fact, Facts};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const CHALLENGE: &str = "test-challenge";

/// A server, ended when it is dropped.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A free port of loopback.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something listens there.
fn await_port(port: u16) {
    for _ in 0..100 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("nothing listens on port {port}");
}

/// Our example server with the CA of the vectors.
fn example(work: &Path, name: &str, flags: &[&str]) -> Server {
    let program = std::env::var("EXAMPLES").map_or_else(
        |_| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("debug/examples"),
        PathBuf::from,
    );
    let folder = work.join(name);
    fs::create_dir(&folder).unwrap();
    fs::copy(work.join("ca.key"), folder.join("ca.key.pem")).unwrap();
    fs::copy(work.join("ca.crt"), folder.join("ca.pem")).unwrap();
    let port = free_port();
    let log = fs::File::create(work.join(format!("{name}.log"))).unwrap();
    let process = Command::new(program.join("server"))
        .args(["--listen", &format!("127.0.0.1:{port}"), "--challenge", CHALLENGE, "--hold", "pend", "--dir"])
        .arg(&folder)
        .args(flags)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    await_port(port);
    Server { process, port }
}

/// micromdm's scepserver with the same CA. It listens on every interface: `vectors/make` runs all this in a network of
/// its own.
fn scepserver(set: &Set<'_>) -> Server {
    let work = &set.openssl.work;
    let depot = work.join("depot");
    fs::create_dir(&depot).unwrap();
    set.openssl.run("rsa -in ca.key -aes256 -traditional -passout pass:x -out depot/ca.key");
    fs::copy(work.join("ca.crt"), depot.join("ca.pem")).unwrap();
    fs::write(depot.join("serial"), "30\n").unwrap();
    let port = free_port();
    let process = Command::new("scepserver")
        .args([
            "-depot",
            "depot",
            "-capass",
            "x",
            "-challenge",
            CHALLENGE,
            "-allowrenew",
            "0",
            "-crtvalid",
            "30",
        ])
        .args(["-port", &port.to_string()])
        .current_dir(work)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_port(port);
    Server { process, port }
}

/// Runs a client in a folder; whether it succeeded.
fn client(folder: &Path, program: &str, arguments: &str, out: &str) -> bool {
    let out = fs::File::create(folder.join(out)).unwrap();
    let log = fs::OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap();
    let status = Command::new("timeout")
        .args(["60", program])
        .args(arguments.split(' ').map(|word| word.replace('~', " ")))
        .current_dir(folder)
        .stdout(out)
        .stderr(log)
        .status()
        .unwrap();
    status.success()
}

pub(super) fn make(set: &mut Set<'_>) {
    let work = set.openssl.work.clone();
    micromdm(set, &work);
    strongswan(set, &work);
    certmonger(set, &work);
}

/// Where the exchanges of one client go.
struct Sink<'s, 'a> {
    set: &'s mut Set<'a>,
    /// The folder of the requests, and that of the replies.
    client: &'static str,
    server: &'static str,
    /// Begins the names of the files that the server sent.
    prefix: &'static str,
    /// The program, and the same for the replies.
    tools: [Option<String>; 2],
}

impl Sink<'_, '_> {
    /// Keeps exchanges with a pkiMessage under `name`, and those before it if `discovery` says so.
    fn keep(&mut self, exchanges: &[Exchange], name: &str, how: &str, discovery: bool) {
        let mut number = 0;
        for exchange in exchanges {
            let line = exchange.request.split(|byte| *byte == b'\r').next().unwrap();
            let line = String::from_utf8(line.to_vec()).unwrap();
            let operation = line.split("operation=").nth(1).unwrap().split(['&', ' ']).next().unwrap();
            match operation {
                "PKIOperation" => {
                    number += 1;
                    let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
                    self.message(exchange, &name, how, &line);
                }
                _ if discovery => self.discovery(exchange, operation, &line),
                _ => {}
            }
        }
        assert!(name.is_empty() || number > 0, "{}/{name}: no message went through", self.client);
    }

    fn tool(&mut self, of_server: bool) {
        if let Some(tool) = &self.tools[usize::from(of_server)] {
            self.set.vectors.last_mut().unwrap().tool.clone_from(tool);
        }
    }

    fn discovery(&mut self, exchange: &Exchange, operation: &str, line: &str) {
        let message = line.split("message=").nth(1).map_or("", |rest| rest.split(['&', ' ']).next().unwrap());
        let name = operation.to_lowercase();
        let suffix = if message.is_empty() { String::new() } else { format!("-{}", message.to_lowercase()) };
        let file = format!("{}/{name}{suffix}.http", self.client);
        if !self.set.vectors.iter().any(|vector| vector.file == file) {
            let mut expect = facts(&[("operation", operation), ("method", "GET")]);
            expect.insert("message".into(), message.into());
            self.set.add(&file, "query", line, &exchange.request, expect);
            self.tool(false);
        }
        let (file, kind, expect) = match operation {
            "GetCACaps" => {
                let words = String::from_utf8(exchange.body.clone()).unwrap();
                let mut words: Vec<_> = words.lines().map(str::to_owned).collect();
                // As the library lists them: in one order, and nothing that it does not know.
                let known = scep::wire::Capability::ALL.map(scep::wire::Capability::keyword);
                words.retain(|word| known.contains(&word.as_str()));
                words.sort_by_key(|word| known.iter().position(|known| known == word));
                let file = format!("{}/{}caps.txt", self.server, self.prefix);
                (file, "capabilities", Facts::from([("capabilities".into(), Fact::list(words))]))
            }
            _ => {
                let expect = Facts::from([("certificates".into(), Fact::list([CA]))]);
                (format!("{}/{}ca.der", self.server, self.prefix), "get-ca-cert", expect)
            }
        };
        if exchange.status == 200 && !self.set.vectors.iter().any(|vector| vector.file == file) {
            self.set.add(&file, kind, &format!("answer to {line}"), &exchange.body, expect);
            self.tool(true);
        }
    }

    fn message(&mut self, exchange: &Exchange, name: &str, how: &str, line: &str) {
        let body = find(&exchange.request, b"\r\n\r\n").unwrap() + 4;
        let by_get = line.starts_with("GET");
        let message =
            if by_get { undo(&self.set.openssl.work, line) } else { exchange.request[body..].to_vec() };
        let mut expect = by_default(self.set.openssl.examine(&message, "ca"));
        let file = format!("{}/{name}.{}", self.client, if by_get { "http" } else { "der" });
        if by_get {
            expect = changed(expect, &[("operation", "PKIOperation"), ("method", "GET")]);
            self.set.request(&file, how, &exchange.request, expect).kind = "query".into();
        } else {
            self.set.request(&file, how, &message, expect);
        }
        self.tool(false);
        assert_eq!(exchange.status, 200, "{file}: {}", String::from_utf8_lossy(&exchange.body));
        let expect = by_default(self.set.openssl.examine(&exchange.body, "device"));
        let status = expect["pkiStatus"].text().unwrap().to_lowercase();
        let reply = format!("{}/{}{name}-{status}.der", self.server, self.prefix);
        self.set.reply(&reply, &format!("answer to {file}: {status}"), &exchange.body, &file, expect);
        self.tool(true);
    }
}

/// The message out of a request line of GET, by openssl.
fn undo(work: &Path, line: &str) -> Vec<u8> {
    let text = line.split("message=").nth(1).unwrap().split(['&', ' ']).next().unwrap();
    let mut base64 = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (symbol, length) = match character {
            '%' => (char::from(u8::from_str_radix(&rest[1..3], 16).unwrap()), 3),
            '-' => ('+', 1),
            '_' => ('/', 1),
            other => (other, 1),
        };
        base64.push(symbol);
        rest = &rest[length..];
    }
    fs::write(work.join("base64"), base64).unwrap();
    let output =
        Command::new("openssl").args(["base64", "-d", "-A", "-in", "base64"]).current_dir(work).output();
    output.unwrap().stdout
}

/// What the default provider makes of old algorithms.
fn by_default(facts: Facts) -> Facts {
    let is = |name: &str, value: &str| facts.get(name).and_then(Fact::text) == Some(value);
    let refused = if is("scheme", "RsaPkcs1(Sha1)") {
        "verify: Unsupported(Digest)"
    } else if is("contentEncryption", "TripleDesCbc") {
        "envelope: Unsupported(ContentEncryption)"
    } else if is("contentEncryption", "DesCbc") {
        "envelope: Unsupported(SingleDes)"
    } else {
        ""
    };
    changed(facts, &[("byDefault", refused)])
}

/// A folder of its own for a client, with the device's key in the form that it reads.
fn home(set: &Set<'_>, name: &str) -> PathBuf {
    let home = set.openssl.work.join(name);
    fs::create_dir(&home).unwrap();
    set.openssl.run(&format!("rsa -in device.key -traditional -out {name}/key.pem"));
    fs::copy(set.openssl.work.join("ca.crt"), home.join("ca.pem")).unwrap();
    home
}

fn micromdm(set: &mut Set<'_>, work: &Path) {
    let server = scepserver(set);
    let recorder = Recorder::start(server.port);
    let mut sink = Sink { client: "micromdm", server: "micromdm", prefix: "", tools: [None, None], set };
    // It keeps its request beside the key, with the challenge in it: a folder for each challenge.
    let own = home(sink.set, "scepclient");
    let other = home(sink.set, "scepclient-wrong");
    let enrol = |challenge: &str, certificate: &str| {
        format!(
            "-server-url {} -private-key key.pem -certificate {certificate} -country DE -cn dev1 -challenge {challenge}",
            recorder.url()
        )
    };
    assert!(client(&own, "scepclient", &enrol(CHALLENGE, "c.pem"), "out"), "scepclient: {}", own.display());
    sink.keep(&recorder.take(), "pkcsreq", "scepclient enrols", true);
    assert!(client(&own, "scepclient", &enrol(CHALLENGE, "c.pem"), "out"));
    sink.keep(&recorder.take(), "renewalreq", "scepclient with a certificate", false);
    assert!(!client(&other, "scepclient", &enrol("wrong", "d.pem"), "out"));
    sink.keep(&recorder.take(), "pkcsreq-wrong-challenge", "scepclient with a wrong challenge", false);
    drop(server);

    // The same client at our server, which answers single DES in AES.
    let server = example(work, "server-danger", &["--legacy", "--danger-des"]);
    let recorder = Recorder::start(server.port);
    sink.server = "scep";
    sink.prefix = "to-micromdm-";
    sink.tools[1] = Some(own_tool());
    let enrol = format!(
        "-server-url {} -private-key key.pem -certificate e.pem -country DE -cn dev1 -challenge {CHALLENGE}",
        recorder.url()
    );
    assert!(client(&own, "scepclient", &enrol, "out"));
    sink.keep(&recorder.take(), "pkcsreq-at-scep", "scepclient enrols at our example server", false);
}

fn own_tool() -> String {
    format!("scep {}, examples/server", env!("CARGO_PKG_VERSION"))
}

fn strongswan(set: &mut Set<'_>, work: &Path) {
    let server = example(work, "server-plain", &[]);
    let recorder = Recorder::start(server.port);
    let tools = [None, Some(own_tool())];
    let mut sink = Sink { client: "strongswan", server: "scep", prefix: "to-strongswan-", tools, set };
    let home = home(sink.set, "strongswan");
    let url = recorder.url();
    let scep = |url: &str, dn: &str, more: &str| {
        format!(
            "--scep --url {url} --in key.pem --dn C=DE,~CN={dn} --cacert-enc ca.pem --cacert-sig ca.pem --interval 1 \
             --maxpolltime 20 --outform pem {more}"
        )
    };
    let with = format!("--san dev1.test --password {CHALLENGE} --cipher aes");
    assert!(client(&home, "pki", &scep(&url, "swan", &with), "cert.pem"), "pki: {}", home.display());
    sink.keep(&recorder.take(), "pkcsreq-aes", "pki --scep --cipher aes", true);
    assert!(client(
        &home,
        "pki",
        &format!("--scepca --url {url} --caout got.pem --outform pem --force"),
        "out"
    ));
    sink.keep(&recorder.take(), "", "", true);
    assert!(!client(&home, "pki", &scep(&url, "swan", "--password wrong --cipher aes"), "out"));
    sink.keep(&recorder.take(), "pkcsreq-wrong-challenge", "pki --scep with a wrong challenge", false);
    assert!(client(&home, "pki", &scep(&url, "pend-swan", &with), "out"));
    let mut polled = recorder.take();
    polled.retain(|exchange| find(&exchange.request, b"operation=PKIOperation").is_some());
    sink.keep(&polled[..1], "pkcsreq-held", "pki --scep, held by the server", false);
    sink.keep(&polled[1..2], "certpoll", "pki --scep polls", false);
    sink.keep(&polled[polled.len() - 1..], "certpoll-last", "pki --scep polls a last time", false);
    sink.set.openssl.run("rsa -in new-device.key -traditional -out strongswan/new.pem");
    // With a certificate of the CA. Whether the server grants it does not matter here.
    let renew = format!(
        "--scep --url {url} --in new.pem --dn C=DE,~CN=swan --cert cert.pem --key key.pem --cacert-enc ca.pem \
         --cacert-sig ca.pem --cipher aes --outform pem"
    );
    let renewed = client(&home, "pki", &renew, "out");
    println!("strongSwan renewal granted: {renewed}");
    sink.keep(&recorder.take(), "renewalreq", "pki --scep --cert", false);
    for (digest, padding) in [("sha512", "pkcs1"), ("sha256", "pss")] {
        let with = format!("--password {CHALLENGE} --cipher aes --digest {digest} --rsa-padding {padding}");
        let granted = client(&home, "pki", &scep(&url, &format!("swan-{digest}"), &with), "out");
        println!("strongSwan with {digest} and {padding} granted: {granted}");
        let how = format!("pki --scep --digest {digest} --rsa-padding {padding}");
        sink.keep(&recorder.take(), &format!("pkcsreq-{digest}-{padding}"), &how, false);
    }
    drop(server);

    let server = example(work, "server-legacy", &["--legacy"]);
    let recorder = Recorder::start(server.port);
    let with = format!("--password {CHALLENGE} --cipher des3");
    assert!(client(&home, "pki", &scep(&recorder.url(), "swan3", &with), "out"));
    sink.keep(&recorder.take(), "pkcsreq-3des", "pki --scep --cipher des3", false);
}

fn certmonger(set: &mut Set<'_>, work: &Path) {
    let server = example(work, "server-monger", &[]);
    let recorder = Recorder::start(server.port);
    let tools = [None, Some(own_tool())];
    let mut sink = Sink { client: "certmonger", server: "scep", prefix: "to-certmonger-", tools, set };
    let home = home(sink.set, "certmonger");
    let show = home.display();
    let head = format!(
        "getcert add-scep-ca -c t -u '{}' -N '{show}/ca.pem'\n\
         for i in $(seq 100); do getcert list-cas -c t | grep -q 'SCEP CA certificate' && break; sleep 0.1; done\n",
        recorder.url()
    );
    let request = format!("getcert request -c t -k '{show}/key.pem' -L");
    let names = "-D monger.test";
    for (name, how, discovery, commands) in [
        (
            "pkcsreq",
            "certmonger enrols, then renews with a PKCSReq that the old certificate signs",
            true,
            format!(
                "{request} {CHALLENGE} -I r -f '{show}/cert.pem' -N CN=monger {names} -w\ngetcert resubmit -i r -w || true\n"
            ),
        ),
        (
            "pkcsreq-wrong-challenge",
            "certmonger with a wrong challenge",
            false,
            format!("{request} wrong -I w -f '{show}/wrong.pem' -N CN=monger -w || true\n"),
        ),
        (
            "pkcsreq-held",
            "certmonger, held by the server: it polls with a new PKCSReq",
            false,
            format!(
                "{request} {CHALLENGE} -I p -f '{show}/held.pem' -N CN=pend-monger\nsleep 1\n\
                 for i in $(seq 10); do sleep 1; getcert refresh -i p; getcert list -i p | grep -q 'status: MONITORING' && \
                 break; done\n"
            ),
        ),
    ] {
        let sub = home.join(name);
        fs::create_dir(&sub).unwrap();
        // The socket's folder has to be the owner's alone.
        #[cfg(unix)]
        fs::set_permissions(&sub, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        fs::write(sub.join("commands"), format!("{head}{commands}")).unwrap();
        let status = Command::new("timeout")
            .args(["60", "/usr/lib/certmonger/certmonger-session", "-n", "-L", "-d", "1", "-P"])
            .arg(sub.join("socket"))
            .arg("-c")
            .arg(format!("bash {}/commands", sub.display()))
            .env("HOME", &sub)
            .current_dir(&sub)
            .stdout(fs::File::create(sub.join("out")).unwrap())
            .stderr(fs::File::create(sub.join("log")).unwrap())
            .status()
            .unwrap();
        println!("certmonger {name}: {status}");
        let mut exchanges = recorder.take();
        if name == "pkcsreq-held" {
            exchanges.retain(|exchange| find(&exchange.request, b"operation=PKIOperation").is_some());
            exchanges.truncate(2);
        }
        sink.keep(&exchanges, name, how, discovery);
    }
}
