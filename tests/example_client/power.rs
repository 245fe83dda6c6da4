//! The power fails at every change that the client makes to its files, while it enrols, polls and renews at a real server;
//! what had not reached the disk is lost, in every way that it may be. Then the same command is given again.

use super::client::disk::power::{self, Files};
use super::client::{End, files};
use super::store::SqliteStore;
use super::{Lab, failed, fs};
use scep::crypto::Random;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey, certificates_from_pem};
use scep::pki_types::CertificateDer;
use scep::wire::Certificate;
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

const DEVICE: &str = "dev";

/// What one command is, from the files that it finds to what it is given.
struct Job<'a> {
    lab: &'a Lab,
    before: Files,
    /// Gives the commands that lead to a certificate, and again the same ones.
    go: &'a dyn Fn(&Lab, &str) -> Result<End, String>,
    /// Makes a challenge that serves once.
    challenge: &'a dyn Fn(&Lab) -> String,
}

/// Each name, and which of the possible contents it has: none, a half or all.
type Kind = (bool, BTreeSet<(String, usize)>);

impl Lab {
    fn issued(&self) -> Vec<CertificateDer<'static>> {
        let store = SqliteStore::open(&self.path("ca").join("scep.db")).unwrap();
        let issued = store.certificates().unwrap().into_iter();
        issued.map(|issued| CertificateDer::from(issued.certificate)).collect()
    }
}

fn new_key() -> String {
    SoftwareKey::generate(KeyType::Rsa(2048), &mut Random::system()).unwrap().to_pem().to_string()
}

/// Whether these two files belong together.
fn is_pair(folder: &Path, key: &str, certificate: &str) -> bool {
    let read = |name: &str| fs::read_to_string(folder.join(name));
    let (Ok(key), Ok(certificate)) = (read(key), read(certificate)) else { return false };
    // whatever is there is whole
    let key = SoftwareKey::from_pem(&key).unwrap();
    let list = certificates_from_pem(&certificate).unwrap();
    Certificate::parse(&list[0]).unwrap().public_key().as_der() == key.public_key_der()
}

impl Job<'_> {
    /// Gives the command while the power lasts for so many changes: what the disk may hold then, whether a certificate had
    /// been issued, and whether the command came to its end.
    fn cut(&self, challenge: &str, changes: usize) -> (BTreeSet<Files>, bool, bool) {
        let folder = self.lab.path(DEVICE);
        power::restore(&folder, &self.before);
        // those that were given up; there is room for four of one key
        let store = SqliteStore::open(&self.lab.path("ca").join("scep.db")).unwrap();
        store.lock().execute("DELETE FROM transactions WHERE pending", []).unwrap();
        let before = self.lab.issued().len();
        power::lasts_for(changes);
        let ended = (self.go)(self.lab, challenge);
        let (done, _) = power::is_back();
        let issued = self.lab.issued().len() - before;
        assert!(issued <= 1, "{changes}");
        (power::may_hold(&self.before, &done), issued == 1, ended.is_ok())
    }

    /// At every change. `has_old`: there was a pair before.
    fn cut_everywhere(&self, has_old: bool) -> usize {
        let folder = self.lab.path(DEVICE);
        let mut seen: BTreeSet<Kind> = BTreeSet::new();
        for changes in 0.. {
            loop {
                let challenge = (self.challenge)(self.lab);
                let first = self.lab.issued().len();
                let (possible, issued, ended) = self.cut(&challenge, changes);
                let kind = |files: &Files| {
                    let contents = |name: &str| {
                        possible.iter().filter_map(|files| files.get(name)).collect::<BTreeSet<_>>()
                    };
                    let place = |(name, bytes): (&String, &Vec<u8>)| {
                        (name.clone(), contents(name).iter().position(|one| *one == bytes).unwrap())
                    };
                    // the names of temporary files have the number of the process
                    (issued, files.iter().map(place).collect::<BTreeSet<_>>())
                };
                let Some(files) = possible.iter().find(|files| !seen.contains(&kind(files))) else {
                    if ended {
                        return seen.len();
                    }
                    break;
                };
                seen.insert(kind(files));
                let name = format!("after {changes} changes, {:?}", files.keys());
                power::restore(&folder, files);
                if has_old {
                    let usable = is_pair(&folder, "key.pem", "cert.pem")
                        || is_pair(&folder, "key.pem", "cert.next.pem");
                    assert!(usable, "{name}");
                }
                let again = (self.go)(self.lab, &challenge);
                // or it had been stored before the power failed
                let stored = files.contains_key("cert.pem")
                    && again.as_ref().is_err_and(|line| line.contains("exists already"));
                assert!(again == Ok(End::Done) || stored, "{name}: {again:?}");
                self.check(&name, has_old, first);
            }
        }
        unreachable!()
    }

    /// The one certificate that was issued is in use, and nothing is left over.
    fn check(&self, name: &str, has_old: bool, first: usize) {
        let folder = self.lab.path(DEVICE);
        let issued = self.lab.issued();
        assert_eq!(issued.len() - first, 1, "{name}: certificates for one command");
        assert!(is_pair(&folder, "key.pem", "cert.pem"), "{name}");
        assert_eq!(self.lab.certificate(DEVICE, "cert.pem"), issued[first], "{name}");
        if has_old {
            for (old, before) in [("key.old.pem", files::KEY), ("cert.old.pem", files::CERTIFICATE)] {
                assert_eq!(fs::read(folder.join(old)).unwrap(), self.before[before], "{name}: {old}");
            }
        }
        let left: Vec<String> = power::read(&folder).into_keys().collect();
        let needless = |name: &&String| name.starts_with('.') && *name != ".lock" || name.ends_with(".scep");
        assert_eq!(left.iter().find(needless), None, "{name}");
    }
}

fn enrol(lab: &Lab, challenge: &str) -> Result<End, String> {
    let url = format!("http://{}/scep", lab.address);
    let options = format!("--url {url} --ca-pem CA/ca.pem --subject CN=dev1 --challenge {challenge}");
    lab.client("enrol", DEVICE, &options).0
}

fn one_time(lab: &Lab) -> String {
    lab.challenge(&["--subject", "CN=dev1"])
}

fn with_key() -> Files {
    Files::from([(files::KEY.to_owned(), new_key().into_bytes())])
}

// T54, T9: with a challenge that works once
#[test]
fn a_power_cut_at_any_change_of_an_enrolment_loses_no_certificate() {
    let lab = Lab::start("power-enrol", |options| options.challenge = None);
    let job = Job { lab: &lab, before: with_key(), go: &enrol, challenge: &one_time };
    assert!(job.cut_everywhere(false) > 20);
}

// T54, T9
#[test]
fn a_power_cut_at_any_change_while_a_request_is_held_loses_no_certificate() {
    let lab = Lab::start("power-held", |options| {
        options.challenge = None;
        options.hold = Some("dev".into());
    });
    let go = |lab: &Lab, challenge: &str| match enrol(lab, challenge) {
        Ok(End::Pending) => lab.client("poll", DEVICE, "").0,
        Err(line) if line.contains("a request is pending here") => lab.client("poll", DEVICE, "").0,
        other => other,
    };
    let job = Job { lab: &lab, before: with_key(), go: &go, challenge: &one_time };
    assert!(job.cut_everywhere(false) > 30);
}

// T54
#[test]
fn a_power_cut_at_any_change_of_a_renewal_loses_neither_certificate() {
    let lab = Lab::start("power-renew", |_| {});
    lab.enrol(DEVICE, "");
    let mut before = power::read(&lab.path(DEVICE));
    before.insert("key.next.pem".into(), new_key().into_bytes());
    // what has been renewed is not to be renewed again
    let go = |lab: &Lab, _: &str| match lab.is_there(DEVICE, "cert.old.pem")
        && !lab.is_there(DEVICE, "cert.next.pem")
    {
        true => Ok(End::Done),
        false => lab.client("renew", DEVICE, "").0,
    };
    let job = Job { lab: &lab, before, go: &go, challenge: &|_| String::new() };
    assert!(job.cut_everywhere(true) > 30);
}

/// A folder of a device whose power failed when the CA had issued its certificate, and had been asked under this challenge.
fn sent(lab: &Lab, challenge: &str) {
    let job = Job { lab, before: with_key(), go: &enrol, challenge: &one_time };
    let folder = lab.path(DEVICE);
    let lost = (0..).find_map(|changes| {
        let (possible, issued, _) = job.cut(challenge, changes);
        possible.into_iter().next_back().filter(|_| issued)
    });
    power::restore(&folder, &lost.unwrap());
    assert!(lab.is_there(DEVICE, "sent.scep") && !lab.is_there(DEVICE, "cert.pem"));
}

// T54: what was asked for before is not forgotten for something else
#[test]
fn a_request_of_before_is_asked_about_before_another_one_is_made() {
    let lab = Lab::start("power-other", |_| {});
    sent(&lab, super::PASSWORD);
    let issued = lab.issued();
    let other = lab.enrol_options("").replace("CN=dev1", "CN=other");
    failed(lab.client("enrol", DEVICE, &other), "sent.scep: a request for CN=dev1 was sent before");
    let key = lab.path(DEVICE).join("key.pem");
    fs::rename(&key, lab.path("aside")).unwrap();
    failed(lab.client("poll", DEVICE, ""), "the key of the request in sent.scep is not here");
    fs::rename(lab.path("aside"), key).unwrap();
    lab.done("poll", DEVICE, "");
    assert_eq!(
        (Some(&lab.certificate(DEVICE, "cert.pem")), lab.issued().len()),
        (issued.last(), issued.len())
    );
}

// T26, T32: whoever is on the way can have the CA refuse
#[test]
fn what_was_refused_is_asked_about_once_more_by_poll() {
    let lab = Lab::start("power-refused", |_| {});
    sent(&lab, super::PASSWORD);
    fs::rename(lab.path(DEVICE).join("sent.scep"), lab.path(DEVICE).join("refused.scep")).unwrap();
    let issued = lab.issued();
    lab.done("poll", DEVICE, "");
    assert_eq!(Some(&lab.certificate(DEVICE, "cert.pem")), issued.last());
    assert!(!lab.is_there(DEVICE, "refused.scep"));
}

/// Passes everything on, but for the messages whose turn it is: each gets this status line, after it was passed on if so.
fn between(server: SocketAddr, turns: Vec<Option<(bool, &'static str)>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut turns = turns.into_iter();
    thread::spawn(move || {
        for near in listener.incoming() {
            let mut near = near.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                near.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let head = String::from_utf8(request).unwrap().to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            near.read_exact(&mut body).unwrap();
            let turn = if body.is_empty() { None } else { turns.next().flatten() };
            let mut answer = Vec::new();
            if turn.is_none_or(|(arrives, _)| arrives) {
                let mut far = TcpStream::connect(server).unwrap();
                let line = if body.is_empty() { "GET" } else { "POST" };
                let target = head.split(' ').nth(1).unwrap();
                let target = ["GetCACaps", "GetCACert", "PKIOperation"]
                    .iter()
                    .fold(target.to_owned(), |target, name| target.replace(&name.to_lowercase(), name));
                let kind = if body.is_empty() { "" } else { "Content-Type: application/x-pki-message\r\n" };
                let length = body.len();
                write!(far, "{line} {target} HTTP/1.1\r\nHost: ca\r\nConnection: close\r\n{kind}Content-Length: {length}\r\n\r\n").unwrap();
                far.write_all(&body).unwrap();
                far.read_to_end(&mut answer).unwrap();
            }
            if let Some((_, status)) = turn {
                answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").into();
            }
            near.write_all(&answer).unwrap();
        }
    });
    address
}

// T36: a server that is busy has not refused; one that knows no polls never will answer
#[test]
fn the_outcome_of_a_request_is_asked_for_until_there_is_an_answer() {
    const LOST: Option<(bool, &str)> = Some((true, "404 Not found"));
    let lab = Lab::start("power-away", |_| {});
    let cases = [
        ("busy", vec![LOST, Some((false, "503 Busy\r\nRetry-After: 900"))], 1),
        ("no-polls", vec![LOST, Some((false, "404 Not found"))], 2),
    ];
    for (device, turns, certificates) in cases {
        let before = lab.issued().len();
        let address = between(lab.address, turns);
        let options = lab.enrol_options("").replace(&lab.address.to_string(), &address.to_string());
        failed(lab.client("enrol", device, &options), "404");
        assert!(lab.is_there(device, "sent.scep"));
        if certificates == 1 {
            let line = "what became of the request sent before is not known: try again, or remove";
            failed(lab.client("enrol", device, &options), line);
            assert!(lab.is_there(device, "sent.scep"));
        }
        lab.done("enrol", device, &options);
        let issued = lab.issued().split_off(before);
        assert_eq!(issued.len(), certificates, "{device}");
        assert_eq!(Some(&lab.certificate(device, "cert.pem")), issued.last());
        assert!(!lab.is_there(device, "sent.scep") && !lab.is_there(device, "refused.scep"));
    }
}
