//! Every limit of both presets at its edge: what is as large as it may be passes, and one more is refused by name.

use crate::cert_rep::{Asked, CertRep, reply};
use crate::client_kit::{Kit, standard};
use crate::counting::{COUNTING, used};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CA_NAME, Template, TestKey, URL, name, tlv};
use scep::client::{ClientConfig, Step, Transmit, TrustedCa};
use scep::error::{Error, InvalidMessage, Limit};
use scep::message::{PathContext, check_path};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse, base64_encode, percent_encode};
use scep::wire::{
    AlgorithmIdentifier, Capabilities, Certificate, CertificationRequest, EnvelopedData, Extensions, Limits,
    Nonce, Oid, Pbkdf2Parameters, SignedData, TransactionId, normalize, subject_alt_names,
};

const PRESETS: [Limits; 2] = [Limits::DEFAULT, Limits::FIRMWARE];

fn is(limit: Limit) -> Option<Error> {
    Some(limit.into())
}

#[test]
fn the_presets_have_the_values_that_are_promised() {
    let Limits { message, response, url, capabilities, capability_lines, depth, nodes, .. } = Limits::DEFAULT;
    assert_eq!((message, response, url), (65_536, 262_144, 65_534));
    assert_eq!((capabilities, capability_lines, depth, nodes), (4096, 64, 24, 20_000));
    let Limits { certificates, crls, recipients, attributes, path, signatures, .. } = Limits::DEFAULT;
    assert_eq!((certificates, crls, recipients, attributes, path, signatures), (16, 1, 4, 16, 6, 8));
    let Limits { certification_request, challenge, extensions, names, .. } = Limits::DEFAULT;
    assert_eq!((certification_request, challenge, extensions, names), (32_768, 8192, 32, 64));
    let Limits { rsa_min_bits, rsa_max_bits, pbkdf2_iterations, .. } = Limits::DEFAULT;
    assert_eq!((rsa_min_bits, rsa_max_bits, pbkdf2_iterations), (2048, 8192, 600_000));

    let mut expected = Limits::DEFAULT;
    (expected.message, expected.response, expected.depth, expected.nodes) = (16_384, 32_768, 16, 4000);
    (expected.certificates, expected.certification_request) = (6, 8192);
    (expected.rsa_max_bits, expected.pbkdf2_iterations) = (4096, 100_000);
    assert_eq!(Limits::FIRMWARE, expected);
}

// T38, T39, T57, E3
#[test]
fn a_request_as_long_as_allowed_is_read_and_one_byte_more_is_not() {
    let mut beyond = Limits::DEFAULT;
    (beyond.message, beyond.response, beyond.url) = (usize::MAX, usize::MAX, usize::MAX);
    for (limits, message, url) in [
        (Limits::DEFAULT, 64 << 10, 65_534),
        (Limits::FIRMWARE, 16 << 10, 65_534),
        (beyond, Limits::CEILING, Limits::CEILING),
    ] {
        let server = Server::with(config().limits(limits.clone())).policy(never);
        // nothing is wrong with it but that it is zeros
        let answer = server.post(vec![0; message]);
        answer.http(400);
        answer.cause(InvalidMessage::Ber);
        let answer = server.post(vec![0; message + 1]);
        answer.http(413);
        answer.cause(Limit::Message);
        let get = |parameters: &str| {
            server.serve(HttpRequest::new("GET", format!("/scep?operation={parameters}"), vec![]))
        };
        if message < url / 2 {
            let encoded = |length: usize| base64_encode(&vec![0; length]);
            get(&format!("PKIOperation&message={}", encoded(message))).cause(InvalidMessage::Ber);
            get(&format!("PKIOperation&message={}", encoded(message + 1))).cause(Limit::Message);
        }
        let known = "/scep?operation=GetCACaps&message=".len();
        let answer = get(&format!("GetCACaps&message={}", "a".repeat(url - known)));
        assert_eq!((answer.outcome.reply.status, answer.outcome.cause), (200, None));
        let answer = get(&format!("GetCACaps&message={}", "a".repeat(url - known + 1)));
        answer.http(414);
        answer.cause(Limit::Url);
    }
    // T57: escapes make three bytes of one, and none of these numbers is near overflowing
    assert_eq!(percent_encode(&[0; 1000]).len(), 3000);
}

// T38: whoever normalizes without having looked at the length
#[test]
fn nothing_above_the_ceiling_is_normalized() {
    // tag, and a length of four octets
    let contents = Limits::CEILING - 5;
    assert!(normalize(&tlv(0x30, &[&vec![0; contents]]), &Limits::DEFAULT).is_ok());
    let long = tlv(0x30, &[&vec![0; contents + 1]]);
    assert_eq!(normalize(&long, &Limits::DEFAULT).err(), is(Limit::Message));
}

/// A device that waits for an answer to GetCACert.
fn up_to_ca_certificates(config: ClientConfig) -> (Kit, Transmit) {
    let mut kit = Kit::with(config);
    let Step::Transmit(first) = kit.client.fetch_ca(URL).unwrap() else { panic!() };
    let response = HttpResponse::new(200, None, b"SCEPStandard".to_vec());
    let Step::Transmit(second) = first.receive(response, kit.now, &mut kit.rng).unwrap() else { panic!() };
    (kit, second)
}

// T38, T39
#[test]
fn an_answer_as_long_as_allowed_is_read_and_one_byte_more_is_not() {
    let mut beyond = Limits::DEFAULT;
    beyond.response = usize::MAX;
    for (limits, most) in
        [(Limits::DEFAULT, 256 << 10), (Limits::FIRMWARE, 32 << 10), (beyond, Limits::CEILING)]
    {
        let config = || ClientConfig::new(&COUNTING).limits(limits.clone());
        for (length, error) in [(most, InvalidMessage::Ber.into()), (most + 1, Error::from(Limit::Message))] {
            let (mut kit, transmit) = up_to_ca_certificates(config());
            let body = HttpResponse::new(200, None, vec![0; length]);
            assert_eq!(transmit.receive(body, kit.now, &mut kit.rng).unwrap_err().error, error);

            let mut kit = Kit::with(config());
            let (transmit, _) = kit.renewing();
            assert_eq!(kit.take(transmit, reply(vec![0; length])).unwrap_err().error, error);

            let step = kit.client.fetch_next_ca(URL, kit.trusted(standard())).unwrap();
            let Step::Transmit(transmit) = step else { panic!("{step:?}") };
            let body = HttpResponse::new(200, None, vec![0; length]);
            assert_eq!(transmit.receive(body, kit.now, &mut kit.rng).unwrap_err().error, error);
        }
    }
}

// T39
#[test]
fn capabilities_of_4096_bytes_and_64_lines_are_read_and_no_more() {
    for limits in PRESETS {
        let parse = |body: &[u8]| Capabilities::parse(body, &limits).err();
        assert_eq!((parse(&[b'x'; 4096]), parse(&[b'x'; 4097])), (None, is(Limit::Capabilities)));
        let lines = |count: usize| "AES\r\n".repeat(count);
        assert_eq!(parse(lines(64).as_bytes()), None);
        assert_eq!(parse(lines(65).as_bytes()), is(Limit::Capabilities));
    }
}

// T38
#[test]
fn elements_nest_24_or_16_deep_and_are_20000_or_4000_at_most() {
    for (limits, depth, nodes) in [(Limits::DEFAULT, 24, 20_000), (Limits::FIRMWARE, 16, 4000)] {
        let nested = |depth: usize| [[0x30, 0x80].repeat(depth), [0, 0].repeat(depth)].concat();
        assert_eq!(normalize(&nested(depth), &limits).err(), None);
        assert_eq!(normalize(&nested(depth + 1), &limits).err(), is(Limit::Depth));
        let many = |count: usize| [&[0x30, 0x80][..], &[0x30, 0x81, 0].repeat(count - 1), &[0, 0]].concat();
        assert_eq!(normalize(&many(nodes), &limits).err(), None);
        assert_eq!(normalize(&many(nodes + 1), &limits).err(), is(Limit::Nodes));
    }
}

// T39
#[test]
fn what_a_message_may_have_several_of_is_counted() {
    for (limits, most) in [(Limits::DEFAULT, 16), (Limits::FIRMWARE, 6)] {
        let parse = |message: Message| SignedData::parse(&message.encode(), &limits).err();
        let certificates =
            |count| parse(with_message(|m| m.certificates = vec![DEVICE_CERTIFICATE.clone(); count]));
        assert_eq!((certificates(most), certificates(most + 1)), (None, is(Limit::Certificates)));
        // five are there anyway
        let attributes = |count: u8| {
            parse(with_message(|m| (5..count).for_each(|number| m.push(Oid::new(&[0x2A, number]), NULL))))
        };
        assert_eq!((attributes(16), attributes(17)), (None, is(Limit::Attributes)));
        let recipients = |count| {
            let message = with_envelope(|e| {
                e.recipients = Some(vec![e.recipient.encode(&e.content_key); count]);
            });
            EnvelopedData::parse(&message.content, &limits).err()
        };
        assert_eq!((recipients(4), recipients(5)), (None, is(Limit::Recipients)));
    }
}

// T39
#[test]
fn a_request_with_a_revocation_list_is_400() {
    let server = Server::new().policy(never);
    let answer = server.ask(&with_message(|m| m.crls = seq(&[NULL])));
    answer.http(400);
    answer.cause(Limit::Crls);
}

// T39
#[test]
fn certification_requests_are_bounded_in_all_that_they_hold() {
    for (limits, most) in [(Limits::DEFAULT, 32 << 10), (Limits::FIRMWARE, 8 << 10)] {
        let csr =
            |attributes: Vec<Vec<u8>>| Csr { attributes: Some(attributes), ..Csr::new(&DEVICE) }.encode();
        let filled = |length: usize| csr(vec![attribute(Oid::new(&[0x2A, 1]), &tlv(4, &[&vec![0; length]]))]);
        let parse = |der: &[u8]| CertificationRequest::parse(der, &limits).err();
        let rest = filled(most / 2).len() - most / 2;
        let der = filled(most - rest);
        assert_eq!((der.len(), parse(&der)), (most, None));
        let der = filled(most - rest + 1);
        assert_eq!((der.len(), parse(&der)), (most + 1, is(Limit::CertificationRequest)));

        let many = |count: u8| csr((0..count).map(|at| attribute(Oid::new(&[0x2A, at]), NULL)).collect());
        assert_eq!((parse(&many(16)), parse(&many(17))), (None, is(Limit::Attributes)));
        let rdns = |count: usize| {
            let subject = seq(&[&name("CN=x")[2..].repeat(count)]);
            Csr { subject, ..Csr::new(&DEVICE) }.encode()
        };
        assert_eq!((parse(&rdns(32)), parse(&rdns(33))), (None, is(Limit::Name)));
        let value = |length: usize| {
            let value = seq(&[&oid(Oid::COMMON_NAME), &tlv(UTF8, &[&vec![b'x'; length]])]);
            Csr { subject: seq(&[&tlv(0x31, &[&value])]), ..Csr::new(&DEVICE) }.encode()
        };
        assert_eq!((parse(&value(1024)), parse(&value(1025))), (None, is(Limit::Name)));
    }
    // longer than a request of the firmware preset may be
    let challenge = |length: usize| {
        let text = vec![b'x'; length];
        let der = Csr { attributes: Some(vec![challenge(PRINTABLE, &text)]), ..Csr::new(&DEVICE) }.encode();
        CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap().challenge_password().err()
    };
    assert_eq!((challenge(8192), challenge(8193)), (None, is(Limit::Challenge)));
}

// T39
#[test]
fn extensions_are_32_and_alternative_names_64_at_most() {
    for limits in PRESETS {
        let extensions = |count: u8| {
            let one = |at: u8| seq(&[&oid(Oid::new(&[0x2A, at])), &[4, 0]]);
            let der = seq(&[&(0..count).flat_map(one).collect::<Vec<u8>>()]);
            Extensions::parse(&der, &limits).err()
        };
        assert_eq!((extensions(32), extensions(33)), (None, is(Limit::Extensions)));
        let names = |count: usize| subject_alt_names(&dns_names(&vec!["a.example"; count]), &limits).err();
        assert_eq!((names(64), names(65)), (None, is(Limit::Extensions)));
    }
}

// T39: where no configuration is at hand
#[test]
fn a_certificate_has_32_extensions_at_most() {
    let usage = |count: u8| {
        let numbers: Vec<[u8; 2]> = (1..count).map(|at| [0x2A, at]).collect();
        let extensions = numbers.iter().map(|number| seq(&[&tlv(6, &[number]), &[4, 0]]));
        let usage = seq(&[&oid(Oid::KEY_USAGE), &tlv(4, &[&[3, 2, 5, 0xA0]])]);
        let list = seq(&[&usage, &extensions.collect::<Vec<_>>().concat()]);
        let der = X509 { usage: None, ..X509::device(&DEVICE) }.sign_with_extensions(&list, &DEVICE);
        Certificate::parse(&der).unwrap().extensions().err()
    };
    assert_eq!((usage(32), usage(33)), (None, is(Limit::Extensions)));
}

// T47
#[test]
fn pbkdf2_goes_as_many_rounds_as_the_preset_says() {
    for (limits, most) in [(Limits::DEFAULT, 600_000_u32), (Limits::FIRMWARE, 100_000)] {
        let rounds = |rounds: u32| {
            let rounds = tlv(2, &[&[0], &rounds.to_be_bytes()]);
            let parameters = seq(&[&tlv(4, &[&[7; 16]]), &rounds]);
            let identifier = AlgorithmIdentifier { oid: Oid::PBKDF2, parameters: Some(&parameters) };
            Pbkdf2Parameters::from_identifier(&identifier, &limits).err()
        };
        assert_eq!((rounds(most), rounds(most + 1)), (None, is(Limit::KeyDerivation)));
        assert_eq!((rounds(1000), rounds(999)), (None, is(Limit::KeyDerivation)));
        assert_eq!(rounds(u32::MAX), is(Limit::KeyDerivation));
    }
}

#[test]
fn a_transaction_id_has_255_bytes_and_a_nonce_64_at_most() {
    let id = |length: usize| TransactionId::new(vec![b'a'; length]).err();
    assert_eq!((id(1), id(255)), (None, None));
    assert_eq!((id(0), id(256)), (is(Limit::TransactionId), is(Limit::TransactionId)));
    let nonce = |length: usize| Nonce::from_bytes(&vec![7; length]).err();
    assert_eq!((nonce(1), nonce(64)), (None, None));
    assert_eq!((nonce(0), nonce(65)), (is(Limit::Nonce), is(Limit::Nonce)));
}

// T40
#[test]
fn a_path_has_six_certificates_above_the_leaf_at_most() {
    let check = |between: usize| {
        let keys: [&'static Key; 2] = [&CA, &RA];
        let key = |at: usize| keys[at % 2];
        let root = certificate(&X509::ca("CN=0", key(0)).sign(key(0)));
        let of = |at: usize| X509 {
            issuer: name(&format!("CN={}", at - 1)),
            ..X509::ca(&format!("CN={at}"), key(at))
        };
        let list: Vec<_> = (1..=between).map(|at| certificate(&of(at).sign(key(at - 1)))).collect();
        let leaf = X509::of("CN=leaf", &format!("CN={between}"), &DEVICE).sign(key(between));
        let context = PathContext {
            provider: &COUNTING,
            limits: &Limits::DEFAULT,
            anchors: &[root],
            intermediates: &list.iter().collect::<Vec<_>>(),
            now: None,
        };
        check_path(&Certificate::parse(&leaf).unwrap(), &context).err()
    };
    assert_eq!((check(5), check(6)), (None, is(Limit::Path)));
}

/// A message whose attributes stand in an order that nobody signed at first try: costs two signatures.
fn twice_verified(message: &mut Message) -> Vec<u8> {
    let signed = message.signed();
    let attributes = crate::reading::elements(crate::reading::elements(&signed)[0].1);
    let reversed: Vec<u8> = attributes.iter().rev().flat_map(|(_, _, whole)| whole.to_vec()).collect();
    let encoded = message.encode();
    let start = encoded.windows(signed.len() - 1).position(|part| part == &signed[1..]).unwrap();
    let mut bytes = encoded;
    let end = start + signed.len() - 1;
    bytes[end - reversed.len()..end].copy_from_slice(&reversed);
    bytes
}

// T40
#[test]
fn a_server_verifies_eight_signatures_for_a_message_at_most() {
    // one name, many keys: which of them signed shows only in the arithmetic
    let issuers: Vec<_> = (0..30)
        .map(|serial| certificate(&X509 { serial: vec![serial], ..X509::ca("CN=Former CA", &RA) }.sign(&RA)))
        .collect();
    let server = Server::with(config_with(&COUNTING).renewal(true).also_renew(issuers)).policy(deny);
    let signer = X509::of(SUBJECT, "CN=Former CA", &DEVICE).sign(&STRANGER);
    let mut renewal = renewal_with("17", &signer, |_| ());
    let content = Envelope::new(Csr::new(&DEVICE).encode()).encode();
    let mut first = Message::new("19", content, &DEVICE, &signer);
    for (message, of_requests) in [(&mut renewal, 0), (&mut first, 1)] {
        let bytes = twice_verified(message);
        let (used, answer) = used(|| server.post(bytes));
        assert_eq!(answer.counts.decrypted, of_requests);
        let own = used.iter().filter(|key| *key == CA.public()).count();
        // two of the message, five on certificates, one of the request; apart from the reply's own
        assert_eq!((used.len() - own, own), (7 + of_requests, 1));
    }
    // and who is really one of many is found within the budget
    let good = X509::of(SUBJECT, "CN=Former CA", &DEVICE).sign(&RA);
    let server = server.policy(never).renewal(renew);
    server.ask(&renewal_with("17", &good, |_| ())).success_for(&DEVICE, &good);
}

// T40
#[test]
fn a_client_verifies_eight_signatures_for_a_reply_at_most() {
    let ca = TestKey::ca();
    let mut kit = Kit::with(ClientConfig::new(&COUNTING));
    // the same name twice more, so that each certificate could be of either
    let others: Vec<_> = [2, 3]
        .map(|serial| {
            let template = Template { serial: vec![serial], ..Template::ca(CA_NAME) };
            template.sign(TestKey::ra().soft.public_key_der(), &ca)
        })
        .to_vec();
    let anchors = std::slice::from_ref(&kit.root);
    let trusted = TrustedCa::new(&kit.config, anchors, &others, standard(), kit.now).unwrap();
    let step = kit.client.renew_with(URL, trusted, kit.renewal(), kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    // sixteen for the right key, none of the right issuer
    let leaves: Vec<CertificateDer<'static>> = (0..16)
        .map(|serial| {
            let template = Template { serial: vec![serial], ..Template::leaf("C=DE, CN=dev1") };
            template.sign(kit.new.soft.public_key_der(), &TestKey::stranger())
        })
        .collect();
    let chain: Vec<&[u8]> = leaves.iter().map(AsRef::as_ref).collect();
    let response = kit.sign(CertRep::success(&asked, &chain, &kit.certificate));
    let (used, failed) = used(|| kit.take(transmit, response).unwrap_err());
    assert_eq!(failed.error, Limit::Signatures.into());
    assert_eq!(used.len(), 8);
}

// T40: a hierarchy as deep as a path may be, where an RA at its bottom signs
#[test]
fn the_certificates_of_a_ca_are_verified_once_and_not_for_every_reply() {
    let keys = [TestKey::ca(), TestKey::other_ca()];
    let mut kit = Kit::with(ClientConfig::new(&COUNTING));
    let between: Vec<_> = (1..=4_usize)
        .map(|at| {
            let issuer = if at == 1 { name(CA_NAME) } else { name(&format!("CN={}", at - 1)) };
            let template = Template { issuer, ..Template::ca(&format!("CN={at}")) };
            template.sign(keys[at % 2].soft.public_key_der(), &keys[(at - 1) % 2])
        })
        .collect();
    let below = |template: Template| Template { issuer: name("CN=4"), ..template };
    let ra_key = TestKey::ra();
    let ra = below(Template::leaf("CN=RA")).sign(ra_key.soft.public_key_der(), &keys[0]);
    let others: Vec<_> = between.iter().chain([&ra]).cloned().collect();
    let anchors = std::slice::from_ref(&kit.root);
    let (at_trust, trusted) =
        used(|| TrustedCa::new(&kit.config, anchors, &others, standard(), kit.now).unwrap());
    assert_eq!(at_trust.len(), 5);
    let step = kit.client.renew_with(URL, trusted, kit.renewal(), kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    let leaf = below(Template::leaf("C=DE, CN=dev1")).sign(kit.new.soft.public_key_der(), &keys[0]);
    let response = CertRep::success(&asked, &[&leaf], &kit.certificate).sign(&ra_key, &ra);
    let (used, done) = used(|| kit.take(transmit, response));
    assert!(matches!(done.unwrap(), Step::Done(_)));
    // the reply's and the leaf's
    assert_eq!(used, [ra_key.soft.public_key_der(), keys[0].soft.public_key_der()]);
}
