//! Requests as packaged and deployed clients make them: all their habits at once.

use super::{add_algorithm_protection, in_one_chunk, set_algorithms, under_its_own_type};
use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::reading::elements;
use crate::requests::{
    CA_CERTIFICATE, Csr, DEVICE, DEVICE_CERTIFICATE, Envelope, Message, NULL, Recipient, UTF8, X509,
    algorithm, attribute, challenge, oid, pkcs_req_with, poll_content, seq, sha_with_rsa,
};
use crate::server_kit::{Server, approve, config_with, hold};
use crate::support::{CHALLENGE, name, seeded, tlv};
use scep::crypto::{ContentEncryption, Digest, KeyTransport};
use scep::error::FailInfo;
use scep::message::{Addressee, envelope};
use scep::transport::{HttpRequest, base64_encode, percent_encode};
use scep::wire::{Certificate, ExtensionsBuilder, GeneralName, Oid};

fn legacy() -> Server {
    Server::with(config_with(&PROVIDER_WITH_LEGACY).danger_accept_des_cbc(true))
}

/// The message gets its certificate, by POST, and again by GET at `target`, where `{}` stands for the base64.
#[track_caller]
fn answered(server: &Server, message: &Message, certificate: &[u8], target: &str, text: &str) {
    let (read, opened) = server.ask(message).success_for(&DEVICE, certificate);
    assert_eq!(read.transaction.1, value(message, Oid::TRANSACTION_ID));
    assert_eq!(read.recipient_nonce, value(message, Oid::SENDER_NONCE));
    let again = server.serve(HttpRequest::new("GET", target.replace("{}", text), Vec::new()));
    assert_eq!(again.success_for(&DEVICE, certificate).1.certificates, opened.certificates);
    assert_eq!(server.issuer.count(), 1);
}

fn value(message: &Message, which: Oid<'_>) -> Vec<u8> {
    let (_, value) = message.attributes.iter().find(|(known, _)| known == which.as_bytes()).unwrap();
    elements(value)[0].1.to_vec()
}

const GET: &str = "/scep?operation=PKIOperation&message={}";

fn escaped(message: &Message) -> String {
    percent_encode(base64_encode(&message.encode()).as_bytes())
}

fn alternative_name() -> Vec<u8> {
    let names = ExtensionsBuilder::default()
        .subject_alt_names(&[GeneralName::Dns("a-device-with-a-long-name.example.test")]);
    attribute(Oid::EXTENSION_REQUEST, &names.unwrap().build())
}

/// micromdm's client: SHA-1, single DES in a constructed `[0]`, no parameters anywhere.
fn scepclient(certificate: &[u8]) -> Message {
    let mut envelope = Envelope::new(Csr::new(&DEVICE).encode());
    envelope.set_cipher(ContentEncryption::DesCbc);
    envelope.recipient.algorithm = algorithm(Oid::RSA_ENCRYPTION, &[]);
    let mut message = Message::new("19", in_one_chunk(&envelope), &DEVICE, certificate);
    set_algorithms(&mut message, Digest::Sha1, &[], (Oid::SHA1_WITH_RSA, &[]));
    message.set_transaction(b"k+3/Yz0aPqWq1nVvQx/8+TqBd2M=");
    message
}

// P5, P7, P11, P12, P13, quirks 1, 29, 33, 39, Q16, I-14
#[test]
fn a_request_like_that_of_scepclient_is_answered_where_des_and_sha1_may_be() {
    let signer =
        X509 { subject: name("CN=SCEP SIGNER"), issuer: name("CN=SCEP SIGNER"), ..X509::device(&DEVICE) };
    let certificate = signer.sign(&DEVICE);
    let message = scepclient(&certificate);
    let text = base64_encode(&message.encode()).replace('+', "-").replace('/', "_");
    let target = "/scep?message={}&operation=PKIOperation";
    answered(&legacy(), &message, &certificate, target, &text.replace('=', "%3D"));
}

// P13, Q4, quirk 39: what cannot be is told from the outside, and the client shows it
#[test]
fn a_request_like_that_of_scepclient_is_bad_alg_elsewhere() {
    let message = scepclient(&DEVICE_CERTIFICATE);
    let modern = Server::new().ask(&message).cert_rep();
    assert_eq!((modern.status.as_str(), modern.fail_info.as_deref()), ("2", Some("0")));
    let sha1_only = Server::with(config_with(&PROVIDER_WITH_LEGACY));
    let answer = sha1_only.ask(&message);
    let read = answer.failure(FailInfo::BadAlg, 0);
    assert_eq!(read.digest, Digest::Sha1);
}

// P4, quirks 2, 34, 42, 43, I-12: its attributes are no sorted SET, and were signed so
#[test]
fn a_request_like_that_of_strongswan_is_answered() {
    let attributes = [alternative_name(), challenge(UTF8, CHALLENGE.as_bytes())];
    assert!(!attributes.is_sorted());
    let certificate = X509 { serial: vec![0x5A; 20], ..X509::device(&DEVICE) }.sign(&DEVICE);
    for cipher in [ContentEncryption::Aes128Cbc, ContentEncryption::TripleDesCbc] {
        let mut message = pkcs_req_with(
            |csr| csr.attributes = Some(attributes.to_vec()),
            |e| e.set_cipher(cipher),
            |m| set_algorithms(m, Digest::Sha256, NULL, (sha_with_rsa(Digest::Sha256), NULL)),
        );
        message = Message {
            attributes: message.attributes,
            digest_algorithm: message.digest_algorithm,
            signature_algorithm: message.signature_algorithm,
            ..Message::new("19", message.content, &DEVICE, &certificate)
        };
        message.set_transaction(b"0B1C2D3E4F5061728394A5B6C7D8E9FA0B1C2D3E");
        let base64 = base64_encode(&message.encode());
        let lines: Vec<&str> =
            base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        let text = percent_encode(format!("{}\n", lines.join("\n")).as_bytes());
        answered(&legacy(), &message, &certificate, GET, &text);
    }
}

// P3, P7, P12, quirks 42, 51, Q16, X-2, X-10
#[test]
fn a_request_like_that_of_certmonger_is_answered() {
    let certificate = X509 { version: None, serial: vec![0x6D; 32], ..X509::device(&DEVICE) }.sign(&DEVICE);
    let friendly_name = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 20];
    let friendly_name = attribute(Oid::new(&friendly_name), &tlv(0x1E, &[&[0, b'd', 0, b'1']]));
    let mut csr = Csr::new(&DEVICE);
    let password = challenge(0x13, CHALLENGE.as_bytes());
    csr.attributes = Some(vec![friendly_name, password, alternative_name()]);
    let mut envelope = Envelope::new(csr.encode());
    envelope.set_cipher(ContentEncryption::Aes256Cbc);
    let mut message = Message::new("19", envelope.encode(), &DEVICE, &certificate);
    message.set_transaction(&[b'7'; 77]);
    let server = Server::new();
    answered(&server, &message, &certificate, GET, &escaped(&message));
    let read = server.ask(&message).success_for(&DEVICE, &certificate).1;
    assert_eq!(read.cipher, ContentEncryption::Aes256Cbc);
}

// P3, P7, P9, R-3.3.3-2: its polls name the RA where the CA belongs
#[test]
fn a_request_and_polls_like_those_of_sscep_are_answered() {
    let certificate = X509 { serial: vec![0x21; 32], ..X509::device(&DEVICE) }.sign(&DEVICE);
    let mut server = Server::new().policy(hold);
    let request =
        Message::new("19", Envelope::new(Csr::new(&DEVICE).encode()).encode(), &DEVICE, &certificate);
    let names = seq(&[&name("CN=RA"), &name(crate::requests::SUBJECT)]);
    assert_ne!(names, poll_content());
    let poll = Message::new("20", Envelope::new(names).encode(), &DEVICE, &certificate);
    let [request, poll] = [request, poll].map(|mut message| {
        message.set_transaction(b"0123456789ABCDEF0123456789ABCDEF");
        message
    });
    for message in [&request, &poll] {
        assert_eq!(server.ask(message).cert_rep().status, "3");
    }
    server.policy = approve;
    answered(&server, &poll, &certificate, GET, &escaped(&poll));
}

// P5, Q7, quirks 28, 33, 36, I-5: indefinite lengths, strings in pieces, no parameters
#[test]
fn a_request_like_that_of_jscep_is_answered() {
    let message = pkcs_req_with(
        |_| (),
        |e| e.ber = true,
        |m| {
            m.ber = true;
            set_algorithms(m, Digest::Sha512, &[], (sha_with_rsa(Digest::Sha512), NULL));
            add_algorithm_protection(m);
            m.set_transaction(b"0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e");
        },
    );
    answered(&Server::new(), &message, &DEVICE_CERTIFICATE, GET, &escaped(&message));
}

// P6, P5, R-3.2-1: the type of the content is that of what is inside; messageType and attributes are as strict as ever
#[test]
fn a_request_like_that_of_xipki_is_answered() {
    for ber in [true, false] {
        let message = pkcs_req_with(
            |_| (),
            |_| (),
            |m| {
                m.ber = ber;
                set_algorithms(m, Digest::Sha512, &[], (sha_with_rsa(Digest::Sha512), NULL));
                under_its_own_type(m);
                add_algorithm_protection(m);
            },
        );
        answered(&Server::new(), &message, &DEVICE_CERTIFICATE, GET, &escaped(&message));
    }
    // what is named so must be it
    let other = pkcs_req_with(
        |_| (),
        |_| (),
        |m| {
            m.content = Csr::new(&DEVICE).encode();
            under_its_own_type(m);
        },
    );
    Server::new().ask(&other).refused(FailInfo::BadRequest, 0);
    // an EnvelopedData without its ContentInfo is what RFC 5652 means by that type, and nobody sends it
    let bare = pkcs_req_with(
        |_| (),
        |_| (),
        |m| {
            let info = elements(elements(&m.content)[0].1)[1].1.to_vec();
            m.content = info;
            under_its_own_type(m);
        },
    );
    Server::new().ask(&bare).refused(FailInfo::BadRequest, 0);
    // the attribute and the content have to agree, either way
    let disagree = pkcs_req_with(
        |_| (),
        |_| (),
        |m| {
            under_its_own_type(m);
            m.set(Oid::CONTENT_TYPE, &oid(Oid::ID_DATA));
        },
    );
    Server::new().ask(&disagree).refused(FailInfo::BadMessageCheck, 0);
}

// P6, P7, quirk 46: EnvelopedData of version 1, no signing time
#[test]
fn a_request_like_that_of_pyscep_is_answered() {
    let certificate = X509 { serial: vec![0x31; 8], ..X509::device(&DEVICE) }.sign(&DEVICE);
    let mut csr = Csr::new(&DEVICE);
    csr.attributes = Some(vec![challenge(0x13, CHALLENGE.as_bytes()), alternative_name()]);
    let mut envelope = Envelope::new(csr.encode());
    envelope.set_cipher(ContentEncryption::Aes256Cbc);
    envelope.version = 1;
    for id in [&b"0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e"[..], b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"] {
        let mut message = Message::new("19", envelope.encode(), &DEVICE, &certificate);
        set_algorithms(&mut message, Digest::Sha512, NULL, (Oid::RSA_ENCRYPTION, NULL));
        message.set_transaction(id);
        answered(&Server::new(), &message, &certificate, GET, &escaped(&message));
    }
}

// Q7, quirks 28, 44, 47, 51: 3DES and SHA-1, 8 bytes of nonce, pieces, a random name in a certificate of long ago
#[test]
fn a_request_like_that_of_apples_mdm_client_is_answered_where_3des_and_sha1_may_be() {
    let own = name("CN=5F0A1B2C-3D4E-5F60-7182-93A4B5C6D7E8");
    let long_ago = crate::requests::validity(946_684_800, 978_307_200);
    let signer = X509 { subject: own.clone(), issuer: own, validity: long_ago, ..X509::device(&DEVICE) };
    let certificate = signer.sign(&DEVICE);
    let mut envelope = Envelope::new(Csr::new(&DEVICE).encode());
    envelope.set_cipher(ContentEncryption::TripleDesCbc);
    envelope.ber = true;
    let mut message = Message::new("19", envelope.encode(), &DEVICE, &certificate);
    message.ber = true;
    set_algorithms(&mut message, Digest::Sha1, NULL, (Oid::RSA_ENCRYPTION, NULL));
    message.set(Oid::SENDER_NONCE, &tlv(4, &[&[0xA5; 8]]));
    let server = legacy();
    answered(&server, &message, &certificate, GET, &base64_encode(&message.encode()));
    let read = server.ask(&message).success_for(&DEVICE, &certificate);
    assert_eq!((read.0.digest, read.1.cipher), (Digest::Sha1, ContentEncryption::TripleDesCbc));
}

// Q22, quirk 38, I-22, ALG-5, MMA-9: Windows, and CAs whose keys cannot do PKCS #1 v1.5
#[test]
fn a_request_whose_content_key_is_encrypted_with_oaep_is_answered() {
    let ca = Certificate::parse(&CA_CERTIFICATE).unwrap();
    for transport in [KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
        let addressee = Addressee::Certificate { certificate: &ca, transport };
        let csr = Csr::new(&DEVICE).encode();
        let cipher = ContentEncryption::Aes128Cbc;
        let content = envelope(&PROVIDER, &csr, addressee, cipher, &mut seeded(5)).unwrap();
        let message = Message::new("19", content, &DEVICE, &DEVICE_CERTIFICATE);
        answered(&Server::new(), &message, &DEVICE_CERTIFICATE, GET, &escaped(&message));
    }
}

// quirks 6, 25, P12: what stands in front of the query and beside it does not matter
#[test]
fn the_queries_of_deployed_clients_get_the_same_certificates() {
    let server = Server::new();
    let get = |target: &str| server.serve(HttpRequest::new("GET", target, Vec::new())).outcome.reply;
    let expected = get("/scep?operation=GetCACert");
    assert_eq!(expected.status, 200);
    for query in [
        "message=",  // PyScep, scepreq
        "message=0", // certmonger, which goes on to 1, 2 ...
        "message=1",
        "message=2",
        "message=CAIdentifier", // sscep
        "message=*",            // cryptlib
        "message=default",      // Windows
    ] {
        for path in ["/scep", "/cgi-bin/pkiclient.exe", "/certsrv/mscep/mscep.dll/pkiclient.exe"] {
            assert_eq!(get(&format!("{path}?operation=GetCACert&{query}")), expected, "{path} {query}");
            assert_eq!(get(&format!("{path}?{query}&operation=GetCACert")), expected, "{path} {query}");
        }
    }
}

// quirk 52, C-10-1: EJBCA and jscep take the first certificate for the signer's; clients send them in any order
#[test]
fn a_chain_behind_or_before_the_signers_certificate_does_no_harm() {
    let chain = [crate::requests::CA_CERTIFICATE.clone(), crate::requests::STRANGER_CERTIFICATE.clone()];
    // the stranger has the same names and the same serial number: only the first one that fits counts
    let message = pkcs_req_with(|_| (), |_| (), |m| m.certificates.extend(chain.clone()));
    Server::new().ask(&message).success();
    let envelope = Envelope::to(Csr::new(&DEVICE).encode(), Recipient::new(&chain[0], &crate::requests::CA));
    let mut message = Message::new("19", envelope.encode(), &DEVICE, &DEVICE_CERTIFICATE);
    message.certificates.insert(0, chain[0].clone());
    Server::new().ask(&message).success();
}
