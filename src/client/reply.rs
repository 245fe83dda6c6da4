//! From a reply to what it means (RFC 8894 section 3.3.2).

use super::ca::owned;
use super::poll::{self, Wait};
use super::step::{Decrypt, Done, Failed, Issued, Stage, Step, Transmit, UntrustedText};
use super::transaction::{Requested, Transaction, Wanted};
use crate::crypto::{KeyError, Provider, Rng, Unwrapped, random};
use crate::error::{BadEnvelope, BadSignature, Error, FailInfo, InvalidMessage, PeerMisbehaved};
use crate::message::{Correlation, Envelope, OpenPolicy, Opened, Unverified, Verified};
use crate::transport::{self, HttpRequest, HttpResponse, Operation};
use crate::wire::attributes::{MessageType, PkiStatus};
use crate::wire::capabilities::Capability;
use crate::wire::certificate::Certificate;
use crate::wire::certs_only::CertsOnly;
use crate::wire::normalize::normalize;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::UnixTime;

/// A request that waits for its reply.
#[derive(Clone)]
pub(super) struct InFlight {
    pub(super) transaction: Transaction,
    pub(super) wanted: Wanted,
    pub(super) message_type: MessageType,
    pub(super) expected: Correlation,
    pub(super) polls: u32,
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InFlight({}, {:?})", self.message_type.name(), self.transaction)
    }
}

impl InFlight {
    pub(super) fn provider(&self) -> &'static Provider {
        self.transaction.config.provider
    }

    /// By POST, unless the CA lists none and [`Compat::get_pki_operation`](super::Compat::get_pki_operation) is on.
    pub(super) fn send(self, message: Vec<u8>) -> Step {
        let Transaction { config, url, ca, .. } = &self.transaction;
        let request = match config.by_get {
            Some(by_get) if !ca.capabilities().contains(Capability::PostPkiOperation) => {
                by_get(url, &message)
            }
            _ => transport::post(url, message),
        };
        Step::Transmit(Transmit { request, stage: Stage::Reply(Box::new(self)) })
    }

    /// What is needed to ask for the outcome; nothing for a question that may be asked again.
    pub(super) fn save(&self) -> Result<Option<Vec<u8>>, Error> {
        match &self.wanted {
            Wanted::Issued(requested) => poll::save(&self.transaction, requested, self.polls).map(Some),
            Wanted::Fetched(..) => Ok(None),
        }
    }

    /// Whether the reply is to this very message.
    fn answered_by(&self, reply: &Verified) -> Result<(), Error> {
        match self.expected.check(reply) {
            // a nonce that is there and wrong stays an error
            Err(error) if error == PeerMisbehaved::RecipientNonce.into() => {
                let missing = reply.attributes()?.recipient_nonce()?.is_none();
                let tolerated = missing && self.transaction.config.compat.missing_recipient_nonce;
                if tolerated { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }
}

/// What a verified reply says.
pub(super) enum Verdict {
    /// With how many more signatures may be verified for the reply.
    Success(Envelope, usize),
    /// For a device whose key cannot decrypt.
    SuccessByPassword(Opened, usize),
    Failure(FailInfo, Option<UntrustedText>),
    /// With a byte that spreads the next polls of a fleet, and the seconds that the server asks to wait.
    Pending(Requested, u8, Option<u32>),
}

/// Verifies a reply: signed by one of the CA's certificates, to this request, and well formed. Before that holds it
/// counts as no reply.
#[inline(never)] // so that its frame is not part of a larger one
pub(super) fn read(
    flight: &InFlight,
    response: HttpResponse,
    now: Option<UnixTime>,
    rng: &mut Rng<'_>,
) -> Result<Verdict, Error> {
    let Transaction { config, ca, signer, .. } = &flight.transaction;
    let retry_after = response.retry_after;
    transport::check_response(&response, Operation::PkiOperation, config.limits.response)?;
    let message = Unverified::parse(response.body, &config.limits)?;
    let reply = message.verify_by(config.provider, ca.signers(config))?;
    let mut signatures = reply.signatures_left();
    if now.is_some() {
        // R-2.2-9: it was valid when the CA was trusted, which may be long ago
        ca.check(config, &Certificate::parse(reply.signer())?, &[], now, &mut signatures)?;
    }
    flight.answered_by(&reply)?;
    let attributes = reply.attributes()?;
    match attributes.pki_status()? {
        PkiStatus::Pending => {
            // R-4.5.1-1: only a certificate that is still to be issued is worth waiting for
            let Wanted::Issued(requested) = &flight.wanted else {
                return Err(InvalidMessage::PkiStatus.into());
            };
            let [jitter] = random::random_array::<1>(rng)?;
            Ok(Verdict::Pending(requested.clone(), jitter, retry_after))
        }
        PkiStatus::Failure => {
            // R-3.2.1.4-2: an unknown failInfo is an error, and so is none
            let fail_info = attributes.fail_info()?.ok_or(InvalidMessage::FailInfo)?;
            // for people: whatever is wrong with it decides nothing (R-3.2.1.4-3)
            let text = attributes.fail_info_text().ok().flatten();
            Ok(Verdict::Failure(fail_info, text.map(UntrustedText::new)))
        }
        PkiStatus::Success => {
            let policy = OpenPolicy {
                provider: config.provider,
                recipients: &[signer],
                single_des: config.compat.des_cbc_reply,
                any_key_identifier: true,
            };
            // T3: our key says which it has to be, never the reply
            if Certificate::parse(signer)?.public_key().can_encrypt() {
                return Ok(Verdict::Success(reply.envelope(&policy, rng)?, signatures));
            }
            // a transaction like that is not begun, and not gone on with, without the switch
            let passwords = config.password_recipients.ok_or(BadEnvelope::Recipient)?;
            let secret = flight.transaction.secret.as_deref();
            Ok(Verdict::SuccessByPassword((passwords.open)(&reply, &policy, secret, rng)?, signatures))
        }
    }
}

/// Goes on by what the reply says.
#[inline(never)] // so that its frame is not part of a larger one
pub(super) fn proceed(
    flight: InFlight,
    verdict: Verdict,
    request: HttpRequest,
    now: Option<UnixTime>,
) -> Result<Step, Box<Failed<Transmit>>> {
    match verdict {
        Verdict::Success(envelope, signatures) => {
            Ok(Step::Decrypt(Decrypt(Box::new(Sealed { flight, envelope, signatures, request, now }))))
        }
        Verdict::SuccessByPassword(opened, signatures) => {
            finish(flight, Ok(opened), signatures, request, now)
        }
        Verdict::Failure(fail_info, text) => Ok(Step::Done(Done::Refused { fail_info, text })),
        Verdict::Pending(requested, jitter, retry_after) => {
            Ok(Step::Wait(Wait::new(flight.transaction, requested, flight.polls, jitter, retry_after)))
        }
    }
}

/// A SUCCESS that waits for its content key.
#[derive(Debug)]
pub(super) struct Sealed {
    flight: InFlight,
    pub(super) envelope: Envelope,
    signatures: usize,
    request: HttpRequest,
    now: Option<UnixTime>,
}

/// Opens a SUCCESS with the key of the device.
pub(super) fn open(
    sealed: Sealed,
    unwrapped: Result<Unwrapped, KeyError>,
) -> Result<Step, Box<Failed<Transmit>>> {
    let Sealed { flight, envelope, signatures, request, now } = sealed;
    let opened = unwrapped.map_err(Error::from).and_then(|unwrapped| envelope.open(&unwrapped));
    finish(flight, opened, signatures, request, now)
}

/// Checks what is in a SUCCESS.
fn finish(
    flight: InFlight,
    opened: Result<Opened, Error>,
    mut signatures: usize,
    request: HttpRequest,
    now: Option<UnixTime>,
) -> Result<Step, Box<Failed<Transmit>>> {
    match opened.and_then(|opened| outcome(&flight, &opened, &mut signatures, now)) {
        Ok(done) => Ok(Step::Done(done)),
        // the CA signed this answer, and would give it again; but what is not valid yet is so in a while
        Err(Error::BadSignature(reason)) if reason != BadSignature::Validity => {
            Err(Failed::dead(reason.into()))
        }
        Err(error) => Err(Failed::new(error, Transmit { request, stage: Stage::Reply(Box::new(flight)) })),
    }
}

fn outcome(
    flight: &InFlight,
    opened: &Opened,
    signatures: &mut usize,
    now: Option<UnixTime>,
) -> Result<Done, Error> {
    let transaction = &flight.transaction;
    let limits = &transaction.config.limits;
    let content = normalize(opened.content()?, limits).map_err(|_| BadEnvelope::Content)?;
    let certs_only = CertsOnly::parse(&content, limits)?;
    match &flight.wanted {
        Wanted::Issued(requested) => {
            issued(transaction, requested, &certs_only, signatures, now).map(Done::Issued)
        }
        Wanted::Fetched(wanted, read) => read(transaction, wanted, &certs_only, signatures, now),
    }
}

/// The certificate for the requested key, wherever it stands in the reply, then the others. Subject and extensions are
/// the CA's choice (R-3.3.2.1-6); key, issuer and dates are not.
#[inline(never)] // so that its frame is not part of a larger one
fn issued(
    transaction: &Transaction,
    requested: &Requested,
    certs_only: &CertsOnly<'_>,
    signatures: &mut usize,
    now: Option<UnixTime>,
) -> Result<Issued, Error> {
    let Transaction { config, ca, signer, .. } = transaction;
    let key = SubjectPublicKeyInfo::parse(&requested.public_key)?;
    let mut others = owned(certs_only.certificates().iter());
    // others for our key may be there too: our self-signed one, an earlier one (R-3.3.2.1-2)
    let mut refused = Error::from(PeerMisbehaved::NoCertificate);
    let found = others.iter().position(|der| {
        let Ok(leaf) = Certificate::parse(der) else { return false };
        // a renewal for the same key is not done with the current certificate (quirk 49)
        if der == signer || !leaf.public_key().same_key(&key) {
            return false;
        }
        let checked = match leaf.is_ca() {
            true => Err(PeerMisbehaved::CertificateAuthority.into()),
            false => ca.check(config, &leaf, &others, now, signatures),
        };
        checked.map_err(|error| refused = error).is_ok()
    });
    // to the end, and off: `remove` would be the only one who needs `memmove`, which is 1.6 KB of a device's flash
    for place in found.ok_or(refused)?..others.len().saturating_sub(1) {
        others.swap(place, place.saturating_add(1));
    }
    let certificate = others.pop().ok_or(refused)?;
    Ok(Issued { certificate, others, ca: ca.clone(), checked_time: now.is_some() })
}
