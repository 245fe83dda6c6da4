//! Keys that cannot decrypt: messages under the challenge password (RFC 8894 section 3.1).

use crate::provider::{KeyRing, KeyType, PBKDF2_SHA256, PROVIDER, SoftwareKey};
use crate::requests::{CA, CA_CERTIFICATE, DEVICE, DEVICE_CERTIFICATE, Message, pkcs_req};
use crate::server_kit::{Issuer, certificate};
use crate::support::{CHALLENGE, NOW, at, holds, seeded};
use scep::Error;
use scep::crypto::{ChallengePassword, ContentEncryption, Digest, Provider, Purpose, Rng, SignJob};
use scep::error::{BadEnvelope, Limit, PeerMisbehaved, Unsupported};
use scep::message::{Addressee, Draft, Fields, OpenPolicy, Unverified, envelope};
use scep::pki_types::CertificateDer;
use scep::server::{
    ChallengeKey, ChallengeTerms, Decide, Enrol, Exchange, FindChallenge, Identity, MemoryStore,
    OneTimeChallenges, Outcome, Refusal, Responder, ServerConfig, Status, drive,
};
use scep::transport::HttpRequest;
use scep::wire::{
    Certificate, CertificationRequestInfoDraft, CertsOnly, DistinguishedName, FailInfo, IssuerAndSubject,
    KeyUsage, Limits, MessageType, Nonce, SubjectPublicKeyInfo, TbsCertificateDraft, TransactionId, assemble,
};
use std::cell::Cell;
use std::time::Duration;

/// What a server with devices that cannot decrypt lists.
static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };

const SUBJECT: &str = "O=Test, CN=curve";
const OTHER: &str = "another password that is long enough";

fn password(text: &str) -> ChallengePassword {
    ChallengePassword::new(text).unwrap()
}

fn curve(seed: u64) -> SoftwareKey {
    // the one provider that makes the same key of the same numbers
    let key = scep::crypto::rustcrypto::SoftwareKey::generate(KeyType::EcP256, &mut seeded(seed)).unwrap();
    SoftwareKey::from_pkcs8(&key.to_pkcs8()).unwrap()
}

fn sign(key: &SoftwareKey, message: Vec<u8>, purpose: Purpose) -> Vec<u8> {
    let scheme =
        SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap().signature_scheme(Digest::Sha256).unwrap();
    let job = SignJob::new(&PROVIDER, message, scheme, purpose, key.public_key_der()).unwrap();
    let signature = key.sign(&job, &mut seeded(9)).unwrap();
    assemble(job.message(), scheme, signature.as_bytes())
}

fn self_signed(key: &SoftwareKey, subject: &str, usage: KeyUsage) -> CertificateDer<'static> {
    let name: DistinguishedName = subject.parse().unwrap();
    let public_key = SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap();
    let tbs = TbsCertificateDraft {
        serial: &[7],
        subject: name.name(),
        not_before: at(NOW - 60),
        not_after: at(NOW + 3600),
        public_key,
        scheme: public_key.signature_scheme(Digest::Sha256).unwrap(),
        key_usage: usage,
    };
    CertificateDer::from(sign(key, tbs.encode(), Purpose::TransportCertificate))
}

fn csr(key: &SoftwareKey, challenge: Option<&str>) -> Vec<u8> {
    let name: DistinguishedName = SUBJECT.parse().unwrap();
    let mut info = CertificationRequestInfoDraft {
        subject: name.name(),
        public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
        challenge,
        extensions: None,
    }
    .encode();
    sign(key, std::mem::take(&mut *info), Purpose::Csr)
}

/// A device with an ECDSA key.
struct Device {
    key: SoftwareKey,
    certificate: CertificateDer<'static>,
}

impl Device {
    fn new(seed: u64) -> Self {
        let key = curve(seed);
        let certificate = self_signed(&key, SUBJECT, KeyUsage::DIGITAL_SIGNATURE);
        Self { key, certificate }
    }

    fn message(&self, message_type: MessageType, content: Vec<u8>) -> Vec<u8> {
        let fields = Fields {
            message_type,
            pki_status: None,
            fail_info: None,
            fail_info_text: None,
            sender_nonce: Nonce::from_bytes(&[5; 16]).unwrap(),
            recipient_nonce: None,
            transaction_id: TransactionId::new("curve-1").unwrap(),
            signing_time: None,
        };
        let certificate = self.certificate.clone();
        let draft = Draft::new(&PROVIDER, content, &fields, certificate, Digest::Sha256, Purpose::PkiMessage)
            .unwrap();
        let signature = self.key.sign(draft.job(), &mut seeded(9)).unwrap();
        draft.seal(&PROVIDER, &signature).unwrap()
    }

    /// A PKCSReq with this challenge, in an envelope for the RSA key of the CA.
    fn request(&self, challenge: Option<&str>) -> Vec<u8> {
        self.message(MessageType::PkcsReq, to_ca(&csr(&self.key, challenge)))
    }

    fn poll(&self, content: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let name: DistinguishedName = SUBJECT.parse().unwrap();
        let names = IssuerAndSubject { issuer: name.name(), subject: name.name() }.encode();
        self.message(MessageType::CertPoll, content(&names))
    }

    /// The certificate in a SUCCESS, which opens with this password and no other.
    fn open(&self, reply: &[u8], challenge: &str, ca: &CertificateDer<'static>) -> Vec<u8> {
        let open = |challenge: &str| {
            let reply = Unverified::parse(reply.to_vec(), &Limits::DEFAULT).unwrap();
            let reply = reply.verify_by(&PROVIDER, [ca]).unwrap();
            let policy = OpenPolicy {
                provider: &WITH_PASSWORDS,
                recipients: &[&self.certificate],
                single_des: false,
                any_key_identifier: true,
            };
            let refused = reply.envelope(&policy, &mut seeded(1)).err();
            assert_eq!(refused, Some(BadEnvelope::Recipient.into()), "a key transport beside the password");
            let envelope = reply.password_envelope(&policy, &mut seeded(1)).unwrap();
            let opened = envelope.open(Some(&password(challenge))).unwrap();
            opened.content().map(<[u8]>::to_vec)
        };
        assert!(open(OTHER).is_err());
        let content = open(challenge).unwrap();
        let issued = CertsOnly::parse(&content, &Limits::DEFAULT).unwrap().certificates().iter().next();
        let issued = issued.unwrap().to_vec();
        assert_eq!(Certificate::parse(&issued).unwrap().public_key().as_der(), self.key.public_key_der());
        issued
    }
}

fn to_ca(content: &[u8]) -> Vec<u8> {
    let ca = Certificate::parse(&CA_CERTIFICATE).unwrap();
    envelope(&PROVIDER, content, (&ca).into(), ContentEncryption::Aes128Cbc, &mut seeded(3)).unwrap()
}

fn under(challenge: &str) -> impl FnOnce(&[u8]) -> Vec<u8> + use<'_> {
    move |content| {
        let addressee = password(challenge);
        let addressee = Addressee::Password(&addressee);
        envelope(&WITH_PASSWORDS, content, addressee, ContentEncryption::Aes128Cbc, &mut seeded(3)).unwrap()
    }
}

type Decision = fn(&Issuer, Enrol, &mut Rng<'_>) -> Exchange;
type Password = fn(FindChallenge, &mut Rng<'_>) -> Exchange;

struct Server {
    responder: Responder,
    store: MemoryStore,
    issuer: Issuer,
    decide: Decision,
    password: Password,
    /// How often a password was asked for.
    asked: Cell<u32>,
    key: SoftwareKey,
}

fn never(question: FindChallenge, _: &mut Rng<'_>) -> Exchange {
    panic!("a password was asked for: {question:?}")
}

fn known(question: FindChallenge, rng: &mut Rng<'_>) -> Exchange {
    question.answer(password(CHALLENGE), rng)
}

fn by_challenge(issuer: &Issuer, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
    crate::server_kit::by_challenge(issuer, question, rng)
}

impl Server {
    fn new(config: ServerConfig) -> Self {
        Self {
            responder: Responder::new(config).unwrap(),
            store: MemoryStore::default(),
            issuer: Issuer::default(),
            decide: by_challenge,
            password: never,
            asked: Cell::new(0),
            key: SoftwareKey::from_pkcs8(&CA.soft.to_pkcs8()).unwrap(),
        }
    }

    /// With an RSA key that opens requests.
    fn rsa() -> Self {
        let ca = certificate(&CA_CERTIFICATE);
        Self::new(
            ServerConfig::new(&WITH_PASSWORDS, Identity::new(ca.clone()), vec![ca]).password_recipients(true),
        )
    }

    fn post(&self, message: Vec<u8>) -> Outcome {
        let mut rng = seeded(4);
        let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message);
        let exchange = self.responder.accept(request, at(NOW), &mut rng);
        let keys = [&self.key];
        let keys = KeyRing::new(&keys);
        let decide = |question, rng: &mut Rng<'_>| match question {
            Decide::Enrol(question) => (self.decide)(&self.issuer, question, rng),
            Decide::Challenge(question) => {
                self.asked.set(self.asked.get() + 1);
                (self.password)(question, rng)
            }
            other => panic!("{other:?}"),
        };
        drive(exchange, &mut &keys, &mut &keys, &self.store, &mut rng, decide)
    }
}

#[track_caller]
fn refused(outcome: &Outcome, fail_info: FailInfo, cause: impl Into<Error>) {
    assert_eq!(outcome.summary.status, Status::Failure(fail_info), "{:?}", outcome.cause);
    assert_eq!(outcome.cause, Some(cause.into()));
}

// R-3.1-3, R-2.4-10, case 89: the request's own challenge protects the reply, and the owner need not be asked
#[test]
fn a_device_that_cannot_decrypt_gets_its_certificate_under_its_challenge() {
    let (server, device) = (Server::rsa(), Device::new(1));
    let request = device.request(Some(CHALLENGE));
    assert!(!holds(&request, CHALLENGE.as_bytes()));
    let outcome = server.post(request.clone());
    assert_eq!(outcome.summary.status, Status::Success, "{:?}", outcome.cause);
    let issued = device.open(&outcome.reply.body, CHALLENGE, &certificate(&CA_CERTIFICATE));
    // again, without another certificate
    let again = server.post(request);
    assert_eq!(device.open(&again.reply.body, CHALLENGE, &certificate(&CA_CERTIFICATE)), issued);
    assert_eq!((server.issuer.count(), server.asked.get()), (1, 0));
}

// R-3.1-6, case 89: after a restart only the owner knows the challenge
#[test]
fn a_held_certificate_is_delivered_under_the_challenge_that_the_owner_kept() {
    let mut server = Server::rsa();
    let device = Device::new(1);
    server.decide = |_, question, rng| question.hold(rng);
    assert_eq!(server.post(device.request(Some(CHALLENGE))).summary.status, Status::Pending);
    assert_eq!(server.post(device.poll(to_ca)).summary.status, Status::Pending);
    assert_eq!(server.asked.get(), 0);
    server.decide = |issuer, question, _| issuer.grant(question.approve());
    // nobody remembers it now: the certificate is issued, and can be had later
    for lacking in [(|question, rng| question.unknown(rng)) as Password, |question, rng| {
        question.answer(password("weak"), rng)
    }] {
        server.password = lacking;
        let outcome = server.post(device.poll(to_ca));
        assert_eq!((outcome.reply.status, outcome.cause), (503, Some(PeerMisbehaved::Challenge.into())));
    }
    server.password = |question, _| question.unavailable();
    assert_eq!(server.post(device.poll(to_ca)).reply.status, 503);
    server.password = |question, rng| {
        assert!(!question.is_request());
        assert_eq!(question.transaction().transaction_id().as_bytes(), b"curve-1");
        known(question, rng)
    };
    let outcome = server.post(device.poll(to_ca));
    assert_eq!(outcome.summary.status, Status::Success);
    device.open(&outcome.reply.body, CHALLENGE, &certificate(&CA_CERTIFICATE));
    assert_eq!((server.issuer.count(), server.asked.get()), (1, 4));
}

// R-3.1-4, PWRI-5, T47: without a password that is strong enough there is no reply that could be protected
#[test]
fn a_weak_or_missing_challenge_is_refused_before_anybody_decides() {
    let mut server = Server::rsa();
    server.decide = |_, question, _| panic!("{question:?}");
    let device = Device::new(1);
    for challenge in [None, Some("secret123"), Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")] {
        refused(&server.post(device.request(challenge)), FailInfo::BadRequest, PeerMisbehaved::Challenge);
    }
    assert!(server.store.is_empty());
}

// T9: the reply needs the text, which a one-time challenge is not stored as
#[test]
fn a_one_time_challenge_is_not_redeemed_for_a_key_that_cannot_decrypt() {
    let mut server = Server::rsa();
    server.decide = |_, question, rng| {
        let challenges = OneTimeChallenges::new(&PROVIDER, "", ChallengeKey::from_bytes([7; 32]));
        let terms = ChallengeTerms::any_subject();
        let (_, made) = challenges.mint(terms, at(NOW), Duration::from_secs(60), &mut seeded(1)).unwrap();
        assert_eq!(challenges.wanted(&question).unwrap().as_ref(), Some(made.id()));
        let question = challenges.redeem(question, Some(made)).unwrap_err();
        question.refuse(Refusal::Challenge, rng)
    };
    let challenges = OneTimeChallenges::new(&PROVIDER, "", ChallengeKey::from_bytes([7; 32]));
    let terms = ChallengeTerms::any_subject();
    let (text, _) = challenges.mint(terms, at(NOW), Duration::from_secs(60), &mut seeded(1)).unwrap();
    let outcome = server.post(Device::new(1).request(Some(text.expose())));
    refused(&outcome, FailInfo::BadRequest, PeerMisbehaved::Challenge);
    assert!(server.store.is_empty() && server.issuer.count() == 0);
}

// Q19, E6: off by default, and refused before any key is used
#[test]
fn keys_that_cannot_decrypt_are_refused_unless_the_switch_is_on() {
    let ca = certificate(&CA_CERTIFICATE);
    let config = || ServerConfig::new(&WITH_PASSWORDS, Identity::new(ca.clone()), vec![ca.clone()]);
    let server = Server::new(config());
    let device = Device::new(1);
    refused(&server.post(device.request(Some(CHALLENGE))), FailInfo::BadAlg, Unsupported::PublicKey);
    // nor are requests under a password taken from anybody
    let message = under(CHALLENGE)(&csr(&DEVICE.soft, Some(CHALLENGE)));
    let message = Message::new("19", message, &DEVICE, &DEVICE_CERTIFICATE).encode();
    refused(&server.post(message), FailInfo::BadRequest, BadEnvelope::Recipient);
    // GetCert and GetCRL come with no challenge: there is no way to answer
    let server = Server::new(config().password_recipients(true).get_crl(true));
    let question = device.message(MessageType::GetCrl, to_ca(b"x"));
    refused(&server.post(question), FailInfo::BadAlg, Unsupported::PublicKey);
    // a provider that cannot derive keys
    let lacking = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]);
    assert!(Responder::new(lacking.password_recipients(true)).is_err());
}

/// A CA that is all ECDSA.
fn curve_server() -> (Server, CertificateDer<'static>) {
    let key = curve(5);
    let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN;
    let ca = self_signed(&key, "CN=Curve CA", usage);
    let config = ServerConfig::new(&WITH_PASSWORDS, Identity::new(ca.clone()), vec![ca.clone()]);
    assert!(Responder::new(config.clone()).is_err(), "an identity that opens nothing");
    let mut server = Server::new(config.password_recipients(true));
    server.key = key;
    server.password = known;
    (server, ca)
}

// R-3.1-3, PWRI-2, case 89: both directions under the password
#[test]
fn a_ca_that_cannot_decrypt_takes_requests_under_the_challenge() {
    let (mut server, ca) = curve_server();
    server.password = |question, rng| {
        assert!(question.is_request());
        known(question, rng)
    };
    let device = Device::new(1);
    let request = device.message(MessageType::PkcsReq, under(CHALLENGE)(&csr(&device.key, Some(CHALLENGE))));
    let outcome = server.post(request);
    assert_eq!(outcome.summary.status, Status::Success, "{:?}", outcome.cause);
    device.open(&outcome.reply.body, CHALLENGE, &ca);
    // a poll is not opened, whatever it is under, and asks for the password to deliver under
    server.password = |question, rng| {
        assert!(!question.is_request());
        known(question, rng)
    };
    let outcome = server.post(device.poll(under(OTHER)));
    assert_eq!(outcome.summary.status, Status::Success, "{:?}", outcome.cause);
    device.open(&outcome.reply.body, CHALLENGE, &ca);
    assert_eq!(server.issuer.count(), 1);
}

// MMA-1, PWRI-3, T1, T2: one refusal, whatever is wrong under the password
#[test]
fn wrong_passwords_damage_and_another_challenge_inside_look_the_same() {
    let (mut server, _) = curve_server();
    server.decide = |_, question, _| panic!("{question:?}");
    let device = Device::new(1);
    let good = csr(&device.key, Some(CHALLENGE));
    let post = |server: &Server, content: Vec<u8>| {
        let outcome = server.post(device.message(MessageType::PkcsReq, content));
        assert_eq!(outcome.summary.status, Status::Failure(FailInfo::BadRequest), "{:?}", outcome.cause);
        assert!(server.store.is_empty());
        outcome.reply.body.len()
    };
    let usual = post(&server, under(OTHER)(&good));
    let mut damaged = under(CHALLENGE)(&good);
    *damaged.last_mut().unwrap() ^= 1;
    let contents = [
        damaged,
        under(CHALLENGE)(b"no request"),
        under(CHALLENGE)(&csr(&device.key, Some(OTHER))),
        under(CHALLENGE)(&csr(&curve(2), Some(CHALLENGE))),
    ];
    for content in contents {
        let length = post(&server, content);
        // ECDSA signatures in DER differ by some bytes
        assert!(length.abs_diff(usual) <= 6, "{length} {usual}");
    }
    server.password = |question, rng| question.unknown(rng);
    let length = post(&server, under(CHALLENGE)(&good));
    assert!(length.abs_diff(usual) <= 6);
}

#[test]
fn a_device_that_can_decrypt_is_answered_by_key_whatever_is_switched_on() {
    let server = Server::rsa();
    let outcome = server.post(pkcs_req().encode());
    assert_eq!(outcome.summary.status, Status::Success, "{:?}", outcome.cause);
    let reply = Unverified::parse(outcome.reply.body, &Limits::DEFAULT).unwrap();
    let reply = reply.verify_by(&PROVIDER, [&certificate(&CA_CERTIFICATE)]).unwrap();
    let device = certificate(&DEVICE_CERTIFICATE);
    let policy = OpenPolicy {
        provider: &WITH_PASSWORDS,
        recipients: &[&device],
        single_des: false,
        any_key_identifier: true,
    };
    assert!(reply.envelope(&policy, &mut seeded(1)).is_ok());
    assert_eq!(server.asked.get(), 0);
}

// T2, E13: where the signer may have another key, its size must not show whether a stolen envelope holds a request
#[test]
fn a_signer_with_another_key_has_one_of_a_usual_size() {
    let key = SoftwareKey::from_pem(include_str!("keys/large.pem")).unwrap();
    let certificate_of = self_signed(&key, SUBJECT, KeyUsage::DIGITAL_SIGNATURE);
    let device = Device { key, certificate: certificate_of };
    let message = || device.message(MessageType::PkcsReq, to_ca(&csr(&DEVICE.soft, Some(CHALLENGE))));
    let ca = certificate(&CA_CERTIFICATE);
    let config = || ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca.clone()]);
    let mut server = Server::new(config().danger_accept_other_signer(true));
    server.decide = |_, question, _| panic!("{question:?}");
    refused(&server.post(message()), FailInfo::BadAlg, Unsupported::PublicKey);
    // without the switch any size may ask for itself
    let server = Server::new(config());
    let own = device.message(MessageType::PkcsReq, to_ca(&csr(&device.key, Some(CHALLENGE))));
    assert_eq!(server.post(own).summary.status, Status::Success);
}

// E10, T41: the configured bounds hold for the key to be certified too, which need not be the signer's
#[test]
fn a_key_out_of_the_configured_bounds_is_certified_for_nobody() {
    let key = SoftwareKey::from_pem(include_str!("keys/large.pem")).unwrap();
    let ca = certificate(&CA_CERTIFICATE);
    let mut limits = Limits::DEFAULT;
    limits.rsa_max_bits = 2048;
    let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]).limits(limits);
    let mut server = Server::new(config.danger_accept_other_signer(true));
    server.decide = |_, question, _| panic!("{question:?}");
    let content = to_ca(&csr(&key, Some(CHALLENGE)));
    let message = Message::new("19", content, &DEVICE, &DEVICE_CERTIFICATE).encode();
    refused(&server.post(message), FailInfo::BadRequest, Limit::PublicKey);
}

// E10: a key that opens nothing is no recipient, and that is no fault of the server's
#[test]
fn an_envelope_for_the_key_of_a_ca_that_cannot_decrypt_is_bad_request() {
    let (mut server, ca) = curve_server();
    server.password = never;
    let device = Device::new(1);
    let recipient = crate::requests::Recipient::new(&ca, &CA);
    let envelope = crate::requests::Envelope::to(csr(&device.key, Some(CHALLENGE)), recipient).encode();
    let outcome = server.post(device.message(MessageType::PkcsReq, envelope));
    refused(&outcome, FailInfo::BadRequest, BadEnvelope::Recipient);
}
