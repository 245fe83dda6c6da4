//! Renewal: the current certificate asks for its successor.

use crate::cert_rep::{Asked, CertRep, PRINTABLE_STRING, reply};
use crate::client_kit::*;
use crate::provider::{KeyRing, KeyType, PROVIDER, SoftwareKey};
use crate::support::*;
use scep::client::{
    Client, ClientConfig, Done, NewEnrolment, Renewal, RenewalStyle, Step, Transport, Trust, Wait, drive,
};
use scep::crypto::{ChallengePassword, Digest, Purpose};
use scep::error::{ApiMisuse, BadEnvelope, BadSignature, Error, FailInfo, InvalidMessage, PeerMisbehaved};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse, Operation, TEXT_PLAIN, X509_CA_CERT};
use scep::wire::{
    Capabilities, Capability, Certificate, CertificationRequest, DistinguishedName, GeneralName,
    IssuerAndSubject, Limits, MessageType, Oid, SignedData,
};
use std::convert::Infallible;

fn message_type(request: &HttpRequest) -> MessageType {
    Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap().message_type_hint().unwrap()
}

fn challenge_in(csr: &[u8]) -> Option<String> {
    let csr = CertificationRequest::parse(csr, &Limits::DEFAULT).unwrap();
    csr.challenge_password().unwrap().map(|text| text.to_string())
}

// R-2.1.1-2, R-2.3-5, R-2.3-8, R-2.4-5, R-2.5-3, R-2.5-4, case 103
#[test]
fn a_renewal_is_signed_under_the_current_certificate_and_asks_for_the_new_key_without_challenge() {
    let mut kit = Kit::new();
    let names = [GeneralName::Dns("dev1.example.com"), GeneralName::Uri("urn:dev1")];
    kit.certificate = with_names(&kit.certificate, true, &names, &kit.ca);
    let (transmit, asked) = kit.renewing();
    let request = transmit.request();
    assert_eq!(
        (message_type(request), transmit.message_type()),
        (MessageType::RenewalReq, Some(MessageType::RenewalReq))
    );
    assert_eq!(asked.signer, kit.certificate);

    let csr = kit.content(request);
    assert_eq!(challenge_in(&csr), None);
    let csr = CertificationRequest::parse(&csr, &Limits::DEFAULT).unwrap();
    let current = Certificate::parse(&kit.certificate).unwrap();
    assert_eq!(csr.subject().as_der(), current.subject().as_der());
    assert_eq!(csr.public_key().as_der(), kit.new.soft.public_key_der());
    let asked_for = csr.extension_request(&Limits::DEFAULT).unwrap().unwrap();
    let had = current.extensions().unwrap().unwrap().get(Oid::SUBJECT_ALT_NAME);
    assert_eq!((asked_for.iter().count(), asked_for.get(Oid::SUBJECT_ALT_NAME)), (1, had));

    let [current, new] = [&kit.current, &kit.new].map(|key| key.soft.public_key_der().to_vec());
    assert_eq!(kit.signed, [(Purpose::Csr, new), (Purpose::PkiMessage, current)]);
}

// R-2.3-10, R-2.5.1-2: opened by the current key, for the new one
#[test]
fn the_reply_is_for_the_signers_certificate_and_brings_one_for_the_new_key() {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.renewing();
    let (leaf, former) = (kit.leaf(&kit.new, |_| {}), kit.certificate.clone());
    let response = kit.sign(CertRep::success(&asked, &[&former, &leaf], &asked.signer));
    let issued = issued_step(kit.take(transmit, response).unwrap());
    assert_eq!((issued.certificate, issued.others), (leaf, vec![former]));
    assert_eq!(kit.decrypted, [kit.current.soft.public_key_der()]);
}

// T33: a new certificate for the current key is not what was asked for
#[test]
fn a_certificate_for_another_key_than_the_new_one_ends_the_renewal() {
    for key in [TestKey::device(), TestKey::stranger()] {
        let mut kit = Kit::new();
        let (transmit, asked) = kit.renewing();
        let leaf = kit.leaf(&key, |_| {});
        let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
        let failed = kit.take(transmit, response).unwrap_err();
        assert_eq!((failed.error, failed.retry.is_none()), (PeerMisbehaved::NoCertificate.into(), true));
    }
}

// T33, T19
#[test]
fn a_certificate_that_is_wrong_otherwise_is_not_taken_for_a_renewal_either() {
    let other = TestKey::other_ca();
    let by_other = |kit: &Kit| Template::leaf(DEVICE_NAME).sign(kit.new.soft.public_key_der(), &other);
    let expired = |kit: &Kit| kit.leaf(&kit.new, |template| template.until = NOW - 1);
    let authority = |kit: &Kit| kit.leaf(&kit.new, |template| template.ca = true);
    for (number, error) in [
        BadSignature::Path.into(),
        BadSignature::Validity.into(),
        Error::from(PeerMisbehaved::CertificateAuthority),
    ]
    .into_iter()
    .enumerate()
    {
        let mut kit = Kit::new();
        let (transmit, asked) = kit.renewing();
        let leaf = [by_other(&kit), expired(&kit), authority(&kit)][number].clone();
        let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
        assert_eq!(kit.take(transmit, response).unwrap_err().error, error);
    }
}

// R-2.3-10, T34: whoever encrypts for the new key breaks the protocol, and the same request is sent again
#[test]
fn a_reply_for_another_certificate_than_the_signers_is_no_answer() {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.renewing();
    let leaf = kit.leaf(&kit.new, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &leaf));
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!((failed.error, kit.decrypted.len()), (BadEnvelope::Recipient.into(), 0));
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(issued_step(kit.take(failed.retry.unwrap(), response).unwrap()).certificate, leaf);
}

// R-2.5.1-3: the device goes on with what it has
#[test]
fn a_refused_renewal_is_an_outcome() {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.renewing();
    let refusal = CertRep::new(&asked, "2").with(Oid::FAIL_INFO, PRINTABLE_STRING, b"2");
    let response = kit.sign(refusal);
    let step = kit.take(transmit, response).unwrap();
    assert!(matches!(step, Step::Done(Done::Refused { fail_info: FailInfo::BadRequest, .. })));
}

/// What goes out for a renewal of this style, at a CA that lists this.
fn sent(style: RenewalStyle, listed: Capabilities, now: Option<u64>) -> Result<(Kit, HttpRequest), Error> {
    let mut kit = Kit::new();
    let ca = kit.trusted(listed);
    let renewal = Renewal::builder(kit.certificate.clone(), kit.new.soft.public_key_der());
    let renewal = renewal.style(style).build()?;
    let step = kit.client.renew_with(URL, ca, renewal, now.map(at), &mut kit.rng)?;
    let request = kit.up_to_message(step).request().clone();
    Ok((kit, request))
}

fn is_new_enrolment((kit, request): &(Kit, HttpRequest)) -> bool {
    let asked = Asked::of(request);
    let signer = Certificate::parse(&asked.signer).unwrap();
    let own = signer.public_key().as_der() == kit.new.soft.public_key_der() && signer.is_self_issued();
    assert!(own || asked.signer == kit.certificate);
    own
}

// R-2.3-5, R-2.3-1, T28, case 103
#[test]
fn the_style_of_a_renewal_follows_the_capabilities() {
    use Capability::{Aes, PostPkiOperation, ScepStandard, Sha256};
    let ndes = [Capability::Renewal, PostPkiOperation, Sha256, Capability::Sha1, Capability::Des3];
    for (listed, message_type_sent, new_enrolment) in [
        (list(&[ScepStandard]), MessageType::RenewalReq, false),
        (standard(), MessageType::RenewalReq, false),
        // stripped: nobody signs the list
        (Capabilities::new(), MessageType::RenewalReq, false),
        (list(&ndes), MessageType::PkcsReq, false),
        (list(&[Aes, PostPkiOperation, Sha256]), MessageType::PkcsReq, true),
    ] {
        let sent = sent(RenewalStyle::Auto, listed, Some(NOW)).unwrap();
        assert_eq!(message_type(&sent.1), message_type_sent, "{listed:?}");
        assert_eq!(is_new_enrolment(&sent), new_enrolment, "{listed:?}");
    }
}

// Q14, quirk 48, R-2.3-5, case 103
#[test]
fn both_styles_can_be_forced_whatever_is_listed() {
    for listed in [standard(), Capabilities::new(), list(&[Capability::Aes]), list(&[Capability::Renewal])] {
        for (style, expected) in [
            (RenewalStyle::RenewalReq, MessageType::RenewalReq),
            (RenewalStyle::PkcsReq, MessageType::PkcsReq),
        ] {
            let sent = sent(style, listed, Some(NOW)).unwrap();
            assert_eq!((message_type(&sent.1), is_new_enrolment(&sent)), (expected, false));
        }
    }
}

// T53: NOW - 3600 to NOW + YEAR
#[test]
fn a_certificate_outside_its_validity_does_not_sign_a_renewal() {
    for (now, valid) in [
        (Some(NOW + YEAR), true),
        (Some(NOW + YEAR + 1), false),
        (Some(NOW - 3600), true),
        (Some(NOW - 3601), false),
        (None, true),
    ] {
        let auto = sent(RenewalStyle::Auto, standard(), now).unwrap();
        assert_eq!(is_new_enrolment(&auto), !valid, "{now:?}");
        for style in [RenewalStyle::RenewalReq, RenewalStyle::PkcsReq] {
            match sent(style, standard(), now) {
                Ok(sent) => assert!(valid && !is_new_enrolment(&sent)),
                Err(error) => assert_eq!((error, valid), (ApiMisuse::Certificate.into(), false)),
            }
        }
    }
}

// Q15, R-2.4-5: only when somebody gives one, and then also when it ends in a new enrolment
#[test]
fn a_challenge_goes_along_only_when_it_is_given() {
    for listed in [standard(), list(&[Capability::Aes])] {
        for given in [None, Some(CHALLENGE)] {
            let mut kit = Kit::new();
            let mut renewal = Renewal::builder(kit.certificate.clone(), kit.new.soft.public_key_der());
            if let Some(text) = given {
                renewal = renewal.challenge(ChallengePassword::new(text).unwrap());
            }
            let (ca, renewal) = (kit.trusted(listed), renewal.build().unwrap());
            assert!(!format!("{renewal:?}").contains(CHALLENGE));
            let step = kit.client.renew_with(URL, ca, renewal, kit.now, &mut kit.rng).unwrap();
            let transmit = kit.up_to_message(step);
            assert_eq!(challenge_in(&kit.content(transmit.request())).as_deref(), given);
        }
    }
}

// R-2.3-9
#[test]
fn a_chain_goes_along_behind_the_signers_certificate() {
    let mut kit = Kit::new();
    let renewal = Renewal::builder(kit.certificate.clone(), kit.new.soft.public_key_der());
    let renewal = renewal.chain(vec![kit.root.clone()]).build().unwrap();
    let ca = kit.trusted(standard());
    let step = kit.client.renew_with(URL, ca, renewal, kit.now, &mut kit.rng).unwrap();
    let request = kit.up_to_message(step).request().clone();
    let message = SignedData::parse(&request.body, &Limits::DEFAULT).unwrap();
    let sent: Vec<_> = message.certificates().iter().collect();
    assert_eq!(sent, [kit.certificate.as_ref(), kit.root.as_ref()]);
}

// R-2.5-4, quirk 49: the same key is allowed; the certificate that there is already does not count as the new one
#[test]
fn the_same_key_may_be_certified_again() {
    let mut kit = Kit::new();
    kit.new = TestKey::device();
    let (transmit, asked) = kit.renewing();
    let (leaf, former) = (kit.leaf(&kit.new, |_| {}), kit.certificate.clone());
    let response = kit.sign(CertRep::success(&asked, &[&former, &leaf], &asked.signer));
    assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);

    let (transmit, asked) = kit.renewing();
    let response = kit.sign(CertRep::success(&asked, &[&former], &asked.signer));
    assert_eq!(kit.take(transmit, response).unwrap_err().error, PeerMisbehaved::NoCertificate.into());
}

/// A renewal that the CA holds.
fn held() -> (Kit, Wait) {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.renewing();
    let pending = kit.sign(CertRep::new(&asked, "3"));
    let Step::Wait(wait) = kit.take(transmit, pending).unwrap() else { panic!() };
    kit.signed.clear();
    (kit, wait)
}

// R-2.5-5, R-3.3.3-1, R-5.2-2, T54
#[test]
fn a_held_renewal_is_polled_with_the_current_key_also_after_a_reboot() {
    let (mut kit, wait) = held();
    let [current, new] = [&kit.current, &kit.new].map(|key| key.soft.public_key_der().to_vec());
    let wait = kit.client.resume(&wait.save().unwrap()).unwrap();
    assert_eq!((wait.public_key().unwrap(), wait.requested_key()), (current.clone(), &new[..]));
    assert_eq!(wait.subject().unwrap().to_string(), DEVICE_NAME);

    let step = wait.poll(&mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    assert_eq!(kit.signed, [(Purpose::PkiMessage, current)]);
    let (asked, content) = (Asked::of(transmit.request()), kit.content(transmit.request()));
    assert_eq!((message_type(transmit.request()), &asked.signer), (MessageType::CertPoll, &kit.certificate));
    let names = IssuerAndSubject::parse(&content).unwrap();
    assert_eq!([names.issuer.as_der(), names.subject.as_der()], [name(CA_NAME), name(DEVICE_NAME)]);

    let leaf = kit.leaf(&kit.new, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
}

// T33: what was asked for is saved too
#[test]
fn a_resumed_renewal_still_wants_a_certificate_for_the_new_key() {
    let (mut kit, wait) = held();
    let wait = kit.client.resume(&wait.save().unwrap()).unwrap();
    let step = wait.poll(&mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    let leaf = kit.leaf(&kit.current, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(kit.take(transmit, response).unwrap_err().error, PeerMisbehaved::NoCertificate.into());
}

// T54: a checksum that fits is not enough
#[test]
fn state_of_an_older_version_is_refused() {
    let (kit, wait) = held();
    let mut saved = wait.save().unwrap();
    assert_eq!(saved[..4], *b"SCW2");
    saved[3] = b'1';
    let fields = saved.len() - 8;
    let digest = sha256(&saved[..fields]);
    saved[fields..].copy_from_slice(&digest[..8]);
    let damaged = Error::InvalidMessage(InvalidMessage::SavedState);
    assert_eq!(kit.client.resume(&saved).unwrap_err(), damaged);
    saved[3] = b'2';
    let digest = sha256(&saved[..fields]);
    saved[fields..].copy_from_slice(&digest[..8]);
    assert!(kit.client.resume(&saved).is_ok());
}

#[test]
fn what_cannot_be_renewed_is_refused_at_once() {
    let kit = Kit::new();
    let key = kit.new.soft.public_key_der();
    let build = |current: &[u8], key: &[u8]| {
        Renewal::builder(CertificateDer::from(current.to_vec()), key).build().map(drop).unwrap_err()
    };
    assert_eq!(build(b"no certificate", key), ApiMisuse::Certificate.into());
    assert_eq!(build(&kit.certificate, b"no key"), ApiMisuse::PublicKey.into());
    let chain = vec![CertificateDer::from(vec![0x30, 0x00])];
    let renewal = Renewal::builder(kit.certificate.clone(), key).chain(chain).build();
    assert_eq!(renewal.map(drop).unwrap_err(), ApiMisuse::Certificate.into());
}

/// A CA that issues whatever is asked for, and checks nothing.
struct Lavish {
    kit: Kit,
    types: Vec<MessageType>,
}

impl Transport for Lavish {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        if request.target.contains(Operation::GetCaCaps.name()) {
            return Ok(HttpResponse::ok(TEXT_PLAIN, b"SCEPStandard\nRenewal\n".to_vec()));
        }
        if request.target.contains(Operation::GetCaCert.name()) {
            return Ok(HttpResponse::ok(X509_CA_CERT, self.kit.root.to_vec()));
        }
        self.types.push(message_type(request));
        let (asked, csr) = (Asked::of(request), self.kit.content(request));
        let csr = CertificationRequest::parse(&csr, &Limits::DEFAULT).unwrap();
        let leaf = Template::leaf(DEVICE_NAME).sign(csr.public_key().as_der(), &self.kit.ca);
        Ok(self.kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer)))
    }
}

// R-2.5-3, R-2.3-10: the short path, with both keys on one ring
#[test]
fn drive_renews_with_a_ring_of_keys() {
    let kit = Kit::new();
    let (current, new) = (TestKey::device(), TestKey::device2());
    let fingerprint = sha256(&kit.root);
    let client = Client::new(ClientConfig::new(&PROVIDER));
    let mut rng = seeded(4);
    let step = client.renew(URL, kit.renewal(), &mut rng).unwrap();
    let mut ca = Lavish { kit, types: Vec::new() };
    let ring = KeyRing::new(&[&new.soft, &current.soft]);
    let trust = |trust: Trust| trust.matching_sha256(&fingerprint);
    let now = Some(at(NOW));
    let driven = drive(step, &mut ca, &mut &ring, &mut &ring, trust, &mut rng, now).unwrap();
    let issued = issued(driven);
    let certificate = Certificate::parse(&issued.certificate).unwrap();
    assert_eq!(certificate.public_key().as_der(), new.soft.public_key_der());
    assert_eq!(ca.types, [MessageType::RenewalReq]);
}

// --- a key that cannot decrypt, and another one that can ---------------------------------------------------------

fn with_reply_key(kit: &Kit) -> NewEnrolment {
    let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
    NewEnrolment::builder(subject, kit.new.soft.public_key_der())
        .reply_key(kit.current.soft.public_key_der())
        .build()
        .unwrap()
}

// R-2.3-10
#[test]
fn a_reply_key_signs_the_message_and_opens_the_reply_for_the_other_key() {
    let mut kit = Kit::new();
    let (ca, request) = (kit.trusted(standard()), with_reply_key(&kit));
    let step = kit.client.enrol_with(URL, ca, request, kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let [current, new] = [&kit.current, &kit.new].map(|key| key.soft.public_key_der().to_vec());
    assert_eq!(
        kit.signed,
        [
            (Purpose::Csr, new.clone()),
            (Purpose::TransportCertificate, current.clone()),
            (Purpose::PkiMessage, current.clone()),
        ]
    );
    let asked = Asked::of(transmit.request());
    let signer = Certificate::parse(&asked.signer).unwrap();
    assert_eq!((signer.public_key().as_der(), signer.is_self_issued()), (&current[..], true));
    let csr = kit.content(transmit.request());
    let csr = CertificationRequest::parse(&csr, &Limits::DEFAULT).unwrap();
    assert_eq!(csr.public_key().as_der(), new);

    let leaf = kit.leaf(&kit.new, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
    assert_eq!(kit.decrypted, [current]);
}

// R-2.3-10, R-2.5-4: the new key may be one that signs and cannot decrypt; an RSA key opens the reply
#[test]
fn an_elliptic_key_is_certified_with_the_help_of_an_rsa_key() {
    for renew in [false, true] {
        let mut kit = Kit::new();
        let elliptic = SoftwareKey::generate(KeyType::EcP256, &mut kit.rng).unwrap();
        let rsa = TestKey::device();
        let ca = kit.trusted(standard());
        let step = if renew {
            let renewal = Renewal::builder(kit.certificate.clone(), elliptic.public_key_der());
            kit.client.renew_with(URL, ca, renewal.build().unwrap(), kit.now, &mut kit.rng)
        } else {
            let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
            let request = NewEnrolment::builder(subject, elliptic.public_key_der());
            let request = request.reply_key(rsa.soft.public_key_der()).build().unwrap();
            kit.client.enrol_with(URL, ca, request, kit.now, &mut kit.rng)
        };
        let ring = KeyRing::new(&[&elliptic, &rsa.soft]);
        let mut authority = Lavish { kit: Kit::new(), types: Vec::new() };
        let trust = |trust: Trust| trust.dangerous();
        let now = Some(at(NOW));
        let driven =
            drive(step.unwrap(), &mut authority, &mut &ring, &mut &ring, trust, &mut kit.rng, now).unwrap();
        let issued = issued(driven);
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        assert_eq!(certificate.public_key().as_der(), elliptic.public_key_der());
    }
}

// T33
#[test]
fn a_certificate_for_the_reply_key_is_not_what_was_asked_for() {
    let mut kit = Kit::new();
    let (ca, request) = (kit.trusted(standard()), with_reply_key(&kit));
    let step = kit.client.enrol_with(URL, ca, request, kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    let leaf = kit.leaf(&kit.current, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&leaf], &asked.signer));
    assert_eq!(kit.take(transmit, response).unwrap_err().error, PeerMisbehaved::NoCertificate.into());
}

#[test]
fn a_reply_key_that_cannot_decrypt_is_refused_at_once() {
    let kit = Kit::new();
    let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
    let elliptic = [0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    let request = NewEnrolment::builder(subject, kit.new.soft.public_key_der()).reply_key(&elliptic).build();
    assert_eq!(request.unwrap_err(), ApiMisuse::PublicKey.into());
}

// R-2.3-8: the signature of the request is that of its own key, whatever signs the message
#[test]
fn a_signature_by_the_wrong_one_of_two_keys_is_noticed() {
    let mut kit = Kit::new();
    let (ca, renewal) = (kit.trusted(standard()), kit.renewal());
    let Step::Sign(sign) = kit.client.renew_with(URL, ca, renewal, kit.now, &mut kit.rng).unwrap() else {
        panic!()
    };
    let wrong = kit.current.soft.sign(sign.job(), &mut kit.rng);
    let failed = sign.complete(wrong, &mut kit.rng).unwrap_err();
    assert_eq!(failed.error, scep::error::KeyError::WrongSignature.into());
    let transmit = kit.up_to_message(Step::Sign(failed.retry.unwrap()));
    assert_eq!(Asked::of(transmit.request()).signer, kit.certificate);
    let message = Unverified::parse(transmit.request().body.clone(), &Limits::DEFAULT).unwrap();
    assert_eq!(message.scheme_hint().unwrap().digest(), Digest::Sha256);
    let echo = reply(transmit.request().body.clone());
    assert_eq!(kit.take(transmit, echo).unwrap_err().error, BadSignature::UntrustedSigner.into());
}
