//! Authorisation as a value: the only way to an issued certificate leads through it.

use super::case::Case;
use super::exchange::Exchange;
use super::question::Refusal;
use super::transaction::{RequestedCertificate, State, TransactionKey, check_chain_length};
use super::validity::{NoValidity, Validity, ValidityPolicy};
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
    /// Its challenge password is the secret of a lab: [`SharedSecret::redeem`](super::SharedSecret::redeem).
    SharedSecret,
    /// Its one-time challenge was redeemed: [`OneTimeChallenges::redeem`](super::OneTimeChallenges::redeem).
    OneTimeChallenge,
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

    /// The extensions that were asked for and may be issued, DER `Extensions` (RFC 5280 section 4.1): what passes the
    /// [`IssuancePolicy`](super::IssuancePolicy). Empty when none does. [`PeerMisbehaved::Policy`] when an alternative
    /// name is of a kind that does not pass: a certificate without it would not be what was asked for.
    ///
    /// [`PeerMisbehaved::Policy`]: crate::error::PeerMisbehaved::Policy
    pub fn wishes(&self) -> Result<Vec<u8>, Error> {
        let config = &self.case.session.config;
        let renewed = self.case.renewed().filter(|_| self.evidence == Evidence::Certificate);
        let renewed = renewed.map(|renewed| Certificate::parse(renewed)).transpose()?;
        config.issuance.wishes(self.requested(), renewed.as_ref(), &config.limits)
    }

    /// When a certificate that `issuer` issues now begins and ends, by the
    /// [`ValidityPolicy`](super::IssuancePolicy::validity) and what the request asks for; `None` without a policy.
    pub fn validity(&self, issuer: &Certificate<'_>) -> Result<Option<Validity>, NoValidity> {
        let session = &self.case.session;
        let policy = session.config.issuance.validity_policy();
        let decide =
            |policy: &ValidityPolicy| policy.decide(self.requested().validity(), issuer, session.now);
        policy.map(decide).transpose()
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

    /// Not yet, although the challenge was right, and is spent now: PENDING, as [`Enrol::hold`](super::Enrol::hold) does.
    pub fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.case.hold(rng)
    }

    /// The issuer refuses after all. A one-time challenge is free again.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse(refusal, rng)
    }

    /// The issuer refuses after all, and tells the client why: the text goes out as failInfoText, at most 255
    /// characters of it. Only whoever was authorised gets so far, so the text may speak plainly.
    pub fn refuse_because(self, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse_because(text, rng)
    }

    /// The issuer cannot be reached: 503. Nothing changes, but that a one-time challenge is free again.
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
    /// Checks `leaf` against what was authorised: it must be a certificate for the requested key and no CA certificate,
    /// keep to the [`IssuancePolicy`](super::IssuancePolicy) and to the [terms](super::ChallengeTerms) of the challenge,
    /// else [`ApiMisuse::Chain`]. `rest` goes out behind it, in this order; some clients want the CA certificate there,
    /// others none.
    pub fn new(
        leaf: CertificateDer<'static>,
        rest: Vec<CertificateDer<'static>>,
        authorized: Authorized,
    ) -> Result<Self, Box<Mismatch>> {
        match check(&leaf, &rest, &authorized) {
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

    /// It is not to go out after all, and neither is another one: see [`Authorized::refuse`]. Revoke it.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse(refusal, rng)
    }

    /// It cannot go out now, because somebody who has to know of it could not be told: see [`Authorized::unavailable`].
    /// Revoke it; when the device asks again it gets another one.
    pub fn unavailable(self) -> Exchange {
        self.case.unavailable()
    }
}

fn check(
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    Authorized { case, evidence }: &Authorized,
) -> Result<(), Error> {
    check_chain_length(rest.len().saturating_add(1))?;
    let misuse = |_| Error::from(ApiMisuse::Chain);
    let certificate = Certificate::parse(leaf).map_err(misuse)?;
    let (requested, config) = (case.requested(), &case.session.config);
    let wanted = SubjectPublicKeyInfo::parse(requested.public_key())?;
    let limits = &config.limits;
    let terms =
        case.terms().map_or(Ok(true), |terms| terms.fit_certificate(&certificate, limits)).map_err(misuse)?;
    if !terms || !certificate.public_key().same_key(&wanted) {
        return Err(ApiMisuse::Chain.into());
    }
    let renewed = case.renewed().map(|renewed| Certificate::parse(renewed)).transpose()?;
    let renewed = renewed.as_ref().map(|renewed| (renewed, *evidence == Evidence::Certificate));
    config.issuance.check(&certificate, requested, renewed, limits).map_err(misuse)
}
