//! May this certificate be issued? The service looks at the request and at the challenge in it, and says.

use super::ask::{Ask, Question, sealed};
use super::code::ResultCode;
use super::endpoints::Endpoints;
use super::event::{ConnectorEvent, DiagnosticCode, EventId};
use super::issue::{IssuedBy, Notify, Report, Unfit};
use super::json;
use super::request::{Fault, RequestId};
use super::service::Service;
use crate::crypto::Rng;
use crate::error::Error;
use crate::server::{Authorized, Enrol, Exchange, Refusal, RequestedCertificate, TransactionKey};
use crate::transport::base64_encode;
use crate::wire::attributes::TransactionId;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// What every call about one request repeats.
pub(super) struct Submission {
    pub(super) service: Service,
    pub(super) id: RequestId,
    pub(super) transaction: TransactionKey,
    /// The transactionID as text.
    pub(super) transaction_id: String,
    /// Base64 of the certification request; the challenge password is in it.
    pub(super) request: Zeroizing<String>,
}

impl Submission {
    pub(super) fn event(&self, id: EventId, code: DiagnosticCode) -> ConnectorEvent {
        ConnectorEvent::new(id, code).of(&self.transaction).during(self.id)
    }
}

/// Printable text goes out as it is, all else escaped: the service shows it to people.
fn transaction_text(id: &TransactionId) -> String {
    match core::str::from_utf8(id.as_bytes()) {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') => text.into(),
        _ => id.to_string(),
    }
}

impl Service {
    /// Asks whether a certificate may be issued.
    ///
    /// The question comes back, with the answer that it should get, when there is nothing to ask: a poll carries no
    /// certification request, and one without a challenge password has nothing to be validated by.
    pub fn validate(
        &self,
        question: Enrol,
        endpoints: &Endpoints,
        rng: &mut Rng<'_>,
    ) -> Result<Ask<Validate>, Box<Unasked>> {
        let Ok(id) = RequestId::generate(rng) else {
            return Err(Box::new(Unasked { question, decided: false }));
        };
        let (Some(csr), Some(_)) = (question.csr(), question.challenge()) else {
            return Err(Box::new(Unasked { question, decided: true }));
        };
        let submission = Submission {
            service: self.clone(),
            id,
            transaction: question.transaction().clone(),
            transaction_id: transaction_text(question.transaction().transaction_id()),
            request: Zeroizing::new(base64_encode(csr)),
        };
        let body = json::write(&json::Request {
            request: json::Validation {
                transaction_id: &submission.transaction_id,
                certificate_request: &submission.request,
                caller_info: &self.settings().caller_info,
            },
        });
        Ok(Ask::new(self, Validate { question: Box::new(question), submission }, body, id, endpoints))
    }
}

/// A question that the service is not asked.
#[must_use]
#[derive(Debug)]
pub struct Unasked {
    question: Enrol,
    decided: bool,
}

impl Unasked {
    /// FAILURE, or 503 where only random numbers were missing.
    pub fn answer(self, rng: &mut Rng<'_>) -> Exchange {
        if self.decided { self.question.refuse(Refusal::Challenge, rng) } else { self.question.unavailable() }
    }

    /// The question, for who has another way to answer it: the poll of a request that was held.
    pub fn into_question(self) -> Enrol {
        self.question
    }
}

/// `validateRequest`.
pub struct Validate {
    question: Box<Enrol>,
    submission: Submission,
}

impl fmt::Debug for Validate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validate({:?})", self.submission.transaction)
    }
}

pub(super) fn read_verdict(body: &[u8]) -> Result<(ResultCode, String), Fault> {
    let verdict: json::Verdict = json::read(body)?;
    let description = verdict.error_description.unwrap_or_default().chars().take(255).collect();
    Ok((ResultCode::from_name(&verdict.code), description))
}

impl sealed::Sealed for Validate {}

impl Question for Validate {
    type Outcome = Verdict;
    type Answer = (ResultCode, String);
    const REVOKES: bool = false;
    const PATH: &'static str = "ScepActions/validateRequest";

    fn read(&self, body: &[u8]) -> Result<Self::Answer, Fault> {
        read_verdict(body)
    }

    fn conclude(self, _: RequestId, answer: Result<Self::Answer, Fault>) -> Verdict {
        let Self { question, submission } = self;
        match answer {
            Ok((ResultCode::Success, _)) => {
                Verdict::Valid(Box::new(Validated { authorized: question.validated(), submission }))
            }
            Ok((ResultCode::Unknown, _)) => {
                Verdict::Undecided(Undecided { question, submission, fault: Fault::Unknown })
            }
            Ok((code, description)) => Verdict::Refused(Refused { question, submission, code, description }),
            Err(fault) => Verdict::Undecided(Undecided { question, submission, fault }),
        }
    }
}

/// What the service says about a request.
#[must_use]
#[derive(Debug)]
pub enum Verdict {
    /// A certificate may be made. It is not granted yet: see [`Validated`].
    Valid(Box<Validated>),
    /// None may, for good: another answer needs another request, or another challenge.
    Refused(Refused),
    /// Nobody knows: nothing is issued, nothing is recorded, and the same request may come again.
    Undecided(Undecided),
}

impl Verdict {
    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        match self {
            Self::Valid(valid) => {
                valid.submission.event(EventId::CrpVerifyMetricSuccess, DiagnosticCode::Success)
            }
            Self::Refused(refused) => {
                let code = if refused.code.wants_new_challenge() {
                    DiagnosticCode::CrpScepChallengeExpired
                } else {
                    DiagnosticCode::UnknownError
                };
                let event = refused.submission.event(EventId::CrpVerifyMetricWarning, code);
                event.answered(refused.code.clone())
            }
            Self::Undecided(undecided) => {
                let code = match undecided.fault {
                    Fault::Unreadable => DiagnosticCode::CrpScepDeserializeFailed,
                    _ => DiagnosticCode::UnknownError,
                };
                undecided.submission.event(EventId::CrpVerifyMetricFailure, code).because(undecided.fault)
            }
        }
    }
}

/// The service says no.
#[must_use]
pub struct Refused {
    question: Box<Enrol>,
    submission: Submission,
    code: ResultCode,
    description: String,
}

impl Refused {
    /// Its word.
    pub fn code(&self) -> &ResultCode {
        &self.code
    }

    /// Its explanation, at most 255 characters: text of somebody else's, to be escaped when it is shown.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// FAILURE badRequest: the device is not told which of its words was wrong.
    pub fn refuse(self, rng: &mut Rng<'_>) -> Exchange {
        self.question.refuse(Refusal::Challenge, rng)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({}, {:?})", self.code, self.submission.transaction)
    }
}

/// The service has not said anything.
#[must_use]
pub struct Undecided {
    question: Box<Enrol>,
    submission: Submission,
    fault: Fault,
}

impl Undecided {
    /// Why not.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// 503 with Retry-After. Nothing changes, so the device's next try asks anew, with the same challenge.
    pub fn unavailable(self) -> Exchange {
        self.question.unavailable()
    }
}

impl fmt::Debug for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Undecided({:?}, {:?})", self.fault, self.submission.transaction)
    }
}

/// A request that the service found valid. A certificate may be made for it, but there is no way to send one that the
/// service was not told of: [`Self::issued`] gives the notification, and only its acknowledgement
/// ([`Acknowledged`](super::Acknowledged)) can be granted.
#[must_use]
pub struct Validated {
    pub(super) authorized: Authorized,
    pub(super) submission: Submission,
}

impl Validated {
    /// What may be issued: a certificate for this key.
    pub fn requested(&self) -> &RequestedCertificate {
        self.authorized.requested()
    }

    /// The transaction.
    pub fn transaction(&self) -> &TransactionKey {
        self.authorized.transaction()
    }

    /// The extensions that were asked for and may be issued: see [`Authorized::wishes`]. The service checks the names and
    /// purposes of its profile; it does not check a security identifier that the device puts in, and none passes (T24).
    pub fn wishes(&self) -> Result<Vec<u8>, Error> {
        self.authorized.wishes()
    }

    /// The encryption certificate of the identity that the message was for: see [`Authorized::recipient`].
    pub fn recipient(&self) -> &CertificateDer<'static> {
        self.authorized.recipient()
    }

    /// A certificate was made. It is checked as [`IssuedChain::new`](crate::server::IssuedChain::new) does, and the
    /// service is to be told of it.
    pub fn issued(
        self,
        leaf: CertificateDer<'static>,
        rest: Vec<CertificateDer<'static>>,
        by: &IssuedBy<'_>,
        endpoints: &Endpoints,
    ) -> Result<Ask<Notify>, Box<Unfit>> {
        Notify::new(self, leaf, rest, by, endpoints)
    }

    /// No certificate could be made, by a fault of the CA's own, and none will be: the service is to be told, for its
    /// console. `hresult` is an error code that the CA's documentation explains; of `description` 255 characters go out.
    pub fn failed(self, hresult: i32, description: &str, endpoints: &Endpoints) -> Ask<Report> {
        Report::new(self, hresult, description, endpoints)
    }

    /// The CA cannot be reached now: 503. Nothing changes, so the device's next try asks the service anew.
    pub fn unavailable(self) -> Exchange {
        self.authorized.unavailable()
    }
}

impl fmt::Debug for Validated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validated({:?})", self.submission.transaction)
    }
}
