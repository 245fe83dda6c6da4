//! Enrolments that have to work, in every form that clients send.

use crate::provider::PROVIDER_WITH_LEGACY;
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, NOW, YEAR, name, tlv};
use scep::error::Unsupported;
use scep::server::Event;
use scep::transport::{HttpRequest, base64_encode, percent_encode};
use scep::wire::{ContentEncryption, Digest, FailInfo, MessageType, Oid};

const URL: &str = "/scep?operation=PKIOperation";

// Q6, quirks 35, 40, P2
// R-2.4-1, R-3.3.2-1, R-2.9-1, R-4.3.1-1, R-4.3.1-2, R-3.3.2.1-1, R-3.2.1-2, R-2.3-10, R-3.3.2-2, cases 12 to 14
#[test]
fn a_request_with_the_right_challenge_gets_its_certificate() {
    let server = Server::new();
    let answer = server.ask(&pkcs_req());
    let issued = answer.success();
    assert!(answer.changed);
    let expected = Counts { decrypted: 1, loaded: 1, decided: 1, recorded: 1, signed: 1 };
    assert_eq!(answer.counts, expected);
    answer.message_type(Some(MessageType::PkcsReq));
    assert_eq!(answer.outcome.summary.subject.as_deref(), Some(SUBJECT));
    assert_eq!(answer.outcome.events, []);
    let parsed = scep::wire::Certificate::parse(&issued).unwrap();
    //
    assert_eq!(parsed.subject().as_der(), name(SUBJECT));
}

// R-3-1, R-3.3.2.2-1, R-3.3.2.2-3, R-3.3.2.3-1
// C-5.3-2, R-3.2.1-4: the attributes of each kind of reply, in the order of DER
#[test]
fn replies_hold_these_attributes_and_no_others() {
    let types = |list: &[Oid<'_>]| -> Vec<Vec<u8>> {
        let mut list: Vec<Vec<u8>> = list.iter().map(|oid| oid.as_bytes().to_vec()).collect();
        list.sort();
        list
    };
    let common = [
        Oid::CONTENT_TYPE,
        Oid::MESSAGE_DIGEST,
        Oid::SIGNING_TIME,
        Oid::MESSAGE_TYPE,
        Oid::PKI_STATUS,
        Oid::SENDER_NONCE,
        Oid::RECIPIENT_NONCE,
        Oid::TRANSACTION_ID,
    ];
    let sorted = |mut list: Vec<Vec<u8>>| {
        list.sort();
        list
    };
    let success = Server::new().ask(&pkcs_req()).cert_rep();
    assert_eq!(sorted(success.attributes), types(&common));
    let pending = Server::new().policy(hold).ask(&pkcs_req()).pending();
    assert_eq!(sorted(pending.attributes), types(&common));
    let failure = Server::new().policy(deny).ask(&pkcs_req()).refused(FailInfo::BadRequest, 1);
    assert_eq!(sorted(failure.attributes), types(&[&common[..], &[Oid::FAIL_INFO]].concat()));
}

// R-3.2.1.5-1, R-3.3.2-3, C-14-1, I-13
#[test]
fn every_reply_has_a_nonce_and_a_content_key_of_its_own() {
    let server = Server::new();
    let (mut nonces, mut keys) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for _ in 0..20 {
        for message in [pkcs_req(), cert_poll()] {
            let (read, opened) = server.ask(&message).success_for(&DEVICE, &DEVICE_CERTIFICATE);
            assert!(nonces.insert(read.sender_nonce));
            assert!(keys.insert(opened.content_key));
        }
    }
}

// Q2, Q3, quirks 1-3, 5, P12, R-4.1-5, R-4.1-6, I-1, I-3, I-4, I-14, cases 15 to 19
#[test]
fn a_request_by_get_is_read_in_every_shape_that_clients_send() {
    let server = Server::new();
    let message = pkcs_req().encode();
    let base64 = base64_encode(&message);
    let escaped = |text: &str| percent_encode(text.as_bytes());
    let lines: String =
        base64.as_bytes().chunks(64).flat_map(|line| [str::from_utf8(line).unwrap(), "\n"]).collect();
    assert!(base64.contains('+') && base64.contains('/'));
    for (client, text) in [
        ("escaped", escaped(&base64)),
        ("line breaks", escaped(&lines)),
        ("CRLF", escaped(&lines.replace('\n', "\r\n"))),
        ("macOS", base64.replace('=', "%3D")),
        ("raw", base64.clone()),
        ("iOS 11", base64.replace('+', "%20").replace('=', "%3D")),
        ("base64url", base64.replace('+', "-").replace('/', "_")),
        ("no padding", escaped(base64.trim_end_matches('='))),
    ] {
        let answer = server.serve(HttpRequest::new("GET", format!("{URL}&message={text}"), Vec::new()));
        assert_eq!(answer.outcome.reply.status, 200, "{client}");
        answer.success();
    }
    assert_eq!(server.issuer.count(), 1);
}

// quirk 9, R-4.3-3, R-4.1-9, case 20
#[test]
fn a_request_by_post_is_read_whatever_its_media_type_and_query() {
    let server = Server::new();
    let message = pkcs_req().encode();
    for content_type in
        [None, Some(""), Some("application/x-pki-message"), Some("application/octet-stream"), Some("a;b=c")]
    {
        for target in [URL, "/scep", "/scep?operation=", "/scep?operation=PKIOperation&message=AAAA"] {
            let request = HttpRequest {
                content_type: content_type.map(Into::into),
                ..HttpRequest::new("POST", target, message.clone())
            };
            server.serve(request).success();
        }
    }
}

// Q7, quirk 28, P5, I-5, C-5.4-2, case 21
#[test]
fn outer_and_inner_ber_is_read() {
    let server = Server::new();
    server.ask(&with_message(|m| m.ber = true)).success();
    server.ask(&with_envelope(|e| e.ber = true)).success();
    let both = pkcs_req_with(|_| (), |e| e.ber = true, |m| m.ber = true);
    server.ask(&both).success();
    // white space behind the message, from clients that think of it as text
    let padded = [pkcs_req().encode(), b"\r\n".to_vec()].concat();
    server.post(padded).success();
}

// quirk 30, C-5.2.1-1
#[test]
fn content_of_the_pkcs_7_form_is_read() {
    let server = Server::new();
    let message = with_message(|m| {
        let whole = m.content.clone();
        // digested are the contents octets, without tag and length
        m.content = whole[4..].to_vec();
        m.encapsulated = Some(seq(&[&oid(Oid::ID_DATA), &tlv(0xA0, &[&whole])]));
    });
    server.ask(&message).success();
}

// quirk 37, C-5.3-1, C-6.2.1-1, cases 22, 23
#[test]
fn signer_and_recipient_may_be_named_by_key_identifier() {
    let server = Server::new();
    let signer = X509 { key_identifier: Some(vec![0xDE; 20]), ..X509::device(&DEVICE) }.sign(&DEVICE);
    let by_key = |m: &mut Message| {
        m.certificates = vec![signer.clone()];
        m.sid = tlv(0x80, &[&[0xDE; 20]]);
        m.signer_version = 3;
        m.version = 3;
    };
    server.ask(&with_message(by_key)).success();
    let to_key = |e: &mut Envelope| {
        e.recipient.rid = tlv(0x80, &[&[0xCA; 20]]);
        e.recipient.version = 2;
        e.version = 2;
    };
    server.ask(&with_envelope(to_key)).success();
    // a certificate without the extension is not meant by any key identifier
    let unmarked = with_message(|m| m.sid = tlv(0x80, &[&[0xDE; 20]]));
    server.ask(&unmarked).refused(FailInfo::BadMessageCheck, 0);
}

// Q6, quirks 33-35, P2, P5, ALG-1, ALG-3, ALG-4, ALG-10, case 24
#[test]
fn algorithms_are_read_with_null_and_with_absent_parameters() {
    let server = Server::new();
    for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        for parameters in [NULL, &[]] {
            for signature in [Oid::RSA_ENCRYPTION, sha_with_rsa(digest)] {
                for signature_parameters in [NULL, &[]] {
                    let answer = server.ask(&with_message(|m| {
                        m.digest = digest;
                        m.digest_algorithm = Some(algorithm(digest.oid(), parameters));
                        m.digest_algorithms = m.digest_algorithm.clone();
                        m.signature_algorithm = algorithm(signature, signature_parameters);
                    }));
                    let (read, _) = answer.success_for(&DEVICE, &DEVICE_CERTIFICATE);
                    // ALG-9
                    assert_eq!(read.digest, digest);
                }
            }
        }
    }
    let bare = |e: &mut Envelope| e.recipient.algorithm = algorithm(Oid::RSA_ENCRYPTION, &[]);
    server.ask(&with_envelope(bare)).success();
    let bare = |csr: &mut Csr| csr.algorithm = algorithm(Oid::SHA256_WITH_RSA, &[]);
    // another request under the same transactionID, which is finished: decided anew
    server.ask(&with_csr(bare)).success();
    assert_eq!(server.issuer.count(), 2);
}

// P6, C-5.3-3, C-5.1-1
#[test]
fn the_list_of_digest_algorithms_and_the_versions_do_not_matter() {
    let server = Server::new();
    server.ask(&with_message(|m| m.digest_algorithms = Some(Vec::new()))).success();
    server.ask(&with_message(|m| m.digest_algorithms = Some(algorithm(Oid::SHA1, NULL)))).success();
    for version in 1..=5 {
        server.ask(&with_message(|m| m.version = version)).success();
        server.ask(&with_message(|m| m.signer_version = version)).success();
    }
    for version in [0, 2, 3, 4] {
        server.ask(&with_envelope(|e| e.version = version)).success();
    }
}

// quirk 39, ALG-9, ALG-10, case 25
#[test]
fn replies_use_the_cipher_and_the_digest_of_the_request() {
    let ciphers = [ContentEncryption::Aes128Cbc, ContentEncryption::Aes192Cbc, ContentEncryption::Aes256Cbc];
    for cipher in ciphers {
        for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            let server = Server::new();
            let message = pkcs_req_with(|_| (), |e| e.set_cipher(cipher), |m| m.digest = digest);
            let (read, opened) = server.ask(&message).success_for(&DEVICE, &DEVICE_CERTIFICATE);
            assert_eq!((read.digest, opened.cipher), (digest, cipher));
        }
    }
    let refused = Server::new().policy(deny).ask(&with_message(|m| m.digest = Digest::Sha512)).cert_rep();
    assert_eq!(refused.digest, Digest::Sha512);
}

// ALG-9, case 25
#[test]
fn a_legacy_provider_answers_3des_and_sha1_in_kind() {
    let server = Server::with(config_with(&PROVIDER_WITH_LEGACY));
    let message = pkcs_req_with(
        |csr| {
            csr.digest = Digest::Sha1;
            csr.algorithm = algorithm(Oid::SHA1_WITH_RSA, NULL);
        },
        |e| e.set_cipher(ContentEncryption::TripleDesCbc),
        |m| m.digest = Digest::Sha1,
    );
    let answer = server.ask(&message);
    let (read, opened) = answer.success_for(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!((read.digest, opened.cipher), (Digest::Sha1, ContentEncryption::TripleDesCbc));
    assert_eq!(answer.outcome.events, []);
    // the server's own habits stay modern
    let answer = server.ask(&pkcs_req());
    answer.success();
}

// P13, quirk 39, T5, R-2.9-3, case 76
#[test]
fn single_des_is_read_only_with_provider_and_switch_and_answered_in_aes() {
    let des = with_envelope(|e| e.set_cipher(ContentEncryption::DesCbc));
    let without_switch = Server::with(config_with(&PROVIDER_WITH_LEGACY)).policy(never);
    let without_provider = Server::with(config().danger_accept_des_cbc(true)).policy(never);
    for server in [without_switch, without_provider, Server::new().policy(never)] {
        let answer = server.ask(&des);
        answer.refused(FailInfo::BadAlg, 0);
        answer.cause(Unsupported::SingleDes);
        assert_eq!(answer.outcome.events, []);
    }
    let server = Server::with(config_with(&PROVIDER_WITH_LEGACY).danger_accept_des_cbc(true));
    let answer = server.ask(&des);
    // in AES-128
    answer.success();
    assert_eq!(answer.outcome.events, [Event::SingleDesRead]);
    let text = server.serve(HttpRequest::new("GET", "/scep?operation=GetCACaps", Vec::new()));
    assert!(!String::from_utf8(text.outcome.reply.body).unwrap().contains("DES\n"));
}

// quirk 43, P9-2, P9-3, I-9, case 27
#[test]
fn a_challenge_is_read_in_every_string_type() {
    let text = CHALLENGE.as_bytes();
    let bmp: Vec<u8> = text.iter().flat_map(|byte| [0, *byte]).collect();
    let universal: Vec<u8> = text.iter().flat_map(|byte| [0, 0, 0, *byte]).collect();
    for (tag, bytes) in
        [(PRINTABLE, text), (UTF8, text), (0x16, text), (0x14, text), (0x1E, &bmp), (0x1C, &universal)]
    {
        let server = Server::new();
        let message = with_csr(|csr| csr.attributes = Some(vec![challenge(tag, bytes)]));
        server.ask(&message).success();
    }
}

// X-5, case 31
#[test]
fn a_subject_of_odd_attributes_keeps_its_order_and_its_string_types() {
    let attribute = |which: Oid<'_>, tag, text: &[u8]| tlv(0x31, &[&seq(&[&oid(which), &tlv(tag, &[text])])]);
    let subject = seq(&[
        &attribute(Oid::UNSTRUCTURED_NAME, 0x16, b"router.example.com"),
        &attribute(Oid::SERIAL_NUMBER, PRINTABLE, b"FTX1234"),
        &attribute(Oid::UNSTRUCTURED_ADDRESS, PRINTABLE, b"192.0.2.1"),
        &attribute(Oid::COMMON_NAME, 0x14, b"t\xE9l\xE9"),
        &attribute(Oid::ORGANIZATION_NAME, 0x1E, &[0, b'O']),
    ]);
    let server = Server::new();
    let issued = server.ask(&with_csr(|csr| csr.subject = subject.clone())).success();
    assert_eq!(scep::wire::Certificate::parse(&issued).unwrap().subject().as_der(), subject);
    let empty = Server::new();
    empty.ask(&with_csr(|csr| csr.subject = vec![0x30, 0])).success();
}

// P10-1, I-9: without any attribute field the request is read, and has no challenge
#[test]
fn a_request_without_the_attributes_field_is_read() {
    let server = Server::new().policy(hold);
    server.ask(&with_csr(|csr| csr.attributes = None)).pending();
}

// quirks 47, 51, P3, P11, X-2, X-10, R-2.3-12, cases 28, 29
#[test]
fn a_device_may_sign_with_an_odd_certificate_of_its_own() {
    let base = || X509::device(&DEVICE);
    let zeros = [0; 20];
    let odd = [
        ("version 1", X509 { version: None, ..base() }),
        ("version 2", X509 { version: Some(1), ..base() }),
        ("expired", X509 { validity: validity(NOW - 2 * YEAR, NOW - YEAR), ..base() }),
        ("not yet valid", X509 { validity: validity(NOW + YEAR, NOW + 2 * YEAR), ..base() }),
        ("no such time", X509 { validity: tlv(0x17, &[b"000000000000Z"]).repeat(2), ..base() }),
        ("serial 0", X509 { serial: vec![0], ..base() }),
        ("serial of zeros", X509 { serial: zeros.to_vec(), ..base() }),
        ("negative serial", X509 { serial: vec![0xFF, 0x01], ..base() }),
        ("serial of 32 octets", X509 { serial: vec![0x7E; 32], ..base() }),
        ("other subject", X509 { subject: name("CN=x"), issuer: name("CN=x"), ..base() }),
        ("empty subject", X509 { subject: vec![0x30, 0], issuer: vec![0x30, 0], ..base() }),
        ("no key usage", X509 { usage: None, ..base() }),
        ("key usage of a CA", X509 { usage: Some(scep::wire::KeyUsage::KEY_CERT_SIGN), ..base() }),
        ("CA:TRUE", X509 { is_ca: true, ..base() }),
        ("other issuer", X509 { issuer: name("CN=elsewhere"), ..base() }),
    ];
    for (what, template) in odd {
        let certificate = template.sign(&DEVICE);
        let envelope = pkcs_req().content;
        let message = Message::new("19", envelope, &DEVICE, &certificate);
        let server = Server::new();
        let answer = server.ask(&message);
        assert_eq!(answer.outcome.cause, None, "{what}");
        assert_eq!(answer.outcome.reply.status, 200, "{what}");
        answer.success_for(&DEVICE, &certificate);
        assert_eq!(server.issuer.count(), 1, "{what}");
    }
}

// quirk 52, R-2.3-9, C-10-1
#[test]
fn the_signer_is_found_in_a_chain_by_its_name_and_not_by_its_place() {
    let server = Server::new();
    let others = [CA_CERTIFICATE.clone(), RA_CERTIFICATE.clone()];
    for place in 0..3 {
        let message = with_message(|m| {
            m.certificates = others.to_vec();
            m.certificates.insert(place, DEVICE_CERTIFICATE.clone());
        });
        server.ask(&message).success();
    }
    // an attribute certificate and a certificate of an unknown form
    let odd = with_message(|m| {
        m.certificates.insert(0, tlv(0xA2, &[&[5, 0]]));
        m.certificates.insert(1, seq(&[&[2, 1, 1]]));
    });
    server.ask(&odd).success();
}

// Q16, quirks 42, 43, P7, R-3.2.1.1-2, R-3.2.1-3, case 30
#[test]
fn a_transaction_id_is_echoed_exactly() {
    let hex = "0123456789ABCDEF".repeat(4);
    let every = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
    let longest = "x".repeat(255);
    for text in ["1", " ", "SSCEP transactionId", &hex, every, &longest, "../../etc/passwd"] {
        for (tag, echoed) in [(PRINTABLE, PRINTABLE), (UTF8, PRINTABLE), (0x16, PRINTABLE)] {
            let server = Server::new();
            let change = |m: &mut Message| m.set(Oid::TRANSACTION_ID, &tlv(tag, &[text.as_bytes()]));
            let answer = server.ask(&with_message(change));
            let (read, _) = answer.success_for(&DEVICE, &DEVICE_CERTIFICATE);
            assert_eq!(read.transaction, (echoed, text.as_bytes().to_vec()));
            let id = answer.outcome.summary.transaction_id.clone().unwrap();
            assert_eq!(id.as_bytes(), text.as_bytes());
        }
    }
}

// P7, R-3.2.1.1-2, T50, case 73: what PrintableString cannot hold is echoed with its own tag, and logged escaped
#[test]
fn a_transaction_id_of_other_bytes_is_echoed_and_cannot_forge_a_log_line() {
    for bytes in [&b"a\nb"[..], b"a\0b", "ü".as_bytes(), b"a_b@c", b"\xFF\xFE", b"\x1B[31m"] {
        for tag in [PRINTABLE, UTF8] {
            let server = Server::new();
            let change = |m: &mut Message| m.set(Oid::TRANSACTION_ID, &tlv(tag, &[bytes]));
            let answer = server.ask(&with_message(change));
            let shown =
                format!("{} {:?}", answer.outcome.summary.transaction_id.clone().unwrap(), answer.outcome);
            assert!(shown.bytes().all(|byte| (0x20..0x7F).contains(&byte)), "{shown}");
            // looked at without the independent reader, which refuses such strings
            let expected = attribute(Oid::TRANSACTION_ID, &tlv(tag, &[bytes]));
            assert_eq!(answer.outcome.reply.status, 200);
            assert!(crate::support::holds(&answer.outcome.reply.body, &expected));
            assert_eq!(server.issuer.count(), 1);
        }
    }
}

// R-3.2.1-3, T44, case 73
#[test]
fn a_transaction_id_of_another_type_or_length_is_400() {
    let server = Server::new().policy(never);
    for value in [
        tlv(4, &[b"tx-1"]),
        tlv(2, &[&[1]]),
        tlv(0x1E, &[&[0, b'1']]),
        tlv(PRINTABLE, &[]),
        tlv(PRINTABLE, &[&[b'x'; 256]]),
        tlv(PRINTABLE, &[&[b'x'; 50_000]]),
    ] {
        server.ask(&with_message(|m| m.set(Oid::TRANSACTION_ID, &value))).http(400);
    }
}

// quirk 44, R-3.2.1.5-2, case 75
#[test]
fn a_nonce_of_1_to_64_bytes_is_echoed_and_any_other_is_400() {
    let server = Server::new();
    for length in [1, 8, 15, 16, 17, 20, 63, 64] {
        let nonce: Vec<u8> = (0..length).map(|index| 0xF0 ^ index).collect();
        let answer = server.ask(&with_message(|m| m.set(Oid::SENDER_NONCE, &tlv(4, &[&nonce]))));
        let (read, _) = answer.success_for(&DEVICE, &DEVICE_CERTIFICATE);
        assert_eq!(read.recipient_nonce, nonce);
    }
    for length in [0, 65, 66, 255, 10_000] {
        server.ask(&with_message(|m| m.set(Oid::SENDER_NONCE, &tlv(4, &[&vec![1; length]])))).http(400);
    }
    for tag in [PRINTABLE, UTF8, 2, 3] {
        server.ask(&with_message(|m| m.set(Oid::SENDER_NONCE, &tlv(tag, &[NONCE])))).http(400);
    }
}

// P9-5, case 33
#[test]
fn requested_extensions_are_read_under_all_three_names() {
    let names = scep::wire::ExtensionsBuilder::default()
        .subject_alt_names(&[scep::wire::GeneralName::Dns("dev1.example.com")])
        .unwrap()
        .build();
    let other = scep::wire::ExtensionsBuilder::default()
        .subject_alt_names(&[scep::wire::GeneralName::Dns("evil.example.com")])
        .unwrap()
        .build();
    let oids = [Oid::EXTENSION_REQUEST, Oid::EXTENSION_REQUEST_MICROSOFT, Oid::EXTENSION_REQUEST_VERISIGN];
    for which in oids {
        let server = Server::new().policy(|issuer, question, rng| {
            let limits = scep::wire::Limits::DEFAULT;
            let extensions = question.requested().extensions(&limits).unwrap().unwrap();
            let value = extensions.get(Oid::SUBJECT_ALT_NAME).unwrap().value;
            let names = scep::wire::subject_alt_names(value, &limits).unwrap();
            assert!(matches!(names[..], [scep::wire::GeneralName::Dns("dev1.example.com")]));
            by_challenge(issuer, question, rng)
        });
        let add = |csr: &mut Csr| csr.attributes.as_mut().unwrap().push(attribute(which, &names));
        server.ask(&with_csr(add)).success();
    }
    for which in &oids[1..] {
        let server = Server::new().policy(never);
        let disagree = |csr: &mut Csr| {
            let list = csr.attributes.as_mut().unwrap();
            list.push(attribute(Oid::EXTENSION_REQUEST, &names));
            list.push(attribute(*which, &other));
        };
        server.ask(&with_csr(disagree)).refused(FailInfo::BadRequest, 1);
    }
}

// C-6.2-1, T3, case 80
#[test]
fn recipients_of_other_kinds_and_other_certificates_next_to_ours_do_no_harm() {
    let server = Server::new();
    let envelope = Envelope::new(Csr::new(&DEVICE).encode());
    let ours = envelope.recipient.encode(&envelope.content_key);
    let foreign = Recipient::new(&RA_CERTIFICATE, &RA).encode(&envelope.content_key);
    let other = |tag| tlv(tag, &[&[2, 1, 3]]);
    for recipients in [
        vec![foreign.clone(), ours.clone()],
        vec![ours.clone(), foreign.clone()],
        vec![foreign.clone(), foreign.clone(), foreign.clone(), ours.clone()],
        vec![other(0xA1), ours.clone()],
        vec![other(0xA2), other(0xA3), other(0xA4), ours.clone()],
    ] {
        server.ask(&with_envelope(|e| e.recipients = Some(recipients))).success();
    }
}
