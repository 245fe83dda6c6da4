//! Changes to files, one by one, each said to be on the disk only when it is. Tests let the power fail at every one of
//! them; see `power.rs`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

#[cfg(test)]
#[path = "power.rs"]
pub(crate) mod power;

#[cfg(test)]
use power::Change;

/// What a test wants to know before it happens.
#[cfg(test)]
fn next(change: Change) -> io::Result<()> {
    power::next(change)
}

macro_rules! next {
    ($change:expr) => {
        #[cfg(test)]
        next($change)?;
    };
}

/// Makes a file that is not there yet. Its bytes are on the disk when this returns; for its name see [`sync`].
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    next!(Change::Create(path.into()));
    let mut file = options.open(path)?;
    next!(Change::Write(path.into(), bytes.into()));
    file.write_all(bytes)?;
    next!(Change::Sync(path.into()));
    file.sync_all()
}

/// Gives a file another name, in place of a file that may have it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    next!(Change::Rename(from.into(), to.into()));
    fs::rename(from, to)
}

/// Gives a file one more name, which must not be taken. Two processes cannot both succeed.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    next!(Change::Link(from.into(), to.into()));
    fs::hard_link(from, to)
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    next!(Change::Remove(path.into()));
    fs::remove_file(path)
}

/// So that names survive a power cut too.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    next!(Change::SyncFolder(folder.into()));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
