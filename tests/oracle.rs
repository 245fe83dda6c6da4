//! Independent oracle: the formats against RustCrypto's `cms` and `x509-cert`, which share no code with the crate's
//! own reader and writer, and the algorithms against bare primitives.
//!
//! `aes`, `des`, `rsa`, `sha1`, `sha2` and `pem-rfc7468` are the dependencies of the crate itself, here used directly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "oracle/algorithms.rs"]
mod algorithms;
#[path = "oracle/modern.rs"]
mod modern;
#[path = "oracle/primitives.rs"]
mod primitives;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[path = "oracle/read.rs"]
mod read;
#[path = "oracle/read_requests.rs"]
mod read_requests;
#[path = "oracle/support.rs"]
mod support;
#[path = "oracle/types.rs"]
mod types;
#[path = "oracle/write.rs"]
mod write;
#[path = "oracle/write_requests.rs"]
mod write_requests;
