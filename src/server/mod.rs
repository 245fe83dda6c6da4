//! The server side: a responder that answers requests, one owned step after the other.
//!
//! ```text
//! accept ─┬───────────────────────────────────────────────────────────────> Done   GetCACaps, GetCACert, HTTP errors
//!         ├─> Decrypt ─┬─> Lookup ─┬─> Decide ─┬─> Record ─┬─> Sign ─> Done          requests
//!         ├────────────│───────────┘           └───────────┤                         polls
//!         │            │  (from Lookup too) ───────────────┤                         repeated requests
//!         │            ├─────────────> Decide ─────────────┤                         GetCert, GetCRL
//!         └────────────┴───────────────────────────────────┘                         refusals
//! ```
//!
//! Whatever may wait (a key in an HSM, a database, a person's decision) is a step that the caller takes, with
//! `.await` if it likes. Every rule is in the steps and none in a driver: [`drive()`] is the short path for blocking
//! callers, and any other driver is exactly as safe. Bad input never fails: it becomes a reply, and a step that is
//! dropped half way leaves nothing behind but what was recorded.

mod case;
mod challenge;
mod classify;
mod config;
mod conformance;
mod drive;
mod exchange;
mod find;
mod grant;
mod inquiry;
mod next_ca;
mod outcome;
mod password;
mod question;
mod renew;
mod request;
mod route;
mod session;
mod store;
mod transaction;

pub use challenge::SharedSecret;
pub use config::{CertificateAccess, Identity, ServerConfig};
pub use conformance::{Violation, conformance, samples};
pub use drive::drive;
pub use exchange::{Decrypt, Exchange, Lookup, Record, Sign};
pub use find::{FindCertificate, FindCrl};
pub use grant::{Authorized, Evidence, IssuedChain, Mismatch};
pub use next_ca::{NextCa, NextCaDraft};
pub use outcome::{Event, Outcome, Status, Summary};
pub use password::FindChallenge;
pub use question::{Decide, Enrol, Refusal};
pub use renew::Renew;
pub use route::Responder;
#[cfg(feature = "std")]
pub use store::{Full, MemoryStore};
pub use store::{Recorded, Store};
pub use transaction::{
    Asked, RequestedCertificate, Ruling, State, Transaction, TransactionKey, Transition, rule,
};
