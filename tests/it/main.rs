//! Both sides in memory: against each other, and against peers that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cert_rep;
mod client_damage;
mod client_enrol;
mod client_legacy;
mod client_pending;
mod client_replies;
mod client_trust;
mod reading;
mod requests;
mod server_discovery;
mod server_enrol;
mod server_errors;
mod server_faults;
mod server_grant;
mod server_hostile;
mod server_kit;
mod server_polling;
mod server_uniform;
mod support;
