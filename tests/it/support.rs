//! A CA and a device, each with fixed keys, on a fixed day, with a generator that always gives the same numbers.

use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY, SoftwareKey};
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Sign, PrivateKey};
use scep::client::{Client, ClientConfig, Done, DriveError, Driven, Failed, Issued, NewEnrolment};
use scep::client::{Step, Transmit, Transport, Trust, drive};
use scep::crypto::{
    ChallengePassword, DecryptJob, Decryptor, Digest, KeyError, Purpose, Random, Rng, SignJob,
    SignatureScheme, Unwrapped,
};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::{
    Decide, Enrol, Exchange, Identity, IssuedChain, MemoryStore, Outcome, Refusal, Responder, ServerConfig,
    SharedSecret,
};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{DistinguishedName, ExtensionsBuilder, KeyUsage, Limits, Oid};
use std::time::Duration;
use x509_cert::der::{Encode as _, asn1::GeneralizedTime};

pub(crate) const URL: &str = "http://ca.test/scep";
pub(crate) const CHALLENGE: &str = "correct horse battery staple";
pub(crate) const DEVICE_NAME: &str = "C=DE, CN=dev1";
pub(crate) const CA_NAME: &str = "C=DE, CN=Test CA";

/// 2027-01-15.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const YEAR: u64 = 365 * 24 * 3600;

pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// SplitMix64: not random at all, and therefore good for tests.
pub(crate) struct SplitMix(pub(crate) u64);

pub(crate) fn seeded(seed: u64) -> Random<SplitMix> {
    Random::new(SplitMix(seed))
}

impl TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ (z >> 31))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for SplitMix {}

/// A key, for the library and for signing what the library would never sign.
pub(crate) struct TestKey {
    pub(crate) soft: SoftwareKey,
    pub(crate) raw: PrivateKey,
}

impl TestKey {
    fn new(pem: &str) -> Self {
        let soft = SoftwareKey::from_pem(pem).unwrap();
        let raw = PrivateKey::from_pkcs8_der(&soft.to_pkcs8()).unwrap();
        Self { soft, raw }
    }

    pub(crate) fn ca() -> Self {
        Self::new(include_str!("keys/ca.pem"))
    }

    pub(crate) fn other_ca() -> Self {
        Self::new(include_str!("keys/other_ca.pem"))
    }

    pub(crate) fn ra() -> Self {
        Self::new(include_str!("keys/ra.pem"))
    }

    pub(crate) fn device() -> Self {
        Self::new(include_str!("keys/device.pem"))
    }

    /// A second key of the device's.
    pub(crate) fn device2() -> Self {
        Self::new(include_str!("keys/device2.pem"))
    }

    pub(crate) fn stranger() -> Self {
        Self::new(include_str!("keys/stranger.pem"))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_with(Digest::Sha256, message)
    }

    pub(crate) fn sign_with(&self, digest: Digest, message: &[u8]) -> Vec<u8> {
        let value = PROVIDER_WITH_LEGACY.digest(digest).unwrap().digest(&[message]);
        let info = digest.digest_info(value.as_bytes());
        self.raw.sign(Pkcs1v15Sign::new_unprefixed(), &info).unwrap()
    }
}

/// Any element of DER with a short tag.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut der = vec![tag];
    match value.len() {
        length @ ..0x80 => der.push(length as u8),
        length @ ..0x100 => der.extend([0x81, length as u8]),
        length @ ..0x1_0000 => der.extend([0x82, (length >> 8) as u8, length as u8]),
        length @ ..0x100_0000 => {
            der.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]);
        }
        length => der.extend([&[0x84], &(length as u32).to_be_bytes()[..]].concat()),
    }
    der.extend(value);
    der
}

/// What a certificate says; it is built without the library's help, apart from names and extensions.
pub(crate) struct Template {
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) ca: bool,
    pub(crate) usage: Option<KeyUsage>,
    /// Extended key usage; none without any.
    pub(crate) purposes: Vec<Oid<'static>>,
}

pub(crate) fn name(text: &str) -> Vec<u8> {
    text.parse::<DistinguishedName>().unwrap().as_der().to_vec()
}

impl Template {
    pub(crate) fn ca(subject: &str) -> Self {
        let usage = KeyUsage::KEY_CERT_SIGN | KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
        Self {
            issuer: name(subject),
            subject: name(subject),
            serial: vec![1],
            from: NOW - 5 * YEAR,
            until: NOW + 15 * YEAR,
            ca: true,
            usage: Some(usage),
            purposes: Vec::new(),
        }
    }

    pub(crate) fn leaf(subject: &str) -> Self {
        Self {
            issuer: name(CA_NAME),
            subject: name(subject),
            serial: vec![0x51],
            from: NOW - 3600,
            until: NOW + YEAR,
            ca: false,
            usage: Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT),
            purposes: Vec::new(),
        }
    }

    /// Signs it with `by`; `key` is the SubjectPublicKeyInfo to certify.
    pub(crate) fn sign(&self, key: &[u8], by: &TestKey) -> CertificateDer<'static> {
        let rsa = tlv(0x30, &[&tlv(0x06, &[Oid::SHA256_WITH_RSA.as_bytes()]), &[0x05, 0x00]]);
        let tbs = self.tbs(key, &rsa);
        let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
        CertificateDer::from(scep::wire::assemble(&tbs, scheme, &by.sign(&tbs)))
    }

    /// Signs it with ECDSA, by the one provider that makes the same signature each time.
    pub(crate) fn sign_by_curve(&self, key: &[u8], by: &SoftwareKey) -> CertificateDer<'static> {
        let ecdsa = tlv(0x30, &[&tlv(0x06, &[Oid::ECDSA_WITH_SHA256.as_bytes()])]);
        let tbs = self.tbs(key, &ecdsa);
        let scheme = SignatureScheme::Ecdsa(Digest::Sha256);
        let job = SignJob::new(&PROVIDER, tbs, scheme, Purpose::Certificate, by.public_key_der()).unwrap();
        let by = scep::crypto::rustcrypto::SoftwareKey::from_pkcs8(&by.to_pkcs8()).unwrap();
        let signature = by.sign(&job, &mut seeded(5)).unwrap();
        CertificateDer::from(scep::wire::assemble(job.message(), scheme, signature.as_bytes()))
    }

    pub(crate) fn tbs(&self, key: &[u8], algorithm: &[u8]) -> Vec<u8> {
        let time = |seconds| {
            GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap().to_der().unwrap()
        };
        let mut extensions = ExtensionsBuilder::default();
        if let Some(usage) = self.usage {
            extensions = extensions.key_usage(usage);
        }
        if !self.purposes.is_empty() {
            extensions = extensions.extended_key_usage(&self.purposes);
        }
        if self.ca {
            let is_ca = tlv(0x30, &[&[0x01, 0x01, 0xFF]]);
            extensions = extensions.raw(Oid::BASIC_CONSTRAINTS, true, &is_ca);
        }
        let extensions = match extensions.build() {
            none if none.is_empty() => none,
            der => tlv(0xA3, &[&der]),
        };
        tlv(
            0x30,
            &[
                &[0xA0, 0x03, 0x02, 0x01, 0x02],
                &tlv(0x02, &[&self.serial]),
                algorithm,
                &self.issuer,
                &tlv(0x30, &[&time(self.from), &time(self.until)]),
                &self.subject,
                key,
                &extensions,
            ],
        )
    }
}

/// What a [`Ca`] does with a request whose challenge is right, and with one that it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Grant,
    Hold,
    Refuse,
}

/// A CA on the library's server side, reached without a network.
pub(crate) struct Ca {
    pub(crate) key: TestKey,
    pub(crate) certificate: CertificateDer<'static>,
    /// The RA's certificate, if there is one.
    pub(crate) ra: Option<CertificateDer<'static>>,
    /// The keys that sign replies and open requests.
    scep_keys: [TestKey; 2],
    responder: Responder,
    pub(crate) store: MemoryStore,
    pub(crate) policy: Policy,
    pub(crate) now: u64,
    serial: u8,
    rng: Random<SplitMix>,
    /// All that was asked, in order.
    pub(crate) requests: Vec<HttpRequest>,
}

impl Ca {
    /// A CA that answers itself.
    pub(crate) fn new() -> Self {
        Self::build([TestKey::ca(), TestKey::ca()], None, |ca, _| Identity::new(ca))
    }

    /// A CA behind an RA.
    pub(crate) fn with_ra() -> Self {
        let ra = Template::leaf("CN=RA");
        Self::build([TestKey::ra(), TestKey::ra()], Some(ra), |_, ra| Identity::new(ra))
    }

    /// A CA that signs replies itself; requests are encrypted for an RA.
    pub(crate) fn with_encryption_ra() -> Self {
        let ra = Template { usage: Some(KeyUsage::KEY_ENCIPHERMENT), ..Template::leaf("CN=RA") };
        Self::build([TestKey::ca(), TestKey::ra()], Some(ra), Identity::separate)
    }

    fn build(
        scep_keys: [TestKey; 2],
        ra: Option<Template>,
        identity: fn(CertificateDer<'static>, CertificateDer<'static>) -> Identity,
    ) -> Self {
        let key = TestKey::ca();
        let certificate = Template::ca(CA_NAME).sign(key.soft.public_key_der(), &key);
        let ra = ra.map(|ra| ra.sign(TestKey::ra().soft.public_key_der(), &key));
        let identity = identity(certificate.clone(), ra.clone().unwrap_or(certificate.clone()));
        let config = ServerConfig::new(&PROVIDER, identity, vec![certificate.clone()]);
        Self {
            key,
            certificate,
            ra,
            scep_keys,
            responder: Responder::new(config).unwrap(),
            store: MemoryStore::default(),
            policy: Policy::Grant,
            now: NOW,
            serial: 0x20,
            rng: seeded(1),
            requests: Vec::new(),
        }
    }

    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.certificate)
    }

    /// Answers like a server does.
    pub(crate) fn serve(&mut self, request: &HttpRequest) -> Outcome {
        self.serial += 1;
        let now = at(self.now);
        let exchange = self.responder.accept(request.clone(), now, &mut self.rng);
        let (policy, key, serial) = (self.policy, &self.key, self.serial);
        let decide = |question, rng: &mut Rng<'_>| {
            let Decide::Enrol(question) = question else { panic!("{question:?}") };
            decide(question, policy, key, serial, rng)
        };
        let [signer, decryptor] = &self.scep_keys;
        let (mut signer, mut decryptor) = (&signer.soft, &decryptor.soft);
        scep::server::drive(exchange, &mut signer, &mut decryptor, &self.store, &mut self.rng, decide)
    }

    /// How many pkiMessages came.
    pub(crate) fn messages(&self) -> usize {
        self.requests.iter().filter(|request| request.target.contains("PKIOperation")).count()
    }
}

fn decide(question: Enrol, policy: Policy, key: &TestKey, serial: u8, rng: &mut Rng<'_>) -> Exchange {
    let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
    let authorized = if question.is_held() { Ok(question.approve()) } else { secret.redeem(question) };
    let authorized = match authorized {
        Ok(authorized) => authorized,
        Err(question) => return question.refuse(Refusal::Challenge, rng),
    };
    match policy {
        Policy::Hold => authorized.hold(rng),
        Policy::Refuse => authorized.refuse(Refusal::Policy, rng),
        Policy::Grant => {
            let mut template = Template::leaf(DEVICE_NAME);
            template.subject = authorized.requested().subject().unwrap().as_der().to_vec();
            template.serial = vec![serial];
            let asked = authorized.requested().extensions(&Limits::DEFAULT).unwrap();
            if asked.is_some_and(|asked| asked.get(Oid::EXTENDED_KEY_USAGE).is_some()) {
                template.purposes = vec![Oid::CLIENT_AUTH];
            }
            let leaf = template.sign(authorized.requested().public_key(), key);
            IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
        }
    }
}

impl Transport for Ca {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        self.requests.push(request.clone());
        Ok(self.serve(request).reply)
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    PROVIDER.digest(Digest::Sha256).unwrap().digest(&[bytes]).as_bytes().try_into().unwrap()
}

/// Counts how often it is asked.
pub(crate) struct Counting<'a> {
    key: &'a SoftwareKey,
    asked: &'a mut usize,
}

impl Decryptor for Counting<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        *self.asked += 1;
        self.key.decrypt(job, rng)
    }
}

/// A device on the library's client side.
pub(crate) struct Device {
    pub(crate) key: TestKey,
    pub(crate) client: Client,
    pub(crate) rng: Random<SplitMix>,
    /// Its clock, if it has one.
    pub(crate) now: Option<UnixTime>,
    pub(crate) fingerprint: [u8; 32],
    /// How often its key had to decrypt.
    pub(crate) decryptions: usize,
}

impl Device {
    /// A device that trusts `ca`.
    pub(crate) fn new(ca: &Ca) -> Self {
        Self {
            key: TestKey::device(),
            client: Client::new(ClientConfig::new(&PROVIDER)),
            rng: seeded(2),
            now: Some(at(NOW)),
            fingerprint: ca.fingerprint(),
            decryptions: 0,
        }
    }

    pub(crate) fn request(&self, challenge: &str) -> NewEnrolment {
        let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
        NewEnrolment::builder(subject, self.key.soft.public_key_der())
            .challenge(ChallengePassword::new(challenge).unwrap())
            .build()
            .unwrap()
    }

    pub(crate) fn start(&mut self) -> Step {
        let request = self.request(CHALLENGE);
        self.client.enrol(URL, request, &mut self.rng).unwrap()
    }

    pub(crate) fn go<T: Transport>(
        &mut self,
        step: Step,
        transport: &mut T,
    ) -> Result<Driven, DriveError<T::Error>> {
        let fingerprint = self.fingerprint;
        let mut signer = &self.key.soft;
        let mut decryptor = Counting { key: &self.key.soft, asked: &mut self.decryptions };
        let trust = |trust: Trust| trust.matching_sha256(&fingerprint);
        drive(step, transport, &mut signer, &mut decryptor, trust, &mut self.rng, self.now)
    }

    /// From the first step to the pkiMessage that is to be sent: PKCSReq, or CertPoll after [`scep::client::Wait`].
    pub(crate) fn up_to_message(&mut self, step: Step, ca: &mut Ca) -> Transmit {
        let mut step = step;
        loop {
            step = match step {
                Step::Transmit(transmit) if transmit.message_type().is_some() => return transmit,
                Step::Transmit(transmit) => {
                    let Ok(response) = ca.exchange(transmit.request());
                    transmit.receive(response, self.now, &mut self.rng).unwrap()
                }
                Step::Trust(trust) => trust.matching_sha256(&self.fingerprint).unwrap(),
                Step::Sign(sign) => {
                    let mut signer = &self.key.soft;
                    let signature = scep::crypto::Signer::sign(&mut signer, sign.job(), &mut self.rng);
                    sign.complete(signature, &mut self.rng).unwrap()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Takes a reply to its end: one more decryption at most.
    pub(crate) fn take(
        &mut self,
        transmit: Transmit,
        response: HttpResponse,
    ) -> Result<Step, Box<Failed<Transmit>>> {
        match transmit.receive(response, self.now, &mut self.rng)? {
            Step::Decrypt(decrypt) => {
                let mut key = Counting { key: &self.key.soft, asked: &mut self.decryptions };
                let unwrapped = key.decrypt(decrypt.job(), &mut self.rng);
                decrypt.complete(unwrapped)
            }
            other => Ok(other),
        }
    }
}

pub(crate) fn issued(driven: Driven) -> Issued {
    match driven {
        Driven::Done(Done::Issued(issued)) => issued,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn issued_step(step: Step) -> Issued {
    match step {
        Step::Done(done) => issued(Driven::Done(done)),
        other => panic!("{other:?}"),
    }
}

/// Whether `needle` occurs in `haystack`.
pub(crate) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
