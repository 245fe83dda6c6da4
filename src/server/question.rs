//! What the server asks its owner. Each question has its own answers, and no others.

use super::case::Case;
use super::exchange::Exchange;
use super::find::{FindCertificate, FindCrl};
use super::grant::{Authorized, Evidence};
use super::one_time::ChallengeId;
use super::outcome::Event;
use super::password::FindChallenge;
use super::renew::Renew;
use super::transaction::{RequestedCertificate, State, Transaction, TransactionKey};
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{Error, PeerMisbehaved};
use alloc::boxed::Box;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// A question to the server's owner.
#[must_use]
#[derive(Debug)]
pub enum Decide {
    /// May this certificate be issued?
    Enrol(Enrol),
    /// Which certificate? The request is authorised by a one-time challenge, which is reserved for it now. Asked only
    /// after [`OneTimeChallenges::redeem`](super::OneTimeChallenges::redeem).
    Issue(Authorized),
    /// May this certificate be renewed? Asked only with [`ServerConfig::renewal`](super::ServerConfig::renewal).
    Renew(Renew),
    /// Where is this certificate? Asked only with [`ServerConfig::get_cert`](super::ServerConfig::get_cert).
    Certificate(FindCertificate),
    /// Where is this CRL? Asked only with [`ServerConfig::get_crl`](super::ServerConfig::get_crl).
    Crl(FindCrl),
    /// Which challenge password does this sender have? Asked only with
    /// [`ServerConfig::password_recipients`](super::ServerConfig::password_recipients).
    Challenge(FindChallenge),
}

/// May this certificate be issued? Possession of its key was shown; nothing else about the sender is known.
#[must_use]
pub struct Enrol(pub(super) Box<Case>);

/// Why an owner refuses. The peer is told `badRequest` either way.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The challenge password is missing, wrong, expired or used.
    Challenge,
    /// The certificate to be renewed was revoked.
    Revoked,
    /// Anything else.
    Policy,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Challenge => PeerMisbehaved::Challenge.into(),
            Refusal::Revoked => PeerMisbehaved::NotRenewable.into(),
            Refusal::Policy => PeerMisbehaved::Policy.into(),
        }
    }
}

impl Enrol {
    /// What is asked for.
    pub fn requested(&self) -> &RequestedCertificate {
        self.0.requested()
    }

    /// The transaction.
    pub fn transaction(&self) -> &TransactionKey {
        &self.0.key
    }

    /// The transaction's row, as it is or would be recorded.
    pub fn record(&self) -> &Transaction {
        &self.0.open
    }

    /// The encryption certificate of the identity that this very message was for. While a CA's key changes it tells
    /// which one is to issue (RFC 8894 section 5.1, figure 9).
    pub fn recipient(&self) -> &CertificateDer<'static> {
        self.0.session.recipient()
    }

    /// Whether the request was held before, by [`Enrol::hold`], and this message asks how it stands.
    pub fn is_held(&self) -> bool {
        self.0.is_held()
    }

    /// The challenge password that came with this very message. A poll has none, and neither has a request without
    /// one or with an empty one.
    pub fn challenge(&self) -> Option<&ChallengePassword> {
        self.0.challenge()
    }

    /// Whether the challenge password can be read on the way, because it stands in the signer's certificate too: an
    /// [`Event::ChallengeExposed`](super::Event::ChallengeExposed). One that is spent by this request is of no more use to
    /// anybody; one that stays good should be refused.
    pub fn is_challenge_exposed(&self) -> bool {
        self.0.session.events.contains(&Event::ChallengeExposed)
    }

    /// The one-time challenge of a request whose certificate was not issued in time, when this message asks how it
    /// stands.
    pub(super) fn reserved_challenge(&self) -> Option<ChallengeId> {
        match self.0.open.state() {
            State::Issuing { challenge, .. } => Some(*challenge),
            _ => None,
        }
    }

    /// The certification request that came with this very message, DER (RFC 2986), for validators that want all of
    /// it. It holds the challenge password: do not store it. A poll has none.
    pub fn csr(&self) -> Option<&[u8]> {
        self.0.csr()
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
        Authorized::new(self.0, evidence)
    }

    /// Not yet: PENDING, and the request is recorded if it is new. A held request carries no proof that a challenge
    /// was right, so hold only what was authenticated, or what a person will look at.
    pub fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.0.hold(rng)
    }

    /// No: FAILURE badRequest. A request that was held is recorded as rejected; a new one leaves no trace, so that
    /// nobody can fill the store without authorisation.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        self.0.refuse(refusal, rng)
    }

    /// Nobody can tell now: 503, and nothing changes.
    pub fn unavailable(self) -> Exchange {
        self.0.unavailable()
    }
}

impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrol({:?})", self.0)
    }
}
