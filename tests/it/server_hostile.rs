//! Messages that were cut, changed or built to confuse: never a panic, never a certificate for another request.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{name, tlv};
use scep::error::{BadEnvelope, BadSignature, Error, InvalidMessage, Limit, Unsupported};
use scep::server::{Decide, Exchange, Status};
use scep::wire::{FailInfo, MessageType, Oid};
use std::sync::LazyLock;

static HONEST_CSR: LazyLock<Vec<u8>> = LazyLock::new(|| Csr::new(&DEVICE).encode());

/// Whether it is clear what becomes of a message.
fn is_decided(exchange: &Exchange) -> bool {
    matches!(exchange, Exchange::Decide(_) | Exchange::Sign(_) | Exchange::Done(_))
}

/// What became of a message that is not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// HTTP 400.
    Dropped,
    /// FAILURE, not signed yet.
    Refused,
    /// The owner is asked, and about the very same request.
    Unchanged,
}

/// Takes a message as far as the question or the refusal. Whatever gets to the owner has to be what was sent.
fn fate(server: &Server, message: Vec<u8>) -> Fate {
    match server.walk(message, is_decided) {
        Exchange::Done(outcome) => {
            assert_eq!(outcome.reply.status, 400, "{:?}", outcome.cause);
            assert!(outcome.reply.body.is_empty() && outcome.cause.is_some());
            Fate::Dropped
        }
        Exchange::Sign(sign) => {
            let failure = attribute(Oid::PKI_STATUS, &tlv(PRINTABLE, &[b"2"]));
            assert!(crate::support::holds(sign.job().message(), &failure));
            Fate::Refused
        }
        Exchange::Decide(Decide::Enrol(question)) => {
            assert_eq!(question.csr(), Some(HONEST_CSR.as_slice()));
            assert_eq!(question.transaction().signer(), &crate::support::sha256(DEVICE.public()));
            assert_eq!(question.transaction().transaction_id().as_bytes(), TRANSACTION);
            assert!(!question.is_held());
            Fate::Unchanged
        }
        other => panic!("{other:?}"),
    }
}

// T38, E5, case 64
#[test]
fn a_message_that_is_cut_off_anywhere_is_400() {
    let server = Server::new().policy(never);
    let message = pkcs_req().encode();
    assert_eq!(fate(&server, message.clone()), Fate::Unchanged);
    for length in 0..message.len() {
        let answer = server.post(message[..length].to_vec());
        answer.http(400);
    }
    // BER ends where its end marks are
    let message = pkcs_req_with(|_| (), |e| e.ber = true, |m| m.ber = true).encode();
    assert_eq!(fate(&server, message.clone()), Fate::Unchanged);
    for length in 1..message.len() {
        assert_eq!(fate(&server, message[..length].to_vec()), Fate::Dropped, "{length} bytes");
    }
}

// T38, C-5.6-1, case 65
#[test]
fn a_message_with_any_bit_flipped_is_refused_or_the_same_request() {
    let server = Server::new().policy(never);
    let message = pkcs_req().encode();
    let covered = with_message(|_| ()).signed();
    let at = message.windows(covered.len() - 1).position(|part| part == &covered[1..]).unwrap();
    let mut fates = [0; 3];
    for index in 0..message.len() {
        let mut damaged = message.clone();
        damaged[index] ^= 1 << (index % 8);
        let fate = fate(&server, damaged);
        fates[fate as usize] += 1;
        if (at..at + covered.len() - 1).contains(&index) {
            assert_ne!(fate, Fate::Unchanged, "bit in signed attributes, byte {index}");
        }
    }
    // all three do happen: the last one in the certificate's own signature, in versions, in NULLs
    assert!(fates.iter().all(|count| *count > 100), "{fates:?}");
    assert!(server.snapshot().is_empty());
}

// T2, T38, case 65: the envelope altered, and the message signed anew by its right signer
#[test]
fn an_envelope_with_any_byte_changed_is_refused_or_the_same_request() {
    let server = Server::new().policy(never);
    let envelope = pkcs_req().content;
    let mut unchanged = Vec::new();
    for index in (0..envelope.len()).step_by(3) {
        let mut damaged = envelope.clone();
        damaged[index] ^= 1 << (index % 8);
        match fate(&server, Message::new("19", damaged, &DEVICE, &DEVICE_CERTIFICATE).encode()) {
            // e.g. the version of EnvelopedData
            Fate::Unchanged => unchanged.push(index),
            other => assert_eq!(other, Fate::Refused, "byte {index}"),
        }
    }
    assert!(unchanged.len() < 5, "{unchanged:?}");
}

// R-3.2.1.2-2, T7, case 54, case 74
#[test]
fn only_pkcs_req_and_cert_poll_ever_reach_a_decision() {
    let server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let decides = |value: &[u8], content: &Message| {
        let mut message = Message::new("0", content.content.clone(), &DEVICE, &DEVICE_CERTIFICATE);
        message.set(Oid::MESSAGE_TYPE, value);
        match server.walk(message.encode(), is_decided) {
            Exchange::Decide(_) => true,
            Exchange::Sign(_) => false,
            other => panic!("{other:?}"),
        }
    };
    let (request, poll) = (pkcs_req(), cert_poll());
    for number in 0..=255_u32 {
        let text = number.to_string();
        for (tag, content) in [(PRINTABLE, &request), (UTF8, &poll)] {
            // what is in a poll is not read
            let expected = matches!((number, tag), (19, PRINTABLE) | (20, _));
            assert_eq!(decides(&tlv(tag, &[text.as_bytes()]), content), expected, "{number}");
        }
    }
    for text in [
        "",
        " ",
        " 19",
        "19 ",
        "019",
        "0019",
        "19\0",
        "\x0019",
        "+19",
        "-19",
        "-1",
        "1 9",
        "19.0",
        "1.9e1",
        "0x13",
        "19\n",
        "\t19",
        "１９",
        "١٩",
        "PKCSReq",
        "256",
        "275",
        "65555",
        "4294967315",
        "18446744073709551635",
    ] {
        for tag in [PRINTABLE, UTF8, 0x16] {
            for content in [&request, &poll] {
                assert!(!decides(&tlv(tag, &[text.as_bytes()]), content), "{text:?}");
            }
        }
    }
    for value in [
        tlv(2, &[&[19]]),
        tlv(4, &[b"19"]),
        tlv(0x1E, &[&[0, b'1', 0, b'9']]),
        tlv(0x14, &[b"19"]),
        tlv(0x33, &[b"19"]),
        tlv(0x30, &[&tlv(PRINTABLE, &[b"19"])]),
        tlv(10, &[&[19]]),
    ] {
        assert!(!decides(&value, &request), "{value:?}");
    }
}

// R-3.2.1.2-2, T7, case 74
#[test]
fn a_malformed_message_type_is_bad_request() {
    let server = Server::new().policy(never);
    for value in [&b""[..], b" 19", b"019", b"19\0", b"+19", b"18"] {
        let answer = server.ask(&with_message(|m| m.set(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[value]))));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(InvalidMessage::MessageType);
        answer.message_type(None);
    }
    let answer = server.ask(&with_message(|m| m.set(Oid::MESSAGE_TYPE, &tlv(2, &[&[19]]))));
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(InvalidMessage::AttributeValue);
}

// R-3.2.1-5, T44, case 72: no "first wins"
#[test]
fn a_repeated_transaction_id_or_nonce_is_400() {
    let server = Server::new().policy(never);
    for (which, value) in
        [(Oid::TRANSACTION_ID, tlv(PRINTABLE, &[TRANSACTION])), (Oid::SENDER_NONCE, tlv(4, &[NONCE]))]
    {
        let cases: [(&str, Message); 4] = [
            ("twice", with_message(|m| m.push(which, &value))),
            ("two values", with_message(|m| m.set(which, &value.repeat(2)))),
            ("no value", with_message(|m| m.set(which, &[]))),
            ("another one in front", with_message(|m| m.push(which, &[value[0], 1, b'0']))),
        ];
        for (what, message) in cases {
            let answer = server.ask(&message);
            assert_eq!(answer.outcome.reply.status, 400, "{which}, {what}");
            answer.http(400);
            answer.cause(InvalidMessage::RepeatedAttribute);
        }
    }
}

// R-3.2.1-5, T44, case 72
#[test]
fn a_repeated_message_type_is_bad_request() {
    let server = Server::new().policy(never);
    let value = |text: &str| tlv(PRINTABLE, &[text.as_bytes()]);
    for message in [
        with_message(|m| m.push(Oid::MESSAGE_TYPE, &value("19"))),
        with_message(|m| m.push(Oid::MESSAGE_TYPE, &value("3"))),
        with_message(|m| m.set(Oid::MESSAGE_TYPE, &[value("19"), value("20")].concat())),
        with_message(|m| m.set(Oid::MESSAGE_TYPE, &[])),
    ] {
        let answer = server.ask(&message);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(InvalidMessage::RepeatedAttribute);
    }
}

// C-11.1-1, C-11.2-1, T44: what the signature check itself needs
#[test]
fn a_repeated_message_digest_or_content_type_is_bad_message_check() {
    let server = Server::new().policy(never);
    let digest = |m: &Message| tlv(4, &[&hash(m.digest, &m.content)]);
    let double = |which: Oid<'static>, value: Vec<u8>| {
        with_message(|m| {
            m.push(which, &value);
            m.push(which, &value);
        })
    };
    let right = digest(&pkcs_req());
    for message in [
        double(Oid::MESSAGE_DIGEST, right.clone()),
        with_message(|m| m.set(Oid::MESSAGE_DIGEST, &right.repeat(2))),
        with_message(|m| m.set(Oid::MESSAGE_DIGEST, &[])),
        double(Oid::CONTENT_TYPE, oid(Oid::ID_DATA)),
        with_message(|m| m.set(Oid::CONTENT_TYPE, &oid(Oid::ID_DATA).repeat(2))),
        with_message(|m| m.set(Oid::CONTENT_TYPE, &[])),
        // of another type
        with_message(|m| m.set(Oid::MESSAGE_DIGEST, &tlv(PRINTABLE, &[&[b'x'; 32]]))),
        with_message(|m| m.set(Oid::CONTENT_TYPE, &tlv(4, &[DATA]))),
    ] {
        server.ask(&message).refused(FailInfo::BadMessageCheck, 0);
    }
}

// C-5.1-3, T45, case 69
#[test]
fn no_signer_and_two_signers_are_400() {
    let server = Server::new().policy(never);
    for signers in [0, 2, 3, 100] {
        let answer = server.ask(&with_message(|m| m.signers = signers));
        answer.http(400);
        answer.cause(InvalidMessage::SignerCount);
    }
}

// R-3.2-3, T30, case 68: content that looks like signed attributes does not become them
#[test]
fn a_message_without_signed_attributes_is_400_even_where_its_signature_is_right() {
    let server = Server::new().policy(never);
    let attributes = pkcs_req().signed();
    for content in [pkcs_req().content, attributes.clone(), [&[0xA0], &attributes[1..]].concat()] {
        let answer = server.ask(&with_message(|m| {
            m.content = content;
            m.signed_attributes = false;
        }));
        answer.http(400);
        answer.cause(InvalidMessage::NoSignedAttributes);
    }
    // and the other way round: a signature over content, with attributes added by somebody else
    let answer = server.ask(&with_message(|m| {
        m.signature = Some(m.key.sign(m.digest, &m.content));
    }));
    answer.refused(FailInfo::BadMessageCheck, 0);
    answer.cause(BadSignature::Signature);
}

// R-3.2.1-6
#[test]
fn unsigned_attributes_count_for_nothing() {
    let server = Server::new();
    let unsigned = [
        attribute(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[b"20"])),
        attribute(Oid::TRANSACTION_ID, &tlv(PRINTABLE, &[b"other"])),
        attribute(Oid::PKI_STATUS, &tlv(PRINTABLE, &[b"0"])),
    ]
    .concat();
    server.ask(&with_message(|m| m.unsigned = unsigned.clone())).success();
    for which in [Oid::TRANSACTION_ID, Oid::SENDER_NONCE] {
        let answer = server.ask(&with_message(|m| {
            m.remove(which);
            m.unsigned = [unsigned.clone(), attribute(Oid::SENDER_NONCE, &tlv(4, &[NONCE]))].concat();
        }));
        answer.http(400);
        answer.cause(InvalidMessage::MissingAttribute);
    }
}

// signed attributes that a request has no use for are passed over
#[test]
fn foreign_attributes_and_those_of_a_reply_are_ignored_in_a_request() {
    let server = Server::new();
    let message = with_message(|m| {
        m.push(Oid::PKI_STATUS, &tlv(PRINTABLE, &[b"0"]));
        m.push(Oid::FAIL_INFO, &tlv(2, &[&[1]]));
        m.push(Oid::RECIPIENT_NONCE, &tlv(4, &[&[0; 100]]));
        m.push(Oid::new(&[0x2A, 3]), &[]);
        m.push(Oid::SIGNING_TIME, &tlv(0x17, &[b"yesterday"]));
    });
    server.ask(&message).success();
}

// R-3.2-1, T46: eContentType
#[test]
fn content_of_another_type_than_data_or_its_own_is_refused() {
    let server = Server::new().policy(never);
    let other = |content_type: Oid<'static>| {
        with_message(|m| {
            let content = tlv(0xA0, &[&tlv(4, &[&m.content])]);
            m.encapsulated = Some(seq(&[&oid(content_type), &content]));
        })
    };
    let answer = server.ask(&other(Oid::ID_ENVELOPED_DATA));
    answer.refused(FailInfo::BadMessageCheck, 0);
    answer.cause(BadSignature::ContentType);
    // id-envelopedData is one that xipki sends (P6); the type of the whole and of anything else is not
    for content_type in [Oid::ID_SIGNED_DATA, Oid::ID_AUTH_ENVELOPED_DATA] {
        let mut consistent = other(content_type);
        consistent.set(Oid::CONTENT_TYPE, &oid(content_type));
        let answer = server.ask(&consistent);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(InvalidMessage::ContentType);
    }
}

// T3, C-6.1-2, case 79 (CVE-2019-1563: no trial decryption)
#[test]
fn two_recipients_that_are_ours_are_bad_request_without_the_key() {
    let ours = |envelope: &Envelope| envelope.recipient.encode(&envelope.content_key);
    let ra = Recipient::new(&RA_CERTIFICATE, &RA);
    let twice = with_envelope(|e| e.recipients = Some(vec![ours(e), ours(e)]));
    let by_both_names = with_envelope(|e| {
        let by_key = Recipient { rid: tlv(0x80, &[&[0xCA; 20]]), version: 2, ..e.recipient.clone() };
        e.recipients = Some(vec![ours(e), by_key.encode(&e.content_key)]);
    });
    let one_broken = with_envelope(|e| {
        let broken = Recipient { encrypted_key: Some(vec![1; 256]), ..e.recipient.clone() };
        e.recipients = Some(vec![broken.encode(&e.content_key), ours(e)]);
    });
    let server = Server::new().policy(never);
    for message in [&twice, &by_both_names, &one_broken] {
        let answer = server.ask(message);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Recipient);
    }
    // two keys, both of them ours
    let both = with_envelope(|e| e.recipients = Some(vec![ours(e), ra.encode(&e.content_key)]));
    let identity = scep::server::Identity::new(certificate(&RA_CERTIFICATE));
    let mut server = Server::with(config().also_open(identity)).policy(never);
    server.keys = vec![&CA, &RA];
    let answer = server.ask(&both);
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(BadEnvelope::Recipient);
}

// T39, C-6.1-2, case 79
#[test]
fn more_recipients_than_allowed_are_bad_request_without_the_key() {
    let server = Server::new();
    let recipients = |count: usize| {
        with_envelope(|e| {
            let mut list = vec![Recipient::new(&RA_CERTIFICATE, &RA).encode(&e.content_key); count - 1];
            list.push(e.recipient.encode(&e.content_key));
            e.recipients = Some(list);
        })
    };
    server.ask(&recipients(4)).success();
    for count in [5, 150] {
        let answer = server.ask(&recipients(count));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(Limit::Recipients);
    }
}

// T39: more of anything else
#[test]
fn more_certificates_or_attributes_than_allowed_are_400() {
    let server = Server::new();
    let certificates =
        |count: usize| with_message(|m| m.certificates = vec![DEVICE_CERTIFICATE.clone(); count]);
    server.ask(&certificates(16)).success();
    let answer = server.ask(&certificates(17));
    answer.http(400);
    answer.cause(Limit::Certificates);
    // five are there anyway
    let attributes =
        |count: u8| with_message(|m| (5..count).for_each(|number| m.push(Oid::new(&[0x2A, number]), NULL)));
    server.ask(&attributes(16)).success();
    let answer = server.ask(&attributes(17));
    answer.http(400);
    answer.cause(Limit::Attributes);
}

// T39: inside the request, where only the log may tell
#[test]
fn a_request_larger_than_allowed_is_bad_request() {
    let server = Server::new().policy(never);
    let many = |count: u8| {
        with_csr(|csr| {
            let list = (0..count).map(|number| attribute(Oid::new(&[0x2A, number]), NULL)).collect();
            csr.attributes = Some(list);
        })
    };
    let answer = server.ask(&many(17));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(Limit::Attributes);
    let long = with_csr(|csr| {
        csr.attributes = Some(vec![attribute(Oid::new(&[0x2A, 1]), &tlv(4, &[&vec![0; 40_000]]))])
    });
    let answer = server.ask(&long);
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(Limit::CertificationRequest);
    let names = with_csr(|csr| csr.subject = seq(&[&name("CN=x")[2..].repeat(33)]));
    server.ask(&names).refused(FailInfo::BadRequest, 1);
}

// T38, case 66
#[test]
fn deep_nesting_and_impossible_lengths_are_400() {
    let server = Server::new().policy(never);
    let nested =
        (0..10_000).fold(
            Vec::new(),
            |inner: Vec<u8>, _| {
                if inner.len() < 60_000 { long_tlv(0x30, &inner) } else { inner }
            },
        );
    let endless = [0x30, 0x80].repeat(5_000);
    let ended = [[0x30, 0x80].repeat(10_000), [0, 0].repeat(10_000)].concat();
    let chunks = [[0x24, 0x80].repeat(10_000), [0, 0].repeat(10_000)].concat();
    let mut start = pkcs_req().encode();
    start.truncate(30);
    for message in [
        nested,
        endless,
        ended,
        chunks,
        vec![0x30, 0x84, 0x80, 0, 0, 0],
        vec![0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        vec![0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        [&[0x30, 0xFE][..], &[0xFF; 200]].concat(),
        vec![0x30, 0xFF, 0],
        vec![0x1F; 1000],
        vec![0x3F, 0x81, 0x80, 0x80, 1, 0],
        [&start[..], &[0x80; 1000]].concat(),
        vec![0; 1000],
        vec![0xFF; 1000],
    ] {
        server.post(message).http(400);
    }
}

/// An element with a length of four octets.
fn long_tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, 0x84][..], &u32::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
}

// T38, case 66: the same inside the envelope, where the message is signed well
#[test]
fn deep_nesting_in_the_content_is_bad_request_without_the_key() {
    let server = Server::new().policy(never);
    let ended = [[0x30, 0x80].repeat(10_000), [0, 0].repeat(10_000)].concat();
    let lengths = vec![0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    for content in [ended, lengths, vec![0x1F; 1000], vec![0x30, 0x80]] {
        server.ask(&with_message(|m| m.content = content)).refused(FailInfo::BadRequest, 0);
    }
}

// T42, C-5.4-1: nothing but the one encoding of a signature
#[test]
fn signatures_in_other_encodings_are_bad_message_check() {
    let server = Server::new().policy(never);
    let message = pkcs_req();
    let digest = hash(message.digest, &message.signed());
    let info = message.digest.digest_info(&digest);
    let block = |info: &[u8]| [&[0, 1][..], &vec![0xFF; 253 - info.len()], &[0], info].concat();
    let right = DEVICE.raw_private(&block(&info));
    assert_eq!(fate(&server, with_message(|m| m.signature = Some(right.clone())).encode()), Fate::Unchanged);
    // DigestInfo without NULL, and one with a byte behind it
    let bare = seq(&[&algorithm(Oid::SHA256, &[]), &tlv(4, &[&digest])]);
    let longer = [&info[..], &[0]].concat();
    let garbage = [&[0, 1][..], &[0xFF; 8], &[0], &info, &vec![0x55; 256 - 11 - info.len()]].concat();
    let other_type = [&[0, 2][..], &vec![0xFF; 253 - info.len()], &[0], &info].concat();
    let mut forged: Vec<Vec<u8>> = [block(&bare), block(&longer), garbage, other_type, block(&digest)]
        .iter()
        .map(|b| DEVICE.raw_private(b))
        .collect();
    // s + n, a zero in front, and cut short
    forged.push([&[0], &right[..]].concat());
    forged.push(right[..255].to_vec());
    forged.push(DEVICE.modulus());
    forged.push(vec![0; 256]);
    for signature in forged {
        let answer = server.ask(&with_message(|m| m.signature = Some(signature)));
        answer.refused(FailInfo::BadMessageCheck, 0);
        answer.cause(BadSignature::Signature);
    }
}

// C-5.3-2, Q5, quirk 36: what was signed counts, also where it is not in the order of DER; or else that order
#[test]
fn attributes_in_another_order_verify_as_they_were_sent_or_sorted() {
    let server = Server::new();
    let message = with_message(|m| m.digest_algorithms = Some(Vec::new()));
    let signed = message.signed();
    let parts = crate::reading::elements(crate::reading::elements(&signed)[0].1);
    assert_eq!(parts.len(), 5);
    let reversed: Vec<u8> = parts.iter().rev().flat_map(|(_, _, whole)| whole.to_vec()).collect();
    let reversed = tlv(0x31, &[&reversed]);
    assert_ne!(reversed, signed);
    let encoded = message.encode();
    let at = encoded.windows(signed.len() - 1).position(|part| part == &signed[1..]).unwrap();
    let replace = |signature: Vec<u8>| {
        let mut bytes = with_message(|m| {
            m.digest_algorithms = Some(Vec::new());
            m.signature = Some(signature);
        })
        .encode();
        bytes[at..at + signed.len() - 1].copy_from_slice(&reversed[1..]);
        bytes
    };
    server.post(replace(DEVICE.sign(message.digest, &reversed))).success();
    server.post(replace(DEVICE.sign(message.digest, &signed))).success();
    // a third order is nobody's
    let turned: Vec<u8> =
        [&parts[2..], &parts[..2]].concat().iter().flat_map(|part| part.2.to_vec()).collect();
    let turned = DEVICE.sign(message.digest, &tlv(0x31, &[&turned]));
    server.post(replace(turned)).refused(FailInfo::BadMessageCheck, 0);
}

// a CertRep of the server's own, sent back to it
#[test]
fn a_reply_sent_back_to_the_server_is_refused() {
    let server = Server::new();
    let reply = server.ask(&pkcs_req()).outcome.reply.body;
    let answer = server.post(reply);
    let read = answer.failure(FailInfo::BadRequest, 0);
    assert_eq!(read.transaction.1, TRANSACTION);
    answer.message_type(Some(MessageType::CertRep));
}

// T12: a request that is not encrypted is never read, whoever signs it
#[test]
fn a_request_in_the_clear_is_refused_and_never_decided() {
    let server = Server::new().policy(never);
    let answer = server.ask(&with_message(|m| m.content = Csr::new(&DEVICE).encode()));
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(InvalidMessage::NotEnvelopedData);
}

// a refusal before decryption names what is public, and the summary says what was refused
#[test]
fn the_summary_of_a_refusal_names_sender_and_reason() {
    let server = Server::new().policy(never);
    let answer = server.ask(&with_envelope(|e| e.set_cipher(scep::wire::ContentEncryption::TripleDesCbc)));
    assert_eq!(answer.outcome.summary.subject.as_deref(), Some(SUBJECT));
    assert_eq!(answer.outcome.summary.status, Status::Failure(FailInfo::BadAlg));
    assert_eq!(answer.outcome.cause, Some(Error::from(Unsupported::ContentEncryption)));
    // who did not show a key is not named
    let answer = server.ask(&with_message(|m| m.signature = Some(vec![1; 256])));
    assert_eq!(answer.outcome.summary.subject, None);
}
