//! Envelopes for whoever knows a challenge password (RFC 8894 section 3.1, RFC 3211).

use super::open::{Opened, SealedContent};
use crate::crypto::{ChallengePassword, ContentCipher, PasswordKdf, Provider, Unwrapped, password};
use crate::error::{BadEnvelope, Error, Unsupported};
use crate::wire::algorithm::ContentEncryption;
use crate::wire::limits::Limits;
use crate::wire::password_recipient::PasswordRecipientInfo;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use subtle::Choice;
use zeroize::Zeroizing;

/// An envelope that waits for a challenge password.
pub struct PasswordEnvelope {
    sealed: SealedContent,
    key: PasswordKey,
}

impl PasswordEnvelope {
    pub(super) fn new(sealed: SealedContent, key: PasswordKey) -> Self {
        Self { sealed, key }
    }

    /// The content cipher.
    pub fn content_encryption(&self) -> ContentEncryption {
        self.sealed.content_encryption()
    }

    /// Decrypts with this challenge password. A wrong one, and `None` where the owner knows none for this sender, cost
    /// the same work and are no error: what comes out is garbage, and shows as such only in the end, as with
    /// [`Envelope::open`](super::Envelope::open).
    ///
    /// That work is PBKDF2 with as many rounds as the sender wants, up to
    /// [`Limits::pbkdf2_iterations`]: a tenth of a second and more.
    pub fn open(self, challenge: Option<&ChallengePassword>) -> Result<Opened, Error> {
        let length = self.sealed.content_encryption().key_length();
        let unwrapped = self.key.unwrap(challenge, length)?;
        self.sealed.open(&unwrapped)
    }
}

impl fmt::Debug for PasswordEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordEnvelope")
            .field("content_encryption", &self.content_encryption())
            .finish_non_exhaustive()
    }
}

/// A wrapped content key, and how to get from a password to it.
pub(super) struct PasswordKey {
    kdf: &'static dyn PasswordKdf,
    salt: Vec<u8>,
    iterations: u32,
    cipher: &'static dyn ContentCipher,
    iv: Vec<u8>,
    wrapped: Vec<u8>,
}

impl PasswordKey {
    /// Refuses all that can be refused without the password: algorithms that the provider does not list, a salt and
    /// rounds out of bounds (T47), impossible lengths.
    pub(super) fn new(
        info: &PasswordRecipientInfo<'_>,
        provider: &'static Provider,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let derivation = info.pbkdf2(limits)?;
        let kdf = provider.password_kdf(derivation.prf)?;
        let (algorithm, iv) = info.key_encryption_cipher()?;
        // the list for writing: single DES is not in it
        let cipher = provider.cipher(algorithm).map_err(|_| Unsupported::KeyDerivation)?;
        let key_length = u32::try_from(algorithm.key_length()).map_err(|_| Unsupported::KeyDerivation)?;
        if derivation.key_length.is_some_and(|length| length != key_length) {
            return Err(Unsupported::KeyDerivation.into());
        }
        let block = algorithm.block_length();
        if iv.len() != block || !password::is_wrapped_length(info.encrypted_key.len(), block) {
            return Err(BadEnvelope::Ciphertext.into());
        }
        Ok(Self {
            kdf,
            salt: derivation.salt.to_vec(),
            iterations: derivation.iterations,
            cipher,
            iv: iv.to_vec(),
            wrapped: info.encrypted_key.to_vec(),
        })
    }

    /// Unwraps a content key of `key_length` bytes; without a password it does the same and throws the result away.
    fn unwrap(&self, challenge: Option<&ChallengePassword>, key_length: usize) -> Result<Unwrapped, Error> {
        let text = challenge.map_or("", ChallengePassword::expose);
        let mut key = Zeroizing::new(vec![0; self.cipher.id().key_length()]);
        self.kdf.derive(text.as_bytes(), &self.salt, self.iterations, &mut key);
        let known = Choice::from(u8::from(challenge.is_some()));
        let unwrapped = password::unwrap(self.cipher, &key, &self.iv, &self.wrapped, key_length)?;
        Ok(unwrapped.only_if(known))
    }
}

#[cfg(test)]
#[cfg(feature = "pwri")]
mod tests;
