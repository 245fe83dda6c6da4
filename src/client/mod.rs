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
//! ```text
//! renew ──> like enrol, without the self-signed certificate: the current certificate signs the message
//! fetch_certificate, fetch_crl ──> Sign ──> Transmit ─┬─> Decrypt ──> Done(Certificate), Done(Crl)
//!                                           GetCert   └─> Done(Refused)
//! fetch_next_ca ──> Transmit ──> Done(NextCa)
//! ```
//!
//! Where the device's key cannot decrypt, the challenge password opens the reply and there is no Decrypt: see
//! [`ClientConfig::password_recipients`], which is off by default.
//!
//! Each step owns what it needs; its methods consume it and give the next one, so a wrong order does not compile.
//! Whatever may wait (the network, a key in a secure element, a person who compares a fingerprint, days of PENDING)
//! is a step that the caller takes. [`drive()`] is the short path for blocking callers and holds no rule of the
//! protocol.
//!
//! An error gives the step back when the very same request may be sent again: see [`Failed::retry`].

mod ca;
mod compat;
mod config;
mod discover;
mod drive;
mod enrol;
mod fetch;
mod next_ca;
mod password;
mod poll;
mod renew;
mod reply;
mod sign;
mod step;
mod transaction;
mod trust;

pub use ca::TrustedCa;
pub use compat::Compat;
pub use config::ClientConfig;
pub use drive::{DriveCause, DriveError, Driven, Transport, drive};
pub use enrol::{NewEnrolment, NewEnrolmentBuilder};
pub use fetch::{Crl, Query};
pub use next_ca::NextCa;
pub use poll::Wait;
pub use renew::{Renewal, RenewalBuilder, RenewalStyle};
pub use step::{Decrypt, Done, Failed, Issued, Sign, Step, Transmit, UntrustedText};
pub use trust::Trust;

use crate::crypto::Rng;
use crate::error::Error;
use crate::transport::ScepUrl;
use crate::wire::attributes::MessageType;
use alloc::boxed::Box;
use alloc::sync::Arc;
use discover::Goal;
use rustls_pki_types::UnixTime;

/// Starts exchanges. It keeps nothing of them, and may be shared.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
}

impl Client {
    /// A client with this configuration.
    pub fn new(config: ClientConfig) -> Self {
        Self { config: Arc::new(config) }
    }

    /// What it was made with.
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// Asks for a new certificate (RFC 8894 section 2.5): GetCACaps, GetCACert, trust, PKCSReq.
    ///
    /// `url` is `http://` or `https://` with host, port and path; without a path it is `/cgi-bin/pkiclient.exe`.
    ///
    /// A key that cannot open the reply is [`ApiMisuse::PublicKey`](crate::error::ApiMisuse::PublicKey), unless the
    /// [challenge password](ClientConfig::password_recipients) may do it; then a weak one, or none, is
    /// [`ApiMisuse::WeakChallenge`](crate::error::ApiMisuse::WeakChallenge).
    pub fn enrol(&self, url: &str, request: NewEnrolment, rng: &mut Rng<'_>) -> Result<Step, Error> {
        let goal = Goal::Enrol(Box::new(enrol::Draft::new(&self.config, request, None, rng)?));
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
        let draft = enrol::Draft::new(&self.config, request, None, rng)?;
        sign::begin(Arc::clone(&self.config), ScepUrl::parse(url)?, ca, draft, now)
    }

    /// Asks for a certificate in place of one that the device has (RFC 8894 sections 2.3 and 2.5): GetCACaps, GetCACert,
    /// trust, then RenewalReq or what [`RenewalStyle`] says.
    ///
    /// Two keys take part, see [`Renewal::builder`], and the current one stays in use: it and its certificate may go
    /// only after the certificate of an [`Issued`] and its key are stored.
    ///
    /// A current key that cannot open the reply is [`ApiMisuse::Certificate`](crate::error::ApiMisuse::Certificate),
    /// unless the [challenge password](ClientConfig::password_recipients) may do it; then a weak one, or none, is
    /// [`ApiMisuse::WeakChallenge`](crate::error::ApiMisuse::WeakChallenge).
    pub fn renew(&self, url: &str, renewal: Renewal, rng: &mut Rng<'_>) -> Result<Step, Error> {
        let Renewal { request, current } = renewal;
        let goal = Goal::Enrol(Box::new(enrol::Draft::new(&self.config, request, Some(current), rng)?));
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, goal))
    }

    /// The same at a CA that is known already, for example from [`Done::Ca`] or [`NextCa::into_trusted`]. `now` tells
    /// whether the current certificate is still valid.
    ///
    /// [`ApiMisuse::Certificate`](crate::error::ApiMisuse::Certificate) when it is not and the style is not
    /// [`RenewalStyle::Auto`].
    pub fn renew_with(
        &self,
        url: &str,
        ca: TrustedCa,
        renewal: Renewal,
        now: Option<UnixTime>,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let Renewal { request, current } = renewal;
        let draft = enrol::Draft::new(&self.config, request, Some(current), rng)?;
        sign::begin(Arc::clone(&self.config), ScepUrl::parse(url)?, ca, draft, now)
    }

    /// Asks for a certificate by issuer and serial number (GetCert, RFC 8894 section 4.5): ends in
    /// [`Done::Certificate`] or [`Done::Refused`]. A CA may well give a device nothing but its own.
    pub fn fetch_certificate(
        &self,
        url: &str,
        ca: TrustedCa,
        query: Query,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let (config, url) = (Arc::clone(&self.config), ScepUrl::parse(url)?);
        fetch::start(config, url, ca, query, MessageType::GetCert, fetch::certificate, rng)
    }

    /// Asks for the CRL of the issuer that `query` names (GetCRL, RFC 8894 section 4.6): ends in [`Done::Crl`] or
    /// [`Done::Refused`]. A certificate that names an HTTP address for its CRL is better served there (RFC 8894 section
    /// 2.7).
    pub fn fetch_crl(
        &self,
        url: &str,
        ca: TrustedCa,
        query: Query,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let (config, url) = (Arc::clone(&self.config), ScepUrl::parse(url)?);
        fetch::start(config, url, ca, query, MessageType::GetCrl, fetch::crl, rng)
    }

    /// Asks for the certificates of the CA that takes over later (GetNextCACert, RFC 8894 section 4.7): ends in
    /// [`Done::NextCa`]. A CA without any answers with an HTTP error, mostly
    /// [`UnexpectedStatus`](Error::UnexpectedStatus) 404.
    pub fn fetch_next_ca(&self, url: &str, ca: TrustedCa) -> Result<Step, Error> {
        Ok(next_ca::start(Arc::clone(&self.config), &ScepUrl::parse(url)?, ca))
    }

    /// Asks for the capabilities only (RFC 8894 section 3.5): ends in [`Done::Capabilities`].
    pub fn fetch_capabilities(&self, url: &str) -> Result<Step, Error> {
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, Goal::Capabilities))
    }

    /// Gets the CA's certificates and has them trusted (RFC 8894 section 4.2): ends in [`Done::Ca`].
    pub fn fetch_ca(&self, url: &str) -> Result<Step, Error> {
        Ok(discover::start(Arc::clone(&self.config), ScepUrl::parse(url)?, Goal::Ca))
    }

    /// Goes on with an enrolment that was held, after [`Wait::save`], or whose outcome is not known, after
    /// [`Transmit::save`]; for example after a reboot.
    ///
    /// Damaged bytes, another version or another library's are
    /// [`SavedState`](crate::error::InvalidMessage::SavedState).
    pub fn resume(&self, saved: &[u8]) -> Result<Wait, Error> {
        poll::resume(Arc::clone(&self.config), saved)
    }
}
