//! What the server asks its owner. Each question has its own answers, and no others.

use super::exchange::{Exchange, Record};
use super::grant::{Authorized, Evidence};
use super::request::Submitted;
use super::session::Session;
use super::transaction::{RequestedCertificate, State, Transaction, TransactionKey, Transition};
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{Error, PeerMisbehaved, Unavailable};
use alloc::boxed::Box;
use core::fmt;

/// A question to the server's owner.
#[must_use]
#[derive(Debug)]
pub enum Decide {
    /// May this certificate be issued?
    Enrol(Enrol),
}

/// May this certificate be issued? The signer has shown possession of the key; nothing else about it is known.
#[must_use]
pub struct Enrol {
    session: Box<Session>,
    key: TransactionKey,
    from: Option<u64>,
    open: Transaction,
    submitted: Option<Submitted>,
}

/// Why an owner refuses. The peer is told `badRequest` either way.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The challenge password is missing, wrong, expired or used.
    Challenge,
    /// Anything else.
    Policy,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Challenge => PeerMisbehaved::Challenge.into(),
            Refusal::Policy => PeerMisbehaved::Policy.into(),
        }
    }
}

impl Enrol {
    pub(super) fn new(
        session: Box<Session>,
        key: TransactionKey,
        from: Option<u64>,
        open: Transaction,
        submitted: Option<Submitted>,
    ) -> Self {
        Self { session, key, from, open, submitted }
    }

    /// What is asked for.
    pub fn requested(&self) -> &RequestedCertificate {
        self.open.requested()
    }

    /// The transaction.
    pub fn transaction(&self) -> &TransactionKey {
        &self.key
    }

    /// The transaction's row, as it is or would be recorded.
    pub fn record(&self) -> &Transaction {
        &self.open
    }

    /// Whether the request was held before, by [`Enrol::hold`], and this message asks how it stands.
    pub fn is_held(&self) -> bool {
        self.from == Some(self.open.revision())
    }

    /// The challenge password that came with this very message. A poll has none, and neither has a request without
    /// one or with an empty one.
    pub fn challenge(&self) -> Option<&ChallengePassword> {
        self.submitted.as_ref()?.challenge.as_ref()
    }

    /// The certification request that came with this very message, DER (RFC 2986), for validators that want all of
    /// it. It holds the challenge password: do not store it. A poll has none.
    pub fn csr(&self) -> Option<&[u8]> {
        self.submitted.as_ref().map(|submitted| submitted.csr.as_slice())
    }

    /// Yes: a person, or a system that stands for one, approved this very request.
    pub fn approve(self) -> Authorized {
        self.authorize(Evidence::Operator)
    }

    /// Yes: a validator of the owner's accepted this very request and its challenge password.
    pub fn validated(self) -> Authorized {
        self.authorize(Evidence::Validator)
    }

    pub(super) fn authorize(self, evidence: Evidence) -> Authorized {
        Authorized::new(self, evidence)
    }

    /// Not yet: PENDING, and the request is recorded if it is new. A held request carries no proof that a challenge
    /// was right, so hold only what was authenticated, or what a person will look at.
    pub fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        if self.is_held() {
            return self.session.hold(rng);
        }
        self.record_as(None, None)
    }

    /// No: FAILURE badRequest. A request that was held is recorded as rejected; a new one leaves no trace, so that
    /// nobody can fill the store without authorisation.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        if self.is_held() {
            return self.record_as(Some(State::Rejected), Some(refusal.into()));
        }
        self.session.refuse_request(refusal.into(), rng)
    }

    pub(super) fn refuse_because(mut self, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.session.detail(text);
        self.refuse(Refusal::Policy, rng)
    }

    /// Nobody can tell now: 503, and nothing changes.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(Unavailable::Decision.into())
    }

    /// Records the transaction in `state`, or as it is when it is new and stays pending.
    pub(super) fn record_as(self, state: Option<State>, cause: Option<Error>) -> Exchange {
        let held = self.is_held();
        let Self { session, key, from, open, .. } = self;
        let to = match state {
            Some(state) if held => open.advanced(state, session.now, session.config.finished_retention),
            Some(state) => open.starting_as(state, session.now, session.config.finished_retention),
            None => open,
        };
        Exchange::Record(Record::new(session, Transition { key, from, to }, cause))
    }
}

impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrol({:?}, {:?})", self.key, self.requested())
    }
}
