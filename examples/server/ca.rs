//! A small CA: what goes into the certificates that it issues.
//!
//! It builds every certificate itself and takes nothing from a request but the key, the subject and the subject
//! alternative names.

use crate::certificate::{Extensions, Profile, build, key_identifier};
use crate::key::IssuingKey;
use crate::names::{self, Reason};
use scep::crypto::{Rng, SharedKey};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::RequestedCertificate;
use scep::wire::{self, Limits, Oid};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsages};
use x509_cert::name::Name;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// id-kp-cmcRA (RFC 6402 section 2.10). A client tells by it an RA from a device, whose certificate is of the same CA.
const CMC_RA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.28");

/// Which parts of SCEP a certificate's key plays (RFC 8894 section 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scep {
    /// None: an RA does it.
    Nothing,
    /// It signs replies.
    Signs,
    /// Requests are encrypted for it.
    Decrypts,
    /// Both.
    Both,
}

impl Scep {
    fn usage(self) -> &'static [KeyUsages] {
        match self {
            Self::Nothing => &[],
            Self::Signs => &[KeyUsages::DigitalSignature],
            Self::Decrypts => &[KeyUsages::KeyEncipherment],
            Self::Both => &[KeyUsages::DigitalSignature, KeyUsages::KeyEncipherment],
        }
    }
}

/// A CA that can issue.
pub(crate) struct Ca {
    certificate: CertificateDer<'static>,
    name: Name,
    name_der: Vec<u8>,
    key_identifier: OctetString,
    not_after: Duration,
    key: IssuingKey,
}

/// What will be certified, once it is known to be acceptable.
pub(crate) struct Wanted {
    subject: Name,
    public_key: Vec<u8>,
    /// The names that were asked for, written anew.
    alt_names: Vec<Extension>,
}

impl Wanted {
    /// What `requested` asks for; the error says, in words for the client, why this CA does not issue it. In a renewal the
    /// subject is that of the certificate to be renewed, which a request may write in another letter case. `taken` are
    /// the certificates of the CA and of its RA, whose names nobody else gets.
    pub(crate) fn new(
        requested: &RequestedCertificate,
        renewed: Option<&CertificateDer<'_>>,
        taken: &[CertificateDer<'static>],
    ) -> std::result::Result<Self, Reason> {
        let name = match renewed {
            Some(renewed) => wire::Certificate::parse(renewed).map(|own| own.subject()),
            None => requested.subject(),
        };
        let name = name.map_err(|_| "subject: cannot be read")?;
        let taken = taken.iter().filter_map(|own| wire::Certificate::parse(own).ok());
        names::check_subject(name, taken.map(|own| own.subject()))?;
        // the certificate shall bear the name byte for byte
        let subject = Name::from_der(name.as_der()).ok();
        let subject = subject.filter(|subject| subject.to_der().is_ok_and(|der| der == name.as_der()));
        let subject = subject.ok_or("subject: not in DER")?;
        let wishes = requested.extensions(&Limits::DEFAULT).map_err(|_| "extensions: cannot be read")?;
        let alt_names = wishes.and_then(|wishes| wishes.get(Oid::SUBJECT_ALT_NAME));
        let alt_names = alt_names.map_or(Ok(None), |wish| names::subject_alt_names(wish.value))?;
        if subject.is_empty() && alt_names.is_none() {
            return Err("neither a subject nor a subject alternative name");
        }
        let alt_names = alt_names.map_or(Ok(Vec::new()), |der| Vec::from_der(&der));
        let alt_names = alt_names.map_err(|_| "subjectAltName: cannot be written")?;
        Ok(Self { subject, public_key: requested.public_key().to_vec(), alt_names })
    }
}

impl Ca {
    /// Takes up a CA whose certificate is there.
    pub(crate) fn new(certificate: CertificateDer<'static>, key: Arc<dyn SharedKey>) -> Result<Self> {
        let parsed = wire::Certificate::parse(&certificate)?;
        let (subject, not_after) = (parsed.subject().as_der(), parsed.not_after()?);
        Ok(Self {
            name: Name::from_der(subject)?,
            name_der: subject.to_vec(),
            key_identifier: match parsed.subject_key_identifier() {
                Some(own) => OctetString::new(own)?,
                None => key_identifier(parsed.public_key().key())?,
            },
            not_after: Duration::from_secs(not_after.as_secs()),
            key: IssuingKey::new(key)?,
            certificate,
        })
    }

    /// The CA's certificate.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its name, DER.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name_der
    }

    /// What signs its certificates and revocation lists.
    pub(crate) fn key(&self) -> &IssuingKey {
        &self.key
    }

    /// Issues a certificate for a year.
    pub(crate) fn issue(
        &self,
        wanted: &Wanted,
        now: UnixTime,
        rng: &mut Rng<'_>,
    ) -> Result<CertificateDer<'static>> {
        let mut extensions = Extensions::new(&wanted.subject);
        extensions.add(&BasicConstraints { ca: false, path_len_constraint: None })?;
        let decrypts = wire::SubjectPublicKeyInfo::parse(&wanted.public_key)?.can_encrypt();
        extensions.key_usage(if decrypts { Scep::Both } else { Scep::Signs }.usage())?;
        extensions.add(&ExtendedKeyUsage(vec![CLIENT_AUTH]))?;
        for names in &wanted.alt_names {
            // critical where it is all the name there is (RFC 5280 section 4.2.1.6)
            extensions.add(Extension { critical: wanted.subject.is_empty(), ..names.clone() })?;
        }
        self.certify(&wanted.subject, &wanted.public_key, extensions, (now, YEAR), rng)
    }

    /// Issues an RA certificate for five years.
    pub(crate) fn issue_ra(
        &self,
        name: &str,
        public_key: &[u8],
        scep: Scep,
        now: UnixTime,
        rng: &mut Rng<'_>,
    ) -> Result<CertificateDer<'static>> {
        let subject: Name = name.parse()?;
        let mut extensions = Extensions::new(&subject);
        extensions.add(&BasicConstraints { ca: false, path_len_constraint: None })?;
        extensions.key_usage(scep.usage())?;
        extensions.add(&ExtendedKeyUsage(vec![CMC_RA]))?;
        self.certify(&subject, public_key, extensions, (now, 5 * YEAR), rng)
    }

    fn certify(
        &self,
        subject: &Name,
        public_key: &[u8],
        mut extensions: Extensions,
        (now, lifetime): (UnixTime, Duration),
        rng: &mut Rng<'_>,
    ) -> Result<CertificateDer<'static>> {
        let key_identifier = Some(self.key_identifier.clone());
        extensions.add(&AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() })?;
        let profile = Profile { issuer: self.name.clone(), subject: subject.clone(), extensions };
        let end = (Duration::from_secs(now.as_secs()) + lifetime).min(self.not_after);
        build(profile, public_key, now, end, &self.key, rng)
    }
}

/// Makes the certificate of a new CA, for ten years.
pub(crate) fn self_signed(
    key: &Arc<dyn SharedKey>,
    name: &str,
    scep: Scep,
    now: UnixTime,
    rng: &mut Rng<'_>,
) -> Result<CertificateDer<'static>> {
    let subject: Name = name.parse()?;
    let mut extensions = Extensions::new(&subject);
    extensions.add(&BasicConstraints { ca: true, path_len_constraint: None })?;
    extensions.key_usage(&[&[KeyUsages::KeyCertSign, KeyUsages::CRLSign], scep.usage()].concat())?;
    let end = Duration::from_secs(now.as_secs()) + 10 * YEAR;
    let profile = Profile { issuer: subject.clone(), subject, extensions };
    build(profile, key.public_key_der(), now, end, &IssuingKey::new(Arc::clone(key))?, rng)
}
