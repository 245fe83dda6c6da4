//! Too many requests, and too many refusals: 503 before any key is used.

use crate::endpoint::{Endpoint, Options};
use crate::lab::{client, device, device_2, request};
use crate::{folder, go_on, http, new_folder, options, try_go_on};
use scep::client::{Client, ClientConfig, Done, Driven, NewEnrolment, Step};
use scep::crypto::rustcrypto::PROVIDER;
use scep::crypto::{ChallengePassword, Random};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// As many as are worked on at the same time.
const CONCURRENT: usize = 64;

/// A server that can be looked into.
struct Server {
    endpoint: Arc<Endpoint>,
    address: SocketAddr,
    folder: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start(name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = new_folder(name);
        let mut options = options(folder.clone());
        change(&mut options);
        let endpoint = Arc::new(Endpoint::open(options).unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(http::serve(listener, Arc::clone(&endpoint), |_| {}, std::future::pending()));
        Self { endpoint, address, folder, _runtime: runtime }
    }

    /// What comes back, head and body.
    fn send(&self, method: &str, target: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        reply
    }

    fn post(&self, body: &[u8]) -> Vec<u8> {
        self.send("POST", "/scep?operation=PKIOperation", body)
    }

    /// How often a key was used that speaks SCEP.
    fn keys_used(&self) -> usize {
        self.endpoint.keys.used.load(Ordering::SeqCst)
    }
}

fn status(reply: &[u8]) -> u16 {
    std::str::from_utf8(&reply[9..12]).unwrap().parse().unwrap()
}

/// 503, when to come again, and nothing else.
#[track_caller]
fn is_put_off(reply: &[u8]) {
    let text = std::str::from_utf8(reply).unwrap().to_lowercase();
    assert!(text.starts_with("http/1.1 503"), "{text}");
    let seconds = text.split("retry-after: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    assert!((1..=60).contains(&seconds.unwrap().parse::<u32>().unwrap()), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

// T1, T8, T48
#[test]
fn a_source_with_too_many_refusals_has_to_wait() {
    let server = Server::start("refusals", |options| options.refusals_per_minute = Some(3));
    for _ in 0..3 {
        assert_eq!(status(&server.post(b"no message")), 400);
    }
    // whatever the library would take for a PKIOperation
    for (method, target) in [
        ("POST", "/scep?operation=PKIOperation"),
        ("POST", "/scep"),
        ("POST", "/scep?operation=GetCACaps"),
        ("POST", "/?operation=Get"),
        ("GET", "/other?operation=PKIOperation&message=MAAA"),
        ("GET", "/scep?operation=%50KIOperation&message=MAAA"),
        ("GET", "/scep?%6fperation=PKIOperation&message=MAAA"),
        ("GET", "/scep?x=operation=GetCACaps&operation=PKIOperation&message=MAAA"),
    ] {
        is_put_off(&server.send(method, target, if method == "GET" { b"" } else { b"no message" }));
    }
    assert_eq!(server.keys_used(), 0);
    for operation in ["GetCACaps", "GetCACert"] {
        assert_eq!(status(&server.send("GET", &format!("/scep?operation={operation}"), b"")), 200);
    }
    // nor is one answered that is right
    let Err(error) = enrol(&server, 1, "secret123") else { panic!("answered") };
    assert_eq!(error, 503);
    assert_eq!(server.keys_used(), 0);
}

// T48, T49: what cannot be decided costs keys as well
#[test]
fn requests_that_the_server_cannot_decide_count_like_refusals() {
    let server = Server::start("undecided", |options| options.refusals_per_minute = Some(3));
    let database = rusqlite::Connection::open(folder::database(&server.folder)).unwrap();
    database.execute("DROP TABLE transactions", []).unwrap();
    for number in 0..6 {
        assert_eq!(enrol(&server, number, "secret123").err(), Some(503));
    }
    assert_eq!(server.keys_used(), 3);
}

/// A first request by one of two keys: what comes back, or the status in place of it.
fn enrol(server: &Server, number: usize, challenge: &str) -> Result<Driven, u16> {
    let key = if number.is_multiple_of(2) { device() } else { device_2() };
    let own = NewEnrolment::builder(format!("CN=dev-{number}").parse().unwrap(), key.public_key_der())
        .challenge(ChallengePassword::new(challenge).unwrap())
        .build()
        .unwrap();
    let url = format!("http://{}/scep", server.address);
    let step = Client::new(ClientConfig::new(&PROVIDER)).enrol(&url, own, &mut Random::system()).unwrap();
    try_go_on(step, &key).map_err(|error| match error {
        scep::Error::UnexpectedStatus(status) => status,
        other => panic!("{other}"),
    })
}

// T8: requests that come at the same time are as many as those that come one after the other
#[test]
fn of_many_wrong_challenges_at_once_no_more_are_tried_than_one_after_the_other() {
    let server = Server::start("guesses", |options| options.refusals_per_minute = Some(3));
    let outcomes: Vec<_> = thread::scope(|scope| {
        let guesses = (0..12).map(|number| {
            scope.spawn({
                let server = &server;
                move || enrol(server, number, &format!("guess {number}"))
            })
        });
        guesses.collect::<Vec<_>>().into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    let refused = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Driven::Done(Done::Refused { .. }))));
    assert_eq!(refused.count(), 3);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(503))).count(), 9);
    // one to open each, and one to sign the refusal
    assert_eq!(server.keys_used(), 6);
}

// T48: a fleet behind one address
#[test]
fn of_many_right_requests_of_one_source_at_once_all_are_granted() {
    let server = Server::start("fleet", |options| options.refusals_per_minute = Some(2));
    thread::scope(|scope| {
        let devices: Vec<_> = (0..8)
            .map(|number| {
                let server = &server;
                scope.spawn(move || enrol(server, number, "secret123"))
            })
            .collect();
        for device in devices {
            let driven = device.join().unwrap().unwrap();
            assert!(matches!(driven, Driven::Done(Done::Issued(_))));
        }
    });
}

// T48: all slots are taken, by requests that wait for the database
#[test]
fn more_requests_than_there_are_slots_are_put_off_before_any_key_is_used() {
    let server = Server::start("slots", |options| {
        (options.hold, options.hold_polls) = (Some("held".into()), 0);
    });
    let key = device();
    let url = format!("http://{}/scep", server.address);
    let step = client().enrol(&url, request(&key, "CN=held-1"), &mut Random::system()).unwrap();
    let Driven::Held(wait) = go_on(step, &key) else { panic!("not held") };
    let Step::Sign(sign) = wait.poll(&mut Random::system()).unwrap() else { panic!() };
    let signature = key.sign(sign.job(), &mut Random::system());
    let Step::Transmit(poll) = sign.complete(signature, &mut Random::system()).unwrap() else { panic!() };
    let poll = &poll.request().body;

    let before = server.keys_used();
    let database = server.endpoint.store.lock();
    thread::scope(|scope| {
        let polls: Vec<_> = (0..CONCURRENT).map(|_| scope.spawn(|| server.post(poll))).collect();
        // a poll is put off as soon as all of them have their slots
        let patience = Instant::now() + Duration::from_secs(60);
        let late = loop {
            assert!(Instant::now() < patience, "there is always room");
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let head = "POST /scep?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            let head = format!("{head}Content-Length: {}\r\n\r\n", poll.len());
            stream.write_all(&[head.as_bytes(), poll].concat()).unwrap();
            let mut reply = Vec::new();
            match stream.read_to_end(&mut reply) {
                Ok(_) => break reply,
                // this one has a slot itself
                Err(_) => continue,
            }
        };
        is_put_off(&late);
        assert_eq!(server.keys_used(), before);
        drop(database);
        let answered = polls.into_iter().map(|poll| status(&poll.join().unwrap()));
        assert!(answered.filter(|status| *status == 200).count() > CONCURRENT / 2);
    });
    assert!(server.keys_used() > before);
    // and there is room again
    assert_eq!(status(&server.post(poll)), 200);
}

/// A connection that stays open, from this address.
fn connect(server: &Server, from: [u8; 4]) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(socket.connect(server.address)).unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The head of the answer to GetCACaps, and whatever of the body came with it; nothing when the connection was closed.
fn ask(stream: &mut TcpStream) -> String {
    let mut answer = [0; 4096];
    let length = match stream.write_all(b"GET /scep?operation=GetCACaps HTTP/1.1\r\nHost: a\r\n\r\n") {
        Ok(()) => stream.read(&mut answer).unwrap_or(0),
        Err(_) => 0,
    };
    String::from_utf8(answer[..length].to_vec()).unwrap().to_lowercase()
}

// T48
#[test]
fn a_source_has_sixty_four_connections_and_others_have_theirs() {
    let server = Server::start("sources", |options| options.refusals_per_minute = Some(3));
    let mut open: Vec<_> = (0..64).map(|_| connect(&server, [127, 0, 0, 1])).collect();
    assert!(open.iter_mut().all(|stream| ask(stream).starts_with("http/1.1 200")));
    assert_eq!(ask(&mut connect(&server, [127, 0, 0, 1])), "");
    assert!(ask(&mut connect(&server, [127, 0, 0, 2])).starts_with("http/1.1 200"));
    // those that are open go on, and make room when they end
    assert!(open.iter_mut().all(|stream| ask(stream).starts_with("http/1.1 200")));
    open.truncate(1);
    let again = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(50));
        ask(&mut connect(&server, [127, 0, 0, 1])).starts_with("http/1.1 200")
    });
    assert!(again);
}

// T48: behind a proxy everybody comes from one address; there nobody waits for idle connections to end
#[test]
fn where_it_is_crowded_every_connection_ends_with_its_answer() {
    let server = Server::start("crowd", |options| options.refusals_per_minute = None);
    let mut open: Vec<_> = (0..256).map(|_| connect(&server, [127, 0, 0, 1])).collect();
    for stream in &mut open {
        let answer = ask(stream);
        assert!(answer.starts_with("http/1.1 200") && !answer.contains("connection: close"), "{answer}");
    }
    // one that is open and silent makes it more
    let mut one_more = connect(&server, [127, 0, 0, 1]);
    let crowded = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(50));
        ask(&mut open[0]).contains("connection: close")
    });
    assert!(crowded);
    // which has ended, so that there is room again
    assert_eq!(ask(&mut open[0]), "");
    assert!(ask(&mut one_more).starts_with("http/1.1 200"));
}
