//! What a message costs the server's keys and hash functions does not depend on what only the private key can tell.

use crate::provider::{PBKDF2_SHA256, PROVIDER, RSA_PKCS1_SHA256, SHA256};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, name, seeded, tlv};
use scep::Error;
use scep::crypto::{
    ChallengePassword, ContentEncryption, Digest, DigestAlgorithm, DigestValue, Provider, SignatureScheme,
    Verifier,
};
use scep::message::{Addressee, envelope};
use scep::server::{CertificateAccess, Refusal};
use scep::wire::{FailInfo, Oid, SubjectPublicKeyInfo};
use std::cell::Cell;

thread_local! {
    /// How many blocks were hashed.
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    /// How many signatures were verified.
    static VERIFIED: Cell<usize> = const { Cell::new(0) };
}

struct Counted;

/// As SHA-256 has them (FIPS 180-4 section 5.1.1).
fn count_blocks(parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    BLOCKS.set(BLOCKS.get() + (length + 9).div_ceil(64));
}

impl DigestAlgorithm for Counted {
    fn id(&self) -> Digest {
        Digest::Sha256
    }

    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        count_blocks(parts);
        SHA256.digest(parts)
    }
}

impl Verifier for Counted {
    fn scheme(&self) -> SignatureScheme {
        RSA_PKCS1_SHA256.scheme()
    }

    fn verify(&self, key: &SubjectPublicKeyInfo<'_>, parts: &[&[u8]], signature: &[u8]) -> Result<(), Error> {
        count_blocks(parts);
        VERIFIED.set(VERIFIED.get() + 1);
        RSA_PKCS1_SHA256.verify(key, parts, signature)
    }
}

static COUNTED: Provider = Provider { digests: &[&Counted], verifiers: &[&Counted], ..PROVIDER };

/// What takes the place of a request that fills whole blocks but one byte; all as long as it is.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let csr = (1..=16).map(|length| Csr { key: &STRANGER, subject: subject(length), ..Csr::new(&DEVICE) });
    let right = csr.map(|csr| csr.encode()).find(|der| der.len() % 16 == 15).unwrap();
    let changed = |changes: &[(usize, u8)]| {
        let mut der = right.clone();
        changes.iter().for_each(|(index, byte)| der[*index] = *byte);
        der
    };
    vec![
        ("a wrong signature", right.clone()),
        ("zeros", vec![0; right.len()]),
        ("noise", (0..right.len()).map(|index| (index * 7 + 3) as u8).collect()),
        ("another tag", changed(&[(0, 0x31)])),
        // what a piece claims as its length is what an attacker wants to see
        ("16 bytes", changed(&[(2, 0), (1, 14)])),
        ("100 bytes", changed(&[(1, 98)])),
        ("258 bytes", changed(&[(2, 0), (3, 254)])),
        ("515 bytes", changed(&[(2, 1), (3, 255)])),
        ("an OCTET STRING of 16 bytes", changed(&[(0, 4), (1, 14)])),
        ("an OCTET STRING of all", changed(&[(0, 4)])),
        ("100 bytes inside", changed(&[(5, 98)])),
        ("version 1", changed(&[(10, 1)])),
        ("no name", changed(&[(11, 0x31)])),
    ]
}

fn subject(length: usize) -> Vec<u8> {
    name(&format!("CN={}", "x".repeat(length)))
}

// T2, MMA-7: the length that an element claims decides about nothing that takes time
#[test]
fn as_many_blocks_are_hashed_whatever_was_found() {
    let server = Server::with(config_with(&COUNTED).renewal(true)).policy(never);
    let signers: [(&str, &'static Key, &[u8]); 3] = [
        ("19", &DEVICE, &DEVICE_CERTIFICATE),
        ("19", &STRANGER, &STRANGER_CERTIFICATE),
        ("17", &DEVICE, &OLD_CERTIFICATE),
    ];
    for (number, key, certificate) in signers {
        let cost = |content: Vec<u8>| {
            BLOCKS.set(0);
            VERIFIED.set(0);
            server.ask(&Message::new(number, content, key, certificate)).refused(FailInfo::BadRequest, 1);
            (BLOCKS.get(), VERIFIED.get())
        };
        let contents = contents();
        let expected = cost(Envelope::new(contents[0].1.clone()).encode());
        for (what, plaintext) in contents {
            let mut wrong = Envelope::new(plaintext);
            assert_eq!(cost(wrong.encode()), expected, "{what}, {number}");
            wrong.recipient.block = Some(vec![0; 256]);
            assert_eq!(cost(wrong.encode()), expected, "{what}, {number}, no key");
            wrong.recipient.block = None;
            let mut blocks = pad(&wrong.plaintext, 16);
            *blocks.last_mut().unwrap() = 17;
            wrong.padded = Some(blocks);
            assert_eq!(cost(wrong.encode()), expected, "{what}, {number}, padding");
        }
    }
}

/// With every operation switched on.
fn open_for_all() -> Server {
    static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };
    let config = config_with(&WITH_PASSWORDS).renewal(true).get_crl(true).password_recipients(true);
    Server::with(config.get_cert(CertificateAccess::Own))
        .policy(hold)
        .renewal(|_, question, rng| question.refuse(Refusal::Revoked, rng))
        .find(|_, question, rng| question.absent(rng))
        .find_crl(|_, question, rng| question.absent(rng))
}

type Change = fn(&mut Envelope);

/// A message of every type that has an envelope for the CA's key; how often that is asked; who signs.
fn operations() -> Vec<(&'static str, Envelope, usize, &'static [u8])> {
    let renewal = Csr { attributes: Some(Vec::new()), ..Csr::new(&DEVICE_2) };
    let certificate = || Envelope::new(issuer_and_serial(&OLD_CERTIFICATE));
    vec![
        ("19", Envelope::new(Csr::new(&DEVICE).encode()), 1, &DEVICE_CERTIFICATE),
        ("17", Envelope::new(renewal.encode()), 1, &OLD_CERTIFICATE),
        ("20", Envelope::new(poll_content()), 0, &DEVICE_CERTIFICATE),
        ("21", certificate(), 1, &OLD_CERTIFICATE),
        ("22", certificate(), 1, &OLD_CERTIFICATE),
    ]
}

// T1, T2, T3, T4, T5, E6, E10: for every operation
#[test]
fn the_private_key_is_asked_once_and_only_by_what_passed_every_public_check() {
    let private: [(&str, Change); 8] = [
        ("nothing", |_| ()),
        ("bad header", |e| e.recipient.block = Some(vec![0; 256])),
        ("another content key", |e| e.recipient.block = Some(wrap_block(&[9; 16]))),
        ("key above n", |e| e.recipient.encrypted_key = Some(vec![0xFF; 256])),
        ("no key", |e| e.recipient.encrypted_key = Some(Vec::new())),
        ("padding 17", |e| e.padded = Some(vec![17; 32])),
        ("noise", |e| e.ciphertext = Some((0..=255).collect())),
        ("nothing inside", |e| e.plaintext = Vec::new()),
    ];
    let public: [(&str, Change); 9] = [
        ("another recipient", |e| e.recipient = Recipient::new(&RA_CERTIFICATE, &RA)),
        ("two recipients", |e| e.recipients = Some(vec![e.recipient.encode(&e.content_key); 2])),
        ("no recipient", |e| e.recipients = Some(Vec::new())),
        ("half a block", |e| e.ciphertext = Some(vec![7; 8])),
        ("no block", |e| e.ciphertext = Some(Vec::new())),
        ("short vector", |e| e.algorithm = Some(algorithm(e.cipher.id().oid(), &tlv(4, &[&[1; 8]])))),
        ("single DES", |e| e.set_cipher(ContentEncryption::DesCbc)),
        ("unknown cipher", |e| e.algorithm = Some(algorithm(Oid::SHA256, NULL))),
        ("unknown transport", |e| e.recipient.algorithm = algorithm(Oid::SHA256, NULL)),
    ];
    let count = |number: &str, content: Vec<u8>, certificate: &[u8], change: &dyn Fn(&mut Message)| {
        let mut message = Message::new(number, content, &DEVICE, certificate);
        change(&mut message);
        open_for_all().ask(&message).counts.decrypted
    };
    for (place, (number, right, expected, certificate)) in operations().into_iter().enumerate() {
        let envelope = |change: Change| {
            let mut envelope = operations().swap_remove(place).1;
            change(&mut envelope);
            envelope.encode()
        };
        for (what, change) in private {
            assert_eq!(count(number, envelope(change), certificate, &|_| ()), expected, "{number}, {what}");
        }
        for (what, change) in public {
            assert_eq!(count(number, envelope(change), certificate, &|_| ()), 0, "{number}, {what}");
        }
        let content = right.encode();
        let unsigned = |message: &mut Message| message.signature = Some(vec![0x11; 256]);
        assert_eq!(count(number, content.clone(), certificate, &unsigned), 0, "{number}, signature");
        let nobodys = |message: &mut Message| message.certificates.clear();
        assert_eq!(count(number, content.clone(), certificate, &nobodys), 0, "{number}, no certificate");
        let other_digest = |message: &mut Message| {
            message.set(Oid::MESSAGE_DIGEST, &tlv(4, &[&[7; 32]]));
        };
        assert_eq!(count(number, content.clone(), certificate, &other_digest), 0, "{number}, digest");
        if !["19", "20"].contains(&number) {
            let off = Server::new();
            let off = off.ask(&Message::new(number, content.clone(), &DEVICE, certificate)).counts;
            assert_eq!(off.decrypted, 0, "{number}, switched off");
            let stranger = Message::new(number, content, &DEVICE, &DEVICE_CERTIFICATE);
            assert_eq!(open_for_all().ask(&stranger).counts.decrypted, 0, "{number}, of a stranger");
        }
    }
}

// T1, MMA-1, PWRI-3: what came under a password is for no private key, whatever it is
#[test]
fn the_private_key_is_not_asked_about_what_came_under_a_password() {
    static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };
    let password = |text: &str| ChallengePassword::new(text).unwrap();
    let message = |number: &str| {
        let (right, csr) = (password(CHALLENGE), Csr::new(&DEVICE).encode());
        let addressee = Addressee::Password(&right);
        let content =
            envelope(&WITH_PASSWORDS, &csr, addressee, ContentEncryption::Aes128Cbc, &mut seeded(3)).unwrap();
        Message::new(number, content, &DEVICE, &DEVICE_CERTIFICATE)
    };
    let answers: [PasswordPolicy; 3] = [
        |question, rng| question.answer(ChallengePassword::new(CHALLENGE).unwrap(), rng),
        |question, rng| question.answer(ChallengePassword::new("another password").unwrap(), rng),
        |question, rng| question.unknown(rng),
    ];
    for (place, answer) in answers.into_iter().enumerate() {
        let answer = open_for_all().password(answer).ask(&message("19")).counts;
        // once for the password; the right one leads to a second question
        assert_eq!((answer.decrypted, answer.decided), (0, if place == 0 { 2 } else { 1 }));
    }
    let poll = open_for_all().ask(&message("20")).counts;
    assert_eq!((poll.decrypted, poll.decided), (0, 0));
}
