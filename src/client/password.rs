//! Where a key cannot encrypt, the challenge password takes its place (RFC 8894 section 3.1).

use super::ca::TrustedCa;
use super::config::ClientConfig;
use crate::crypto::{ChallengePassword, Digest};
use crate::error::{ApiMisuse, Error};
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::sync::Arc;

/// The challenge password of a transaction that is encrypted by it. In memory only: saved state never holds it.
pub(super) type Secret = Arc<ChallengePassword>;

/// Checks what can be known before anything is sent: the provider, and for a `signer` whose key cannot open a reply the
/// switch, else `misuse`, and the challenge.
pub(super) fn check_early(
    config: &ClientConfig,
    signer: &SubjectPublicKeyInfo<'_>,
    misuse: ApiMisuse,
    challenge: Option<&ChallengePassword>,
) -> Result<(), Error> {
    check_provider(config)?;
    match (signer.can_encrypt(), config.password_recipients) {
        (true, _) => Ok(()),
        (false, true) => check_strength(challenge),
        (false, false) => Err(misuse.into()),
    }
}

/// Whether messages between `signer` and the CA are encrypted by the challenge password, one way or both ways; and then
/// checks that they may be, and can be.
pub(super) fn check(
    config: &ClientConfig,
    signer: &SubjectPublicKeyInfo<'_>,
    ca: &TrustedCa,
    challenge: Option<&ChallengePassword>,
) -> Result<bool, Error> {
    if !is_needed(signer, ca)? {
        return Ok(false);
    }
    check_provider(config)?;
    match config.password_recipients {
        true => check_strength(challenge).map(|()| true),
        false if signer.can_encrypt() => Err(ApiMisuse::Recipient.into()),
        false => Err(ApiMisuse::PublicKey.into()),
    }
}

/// Whether the key of one of the two cannot encrypt.
pub(super) fn is_needed(signer: &SubjectPublicKeyInfo<'_>, ca: &TrustedCa) -> Result<bool, Error> {
    let recipient = Certificate::parse(ca.recipient())?;
    Ok(!signer.can_encrypt() || !recipient.public_key().can_encrypt())
}

/// With the switch on, the provider lists what is written for a password.
pub(super) fn check_provider(config: &ClientConfig) -> Result<(), Error> {
    if config.password_recipients {
        config.provider.password_kdf(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?;
    }
    Ok(())
}

/// R-3.1-4: no message goes out open, or under a password that can be guessed (T47).
fn check_strength(challenge: Option<&ChallengePassword>) -> Result<(), Error> {
    match challenge {
        Some(challenge) if challenge.is_strong() => Ok(()),
        _ => Err(ApiMisuse::WeakChallenge.into()),
    }
}
