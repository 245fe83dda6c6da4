//! The corpora of the fuzz targets, through the same functions, on the stable compiler and without the fuzzer.
//!
//! `fuzz/README.md` says how they grow. A file that a fuzzer found is a regression test from the moment it is in there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The files of a target's corpus on which this panics, and how many there are.
fn findings(name: &str, target: fn(&[u8])) -> (Vec<String>, usize) {
    let folder = fuzz().join("corpus").join(name);
    let files = names(&folder);
    let fails = |file: &String| {
        let data = fs::read(folder.join(file)).unwrap();
        catch_unwind(|| target(&data)).is_err()
    };
    let count = files.len();
    (files.into_iter().filter(fails).map(|file| format!("{name}/{file}")).collect(), count)
}

/// Every file of the corpora of these targets.
fn replay(targets: impl Fn(&str) -> bool) {
    for (name, target) in targets::TARGETS.into_iter().filter(|(name, _)| targets(name)) {
        let (found, count) = findings(name, target);
        assert!(count > 3, "{name} has {count} files");
        assert!(found.is_empty(), "{} of {count} files: {found:#?}", found.len());
    }
}

fn is_client(name: &str) -> bool {
    name.starts_with("client")
}

fn is_server(name: &str) -> bool {
    name.starts_with("server")
}

// T38, T39, T43, T44, T57
#[test]
fn corpora_of_the_formats() {
    replay(|name| !is_client(name) && !is_server(name));
}

// T31, T32, T33
#[test]
fn corpora_of_the_client() {
    replay(is_client);
}

// T1, T9, T25, T26
#[test]
fn corpora_of_the_server() {
    replay(is_server);
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let expected: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(expected.len() >= 12);
    assert_eq!(names(&fuzz().join("corpus")), expected);
    let programs: BTreeSet<String> = names(&fuzz().join("fuzz_targets"));
    assert_eq!(programs, expected.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &expected {
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("scep_fuzz::{name}(data)")), "{name} runs another target");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is not built");
    }
}

/// Negative control: what a target finds does not get lost on the way.
#[test]
fn a_finding_is_noticed() {
    let (found, count) = findings("names", |data| assert!(!data.starts_with(b"http")));
    assert!(!found.is_empty() && found.len() < count, "{} of {count}", found.len());
}

#[test]
fn the_corpora_stay_small() {
    let size = |name: &str| -> u64 {
        let folder = fuzz().join("corpus").join(name);
        names(&folder).iter().map(|file| fs::metadata(folder.join(file)).unwrap().len()).sum()
    };
    let total: u64 = targets::TARGETS.iter().map(|(name, _)| size(name)).sum();
    assert!(total < 2_000_000, "{total} bytes");
}
