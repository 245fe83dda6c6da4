//! How a certificate is built and signed, on the builder of `x509-cert`.

use crate::ca::Result;
use crate::key::IssuingKey;
use scep::crypto::Rng;
use scep::crypto::rustcrypto::PROVIDER;
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire;
use std::time::Duration;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder as _, CertificateBuilder};
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{DateTime, Decode as _, Encode as _};
use x509_cert::ext::pkix::{KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

/// Certificates begin a little before they are made, for devices whose clock is late.
const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// What the builder asks for.
pub(crate) struct Profile {
    pub(crate) issuer: Name,
    pub(crate) subject: Name,
    pub(crate) extensions: Extensions,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &x509_cert::TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        Ok(self.extensions.list.clone())
    }
}

/// Extensions for a certificate of `subject`.
pub(crate) struct Extensions {
    subject: Name,
    list: Vec<Extension>,
}

impl Extensions {
    pub(crate) fn new(subject: &Name) -> Self {
        Self { subject: subject.clone(), list: Vec::new() }
    }

    pub(crate) fn add<E: ToExtension>(&mut self, extension: E) -> std::result::Result<(), E::Error> {
        self.list.push(extension.to_extension(&self.subject, &self.list)?);
        Ok(())
    }

    pub(crate) fn key_usage(&mut self, usages: &[KeyUsages]) -> Result<()> {
        let mut all = KeyUsage(Default::default());
        usages.iter().for_each(|usage| all.0 |= *usage);
        Ok(self.add(&all)?)
    }
}

/// Builds a certificate and signs it.
pub(crate) fn build(
    mut profile: Profile,
    public_key: &[u8],
    now: UnixTime,
    end: Duration,
    key: &IssuingKey,
    rng: &mut Rng<'_>,
) -> Result<CertificateDer<'static>> {
    let bits = wire::SubjectPublicKeyInfo::parse(public_key)?.key();
    profile.extensions.add(&SubjectKeyIdentifier(key_identifier(bits)?))?;
    let begin = Duration::from_secs(now.as_secs()).saturating_sub(BACKDATE);
    let validity = Validity::new(time(begin)?, time(end)?);
    let public_key = SubjectPublicKeyInfoOwned::from_der(public_key)?;
    let mut builder = CertificateBuilder::new(profile, serial(rng)?, validity, public_key)?;
    let to_be_signed = builder.finalize(key)?;
    let certificate = builder.assemble(key.sign(to_be_signed, rng)?, key)?;
    Ok(CertificateDer::from(certificate.to_der()?))
}

/// 16 random bytes, positive and without leading zeros.
fn serial(rng: &mut Rng<'_>) -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    rng.try_fill_bytes(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7F | 0x40;
    Ok(SerialNumber::new(&bytes)?)
}

/// RFC 7093 section 2, method 1: the first 160 bits of the SHA-256 of the key.
pub(crate) fn key_identifier(public_key: &[u8]) -> Result<OctetString> {
    let digest = PROVIDER.sha256(&[public_key])?;
    Ok(OctetString::new(digest.get(..20).unwrap_or_default())?)
}

pub(crate) fn time(since_epoch: Duration) -> Result<Time> {
    Ok(Time::from(DateTime::from_unix_duration(since_epoch)?))
}
