//! GetCert and GetCRL (RFC 8894 sections 3.3.4, 4.5 and 4.6).

use super::ca::{TrustedCa, owned};
use super::config::ClientConfig;
use super::step::{Done, Step};
use super::transaction::{ReadFetched, Transaction, Wanted, fresh_id};
use crate::crypto::{Rng, SignatureScheme};
use crate::error::{ApiMisuse, BadSignature, Error, Limit, PeerMisbehaved, Unsupported};
use crate::transport::ScepUrl;
use crate::wire::attributes::MessageType;
use crate::wire::certificate::Certificate;
use crate::wire::certs_only::CertsOnly;
use crate::wire::crl::CertificateList;
use crate::wire::extension::KeyUsage;
use crate::wire::selector::IssuerAndSerialNumber;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// Which certificate is asked about, and by whom.
#[derive(Clone)]
pub struct Query {
    certificate: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    /// DER IssuerAndSerialNumber.
    wanted: Vec<u8>,
}

impl Query {
    /// About the certificate that issuer and serial number name (see
    /// [`Certificate::issuer_and_serial`](crate::wire::Certificate::issuer_and_serial)). `certificate` is the device's
    /// own: the message is signed under it, and the reply encrypted for it, so its private key will be asked for both.
    ///
    /// [`ApiMisuse::Certificate`] when `certificate` cannot be read or its key is not RSA.
    pub fn new(certificate: CertificateDer<'_>, wanted: &IssuerAndSerialNumber<'_>) -> Result<Self, Error> {
        let key = Certificate::parse(&certificate).and_then(|own| own.public_key().rsa());
        key.map_err(|_| ApiMisuse::Certificate)?;
        Ok(Self { certificate: certificate.into_owned(), chain: Vec::new(), wanted: wanted.encode() })
    }

    /// About the device's own certificate; for [`Client::fetch_crl`](super::Client::fetch_crl) about its issuer's CRL.
    /// Fails as [`Self::new`] does.
    pub fn own(certificate: CertificateDer<'_>) -> Result<Self, Error> {
        let own = Certificate::parse(&certificate).map_err(|_| ApiMisuse::Certificate)?;
        Self::new(certificate.clone(), &own.issuer_and_serial())
    }

    /// CA certificates above the device's own, which the message carries behind it (RFC 8894 section 2.3).
    #[must_use]
    pub fn chain(mut self, chain: Vec<CertificateDer<'static>>) -> Self {
        self.chain = chain;
        self
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match IssuerAndSerialNumber::parse(&self.wanted) {
            Ok(wanted) => write!(f, "Query({wanted:?})"),
            Err(_) => f.write_str("Query(..)"),
        }
    }
}

/// A certificate revocation list (RFC 5280 section 5) that passed every check: it is of the issuer that was asked about,
/// and signed by a certificate of the trusted CA.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    /// The DER `CertificateList`.
    pub der: Vec<u8>,
    /// Whether it was seen that [`CertificateList::this_update`] has passed: `false` on a board without a clock.
    pub checked_time: bool,
    next_update: Option<UnixTime>,
}

impl Crl {
    /// When there will be a newer one at the latest; `None` when the list does not say. Past that time this list is old,
    /// which nothing but the caller looks at.
    pub fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// Whether the certificate with this serial number of the list's issuer is revoked, or on hold. `serial` is as
    /// [`Certificate::serial`] gives it; zeros in front do not count.
    ///
    /// [`Unsupported::Crl`] when the list, or the entry, has a critical extension: such a list may be about a part of the
    /// certificates only, or about changes since another list, and this answer would be wrong (RFC 5280 section 5.2).
    pub fn is_revoked(&self, serial: &[u8]) -> Result<bool, Error> {
        let list = self.list()?;
        if list.has_unknown_critical_extension()? {
            return Err(Unsupported::Crl.into());
        }
        Ok(list.find(serial)?.is_some())
    }

    /// All that it says.
    pub fn list(&self) -> Result<CertificateList<'_>, Error> {
        CertificateList::parse(&self.der)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({} bytes)", self.der.len())
    }
}

/// Sends GetCert or GetCRL.
pub(super) fn start(
    config: Arc<ClientConfig>,
    url: ScepUrl,
    ca: TrustedCa,
    query: Query,
    message_type: MessageType,
    read: ReadFetched,
    rng: &mut Rng<'_>,
) -> Result<Step, Error> {
    config.check_capabilities(ca.capabilities())?;
    let Query { certificate, chain, wanted } = query;
    let key = Certificate::parse(&certificate)?.public_key();
    key.check(&config.limits).map_err(|_| ApiMisuse::Certificate)?;
    let id = fresh_id(rng)?;
    let transaction = Transaction { config, url, ca, id, signer: certificate, chain, secret: None };
    transaction.message(Wanted::Fetched(wanted.clone(), read), message_type, &wanted, 0, rng)
}

/// The certificate that was asked for, among those of the reply.
pub(super) fn certificate(
    transaction: &Transaction,
    wanted: &[u8],
    certs_only: &CertsOnly<'_>,
    signatures: &mut usize,
    _: Option<UnixTime>,
) -> Result<Done, Error> {
    let Transaction { config, ca, .. } = transaction;
    let wanted = IssuerAndSerialNumber::parse(wanted)?;
    let all = owned(certs_only.certificates().iter());
    let mut refused = Error::from(PeerMisbehaved::NoCertificate);
    let found = all.iter().find(|der| {
        let named = Certificate::parse(der).ok().filter(|own| wanted.matches(own));
        let Some(own) = named else { return false };
        ca.check(config, &own, &all, None, signatures).map_err(|error| refused = error).is_ok()
    });
    found.cloned().map(Done::Certificate).ok_or(refused)
}

/// The CRL that was asked for.
pub(super) fn crl(
    transaction: &Transaction,
    wanted: &[u8],
    certs_only: &CertsOnly<'_>,
    signatures: &mut usize,
    now: Option<UnixTime>,
) -> Result<Done, Error> {
    let Transaction { config, ca, .. } = transaction;
    let wanted = IssuerAndSerialNumber::parse(wanted)?;
    // there is one at most: see `Limits::crls`
    let der = certs_only.crls().next().ok_or(PeerMisbehaved::NoCrl)?;
    let list = CertificateList::parse(der)?;
    if !list.issuer().matches(&wanted.issuer) {
        return Err(PeerMisbehaved::NoCrl.into());
    }
    let this_update = list.this_update()?;
    let next_update = list.next_update()?;
    verify(config, ca, &list, signatures, now)?;
    if now.is_some_and(|now| this_update > now) {
        return Err(BadSignature::Validity.into());
    }
    Ok(Done::Crl(Crl { der: der.to_vec(), checked_time: now.is_some(), next_update }))
}

/// Whether a certificate of the CA that may sign CRLs signed this one. Several may have the issuer's name: after a CA
/// got a new key, for example.
fn verify(
    config: &ClientConfig,
    ca: &TrustedCa,
    list: &CertificateList<'_>,
    signatures: &mut usize,
    now: Option<UnixTime>,
) -> Result<(), Error> {
    let scheme = SignatureScheme::from_identifier(&list.signature_algorithm())?;
    let verifier = config.provider.verifier(scheme)?;
    let mut refused = Error::from(BadSignature::UntrustedSigner);
    for issuer in ca.authorities().filter(|own| own.subject().matches(&list.issuer())) {
        let checked = match issuer.key_usage() {
            Some(usage) if !usage.contains(KeyUsage::CRL_SIGN) => continue,
            _ => ca.check(config, &issuer, &[], now, signatures).and_then(|()| {
                let key = issuer.public_key();
                key.check(&config.limits)?;
                *signatures = signatures.checked_sub(1).ok_or(Limit::Signatures)?;
                verifier.verify(&key, &[list.tbs()], list.signature())
            }),
        };
        match checked {
            Ok(()) => return Ok(()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
