//! The power fails at every change that a swap makes, and again at every change of the repair.

use super::super::args::NewKey;
use super::super::disk::power::{self, Files};
use super::super::values::Alg;
use super::*;
use scep::crypto::rustcrypto::{PROVIDER, SoftwareKey, certificates_to_pem};
use scep::crypto::{Digest, Purpose, Random, SignJob};
use scep::pki_types::UnixTime;
use scep::wire::{DistinguishedName, KeyUsage, SubjectPublicKeyInfo, TbsCertificateDraft, assemble};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EC: NewKey = NewKey { alg: Some(Alg::P256), key_bits: None };

fn new_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("scep-swap-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn certificate(key: &SoftwareKey, serial: u8) -> String {
    let public_key = SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap();
    let scheme = public_key.signature_scheme(Digest::Sha256).unwrap();
    let subject: DistinguishedName = "CN=dev1".parse().unwrap();
    let at = |day: u64| UnixTime::since_unix_epoch(Duration::from_secs(day * 86_400));
    let tbs = TbsCertificateDraft {
        serial: &[serial],
        subject: subject.name(),
        not_before: at(20_000),
        not_after: at(30_000),
        public_key,
        scheme,
        key_usage: KeyUsage::DIGITAL_SIGNATURE,
    };
    let job =
        SignJob::new(&PROVIDER, tbs.encode(), scheme, Purpose::Certificate, key.public_key_der()).unwrap();
    let signature = key.sign(&job, &mut Random::system()).unwrap();
    certificates_to_pem(&[&assemble(job.message(), scheme, signature.as_bytes())])
}

fn read(path: &Path, name: &str) -> String {
    fs::read_to_string(path.join(name)).unwrap_or_default()
}

/// What the disk may hold after a power cut, without what was being written.
fn without_temporaries(files: Files) -> Files {
    files.into_iter().filter(|(name, _)| !name.starts_with('.')).collect()
}

/// Lets the power fail at every change of this, and gives all that the disk may hold then or in the end.
fn cut(path: &Path, before: &Files, run: impl Fn(&Folder) -> Result<(), Failure>) -> BTreeSet<Files> {
    let mut possible = BTreeSet::new();
    for changes in 0.. {
        power::restore(path, before);
        power::lasts_for(changes);
        let ended = run(&Folder::at(path));
        let (done, failed) = power::is_back();
        possible.extend(power::may_hold(before, &done).into_iter().map(without_temporaries));
        assert!(ended.is_ok() || failed, "{ended:?}");
        if ended.is_ok() {
            return possible;
        }
    }
    unreachable!()
}

/// Cuts `install(new)` short at every change, and each repair after it likewise, and each repair after that, as long as that
/// gives anything new. `key` and `old_key` are those of the new and the old pair; `old` is the old certificate, or nothing.
fn cut_everywhere(path: &Path, key: &str, new: &str, old_key: &str, old: &str) {
    let before = power::read(path);
    let mut todo: Vec<Files> = cut(path, &before, |folder| folder.install(new)).into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut outcomes = [0, 0];
    while let Some(state) = todo.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        power::restore(path, &state);
        assert_usable(path, key, new, old_key, old);
        todo.extend(cut(path, &state, |folder| folder.settle().map(drop)));
        // and with the power on
        power::restore(path, &state);
        Folder::at(path).settle().unwrap();
        assert!(!path.join(CERTIFICATE_NEXT).exists());
        let is_new = read(path, CERTIFICATE) == new;
        assert_eq!(read(path, KEY), if is_new { key } else { old_key });
        // before the first change nothing has happened, and then everything will
        assert_eq!(is_new, state != before, "{:?}", state.keys());
        outcomes[usize::from(is_new)] += 1;
        if is_new && !old.is_empty() {
            assert_eq!(read(path, KEY_OLD), old_key);
            assert_eq!(read(path, CERTIFICATE_OLD), old);
        }
        assert!(
            !is_new
                || ["sent", "pending", "refused"]
                    .iter()
                    .all(|name| { !path.join(format!("{name}.scep")).exists() })
        );
        assert!(!path.join(KEY_BROKEN).exists() && !path.join(CERTIFICATE_BROKEN).exists());
    }
    assert!(outcomes[0] == 1 && outcomes[1] > 3, "{outcomes:?}");
}

/// One of the two pairs is complete, where the module's text says that it is.
fn assert_usable(path: &Path, key: &str, new: &str, old_key: &str, old: &str) {
    let has = |name: &str, text: &str| !text.is_empty() && read(path, name) == text;
    let old_in_place = has(KEY, old_key) && has(CERTIFICATE, old);
    let new_in_place = has(KEY, key) && has(CERTIFICATE, new);
    let between = has(KEY, key)
        && has(CERTIFICATE_NEXT, new)
        && (old.is_empty() || has(KEY_OLD, old_key) && has(CERTIFICATE_OLD, old));
    let none_yet = old.is_empty() && !path.join(CERTIFICATE).exists() && has(KEY, key);
    assert!(old_in_place || new_in_place || between || none_yet, "{:?}", power::read(path).keys());
}

#[test]
fn a_power_cut_anywhere_in_a_renewal_leaves_the_old_pair_or_the_new_one() {
    let path = new_path("renewal");
    let folder = Folder::at(&path);
    let [old, new] = [KEY, KEY_NEXT].map(|name| folder.key_or_new(name, &EC).unwrap());
    let (old_certificate, new_certificate) = (certificate(&old, 1), certificate(&new, 2));
    // from a renewal before this one
    for name in [KEY_OLD, CERTIFICATE_OLD] {
        fs::write(path.join(name), "older").unwrap();
    }
    for name in ["sent", "pending", "refused"] {
        fs::write(path.join(format!("{name}.scep")), "held").unwrap();
    }
    fs::write(path.join(CERTIFICATE), &old_certificate).unwrap();
    cut_everywhere(&path, &new.to_pem(), &new_certificate, &old.to_pem(), &old_certificate);
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_power_cut_in_a_renewal_of_the_same_key_keeps_the_old_certificate_or_has_the_new_one() {
    let path = new_path("same-key");
    let folder = Folder::at(&path);
    let key = folder.key_or_new(KEY, &EC).unwrap();
    // of an attempt that was given up, and not to be taken now
    folder.key_or_new(KEY_NEXT, &EC).unwrap();
    let [old, new] = [1, 2].map(|serial| certificate(&key, serial));
    fs::write(path.join(CERTIFICATE), &old).unwrap();
    cut_everywhere(&path, &key.to_pem(), &new, &key.to_pem(), &old);
    assert!(path.join(KEY_NEXT).exists());
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_power_cut_in_a_first_enrolment_loses_no_certificate() {
    let path = new_path("first");
    let key = Folder::at(&path).key_or_new(KEY, &EC).unwrap();
    for name in ["sent", "pending", "refused"] {
        fs::write(path.join(format!("{name}.scep")), "held").unwrap();
    }
    cut_everywhere(&path, &key.to_pem(), &certificate(&key, 1), &key.to_pem(), "");
    assert!(!path.join(KEY_OLD).exists());
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_certificate_that_came_before_is_no_renewal() {
    let path = new_path("again");
    let folder = Folder::at(&path);
    let key = folder.key_or_new(KEY, &EC).unwrap();
    let own = certificate(&key, 1);
    folder.install(&own).unwrap();
    fs::write(path.join(CERTIFICATE_OLD), "older").unwrap();
    folder.install(&own).unwrap();
    assert_eq!(read(&path, CERTIFICATE_OLD), "older");
    assert_eq!(read(&path, CERTIFICATE), own);
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_certificate_for_a_foreign_key_replaces_nothing() {
    let path = new_path("foreign");
    let folder = Folder::at(&path);
    let [old, _] = [KEY, KEY_NEXT].map(|name| folder.key_or_new(name, &EC).unwrap());
    let own = certificate(&old, 1);
    folder.install(&own).unwrap();
    let foreign = SoftwareKey::generate(scep::crypto::rustcrypto::KeyType::EcP256, &mut Random::system());
    let Err(Failure(line)) = folder.install(&certificate(&foreign.unwrap(), 2)) else { panic!("installed") };
    assert!(line.contains("neither key.next.pem nor key.pem"), "{line}");
    assert_eq!(read(&path, CERTIFICATE), own);
    assert_eq!(read(&path, KEY), *old.to_pem());
    fs::remove_dir_all(&path).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_key_whichever_file_it_is_in() {
    use std::os::unix::fs::PermissionsExt;
    let path = new_path("modes");
    let folder = Folder::at(&path);
    let [old, new] = [KEY, KEY_NEXT].map(|name| folder.key_or_new(name, &EC).unwrap());
    folder.install(&certificate(&old, 1)).unwrap();
    folder.install(&certificate(&new, 2)).unwrap();
    folder.key_or_new(KEY_NEXT_CA, &EC).unwrap();
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    for name in [KEY, KEY_OLD, KEY_NEXT_CA] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    // unless he let others: what reads the key in use has to read the next one
    for (name, mode) in [(KEY, 0o640), (CERTIFICATE, 0o444)] {
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let new = folder.key_or_new(KEY_NEXT, &EC).unwrap();
    assert_eq!(mode(KEY_NEXT), 0o600);
    folder.install(&certificate(&new, 3)).unwrap();
    assert_eq!([KEY, CERTIFICATE, KEY_OLD].map(mode), [0o640, 0o444, 0o600]);
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn a_broken_key_does_not_stand_in_the_way_of_a_new_pair() {
    let path = new_path("broken");
    let folder = Folder::at(&path);
    let [old, new] = [KEY, KEY_NEXT].map(|name| folder.key_or_new(name, &EC).unwrap());
    let (old_certificate, new_certificate) = (certificate(&old, 1), certificate(&new, 2));
    fs::write(path.join(CERTIFICATE), &old_certificate).unwrap();
    fs::write(path.join(KEY), &old.to_pem()[..40]).unwrap();
    fs::write(path.join(KEY_OLD), "older").unwrap();
    folder.install(&new_certificate).unwrap();
    assert_eq!([KEY, CERTIFICATE].map(|name| read(&path, name)), [new.to_pem().to_string(), new_certificate]);
    // nothing of it is thrown away, and nothing of before
    assert_eq!(read(&path, KEY_BROKEN), old.to_pem()[..40]);
    assert_eq!(read(&path, CERTIFICATE_BROKEN), old_certificate);
    assert_eq!(read(&path, KEY_OLD), "older");

    // a next key that is broken, beside a certificate for the same key once more
    fs::write(path.join(KEY_NEXT), "half a k").unwrap();
    let same = certificate(&new, 3);
    folder.install(&same).unwrap();
    assert_eq!((read(&path, CERTIFICATE), read(&path, KEY_NEXT)), (same, "half a k".into()));
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn what_a_power_cut_has_left_of_a_file_goes_and_nothing_else_does() {
    let path = new_path("tidy");
    let ours = [".key.pem.17", ".probe.4", ".pending.scep.99"];
    let others = [".key.pem.bak", ".bashrc.1", "key.pem.17", ".lock", ".crl.17"];
    for name in ours.into_iter().chain(others) {
        fs::write(path.join(name), "half").unwrap();
    }
    Folder::at(&path).enter().unwrap();
    let left: Vec<String> = power::read(&path).into_keys().collect();
    let mut expected = others.map(str::to_owned);
    expected.sort();
    assert_eq!(left, expected);
    fs::remove_dir_all(&path).unwrap();
}
