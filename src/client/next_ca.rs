//! GetNextCACert: the certificates of the CA that takes over later (RFC 8894 section 4.7).

use super::ca::{TrustedCa, may_anchor, owned};
use super::config::ClientConfig;
use super::step::{Done, Stage, Step, Transmit};
use crate::error::{BadSignature, Error, InvalidMessage};
use crate::message::Unverified;
use crate::transport::{self, HttpResponse, Operation, ScepUrl};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use crate::wire::certs_only::CertsOnly;
use crate::wire::normalize::normalize;
use crate::wire::oid::Oid;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// The certificates of the CA that takes over later. The present CA signed them, or an RA of its (see
/// [`ClientConfig::require_ra_purpose`]); nothing that the device has is replaced by them.
pub struct NextCa {
    certificates: Vec<CertificateDer<'static>>,
    capabilities: Capabilities,
    now: Option<UnixTime>,
}

impl NextCa {
    /// The certificates, in the order sent: at least one of a CA, and those of RAs that come with it. They may not be
    /// valid yet.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The next CA, ready to be asked for a certificate before it takes over (RFC 8894 section 5.1): with
    /// [`Client::renew_with`](super::Client::renew_with) or [`Client::enrol_with`](super::Client::enrol_with), which
    /// encrypt for it. Its CA certificates are trusted as they stand, and dates are checked for the time when it takes
    /// over, [`TrustedCa::valid_from`], until that has come. Until then the device goes on with the present CA, the
    /// present certificate and its key.
    ///
    /// Fails as [`TrustedCa::new`] does. `config` is [`Client::config`](super::Client::config).
    pub fn into_trusted(self, config: &ClientConfig) -> Result<TrustedCa, Error> {
        let Self { certificates, capabilities, now } = self;
        let is_anchor =
            |der: &CertificateDer<'static>| Certificate::parse(der).is_ok_and(|own| may_anchor(&own));
        let (anchors, others): (Vec<_>, Vec<_>) = certificates.into_iter().partition(is_anchor);
        TrustedCa::staged(config, &anchors, &others, capabilities, now)
    }
}

impl fmt::Debug for NextCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextCa({} certificates)", self.certificates.len())
    }
}

/// Whom the question went to, and who reads the answer: a device that does not ask does not link that.
pub(super) struct Asked {
    pub(super) read: fn(&Self, HttpResponse, Option<UnixTime>) -> Result<Done, Error>,
    config: Arc<ClientConfig>,
    ca: TrustedCa,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ca.fmt(f)
    }
}

pub(super) fn start(config: Arc<ClientConfig>, url: &ScepUrl, ca: TrustedCa) -> Step {
    let request = transport::get(url, Operation::GetNextCaCert, config.ca_identifier.as_deref());
    Step::Transmit(Transmit { request, stage: Stage::NextCa(Box::new(Asked { read, config, ca })) })
}

/// Reads the answer. It counts only if the present CA or one of its RAs signed it (R-4.7.1-2, T35): a list without a
/// signature, or signed by the next CA itself, is no answer.
fn read(asked: &Asked, response: HttpResponse, now: Option<UnixTime>) -> Result<Done, Error> {
    let Asked { config, ca, .. } = asked;
    let limits = &config.limits;
    transport::check_response(&response, Operation::GetNextCaCert, limits.response)?;
    let message = Unverified::parse(response.body, limits)?.verify_by(config.provider, ca.signers(config))?;
    // the certificates of a CA, which come together (T40)
    let mut signatures = message.signatures_left().saturating_add(limits.certificates);
    if now.is_some() {
        ca.check(config, &Certificate::parse(message.signer())?, &[], now, &mut signatures)?;
    }
    let attributes = message.attributes()?;
    // R-4.7.1-3: what SCEP signs otherwise must not pass for this
    if attributes.value(Oid::MESSAGE_TYPE)?.is_some() {
        return Err(InvalidMessage::MessageType.into());
    }
    let content_type = attributes.content_type()?;
    if content_type != Some(Oid::ID_DATA) && content_type != Some(Oid::ID_SIGNED_DATA) {
        return Err(InvalidMessage::ContentType.into());
    }
    let mut certificates = match message.content() {
        [] => Vec::new(),
        content => owned(CertsOnly::parse(&normalize(content, limits)?, limits)?.certificates().iter()),
    };
    if certificates.is_empty() {
        let outside = owned(message.certificates()?.iter());
        certificates = vouched_for(asked, outside, &mut signatures, now)?;
    }
    check(ca, &certificates, now)?;
    Ok(Done::NextCa(NextCa { certificates, capabilities: ca.capabilities(), now }))
}

/// What some servers put next to the content instead of into it. The signature does not cover that, so each has to chain
/// to the present anchors by itself (R-4.7.1-4).
fn vouched_for(
    asked: &Asked,
    mut outside: Vec<CertificateDer<'static>>,
    signatures: &mut usize,
    now: Option<UnixTime>,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let Asked { config, ca, .. } = asked;
    // the signer's own comes along
    outside.retain(|der| !ca.certificates().contains(der));
    for der in &outside {
        let own = Certificate::parse(der)?;
        // it may not be valid yet
        let from = own.not_before()?;
        ca.check(config, &own, &[], now.map(|now| now.max(from)), signatures)?;
    }
    Ok(outside)
}

/// At least one is a CA's and no older than the present one; none has expired.
fn check(
    ca: &TrustedCa,
    certificates: &[CertificateDer<'static>],
    now: Option<UnixTime>,
) -> Result<(), Error> {
    let present = Certificate::parse(ca.issuer())?.not_before()?;
    let (mut authority, mut newer) = (false, false);
    for der in certificates {
        let own = Certificate::parse(der)?;
        if now.is_some_and(|now| own.not_after().is_ok_and(|until| until < now)) {
            return Err(BadSignature::Validity.into());
        }
        if may_anchor(&own) {
            authority = true;
            newer |= own.not_before()? >= present;
        }
    }
    match (authority, newer) {
        (false, _) => Err(InvalidMessage::NoCertificates.into()),
        (true, false) => Err(BadSignature::Validity.into()),
        (true, true) => Ok(()),
    }
}
