//! What is kept in the folder: key.pem, cert.pem, ca.pem, and pending.scep while the CA holds a request.

use crate::Failure;
use scep::Error;
use scep::client::{Issued, TrustedCa, Wait};
use scep::crypto::Random;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey, certificates_to_pem};
use scep::error::InvalidMessage;
use scep::wire::Certificate;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "cert.pem";
const CA: &str = "ca.pem";
const PENDING: &str = "pending.scep";
/// Longest file that is read.
const MAX_FILE: u64 = 1 << 20;

pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder, which need not be there.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the folder if it is not there, and sees that it can be written to: before anything is sent.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        // about as much as is stored later
        const ROOM: [u8; 16 << 10] = [0; 16 << 10];
        fs::create_dir_all(&self.0).map_err(|error| Failure::at(&self.0, error))?;
        let probe = write_temporary(&self.0.join("probe"), &ROOM, false).and_then(fs::remove_file);
        probe.map_err(|error| Failure::at(&self.0, format_args!("cannot write here: {error}")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn is_there(&self, name: &str) -> bool {
        fs::symlink_metadata(self.0.join(name)).is_ok()
    }

    /// Refuses when there is a certificate: nothing is to be done.
    pub(crate) fn refuse_if_enrolled(&self) -> Result<(), Failure> {
        if !self.is_there(CERTIFICATE) {
            return Ok(());
        }
        let path = self.0.join(CERTIFICATE);
        Err(Failure::at(&path, "exists already: use another --dir, or move it away"))
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.is_there(PENDING)
    }

    /// The key from key.pem; if there is none, a new one, which is stored before anything is done with it.
    pub(crate) fn key_or_new(&self, bits: usize) -> Result<SoftwareKey, Failure> {
        if self.is_there(KEY) {
            return self.key();
        }
        let key = match SoftwareKey::generate(KeyType::Rsa(bits), &mut Random::system()) {
            Ok(key) => key,
            Err(error) => return Err(Failure::new(format_args!("making a key: {error}"))),
        };
        let path = self.0.join(KEY);
        let pem = key.to_pem();
        write_new(&path, pem.as_bytes()).map_err(|error| Failure::at(&path, error))?;
        Ok(key)
    }

    fn key(&self) -> Result<SoftwareKey, Failure> {
        let path = self.0.join(KEY);
        let text = Zeroizing::new(read_text(&path)?);
        SoftwareKey::from_pem(&text).map_err(|error| Failure::at(&path, error))
    }

    /// The key of a pending request.
    pub(crate) fn key_of(&self, wait: &Wait) -> Result<SoftwareKey, Failure> {
        let key = self.key()?;
        if wait.public_key()? != key.public_key_der() {
            return Err(Failure::at(&self.0.join(KEY), "not the key of the request in pending.scep"));
        }
        Ok(key)
    }

    /// Stores the certificate, then the others of the reply; and the CA's.
    pub(crate) fn store_issued(&self, issued: &Issued) -> Result<(), Failure> {
        self.store_ca(&issued.ca)?;
        let chain: Vec<&[u8]> = issued.chain().map(AsRef::as_ref).collect();
        self.replace(CERTIFICATE, certificates_to_pem(&chain).as_bytes())?;
        self.forget_pending()
    }

    /// Stores the anchors, and the CA certificates that chain to them.
    pub(crate) fn store_ca(&self, ca: &TrustedCa) -> Result<(), Failure> {
        let is_ca = |der: &[u8]| Certificate::parse(der).is_ok_and(|certificate| certificate.is_ca());
        let mut list: Vec<&[u8]> = ca.anchors().iter().map(AsRef::as_ref).collect();
        for der in ca.certificates() {
            if is_ca(der) && !list.contains(&der.as_ref()) {
                list.push(der);
            }
        }
        self.replace(CA, certificates_to_pem(&list).as_bytes())
    }

    pub(crate) fn store_pending(&self, wait: &Wait) -> Result<(), Failure> {
        self.replace(PENDING, &wait.save()?)
    }

    /// What `resume` makes of pending.scep.
    pub(crate) fn pending(&self, resume: impl FnOnce(&[u8]) -> Result<Wait, Error>) -> Result<Wait, Failure> {
        let path = self.0.join(PENDING);
        if !self.has_pending() {
            return Err(Failure::at(&self.0, "no request is pending here (there is no pending.scep)"));
        }
        resume(&read(&path)?).map_err(|error| {
            let next = match error {
                Error::InvalidMessage(InvalidMessage::SavedState) => {
                    "; remove it and enrol anew, the key in key.pem is used again"
                }
                _ => "",
            };
            Failure::at(&path, format_args!("{error}{next}"))
        })
    }

    pub(crate) fn forget_pending(&self) -> Result<(), Failure> {
        let path = self.0.join(PENDING);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::at(&path, error)),
            _ => Ok(()),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.0.join(name);
        let replaced = write_temporary(&path, bytes, false).and_then(|temporary| {
            fs::rename(&temporary, &path).inspect_err(|_| drop(fs::remove_file(&temporary)))
        });
        replaced.map_err(|error| Failure::at(&path, error))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    done.map_err(|error| Failure::at(path, error))?;
    Ok(bytes)
}

pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path)?).map_err(|_| Failure::at(path, "not text"))
}

/// Writes a file that only its owner may read and that must not be there yet. Two processes cannot both succeed.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = write_temporary(path, bytes, true)?;
    // a link never replaces anything, as a rename would
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    linked
}

/// Writes to a temporary file beside `path`, down to the disk.
fn write_temporary(path: &Path, bytes: &[u8], secret: bool) -> std::io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(temporary),
        Err(error) => {
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}
