//! From a pkiMessage to a checked request: everything before the store is asked.

use super::exchange::{Decrypt, Exchange, Lookup};
use super::outcome::Event;
use super::session::Session;
use super::transaction::{Asked, RequestedCertificate, TransactionKey};
use crate::crypto::{ChallengePassword, Rng, Unwrapped};
use crate::error::{BadEnvelope, BadSignature, Error, InvalidMessage, KeyError, Unsupported};
use crate::message::{Envelope, OpenPolicy, Unverified, Verified};
use crate::wire::algorithm::{ContentEncryption, SignatureScheme};
use crate::wire::attributes::MessageType;
use crate::wire::certificate::Certificate;
use crate::wire::pkcs10::CertificationRequest;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// What passed every check of the protocol.
pub(super) enum Inquiry {
    /// For a certificate, by a certification request with this SHA-256 hash.
    Certificate { hash: [u8; 32], requested: RequestedCertificate, submitted: Submitted },
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
    pub(super) challenge: Option<ChallengePassword>,
    pub(super) csr: Zeroizing<Vec<u8>>,
}

/// What passed every check that needs no key.
enum Prepared {
    /// A request, to be opened.
    Request(Envelope),
    /// A poll, which need not be.
    Poll,
}

/// Parses and verifies `message` and gets its envelope ready for the private key.
pub(super) fn accept(mut session: Session, message: Vec<u8>, rng: &mut Rng<'_>) -> Exchange {
    let limits = session.config.limits.clone();
    // E5: without transactionID and senderNonce no reply can be addressed
    let addressed = Unverified::parse(message, &limits).and_then(|message| {
        let id = message.transaction_id_hint()?.ok_or(InvalidMessage::MissingAttribute)?;
        let nonce = message.sender_nonce_hint()?.ok_or(InvalidMessage::MissingAttribute)?;
        Ok((message, id, nonce))
    });
    let message = match addressed {
        Ok((message, id, nonce)) => {
            session.address(id, nonce);
            message
        }
        Err(error) => return session.http_error(error),
    };
    let digest = message.scheme_hint().map(SignatureScheme::digest);
    if let Some(digest) = digest.ok().filter(|digest| session.config.provider.digest(*digest).is_ok()) {
        session.digest = digest;
    }
    let verified = match message.verify_as_sent(session.config.provider) {
        Ok(verified) => verified,
        Err(error) if session.config.bare_refusals => return session.http_error(error),
        Err(error) => return session.refuse(error, rng),
    };
    session.signed_by(verified.signer());
    match prepare(&mut session, &verified, rng) {
        Ok(Prepared::Request(envelope)) => Exchange::Decrypt(Decrypt::new(session, verified, envelope)),
        // The transaction is found by its ID and the signer's key, and what is in the envelope would change nothing
        // (RFC 8894 section 3.3.3). To open it all the same would tell strangers which of their alterations decrypt.
        Ok(Prepared::Poll) => look_up(session, &verified, Inquiry::Outcome),
        Err(Error::RandomFailed) => session.unavailable(Error::RandomFailed),
        Err(error) => session.refuse(error, rng),
    }
}

/// All that can be refused without the private key.
fn prepare(session: &mut Session, verified: &Verified, rng: &mut Rng<'_>) -> Result<Prepared, Error> {
    let message_type = verified.attributes()?.message_type()?;
    session.summary.message_type = Some(message_type);
    match message_type {
        MessageType::PkcsReq | MessageType::CertPoll => {}
        MessageType::CertRep => return Err(InvalidMessage::MessageType.into()),
        MessageType::RenewalReq | MessageType::GetCert | MessageType::GetCrl => {
            return Err(Unsupported::Operation.into());
        }
    }
    // the reply is encrypted for this key, so it has to be one that can be used
    let signer = Certificate::parse(verified.signer())?;
    signer.public_key().rsa()?.check(&session.config.limits).map_err(|_| Unsupported::PublicKey)?;

    let recipients: Vec<&CertificateDer<'static>> =
        session.config.identities.iter().map(|identity| &identity.encryption).collect();
    let policy = OpenPolicy {
        provider: session.config.provider,
        recipients: &recipients,
        single_des: session.config.single_des,
        any_key_identifier: false,
    };
    let envelope = verified.envelope(&policy, rng)?;
    let named = envelope.job().recipient().certificate();
    session.identity = recipients.iter().position(|recipient| *recipient == named).unwrap_or_default();
    let cipher = envelope.content_encryption();
    if session.config.provider.cipher(cipher).is_ok() {
        session.cipher = cipher;
    }
    if message_type == MessageType::CertPoll {
        return Ok(Prepared::Poll);
    }
    if cipher == ContentEncryption::DesCbc {
        session.events.push(Event::SingleDesRead);
    }
    Ok(Prepared::Request(envelope))
}

/// Opens the envelope and checks what is in it, without a branch on whether key or padding were right.
pub(super) fn open(
    mut session: Session,
    verified: &Verified,
    envelope: Envelope,
    unwrapped: Result<Unwrapped, KeyError>,
    rng: &mut Rng<'_>,
) -> Exchange {
    let unwrapped = match unwrapped {
        Ok(unwrapped) => unwrapped,
        Err(error) => return session.unavailable(error.into()),
    };
    let opened = match envelope.open(&unwrapped) {
        Ok(opened) => opened,
        Err(error) => return session.refuse_request(error, rng),
    };
    let candidate = opened.candidate().unwrap_or_default();
    let checked = check_request(&session, verified, candidate);
    // the verdict on key and padding comes last, so that their faults cost what any other fault costs
    if !bool::from(opened.verdict(candidate.len())) {
        return session.refuse_request(BadEnvelope::Content.into(), rng);
    }
    match checked {
        Ok(inquiry) => {
            if let Inquiry::Certificate { requested, .. } = &inquiry {
                session.summary.subject = requested.subject().ok().map(|subject| subject.to_string());
            }
            look_up(session, verified, inquiry)
        }
        Err(error) => session.refuse_request(error, rng),
    }
}

fn look_up(session: Session, verified: &Verified, inquiry: Inquiry) -> Exchange {
    match transaction_key(&session, verified) {
        Ok(key) => Exchange::Lookup(Lookup::new(session, key, inquiry)),
        Err(error) => session.unavailable(error),
    }
}

fn transaction_key(session: &Session, verified: &Verified) -> Result<TransactionKey, Error> {
    let signer = Certificate::parse(verified.signer())?;
    // nobody signed the certificate's encoding: other parameters next to the same key are the same signer (T25)
    let hash = session.config.provider.sha256(&[&signer.public_key().to_canonical()?])?;
    let endpoint: String = session.config.endpoint.clone();
    Ok(TransactionKey::new(endpoint, session.transaction_id()?.clone(), hash))
}

/// The certification request: form, proof of possession, the signer's key, the challenge's form.
fn check_request(session: &Session, verified: &Verified, candidate: &[u8]) -> Result<Inquiry, Error> {
    let limits = &session.config.limits;
    let provider = session.config.provider;
    let csr = match CertificationRequest::parse(candidate, limits) {
        Ok(csr) => csr,
        Err(error) => {
            // the same work as for a request that can be read (T2)
            verified.stand_in_check(provider, candidate);
            return Err(error);
        }
    };
    // R-2.3-11: else a stranger could sign a captured envelope and use its challenge. It comes first, so that the
    // signature is checked with a key whose owner gains nothing from how long that takes.
    let signer = Certificate::parse(verified.signer())?;
    if !signer.public_key().same_key(&csr.public_key()) {
        verified.stand_in_check(provider, candidate);
        return Err(BadSignature::KeyMismatch.into());
    }
    let proof = SignatureScheme::from_identifier(&csr.signature_algorithm())
        .and_then(|scheme| provider.verifier(scheme))
        .and_then(|verifier| verifier.verify(&csr.public_key(), &[csr.info()], csr.signature()));
    match proof {
        Ok(()) => {}
        Err(Error::BadSignature(_)) => return Err(BadSignature::CertificationRequest.into()),
        Err(error) => {
            // refused before any arithmetic
            verified.stand_in_check(provider, candidate);
            return Err(error);
        }
    }
    let challenge = csr.challenge_password()?;
    let challenge = challenge.map(|text| ChallengePassword::new(text.as_str())).transpose();
    let challenge = challenge.map_err(|_| InvalidMessage::ChallengePassword)?;
    let extensions = csr.extension_request(limits)?;
    let requested = RequestedCertificate::new(&csr.subject(), &csr.public_key(), extensions.as_ref());
    let hash = provider.sha256(&[candidate])?;
    let submitted = Submitted { challenge, csr: Zeroizing::new(candidate.to_vec()) };
    Ok(Inquiry::Certificate { hash, requested, submitted })
}
