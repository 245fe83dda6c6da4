//! No oracle (T1, T2, T4): what a server does between the private key and the challenge costs the same whatever is wrong.

use crate::callgrind::counted;
use crate::peer::{self, Named};
use crate::requests::*;
use crate::responder::WITH_PASSWORDS;
use crate::responder::{Hand, Server};
use crate::support::{CHALLENGE, seeded, tlv};
use crate::{Case, Group};
use scep::crypto::{ChallengePassword, ContentEncryption, Digest, Rng, Unwrapped};
use scep::message::{Addressee, envelope};
use scep::server::{FindChallenge, Outcome};
use scep::wire::Oid;

/// Most instructions that depend on the class of a fault, and on what.
mod bound {
    /// AWS-LC draws numbers of its own, which are others each time: the same case counts some hundred instructions more or
    /// less from run to run. It notes down that a padding is wrong, which is 200. And what it prepares for a public key
    /// takes a few thousand more or less by the digits of that: for that of a request, or of the stand-in.
    const PROVIDER: u64 = if cfg!(feature = "aws-lc-rs") { 5_000 } else { 0 };
    pub(super) const NONE: u64 = PROVIDER;
    /// How many of the first bytes can be the header of an element.
    pub(super) const HEADER: u64 = 200 + PROVIDER;
    /// At which element the outline of a request is left for that of the stand-in, and whether the bits of its public key
    /// can be read as a key. What is inside of its name and its attributes is read only once its signature holds.
    pub(super) const OUTLINE: u64 = 1_000 + PROVIDER;
    /// How far the block in a signature is the right one, and whether a signature is a number below the modulus.
    pub(super) const SIGNATURE: u64 = 500 + PROVIDER;
    /// Whether there is a challenge, which is copied, and looked for in the signer's certificate. Who gets that far signed
    /// the request with its own key, and so has written it.
    pub(super) const CHALLENGE: u64 = 30_000 + PROVIDER;
    /// Whether the hash function takes the password in one block, or in a shortened form, before the rounds begin.
    pub(super) const PASSWORD: u64 = 8_000 + PROVIDER;
    /// Whether the question is put to the owner, and copied for that.
    pub(super) const QUESTION: u64 = 2_500 + PROVIDER;
    /// Whether an issuer has another name than the CA, which is then compared as text.
    pub(super) const NAMES: u64 = 8_000 + PROVIDER;
}

pub(crate) fn groups() -> Vec<Group> {
    let group = |name, bound, cases, run| Group { name, bound: Some(bound), cases, run };
    vec![
        group("unwrap, PKCS #1 v1.5", bound::NONE, pkcs1_blocks, unwrap),
        group("unwrap, OAEP with SHA-256", bound::NONE, || oaep_blocks(Digest::Sha256), unwrap),
        group("unwrap, OAEP with SHA-1", bound::NONE, || oaep_blocks(Digest::Sha1), unwrap),
        Group { name: "unwrap, what everybody sees", bound: None, cases: impossible_keys, run: unwrap },
        group("answer of the key's owner", bound::NONE, content_keys, answer_with),
        group("content under a wrong key", bound::HEADER, random_contents, answer),
        group("padding", bound::NONE, || paddings(&peer::unsigned(), &DEVICE, &DEVICE_CERTIFICATE), answer),
        group(
            "padding, captured",
            bound::NONE,
            || paddings(&Csr::new(&DEVICE), &STRANGER, &STRANGER_CERTIFICATE),
            answer,
        ),
        group("content", bound::OUTLINE, || contents("19", &peer::unsigned()), answer),
        group(
            "content with a long subject",
            bound::OUTLINE,
            || contents("19", &peer::long_subject()),
            answer,
        ),
        group("content of a renewal", bound::OUTLINE, || contents("17", &peer::somebodys()), answer),
        group("renewal for a larger key", bound::OUTLINE, larger_keys, answer),
        group("signature of the request", bound::SIGNATURE, || requests(peer::signatures()), answer),
        group("wrong challenge", bound::NONE, || requests(peer::wrong_challenges()), answer),
        group("missing challenge", bound::CHALLENGE, || requests(peer::missing_challenge()), answer),
        group("password", bound::PASSWORD, passwords, answer_by_password),
        group("GetCert", bound::QUESTION, || queries("21"), answer),
        group("GetCRL", bound::QUESTION, || queries("22"), answer),
        group("GetCert of another issuer", bound::NAMES, || issuers("21"), answer),
        group("whole", bound::OUTLINE, whole, answer_whole),
    ]
}

/// The private operation alone, with what takes the key out of the block.
fn unwrap(_: usize, message: Vec<u8>) {
    let (step, mut rng) = Server::new().to_decrypt(&message);
    CA.soft.decrypt(step.job(), &mut seeded(3)).unwrap();
    drop(counted(|| CA.soft.decrypt(step.job(), &mut rng)).unwrap());
}

/// From the answer of the private key's owner to the reply, without the private key.
fn answer(_: usize, message: Vec<u8>) {
    answer_to(&message, None);
}

/// The same where the owner answers by one of [`ANSWERS`].
fn answer_with(place: usize, message: Vec<u8>) {
    answer_to(&message, Some(ANSWERS[place].1));
}

fn answer_to(message: &[u8], unwrapped: Option<Answer>) {
    let server = Server::new();
    let prepare = || {
        let (step, rng) = server.to_decrypt(message);
        let unwrapped = match unwrapped {
            Some(unwrapped) => unwrapped(),
            None => CA.soft.decrypt(step.job(), &mut seeded(3)).unwrap(),
        };
        (step, unwrapped, rng)
    };
    let (step, unwrapped, mut rng) = prepare();
    let rehearsed = server.finish(step.complete(Ok(unwrapped), &mut rng), &Hand::default(), &mut rng);
    let hand = Hand { known: Some(signature_of(&rehearsed.reply.body)) };
    let (step, unwrapped, mut rng) = prepare();
    let outcome = counted(|| server.finish(step.complete(Ok(unwrapped), &mut rng), &hand, &mut rng));
    is_refused(&outcome);
}

/// With the private key at both ends.
fn answer_whole(_: usize, message: Vec<u8>) {
    let server = Server::new();
    let (step, mut rng) = server.to_decrypt(&message);
    let go = |step: scep::server::Decrypt, rng: &mut scep::crypto::Rng<'_>| {
        let unwrapped = CA.soft.decrypt(step.job(), rng);
        server.finish(step.complete(unwrapped, rng), &Hand::default(), rng)
    };
    is_refused(&go(step, &mut rng));
    let (step, mut rng) = server.to_decrypt(&message);
    is_refused(&counted(|| go(step, &mut rng)));
}

fn is_refused(outcome: &Outcome) {
    assert_eq!(outcome.reply.status, 200, "{:?}", outcome.cause);
    assert!(outcome.cause.is_some());
}

/// The last 256 bytes of a CertRep.
fn signature_of(reply: &[u8]) -> Vec<u8> {
    reply[reply.len() - 256..].to_vec()
}

fn cases<T>(named: Named<T>, make: impl Fn(T) -> Message) -> Vec<Case> {
    named
        .into_iter()
        .map(|(name, what)| Case { name: name.to_string(), input: make(what).encode() })
        .collect()
}

/// Signed by the device: all but a first request with what the CA certified.
fn sent(message_type: &str, envelope: &Envelope) -> Message {
    let certificate = if message_type == "19" { &DEVICE_CERTIFICATE } else { &OLD_CERTIFICATE };
    Message::new(message_type, envelope.encode(), &DEVICE, certificate)
}

/// A request whose signature is wrong, in an envelope with a change.
fn unsigned_with(change: impl FnOnce(&mut Envelope)) -> Message {
    let mut envelope = Envelope::new(peer::unsigned().encode());
    change(&mut envelope);
    sent("19", &envelope)
}

/// Without the block of zeros where the provider is AWS-LC, which does not use the key on it. Everybody sees that block: it
/// encrypts to zeros.
fn seen_by_the_key(mut blocks: Named<Vec<u8>>) -> Named<Vec<u8>> {
    blocks.retain(|(name, _)| cfg!(not(feature = "aws-lc-rs")) || *name != "zeros");
    blocks
}

fn pkcs1_blocks() -> Vec<Case> {
    cases(seen_by_the_key(peer::pkcs1_blocks()), |block| unsigned_with(|e| e.recipient.block = Some(block)))
}

fn oaep_blocks(digest: Digest) -> Vec<Case> {
    cases(seen_by_the_key(peer::oaep_blocks(digest)), |block| {
        unsigned_with(|e| {
            e.recipient.algorithm = oaep_algorithm(digest);
            e.recipient.block = Some(block);
        })
    })
}

/// RSAES-OAEP with one hash function in both places (RFC 4055 section 4.1).
fn oaep_algorithm(digest: Digest) -> Vec<u8> {
    let hash = algorithm(digest.oid(), NULL);
    let mask = algorithm(Oid::MGF1, &hash);
    algorithm(Oid::RSAES_OAEP, &seq(&[&tlv(0xA0, &[&hash]), &tlv(0xA1, &[&mask])]))
}

fn impossible_keys() -> Vec<Case> {
    cases(peer::impossible_keys(), |key| unsigned_with(|e| e.recipient.encrypted_key = Some(key)))
}

type Answer = fn() -> Unwrapped;

const ANSWERS: [(&str, Answer); 7] = [
    ("rejected", Unwrapped::rejected),
    ("16 bytes, found to be wrong", || Unwrapped::checked(&[1; 16], 0.into())),
    ("no bytes", || Unwrapped::bytes(&[])),
    ("15 bytes", || Unwrapped::bytes(&[1; 15])),
    ("17 bytes", || Unwrapped::bytes(&[1; 17])),
    ("32 bytes", || Unwrapped::bytes(&[1; 32])),
    ("33 bytes", || Unwrapped::bytes(&[1; 33])),
];

fn content_keys() -> Vec<Case> {
    cases(ANSWERS.to_vec(), |_| unsigned_with(|_| ()))
}

/// What comes out of a wrong key: other bytes each time.
fn random_contents() -> Vec<Case> {
    let make = |number: u8| {
        let key = hash(Digest::Sha256, &[number]);
        let message = unsigned_with(|e| e.recipient.block = Some(wrap_block(&key[..16])));
        Case { name: format!("random key {number}"), input: message.encode() }
    };
    (1..=12).map(make).collect()
}

/// Signed by the owner of this key.
fn paddings(csr: &Csr, key: &'static Key, certificate: &[u8]) -> Vec<Case> {
    cases(peer::paddings(&csr.encode()), |blocks| {
        let mut envelope = Envelope::new(Vec::new());
        envelope.padded = Some(blocks);
        Message::new("19", envelope.encode(), key, certificate)
    })
}

fn contents(message_type: &str, csr: &Csr) -> Vec<Case> {
    cases(peer::contents(csr), |plaintext| sent(message_type, &Envelope::new(plaintext)))
}

fn larger_keys() -> Vec<Case> {
    cases(peer::larger_keys(), |plaintext| sent("17", &Envelope::new(plaintext)))
}

const PASSWORDS: [(&str, Option<&str>); 4] = [
    ("another one", Some("another password that is long")),
    ("none is known", None),
    ("the right one", Some(CHALLENGE)),
    (
        "a long one",
        Some("another password that is longer than a block of the hash function, which makes a difference"),
    ),
];

fn passwords() -> Vec<Case> {
    cases(PASSWORDS.to_vec(), |_| {
        let csr = peer::unsigned().encode();
        let password = ChallengePassword::new(CHALLENGE).unwrap();
        let addressee = Addressee::Password(&password);
        let content =
            envelope(&WITH_PASSWORDS, &csr, addressee, ContentEncryption::Aes128Cbc, &mut seeded(3));
        Message::new("19", content.unwrap(), &DEVICE, &DEVICE_CERTIFICATE)
    })
}

fn answer_by_password(place: usize, message: Vec<u8>) {
    let server = Server::new();
    let prepare = || {
        let password = PASSWORDS[place].1.map(|text| ChallengePassword::new(text).unwrap());
        let (question, rng) = server.to_find(&message);
        (question, password, rng)
    };
    let (question, password, mut rng) = prepare();
    let go = |question: FindChallenge, password, hand: &Hand, rng: &mut Rng<'_>| {
        let exchange = match password {
            Some(password) => question.answer(password, rng),
            None => question.unknown(rng),
        };
        server.finish(exchange, hand, rng)
    };
    let rehearsed = go(question, password, &Hand::default(), &mut rng);
    let hand = Hand { known: Some(signature_of(&rehearsed.reply.body)) };
    let (question, password, mut rng) = prepare();
    is_refused(&counted(|| go(question, password, &hand, &mut rng)));
}

fn requests(named: Named<Csr>) -> Vec<Case> {
    cases(named, |csr| sent("19", &Envelope::new(csr.encode())))
}

type Change = fn(&mut Envelope);

const LAST_BYTE_17: Change = |e| *e.padded.insert(pad(&e.plaintext, 16)).last_mut().unwrap() = 17;

fn queries(message_type: &str) -> Vec<Case> {
    let changes: Named<Change> = vec![
        ("absent", |_| ()),
        ("another serial number", |e| *e.plaintext.last_mut().unwrap() = 0x52),
        ("bad header", |e| e.recipient.block = Some(vec![0; 256])),
        ("a random key", |e| e.recipient.block = Some(wrap_block(&[9; 16]))),
        ("padding 17", LAST_BYTE_17),
        ("zeros", |e| e.plaintext.fill(0)),
        ("another tag", |e| e.plaintext[0] = 0x31),
        ("another tag inside", |e| e.plaintext[2] = 0x31),
    ];
    cases(changes, |change| query(message_type, change))
}

fn query(message_type: &str, change: impl FnOnce(&mut Envelope)) -> Message {
    let mut envelope = Envelope::new(issuer_and_serial(&OLD_CERTIFICATE));
    change(&mut envelope);
    sent(message_type, &envelope)
}

fn issuers(message_type: &str) -> Vec<Case> {
    let changes: Named<Change> = vec![
        ("absent", |_| ()),
        ("another issuer", |e| *e.plaintext.iter_mut().rfind(|byte| **byte == b'A').unwrap() = b'B'),
        ("no name", |e| e.plaintext[4] = 0x30),
    ];
    cases(changes, |change| query(message_type, change))
}

fn whole() -> Vec<Case> {
    let changes: Named<Change> = vec![
        ("wrong signature in the request", |_| ()),
        ("bad header", |e| e.recipient.block = Some(vec![0; 256])),
        ("late separator", |e| e.recipient.block = Some(wrap_block(&[9; 15]))),
        ("a random key", |e| e.recipient.block = Some(wrap_block(&[9; 16]))),
        ("padding 17", LAST_BYTE_17),
        ("zeros", |e| e.plaintext.fill(0)),
        ("another tag", |e| e.plaintext[0] = 0x31),
    ];
    cases(changes, unsigned_with)
}
