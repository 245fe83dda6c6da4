//! The calls of a CA to the Intune service: what NDES with its policy module and the Certificate Connector do.
//!
//! ```text
//! Enrol ── Service::validate ──> Ask<Validate> ──┬─> Refused ───────── refuse ────────> FAILURE
//!                                                ├─> Undecided ─────── unavailable ───> 503, nothing has changed
//!                                                └─> Validated ─┬───── unavailable ───> 503, nothing has changed
//!                                                               ├─ failed ─> Ask<Report> ─> Reported ─ refuse ─> FAILURE
//!                                                               └─ issued ─> Ask<Notify>
//!                                                                               ├─> Acknowledged ─ grant ─────> SUCCESS
//!                                                                               ├─> Rejected ───── refuse ────> FAILURE
//!                                                                               └─> Unnotified ─── unavailable ─> 503
//! ```
//!
//! Each step owns the one before it, and has no other ways out than these. So a certificate that the service was not told
//! of, and has not acknowledged, does not leave: [`Acknowledged`] is the only one with a `grant`. What nobody could decide
//! is never taken for a yes nor for a no.
//!
//! An [`Ask`] makes HTTP requests as values ([`ServiceRequest`]) and takes what came back; tokens, HTTP and pauses are the
//! caller's. [`drive`] is the short path for blocking callers.
//!
//! ```
//! use scep::crypto::Rng;
//! use scep::intune::{Endpoints, IssuedBy, Notification, Service, ServiceTransport, Verdict, drive};
//! use scep::pki_types::CertificateDer;
//! use scep::server::{Enrol, Exchange, RequestedCertificate};
//!
//! /// Answers [`Decide::Enrol`](scep::server::Decide::Enrol).
//! fn enrol(
//!     service: &Service,
//!     endpoints: &mut Endpoints,
//!     http: &mut impl ServiceTransport,
//!     issue: impl Fn(&RequestedCertificate) -> CertificateDer<'static>,
//!     question: Enrol,
//!     rng: &mut Rng<'_>,
//! ) -> Exchange {
//!     let ask = match service.validate(question, endpoints, rng) {
//!         Ok(ask) => ask,
//!         Err(unasked) => return unasked.answer(rng),
//!     };
//!     let verdict = drive(ask, http, endpoints);
//!     println!("{}", verdict.event());
//!     let validated = match verdict {
//!         Verdict::Valid(validated) => validated,
//!         Verdict::Refused(refused) => return refused.refuse(rng),
//!         Verdict::Undecided(undecided) => return undecided.unavailable(),
//!     };
//!     let leaf = issue(validated.requested());
//!     let by = IssuedBy::default();
//!     let notification = match validated.issued(leaf, Vec::new(), &by, endpoints) {
//!         Ok(ask) => drive(ask, http, endpoints),
//!         Err(unfit) => {
//!             let report = unfit.validated.failed(0x8007_000D_u32.cast_signed(), "unfit", endpoints);
//!             return drive(report, http, endpoints).refuse(rng);
//!         }
//!     };
//!     println!("{}", notification.event());
//!     match notification {
//!         Notification::Acknowledged(acknowledged) => acknowledged.grant(),
//!         // both are to be revoked: see their `certificate`
//!         Notification::Rejected(rejected) => rejected.refuse(rng),
//!         Notification::Undecided(unnotified) => unnotified.unavailable(),
//!     }
//! }
//! ```
//!
//! A validated request cannot be granted without the notification; this does not compile:
//!
//! ```compile_fail,E0599
//! fn grant(validated: scep::intune::Validated) -> scep::server::Exchange {
//!     validated.grant()
//! }
//! ```
//!
//! Neither does it give out what could be granted another way:
//!
//! ```compile_fail,E0616
//! fn take(validated: scep::intune::Validated) -> scep::server::Authorized {
//!     validated.authorized
//! }
//! ```
//!
//! Nor does a certificate whose notification failed go out:
//!
//! ```compile_fail,E0599
//! fn grant(unnotified: scep::intune::Unnotified) -> scep::server::Exchange {
//!     unnotified.grant()
//! }
//! ```
//!
//! # Replace NDES
//!
//! - **Topology.** One [`Responder`](crate::server::Responder) for each tenant, at a URL of its own, with a [`Service`] and an
//!   endpoint name of its own: a challenge of one fails at the other. Any path will do, so profiles that say
//!   `/certsrv/mscep/mscep.dll` go on working. Several servers share one store with compare-and-set. The CA may be elsewhere:
//!   what issues is called between two steps, and may take its time.
//! - **Keys.** The key that opens requests, the one that signs replies and the CA's own are three roles
//!   ([`Identity::separate`](crate::server::Identity::separate)). Watch for events 20502 with 0x408 (opening) and 0x409
//!   (signing), and renew the RA's certificates in time: nothing here does it.
//! - **Templates.** What a template allows becomes an [`IssuancePolicy`](crate::server::IssuancePolicy): key usages, purposes,
//!   extensions. The profile in the service's console has to ask for no more, or the rest is left out.
//! - **Reverse proxy.** Let GET and POST through without changes, request lines of 65,534 bytes for GET, bodies of
//!   [`Limits::message`](crate::wire::Limits::message) bytes, and the exact `Content-Type` of replies. Do not retry: the device
//!   does. Its time limit has to be longer than twice [`Patience::longest`] and what issuing takes.
//! - **What to watch.** 20501 with 0x411: devices come too late, or a clock is wrong. 20502: the service is not reached, and
//!   devices get 503 and come again. 20602: certificates were made and did not go out; revoke them.
//! - **Not here.** The administrator's page with its passwords, `mscep_admin`, and the identity platform's tokens.
//!
//! # What the service does not do
//!
//! It says nothing about security identifiers that a device puts into its request: none passes
//! ([`Validated::wishes`], T24). It does not remember that a challenge was used: the same challenge with another key is a
//! question for it, and its answer counts. And it hears of a certificate before the device has it: where the store fails
//! between the two, the next try gets another certificate.

mod ask;
mod code;
mod endpoints;
pub mod event;
mod issue;
mod json;
mod request;
mod revoke;
mod service;
mod validate;

pub use ask::{Ask, Asked, Question, ServiceTransport, drive};
pub use code::ResultCode;
pub use endpoints::Endpoints;
pub use event::{ConnectorEvent, DiagnosticCode, EventId, Remedy, Severity};
pub use issue::{
    Acknowledged, IssuedBy, Notification, Notify, Rejected, Report, Reported, Unfit, Unnotified,
};
pub use request::{AccessToken, Fault, NoAnswer, RequestId, ServiceRequest};
pub use revoke::{
    Download, Downloaded, MAX_REVOCATIONS, RevocationError, RevocationRequest, RevocationResult, Upload,
    Uploaded,
};
pub use service::{Patience, Service};
pub use validate::{Refused, Unasked, Undecided, Validate, Validated, Verdict};
