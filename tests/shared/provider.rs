//! The provider that the tests are about: with feature `aws-lc-rs` that one, and else that of `rustcrypto`. One suite for
//! both: `cargo test --features aws-lc-rs --test it --test wycheproof --test oracle --test vectors`.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use scep::crypto::aws_lc_rs::*;
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use scep::crypto::rustcrypto::*;
