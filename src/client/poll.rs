//! PENDING: waiting, saving, resuming, polling (RFC 8894 sections 3.3.3 and 4.4).

use super::ca::{TrustedCa, owned};
use super::config::ClientConfig;
use super::password::{self, Secret};
use super::step::{Failed, Step};
use super::transaction::{Requested, Transaction, Wanted};
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{ApiMisuse, Error, Limit};
use crate::message::codec::{DAMAGED, Decoder, Encoder};
use crate::transport::ScepUrl;
use crate::wire::attributes::{MessageType, TransactionId};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use crate::wire::name::Name;
use crate::wire::public_key::SubjectPublicKeyInfo;
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
    transaction: Transaction,
    requested: Requested,
    polls: u32,
    after: Duration,
}

const MAGIC: [u8; 4] = *b"SCW2";
/// More than any sane state.
const MAX_SAVED: usize = 128 << 10;
const MAX_CERTIFICATES: usize = 64;

/// How long to wait before the poll that comes after `polls` others: twice as long each time.
fn interval(config: &ClientConfig, polls: u32) -> Duration {
    // by adding: products of `Duration` take divisions of 64 bits, which are 1 KB of a device's flash
    let double = |interval: Duration, _| interval.saturating_add(interval);
    (0..polls.min(u32::BITS)).fold(config.poll_interval, double).min(config.poll_interval_max)
}

impl Wait {
    /// `jitter` shortens the interval by up to an eighth, so that a fleet that started together does not poll together.
    pub(super) fn new(
        transaction: Transaction,
        requested: Requested,
        polls: u32,
        jitter: u8,
        retry_after: Option<u32>,
    ) -> Self {
        let config = &transaction.config;
        let nominal = interval(config, polls);
        // 2048ths of whole seconds
        let share = nominal.as_secs().saturating_mul(u64::from(jitter));
        let nanoseconds = u32::try_from(share & 2047).unwrap_or_default().saturating_mul(488_281);
        let spread = nominal.saturating_sub(Duration::new(share >> 11, nanoseconds));
        let asked = Duration::from_secs(retry_after.unwrap_or_default().into());
        let after = spread.max(asked.min(config.poll_interval_max));
        Self { transaction, requested, polls, after }
    }

    /// The same request with newer certificates of the same CA, for example after its RA got a new one:
    /// [`Client::fetch_ca`](super::Client::fetch_ca) gets them. [`ApiMisuse::NoAnchor`] when it trusts other anchors.
    pub fn with_ca(mut self, ca: TrustedCa) -> Result<Self, Box<Failed<Self>>> {
        if self.transaction.ca.anchors() != ca.anchors() {
            return Err(Failed::kept(ApiMisuse::NoAnchor.into(), self));
        }
        self.transaction.ca = ca;
        Ok(self)
    }

    /// The challenge password of the request once more, for [`Self::needs_challenge`] after
    /// [`Client::resume`](super::Client::resume).
    ///
    /// Nothing here can tell whether it is the same one. With another one a CA whose key cannot decrypt may refuse the
    /// poll, and the reply to a device whose key cannot decrypt is
    /// [`BadEnvelope::Content`](crate::error::BadEnvelope::Content): keep the saved state until the end.
    pub fn with_challenge(mut self, challenge: ChallengePassword) -> Self {
        self.transaction.secret = Some(Secret::new(challenge));
        self
    }

    /// Whether [`Self::with_challenge`] has to come before [`Self::poll`]: messages of this transaction are encrypted by
    /// the challenge password (see [`ClientConfig::password_recipients`]), and saved state does not hold it.
    pub fn needs_challenge(&self) -> bool {
        let key = Certificate::parse(&self.transaction.signer).map(|own| own.public_key());
        let needed = key.and_then(|key| password::is_needed(&key, &self.transaction.ca));
        needed.unwrap_or(false) && self.transaction.secret.is_none()
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
        &self.transaction.id
    }

    /// The DER SubjectPublicKeyInfo of the key that has to sign polls and to open the reply: the one to find again after
    /// a reboot. For a renewal it is the key of the current certificate, which is therefore still needed.
    pub fn public_key(&self) -> Result<Vec<u8>, Error> {
        Ok(Certificate::parse(&self.transaction.signer)?.public_key().as_der().to_vec())
    }

    /// The DER SubjectPublicKeyInfo of the key that the certificate was requested for: the same as
    /// [`Self::public_key`] for most first requests, and the new key for a renewal.
    pub fn requested_key(&self) -> &[u8] {
        &self.requested.public_key
    }

    /// The subject that was asked for. The CA may issue for another one.
    pub fn subject(&self) -> Result<Name<'_>, Error> {
        Name::parse(&self.requested.subject)
    }

    /// The CA that was trusted.
    pub fn ca(&self) -> &TrustedCa {
        &self.transaction.ca
    }

    /// Where the CA is.
    pub fn url(&self) -> &str {
        self.transaction.url.as_str()
    }

    /// Everything that is needed to go on later with [`Client::resume`](super::Client::resume): at most 128 KiB, with
    /// a version and a checksum, and without any secret. It names the trusted CA, so keep it where nobody else writes.
    pub fn save(&self) -> Result<Vec<u8>, Error> {
        save(&self.transaction, &self.requested, self.polls)
    }

    /// Asks the CA how the request stands (CertPoll). The step comes back when the random generator failed, and with
    /// [`Limit::Polls`] when it was asked as often as configured. So it does with [`ApiMisuse::WeakChallenge`] when
    /// [`Self::needs_challenge`] was not heeded.
    pub fn poll(self, rng: &mut Rng<'_>) -> Result<Step, Box<Failed<Self>>> {
        if self.polls >= self.transaction.config.polls_max {
            // given back, to be saved: a client with more patience may go on
            return Err(Failed::kept(Limit::Polls.into(), self));
        }
        if let Err(error) = self.check_password() {
            return Err(Failed::kept(error, self));
        }
        let polls = self.polls.saturating_add(1);
        let poll = |content: Vec<u8>| {
            let wanted = Wanted::Issued(self.requested.clone());
            self.transaction.clone().message(wanted, MessageType::CertPoll, &content, polls, rng)
        };
        self.names().and_then(poll).map_err(|error| Failed::new(error, self))
    }

    /// R-3.1-4: no poll whose reply could not be opened, and none that is not encrypted.
    fn check_password(&self) -> Result<(), Error> {
        let Transaction { config, ca, signer, secret, .. } = &self.transaction;
        let signer = Certificate::parse(signer)?;
        password::check(config, &signer.public_key(), ca, secret.as_deref()).map(drop)
    }

    /// IssuerAndSubject: the names of the CA and of the request, byte for byte (R-3.3.3-1).
    fn names(&self) -> Result<Vec<u8>, Error> {
        let issuer = Certificate::parse(self.transaction.ca.issuer())?.subject();
        Ok(IssuerAndSubject { issuer, subject: self.subject()? }.encode())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({}, {} polls)", self.transaction.id, self.polls)
    }
}

/// What [`Wait::save`] and [`Transmit::save`](super::Transmit::save) give.
pub(super) fn save(transaction: &Transaction, requested: &Requested, polls: u32) -> Result<Vec<u8>, Error> {
    let Transaction { config, url, ca, id, signer, chain, secret: _ } = transaction;
    let mut encoder = Encoder::new(MAGIC);
    encoder.bytes(url.as_str().as_bytes());
    encoder.bytes(id.as_bytes());
    encoder.bytes(&requested.subject);
    encoder.bytes(&requested.public_key);
    encoder.bytes(signer);
    encoder.list(chain);
    // the anchors come first
    encoder.list(ca.certificates());
    encoder.number(u64::try_from(ca.anchors().len()).unwrap_or(u64::MAX));
    encoder.bytes(ca.recipient());
    encoder.number(ca.valid_from().is_some().into());
    encoder.bytes(ca.capabilities().to_text().as_bytes());
    encoder.number(polls.into());
    if ca.certificates().len().max(chain.len()) > MAX_CERTIFICATES {
        return Err(Limit::Certificates.into());
    }
    let saved = encoder.finish_with_checksum(config.provider)?;
    if saved.len() > MAX_SAVED { Err(Limit::Message.into()) } else { Ok(saved) }
}

#[inline(never)] // so that its frame is not part of a larger one
pub(super) fn resume(config: Arc<ClientConfig>, saved: &[u8]) -> Result<Wait, Error> {
    if saved.len() > MAX_SAVED {
        return Err(DAMAGED);
    }
    let mut decoder = Decoder::with_checksum(saved, MAGIC, config.provider)?;
    let url = core::str::from_utf8(decoder.bytes()?).map_err(|_| DAMAGED)?;
    let url = ScepUrl::parse(url).map_err(|_| DAMAGED)?;
    let id = TransactionId::new(decoder.bytes()?).map_err(|_| DAMAGED)?;
    let subject = decoder.bytes()?.to_vec();
    let public_key = decoder.bytes()?.to_vec();
    let signer = CertificateDer::from(decoder.bytes()?).into_owned();
    let chain = certificates(&mut decoder)?;
    let list = certificates(&mut decoder)?;
    let anchors = usize::try_from(decoder.number()?).map_err(|_| DAMAGED)?;
    let (anchors, others) = list.split_at_checked(anchors).ok_or(DAMAGED)?;
    let recipient = CertificateDer::from(decoder.bytes()?);
    let staged = decoder.number()? != 0;
    let capabilities = Capabilities::parse(decoder.bytes()?, &config.limits).map_err(|_| DAMAGED)?;
    let polls = u32::try_from(decoder.number()?).map_err(|_| DAMAGED)?;
    decoder.finish()?;
    Certificate::parse(&signer).map_err(|_| DAMAGED)?;
    SubjectPublicKeyInfo::parse(&public_key).map_err(|_| DAMAGED)?;
    // dates were checked when the CA was trusted; those of the next reply's signer are checked with the time of then
    let make = if staged { TrustedCa::staged } else { TrustedCa::new };
    let ca = make(&config, anchors, others, capabilities, None)?.with_recipient(&recipient)?;
    let after = interval(&config, polls);
    let transaction = Transaction { config, url, ca, id, signer, chain, secret: None };
    Ok(Wait { transaction, requested: Requested { subject, public_key }, polls, after })
}

fn certificates(decoder: &mut Decoder<'_>) -> Result<Vec<CertificateDer<'static>>, Error> {
    Ok(owned(decoder.list(MAX_CERTIFICATES)?.into_iter()))
}
