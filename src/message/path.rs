//! Certificate paths, as far as SCEP needs them (RFC 5280 section 6): names, signatures, basic constraints, key
//! usage and dates up to a certificate that is trusted already.

use crate::crypto::Provider;
use crate::error::{BadSignature, Error, Limit};
use crate::wire::certificate::Certificate;
use crate::wire::extension::KeyUsage;
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
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
    pub intermediates: &'a [&'a CertificateDer<'static>],
    /// The time; without it dates are not checked.
    pub now: Option<UnixTime>,
}

/// Checks that `leaf` is an anchor or chains to one. What is not found or does not verify is
/// [`BadSignature::Path`], dates are [`BadSignature::Validity`], and [`Limit::Signatures`] says that more than
/// [`Limits::signatures`] would have to be verified.
pub fn check_path(leaf: &Certificate<'_>, context: &PathContext<'_>) -> Result<(), Error> {
    check_path_within(leaf, context, &mut Budget::new(context.limits.signatures))
}

/// Who issued whom: the certificate, then that of its issuer, DER.
type Link<'a> = (&'a [u8], &'a [u8]);

/// Which signatures may be verified; several paths share it (T40).
pub(crate) struct Budget<'a> {
    /// How many more.
    pub(crate) left: usize,
    /// Those that were found to hold, which are not verified again.
    pub(crate) known: Vec<Link<'a>>,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(signatures: usize) -> Self {
        Self { left: signatures, known: Vec::new() }
    }
}

/// The same with a budget that several paths share.
pub(crate) fn check_path_within<'a>(
    leaf: &Certificate<'a>,
    context: &PathContext<'a>,
    budget: &mut Budget<'a>,
) -> Result<(), Error> {
    check_dates(leaf, context.now)?;
    climb(leaf, context, budget, &mut Vec::new())
}

/// Tries every issuer that fits; the budget bounds the search.
fn climb<'a>(
    current: &Certificate<'a>,
    context: &PathContext<'a>,
    budget: &mut Budget<'a>,
    below: &mut Vec<&'a [u8]>,
) -> Result<(), Error> {
    if context.anchors.iter().any(|anchor| anchor.as_ref() == current.as_der()) {
        return Ok(());
    }
    if below.len() >= context.limits.path {
        return Err(Limit::Path.into());
    }
    below.push(current.as_der());
    let mut refused: Error = BadSignature::Path.into();
    let anchors = context.anchors.iter().map(|der| (der, true));
    let intermediates = context.intermediates.iter().map(|der| (*der, false));
    for (der, is_anchor) in anchors.chain(intermediates) {
        let Ok(issuer) = Certificate::parse(der) else { continue };
        let inside = is_anchor || (may_issue(&issuer) && !below.contains(&issuer.as_der()));
        let usable = inside && has_room(&issuer, below.len());
        if !usable || !current.issuer().matches(&issuer.subject()) {
            continue;
        }
        if let Err(error) = check_dates(&issuer, context.now) {
            refused = error;
            continue;
        }
        match issued(current, &issuer, context, budget) {
            Ok(true) => match climb(&issuer, context, budget, below) {
                Ok(()) => return Ok(()),
                Err(error) if error == Limit::Signatures.into() => return Err(error),
                Err(error) => refused = error,
            },
            Ok(false) => {}
            Err(error) if error == Limit::Signatures.into() => return Err(error),
            Err(error) => refused = error,
        }
    }
    below.pop();
    Err(refused)
}

/// Whether `issuer` signed `subject`. Every signature counts against the budget (T40).
fn issued<'a>(
    subject: &Certificate<'a>,
    issuer: &Certificate<'a>,
    context: &PathContext<'_>,
    budget: &mut Budget<'a>,
) -> Result<bool, Error> {
    let link = (subject.as_der(), issuer.as_der());
    if budget.known.contains(&link) {
        return Ok(true);
    }
    let verifier = context.provider.named_verifier(&subject.signature_algorithm())?;
    let key = issuer.public_key();
    key.check(context.limits)?;
    budget.left = budget.left.checked_sub(1).ok_or(Limit::Signatures)?;
    let holds = verifier.verify(&key, &[subject.tbs()], subject.signature()).is_ok();
    if holds {
        budget.known.push(link);
    }
    Ok(holds)
}

/// Whether so many certificates may lie under this one.
fn has_room(issuer: &Certificate<'_>, below: usize) -> bool {
    issuer.path_length().is_none_or(|most| {
        // the end entity is not counted (RFC 5280 section 4.2.1.9)
        usize::try_from(most).is_ok_and(|most| below.saturating_sub(1) <= most)
    })
}

/// Critical extensions that are understood here. Name constraints are not among them.
const UNDERSTOOD: [Oid<'static>; 5] = [
    Oid::BASIC_CONSTRAINTS,
    Oid::KEY_USAGE,
    Oid::EXTENDED_KEY_USAGE,
    Oid::SUBJECT_ALT_NAME,
    Oid::CERTIFICATE_POLICIES,
];

/// Whether nothing in a certificate is critical and not understood: one that is not, is not to be relied on (RFC 5280
/// section 4.2).
pub(crate) fn is_understood(certificate: &Certificate<'_>) -> bool {
    match certificate.extensions() {
        Ok(Some(extensions)) => {
            extensions.iter().all(|extension| !extension.critical || UNDERSTOOD.contains(&extension.oid))
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Whether a certificate that is not an anchor may issue others.
fn may_issue(issuer: &Certificate<'_>) -> bool {
    let understood = is_understood(issuer);
    let usage = issuer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN));
    issuer.is_ca() && usage && understood
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
    use crate::wire::algorithm::SignatureScheme;
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
        assert_eq!(check(&strangers, &limits, None), Err(Limit::Signatures.into()));
    }

    // an anchor that was renewed with the same key: neither order hides the valid one
    #[test]
    fn an_expired_anchor_does_not_hide_a_valid_one() {
        let now = Some(at(1500));
        let expired = {
            let mut der = self_signed(RSA_2048_PKCS8, 2).to_vec();
            // the year of notAfter, 1970: the signature of an anchor is not looked at
            let at = der.windows(5).rposition(|window| window == b"70010").unwrap();
            der[at..at + 2].copy_from_slice(b"69");
            CertificateDer::from(der)
        };
        let valid = self_signed(RSA_2048_PKCS8, 3);
        for anchors in [[expired.clone(), valid.clone()], [valid, expired.clone()]] {
            assert_eq!(check(&anchors, &Limits::DEFAULT, now), Ok(()));
        }
        assert_eq!(check(&[expired], &Limits::DEFAULT, now), Err(BadSignature::Validity.into()));
    }

    // T41: bounds on keys hold for paths
    #[test]
    fn an_issuer_with_a_key_out_of_bounds_is_refused_before_any_arithmetic() {
        let issuer = [self_signed(RSA_2048_PKCS8, 2)];
        let limits = Limits { rsa_min_bits: 3072, signatures: 0, ..Limits::DEFAULT };
        assert_eq!(check(&issuer, &limits, None), Err(Limit::PublicKey.into()));
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
