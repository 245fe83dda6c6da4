//! What a message asks for, read from what was decrypted: the checks of a certification request.

use super::classify;
use super::session::Session;
use super::transaction::{Asked, Kind, RequestedCertificate};
use crate::crypto::ChallengePassword;
use crate::error::{BadSignature, Error, InvalidMessage, PeerMisbehaved};
use crate::message::{Proof, Verified};
use crate::wire::algorithm::{Digest, SignatureScheme};
use crate::wire::attributes::MessageType;
use crate::wire::certificate::{Certificate, assemble};
use crate::wire::extension::subject_alt_names;
use crate::wire::oid::Oid;
use crate::wire::pkcs10::{CertificationRequest, CertificationRequestInfoDraft, Outline};
use alloc::sync::Arc;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// What passed every check of the protocol.
pub(super) enum Inquiry {
    /// For a certificate, by a certification request (and, when it is a renewal, a certificate to be renewed) with this
    /// SHA-256 hash.
    Certificate { kind: Kind, hash: [u8; 32], requested: RequestedCertificate, submitted: Submitted },
    /// For an outcome.
    Outcome,
}

impl Inquiry {
    pub(super) fn asked(&self) -> Asked {
        match self {
            Self::Certificate { hash, .. } => Asked::Certificate(*hash),
            Self::Outcome => Asked::Outcome,
        }
    }
}

/// What came with a certification request and is not kept.
pub(super) struct Submitted {
    pub(super) challenge: Option<Arc<ChallengePassword>>,
    pub(super) csr: Zeroizing<Vec<u8>>,
    /// Whether the request is for another key than the signer's.
    pub(super) other_key: bool,
}

/// The certification request: proof of possession, form, the signer's key, the challenge's form.
///
/// `candidate` is a piece of what was `decrypted`, and may be garbage, or somebody else's request with changes. Until a
/// signature on it has been verified, the work is the same whatever it is; what depends on it comes after that (T2).
pub(super) fn check_request(
    session: &Session,
    verified: &Verified,
    candidate: &[u8],
    decrypted: &[u8],
) -> Result<Inquiry, Error> {
    let limits = &session.config.limits;
    let provider = session.config.provider;
    let signer = Certificate::parse(verified.signer())?;
    let own = CertificationRequestInfoDraft {
        subject: signer.subject(),
        public_key: signer.public_key(),
        challenge: None,
        extensions: None,
    };
    let own = assemble(&own.encode(), verified.scheme(), &[]);
    let (outline, form) = Outline::read(candidate, &own);
    let proof = form.and(proof_of(session, &signer, &outline));
    let holds = verified.check_proof(provider, decrypted, proof.as_ref().ok());
    let proof = proof?;
    holds.map_err(|error| match error {
        Error::BadSignature(_) => BadSignature::CertificationRequest.into(),
        other => other,
    })?;

    let csr = outline.check(limits)?;
    if !csr.public_key().has_usual_parameters() {
        return Err(InvalidMessage::CertificationRequest.into());
    }
    let other_key = !signer.public_key().same_key(&proof.public_key);
    let kind = kind(session, &signer, &csr, other_key)?;
    let challenge = csr.challenge_password()?;
    let challenge = challenge.map(|text| ChallengePassword::new(text.as_str())).transpose();
    let challenge = challenge.map_err(|_| InvalidMessage::ChallengePassword)?.map(Arc::new);
    check_password(session, challenge.as_deref())?;
    let extensions = csr.extension_request(limits)?;
    // so that no owner has to read more names than these (T39)
    if let Some(names) = extensions.as_ref().and_then(|list| list.get(Oid::SUBJECT_ALT_NAME)) {
        subject_alt_names(names.value, limits)?;
    }
    let requested = RequestedCertificate::new(
        &csr.subject(),
        &csr.public_key(),
        extensions.as_ref(),
        csr.requested_validity(),
    );
    // Some clients renew under the same key, transactionID and request as at first: only what they sign under is new.
    let renewed: &[u8] = match kind {
        Kind::Renewal { .. } => verified.signer(),
        Kind::Enrolment => &[],
    };
    let hash = provider.sha256(&[candidate, renewed])?;
    let submitted = Submitted { challenge, csr: Zeroizing::new(candidate.to_vec()), other_key };
    Ok(Inquiry::Certificate { kind, hash, requested, submitted })
}

/// What there is to be verified, if the key is one that may be in a request of this signer.
fn proof_of<'a>(
    session: &Session,
    signer: &Certificate<'_>,
    outline: &Outline<'a>,
) -> Result<Proof<'a>, Error> {
    let (own, public_key) = (signer.public_key(), outline.public_key());
    let may_differ = if session.certified {
        // A key that costs more or less than the signer's shows in the time that there is a request. So it is looked at
        // only where the subject is his own, which no alteration of somebody else's request can bring about.
        own.costs_as_much_as(&public_key) || signer.subject().as_der() == outline.raw_subject()
    } else {
        session.config.other_signer
    };
    let is_allowed = own.same_key(&public_key) || may_differ;
    // one key is looked at in any case: the signer's for another (T2); his was checked before, this one was not (T41)
    let bounds = if is_allowed { &public_key } else { &own }.check(&session.config.limits);
    let scheme = SignatureScheme::from_identifier(&outline.signature_algorithm());
    if !is_allowed {
        return Err(other_key(session));
    }
    bounds?;
    Ok(Proof { scheme: scheme?, public_key, message: outline.info(), signature: outline.signature() })
}

/// Why a request may not be for this key.
fn other_key(session: &Session) -> Error {
    match session.summary.message_type {
        Some(MessageType::RenewalReq) => PeerMisbehaved::NotRenewable.into(),
        _ => BadSignature::KeyMismatch.into(),
    }
}

/// The password that opened a request has to be the one in it; and one that is to protect the reply must be there, and
/// must not be plainly too weak for that (RFC 8894 sections 3.1 and 7.3).
fn check_password(session: &Session, challenge: Option<&ChallengePassword>) -> Result<(), Error> {
    let opened_by = session.password.as_deref();
    if let (Some(challenge), Some(password)) = (challenge, opened_by)
        && !challenge.matches(password)
    {
        return Err(PeerMisbehaved::Challenge.into());
    }
    let strong = || opened_by.or(challenge).is_some_and(ChallengePassword::is_strong);
    if session.is_password_recipient() && !strong() {
        return Err(PeerMisbehaved::Challenge.into());
    }
    Ok(())
}

/// Whether the request is a renewal of the signer's certificate or a first one, and whether it may be either.
fn kind(
    session: &Session,
    signer: &Certificate<'_>,
    csr: &CertificationRequest<'_>,
    other_key: bool,
) -> Result<Kind, Error> {
    let limits = &session.config.limits;
    if session.certified {
        let extensions = csr.extension_request(limits);
        let fits = extensions.is_ok_and(|extensions| {
            classify::is_renewal_of(signer, &csr.subject(), extensions.as_ref(), limits)
        });
        if fits {
            let inner = SignatureScheme::from_identifier(&csr.signature_algorithm());
            let weak = inner.is_ok_and(|scheme| scheme.digest() == Digest::Sha1);
            return Ok(Kind::Renewal { sha1: weak || session.digest == Digest::Sha1 });
        }
        if session.summary.message_type == Some(MessageType::RenewalReq) {
            return Err(PeerMisbehaved::NotRenewable.into());
        }
    }
    // R-2.3-11: else a stranger could sign a captured envelope and use its challenge
    let may_differ = session.config.other_signer && !session.certified;
    if other_key && !may_differ { Err(BadSignature::KeyMismatch.into()) } else { Ok(Kind::Enrolment) }
}
