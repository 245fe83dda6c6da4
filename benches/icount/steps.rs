//! What the library itself costs, step by step: keys, hashes and ciphers are stand-ins that cost next to nothing, so that
//! no arithmetic hides the parser. The figures that are in git are compared with: see `.ci/icount`.

use crate::callgrind::counted;
use crate::requests::{CA, DEVICE};
use crate::support::seeded;
use crate::world::{Keys, World};
use crate::{Case, Group};
use scep::Error;
use scep::client::{Step, Wait};
use scep::crypto::{
    ContentCipher, ContentEncryption, ContentKey, DecryptJob, Digest, DigestAlgorithm, DigestValue, KeyError,
    KeyTransport, KeyWrapper, Provider, Rng, SharedKey, SignJob, Signature, SignatureScheme, Unwrapped,
    Verifier,
};
use scep::message::{OpenPolicy, Unverified};
use scep::pki_types::CertificateDer;
use scep::wire::normalize::normalize;
use scep::wire::{Limits, SubjectPublicKeyInfo};
use std::hint::black_box;

/// What the names of these groups begin with: they are counted only where somebody asks for them.
pub(crate) const PREFIX: &str = "step: ";

/// How many alternative names requests have, so that they are of some 3, 4 and 64 KiB.
const NAMES: [usize; 3] = [4, 18, 615];

static FAKE: Provider = Provider {
    digests: &[&Fake],
    ciphers: &[&Fake],
    read_only_ciphers: &[],
    wrappers: &[&Fake],
    verifiers: &[&Fake],
    password_kdfs: &[],
};

struct Fake;

impl DigestAlgorithm for Fake {
    fn id(&self) -> Digest {
        Digest::Sha256
    }

    /// Different for different lengths and ends: enough for identifiers of one message.
    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        let mut digest = [0x5A_u8; 32];
        for part in parts {
            let end = &part[part.len().saturating_sub(24)..];
            digest.iter_mut().zip(end).for_each(|(byte, other)| {
                *byte = byte.rotate_left(3) ^ other;
            });
            digest[24..].copy_from_slice(&(part.len() as u64).to_be_bytes());
        }
        DigestValue::new(&digest)
    }
}

impl ContentCipher for Fake {
    fn id(&self) -> ContentEncryption {
        ContentEncryption::Aes128Cbc
    }

    fn encrypt(&self, _: &[u8], _: &[u8], _: &mut [u8]) -> Result<(), Error> {
        Ok(())
    }

    fn decrypt(&self, _: &[u8], _: &[u8], _: &mut [u8]) -> Result<(), Error> {
        Ok(())
    }
}

impl KeyWrapper for Fake {
    fn id(&self) -> KeyTransport {
        KeyTransport::RsaPkcs1v15
    }

    fn wrap(&self, _: &SubjectPublicKeyInfo<'_>, _: &ContentKey, _: &mut Rng<'_>) -> Result<Vec<u8>, Error> {
        Ok(vec![0x33; 256])
    }
}

impl Verifier for Fake {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1(Digest::Sha256)
    }

    fn verify(&self, _: &SubjectPublicKeyInfo<'_>, _: &[&[u8]], _: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}

/// A key that looks like one of RSA with 2048 bits.
#[derive(Debug)]
struct FakeKey(&'static [u8]);

impl SharedKey for FakeKey {
    fn public_key_der(&self) -> &[u8] {
        self.0
    }

    fn sign(&self, _: &SignJob, _: &mut Rng<'_>) -> Result<Signature, KeyError> {
        Ok(Signature::new(vec![0x44; 256]))
    }

    fn decrypt(&self, _: &DecryptJob, _: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        Ok(unwrapped())
    }
}

fn unwrapped() -> Unwrapped {
    Unwrapped::bytes(&[7; 16])
}

fn world() -> World {
    let (device, ca) = (Box::new(FakeKey(DEVICE.public())), Box::new(FakeKey(CA.public())));
    World::new(Keys { provider: &FAKE, device, ca })
}

pub(crate) fn groups() -> Vec<Group> {
    let group = |name, cases, run| Group { name, bound: None, cases, run };
    vec![
        group("step: normalize", encodings, run_normalize),
        group("step: parse", messages, run_parse),
        group("step: verify", messages, run_verify),
        group("step: open", messages, run_open),
        group("step: parse, verify and open", messages, run_all),
        group("step: build request", sizes, run_build),
        group("step: server, from request to question", requests, run_accept),
        group("step: server, from answer to reply", requests, run_answer),
        group("step: server, whole exchange", requests, run_exchange),
        group("step: client reads a certificate", replies, run_read),
        group("step: GetCACert and GetCACaps", discovery, run_discovery),
        group("step: CertPoll", polls, run_poll),
    ]
}

fn message(names: usize) -> Vec<u8> {
    let mut world = world();
    let request = world.request(names);
    world.build(request).request().body.clone()
}

fn messages() -> Vec<Case> {
    let make = |names| {
        let input = message(names);
        Case { name: kib(&input), input }
    };
    NAMES.map(make).into()
}

fn kib(message: &[u8]) -> String {
    format!("{:.1} KiB", message.len() as f64 / 1024.0)
}

/// What the server takes: it reads no request with so many names as are in the largest one.
fn requests() -> Vec<Case> {
    messages().into_iter().take(2).collect()
}

/// The requests in DER, and with an outermost element that says no length.
fn encodings() -> Vec<Case> {
    let mut cases = messages();
    for index in 0..cases.len() {
        let Case { name, input } = &cases[index];
        let (name, head) = (format!("{name}, indefinite length"), 2 + usize::from(input[1] & 0x7F));
        let input = [&[0x30, 0x80], &input[head..], &[0, 0]].concat();
        cases.push(Case { name, input });
    }
    cases
}

fn sizes() -> Vec<Case> {
    NAMES.map(|names| Case { name: kib(&message(names)), input: Vec::new() }).into()
}

fn replies() -> Vec<Case> {
    vec![Case { name: "after a request of 4 KiB".to_string(), input: Vec::new() }]
}

fn discovery() -> Vec<Case> {
    ["GetCACert", "GetCACaps"].map(|name| Case { name: name.into(), input: Vec::new() }).into()
}

fn polls() -> Vec<Case> {
    ["built", "answered"].map(|name| Case { name: name.into(), input: Vec::new() }).into()
}

fn run_normalize(_: usize, message: Vec<u8>) {
    black_box(normalize(&message, &Limits::DEFAULT).unwrap());
    black_box(counted(|| normalize(&message, &Limits::DEFAULT)).unwrap());
}

fn run_parse(_: usize, message: Vec<u8>) {
    drop(Unverified::parse(message.clone(), &Limits::DEFAULT).unwrap());
    drop(counted(|| Unverified::parse(message, &Limits::DEFAULT)).unwrap());
}

fn run_verify(_: usize, message: Vec<u8>) {
    let parse = || Unverified::parse(message.clone(), &Limits::DEFAULT).unwrap();
    drop(parse().verify_as_sent(&FAKE).unwrap());
    let parsed = parse();
    drop(counted(|| parsed.verify_as_sent(&FAKE)).unwrap());
}

fn open(verified: &scep::message::Verified, ca: &CertificateDer<'static>, rng: &mut Rng<'_>) -> usize {
    let policy =
        OpenPolicy { provider: &FAKE, recipients: &[ca], single_des: false, any_key_identifier: false };
    let opened = verified.envelope(&policy, rng).unwrap().open(&unwrapped()).unwrap();
    opened.content().unwrap().len()
}

fn run_open(_: usize, message: Vec<u8>) {
    let (ca, mut rng) = (world().root().clone(), seeded(2));
    let verified =
        Unverified::parse(message, &Limits::DEFAULT).and_then(|parsed| parsed.verify_as_sent(&FAKE)).unwrap();
    open(&verified, &ca, &mut rng);
    counted(|| open(&verified, &ca, &mut rng));
}

fn run_all(_: usize, message: Vec<u8>) {
    let (ca, mut rng) = (world().root().clone(), seeded(2));
    let mut all = |message| {
        let verified =
            Unverified::parse(message, &Limits::DEFAULT).and_then(|read| read.verify_as_sent(&FAKE));
        open(&verified.unwrap(), &ca, &mut rng)
    };
    all(message.clone());
    counted(|| all(message));
}

fn run_build(place: usize, _: Vec<u8>) {
    let mut world = world();
    let request = world.request(NAMES[place]);
    drop(world.build(request));
    let request = world.request(NAMES[place]);
    drop(counted(|| world.build(request)));
}

fn run_accept(_: usize, message: Vec<u8>) {
    let mut world = world();
    let exchange = world.accept(message.clone());
    drop(world.ask(exchange));
    drop(counted(|| {
        let exchange = world.accept(message);
        world.ask(exchange)
    }));
}

fn run_answer(_: usize, message: Vec<u8>) {
    let mut world = world();
    let exchange = world.accept(message);
    let question = world.ask(exchange);
    drop(counted(|| world.answer(question, false)));
}

fn run_exchange(_: usize, message: Vec<u8>) {
    let mut world = world();
    let exchange = world.accept(message.clone());
    drop(world.ask(exchange));
    drop(counted(|| {
        let exchange = world.accept(message);
        let question = world.ask(exchange);
        world.answer(question, false)
    }));
}

fn run_read(_: usize, _: Vec<u8>) {
    let mut world = world();
    let request = world.request(NAMES[1]);
    let transmit = world.build(request);
    let exchange = world.accept(transmit.request().body.clone());
    let question = world.ask(exchange);
    let reply = world.answer(question, false);
    let step = counted(|| world.read(transmit, reply));
    assert!(matches!(step, Step::Done(_)));
}

fn run_discovery(place: usize, _: Vec<u8>) {
    let mut world = world();
    let target = ["/scep?operation=GetCACert", "/scep?operation=GetCACaps"][place];
    world.get(target);
    counted(|| world.get(target));
}

fn run_poll(place: usize, _: Vec<u8>) {
    let second = world().held(NAMES[1]);
    let mut world = world();
    let first = world.held(NAMES[1]);
    let build = |wait: Wait, world: &mut World| {
        let step = wait.poll(&mut world.rng).unwrap();
        world.sign(step).request().body.clone()
    };
    let answer = |message: Vec<u8>, world: &mut World| {
        let exchange = world.accept(message);
        world.finish(exchange)
    };
    let rehearsed = build(first, &mut world);
    drop(answer(rehearsed.clone(), &mut world));
    match place {
        0 => drop(counted(|| build(second, &mut world))),
        _ => drop(counted(|| answer(rehearsed, &mut world))),
    }
}
