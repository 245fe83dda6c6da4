//! The bodies of the fuzz targets: each takes any bytes, and panics when something does not hold.
//!
//! They know nothing of the fuzzer, so that the tests of the crate replay the corpora through them.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests, of one crate or of another"
)]

mod device;
mod insecure;
mod kept;
mod office;
mod oracle;
mod profile;
mod seeds;
mod text;
mod wire;
mod world;

pub use device::{client_reply, client_sequence};
pub use kept::{inspect, resume};
pub use office::{server_request, server_sequence};
pub use oracle::differential;
pub use profile::name_template;
pub use seeds::seeds;
pub use text::{caps, names, query};
pub use wire::{attributes, certificate, crl, csr, enveloped, normalize, signed};

/// A target, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 18] = [
    ("attributes", attributes),
    ("caps", caps),
    ("certificate", certificate),
    ("client_reply", client_reply),
    ("client_sequence", client_sequence),
    ("crl", crl),
    ("csr", csr),
    ("differential", differential),
    ("enveloped", enveloped),
    ("inspect", inspect),
    ("name_template", name_template),
    ("names", names),
    ("normalize", normalize),
    ("query", query),
    ("resume", resume),
    ("server_request", server_request),
    ("server_sequence", server_sequence),
    ("signed", signed),
];
