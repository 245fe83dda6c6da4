//! What a certificate may say: which wishes of a request pass, and what is checked of a certificate before it leaves.

use super::classify::ROLES;
use super::transaction::RequestedCertificate;
use super::validity::ValidityPolicy;
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::wire::certificate::Certificate;
use crate::wire::extension::{
    Extensions, ExtensionsBuilder, GeneralName, KeyUsage, extended_key_usage, subject_alt_names,
};
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::tlv::{self, Reader};
use alloc::vec::Vec;

/// What marks a security identifier in a URI, for strong mapping of certificates to accounts.
const SID_TAG: &str = "tag:microsoft.com,2022-09-14:sid:";

/// What no CA's key is used for.
const END_ENTITY: KeyUsage = KeyUsage::DIGITAL_SIGNATURE
    .union(KeyUsage::NON_REPUDIATION)
    .union(KeyUsage::KEY_ENCIPHERMENT)
    .union(KeyUsage::DATA_ENCIPHERMENT)
    .union(KeyUsage::KEY_AGREEMENT)
    .union(KeyUsage::ENCIPHER_ONLY)
    .union(KeyUsage::DECIPHER_ONLY);

/// Purposes that open more doors than a device needs, besides those of the CA's helpers (T23).
const REFUSED: [Oid<'static>; 4] =
    [Oid::ANY_EXTENDED_KEY_USAGE, Oid::SMART_CARD_LOGON, Oid::PKINIT_CLIENT_AUTH, Oid::PKINIT_KDC];

/// Which wishes of a request an issuer may take over ([`Authorized::wishes`](super::Authorized::wishes)), and what
/// [`IssuedChain::new`](super::IssuedChain::new) lets out (T19, T22 to T24).
///
/// Unless more is listed, `keyUsage` passes as far as digitalSignature and keyEncipherment, `extKeyUsage` as far as
/// clientAuth, and DNS names, e-mail addresses, URIs and IP addresses; all else is left out. The certificate may say what
/// its issuer decides, but it is for the requested key, subject and names, is no CA's and none of the CA's helpers', and
/// holds no purpose for everything and no security identifier of a directory.
#[derive(Clone, Debug)]
pub struct IssuancePolicy {
    key_usage: KeyUsage,
    purposes: Vec<Oid<'static>>,
    extensions: Vec<Oid<'static>>,
    other_names: bool,
    directory_sids: bool,
    wider_renewals: bool,
    validity: Option<ValidityPolicy>,
}

impl Default for IssuancePolicy {
    fn default() -> Self {
        Self {
            key_usage: KeyUsage::DIGITAL_SIGNATURE.union(KeyUsage::KEY_ENCIPHERMENT),
            purposes: alloc::vec![Oid::CLIENT_AUTH],
            extensions: Vec::new(),
            other_names: false,
            directory_sids: false,
            wider_renewals: false,
            validity: None,
        }
    }
}

impl IssuancePolicy {
    /// Key usages that may be asked for, in place of the two. Those of a CA never pass.
    #[must_use]
    pub fn key_usage(mut self, usage: KeyUsage) -> Self {
        self.key_usage = usage;
        self
    }

    /// One more purpose that may be asked for, and that a certificate may have where it is one of those that are
    /// refused else.
    #[must_use]
    pub fn also_purpose(mut self, purpose: Oid<'static>) -> Self {
        self.purposes.push(purpose);
        self
    }

    /// One more extension that passes as it was asked for, such as the name of a template. What it says is not looked at.
    #[must_use]
    pub fn also_extension(mut self, extension: Oid<'static>) -> Self {
        self.extensions.push(extension);
        self
    }

    /// The issuer decides about the names: certificates may have another subject and other alternative names than were
    /// asked for. Those that a one-time challenge names stay as they are.
    #[must_use]
    pub fn issuer_names(mut self, on: bool) -> Self {
        self.other_names = on;
        self
    }

    /// Certificates may hold a security identifier of a directory: the issuer looked it up there. What a request says of
    /// one is left out all the same.
    #[must_use]
    pub fn directory_sids(mut self, on: bool) -> Self {
        self.directory_sids = on;
        self
    }

    /// A renewed certificate may have key usages and purposes that the one before lacks, as far as the rest of the policy
    /// goes: for a CA that has changed what it gives, or gives it by the kind of key. Else what a one-time challenge allowed
    /// could be exceeded by the renewal of its certificate (T16). With a challenge of its own, that one decides.
    #[must_use]
    pub fn wider_renewals(mut self, on: bool) -> Self {
        self.wider_renewals = on;
        self
    }

    /// How long certificates may live; without this the issuer decides, and nothing is checked.
    #[must_use]
    pub fn validity(mut self, policy: ValidityPolicy) -> Self {
        self.validity = Some(policy);
        self
    }

    pub(super) fn validity_policy(&self) -> Option<&ValidityPolicy> {
        self.validity.as_ref()
    }

    /// What passes of a request, DER `Extensions`; empty when nothing does. A renewal is for what the certificate
    /// `renewed`, which is its evidence, is for, also where it does not say.
    pub(super) fn wishes(
        &self,
        requested: &RequestedCertificate,
        renewed: Option<&Certificate<'_>>,
        limits: &Limits,
    ) -> Result<Vec<u8>, Error> {
        let mut passed = ExtensionsBuilder::default();
        let wishes = requested.extensions(limits)?;
        let before = Usages::of(renewed.filter(|_| !self.wider_renewals));
        let asked = |oid| wishes.is_some_and(|wishes| wishes.get(oid).is_some());
        if let Some(usage) = before.key_usage.filter(|_| !asked(Oid::KEY_USAGE)) {
            passed = passed.key_usage(some_usage(usage.intersection(END_ENTITY))?);
        }
        if let Some(purposes) = before.purposes.as_ref().filter(|_| !asked(Oid::EXTENDED_KEY_USAGE)) {
            passed = passed.extended_key_usage(purposes);
        }
        for wish in wishes.iter().flat_map(Extensions::iter) {
            passed = match wish.oid {
                Oid::KEY_USAGE => {
                    let usage = KeyUsage::from_extension(wish.value)?;
                    let usage = usage.intersection(self.key_usage).intersection(END_ENTITY);
                    let usage = before.key_usage.map_or(usage, |before| usage.intersection(before));
                    passed.key_usage(some_usage(usage)?)
                }
                Oid::EXTENDED_KEY_USAGE => {
                    let mut purposes = extended_key_usage(wish.value)?;
                    purposes.retain(|purpose| self.purposes.contains(purpose) && before.have(purpose));
                    if purposes.is_empty() {
                        return Err(PeerMisbehaved::Policy.into());
                    }
                    passed.extended_key_usage(&purposes)
                }
                Oid::SUBJECT_ALT_NAME => {
                    let mut names = subject_alt_names(wish.value, limits)?;
                    names.retain(|name| !is_sid(name));
                    if !names.iter().all(is_plain) {
                        return Err(PeerMisbehaved::Policy.into());
                    }
                    passed.subject_alt_names(&names)?
                }
                Oid::NTDS_CA_SECURITY | Oid::BASIC_CONSTRAINTS => passed,
                other if self.extensions.contains(&other) => passed.raw(other, wish.critical, wish.value),
                _ => passed,
            };
        }
        Ok(passed.build())
    }

    /// Checks a certificate that is about to leave. One that renews another may keep its names, and has no further usages
    /// where that other is all the evidence there is.
    pub(super) fn check(
        &self,
        leaf: &Certificate<'_>,
        requested: &RequestedCertificate,
        renewed: Option<(&Certificate<'_>, bool)>,
        limits: &Limits,
    ) -> Result<(), Error> {
        let wishes = requested.extensions(limits)?;
        let asked = |oid| wishes.is_some_and(|wishes| wishes.get(oid).is_some());
        let own = Usages::of(Some(leaf));
        let before = renewed.filter(|(_, is_all)| *is_all && !self.wider_renewals).map(|(before, _)| before);
        let renewed = renewed.map(|(renewed, _)| renewed);
        // where a purpose was asked for, none means all of them
        let limited = (own.key_usage.is_some() || !asked(Oid::KEY_USAGE))
            && (own.purposes.is_some() || !asked(Oid::EXTENDED_KEY_USAGE));
        let fits = limited
            && Usages::of(before).include(&own)
            && allows_no_ca(leaf.extensions()?)
            && application_policies(leaf.extensions()?).is_none_or(|purposes| self.allow(&purposes))
            && leaf.is_version_3()
            && self.validity.as_ref().is_none_or(|policy| policy.allows(leaf))
            && !leaf.may_be_ca()
            && own.key_usage.is_none_or(|usage| END_ENTITY.contains(usage))
            && own.purposes.is_none_or(|purposes| self.allow(&purposes))
            && self.allow_names(leaf, requested, renewed, limits)?;
        if fits { Ok(()) } else { Err(ApiMisuse::Chain.into()) }
    }

    /// An empty list is one that cannot be read.
    fn allow(&self, purposes: &[Oid<'_>]) -> bool {
        let allowed = |purpose: &Oid<'_>| {
            !REFUSED.contains(purpose) && !ROLES.contains(purpose) || self.purposes.contains(purpose)
        };
        !purposes.is_empty() && purposes.iter().all(allowed)
    }

    fn allow_names(
        &self,
        leaf: &Certificate<'_>,
        requested: &RequestedCertificate,
        renewed: Option<&Certificate<'_>>,
        limits: &Limits,
    ) -> Result<bool, Error> {
        let extensions = leaf.extensions()?;
        let own = alt_names(extensions, limits)?;
        let has_sid = own.iter().any(is_sid)
            || extensions.is_some_and(|extensions| extensions.get(Oid::NTDS_CA_SECURITY).is_some());
        if has_sid && !self.directory_sids {
            return Ok(false);
        }
        if self.other_names {
            return Ok(true);
        }
        if !own.iter().all(is_plain) {
            return Ok(false);
        }
        let asked = alt_names(requested.extensions(limits)?, limits)?;
        let before = renewed.map_or(Ok(None), Certificate::extensions)?;
        let before = alt_names(before, limits)?;
        let known = |name: &GeneralName<'_>| is_sid(name) || asked.contains(name) || before.contains(name);
        Ok(leaf.subject().matches(&requested.subject()?) && own.iter().all(known))
    }
}

/// A certificate without the extension would be for everything.
fn some_usage(usage: KeyUsage) -> Result<KeyUsage, Error> {
    if usage == KeyUsage::NONE { Err(PeerMisbehaved::Policy.into()) } else { Ok(usage) }
}

/// What a certificate is for; `None` is for everything.
struct Usages<'a> {
    key_usage: Option<KeyUsage>,
    purposes: Option<Vec<Oid<'a>>>,
}

impl<'a> Usages<'a> {
    fn of(certificate: Option<&Certificate<'a>>) -> Self {
        Self {
            key_usage: certificate.and_then(Certificate::key_usage),
            purposes: certificate.and_then(Certificate::extended_key_usage),
        }
    }

    fn have(&self, purpose: &Oid<'_>) -> bool {
        self.purposes.as_ref().is_none_or(|purposes| purposes.contains(purpose))
    }

    /// Whether `other` is for nothing else.
    fn include(&self, other: &Usages<'_>) -> bool {
        let usages = match (self.key_usage, other.key_usage) {
            (Some(own), Some(other)) => own.contains(other),
            (own, _) => own.is_none(),
        };
        let purposes = match &other.purposes {
            Some(purposes) => purposes.iter().all(|purpose| self.have(purpose)),
            None => self.purposes.is_none(),
        };
        usages && purposes
    }
}

/// Microsoft's application policies, which Windows takes for purposes, and before those of `extKeyUsage`. An empty list
/// is one that cannot be read.
///
/// ```text
/// ApplicationCertPolicies ::= SEQUENCE OF SEQUENCE { policyIdentifier OBJECT IDENTIFIER, policyQualifiers ANY OPTIONAL }
/// ```
fn application_policies<'a>(extensions: Option<Extensions<'a>>) -> Option<Vec<Oid<'a>>> {
    let extension = extensions?.get(Oid::APPLICATION_CERT_POLICIES)?;
    Some(policy_identifiers(extension.value).unwrap_or_default())
}

fn policy_identifiers(value: &[u8]) -> Result<Vec<Oid<'_>>, Error> {
    let mut outer = Reader::new(value)?;
    let mut policies = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut found = Vec::new();
    while !policies.is_empty() {
        let mut policy = policies.enter(tlv::SEQUENCE)?;
        found.push(Oid::new(policy.expect(tlv::OBJECT_IDENTIFIER)?.value));
    }
    Ok(found)
}

/// Whether there is no certificate type of Netscape's, or one that makes no CA: the last three of its eight bits do.
fn allows_no_ca(extensions: Option<Extensions<'_>>) -> bool {
    let kind = extensions.and_then(|extensions| extensions.get(Oid::NETSCAPE_CERT_TYPE));
    kind.is_none_or(|kind| matches!(kind.value, [tlv::BIT_STRING, 2, _, bits] if bits & 0x07 == 0))
}

fn alt_names<'a>(extensions: Option<Extensions<'a>>, limits: &Limits) -> Result<Vec<GeneralName<'a>>, Error> {
    let names = extensions.and_then(|extensions| extensions.get(Oid::SUBJECT_ALT_NAME));
    names.map_or(Ok(Vec::new()), |names| subject_alt_names(names.value, limits))
}

/// Also in a name that is no proper URI, which others may read more leniently.
fn is_sid(name: &GeneralName<'_>) -> bool {
    let uri = match name {
        GeneralName::Uri(uri) => uri.as_bytes(),
        GeneralName::Other { tag: 0x86, value } => value,
        _ => return false,
    };
    let uri = uri.trim_ascii_start();
    uri.get(..SID_TAG.len()).is_some_and(|start| start.eq_ignore_ascii_case(SID_TAG.as_bytes()))
}

fn is_plain(name: &GeneralName<'_>) -> bool {
    matches!(name, GeneralName::Dns(_) | GeneralName::Email(_) | GeneralName::Uri(_) | GeneralName::Ip(_))
}
