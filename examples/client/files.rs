//! What is kept in the folder: key.pem, cert.pem, ca.pem and url.txt, and what is needed to ask for the outcome of a
//! request, which is in one of three files; see `swap` for what a renewal leaves.
//!
//! ```text
//! sent.scep       since before it was sent, until there is an answer
//! pending.scep    the CA holds it
//! refused.scep    the CA refused, or somebody on the way had it do so: poll asks once more
//! ```

use super::Failure;
use super::disk;
use super::swap::{CERTIFICATE_NEXT_CA, NEXT_CA};
use scep::Error;
use scep::client::{Issued, Step, TrustedCa, Wait};
use scep::crypto::rustcrypto::{certificates_from_pem, certificates_to_pem};
use scep::error::{ApiMisuse, InvalidMessage};
use scep::pki_types::CertificateDer;
use scep::transport::ScepUrl;
use scep::wire::Certificate;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) const KEY: &str = "key.pem";
pub(crate) const CERTIFICATE: &str = "cert.pem";
pub(crate) const CA: &str = "ca.pem";
const URL: &str = "url.txt";
const SENT: &str = "sent.scep";
const PENDING: &str = "pending.scep";
const REFUSED: &str = "refused.scep";
const LOCK: &str = ".lock";
/// Longest file that is read.
const MAX_FILE: u64 = 1 << 20;

pub(crate) struct Folder {
    path: PathBuf,
    /// Held while this process is at work here.
    lock: Option<File>,
    /// Whether entering it finished what was cut short: the certificate in use is one that the CA had issued before.
    pub(crate) settled: bool,
}

impl Folder {
    /// The folder, which need not be there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None, settled: false }
    }

    /// Makes the folder if it is not there, and enters it.
    pub(crate) fn make(&mut self) -> Result<(), Failure> {
        fs::create_dir_all(&self.path).map_err(|error| Failure::at(&self.path, error))?;
        self.enter()
    }

    /// Sees that the folder can be written to, keeps other clients out, and finishes what was cut short: before
    /// anything is sent.
    pub(crate) fn enter(&mut self) -> Result<(), Failure> {
        // about as much as is stored later
        const ROOM: [u8; 16 << 10] = [0; 16 << 10];
        let refused = |error| Failure::at(&self.path, format_args!("cannot write here: {error}"));
        if !self.path.is_dir() {
            return Err(Failure::at(&self.path, "there is no such folder"));
        }
        let probe = write_temporary(&self.file("probe"), &ROOM, false);
        probe.and_then(|probe| disk::remove(&probe)).map_err(refused)?;
        let path = self.file(LOCK);
        // a link could lead to a key, and a pipe would never open
        if fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(Failure::at(&path, "is no plain file"));
        }
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => self.tidy().map_err(refused)?,
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::at(&self.path, "another client is at work here: wait until it ends"));
            }
            // a file system without locks does no worse than before
            Err(TryLockError::Error(_)) => {}
        }
        self.lock = Some(lock);
        self.settled = self.settle()?;
        Ok(())
    }

    /// Removes what a power cut has left of files that were being written. There may be keys among them.
    fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if is_temporary(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
                disk::remove(&entry.path())?;
            }
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn is_there(&self, name: &str) -> bool {
        fs::symlink_metadata(self.file(name)).is_ok()
    }

    /// Refuses when there is a certificate: nothing is to be done.
    pub(crate) fn refuse_if_there(&self, name: &str, instead: &str) -> Result<(), Failure> {
        if !self.is_there(name) {
            return Ok(());
        }
        let line = format_args!("exists already: {instead}use another --dir, or move it away");
        Err(Failure::at(&self.file(name), line))
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.is_there(PENDING)
    }

    /// The certificates in a file, at least one. The first one can be read.
    pub(crate) fn certificates(&self, name: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
        read_certificates(&self.file(name))
    }

    /// The CA's URL: what the command line says, or else what enrolment stored.
    pub(crate) fn url(&self, given: Option<&ScepUrl>) -> Result<ScepUrl, Failure> {
        if let Some(url) = given {
            return Ok(url.clone());
        }
        let path = self.file(URL);
        if !self.is_there(URL) {
            return Err(Failure::at(&path, "is not there: give the CA's --url"));
        }
        super::values::url(read_text(&path)?.trim()).map_err(|error| Failure::at(&path, error))
    }

    /// Stores the certificate, then the others of the reply; and the CA's, and where that is. What was there is in use
    /// as long as the new one is not complete.
    pub(crate) fn store_issued(&self, issued: &Issued, url: &str) -> Result<(), Failure> {
        let chain: Vec<&[u8]> = issued.chain().map(AsRef::as_ref).collect();
        let chain = certificates_to_pem(&chain);
        if issued.ca.valid_from().is_some() {
            self.store_ca(NEXT_CA, &issued.ca)?;
            self.replace(CERTIFICATE_NEXT_CA, chain.as_bytes(), false)?;
            return self.forget_pending();
        }
        self.store_ca(CA, &issued.ca)?;
        self.replace(URL, format!("{url}\n").as_bytes(), false)?;
        self.install(&chain)
    }

    /// Stores the anchors, and the CA certificates that chain to them.
    pub(crate) fn store_ca(&self, name: &str, ca: &TrustedCa) -> Result<(), Failure> {
        let is_ca = |der: &[u8]| Certificate::parse(der).is_ok_and(|certificate| certificate.is_ca());
        let mut list: Vec<&[u8]> = ca.anchors().iter().map(AsRef::as_ref).collect();
        for der in ca.certificates() {
            if is_ca(der) && !list.contains(&der.as_ref()) {
                list.push(der);
            }
        }
        self.replace(name, certificates_to_pem(&list).as_bytes(), false)
    }

    /// Before a request goes out: with this its outcome can be asked for, whatever happens to the answer.
    pub(crate) fn store_sent(&self, step: &Step) -> Result<(), Failure> {
        let Step::Transmit(transmit) = step else { return Ok(()) };
        match transmit.save()? {
            Some(saved) => self.replace(SENT, &saved, false),
            None => Ok(()),
        }
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.is_there(SENT)
    }

    /// The file with the request; pending.scep when there is none.
    pub(crate) fn request_file(&self) -> PathBuf {
        let name = [PENDING, SENT, REFUSED].into_iter().find(|name| self.is_there(name));
        self.file(name.unwrap_or(PENDING))
    }

    pub(crate) fn store_pending(&self, wait: &Wait) -> Result<(), Failure> {
        self.replace(PENDING, &wait.save()?, false)?;
        self.forget(SENT)?;
        self.forget(REFUSED)
    }

    /// What `resume` makes of the file with the request.
    pub(crate) fn pending(&self, resume: impl FnOnce(&[u8]) -> Result<Wait, Error>) -> Result<Wait, Failure> {
        let path = self.request_file();
        if fs::symlink_metadata(&path).is_err() {
            return Err(Failure::at(&self.path, "no request is pending here (there is no pending.scep)"));
        }
        resume(&read(&path)?).map_err(|error| {
            let next = match error {
                Error::InvalidMessage(InvalidMessage::SavedState) => {
                    "; remove it and ask anew, the key that is stored is used again"
                }
                Error::ApiMisuse(ApiMisuse::Recipient) => {
                    "; give --legacy or --password-recipient as for the request"
                }
                _ => "",
            };
            Failure::at(&path, format_args!("{error}{next}"))
        })
    }

    /// The CA refused the request. It is kept: a refusal does not say whose message it is about.
    pub(crate) fn put_aside(&self) -> Result<(), Failure> {
        if let Some(name) = [PENDING, SENT].into_iter().find(|name| self.is_there(name)) {
            self.change(REFUSED, |path| disk::rename(&self.file(name), path))?;
        }
        self.forget(SENT)
    }

    /// There is a certificate.
    pub(crate) fn forget_pending(&self) -> Result<(), Failure> {
        [PENDING, SENT, REFUSED].into_iter().try_for_each(|name| self.forget(name))
    }

    fn forget(&self, name: &str) -> Result<(), Failure> {
        if self.is_there(name) { self.change(name, disk::remove) } else { Ok(()) }
    }

    /// Writes a file in place of one that may be there.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8], secret: bool) -> Result<(), Failure> {
        self.change(name, |path| replace(path, bytes, secret))
    }

    /// One change, which is on the disk when this returns, and is done as a whole or not at all.
    pub(crate) fn change(
        &self,
        name: &str,
        change: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let path = self.file(name);
        change(&path).and_then(|()| disk::sync(&self.path)).map_err(|error| Failure::at(&path, error))
    }
}

pub(crate) fn replace(path: &Path, bytes: &[u8], secret: bool) -> io::Result<()> {
    let temporary = write_temporary(path, bytes, secret)?;
    disk::rename(&temporary, path).inspect_err(|_| drop(disk::remove(&temporary)))
}

/// The certificates in a file, at least one. The first one can be read.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let list = certificates_from_pem(&read_text(path)?).map_err(|error| Failure::at(path, error))?;
    let first = list.first().ok_or_else(|| Failure::at(path, "there is no certificate in it"))?;
    Certificate::parse(first).map_err(|error| Failure::at(path, error))?;
    Ok(list)
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

/// Writes to a temporary file beside `path`, down to the disk.
pub(crate) fn write_temporary(path: &Path, bytes: &[u8], secret: bool) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    if fs::symlink_metadata(&temporary).is_ok() {
        disk::remove(&temporary)?;
    }
    let written = disk::create(&temporary, bytes, if secret { 0o600 } else { 0o666 });
    written.map(|()| temporary.clone()).inspect_err(|_| drop(disk::remove(&temporary)))
}

/// Whether [`write_temporary`] makes files of this name.
fn is_temporary(name: &str) -> bool {
    let parts = name.strip_prefix('.').and_then(|name| name.rsplit_once('.'));
    let ours = |name: &str| {
        name == "probe" || [".pem", ".scep", ".txt", ".der"].iter().any(|end| name.ends_with(end))
    };
    parts.is_some_and(|(name, process)| ours(name) && process.bytes().all(|byte| byte.is_ascii_digit()))
}
