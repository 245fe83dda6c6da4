//! What a hostile client sends: encrypted keys, paddings, contents.

use crate::requests::*;
use crate::support::{CHALLENGE, name, tlv};
use scep::crypto::Digest;
use scep::wire::Oid;

/// Something with its name.
pub(crate) type Named<T> = Vec<(&'static str, T)>;

/// The content key of every envelope that says nothing else.
fn right_key() -> Vec<u8> {
    Envelope::new(Vec::new()).content_key
}

/// `00 02`, so many bytes of padding, `00`, and the rest of the block.
fn block(padding: usize) -> Vec<u8> {
    [&[0, 2][..], &vec![0x5A; padding], &[0], &vec![7; 256 - 3 - padding]].concat()
}

/// Blocks for PKCS #1 v1.5; the first one is right.
pub(crate) fn pkcs1_blocks() -> Named<Vec<u8>> {
    let right = wrap_block(&right_key());
    let changed = |index: usize, byte: u8| {
        let mut block = right.clone();
        block[index] = byte;
        block
    };
    vec![
        ("right", right.clone()),
        ("bad header: first byte 1", changed(0, 1)),
        ("bad header: second byte 1", changed(1, 1)),
        ("bad header: second byte 0", changed(1, 0)),
        ("bad header: both", [&[0xA5, 0xA5], &right[2..]].concat()),
        ("no padding string", block(0)),
        ("padding string of 7 bytes", block(7)),
        ("padding string of 8 bytes, key of 245", block(8)),
        ("zero in byte 8 of the padding string", changed(9, 0)),
        ("zero in the last byte of the padding string", changed(238, 0)),
        ("no separator", changed(239, 1)),
        ("no zero at all", [&[0, 2][..], &[0x5A; 254]].concat()),
        ("late separator: no key", wrap_block(&[])),
        ("late separator: key of 1 byte", wrap_block(&[9])),
        ("late separator: key of 15 bytes", wrap_block(&[9; 15])),
        ("early separator: key of 17 bytes", wrap_block(&[9; 17])),
        ("early separator: key of 32 bytes", wrap_block(&[9; 32])),
        ("zeros", vec![0; 256]),
        ("a random key", wrap_block(&hash(Digest::Sha256, b"key")[..16])),
        ("another random key", wrap_block(&hash(Digest::Sha256, b"another")[..16])),
    ]
}

/// Blocks for OAEP with this hash function; the first one is right.
pub(crate) fn oaep_blocks(digest: Digest) -> Named<Vec<u8>> {
    let size = digest.length();
    let label = hash(digest, b"");
    let data = |label: &[u8], separator: u8, key: &[u8]| {
        [label, &vec![0; 256 - 1 - 2 * size - 1 - key.len()], &[separator], key].concat()
    };
    let key = right_key();
    let right = data(&label, 1, &key);
    let changed = |index: usize| {
        let mut data = right.clone();
        data[index] ^= 1;
        data
    };
    let seal = |first: u8, data: &[u8]| {
        let seed = vec![0x3C; size];
        let masked = mask(digest, &seed, data);
        [&[first][..], &mask(digest, &masked, &seed), &masked].concat()
    };
    vec![
        ("right", seal(0, &right)),
        ("first byte 1", seal(1, &right)),
        ("first byte 255", seal(255, &right)),
        ("wrong hash of the label, first byte", seal(0, &changed(0))),
        ("wrong hash of the label, last byte", seal(0, &changed(size - 1))),
        ("no zero behind the label", seal(0, &changed(size))),
        ("separator 2", seal(0, &data(&label, 2, &key))),
        ("key of 15 bytes", seal(0, &data(&label, 1, &key[1..]))),
        ("key of 17 bytes", seal(0, &data(&label, 1, &[&key[..], &[1]].concat()))),
        ("zeros", vec![0; 256]),
        ("a random key", seal(0, &data(&label, 1, &hash(Digest::Sha256, b"key")[..16]))),
    ]
}

/// `data` with the mask of `seed` on it: MGF1 (RFC 8017 appendix B.2.1).
fn mask(digest: Digest, seed: &[u8], data: &[u8]) -> Vec<u8> {
    let stream = (0_u32..).flat_map(|counter| hash(digest, &[seed, &counter.to_be_bytes()].concat()));
    data.iter().zip(stream).map(|(byte, other)| byte ^ other).collect()
}

/// Encrypted keys that no key of this size can have made, which everybody sees.
pub(crate) fn impossible_keys() -> Named<Vec<u8>> {
    vec![
        ("the modulus", CA.modulus()),
        ("all ones", vec![0xFF; 256]),
        ("nothing", Vec::new()),
        ("255 bytes", vec![1; 255]),
        ("257 bytes", vec![0; 257]),
    ]
}

/// Other paddings of what is right; the first one is right. Each leaves the plaintext as it is.
pub(crate) fn paddings(plaintext: &[u8]) -> Named<Vec<u8>> {
    let right = pad(plaintext, 16);
    let used = usize::from(right[right.len() - 1]);
    assert!(used > 3, "too short a padding to choose from");
    let with = |from_the_end: usize, byte: u8| {
        let mut blocks = right.clone();
        let index = blocks.len() - from_the_end;
        blocks[index] = byte;
        blocks
    };
    vec![
        ("right", right.clone()),
        ("padding 0", with(1, 0)),
        ("padding 1", with(1, 1)),
        ("padding of one byte less", with(1, right[right.len() - 1] - 1)),
        ("padding of one byte more", with(1, right[right.len() - 1] + 1)),
        ("padding 16", with(1, 16)),
        ("padding 17", with(1, 17)),
        ("padding 255", with(1, 255)),
        ("second byte from the end", with(2, 99)),
        ("first byte of the padding", with(used, 99)),
    ]
}

/// A certification request of the device that another key signed.
pub(crate) fn unsigned() -> Csr {
    Csr { key: &STRANGER, ..Csr::new(&DEVICE) }
}

/// The same with a subject of many parts.
pub(crate) fn long_subject() -> Csr {
    Csr { subject: name(&["CN=x"; 32].join(", ")), ..unsigned() }
}

/// A certification request of another device that another key signed.
pub(crate) fn somebodys() -> Csr {
    Csr { subject: name("CN=somebody"), public_key: STRANGER.public().to_vec(), ..Csr::new(&DEVICE) }
}

/// Certification requests of another device for a key of 4096 bits that nobody has, in the right form and in another.
pub(crate) fn larger_keys() -> Named<Vec<u8>> {
    let modulus: Vec<u8> = (0..=255).chain(0..=255).map(|byte: u8| byte ^ 0xC1).rev().collect();
    let key = seq(&[&tlv(2, &[&[0], &modulus]), &[2, 3, 1, 0, 1]]);
    let public_key = seq(&[&algorithm(Oid::RSA_ENCRYPTION, NULL), &tlv(3, &[&[0], &key])]);
    let right = Csr { public_key, signature: Some(vec![7; 512]), ..somebodys() }.encode();
    let mut broken = right.clone();
    broken[0] = 0x31;
    vec![("a larger key", right), ("another tag", broken)]
}

/// What takes the place of this certification request, as long as it is; the first is the request itself.
pub(crate) fn contents(csr: &Csr) -> Named<Vec<u8>> {
    let right = csr.encode();
    let length = right.len();
    let changed = |index: usize, byte: u8| {
        let mut der = right.clone();
        der[index] = byte;
        der
    };
    let find = |needle: &[u8]| right.windows(needle.len()).position(|window| window == needle).unwrap();
    let subject = find(&csr.subject);
    let key = find(&csr.public_key);
    let challenge = find(&oid(Oid::CHALLENGE_PASSWORD));
    let signature = length - 256 - 5;
    vec![
        ("a wrong signature", right.clone()),
        ("zeros", vec![0; length]),
        ("ones", vec![0xFF; length]),
        ("noise", (0..length).map(|index| (index * 7 + 3) as u8).collect()),
        ("another tag", changed(0, 0x31)),
        ("tag 0", changed(0, 0)),
        ("length: one byte less", changed(3, right[3] - 1)),
        ("length: one byte more", changed(3, right[3] + 1)),
        ("length: a few bytes", changed(2, 0)),
        ("length: not minimal", changed(1, 0x83)),
        ("an OCTET STRING of that length", changed(0, 4)),
        ("a short OCTET STRING", [&[4, 1, 0][..], &right[3..]].concat()),
        ("another tag inside", changed(4, 0x31)),
        ("length inside", changed(7, right[7] ^ 1)),
        ("version 1", changed(10, 1)),
        ("subject", changed(subject, 0x31)),
        ("last attribute of the subject", changed(key - 6, 0x7F)),
        ("public key", changed(key + 4, 0x31)),
        ("public key of another kind", changed(key + 10, 0)),
        ("another public key", changed(key + 100, !right[key + 100])),
        ("attributes", changed(challenge - 2, 0x31)),
        ("values of the challenge", changed(challenge + 11, 0x30)),
        ("signature algorithm", changed(signature - 13, 5)),
        ("unknown signature algorithm", changed(signature - 5, 0x7F)),
        ("signature", changed(signature, 4)),
        ("unused bits in the signature", changed(signature + 4, 1)),
    ]
}

/// Requests that differ in their signatures, all wrong.
pub(crate) fn signatures() -> Named<Csr> {
    let with = |signature: Vec<u8>| Csr { signature: Some(signature), ..Csr::new(&DEVICE) };
    let right = DEVICE.sign(Digest::Sha256, b"something else");
    vec![
        ("by another key", unsigned()),
        ("over something else", with(right)),
        ("of a few numbers", with(vec![0x11; 256])),
        ("0", with(vec![0; 256])),
        ("n and above", with(vec![0xFF; 256])),
    ]
}

/// Requests that differ in their challenges, all wrong and as long as the right one.
pub(crate) fn wrong_challenges() -> Named<Csr> {
    let with = |text: &[u8]| Csr { attributes: Some(vec![challenge(PRINTABLE, text)]), ..Csr::new(&DEVICE) };
    let text = CHALLENGE.as_bytes();
    let last = text.len() - 1;
    vec![
        ("in all places", with(&vec![b'x'; text.len()])),
        ("in the first place", with(&[b"x", &text[1..]].concat())),
        ("in the last place", with(&[&text[..last], b"x"].concat())),
    ]
}

/// A request without a challenge, as long as one with a wrong one.
pub(crate) fn missing_challenge() -> Named<Csr> {
    let text = vec![b'x'; CHALLENGE.len()];
    let other = attribute(Oid::UNSTRUCTURED_NAME, &tlv(PRINTABLE, &[&text]));
    let mut cases = wrong_challenges();
    cases.truncate(1);
    cases.push(("no challenge", Csr { attributes: Some(vec![other]), ..Csr::new(&DEVICE) }));
    cases
}
