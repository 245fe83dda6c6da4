//! What a client lets through for the sake of old servers, and what never.

use crate::cert_rep::{Asked, CertRep, OCTET_STRING};
use crate::client_kit::*;
use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::support::*;
use scep::client::{Client, ClientConfig, Compat, Done, Step, Trust, TrustedCa};
use scep::crypto::{ContentEncryption, Digest, KeyTransport, Provider};
use scep::error::{ApiMisuse, Error, PeerMisbehaved};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::profile::{CertificateType, EnrolmentProfile, HashFamilies, SubjectNameFormat};
use scep::transport::{HttpRequest, HttpResponse, Method, TEXT_PLAIN, X509_CA_CERT, parse_request};
use scep::wire::{
    Capabilities, Capability, Certificate, CertificationRequest, EnvelopedData, KeyUsage, Limits, Oid,
    RecipientInfo,
};

fn compat(change: impl FnOnce(&mut Compat)) -> Compat {
    let mut compat = Compat::STRICT;
    change(&mut compat);
    compat
}

fn kit(provider: &'static Provider, change: impl FnOnce(&mut Compat)) -> Kit {
    Kit::with(ClientConfig::new(provider).compat(compat(change)))
}

fn first_request(kit: &mut Kit, listed: Capabilities) -> Result<HttpRequest, Error> {
    let (ca, device) = (kit.trusted(listed), Device::new(&Ca::new()));
    let step = kit.client.enrol_with(URL, ca, device.request(CHALLENGE), kit.now, &mut kit.rng)?;
    Ok(kit.up_to_message(step).request().clone())
}

/// The message in a request by POST or by GET.
fn message(request: &HttpRequest) -> HttpRequest {
    let limits = Limits::DEFAULT;
    let call = parse_request(request.clone(), limits.url, limits.message).unwrap();
    HttpRequest { body: call.message, ..request.clone() }
}

/// Digest of the signature, and cipher, of a request.
fn algorithms(request: &HttpRequest) -> (Digest, ContentEncryption) {
    let message = Unverified::parse(message(request).body, &Limits::DEFAULT).unwrap();
    let digest = message.scheme_hint().unwrap().digest();
    let verified = message.verify_as_sent(&PROVIDER_WITH_LEGACY).unwrap();
    let envelope = EnvelopedData::parse(verified.content(), &Limits::DEFAULT).unwrap();
    (digest, ContentEncryption::from_oid(envelope.content_encryption().oid).unwrap())
}

#[test]
fn nothing_is_let_through_by_default() {
    assert_eq!(Compat::default(), Compat::STRICT);
    assert_eq!(compat(|_| {}), Compat::STRICT);
}

// --- GET ---------------------------------------------------------------------------------------------------------

// R-4.1-4, R-4.1-5, R-2.9-2, case 109
#[test]
fn messages_go_by_get_only_behind_the_switch_and_to_a_ca_that_lists_no_post() {
    use Capability::{Aes, PostPkiOperation, ScepStandard, Sha256};
    for (on, listed, method) in [
        (false, list(&[Aes, Sha256]), Method::Post),
        (false, Capabilities::new(), Method::Post),
        (true, list(&[PostPkiOperation]), Method::Post),
        (true, list(&[ScepStandard]), Method::Post),
        (true, list(&[Aes, Sha256]), Method::Get),
        (true, Capabilities::new(), Method::Get),
    ] {
        let mut kit = kit(&PROVIDER, |compat| compat.get_pki_operation = on);
        let request = first_request(&mut kit, listed).unwrap();
        assert_eq!(request.method, method, "{listed:?}");
        if method == Method::Get {
            let (_, text) = request.target.split_once("?operation=PKIOperation&message=").unwrap();
            assert!(!text.contains(['+', '/', '=', '\n']) && request.body.is_empty());
        }
        assert_eq!(algorithms(&request), (Digest::Sha256, ContentEncryption::Aes128Cbc));
    }
}

// the retry and the poll go the same way, and the reply is read as ever
#[test]
fn a_reply_to_a_get_is_a_reply() {
    let mut kit = kit(&PROVIDER, |compat| compat.get_pki_operation = true);
    let ca = kit.trusted(list(&[Capability::Renewal]));
    let renewal = kit.renewal();
    let step = kit.client.renew_with(URL, ca, renewal, kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(&message(transmit.request()));
    let failed = kit.take(transmit, HttpResponse::error(503)).unwrap_err();
    let transmit = failed.retry.unwrap();
    assert_eq!(transmit.request().method, Method::Get);
    let leaf = kit.leaf(&kit.new, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
}

// --- weak algorithms ---------------------------------------------------------------------------------------------

// R-2.9-2, R-2.9-3, R-3.5.2-7, R-3.5.2-10, R-7.5-2, T28, cases 100, 101, 114
#[test]
fn weak_algorithms_are_taken_only_behind_the_switch_and_where_the_list_lacks_better_ones() {
    use Capability::{Aes, Des3, PostPkiOperation, ScepStandard, Sha1, Sha256, Sha512};
    use ContentEncryption::{Aes128Cbc, TripleDesCbc};
    for (listed, digest, cipher) in [
        (list(&[ScepStandard]), Digest::Sha256, Aes128Cbc),
        (list(&[Aes, Des3, Sha1, Sha256, Sha512]), Digest::Sha256, Aes128Cbc),
        (list(&[Des3, Sha1, Sha256, PostPkiOperation]), Digest::Sha256, TripleDesCbc),
        (list(&[Aes, Sha1]), Digest::Sha1, Aes128Cbc),
        (list(&[Des3, Sha1, Sha512]), Digest::Sha512, TripleDesCbc),
        (list(&[Des3, Sha1]), Digest::Sha1, TripleDesCbc),
        (Capabilities::new(), Digest::Sha1, TripleDesCbc),
    ] {
        let mut strict = kit(&PROVIDER_WITH_LEGACY, |_| {});
        let request = first_request(&mut strict, listed).unwrap();
        assert_eq!(algorithms(&request), (Digest::Sha256, Aes128Cbc), "{listed:?}");

        let mut weak = kit(&PROVIDER_WITH_LEGACY, |compat| compat.weak_algorithms = true);
        let request = first_request(&mut weak, listed).unwrap();
        assert_eq!((algorithms(&request), request.method), ((digest, cipher), Method::Post), "{listed:?}");
        // the request itself is signed alike: who cannot verify one cannot verify the other
        let csr = content(&request, &weak.ca, &weak.root);
        let csr = CertificationRequest::parse(&csr, &Limits::DEFAULT).unwrap();
        let scheme = scep::crypto::SignatureScheme::from_identifier(&csr.signature_algorithm()).unwrap();
        assert_eq!(scheme.digest(), digest);
    }
}

// R-3.5.2-10, R-3.5.2-13, case 101: the least that the RFC knows takes both switches
#[test]
fn nothing_listed_means_get_and_triple_des_and_sha1_with_both_switches() {
    let mut both = kit(&PROVIDER_WITH_LEGACY, |compat| {
        (compat.weak_algorithms, compat.get_pki_operation) = (true, true);
    });
    let request = first_request(&mut both, Capabilities::new()).unwrap();
    assert_eq!(request.method, Method::Get);
    assert_eq!(algorithms(&request), (Digest::Sha1, ContentEncryption::TripleDesCbc));
}

// A38
#[test]
fn sha_1_is_taken_by_nobody_who_asks_for_sha_2() {
    for (listed, digest) in [
        (list(&[Capability::Aes, Capability::Sha1]), None),
        (Capabilities::new(), None),
        (list(&[Capability::Des3, Capability::Sha512]), Some(Digest::Sha512)),
        (list(&[Capability::Des3, Capability::Sha256]), Some(Digest::Sha256)),
    ] {
        let weak = compat(|compat| compat.weak_algorithms = true);
        let config = || ClientConfig::new(&PROVIDER_WITH_LEGACY).compat(weak);
        let profile = |families| {
            let profile = EnrolmentProfile::builder(CertificateType::Device, SubjectNameFormat::Imei);
            let profile = profile.server(URL).hash_families(families).build().unwrap();
            profile.configure(config())
        };
        let asked =
            |config| first_request(&mut Kit::with(config), listed).map(|request| algorithms(&request).0);
        let both = HashFamilies { sha1: true, ..HashFamilies::SHA2 };
        assert_eq!(asked(profile(both)), Ok(digest.unwrap_or(Digest::Sha1)), "{listed:?}");
        assert_eq!(asked(profile(HashFamilies::SHA2)), asked(config().require_sha2(true)), "{listed:?}");
        let request = asked(config().require_sha2(true));
        assert_eq!(request, digest.ok_or(PeerMisbehaved::Downgrade.into()), "{listed:?}");
    }
}

#[test]
fn weak_algorithms_need_a_provider_that_lists_them() {
    for listed in [Capabilities::new(), list(&[Capability::Aes]), list(&[Capability::Sha256])] {
        let mut kit = kit(&PROVIDER, |compat| compat.weak_algorithms = true);
        assert_eq!(first_request(&mut kit, listed).unwrap_err(), ApiMisuse::Algorithm.into(), "{listed:?}");
    }
    let mut kit = kit(&PROVIDER, |compat| compat.weak_algorithms = true);
    assert!(first_request(&mut kit, standard()).is_ok());
}

// --- nonces ------------------------------------------------------------------------------------------------------

// R-3.2.1.5-3, T32, case 116
#[test]
fn a_missing_recipient_nonce_is_taken_behind_the_switch_and_a_wrong_one_never() {
    for on in [false, true] {
        let mut kit = kit(&PROVIDER, |compat| compat.missing_recipient_nonce = on);
        let (transmit, asked) = kit.renewing();
        let leaf = kit.leaf(&kit.new, |_| {});
        let success = || CertRep::success(&asked, &[&leaf], &asked.signer);
        let mut transmit = Some(transmit);
        for wrong in [&[0; 16][..], &[1], &[7; 16]] {
            let reply = kit.sign(success().with(Oid::RECIPIENT_NONCE, OCTET_STRING, wrong));
            let failed = kit.take(transmit.take().unwrap(), reply).unwrap_err();
            assert_eq!(failed.error, PeerMisbehaved::RecipientNonce.into());
            transmit = failed.retry;
        }
        let reply = kit.sign(success().without(Oid::RECIPIENT_NONCE));
        match kit.take(transmit.take().unwrap(), reply) {
            Ok(step) => assert_eq!((issued_step(step).certificate, on), (leaf, true)),
            Err(failed) => assert_eq!((failed.error, on), (PeerMisbehaved::RecipientNonce.into(), false)),
        }
    }
}

// R-3.2.1.1-3, T32: the other checks stay
#[test]
fn a_reply_without_nonce_still_has_to_be_to_this_transaction() {
    let mut kit = kit(&PROVIDER, |compat| compat.missing_recipient_nonce = true);
    let (transmit, asked) = kit.renewing();
    let reply = CertRep::new(&asked, "3").without(Oid::RECIPIENT_NONCE).without(Oid::TRANSACTION_ID);
    let reply = kit.sign(reply);
    assert_eq!(kit.take(transmit, reply).unwrap_err().error, PeerMisbehaved::TransactionId.into());
}

// --- fingerprints ------------------------------------------------------------------------------------------------

fn trust(config: ClientConfig, root: &CertificateDer<'static>) -> Trust {
    let client = Client::new(config);
    let mut rng = seeded(3);
    let mut step = client.fetch_ca(URL).unwrap();
    for body in [b"SCEPStandard".to_vec(), root.to_vec()] {
        let Step::Transmit(transmit) = step else { panic!("{step:?}") };
        step = transmit.receive(HttpResponse::ok(X509_CA_CERT, body), Some(at(NOW)), &mut rng).unwrap();
    }
    let Step::Trust(trust) = step else { panic!("{step:?}") };
    trust
}

// I-24, R-2.2-6, T29, quirk 27
#[test]
fn a_sha1_fingerprint_pins_a_ca_behind_its_switch_only() {
    let root = Kit::new().root;
    let sha1 = PROVIDER_WITH_LEGACY.digest(Digest::Sha1).unwrap().digest(&[&root]);
    let right: [u8; 20] = sha1.as_bytes().try_into().unwrap();
    let mut wrong = right;
    wrong[19] ^= 1;
    let config =
        |provider, on| ClientConfig::new(provider).compat(compat(|compat| compat.sha1_fingerprint = on));

    let question = trust(config(&PROVIDER_WITH_LEGACY, true), &root);
    let failed = question.matching_sha1(&wrong).unwrap_err();
    assert_eq!(failed.error, PeerMisbehaved::Fingerprint.into());
    let step = failed.retry.unwrap().matching_sha1(&right).unwrap();
    let Step::Done(Done::Ca(ca)) = step else { panic!("{step:?}") };
    assert_eq!(ca.anchors(), std::slice::from_ref(&root));

    for config in [config(&PROVIDER_WITH_LEGACY, false), config(&PROVIDER, true)] {
        let failed = trust(config, &root).matching_sha1(&right).unwrap_err();
        assert_eq!(failed.error, ApiMisuse::Algorithm.into());
        assert!(failed.retry.unwrap().matching_sha256(&sha256(&root)).is_ok());
    }
}

// --- what a configuration demands --------------------------------------------------------------------------------

// R-7.5-1, T28, case 114
#[test]
fn a_ca_without_scep_standard_is_left_alone_when_that_is_demanded() {
    let config = || ClientConfig::new(&PROVIDER).require_scep_standard(true);
    let answers = [
        HttpResponse::ok(TEXT_PLAIN, b"AES\nPOSTPKIOperation\nSHA-256\nRenewal\n".to_vec()),
        HttpResponse::ok(TEXT_PLAIN, Vec::new()),
        HttpResponse::error(404),
        HttpResponse::ok(TEXT_PLAIN, b"SCEPStandard\n".to_vec()),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let mut device = Device::new(&Ca::new());
        device.client = Client::new(config());
        let Step::Transmit(transmit) = device.start() else { panic!() };
        match transmit.receive(answer, device.now, &mut device.rng) {
            Ok(_) => assert_eq!(number, 3),
            Err(failed) => {
                let failed = (failed.error, failed.retry.is_none(), number < 3);
                assert_eq!(failed, (PeerMisbehaved::Downgrade.into(), true, true));
            }
        }
    }
    // a CA that is known already
    let mut kit = Kit::with(config());
    let downgrade = PeerMisbehaved::Downgrade.into();
    assert_eq!(first_request(&mut kit, list(&[Capability::Aes])).unwrap_err(), downgrade);
    let (ca, renewal) = (kit.trusted(Capabilities::new()), kit.renewal());
    let step = kit.client.renew_with(URL, ca.clone(), renewal, kit.now, &mut kit.rng);
    assert_eq!(step.unwrap_err(), downgrade);
    let query = scep::client::Query::own(kit.certificate.clone()).unwrap();
    let step = kit.client.fetch_crl(URL, ca, query, &mut kit.rng);
    assert_eq!(step.unwrap_err(), downgrade);
    assert!(first_request(&mut kit, standard()).is_ok());
}

// ALG-5, case 124: there is no capability for it, so it is configured
#[test]
fn content_keys_are_encrypted_as_configured() {
    for transport in [KeyTransport::RsaPkcs1v15, KeyTransport::RsaOaepSha256] {
        let mut kit = Kit::with(ClientConfig::new(&PROVIDER).key_transport(transport));
        let request = first_request(&mut kit, standard()).unwrap();
        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        let verified = message.verify_as_sent(&PROVIDER).unwrap();
        let envelope = EnvelopedData::parse(verified.content(), &Limits::DEFAULT).unwrap();
        let Some(RecipientInfo::KeyTransport(info)) = envelope.recipients().next() else { panic!() };
        assert_eq!(KeyTransport::from_identifier(&info.key_encryption), Ok(transport));
        assert!(!kit.content(&request).is_empty());
    }
    let none: &'static Provider = Box::leak(Box::new(Provider { wrappers: &[], ..PROVIDER }));
    let mut kit = Kit::with(ClientConfig::new(none));
    assert_eq!(first_request(&mut kit, standard()).unwrap_err(), ApiMisuse::Algorithm.into());
}

// --- the recipient -----------------------------------------------------------------------------------------------

// R-4.2.1-3, quirk 20
#[test]
fn another_recipient_can_be_chosen_among_the_certificates_of_the_ca() {
    let mut kit = Kit::new();
    let ra = Template::leaf("CN=RA").sign(TestKey::ra().soft.public_key_der(), &kit.ca);
    let signing = Template { usage: Some(KeyUsage::DIGITAL_SIGNATURE), ..Template::leaf("CN=RA 2") };
    let signing = signing.sign(TestKey::stranger().soft.public_key_der(), &kit.ca);
    let anchors = [kit.root.clone()];
    let others = [ra.clone(), signing.clone()];
    let ca = TrustedCa::new(&kit.config, &anchors, &others, standard(), kit.now).unwrap();
    assert_eq!((ca.recipient(), ca.issuer()), (&ra, &kit.root));

    for chosen in [&kit.root.clone(), &signing] {
        let ca = ca.clone().with_recipient(chosen).unwrap();
        assert_eq!((ca.recipient(), ca.issuer()), (chosen, &kit.root));
    }
    let stranger =
        Template::ca("CN=Stranger").sign(TestKey::stranger().soft.public_key_der(), &TestKey::stranger());
    assert_eq!(ca.clone().with_recipient(&stranger).unwrap_err(), ApiMisuse::Recipient.into());

    // it is what requests are encrypted for, also after a reboot
    let ca = ca.with_recipient(&kit.root).unwrap();
    let device = Device::new(&Ca::new());
    let step = kit.client.enrol_with(URL, ca.clone(), device.request(CHALLENGE), kit.now, &mut kit.rng);
    let transmit = kit.up_to_message(step.unwrap());
    assert!(!kit.content(transmit.request()).is_empty());
    let asked = Asked::of(transmit.request());
    let pending = kit.sign(CertRep::new(&asked, "3"));
    let Step::Wait(wait) = kit.take(transmit, pending).unwrap() else { panic!() };
    let wait = kit.client.resume(&wait.save().unwrap()).unwrap();
    assert_eq!(*wait.ca(), ca);
    let step = wait.poll(&mut kit.rng).unwrap();
    let request = kit.up_to_message(step).request().clone();
    assert!(!kit.content(&request).is_empty());
    assert!(Certificate::parse(&Asked::of(&request).signer).unwrap().is_self_issued());
}
