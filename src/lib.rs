#![cfg_attr(not(feature = "std"), no_std)]
#![doc = "SCEP (RFC 8894)."]

extern crate alloc;

#[cfg(feature = "client")]
pub mod client;
pub mod crypto;
pub mod error;
pub mod message;
pub mod transport;
pub mod wire;

pub use error::Error;
