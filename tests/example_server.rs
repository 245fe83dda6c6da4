//! The example server: which names it certifies, which folders it takes, what it says over HTTP and in its log, and what
//! its operator can do.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests too
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
#[path = "../examples/server/connections.rs"]
mod connections;
#[path = "../examples/server/crl.rs"]
mod crl;
#[path = "../examples/shared/disk.rs"]
mod disk;
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
#[path = "../examples/enrol/network.rs"]
mod network;
#[path = "../examples/server/refusals.rs"]
mod refusals;
#[path = "../examples/server/register.rs"]
mod register;
#[path = "../examples/server/store.rs"]
mod store;

// from here on tests
#[path = "example_server/held.rs"]
mod held_requests;
#[path = "example_server/keys.rs"]
mod keys;
#[path = "example_server/lab.rs"]
mod lab;
#[path = "example_server/next_ca.rs"]
mod next_ca;
#[path = "example_server/overload.rs"]
mod overload;
#[path = "example_server/power.rs"]
mod power;
#[path = "example_server/renewal.rs"]
mod renewal;
#[path = "example_server/revocation.rs"]
mod revocation;

use endpoint::{Endpoint, Options};
use folder::{CaKey, Keys, Layout, Ra};
use scep::client::{
    Client, ClientConfig, Done, DriveCause, Driven, NewEnrolment, Step, Transport, Trust, drive,
};
use scep::crypto::rustcrypto::{KeyType, PROVIDER, SoftwareKey};
use scep::crypto::{ChallengePassword, Random};
use scep::pki_types::UnixTime;
use scep::server::{Outcome, Summary};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{
    Certificate, DistinguishedName, ExtensionsBuilder, GeneralName, KeyUsage, Name, Oid, TransactionId,
};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// An empty folder of its own for each test.
fn new_folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("example_server-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(value.len()) {
        Ok(length @ ..=127) => der.push(length),
        Ok(length) => der.extend([0x81, length]),
        _ => der.extend([0x82, (value.len() >> 8) as u8, value.len() as u8]),
    }
    [der, value.to_vec()].concat()
}

const CN: u8 = 3;
const C: u8 = 6;

/// A name of one attribute, of X.520 (2.5.4.`attribute`).
fn name(attribute: u8, tag: u8, value: &[u8]) -> Vec<u8> {
    let fields = [tlv(6, &[0x55, 4, attribute]), tlv(tag, value)].concat();
    tlv(0x30, &tlv(0x31, &tlv(0x30, &fields)))
}

// T21
#[test]
fn subjects_with_what_is_unseen_malformed_or_the_cas_own_are_refused() {
    let own: DistinguishedName = "CN=SCEP example CA".parse().unwrap();
    let check = |der: &[u8]| {
        let own = Name::parse(own.as_der()).unwrap();
        names::check_subject(Name::parse(der).unwrap(), [own])
    };
    for (attribute, tag, value) in [
        (CN, 12, "Grüße 1".as_bytes()),
        (CN, 12, &[b'a'; 64]),
        (CN, 19, b"dev 1"),
        (CN, 30, b"\0d\0e"),
        (C, 19, b"DE"),
    ] {
        assert_eq!(check(&name(attribute, tag, value)), Ok(()), "{value:?}");
    }
    for (attribute, tag, value, part) in [
        (CN, 12, &b"a\0b"[..], "control"),
        (CN, 12, b"a\nb", "control"),
        (CN, 19, b"a\x1Bb", "control"),
        (CN, 30, b"\0a\0\0", "control"),
        (CN, 12, "a\u{200B}b".as_bytes(), "invisible"),
        (CN, 12, "a\u{202E}b".as_bytes(), "invisible"),
        (CN, 12, "a\u{A0}b".as_bytes(), "invisible"),
        (CN, 12, "a\u{3164}b".as_bytes(), "invisible"),
        (CN, 12, "a\u{E0041}b".as_bytes(), "invisible"),
        (CN, 12, b"a\xFFb", "no string"),
        (CN, 30, b"\xD8\0", "no string"),
        (CN, 30, b"\0a\0", "no string"),
        (CN, 4, b"octets", "no string"),
        (CN, 2, &[1], "no string"),
        (CN, 12, b"", "empty"),
        (CN, 12, &[b'a'; 65], "64"),
        (C, 19, b"DEU", "two letters"),
        (C, 19, b"D1", "two letters"),
        (C, 12, "é".as_bytes(), "two letters"),
        // in another string type, case and spacing
        (CN, 12, b" scep  EXAMPLE ca", "belongs to the CA"),
    ] {
        let reason = check(&name(attribute, tag, value)).unwrap_err();
        assert!(reason.contains(part), "{value:?}: {reason}");
    }
}

// T22, T24
#[test]
fn alternative_names_of_other_kinds_or_forms_are_refused() {
    let value = |names: &[(u8, &[u8])]| {
        tlv(0x30, &names.iter().flat_map(|(tag, value)| tlv(*tag, value)).collect::<Vec<_>>())
    };
    let (long_label, long_host) = ([b'a'; 64], "a.".repeat(127));
    for (tag, bytes, part) in [
        (0x82, &b""[..], "empty"),
        (0x82, long_host.as_bytes(), "longer than 253"),
        (0x82, &long_label, "labels"),
        (0x82, b"*.example.com", "labels"),
        (0x82, b"a b.example.com", "labels"),
        (0x82, b"a\0.example.com", "not printable ASCII"),
        (0x82, b"a_b.example.com", "labels"),
        (0x82, b"a..example.com", "labels"),
        (0x82, b"example.com.", "labels"),
        (0x82, b"-a.example.com", "labels"),
        (0x82, b"10.0.0.0/8", "labels"),
        (0x82, "é.example.com".as_bytes(), "not printable ASCII"),
        (0x81, b"nobody", "MAILBOX"),
        (0x81, b"a@b@c", "MAILBOX"),
        (0x81, b"@example.com", "MAILBOX"),
        (0x81, b"a@", "MAILBOX"),
        (0x81, b"a\r\n@example.com", "not printable ASCII"),
        (0x81, "é@example.com".as_bytes(), "not printable ASCII"),
        (0x86, b"example.com", "scheme"),
        (0x86, b"1a:b", "scheme"),
        (0x86, b"urn:", "scheme"),
        (0x86, b"http://a\x07b", "not printable ASCII"),
        (0x86, b"http://a b", "scheme"),
        (0x86, "http://é".as_bytes(), "not printable ASCII"),
        (0x86, b"tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500", "security identifier"),
        (0x86, b"TAG:Microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500", "security identifier"),
        (0x87, &[10, 0, 0, 0, 255, 0, 0, 0], "4 nor 16"),
        (0x87, &[], "4 nor 16"),
        // otherName with a user principal name; directoryName; registeredID
        (0xA0, b"\x06\x0A\x2B\x06\x01\x04\x01\x82\x37\x14\x02\x03\xA0\x03\x0C\x01a", "only DNS names"),
        (0xA4, &name(CN, 12, b"a"), "directoryName"),
        (0x88, &[0x2A], "only DNS names"),
    ] {
        // one bad name among good ones
        let reason = names::subject_alt_names(&value(&[(0x82, b"good.example.com"), (tag, bytes)]));
        let reason = reason.unwrap_err();
        assert!(reason.contains(part), "{tag:02X} {bytes:?}: {reason}");
    }
    assert!(names::subject_alt_names(b"\x30\x03\x82\x05a").is_err());
    assert_eq!(names::subject_alt_names(&value(&[])), Ok(None));

    let good = [
        GeneralName::Dns("dev-1.example.com"),
        GeneralName::Email("dev+1@example.com"),
        GeneralName::Uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        GeneralName::Ip(&[192, 0, 2, 1]),
        GeneralName::Ip(&[0; 16]),
    ];
    let wish = value(&[
        (0x82, b"dev-1.example.com"),
        (0x81, b"dev+1@example.com"),
        (0x86, b"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        (0x87, &[192, 0, 2, 1]),
        (0x87, &[0; 16]),
    ]);
    let written = ExtensionsBuilder::default().subject_alt_names(&good).unwrap().build();
    assert_eq!(names::subject_alt_names(&wish), Ok(Some(written)));
}

// T50
#[test]
fn no_text_of_a_peers_can_forge_a_field_of_the_log() {
    let mut summary = Summary::default();
    let forged = "x\"  subject=\"CN=other\"  cause: none\\";
    summary.transaction_id = Some(TransactionId::new("x  subject=other  cause: none").unwrap());
    summary.subject = Some(forged.into());
    summary.detail = Some(forged.into());
    let outcome = Outcome { reply: HttpResponse::error(400), cause: None, summary, events: Vec::new() };
    let line = log::line(&outcome, Duration::ZERO, false, false);
    // what is outside of the quotes: every text is one string, with nothing behind it but the next field
    let mut outside = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for character in line.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted => outside.push(character),
            _ => {}
        }
    }
    assert!(!quoted, "{line}");
    assert!(outside.ends_with("ms  id=  subject=  detail="), "{line}");
}

/// The provider that is under test, as in `tests/shared/provider.rs`.
#[cfg(feature = "aws-lc-rs")]
const ARITHMETIC: key::Arithmetic = key::Arithmetic::AwsLc;
#[cfg(not(feature = "aws-lc-rs"))]
const ARITHMETIC: key::Arithmetic = key::Arithmetic::RustCrypto;

#[test]
fn a_provider_that_was_not_built_in_is_refused_with_the_reason() {
    assert_eq!(key::Arithmetic::parse("rustcrypto"), Ok(key::Arithmetic::RustCrypto));
    let other = key::Arithmetic::parse("aws-lc-rs");
    assert_eq!(other.is_ok(), cfg!(feature = "aws-lc-rs"));
    assert!(other.is_ok() || other.unwrap_err().contains("--features aws-lc-rs"));
    assert!(key::Arithmetic::parse("openssl").is_err());
}

fn layout(ra: Ra) -> Layout {
    Layout { ra, bits: 2048, ca_key: CaKey::Rsa, next_ca: false, arithmetic: ARITHMETIC }
}

fn open(folder: &std::path::Path, ra: Ra) -> ca::Result<Keys> {
    Keys::open(folder, layout(ra), UnixTime::now(), &mut Random::system())
}

fn refusal(folder: &std::path::Path, ra: Ra) -> String {
    open(folder, ra).err().unwrap().to_string()
}

#[test]
fn a_folder_that_fits_another_ra_or_has_lost_a_file_is_refused() {
    for (name, ra, others, files) in [
        ("none", Ra::None, [Ra::One, Ra::Two], &["ca"][..]),
        ("one", Ra::One, [Ra::None, Ra::Two], &["ca", "ra"]),
        ("two", Ra::Two, [Ra::None, Ra::One], &["ca", "ra-sign", "ra-encrypt"]),
    ] {
        let folder = new_folder(name);
        let made = open(&folder, ra).unwrap();
        assert_eq!(made.certificates().len(), files.len());
        fs::write(folder::database(&folder), "").unwrap();
        for other in others {
            assert!(refusal(&folder, other).contains(&format!("was made with --ra {name}")));
        }
        for file in files.iter().flat_map(|file| [format!("{file}.pem"), format!("{file}.key.pem")]) {
            let (path, aside) = (folder.join(&file), folder.join("aside"));
            fs::rename(&path, &aside).unwrap();
            assert!(refusal(&folder, ra).contains(&format!("{file} is lost")), "{file}");
            assert!(!path.exists());
            for damage in [&b""[..], b"-----BEGIN CERTIFICATE-----\n", b"\xFF"] {
                fs::write(&path, damage).unwrap();
                let error = refusal(&folder, ra);
                assert!(error.contains(&file), "{error}");
            }
            fs::rename(&aside, &path).unwrap();
        }
        assert_eq!(open(&folder, ra).unwrap().certificates(), made.certificates());
    }
}

// T29, T31: what tells an RA from a device, whose certificate the same CA issues
#[test]
fn the_certificate_of_an_ra_says_that_it_is_one() {
    let keys = open(&new_folder("purpose"), Ra::Two).unwrap();
    let purposes: Vec<_> =
        keys.certificates().iter().map(|own| Certificate::parse(own).unwrap().extended_key_usage()).collect();
    assert_eq!(purposes, [None, Some(vec![Oid::CMC_RA]), Some(vec![Oid::CMC_RA])]);
}

#[test]
fn of_two_starts_at_once_the_second_is_told_of_the_first() {
    let folder = new_folder("lock");
    let lock = files::lock(&folder.join("lock")).unwrap();
    let error = Endpoint::open(options(folder.clone())).err().unwrap().to_string();
    assert!(error.contains(&format!("lock is locked by process {}", std::process::id())), "{error}");
    assert!(!folder.join("ca.key.pem").exists());
    drop(lock);
    Endpoint::open(options(folder)).unwrap();
}

fn options(folder: PathBuf) -> Options {
    Options {
        folder,
        challenge: Some(ChallengePassword::new("secret123").unwrap()),
        hold: None,
        hold_polls: 3,
        renew_window: None,
        layout: layout(Ra::None),
        legacy: false,
        danger_des: false,
        password_recipients: false,
        refusals_per_minute: None,
    }
}

/// A server on a port of its own, for as long as the test takes. Holds what begins with "held".
fn start(name: &str, log: fn(&str)) -> (tokio::runtime::Runtime, SocketAddr) {
    let options = Options { hold: Some("held".into()), ..options(new_folder(name)) };
    let endpoint = Arc::new(Endpoint::open(options).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(http::serve(listener, endpoint, log, std::future::pending()));
    (runtime, address)
}

struct Network(ureq::Agent);

impl Transport for Network {
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Self::Error> {
        network::exchange(&self.0, request)
    }
}

fn go_on(step: Step, key: &SoftwareKey) -> Driven {
    try_go_on(step, key).unwrap()
}

fn try_go_on(step: Step, key: &SoftwareKey) -> Result<Driven, scep::Error> {
    let trust = |trust: Trust| {
        let first = PROVIDER.sha256(&[trust.certificates().first().unwrap()]).unwrap();
        trust.matching_sha256(&first)
    };
    let (mut network, mut one, mut other) = (Network(network::agent()), key, key);
    let now = Some(UnixTime::now());
    let driven = drive(step, &mut network, &mut one, &mut other, trust, &mut Random::system(), now);
    driven.map_err(|error| match error.cause {
        DriveCause::Protocol(error) => error,
        DriveCause::Transport(error) => panic!("{error}"),
    })
}

fn enrol(address: SocketAddr, key: &SoftwareKey, subject: &str, names: &[GeneralName<'_>]) -> Driven {
    let request = NewEnrolment::builder(subject.parse().unwrap(), key.public_key_der())
        .challenge(ChallengePassword::new("secret123").unwrap())
        .subject_alt_names(names)
        .build()
        .unwrap();
    let url = format!("http://{address}/scep");
    let step = Client::new(ClientConfig::new(&PROVIDER)).enrol(&url, request, &mut Random::system());
    go_on(step.unwrap(), key)
}

// T25: all of them, or else a device waits for what it could have
#[test]
fn of_many_polls_at_once_everyone_gets_the_one_certificate_once_it_is_released() {
    let (_runtime, address) = start("polls", |_| {});
    let key = SoftwareKey::generate(KeyType::Rsa(2048), &mut Random::system()).unwrap();
    let Driven::Held(wait) = enrol(address, &key, "CN=held-1", &[]) else { panic!("not held") };
    let saved = wait.save().unwrap();
    let poll = || {
        let wait = Client::new(ClientConfig::new(&PROVIDER)).resume(&saved).unwrap();
        go_on(wait.poll(&mut Random::system()).unwrap(), &key)
    };
    assert!([poll(), poll()].iter().all(|driven| matches!(driven, Driven::Held(_))));
    let issued: Vec<_> = thread::scope(|scope| {
        let polls: Vec<_> = (0..20).map(|_| scope.spawn(poll)).collect();
        let driven = polls.into_iter().map(|poll| poll.join().unwrap());
        driven
            .map(|driven| match driven {
                Driven::Done(Done::Issued(issued)) => issued.certificate,
                _ => panic!("not issued"),
            })
            .collect()
    });
    assert!(issued.iter().all(|certificate| *certificate == issued[0]));
}

// T19, T21, T22: what is refused is said to the client and in the log; what is issued is made by the CA alone
#[test]
fn the_ca_says_why_it_refuses_a_name_and_issues_only_what_it_checked() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let (_runtime, address) = start("names", |line| LINES.lock().unwrap().push(line.into()));
    let key = SoftwareKey::generate(KeyType::Rsa(2048), &mut Random::system()).unwrap();
    let enrol = |subject: &str, names: &[GeneralName<'_>]| match enrol(address, &key, subject, names) {
        Driven::Done(done) => done,
        Driven::Held(_) => panic!("held"),
    };
    for (subject, names, reason) in [
        ("CN=scep example ca", &[][..], "subject: this name belongs to the CA"),
        ("CN=dev", &[GeneralName::Uri("no-scheme")], "subjectAltName: URI without a scheme"),
        // and nobody waits for what cannot be
        ("CN=held-2", &[GeneralName::Uri("no-scheme")], "subjectAltName: URI without a scheme"),
    ] {
        let Done::Refused { text, .. } = enrol(subject, names) else { panic!("{subject}") };
        assert!(text.unwrap().to_string().starts_with(reason));
        let lines = LINES.lock().unwrap();
        let line = lines.last().unwrap();
        assert!(line.contains(&format!("detail=\"{reason}")), "{line}");
        assert!(line.contains(&format!("subject=\"{subject}\"")), "{line}");
    }
    let names = [GeneralName::Dns("dev.example.com"), GeneralName::Ip(&[127, 0, 0, 1])];
    let Done::Issued(issued) = enrol("CN=dev", &names) else { panic!("not issued") };
    let certificate = Certificate::parse(&issued.certificate).unwrap();
    assert_eq!(certificate.subject().to_string(), "CN=dev");
    assert_eq!(certificate.extended_key_usage(), Some(vec![Oid::CLIENT_AUTH]));
    assert!(!certificate.is_ca());
    let wanted = ExtensionsBuilder::default().subject_alt_names(&names).unwrap().build();
    let extensions = certificate.extensions().unwrap().unwrap();
    let alt_names = extensions.get(Oid::SUBJECT_ALT_NAME).unwrap();
    assert!(wanted.ends_with(alt_names.value));
}

// what the library leaves to a CA, as this one does it
#[test]
fn the_certificates_of_the_ca_are_as_rfc_5280_wants_them() {
    let (_runtime, address) = start("profile", |_| {});
    let key = SoftwareKey::generate(KeyType::Rsa(2048), &mut Random::system()).unwrap();
    let names = [GeneralName::Dns("dev.example.com")];
    let mut serials = std::collections::BTreeSet::new();
    for subject in ["CN=dev", "CN=dev", ""] {
        let Driven::Done(Done::Issued(issued)) = enrol(address, &key, subject, &names) else { panic!() };
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        let serial = certificate.serial();
        assert!((1..=20).contains(&serial.len()) && (1..0x80).contains(&serial[0]), "{serial:?}");
        assert!(serials.insert(serial.to_vec()));
        let extensions = certificate.extensions().unwrap().unwrap();
        assert_eq!(extensions.get(Oid::SUBJECT_ALT_NAME).unwrap().critical, subject.is_empty());
        assert!(certificate.key_usage().is_some() && certificate.subject_key_identifier().is_some());
        let ca = Certificate::parse(issued.ca.issuer()).unwrap();
        assert_eq!(certificate.issuer().as_der(), ca.subject().as_der());
        assert!(ca.is_ca() && ca.key_usage().is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN)));
        assert!(ca.subject_key_identifier().is_some());
    }
}

// T48
#[test]
fn requests_that_are_too_long_or_cut_short_are_answered_at_once() {
    let (_runtime, address) = start("http", |_| {});
    let status = |request: &str, finish: bool| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        if finish {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).unwrap();
        String::from_utf8(reply.to_vec()).unwrap()
    };
    let head = "POST /scep?operation=PKIOperation HTTP/1.1\r\nHost: a\r\n";
    // not a byte of the body has come
    assert_eq!(status(&format!("{head}Content-Length: 99999999\r\n\r\n"), false), "HTTP/1.1 413");
    assert_eq!(status(&format!("{head}Content-Length: 10\r\n\r\nabc"), true), "HTTP/1.1 400");
    assert_eq!(status(&format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), false), "HTTP/1.1 400");
    assert_eq!(status("no HTTP at all\r\n\r\n", false), "HTTP/1.1 400");
    assert_eq!(status("GET /scep?operation=GetCACaps HTTP/1.1\r\nHost: a\r\n\r\n", false), "HTTP/1.1 200");
}
