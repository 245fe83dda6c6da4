//! Whether the CA is the right one (RFC 8894 section 2.2).

use super::ca::{TrustedCa, may_anchor};
use super::discover::{Goal, Plan};
use super::sign;
use super::step::{Done, Failed, Step};
#[cfg(feature = "legacy")]
use crate::crypto::Digest;
#[cfg(feature = "legacy")]
use crate::error::ApiMisuse;
use crate::error::{Error, PeerMisbehaved};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};
use subtle::ConstantTimeEq;

/// The CA's certificates came, and nobody knows yet whether they are the CA's. A CA is pinned, by something that did
/// not come this way, or the caller says `dangerous`.
#[must_use]
pub struct Trust {
    pub(super) plan: Box<Plan>,
    pub(super) capabilities: Capabilities,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) now: Option<UnixTime>,
}

impl Trust {
    /// The certificates as they came, for a person to compare.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The capabilities, which nobody signed.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The SHA-256 fingerprint of a certificate, 32 bytes: what the CA's operator publishes.
    pub fn sha256(&self, certificate: &CertificateDer<'_>) -> Result<[u8; 32], Error> {
        self.plan.config.provider.sha256(&[certificate])
    }

    /// Trusts the certificate with this SHA-256 fingerprint (over its whole DER form), and what chains to it.
    ///
    /// Without such a certificate the error is [`PeerMisbehaved::Fingerprint`], and no message has been sent that
    /// could give anything away. The step comes back.
    pub fn matching_sha256(self, fingerprint: &[u8; 32]) -> Result<Step, Box<Failed<Self>>> {
        let provider = self.plan.config.provider;
        self.matching(|der| provider.sha256(&[der]).is_ok_and(|own| own.ct_eq(fingerprint).into()))
    }

    /// The same with 20 bytes of SHA-1, for operators who publish nothing else; see
    /// [`Compat::sha1_fingerprint`](super::Compat::sha1_fingerprint).
    ///
    /// [`ApiMisuse::Algorithm`] when that switch is off or the provider does not list SHA-1. The step comes back.
    #[cfg(feature = "legacy")]
    pub fn matching_sha1(self, fingerprint: &[u8; 20]) -> Result<Step, Box<Failed<Self>>> {
        let config = &self.plan.config;
        let sha1 = config.provider.digest(Digest::Sha1).ok().filter(|_| config.compat.sha1_fingerprint);
        match sha1 {
            Some(sha1) => self.matching(|der| sha1.digest(&[der]).as_bytes().ct_eq(fingerprint).into()),
            None => Err(Failed::kept(ApiMisuse::Algorithm.into(), self)),
        }
    }

    fn matching(self, is_meant: impl Fn(&[u8]) -> bool) -> Result<Step, Box<Failed<Self>>> {
        match self.certificates.iter().find(|der| is_meant(der)).cloned() {
            Some(anchor) => self.proceed(&[anchor]),
            None => Err(Failed::new(PeerMisbehaved::Fingerprint.into(), self)),
        }
    }

    /// Trusts this certificate, which the caller has from elsewhere, and what chains to it. It need not be among
    /// those that came.
    pub fn pinned(self, anchor: &CertificateDer<'_>) -> Result<Step, Box<Failed<Self>>> {
        let anchor = anchor.clone().into_owned();
        self.proceed(&[anchor])
    }

    /// Trusts whatever came. Whoever is on the path then is the CA, reads the challenge password, and chooses the
    /// certificate.
    pub fn dangerous(self) -> Result<Step, Box<Failed<Self>>> {
        let is_anchor =
            |der: &&CertificateDer<'static>| Certificate::parse(der).is_ok_and(|own| may_anchor(&own));
        let anchors: Vec<_> = self.certificates.iter().filter(is_anchor).cloned().collect();
        self.proceed(&anchors)
    }

    fn proceed(self, anchors: &[CertificateDer<'static>]) -> Result<Step, Box<Failed<Self>>> {
        let made =
            TrustedCa::new(&self.plan.config, anchors, &self.certificates, self.capabilities, self.now);
        let ca = match made {
            Ok(ca) => ca,
            // nothing is lost: the caller may pin another certificate
            Err(error) => return Err(Failed::kept(error, self)),
        };
        let Self { plan, now, .. } = self;
        let Plan { config, url, goal } = *plan;
        match goal {
            Goal::Enrol(draft) => sign::begin(config, url, ca, *draft, now).map_err(Failed::dead),
            Goal::Ca | Goal::Capabilities => Ok(Step::Done(Done::Ca(ca))),
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} certificates)", self.certificates.len())
    }
}
