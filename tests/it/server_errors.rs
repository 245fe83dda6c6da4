//! One test for each row of the error table (requirements section 1.23): what is wrong, and what comes back.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, name, tlv};
use scep::error::{BadEnvelope, BadSignature, InvalidMessage, KeyError, Limit, PeerMisbehaved, Unsupported};
use scep::transport::{HttpRequest, Operation};
use scep::wire::{ContentEncryption, FailInfo, Limits, MessageType, Oid};

const URL: &str = "/scep?operation=PKIOperation";

/// The reason that a change has to be refused for.
type Case<R, T> = (R, fn(&mut T));

fn get(target: &str) -> HttpRequest {
    HttpRequest::new("GET", target, Vec::new())
}

// E1, case 4
#[test]
fn e1_other_methods_and_post_to_a_get_only_operation_are_405() {
    let server = Server::new().policy(never);
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "post"] {
        for operation in ["GetCACaps", "GetCACert", "GetNextCACert"] {
            let answer =
                server.serve(HttpRequest::new(method, format!("/scep?operation={operation}"), Vec::new()));
            answer.http(405);
            assert_eq!(answer.outcome.reply.allow, Some("GET"), "{method} {operation}");
        }
        let answer = server.serve(HttpRequest::new(method, URL, pkcs_req().encode()));
        answer.http(405);
        answer.cause(InvalidMessage::Method);
        assert_eq!(answer.outcome.reply.allow, Some("GET, POST"), "{method}");
    }
    for operation in ["GetCACaps", "GetCACert", "GetNextCACert"] {
        let target = format!("/scep?operation={operation}");
        let answer = server.serve(HttpRequest::new("POST", target, pkcs_req().encode()));
        answer.http(405);
        assert_eq!(answer.outcome.reply.allow, Some("GET"), "{operation}");
    }
}

// E2, case 5
#[test]
fn e2_operations_that_are_missing_unknown_or_repeated_are_400() {
    let server = Server::new().policy(never);
    for target in [
        "/scep",
        "/scep?",
        "/scep?operation",
        "/scep?operation=",
        "/scep?operation=getcacaps",
        "/scep?operation=getcacapsX",
        "/scep?operation=GetCACaps%00",
        "/scep?operation=GetCACaps&operation=GetCACert",
        "/scep?operation=GetCACaps&operation=GetCACaps",
        "/scep?operation=GetCACaps&message=a&message=b",
    ] {
        let answer = server.serve(get(target));
        answer.http(400);
        answer.cause(InvalidMessage::Operation);
        assert_eq!(answer.outcome.summary.operation, None, "{target}");
    }
}

// E3, case 63
#[test]
fn e3_empty_and_oversized_requests_are_400_413_and_414() {
    let server = Server::new().policy(never);
    let answer = server.post(Vec::new());
    answer.http(400);
    answer.cause(InvalidMessage::Empty);
    server.serve(get(&format!("{URL}&message="))).http(400);
    server.serve(get(URL)).http(400);

    let limits = Limits::DEFAULT;
    let answer = server.post(vec![0x30; limits.message + 1]);
    answer.http(413);
    answer.cause(Limit::Message);
    server.post(vec![0x30; 10 << 20]).http(413);
    server.post(vec![0x30; limits.message]).http(400);

    let answer = server.serve(get(&format!("/scep?operation=GetCACaps&message={}", "a".repeat(limits.url))));
    answer.http(414);
    answer.cause(Limit::Url);
}

// E4
#[test]
fn e4_a_get_message_that_cannot_be_decoded_is_400() {
    let server = Server::new().policy(never);
    for message in ["%", "%zz", "A", "AA%3D%3DAA", "AAAA%21", "===="] {
        server.serve(get(&format!("{URL}&message={message}"))).http(400);
    }
}

// E5, case 63, case 71: no reply can be addressed
#[test]
fn e5_bytes_that_are_no_signed_data_are_400() {
    let server = Server::new().policy(never);
    let noise: Vec<u8> = (0..4096_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: [&[u8]; 9] = [
        &[0],
        &[0x30],
        &[0x30, 0],
        &[0x30, 0x80],
        &noise,
        b"<html></html>",
        &CA_CERTIFICATE,
        &Envelope::new(poll_content()).encode(),
        &Csr::new(&DEVICE).encode(),
    ];
    for case in cases {
        let answer = server.post(case.to_vec());
        answer.http(400);
        assert_eq!(answer.outcome.summary.operation, Some(Operation::PkiOperation));
        assert_eq!(answer.outcome.summary.transaction_id, None);
    }
    let mut trailing = pkcs_req().encode();
    trailing.push(1);
    server.post(trailing).http(400);
}

// E5, R-3.2-3, R-3.2.1-1
#[test]
fn e5_messages_without_signer_signed_attributes_transaction_or_nonce_are_400() {
    let server = Server::new().policy(never);
    let cases: [Case<InvalidMessage, Message>; 4] = [
        (InvalidMessage::SignerCount, |m| m.signers = 0),
        (InvalidMessage::NoSignedAttributes, |m| m.signed_attributes = false),
        (InvalidMessage::MissingAttribute, |m| m.remove(Oid::TRANSACTION_ID)),
        (InvalidMessage::MissingAttribute, |m| m.remove(Oid::SENDER_NONCE)),
    ];
    for (cause, change) in cases {
        let answer = server.ask(&with_message(change));
        answer.http(400);
        answer.cause(cause);
    }
}

const MD5: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5]);
const MD5_WITH_RSA: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4]);
const RSA_PSS: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10]);
const RSA_OAEP: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 7]);
const ECDSA_SHA256: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2]);
const RC2_CBC: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 3, 2]);
const AES128_GCM: Oid<'static> = Oid::new(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 6]);
const AUTH_ENVELOPED: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 1, 23]);

// Q4, P13, E6, R-2.9-3, case 76: the decryptor is not asked
#[test]
fn e6_digests_and_signatures_that_are_not_allowed_are_bad_alg() {
    let server = Server::new().policy(never);
    let cases: [Case<Unsupported, Message>; 7] = [
        (Unsupported::Digest, |m| m.digest_algorithm = Some(algorithm(MD5, NULL))),
        (Unsupported::Digest, |m| m.digest_algorithm = Some(algorithm(Oid::SHA256, &[1, 1, 0]))),
        (Unsupported::Digest, |m| m.digest_algorithm = Some(algorithm(Oid::SHA256_WITH_RSA, NULL))),
        // SHA-1 is only in the legacy provider
        (Unsupported::Digest, |m| m.digest = scep::wire::Digest::Sha1),
        (Unsupported::Signature, |m| m.signature_algorithm = algorithm(MD5_WITH_RSA, NULL)),
        (Unsupported::Signature, |m| m.signature_algorithm = algorithm(RSA_PSS, NULL)),
        // the signer's key is RSA
        (Unsupported::PublicKey, |m| m.signature_algorithm = algorithm(ECDSA_SHA256, &[])),
    ];
    for (cause, change) in cases {
        let answer = server.ask(&with_message(change));
        answer.refused(FailInfo::BadAlg, 0);
        answer.cause(cause);
        answer.message_type(None);
    }
}

// Q4, P13, E6, GCM-3, case 77
#[test]
fn e6_ciphers_that_are_not_allowed_are_bad_alg_before_any_key_is_used() {
    let server = Server::new().policy(never);
    let cases: [Case<Unsupported, Envelope>; 6] = [
        (Unsupported::SingleDes, |e| e.set_cipher(ContentEncryption::DesCbc)),
        (Unsupported::ContentEncryption, |e| e.set_cipher(ContentEncryption::TripleDesCbc)),
        (Unsupported::ContentEncryption, |e| e.algorithm = Some(algorithm(RC2_CBC, &tlv(4, &[&[0; 8]])))),
        (Unsupported::ContentEncryption, |e| e.algorithm = Some(algorithm(AES128_GCM, &[0x30, 0]))),
        // no encryption at all
        (Unsupported::ContentEncryption, |e| e.algorithm = Some(algorithm(Oid::ID_DATA, &[]))),
        (Unsupported::KeyTransport, |e| e.recipient.algorithm = algorithm(RSA_OAEP, NULL)),
    ];
    for (cause, change) in cases {
        let answer = server.ask(&with_envelope(change));
        answer.refused(FailInfo::BadAlg, 0);
        answer.cause(cause);
        answer.message_type(Some(MessageType::PkcsReq));
    }
}

// E6, GCM-2, T6, case 77
#[test]
fn e6_auth_enveloped_data_is_bad_alg() {
    let server = Server::new().policy(never);
    let change = |e: &mut Envelope| e.outer_type = AUTH_ENVELOPED.as_bytes().to_vec();
    server.ask(&with_envelope(change)).refused(FailInfo::BadAlg, 0);
}

/// A SubjectPublicKeyInfo with these numbers.
fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = seq(&[&tlv(2, &[&[0], modulus]), &tlv(2, &[exponent])]);
    seq(&[&algorithm(Oid::RSA_ENCRYPTION, NULL), &tlv(3, &[&[0], &key])])
}

// E6, T41, case 86: a signer's key of a size that is not allowed
#[test]
fn e6_a_signer_with_a_small_or_odd_key_is_bad_alg() {
    let server = Server::new().policy(never);
    let modulus = DEVICE.modulus();
    let even = [&modulus[..255], &[modulus[255] & 0xFE]].concat();
    let mut wrong = Vec::new();
    for (what, public_key) in [
        ("512 bits", rsa_key(&[0xFF; 64], &[1, 0, 1])),
        ("1024 bits", rsa_key(&[0xFF; 128], &[1, 0, 1])),
        ("16384 bits", rsa_key(&[0xFF; 2048], &[1, 0, 1])),
        ("even modulus", rsa_key(&even, &[1, 0, 1])),
        ("exponent 1", rsa_key(&modulus, &[1])),
        ("exponent 3", rsa_key(&modulus, &[3])),
        ("even exponent", rsa_key(&modulus, &[1, 0, 0])),
        ("long exponent", rsa_key(&modulus, &[1, 0, 0, 0, 0, 0, 0, 0, 1])),
    ] {
        let signer = X509 { public_key, ..X509::device(&DEVICE) }.sign(&DEVICE);
        let answer = server.ask(&with_message(|m| m.certificates = vec![signer]));
        assert_eq!(answer.counts.decrypted, 0, "{what}");
        if answer.cert_rep().fail_info.as_deref() != Some("0") {
            wrong.push((what, answer.outcome.cause));
        }
    }
    assert_eq!(wrong, []);
}

// E6, case 87
#[test]
fn e6_a_signer_with_a_key_of_another_kind_is_bad_alg() {
    let server = Server::new().policy(never);
    let ec = seq(&[&algorithm(Oid::EC_PUBLIC_KEY, &oid(PRIME256V1)), &tlv(3, &[&[0, 4], &[0x11; 64]])]);
    let signer = X509 { public_key: ec, ..X509::device(&DEVICE) }.sign(&DEVICE);
    let answer = server.ask(&with_message(|m| m.certificates = vec![signer]));
    answer.refused(FailInfo::BadAlg, 0);
    answer.cause(Unsupported::PublicKey);
}

const PRIME256V1: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]);

// E7, MMA-7: after decryption everything is in the uniform class
#[test]
fn e7_a_request_with_another_kind_of_key_or_signature_is_bad_request() {
    let server = Server::new().policy(never);
    let cases: [fn(&mut Csr); 8] = [
        // what an issuer cannot copy
        |csr| csr.public_key = seq(&[&algorithm(Oid::RSA_ENCRYPTION, &[8, 0]), &DEVICE.public()[19..]]),
        |csr| csr.public_key = seq(&[&algorithm(Oid::RSA_ENCRYPTION, &[5, 1, 0]), &DEVICE.public()[19..]]),
        // T41, case 86
        |csr| csr.public_key = rsa_key(&[0xFF; 64], &[1, 0, 1]),
        |csr| csr.public_key = rsa_key(&DEVICE.modulus(), &[1]),
        |csr| csr.algorithm = algorithm(MD5_WITH_RSA, NULL),
        |csr| csr.algorithm = algorithm(ECDSA_SHA256, &[]),
        |csr| csr.algorithm = algorithm(Oid::RSA_ENCRYPTION, NULL),
        |csr| {
            let point = tlv(3, &[&[0, 4], &[0x11; 64]]);
            csr.public_key = seq(&[&algorithm(Oid::EC_PUBLIC_KEY, &oid(PRIME256V1)), &point]);
        },
    ];
    for change in cases {
        server.ask(&with_csr(change)).refused(FailInfo::BadRequest, 1);
    }
}

// quirk 41, E8, C-5.6-1, C-11.1-1, case 67
#[test]
fn e8_signatures_and_digests_that_do_not_hold_are_bad_message_check() {
    let server = Server::new().policy(never);
    let cases: [Case<BadSignature, Message>; 8] = [
        (BadSignature::Signature, |m| {
            let mut signature = m.key.sign(m.digest, &m.signed());
            signature[100] ^= 1;
            m.signature = Some(signature);
        }),
        (BadSignature::Signature, |m| m.signature = Some(Vec::new())),
        (BadSignature::Signature, |m| m.signature = Some(vec![0xFF; 256])),
        // made over [0] in place of SET OF
        (BadSignature::Signature, |m| {
            let signed = m.signed();
            m.signature = Some(m.key.sign(m.digest, &[&[0xA0], &signed[1..]].concat()));
        }),
        (BadSignature::Signature, |m| m.key = &STRANGER),
        (BadSignature::MessageDigest, |m| m.set(Oid::MESSAGE_DIGEST, &tlv(4, &[&[0; 32]]))),
        (BadSignature::MessageDigest, |m| m.remove(Oid::MESSAGE_DIGEST)),
        (BadSignature::ContentType, |m| {
            m.set(Oid::CONTENT_TYPE, &oid(Oid::ID_ENVELOPED_DATA));
        }),
    ];
    for (cause, change) in cases {
        let answer = server.ask(&with_message(change));
        answer.refused(FailInfo::BadMessageCheck, 0);
        answer.cause(cause);
        answer.message_type(None);
    }
}

// E8, R-2.3-9, case 70
#[test]
fn e8_a_missing_or_wrong_signer_certificate_is_bad_message_check() {
    let server = Server::new().policy(never);
    let absent = with_message(|m| m.certificates = vec![CA_CERTIFICATE.clone()]);
    let none = with_message(|m| m.certificates = Vec::new());
    for message in [absent, none] {
        let answer = server.ask(&message);
        answer.refused(FailInfo::BadMessageCheck, 0);
        answer.cause(BadSignature::SignerNotFound);
    }
    // same names and serial number, another key, and in front
    let double = with_message(|m| m.certificates.insert(0, STRANGER_CERTIFICATE.clone()));
    let answer = server.ask(&double);
    answer.refused(FailInfo::BadMessageCheck, 0);
    answer.cause(BadSignature::Signature);
}

// E8, C-5.6-2, T45
#[test]
fn e8_a_signature_algorithm_with_another_digest_is_refused() {
    let server = Server::new().policy(never);
    let change = |m: &mut Message| m.signature_algorithm = algorithm(Oid::SHA512_WITH_RSA, NULL);
    let answer = server.ask(&with_message(change));
    answer.refused(FailInfo::BadAlg, 0);
    answer.cause(BadSignature::Algorithms);
}

#[test]
fn bare_refusals_answer_unverifiable_senders_with_400_and_no_signature() {
    let server = Server::with(config().bare_refusals(true)).policy(never);
    server.ask(&with_message(|m| m.signature = Some(vec![1; 256]))).http(400);
    server.ask(&with_message(|m| m.digest_algorithm = Some(algorithm(MD5, NULL)))).http(400);
    server.ask(&with_message(|m| m.certificates = Vec::new())).http(400);
    // who has shown a key gets a signed answer
    let change = |m: &mut Message| m.set(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[b"18"]));
    server.ask(&with_message(change)).refused(FailInfo::BadRequest, 0);
}

// E9, R-3.2.1.2-1, case 60, case 71
#[test]
fn e9_a_message_type_that_is_missing_reserved_or_not_for_a_ca_is_bad_request() {
    let server = Server::new().policy(never);
    let answer = server.ask(&with_message(|m| m.remove(Oid::MESSAGE_TYPE)));
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(InvalidMessage::MessageType);
    for number in ["0", "3", "18"] {
        let change = |m: &mut Message| m.set(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[number.as_bytes()]));
        let answer = server.ask(&with_message(change));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(InvalidMessage::MessageType);
        answer.message_type((number == "3").then_some(MessageType::CertRep));
    }
}

// E10, C-6.1-2, case 79
#[test]
fn e10_an_envelope_for_somebody_else_is_bad_request_without_the_key() {
    let server = Server::new().policy(never);
    let cases: [fn(&mut Envelope); 5] = [
        // PWRI-1, case 88: a password recipient, with a key derivation that nobody starts
        |e| e.recipients = Some(vec![tlv(0xA3, &[&[2, 1, 0], &tlv(0xA0, &[&[0xFF; 64]])])]),
        |e| e.recipient = Recipient::new(&RA_CERTIFICATE, &RA),
        |e| e.recipient = Recipient::new(&DEVICE_CERTIFICATE, &CA),
        |e| e.recipient.rid = tlv(0x80, &[&[0xCB; 20]]),
        |e| e.recipients = Some(Vec::new()),
    ];
    for change in cases {
        let answer = server.ask(&with_envelope(change));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Recipient);
    }
}

// E10, R-3.1-4, R-3.2.2-1, T46, case 78
#[test]
fn e10_content_that_is_no_envelope_of_data_is_bad_request_without_the_key() {
    let server = Server::new().policy(never);
    let empty = with_message(|m| m.content = Vec::new());
    let plain = with_message(|m| m.content = Csr::new(&DEVICE).encode());
    let nested = with_message(|m| m.content = pkcs_req().encode());
    let other = with_envelope(|e| e.content_type = Oid::ID_SIGNED_DATA.as_bytes().to_vec());
    let absent = with_message(|m| {
        m.content = Vec::new();
        m.encapsulated = Some(seq(&[&oid(Oid::ID_DATA)]));
    });
    for message in [empty, plain, nested, other, absent] {
        server.ask(&message).refused(FailInfo::BadRequest, 0);
    }
}

// E10, C-6.3-3, T5, case 34
#[test]
fn e10_an_impossible_iv_or_ciphertext_is_bad_request_without_the_key() {
    let server = Server::new().policy(never);
    for length in [0, 8, 15, 17, 32] {
        let iv = algorithm(Oid::AES128_CBC, &tlv(4, &[&vec![0; length]]));
        let answer = server.ask(&with_envelope(|e| e.algorithm = Some(iv)));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Ciphertext);
    }
    for parameters in [&[][..], NULL, &[0x30, 0]] {
        let algorithm = algorithm(Oid::AES128_CBC, parameters);
        let answer = server.ask(&with_envelope(|e| e.algorithm = Some(algorithm)));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Ciphertext);
    }
    for length in [0, 1, 15, 17] {
        let answer = server.ask(&with_envelope(|e| e.ciphertext = Some(vec![7; length])));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Ciphertext);
    }
}

// R-3.2-2, R-3.2.2-2, E10, R-3-2; what is in a poll is not read
#[test]
fn e10_a_request_with_content_of_another_message_type_is_bad_request() {
    let server = Server::new().policy(never);
    let mut request_with_names = cert_poll();
    request_with_names.set(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[b"19"]));
    let serial = with_envelope(|e| e.plaintext = issuer_and_serial(&CA_CERTIFICATE));
    for message in [request_with_names, serial] {
        server.ask(&message).refused(FailInfo::BadRequest, 1);
    }
}

// E11, P10-1, P10-2, P10-3, T15, case 85
#[test]
fn e11_requests_that_their_key_did_not_sign_or_that_are_malformed_are_bad_request() {
    let server = Server::new().policy(never);
    let cases: [fn(&mut Csr); 6] = [
        |csr| csr.signature = Some(vec![0x11; 256]),
        |csr| csr.signature = Some(Vec::new()),
        |csr| csr.key = &STRANGER,
        |csr| csr.version = 1,
        |csr| csr.attributes = Some(vec![attribute(Oid::EXTENSION_REQUEST, &[])]),
        |csr| csr.attributes = Some(vec![attribute(Oid::EXTENSION_REQUEST, &[0x30, 0, 0x30, 0])]),
    ];
    for change in cases {
        server.ask(&with_csr(change)).refused(FailInfo::BadRequest, 1);
    }
}

// E12, R-2.4-4, P9-1, case 47, case 48, case 52
#[test]
fn e12_a_challenge_that_is_missing_wrong_or_malformed_is_bad_request() {
    let right = challenge(PRINTABLE, CHALLENGE.as_bytes());
    let both = [tlv(PRINTABLE, &[CHALLENGE.as_bytes()]), tlv(UTF8, &[b"x"])].concat();
    let decided: [(&str, Vec<Vec<u8>>); 4] = [
        ("none", Vec::new()),
        ("empty", vec![challenge(PRINTABLE, b"")]),
        ("wrong", vec![challenge(PRINTABLE, b"wrong horse battery staple")]),
        ("case", vec![challenge(PRINTABLE, CHALLENGE.to_uppercase().as_bytes())]),
    ];
    let server = Server::new();
    for (what, attributes) in decided {
        let answer = server.ask(&with_csr(|csr| csr.attributes = Some(attributes)));
        answer.refused(FailInfo::BadRequest, 1);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(answer.counts.decided, 1, "{what}");
    }
    let malformed: [(&str, Vec<Vec<u8>>); 6] = [
        ("two attributes", vec![right.clone(), challenge(PRINTABLE, b"x")]),
        ("twice the same", vec![right.clone(), right]),
        ("two values", vec![attribute(Oid::CHALLENGE_PASSWORD, &both)]),
        ("no text", vec![challenge(4, CHALLENGE.as_bytes())]),
        ("NUL", vec![challenge(UTF8, b"correct horse battery staple\0")]),
        ("too long", vec![challenge(UTF8, &[b'x'; 8193])]),
    ];
    for (what, attributes) in malformed {
        let answer = server.ask(&with_csr(|csr| csr.attributes = Some(attributes)));
        answer.refused(FailInfo::BadRequest, 1);
        assert_eq!(answer.counts.decided, 0, "{what}");
    }
    assert_eq!(server.issuer.count(), 0);
}

// E13, R-2.3-11, T14, case 53
#[test]
fn e13_an_envelope_signed_by_another_key_than_the_requests_is_bad_request() {
    let server = Server::new().policy(never);
    let captured = pkcs_req().content;
    let answer = server.ask(&Message::new("19", captured, &STRANGER, &STRANGER_CERTIFICATE));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(BadSignature::KeyMismatch);
}

// R-2.4-7, T27, E14, E20: RenewalReq is not offered
#[test]
fn e14_and_e20_renewal_and_queries_are_bad_request_and_reach_no_decision() {
    let server = Server::new().policy(never);
    for (number, message_type) in
        [("17", MessageType::RenewalReq), ("21", MessageType::GetCert), ("22", MessageType::GetCrl)]
    {
        for content in [Csr::new(&DEVICE).encode(), issuer_and_serial(&CA_CERTIFICATE)] {
            let envelope = Envelope::new(content).encode();
            let answer = server.ask(&Message::new(number, envelope, &DEVICE, &DEVICE_CERTIFICATE));
            answer.refused(FailInfo::BadRequest, 0);
            answer.cause(Unsupported::Operation);
            answer.message_type(Some(message_type));
            assert_eq!(answer.counts.loaded, 0);
        }
    }
}

// E15, R-2.1.2-1
#[test]
fn e15_a_refusal_of_the_owner_is_bad_request_and_leaves_no_trace() {
    let server = Server::new().policy(deny);
    let answer = server.ask(&pkcs_req());
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::Policy);
    assert_eq!(answer.counts.decided, 1);
}

// quirk 46, E16: the time in a message does not matter, C-11.3-2
// case 35
#[test]
fn the_signing_time_of_a_request_is_not_judged() {
    let server = Server::new();
    for time in ["19930101000000Z", "20991231235959Z"] {
        let change = |m: &mut Message| m.set(Oid::SIGNING_TIME, &tlv(0x18, &[time.as_bytes()]));
        server.ask(&with_message(change)).success();
    }
}

// E18, R-4.4-2, case 40
#[test]
fn e18_a_poll_for_an_unknown_transaction_is_bad_cert_id() {
    let server = Server::new().policy(never);
    let answer = server.ask(&cert_poll());
    answer.refused(FailInfo::BadCertId, 0);
    answer.cause(PeerMisbehaved::UnknownTransaction);
}

// quirk 53, E19, case 44
#[test]
fn e19_another_request_under_an_open_transaction_is_bad_request() {
    let mut server = Server::new().policy(hold);
    server.ask(&pkcs_req()).pending();
    let before = server.transaction();
    server.policy = never;
    let other = with_csr(|csr| csr.subject = name("CN=other"));
    let answer = server.ask(&other);
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::TransactionBusy);
    assert_eq!(server.transaction(), before);
    // a challenge that was left out makes another request, too
    let other = with_csr(|csr| csr.attributes = Some(Vec::new()));
    server.ask(&other).refused(FailInfo::BadRequest, 1);
}

// E21, T13, case 92
#[test]
fn e21_what_is_down_is_503_and_never_a_failure() {
    let faults: [fn(&mut Faults); 5] = [
        |f| f.load = true,
        |f| f.record = true,
        |f| f.decrypt = Some(KeyError::Unavailable),
        |f| f.decrypt = Some(KeyError::Failed),
        |f| f.sign = Some(KeyError::Unavailable),
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        let mut server = Server::new().policy(hold);
        fault(&mut server.faults);
        let answer = server.ask(&pkcs_req());
        answer.unavailable();
        assert_eq!(answer.counts.decrypted, 1);
        // only what was recorded before the signature stays
        assert_eq!(answer.changed, index == 4);
        server.faults = Faults::default();
        server.ask(&pkcs_req()).pending();
    }
}

// Q21, E21: 503 says when to come back
#[test]
fn e21_retry_after_can_be_set() {
    let mut server = Server::with(config().retry_after(7));
    server.faults.decrypt = Some(KeyError::Unavailable);
    let answer = server.ask(&pkcs_req());
    assert_eq!((answer.outcome.reply.status, answer.outcome.reply.retry_after), (503, Some(7)));
}
