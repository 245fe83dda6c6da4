//! Who signed a message: the holder of a certificate of this CA, or a stranger (RFC 8894 section 2.3). The type of a
//! message says nothing about that (T16, T18).

use super::config::ServerConfig;
use crate::error::{BadSignature, Error, PeerMisbehaved};
use crate::message::{Budget, PathContext, check_path_within, is_understood};
use crate::wire::certificate::Certificate;
use crate::wire::extension::{Extensions, GeneralName, KeyUsage, subject_alt_names};
use crate::wire::limits::Limits;
use crate::wire::name::Name;
use crate::wire::oid::Oid;
use alloc::vec::Vec;
use rustls_pki_types::UnixTime;

/// Purposes of the CA's own helpers: their certificates are no device's.
pub(super) const ROLES: [Oid<'static>; 4] =
    [Oid::CMC_CA, Oid::CMC_RA, Oid::ENROLLMENT_AGENT, Oid::OCSP_SIGNING];

/// Checks that `signer` is a certificate that one of the issuers signed for a device, and is valid now. An error makes
/// the signer a stranger: [`BadSignature::Path`] for another issuer, [`BadSignature::Validity`] for the dates,
/// [`PeerMisbehaved::NotRenewable`] for what is not a device's. `signatures` is how many may be verified, and then how
/// many are left.
pub(super) fn check_certified(
    config: &ServerConfig,
    signer: &Certificate<'_>,
    now: UnixTime,
    signatures: &mut usize,
) -> Result<(), Error> {
    let identities = config.identities().flat_map(|identity| [&identity.signing, &identity.encryption]);
    let is_server = identities
        .chain(&config.issuers)
        .filter_map(|der| Certificate::parse(der).ok())
        .any(|own| own.public_key().same_key(&signer.public_key()));
    if is_server || !may_sign_for_a_device(signer) {
        return Err(PeerMisbehaved::NotRenewable.into());
    }
    // no intermediates: an issuer is named by the configuration and never by a message
    let context = PathContext {
        provider: config.provider,
        limits: &config.limits,
        anchors: &config.issuers,
        intermediates: &[],
        now: Some(now),
    };
    let mut budget = Budget::new(*signatures);
    let checked = check_path_within(signer, &context, &mut budget);
    *signatures = budget.left;
    checked.map_err(|error| match error {
        Error::BadSignature(_) => error,
        // whatever was in the way, no issuer was found
        _ => BadSignature::Path.into(),
    })
}

fn may_sign_for_a_device(signer: &Certificate<'_>) -> bool {
    let usage = signer.key_usage().is_none_or(|usage| {
        usage.contains(KeyUsage::DIGITAL_SIGNATURE) && !usage.contains(KeyUsage::KEY_CERT_SIGN)
    });
    // an empty list is one that cannot be read
    let purposes = signer
        .extended_key_usage()
        .is_none_or(|purposes| !purposes.is_empty() && !purposes.iter().any(|one| ROLES.contains(one)));
    usage && purposes && !signer.may_be_ca() && is_understood(signer)
}

/// Whether a request for this subject and these extensions asks for nothing but what `signer` says: the same subject,
/// and no alternative name that it lacks. The order of the names does not matter, and to ask for none is fine.
pub(super) fn is_renewal_of(
    signer: &Certificate<'_>,
    subject: &Name<'_>,
    extensions: Option<&Extensions<'_>>,
    limits: &Limits,
) -> bool {
    let asked = match extensions.and_then(|extensions| extensions.get(Oid::SUBJECT_ALT_NAME)) {
        Some(asked) => subject_alt_names(asked.value, limits),
        None => Ok(Vec::new()),
    };
    let Ok(asked) = asked else { return false };
    let own = alt_names(signer, limits);
    // two names are equal when their tags and their bytes are
    signer.subject().matches(subject) && asked.iter().all(|name| own.contains(name))
}

/// Whether both certificates name the same holder. Subjects that are empty say nothing: then it is the alternative
/// names.
pub(super) fn same_holder(one: &Certificate<'_>, other: &Certificate<'_>, limits: &Limits) -> bool {
    let subjects = one.subject().matches(&other.subject());
    if !one.subject().is_empty() {
        return subjects;
    }
    let (names, others) = (alt_names(one, limits), alt_names(other, limits));
    subjects && !names.is_empty() && names == others
}

/// None where they cannot be read.
fn alt_names<'a>(certificate: &Certificate<'a>, limits: &Limits) -> Vec<GeneralName<'a>> {
    let extensions = certificate.extensions().ok().flatten();
    let names = extensions.and_then(|extensions| extensions.get(Oid::SUBJECT_ALT_NAME));
    names.and_then(|names| subject_alt_names(names.value, limits).ok()).unwrap_or_default()
}
