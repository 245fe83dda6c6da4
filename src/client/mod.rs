//! The client side: a device asks a CA for a certificate, one owned step after the other.
//!
//! ```text
//! enrol ─> Transmit ─> Transmit ─> Trust ─> Sign ─> Sign ─> Sign ─> Transmit ─┬─> Decrypt ─> Done(Issued)
//!          GetCACaps   GetCACert            CSR     self-   message  PKCSReq   ├─> Done(Refused)
//!                                                   signed                     └─> Wait ─> Sign ─> Transmit ─> ...
//!                                                   certificate                    │ ▲              CertPoll
//!                                                                               save() resume()
//! ```
//!
//! Each step owns what it needs; its methods consume it and give the next one, so a wrong order does not compile.
//! Whatever may wait (the network, a key in a secure element, a person who compares a fingerprint, days of PENDING)
//! is a step that the caller takes. [`drive()`] is the short path for blocking callers and holds no rule of the
//! protocol.
//!
//! An error gives the step back when the very same request may be sent again: see [`Failed::retry`].

mod config;
mod discover;
mod drive;
mod enrol;
mod poll;
mod reply;
mod step;
mod trust;

pub use config::{ClientConfig, Compat};
pub use drive::{DriveCause, DriveError, Driven, Transport, drive};
pub use enrol::{NewEnrolment, NewEnrolmentBuilder};
pub use poll::Wait;
pub use step::{Decrypt, Done, Failed, Issued, Sign, Step, Transmit, UntrustedText};
pub use trust::{Trust, TrustedCa};

use crate::crypto::Rng;
use crate::error::Error;
use crate::transport::ScepUrl;
use alloc::boxed::Box;
use alloc::sync::Arc;
use discover::Goal;
use rustls_pki_types::UnixTime;

/// Starts enrolments. It keeps nothing of them, and may be shared.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
}

impl Client {
    /// A client with this configuration.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    /// Asks for a new certificate (RFC 8894 section 2.5): GetCACaps, GetCACert, trust, PKCSReq.
    ///
    /// `url` is `http://` or `https://` with host, port and path; without a path it is `/cgi-bin/pkiclient.exe`.
    pub fn enrol(&self, url: &str, request: NewEnrolment, rng: &mut Rng<'_>) -> Result<Step, Error> {
        let goal = Goal::Enrol(Box::new(enrol::Draft::new(request, rng)?));
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, goal))
    }

    /// Asks for a new certificate from a CA that is known already, for example from [`Done::Ca`]: no GetCACaps, no
    /// GetCACert. `now` is for the dates of the self-signed certificate.
    pub fn enrol_with(
        &self,
        url: &str,
        ca: TrustedCa,
        request: NewEnrolment,
        now: Option<UnixTime>,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let draft = enrol::Draft::new(request, rng)?;
        enrol::begin(Arc::clone(&self.config), ScepUrl::parse(url)?, ca, draft, now)
    }

    /// Asks for the capabilities only (RFC 8894 section 3.5): ends in [`Done::Capabilities`].
    pub fn fetch_capabilities(&self, url: &str) -> Result<Step, Error> {
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, Goal::Capabilities))
    }

    /// Gets the CA's certificates and has them trusted (RFC 8894 section 4.2): ends in [`Done::Ca`].
    pub fn fetch_ca(&self, url: &str) -> Result<Step, Error> {
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, Goal::Ca))
    }

    /// Goes on with an enrolment that was held, after [`Wait::save`]; for example after a reboot.
    ///
    /// Damaged bytes, another version or another library's are
    /// [`SavedState`](crate::error::InvalidMessage::SavedState).
    pub fn resume(&self, saved: &[u8]) -> Result<Wait, Error> {
        poll::resume(Arc::clone(&self.config), saved)
    }
}
