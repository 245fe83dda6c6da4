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
//! A one-time challenge takes the middle twice: `Decide` (is it good?), `Record` (it is reserved, the request is being
//! issued), `Decide` (which certificate?), `Record` (it is spent, this was issued).
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
mod issuance;
mod next_ca;
mod one_time;
mod outcome;
mod password;
mod question;
mod renew;
mod request;
mod route;
mod sealed;
mod session;
mod store;
mod terms;
mod transaction;
mod validity;

pub use challenge::{ChallengeKey, OneTimeChallenges, SharedSecret};
pub use config::{CertificateAccess, Identity, ServerConfig};
pub use conformance::{Violation, challenge_conformance, challenge_samples, conformance, samples};
pub use drive::drive;
pub use exchange::{Decrypt, Exchange, Lookup, Record, Sign};
pub use find::{FindCertificate, FindCrl};
pub use grant::{Authorized, Evidence, IssuedChain, Mismatch};
pub use issuance::IssuancePolicy;
pub use next_ca::{NextCa, NextCaDraft};
pub use one_time::{ChallengeChange, ChallengeId, OneTimeChallenge};
pub use outcome::{Event, Outcome, Status, Summary};
pub use password::FindChallenge;
pub use question::{Decide, Enrol, Refusal};
pub use renew::Renew;
pub use route::Responder;
pub use store::{ChallengeStore, Recorded, Store};
#[cfg(feature = "std")]
pub use store::{Full, MemoryStore};
pub use terms::ChallengeTerms;
pub use transaction::{
    Asked, RequestedCertificate, Ruling, State, Transaction, TransactionKey, Transition, rule,
};
pub use validity::{NoValidity, Validity, ValidityPolicy};
