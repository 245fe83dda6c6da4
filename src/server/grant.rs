//! Authorisation as a value: the only way to an issued certificate leads through it.

use super::case::Case;
use super::exchange::Exchange;
use super::question::Refusal;
use super::transaction::{RequestedCertificate, State, TransactionKey, check_chain_length};
use crate::crypto::Rng;
use crate::error::{ApiMisuse, Error};
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// Why a request is authorised. Only an answer to its own question gives one: see [`Authorized`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Its challenge password was redeemed: [`SharedSecret::redeem`](super::SharedSecret::redeem).
    Challenge,
    /// The owner's own validator accepted it: [`Enrol::validated`](super::Enrol::validated).
    Validator,
    /// A person, or a system that stands for one, approved it: [`Enrol::approve`](super::Enrol::approve).
    Operator,
    /// It is signed under the certificate that it renews, which is not revoked:
    /// [`Renew::approve_unrevoked`](super::Renew::approve_unrevoked).
    Certificate,
}

/// An authorised request. It holds the question that it answers, so it serves for no other, and can be granted once.
#[must_use]
#[derive(Debug)]
pub struct Authorized {
    case: Box<Case>,
    evidence: Evidence,
}

impl Authorized {
    pub(super) fn new(case: Box<Case>, evidence: Evidence) -> Self {
        Self { case, evidence }
    }

    /// What may be issued: a certificate for this key.
    pub fn requested(&self) -> &RequestedCertificate {
        self.case.requested()
    }

    /// The transaction.
    pub fn transaction(&self) -> &TransactionKey {
        &self.case.key
    }

    /// The encryption certificate of the identity that the message was for. While a CA's key changes it tells which
    /// one is to issue (RFC 8894 section 5.1, figure 9).
    pub fn recipient(&self) -> &CertificateDer<'static> {
        self.case.session.recipient()
    }

    /// Why.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Not yet, although the challenge was right: PENDING, as [`Enrol::hold`](super::Enrol::hold) does.
    pub fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.case.hold(rng)
    }

    /// The issuer refuses after all.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse(refusal, rng)
    }

    /// The issuer refuses after all, and tells the client why: the text goes out as failInfoText, at most 255
    /// characters of it. Only whoever was authorised gets so far, so the text may speak plainly.
    pub fn refuse_because(self, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse_because(text, rng)
    }

    /// The issuer cannot be reached: 503, and nothing changes.
    pub fn unavailable(self) -> Exchange {
        self.case.unavailable()
    }
}

/// A certificate that fits what was authorised.
#[must_use]
#[derive(Debug)]
pub struct IssuedChain {
    case: Box<Case>,
    chain: Vec<CertificateDer<'static>>,
}

/// A certificate that does not fit; the authorisation comes back.
#[derive(Debug)]
pub struct Mismatch {
    /// What is wrong with the certificate.
    pub error: Error,
    /// To try again with, or to refuse.
    pub authorized: Authorized,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Mismatch {}

impl IssuedChain {
    /// Checks `leaf` against what was authorised: it must be a certificate for the requested key and no CA
    /// certificate, else [`ApiMisuse::Chain`]. `rest` goes out behind it, in this order; some clients want the CA
    /// certificate there, others none.
    pub fn new(
        leaf: CertificateDer<'static>,
        rest: Vec<CertificateDer<'static>>,
        authorized: Authorized,
    ) -> Result<Self, Box<Mismatch>> {
        match check(&leaf, &rest, authorized.requested()) {
            Ok(()) => {
                let chain = core::iter::once(leaf).chain(rest).collect();
                Ok(Self { case: authorized.case, chain })
            }
            Err(error) => Err(Box::new(Mismatch { error, authorized })),
        }
    }

    /// Grants the request: records the outcome, then sends it.
    pub fn grant(self) -> Exchange {
        self.case.record_as(Some(State::Issued(self.chain)), None)
    }
}

fn check(
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    requested: &RequestedCertificate,
) -> Result<(), Error> {
    check_chain_length(rest.len().saturating_add(1))?;
    let certificate = Certificate::parse(leaf).map_err(|_| ApiMisuse::Chain)?;
    let wanted = SubjectPublicKeyInfo::parse(requested.public_key())?;
    let fits = certificate.public_key().same_key(&wanted) && !certificate.is_ca();
    if fits { Ok(()) } else { Err(ApiMisuse::Chain.into()) }
}
