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

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::testing::{RSA_2048_PKCS8, RSA_2050_PKCS8, Seeded};
    use crate::crypto::rustcrypto::{PROVIDER, SoftwareKey};
    use crate::crypto::{Digest, Purpose, SignJob};
    use crate::wire::certificate::{TbsCertificateDraft, assemble};
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::public_key::SubjectPublicKeyInfo;
    use core::time::Duration;

    /// A self-signed certificate of `CN=ca`, valid from 1000 s to 2000 s after 1970.
    fn self_signed(pkcs8: &[u8], serial: u8) -> CertificateDer<'static> {
        let key = SoftwareKey::from_pkcs8(pkcs8).unwrap();
        let name: DistinguishedName = "CN=ca".parse().unwrap();
        let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
        let tbs = TbsCertificateDraft {
            serial: &[serial],
            subject: name.name(),
            not_before: at(1000),
            not_after: at(2000),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            scheme,
            key_usage: KeyUsage::KEY_CERT_SIGN,
        }
        .encode();
        let job = SignJob::new(&PROVIDER, tbs, scheme, Purpose::Csr, key.public_key_der()).unwrap();
        let signature = key.sign(&job, &mut Seeded(1)).unwrap();
        CertificateDer::from(assemble(job.message(), scheme, signature.as_bytes()))
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn check(
        anchors: &[CertificateDer<'static>],
        limits: &Limits,
        now: Option<UnixTime>,
    ) -> Result<(), Error> {
        let leaf = self_signed(RSA_2048_PKCS8, 1);
        let context = PathContext { provider: &PROVIDER, limits, anchors, intermediates: &[], now };
        check_path(&Certificate::parse(&leaf).unwrap(), &context)
    }

    // T40
    #[test]
    fn signatures_are_counted_against_a_budget() {
        let strangers: Vec<_> = (2..5).map(|serial| self_signed(RSA_2050_PKCS8, serial)).collect();
        let mut limits = Limits { signatures: 3, ..Limits::DEFAULT };
        assert_eq!(check(&strangers, &limits, None), Err(BadSignature::Path.into()));
        limits.signatures = 2;
        assert_eq!(check(&strangers, &limits, None), Err(Limit::Path.into()));
    }

    // R-2.2-9, T53: the first and the last second count as inside
    #[test]
    fn dates_are_checked_when_there_is_a_clock() {
        let issuer = [self_signed(RSA_2048_PKCS8, 2)];
        for (now, inside) in [(999, false), (1000, true), (2000, true), (2001, false)] {
            let expected = if inside { Ok(()) } else { Err(BadSignature::Validity.into()) };
            assert_eq!(check(&issuer, &Limits::DEFAULT, Some(at(now))), expected, "{now}");
        }
        assert_eq!(check(&issuer, &Limits::DEFAULT, None), Ok(()));
    }
}
