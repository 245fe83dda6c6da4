//! Exchanges with keys that cannot decrypt: which challenge password protects them (RFC 8894 section 3.1).

use super::exchange::Exchange;
use super::question::Decide;
use super::request;
use super::session::Session;
use super::transaction::TransactionKey;
use crate::crypto::{ChallengePassword, Rng};
use crate::error::{PeerMisbehaved, Unavailable};
use crate::message::{PasswordEnvelope, Verified};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// Which challenge password does this sender have? It opens a request that came under it, or protects a certificate
/// for a key that cannot decrypt.
///
/// Nothing is known of the sender but that the key of [`Self::transaction`] signed. Answer by what was given out for this
/// transactionID, or stored with this transaction: a password that was redeemed is needed once more for each time that
/// its certificate is delivered, also after a restart (RFC 8894 section 3.1 leaves the way open).
#[must_use]
pub struct FindChallenge {
    session: Box<Session>,
    key: TransactionKey,
    purpose: Purpose,
}

enum Purpose {
    /// To open a request.
    Open(Box<(Verified, PasswordEnvelope)>),
    /// To deliver these certificates.
    Deliver(Vec<CertificateDer<'static>>),
}

impl FindChallenge {
    pub(super) fn to_open(session: Session, verified: Verified, envelope: PasswordEnvelope) -> Exchange {
        Self::ask(session, Purpose::Open(Box::new((verified, envelope))))
    }

    pub(super) fn to_deliver(session: Session, chain: &[CertificateDer<'static>]) -> Exchange {
        Self::ask(session, Purpose::Deliver(chain.to_vec()))
    }

    fn ask(session: Session, purpose: Purpose) -> Exchange {
        match session.transaction_key() {
            Ok(key) => {
                let session = Box::new(session);
                Exchange::Decide(Decide::Challenge(Self { session, key, purpose }))
            }
            Err(error) => session.unavailable(error),
        }
    }

    /// The transaction. Where a request is to be opened, it need not exist.
    pub fn transaction(&self) -> &TransactionKey {
        &self.key
    }

    /// Whether a request is to be opened; else a certificate is to be delivered that was issued before.
    pub fn is_request(&self) -> bool {
        matches!(self.purpose, Purpose::Open(_))
    }

    /// This one. One that does not open the request gets the refusal that every damaged request gets; one that is too
    /// [weak](ChallengePassword::is_strong) protects no reply, and counts as unknown.
    pub fn answer(self, challenge: ChallengePassword, rng: &mut Rng<'_>) -> Exchange {
        let Self { mut session, purpose, .. } = self;
        match purpose {
            Purpose::Open(sealed) => {
                let (verified, envelope) = *sealed;
                request::open_by_password(*session, &verified, envelope, Some(challenge), rng)
            }
            Purpose::Deliver(_) if !challenge.is_strong() => {
                session.unavailable(PeerMisbehaved::Challenge.into())
            }
            Purpose::Deliver(chain) => {
                session.password = Some(Arc::new(challenge));
                session.deliver(&chain, rng)
            }
        }
    }

    /// None is known: a request is answered with FAILURE badRequest, after as much work as with a password, so that the
    /// time does not tell who has one. A certificate that was issued stays recorded, and the answer is 503: the device
    /// may ask again.
    pub fn unknown(self, rng: &mut Rng<'_>) -> Exchange {
        let Self { session, purpose, .. } = self;
        match purpose {
            Purpose::Open(sealed) => {
                let (verified, envelope) = *sealed;
                request::open_by_password(*session, &verified, envelope, None, rng)
            }
            // what was issued must not be lost to the device, and a FAILURE would end the transaction
            Purpose::Deliver(_) => session.unavailable(PeerMisbehaved::Challenge.into()),
        }
    }

    /// Nobody can tell now: 503, and nothing changes.
    pub fn unavailable(self) -> Exchange {
        self.session.unavailable(Unavailable::Decision.into())
    }
}

impl fmt::Debug for FindChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindChallenge({:?})", self.key)
    }
}
