//! What all questions about a certificate to be issued have in common: the transaction, and every way to end it.

use super::classify;
use super::exchange::{Exchange, Lookup, Next, Record};
use super::inquiry::{Inquiry, Submitted};
use super::one_time::{ChallengeChange, OneTimeChallenge};
use super::question::{Decide, Enrol, Refusal};
use super::renew::Renew;
use super::session::Session;
use super::terms::ChallengeTerms;
use super::transaction::{Kind, RequestedCertificate, State, Transaction, TransactionKey, Transition};
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{Error, InvalidMessage, PeerMisbehaved, Unavailable, Unsupported};
use crate::wire::certificate::Certificate;
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};

/// The revision of a challenge after that: it is 1 at first, and is reserved in between.
const RELEASED_FOUR_TIMES: u64 = 9;

/// A request that waits for a decision, new or held.
pub(super) struct Case {
    pub(super) session: Box<Session>,
    pub(super) key: TransactionKey,
    /// What the store holds now.
    from: Option<u64>,
    pub(super) open: Transaction,
    submitted: Option<Submitted>,
    /// The one-time challenge that this transaction has reserved.
    reserved: Option<OneTimeChallenge>,
    /// What came to its end before under the same transactionID, and is still kept.
    previous: Option<Box<Transaction>>,
}

impl Case {
    pub(super) fn new(
        session: Box<Session>,
        key: TransactionKey,
        from: Option<u64>,
        open: Transaction,
        submitted: Option<Submitted>,
        previous: Option<Box<Transaction>>,
    ) -> Box<Self> {
        let now = session.now;
        let previous = previous.filter(|previous| {
            now < previous.expires() && matches!(previous.state(), State::Issued(_) | State::Rejected)
        });
        Box::new(Self { session, key, from, open, submitted, reserved: None, previous })
    }

    /// Asks the owner what is to be asked about this kind of request.
    pub(super) fn ask(mut self: Box<Self>, rng: &mut Rng<'_>) -> Exchange {
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
    fn check_renewal(&mut self) -> Result<(CertificateDer<'static>, UnixTime), Error> {
        let session = &mut self.session;
        let config = &session.config;
        if !config.renewal {
            return Err(Unsupported::Operation.into());
        }
        let certificate = session.signer.as_ref().ok_or(InvalidMessage::Certificate)?;
        let signer = Certificate::parse(certificate)?;
        if !session.certified {
            classify::check_certified(config, &signer, session.now, &mut session.signatures)?;
        }
        let requested = self.open.requested();
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

    /// The certificate that is renewed, if that is what is asked for.
    pub(super) fn renewed(&self) -> Option<&CertificateDer<'static>> {
        self.session.signer.as_ref().filter(|_| self.open.is_renewal())
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_stored() && *self.open.state() == State::Pending
    }

    /// Whether the request that came with this message is for another key than the one that it is signed with.
    pub(super) fn is_for_other_key(&self) -> bool {
        self.submitted.as_ref().is_some_and(|submitted| submitted.other_key)
    }

    fn is_stored(&self) -> bool {
        self.from == Some(self.open.revision())
    }

    /// What the one-time challenge allows that authorised the request, now or before it was held.
    pub(super) fn terms(&self) -> Option<&ChallengeTerms> {
        self.reserved.as_ref().map(OneTimeChallenge::terms).or(self.open.terms())
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
        let cause = refusal.into();
        if self.reserved.is_some() {
            return self.release(Next::Refuse(cause));
        }
        if self.is_held() {
            return self.record_as(Some(State::Rejected), Some(cause));
        }
        self.session.refuse_request(cause, rng)
    }

    pub(super) fn refuse_because(mut self: Box<Self>, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.session.detail(text);
        self.refuse(Refusal::Policy, rng)
    }

    pub(super) fn unavailable(self: Box<Self>) -> Exchange {
        match &self.reserved {
            Some(_) => self.release(Next::Unavailable),
            None => self.session.unavailable(Unavailable::Decision.into()),
        }
    }

    /// What a challenge names the transaction by.
    pub(super) fn owner(&self) -> Result<[u8; 32], Error> {
        self.session.config.provider.sha256(&[self.open.owner()])
    }

    /// The transaction has moved on since it was looked up.
    pub(super) fn look_again(self: Box<Self>) -> Exchange {
        let Self { mut session, key, open, submitted, .. } = *self;
        session.looked_again = true;
        let inquiry = match submitted {
            Some(submitted) => Inquiry::Certificate {
                kind: open.kind(),
                hash: *open.request_hash(),
                requested: open.requested().clone(),
                submitted,
            },
            None => Inquiry::Outcome,
        };
        Exchange::Lookup(Lookup::new(*session, key, inquiry))
    }

    /// Records that the transaction, which is new or was left behind, has the challenge until `lease` is over.
    pub(super) fn reserve(
        self: Box<Self>,
        from: Option<u64>,
        challenge: &OneTimeChallenge,
        lease: Duration,
    ) -> Exchange {
        let now = self.session.now;
        let until =
            UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs().saturating_add(lease.as_secs())));
        let owner = match self.owner() {
            Ok(owner) => owner,
            Err(error) => return self.session.unavailable(error),
        };
        let state = State::Issuing { challenge: *challenge.id(), until };
        let change = ChallengeChange { from, to: challenge.reserved(owner, until) };
        // with the challenge it ends too
        let retention = change.to.expires().as_secs().saturating_sub(now.as_secs());
        let retention = Duration::from_secs(retention);
        let stored = self.is_stored();
        let Self { session, key, from, open, submitted, previous, .. } = *self;
        let to = if stored {
            open.advanced(state, now, retention)
        } else {
            open.starting_as(state, now, retention)
        };
        let to = to.under(challenge.terms());
        let transition = Transition { key, from, to, challenge: Some(change), removes: false };
        Exchange::Record(Record::new(session, transition, Next::Issue(submitted, previous)))
    }

    /// After [`Self::reserve`] was recorded.
    pub(super) fn issuing(
        session: Box<Session>,
        recorded: Transition,
        submitted: Option<Submitted>,
        previous: Option<Box<Transaction>>,
    ) -> Box<Self> {
        let Transition { key, to: open, challenge, .. } = recorded;
        let reserved = challenge.map(|change| change.to);
        Box::new(Self { session, key, from: Some(open.revision()), open, submitted, reserved, previous })
    }

    /// Records the end of the reservation, with nothing issued. What was there before comes back. Where nothing was, the
    /// row goes, so that nobody fills the store with one challenge (T49); but while a certificate cannot be issued it
    /// stays, for a poll that finds nothing would end the transaction. Four rows may be left so by one challenge.
    fn release(self: Box<Self>, next: Next) -> Exchange {
        let Self { session, key, from, open, reserved, previous, .. } = *self;
        let challenge =
            reserved.map(|own| ChallengeChange { from: Some(own.revision()), to: own.released() });
        let is_new = open.revision() == 1;
        let (to, removes) = match (previous, &next, &challenge) {
            (Some(previous), ..) => (previous.restored(&open), false),
            (None, Next::Unavailable, Some(change))
                if !is_new || change.to.revision() <= RELEASED_FOUR_TIMES =>
            {
                let state = State::Issuing { challenge: *change.id(), until: session.now };
                let left = change.to.expires().as_secs().saturating_sub(session.now.as_secs());
                (open.advanced(state, session.now, Duration::from_secs(left)), false)
            }
            _ => (open.advanced(State::Rejected, session.now, Duration::ZERO), true),
        };
        Exchange::Record(Record::new(session, Transition { key, from, to, challenge, removes }, next))
    }

    /// Records the transaction in `state`, or as pending, and spends the challenge that it has reserved.
    pub(super) fn record_as(self: Box<Self>, state: Option<State>, cause: Option<Error>) -> Exchange {
        let stored = self.is_stored();
        let renewed_until = self.renewed().and_then(|der| Certificate::parse(der).ok()?.not_after().ok());
        let Self { session, key, from, open, reserved, .. } = *self;
        let config = &session.config;
        let mut retention =
            if state.is_some() { config.finished_retention } else { config.pending_retention };
        if let (Some(State::Issued(_)), Some(until)) = (&state, renewed_until) {
            // its signature is all that a renewal needs: forgotten, it would renew again (T25)
            let left = until.as_secs().saturating_sub(session.now.as_secs()).saturating_add(1);
            retention = retention.max(Duration::from_secs(left));
        }
        let state = state.unwrap_or(State::Pending);
        let to = if stored {
            open.advanced(state, session.now, retention)
        } else {
            open.starting_as(state, session.now, retention)
        };
        let challenge = reserved.map(|own| ChallengeChange { from: Some(own.revision()), to: own.spent() });
        let next = cause.map_or(Next::Answer, Next::Refuse);
        let transition = Transition { key, from, to, challenge, removes: false };
        Exchange::Record(Record::new(session, transition, next))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.key, self.requested())
    }
}
