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
use super::disk;
use super::files::{CERTIFICATE, Folder, KEY};
use super::keys::same_key;
use scep::wire::Certificate;
use std::path::Path;
use std::{fs, io};
use zeroize::Zeroizing;

pub(crate) const KEY_NEXT: &str = "key.next.pem";
pub(crate) const CERTIFICATE_NEXT: &str = "cert.next.pem";
pub(crate) const KEY_OLD: &str = "key.old.pem";
pub(crate) const CERTIFICATE_OLD: &str = "cert.old.pem";
/// What was in the place of key and certificate, and was no pair.
const KEY_BROKEN: &str = "key.broken.pem";
const CERTIFICATE_BROKEN: &str = "cert.broken.pem";
/// What waits for the CA that takes over later.
pub(crate) const KEY_NEXT_CA: &str = "key.next-ca.pem";
pub(crate) const CERTIFICATE_NEXT_CA: &str = "cert.next-ca.pem";
pub(crate) const NEXT_CA: &str = "next-ca.pem";

impl Folder {
    /// Makes this the certificate in use, together with the key it is for: that is in key.pem or key.next.pem.
    pub(crate) fn install(&self, chain: &str) -> Result<(), Failure> {
        self.replace(CERTIFICATE_NEXT, chain.as_bytes(), false)?;
        self.settle().map(drop)
    }

    /// Does what is left to do when there is a cert.next.pem, and says whether there was.
    pub(crate) fn settle(&self) -> Result<bool, Failure> {
        if !self.is_there(CERTIFICATE_NEXT) {
            return Ok(false);
        }
        let has_next = self.is_pair(KEY_NEXT, CERTIFICATE_NEXT);
        if !has_next && !self.has_pair(KEY, CERTIFICATE_NEXT)? {
            let line = "its key is neither key.next.pem nor key.pem: put the key back, or move this away";
            return Err(Failure::at(&self.file(CERTIFICATE_NEXT), line));
        }
        self.forget_pending()?;
        if self.is_pair(KEY, CERTIFICATE) {
            if !self.is_in_use()? {
                self.copy(KEY, KEY_OLD, true)?;
                self.copy(CERTIFICATE, CERTIFICATE_OLD, false)?;
            }
        } else {
            if has_next {
                self.set_aside(KEY, KEY_OLD, KEY_BROKEN, true)?;
            }
            self.set_aside(CERTIFICATE, CERTIFICATE_OLD, CERTIFICATE_BROKEN, false)?;
        }
        if has_next {
            self.install_file(KEY_NEXT, KEY)?;
        }
        self.install_file(CERTIFICATE_NEXT, CERTIFICATE)?;
        Ok(true)
    }

    /// Gives a new file the name of the one in use, and whoever may read that may read it.
    fn install_file(&self, new: &str, name: &str) -> Result<(), Failure> {
        let new = self.file(new);
        self.change(name, |path| {
            keep_access(path, &new)?;
            disk::rename(&new, path)
        })
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

    /// The same, where a file that cannot be read is no reason to stop.
    fn is_pair(&self, key: &str, certificate: &str) -> bool {
        self.has_pair(key, certificate).unwrap_or(false)
    }

    fn copy(&self, from: &str, to: &str, secret: bool) -> Result<(), Failure> {
        let from = self.file(from);
        let bytes = Zeroizing::new(fs::read(&from).map_err(|error| Failure::at(&from, error))?);
        self.replace(to, &bytes, secret)
    }

    /// Keeps what is no part of a pair: whatever it is, it is not for us to throw away. After a power cut it may be the
    /// copy that was made before.
    fn set_aside(&self, name: &str, copy: &str, aside: &str, secret: bool) -> Result<(), Failure> {
        let read = |name| fs::read(self.file(name)).map(Zeroizing::new).ok();
        let (there, copied) = (read(name), read(copy));
        if !self.is_there(name) || there.is_some() && there == copied {
            return Ok(());
        }
        self.copy(name, aside, secret)
    }
}

/// Gives `new` the mode and the owner of `old`, if that is there: what was set for a program that reads the key stays.
#[cfg(unix)]
fn keep_access(old: &Path, new: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let Ok(old) = fs::metadata(old) else { return Ok(()) };
    let own = fs::metadata(new)?;
    let same_owner = (own.uid(), own.gid()) == (old.uid(), old.gid());
    // before the mode, which is for the new owner; where it is not allowed, ours stays, and nobody else reads the file
    if same_owner || chown(new, Some(old.uid()), Some(old.gid())).is_ok() {
        fs::set_permissions(new, old.permissions())?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn keep_access(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[path = "swap_tests.rs"]
mod tests;
