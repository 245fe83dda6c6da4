//! Files that are there as a whole or not at all. Nothing is ever overwritten but a revocation list, least of all a key.

use crate::disk;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MINUTE: Duration = Duration::from_secs(60);

/// Writes a private key: only the owner may read it.
pub(crate) fn create_secret(path: &Path, text: &str) -> io::Result<()> {
    create_with_mode(path, text, 0o600).map_err(|error| named(path, error))
}

/// Writes a certificate.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    create_with_mode(path, text, 0o644).map_err(|error| named(path, error))
}

/// Writes a file in place of the one that is there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = draft(path);
    let written = disk::create(&draft, bytes, 0o644).and_then(|()| disk::rename(&draft, path));
    if written.is_err() {
        let _ = disk::remove(&draft);
    }
    written.and_then(|()| disk::sync(folder_of(path))).map_err(|error| named(path, error))
}

/// Removes what a power cut has left of files that were being written: there may be keys among them. What is not a minute
/// old may still be in the hands of another process.
pub(crate) fn tidy(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let age = || Some(fs::metadata(&path).ok()?.modified().ok()?.elapsed().unwrap_or_default());
        if is_draft(&path) && age().is_some_and(|age| age > MINUTE) {
            disk::remove(&path).map_err(|error| named(&path, error))?;
        }
    }
    Ok(())
}

/// Reads a text file; `None` when there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(path, error)),
    }
}

/// Takes `path` for this process, until the file is dropped or the process ends, however it does. The error says who
/// holds it.
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = opened.map_err(|error| named(path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(path).unwrap_or_default();
            let holder = if holder.is_empty() { "another process" } else { holder.trim_end() };
            let text = format!("{} is locked by {holder}, which is starting here", path.display());
            return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
        }
        Err(TryLockError::Error(error)) => return Err(named(path, error)),
    }
    file.set_len(0)?;
    writeln!(file, "process {}", std::process::id())?;
    Ok(file)
}

/// Says which file an error is about.
fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn create_with_mode(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let draft = draft(path);
    let written = disk::create(&draft, text.as_bytes(), mode)
        // a link, unlike a rename, fails when the name is taken
        .and_then(|()| disk::link(&draft, path));
    let removed = disk::remove(&draft);
    written.and(removed)?;
    // so that the name survives a power cut too
    disk::sync(folder_of(path))
}

/// A name that nothing else has.
fn draft(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    path.with_extension(format!("{}.{now}.tmp", std::process::id()))
}

/// Whether [`draft`] makes such names.
fn is_draft(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.rsplit('.');
    let is_number =
        |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    parts.next() == Some("tmp") && is_number(parts.next()) && is_number(parts.next())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
