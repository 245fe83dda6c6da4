//! From a request to its first message: certification request, certificate to sign under, pkiMessage (RFC 8894 sections
//! 2.3 and 3.3.1).

use super::ca::TrustedCa;
use super::config::ClientConfig;
use super::enrol::{Draft, NewEnrolment};
use super::password::{self, Secret};
use super::reply::InFlight;
use super::step::{Sign, Step};
use super::transaction::{Algorithms, Requested, Transaction, Wanted};
use crate::crypto::{KeyError, Purpose, Rng, SignJob, Signature};
use crate::error::{ApiMisuse, Error};
use crate::message;
use crate::transport::ScepUrl;
use crate::wire::algorithm::Digest;
use crate::wire::attributes::{MessageType, TransactionId};
use crate::wire::certificate::{self, Certificate, TbsCertificateDraft};
use crate::wire::extension::{Extensions, KeyUsage};
use crate::wire::name::Name;
use crate::wire::pkcs10::CertificationRequestInfoDraft;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};
use zeroize::Zeroizing;

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
    requested: Requested,
    digest: Digest,
    signer: Signer,
    /// Kept where messages are encrypted by it.
    secret: Option<Secret>,
}

/// What the message is signed under.
enum Signer {
    /// A self-signed certificate for this key, which is still to be made (R-2.3-1).
    New { public_key: Vec<u8>, serial: [u8; 16], now: Option<UnixTime> },
    /// A certificate that the device has (R-2.3-5).
    Present {
        certificate: CertificateDer<'static>,
        chain: Vec<CertificateDer<'static>>,
        message_type: MessageType,
    },
}

impl Signer {
    fn key(&self) -> Result<SubjectPublicKeyInfo<'_>, Error> {
        match self {
            Self::New { public_key, .. } => SubjectPublicKeyInfo::parse(public_key),
            Self::Present { certificate, .. } => Ok(Certificate::parse(certificate)?.public_key()),
        }
    }
}

/// The CA is trusted: asks for the first signature.
#[inline(never)] // so that its frame is not part of a larger one
pub(super) fn begin(
    config: Arc<ClientConfig>,
    url: ScepUrl,
    ca: TrustedCa,
    draft: Draft,
    now: Option<UnixTime>,
) -> Result<Step, Error> {
    config.check_capabilities(ca.capabilities())?;
    let Draft { request, current, transaction_id, serial } = draft;
    let NewEnrolment { subject, public_key, reply_key, challenge, extensions, attribute } = request;
    let Algorithms { digest, .. } = Algorithms::choose(&config, &ca)?;
    let key = SubjectPublicKeyInfo::parse(&public_key)?;
    key.check(&config.limits).map_err(|_| ApiMisuse::PublicKey)?;
    let signer = match current {
        Some(current) => match current.message_type(&config.limits, ca.capabilities(), now)? {
            Some(message_type) => {
                let (certificate, chain) = current.into_certificates();
                Some(Signer::Present { certificate, chain, message_type })
            }
            None => None,
        },
        None => None,
    };
    let signer = match signer {
        Some(signer) => signer,
        None => {
            let public_key = reply_key.unwrap_or_else(|| public_key.clone());
            let key = SubjectPublicKeyInfo::parse(&public_key)?;
            key.check(&config.limits).map_err(|_| ApiMisuse::PublicKey)?;
            Signer::New { public_key, serial, now }
        }
    };
    let challenge = challenge.map(Secret::new);
    let by_password = password::check(&config, &signer.key()?, &ca, challenge.as_deref())?;
    let extensions = match extensions.as_slice() {
        [] => None,
        der => Some(Extensions::parse(der, &config.limits)?),
    };
    let further: &[&[u8]] = if attribute.is_empty() { &[] } else { &[&attribute] };
    let mut info = CertificationRequestInfoDraft {
        subject: subject.name(),
        public_key: key,
        challenge: challenge.as_deref().map(|challenge| challenge.expose()),
        extensions: extensions.map(|extensions| extensions.as_der()),
    }
    .encode_with(further);
    let scheme = key.signature_scheme(digest)?;
    let job = SignJob::new(config.provider, core::mem::take(&mut *info), scheme, Purpose::Csr, &public_key)?;
    let requested = Requested { subject: subject.as_der().to_vec(), public_key };
    let secret = challenge.filter(|_| by_password);
    let setup = Arc::new(Setup { config, url, ca, transaction_id, requested, digest, signer, secret });
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
            let csr = Zeroizing::new(csr);
            match &setup.signer {
                Signer::New { public_key, serial, now } => {
                    let job = certificate_job(setup, public_key, serial, *now)?;
                    let (setup, csr) = (Arc::clone(setup), Arc::new(csr));
                    Ok(Step::Sign(Sign(Box::new(Signing::Certificate { setup, csr, job }))))
                }
                Signer::Present { certificate, chain, message_type } => {
                    request(setup, &csr, *message_type, certificate.clone(), chain.clone(), rng)
                }
            }
        }
        Signing::Certificate { setup, csr, job } => {
            job.check(setup.config.provider, &signature)?;
            let certificate = certificate::assemble(job.message(), job.scheme(), signature.as_bytes());
            let certificate = CertificateDer::from(certificate);
            request(setup, csr, MessageType::PkcsReq, certificate, Vec::new(), rng)
        }
        Signing::Message { flight, draft } => {
            let message = draft.seal(flight.provider(), &signature)?;
            Ok(flight.as_ref().clone().send(message))
        }
    }
}

/// The first message of the transaction.
fn request(
    setup: &Setup,
    csr: &[u8],
    message_type: MessageType,
    signer: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    rng: &mut Rng<'_>,
) -> Result<Step, Error> {
    let transaction = Transaction {
        config: Arc::clone(&setup.config),
        url: setup.url.clone(),
        ca: setup.ca.clone(),
        id: setup.transaction_id.clone(),
        signer,
        chain,
        secret: setup.secret.clone(),
    };
    transaction.message(Wanted::Issued(setup.requested.clone()), message_type, csr, 0, rng)
}

/// The self-signed certificate: the subject of the request, and its key unless another one opens the reply (RFC 8894
/// section 2.3).
fn certificate_job(
    setup: &Setup,
    public_key: &[u8],
    serial: &[u8; 16],
    now: Option<UnixTime>,
) -> Result<SignJob, Error> {
    const DAY: u64 = 24 * 3600;
    // without a clock: 2000-01-01 to 2049-12-31; servers do not look at the dates of these
    const EARLY: u64 = 946_684_800;
    const LATE: u64 = 2_524_521_600;
    let (not_before, not_after) = match now.map(|now| now.as_secs()) {
        Some(now) => (now.saturating_sub(DAY), now.saturating_add(365 * DAY)),
        None => (EARLY, LATE),
    };
    let key = SubjectPublicKeyInfo::parse(public_key)?;
    let scheme = key.signature_scheme(setup.digest)?;
    // R-2.3-2
    let key_usage = match key.can_encrypt() {
        true => KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        false => KeyUsage::DIGITAL_SIGNATURE,
    };
    let tbs = TbsCertificateDraft {
        serial,
        subject: Name::parse(&setup.requested.subject)?,
        not_before: UnixTime::since_unix_epoch(Duration::from_secs(not_before)),
        not_after: UnixTime::since_unix_epoch(Duration::from_secs(not_after)),
        public_key: key,
        scheme,
        key_usage,
    }
    .encode();
    SignJob::new(setup.config.provider, tbs, scheme, Purpose::TransportCertificate, public_key)
}
