//! The example client, all of its commands, against the example server.

#![allow(clippy::unwrap_used)] // helpers of tests are tests too
// the programs use more of what is in their files
#![allow(dead_code)]

#[path = "../examples/server/admin.rs"]
mod admin;
#[path = "../examples/server/ca.rs"]
mod ca;
#[path = "../examples/server/certificate.rs"]
mod certificate;
#[path = "../examples/server/challenge.rs"]
mod challenge;
#[path = "../examples/client/main.rs"]
mod client;
#[path = "../examples/server/connections.rs"]
mod connections;
#[path = "../examples/server/crl.rs"]
mod crl;
#[path = "../examples/server/driver.rs"]
mod driver;
#[path = "../examples/server/endpoint.rs"]
mod endpoint;
#[path = "../examples/server/files.rs"]
mod files;
#[path = "../examples/server/folder.rs"]
mod folder;
#[path = "../examples/server/held.rs"]
mod held;
#[path = "../examples/server/http.rs"]
mod http;
#[path = "../examples/server/key.rs"]
mod key;
#[path = "../examples/server/log.rs"]
mod log;
#[path = "../examples/server/names.rs"]
mod names;
#[path = "../examples/server/refusals.rs"]
mod refusals;
#[path = "../examples/server/register.rs"]
mod register;
#[path = "../examples/server/store.rs"]
mod store;

#[path = "example_client/power.rs"]
mod power;

use clap::Parser;
// the server's too
use client::disk;
use client::{End, Failure};
use endpoint::{Endpoint, Options};
use folder::{CaKey, Layout, Ra};
use scep::crypto::ChallengePassword;
use scep::crypto::rustcrypto::{PROVIDER, certificates_from_pem};
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, CertificateList};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const PASSWORD: &str = "secret-of-the-test";
/// One that may protect messages.
const STRONG: &str = "kJ8#vQ2!xW9$mN4^tR7&";

/// A server and a place for devices.
struct Lab {
    _runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    root: PathBuf,
}

fn layout(ra: Ra, next_ca: bool) -> Layout {
    Layout { ra, bits: 2048, ca_key: CaKey::Rsa, next_ca, arithmetic: key::Arithmetic::RustCrypto }
}

impl Lab {
    fn start(name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("example_client-{name}"));
        let _ = fs::remove_dir_all(&root);
        let mut options = Options {
            folder: root.join("ca"),
            challenge: Some(ChallengePassword::new(PASSWORD).unwrap()),
            hold: None,
            hold_polls: 1,
            renew_window: None,
            layout: layout(Ra::None, false),
            legacy: false,
            danger_des: false,
            password_recipients: false,
            refusals_per_minute: None,
        };
        change(&mut options);
        let endpoint = Arc::new(Endpoint::open(options).unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(http::serve(listener, endpoint, |_| {}, std::future::pending()));
        Self { _runtime: runtime, address, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Runs the client. Gives what it ended in, and all that it printed.
    fn client(&self, command: &str, device: &str, more: &str) -> (Result<End, String>, String) {
        let dir = self.path(device).display().to_string();
        let more = more.replace("CA/", &format!("{}/", self.path("ca").display()));
        let line = ["client", command, "--dir", &dir].into_iter().chain(more.split_whitespace());
        let cli = match client::args::Cli::try_parse_from(line) {
            Ok(cli) => cli,
            Err(error) => return (Err(client::args::one_line(&error)), String::new()),
        };
        let ended = client::run(cli).map_err(|Failure(line)| line);
        let printed = client::SAID.with_borrow_mut(|said| String::from_utf8(said.split_off(0)).unwrap());
        let all = format!("{ended:?}{printed}");
        assert!([PASSWORD, STRONG, "PRIVATE"].iter().all(|secret| !all.contains(secret)), "{all}");
        (ended, printed)
    }

    fn done(&self, command: &str, device: &str, more: &str) -> String {
        let (ended, printed) = self.client(command, device, more);
        assert_eq!(ended, Ok(End::Done), "{printed}");
        printed
    }

    fn enrol_options(&self, more: &str) -> String {
        let url = format!("http://{}/scep", self.address);
        format!("--url {url} --ca-pem CA/ca.pem --challenge {PASSWORD} --subject CN=dev1 {more}")
    }

    fn enrol(&self, device: &str, more: &str) {
        let printed = self.done("enrol", device, &self.enrol_options(more));
        assert!(printed.starts_with("issued: CN="), "{printed}");
    }

    /// The certificate in a file of a device's.
    fn certificate(&self, device: &str, name: &str) -> CertificateDer<'static> {
        let text = fs::read_to_string(self.path(device).join(name)).unwrap();
        certificates_from_pem(&text).unwrap().swap_remove(0)
    }

    /// The files that a device works with.
    fn pair(&self, device: &str) -> [String; 2] {
        ["key.pem", "cert.pem"].map(|name| fs::read_to_string(self.path(device).join(name)).unwrap())
    }

    fn is_there(&self, device: &str, name: &str) -> bool {
        self.path(device).join(name).exists()
    }

    /// Runs a command beside the server. Gives the lines that it printed.
    fn server(&self, command: &str, more: &[&str]) -> Result<Vec<String>, String> {
        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            command: admin::Command,
        }
        let dir = self.path("ca");
        let line =
            ["server", command, "--dir", dir.to_str().unwrap()].into_iter().chain(more.iter().copied());
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        let ended = admin::run(line.command, &mut |line| lines.push(line.into()));
        ended.map(|()| lines).map_err(|error| error.to_string())
    }

    fn revoke(&self, serial: &[u8]) {
        self.server("revoke", &["--serial", &hex(serial)]).unwrap();
    }

    /// A one-time challenge.
    fn challenge(&self, more: &[&str]) -> String {
        let [text] = <[String; 1]>::try_from(self.server("challenge", more).unwrap()).unwrap();
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn refused(ended: (Result<End, String>, String), reason: &str) {
    assert_eq!(ended.0, Ok(End::Refused), "{}", ended.1);
    assert!(ended.1.contains("refused by the CA") && ended.1.contains(reason), "{}", ended.1);
}

fn failed(ended: (Result<End, String>, String), reason: &str) {
    let error = ended.0.unwrap_err();
    assert!(error.contains(reason) && !error.contains('\n'), "{error}");
}

#[test]
fn a_renewal_replaces_key_and_certificate_and_keeps_those_before() {
    let lab = Lab::start("renew", |_| {});
    lab.enrol("dev", "");
    let first = lab.pair("dev");
    failed(lab.client("enrol", "dev", &lab.enrol_options("")), "exists already: renew it with renew");
    let printed = lab.done("renew", "dev", "");
    assert!(printed.contains("in key.old.pem and cert.old.pem"), "{printed}");
    let second = lab.pair("dev");
    assert!(first[0] != second[0] && first[1] != second[1]);
    let old = ["key.old.pem", "cert.old.pem"];
    assert_eq!(old.map(|name| fs::read_to_string(lab.path("dev").join(name)).unwrap()), first);
    assert!(!lab.is_there("dev", "key.next.pem") && !lab.is_there("dev", "cert.next.pem"));
    // what is new renews, by each way there is
    for style in ["auto", "renewal", "pkcsreq"] {
        let before = lab.pair("dev");
        lab.done("renew", "dev", &format!("--same-key --style {style}"));
        let after = lab.pair("dev");
        assert!(before[0] == after[0] && before[1] != after[1], "{style}");
    }
    failed(lab.client("renew", "dev", "--same-key --new-key"), "cannot be used with");
    failed(lab.client("renew", "dev", "--alg p256 --key-bits 2048"), "--key-bits is for --alg rsa");
    failed(lab.client("renew", "nobody", ""), "no such folder");
    assert!(!lab.path("nobody").exists());
}

/// Every file below a folder, with what is in it.
fn contents(folder: &std::path::Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => contents(&path, files),
            false => files.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
}

// T9, T20, T50: as an operator and a device use them
#[test]
fn a_one_time_challenge_is_for_one_name_and_one_certificate_and_in_no_file() {
    let lab = Lab::start("one-time", |options| options.challenge = None);
    let url = format!("--url http://{}/scep --ca-pem CA/ca.pem", lab.address);
    let enrol = |device: &str, challenge: &str, more: &str| {
        lab.client("enrol", device, &format!("{url} --challenge {challenge} {more}"))
    };
    for sealed in [&[][..], &["--sealed"]] {
        let with = |more: &[&str]| lab.challenge(&[more, sealed].concat());
        let dev = |number: &str| format!("{number}{}", sealed.len());
        let bound = with(&["--subject", "CN=dev1", "--san", "dns:dev1.example", "--ttl", "5m"]);
        refused(enrol(&dev("a"), &bound, "--subject CN=dev2"), "");
        refused(enrol(&dev("b"), &bound, "--subject CN=dev1 --san dns:dev2.example"), "");
        let (ended, printed) = enrol(&dev("c"), &bound, "--subject CN=dev1 --san dns:dev1.example");
        assert_eq!(ended, Ok(End::Done), "{printed}");
        // spent
        refused(enrol(&dev("d"), &bound, "--subject CN=dev1 --san dns:dev1.example"), "");
        // a renewal needs none
        lab.done("renew", &dev("c"), "");
        let any = with(&[]);
        assert_eq!(enrol(&dev("e"), &any, "--subject CN=anything").0, Ok(End::Done));
        let mut files = Vec::new();
        contents(&lab.root, &mut files);
        assert!(files.iter().any(|(path, _)| path.ends_with("ca/scep.db")));
        for (path, bytes) in files {
            for secret in [&bound, &any] {
                let found = bytes.windows(24).any(|part| part == &secret.as_bytes()[..24]);
                assert!(!found, "{}", path.display());
            }
        }
    }
    // nobody's secret
    refused(enrol("f", PASSWORD, "--subject CN=dev1"), "");
    let lines = lab.server("list", &["--challenges"]).unwrap();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("spent")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("CN=dev1")) && lines.iter().any(|line| line.contains("any"))
    );
    for wrong in [
        &["--ttl", "0m"][..],
        &["--ttl", "x"],
        &["--ttl", "5"],
        &["--ttl", ""],
        &["--ttl", "5ä"],
        &["--subject", "dev1"],
        &["--san", "dev1"],
        &["--san", "dns:*.example"],
    ] {
        assert!(lab.server("challenge", wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_revoked_certificate_is_said_to_be_and_renews_nothing() {
    let lab = Lab::start("revoked", |_| {});
    lab.enrol("dev", "");
    lab.enrol("other", "");
    let printed = lab.done("crl", "dev", "");
    assert!(printed.starts_with("revocation list of CN=SCEP example CA\n  this update 20"), "{printed}");
    assert!(printed.contains("is not revoked"), "{printed}");
    let revoked = lab.certificate("dev", "cert.pem");
    let revoked = Certificate::parse(&revoked).unwrap();
    lab.revoke(revoked.serial());
    let out = lab.path("list.der");
    lab.done("crl", "other", &format!("--out {}", out.display()));
    lab.done("crl", "other", &format!("--out {}", out.display()));
    // whatever else is there was named by mistake
    let key = fs::read(lab.path("other").join("key.pem")).unwrap();
    let mistake = format!("--out {}", lab.path("other").join("key.pem").display());
    failed(lab.client("crl", "other", &mistake), "is there already, and no revocation list");
    assert_eq!(fs::read(lab.path("other").join("key.pem")).unwrap(), key);
    let der = fs::read(out).unwrap();
    let list = CertificateList::parse(&der).unwrap();
    assert!(list.find(revoked.serial()).unwrap().is_some());
    // the server tells the revoked one nothing, so its own text is looked at here
    refused(lab.client("crl", "dev", ""), "");
    let text = client::query::standing(&list, revoked.serial());
    assert!(text.contains(&hex(revoked.serial())) && text.contains("is REVOKED since 20"), "{text}");
    let before = lab.pair("dev");
    refused(lab.client("renew", "dev", ""), "");
    assert_eq!(lab.pair("dev"), before);
    assert!(!lab.is_there("dev", "cert.next.pem"));
}

#[test]
fn a_certificate_is_found_by_its_serial_number() {
    let lab = Lab::start("cert", |_| {});
    lab.enrol("dev", "");
    let own = lab.certificate("dev", "cert.pem");
    let serial = hex(Certificate::parse(&own).unwrap().serial());
    for more in [String::new(), format!("--serial {serial}"), format!("--serial 00:{serial}")] {
        let printed = lab.done("cert", "dev", &more);
        assert!(printed.contains("issuer CN=SCEP example CA"), "{printed}");
        assert_eq!(certificates_from_pem(&printed).unwrap(), std::slice::from_ref(&own));
    }
    refused(lab.client("cert", "dev", "--serial 1234"), "badCertId");
    failed(lab.client("cert", "dev", "--serial xyz"), "not hexadecimal");
}

// the poll of a held renewal is signed by the key before, and what comes is for the new one
#[test]
fn a_held_renewal_changes_nothing_until_a_poll_brings_the_certificate() {
    let lab = Lab::start("held", |options| {
        options.hold = Some("held".into());
        options.renew_window = Some(Duration::from_secs(24 * 3600));
    });
    let named = lab.enrol_options("--subject CN=held1").replace("--subject CN=dev1 ", "");
    let (ended, printed) = lab.client("enrol", "dev", &named);
    assert_eq!(ended, Ok(End::Pending), "{printed}");
    assert!(printed.contains("poll --dir"), "{printed}");
    failed(lab.client("renew", "dev", ""), "a request is pending here");
    lab.done("poll", "dev", "");
    let first = lab.pair("dev");
    // the window has not come, so the password decides
    refused(lab.client("renew", "dev", ""), "too early");
    let (ended, printed) = lab.client("renew", "dev", &format!("--challenge {PASSWORD}"));
    assert_eq!(ended, Ok(End::Pending), "{printed}");
    assert_eq!(lab.pair("dev"), first);
    assert!(lab.is_there("dev", "key.next.pem"));
    failed(lab.client("renew", "dev", ""), "a request is pending here");
    // without its key a certificate is worth nothing: said before anybody is asked
    fs::rename(lab.path("dev").join("key.next.pem"), lab.path("aside")).unwrap();
    failed(lab.client("poll", "dev", ""), "the key of the request in pending.scep is not here");
    fs::rename(lab.path("aside"), lab.path("dev").join("key.next.pem")).unwrap();
    lab.done("poll", "dev", "");
    let second = lab.pair("dev");
    assert!(first[0] != second[0] && first[1] != second[1]);
    assert!(!lab.is_there("dev", "pending.scep"));
    failed(lab.client("poll", "dev", ""), "no request is pending here");
    lab.done("cert", "dev", "");
}

// R-4.7-2
#[test]
fn what_the_next_ca_issues_waits_beside_what_is_in_use() {
    let lab = Lab::start("next-ca", |options| options.layout = layout(Ra::None, true));
    lab.enrol("dev", "");
    let before = lab.pair("dev");
    let printed = lab.done("next-ca", "dev", "");
    let next = lab.certificate("ca", "ca-next.pem");
    assert_eq!(lab.certificate("dev", "next-ca.pem"), next);
    let fingerprint = hex(&PROVIDER.sha256(&[&next]).unwrap());
    assert!(printed.replace(':', "").contains(&fingerprint), "{printed}");
    for (device, command, more) in
        [("dev", "renew", "--next-ca".into()), ("new", "enrol", lab.enrol_options("--next-ca"))]
    {
        let printed = lab.done(command, device, &more);
        assert!(printed.contains("for use from"), "{printed}");
        let staged = lab.certificate(device, "cert.next-ca.pem");
        let issuer = Certificate::parse(&staged).unwrap().issuer().to_string();
        assert_eq!(issuer, "CN=SCEP example CA 2");
        assert!(lab.is_there(device, "key.next-ca.pem") && lab.is_there(device, "next-ca.pem"));
        failed(lab.client(command, device, &more), "exists already");
    }
    assert_eq!(lab.pair("dev"), before);
    assert!(!lab.is_there("new", "key.pem") && !lab.is_there("new", "cert.pem"));
    // when the time has come, as the client said
    for [from, to] in
        [["key.next-ca.pem", "key.pem"], ["cert.next-ca.pem", "cert.pem"], ["next-ca.pem", "ca.pem"]]
    {
        fs::rename(lab.path("dev").join(from), lab.path("dev").join(to)).unwrap();
    }
    let folder = client::files::Folder::at(&lab.path("dev"));
    assert!(folder.has_pair("key.pem", "cert.pem").unwrap());
}

#[test]
fn a_next_ca_other_than_the_one_looked_at_is_asked_for_nothing() {
    let lab = Lab::start("other-next-ca", |options| options.layout = layout(Ra::None, true));
    lab.enrol("dev", "");
    fs::copy(lab.path("ca").join("ca.pem"), lab.path("dev").join("next-ca.pem")).unwrap();
    failed(lab.client("renew", "dev", "--next-ca"), "is not the CA that is announced now");
    assert!(!lab.is_there("dev", "cert.next-ca.pem"));
    let without = Lab::start("no-next-ca", |_| {});
    without.enrol("dev", "");
    failed(without.client("next-ca", "dev", ""), "the CA announces no next CA");
}

#[test]
fn a_key_that_cannot_open_replies_takes_a_second_one_and_a_tolerant_server() {
    let strict = Lab::start("ec-strict", |_| {});
    refused(strict.client("enrol", "dev", &strict.enrol_options("--alg p256")), "an RSA key works with all");
    let lab = Lab::start("ec", |options| options.legacy = true);
    for alg in ["p256", "p384"] {
        lab.enrol(alg, &format!("--alg {alg}"));
        assert!(lab.is_there(alg, "reply-key.pem"));
        let own = lab.certificate(alg, "cert.pem");
        assert!(Certificate::parse(&own).unwrap().public_key().ec().is_ok());
        for command in ["renew", "cert", "crl"] {
            failed(lab.client(command, alg, ""), "the key is not RSA");
        }
        failed(lab.client("renew", alg, ""), "renew with --password-recipient");
        assert!(!lab.is_there(alg, "key.next.pem"));
    }
    // the present key opens the reply, whatever the new one is
    lab.enrol("rsa", "--key-bits 2048");
    lab.done("renew", "rsa", "--alg p384");
    let own = lab.certificate("rsa", "cert.pem");
    assert!(Certificate::parse(&own).unwrap().public_key().ec().is_ok());
}

fn takes_part(options: &mut Options) {
    options.challenge = Some(ChallengePassword::new(STRONG).unwrap());
    options.password_recipients = true;
}

fn strong(challenge: &str) -> String {
    format!("--password-recipient --challenge {challenge}")
}

impl Lab {
    fn enrol_strong(&self, more: &str) -> String {
        self.enrol_options(&format!("--password-recipient {more}")).replace(PASSWORD, STRONG)
    }

    fn assert_point(&self, device: &str, length: usize) {
        let own = self.certificate(device, "cert.pem");
        assert_eq!(Certificate::parse(&own).unwrap().public_key().key().len(), length, "{device}");
    }

    /// In no file of the device.
    fn assert_stored_nowhere(&self, device: &str, secret: &str) {
        let mut files = 0;
        for entry in fs::read_dir(self.path(device)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", path.display());
            files += 1;
        }
        assert!(files > 2);
    }
}

// R-3.1-3: a point has 0x04 in front
#[test]
fn a_strong_challenge_enrols_and_renews_keys_that_cannot_open_replies() {
    let lab = Lab::start("password", takes_part);
    for (alg, length) in [("p256", 65), ("p384", 97)] {
        let printed = lab.done("enrol", alg, &lab.enrol_strong(&format!("--alg {alg}")));
        assert!(printed.starts_with("issued: CN="), "{printed}");
        lab.assert_point(alg, length);
        assert!(!lab.is_there(alg, "reply-key.pem"));
    }
    let before = lab.pair("p256");
    for style in ["auto", "renewal", "pkcsreq"] {
        lab.done("renew", "p256", &format!("--same-key --style {style} {}", strong(STRONG)));
        let after = lab.pair("p256");
        assert!(before[0] == after[0] && before[1] != after[1], "{style}");
    }
    lab.done("renew", "p256", &format!("--alg p384 {}", strong(STRONG)));
    lab.assert_point("p256", 97);
    lab.assert_stored_nowhere("p256", STRONG);
    // to a key that opens replies itself, and back
    lab.done("renew", "p384", &format!("--alg rsa {}", strong(STRONG)));
    lab.done("renew", "p384", "--alg p256");
    lab.assert_point("p384", 65);
    // a question has no challenge
    failed(lab.client("crl", "p256", ""), "no challenge password could protect it");
    // nor has it a part where keys can encrypt
    lab.done("enrol", "rsa", &lab.enrol_strong(""));
    lab.done("renew", "rsa", "--password-recipient");
}

// R-3.1-4, PWRI-5
#[test]
fn a_challenge_that_protects_nothing_is_told_before_a_key_is_made() {
    let lab = Lab::start("password-weak", takes_part);
    let weak = lab.enrol_options("--password-recipient --alg p256");
    failed(lab.client("enrol", "dev", &weak), "128 bits, for example the output of openssl rand -base64 24");
    failed(
        lab.client("enrol", "dev", &weak.replace(&format!("--challenge {PASSWORD}"), "")),
        "--challenge; it wants 128 bits",
    );
    assert!(!lab.is_there("dev", "key.pem"));
    lab.done("enrol", "dev", &lab.enrol_strong("--alg p256"));
    let before = lab.pair("dev");
    failed(lab.client("renew", "dev", &format!("--challenge {STRONG}")), "renew with --password-recipient");
    failed(lab.client("renew", "dev", &strong(PASSWORD)), "128 bits");
    failed(lab.client("renew", "dev", "--password-recipient"), "--challenge; it wants 128 bits");
    assert!(!lab.is_there("dev", "key.next.pem"));
    assert_eq!(lab.pair("dev"), before);
    // a server that takes no part
    let without = Lab::start("password-off", |options| {
        takes_part(options);
        options.password_recipients = false;
    });
    refused(without.client("enrol", "dev", &without.enrol_strong("--alg p256")), "an RSA key works with all");
}

// R-3.1-6, T50
#[test]
fn a_held_request_wants_the_challenge_that_protects_it_again() {
    let lab = Lab::start("password-held", |options| {
        takes_part(options);
        options.hold = Some("held".into());
        options.renew_window = Some(Duration::from_secs(24 * 3600));
    });
    let named = lab.enrol_strong("--alg p256").replace("CN=dev1", "CN=held1");
    let (ended, printed) = lab.client("enrol", "dev", &named);
    assert_eq!(ended, Ok(End::Pending), "{printed}");
    assert!(
        printed.contains("--password-recipient\n  and the challenge password in SCEP_CHALLENGE"),
        "{printed}"
    );
    lab.assert_stored_nowhere("dev", STRONG);
    let poll = |challenge: &str| lab.client("poll", "dev", challenge);
    failed(poll(""), "give --password-recipient");
    failed(poll(&format!("--challenge {STRONG}")), "give --password-recipient");
    failed(poll("--password-recipient"), "needed again, and stored nowhere");
    failed(poll(&strong(PASSWORD)), "too weak to be that of the pending request");
    let other: String = STRONG.chars().rev().collect();
    failed(poll(&strong(&other)), "is the challenge password the one of the request?");
    assert!(lab.is_there("dev", "pending.scep"));
    assert_eq!(poll(&strong(STRONG)).0, Ok(End::Done));
    lab.assert_point("dev", 65);
    let first = lab.pair("dev");
    let (ended, printed) = lab.client("renew", "dev", &format!("--alg p384 {}", strong(STRONG)));
    assert_eq!(ended, Ok(End::Pending), "{printed}");
    assert_eq!(lab.pair("dev"), first);
    assert_eq!(poll(&strong(STRONG)).0, Ok(End::Done));
    lab.assert_point("dev", 97);
    lab.assert_stored_nowhere("dev", STRONG);
    assert!(!lab.is_there("dev", "pending.scep"));
}

#[test]
fn a_key_of_another_kind_than_asked_for_is_left_alone() {
    let lab = Lab::start("kind", |_| {});
    lab.enrol("dev", "");
    let key = fs::read_to_string(lab.path("dev").join("key.pem")).unwrap();
    fs::write(lab.path("dev").join("key.next.pem"), &key).unwrap();
    for more in ["--alg p256", "--key-bits 3072"] {
        failed(lab.client("renew", "dev", more), "not of the kind asked for");
    }
    assert_eq!(fs::read_to_string(lab.path("dev").join("key.next.pem")).unwrap(), key);
    // and the key that is in use must fit its certificate
    lab.enrol("other", "");
    fs::copy(lab.path("other").join("key.pem"), lab.path("dev").join("key.pem")).unwrap();
    failed(lab.client("renew", "dev", ""), "is not the key of cert.pem");
}

#[test]
fn requests_are_encrypted_for_the_certificate_that_is_named() {
    let lab = Lab::start("recipient", |options| options.layout = layout(Ra::Two, false));
    lab.enrol("dev", "--recipient CA/ra-encrypt.pem");
    lab.done("renew", "dev", "--recipient CA/ra-encrypt.pem");
    lab.done("cert", "dev", "--recipient CA/ra-encrypt.pem");
    lab.done("crl", "dev", "--recipient CA/ra-encrypt.pem");
    // the wrong one of the CA's: its owner does not open it
    refused(lab.client("renew", "dev", "--recipient CA/ca.pem"), "");
    let own = format!("--recipient {}", lab.path("dev").join("cert.pem").display());
    failed(lab.client("renew", "dev", &own), "not a certificate of the CA or its RA");
    failed(lab.client("renew", "dev", "--recipient CA/nothing.pem"), "nothing.pem");
}

#[test]
fn a_sha1_fingerprint_pins_with_legacy_only() {
    let lab = Lab::start("sha1", |options| options.legacy = true);
    let ca = lab.certificate("ca", "ca.pem");
    let sha1 = scep::crypto::rustcrypto::PROVIDER_WITH_LEGACY.digest(scep::crypto::Digest::Sha1).unwrap();
    let sha1 = hex(sha1.digest(&[&ca]).as_bytes());
    let options = lab.enrol_options("").replace("--ca-pem CA/ca.pem", "PIN");
    let pinned = |pin: &str| lab.client("enrol", "dev", &options.replace("PIN", pin));
    failed(pinned(&format!("--ca-sha1 {sha1}")), "--legacy");
    failed(pinned(&format!("--ca-sha1 {} --legacy", "0".repeat(40))), "fingerprint");
    failed(pinned(&format!("--ca-sha256 {sha1}")), "--ca-sha1 with --legacy");
    assert_eq!(pinned(&format!("--ca-sha1 {sha1} --legacy")).0, Ok(End::Done));
}

/// Passes everything on, and says of the server that it knows neither POST nor SCEPStandard. Counts messages by GET.
fn old_server(server: SocketAddr, gets: Arc<AtomicU32>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut near, mut far) = (stream.unwrap(), TcpStream::connect(server).unwrap());
            let mut head = Vec::new();
            // a request by POST is never whole here, and stays without an answer
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                near.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            if head.starts_with(b"GET /scep?operation=PKIOperation") {
                gets.fetch_add(1, Ordering::SeqCst);
            }
            let head = String::from_utf8(head).unwrap().replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            far.write_all(head.as_bytes()).unwrap();
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).unwrap();
            for word in [&b"SCEPStandard"[..], b"POSTPKIOperation"] {
                while let Some(at) = answer.windows(word.len()).position(|window| window == word) {
                    answer[at] = b'x';
                }
            }
            near.write_all(&answer).unwrap();
        }
    });
    address
}

#[test]
fn messages_go_by_get_where_that_is_allowed() {
    let lab = Lab::start("get", |_| {});
    let gets = Arc::new(AtomicU32::new(0));
    let old = old_server(lab.address, Arc::clone(&gets));
    let options = lab.enrol_options("--get").replace(&lab.address.to_string(), &old.to_string());
    lab.done("enrol", "dev", &options);
    assert_eq!(gets.load(Ordering::SeqCst), 1);
    lab.done("renew", "dev", "--get");
    assert_eq!(gets.load(Ordering::SeqCst), 2);
}

#[test]
fn of_two_clients_in_a_folder_the_second_is_told_of_the_first() {
    let lab = Lab::start("two", |_| {});
    lab.enrol("dev", "");
    let path = lab.path("dev");
    let mut first = client::files::Folder::at(&path);
    first.enter().map_err(|Failure(line)| line).unwrap();
    failed(lab.client("renew", "dev", ""), "another client is at work here");
    assert!(!lab.is_there("dev", "key.next.pem"));
    drop(first);
    lab.done("renew", "dev", "");
}

// nothing that a folder holds is emptied, wherever its links lead
#[cfg(unix)]
#[test]
fn links_in_a_folder_cost_no_key() {
    use std::os::unix::fs::symlink;
    let lab = Lab::start("links", |_| {});
    lab.enrol("dev", "");
    let before = lab.pair("dev");
    let path = lab.path("dev");
    fs::remove_file(path.join(".lock")).unwrap();
    symlink("key.pem", path.join(".lock")).unwrap();
    failed(lab.client("renew", "dev", ""), ".lock: is no plain file");
    assert_eq!(lab.pair("dev"), before);
    fs::remove_file(path.join(".lock")).unwrap();
    // a key that is kept elsewhere is not swapped for a file
    fs::rename(path.join("key.pem"), path.join("elsewhere.pem")).unwrap();
    symlink("elsewhere.pem", path.join("key.pem")).unwrap();
    failed(lab.client("renew", "dev", ""), "key.pem: is a link");
    assert!(!lab.is_there("dev", "key.next.pem"));
    assert_eq!(lab.pair("dev"), before);
}

// R-2.2-7: what was pinned at enrolment decides whom a renewal is for, and whose answer counts
#[test]
fn a_renewal_goes_to_the_ca_that_was_pinned() {
    let [lab, other] = ["pinned", "impostor"].map(|name| Lab::start(name, |_| {}));
    lab.enrol("dev", "");
    let before = lab.pair("dev");
    let (ended, printed) = lab.client("renew", "dev", &format!("--url http://{}/scep", other.address));
    failed((ended, printed), "bad signature");
    assert_eq!(lab.pair("dev"), before);
    assert!(!lab.is_there("dev", "cert.next.pem") && lab.is_there("dev", "sent.scep"));
    fs::remove_file(lab.path("dev").join("ca.pem")).unwrap();
    failed(lab.client("renew", "dev", ""), "ca.pem: is not there");
    fs::remove_file(lab.path("dev").join("url.txt")).unwrap();
    failed(lab.client("renew", "dev", ""), "url.txt: is not there: give the CA's --url");
}
