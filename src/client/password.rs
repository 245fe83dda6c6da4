//! Where a key cannot encrypt, the challenge password takes its place (RFC 8894 section 3.1).

use super::ca::TrustedCa;
use super::config::ClientConfig;
use crate::crypto::{ChallengePassword, ContentEncryption, Digest, Provider, Rng};
use crate::error::{ApiMisuse, Error};
use crate::message::{OpenPolicy, Opened, Verified, envelope_for_password};
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The challenge password of a transaction that is encrypted by it. In memory only: saved state never holds it.
pub(super) type Secret = Arc<ChallengePassword>;

/// Encrypts a request: [`envelope_for_password`].
type Seal =
    fn(&Provider, &[u8], &ChallengePassword, ContentEncryption, &mut Rng<'_>) -> Result<Vec<u8>, Error>;

/// What it takes. [`ClientConfig::password_recipients`] brings it in, so that other devices do not link it.
pub(super) struct Passwords {
    is_strong: fn(&ChallengePassword) -> bool,
    pub(super) seal: Seal,
    /// Opens a reply.
    pub(super) open:
        fn(&Verified, &OpenPolicy<'_>, Option<&ChallengePassword>, &mut Rng<'_>) -> Result<Opened, Error>,
}

pub(super) static PASSWORDS: Passwords =
    Passwords { is_strong: ChallengePassword::is_strong, seal: envelope_for_password, open };

fn open(
    reply: &Verified,
    policy: &OpenPolicy<'_>,
    challenge: Option<&ChallengePassword>,
    rng: &mut Rng<'_>,
) -> Result<Opened, Error> {
    reply.password_envelope(policy, rng)?.open(challenge)
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords")
    }
}

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
        (false, Some(passwords)) => passwords.check_strength(challenge),
        (false, None) => Err(misuse.into()),
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
        Some(passwords) => passwords.check_strength(challenge).map(|()| true),
        None if signer.can_encrypt() => Err(ApiMisuse::Recipient.into()),
        None => Err(ApiMisuse::PublicKey.into()),
    }
}

/// Whether the key of one of the two cannot encrypt.
pub(super) fn is_needed(signer: &SubjectPublicKeyInfo<'_>, ca: &TrustedCa) -> Result<bool, Error> {
    let recipient = Certificate::parse(ca.recipient())?;
    Ok(!signer.can_encrypt() || !recipient.public_key().can_encrypt())
}

/// With the switch on, the provider lists what is written for a password.
pub(super) fn check_provider(config: &ClientConfig) -> Result<(), Error> {
    if config.password_recipients.is_some() {
        config.provider.password_kdf(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?;
    }
    Ok(())
}

impl Passwords {
    /// R-3.1-4: no message goes out open, or under a password that can be guessed (T47).
    fn check_strength(&self, challenge: Option<&ChallengePassword>) -> Result<(), Error> {
        match challenge {
            Some(challenge) if (self.is_strong)(challenge) => Ok(()),
            _ => Err(ApiMisuse::WeakChallenge.into()),
        }
    }
}
