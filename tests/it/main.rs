//! Both sides in memory: against each other, and against peers that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cert_rep;
mod client_compat;
mod client_damage;
mod client_enrol;
mod client_fetch;
mod client_kit;
mod client_legacy;
mod client_next_ca;
mod client_password;
mod client_pending;
mod client_renewal;
mod client_replies;
mod client_trust;
mod client_whole;
mod counting;
mod faults;
mod hostile_keys;
mod intune;
mod limits;
mod losses;
mod paths;
mod profile;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "../shared/provider.rs"]
mod provider;
mod quirks;
mod reading;
mod requests;
mod requirements;
mod server_blind;
mod server_discovery;
mod server_enrol;
mod server_errors;
mod server_faults;
mod server_find;
mod server_grant;
mod server_hostile;
mod server_issuance;
mod server_kit;
mod server_next_ca;
mod server_one_time;
mod server_password;
mod server_polling;
mod server_renewal;
mod server_uniform;
mod support;
mod transaction_rows;
mod transactions;
#[cfg(feature = "aws-lc-rs")]
mod two_providers;
