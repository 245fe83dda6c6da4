#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::as_conversions, clippy::arithmetic_side_effects)
)]
#![doc = include_str!("../README.md")]

extern crate alloc;

pub mod crypto;
pub mod error;
pub mod inspect;
pub mod message;
pub mod transport;
pub mod wire;

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "intune")]
pub mod intune;
#[cfg(feature = "profile")]
pub mod profile;
#[cfg(feature = "server")]
pub mod server;

/// The types of bytes at the boundary: certificates, keys, times.
pub use rustls_pki_types as pki_types;

pub use error::Error;

#[cfg(all(doctest, feature = "rustcrypto"))]
#[doc = include_str!("../no_std.md")]
mod no_std {}
