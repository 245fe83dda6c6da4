//! From a reply to what it means (RFC 8894 section 3.3.2).

use super::enrol::Enrolment;
use super::poll::Wait;
use super::step::{Decrypt, Done, Failed, Issued, Stage, Step, Transmit, UntrustedText};
use crate::crypto::{KeyError, Provider, Rng, Unwrapped};
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
    Pending,
}

/// Verifies a reply: signed by one of the CA's certificates, to this request, and well formed. Before that holds it
/// counts as no reply.
pub(super) fn read(flight: &InFlight, response: HttpResponse, rng: &mut Rng<'_>) -> Result<Verdict, Error> {
    let config = &flight.enrolment.config;
    transport::check_response(&response, Operation::PkiOperation, config.limits.response)?;
    let message = Unverified::parse(response.body, &config.limits)?;
    let reply = message.verify_by(config.provider, &flight.enrolment.ca.signers(config))?;
    flight.expected.check(&reply)?;
    let attributes = reply.attributes()?;
    match attributes.pki_status()? {
        PkiStatus::Pending => Ok(Verdict::Pending),
        PkiStatus::Failure => {
            // R-3.2.1.4-2: an unknown failInfo is an error, and so is none
            let fail_info = attributes.fail_info()?.ok_or(InvalidMessage::FailInfo)?;
            Ok(Verdict::Failure(fail_info, attributes.fail_info_text()?.map(UntrustedText::new)))
        }
        PkiStatus::Success => {
            let policy = OpenPolicy {
                provider: config.provider,
                recipients: core::slice::from_ref(&flight.enrolment.certificate),
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
    rng: &mut Rng<'_>,
) -> Result<Step, Box<Failed<Transmit>>> {
    match verdict {
        Verdict::Success(envelope) => {
            Ok(Step::Decrypt(Decrypt(Box::new(Sealed { flight, envelope, request, now }))))
        }
        Verdict::Failure(fail_info, text) => Ok(Step::Done(Done::Refused { fail_info, text })),
        Verdict::Pending => {
            Ok(Step::Wait(Wait::new(flight.enrolment, flight.polls, rng).map_err(Failed::dead)?))
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
    let mut certificate: Option<CertificateDer<'static>> = None;
    let mut others = Vec::new();
    for der in certs_only.certificates().iter() {
        let owned = CertificateDer::from(der).into_owned();
        let ours = Certificate::parse(der)
            .is_ok_and(|certificate| certificate.public_key().same_key(&own.public_key()));
        if ours && certificate.is_none() { certificate = Some(owned) } else { others.push(owned) }
    }
    let certificate = certificate.ok_or(PeerMisbehaved::NoCertificate)?;
    let leaf = Certificate::parse(&certificate)?;
    if leaf.is_ca() {
        return Err(PeerMisbehaved::CertificateAuthority.into());
    }
    enrolment.ca.check(config, &leaf, &others, now)?;
    Ok((certificate, others))
}
