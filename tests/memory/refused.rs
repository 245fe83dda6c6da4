//! Messages that are refused: none costs much more than the room that it takes itself.

use crate::accepted::Server;
use crate::client_kit::{Kit, standard};
use crate::provider::PROVIDER;
use crate::shapes::{Place, SHAPES, Shape};
use crate::support::URL;
use crate::{Cost, cost};
use scep::client::{ClientConfig, Step, Transmit};
use scep::server::Status;
use scep::transport::{HttpRequest, HttpResponse, Operation};
use scep::wire::Limits;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The default preset with room for messages of 2 MiB, so that these are looked at and not turned away at the door.
fn roomy() -> Limits {
    let mut limits = Limits::DEFAULT;
    (limits.message, limits.response, limits.url) = (Limits::CEILING, Limits::CEILING, Limits::CEILING);
    (limits.capabilities, limits.certification_request) = (Limits::CEILING, Limits::CEILING);
    limits
}

/// The same for messages of any number of elements, as deep as they are read.
fn boundless() -> Limits {
    let mut limits = roomy();
    (limits.nodes, limits.depth, limits.capability_lines) = (usize::MAX, usize::MAX, usize::MAX);
    limits
}

/// A client's request that waits for an answer.
fn waiting(kit: &mut Kit, operation: Operation) -> Transmit {
    let step = match operation {
        Operation::GetCaCaps => kit.client.fetch_capabilities(URL),
        Operation::GetNextCaCert => kit.client.fetch_next_ca(URL, kit.trusted(standard())),
        Operation::GetCaCert => kit.client.fetch_ca(URL),
        Operation::PkiOperation => return kit.renewing().0,
    };
    let Step::Transmit(transmit) = step.unwrap() else { panic!() };
    if operation != Operation::GetCaCert {
        return transmit;
    }
    let response = HttpResponse::new(200, None, b"SCEPStandard".to_vec());
    match transmit.receive(response, kit.now, &mut kit.rng).unwrap() {
        Step::Transmit(transmit) => transmit,
        other => panic!("{other:?}"),
    }
}

/// Those who read what strangers send, under the same limits.
struct Readers {
    server: Server,
    kit: RefCell<Kit>,
    /// Requests that wait for an answer; one that was none gives them back.
    waiting: RefCell<HashMap<&'static str, Transmit>>,
}

impl Readers {
    fn new(limits: &Limits) -> Self {
        let mut server = Server::new(limits.clone());
        server.grants = false;
        let kit = Kit::with(ClientConfig::new(&PROVIDER).limits(limits.clone()));
        Self { server, kit: RefCell::new(kit), waiting: RefCell::default() }
    }

    /// What a server pays for a request.
    fn server(&self, message: &[u8], get: bool) -> (&'static str, Cost) {
        let cost = cost(message, |message| {
            let request = match get {
                true => HttpRequest::new("GET", String::from_utf8(message).unwrap(), Vec::new()),
                false => HttpRequest::new("POST", "/scep?operation=PKIOperation", message),
            };
            let outcome = self.server.serve(request);
            let status = outcome.summary.status;
            assert!(!matches!(status, Status::Success | Status::Pending), "{:?}", outcome.summary);
        });
        ("server", cost)
    }

    /// What a client pays for an answer.
    fn client(&self, operation: Operation, message: &[u8]) -> (&'static str, Cost) {
        let (name, kit) = (operation.name(), &mut *self.kit.borrow_mut());
        let kept = self.waiting.borrow_mut().remove(name);
        let transmit = kept.unwrap_or_else(|| waiting(kit, operation));
        let (mut taken, mut again) = (false, None);
        let cost = cost(message, |message| {
            match transmit.receive(HttpResponse::new(200, None, message), kit.now, &mut kit.rng) {
                Err(failed) => again = failed.retry,
                Ok(_) => taken = true,
            }
        });
        // what is no capability is passed over; of the vectors, some have a certificate in them
        assert!(!taken || operation != Operation::PkiOperation, "taken for a reply");
        self.waiting.borrow_mut().extend(again.map(|transmit| (name, transmit)));
        (name, cost)
    }

    /// What this costs whoever reads it.
    fn read(&self, shape: &Shape, message: &[u8]) -> Vec<(&'static str, Cost)> {
        match shape.place {
            Place::Target => vec![self.server(message, true)],
            Place::Capabilities => vec![self.client(Operation::GetCaCaps, message)],
            Place::Signed => {
                vec![self.server(message, false), self.client(Operation::PkiOperation, message)]
            }
            Place::Message => vec![
                self.server(message, false),
                self.client(Operation::GetCaCert, message),
                self.client(Operation::PkiOperation, message),
                self.client(Operation::GetNextCaCert, message),
            ],
        }
    }
}

/// Three times the message, and what it takes to refuse with a signature.
const PROMISED: fn(u64) -> u64 = |length| 3 * length + SIGNED_REFUSAL;
/// The arithmetic of two keys of 2048 bits, and the reply.
const SIGNED_REFUSAL: u64 = 24 << 10;

/// Under each of these limits, shapes of this length.
fn check_all(length: usize, limits: &[Limits]) {
    let readers: Vec<Readers> = limits.iter().map(Readers::new).collect();
    let mut complaints = Vec::new();
    for shape in SHAPES {
        let message = (shape.make)(length);
        assert!(message.len() <= length, "{}: {} of {length}", shape.name, message.len());
        for (reader, cost) in readers.iter().flat_map(|readers| readers.read(shape, &message)) {
            println!("{:<50} {reader:<14} {:>8} {cost:?}", shape.name, message.len());
            if cost.peak > PROMISED(message.len() as u64) {
                complaints.push(format!("{}: {reader}: {cost:?} for {} bytes", shape.name, message.len()));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

// T38, T39, T48, T57
#[test]
fn no_refused_message_takes_more_memory_than_promised() {
    check_all(16_000, &[Limits::FIRMWARE]);
    check_all(60_000, &[Limits::DEFAULT]);
}

// T38, T39, T48, T57
#[test]
fn no_refused_message_of_2_mib_takes_more_memory_than_promised() {
    check_all(2 << 20, &[Limits::DEFAULT, roomy()]);
}

// T38, T39, T40
#[test]
fn twice_as_much_of_anything_costs_at_most_twice_as_much() {
    let readers = Readers::new(&boundless());
    let mut complaints = Vec::new();
    for shape in SHAPES {
        let [once, twice] = [40_000, 80_000].map(|length| readers.read(shape, &(shape.make)(length)));
        for ((reader, once), (_, twice)) in once.into_iter().zip(twice) {
            let more = |once: u64, twice: u64, extra: u64| twice > 2 * once + once / 25 + extra;
            if more(once.bytes, twice.bytes, SIGNED_REFUSAL) || more(once.count, twice.count, 100) {
                complaints.push(format!("{}: {reader}: {once:?}, {twice:?}", shape.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// The files of `vectors/hostile`.
fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/hostile");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap()))
        .collect()
}

// T38, T39
#[test]
fn no_hostile_vector_takes_more_memory_than_promised() {
    let readers = Readers::new(&Limits::DEFAULT);
    let vectors = vectors();
    assert!(vectors.len() > 150);
    for (file, bytes) in vectors {
        let mut costs = vec![readers.server(&bytes, false)];
        if file.ends_with(".http") {
            // a request line
            let target = String::from_utf8_lossy(&bytes).split(' ').nth(1).unwrap_or_default().to_owned();
            costs.push(readers.server(target.as_bytes(), true));
        }
        for operation in
            [Operation::GetCaCaps, Operation::GetCaCert, Operation::PkiOperation, Operation::GetNextCaCert]
        {
            costs.push(readers.client(operation, &bytes));
        }
        for (reader, cost) in costs {
            let length = bytes.len() as u64;
            assert!(cost.peak <= PROMISED(length), "{file}: {reader}: {cost:?} for {length} bytes");
        }
    }
}

/// What `.ci/work` counts the instructions of.
#[inline(never)]
fn counted_work(readers: &Readers, shape: &Shape, message: &[u8]) {
    readers.read(shape, message);
}

/// Reads each shape at two lengths, and says in which order, for `.ci/work`.
#[test]
#[ignore = "for .ci/work, under callgrind"]
fn each_shape_at_two_lengths() {
    let readers = Readers::new(&boundless());
    for shape in SHAPES {
        let messages = [100_000, 200_000].map(|length| (shape.make)(length));
        // what is made once, as requests are that wait for an answer, is made before
        readers.read(shape, &messages[0]);
        for message in messages {
            println!("shape {} {}", message.len(), shape.name);
            counted_work(&readers, shape, &message);
        }
    }
}
