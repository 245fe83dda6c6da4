//! Renewal: a request that an existing certificate authenticates (RFC 8894 sections 2.3 and 2.5).

use super::enrol::{NewEnrolment, can_sign};
use crate::crypto::ChallengePassword;
use crate::error::{ApiMisuse, Error};
use crate::wire::attributes::MessageType;
use crate::wire::capabilities::{Capabilities, Capability};
use crate::wire::certificate::Certificate;
use crate::wire::distinguished_name::DistinguishedName;
use crate::wire::extension::ExtensionsBuilder;
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// How a renewal is asked for (RFC 8894 section 2.3).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RenewalStyle {
    /// By what the CA lists. RenewalReq (17) where that is SCEPStandard, or nothing at all: nobody signs the list, so
    /// losing it changes nothing. PKCSReq (19) signed under the current certificate where it is Renewal without
    /// SCEPStandard, as with NDES. Else, and when a clock says that the current certificate is not valid now, a new
    /// enrolment under a self-signed certificate of the new key: that one wants a challenge password mostly, see
    /// [`RenewalBuilder::challenge`]. Whoever changes the list on the path can bring that about, and so have the CA
    /// refuse, or use up the password; where the CA is known to renew, name the style.
    #[default]
    Auto,
    /// RenewalReq (17), signed under the current certificate, whatever the CA lists.
    RenewalReq,
    /// PKCSReq (19), signed under the current certificate, whatever the CA lists: what the drafts before RFC 8894 did,
    /// and many servers still take nothing else.
    PkcsReq,
}

/// What to ask a CA for that issued a certificate before.
///
/// Nothing in here replaces the current certificate or its key: see [`Issued`](super::Issued) for when that is over.
pub struct Renewal {
    pub(super) request: NewEnrolment,
    pub(super) current: Current,
}

impl Renewal {
    /// A request for the subject and the subject alternative names of `current`, and for the key `new_public_key` (DER
    /// SubjectPublicKeyInfo). The same key as now is allowed, and a new one is better (RFC 8894 section 2.5).
    ///
    /// Both private keys will be asked: the new one signs the certification request, the current one the messages, and
    /// it opens the reply; one that cannot needs [`RenewalBuilder::challenge`]. [`SignJob::public_key`](crate::crypto::SignJob::public_key) and
    /// [`Recipient::public_key`](crate::crypto::Recipient::public_key) say which;
    /// `crypto::rustcrypto::KeyRing` finds keys in memory by them.
    pub fn builder(current: CertificateDer<'_>, new_public_key: &[u8]) -> RenewalBuilder {
        RenewalBuilder {
            current: Current {
                certificate: current.into_owned(),
                chain: Vec::new(),
                style: RenewalStyle::Auto,
            },
            public_key: new_public_key.to_vec(),
            challenge: None,
        }
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewal({}, {:?})", self.request.subject.name(), self.current.style)
    }
}

/// Makes a [`Renewal`].
#[derive(Debug)]
pub struct RenewalBuilder {
    current: Current,
    public_key: Vec<u8>,
    challenge: Option<ChallengePassword>,
}

impl RenewalBuilder {
    /// A challenge password to send along. Without this there is none: the current certificate authenticates the request
    /// (RFC 8894 section 2.4). Give one to a CA that wants both, or for [`RenewalStyle::Auto`] to fall back on.
    ///
    /// Where the current key or that of the CA cannot encrypt, this is what messages are encrypted by, and has to be one
    /// that the CA knows this device by: that of its first request. See
    /// [`ClientConfig::password_recipients`](super::ClientConfig::password_recipients).
    #[must_use]
    pub fn challenge(mut self, challenge: ChallengePassword) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Another way than [`RenewalStyle::Auto`].
    #[must_use]
    pub fn style(mut self, style: RenewalStyle) -> Self {
        self.current.style = style;
        self
    }

    /// CA certificates above the current one, which messages carry behind it (RFC 8894 section 2.3): for a server that
    /// cannot find them by itself.
    #[must_use]
    pub fn chain(mut self, chain: Vec<CertificateDer<'static>>) -> Self {
        self.current.chain = chain;
        self
    }

    /// The finished request. [`ApiMisuse::Certificate`] when the current certificate or one of the chain cannot be read,
    /// or its key is none that SCEP can use; [`ApiMisuse::PublicKey`] when the new key is none. Whether replies can be
    /// encrypted for the current key is a question for [`Client::renew`](super::Client::renew).
    pub fn build(self) -> Result<Renewal, Error> {
        let Self { current, public_key, challenge } = self;
        can_sign(&public_key)?;
        current.check()?;
        let own = Certificate::parse(&current.certificate)?;
        let subject = DistinguishedName::from(own.subject());
        let names = own.extensions().map_err(|_| ApiMisuse::Certificate)?;
        let names = names.and_then(|extensions| extensions.get(Oid::SUBJECT_ALT_NAME));
        let mut extensions = ExtensionsBuilder::default();
        if let Some(names) = names {
            extensions = extensions.raw(names.oid, names.critical, names.value);
        }
        let extensions = extensions.build();
        let attribute = Vec::new();
        let request = NewEnrolment { subject, public_key, reply_key: None, challenge, extensions, attribute };
        Ok(Renewal { request, current })
    }
}

/// The certificate that a device has, and how to use it.
#[derive(Clone)]
pub(super) struct Current {
    certificate: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    style: RenewalStyle,
}

impl Current {
    fn check(&self) -> Result<(), Error> {
        let readable = self.chain.iter().all(|der| Certificate::parse(der).is_ok());
        let usable = self.key().and_then(|key| can_sign(key.as_der()));
        if readable && usable.is_ok() { Ok(()) } else { Err(ApiMisuse::Certificate.into()) }
    }

    /// The key of the certificate.
    pub(super) fn key(&self) -> Result<SubjectPublicKeyInfo<'_>, Error> {
        Ok(Certificate::parse(&self.certificate)?.public_key())
    }

    /// The type of the message that is signed under the certificate; `None` when it should be a new enrolment instead.
    pub(super) fn message_type(
        &self,
        limits: &Limits,
        listed: Capabilities,
        now: Option<UnixTime>,
    ) -> Result<Option<MessageType>, Error> {
        let own = Certificate::parse(&self.certificate)?;
        own.public_key().check(limits).map_err(|_| ApiMisuse::Certificate)?;
        let valid = match now {
            Some(now) => {
                let dates = own.not_before().and_then(|from| Ok(from..=own.not_after()?));
                dates.map_err(|_| ApiMisuse::Certificate)?.contains(&now)
            }
            None => true,
        };
        Ok(match self.style {
            RenewalStyle::Auto if !valid => None,
            _ if !valid => return Err(ApiMisuse::Certificate.into()),
            RenewalStyle::RenewalReq => Some(MessageType::RenewalReq),
            RenewalStyle::PkcsReq => Some(MessageType::PkcsReq),
            RenewalStyle::Auto if listed.is_empty() || listed.lists(Capability::ScepStandard) => {
                Some(MessageType::RenewalReq)
            }
            RenewalStyle::Auto if listed.lists(Capability::Renewal) => Some(MessageType::PkcsReq),
            RenewalStyle::Auto => None,
        })
    }

    /// The certificate, then what goes along behind it.
    pub(super) fn into_certificates(self) -> (CertificateDer<'static>, Vec<CertificateDer<'static>>) {
        (self.certificate, self.chain)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Current({} bytes, {:?})", self.certificate.len(), self.style)
    }
}
