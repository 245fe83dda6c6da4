//! From a reply to what it means (RFC 8894 section 3.3.2).

use super::enrol::Enrolment;
use super::poll::Wait;
use super::step::{Decrypt, Done, Failed, Issued, Stage, Step, Transmit, UntrustedText};
use crate::crypto::{KeyError, Provider, Rng, Unwrapped, random};
use crate::error::{BadEnvelope, Error, FailInfo, InvalidMessage, PeerMisbehaved};
use crate::message::{Correlation, Envelope, OpenPolicy, Opened, Unverified};
use crate::transport::{self, HttpRequest, HttpResponse, Operation};
use crate::wire::attributes::{MessageType, Nonce, PkiStatus, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::certs_only::CertsOnly;
use crate::wire::normalize::normalize;
use alloc::boxed::Box;
use alloc::vec::Vec;
use rustls_pki_types::{CertificateDer, UnixTime};

/// A request that waits for its reply.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    enrolment: Enrolment,
    message_type: MessageType,
    expected: Correlation,
    polls: u32,
}

impl InFlight {
    pub(super) fn new(enrolment: Enrolment, message_type: MessageType, nonce: Nonce, polls: u32) -> Self {
        let transaction_id = enrolment.transaction_id.clone();
        Self { enrolment, message_type, expected: Correlation { transaction_id, nonce }, polls }
    }

    pub(super) fn provider(&self) -> &'static Provider {
        self.enrolment.config.provider
    }

    pub(super) fn message_type(&self) -> MessageType {
        self.message_type
    }

    pub(super) fn transaction_id(&self) -> &TransactionId {
        &self.expected.transaction_id
    }

    pub(super) fn send(self, message: Vec<u8>) -> Step {
        let request = transport::post(&self.enrolment.url, message);
        Step::Transmit(Transmit { request, stage: Stage::Reply(Box::new(self)) })
    }
}

/// What a verified reply says.
pub(super) enum Verdict {
    Success(Envelope),
    Failure(FailInfo, Option<UntrustedText>),
    /// With a byte that spreads the next polls of a fleet, and the seconds that the server asks to wait.
    Pending(u8, Option<u32>),
}

/// Verifies a reply: signed by one of the CA's certificates, to this request, and well formed. Before that holds it
/// counts as no reply.
pub(super) fn read(
    flight: &InFlight,
    response: HttpResponse,
    now: Option<UnixTime>,
    rng: &mut Rng<'_>,
) -> Result<Verdict, Error> {
    let config = &flight.enrolment.config;
    let ca = &flight.enrolment.ca;
    let retry_after = response.retry_after;
    transport::check_response(&response, Operation::PkiOperation, config.limits.response)?;
    let message = Unverified::parse(response.body, &config.limits)?;
    let reply = message.verify_by(config.provider, ca.signers(config))?;
    if now.is_some() {
        // R-2.2-9: it was valid when the CA was trusted, which may be long ago
        ca.check(config, &Certificate::parse(reply.signer())?, &[], now)?;
    }
    flight.expected.check(&reply)?;
    let attributes = reply.attributes()?;
    match attributes.pki_status()? {
        PkiStatus::Pending => {
            let [jitter] = random::random_array::<1>(rng)?;
            Ok(Verdict::Pending(jitter, retry_after))
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
                recipients: &[&flight.enrolment.certificate],
                single_des: config.compat.des_cbc_reply,
                any_key_identifier: true,
            };
            Ok(Verdict::Success(reply.envelope(&policy, rng)?))
        }
    }
}

/// Goes on by what the reply says.
pub(super) fn proceed(
    flight: InFlight,
    verdict: Verdict,
    request: HttpRequest,
    now: Option<UnixTime>,
) -> Step {
    match verdict {
        Verdict::Success(envelope) => {
            Step::Decrypt(Decrypt(Box::new(Sealed { flight, envelope, request, now })))
        }
        Verdict::Failure(fail_info, text) => Step::Done(Done::Refused { fail_info, text }),
        Verdict::Pending(jitter, retry_after) => {
            Step::Wait(Wait::new(flight.enrolment, flight.polls, jitter, retry_after))
        }
    }
}

/// A SUCCESS that waits for its content key.
#[derive(Debug)]
pub(super) struct Sealed {
    flight: InFlight,
    pub(super) envelope: Envelope,
    request: HttpRequest,
    now: Option<UnixTime>,
}

/// Opens a SUCCESS and checks the certificate in it.
pub(super) fn open(
    sealed: Sealed,
    unwrapped: Result<Unwrapped, KeyError>,
) -> Result<Step, Box<Failed<Transmit>>> {
    let Sealed { flight, envelope, request, now } = sealed;
    let opened = unwrapped.map_err(Error::from).and_then(|unwrapped| envelope.open(&unwrapped));
    match opened.and_then(|opened| issued(&flight.enrolment, &opened, now)) {
        Ok((certificate, others)) => {
            let ca = flight.enrolment.ca;
            Ok(Step::Done(Done::Issued(Issued { certificate, others, ca, checked_time: now.is_some() })))
        }
        // the CA signed this answer, and would give it again
        Err(error @ Error::BadSignature(_)) => Err(Failed::dead(error)),
        Err(error) => Err(Failed::new(error, Transmit { request, stage: Stage::Reply(Box::new(flight)) })),
    }
}

/// The certificate for our key, wherever it stands in the reply, then the others. Subject and extensions are the
/// CA's choice (R-3.3.2.1-6); key, issuer and dates are not.
fn issued(
    enrolment: &Enrolment,
    opened: &Opened,
    now: Option<UnixTime>,
) -> Result<(CertificateDer<'static>, Vec<CertificateDer<'static>>), Error> {
    let config = &enrolment.config;
    let content = normalize(opened.content()?, &config.limits).map_err(|_| BadEnvelope::Content)?;
    let certs_only = CertsOnly::parse(&content, &config.limits)?;
    let own = Certificate::parse(&enrolment.certificate)?;
    let mut others: Vec<CertificateDer<'static>> =
        certs_only.certificates().iter().map(|der| CertificateDer::from(der).into_owned()).collect();
    // others for our key may be there too: our self-signed one, an earlier one (R-3.3.2.1-2)
    let mut refused = Error::from(PeerMisbehaved::NoCertificate);
    let found = others.iter().position(|der| {
        let Ok(leaf) = Certificate::parse(der) else { return false };
        if !leaf.public_key().same_key(&own.public_key()) {
            return false;
        }
        let checked = match leaf.is_ca() {
            true => Err(PeerMisbehaved::CertificateAuthority.into()),
            false => enrolment.ca.check(config, &leaf, &others, now),
        };
        checked.map_err(|error| refused = error).is_ok()
    });
    let certificate = others.remove(found.ok_or(refused)?);
    Ok((certificate, others))
}
