//! What all questions about a certificate to be issued have in common: the transaction, and every way to end it.

use super::classify;
use super::exchange::{Exchange, Record};
use super::inquiry::Submitted;
use super::question::{Decide, Enrol, Refusal};
use super::renew::Renew;
use super::session::Session;
use super::transaction::{Kind, RequestedCertificate, State, Transaction, TransactionKey, Transition};
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{Error, InvalidMessage, PeerMisbehaved, Unavailable, Unsupported};
use crate::wire::certificate::Certificate;
use alloc::boxed::Box;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// A request that waits for a decision, new or held.
pub(super) struct Case {
    pub(super) session: Box<Session>,
    pub(super) key: TransactionKey,
    /// What the store holds now.
    from: Option<u64>,
    pub(super) open: Transaction,
    submitted: Option<Submitted>,
}

impl Case {
    pub(super) fn new(
        session: Box<Session>,
        key: TransactionKey,
        from: Option<u64>,
        open: Transaction,
        submitted: Option<Submitted>,
    ) -> Box<Self> {
        Box::new(Self { session, key, from, open, submitted })
    }

    /// Asks the owner what is to be asked about this kind of request.
    pub(super) fn ask(self: Box<Self>, rng: &mut Rng<'_>) -> Exchange {
        match self.open.kind() {
            Kind::Enrolment => Exchange::Decide(Decide::Enrol(Enrol(self))),
            Kind::Renewal { .. } => match self.check_renewal() {
                Ok((certificate, expires)) => {
                    Exchange::Decide(Decide::Renew(Renew::new(self, certificate, expires)))
                }
                // nothing is recorded: whoever holds a certificate that fits may ask again
                Err(error) => self.session.refuse_request(error, rng),
            },
        }
    }

    /// What is to be renewed, and when it ends. A held renewal is judged by who asks about it now: the certificate may
    /// have run out, and the same key may sign under another one.
    fn check_renewal(&self) -> Result<(CertificateDer<'static>, UnixTime), Error> {
        let session = &self.session;
        let config = &session.config;
        if !config.renewal {
            return Err(Unsupported::Operation.into());
        }
        let certificate = session.signer.as_ref().ok_or(InvalidMessage::Certificate)?;
        let signer = Certificate::parse(certificate)?;
        if !session.certified {
            classify::check_certified(config, &signer, session.now)?;
        }
        let requested = self.requested();
        let extensions = requested.extensions(&config.limits)?;
        let subject = requested.subject()?;
        if !classify::is_renewal_of(&signer, &subject, extensions.as_ref(), &config.limits) {
            return Err(PeerMisbehaved::NotRenewable.into());
        }
        Ok((certificate.clone(), signer.not_after()?))
    }

    pub(super) fn requested(&self) -> &RequestedCertificate {
        self.open.requested()
    }

    pub(super) fn is_held(&self) -> bool {
        self.from == Some(self.open.revision())
    }

    pub(super) fn challenge(&self) -> Option<&ChallengePassword> {
        self.submitted.as_ref()?.challenge.as_deref()
    }

    pub(super) fn csr(&self) -> Option<&[u8]> {
        self.submitted.as_ref().map(|submitted| submitted.csr.as_slice())
    }

    pub(super) fn hold(self: Box<Self>, rng: &mut Rng<'_>) -> Exchange {
        if self.is_held() {
            return self.session.hold(rng);
        }
        self.record_as(None, None)
    }

    pub(super) fn refuse(self: Box<Self>, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        if self.is_held() {
            return self.record_as(Some(State::Rejected), Some(refusal.into()));
        }
        self.session.refuse_request(refusal.into(), rng)
    }

    pub(super) fn refuse_because(mut self: Box<Self>, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.session.detail(text);
        self.refuse(Refusal::Policy, rng)
    }

    pub(super) fn unavailable(self: Box<Self>) -> Exchange {
        self.session.unavailable(Unavailable::Decision.into())
    }

    /// Records the transaction in `state`, or as it is when it is new and stays pending.
    pub(super) fn record_as(self: Box<Self>, state: Option<State>, cause: Option<Error>) -> Exchange {
        let held = self.is_held();
        let Self { session, key, from, open, .. } = *self;
        let to = match state {
            Some(state) if held => open.advanced(state, session.now, session.config.finished_retention),
            Some(state) => open.starting_as(state, session.now, session.config.finished_retention),
            None => open,
        };
        Exchange::Record(Record::new(session, Transition { key, from, to }, cause))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.key, self.requested())
    }
}
