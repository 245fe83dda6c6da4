//! Hostile shapes of any size: about as many bytes as asked for, and never more.

use crate::requests::*;
use crate::support::{name, tlv};
use scep::transport::{base64_encode, percent_encode};
use scep::wire::{KeyUsage, Oid};

/// Where a shape is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The whole of what is sent, by whoever.
    Message,
    /// The same, and a server would have to answer with a signature, since the signature in it holds.
    Signed,
    /// Target of a GET.
    Target,
    /// The answer to GetCACaps.
    Capabilities,
}

pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) make: fn(usize) -> Vec<u8>,
}

macro_rules! shapes {
    ($($place:ident $name:literal $make:expr;)+) => {
        pub(crate) const SHAPES: &[Shape] =
            &[$(Shape { name: $name, place: Place::$place, make: $make },)+];
    };
}

/// `unit` as often as it fits.
fn repeated(unit: &[u8], length: usize) -> Vec<u8> {
    unit.repeat(length / unit.len())
}

/// Elements of definite length in each other, each with a length of three octets.
fn nested(tag: u8, length: usize) -> Vec<u8> {
    let levels = length / 5;
    let header = |level: usize| {
        let [.., a, b, c] = (5 * (levels - 1 - level)).to_be_bytes();
        [tag, 0x83, a, b, c]
    };
    (0..levels).flat_map(header).collect()
}

/// The same of indefinite length, all of them ended.
fn endless(header: &[u8], length: usize) -> Vec<u8> {
    let levels = length / (header.len() + 2);
    [header.repeat(levels), [0, 0].repeat(levels)].concat()
}

/// A SignedData around this eContent and with these signerInfos, in BER.
fn signed_data(content: &[u8], signers: &[u8]) -> Vec<u8> {
    let content = indefinite(0x30, &[&tlv(6, &[DATA]), &indefinite(0xA0, &[content])]);
    let data = indefinite(0x30, &[&[2, 1, 1], &[0x31, 0], &content, &tlv(0x31, &[signers])]);
    indefinite(0x30, &[&oid(Oid::ID_SIGNED_DATA), &indefinite(0xA0, &[&data])])
}

/// The largest message that `make` makes of a number without being too long: for what has no fixed size.
fn filled(length: usize, make: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let (few, more) = (make(8).len(), make(1008).len());
    // lengths take a few octets more in large elements
    let number = length.saturating_sub(few + 100) * 1000 / (more - few);
    let message = make(number.max(1));
    assert!(message.len() <= length.max(few), "{} of {length}", message.len());
    message
}

/// A signed message, with `change` told how many of something to put in.
fn message(length: usize, change: impl Fn(&mut Message, usize)) -> Vec<u8> {
    filled(length, |number| with_message(|m| change(m, number)).encode())
}

/// A signed message with this signer's certificate, which signed itself. It is of a type that there is not: a certificate
/// may have a few long parts.
fn signer(length: usize, change: impl Fn(&mut X509, usize)) -> Vec<u8> {
    message(length, |m, number| {
        let mut template = X509::device(&DEVICE);
        change(&mut template, number);
        // the builder of the library would look for each whether it is there already
        let list =
            template.extensions.iter().flat_map(|(kind, value)| seq(&[&oid(*kind), &tlv(4, &[value])]));
        let der = template.sign_with_extensions(&seq(&[&list.collect::<Vec<u8>>()]), &DEVICE);
        // named as a reader would, without asking one that may refuse it
        m.sid = seq(&[&template.issuer, &tlv(2, &[&template.serial])]);
        m.certificates = vec![der];
        m.set(Oid::MESSAGE_TYPE, &tlv(0x13, &[b"18"]));
    })
}

/// A message with this certification request in its envelope.
fn request(length: usize, change: impl Fn(&mut Csr, usize)) -> Vec<u8> {
    filled(length, |number| with_csr(|csr| change(csr, number)).encode())
}

/// A signed message with this as its content.
fn content(length: usize, make: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    filled(length, |number| with_message(|m| m.content = make(number)).encode())
}

/// A list of as many RDNs as asked for.
fn rdns(number: usize) -> Vec<u8> {
    seq(&[&name("CN=x")[2..].repeat(number)])
}

/// A type of its own for each.
fn extensions(number: usize) -> Vec<(Oid<'static>, Vec<u8>)> {
    // longer than it has to be, so that none is like another
    static NUMBERS: [[u8; 4]; 256] = {
        let mut numbers = [[0x2A, 0, 0, 0]; 256];
        let mut at = 0;
        while at < 256 {
            numbers[at] = [0x2A, 0x80 | (at >> 4) as u8, 0x80 | (at & 15) as u8, 1];
            at += 1;
        }
        numbers
    };
    (0..number).map(|at| (Oid::new(&NUMBERS[at % 256]), vec![5, 0])).collect()
}

fn rsa_key(modulus: usize, exponent: usize) -> Vec<u8> {
    let number = |length: usize| tlv(2, &[&[0x55], &vec![0x55; length - 1]]);
    let key = seq(&[&number(modulus), &number(exponent)]);
    seq(&[&algorithm(Oid::RSA_ENCRYPTION, NULL), &tlv(3, &[&[0], &key])])
}

fn get(parameters: String) -> Vec<u8> {
    format!("/scep?operation=PKIOperation&{parameters}").into_bytes()
}

fn message_parameter(length: usize, text: impl Fn(usize) -> String) -> Vec<u8> {
    get(format!("message={}", text(length - 50)))
}

shapes! {
    Message "zeros" |n| vec![0; n];
    Message "ones" |n| vec![0xFF; n];
    Message "sequences that do not end" |n| repeated(&[0x30, 0x80], n);
    Message "sequences that end" |n| endless(&[0x30, 0x80], n);
    Message "sequences in each other" |n| nested(0x30, n);
    Message "sets in each other" |n| nested(0x31, n);
    Message "context tags in each other" |n| nested(0xA0, n);
    Message "octet strings in each other, definite" |n| nested(0x24, n);
    Message "octet strings in each other, indefinite" |n| endless(&[0x24, 0x80], n);
    Message "length of 2^32" |n| [&[0x30, 0x85, 1, 0, 0, 0, 0][..], &vec![0x30; n - 7]].concat();
    Message "length of 2^32 - 1" |n| [&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF][..], &vec![4; n - 6]].concat();
    Message "length of 2^31 - 1" |n| [&[0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF][..], &vec![4; n - 6]].concat();
    Message "length of usize::MAX" |n| [&[0x30, 0x88][..], &[0xFF; 8], &vec![4; n - 10]].concat();
    Message "length of usize::MAX - 9" |n| [&[0x30, 0x88][..], &(u64::MAX - 9).to_be_bytes(), &vec![4; n - 10]].concat();
    Message "length of isize::MAX" |n| [&[0x30, 0x88, 0x7F][..], &[0xFF; 7], &vec![4; n - 10]].concat();
    Message "length of 126 octets" |n| [&[0x30, 0xFE][..], &[0; 124], &[0x7F, 0xFF], &vec![4; n - 128]].concat();
    Message "tags that go on" |n| [&[0x3F][..], &vec![0x81; n - 2], &[1]].concat();
    Message "tags of number 31 and more" |n| repeated(&[0x3F, 0x81, 0x01, 0], n);
    Message "a content in pieces of no byte" |n| signed_data(&indefinite(0x24, &[&repeated(&[4, 0], n - 64)]), &[]);
    Message "a content in pieces of one byte" |n| signed_data(&indefinite(0x24, &[&repeated(&[4, 1, 7], n - 64)]), &[]);
    Message "pieces in pieces" |n| signed_data(&indefinite(0x24, &[&repeated(&[0x24, 0x80, 4, 0, 0, 0], n - 64)]), &[]);
    Message "empty elements of indefinite length" |n| indefinite(0x30, &[&repeated(&[0x30, 0x80, 0, 0], n - 8)]);
    Message "empty elements of long length" |n| indefinite(0x30, &[&repeated(&[0x30, 0x81, 0], n - 8)]);
    Message "signers without end" |n| signed_data(&[4, 0], &repeated(&[0x30, 0], n - 80));
    Message "end marks" |n| [&[0x30, 0x80][..], &vec![0; n - 2]].concat();
    Message "white space behind a message" |n| [&[0x30, 0][..], &vec![b'\n'; n - 2]].concat();
    Message "certificates" |n| message(n, |m, k| m.certificates = vec![vec![0x30, 0]; k]);
    Message "certificates like the signer's" |n| message(n, |m, k| m.certificates = vec![DEVICE_CERTIFICATE.clone(); k]);
    Message "revocation lists" |n| message(n, |m, k| m.crls = [0x30, 0].repeat(k));
    Message "signers" |n| message(n, |m, k| m.signers = k);
    Message "attributes" |n| message(n, |m, k| (0..k).for_each(|_| m.push(Oid::new(&[0x2A, 3]), NULL)));
    Message "transactionIDs" |n| message(n, |m, k| (0..k).for_each(|_| m.push(Oid::TRANSACTION_ID, &tlv(0x13, &[b"x"]))));
    Message "values of an attribute" |n| message(n, |m, k| m.set(Oid::TRANSACTION_ID, &tlv(0x13, &[b"x"]).repeat(k)));
    Message "a long transactionID" |n| message(n, |m, k| m.set_transaction(&vec![b'x'; k]));
    Message "a long nonce" |n| message(n, |m, k| m.set(Oid::SENDER_NONCE, &tlv(4, &[&vec![7; k]])));
    Signed "digest algorithms" |n| message(n, |m, k| {
        m.digest_algorithms = Some(algorithm(Oid::SHA256, NULL).repeat(k));
        m.set(Oid::MESSAGE_TYPE, &tlv(0x13, &[b"18"]));
    });
    Signed "unsigned attributes" |n| message(n, |m, k| {
        m.unsigned = attribute(Oid::new(&[0x2A, 3]), NULL).repeat(k);
        m.set(Oid::MESSAGE_TYPE, &tlv(0x13, &[b"18"]));
    });
    Signed "a long messageType" |n| message(n, |m, k| m.set(Oid::MESSAGE_TYPE, &tlv(0x13, &[&vec![b'1'; k]])));
    Signed "a long signature" |n| message(n, |m, k| m.signature = Some(vec![1; k]));
    Signed "a long issuer of the signer" |n| message(n, |m, k| m.sid = seq(&[&rdns(k), &[2, 1, 1]]));
    Signed "a long key identifier of the signer" |n| message(n, |m, k| m.sid = tlv(0x80, &[&vec![7; k]]));
    Signed "a signer with many RDNs" |n| signer(n, |c, k| c.subject = rdns(k));
    Signed "a signer with a long serial number" |n| signer(n, |c, k| c.serial = vec![7; k]);
    Signed "a signer with many extensions" |n| signer(n, |c, k| c.extensions = extensions(k));
    Signed "a signer with a long extension" |n| signer(n, |c, k| c.extensions = vec![(Oid::SUBJECT_ALT_NAME, vec![7; k])]);
    Signed "a signer with many purposes" |n| signer(n, |c, k| {
        c.usage = Some(KeyUsage::NONE);
        c.extensions = vec![(Oid::EXTENDED_KEY_USAGE, seq(&[&oid(Oid::CLIENT_AUTH).repeat(k)]))];
        c.public_key = rsa_key(128, 3);
    });
    Signed "a signer with a long modulus" |n| signer(n, |c, k| c.public_key = rsa_key(k, 3));
    Signed "a signer with a long exponent" |n| signer(n, |c, k| c.public_key = rsa_key(256, k));
    Signed "content: zeros" |n| content(n, |k| vec![0; k]);
    Signed "content: sequences that end" |n| content(n, |k| endless(&[0x30, 0x80], k));
    Signed "content: sequences in each other" |n| content(n, |k| nested(0x30, k + 5));
    Signed "content: ciphertext in pieces of one byte" |n| content(n, |k| {
        let pieces = indefinite(0xA0, &[&repeated(&[4, 1, 7], k)]);
        let info = indefinite(0x30, &[&tlv(6, &[DATA]), &algorithm(Oid::AES128_CBC, NULL), &pieces]);
        let data = indefinite(0x30, &[&[2, 1, 0], &[0x31, 2, 0x30, 0], &info]);
        indefinite(0x30, &[&oid(Oid::ID_ENVELOPED_DATA), &indefinite(0xA0, &[&data])])
    });
    Signed "recipients" |n| filled(n, |k| with_envelope(|e| {
        e.recipients = Some(vec![e.recipient.encode(&e.content_key); k]);
    }).encode());
    Signed "recipients of another kind" |n| filled(n, |k| with_envelope(|e| {
        e.recipients = Some(vec![vec![0xA4, 0]; k]);
    }).encode());
    Signed "a long encrypted key" |n| filled(n, |k| with_envelope(|e| {
        e.recipient.encrypted_key = Some(vec![7; k]);
    }).encode());
    Signed "a long initialisation vector" |n| filled(n, |k| with_envelope(|e| {
        e.algorithm = Some(algorithm(Oid::AES128_CBC, &tlv(4, &[&vec![7; k]])));
    }).encode());
    Signed "a long ciphertext" |n| filled(n, |k| with_envelope(|e| e.ciphertext = Some(vec![7; k / 16 * 16])).encode());
    Signed "plaintext: zeros" |n| filled(n, |k| with_envelope(|e| e.plaintext = vec![0; k]).encode());
    Signed "plaintext: sequences in each other" |n| filled(n, |k| with_envelope(|e| e.plaintext = nested(0x30, k + 5)).encode());
    Signed "request: attributes" |n| request(n, |c, k| c.attributes = Some(vec![attribute(Oid::new(&[0x2A, 3]), NULL); k]));
    Signed "request: values of an attribute" |n| request(n, |c, k| c.attributes = Some(vec![attribute(Oid::CHALLENGE_PASSWORD, &NULL.repeat(k))]));
    Signed "request: challenge passwords" |n| request(n, |c, k| c.attributes = Some(vec![challenge(UTF8, b"x"); k]));
    Signed "request: a long challenge password" |n| request(n, |c, k| c.attributes = Some(vec![challenge(UTF8, &vec![b'x'; k])]));
    Signed "request: a challenge password that grows" |n| request(n, |c, k| c.attributes = Some(vec![challenge(0x14, &vec![0xE9; k])]));
    Signed "request: extensions" |n| request(n, |c, k| c.attributes = Some(vec![extension_request(&extensions(k))]));
    Signed "request: alternative names" |n| request(n, |c, k| {
        let names = seq(&[&[0x82, 1, b'a'].repeat(k)]);
        c.attributes = Some(vec![extension_request(&[(Oid::SUBJECT_ALT_NAME, names)])]);
    });
    Signed "request: RDNs" |n| request(n, |c, k| c.subject = rdns(k));
    Signed "request: attributes of an RDN" |n| request(n, |c, k| {
        c.subject = seq(&[&tlv(0x31, &[&name("CN=x")[4..].repeat(k)])]);
    });
    Signed "request: a long value in the subject" |n| request(n, |c, k| {
        let value = seq(&[&oid(Oid::COMMON_NAME), &tlv(UTF8, &[&vec![b'x'; k]])]);
        c.subject = seq(&[&tlv(0x31, &[&value])]);
    });
    Signed "request: a long modulus" |n| request(n, |c, k| c.public_key = rsa_key(k, 3));
    Signed "request: a long signature" |n| request(n, |c, k| c.signature = Some(vec![1; k]));
    Target "a path" |n| [vec![b'/'; n - 30], b"?operation=PKIOperation".to_vec()].concat();
    Target "parameters without names" |n| get("&".repeat(n - 50));
    Target "parameters with escaped names" |n| get("%6f&".repeat((n - 50) / 4));
    Target "a parameter with a long escaped name" |n| get("%6f".repeat((n - 50) / 3));
    Target "the operation again and again" |n| get("operation=PKIOperation&".repeat((n - 50) / 23));
    Target "a long operation" |n| format!("/scep?operation={}", "%50".repeat((n - 50) / 3)).into_bytes();
    Target "a message of escapes" |n| message_parameter(n, |n| "%41".repeat(n / 3));
    Target "a message of percent signs" |n| message_parameter(n, |n| "%".repeat(n));
    Target "a message of padding" |n| message_parameter(n, |n| "=".repeat(n));
    Target "a message of line breaks" |n| message_parameter(n, |n| "%0A".repeat(n / 3));
    Target "a message of one symbol" |n| message_parameter(n, |n| "A".repeat(n));
    Target "a message of zeros" |n| message_parameter(n, |n| base64_encode(&vec![0; n / 4 * 3 - 3]));
    Target "a message of sequences" |n| message_parameter(n, |n| base64_encode(&nested(0x30, n / 4 * 3 - 3)));
    Target "a message all escaped" |n| message_parameter(n, |n| {
        percent_encode(base64_encode(&vec![0xFF; n / 4 - 3]).as_bytes())
    });
    Capabilities "keywords" |n| repeated(b"AES\n", n);
    Capabilities "line breaks" |n| vec![b'\n'; n];
    Capabilities "one line" |n| vec![b'A'; n];
    Capabilities "blanks" |n| vec![b' '; n];
    Capabilities "no text" |n| vec![0xFF; n];
}
