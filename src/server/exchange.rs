//! The steps between a request and its reply.

use super::config::ServerConfig;
use super::question::{Decide, Enrol};
use super::request::{self, Checked, Kind, Submitted};
use super::transaction::{
    self, Asked, RequestedCertificate, Ruling, State, Transaction, TransactionKey, Transition,
};
use crate::crypto::{DecryptJob, Purpose, Rng, SignJob, Signature, Unwrapped, random};
use crate::error::{Error, FailInfo, InvalidMessage, KeyError, PeerMisbehaved};
use crate::message::{Draft, Envelope, Fields, Verified, envelope};
use crate::transport::{self, HttpResponse, Operation};
use crate::wire::algorithm::{ContentEncryption, Digest};
use crate::wire::attributes::{MessageType, Nonce, PkiStatus, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::certs_only;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What has to be done next. Exhaustive on purpose: a driver that skips a step would hang.
#[must_use = "an exchange that is dropped answers nobody"]
#[derive(Debug)]
pub enum Exchange {
    /// Unwrap a content key with the private key of the RA or CA.
    Decrypt(Decrypt),
    /// Look up a transaction.
    Lookup(Lookup),
    /// Decide about a request.
    Decide(Decide),
    /// Record a transition.
    Record(Record),
    /// Sign the reply.
    Sign(Sign),
    /// Send the reply.
    Done(Outcome),
}

impl Exchange {
    pub(super) fn answered(reply: HttpResponse, cause: Option<Error>, mut summary: Summary) -> Self {
        summary.status = if reply.status == 200 { Status::Answered } else { Status::HttpError };
        Self::Done(Outcome { reply, cause, summary, events: Vec::new() })
    }
}

/// The reply, and what there is to log about it.
#[derive(Debug)]
pub struct Outcome {
    /// To be sent as it is, with a `Content-Length`.
    pub reply: HttpResponse,
    /// Why it is a refusal. For the log: the peer is told less.
    pub cause: Option<Error>,
    /// What was asked and what became of it.
    pub summary: Summary,
    /// What an operator should know besides.
    pub events: Vec<Event>,
}

/// One line for the log. Nothing in it is secret; texts of the peer's are escaped when displayed.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The operation, once the request could be parsed.
    pub operation: Option<Operation>,
    /// The messageType, once the signature verified.
    pub message_type: Option<MessageType>,
    /// The transactionID that the sender gave.
    pub transaction_id: Option<TransactionId>,
    /// The subject of the certification request, or else of the signer's certificate.
    pub subject: Option<String>,
    /// What became of it.
    pub status: Status,
}

/// What became of a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// GetCACaps or GetCACert was answered.
    #[default]
    Answered,
    /// CertRep SUCCESS.
    Success,
    /// CertRep PENDING.
    Pending,
    /// CertRep FAILURE.
    Failure(FailInfo),
    /// HTTP status other than 200; no CertRep.
    HttpError,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("OK"),
            Self::Success => f.write_str("SUCCESS"),
            Self::Pending => f.write_str("PENDING"),
            Self::Failure(fail_info) => write!(f, "FAILURE {fail_info}"),
            Self::HttpError => f.write_str("HTTP error"),
        }
    }
}

/// Something that an operator should know.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request encrypted with single DES was read
    /// ([`ServerConfig::danger_accept_des_cbc`](super::ServerConfig::danger_accept_des_cbc)).
    SingleDesRead,
}

/// What is known of the request in hand, and how its reply will look.
pub(super) struct Session {
    pub(super) config: Arc<ServerConfig>,
    pub(super) now: UnixTime,
    /// Whose identity answers: the one the request named, else the first.
    pub(super) identity: usize,
    /// Mirrors the request where the provider can.
    pub(super) digest: Digest,
    pub(super) cipher: ContentEncryption,
    nonce: Option<Nonce>,
    /// The reply's recipient, once the signature verified.
    signer: Option<CertificateDer<'static>>,
    cause: Option<Error>,
    pub(super) summary: Summary,
    pub(super) events: Vec<Event>,
}

/// What a CertRep says.
enum Answer<'a> {
    Success(&'a [CertificateDer<'static>]),
    Pending,
    Failure(FailInfo),
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>, now: UnixTime, summary: Summary) -> Self {
        Self {
            config,
            now,
            identity: 0,
            digest: Digest::Sha256,
            cipher: ContentEncryption::Aes128Cbc,
            nonce: None,
            signer: None,
            cause: None,
            summary,
            events: Vec::new(),
        }
    }

    pub(super) fn address(&mut self, id: TransactionId, nonce: Nonce) {
        self.summary.transaction_id = Some(id);
        self.nonce = Some(nonce);
    }

    pub(super) fn signed_by(&mut self, signer: &CertificateDer<'static>) {
        self.summary.subject = Certificate::parse(signer).ok().map(|signer| signer.subject().to_string());
        self.signer = Some(signer.clone());
    }

    pub(super) fn transaction_id(&self) -> Result<&TransactionId, Error> {
        self.summary.transaction_id.as_ref().ok_or(InvalidMessage::MissingAttribute.into())
    }

    fn done(mut self, reply: HttpResponse) -> Exchange {
        if reply.status != 200 {
            self.summary.status = Status::HttpError;
        }
        Exchange::Done(Outcome { reply, cause: self.cause, summary: self.summary, events: self.events })
    }

    /// An HTTP status, where no CertRep can be addressed.
    pub(super) fn http_error(mut self, error: Error) -> Exchange {
        self.cause = Some(error);
        self.done(HttpResponse::error(error.http_status()))
    }

    /// 503: the transaction stays as it is, and the client asks again (E21).
    pub(super) fn unavailable(mut self, error: Error) -> Exchange {
        self.cause = Some(error);
        let mut reply = HttpResponse::error(503);
        reply.retry_after = Some(self.config.retry_after);
        self.done(reply)
    }

    /// FAILURE with the failInfo of the table.
    pub(super) fn refuse(mut self, error: Error, rng: &mut Rng<'_>) -> Exchange {
        self.cause = Some(error);
        self.reply(&Answer::Failure(error.fail_info()), rng)
    }

    /// FAILURE badRequest whatever the error: from decryption to the challenge all refusals look the same.
    pub(super) fn refuse_request(mut self, error: Error, rng: &mut Rng<'_>) -> Exchange {
        self.cause = Some(error);
        self.reply(&Answer::Failure(FailInfo::BadRequest), rng)
    }

    pub(super) fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.reply(&Answer::Pending, rng)
    }

    fn deliver(self, chain: &[CertificateDer<'static>], rng: &mut Rng<'_>) -> Exchange {
        self.reply(&Answer::Success(chain), rng)
    }

    fn reply(mut self, answer: &Answer<'_>, rng: &mut Rng<'_>) -> Exchange {
        match self.draft(answer, rng) {
            Ok(draft) => {
                self.summary.status = match answer {
                    Answer::Success(_) => Status::Success,
                    Answer::Pending => Status::Pending,
                    Answer::Failure(fail_info) => Status::Failure(*fail_info),
                };
                Exchange::Sign(Sign { session: Box::new(self), draft })
            }
            Err(error) => self.unavailable(error),
        }
    }

    fn draft(&self, answer: &Answer<'_>, rng: &mut Rng<'_>) -> Result<Draft, Error> {
        let provider = self.config.provider;
        let (pki_status, fail_info) = match answer {
            Answer::Success(_) => (PkiStatus::Success, None),
            Answer::Pending => (PkiStatus::Pending, None),
            Answer::Failure(fail_info) => (PkiStatus::Failure, Some(*fail_info)),
        };
        let content = match answer {
            Answer::Success(chain) => {
                let list: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
                let signer = self.signer.as_ref().ok_or(InvalidMessage::Certificate)?;
                let recipient = Certificate::parse(signer)?;
                envelope(provider, &certs_only::encode(&list), &recipient, self.cipher, rng)?
            }
            // zero octets, and present: some clients cannot read an absent eContent
            Answer::Pending | Answer::Failure(_) => Vec::new(),
        };
        let identity = self.config.identities.get(self.identity).or(self.config.identities.first());
        let certificate = identity.ok_or(InvalidMessage::Certificate)?.signing.clone();
        let fields = Fields {
            message_type: MessageType::CertRep,
            pki_status: Some(pki_status),
            fail_info,
            sender_nonce: Nonce::from_bytes(&random::random_array::<16>(rng)?)?,
            recipient_nonce: self.nonce.clone(),
            transaction_id: self.transaction_id()?.clone(),
            signing_time: Some(self.now),
        };
        Draft::new(provider, content, &fields, certificate, self.digest, Purpose::CertRep)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("summary", &self.summary).finish_non_exhaustive()
    }
}

/// A content key is to be unwrapped. It is reached only by a message whose signature verified and that passed every
/// check that needs no key.
#[must_use]
#[derive(Debug)]
pub struct Decrypt(Box<(Session, Verified, Envelope)>, Kind);

impl Decrypt {
    pub(super) fn new(session: Session, verified: Verified, envelope: Envelope, kind: Kind) -> Self {
        Self(Box::new((session, verified, envelope)), kind)
    }

    /// What the private key has to do, and which one.
    pub fn job(&self) -> &DecryptJob {
        self.0.2.job()
    }

    /// Goes on with what the key's owner answered. An error answers 503; a rejection goes on like any key.
    pub fn complete(self, unwrapped: Result<Unwrapped, KeyError>, rng: &mut Rng<'_>) -> Exchange {
        let (session, verified, envelope) = *self.0;
        request::open(session, &verified, envelope, self.1, unwrapped, rng)
    }
}

/// A transaction is to be looked up.
#[must_use]
pub struct Lookup {
    session: Box<Session>,
    key: TransactionKey,
    asked: Asked,
    request: Option<(RequestedCertificate, Submitted)>,
}

impl Lookup {
    pub(super) fn new(session: Session, key: TransactionKey, checked: Checked) -> Self {
        Self { session: Box::new(session), key, asked: checked.asked, request: checked.request }
    }

    /// Under what to look.
    pub fn key(&self) -> &TransactionKey {
        &self.key
    }

    /// Goes on with what the store holds, `None` when it holds nothing.
    pub fn complete(self, stored: Option<Transaction>, rng: &mut Rng<'_>) -> Exchange {
        let Self { session, key, asked, request } = self;
        match (transaction::rule(stored.as_ref(), asked, session.now), stored, request, asked) {
            (Ruling::Decide, stored, Some((requested, submitted)), Asked::Certificate(hash)) => {
                let retention = session.config.pending_retention;
                let open = Transaction::new(hash, requested, State::Pending, session.now, retention)
                    .replacing(stored.as_ref());
                let from = stored.as_ref().map(Transaction::revision);
                Exchange::Decide(Decide::Enrol(Enrol::new(session, key, from, open, Some(submitted))))
            }
            (Ruling::DecideHeld, Some(open), request, _) => {
                let from = Some(open.revision());
                let submitted = request.map(|(_, submitted)| submitted);
                let mut session = session;
                session.summary.subject = open.requested().subject().ok().map(|subject| subject.to_string());
                Exchange::Decide(Decide::Enrol(Enrol::new(session, key, from, open, submitted)))
            }
            (_, stored, _, _) => settle(*session, stored.as_ref(), asked, rng),
        }
    }

    /// The store cannot be reached: 503.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(KeyError::Unavailable.into())
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({:?})", self.key)
    }
}

/// Answers from what is stored, without a decision.
fn settle(session: Session, stored: Option<&Transaction>, asked: Asked, rng: &mut Rng<'_>) -> Exchange {
    let state = stored.map(Transaction::state);
    match (transaction::rule(stored, asked, session.now), state) {
        (Ruling::Deliver, Some(State::Issued(chain))) => session.deliver(chain, rng),
        (Ruling::DecideHeld, _) => session.hold(rng),
        (Ruling::Refuse(reason), _) => session.refuse(reason.into(), rng),
        _ => session.refuse(PeerMisbehaved::UnknownTransaction.into(), rng),
    }
}

/// A transition is to be recorded before its result is sent.
#[must_use]
pub struct Record {
    session: Box<Session>,
    transition: Transition,
    cause: Option<Error>,
}

impl Record {
    pub(super) fn new(session: Box<Session>, transition: Transition, cause: Option<Error>) -> Self {
        Self { session, transition, cause }
    }

    /// What to record, if the store still holds [`Transition::from`].
    pub fn transition(&self) -> &Transition {
        &self.transition
    }

    /// It is recorded, durably: send the result.
    pub fn stored(self, rng: &mut Rng<'_>) -> Exchange {
        let Self { session, transition, cause } = self;
        match transition.to.state() {
            State::Pending => session.hold(rng),
            State::Issued(chain) => session.deliver(chain, rng),
            State::Rejected => session.refuse_request(cause.unwrap_or(PeerMisbehaved::Policy.into()), rng),
        }
    }

    /// The store held something else: answer by that. What this exchange would have recorded is dropped, so a
    /// certificate just issued must not be used.
    pub fn conflict(self, stored: Option<Transaction>, rng: &mut Rng<'_>) -> Exchange {
        let asked = self.transition.to.asked();
        let gone = stored.is_none();
        match transaction::rule(stored.as_ref(), asked, self.session.now) {
            // forgotten or finished meanwhile: let the client ask again
            Ruling::Decide => self.session.unavailable(KeyError::Unavailable.into()),
            _ if gone => self.session.unavailable(KeyError::Unavailable.into()),
            _ => settle(*self.session, stored.as_ref(), asked, rng),
        }
    }

    /// The store cannot be reached, or is full: 503. The transaction stays as it was.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(KeyError::Unavailable.into())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({:?})", self.transition.key)
    }
}

/// The reply is to be signed with the key of [`SignJob::public_key`].
#[must_use]
#[derive(Debug)]
pub struct Sign {
    session: Box<Session>,
    draft: Draft,
}

impl Sign {
    /// What the private key has to do.
    pub fn job(&self) -> &SignJob {
        self.draft.job()
    }

    /// Goes on with the signature, which is verified first. Without a good one the answer is 503.
    pub fn complete(self, signature: Result<Signature, KeyError>) -> Exchange {
        let sealed = signature
            .map_err(Error::from)
            .and_then(|signature| self.draft.seal(self.session.config.provider, &signature));
        match sealed {
            Ok(message) => self.session.done(HttpResponse::ok(transport::PKI_MESSAGE, message)),
            Err(error) => self.session.unavailable(error),
        }
    }
}
