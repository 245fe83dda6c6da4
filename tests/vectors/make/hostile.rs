//! Requests that have to be refused: damaged, contradictory, too large, or with algorithms that nobody should use.

use super::der::{self, BMP, INTEGER, NULL, OCTETS, SET, UTF8, algorithm, oids, seq, tlv};
use super::message::{Content, Envelope, Message, TRANSACTION, attribute, issuer_and_serial, octets, text};
use super::openssl::{Csr, Openssl};
use super::requests::{AES, PASSWORD, enveloped};
use super::{Set, facts};
use crate::manifest::Facts;
use scep::wire::Oid;

fn refused(why: &str) -> Facts {
    facts(&[("refused", why)])
}

pub(super) fn make(set: &mut Set<'_>) {
    outside(set);
    damaged(set);
    attributes(set);
    signatures(set);
    envelopes(set);
    ciphers(set);
    passwords(set);
    contents(set);
}

/// The form of the SignedData, and the limits.
fn outside(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = b"nobody comes so far".to_vec();
    let plain = Message::request(openssl, "19", &envelope);
    let bytes = plain.build();
    let mut add = |name: &str, how: &str, bytes: &[u8], why: &str| {
        set.request(&format!("hostile/{name}.der"), how, bytes, refused(why));
    };
    let ber = Message { ber: true, ..plain.clone() }.build();
    for (name, how, bytes, why) in [
        ("empty", "no byte", Vec::new(), "parse: InvalidMessage(Empty)"),
        ("one-byte", "one byte", vec![0x30], "parse: InvalidMessage(Ber)"),
        ("null", "NULL", NULL.to_vec(), "parse: InvalidMessage(NotSignedData)"),
        ("text", "text", b"Internal Server Error\n".to_vec(), "parse: InvalidMessage(Ber)"),
        ("half", "cut in the middle", bytes[..bytes.len() / 2].to_vec(), "parse: InvalidMessage(Ber)"),
        (
            "last-byte-missing",
            "without its last byte",
            bytes[..bytes.len() - 1].to_vec(),
            "parse: InvalidMessage(Ber)",
        ),
        (
            "trailing",
            "with a byte behind it",
            [&bytes[..], &[0]].concat(),
            "parse: InvalidMessage(TrailingData)",
        ),
        ("twice", "twice, one after the other", bytes.repeat(2), "parse: InvalidMessage(TrailingData)"),
        (
            "ber-no-end",
            "BER without its last end-of-contents octets",
            ber[..ber.len() - 2].to_vec(),
            "parse: InvalidMessage(Ber)",
        ),
        ("deep", "indefinite lengths, 500 deep", [0x30, 0x80].repeat(500), "parse: TooLarge(Depth)"),
        ("chunks-deep", "chunks in chunks, 100 deep", [0x24, 0x80].repeat(100), "parse: TooLarge(Depth)"),
        (
            "huge-length",
            "a length of four gigabytes",
            [&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF][..], &bytes[4..100]].concat(),
            "parse: InvalidMessage(Ber)",
        ),
        (
            "high-tag",
            "a tag in several octets",
            [&[0x3F, 0x81, 0x01][..], &bytes[1..]].concat(),
            "parse: InvalidMessage(Ber)",
        ),
        (
            "envelope-only",
            "an envelope without a signature",
            enveloped(openssl),
            "parse: InvalidMessage(NotSignedData)",
        ),
    ] {
        add(name, how, &bytes, why);
    }
    for (name, how, message, why) in [
        (
            "no-signer",
            "no SignerInfo",
            Message { signers: 0, ..plain.clone() },
            "parse: InvalidMessage(SignerCount)",
        ),
        (
            "two-signers",
            "the SignerInfo twice",
            Message { signers: 2, ..plain.clone() },
            "parse: InvalidMessage(SignerCount)",
        ),
        (
            "no-attributes",
            "no signedAttrs",
            Message { no_attributes: true, ..plain.clone() },
            "parse: InvalidMessage(NoSignedAttributes)",
        ),
        (
            "version-0",
            "SignedData version 0",
            Message { version: 0, ..plain.clone() },
            "parse: InvalidMessage(Der)",
        ),
        (
            "version-6",
            "SignedData version 6",
            Message { version: 6, ..plain.clone() },
            "parse: InvalidMessage(Der)",
        ),
        (
            "no-certificate",
            "without certificates",
            Message { certificates: Vec::new(), ..plain.clone() },
            "verify: BadSignature(SignerNotFound)",
        ),
        (
            "many-certificates",
            "17 elements where certificates belong, one over the limit",
            Message { certificates: vec![vec![0x30, 0]; 17], ..plain.clone() },
            "parse: TooLarge(Certificates)",
        ),
        (
            "many-attributes",
            "17 attributes, one over the limit",
            Message {
                attributes: [
                    plain.attributes.clone(),
                    (0..11).map(|number| attribute(Oid::new(&[0x2A, 3, number]), NULL)).collect(),
                ]
                .concat(),
                ..plain.clone()
            },
            "parse: TooLarge(Attributes)",
        ),
        (
            "other-certificate",
            "the certificate of somebody else, with the signer's name in sid",
            Message { certificates: vec![openssl.certificate("stranger")], ..plain.clone() },
            "verify: BadSignature(SignerNotFound)",
        ),
    ] {
        add(name, how, &message.build(), why);
    }
}

/// One bit changed in each part.
fn damaged(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = b"nobody comes so far".to_vec();
    let bytes = Message::request(openssl, "19", &envelope).build();
    let find = |wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    let digest = tlv(OCTETS, &[&openssl.digest("sha256", &envelope)]);
    for (name, how, at, why) in [
        ("signature", "the signature", bytes.len() - 1, "verify: BadSignature(Signature)"),
        (
            "signature-first",
            "the first byte of the signature",
            bytes.len() - 256,
            "verify: BadSignature(Signature)",
        ),
        (
            "content",
            "the content",
            find(&envelope) + envelope.len() - 1,
            "verify: BadSignature(MessageDigest)",
        ),
        ("digest", "the messageDigest", find(&digest) + 2, "verify: BadSignature(MessageDigest)"),
        ("transaction", "the transactionID", find(TRANSACTION.as_bytes()), "verify: BadSignature(Signature)"),
    ] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 2;
        set.request(
            &format!("hostile/flipped-{name}.der"),
            &format!("a bit flipped in {how}"),
            &damaged,
            refused(why),
        );
    }
}

/// Signed attributes that are missing, repeated or of the wrong kind, under a signature that holds.
fn attributes(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = b"nobody comes so far".to_vec();
    let plain = Message::request(openssl, "19", &envelope);
    let mut add = |name: &str, how: &str, message: Message<'_>, why: &str| {
        set.request(&format!("hostile/attribute-{name}.der"), how, &message.build(), refused(why));
    };
    let and = |attribute: Vec<u8>| {
        let mut message = plain.clone();
        message.attributes.push(attribute);
        message
    };
    let two = |which: Oid<'_>, values: [&[u8]; 2]| seq(&[&der::oid(which), &tlv(SET, &values)]);
    let value = |tag, text: &str| tlv(tag, &[text.as_bytes()]);
    for (name, how, message, why) in [
        (
            "no-transaction",
            "no transactionID",
            plain.clone().without(Oid::TRANSACTION_ID),
            "address: InvalidMessage(MissingAttribute)",
        ),
        (
            "no-nonce",
            "no senderNonce",
            plain.clone().without(Oid::SENDER_NONCE),
            "address: InvalidMessage(MissingAttribute)",
        ),
        (
            "no-type",
            "no messageType",
            plain.clone().without(Oid::MESSAGE_TYPE),
            "attributes: InvalidMessage(MessageType)",
        ),
        (
            "two-transactions",
            "transactionID twice",
            and(text(Oid::TRANSACTION_ID, "vector-2")),
            "address: InvalidMessage(RepeatedAttribute)",
        ),
        (
            "two-nonces",
            "senderNonce twice",
            and(octets(Oid::SENDER_NONCE, &[7; 16])),
            "address: InvalidMessage(RepeatedAttribute)",
        ),
        (
            "two-types",
            "messageType twice",
            and(text(Oid::MESSAGE_TYPE, "17")),
            "attributes: InvalidMessage(RepeatedAttribute)",
        ),
        (
            "two-digests",
            "messageDigest twice",
            and(octets(Oid::MESSAGE_DIGEST, &[7; 32])),
            "verify: BadSignature(MessageDigest)",
        ),
        (
            "two-values",
            "messageType with two values",
            plain
                .clone()
                .replace(Oid::MESSAGE_TYPE, two(Oid::MESSAGE_TYPE, [&value(0x13, "17"), &value(0x13, "19")])),
            "attributes: InvalidMessage(RepeatedAttribute)",
        ),
        (
            "no-value",
            "transactionID without a value",
            plain.clone().replace(Oid::TRANSACTION_ID, two(Oid::TRANSACTION_ID, [&[], &[]])),
            "address: InvalidMessage(RepeatedAttribute)",
        ),
        (
            "transaction-bmp",
            "transactionID as BMPString",
            plain
                .clone()
                .replace(Oid::TRANSACTION_ID, attribute(Oid::TRANSACTION_ID, &tlv(BMP, &[b"\0t\0x"]))),
            "address: InvalidMessage(AttributeValue)",
        ),
        (
            "transaction-octets",
            "transactionID as OCTET STRING",
            plain.clone().replace(Oid::TRANSACTION_ID, octets(Oid::TRANSACTION_ID, b"vector-1")),
            "address: InvalidMessage(AttributeValue)",
        ),
        (
            "transaction-empty",
            "transactionID of no character",
            plain.clone().replace(Oid::TRANSACTION_ID, text(Oid::TRANSACTION_ID, "")),
            "address: TooLarge(TransactionId)",
        ),
        (
            "transaction-256",
            "transactionID of 256 characters",
            plain.clone().replace(Oid::TRANSACTION_ID, text(Oid::TRANSACTION_ID, &"x".repeat(256))),
            "address: TooLarge(TransactionId)",
        ),
        (
            "nonce-empty",
            "senderNonce of no byte",
            plain.clone().replace(Oid::SENDER_NONCE, octets(Oid::SENDER_NONCE, &[])),
            "address: TooLarge(Nonce)",
        ),
        (
            "nonce-65",
            "senderNonce of 65 bytes",
            plain.clone().replace(Oid::SENDER_NONCE, octets(Oid::SENDER_NONCE, &[7; 65])),
            "address: TooLarge(Nonce)",
        ),
        (
            "nonce-text",
            "senderNonce as PrintableString",
            plain.clone().replace(Oid::SENDER_NONCE, text(Oid::SENDER_NONCE, "0123456789abcdef")),
            "address: InvalidMessage(AttributeValue)",
        ),
        (
            "type-number",
            "messageType as INTEGER",
            plain.clone().replace(Oid::MESSAGE_TYPE, attribute(Oid::MESSAGE_TYPE, &[INTEGER, 1, 19])),
            "attributes: InvalidMessage(AttributeValue)",
        ),
        (
            "type-name",
            "messageType as the name",
            plain.clone().replace(Oid::MESSAGE_TYPE, text(Oid::MESSAGE_TYPE, "PKCSReq")),
            "attributes: InvalidMessage(MessageType)",
        ),
        (
            "type-padded",
            "messageType as 019",
            plain.clone().replace(Oid::MESSAGE_TYPE, text(Oid::MESSAGE_TYPE, "019")),
            "attributes: InvalidMessage(MessageType)",
        ),
        (
            "type-18",
            "messageType 18",
            plain.clone().replace(Oid::MESSAGE_TYPE, text(Oid::MESSAGE_TYPE, "18")),
            "attributes: InvalidMessage(MessageType)",
        ),
        (
            "type-256",
            "messageType 275, which is 19 in eight bits",
            plain.clone().replace(Oid::MESSAGE_TYPE, text(Oid::MESSAGE_TYPE, "275")),
            "attributes: InvalidMessage(MessageType)",
        ),
    ] {
        add(name, how, message, why);
    }
    let digest = octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", &envelope));
    let content_type = attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_DATA));
    for (name, how, own, why) in [
        ("no-digest", "no messageDigest", vec![content_type.clone()], "verify: BadSignature(MessageDigest)"),
        ("no-content-type", "no contentType", vec![digest.clone()], "verify: BadSignature(ContentType)"),
        (
            "wrong-digest",
            "messageDigest of something else, under a signature that holds",
            vec![content_type.clone(), octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", b"else"))],
            "verify: BadSignature(MessageDigest)",
        ),
        (
            "short-digest",
            "messageDigest by SHA-1 where SHA-256 is named",
            vec![content_type, octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha1", &envelope))],
            "verify: BadSignature(MessageDigest)",
        ),
        (
            "wrong-content-type",
            "contentType signedData",
            vec![digest, attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_SIGNED_DATA))],
            "verify: BadSignature(ContentType)",
        ),
    ] {
        add(name, how, Message { own_attributes: Some(own), ..plain.clone() }, why);
    }
}

/// Signature algorithms and keys.
fn signatures(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = b"nobody comes so far".to_vec();
    let plain = Message::request(openssl, "19", &envelope);
    let weak = openssl.certificate("weak");
    for (name, how, message, why) in [
        ("md5", "MD5", plain.clone().with_digest("md5", oids::MD5), "verify: Unsupported(Digest)"),
        (
            "sha224",
            "SHA-224",
            plain.clone().with_digest("sha224", oids::SHA224),
            "verify: Unsupported(Digest)",
        ),
        (
            "md5-with-rsa",
            "md5WithRSAEncryption beside SHA-256",
            Message { signature_algorithm: algorithm(oids::MD5_WITH_RSA, NULL), ..plain.clone() },
            "verify: Unsupported(Signature)",
        ),
        (
            "digests-differ",
            "sha512WithRSAEncryption beside SHA-256",
            Message { signature_algorithm: algorithm(Oid::SHA512_WITH_RSA, NULL), ..plain.clone() },
            "verify: BadSignature(Algorithms)",
        ),
        (
            "no-signature-algorithm",
            "signatureAlgorithm sha256, which is none",
            Message { signature_algorithm: algorithm(Oid::SHA256, NULL), ..plain.clone() },
            "verify: Unsupported(Signature)",
        ),
        (
            "odd-parameters",
            "digestAlgorithm with an empty SEQUENCE as parameters",
            Message { digest_algorithm: algorithm(Oid::SHA256, &[0x30, 0]), ..plain.clone() },
            "verify: Unsupported(Digest)",
        ),
        (
            "forged",
            "signed by somebody else's key",
            Message { key: "stranger", ..plain.clone() },
            "verify: BadSignature(Signature)",
        ),
        (
            "empty-signature",
            "a signature of no byte",
            Message { signature: Some(Vec::new()), ..plain.clone() },
            "verify: BadSignature(Signature)",
        ),
        (
            "zero-signature",
            "a signature of zeros",
            Message { signature: Some(vec![0; 256]), ..plain.clone() },
            "verify: BadSignature(Signature)",
        ),
        (
            "weak-key",
            "RSA with 1024 bits",
            Message { key: "weak", sid: issuer_and_serial(&weak), certificates: vec![weak], ..plain.clone() },
            "verify: TooLarge(PublicKey)",
        ),
        (
            "content-signed",
            "signed over the content, with attributes beside it",
            Message { signature: Some(openssl.sign("device", "sha256", "", &envelope)), ..plain.clone() },
            "verify: BadSignature(Signature)",
        ),
        (
            "implicit-tag-signed",
            "signed over the attributes with the tag [0]",
            {
                let signed = tlv(0xA0, &[&signed_attributes(openssl, &plain, &envelope)]);
                Message { signature: Some(openssl.sign("device", "sha256", "", &signed)), ..plain.clone() }
            },
            "verify: BadSignature(Signature)",
        ),
    ] {
        set.request(&format!("hostile/sign-{name}.der"), how, &message.build(), refused(why));
    }
}

/// The attributes that a message signs, one after the other in the order of DER.
fn signed_attributes(openssl: &Openssl, message: &Message<'_>, content: &[u8]) -> Vec<u8> {
    let mut all = message.attributes.clone();
    all.push(attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_DATA)));
    all.push(octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", content)));
    all.sort();
    all.concat()
}

/// EnvelopedData under a signature that holds.
fn envelopes(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = tlv(OCTETS, &[b"nobody comes so far"]);
    let plain = Envelope::new(openssl, &csr);
    let mut add = |name: &str, how: &str, content: &[u8], why: &str| {
        let message = Message::request(openssl, "19", content).build();
        set.request(&format!("hostile/envelope-{name}.der"), how, &message, refused(why));
    };
    add("none", "no content", &[], "envelope: InvalidMessage(NotEnvelopedData)");
    let request = openssl.request("device", Csr::default());
    add(
        "csr",
        "the certification request without an envelope",
        &request,
        "envelope: InvalidMessage(NotEnvelopedData)",
    );
    add("text", "text", b"no envelope", "envelope: InvalidMessage(Ber)");
    let stranger = "-aes-128-cbc -recip stranger.crt";
    for (name, how, content, why) in [
        (
            "stranger",
            "for somebody else",
            openssl.encrypt(&csr, stranger),
            "envelope: BadEnvelope(Recipient)",
        ),
        (
            "twice-ours",
            "two recipients, both the CA",
            openssl.encrypt(&csr, &format!("{AES} -keyid -recip ca.crt")),
            "envelope: BadEnvelope(Recipient)",
        ),
        (
            "many-recipients",
            "five recipients, one over the limit",
            openssl.encrypt(&csr, &format!("{AES}{}", " -recip stranger.crt".repeat(4))),
            "envelope: TooLarge(Recipients)",
        ),
        (
            "key-agreement",
            "for a P-256 key",
            openssl.encrypt(&csr, "-aes-128-cbc -recip p256.crt"),
            "envelope: BadEnvelope(Recipient)",
        ),
        (
            "no-recipient",
            "no recipient",
            Envelope { recipients: Some(Vec::new()), ..plain.clone() }.build(),
            "envelope: BadEnvelope(Recipient)",
        ),
        (
            "version-5",
            "EnvelopedData version 5",
            Envelope { version: 5, ..plain.clone() }.build(),
            "envelope: InvalidMessage(Der)",
        ),
        (
            "content-type",
            "encrypted content of type signedData",
            Envelope { content_type: Oid::ID_SIGNED_DATA, ..plain.clone() }.build(),
            "envelope: InvalidMessage(ContentType)",
        ),
        (
            "outer-type",
            "ContentInfo of type id-data",
            Envelope { outer_type: Oid::ID_DATA, ..plain.clone() }.build(),
            "envelope: InvalidMessage(NotEnvelopedData)",
        ),
        (
            "trailing",
            "a byte behind it",
            [&plain.build()[..], &[0]].concat(),
            "envelope: InvalidMessage(TrailingData)",
        ),
        (
            "encrypted-data",
            "EncryptedData (RFC 5652 section 8)",
            {
                openssl.write("plain", &csr);
                openssl.run(
                    "cms -EncryptedData_encrypt -aes128 -binary -in plain -outform DER -secretkey \
                     000102030405060708090A0B0C0D0E0F",
                )
            },
            "envelope: InvalidMessage(NotEnvelopedData)",
        ),
    ] {
        add(name, how, &content, why);
    }
}

/// Algorithms of the envelope, and ciphertexts that cannot be right.
fn ciphers(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = tlv(OCTETS, &[b"nobody comes so far"]);
    let plain = Envelope::new(openssl, &csr);
    let iv = |length: usize| algorithm(Oid::AES128_CBC, &tlv(OCTETS, &[&vec![7; length]]));
    let label = algorithm(oids::P_SPECIFIED, &tlv(OCTETS, &[b"label"]));
    let oaep = seq(&[&tlv(0xA2, &[&label])]);
    let mut add = |name: &str, how: &str, envelope: Envelope<'_>, why: &str| {
        let message = Message::request(openssl, "19", &envelope.build()).build();
        set.request(&format!("hostile/cipher-{name}.der"), how, &message, refused(why));
    };
    let unsupported = "envelope: Unsupported(ContentEncryption)";
    let impossible = "envelope: BadEnvelope(Ciphertext)";
    let cannot_open = "open: BadEnvelope(Content)";
    let rc2 = seq(&[&[INTEGER, 2, 0, 160], &tlv(OCTETS, &[&[7; 8]])]);
    let gcm = seq(&[&tlv(OCTETS, &[&[7; 12]])]);
    for (name, how, envelope, why) in [
        (
            "rc2",
            "rc2-cbc",
            Envelope { content_encryption: algorithm(oids::RC2_CBC, &rc2), ..plain.clone() },
            unsupported,
        ),
        (
            "gcm",
            "aes128-GCM in EnvelopedData",
            Envelope { content_encryption: algorithm(oids::AES128_GCM, &gcm), ..plain.clone() },
            unsupported,
        ),
        (
            "auth-enveloped",
            "AuthEnvelopedData",
            Envelope {
                outer_type: Oid::ID_AUTH_ENVELOPED_DATA,
                content_encryption: algorithm(oids::AES128_GCM, &gcm),
                ..plain.clone()
            },
            unsupported,
        ),
        (
            "iv-15",
            "an initialisation vector of 15 bytes",
            Envelope { content_encryption: iv(15), ..plain.clone() },
            impossible,
        ),
        (
            "iv-0",
            "an initialisation vector of no byte",
            Envelope { content_encryption: iv(0), ..plain.clone() },
            impossible,
        ),
        (
            "iv-null",
            "NULL in place of the initialisation vector",
            Envelope { content_encryption: algorithm(Oid::AES128_CBC, NULL), ..plain.clone() },
            impossible,
        ),
        (
            "iv-missing",
            "no initialisation vector",
            Envelope { content_encryption: algorithm(Oid::AES128_CBC, &[]), ..plain.clone() },
            impossible,
        ),
        (
            "no-ciphertext",
            "no encrypted content",
            Envelope { ciphertext: Some(Vec::new()), ..plain.clone() },
            impossible,
        ),
        (
            "odd-ciphertext",
            "a ciphertext of no whole blocks",
            Envelope { ciphertext: Some(vec![7; 47]), ..plain.clone() },
            impossible,
        ),
        (
            "garbage",
            "a ciphertext of garbage",
            Envelope { ciphertext: Some(vec![0; 64]), ..plain.clone() },
            cannot_open,
        ),
        (
            "short-key",
            "a content key of 15 bytes",
            Envelope { wrapped: Some(vec![7; 15]), ..plain.clone() },
            cannot_open,
        ),
        (
            "long-key",
            "a content key of 24 bytes for AES-128",
            Envelope { wrapped: Some(vec![7; 24]), ..plain.clone() },
            cannot_open,
        ),
        (
            "wrong-key",
            "another content key",
            Envelope { wrapped: Some(vec![7; 16]), ..plain.clone() },
            cannot_open,
        ),
        (
            "unpadded-key",
            "a content key without RSA padding",
            Envelope {
                wrapped: Some([&[0; 240][..], &[7; 16]].concat()),
                options: "-pkeyopt rsa_padding_mode:none",
                ..plain.clone()
            },
            cannot_open,
        ),
        (
            "bad-padding",
            "padding that is wrong in its first byte",
            Envelope {
                plaintext: padded(&csr, |padding| padding[0] ^= 1),
                cipher: "aes-128-cbc -nopad",
                ..plain.clone()
            },
            cannot_open,
        ),
        (
            "padding-0",
            "padding whose last byte is zero",
            Envelope {
                plaintext: padded(&csr, |padding| padding.fill(0)),
                cipher: "aes-128-cbc -nopad",
                ..plain.clone()
            },
            cannot_open,
        ),
        (
            "padding-17",
            "padding longer than a block",
            Envelope {
                plaintext: [&padded(&csr, |_| ())[..], &[17; 16]].concat(),
                cipher: "aes-128-cbc -nopad",
                ..plain.clone()
            },
            cannot_open,
        ),
        (
            "key-parameters",
            "rsaEncryption with an OCTET STRING as parameters",
            Envelope { key_encryption: algorithm(Oid::RSA_ENCRYPTION, &tlv(OCTETS, &[])), ..plain.clone() },
            "envelope: Unsupported(KeyTransport)",
        ),
        (
            "oaep-label",
            "RSAES-OAEP with a label",
            Envelope {
                key_encryption: algorithm(oids::RSAES_OAEP, &oaep),
                options: "-pkeyopt rsa_padding_mode:oaep",
                ..plain.clone()
            },
            "envelope: Unsupported(KeyTransport)",
        ),
    ] {
        add(name, how, envelope, why);
    }
}

/// With padding, changed by `change`.
fn padded(plaintext: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let missing = 16 - plaintext.len() % 16;
    let mut padding = vec![missing as u8; missing];
    // One byte of padding could be changed into another valid one.
    if missing == 1 {
        padding.extend([16; 16]);
    }
    change(&mut padding);
    [plaintext, &padding].concat()
}

/// A PasswordRecipientInfo with PBKDF2 and HMAC-SHA-256 that nobody can open.
struct Password {
    salt: Vec<u8>,
    /// Contents of the INTEGER.
    iterations: Vec<u8>,
    derivation: Oid<'static>,
    wrapping: Oid<'static>,
    cipher: Oid<'static>,
    encrypted_key: usize,
}

impl Default for Password {
    fn default() -> Self {
        Self {
            salt: b"salt of 16 bytes".to_vec(),
            iterations: vec![0x27, 0x10],
            derivation: oids::PBKDF2,
            wrapping: oids::PWRI_KEK,
            cipher: Oid::AES128_CBC,
            encrypted_key: 32,
        }
    }
}

impl Password {
    fn recipient(&self) -> Vec<u8> {
        let prf = algorithm(oids::HMAC_SHA256, NULL);
        let parameters = seq(&[&tlv(OCTETS, &[&self.salt]), &tlv(INTEGER, &[&self.iterations]), &prf]);
        let derivation = tlv(0xA0, &[der::value(&algorithm(self.derivation, &parameters))]);
        let inner = algorithm(self.cipher, &tlv(OCTETS, &[&[7; 16]]));
        let wrapped = tlv(OCTETS, &[&vec![7; self.encrypted_key]]);
        tlv(0xA3, &[&[INTEGER, 1, 0], &derivation, &algorithm(self.wrapping, &inner), &wrapped])
    }
}

/// PasswordRecipientInfo that must cost nothing.
fn passwords(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let plain = Envelope { version: 3, ..Envelope::new(openssl, b"nobody comes so far") };
    let unsupported = "password: Unsupported(KeyDerivation)";
    let too_large = "password: TooLarge(KeyDerivation)";
    let password = Password::default;
    for (name, how, recipients, why, by_default) in [
        (
            "iterations",
            "a hundred million rounds",
            vec![Password { iterations: vec![5, 0xF5, 0xE1, 0], ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "iterations-huge",
            "rounds in nine octets",
            vec![Password { iterations: vec![1, 0, 0, 0, 0, 0, 0, 0, 0], ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "iterations-1",
            "one round",
            vec![Password { iterations: vec![1], ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "iterations-negative",
            "minus one round",
            vec![Password { iterations: vec![0xFF], ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "salt-empty",
            "no salt",
            vec![Password { salt: Vec::new(), ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "salt-long",
            "a salt of 65 bytes",
            vec![Password { salt: vec![7; 65], ..password() }.recipient()],
            too_large,
            "",
        ),
        (
            "derivation",
            "an unknown key derivation",
            vec![Password { derivation: Oid::new(&[0x2A, 3]), ..password() }.recipient()],
            unsupported,
            "",
        ),
        (
            "wrapping",
            "another key wrapping",
            vec![Password { wrapping: Oid::AES128_CBC, ..password() }.recipient()],
            unsupported,
            "",
        ),
        (
            "cipher",
            "single DES as the inner cipher",
            vec![Password { cipher: Oid::DES_CBC, ..password() }.recipient()],
            unsupported,
            "",
        ),
        (
            "short",
            "a wrapped key of one block",
            vec![Password { encrypted_key: 16, ..password() }.recipient()],
            "password: BadEnvelope(Ciphertext)",
            unsupported,
        ),
        (
            "two",
            "two recipients by password",
            vec![password().recipient(); 2],
            "password: BadEnvelope(Recipient)",
            "",
        ),
        (
            "garbage",
            "a wrapped key of garbage",
            vec![password().recipient()],
            "open: BadEnvelope(Content)",
            unsupported,
        ),
    ] {
        let envelope = Envelope { recipients: Some(recipients), ..plain.clone() }.build();
        let message = Message::request(openssl, "19", &envelope).build();
        let expect = facts(&[("refused", why), ("byDefault", by_default)]);
        let file = format!("hostile/password-{name}.der");
        let vector = set.request(&file, &format!("PasswordRecipientInfo: {how}"), &message, expect);
        vector.password = Some(PASSWORD.to_owned());
    }
    let csr = openssl.request("device", Csr::default());
    let both = openssl.encrypt(&csr, &format!("{AES} -pwri_password {PASSWORD}"));
    let message = Message::request(openssl, "19", &both).build();
    let vector = set.request(
        "hostile/password-and-us.der",
        "PasswordRecipientInfo beside a recipient of ours, read by password",
        &message,
        refused("password: BadEnvelope(Recipient)"),
    );
    vector.password = Some(PASSWORD.to_owned());
}

/// What is in an envelope that can be opened.
fn contents(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = openssl.request("device", Csr::default());
    let info = der::fields(&csr)[0];
    let [_, scheme, _] = der::fields(&csr)[..] else { panic!() };
    let fields = der::fields(info);
    let signed =
        |info: &[u8]| seq(&[info, scheme, &tlv(3, &[&[0], &openssl.sign("device", "sha256", "", info)])]);
    let with =
        |attributes: &[&[u8]]| signed(&seq(&[fields[0], fields[1], fields[2], &tlv(0xA0, attributes)]));
    let password = text(Oid::CHALLENGE_PASSWORD, "test-challenge");
    let other = attribute(Oid::CHALLENGE_PASSWORD, &tlv(UTF8, &[b"another"]));
    let number = attribute(Oid::CHALLENGE_PASSWORD, &[INTEGER, 1, 7]);
    let nul = attribute(Oid::CHALLENGE_PASSWORD, &tlv(UTF8, &[b"test\0challenge"]));
    let mut flipped = csr.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let der = "content: InvalidMessage(CertificationRequest)";
    for (name, how, number, content, why) in [
        (
            "flipped",
            "certification request with a flipped bit in its signature",
            "19",
            flipped,
            "content: BadSignature(CertificationRequest)",
        ),
        (
            "other-key",
            "certification request for another key than the self-signed signer's",
            "19",
            openssl.request("stranger", Csr::default()),
            "content: BadSignature(KeyMismatch)",
        ),
        ("trailing", "a byte behind the certification request", "19", [&csr[..], &[0]].concat(), der),
        (
            "two-challenges",
            "two challenge passwords",
            "19",
            with(&[&password, &other]),
            "content: InvalidMessage(ChallengePassword)",
        ),
        (
            "challenge-number",
            "a challenge password that is a number",
            "19",
            with(&[&number]),
            "content: InvalidMessage(ChallengePassword)",
        ),
        (
            "challenge-nul",
            "a challenge password with a NUL in it",
            "19",
            with(&[&nul]),
            "content: InvalidMessage(ChallengePassword)",
        ),
        ("no-request", "something else than a certification request", "19", tlv(OCTETS, &[b"nothing"]), der),
        ("empty", "no byte in the envelope", "19", Vec::new(), der),
        ("poll", "a certification request in a CertPoll", "20", csr.clone(), "content: InvalidMessage(Name)"),
        ("get", "a certification request in a GetCert", "21", csr.clone(), "content: InvalidMessage(Name)"),
        (
            "cert-rep",
            "a certification request in a CertRep",
            "3",
            csr.clone(),
            "content: InvalidMessage(MessageType)",
        ),
    ] {
        let message = Message::request(openssl, number, &openssl.encrypt(&content, AES)).build();
        set.request(&format!("hostile/content-{name}.der"), how, &message, refused(why));
    }
    let pkcs7 = Message { content: Content::Element(tlv(0x30, &[])), ..Message::request(openssl, "19", &[]) };
    set.request(
        "hostile/content-element.der",
        "eContent as an element that is no envelope (PKCS #7 v1.5)",
        &pkcs7.build(),
        refused("envelope: InvalidMessage(NotEnvelopedData)"),
    );
}
