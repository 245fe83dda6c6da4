//! Power cuts, for tests: at any change to a file, with what had not reached the disk lost in whole or in part.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// One change, as the operating system is asked for it.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncFolder(PathBuf),
}

struct Supply {
    changes_left: usize,
    done: Vec<Change>,
}

thread_local! {
    static SUPPLY: RefCell<Option<Supply>> = const { RefCell::new(None) };
}

/// From now on the power lasts for so many changes of this thread.
pub(crate) fn lasts_for(changes: usize) {
    SUPPLY.set(Some(Supply { changes_left: changes, done: Vec::new() }));
}

/// The power is back: what had been done, and whether it had failed.
pub(crate) fn is_back() -> (Vec<Change>, bool) {
    let supply = SUPPLY.take().expect("the power was said to fail");
    (supply.done, supply.changes_left == 0)
}

pub(super) fn next(change: Change) -> io::Result<()> {
    SUPPLY.with_borrow_mut(|supply| match supply {
        None => Ok(()),
        // and so it is for whatever tries to tidy up after that
        Some(Supply { changes_left: 0, .. }) => Err(io::Error::other("the power failed")),
        Some(supply) => {
            supply.changes_left -= 1;
            supply.done.push(change);
            Ok(())
        }
    })
}

/// What is in a folder.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn read(folder: &Path) -> Files {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

/// Puts these files into the folder in place of whatever is there.
pub(crate) fn restore(folder: &Path, files: &Files) {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What happens to a name. Files are told apart by their numbers.
enum Naming {
    Is(String, usize),
    Moves(String, String, usize),
    Goes(String),
}

/// All that the disk may hold when the power fails after these changes to `before`: since a folder was last synchronised
/// each name in it may have changed or not, and of bytes that were not there may be none, or a half.
pub(crate) fn may_hold(before: &Files, changes: &[Change]) -> BTreeSet<Files> {
    let mut contents: Vec<(Vec<u8>, bool)> = before.values().map(|bytes| (bytes.clone(), true)).collect();
    let mut names: BTreeMap<String, usize> = before.keys().cloned().zip(0..).collect();
    let (mut on_disk, mut loose) = (names.clone(), Vec::new());
    for change in changes {
        match change {
            Change::Create(path) => {
                contents.push((Vec::new(), true));
                names.insert(name(path), contents.len() - 1);
                loose.push(Naming::Is(name(path), contents.len() - 1));
            }
            Change::Write(path, bytes) => contents[names[&name(path)]] = (bytes.clone(), false),
            Change::Sync(path) => contents[names[&name(path)]].1 = true,
            Change::Rename(from, to) => {
                // what fails changes nothing
                let Some(file) = names.remove(&name(from)) else { continue };
                names.insert(name(to), file);
                loose.push(Naming::Moves(name(from), name(to), file));
            }
            Change::Link(from, to) => {
                let file = names[&name(from)];
                // what fails changes nothing
                if let Entry::Vacant(free) = names.entry(name(to)) {
                    free.insert(file);
                    loose.push(Naming::Is(name(to), file));
                }
            }
            Change::Remove(path) => {
                names.remove(&name(path));
                loose.push(Naming::Goes(name(path)));
            }
            Change::SyncFolder(_) => {
                on_disk.clone_from(&names);
                loose.clear();
            }
        }
    }
    let mut possible = BTreeSet::new();
    for which in 0..1_usize << loose.len() {
        let mut names = on_disk.clone();
        let changed = loose.iter().enumerate().filter(|(bit, _)| which >> bit & 1 == 1);
        for (_, naming) in changed {
            match naming {
                Naming::Is(name, file) => drop(names.insert(name.clone(), *file)),
                Naming::Moves(from, to, file) => {
                    names.remove(from);
                    names.insert(to.clone(), *file);
                }
                Naming::Goes(name) => drop(names.remove(name)),
            }
        }
        for halves in 0..=2 {
            let content = |file: &usize| match &contents[*file] {
                (bytes, true) => bytes.clone(),
                (bytes, false) => bytes[..bytes.len() * halves / 2].to_vec(),
            };
            possible.insert(names.iter().map(|(name, file)| (name.clone(), content(file))).collect());
        }
    }
    possible
}
