//! The private keys in the folder.

use super::Failure;
use super::args::NewKey;
use super::disk;
use super::files::{CERTIFICATE, Folder, KEY, read_text, write_temporary};
use super::swap::{KEY_NEXT, KEY_NEXT_CA};
use super::values::Alg;
use scep::client::Wait;
use scep::crypto::Random;
use scep::crypto::rustcrypto::{KeyRing, KeyType, SoftwareKey};
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, EcCurve, SubjectPublicKeyInfo};
use std::path::Path;
use zeroize::Zeroizing;

/// Opens replies where the certified key cannot.
pub(crate) const REPLY_KEY: &str = "reply-key.pem";
const BITS: usize = 2048;

impl NewKey {
    fn key_type(&self) -> KeyType {
        match self.alg {
            None | Some(Alg::Rsa) => KeyType::Rsa(self.key_bits.unwrap_or(BITS)),
            Some(Alg::P256) => KeyType::EcP256,
            Some(Alg::P384) => KeyType::EcP384,
        }
    }

    /// Whether the wish makes sense.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match (self.alg, self.key_bits) {
            (Some(Alg::P256 | Alg::P384), Some(_)) => Err(Failure::new("--key-bits is for --alg rsa")),
            _ => Ok(()),
        }
    }

    /// What a key that is there already has to be; nothing that was not asked for.
    fn fits(&self, key: &SoftwareKey) -> bool {
        let Ok(own) = SubjectPublicKeyInfo::parse(key.public_key_der()) else { return false };
        let curve = own.ec().map(|key| key.curve);
        match (self.alg, self.key_bits) {
            (None, None) => true,
            (Some(Alg::P256), _) => curve == Ok(EcCurve::P256),
            (Some(Alg::P384), _) => curve == Ok(EcCurve::P384),
            (None | Some(Alg::Rsa), bits) => {
                own.rsa().is_ok_and(|key| bits.is_none_or(|bits| key.bits() == bits))
            }
        }
    }
}

/// Whether replies can be encrypted for it.
pub(crate) fn opens_replies(key: &SoftwareKey) -> bool {
    SubjectPublicKeyInfo::parse(key.public_key_der()).is_ok_and(|key| key.can_encrypt())
}

pub(crate) fn same_key(one: &[u8], other: &[u8]) -> bool {
    let parse = SubjectPublicKeyInfo::parse;
    matches!((parse(one), parse(other)), (Ok(one), Ok(other)) if one.same_key(&other))
}

impl Folder {
    pub(crate) fn key(&self, name: &str) -> Result<SoftwareKey, Failure> {
        let path = self.file(name);
        let text = Zeroizing::new(read_text(&path)?);
        SoftwareKey::from_pem(&text).map_err(|error| Failure::at(&path, error))
    }

    /// The key in this file; if there is none, a new one, which is stored before anything is done with it.
    pub(crate) fn key_or_new(&self, name: &str, wish: &NewKey) -> Result<SoftwareKey, Failure> {
        if self.is_there(name) {
            let key = self.key(name)?;
            let path = self.file(name);
            return match wish.fits(&key) {
                true => Ok(key),
                // a certificate may have been issued for it, in a reply that was lost
                false => Err(Failure::at(
                    &path,
                    "a key is there already, and not of the kind asked for: move it away, or leave --alg and \
                     --key-bits out",
                )),
            };
        }
        let key = SoftwareKey::generate(wish.key_type(), &mut Random::system());
        let key = key.map_err(|error| Failure::new(format_args!("making a key: {error}")))?;
        let pem = key.to_pem();
        self.change(name, |path| write_new(path, pem.as_bytes()))?;
        Ok(key)
    }

    /// Whether the key that `key_or_new` would give opens replies.
    pub(crate) fn would_open_replies(&self, name: &str, wish: &NewKey) -> Result<bool, Failure> {
        match self.is_there(name) {
            true => Ok(opens_replies(&self.key(name)?)),
            false => Ok(matches!(wish.key_type(), KeyType::Rsa(_))),
        }
    }

    /// An RSA key beside one that cannot open replies.
    pub(crate) fn reply_key(&self, key: &SoftwareKey) -> Result<Option<SoftwareKey>, Failure> {
        let wish = NewKey { alg: Some(Alg::Rsa), key_bits: None };
        (!opens_replies(key)).then(|| self.key_or_new(REPLY_KEY, &wish)).transpose()
    }

    /// The certificate and its key that are in use.
    pub(crate) fn pair(&self) -> Result<(CertificateDer<'static>, SoftwareKey), Failure> {
        let path = self.file(CERTIFICATE);
        if !self.is_there(CERTIFICATE) {
            return Err(Failure::at(&path, "is not there: get a first certificate with enrol"));
        }
        let certificate = self.certificates(CERTIFICATE)?.swap_remove(0);
        let key = self.key(KEY)?;
        if !same_key(Certificate::parse(&certificate)?.public_key().as_der(), key.public_key_der()) {
            return Err(Failure::at(&self.file(KEY), "is not the key of cert.pem"));
        }
        Ok((certificate, key))
    }

    /// The same, when messages can be signed under the certificate and replies encrypted for it.
    pub(crate) fn messaging_pair(&self) -> Result<(CertificateDer<'static>, SoftwareKey), Failure> {
        let (certificate, key) = self.pair()?;
        if opens_replies(&key) {
            return Ok((certificate, key));
        }
        let line = "the key is not RSA, so the CA could not encrypt a reply for this certificate, and here no \
            challenge password could protect it: ask with an RSA certificate, from another --dir";
        Err(Failure::at(&self.file(CERTIFICATE), line))
    }

    /// All keys that a pending request may need.
    pub(crate) fn keys_of(&self, wait: &Wait) -> Result<Vec<SoftwareKey>, Failure> {
        let names = [KEY, KEY_NEXT, KEY_NEXT_CA, REPLY_KEY];
        let names = names.iter().filter(|name| self.is_there(name));
        let keys = names.map(|name| self.key(name)).collect::<Result<Vec<_>, _>>()?;
        let ring = KeyRing::new(&keys.iter().collect::<Vec<_>>());
        for wanted in [wait.public_key()?.as_slice(), wait.requested_key()] {
            if ring.find(wanted).is_none() {
                let file = self.request_file();
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let line = format_args!(
                    "the key of the request in {name} is not here: put it back, or remove {name} and ask anew"
                );
                return Err(Failure::at(self.path(), line));
            }
        }
        Ok(keys)
    }
}

/// Writes a file that only its owner may read and that must not be there yet. Two processes cannot both succeed.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = write_temporary(path, bytes, true)?;
    // a link never replaces anything, as a rename would
    let linked = disk::link(&temporary, path);
    disk::remove(&temporary)?;
    linked
}
