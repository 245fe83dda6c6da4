//! The messages in `vectors/`: each is read through the public API as client and server read, and has to give what
//! `vectors/manifest.toml` says. `vectors/make` makes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "vectors/make/mod.rs"]
mod make;
#[path = "vectors/manifest.rs"]
mod manifest;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[path = "vectors/read.rs"]
mod read;

use crate::provider::{
    PBKDF2_SHA1, PBKDF2_SHA256, PBKDF2_SHA384, PBKDF2_SHA512, PROVIDER, PROVIDER_WITH_LEGACY,
};
use manifest::{Fact, Facts, Vector};
use read::With;
use scep::crypto::Provider;
use scep::message::Unverified;
use scep::wire::Limits;
use std::collections::BTreeSet;
use std::fs;

static EVERYTHING: Provider = Provider {
    password_kdfs: &[&PBKDF2_SHA256, &PBKDF2_SHA384, &PBKDF2_SHA512, &PBKDF2_SHA1],
    ..PROVIDER_WITH_LEGACY
};
/// Everything that can be had.
const ALL: With = With { provider: &EVERYTHING, single_des: true };
/// What an application has that asks for nothing more.
const DEFAULT: With = With { provider: &PROVIDER, single_des: false };

/// What is wrong with what was found: a refusal that was not expected or another one, a fact that differs, or one that
/// is missing although nothing was refused.
fn faults(expected: &Facts, found: &Facts, refused: Option<&Fact>) -> Vec<String> {
    let mut faults = Vec::new();
    if found.get("refused") != refused {
        faults.push(format!("refused {:?}, expected {refused:?}", found.get("refused")));
    }
    for (name, fact) in expected {
        if ["refused", "byDefault"].contains(&name.as_str()) {
            continue;
        }
        match found.get(name) {
            Some(found) if found != fact => faults.push(format!("{name}: {found:?}, expected {fact:?}")),
            None if refused.is_none() => faults.push(format!("{name}: nothing, expected {fact:?}")),
            _ => {}
        }
    }
    faults
}

/// Reads all vectors of an origin.
fn run(origin: &str) {
    let vectors: Vec<_> = manifest::load().iter().filter(|vector| vector.origin == origin).collect();
    assert!(!vectors.is_empty());
    let mut complaints = Vec::new();
    for vector in vectors {
        let mut wrong = faults(&vector.expect, &read::read(vector, ALL), vector.expect.get("refused"));
        let by_default = vector.expect.get("byDefault").or(vector.expect.get("refused"));
        let default = faults(&vector.expect, &read::read(vector, DEFAULT), by_default);
        wrong.extend(default.into_iter().map(|fault| format!("by default: {fault}")));
        wrong.extend(read::inspected(vector, &PROVIDER_WITH_LEGACY).err());
        complaints.extend(wrong.into_iter().map(|fault| format!("{}: {fault}", vector.file)));
    }
    assert!(complaints.is_empty(), "{} faults:\n{}", complaints.len(), complaints.join("\n"));
}

// I-11
#[test]
fn vectors_of_openssl() {
    run("openssl");
}

#[test]
fn vectors_of_micromdm() {
    run("micromdm");
}

#[test]
fn vectors_of_strongswan() {
    run("strongswan");
}

#[test]
fn vectors_of_certmonger() {
    run("certmonger");
}

// R-3.1-1, R-3.2.1.4-1
#[test]
fn vectors_of_our_own_encoder() {
    run("scep");
}

// I-25
#[test]
fn hostile_vectors() {
    run("hostile");
}

fn is_message(vector: &Vector) -> bool {
    ["request", "reply"].contains(&vector.kind.as_str())
}

#[test]
fn every_file_has_an_entry_and_every_entry_a_file() {
    let vectors = manifest::load();
    let entries: BTreeSet<String> = vectors.iter().map(|vector| vector.file.clone()).collect();
    assert_eq!(entries.len(), vectors.len(), "a file with two entries");
    let mut files = BTreeSet::new();
    let mut size = 0;
    for folder in fs::read_dir(manifest::folder()).unwrap().map(Result::unwrap) {
        let origin = folder.file_name().into_string().unwrap();
        if !folder.file_type().unwrap().is_dir() {
            size += folder.metadata().unwrap().len();
            continue;
        }
        for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            size += file.metadata().unwrap().len();
            let path = format!("{origin}/{}", file.file_name().into_string().unwrap());
            if origin != "keys" {
                files.insert(path);
            }
        }
    }
    assert_eq!(files, entries);
    assert!(size < 1_000_000, "{size} bytes");
    for vector in vectors {
        assert_eq!(vector.file.split('/').next(), Some(vector.origin.as_str()));
        assert!(make::ORIGINS.contains(&vector.origin.as_str()), "{}", vector.file);
        assert!(read::KINDS.contains(&vector.kind.as_str()), "{}", vector.file);
        assert!(
            !vector.tool.is_empty() && !vector.how.is_empty() && !vector.expect.is_empty(),
            "{}",
            vector.file
        );
        assert_eq!(vector.time.is_some(), vector.kind == "reply", "{}", vector.file);
        for file in vector.recipients.iter().chain(&vector.signers).chain(&vector.key) {
            assert!(!manifest::bytes(file).is_empty());
        }
    }
}

/// Every value of these facts has to be in some vector that is accepted.
#[test]
fn everything_that_matters_is_there() {
    let vectors = manifest::load();
    let messages = vectors.iter().filter(|vector| is_message(vector)).count();
    assert!(messages >= 80, "{messages} messages");
    let accepted: Vec<_> = vectors.iter().filter(|vector| !vector.expect.contains_key("refused")).collect();
    assert!(vectors.len() - accepted.len() >= 80, "{} refusals", vectors.len() - accepted.len());
    for (name, values) in [
        ("messageType", &["PKCSReq", "RenewalReq", "CertPoll", "GetCert", "GetCRL", "CertRep"][..]),
        ("pkiStatus", &["SUCCESS", "FAILURE", "PENDING"]),
        ("failInfo", &["badAlg", "badMessageCheck", "badRequest", "badTime", "badCertId"]),
        (
            "scheme",
            &[
                "RsaPkcs1(Sha1)",
                "RsaPkcs1(Sha256)",
                "RsaPkcs1(Sha384)",
                "RsaPkcs1(Sha512)",
                "RsaPss(Sha1)",
                "RsaPss(Sha256)",
                "RsaPss(Sha384)",
                "RsaPss(Sha512)",
                "Ecdsa(Sha256)",
                "Ecdsa(Sha384)",
                "Ecdsa(Sha512)",
            ],
        ),
        ("contentEncryption", &["Aes128Cbc", "Aes192Cbc", "Aes256Cbc", "TripleDesCbc", "DesCbc"]),
        ("keyTransport", &["RsaPkcs1v15", "RsaOaepSha1", "RsaOaepSha256", "password"]),
        ("payload", &["PKCS#10", "IssuerAndSubject", "IssuerAndSerialNumber", "certs-only"]),
        ("signerKey", &["that of the request", "another"]),
    ] {
        let found: BTreeSet<_> =
            accepted.iter().filter_map(|vector| vector.expect.get(name)?.text()).collect();
        let missing: Vec<_> = values.iter().filter(|value| !found.contains(**value)).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
    for kind in read::KINDS {
        assert!(accepted.iter().any(|vector| vector.kind == kind), "{kind}");
    }
}

// T38
#[test]
fn no_truncation_of_a_message_is_taken() {
    for vector in manifest::load().iter().filter(|vector| is_message(vector)) {
        if vector.expect.contains_key("refused") {
            continue;
        }
        let bytes = vector.bytes();
        assert!(Unverified::parse(bytes.clone(), &Limits::DEFAULT).is_ok());
        for length in 0..bytes.len() {
            let read = Unverified::parse(bytes[..length].to_vec(), &Limits::DEFAULT);
            assert!(read.is_err(), "{}: {length} of {} bytes", vector.file, bytes.len());
        }
    }
}
