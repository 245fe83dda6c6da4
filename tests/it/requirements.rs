//! Requirements of RFC 8894 that no other file is about, each with its id.

use crate::cert_rep::{Asked, CertRep, enveloped, reply};
use crate::client_kit::{content, list, standard};
use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{
    CHALLENGE, Ca, DEVICE_NAME, Device, NOW, Policy, Template, URL, at, holds, issued_step, name, tlv,
};
use scep::client::{Client, ClientConfig, Compat, Done, Driven, NewEnrolment, Step, Transmit, TrustedCa};
use scep::error::{ApiMisuse, Unsupported};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::server::CertificateAccess;
use scep::wire::{
    Capabilities, Capability, Certificate, CertificationRequest, ContentEncryption, Digest, EnvelopedData,
    ExtensionsBuilder, FailInfo, KeyUsage, Limits, MessageType, Oid, SubjectPublicKeyInfo,
    TbsCertificateDraft, certs_only,
};
use std::collections::BTreeSet;

/// What a client sends first to a CA that is trusted already.
fn first_message(device: &mut Device, ca: &mut Ca, listed: Capabilities) -> Transmit {
    let anchors = std::slice::from_ref(&ca.certificate);
    let trusted = TrustedCa::new(device.client.config(), anchors, &[], listed, device.now).unwrap();
    let request = device.request(CHALLENGE);
    let step = device.client.enrol_with(URL, trusted, request, device.now, &mut device.rng).unwrap();
    device.up_to_message(step, ca)
}

// --- before an enrolment (sections 2.1 and 2.2) ------------------------------------------------------------------

// R-2.1.1-1: the CA's name or address comes from the caller, is checked, and nothing goes elsewhere
#[test]
fn an_enrolment_goes_to_the_url_that_it_was_given_and_needs_one() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    for url in
        ["", "scep", "/scep", "ftp://ca.test/scep", "http://", "http://ca.test/scep?operation=GetCACaps"]
    {
        let request = device.request(CHALLENGE);
        let refused = device.client.enrol(url, request, &mut device.rng).unwrap_err();
        assert_eq!(refused, ApiMisuse::Url.into(), "{url}");
    }
    for url in ["http://ca.test/scep", "http://192.0.2.1:8080/a/b", "https://[2001:db8::1]/scep"] {
        ca.requests.clear();
        let step = device.client.enrol(url, device.request(CHALLENGE), &mut device.rng).unwrap();
        device.go(step, &mut ca).unwrap();
        assert_eq!(ca.requests.len(), 3);
        for request in &ca.requests {
            assert!(request.target.starts_with(&format!("{url}?operation=")), "{}", request.target);
        }
    }
}

// R-2.1.1-2, R-2.4-3, R-2.5-1, R-3.1-1, R-3.3.1-1, R-3.3.1-2: subject and challenge password, in a PKCS #10 request
// that its key signed, in an envelope that is signed; R-7.10-1, case 140: over TLS as well
#[test]
fn what_a_ca_asks_for_beforehand_goes_into_the_first_request() {
    for url in [URL, "https://ca.test/scep"] {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let step = device.client.enrol(url, device.request(CHALLENGE), &mut device.rng).unwrap();
        let transmit = device.up_to_message(step, &mut ca);
        let request = transmit.request();

        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        let message = message.verify_as_sent(&PROVIDER).unwrap();
        let attributes = message.attributes().unwrap();
        assert_eq!(attributes.message_type(), Ok(MessageType::PkcsReq));
        assert!(attributes.transaction_id().unwrap().is_some());
        assert!(attributes.sender_nonce().unwrap().is_some());
        // what the signature covers is the envelope
        let envelope = EnvelopedData::parse(message.content(), &Limits::DEFAULT).unwrap();
        assert_eq!(envelope.content_type(), Oid::ID_DATA);

        let plain = content(request, &ca.key, &ca.certificate);
        assert!(!holds(&request.body, &plain[..64]));
        let csr = CertificationRequest::parse(&plain, &Limits::DEFAULT).unwrap();
        assert_eq!(csr.subject().to_string(), DEVICE_NAME);
        assert_eq!(csr.public_key().as_der(), DEVICE.public());
        assert_eq!(*csr.challenge_password().unwrap().unwrap(), CHALLENGE);
        assert!(DEVICE.verifies(Digest::Sha256, csr.info(), csr.signature()));
        let answer = ca.serve(request).reply;
        issued_step(device.take(transmit, answer).unwrap());
    }

    // and without it, this CA does not issue
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let request = NewEnrolment::builder(DEVICE_NAME.parse().unwrap(), DEVICE.public()).build().unwrap();
    let step = device.client.enrol(URL, request, &mut device.rng).unwrap();
    let driven = device.go(step, &mut ca).unwrap();
    assert!(matches!(driven, Driven::Done(Done::Refused { fail_info: FailInfo::BadRequest, .. })));
}

// R-2.1.1-3, R-2.2-2, R-2.2-7: between the CA's certificates and the first signature somebody has to say which CA is
// the right one; there is no way around but one that says what it is
#[test]
fn nothing_is_signed_or_sent_before_somebody_said_which_ca_is_the_right_one() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let mut step = device.start();
    let trust = loop {
        step = match step {
            Step::Transmit(transmit) => {
                assert_eq!(transmit.message_type(), None);
                let response = ca.serve(transmit.request()).reply;
                transmit.receive(response, device.now, &mut device.rng).unwrap()
            }
            Step::Trust(trust) => break trust,
            other => panic!("{other:?}"),
        }
    };
    let failed = trust.matching_sha256(&[0; 32]).unwrap_err();
    let step = failed.retry.unwrap().dangerous().unwrap();
    assert_eq!(device.up_to_message(step, &mut ca).message_type(), Some(MessageType::PkcsReq));

    // nor is a CA trusted that nothing vouches for
    let others = [ca.certificate.clone()];
    let none = TrustedCa::new(device.client.config(), &[], &others, standard(), device.now);
    assert_eq!(none.unwrap_err(), ApiMisuse::NoAnchor.into());
}

// --- authorisation (section 2.4) ---------------------------------------------------------------------------------

// R-2.4-9, R-2.4-4: refused or held, as the owner likes, and granted by neither
#[test]
fn a_request_that_nothing_authorises_is_refused_or_held() {
    let unauthorised = || with_csr(|csr| csr.attributes = Some(Vec::new()));
    let refusing = Server::new();
    refusing.ask(&unauthorised()).refused(FailInfo::BadRequest, 1);
    assert_eq!(refusing.issuer.count(), 0);

    let holding = Server::new().policy(|issuer, question, rng| match question.challenge() {
        Some(_) => by_challenge(issuer, question, rng),
        None => question.hold(rng),
    });
    holding.ask(&unauthorised()).pending();
    holding.ask(&cert_poll()).pending();
    assert_eq!(holding.issuer.count(), 0);
}

// N-8, N-12, T20, T23, cases 32, 51: what a challenge password was given out for can be held against all wishes
#[test]
fn a_question_shows_the_challenge_and_all_wishes_together() {
    let usage = ExtensionsBuilder::default().key_usage(KeyUsage::KEY_ENCIPHERMENT).build();
    let usage = scep::wire::Extensions::parse(&usage, &Limits::DEFAULT).unwrap();
    let usage = usage.get(Oid::KEY_USAGE).unwrap().value.to_vec();
    let any_purpose = seq(&[&oid(Oid::new(&[0x55, 0x1D, 0x25, 0]))]);
    let wishes = [
        (Oid::SUBJECT_ALT_NAME, dns_names(&["other.test"])),
        (Oid::KEY_USAGE, usage),
        (Oid::EXTENDED_KEY_USAGE, any_purpose),
    ];
    let request = with_csr(|csr| {
        csr.attributes = Some(vec![challenge(PRINTABLE, CHALLENGE.as_bytes()), extension_request(&wishes)]);
    });
    let server = Server::new();
    let question = server.up_to_question(&request);
    assert_eq!(question.challenge().unwrap().expose(), CHALLENGE);
    assert_eq!(question.requested().subject().unwrap().to_string(), SUBJECT);
    let asked_for = question.requested().extensions(&Limits::DEFAULT).unwrap().unwrap();
    for (which, value) in &wishes {
        assert_eq!(asked_for.get(*which).unwrap().value, value, "{which}");
    }
    assert_eq!(asked_for.iter().count(), wishes.len());
}

// --- messages (section 3) ----------------------------------------------------------------------------------------

/// Certificates, CRLs, requests and selectors: everything that an envelope holds somewhere.
fn contents() -> [(&'static str, Vec<u8>); 4] {
    let mut csr = Csr::new(&DEVICE_2);
    csr.attributes = Some(Vec::new());
    [
        ("request", csr.encode()),
        ("issuer and subject", poll_content()),
        ("issuer and serial number", issuer_and_serial(&OLD_CERTIFICATE)),
        ("certificates", certs_only::encode(&[&OLD_CERTIFICATE])),
    ]
}

// R-3-2, R-3.2-2, R-3.2.2-2, E10, E17: what is inside is opened once, is asked about only where it fits, and else is
// refused like anything that cannot be read
#[test]
fn what_is_in_an_envelope_has_to_be_what_the_message_type_says() {
    let config = config().renewal(true).get_cert(CertificateAccess::Any).get_crl(true);
    let server = Server::with(config).policy(never).renewal(renew);
    let server = server.find(|_, question, rng| question.absent(rng));
    let server = server.find_crl(|_, question, rng| question.absent(rng));
    for (number, fits, refusal) in [
        ("17", "request", FailInfo::BadRequest),
        ("19", "request", FailInfo::BadRequest),
        ("21", "issuer and serial number", FailInfo::BadCertId),
        ("22", "issuer and serial number", FailInfo::BadCertId),
    ] {
        for (what, content) in contents() {
            let envelope = Envelope::new(content).encode();
            let mut message = Message::new(number, envelope, &DEVICE, &OLD_CERTIFICATE);
            message.set_transaction([number, what].concat().as_bytes());
            let answer = server.ask(&message);
            assert_eq!(answer.counts.decided, usize::from(what == fits), "{number} with {what}");
            assert_eq!(answer.counts.decrypted, 1);
            if what != fits {
                answer.failure(refusal, 1);
            }
        }
    }
}

// R-3-2, R-3.2.2-2, R-3.3.2-1: and a client takes nothing but certificates out of a SUCCESS
#[test]
fn a_success_holds_certificates_or_it_is_no_answer() {
    for (what, inside) in contents() {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let transmit = first_message(&mut device, &mut ca, standard());
        let asked = Asked::of(transmit.request());
        let leaf = Template::leaf(DEVICE_NAME).sign(DEVICE.public(), &ca.key);
        let inside = if what == "certificates" { certs_only::encode(&[&leaf]) } else { inside };
        let reply = CertRep { content: enveloped(&inside, &asked.signer), ..CertRep::new(&asked, "0") };
        let taken = device.take(transmit, reply.sign(&ca.key, &ca.certificate));
        match taken {
            Ok(step) if what == "certificates" => assert_eq!(issued_step(step).certificate, leaf),
            Err(failed) if what != "certificates" => assert!(failed.retry.is_some(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

// R-3.2.1.1-1, R-3.2.1.5-1, C-14-1: one key, one name, one CA, and yet nothing occurs twice
#[test]
fn every_enrolment_has_its_own_transaction_id_and_every_message_its_own_nonce() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let mut seen = BTreeSet::new();
    let mut is_new = |what: &str, bytes: &[u8]| assert!(seen.insert(bytes.to_vec()), "{what} again");
    for _ in 0..30 {
        let transmit = first_message(&mut device, &mut ca, standard());
        let asked = Asked::of(transmit.request());
        is_new("transactionID", asked.id.as_bytes());
        let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
        assert!(asked.id.as_bytes().iter().all(printable));
        is_new("nonce", asked.nonce.as_bytes());
        assert_eq!(asked.nonce.as_bytes().len(), 16);
        let message = Unverified::parse(transmit.request().body.clone(), &Limits::DEFAULT).unwrap();
        let message = message.verify_as_sent(&PROVIDER).unwrap();
        let envelope = EnvelopedData::parse(message.content(), &Limits::DEFAULT).unwrap();
        is_new("initialisation vector", envelope.iv().unwrap());
        // the plaintext begins alike: with another vector or another key it comes out otherwise
        is_new("ciphertext", &envelope.encrypted_content()[..16]);
    }

    // and all messages of one transaction have one transactionID
    ca.policy = Policy::Hold;
    let mut transmit = first_message(&mut device, &mut ca, standard());
    let id = Asked::of(transmit.request()).id;
    for polls in 0..4 {
        let asked = Asked::of(transmit.request());
        assert_eq!(asked.id, id);
        is_new("nonce", asked.nonce.as_bytes());
        assert_eq!(asked.nonce.as_bytes().len(), 16);
        let reply = ca.serve(transmit.request()).reply;
        let Step::Wait(wait) = device.take(transmit, reply).unwrap() else { panic!("not held") };
        assert_eq!(wait.polls(), polls);
        let step = wait.poll(&mut device.rng).unwrap();
        transmit = device.up_to_message(step, &mut ca);
        assert_eq!(transmit.message_type(), Some(MessageType::CertPoll));
    }
}

// R-3.2.1.3-1, R-3.2.1-2, R-3.2.1.4-1: whatever comes, a reply has a status, and a refusal one of the five reasons
#[test]
fn every_reply_has_a_status_and_every_refusal_one_of_the_five_reasons() {
    let server = Server::with(config().get_cert(CertificateAccess::Own));
    let server = server.find(|_, question, rng| question.absent(rng));
    let held = Server::new().policy(hold);
    assert_eq!(server.ask(&pkcs_req()).cert_rep().status, "0");
    assert_eq!(held.ask(&pkcs_req()).cert_rep().status, "3");
    let numbers: Vec<String> = (0..=255).map(|number: u32| number.to_string()).collect();
    let mut reasons = BTreeSet::new();
    let mut refused = |message: &Message| {
        let read = server.ask(message).cert_rep();
        assert_eq!(read.status, "2");
        let reason = read.fail_info.unwrap();
        assert!(["0", "1", "2", "3", "4"].contains(&reason.as_str()), "{reason}");
        reasons.insert(reason);
    };
    for number in numbers.iter().filter(|number| number.as_str() != "19") {
        let mut message = Message::new(number, pkcs_req().content, &DEVICE, &OLD_CERTIFICATE);
        message.set_transaction(b"another");
        refused(&message);
    }
    refused(&with_envelope(|e| e.set_cipher(ContentEncryption::DesCbc)));
    refused(&with_message(|m| m.digest = Digest::Sha1));
    refused(&with_message(|m| m.signature = Some(vec![7; 256])));
    refused(&with_csr(|csr| csr.signature = Some(vec![7; 256])));
    refused(&Message::new(
        "21",
        Envelope::new(issuer_and_serial(&OLD_CERTIFICATE)).encode(),
        &DEVICE,
        &OLD_CERTIFICATE,
    ));
    assert_eq!(reasons.into_iter().collect::<String>(), "0124");
}

// --- algorithms (sections 2.9, 3.2.2 and 7.5) --------------------------------------------------------------------

const MD5: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5]);
const MD5_WITH_RSA: Oid<'static> = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4]);

// R-2.9-3, R-7.5-2, case 123: with everything switched on that can be
#[test]
fn a_reply_with_md5_is_no_answer_whatever_is_switched_on() {
    let mut compat = Compat::STRICT;
    compat.des_cbc_reply = true;
    compat.weak_algorithms = true;
    compat.missing_recipient_nonce = true;
    type Change = fn(&mut Message);
    let changes: [(Change, Option<Unsupported>); 3] = [
        (|_| (), None),
        (|m| m.digest_algorithm = Some(algorithm(MD5, NULL)), Some(Unsupported::Digest)),
        (|m| m.signature_algorithm = algorithm(MD5_WITH_RSA, NULL), Some(Unsupported::Signature)),
    ];
    for (change, error) in changes {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        device.client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY).compat(compat));
        let transmit = first_message(&mut device, &mut ca, standard());
        let asked = Asked::of(transmit.request());
        let leaf = Template::leaf(DEVICE_NAME).sign(DEVICE.public(), &ca.key);
        let content = enveloped(&certs_only::encode(&[&leaf]), &asked.signer);
        let mut message = Message::new("3", content, &CA, &ca.certificate);
        message.set(Oid::PKI_STATUS, &tlv(PRINTABLE, &[b"0"]));
        message.set_transaction(asked.id.as_bytes());
        message.set(Oid::RECIPIENT_NONCE, &tlv(4, &[asked.nonce.as_bytes()]));
        change(&mut message);
        let taken = device.take(transmit, reply(message.encode()));
        match error {
            None => assert_eq!(issued_step(taken.unwrap()).certificate, leaf),
            Some(error) => assert_eq!(taken.unwrap_err().error, error.into()),
        }
    }
}

// GCM-1, R-3.2.2-1: EnvelopedData with a cipher in CBC mode, whatever a CA lists; there is no keyword for another
#[test]
fn authenticated_encryption_is_never_sent() {
    let each = Capability::ALL.into_iter().map(|keyword| list(&[keyword]));
    for listed in each.chain([Capabilities::new(), list(&Capability::ALL)]) {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let transmit = first_message(&mut device, &mut ca, listed);
        let message = Unverified::parse(transmit.request().body.clone(), &Limits::DEFAULT).unwrap();
        let message = message.verify_as_sent(&PROVIDER).unwrap();
        assert!(holds(&message.content()[..32], &oid(Oid::ID_ENVELOPED_DATA)));
        let envelope = EnvelopedData::parse(message.content(), &Limits::DEFAULT).unwrap();
        assert_eq!(envelope.content_encryption().oid, Oid::AES128_CBC, "{listed:?}");
    }
    for keyword in Capability::ALL {
        assert!(!["GCM", "CCM", "AUTH"].iter().any(|word| keyword.keyword().to_uppercase().contains(word)));
    }
    // id-aes128-GCM, id-aes192-GCM, id-aes256-GCM
    for last in [6, 26, 46] {
        assert!(ContentEncryption::from_oid(Oid::new(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, last])).is_err());
    }
}

// --- certificates of the client's own (RFC 5280) -----------------------------------------------------------------

// 16 bytes, positive, in the shortest form, and new ones for each
#[test]
fn self_signed_certificates_have_serial_numbers_of_their_own() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let transmit = first_message(&mut device, &mut ca, standard());
        let signer: CertificateDer<'static> = Asked::of(transmit.request()).signer;
        let serial = Certificate::parse(&signer).unwrap().serial().to_vec();
        assert_eq!(serial.len(), 16);
        assert!((0x01..0x80).contains(&serial[0]));
        assert!(seen.insert(serial));
    }
}

// UTCTime until 2049, GeneralizedTime from 2050 on
#[test]
fn dates_of_certificates_change_their_type_with_the_year_2050() {
    const YEAR_2050: u64 = 2_524_608_000;
    for (seconds, tag, text) in [
        (0, 0x17, "700101000000Z"),
        (NOW, 0x17, "270115080000Z"),
        (YEAR_2050 - 1, 0x17, "491231235959Z"),
        (YEAR_2050, 0x18, "20500101000000Z"),
        (YEAR_2050 + 86_399, 0x18, "20500101235959Z"),
    ] {
        let subject = name(DEVICE_NAME);
        let draft = TbsCertificateDraft {
            serial: &[1],
            subject: scep::wire::Name::parse(&subject).unwrap(),
            not_before: at(seconds),
            not_after: at(seconds),
            public_key: SubjectPublicKeyInfo::parse(DEVICE.public()).unwrap(),
            scheme: scep::crypto::SignatureScheme::RsaPkcs1(Digest::Sha256),
            key_usage: KeyUsage::DIGITAL_SIGNATURE,
        };
        let time = tlv(tag, &[text.as_bytes()]);
        assert!(holds(&draft.encode(), &seq(&[&time, &time])), "{text}");
    }
}
