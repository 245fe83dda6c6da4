//! The power fails: at every change that the server makes to its files, and at every step of a request. Servers here are
//! processes of their own, which end without a chance to tidy up; what a device was told has to be there after that.

use crate::disk::power::{self, Files};
use crate::endpoint::Endpoint;
use crate::lab::{self, Lab, device, device_2, issued, later};
use crate::store::SqliteStore;
use crate::{crl, driver, files, folder, http, network, new_folder, options};
use rusqlite::Connection;
use scep::client::{
    DriveCause, DriveError, Driven, NewEnrolment, Step, Transmit, Transport, TrustedCa, drive,
};
use scep::crypto::rustcrypto::SoftwareKey;
use scep::crypto::{ChallengePassword, Random};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::{ChallengeStore as _, Exchange, Recorded, Store as _};
use scep::transport::{HttpRequest, HttpResponse};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use std::{env, fs, io, thread};

/// Without what was being written.
fn visible(files: Files) -> Files {
    files.into_iter().filter(|(name, _)| !name.ends_with(".tmp")).collect()
}

/// All that may be in a folder after this was cut short at any change, and in the end.
fn cut(folder: &Path, before: &Files, run: impl Fn() -> io::Result<()>) -> BTreeSet<Files> {
    let mut possible = BTreeSet::new();
    for changes in 0.. {
        power::restore(folder, before);
        power::lasts_for(changes);
        let ended = run();
        let (done, failed) = power::is_back();
        assert!(ended.is_ok() || failed, "{ended:?}");
        possible.extend(power::may_hold(before, &done).into_iter().map(visible));
        if ended.is_ok() {
            return possible;
        }
    }
    unreachable!()
}

// T54
#[test]
fn a_file_is_there_as_a_whole_or_not_at_all() {
    let folder = new_folder("power-file");
    let path = folder.join("ca.key.pem");
    let whole = |text: &str| Files::from([("ca.key.pem".to_owned(), text.into())]);
    for create in [files::create, files::create_secret] {
        let possible = cut(&folder, &Files::new(), || create(&path, "a key"));
        assert_eq!(possible, BTreeSet::from([Files::new(), whole("a key")]));
        // and it is not written twice
        assert_eq!(create(&path, "another").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
    let possible = cut(&folder, &whole("old"), || files::replace(&path, b"new"));
    assert_eq!(possible, BTreeSet::from([whole("old"), whole("new")]));
}

#[test]
fn what_a_power_cut_has_left_of_a_file_goes_after_a_while() {
    let folder = new_folder("power-tidy");
    let old = UnixTime::now().as_secs() - 3600;
    for name in ["ca.key.17.99.tmp", "ca.17.tmp", "letter.tmp", "ca.key.pem", "17.99.tmp"] {
        let file = fs::File::create(folder.join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(old)).unwrap();
    }
    // it may be in the hands of somebody
    fs::write(folder.join("ca.key.18.99.tmp"), "half").unwrap();
    files::tidy(&folder).unwrap();
    let left: Vec<String> = power::read(&folder).into_keys().collect();
    assert_eq!(left, ["ca.17.tmp", "ca.key.18.99.tmp", "ca.key.pem", "letter.tmp"]);
}

/// What is in the folder, without the database and the lock.
fn kept(folder: &Path) -> Files {
    let others = |name: &str| name.starts_with("scep.db") || name == "lock";
    power::read(folder).into_iter().filter(|(name, _)| !others(name)).collect()
}

// T54
#[test]
fn a_first_start_that_is_cut_short_goes_on_with_the_next() {
    let key = ("ca.key.pem".to_owned(), include_bytes!("../it/keys/ca.pem").to_vec());
    let before = Files::from([key]);
    let mut seen = BTreeSet::new();
    for changes in 0.. {
        let folder = new_folder("power-start");
        power::restore(&folder, &before);
        power::lasts_for(changes);
        let ended = Endpoint::open(options(folder.clone())).map(drop);
        let (done, _) = power::is_back();
        let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        for files in power::may_hold(&before, &done).into_iter().map(visible) {
            // the contents are others each time
            if !seen.insert(names(&files)) {
                continue;
            }
            for (name, bytes) in kept(&folder) {
                match files.get(&name) {
                    Some(bytes) => fs::write(folder.join(name), bytes).unwrap(),
                    None if bytes.is_empty() => {}
                    None => fs::remove_file(folder.join(name)).unwrap(),
                }
            }
            files.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).unwrap());
            let first = Endpoint::open(options(folder.clone())).unwrap();
            let made = kept(&folder);
            // what was there is used, and the next start finds the same
            let stays = files.iter().filter(|(name, _)| name.ends_with(".pem") || name.ends_with(".key"));
            assert!(stays.clone().all(|(name, bytes)| made[name] == *bytes), "{:?}", names(&files));
            drop(first);
            Endpoint::open(options(folder.clone())).unwrap();
            assert_eq!(kept(&folder), made);
        }
        if ended.is_ok() {
            break;
        }
    }
    assert!(seen.len() > 3, "{seen:?}");
}

// T54
#[test]
fn a_revocation_list_is_the_old_one_or_the_new_one() {
    let lab = Lab::new("power-crl", |_| {});
    let certificate = issued(lab.enrol(&device(), "CN=dev1")).certificate;
    let ca = &folder::issuers(&lab.folder).unwrap()[0].1;
    let [old, new] = [false, true].map(|revokes| {
        if revokes {
            lab.endpoint.store.revoke(certificate_serial(&certificate), UnixTime::now()).unwrap().unwrap();
        }
        crl::newest(&lab.endpoint.store, ca, UnixTime::now()).unwrap()
    });
    assert!(old != new);
    let beside = new_folder("power-crl-file");
    let file = |bytes: &[u8]| Files::from([("ca.crl".to_owned(), bytes.to_vec())]);
    let publish = || {
        let published = crl::publish(&beside, &lab.endpoint.store, "ca.crl", ca, UnixTime::now());
        published.map_err(|error| io::Error::other(error.to_string()))
    };
    assert_eq!(cut(&beside, &file(&old), publish), BTreeSet::from([file(&old), file(&new)]));
}

fn certificate_serial<'a>(certificate: &'a CertificateDer<'_>) -> &'a [u8] {
    scep::wire::Certificate::parse(certificate).unwrap().serial()
}

// T54: what a commit says is on the disk
#[test]
fn the_database_is_as_durable_as_sqlite_makes_it() {
    let store = SqliteStore::open(&new_folder("power-pragmas").join("scep.db")).unwrap();
    let connection = store.lock();
    let text = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, String>(0)).unwrap();
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    // FULL: each commit is written through, and not each checkpoint only
    assert_eq!((text("journal_mode").as_str(), number("synchronous")), ("wal", 2));
}

/// How a process of a test learns what to do.
const FOLDER: &str = "SCEP_TEST_SERVER";
const STEPS: &str = "SCEP_TEST_STEPS";

/// A process that runs the test of this name, which is ignored otherwise.
fn process(test: &str, folder: &Path, steps: usize) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &format!("power::{test}"), "--test-threads", "1"]);
    command.env(FOLDER, folder).env(STEPS, steps.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn asked() -> (PathBuf, usize) {
    // only for the tests that start it
    let folder = env::var_os(FOLDER).unwrap();
    (folder.into(), env::var(STEPS).unwrap().parse().unwrap())
}

/// Takes a request from a file, and ends without a word before the step with this number.
#[test]
#[ignore = "a process of another test"]
fn a_server_that_ends_at_a_step() {
    let (folder, mut steps) = asked();
    let endpoint = Endpoint::open(options(folder.clone())).unwrap();
    let rng = &mut Random::system();
    let request =
        HttpRequest::new("POST", "/scep?operation=PKIOperation", fs::read(folder.join("request")).unwrap());
    let mut exchange = endpoint.responder.accept(request, UnixTime::now(), rng);
    loop {
        if steps == 0 {
            // no destructor runs, and nothing is flushed
            std::process::abort();
        }
        steps -= 1;
        exchange = match exchange {
            Exchange::Decrypt(step) => {
                let unwrapped = endpoint.keys.decrypt(step.job(), rng);
                step.complete(unwrapped, rng)
            }
            Exchange::Lookup(step) => {
                let stored = endpoint.store.load(step.key()).unwrap();
                step.complete(stored, rng)
            }
            Exchange::Decide(question) => endpoint.decide(question, rng),
            Exchange::Record(step) => match endpoint.store.record(step.transition()).unwrap() {
                Recorded::Stored => step.stored(rng),
                Recorded::Conflict(stored) => step.conflict(stored, rng),
            },
            Exchange::Sign(step) => {
                let signature = endpoint.keys.sign(step.job(), rng);
                step.complete(signature)
            }
            Exchange::Done(outcome) => {
                fs::write(folder.join("reply"), outcome.reply.body).unwrap();
                return;
            }
        };
    }
}

/// A server in this process, a minute and a second later: by then whoever died with a challenge counts as gone.
struct Later<'a>(&'a Lab, tokio::runtime::Runtime);

impl Transport for &Later<'_> {
    type Error = std::convert::Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Self::Error> {
        let endpoint = &self.0.endpoint;
        let exchange = endpoint.responder.accept(request.clone(), later(61), &mut Random::system());
        Ok(self.1.block_on(driver::drive(endpoint, exchange)).unwrap().reply)
    }
}

fn certificates(folder: &Path) -> Vec<CertificateDer<'static>> {
    let store = SqliteStore::open(&folder.join("scep.db")).unwrap();
    let issued = store.certificates().unwrap().into_iter();
    issued.map(|issued| CertificateDer::from(issued.certificate)).collect()
}

// T9, T54
#[test]
fn a_server_that_dies_at_any_step_has_issued_one_certificate_in_the_end_and_spent_one_challenge() {
    let lab = Lab::new("power-steps", |_| {});
    let key = device();
    let (ca, challenges) = (lab.ca(), &lab.endpoint.challenges);
    let id = |text: &str| {
        let text = ChallengePassword::new(text).unwrap();
        let terms = scep::server::ChallengeTerms::any_subject();
        *challenges.adopt(&text, terms, UnixTime::now(), Duration::ZERO).unwrap().id()
    };
    let mut reached = 0;
    for steps in 0.. {
        let [text] = <[String; 1]>::try_from(lab.operator(&["challenge"]).unwrap()).unwrap();
        let request = NewEnrolment::builder("CN=dev1".parse().unwrap(), key.public_key_der())
            .challenge(ChallengePassword::new(text.as_str()).unwrap());
        let transmit = signed(&ca, request.build().unwrap(), &key);
        fs::write(lab.folder.join("request"), &transmit.request().body).unwrap();
        let before = certificates(&lab.folder).len();
        let ended = process("a_server_that_ends_at_a_step", &lab.folder, steps).wait().unwrap();
        let issued_by_then = certificates(&lab.folder).len() - before;

        let server = Later(&lab, tokio::runtime::Runtime::new().unwrap());
        let (rng, now) = (&mut Random::system(), Some(UnixTime::now()));
        let (trust, mut hand) = (|_| unreachable!(), &key);
        let step = Step::Transmit(transmit);
        let issued = issued(drive(step, &mut &server, &mut hand, &mut &key, trust, rng, now).unwrap());
        let stored = certificates(&lab.folder).split_off(before);
        assert_eq!(stored, [issued.certificate], "{steps} steps");
        let spent = lab.endpoint.store.load_challenge(&id(&text)).unwrap().unwrap();
        assert!(spent.is_spent(), "{steps} steps");
        reached += issued_by_then;
        if ended.success() {
            break;
        }
        assert!(steps < 20, "{ended:?}");
    }
    // the last process came to its end, and some before it had issued the certificate and not said so
    assert!(reached >= 2, "{reached}");
}

/// A whole server, until somebody ends it.
#[test]
#[ignore = "a process of another test"]
fn a_server_that_is_killed() {
    let (folder, _) = asked();
    let endpoint = Arc::new(Endpoint::open(options(folder.clone())).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    files::replace(&folder.join("address"), listener.local_addr().unwrap().to_string().as_bytes()).unwrap();
    // not for ever, should nobody be there to end it
    let end = async { tokio::time::sleep(Duration::from_secs(120)).await };
    runtime.block_on(http::serve(listener, endpoint, |_| {}, end));
}

/// A server process, which does not outlive the test.
struct Killed {
    process: Child,
    address: SocketAddr,
}

impl Killed {
    fn start(folder: &Path) -> Self {
        let address = folder.join("address");
        let _ = fs::remove_file(&address);
        let process = process("a_server_that_is_killed", folder, 0);
        let address = (0..3000).find_map(|_| {
            thread::sleep(Duration::from_millis(10));
            fs::read_to_string(&address).ok()?.parse().ok()
        });
        Self { process, address: address.unwrap() }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The network between a device and a server that comes and goes.
struct Net(SocketAddr);

impl Transport for Net {
    type Error = String;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, String> {
        let mut request = request.clone();
        request.target = request.target.replace("http://ca.test", &format!("http://{}", self.0));
        network::exchange(&network::agent(), &request).map_err(|error| error.to_string())
    }
}

/// What a device has of one request.
struct Asked {
    key: usize,
    saved: Vec<u8>,
    told: Option<CertificateDer<'static>>,
    /// The request itself, when nothing came back.
    again: Option<Step>,
}

/// A request that only has to be sent.
fn signed(ca: &TrustedCa, request: NewEnrolment, key: &SoftwareKey) -> Transmit {
    let (rng, now) = (&mut Random::system(), Some(UnixTime::now()));
    let mut step = lab::client().enrol_with(lab::URL, ca.clone(), request, now, rng).unwrap();
    loop {
        step = match step {
            Step::Sign(sign) => {
                let signature = key.sign(sign.job(), rng);
                sign.complete(signature, rng).unwrap()
            }
            Step::Transmit(transmit) => return transmit,
            other => panic!("{other:?}"),
        };
    }
}

/// Sends one request after the other, until nobody answers any more, and says so for each answer.
fn ask(
    requests: Vec<Transmit>,
    key: (usize, &SoftwareKey),
    server: SocketAddr,
    told: Sender<()>,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for transmit in requests {
        let saved = transmit.save().unwrap().unwrap();
        let (certificate, again) = match go(Step::Transmit(transmit), key.1, server) {
            Ok(driven) => (Some(issued(driven).certificate), None),
            Err(DriveError { cause: DriveCause::Transport(_), retry, .. }) => (None, Some(*retry.unwrap())),
            Err(other) => panic!("{other:?}"),
        };
        let ends = again.is_some();
        asked.push(Asked { key: key.0, saved, told: certificate, again });
        if ends {
            return asked;
        }
        // nobody may be there any more to count it
        let _ = told.send(());
    }
    asked
}

fn go(step: Step, key: &SoftwareKey, server: SocketAddr) -> Result<Driven, DriveError<String>> {
    let rng = &mut Random::system();
    let (mut signer, mut decryptor) = (key, key);
    let trust = |_| unreachable!();
    drive(step, &mut Net(server), &mut signer, &mut decryptor, trust, rng, Some(UnixTime::now()))
}

// T54, T9: whatever a device was told is there, and what it asked for comes once
#[test]
fn a_server_that_is_killed_among_its_clients_forgets_nothing_that_it_said() {
    let lab = Lab::new("power-kill", |_| {});
    let (folder, ca) = (lab.folder.clone(), lab.ca());
    drop(lab);
    let keys = [device(), device_2()];
    let mut asked = Vec::new();
    for after in [1, 2, 3, 5, 8] {
        // made before, so that the server is at work whenever it is killed
        let [one, other] = [0, 1].map(|number| {
            let request =
                |_| signed(&ca, lab::request(&keys[number], &format!("CN=dev{number}")), &keys[number]);
            (0..20).map(request).collect::<Vec<_>>()
        });
        let mut server = Killed::start(&folder);
        let (address, (tell, told)) = (server.address, mpsc::channel());
        thread::scope(|scope| {
            let (first, second) = (tell.clone(), tell);
            let devices = [
                scope.spawn(|| ask(one, (0, &keys[0]), address, first)),
                scope.spawn(|| ask(other, (1, &keys[1]), address, second)),
            ];
            assert_eq!(told.iter().take(after).count(), after);
            server.kill();
            asked.extend(devices.into_iter().flat_map(|device| device.join().unwrap()));
        });
    }

    let server = Killed::start(&folder);
    let heard: Vec<_> = asked.iter().filter_map(|one| one.told.as_ref()).collect();
    assert!(heard.len() >= 19);
    let stored: BTreeSet<_> = certificates(&folder).into_iter().map(|one| one.to_vec()).collect();
    assert!(heard.iter().all(|one| stored.contains(one.as_ref())));
    let mut all = BTreeSet::new();
    let total = asked.len();
    for Asked { key, saved, told, again } in asked {
        let key = &keys[key];
        // the very same request, and a poll
        let again = again.map(|step| issued(go(step, key, server.address).unwrap()).certificate);
        let wait = lab::client().resume(&saved).unwrap();
        let step = wait.poll(&mut Random::system()).unwrap();
        let polled = issued(go(step, key, server.address).unwrap()).certificate;
        assert_eq!(told.or(again), Some(polled.clone()));
        all.insert(polled.to_vec());
    }
    // one for each request, and no others
    let stored: BTreeSet<_> = certificates(&folder).into_iter().map(|one| one.to_vec()).collect();
    assert_eq!((all.len(), &all), (total, &stored));
    let sql = Connection::open(folder.join("scep.db")).unwrap();
    let sound: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
