//! GetCert and GetCRL: who may ask for what, one answer for all that is not found, and nothing stored.

use crate::provider::PROVIDER;
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, YEAR, name, seeded, tlv};
use scep::Error;
use scep::error::{ApiMisuse, BadEnvelope, InvalidMessage, PeerMisbehaved, Unavailable, Unsupported};
use scep::server::{CertificateAccess, Decide, Exchange, Identity, ServerConfig, Status};
use scep::wire::{FailInfo, MessageType, Oid};

/// A server that answers both.
fn server() -> Server {
    finding(CertificateAccess::Own)
}

fn finding(access: CertificateAccess) -> Server {
    Server::with(config().get_cert(access).get_crl(true)).policy(never)
}

/// For tests in which no question may be asked.
fn asks_nothing(server: Server) -> Server {
    server.find(|_, question, _| panic!("{question:?}")).find_crl(|_, question, _| panic!("{question:?}"))
}

fn ask_for(message_type: &str, content: Vec<u8>) -> Message {
    Message::new(message_type, Envelope::new(content).encode(), &DEVICE, &OLD_CERTIFICATE)
}

/// GetCert of the device, for this certificate.
fn get_cert(certificate: &[u8]) -> Message {
    ask_for("21", issuer_and_serial(certificate))
}

/// GetCRL of the device, for its own certificate.
fn get_crl() -> Message {
    ask_for("22", issuer_and_serial(&OLD_CERTIFICATE))
}

/// A certificate of the CA.
fn issued(subject: &str, serial: &[u8], alt_names: &[&str]) -> Vec<u8> {
    let mut template = X509 { serial: serial.to_vec(), ..X509::of("CN=x", "CN=Server CA", &STRANGER) };
    template.subject = if subject.is_empty() { vec![0x30, 0] } else { name(subject) };
    if !alt_names.is_empty() {
        template.extensions.push((Oid::SUBJECT_ALT_NAME, dns_names(alt_names)));
    }
    template.sign(&CA)
}

/// A CRL of this issuer, signed by nobody.
fn crl_of(issuer: &str, version: &[u8]) -> Vec<u8> {
    let signature = algorithm(Oid::SHA256_WITH_RSA, NULL);
    let this_update = tlv(0x17, &[b"270101000000Z"]);
    let tbs = seq(&[version, &signature, &name(issuer), &this_update]);
    seq(&[&tbs, &signature, &tlv(3, &[&[0], &[7; 256]])])
}

/// What the message costs: no table, no store.
#[track_caller]
fn cost(answer: &Answer<'_>, decided: usize) {
    assert_eq!(answer.counts, Counts { decrypted: 1, decided, signed: 1, ..Counts::default() });
    assert!(!answer.changed);
}

// R-2.6-2, R-3.3.2.1-4, R-4.5.1-1, R-3.3.2-2, case 93
#[test]
fn a_device_gets_its_own_certificate() {
    let server = server().find(|_, question, rng| {
        assert!(question.wanted().matches(&scep::wire::Certificate::parse(&OLD_CERTIFICATE).unwrap()));
        assert_eq!(question.signer().as_ref(), *OLD_CERTIFICATE);
        question.found(certificate(&OLD_CERTIFICATE), rng)
    });
    let answer = server.ask(&get_cert(&OLD_CERTIFICATE));
    cost(&answer, 1);
    answer.message_type(Some(MessageType::GetCert));
    assert_eq!(answer.outcome.summary.status, Status::Success);
    let read = answer.cert_rep();
    assert_eq!((read.status.as_str(), &read.fail_info), ("0", &None));
    assert_eq!(read.open(&DEVICE, &OLD_CERTIFICATE).certificates, std::slice::from_ref(&*OLD_CERTIFICATE));
}

// R-2.7-2, R-3.3.2.1-5, R-4.6.1-1, R-3.3.2-2, case 95
#[test]
fn a_device_gets_one_crl_and_no_certificates() {
    for version in [&[][..], &[2, 1, 1]] {
        let server = server().find_crl(|_, question, rng| {
            assert_eq!(question.wanted().issuer.as_der(), name("CN=Server CA"));
            assert_eq!(question.wanted().serial, [0x51]);
            assert_eq!(question.signer().as_ref(), *OLD_CERTIFICATE);
            question.absent(rng)
        });
        server.ask(&get_crl()).refused(FailInfo::BadCertId, 1);
        let question = match server.walk(get_crl().encode(), |step| matches!(step, Exchange::Decide(_))) {
            Exchange::Decide(Decide::Crl(question)) => question,
            other => panic!("{other:?}"),
        };
        let crl = crl_of("CN=Server CA", version);
        let answer = server.go_on(question.found(crl.clone(), &mut seeded(3)));
        answer.message_type(Some(MessageType::GetCrl));
        let read = answer.cert_rep();
        assert_eq!((read.status.as_str(), &read.fail_info), ("0", &None));
        assert_eq!(read.open_crl(&DEVICE, &OLD_CERTIFICATE), crl);
        assert!(!answer.changed);
    }
}

// E20, T27, R-3.3.4-2, case 95: each has a switch of its own
// R-7.8-1: and it costs nothing but a signature
#[test]
fn what_is_switched_off_is_bad_request_before_any_key_is_used() {
    let off = |config: ServerConfig| asks_nothing(Server::with(config)).policy(never);
    for (server, message) in [
        (off(config()), get_cert(&OLD_CERTIFICATE)),
        (off(config()), get_crl()),
        (off(config().get_crl(true).renewal(true)), get_cert(&OLD_CERTIFICATE)),
        (off(config().get_cert(CertificateAccess::Any).renewal(true)), get_crl()),
        (off(config().get_cert(CertificateAccess::Any).get_crl(true).get_crl(false)), get_crl()),
    ] {
        let answer = server.ask(&message);
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(Unsupported::Operation);
        assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() });
    }
}

// T27, E17: nobody asks without a valid certificate of the CA, and no key is used for him
#[test]
fn a_stranger_gets_the_answer_for_what_does_not_exist_before_any_key_is_used() {
    let server = asks_nothing(finding(CertificateAccess::Any));
    let own = |change: fn(&mut X509)| {
        let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
        change(&mut template);
        template.sign(&CA)
    };
    let expired = own(|t| t.validity = validity(NOW - YEAR, NOW - 1));
    let agent = own(|t| t.extensions.push((Oid::EXTENDED_KEY_USAGE, seq(&[&oid(Oid::CMC_RA)]))));
    let look_alike = X509::of(SUBJECT, "CN=Server CA", &DEVICE).sign(&STRANGER);
    for certificate in [&DEVICE_CERTIFICATE, &expired, &agent, &look_alike] {
        for number in ["21", "22"] {
            let content = Envelope::new(issuer_and_serial(&OLD_CERTIFICATE)).encode();
            let answer = server.ask(&Message::new(number, content, &DEVICE, certificate));
            answer.refused(FailInfo::BadCertId, 0);
            answer.cause(PeerMisbehaved::UnknownCertificate);
            assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() });
        }
    }
}

// R-2.6-2, T27, case 94: forbidden looks like absent
#[test]
fn certificates_of_others_are_found_only_where_anybody_may_ask() {
    let others = issued("CN=somebody", &[0x60], &[]);
    let ask = |access, found: Vec<u8>, signer: &[u8]| {
        let server = finding(access);
        let message = Message::new("21", Envelope::new(issuer_and_serial(&found)).encode(), &DEVICE, signer);
        let question = match server.walk(message.encode(), |step| matches!(step, Exchange::Decide(_))) {
            Exchange::Decide(Decide::Certificate(question)) => question,
            other => panic!("{other:?}"),
        };
        let answer = server.go_on(question.found(certificate(&found), &mut seeded(4)));
        let read = answer.cert_rep();
        (read.status, read.fail_info, answer.outcome.cause)
    };
    let found = ("0".to_string(), None, None);
    let absent = ("2".to_string(), Some("4".to_string()), Some(PeerMisbehaved::UnknownCertificate.into()));
    assert_eq!(ask(CertificateAccess::Any, others.clone(), &OLD_CERTIFICATE), found);
    assert_eq!(ask(CertificateAccess::Own, others, &OLD_CERTIFICATE), absent);
    // the same subject in other letters, under another key
    let former = issued("O=TEST, CN=DEV1", &[0x61], &[]);
    assert_eq!(ask(CertificateAccess::Own, former, &OLD_CERTIFICATE), found);

    // where the subject is empty, the alternative names say whose it is
    let nameless = |names: &[&str], serial: u8| {
        let mut template = X509 { serial: vec![serial], ..X509::of("CN=x", "CN=Server CA", &DEVICE) };
        template.subject = vec![0x30, 0];
        if !names.is_empty() {
            template.extensions.push((Oid::SUBJECT_ALT_NAME, dns_names(names)));
        }
        template.sign(&CA)
    };
    let signer = nameless(&["a.example"], 0x62);
    assert_eq!(ask(CertificateAccess::Own, issued("", &[0x63], &["a.example"]), &signer), found);
    assert_eq!(ask(CertificateAccess::Own, issued("", &[0x64], &["b.example"]), &signer), absent);
    assert_eq!(ask(CertificateAccess::Own, issued("", &[0x65], &[]), &nameless(&[], 0x66)), absent);
    assert_eq!(ask(CertificateAccess::Any, issued("", &[0x64], &["b.example"]), &signer), found);
}

/// What an observer sees.
#[derive(Debug, PartialEq)]
struct Seen {
    length: usize,
    attributes: Vec<Vec<u8>>,
    counts: Counts,
}

fn seen(answer: &Answer<'_>) -> Seen {
    let read = answer.refused(FailInfo::BadCertId, 1);
    assert!(!answer.changed);
    // whether the owner was asked does not show
    let counts = Counts { decided: 0, ..answer.counts };
    Seen { length: read.length, attributes: read.attributes, counts }
}

type Change = fn(&mut Envelope);

// T2, T27, MMA-7, E17, X-2, case 93, case 96: the same answer for all that can go wrong once the key was used
#[test]
fn everything_that_is_not_found_gets_the_same_answer() {
    let absent = server().find(|_, question, rng| question.absent(rng));
    let absent = absent.find_crl(|_, question, rng| question.absent(rng));
    let expected = seen(&absent.ask(&get_cert(&OLD_CERTIFICATE)));
    let changes: [(&str, Error, Change); 14] = [
        ("no PKCS #1 block", BadEnvelope::Content.into(), |e| e.recipient.block = Some(vec![0; 256])),
        ("short content key", BadEnvelope::Content.into(), |e| {
            e.recipient.block = Some(wrap_block(&[9; 15]))
        }),
        ("another content key", BadEnvelope::Content.into(), |e| {
            e.recipient.block = Some(wrap_block(&[9; 16]))
        }),
        ("key above n", BadEnvelope::Content.into(), |e| e.recipient.encrypted_key = Some(vec![0xFF; 256])),
        ("padding 17", BadEnvelope::Content.into(), |e| e.padded = Some(vec![17; 32])),
        ("padding 0", BadEnvelope::Content.into(), |e| e.padded = Some(vec![0; 32])),
        ("noise", BadEnvelope::Content.into(), |e| e.ciphertext = Some((0..=255).collect())),
        ("a byte behind", BadEnvelope::Content.into(), |e| e.plaintext.push(0)),
        ("cut off", BadEnvelope::Content.into(), |e| e.plaintext.truncate(e.plaintext.len() - 1)),
        ("nothing", InvalidMessage::Der.into(), |e| e.plaintext = Vec::new()),
        ("a SEQUENCE", InvalidMessage::Der.into(), |e| e.plaintext = vec![0x30, 0]),
        ("a NULL", InvalidMessage::Der.into(), |e| e.plaintext = NULL.to_vec()),
        ("a request", InvalidMessage::Der.into(), |e| e.plaintext = Csr::new(&DEVICE).encode()),
        ("names of a poll", InvalidMessage::Der.into(), |e| e.plaintext = poll_content()),
    ];
    let server = asks_nothing(server());
    for number in ["21", "22"] {
        for (what, cause, change) in changes {
            let mut envelope = Envelope::new(issuer_and_serial(&OLD_CERTIFICATE));
            change(&mut envelope);
            let message = Message::new(number, envelope.encode(), &DEVICE, &OLD_CERTIFICATE);
            let answer = server.ask(&message);
            assert_eq!(seen(&answer), expected, "{what}");
            assert_eq!(answer.counts.decided, 0, "{what}");
            // a random key may give a proper padding
            let causes = [Some(cause), Some(BadEnvelope::Content.into())];
            assert!(causes.contains(&answer.outcome.cause), "{what}: {:?}", answer.outcome.cause);
        }
        // issuers that are none of the CA's are not asked about
        for issuer in ["CN=Other CA", "CN=Server CA, CN=x", SUBJECT] {
            let answer = server.ask(&ask_for(number, seq(&[&name(issuer), &[2, 1, 0x51]])));
            assert_eq!(seen(&answer), expected, "{issuer}");
            answer.cause(PeerMisbehaved::UnknownCertificate);
            assert_eq!(answer.counts.decided, 0);
        }
        // odd serial numbers are those of no certificate, and nothing else
        for serial in [&[][..], &[0], &[0x80], &[0xFF, 0xFF], &[0, 0x51], &[0x7F; 21], &[0x7F; 200]] {
            let answer = absent.ask(&ask_for(number, seq(&[&name("CN=Server CA"), &tlv(2, &[serial])])));
            assert_eq!(seen(&answer), expected, "{serial:?}");
        }
    }
    // forbidden
    let server = self::server()
        .find(|_, question, rng| question.found(certificate(&issued("CN=somebody", &[0x60], &[])), rng));
    let answer = server.ask(&ask_for("21", seq(&[&name("CN=Server CA"), &[2, 1, 0x60]])));
    assert_eq!(seen(&answer), expected);
}

// T2, E17: an issuer may be written in another way, but not at such a length that reading it shows in the time
#[test]
fn an_issuer_is_found_in_other_string_types_and_not_among_long_names() {
    let wide: Vec<u8> = "server  ca".bytes().flat_map(|letter| [0, 0, 0, letter]).collect();
    let common_name = |value: &[u8]| seq(&[&tlv(0x31, &[&seq(&[&oid(Oid::COMMON_NAME), value])])]);
    let spaced = format!("Server{}CA", " ".repeat(100));
    for (issuer, is_asked_about) in [
        (common_name(&tlv(0x1C, &[&wide])), true),
        (common_name(&tlv(UTF8, &[b"SERVER CA"])), true),
        (common_name(&tlv(UTF8, &[spaced.as_bytes()])), false),
        (seq(&[&[5, 0]]), false),
    ] {
        let server = server().find(|_, question, rng| question.absent(rng));
        let answer = server.ask(&ask_for("21", seq(&[&issuer, &[2, 1, 0x51]])));
        answer.refused(FailInfo::BadCertId, 1);
        assert_eq!(answer.counts.decided, usize::from(is_asked_about), "{issuer:x?}");
    }
}

// E6, E10, T3: what can be told without the key is as for every message
#[test]
fn the_envelope_of_a_query_has_to_be_one_for_us() {
    let server = asks_nothing(server());
    for number in ["21", "22"] {
        let mut envelope = Envelope::new(issuer_and_serial(&OLD_CERTIFICATE));
        envelope.recipient = Recipient::new(&RA_CERTIFICATE, &RA);
        let answer = server.ask(&Message::new(number, envelope.encode(), &DEVICE, &OLD_CERTIFICATE));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Recipient);
    }
}

// R-3.3.2.1-4, E21: the owner's mistake is never sent
#[test]
fn another_certificate_than_the_wanted_one_is_503() {
    let wrong: [fn() -> Vec<u8>; 5] = [
        || issued(SUBJECT, &[0x52], &[]),
        || X509 { serial: vec![0x51], ..X509::of(SUBJECT, "CN=Other CA", &DEVICE) }.sign(&CA),
        || issued(SUBJECT, &[0, 0x51], &[]),
        || CA_CERTIFICATE.clone(),
        || vec![0x30, 0],
    ];
    for make in wrong {
        let server = finding(CertificateAccess::Any);
        let question = match server
            .walk(get_cert(&OLD_CERTIFICATE).encode(), |step| matches!(step, Exchange::Decide(_)))
        {
            Exchange::Decide(Decide::Certificate(question)) => question,
            other => panic!("{other:?}"),
        };
        let answer = server.go_on(question.found(certificate(&make()), &mut seeded(5)));
        answer.unavailable();
        answer.cause(ApiMisuse::Certificate);
    }
}

// R-3.3.2.1-5, E21
#[test]
fn what_is_no_crl_of_the_wanted_issuer_is_503() {
    let whole = crl_of("CN=Server CA", &[2, 1, 1]);
    let wrong = [
        crl_of("CN=Other CA", &[2, 1, 1]),
        whole[..whole.len() - 1].to_vec(),
        [&whole[..], &[0]].concat(),
        OLD_CERTIFICATE.clone(),
        vec![0x30, 0],
        Vec::new(),
        b"-----BEGIN X509 CRL-----".to_vec(),
    ];
    for crl in wrong {
        let server = server();
        let question = match server.walk(get_crl().encode(), |step| matches!(step, Exchange::Decide(_))) {
            Exchange::Decide(Decide::Crl(question)) => question,
            other => panic!("{other:?}"),
        };
        let answer = server.go_on(question.found(crl, &mut seeded(5)));
        answer.unavailable();
        answer.cause(ApiMisuse::Crl);
    }
}

// E21
#[test]
fn a_directory_that_is_down_is_503() {
    let server = server().find(|_, question, _| question.unavailable());
    let server = server.find_crl(|_, question, _| question.unavailable());
    for message in [get_cert(&OLD_CERTIFICATE), get_crl()] {
        let answer = server.ask(&message);
        answer.unavailable();
        answer.cause(Unavailable::Decision);
        assert!(!answer.changed);
    }
}

// R-4.5.1-1: nothing of a query is remembered, and a known transactionID makes no difference
#[test]
fn a_query_under_the_transaction_id_of_a_request_leaves_the_request_alone() {
    let mut server = server().find(|_, question, rng| question.found(certificate(&OLD_CERTIFICATE), rng));
    server.policy = hold;
    server.ask(&pkcs_req()).pending();
    let before = server.snapshot();
    let answer = server.ask(&get_cert(&OLD_CERTIFICATE));
    cost(&answer, 1);
    assert_eq!(answer.cert_rep().status, "0");
    assert_eq!(server.snapshot(), before);
    server.ask(&cert_poll()).pending();
}

// E17: certificates of a former CA, and its CRL, are the CA's as well
#[test]
fn certificates_of_named_issuers_can_be_asked_for() {
    let former = X509::ca("CN=Former CA", &STRANGER).sign(&STRANGER);
    let old = X509 { serial: vec![0x51], ..X509::of(SUBJECT, "CN=Former CA", &DEVICE) }.sign(&STRANGER);
    let ca = certificate(&CA_CERTIFICATE);
    let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca])
        .also_renew(vec![certificate(&former)])
        .get_cert(CertificateAccess::Own)
        .get_crl(true);
    let server = Server::with(config).policy(never);
    for number in ["21", "22"] {
        let content = Envelope::new(issuer_and_serial(&old)).encode();
        let message = Message::new(number, content, &DEVICE, &old);
        let asked = server.walk(message.encode(), |step| matches!(step, Exchange::Decide(_)));
        let answer = match asked {
            Exchange::Decide(Decide::Certificate(question)) => {
                question.found(certificate(&old), &mut seeded(1))
            }
            Exchange::Decide(Decide::Crl(question)) => {
                question.found(crl_of("CN=Former CA", &[]), &mut seeded(1))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(server.go_on(answer).cert_rep().status, "0");
    }
}
