//! Project Wycheproof's vectors, through the verifiers, ciphers and key derivations of the provider and through
//! messages, and through the RSA of the firmware example. RSA decryption, whose results stay inside of the crate, is in `src/crypto/rustcrypto/wycheproof_tests.rs`.
//!
//! Every vector is counted: accepted, refused, or not run, with the reason. Wycheproof's verdict "acceptable" means
//! that it may go either way; here each such vector has its one right answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

extern crate alloc;

#[path = "wycheproof/content.rs"]
mod content;
#[path = "wycheproof/firmware.rs"]
mod firmware;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[path = "wycheproof/signatures.rs"]
mod signatures;
#[path = "wycheproof/tally.rs"]
mod tally;
