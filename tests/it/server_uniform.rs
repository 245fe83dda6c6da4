//! One refusal for everything from the encrypted key to the challenge: what came back, and the work that was done for
//! it, must not tell which it was (RFC 3218). Polls are answered without a look inside.

use crate::provider::{AES_128_CBC, PROVIDER, RSA_PKCS1_SHA256, RSA_PKCS1V15};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, name, seeded};
use rand_core::TryRng as _;
use scep::Error;
use scep::crypto::{ContentCipher, ContentEncryption, Provider, SignatureScheme, Verifier};
use scep::error::{BadEnvelope, PeerMisbehaved, Unsupported};
use scep::server::Refusal;
use scep::wire::{FailInfo, MessageType, Oid, SubjectPublicKeyInfo};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The content keys that were decrypted with.
    static KEYS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// How many signatures were verified.
    static VERIFIED: Cell<usize> = const { Cell::new(0) };
}

struct Watched;

impl ContentCipher for Watched {
    fn id(&self) -> ContentEncryption {
        AES_128_CBC.id()
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        AES_128_CBC.encrypt(key, iv, blocks)
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        KEYS.with_borrow_mut(|keys| keys.push(key.to_vec()));
        AES_128_CBC.decrypt(key, iv, blocks)
    }
}

impl Verifier for Watched {
    fn scheme(&self) -> SignatureScheme {
        RSA_PKCS1_SHA256.scheme()
    }

    fn verify(&self, key: &SubjectPublicKeyInfo<'_>, parts: &[&[u8]], signature: &[u8]) -> Result<(), Error> {
        // replies are verified as well, with the CA's key
        if key.as_der() != CA.public() {
            VERIFIED.set(VERIFIED.get() + 1);
        }
        RSA_PKCS1_SHA256.verify(key, parts, signature)
    }
}

static WATCHED: Provider =
    Provider { ciphers: &[&Watched], wrappers: &[&RSA_PKCS1V15], verifiers: &[&Watched], ..PROVIDER };

/// What an observer sees of an answer, and what it cost.
#[derive(Debug, PartialEq)]
struct Seen {
    length: usize,
    attributes: Vec<Vec<u8>>,
    content_type: Option<String>,
    decrypted_contents: usize,
    verified: usize,
}

#[track_caller]
fn ask(server: &Server, message: &Message) -> Seen {
    KEYS.take();
    VERIFIED.set(0);
    let answer = server.ask(message);
    // status, failInfo, transactionID, nonce, empty content, one decryptor call, nothing stored
    let read = answer.refused(FailInfo::BadRequest, 1);
    assert_eq!(answer.counts.recorded, 0);
    Seen {
        length: read.length,
        attributes: read.attributes,
        content_type: answer.outcome.reply.content_type.map(|text| text.into_owned()),
        decrypted_contents: KEYS.with_borrow(Vec::len),
        verified: VERIFIED.get(),
    }
}

fn server() -> Server {
    Server::with(config_with(&WATCHED))
}

/// What a refusal looks like that the owner decided: the challenge was wrong.
fn wrong_challenge() -> Seen {
    ask(&server(), &with_csr(|csr| csr.attributes = Some(vec![challenge(PRINTABLE, b"wrong")])))
}

#[track_caller]
fn all_the_same(cases: Vec<(&str, Message)>) {
    let expected = wrong_challenge();
    // the content was decrypted, and two signatures verified: that of the message and that of the request
    assert_eq!((expected.decrypted_contents, expected.verified), (1, 2));
    let server = server();
    for (what, message) in cases {
        assert_eq!(ask(&server, &message), expected, "{what}");
    }
    assert_eq!(server.issuer.count(), 0);
}

/// `00 02`, so many bytes of padding, `00`, and the rest of the block.
fn block(padding: usize, rest: u8) -> Vec<u8> {
    let key_and_rest = 256 - 3 - padding;
    [&[0, 2][..], &vec![0x5A; padding], &[0], &vec![rest; key_and_rest]].concat()
}

// MMA-1, MMA-2, MMA-4, T1, case 81
#[test]
fn every_fault_of_the_encrypted_block_gets_the_same_refusal() {
    let right = wrap_block(&[0x31; 16]);
    let changed = |index: usize, byte: u8| {
        let mut block = right.clone();
        block[index] = byte;
        block
    };
    let no_separator: Vec<u8> = [&[0, 2][..], &[0x5A; 254]].concat();
    let blocks = [
        ("first byte", changed(0, 1)),
        ("second byte 1", changed(1, 1)),
        ("second byte 0", changed(1, 0)),
        ("second byte 255", changed(1, 0xFF)),
        ("no padding", block(0, 7)),
        ("padding of 7 bytes", block(7, 7)),
        ("padding of 8 bytes, long key", block(8, 7)),
        ("zero in the padding, first byte", changed(2, 0)),
        ("zero in the padding, byte 8", changed(9, 0)),
        ("zero in the padding, last byte", changed(238, 0)),
        ("separator missing", no_separator),
        ("separator 1", changed(239, 1)),
        ("key of 0 bytes", wrap_block(&[])),
        ("key of 1 byte", wrap_block(&[9])),
        ("key of 15 bytes", wrap_block(&[9; 15])),
        ("key of 17 bytes", wrap_block(&[9; 17])),
        ("key of 24 bytes", wrap_block(&[9; 24])),
        ("key of 32 bytes", wrap_block(&[9; 32])),
        ("key of 33 bytes", wrap_block(&[9; 33])),
        ("zeros", vec![0; 256]),
        ("another key", wrap_block(&[9; 16])),
    ];
    let message = |block| with_envelope(|e| e.recipient.block = Some(block));
    all_the_same(blocks.into_iter().map(|(what, block)| (what, message(block))).collect());
}

// T1, T4
#[test]
fn every_impossible_encrypted_key_gets_the_same_refusal() {
    let modulus = CA.modulus();
    let mut above = modulus.clone();
    above[255] = 0xFF;
    let mut below = modulus.clone();
    below[255] -= 1;
    let mut noise = vec![0; 256];
    seeded(77).try_fill_bytes(&mut noise[1..]).unwrap();
    let right = CA.wrap(&[0x31; 16]);
    let mut one = vec![0; 256];
    one[255] = 1;
    let keys = [
        ("random", noise),
        ("0", vec![0; 256]),
        ("1", one),
        ("n - 1", below),
        ("n", modulus),
        ("above n", above),
        ("all ones", vec![0xFF; 256]),
        ("nothing", Vec::new()),
        ("one byte", vec![7]),
        ("255 bytes", right[1..].to_vec()),
        ("257 bytes", [&[0], &right[..]].concat()),
        ("512 bytes", [&[0; 256], &right[..]].concat()),
    ];
    let message = |key| with_envelope(|e| e.recipient.encrypted_key = Some(key));
    all_the_same(keys.into_iter().map(|(what, key)| (what, message(key))).collect());
}

// MMA-1, MMA-6, MMA-7, T2, C-6.3-2, case 81, case 83
#[test]
fn every_fault_of_padding_and_plaintext_gets_the_same_refusal() {
    let csr = Csr::new(&DEVICE).encode();
    let with_padding = |tail: &[u8]| {
        let mut blocks = pad(&csr, 16);
        let at = blocks.len() - tail.len();
        blocks[at..].copy_from_slice(tail);
        blocks
    };
    let right = pad(&csr, 16);
    let used = usize::from(right[right.len() - 1]);
    let one_wrong: Vec<(String, Vec<u8>)> = (2..=used)
        .map(|place| {
            let mut blocks = right.clone();
            let index = blocks.len() - place;
            blocks[index] ^= 1;
            (format!("padding byte {place} from the end"), blocks)
        })
        .collect();
    assert!(!one_wrong.is_empty());
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("padding 0", with_padding(&[0])),
        ("padding 17", with_padding(&[17])),
        ("padding 255", with_padding(&[255])),
        ("padding longer than sent", with_padding(&[16])),
        ("padding of another length", with_padding(&[1])),
        ("zeros", vec![0; 64]),
        ("noise", (0..=255).collect()),
        ("ones", vec![0xFF; 16]),
        ("empty", pad(&[], 16)),
        ("not DER", pad(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], 16)),
        ("a NULL", pad(NULL, 16)),
        ("a SEQUENCE", pad(&[0x30, 0], 16)),
        ("cut off", pad(&csr[..csr.len() - 1], 16)),
        ("a byte behind", pad(&[&csr[..], &[0]].concat(), 16)),
        ("a block behind", pad(&[&csr[..], &[0; 16]].concat(), 16)),
        ("two requests", pad(&[&csr[..], &csr].concat(), 16)),
        ("names of a poll", pad(&poll_content(), 16)),
    ];
    cases.extend(one_wrong.iter().map(|(what, blocks)| (what.as_str(), blocks.clone())));
    let message = |blocks| with_envelope(|e| e.padded = Some(blocks));
    all_the_same(cases.into_iter().map(|(what, blocks)| (what, message(blocks))).collect());
}

// MMA-7, T11, T14, T15, E11 to E13, case 48, case 53
// T8
#[test]
fn every_fault_of_the_request_and_its_challenge_gets_the_same_refusal() {
    let right = || challenge(PRINTABLE, CHALLENGE.as_bytes());
    let attributes = |list: Vec<Vec<u8>>| with_csr(|csr| csr.attributes = Some(list));
    all_the_same(vec![
        ("bad signature", with_csr(|csr| csr.signature = Some(vec![0x11; 256]))),
        ("signature of another key", with_csr(|csr| csr.key = &STRANGER)),
        (
            "request for another key",
            with_csr(|csr| {
                csr.key = &DEVICE_2;
                csr.public_key = DEVICE_2.public().to_vec();
            }),
        ),
        ("two challenges", attributes(vec![right(), right()])),
        ("no text", attributes(vec![challenge(4, CHALLENGE.as_bytes())])),
        ("challenge in lower case", attributes(vec![challenge(UTF8, CHALLENGE.to_uppercase().as_bytes())])),
        ("longer challenge", attributes(vec![challenge(UTF8, b"correct horse battery staple.")])),
        ("empty challenge", attributes(vec![challenge(UTF8, b"")])),
        ("no challenge", attributes(Vec::new())),
        ("no attributes", with_csr(|csr| csr.attributes = None)),
        ("version 1", with_csr(|csr| csr.version = 1)),
        ("long subject", attributes(vec![challenge(UTF8, &[b'x'; 9000])])),
        ("other subject, no challenge", {
            with_csr(|csr| {
                csr.subject = name("CN=other");
                csr.attributes = None;
            })
        }),
    ]);
}

// R-2.3-11, T14, case 53: a captured envelope, signed again by somebody else
#[test]
fn a_captured_envelope_gets_the_same_refusal_and_its_challenge_stays_unused() {
    let server = server();
    let theft = Message::new("19", captured(), &STRANGER, &STRANGER_CERTIFICATE);
    assert_eq!(ask(&server, &theft), wrong_challenge());
    server.ask(&pkcs_req()).success();
}

// MMA-7, T2, T14, T15, E14: the same for a renewal, whose signer is known and has another key than the request
#[test]
fn every_fault_of_a_renewal_gets_the_same_refusal() {
    let renewing = || Server::with(config_with(&WATCHED).renewal(true));
    let decided = renewing().renewal(|_, question, rng| question.refuse(Refusal::Revoked, rng));
    let expected = wrong_challenge();
    assert_eq!(ask(&decided, &renewal_req()), expected, "a refusal of the owner");
    let server = renewing().policy(never).renewal(|_, question, _| panic!("{question:?}"));
    let csr = |change: fn(&mut Csr)| renewal_with("17", &OLD_CERTIFICATE, change);
    let sealed = |change: fn(&mut Envelope)| {
        let mut envelope = Envelope::new(Csr::new(&DEVICE_2).encode());
        change(&mut envelope);
        Message::new("17", envelope.encode(), &DEVICE, &OLD_CERTIFICATE)
    };
    let alt_names = |names: &[&str]| vec![extension_request(&[(Oid::SUBJECT_ALT_NAME, dns_names(names))])];
    let mut other_names =
        renewal_with("17", &OLD_CERTIFICATE, |csr| csr.attributes = Some(alt_names(&["x"])));
    other_names.set_transaction(TRANSACTION);
    let cases = [
        ("no PKCS #1 block", sealed(|e| e.recipient.block = Some(vec![0; 256]))),
        ("another content key", sealed(|e| e.recipient.block = Some(wrap_block(&[9; 16])))),
        ("padding 17", sealed(|e| e.padded = Some(vec![17; 32]))),
        ("zeros", sealed(|e| e.padded = Some(vec![0; 32]))),
        ("not DER", sealed(|e| e.plaintext = vec![0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF])),
        ("a SEQUENCE", sealed(|e| e.plaintext = vec![0x30, 0])),
        ("a byte behind", sealed(|e| e.plaintext.push(0))),
        ("other subject", csr(|csr| csr.subject = name("CN=other"))),
        ("other alternative name", other_names),
        ("bad signature", csr(|csr| csr.signature = Some(vec![0x11; 256]))),
        ("signature of another key", csr(|csr| csr.key = &DEVICE)),
        ("version 1", csr(|csr| csr.version = 1)),
        ("two challenges", csr(|csr| csr.attributes = Some(vec![challenge(PRINTABLE, b"x"); 2]))),
        // a captured envelope of another device, signed by one with a certificate
        ("captured, 17", Message::new("17", somebodys(), &DEVICE, &OLD_CERTIFICATE)),
        ("captured, 19", Message::new("19", somebodys(), &DEVICE, &OLD_CERTIFICATE)),
    ];
    for (what, message) in cases {
        assert_eq!(ask(&server, &message), expected, "{what}");
    }
}

/// The right request of another device, as whoever is on the path has it.
fn somebodys() -> Vec<u8> {
    let csr = Csr { subject: name("CN=somebody"), ..Csr::new(&STRANGER) };
    Envelope::new(csr.encode()).encode()
}

// MMA-7, T2, E13: where a stranger may sign for another key, the faults still look the same
#[test]
fn with_other_signers_allowed_the_refusals_stay_the_same() {
    let expected = wrong_challenge();
    let server = Server::with(config_with(&WATCHED).danger_accept_other_signer(true));
    let sign = |content| Message::new("19", content, &STRANGER, &STRANGER_CERTIFICATE);
    let wrong = with_csr(|csr| csr.attributes = Some(vec![challenge(PRINTABLE, b"wrong")]));
    let unsigned = with_csr(|csr| csr.signature = Some(vec![0x11; 256]));
    for content in [wrong.content, unsigned.content] {
        assert_eq!(ask(&server, &sign(content)), expected);
    }
    // whatever a change of the last blocks makes of a captured request, it is refused alike
    for (what, content) in captured_and_changed().into_iter().skip(1) {
        assert_eq!(ask(&server, &sign(content)), expected, "{what}");
    }
}

/// The whole answer to a poll, which was given without a key and without a look at what is in the envelope. With
/// servers of the same state and the same random numbers, equal answers are equal to the last bit.
#[track_caller]
fn poll(server: &Server, message: &Message, check: impl Fn(&Answer<'_>)) -> Vec<u8> {
    KEYS.take();
    VERIFIED.set(0);
    let answer = server.ask(message);
    check(&answer);
    answer.message_type(Some(MessageType::CertPoll));
    assert_eq!((answer.counts.decrypted, answer.changed), (0, false));
    assert_eq!(answer.counts.loaded, 1);
    // the message was verified, nothing was decrypted, and no request was looked for in the content
    assert_eq!((KEYS.with_borrow(Vec::len), VERIFIED.get()), (0, 1));
    answer.outcome.reply.body
}

/// The right request of the device, as whoever is on the path has it.
fn captured() -> Vec<u8> {
    pkcs_req().content
}

/// A captured envelope with changes in the last blocks of its ciphertext, as an attack on the padding makes them.
fn captured_and_changed() -> Vec<(String, Vec<u8>)> {
    let right = captured();
    let mut all = vec![("captured".to_string(), right.clone())];
    for (place, mask) in
        [(1, 1), (16, 0x80), (17, 1), (17, 2), (17, 0x0F), (17, 0x10), (18, 3), (32, 1), (48, 1)]
    {
        let mut changed = right.clone();
        let at = changed.len() - place;
        changed[at] ^= mask;
        all.push((format!("captured, byte {place} from the end changed by {mask}"), changed));
    }
    all
}

type Change = fn(&mut Envelope);

/// Envelopes for the CA that differ in all that only the private key can tell.
fn contents() -> Vec<(String, Vec<u8>)> {
    let changes: [(&str, Change); 16] = [
        ("padding of 7 bytes", |e| e.recipient.block = Some(block(7, 7))),
        ("no PKCS #1 block", |e| e.recipient.block = Some(vec![0; 256])),
        ("short content key", |e| e.recipient.block = Some(wrap_block(&[9; 15]))),
        ("another content key", |e| e.recipient.block = Some(wrap_block(&[9; 16]))),
        ("key above n", |e| e.recipient.encrypted_key = Some(vec![0xFF; 256])),
        ("no key", |e| e.recipient.encrypted_key = Some(Vec::new())),
        ("zeros", |e| e.padded = Some(vec![0; 32])),
        ("padding 17", |e| e.padded = Some(vec![17; 32])),
        ("noise", |e| e.ciphertext = Some((0..=255).collect())),
        ("one block", |e| e.ciphertext = Some(vec![7; 16])),
        ("a SEQUENCE", |e| e.plaintext = vec![0x30, 0]),
        ("nothing", |e| e.plaintext = Vec::new()),
        ("a byte behind", |e| e.plaintext.push(0)),
        ("cut off", |e| e.plaintext.truncate(e.plaintext.len() - 1)),
        ("a request", |e| e.plaintext = Csr::new(&DEVICE).encode()),
        ("other names", |e| e.plaintext = seq(&[&name("CN=somebody"), &name("CN=else")])),
    ];
    let made = changes.into_iter().map(|(what, change)| {
        let mut envelope = Envelope::new(poll_content());
        change(&mut envelope);
        (what.to_string(), envelope.encode())
    });
    made.chain(captured_and_changed()).collect()
}

/// A server that holds a request with the usual transactionID for every one of these keys.
fn holding(keys: &[&'static Key]) -> Server {
    let server = server().policy(hold);
    for key in keys {
        let certificate = X509::device(key).sign(key);
        let envelope = Envelope::new(Csr::new(key).encode()).encode();
        server.ask(&Message::new("19", envelope, key, &certificate)).pending();
    }
    server
}

// T1, T2, MMA-7, R-3.3.3-2: polls are answered from the table alone. Else the answer to a poll that a stranger made of
// a captured envelope would tell whether the altered ciphertext has proper padding and form
#[test]
fn what_is_inside_a_poll_never_matters() {
    let unknown = |answer: &Answer<'_>| {
        answer.refused(FailInfo::BadCertId, 0);
        answer.cause(PeerMisbehaved::UnknownTransaction);
    };
    let pending = |answer: &Answer<'_>| drop(answer.pending());
    let strangers = |content| Message::new("20", content, &STRANGER, &STRANGER_CERTIFICATE);
    let devices = |content| Message::new("20", content, &DEVICE, &DEVICE_CERTIFICATE);
    let usual = || Envelope::new(poll_content()).encode();

    let nobodys = poll(&server().policy(never), &strangers(usual()), unknown);
    let of_another = poll(&holding(&[&DEVICE]).policy(never), &strangers(usual()), unknown);
    let own = poll(&holding(&[&DEVICE, &STRANGER]), &strangers(usual()), pending);
    let right = poll(&holding(&[&DEVICE]), &devices(usual()), pending);
    assert_eq!(of_another.len(), nobodys.len());
    assert_eq!(own.len(), right.len());
    for (what, content) in contents() {
        let answer = poll(&server().policy(never), &strangers(content.clone()), unknown);
        assert!(answer == nobodys, "{what}, unknown");
        let answer = poll(&server().policy(never), &devices(content.clone()), unknown);
        assert!(answer == nobodys, "{what}, unknown, of the envelope's own key");
        // somebody else's, with the same transactionID
        let answer = poll(&holding(&[&DEVICE]).policy(never), &strangers(content.clone()), unknown);
        assert!(answer == of_another, "{what}, of another");
        let answer = poll(&holding(&[&DEVICE, &STRANGER]), &strangers(content.clone()), pending);
        assert!(answer == own, "{what}, held for the stranger");
        let answer = poll(&holding(&[&DEVICE]), &devices(content), pending);
        assert!(answer == right, "{what}, held");
    }
}

// R-2.3-11, T2, T14: nor does a poll bring anything of a captured request into the transaction
#[test]
fn a_captured_envelope_in_a_poll_leaves_its_challenge_unused() {
    let mut server = server();
    let theft = Message::new("20", captured(), &STRANGER, &STRANGER_CERTIFICATE);
    server.ask(&theft).refused(FailInfo::BadCertId, 0);
    // held under the stranger's key, and asked about again: the question holds no challenge and no request
    server.policy = hold;
    let envelope = Envelope::new(Csr::new(&STRANGER).encode()).encode();
    server.ask(&Message::new("19", envelope, &STRANGER, &STRANGER_CERTIFICATE)).pending();
    let question = server.up_to_question(&theft);
    assert!(question.is_held() && question.challenge().is_none() && question.csr().is_none());
    assert_eq!(question.requested().public_key(), STRANGER.public());
    server.policy = by_challenge;
    server.ask(&pkcs_req()).success();
}

// E6, E10, T3: what can be told without the key is refused before the table is asked, in a poll as in a request
#[test]
fn the_envelope_of_a_poll_has_to_be_one_for_us() {
    let cases: [(FailInfo, Error, Change); 6] = [
        (FailInfo::BadRequest, BadEnvelope::Recipient.into(), |e| {
            e.recipient = Recipient::new(&RA_CERTIFICATE, &RA)
        }),
        (FailInfo::BadRequest, BadEnvelope::Recipient.into(), |e| {
            e.recipients = Some(vec![e.recipient.encode(&e.content_key); 2])
        }),
        (FailInfo::BadRequest, BadEnvelope::Recipient.into(), |e| e.recipients = Some(Vec::new())),
        (FailInfo::BadRequest, BadEnvelope::Ciphertext.into(), |e| e.ciphertext = Some(vec![7; 17])),
        (FailInfo::BadAlg, Unsupported::SingleDes.into(), |e| e.set_cipher(ContentEncryption::DesCbc)),
        (FailInfo::BadAlg, Unsupported::ContentEncryption.into(), |e| {
            e.set_cipher(ContentEncryption::Aes256Cbc)
        }),
    ];
    for server in [server(), holding(&[&DEVICE])] {
        let server = server.policy(never);
        for (fail_info, cause, change) in cases {
            let mut envelope = Envelope::new(poll_content());
            change(&mut envelope);
            let answer = server.ask(&Message::new("20", envelope.encode(), &DEVICE, &DEVICE_CERTIFICATE));
            answer.refused(fail_info, 0);
            answer.cause(cause);
            assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() });
        }
        for content in [Vec::new(), poll_content(), Csr::new(&DEVICE).encode()] {
            let answer = server.ask(&Message::new("20", content, &DEVICE, &DEVICE_CERTIFICATE));
            answer.refused(FailInfo::BadRequest, 0);
            assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() });
        }
    }
}

// MMA-3, case 81: the stand-in for a key is of the right length, random, and new each time
#[test]
fn the_stand_in_for_a_bad_key_is_never_the_same_and_never_guessable() {
    let server = server();
    let mut seen = std::collections::BTreeSet::new();
    for content_key in [[0; 16], [0x31; 16], [0xFF; 16]] {
        for broken in [vec![0; 256], block(7, 0x31), wrap_block(&[0x31; 15])] {
            // the content is proper under a key that an attacker hopes for
            let message = with_envelope(|e| {
                e.content_key = content_key.to_vec();
                e.recipient.block = Some(broken.clone());
            });
            ask(&server, &message);
            let [key] = &KEYS.take()[..] else { panic!("not one decryption") };
            assert_eq!(key.len(), 16);
            assert_ne!(key, &content_key);
            assert!(seen.insert(key.clone()));
        }
    }
    assert_eq!(seen.len(), 9);
}

// R-7.3-3: the log knows more than the peer
// MMA-8
#[test]
fn the_cause_of_a_refusal_is_kept_for_the_log() {
    let server = server();
    let cause = |message: &Message| server.ask(message).outcome.cause.unwrap().to_string();
    let causes = [
        cause(&with_envelope(|e| e.padded = Some(vec![0; 32]))),
        cause(&with_csr(|csr| csr.signature = Some(vec![0x11; 256]))),
        cause(&with_csr(|csr| csr.attributes = None)),
        cause(&Message::new("19", pkcs_req().content, &STRANGER, &STRANGER_CERTIFICATE)),
    ];
    let distinct: std::collections::BTreeSet<_> = causes.iter().collect();
    assert_eq!(distinct.len(), 4, "{causes:?}");
}
