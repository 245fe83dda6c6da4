//! Whether the CA is the right one (RFC 8894 section 2.2), and which of its certificates does what.

use super::config::ClientConfig;
use super::discover::{Goal, Plan};
use super::enrol;
use super::step::{Done, Failed, Step};
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::message::{PathContext, check_path, check_path_within};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use crate::wire::extension::KeyUsage;
use crate::wire::oid::Oid;
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
        let matching = self.certificates.iter().find(|der| {
            self.plan.config.provider.sha256(&[der]).is_ok_and(|own| own.ct_eq(fingerprint).into())
        });
        match matching.cloned() {
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
            Goal::Enrol(draft) => enrol::begin(config, url, ca, *draft, now).map_err(Failed::dead),
            Goal::Ca | Goal::Capabilities => Ok(Step::Done(Done::Ca(ca))),
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} certificates)", self.certificates.len())
    }
}

/// The certificates of a CA that is trusted: which one anchors, which may sign replies, for which one requests are
/// encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedCa {
    anchors: Vec<CertificateDer<'static>>,
    /// All that chain to an anchor, the anchors included.
    chained: Vec<CertificateDer<'static>>,
    recipient: CertificateDer<'static>,
    issuer: CertificateDer<'static>,
    capabilities: Capabilities,
}

impl TrustedCa {
    /// `anchors` are trusted as they stand; of `others` (RA and intermediate certificates) those count that chain to
    /// an anchor. With `now`, expired ones do not (RFC 8894 section 2.2).
    ///
    /// [`ApiMisuse::NoAnchor`] without a CA certificate among the anchors, [`ApiMisuse::Recipient`] when none of the
    /// certificates can be encrypted for.
    pub fn new(
        config: &ClientConfig,
        anchors: &[CertificateDer<'static>],
        others: &[CertificateDer<'static>],
        capabilities: Capabilities,
        now: Option<UnixTime>,
    ) -> Result<Self, Error> {
        let mut usable = !anchors.is_empty();
        for anchor in anchors {
            usable &= may_anchor(&Certificate::parse(anchor)?);
        }
        if !usable {
            return Err(ApiMisuse::NoAnchor.into());
        }
        let intermediates: Vec<_> = others.iter().collect();
        let (provider, limits) = (config.provider, &config.limits);
        let context = PathContext { provider, limits, anchors, intermediates: &intermediates, now };
        let mut budget = config.limits.signatures.saturating_add(config.limits.certificates);
        let mut chained: Vec<CertificateDer<'static>> = Vec::new();
        let mut refused = None;
        for der in anchors.iter().chain(others) {
            let checked =
                Certificate::parse(der).and_then(|own| check_path_within(&own, &context, &mut budget));
            match checked {
                Ok(()) if chained.contains(der) => {}
                Ok(()) => chained.push(der.clone()),
                Err(error) => refused = Some(error),
            }
        }
        let parsed: Vec<Certificate<'_>> =
            chained.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
        let is_ca = |own: &Certificate<'_>| own.is_ca() || is_one_of(own, anchors);
        let recipient = recipient(&parsed, is_ca, config);
        let recipient = recipient.ok_or(refused.unwrap_or(ApiMisuse::Recipient.into()))?;
        // the CA above the recipient, or else the one at the bottom
        let named = |own: &Certificate<'_>| !is_ca(&recipient) && recipient.issuer().matches(&own.subject());
        let issuer = parsed.iter().filter(|own| is_ca(own));
        let issuer = issuer.min_by_key(|own| (!named(own), issues_any(own, &parsed, true)));
        let issuer = issuer.ok_or(ApiMisuse::NoAnchor)?;
        let [recipient, issuer] =
            [recipient.as_der(), issuer.as_der()].map(|der| CertificateDer::from(der).into_owned());
        let anchors = anchors.iter().filter(|anchor| chained.contains(anchor)).cloned().collect();
        Ok(Self { anchors, chained, recipient, issuer, capabilities })
    }

    /// The certificates trusted as they stand.
    pub fn anchors(&self) -> &[CertificateDer<'static>] {
        &self.anchors
    }

    /// All certificates that chain to an anchor, the anchors first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.chained
    }

    /// The certificate that requests are encrypted for.
    pub fn recipient(&self) -> &CertificateDer<'static> {
        &self.recipient
    }

    /// The issuing CA's certificate, as far as it can be told.
    pub fn issuer(&self) -> &CertificateDer<'static> {
        &self.issuer
    }

    /// What GetCACaps said. Nobody signed it.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The certificates that may sign replies: the CA's own, and those of RAs for digital signatures (T31).
    pub(super) fn signers<'a>(
        &'a self,
        config: &'a ClientConfig,
    ) -> impl Iterator<Item = &'a CertificateDer<'static>> {
        self.chained.iter().filter(|der| {
            Certificate::parse(der).is_ok_and(|own| {
                let usage = own.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
                own.is_ca() || is_one_of(&own, &self.anchors) || (usage && may_be_ra(&own, config))
            })
        })
    }

    /// Checks that `leaf` chains to an anchor.
    pub(super) fn check(
        &self,
        config: &ClientConfig,
        leaf: &Certificate<'_>,
        extra: &[CertificateDer<'static>],
        now: Option<UnixTime>,
    ) -> Result<(), Error> {
        let intermediates: Vec<_> = self.chained.iter().chain(extra).collect();
        let (provider, limits) = (config.provider, &config.limits);
        let context =
            PathContext { provider, limits, anchors: &self.anchors, intermediates: &intermediates, now };
        check_path(leaf, &context)
    }
}

impl fmt::Debug for TrustedCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Certificate::parse(&self.issuer) {
            Ok(issuer) => write!(f, "TrustedCa({})", issuer.subject()),
            Err(_) => f.write_str("TrustedCa(..)"),
        }
    }
}

/// A CA certificate, or a self-issued one of old that does not say.
fn may_anchor(certificate: &Certificate<'_>) -> bool {
    certificate.is_ca() || certificate.is_self_issued()
}

fn is_one_of(certificate: &Certificate<'_>, list: &[CertificateDer<'static>]) -> bool {
    list.iter().any(|der| der.as_ref() == certificate.as_der())
}

/// Whether an end entity's certificate may be that of an RA. Devices have certificates of the same CA, and their
/// owners must not play the RA (T29, T31): so one that says what it is for has to say that it is for an RA.
fn may_be_ra(certificate: &Certificate<'_>, config: &ClientConfig) -> bool {
    const PURPOSES: [Oid<'_>; 3] = [Oid::CMC_RA, Oid::CMC_CA, Oid::ENROLLMENT_AGENT];
    match certificate.extended_key_usage() {
        Some(purposes) => purposes.iter().any(|purpose| PURPOSES.contains(purpose)),
        None => !config.require_ra_purpose,
    }
}

/// Whether `issuer` is named as issuer by another of `all`; by a CA only, if `of_ca`.
fn issues_any(issuer: &Certificate<'_>, all: &[Certificate<'_>], of_ca: bool) -> bool {
    all.iter().any(|other| {
        other.as_der() != issuer.as_der()
            && (!of_ca || other.is_ca())
            && other.issuer().matches(&issuer.subject())
    })
}

/// The certificate to encrypt for: one whose keyUsage says keyEncipherment, or that has no keyUsage; an end entity
/// before a CA, and the CA at the bottom of a chain before those above it. Encrypting for the wrong one is the most
/// frequent fault of SCEP clients.
fn recipient<'a>(
    all: &[Certificate<'a>],
    is_ca: impl Fn(&Certificate<'a>) -> bool,
    config: &ClientConfig,
) -> Option<Certificate<'a>> {
    let rank = |own: &Certificate<'a>| {
        let usage = match own.key_usage() {
            Some(usage) if usage.contains(KeyUsage::KEY_ENCIPHERMENT) => 0,
            None => 1,
            Some(_) if config.compat.recipient_without_key_encipherment => 2,
            Some(_) => return None,
        };
        own.public_key().rsa().and_then(|key| key.check(&config.limits)).ok()?;
        if !is_ca(own) && !may_be_ra(own, config) {
            return None;
        }
        // usage 2 comes last of all; otherwise the place in the hierarchy counts first
        Some((usage == 2, is_ca(own), issues_any(own, all, false), usage))
    };
    let ranked = all.iter().filter_map(|own| rank(own).map(|rank| (rank, *own)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, own)| own)
}
