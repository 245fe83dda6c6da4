//! pkiMessages (RFC 8894 section 3): what both sides need to open one and to make one.
//!
//! A message goes through types that say what is known of it:
//!
//! ```text
//! bytes -> Unverified -> Verified -> Envelope -> Opened        reading: signature first, then the private key
//!                                 -> PasswordEnvelope -> Opened         the same, by a challenge password
//! content -> envelope() -> Draft -> SignJob -> bytes           writing: encrypt first, then sign
//! ```

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod codec;
mod correlate;
mod open;
mod password;
mod path;
#[cfg(feature = "server")]
mod proof;
mod seal;

pub use correlate::Correlation;
pub use open::{Envelope, OpenPolicy, Opened, Unverified, Verified};
pub use password::PasswordEnvelope;
#[cfg(feature = "server")]
pub(crate) use path::is_understood;
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use path::{Budget, check_path_within};
pub use path::{PathContext, check_path};
#[cfg(feature = "server")]
pub(crate) use proof::Proof;
pub use seal::{Addressee, Draft, Fields, envelope};
#[cfg(feature = "client")]
pub(crate) use seal::{envelope_for_certificate, envelope_for_password};
