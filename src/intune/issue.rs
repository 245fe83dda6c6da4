//! What was issued, or could not be: the service is told first, the device after that.

use super::ask::{Ask, Question, sealed};
use super::code::ResultCode;
use super::endpoints::Endpoints;
use super::event::{ConnectorEvent, DiagnosticCode, EventId};
use super::json;
use super::request::{Fault, RequestId};
use super::validate::{Submission, Validated, read_verdict};
use crate::crypto::{DigestAlgorithm, Rng};
use crate::error::Error;
use crate::server::{Authorized, Exchange, IssuedChain, Refusal};
use crate::wire::certificate::Certificate;
use crate::wire::time::iso8601;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use rustls_pki_types::CertificateDer;

/// How the service's console names the CA. Empty texts are sent as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuedBy<'a> {
    /// The issuing CA's name; the issuer of the certificate where this is `None`.
    pub issuer: Option<&'a str>,
    /// Which configuration of the CA issued it; comes back with a request to revoke it.
    pub configuration: &'a str,
    /// Which CA, where a configuration has several.
    pub authority: &'a str,
}

/// A certificate that does not fit what was asked for; the validated request comes back.
#[derive(Debug)]
pub struct Unfit {
    /// What is wrong with it: see [`IssuedChain::new`].
    pub error: Error,
    /// To try again with, or to end.
    pub validated: Validated,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Unfit {}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // into a string: never fails
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// What the notification says of a certificate.
struct Facts {
    thumbprint: String,
    serial: String,
    expires: String,
    issuer: String,
}

impl Facts {
    fn read(leaf: &CertificateDer<'_>, sha1: &dyn DigestAlgorithm) -> Result<Self, Error> {
        let certificate = Certificate::parse(leaf)?;
        Ok(Self {
            thumbprint: hex(sha1.digest(&[leaf]).as_bytes()),
            serial: hex(certificate.serial()),
            expires: iso8601(certificate.not_after()?.as_secs()),
            issuer: certificate.issuer().to_string(),
        })
    }
}

/// `successNotification`: a certificate that was made and is not granted yet.
pub struct Notify {
    issued: IssuedChain,
    leaf: CertificateDer<'static>,
    submission: Submission,
}

impl Notify {
    pub(super) fn new(
        validated: Validated,
        leaf: CertificateDer<'static>,
        rest: Vec<CertificateDer<'static>>,
        by: &IssuedBy<'_>,
        endpoints: &Endpoints,
    ) -> Result<Ask<Self>, Box<Unfit>> {
        let Validated { authorized, submission } = validated;
        let service = submission.service.clone();
        let facts = match Facts::read(&leaf, service.settings().thumbprint) {
            Ok(facts) => facts,
            Err(error) => {
                return Err(Box::new(Unfit { error, validated: Validated { authorized, submission } }));
            }
        };
        let issued = match IssuedChain::new(leaf.clone(), rest, authorized) {
            Ok(issued) => issued,
            Err(mismatch) => {
                let validated = Validated { authorized: mismatch.authorized, submission };
                return Err(Box::new(Unfit { error: mismatch.error, validated }));
            }
        };
        let body = json::write(&json::Notification {
            notification: json::Success {
                transaction_id: &submission.transaction_id,
                certificate_request: &submission.request,
                certificate_thumbprint: &facts.thumbprint,
                certificate_serial_number: &facts.serial,
                certificate_expiration_date_utc: &facts.expires,
                issuing_certificate_authority: by.issuer.unwrap_or(&facts.issuer),
                caller_info: &service.settings().caller_info,
                ca_configuration: by.configuration,
                certificate_authority: by.authority,
            },
        });
        let id = submission.id;
        Ok(Ask::new(&service, Self { issued, leaf, submission }, body, id, endpoints))
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notify({:?})", self.submission.transaction)
    }
}

impl sealed::Sealed for Notify {}

impl Question for Notify {
    type Outcome = Notification;
    type Answer = (ResultCode, String);
    const REVOKES: bool = false;
    const PATH: &'static str = "ScepActions/successNotification";

    fn read(&self, body: &[u8]) -> Result<Self::Answer, Fault> {
        read_verdict(body)
    }

    fn conclude(self, _: RequestId, answer: Result<Self::Answer, Fault>) -> Notification {
        let Self { issued, leaf, submission } = self;
        let fault = match answer {
            Ok((ResultCode::Success, _)) => {
                return Notification::Acknowledged(Acknowledged { issued, submission });
            }
            Ok((ResultCode::Unknown, _)) => Fault::Unknown,
            Ok((code, _)) => return Notification::Rejected(Rejected { issued, leaf, submission, code }),
            Err(fault) => fault,
        };
        Notification::Undecided(Unnotified { issued, leaf, submission, fault })
    }
}

/// What the service says to a certificate.
#[must_use]
#[derive(Debug)]
pub enum Notification {
    /// It knows of it: grant it.
    Acknowledged(Acknowledged),
    /// It does not want it. The certificate does not go out; revoke it.
    Rejected(Rejected),
    /// Nobody knows whether it knows of it. The certificate does not go out; revoke it.
    Undecided(Unnotified),
}

impl Notification {
    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        let failure = EventId::CrpNotifyMetricFailure;
        match self {
            Self::Acknowledged(known) => {
                known.submission.event(EventId::CrpNotifyMetricSuccess, DiagnosticCode::Success)
            }
            Self::Rejected(rejected) => {
                let event = rejected.submission.event(failure, DiagnosticCode::UnknownError);
                event.answered(rejected.code.clone())
            }
            Self::Undecided(unknown) => {
                unknown.submission.event(failure, DiagnosticCode::UnknownError).because(unknown.fault)
            }
        }
    }
}

/// A certificate that the service knows of: the only one of a [`Validated`] request that can be granted.
#[must_use]
pub struct Acknowledged {
    issued: IssuedChain,
    submission: Submission,
}

impl Acknowledged {
    /// Grants the request: records the outcome, then sends it. Where the record cannot be made the device asks again and
    /// gets another certificate; the service has been told of both.
    pub fn grant(self) -> Exchange {
        self.issued.grant()
    }
}

impl fmt::Debug for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acknowledged({:?})", self.submission.transaction)
    }
}

/// A certificate that the service does not want. There is no way to grant it.
#[must_use]
pub struct Rejected {
    issued: IssuedChain,
    leaf: CertificateDer<'static>,
    submission: Submission,
    code: ResultCode,
}

impl Rejected {
    /// The service's word.
    pub fn code(&self) -> &ResultCode {
        &self.code
    }

    /// The certificate, to be revoked.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// FAILURE badRequest.
    pub fn refuse(self, rng: &mut Rng<'_>) -> Exchange {
        self.issued.refuse(Refusal::Policy, rng)
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejected({}, {:?})", self.code, self.submission.transaction)
    }
}

/// A certificate of which nobody knows whether the service knows of it. There is no way to grant it.
#[must_use]
pub struct Unnotified {
    issued: IssuedChain,
    leaf: CertificateDer<'static>,
    submission: Submission,
    fault: Fault,
}

impl Unnotified {
    /// Why nobody knows.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The certificate, to be revoked: the device's next try gets another one.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    /// 503 with Retry-After. Nothing is recorded, so the device's next try begins anew, with the same challenge.
    pub fn unavailable(self) -> Exchange {
        self.issued.unavailable()
    }
}

impl fmt::Debug for Unnotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unnotified({:?}, {:?})", self.fault, self.submission.transaction)
    }
}

/// `failureNotification`: no certificate could be made.
pub struct Report {
    authorized: Authorized,
    submission: Submission,
}

impl Report {
    pub(super) fn new(
        validated: Validated,
        hresult: i32,
        description: &str,
        endpoints: &Endpoints,
    ) -> Ask<Self> {
        let Validated { authorized, submission } = validated;
        let service = submission.service.clone();
        let description: String = description.chars().take(255).collect();
        let body = json::write(&json::Notification {
            notification: json::Failure {
                transaction_id: &submission.transaction_id,
                certificate_request: &submission.request,
                // an HRESULT is 32 bits without a sign, in a number that has room for one
                h_result: i64::from(hresult.cast_unsigned()),
                error_description: &description,
                caller_info: &service.settings().caller_info,
            },
        });
        let id = submission.id;
        Ask::new(&service, Self { authorized, submission }, body, id, endpoints)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({:?})", self.submission.transaction)
    }
}

impl sealed::Sealed for Report {}

impl Question for Report {
    type Outcome = Reported;
    type Answer = (ResultCode, String);
    const REVOKES: bool = false;
    const PATH: &'static str = "ScepActions/failureNotification";

    fn read(&self, body: &[u8]) -> Result<Self::Answer, Fault> {
        read_verdict(body)
    }

    fn conclude(self, _: RequestId, answer: Result<Self::Answer, Fault>) -> Reported {
        let Self { authorized, submission } = self;
        Reported { authorized, submission, answer: answer.map(|(code, _)| code) }
    }
}

/// A request for which no certificate could be made. Whether the service heard of it makes no difference to the device.
#[must_use]
pub struct Reported {
    authorized: Authorized,
    submission: Submission,
    answer: Result<ResultCode, Fault>,
}

impl Reported {
    /// The service's word, or why there is none.
    pub fn answer(&self) -> Result<&ResultCode, Fault> {
        self.answer.as_ref().map_err(|fault| *fault)
    }

    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        let failure = self.submission.event(EventId::CrpNotifyMetricFailure, DiagnosticCode::UnknownError);
        match &self.answer {
            Ok(ResultCode::Success) => {
                self.submission.event(EventId::CrpNotifyMetricSuccess, DiagnosticCode::Success)
            }
            Ok(code) => failure.answered(code.clone()),
            Err(fault) => failure.because(*fault),
        }
    }

    /// FAILURE badRequest.
    pub fn refuse(self, rng: &mut Rng<'_>) -> Exchange {
        self.authorized.refuse(Refusal::Policy, rng)
    }
}

impl fmt::Debug for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reported({:?}, {:?})", self.answer, self.submission.transaction)
    }
}
