//! The certificates of a CA that is trusted, and which of them does what (RFC 8894 sections 2.2 and 4.2.1).

use super::config::ClientConfig;
use crate::error::{ApiMisuse, Error};
use crate::message::{Budget, PathContext, check_path_within};
use crate::wire::capabilities::Capabilities;
use crate::wire::certificate::Certificate;
use crate::wire::extension::KeyUsage;
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// The certificates of a CA that is trusted: which one anchors, which may sign replies, for which one requests are
/// encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedCa {
    /// All that chain to an anchor, each once, the anchors first.
    chained: Vec<CertificateDer<'static>>,
    /// How many of them are anchors.
    anchors: usize,
    /// Which of them requests are encrypted for.
    recipient: usize,
    /// Which of them is the issuer's.
    issuer: usize,
    /// Who of them issued whom, as far as signatures were verified: the certificate's place, and that of its issuer.
    issued: Vec<(usize, usize)>,
    capabilities: Capabilities,
    /// When a CA that is not in use yet takes over.
    valid_from: Option<UnixTime>,
    /// Whether the recipient may be one whose key cannot encrypt.
    password_recipients: bool,
}

impl TrustedCa {
    /// `anchors` are trusted as they stand; of `others` (RA and intermediate certificates) those count that chain to
    /// an anchor. With `now`, expired ones do not (RFC 8894 section 2.2).
    ///
    /// [`ApiMisuse::NoAnchor`] without a CA certificate among the anchors, [`ApiMisuse::Recipient`] when none of the
    /// certificates can be encrypted for; that needs RSA, or [`ClientConfig::password_recipients`], which prefers RSA all
    /// the same.
    pub fn new(
        config: &ClientConfig,
        anchors: &[CertificateDer<'static>],
        others: &[CertificateDer<'static>],
        capabilities: Capabilities,
        now: Option<UnixTime>,
    ) -> Result<Self, Error> {
        Self::build(config, anchors, others, capabilities, None, now)
    }

    /// The same for a CA that takes over later: dates are checked for the time when all its anchors are valid.
    pub(super) fn staged(
        config: &ClientConfig,
        anchors: &[CertificateDer<'static>],
        others: &[CertificateDer<'static>],
        capabilities: Capabilities,
        now: Option<UnixTime>,
    ) -> Result<Self, Error> {
        let mut valid_from = UnixTime::since_unix_epoch(core::time::Duration::ZERO);
        for anchor in anchors {
            valid_from = valid_from.max(Certificate::parse(anchor)?.not_before()?);
        }
        Self::build(config, anchors, others, capabilities, Some(valid_from), now)
    }

    fn build(
        config: &ClientConfig,
        anchors: &[CertificateDer<'static>],
        others: &[CertificateDer<'static>],
        capabilities: Capabilities,
        valid_from: Option<UnixTime>,
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
        let (provider, limits, now) = (config.provider, &config.limits, no_earlier(valid_from, now));
        let context = PathContext { provider, limits, anchors, intermediates: &intermediates, now };
        let mut budget = Budget::new(limits.signatures.saturating_add(limits.certificates));
        let mut chained: Vec<CertificateDer<'static>> = Vec::new();
        let (mut refused, mut trusted) = (None, 0_usize);
        for (index, der) in anchors.iter().chain(others).enumerate() {
            let checked =
                Certificate::parse(der).and_then(|own| check_path_within(&own, &context, &mut budget));
            match checked {
                Ok(()) if chained.contains(der) => {}
                Ok(()) => {
                    trusted = trusted.saturating_add(usize::from(index < anchors.len()));
                    chained.push(der.clone());
                }
                Err(error) => refused = Some(error),
            }
        }
        // all of them, since they chain
        let parsed = parsed(&chained);
        let recipient = recipient(&parsed, anchors, config);
        let recipient = recipient.ok_or(refused.unwrap_or(ApiMisuse::Recipient.into()))?;
        let issuer = parsed.get(recipient).and_then(|own| issuer(&parsed, anchors, own));
        let issuer = issuer.ok_or(ApiMisuse::NoAnchor)?;
        let place = |own: &[u8]| chained.iter().position(|der| der.as_ref() == own);
        let issued = budget.known.iter().filter_map(|(own, issuer)| place(own).zip(place(issuer))).collect();
        let anchors = trusted;
        let password_recipients = config.password_recipients.is_some();
        Ok(Self {
            anchors,
            chained,
            recipient,
            issuer,
            issued,
            capabilities,
            valid_from,
            password_recipients,
        })
    }

    /// The same CA, with requests encrypted for this one of [`Self::certificates`]: for a CA whose certificates do not
    /// tell which one to take, when its operator does (RFC 8894 section 4.2.1). Whoever has its key reads challenge
    /// passwords; it says nothing about who may sign replies.
    ///
    /// [`ApiMisuse::Recipient`] when it is none of them, or has no usable RSA key and
    /// [`ClientConfig::password_recipients`] was off.
    pub fn with_recipient(mut self, certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = parsed(&self.chained);
        let place = parsed.iter().position(|own| own.as_der() == certificate.as_ref());
        let fits = |key: SubjectPublicKeyInfo<'_>| {
            let usable = key.can_encrypt() || self.password_recipients && key.ec().is_ok();
            usable && key.check(&Limits::DEFAULT).is_ok()
        };
        let recipient = place.ok_or(ApiMisuse::Recipient)?;
        let chosen =
            parsed.get(recipient).filter(|own| fits(own.public_key())).ok_or(ApiMisuse::Recipient)?;
        let issuer = issuer(&parsed, self.anchors(), chosen).ok_or(ApiMisuse::NoAnchor)?;
        (self.recipient, self.issuer) = (recipient, issuer);
        Ok(self)
    }

    /// The certificates trusted as they stand.
    pub fn anchors(&self) -> &[CertificateDer<'static>] {
        self.chained.get(..self.anchors).unwrap_or_default()
    }

    /// All certificates that chain to an anchor, the anchors first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.chained
    }

    /// The certificate that requests are encrypted for; when its key cannot decrypt, they are encrypted by the challenge
    /// password instead (see [`ClientConfig::password_recipients`]).
    pub fn recipient(&self) -> &CertificateDer<'static> {
        self.chained.get(self.recipient).unwrap_or(&NONE)
    }

    /// The issuing CA's certificate, as far as it can be told.
    pub fn issuer(&self) -> &CertificateDer<'static> {
        self.chained.get(self.issuer).unwrap_or(&NONE)
    }

    /// What GetCACaps said. Nobody signed it.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// When a CA that [`NextCa::into_trusted`](super::NextCa::into_trusted) gave takes over: the latest notBefore of its
    /// anchors. What it issues is to be used from then on, and the present certificate until then. `None` for a CA that
    /// is in use.
    pub fn valid_from(&self) -> Option<UnixTime> {
        self.valid_from
    }

    /// The certificates that may sign replies: the CA's own, and those of RAs for digital signatures (T31).
    pub(super) fn signers<'a>(
        &'a self,
        config: &ClientConfig,
    ) -> impl Iterator<Item = &'a CertificateDer<'static>> + use<'a> {
        let require_purpose = config.require_ra_purpose;
        self.chained.iter().filter(move |der| {
            Certificate::parse(der).is_ok_and(|own| {
                let usage = own.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
                let is_ra = || usage && may_be_ra(&own, require_purpose);
                is_ca(&own, self.anchors()) || is_ra()
            })
        })
    }

    /// The CA certificates.
    pub(super) fn authorities(&self) -> impl Iterator<Item = Certificate<'_>> {
        let parsed = self.chained.iter().filter_map(|der| Certificate::parse(der).ok());
        parsed.filter(|own| is_ca(own, self.anchors()))
    }

    /// Checks that `leaf` chains to an anchor. Under a CA that takes over later, the dates are those of that time.
    /// `signatures` is how many may be verified, and then how many are left: those of the CA's own certificates were
    /// verified when it was trusted, and cost none.
    pub(super) fn check(
        &self,
        config: &ClientConfig,
        leaf: &Certificate<'_>,
        extra: &[CertificateDer<'static>],
        now: Option<UnixTime>,
        signatures: &mut usize,
    ) -> Result<(), Error> {
        let intermediates: Vec<_> = self.chained.iter().chain(extra).collect();
        let (provider, limits, now) = (config.provider, &config.limits, no_earlier(self.valid_from, now));
        let context =
            PathContext { provider, limits, anchors: self.anchors(), intermediates: &intermediates, now };
        let own = |place: usize| self.chained.get(place).map(AsRef::as_ref);
        let mut budget = Budget::new(*signatures);
        budget.known.extend(self.issued.iter().filter_map(|(one, issuer)| own(*one).zip(own(*issuer))));
        let checked = check_path_within(leaf, &context, &mut budget);
        *signatures = budget.left;
        checked
    }
}

impl fmt::Debug for TrustedCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Certificate::parse(self.issuer()) {
            Ok(issuer) => write!(f, "TrustedCa({})", issuer.subject()),
            Err(_) => f.write_str("TrustedCa(..)"),
        }
    }
}

/// In place of a certificate that is not there; there always is one.
static NONE: CertificateDer<'static> = CertificateDer::from_slice(&[]);

/// `now`, or later: when a staged CA is valid.
fn no_earlier(valid_from: Option<UnixTime>, now: Option<UnixTime>) -> Option<UnixTime> {
    now.map(|now| valid_from.map_or(now, |from| now.max(from)))
}

/// A CA certificate, or a self-issued one of old that does not say.
pub(super) fn may_anchor(certificate: &Certificate<'_>) -> bool {
    certificate.is_ca() || certificate.is_self_issued()
}

fn is_one_of(certificate: &Certificate<'_>, list: &[CertificateDer<'static>]) -> bool {
    list.iter().any(|der| der.as_ref() == certificate.as_der())
}

/// Whether an end entity's certificate may be that of an RA. Devices have certificates of the same CA, and their
/// owners must not play the RA (T29, T31): so one that says what it is for has to say that it is for an RA.
fn may_be_ra(certificate: &Certificate<'_>, require_purpose: bool) -> bool {
    const PURPOSES: [Oid<'_>; 3] = [Oid::CMC_RA, Oid::CMC_CA, Oid::ENROLLMENT_AGENT];
    match certificate.extended_key_usage() {
        Some(purposes) => purposes.iter().any(|purpose| PURPOSES.contains(purpose)),
        None => !require_purpose,
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

/// A CA certificate, or an anchor of old that does not say.
fn is_ca(certificate: &Certificate<'_>, anchors: &[CertificateDer<'static>]) -> bool {
    certificate.is_ca() || is_one_of(certificate, anchors)
}

/// The certificate to encrypt for, by its place in `all`: one whose keyUsage says keyEncipherment, or that has no
/// keyUsage; an end entity before a CA, and the CA at the bottom of a chain before those above it. Encrypting for the
/// wrong one is the most frequent fault of SCEP clients. After all of those come keys that cannot encrypt: what stands
/// for them is the challenge password, so their keyUsage has to say that they answer.
fn recipient(
    all: &[Certificate<'_>],
    anchors: &[CertificateDer<'static>],
    config: &ClientConfig,
) -> Option<usize> {
    let rank = |own: &Certificate<'_>| {
        let key = own.public_key();
        key.check(&config.limits).ok()?;
        let (by_password, wanted) = match key.can_encrypt() {
            true => (false, KeyUsage::KEY_ENCIPHERMENT),
            false if config.password_recipients.is_some() => (true, KeyUsage::DIGITAL_SIGNATURE),
            false => return None,
        };
        let usage = match own.key_usage() {
            Some(usage) if usage.contains(wanted) => 0,
            None => 1,
            Some(_) if config.compat.recipient_without_key_encipherment => 2,
            Some(_) => return None,
        };
        let is_ca = is_ca(own, anchors);
        if !is_ca && !may_be_ra(own, config.require_ra_purpose) {
            return None;
        }
        // an RA that says so comes before an end entity that says nothing, and may be a device
        let silent = !is_ca && own.extended_key_usage().is_none();
        // usage 2 comes last of all; otherwise the place in the hierarchy counts first
        let faults = [by_password, usage == 2, is_ca, silent, issues_any(own, all, false), usage == 1];
        Some(faults.into_iter().fold(0_u8, |rank, fault| rank << 1 | u8::from(fault)))
    };
    best(all, rank)
}

/// The CA above the recipient, or else the one at the bottom, by its place in `all`.
fn issuer(
    all: &[Certificate<'_>],
    anchors: &[CertificateDer<'static>],
    recipient: &Certificate<'_>,
) -> Option<usize> {
    let has_name = !is_ca(recipient, anchors);
    best(all, |own| {
        let named = has_name && recipient.issuer().matches(&own.subject());
        is_ca(own, anchors).then(|| u8::from(!named) << 1 | u8::from(issues_any(own, all, true)))
    })
}

/// The place of the first certificate with the lowest rank.
fn best(all: &[Certificate<'_>], rank: impl Fn(&Certificate<'_>) -> Option<u8>) -> Option<usize> {
    let mut best = None;
    for (place, own) in all.iter().enumerate() {
        if let Some(rank) = rank(own)
            && best.is_none_or(|(lowest, _)| rank < lowest)
        {
            best = Some((rank, place));
        }
    }
    best.map(|(_, place)| place)
}

/// Copies of certificates that belong to somebody else.
pub(super) fn owned<'a>(list: impl Iterator<Item = &'a [u8]>) -> Vec<CertificateDer<'static>> {
    let mut certificates = Vec::new();
    for der in list {
        certificates.push(CertificateDer::from(der).into_owned());
    }
    certificates
}

fn parsed<'a>(list: &'a [CertificateDer<'static>]) -> Vec<Certificate<'a>> {
    let mut certificates = Vec::with_capacity(list.len());
    for der in list {
        certificates.extend(Certificate::parse(der));
    }
    certificates
}
