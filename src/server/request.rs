//! From a pkiMessage to a checked request: everything before the store is asked.

use super::classify;
use super::config::CertificateAccess;
use super::exchange::{Decrypt, Exchange, Lookup};
use super::find;
use super::inquiry::{Inquiry, check_request};
use super::outcome::Event;
use super::password::FindChallenge;
use super::session::Session;
use super::transaction::Kind;
use crate::crypto::{ChallengePassword, Rng, Unwrapped};
use crate::error::{BadEnvelope, Error, InvalidMessage, KeyError, PeerMisbehaved, Unsupported};
use crate::message::{Envelope, OpenPolicy, Opened, PasswordEnvelope, Unverified, Verified};
use crate::wire::algorithm::ContentEncryption;
use crate::wire::attributes::MessageType;
use crate::wire::certificate::Certificate;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;

/// Largest key of a signer that need not be the one to be certified. Where content cannot be read, the work of checking
/// it is done with the signer's key in place of the unknown one: a key of another order of size would show the difference.
const OTHER_SIGNER_BITS: usize = 4096;

/// What passed every check that needs no key.
enum Prepared {
    /// A request or a question of GetCert or GetCRL, to be opened.
    Sealed(Envelope),
    /// A request, to be opened with its sender's challenge password.
    SealedByPassword(PasswordEnvelope),
    /// A poll, which need not be.
    Poll,
}

/// Parses and verifies `message` and gets its envelope ready for the private key.
pub(super) fn accept(mut session: Session, message: Vec<u8>, rng: &mut Rng<'_>) -> Exchange {
    let limits = session.config.limits.clone();
    // E5: without transactionID and senderNonce no reply can be addressed
    let addressed = Unverified::parse(message, &limits).and_then(|message| {
        let hints = message.hints()?;
        let id = hints.transaction_id.ok_or(InvalidMessage::MissingAttribute)?;
        let nonce = hints.sender_nonce.ok_or(InvalidMessage::MissingAttribute)?;
        Ok((message, id, nonce, hints.digest))
    });
    let (message, digest) = match addressed {
        Ok((message, id, nonce, digest)) => {
            session.address(id, nonce);
            (message, digest)
        }
        Err(error) => return session.http_error(error),
    };
    if let Some(digest) = digest.filter(|digest| session.config.provider.digest(*digest).is_ok()) {
        session.digest = digest;
    }
    let verified = match message.verify_as_sent(session.config.provider) {
        Ok(verified) => verified,
        Err(error) if session.config.bare_refusals => return session.http_error(error),
        Err(error) => return session.refuse(error, rng),
    };
    session.signed_by(&verified);
    match prepare(&mut session, &verified, rng) {
        Ok(Prepared::Sealed(envelope)) => Exchange::Decrypt(Decrypt::new(session, verified, envelope)),
        Ok(Prepared::SealedByPassword(envelope)) => FindChallenge::to_open(session, verified, envelope),
        // The transaction is found by its ID and the signer's key, and what is in the envelope would change nothing
        // (RFC 8894 section 3.3.3). To open it all the same would tell strangers which of their alterations decrypt.
        Ok(Prepared::Poll) => look_up(session, Inquiry::Outcome),
        Err(Error::RandomFailed) => session.unavailable(Error::RandomFailed),
        Err(error) => session.refuse(error, rng),
    }
}

/// All that can be refused without the private key.
fn prepare(session: &mut Session, verified: &Verified, rng: &mut Rng<'_>) -> Result<Prepared, Error> {
    let message_type = verified.attributes()?.message_type()?;
    session.summary.message_type = Some(message_type);
    let is_on = match message_type {
        MessageType::PkcsReq | MessageType::CertPoll => true,
        MessageType::RenewalReq => session.config.renewal,
        MessageType::GetCert => session.config.get_cert != CertificateAccess::Off,
        MessageType::GetCrl => session.config.get_crl,
        MessageType::CertRep => return Err(InvalidMessage::MessageType.into()),
    };
    if !is_on {
        return Err(Unsupported::Operation.into());
    }
    // the reply is encrypted for this key, which was checked before its signature was, or protected by a password
    let signer = Certificate::parse(verified.signer())?;
    let may_have_password = session.config.password_recipients
        && !matches!(message_type, MessageType::GetCert | MessageType::GetCrl);
    if !signer.public_key().can_encrypt() && !may_have_password {
        return Err(Unsupported::PublicKey.into());
    }
    classify(session, message_type, &signer)?;
    let may_have_other_key = session.config.other_signer && !session.certified;
    if may_have_other_key && signer.public_key().rsa().is_ok_and(|key| key.bits() > OTHER_SIGNER_BITS) {
        return Err(Unsupported::PublicKey.into());
    }

    let config = Arc::clone(&session.config);
    let recipients: Vec<&CertificateDer<'static>> =
        config.identities().map(|identity| &identity.encryption).collect();
    let policy = OpenPolicy {
        provider: session.config.provider,
        recipients: &recipients,
        single_des: session.config.single_des,
        any_key_identifier: false,
    };
    let (prepared, cipher) = match verified.envelope(&policy, rng) {
        Err(error) if may_have_password && error == BadEnvelope::Recipient.into() => {
            let envelope = verified.password_envelope(&policy, rng)?;
            let cipher = envelope.content_encryption();
            (Prepared::SealedByPassword(envelope), cipher)
        }
        other => {
            let envelope = other?;
            session.received_for(envelope.job().recipient().certificate());
            let cipher = envelope.content_encryption();
            (Prepared::Sealed(envelope), cipher)
        }
    };
    if session.config.provider.cipher(cipher).is_ok() {
        session.cipher = cipher;
    }
    if message_type == MessageType::CertPoll {
        return Ok(Prepared::Poll);
    }
    if cipher == ContentEncryption::DesCbc {
        session.events.push(Event::SingleDesRead);
    }
    Ok(prepared)
}

/// Looks whether a certificate of this CA signed, where that makes a difference; refuses who has to have one.
fn classify(session: &mut Session, message_type: MessageType, signer: &Certificate<'_>) -> Result<(), Error> {
    let config = Arc::clone(&session.config);
    let mut check = || classify::check_certified(&config, signer, session.now, &mut session.signatures);
    match message_type {
        MessageType::PkcsReq => session.certified = config.renewal && check().is_ok(),
        MessageType::RenewalReq => {
            check()?;
            session.certified = true;
        }
        // the same as for a certificate that does not exist (T27)
        MessageType::GetCert | MessageType::GetCrl => {
            check().map_err(|_| PeerMisbehaved::UnknownCertificate)?;
        }
        // only a held renewal wants to know, and the table has not been asked yet
        MessageType::CertPoll | MessageType::CertRep => {}
    }
    Ok(())
}

/// Opens the envelope and checks what is in it, without a branch on whether key or padding were right.
pub(super) fn open(
    mut session: Session,
    verified: &Verified,
    envelope: Envelope,
    unwrapped: Result<Unwrapped, KeyError>,
    rng: &mut Rng<'_>,
) -> Exchange {
    let opened = match unwrapped {
        Ok(unwrapped) => envelope.open(&unwrapped),
        Err(error) => {
            session.events.push(Event::DecryptionKeyFailed);
            return session.unavailable(error.into());
        }
    };
    match session.summary.message_type {
        Some(MessageType::GetCert | MessageType::GetCrl) => find::ask(session, opened, rng),
        _ => read(session, verified, opened, rng),
    }
}

/// Opens the envelope with the challenge password that the owner knows of the sender; without one the same work is done.
pub(super) fn open_by_password(
    mut session: Session,
    verified: &Verified,
    envelope: PasswordEnvelope,
    challenge: Option<ChallengePassword>,
    rng: &mut Rng<'_>,
) -> Exchange {
    let opened = envelope.open(challenge.as_ref());
    session.password = challenge.map(Arc::new);
    read(session, verified, opened, rng)
}

/// Checks the certification request.
fn read(
    mut session: Session,
    verified: &Verified,
    opened: Result<Opened, Error>,
    rng: &mut Rng<'_>,
) -> Exchange {
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return session.refuse_request(error, rng),
    };
    let candidate = opened.candidate().unwrap_or_default();
    let checked = check_request(&session, verified, candidate, opened.decrypted());
    // the verdict on key and padding comes last, so that their faults cost what any other fault costs
    match checked {
        Err(error) => session.refuse_request(opened.cause(candidate.len(), error), rng),
        Ok(_) if !bool::from(opened.verdict(candidate.len())) => {
            session.refuse_request(BadEnvelope::Content.into(), rng)
        }
        Ok(inquiry) => {
            if let Inquiry::Certificate { kind, requested, submitted, .. } = &inquiry {
                session.summary.subject = requested.subject().ok().map(|subject| subject.to_string());
                if *kind == Kind::Enrolment && submitted.other_key {
                    session.events.push(Event::OtherSigner);
                }
                if submitted.challenge.as_ref().is_some_and(|text| exposes(verified.signer(), text)) {
                    session.events.push(Event::ChallengeExposed);
                }
                if session.password.is_none() && session.is_password_recipient() {
                    session.password.clone_from(&submitted.challenge);
                }
            }
            look_up(session, inquiry)
        }
    }
}

/// Whether a certificate holds this text, in one byte for each character or in UTF-8. Short ones are found by chance, and
/// of long ones the beginning is enough: whoever sends both may make the search long.
fn exposes(certificate: &[u8], challenge: &ChallengePassword) -> bool {
    let text = challenge.expose().as_bytes();
    let text = text.get(..64).unwrap_or(text);
    text.len() >= 8 && certificate.windows(text.len()).any(|part| part == text)
}

fn look_up(session: Session, inquiry: Inquiry) -> Exchange {
    match session.transaction_key() {
        Ok(key) => Exchange::Lookup(Lookup::new(session, key, inquiry)),
        Err(error) => session.unavailable(error),
    }
}
