//! A renewal puts a new key and certificate in the place of those in use, whatever happens in between.
//!
//! ```text
//! key.next.pem        the new key, before anything is sent
//! cert.next.pem       its certificate, after every check: from here on the new pair is what counts
//! key.old.pem, cert.old.pem    copies of the pair in use
//! key.next.pem  -> key.pem
//! cert.next.pem -> cert.pem
//! ```
//!
//! Each line is one change that is done or not done. Before the second line the pair in use is the old one; after it the
//! next command that enters the folder does what is left. Between the last two, the new pair is key.pem with
//! cert.next.pem, and the old one key.old.pem with cert.old.pem.

use super::Failure;
use super::files::{CERTIFICATE, Folder, KEY};
use super::keys::same_key;
use scep::wire::Certificate;
use std::fs;
use zeroize::Zeroizing;

pub(crate) const KEY_NEXT: &str = "key.next.pem";
pub(crate) const CERTIFICATE_NEXT: &str = "cert.next.pem";
pub(crate) const KEY_OLD: &str = "key.old.pem";
pub(crate) const CERTIFICATE_OLD: &str = "cert.old.pem";
/// What waits for the CA that takes over later.
pub(crate) const KEY_NEXT_CA: &str = "key.next-ca.pem";
pub(crate) const CERTIFICATE_NEXT_CA: &str = "cert.next-ca.pem";
pub(crate) const NEXT_CA: &str = "next-ca.pem";

impl Folder {
    /// Makes this the certificate in use, together with the key it is for: that is in key.pem or key.next.pem.
    pub(crate) fn install(&self, chain: &str) -> Result<(), Failure> {
        self.replace(CERTIFICATE_NEXT, chain.as_bytes(), false)?;
        self.settle()
    }

    /// Does what is left to do when there is a cert.next.pem.
    pub(crate) fn settle(&self) -> Result<(), Failure> {
        if !self.is_there(CERTIFICATE_NEXT) {
            return Ok(());
        }
        let has_next = self.has_pair(KEY_NEXT, CERTIFICATE_NEXT)?;
        if !has_next && !self.has_pair(KEY, CERTIFICATE_NEXT)? {
            let line = "its key is neither key.next.pem nor key.pem: put the key back, or move this away";
            return Err(Failure::at(&self.file(CERTIFICATE_NEXT), line));
        }
        self.forget_pending()?;
        if self.has_pair(KEY, CERTIFICATE)? && !self.is_in_use()? {
            self.copy(KEY, KEY_OLD, true)?;
            self.copy(CERTIFICATE, CERTIFICATE_OLD, false)?;
        }
        if has_next {
            self.change(KEY, |path| fs::rename(self.file(KEY_NEXT), path))?;
        }
        self.change(CERTIFICATE, |path| fs::rename(self.file(CERTIFICATE_NEXT), path))
    }

    /// Whether cert.next.pem is what the CA sent before: then it is no renewal.
    fn is_in_use(&self) -> Result<bool, Failure> {
        let [next, present] = [CERTIFICATE_NEXT, CERTIFICATE].map(|name| self.certificates(name));
        Ok(next?.first() == present?.first())
    }

    /// Whether both are there and belong together.
    pub(crate) fn has_pair(&self, key: &str, certificate: &str) -> Result<bool, Failure> {
        if !self.is_there(key) || !self.is_there(certificate) {
            return Ok(false);
        }
        let key = self.key(key)?;
        let list = self.certificates(certificate)?;
        let own = list.first().map(|der| Certificate::parse(der)).transpose()?;
        Ok(own.is_some_and(|own| same_key(own.public_key().as_der(), key.public_key_der())))
    }

    fn copy(&self, from: &str, to: &str, secret: bool) -> Result<(), Failure> {
        let from = self.file(from);
        let bytes = Zeroizing::new(fs::read(&from).map_err(|error| Failure::at(&from, error))?);
        self.replace(to, &bytes, secret)
    }
}

#[cfg(test)]
#[path = "swap_tests.rs"]
mod tests;
