//! What this library's own encoder writes, with a generator that always gives the same numbers.

use super::message::issuer_and_serial;
use super::replies::certs_only;
use super::requests::PASSWORD;
use super::{CA, DEVICE, Set, changed, facts, hex};
use crate::manifest::{self, Fact, Facts};
use crate::provider::{PBKDF2_SHA256, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::crypto::{ChallengePassword, Provider, Purpose, Random, SignJob};
use scep::message::{Addressee, Draft, Fields, envelope};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire::{
    Capabilities, Capability, Certificate, CertificationRequestInfoDraft, ContentEncryption, Digest,
    DistinguishedName, ExtensionsBuilder, FailInfo, GeneralName, IssuerAndSubject, KeyTransport, KeyUsage,
    MessageType, Nonce, PkiStatus, SignatureScheme, SubjectPublicKeyInfo, TbsCertificateDraft, TransactionId,
    assemble,
};
use std::convert::Infallible;
use std::time::Duration;

/// SplitMix64: not random at all.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl rand_core::TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes
            .chunks_mut(8)
            .for_each(|chunk| chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]));
        Ok(())
    }
}

impl rand_core::TryCryptoRng for SplitMix {}

static PROVIDER: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER_WITH_LEGACY };

/// 2027-01-15.
const NOW: u64 = 1_800_000_000;
const TRANSACTION: &str = "4F2A-scep-1";

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

struct Encoder {
    device: SoftwareKey,
    ca_key: SoftwareKey,
    ca: CertificateDer<'static>,
    /// The device's certificate, which this encoder made.
    own: CertificateDer<'static>,
    rng: Random<SplitMix>,
}

impl Encoder {
    /// For a device with this key.
    fn new(set: &Set<'_>, device: &str) -> Self {
        let key = |name: &str| SoftwareKey::from_pem(&manifest::text(name)).unwrap();
        let mut this = Self {
            device: key(device),
            ca_key: key(super::CA_KEY),
            ca: CertificateDer::from(set.openssl.certificate("ca")),
            own: CertificateDer::from(Vec::new()),
            rng: Random::new(SplitMix(8894)),
        };
        this.own = this.certificate();
        this
    }

    fn scheme(&self, digest: Digest) -> SignatureScheme {
        SubjectPublicKeyInfo::parse(self.device.public_key_der()).unwrap().signature_scheme(digest).unwrap()
    }

    fn nonce(&mut self) -> Nonce {
        let mut bytes = [0; 16];
        rand_core::TryRng::try_fill_bytes(&mut self.rng, &mut bytes).unwrap();
        Nonce::from_bytes(&bytes).unwrap()
    }

    /// A certificate for the first request (RFC 8894 section 2.3).
    fn certificate(&mut self) -> CertificateDer<'static> {
        let subject: DistinguishedName = DEVICE.parse().unwrap();
        let scheme = self.scheme(Digest::Sha256);
        let tbs = TbsCertificateDraft {
            serial: &[0x5C, 0xE9],
            subject: subject.name(),
            not_before: at(NOW - 3600),
            not_after: at(NOW + 3600),
            public_key: SubjectPublicKeyInfo::parse(self.device.public_key_der()).unwrap(),
            scheme,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        };
        CertificateDer::from(self.signed(tbs.encode(), scheme, Purpose::TransportCertificate))
    }

    fn signed(&mut self, tbs: Vec<u8>, scheme: SignatureScheme, purpose: Purpose) -> Vec<u8> {
        let job = SignJob::new(&PROVIDER, tbs, scheme, purpose, self.device.public_key_der()).unwrap();
        let signature = self.device.sign(&job, &mut self.rng).unwrap();
        assemble(job.message(), scheme, signature.as_bytes())
    }

    fn csr(&mut self, digest: Digest) -> Vec<u8> {
        let subject: DistinguishedName = DEVICE.parse().unwrap();
        let extensions =
            ExtensionsBuilder::default().subject_alt_names(&[GeneralName::Dns("dev1.test")]).unwrap().build();
        let info = CertificationRequestInfoDraft {
            subject: subject.name(),
            public_key: SubjectPublicKeyInfo::parse(self.device.public_key_der()).unwrap(),
            challenge: Some("test-challenge"),
            extensions: Some(&extensions),
        }
        .encode();
        self.signed(info.to_vec(), self.scheme(digest), Purpose::Csr)
    }

    fn sealed(&mut self, content: &[u8], for_ca: bool, cipher: ContentEncryption) -> Vec<u8> {
        self.wrapped(content, for_ca, cipher, KeyTransport::RsaPkcs1v15)
    }

    fn wrapped(
        &mut self,
        content: &[u8],
        for_ca: bool,
        cipher: ContentEncryption,
        transport: KeyTransport,
    ) -> Vec<u8> {
        let der = if for_ca { self.ca.clone() } else { self.own.clone() };
        let certificate = Certificate::parse(&der).unwrap();
        let addressee = Addressee::Certificate { certificate: &certificate, transport };
        envelope(&PROVIDER, content, addressee, cipher, &mut self.rng).unwrap()
    }

    fn message(&mut self, content: Vec<u8>, fields: &Fields, digest: Digest, by_ca: bool) -> Vec<u8> {
        let (key, certificate, purpose) = match by_ca {
            true => (&self.ca_key, &self.ca, Purpose::CertRep),
            false => (&self.device, &self.own, Purpose::PkiMessage),
        };
        let draft = Draft::new(&PROVIDER, content, fields, certificate.clone(), digest, purpose).unwrap();
        let signature = key.sign(draft.job(), &mut self.rng).unwrap();
        draft.seal(&PROVIDER, &signature).unwrap()
    }

    fn request(&mut self, message_type: MessageType) -> Fields {
        Fields {
            message_type,
            pki_status: None,
            fail_info: None,
            fail_info_text: None,
            sender_nonce: self.nonce(),
            recipient_nonce: None,
            transaction_id: TransactionId::new(TRANSACTION).unwrap(),
            signing_time: Some(at(NOW)),
        }
    }
}

/// What was put into the attributes.
fn told(fields: &Fields, digest: Digest) -> Facts {
    let by_ca = fields.message_type == MessageType::CertRep;
    let mut facts = facts(&[
        ("scheme", &format!("RsaPkcs1({digest:?})")),
        ("signer", if by_ca { CA } else { DEVICE }),
        ("messageType", fields.message_type.name()),
        ("transactionId", &hex(TRANSACTION.as_bytes())),
        ("senderNonce", &hex(fields.sender_nonce.as_bytes())),
    ]);
    if let Some(nonce) = &fields.recipient_nonce {
        facts.insert("recipientNonce".into(), hex(nonce.as_bytes()).into());
    }
    facts
}

fn with_request(facts: Facts, cipher: ContentEncryption, digest: Digest) -> Facts {
    let scheme = format!("RsaPkcs1({digest:?})");
    let mut facts = changed(
        facts,
        &[
            ("contentEncryption", &format!("{cipher:?}")),
            ("keyTransport", "RsaPkcs1v15"),
            ("payload", "PKCS#10"),
            ("subject", DEVICE),
            ("signerKey", "that of the request"),
            ("requestScheme", &scheme),
            ("challenge", "test-challenge"),
        ],
    );
    facts.insert("names".into(), Fact::list(["DNS:dev1.test"]));
    facts
}

pub(super) fn make(set: &mut Set<'_>) {
    let mut encoder = Encoder::new(set, super::DEVICE_KEY);
    let nonce = requests(set, &mut encoder);
    recipients(set, &mut encoder);
    elliptic_curves(set);
    others(set, &mut encoder);
    replies(set, &mut encoder, nonce);
    let all = Capability::ALL.into_iter().fold(Capabilities::new(), Capabilities::with);
    let words = Capability::ALL.map(Capability::keyword);
    let expect = Facts::from([("capabilities".into(), Fact::list(words))]);
    set.add("scep/caps.txt", "capabilities", "Capabilities::to_text", all.to_text().as_bytes(), expect);
    let certificates = scep::wire::certs_only::encode(&[&encoder.own, &encoder.ca]);
    let expect = Facts::from([("certificates".into(), Fact::list([DEVICE, CA]))]);
    set.add("scep/ca-ra.p7", "get-ca-cert", "certs_only::encode", &certificates, expect);
    let csr = encoder.csr(Digest::Sha384);
    let mut expect = with_request(Facts::new(), ContentEncryption::Aes128Cbc, Digest::Sha384);
    expect.retain(|name, _| !["contentEncryption", "keyTransport", "signerKey"].contains(&name.as_str()));
    set.add("scep/request.der", "csr", "CertificationRequestInfoDraft with SHA-384", &csr, expect);
}

/// PKCSReq and RenewalReq with every algorithm; the first one's nonce.
fn requests(set: &mut Set<'_>, encoder: &mut Encoder) -> Nonce {
    use ContentEncryption::{Aes128Cbc, Aes192Cbc, Aes256Cbc, TripleDesCbc};
    let mut first = None;
    for (digest, cipher, by_default) in [
        (Digest::Sha256, Aes128Cbc, ""),
        (Digest::Sha384, Aes192Cbc, ""),
        (Digest::Sha512, Aes256Cbc, ""),
        (Digest::Sha1, TripleDesCbc, "verify: Unsupported(Digest)"),
    ] {
        let csr = encoder.csr(digest);
        let content = encoder.sealed(&csr, true, cipher);
        let fields = encoder.request(MessageType::PkcsReq);
        let message = encoder.message(content, &fields, digest, false);
        let expect =
            changed(with_request(told(&fields, digest), cipher, digest), &[("byDefault", by_default)]);
        let file = format!("scep/pkcsreq-{digest:?}-{cipher:?}.der").to_lowercase();
        set.request(&file, "message::envelope and message::Draft", &message, expect);
        first.get_or_insert(fields.sender_nonce);
    }
    let csr = encoder.csr(Digest::Sha256);
    let content = encoder.sealed(&csr, true, Aes128Cbc);
    let fields = encoder.request(MessageType::RenewalReq);
    let message = encoder.message(content, &fields, Digest::Sha256, false);
    let expect = with_request(told(&fields, Digest::Sha256), Aes128Cbc, Digest::Sha256);
    set.request("scep/renewalreq.der", "messageType 17", &message, expect);
    first.unwrap()
}

/// The other ways to protect a content key.
fn recipients(set: &mut Set<'_>, encoder: &mut Encoder) {
    let (digest, cipher) = (Digest::Sha256, ContentEncryption::Aes128Cbc);
    let csr = encoder.csr(digest);
    for transport in [KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
        let content = encoder.wrapped(&csr, true, cipher, transport);
        let fields = encoder.request(MessageType::PkcsReq);
        let message = encoder.message(content, &fields, digest, false);
        let name = format!("{transport:?}");
        let expect = changed(with_request(told(&fields, digest), cipher, digest), &[("keyTransport", &name)]);
        set.request(
            &format!("scep/pkcsreq-{name}.der").to_lowercase(),
            "key transport by OAEP",
            &message,
            expect,
        );
    }
    let challenge = ChallengePassword::new(PASSWORD).unwrap();
    let content =
        envelope(&PROVIDER, &csr, Addressee::Password(&challenge), cipher, &mut encoder.rng).unwrap();
    let fields = encoder.request(MessageType::PkcsReq);
    let message = encoder.message(content, &fields, digest, false);
    let changes = [("keyTransport", "password"), ("byDefault", "password: Unsupported(KeyDerivation)")];
    let expect = changed(with_request(told(&fields, digest), cipher, digest), &changes);
    let vector = set.request("scep/pkcsreq-password.der", "Addressee::Password", &message, expect);
    vector.password = Some(PASSWORD.to_owned());
}

/// Devices with keys on elliptic curves.
fn elliptic_curves(set: &mut Set<'_>) {
    for (key, digest) in [("p256", Digest::Sha256), ("p384", Digest::Sha384), ("p256", Digest::Sha512)] {
        let mut encoder = Encoder::new(set, &format!("keys/test-{key}.key.pem"));
        let cipher = ContentEncryption::Aes256Cbc;
        let csr = encoder.csr(digest);
        let content = encoder.sealed(&csr, true, cipher);
        let fields = encoder.request(MessageType::PkcsReq);
        let message = encoder.message(content, &fields, digest, false);
        let scheme = format!("Ecdsa({digest:?})");
        let changes = [("scheme", &scheme[..]), ("requestScheme", &scheme)];
        let expect = changed(with_request(told(&fields, digest), cipher, digest), &changes);
        let file = format!("scep/pkcsreq-{key}-{digest:?}.der").to_lowercase();
        set.request(&file, &format!("a device with a key on {key}"), &message, expect);
    }
}

/// CertPoll, GetCert and GetCRL.
fn others(set: &mut Set<'_>, encoder: &mut Encoder) {
    let issuer: DistinguishedName = CA.parse().unwrap();
    let subject: DistinguishedName = DEVICE.parse().unwrap();
    let poll = IssuerAndSubject { issuer: issuer.name(), subject: subject.name() }.encode();
    let wanted = issuer_and_serial(&set.openssl.certificate("issued"));
    for (message_type, file, content, payload) in [
        (MessageType::CertPoll, "certpoll", poll, [("payload", "IssuerAndSubject"), ("subject", DEVICE)]),
        (
            MessageType::GetCert,
            "getcert",
            wanted.clone(),
            [("payload", "IssuerAndSerialNumber"), ("serial", "2001")],
        ),
        (MessageType::GetCrl, "getcrl", wanted, [("payload", "IssuerAndSerialNumber"), ("serial", "2001")]),
    ] {
        let content = encoder.sealed(&content, true, ContentEncryption::Aes128Cbc);
        let fields = encoder.request(message_type);
        let message = encoder.message(content, &fields, Digest::Sha256, false);
        let expect = changed(told(&fields, Digest::Sha256), &payload);
        let more = [("issuer", CA), ("contentEncryption", "Aes128Cbc"), ("keyTransport", "RsaPkcs1v15")];
        set.request(&format!("scep/{file}.der"), message_type.name(), &message, changed(expect, &more));
    }
}

fn replies(set: &mut Set<'_>, encoder: &mut Encoder, nonce: Nonce) {
    let request = "scep/pkcsreq-sha256-aes128cbc.der";
    let reply = |encoder: &mut Encoder, status, reason, text: Option<&str>| Fields {
        pki_status: Some(status),
        fail_info: reason,
        fail_info_text: text.map(Into::into),
        recipient_nonce: Some(nonce.clone()),
        ..encoder.request(MessageType::CertRep)
    };
    let payload = certs_only(set.openssl, "-nocrl -certfile issued.crt");
    for (digest, cipher) in
        [(Digest::Sha256, ContentEncryption::Aes128Cbc), (Digest::Sha512, ContentEncryption::Aes256Cbc)]
    {
        let content = encoder.sealed(&payload, false, cipher);
        let fields = reply(encoder, PkiStatus::Success, None, None);
        let message = encoder.message(content, &fields, digest, true);
        let changes = [
            ("pkiStatus", "SUCCESS"),
            ("contentEncryption", &format!("{cipher:?}")),
            ("keyTransport", "RsaPkcs1v15"),
            ("payload", "certs-only"),
        ];
        let mut expect = changed(told(&fields, digest), &changes);
        expect.insert("certificates".into(), Fact::list([DEVICE]));
        let file = format!("scep/success-{digest:?}-{cipher:?}.der").to_lowercase();
        set.reply(&file, "SUCCESS", &message, request, expect);
    }
    let fields = reply(encoder, PkiStatus::Pending, None, None);
    let message = encoder.message(Vec::new(), &fields, Digest::Sha256, true);
    let expect = changed(told(&fields, Digest::Sha256), &[("pkiStatus", "PENDING")]);
    set.reply("scep/pending.der", "PENDING", &message, request, expect);
    for reason in [
        FailInfo::BadAlg,
        FailInfo::BadMessageCheck,
        FailInfo::BadRequest,
        FailInfo::BadTime,
        FailInfo::BadCertId,
    ] {
        let text = (reason == FailInfo::BadTime).then_some("the clock is an hour late");
        let fields = reply(encoder, PkiStatus::Failure, Some(reason), text);
        let message = encoder.message(Vec::new(), &fields, Digest::Sha256, true);
        let changes = [
            ("pkiStatus", "FAILURE"),
            ("failInfo", reason.name()),
            ("failInfoText", text.unwrap_or_default()),
        ];
        let expect = changed(told(&fields, Digest::Sha256), &changes);
        set.reply(
            &format!("scep/failure-{}.der", reason.name().to_lowercase()),
            reason.name(),
            &message,
            request,
            expect,
        );
    }
}
