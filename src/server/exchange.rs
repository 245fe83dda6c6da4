//! The steps between a request and its reply.

use super::case::Case;
use super::grant::{Authorized, Evidence};
use super::inquiry::{Inquiry, Submitted};
use super::outcome::{Event, Outcome, Status, Summary};
use super::question::Decide;
use super::request;
use super::session::Session;
use super::transaction::{self, Asked, Ruling, State, Transaction, TransactionKey, Transition};
use crate::crypto::{DecryptJob, Rng, SignJob, Signature, Unwrapped};
use crate::error::{Error, KeyError, PeerMisbehaved, Unavailable};
use crate::message::{Draft, Envelope, Verified};
use crate::transport::{self, HttpResponse};
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

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

/// A content key is to be unwrapped. It is reached only by a message whose signature verified and that passed every
/// check that needs no key.
#[must_use]
#[derive(Debug)]
pub struct Decrypt(Box<(Session, Verified, Envelope)>);

impl Decrypt {
    pub(super) fn new(session: Session, verified: Verified, envelope: Envelope) -> Self {
        Self(Box::new((session, verified, envelope)))
    }

    /// What the private key has to do, and which one.
    pub fn job(&self) -> &DecryptJob {
        self.0.2.job()
    }

    /// Goes on with what the key's owner answered. An error answers 503; a rejection goes on like any key.
    pub fn complete(self, unwrapped: Result<Unwrapped, KeyError>, rng: &mut Rng<'_>) -> Exchange {
        let (session, verified, envelope) = *self.0;
        request::open(session, &verified, envelope, unwrapped, rng)
    }
}

/// A transaction is to be looked up.
#[must_use]
pub struct Lookup {
    session: Box<Session>,
    key: TransactionKey,
    inquiry: Inquiry,
}

impl Lookup {
    pub(super) fn new(session: Session, key: TransactionKey, inquiry: Inquiry) -> Self {
        Self { session: Box::new(session), key, inquiry }
    }

    /// Under what to look.
    pub fn key(&self) -> &TransactionKey {
        &self.key
    }

    /// Goes on with what the store holds, `None` when it holds nothing.
    pub fn complete(self, stored: Option<Transaction>, rng: &mut Rng<'_>) -> Exchange {
        let Self { mut session, key, inquiry } = self;
        if stored.as_ref().is_some_and(|stored| !stored.belongs_to(&key)) {
            return session.unavailable(Unavailable::Store.into());
        }
        let asked = inquiry.asked();
        match (transaction::rule(stored.as_ref(), asked, session.now), stored, inquiry) {
            (Ruling::Decide, stored, Inquiry::Certificate { kind, hash, requested, submitted }) => {
                let retention = session.config.pending_retention;
                let open = Transaction::new(&key, kind, hash, requested, session.now, retention)
                    .replacing(stored.as_ref());
                let from = stored.as_ref().map(Transaction::revision);
                Case::new(session, key, from, open, Some(submitted), stored.map(Box::new)).ask(rng)
            }
            (Ruling::DecideHeld, Some(open), inquiry) => {
                let from = Some(open.revision());
                let submitted = match inquiry {
                    Inquiry::Certificate { submitted, .. } => Some(submitted),
                    Inquiry::Outcome => None,
                };
                session.summary.subject = open.requested().subject().ok().map(|subject| subject.to_string());
                Case::new(session, key, from, open, submitted, None).ask(rng)
            }
            (_, stored, _) => settle(*session, stored.as_ref(), asked, rng),
        }
    }

    /// The store cannot be reached: 503.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(Unavailable::Store.into())
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
        (Ruling::DecideHeld | Ruling::Hold, _) => session.hold(rng),
        (Ruling::Refuse(reason), _) => session.refuse(reason.into(), rng),
        _ => session.refuse(PeerMisbehaved::UnknownTransaction.into(), rng),
    }
}

/// A transition is to be recorded before its result is sent.
#[must_use]
pub struct Record {
    session: Box<Session>,
    transition: Box<Transition>,
    next: Next,
}

/// What comes after a record.
pub(super) enum Next {
    /// The answer that the new state says.
    Answer,
    /// A refusal, for this reason.
    Refuse(Error),
    /// The question for the certificate.
    Issue(Option<Submitted>, Option<Box<Transaction>>),
    /// 503: what was reserved is free again.
    Unavailable,
}

impl Record {
    pub(super) fn new(session: Box<Session>, transition: Transition, next: Next) -> Self {
        Self { session, transition: Box::new(transition), next }
    }

    /// What to record, if the store still holds [`Transition::from`].
    pub fn transition(&self) -> &Transition {
        &self.transition
    }

    /// It is recorded, durably: go on with the result.
    pub fn stored(self, rng: &mut Rng<'_>) -> Exchange {
        let Self { session, transition, next } = self;
        match (next, transition.to.state()) {
            (Next::Unavailable, _) => session.unavailable(Unavailable::Decision.into()),
            (Next::Issue(submitted, previous), _) => {
                let case = Case::issuing(session, *transition, submitted, previous);
                Exchange::Decide(Decide::Issue(Authorized::new(case, Evidence::OneTimeChallenge)))
            }
            (Next::Refuse(cause), _) => session.refuse_request(cause, rng),
            (Next::Answer, State::Issued(chain)) => session.deliver(chain, rng),
            (Next::Answer, State::Rejected) => session.refuse_request(PeerMisbehaved::Policy.into(), rng),
            (Next::Answer, State::Pending | State::Issuing { .. }) => session.hold(rng),
        }
    }

    /// The store held something else: answer by that. What this exchange would have recorded is dropped, so a
    /// certificate just issued must not be used.
    pub fn conflict(self, stored: Option<Transaction>, rng: &mut Rng<'_>) -> Exchange {
        let Self { mut session, transition, next } = self;
        let asked = transition.to.asked();
        if stored.as_ref().is_some_and(|stored| !stored.belongs_to(&transition.key)) {
            return session.unavailable(Unavailable::Store.into());
        }
        if matches!(next, Next::Unavailable) {
            return session.unavailable(Unavailable::Decision.into());
        }
        // the transaction is as it was, so it is the challenge that somebody else has taken
        if transition.challenge.is_some() && stored.as_ref().map(Transaction::revision) == transition.from {
            session.events.push(Event::ChallengeReuse);
            return session.refuse_request(PeerMisbehaved::Challenge.into(), rng);
        }
        match transaction::rule(stored.as_ref(), asked, session.now) {
            // forgotten or finished meanwhile: let the client ask again
            Ruling::Decide => session.unavailable(Unavailable::Changed.into()),
            _ => settle(*session, stored.as_ref(), asked, rng),
        }
    }

    /// The store cannot be reached, or is full: 503. The transaction stays as it was.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(Unavailable::Store.into())
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
    pub(super) session: Box<Session>,
    pub(super) draft: Draft,
}

impl Sign {
    /// What the private key has to do.
    pub fn job(&self) -> &SignJob {
        self.draft.job()
    }

    /// Goes on with the signature, which is verified first. Without a good one the answer is 503.
    pub fn complete(mut self, signature: Result<Signature, KeyError>) -> Exchange {
        let sealed = signature
            .map_err(Error::from)
            .and_then(|signature| self.draft.seal(self.session.config.provider, &signature));
        match sealed {
            Ok(message) => self.session.done(HttpResponse::ok(transport::PKI_MESSAGE, message)),
            Err(error) => {
                self.session.events.push(Event::SigningKeyFailed);
                self.session.unavailable(error)
            }
        }
    }
}
