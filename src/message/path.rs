//! Certificate paths, as far as SCEP needs them (RFC 5280 section 6): names, signatures, basic constraints, key
//! usage and dates up to a certificate that is trusted already.

use crate::crypto::Provider;
use crate::error::{BadSignature, Error, Limit};
use crate::wire::algorithm::SignatureScheme;
use crate::wire::certificate::Certificate;
use crate::wire::extension::KeyUsage;
use crate::wire::limits::Limits;
use alloc::vec::Vec;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What a path may be built of.
#[derive(Clone, Copy, Debug)]
pub struct PathContext<'a> {
    /// The algorithms.
    pub provider: &'a Provider,
    /// Bounds on length and on signatures.
    pub limits: &'a Limits,
    /// Certificates that are trusted as they stand.
    pub anchors: &'a [CertificateDer<'static>],
    /// Certificates that may lie between.
    pub intermediates: &'a [CertificateDer<'static>],
    /// The time; without it dates are not checked.
    pub now: Option<UnixTime>,
}

/// Checks that `leaf` is an anchor or chains to one. What is not found or does not verify is
/// [`BadSignature::Path`], dates are [`BadSignature::Validity`].
pub fn check_path(leaf: &Certificate<'_>, context: &PathContext<'_>) -> Result<(), Error> {
    let mut budget = context.limits.signatures;
    let mut below: Vec<&[u8]> = Vec::new();
    let mut current = *leaf;
    loop {
        check_dates(&current, context.now)?;
        if context.anchors.iter().any(|anchor| anchor.as_ref() == current.as_der()) {
            return Ok(());
        }
        if below.len() >= context.limits.path {
            return Err(Limit::Path.into());
        }
        for anchor in context.anchors.iter().filter_map(|der| Certificate::parse(der).ok()) {
            if issued(&current, &anchor, context.provider, &mut budget)? {
                return check_dates(&anchor, context.now);
            }
        }
        below.push(current.as_der());
        let mut next = None;
        for issuer in context.intermediates.iter().filter_map(|der| Certificate::parse(der).ok()) {
            let usable = may_issue(&issuer, below.len()) && !below.contains(&issuer.as_der());
            if usable && issued(&current, &issuer, context.provider, &mut budget)? {
                next = Some(issuer);
                break;
            }
        }
        current = next.ok_or(BadSignature::Path)?;
    }
}

/// Whether `issuer` signed `subject`. Every signature counts against the budget (T40).
fn issued(
    subject: &Certificate<'_>,
    issuer: &Certificate<'_>,
    provider: &Provider,
    budget: &mut usize,
) -> Result<bool, Error> {
    if !subject.issuer().matches(&issuer.subject()) {
        return Ok(false);
    }
    *budget = budget.checked_sub(1).ok_or(Limit::Path)?;
    let scheme = SignatureScheme::from_identifier(&subject.signature_algorithm())?;
    let verifier = provider.verifier(scheme)?;
    Ok(verifier.verify(&issuer.public_key(), &[subject.tbs()], subject.signature()).is_ok())
}

/// Whether a certificate that is not an anchor may issue others; `below` is how many lie under it.
fn may_issue(issuer: &Certificate<'_>, below: usize) -> bool {
    let room = issuer.path_length().is_none_or(|most| {
        // the end entity is not counted (RFC 5280 section 4.2.1.9)
        usize::try_from(most).is_ok_and(|most| below.saturating_sub(1) <= most)
    });
    issuer.is_ca() && room && issuer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
}

pub(crate) fn check_dates(certificate: &Certificate<'_>, now: Option<UnixTime>) -> Result<(), Error> {
    let Some(now) = now else { return Ok(()) };
    let inside = certificate.not_before()? <= now && now <= certificate.not_after()?;
    if inside { Ok(()) } else { Err(BadSignature::Validity.into()) }
}
