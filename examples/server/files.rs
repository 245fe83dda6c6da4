//! Files that are there as a whole or not at all. Nothing is ever overwritten but a revocation list, least of all a key.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
    let written = write_draft(&draft, bytes, 0o644).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written.and_then(|()| sync(folder_of(path))).map_err(|error| named(path, error))
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
    let written = write_draft(&draft, text.as_bytes(), mode)
        // a link, unlike a rename, fails when the name is taken
        .and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    // so that the name survives a power cut too
    sync(folder_of(path))
}

/// A name that nothing else has.
fn draft(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    path.with_extension(format!("{}.{now}.tmp", std::process::id()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_draft(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
