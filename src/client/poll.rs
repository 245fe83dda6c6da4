//! PENDING: waiting, saving, resuming, polling (RFC 8894 sections 3.3.3 and 4.4).

use super::config::ClientConfig;
use super::enrol::Enrolment;
use super::step::{Failed, Step};
use super::trust::TrustedCa;
use crate::crypto::Rng;
use crate::error::{ApiMisuse, Error, InvalidMessage, Limit};
use crate::message::codec::{Decoder, Encoder};
use crate::transport::ScepUrl;
use crate::wire::attributes::{MessageType, TransactionId};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use crate::wire::name::Name;
use crate::wire::selector::IssuerAndSubject;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::CertificateDer;

/// The CA holds the request. Wait [`Wait::after`], then [`Wait::poll`]; in between this may be saved.
#[must_use]
pub struct Wait {
    enrolment: Enrolment,
    polls: u32,
    after: Duration,
}

const MAGIC: [u8; 4] = *b"SCW1";
/// More than any sane state.
const MAX_SAVED: usize = 128 << 10;
const MAX_CERTIFICATES: usize = 64;

/// How long to wait before the poll that comes after `polls` others: twice as long each time.
fn interval(config: &ClientConfig, polls: u32) -> Duration {
    let factor = 1_u32.checked_shl(polls).unwrap_or(u32::MAX);
    config.poll_interval.saturating_mul(factor).min(config.poll_interval_max)
}

impl Wait {
    /// `jitter` shortens the interval by up to an eighth, so that a fleet that started together does not poll together.
    pub(super) fn new(enrolment: Enrolment, polls: u32, jitter: u8, retry_after: Option<u32>) -> Self {
        let nominal = interval(&enrolment.config, polls);
        let spread = nominal.saturating_sub(nominal.saturating_mul(u32::from(jitter)) / 2048);
        let asked = Duration::from_secs(retry_after.unwrap_or_default().into());
        let after = spread.max(asked.min(enrolment.config.poll_interval_max));
        Self { enrolment, polls, after }
    }

    /// The same request with newer certificates of the same CA, for example after its RA got a new one:
    /// [`Client::fetch_ca`](super::Client::fetch_ca) gets them. [`ApiMisuse::NoAnchor`] when it trusts other anchors.
    pub fn with_ca(mut self, ca: TrustedCa) -> Result<Self, Box<Failed<Self>>> {
        if self.enrolment.ca.anchors() != ca.anchors() {
            return Err(Failed::kept(ApiMisuse::NoAnchor.into(), self));
        }
        self.enrolment.ca = ca;
        Ok(self)
    }

    /// How long to wait before the next poll.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// How often the CA was polled so far.
    pub fn polls(&self) -> u32 {
        self.polls
    }

    /// The transactionID, by which the CA's operator finds the request.
    pub fn transaction_id(&self) -> &TransactionId {
        &self.enrolment.transaction_id
    }

    /// The DER SubjectPublicKeyInfo of the key that has to sign polls: the one to find again after a reboot.
    pub fn public_key(&self) -> Result<Vec<u8>, Error> {
        Ok(Certificate::parse(&self.enrolment.certificate)?.public_key().as_der().to_vec())
    }

    /// The subject that was asked for. The CA may issue for another one.
    pub fn subject(&self) -> Result<Name<'_>, Error> {
        Name::parse(&self.enrolment.subject)
    }

    /// The CA that was trusted.
    pub fn ca(&self) -> &TrustedCa {
        &self.enrolment.ca
    }

    /// Where the CA is.
    pub fn url(&self) -> &str {
        self.enrolment.url.as_str()
    }

    /// Everything that is needed to go on later with [`Client::resume`](super::Client::resume): at most 128 KiB, with
    /// a version and a checksum, and without any secret. It names the trusted CA, so keep it where nobody else writes.
    pub fn save(&self) -> Result<Vec<u8>, Error> {
        let Enrolment { config, url, ca, transaction_id, subject, certificate } = &self.enrolment;
        let mut encoder = Encoder::new(MAGIC);
        encoder.bytes(url.as_str().as_bytes());
        encoder.bytes(transaction_id.as_bytes());
        encoder.bytes(subject);
        encoder.bytes(certificate);
        // the anchors come first
        encoder.list(ca.certificates());
        encoder.number(u64::try_from(ca.anchors().len()).unwrap_or(u64::MAX));
        encoder.bytes(ca.capabilities().to_text().as_bytes());
        encoder.number(self.polls.into());
        if ca.certificates().len() > MAX_CERTIFICATES {
            return Err(Limit::Certificates.into());
        }
        let saved = encoder.finish_with_checksum(config.provider)?;
        if saved.len() > MAX_SAVED { Err(Limit::Message.into()) } else { Ok(saved) }
    }

    /// Asks the CA how the request stands (CertPoll). The step comes back when the random generator failed, and with
    /// [`Limit::Polls`] when it was asked as often as configured.
    pub fn poll(self, rng: &mut Rng<'_>) -> Result<Step, Box<Failed<Self>>> {
        if self.polls >= self.enrolment.config.polls_max {
            // given back, to be saved: a client with more patience may go on
            return Err(Failed::kept(Limit::Polls.into(), self));
        }
        let polls = self.polls.saturating_add(1);
        names(&self.enrolment)
            .and_then(|content| self.enrolment.clone().message(MessageType::CertPoll, &content, polls, rng))
            .map_err(|error| Failed::new(error, self))
    }
}

/// IssuerAndSubject: the names of the CA and of the request, byte for byte (R-3.3.3-1).
fn names(enrolment: &Enrolment) -> Result<Vec<u8>, Error> {
    let issuer = Certificate::parse(enrolment.ca.issuer())?.subject();
    Ok(IssuerAndSubject { issuer, subject: Name::parse(&enrolment.subject)? }.encode())
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({}, {} polls)", self.enrolment.transaction_id, self.polls)
    }
}

pub(super) fn resume(config: Arc<ClientConfig>, saved: &[u8]) -> Result<Wait, Error> {
    const DAMAGED: Error = Error::InvalidMessage(InvalidMessage::SavedState);
    if saved.len() > MAX_SAVED {
        return Err(DAMAGED);
    }
    let mut decoder = Decoder::with_checksum(saved, MAGIC, config.provider)?;
    let url = core::str::from_utf8(decoder.bytes()?).map_err(|_| DAMAGED)?;
    let url = ScepUrl::parse(url).map_err(|_| DAMAGED)?;
    let transaction_id = TransactionId::new(decoder.bytes()?).map_err(|_| DAMAGED)?;
    let subject = decoder.bytes()?.to_vec();
    let certificate = CertificateDer::from(decoder.bytes()?).into_owned();
    let list = decoder.list(MAX_CERTIFICATES)?;
    let list: Vec<_> = list.into_iter().map(|der| CertificateDer::from(der).into_owned()).collect();
    let anchors = usize::try_from(decoder.number()?).map_err(|_| DAMAGED)?;
    let (anchors, others) = list.split_at_checked(anchors).ok_or(DAMAGED)?;
    let capabilities = Capabilities::parse(decoder.bytes()?, &config.limits).map_err(|_| DAMAGED)?;
    let polls = u32::try_from(decoder.number()?).map_err(|_| DAMAGED)?;
    decoder.finish()?;
    Certificate::parse(&certificate).map_err(|_| DAMAGED)?;
    // dates were checked when the CA was trusted; those of the next reply's signer are checked with the time of then
    let ca = TrustedCa::new(&config, anchors, others, capabilities, None)?;
    let after = interval(&config, polls);
    let enrolment = Enrolment { config, url, ca, transaction_id, subject, certificate };
    Ok(Wait { enrolment, polls, after })
}
