//! From what GetCACaps and GetCACert answer to a CA that is trusted, and the request that is made for it.

use crate::cert_rep::{Asked, CertRep, PRINTABLE_STRING};
use crate::provider::PROVIDER;
use crate::support::*;
use scep::client::{ClientConfig, Done, Step, Transmit, TrustedCa};
use scep::crypto::{ContentEncryption, Digest};
use scep::error::{BadSignature, Error, InvalidMessage, Limit};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::transport::{HttpResponse, Method, TEXT_PLAIN, X509_CA_CERT};
use scep::wire::{Capabilities, EnvelopedData, KeyUsage, Limits, MessageType, Oid, certs_only};

fn trusted(
    anchor: &CertificateDer<'static>,
    others: &[CertificateDer<'static>],
    now: Option<u64>,
) -> Result<TrustedCa, Error> {
    let config = ClientConfig::new(&PROVIDER);
    let anchors = std::slice::from_ref(anchor);
    TrustedCa::new(&config, anchors, others, Capabilities::new(), now.map(at))
}

fn root() -> CertificateDer<'static> {
    Template::ca(CA_NAME).sign(TestKey::ca().soft.public_key_der(), &TestKey::ca())
}

/// A certificate below the root, with the RA's key.
fn below(change: impl FnOnce(&mut Template)) -> CertificateDer<'static> {
    let mut template = Template::leaf("CN=RA");
    change(&mut template);
    template.sign(TestKey::ra().soft.public_key_der(), &TestKey::ca())
}

// quirks 20, 21, R-4.2.1-3, I-20, case 108
#[test]
fn requests_are_encrypted_for_the_right_certificate() {
    let root = root();
    let one = |usage| below(|template| template.usage = usage);
    let sub = below(|template| {
        template.ca = true;
        template.usage = Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::KEY_ENCIPHERMENT);
    });
    let signs = one(Some(KeyUsage::DIGITAL_SIGNATURE));
    let decrypts = one(Some(KeyUsage::KEY_ENCIPHERMENT));
    let says_nothing = one(None);
    for (others, recipient) in [
        (vec![], &root),
        (vec![root.clone()], &root),
        (vec![root.clone(), sub.clone()], &sub),
        (vec![signs.clone(), decrypts.clone(), root.clone()], &decrypts),
        (vec![root.clone(), decrypts.clone(), signs.clone()], &decrypts),
        (vec![signs.clone(), root.clone()], &root),
        (vec![says_nothing.clone(), root.clone()], &says_nothing),
    ] {
        assert_eq!(trusted(&root, &others, Some(NOW)).unwrap().recipient(), recipient);
    }
}

// quirk 22, T29, T31: the owners of other devices must not play the RA
#[test]
fn only_a_certificate_for_an_ra_or_for_nothing_in_particular_is_taken_for_that_of_an_ra() {
    let root = root();
    let for_purposes = |purposes: &[Oid<'static>]| below(|template| template.purposes = purposes.to_vec());
    let strict = ClientConfig::new(&PROVIDER).require_ra_purpose(true);
    for (purposes, taken, taken_when_strict) in [
        (&[][..], true, false),
        (&[Oid::CLIENT_AUTH], false, false),
        (&[Oid::CLIENT_AUTH, Oid::SERVER_AUTH], false, false),
        (&[Oid::CMC_RA], true, true),
        (&[Oid::CLIENT_AUTH, Oid::ENROLLMENT_AGENT], true, true),
    ] {
        let other = for_purposes(purposes);
        let others = [other.clone(), root.clone()];
        let lax = trusted(&root, &others, Some(NOW)).unwrap();
        assert_eq!(lax.recipient(), if taken { &other } else { &root }, "{purposes:?}");
        let anchors = std::slice::from_ref(&root);
        let ca = TrustedCa::new(&strict, anchors, &others, Capabilities::new(), Some(at(NOW))).unwrap();
        assert_eq!(ca.recipient(), if taken_when_strict { &other } else { &root }, "{purposes:?}");
    }
}

// T31
#[test]
fn a_refusal_signed_by_another_device_of_the_ca_is_no_answer() {
    for (purposes, taken) in [(vec![Oid::CLIENT_AUTH], false), (vec![Oid::CMC_RA], true)] {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let other = below(|template| template.purposes = purposes);
        let trusted = trusted(&root(), std::slice::from_ref(&other), Some(NOW)).unwrap();
        let request = device.request(CHALLENGE);
        let step = device.client.enrol_with(URL, trusted, request, device.now, &mut device.rng).unwrap();
        let transmit = device.up_to_message(step, &mut ca);
        let refusal = CertRep::new(&Asked::of(transmit.request()), "2");
        let refusal = refusal.with(Oid::FAIL_INFO, PRINTABLE_STRING, b"2").sign(&TestKey::ra(), &other);
        match device.take(transmit, refusal) {
            Ok(Step::Done(Done::Refused { .. })) => assert!(taken),
            Err(failed) => {
                assert_eq!((failed.error, taken), (BadSignature::UntrustedSigner.into(), false));
                assert!(failed.retry.is_some());
            }
            Ok(other) => panic!("{other:?}"),
        }
    }
}

// R-2.2-8, R-2.2-9, T29, case 113
#[test]
fn what_does_not_chain_to_the_anchor_is_not_used() {
    let root = root();
    let stranger = TestKey::stranger();
    let forged = Template::leaf("CN=RA").sign(stranger.soft.public_key_der(), &stranger);
    let expired = below(|template| template.until = NOW - 1);
    let early = below(|template| template.from = NOW + 1);
    for other in [forged, expired, early] {
        let ca = trusted(&root, &[other], Some(NOW)).unwrap();
        assert_eq!((ca.recipient(), ca.certificates()), (&root, &[root.clone()][..]));
    }
}

// R-2.2-8, T33, case 113
#[test]
fn what_an_end_entity_issued_is_not_used() {
    let root = root();
    let end_entity = below(|template| template.usage = Some(KeyUsage::KEY_CERT_SIGN));
    let mut template = Template::leaf("CN=Below RA");
    template.issuer = name("CN=RA");
    let issued = template.sign(TestKey::stranger().soft.public_key_der(), &TestKey::ra());
    let ca = trusted(&root, &[end_entity, issued.clone()], Some(NOW)).unwrap();
    assert!(!ca.certificates().contains(&issued));
}

// R-2.2-9, T53
#[test]
fn an_expired_anchor_is_refused_with_a_clock_and_taken_without() {
    let root = root();
    let late = Some(NOW + 16 * YEAR);
    assert_eq!(trusted(&root, &[], late).unwrap_err(), BadSignature::Validity.into());
    assert!(trusted(&root, &[], None).is_ok());
}

/// A device that asked for capabilities; what it sends in the end when this is the answer.
fn after_capabilities(response: HttpResponse) -> Transmit {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let Step::Transmit(transmit) = device.start() else { panic!() };
    let step = transmit.receive(response, device.now, &mut device.rng).unwrap();
    device.up_to_message(step, &mut ca)
}

// quirks 15, 17, R-3.5.2-7, R-7.5-2, R-3.5.2-8, R-3.5.2-10, R-7.5-1, T28, cases 98, 100, 101, 114
#[test]
fn stripped_capabilities_change_nothing() {
    for response in [
        HttpResponse::ok(TEXT_PLAIN, b"SCEPStandard\n".to_vec()),
        HttpResponse::ok(TEXT_PLAIN, b"AES\r\nDES3\r\nSHA-1\r\nSHA-256\r\nSHA-512".to_vec()),
        HttpResponse::ok(TEXT_PLAIN, b"DES\nMD5\nSHA-1\n".to_vec()),
        HttpResponse::ok(TEXT_PLAIN, Vec::new()),
        HttpResponse::new(200, Some("text/html"), b"<html>no</html>".to_vec()),
        HttpResponse::error(404),
        HttpResponse::error(500),
    ] {
        let transmit = after_capabilities(response);
        let request = transmit.request();
        assert_eq!(request.method, Method::Post);
        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        assert_eq!(message.scheme_hint().unwrap().digest(), Digest::Sha256);
        let verified = message.verify_as_sent(&PROVIDER).unwrap();
        let envelope = EnvelopedData::parse(verified.content(), &Limits::DEFAULT).unwrap();
        let cipher = ContentEncryption::from_oid(envelope.content_encryption().oid).unwrap();
        assert_eq!((cipher, envelope.recipients().count()), (ContentEncryption::Aes128Cbc, 1));
    }
}

// case 125: bounded; an enrolment goes on without, and who asked for nothing else is told
#[test]
fn endless_capabilities_are_not_read() {
    for (body, limit) in [(vec![b'A'; 5000], Limit::Message), (b"AES\n".repeat(65), Limit::Capabilities)] {
        let response = HttpResponse::ok(TEXT_PLAIN, body);
        assert_eq!(after_capabilities(response.clone()).message_type(), Some(MessageType::PkcsReq));
        let mut device = Device::new(&Ca::new());
        let Step::Transmit(transmit) = device.client.fetch_capabilities(URL).unwrap() else { panic!() };
        let failed = transmit.receive(response, device.now, &mut device.rng).unwrap_err();
        assert_eq!((failed.error, failed.retry.is_some()), (limit.into(), true));
    }
}

#[test]
fn an_answer_without_ca_certificates_is_no_answer() {
    let root = root();
    for (body, error) in [
        (certs_only::encode(&[]), InvalidMessage::NoCertificates.into()),
        (Vec::new(), Error::InvalidMessage(InvalidMessage::Empty)),
        (root[..root.len() - 1].to_vec(), InvalidMessage::Ber.into()),
        (certs_only::encode(&vec![root.as_ref(); 17]), Limit::Certificates.into()),
        (vec![0; Limits::DEFAULT.response + 1], Limit::Message.into()),
    ] {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let mut step = device.start();
        for response in [HttpResponse::ok(TEXT_PLAIN, Vec::new()), HttpResponse::ok(X509_CA_CERT, body)] {
            let Step::Transmit(transmit) = step else { panic!("{step:?}") };
            step = match transmit.receive(response, device.now, &mut device.rng) {
                Ok(step) => step,
                Err(failed) => {
                    assert_eq!(failed.error, error);
                    Step::Transmit(failed.retry.unwrap())
                }
            };
        }
        issued(device.go(step, &mut ca).unwrap());
    }
}

// R-2.3-2, R-2.3-3, R-2.3-1, R-3.2.1-1, case 102: under a certificate of its own, for the very key and name
#[test]
fn a_first_request_is_signed_under_a_certificate_for_its_own_key_and_subject() {
    let transmit = after_capabilities(HttpResponse::ok(TEXT_PLAIN, b"SCEPStandard".to_vec()));
    let asked = Asked::of(transmit.request());
    let own = scep::wire::Certificate::parse(&asked.signer).unwrap();
    assert_eq!(own.public_key().as_der(), TestKey::device().soft.public_key_der());
    assert_eq!(own.subject().as_der(), name(DEVICE_NAME));
    assert!(own.is_self_issued() && !own.is_ca());
    assert_eq!(own.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT));
    assert_eq!((asked.nonce.as_bytes().len(), asked.id.as_bytes().len()), (16, 32));
}

// T29, quirk 20: a device of the same CA, put among its certificates, gets no challenge where there is a real RA
#[test]
fn an_ra_that_says_so_comes_before_an_end_entity_that_says_nothing() {
    let root = Template::ca(CA_NAME).sign(TestKey::ca().soft.public_key_der(), &TestKey::ca());
    let silent = Template::leaf("CN=a device").sign(TestKey::device().soft.public_key_der(), &TestKey::ca());
    let ra = Template { purposes: vec![scep::wire::Oid::CMC_RA], ..Template::leaf("CN=RA") };
    let ra = ra.sign(TestKey::ra().soft.public_key_der(), &TestKey::ca());
    let config = scep::client::ClientConfig::new(&crate::provider::PROVIDER);
    for others in [[silent.clone(), ra.clone()], [ra.clone(), silent.clone()]] {
        let listed = scep::wire::Capabilities::new();
        let ca = scep::client::TrustedCa::new(
            &config,
            std::slice::from_ref(&root),
            &others,
            listed,
            Some(at(NOW)),
        )
        .unwrap();
        assert_eq!(*ca.recipient(), ra);
    }
}
