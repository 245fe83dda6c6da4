//! Building a first request: certification request, self-signed certificate, message (RFC 8894 sections 2.3, 3.3.1).

use super::config::ClientConfig;
use super::reply::InFlight;
use super::step::{Sign, Step};
use super::trust::TrustedCa;
use crate::crypto::{ChallengePassword, KeyError, Purpose, Rng, SignJob, Signature, random};
use crate::error::{ApiMisuse, Error};
use crate::message::{self, Addressee, Fields, envelope};
use crate::transport::ScepUrl;
use crate::wire::algorithm::{ContentEncryption, Digest, KeyTransport, SignatureScheme};
use crate::wire::attributes::{MessageType, Nonce, TransactionId};
use crate::wire::certificate::{self, Certificate, TbsCertificateDraft};
use crate::wire::distinguished_name::DistinguishedName;
use crate::wire::extension::{Extensions, ExtensionsBuilder, GeneralName, KeyUsage};
use crate::wire::name::Name;
use crate::wire::pkcs10::CertificationRequestInfoDraft;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::fmt::Write as _;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};
use zeroize::Zeroizing;

/// The algorithms that RFC 8894 section 2.9 makes everybody support; a CA that lists less gets them all the same.
pub(super) const DIGEST: Digest = Digest::Sha256;
pub(super) const CIPHER: ContentEncryption = ContentEncryption::Aes128Cbc;

/// What to ask a CA for.
pub struct NewEnrolment {
    subject: DistinguishedName,
    public_key: Vec<u8>,
    challenge: Option<ChallengePassword>,
    extensions: Vec<u8>,
}

impl NewEnrolment {
    /// A request for `subject` and the key `public_key` (DER SubjectPublicKeyInfo, for example
    /// `SoftwareKey::public_key_der`), whose private key will be asked to sign.
    pub fn builder(subject: DistinguishedName, public_key: &[u8]) -> NewEnrolmentBuilder {
        NewEnrolmentBuilder {
            subject,
            public_key: public_key.to_vec(),
            challenge: None,
            extensions: Ok(ExtensionsBuilder::default()),
        }
    }
}

impl fmt::Debug for NewEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewEnrolment({})", self.subject.name())
    }
}

/// Makes a [`NewEnrolment`].
#[derive(Debug)]
pub struct NewEnrolmentBuilder {
    subject: DistinguishedName,
    public_key: Vec<u8>,
    challenge: Option<ChallengePassword>,
    extensions: Result<ExtensionsBuilder, Error>,
}

impl NewEnrolmentBuilder {
    /// The challenge password that the CA gave out (RFC 8894 section 2.4). Only the CA can read it.
    #[must_use]
    pub fn challenge(mut self, challenge: ChallengePassword) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Subject alternative names to ask for (RFC 5280 section 4.2.1.6). One that is not what its kind says makes
    /// [`Self::build`] fail.
    #[must_use]
    pub fn subject_alt_names(mut self, names: &[GeneralName<'_>]) -> Self {
        self.extensions = self.extensions.and_then(|extensions| extensions.subject_alt_names(names));
        self
    }

    /// Key usage to ask for (RFC 5280 section 4.2.1.3).
    #[must_use]
    pub fn key_usage(mut self, usage: KeyUsage) -> Self {
        self.extensions = self.extensions.map(|extensions| extensions.key_usage(usage));
        self
    }

    /// The finished request. [`ApiMisuse::PublicKey`] when the key is none that SCEP can use,
    /// [`ApiMisuse::SubjectText`] for a subject alternative name that cannot be written.
    pub fn build(self) -> Result<NewEnrolment, Error> {
        let Self { subject, public_key, challenge, extensions } = self;
        SubjectPublicKeyInfo::parse(&public_key)
            .and_then(|key| key.rsa())
            .map_err(|_| ApiMisuse::PublicKey)?;
        let extensions = extensions?;
        let extensions = if extensions.is_empty() { Vec::new() } else { extensions.build() };
        Ok(NewEnrolment { subject, public_key, challenge, extensions })
    }
}

/// A request with its transactionID, before anything is known of the CA.
#[derive(Debug)]
pub(super) struct Draft {
    request: NewEnrolment,
    transaction_id: TransactionId,
    serial: [u8; 16],
}

impl Draft {
    pub(super) fn new(request: NewEnrolment, rng: &mut Rng<'_>) -> Result<Self, Error> {
        let mut text = String::with_capacity(32);
        for byte in random::random_array::<16>(rng)? {
            // writing to a String cannot fail
            let _ = write!(text, "{byte:02x}");
        }
        let mut serial = random::random_array::<16>(rng)?;
        if let Some(first) = serial.first_mut() {
            // positive and without leading zeros
            *first = *first & 0x7F | 0x40;
        }
        Ok(Self { request, transaction_id: TransactionId::new(text)?, serial })
    }
}

/// What is fixed for a whole transaction.
#[derive(Clone)]
pub(super) struct Enrolment {
    pub(super) config: Arc<ClientConfig>,
    pub(super) url: ScepUrl,
    pub(super) ca: TrustedCa,
    pub(super) transaction_id: TransactionId,
    /// Subject of the certification request, DER.
    pub(super) subject: Vec<u8>,
    /// The self-signed certificate that requests are signed under. Its key is the requested one.
    pub(super) certificate: CertificateDer<'static>,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrolment({}, {})", self.url, self.transaction_id)
    }
}

impl Enrolment {
    /// Encrypts `content`, and drafts the message around it.
    pub(super) fn message(
        self,
        message_type: MessageType,
        content: &[u8],
        polls: u32,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let provider = self.config.provider;
        let recipient = Certificate::parse(self.ca.recipient())?;
        let addressee =
            Addressee::Certificate { certificate: &recipient, transport: KeyTransport::RsaPkcs1v15 };
        let sealed = envelope(provider, content, addressee, CIPHER, rng)?;
        let nonce = Nonce::from_bytes(&random::random_array::<16>(rng)?)?;
        let fields = Fields {
            message_type,
            pki_status: None,
            fail_info: None,
            fail_info_text: None,
            sender_nonce: nonce.clone(),
            recipient_nonce: None,
            transaction_id: self.transaction_id.clone(),
            signing_time: None,
        };
        let certificate = self.certificate.clone();
        let draft = message::Draft::new(provider, sealed, &fields, certificate, DIGEST, Purpose::PkiMessage)?;
        let flight = InFlight::new(self, message_type, nonce, polls);
        Ok(Step::Sign(Sign(Box::new(Signing::Message { flight: Box::new(flight), draft }))))
    }
}

/// What a signature is wanted for, and what happens then.
pub(super) enum Signing {
    Csr { setup: Arc<Setup>, job: SignJob },
    Certificate { setup: Arc<Setup>, csr: Arc<Zeroizing<Vec<u8>>>, job: SignJob },
    Message { flight: Box<InFlight>, draft: message::Draft },
}

impl Signing {
    pub(super) fn job(&self) -> &SignJob {
        match self {
            Self::Csr { job, .. } | Self::Certificate { job, .. } => job,
            Self::Message { draft, .. } => draft.job(),
        }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.job().purpose())
    }
}

/// A request on its way to its first message.
pub(super) struct Setup {
    config: Arc<ClientConfig>,
    url: ScepUrl,
    ca: TrustedCa,
    transaction_id: TransactionId,
    serial: [u8; 16],
    subject: DistinguishedName,
    public_key: Vec<u8>,
    now: Option<UnixTime>,
}

/// The CA is trusted: asks for the first signature.
pub(super) fn begin(
    config: Arc<ClientConfig>,
    url: ScepUrl,
    ca: TrustedCa,
    draft: Draft,
    now: Option<UnixTime>,
) -> Result<Step, Error> {
    let Draft { request, transaction_id, serial } = draft;
    let NewEnrolment { subject, public_key, challenge, extensions } = request;
    let key = SubjectPublicKeyInfo::parse(&public_key)?;
    key.rsa()?.check(&config.limits).map_err(|_| ApiMisuse::PublicKey)?;
    let extensions = match extensions.as_slice() {
        [] => None,
        der => Some(Extensions::parse(der, &config.limits)?),
    };
    let mut info = CertificationRequestInfoDraft {
        subject: subject.name(),
        public_key: key,
        challenge: challenge.as_ref().map(ChallengePassword::expose),
        extensions: extensions.map(|extensions| extensions.as_der()),
    }
    .encode();
    let scheme = SignatureScheme::RsaPkcs1(DIGEST);
    let job = SignJob::new(config.provider, core::mem::take(&mut *info), scheme, Purpose::Csr, &public_key)?;
    let setup = Arc::new(Setup { config, url, ca, transaction_id, serial, subject, public_key, now });
    Ok(Step::Sign(Sign(Box::new(Signing::Csr { setup, job }))))
}

/// Checks a signature, and goes on to the next one or to the network.
pub(super) fn signed(
    signing: &Signing,
    signature: Result<Signature, KeyError>,
    rng: &mut Rng<'_>,
) -> Result<Step, Error> {
    let signature = signature?;
    match signing {
        Signing::Csr { setup, job } => {
            job.check(setup.config.provider, &signature)?;
            let csr = certificate::assemble(job.message(), job.scheme(), signature.as_bytes());
            let csr = Arc::new(Zeroizing::new(csr));
            let job = certificate_job(setup)?;
            Ok(Step::Sign(Sign(Box::new(Signing::Certificate { setup: Arc::clone(setup), csr, job }))))
        }
        Signing::Certificate { setup, csr, job } => {
            job.check(setup.config.provider, &signature)?;
            let certificate = certificate::assemble(job.message(), job.scheme(), signature.as_bytes());
            let enrolment = Enrolment {
                config: Arc::clone(&setup.config),
                url: setup.url.clone(),
                ca: setup.ca.clone(),
                transaction_id: setup.transaction_id.clone(),
                subject: setup.subject.as_der().to_vec(),
                certificate: CertificateDer::from(certificate),
            };
            enrolment.message(MessageType::PkcsReq, csr, 0, rng)
        }
        Signing::Message { flight, draft } => {
            let message = draft.seal(flight.provider(), &signature)?;
            Ok(flight.as_ref().clone().send(message))
        }
    }
}

/// The self-signed certificate: same subject and key as the request (RFC 8894 section 2.3).
fn certificate_job(setup: &Setup) -> Result<SignJob, Error> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    // without a clock: 2000-01-01 to 2049-12-31; servers do not look at the dates of these
    const EARLY: Duration = Duration::from_secs(946_684_800);
    const LATE: Duration = Duration::from_secs(2_524_521_600);
    let (not_before, not_after) = match setup.now {
        Some(now) => {
            let now = Duration::from_secs(now.as_secs());
            (now.saturating_sub(DAY), now.saturating_add(DAY.saturating_mul(365)))
        }
        None => (EARLY, LATE),
    };
    let scheme = SignatureScheme::RsaPkcs1(DIGEST);
    let name: Name<'_> = setup.subject.name();
    let tbs = TbsCertificateDraft {
        serial: &setup.serial,
        subject: name,
        not_before: UnixTime::since_unix_epoch(not_before),
        not_after: UnixTime::since_unix_epoch(not_after),
        public_key: SubjectPublicKeyInfo::parse(&setup.public_key)?,
        scheme,
        key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
    }
    .encode();
    SignJob::new(setup.config.provider, tbs, scheme, Purpose::TransportCertificate, &setup.public_key)
}
