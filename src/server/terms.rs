//! What a one-time challenge allows (T20): a bare password would allow any name.

use super::transaction::RequestedCertificate;
use crate::error::{Error, InvalidMessage};
use crate::message::codec::{Decoder, Encoder};
use crate::wire::certificate::Certificate;
use crate::wire::extension::{
    Extensions, ExtensionsBuilder, GeneralName, KeyUsage, extended_key_usage, subject_alt_names,
};
use crate::wire::limits::Limits;
use crate::wire::name::Name;
use crate::wire::oid::Oid;
use crate::wire::public_key::{EcCurve, SubjectPublicKeyInfo};
use alloc::vec::Vec;
use core::fmt;

/// What a [`OneTimeChallenge`](super::OneTimeChallenge) allows to ask for. The request has to keep to it, and so does the
/// certificate that is issued.
///
/// ```
/// use scep::server::ChallengeTerms;
/// use scep::wire::{DistinguishedName, GeneralName, KeyUsage, Oid};
///
/// # fn main() -> Result<(), scep::Error> {
/// let subject: DistinguishedName = "CN=device-17,O=Example".parse()?;
/// let terms = ChallengeTerms::for_subject(subject.as_der())?
///     .alt_names(&[GeneralName::Dns("device-17.example.com")])?
///     .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT)
///     .extended_key_usage(&[Oid::CLIENT_AUTH])
///     .rsa_key(2048);
/// # let _ = terms;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ChallengeTerms {
    /// DER Name.
    subject: Option<Vec<u8>>,
    /// Value of subjectAltName.
    alt_names: Option<Vec<u8>>,
    key_usage: Option<KeyUsage>,
    purposes: Option<Vec<Vec<u8>>>,
    /// Any if empty.
    keys: Vec<KeyKind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    /// With a modulus of at least so many bits.
    Rsa(u64),
    Ec(EcCurve),
}

const CURVES: [EcCurve; 2] = [EcCurve::P256, EcCurve::P384];

impl ChallengeTerms {
    /// Any subject and any names: whoever has the challenge chooses who he is. Rarely what a CA wants.
    pub const fn any_subject() -> Self {
        Self { subject: None, alt_names: None, key_usage: None, purposes: None, keys: Vec::new() }
    }

    /// This subject (DER, RFC 5280 section 4.1.2.4) in any letter case and string type, and no alternative name until
    /// [`Self::alt_names`] says so.
    pub fn for_subject(subject: &[u8]) -> Result<Self, Error> {
        Ok(Self { subject: Some(Name::parse(subject)?.as_der().to_vec()), ..Self::any_subject() })
    }

    /// These alternative names or fewer, in any order; with none, none at all.
    pub fn alt_names(mut self, names: &[GeneralName<'_>]) -> Result<Self, Error> {
        let written = ExtensionsBuilder::default().subject_alt_names(names)?.build();
        let read =
            if written.is_empty() { None } else { Some(Extensions::parse(&written, &Limits::DEFAULT)?) };
        let value = read.and_then(|read| read.get(Oid::SUBJECT_ALT_NAME));
        // as many as may be asked for
        value.map_or(Ok(Vec::new()), |names| subject_alt_names(names.value, &Limits::DEFAULT))?;
        self.alt_names = Some(value.map(|names| names.value.to_vec()).unwrap_or_default());
        Ok(self)
    }

    /// No other key usage. Who asks for none keeps to it.
    #[must_use]
    pub fn key_usage(mut self, usage: KeyUsage) -> Self {
        self.key_usage = Some(usage);
        self
    }

    /// No other purposes (extended key usage). Who asks for none keeps to it.
    #[must_use]
    pub fn extended_key_usage(mut self, purposes: &[Oid<'_>]) -> Self {
        self.purposes = Some(purposes.iter().map(|purpose| purpose.as_bytes().to_vec()).collect());
        self
    }

    /// An RSA key of at least so many bits, or another kind that is listed.
    #[must_use]
    pub fn rsa_key(mut self, bits: usize) -> Self {
        self.keys.push(KeyKind::Rsa(u64::try_from(bits).unwrap_or(u64::MAX)));
        self
    }

    /// A key on this curve, or another kind that is listed.
    #[must_use]
    pub fn ec_key(mut self, curve: EcCurve) -> Self {
        self.keys.push(KeyKind::Ec(curve));
        self
    }

    /// Whether a request keeps to them.
    pub(super) fn allow(&self, requested: &RequestedCertificate, limits: &Limits) -> Result<bool, Error> {
        let key = SubjectPublicKeyInfo::parse(requested.public_key())?;
        self.fit(&requested.subject()?, requested.extensions(limits)?.as_ref(), &key, limits)
    }

    /// A certificate without one of the two is for everything; a request without is for nothing in particular.
    fn limit_more_than(&self, certificate: &Certificate<'_>) -> bool {
        self.key_usage.is_some() && certificate.key_usage().is_none()
            || self.purposes.is_some() && certificate.extended_key_usage().is_none()
    }

    /// Whether a certificate keeps to them.
    pub(super) fn fit_certificate(
        &self,
        certificate: &Certificate<'_>,
        limits: &Limits,
    ) -> Result<bool, Error> {
        let extensions = certificate.extensions()?;
        if self.limit_more_than(certificate) {
            return Ok(false);
        }
        self.fit(&certificate.subject(), extensions.as_ref(), &certificate.public_key(), limits)
    }

    fn fit(
        &self,
        subject: &Name<'_>,
        extensions: Option<&Extensions<'_>>,
        key: &SubjectPublicKeyInfo<'_>,
        limits: &Limits,
    ) -> Result<bool, Error> {
        let value = |oid| extensions.and_then(|extensions| extensions.get(oid)).map(|found| found.value);
        let own_subject = self.subject.as_deref().map(Name::parse).transpose()?;
        let subject = own_subject.is_none_or(|own| own.matches(subject));
        let names = match (&self.alt_names, value(Oid::SUBJECT_ALT_NAME)) {
            (_, None) => true,
            (None, Some(_)) => self.subject.is_none(),
            (Some(own), Some(asked)) => {
                let own = if own.is_empty() { Vec::new() } else { subject_alt_names(own, &Limits::DEFAULT)? };
                subject_alt_names(asked, limits)?.iter().all(|name| own.contains(name))
            }
        };
        let usage = match (self.key_usage, value(Oid::KEY_USAGE)) {
            (Some(own), Some(asked)) => own.contains(KeyUsage::from_extension(asked)?),
            _ => true,
        };
        let purposes = match (&self.purposes, value(Oid::EXTENDED_KEY_USAGE)) {
            (Some(own), Some(asked)) => {
                let own = |purpose: &Oid<'_>| own.iter().any(|own| own == purpose.as_bytes());
                extended_key_usage(asked)?.iter().all(own)
            }
            _ => true,
        };
        Ok(subject && names && usage && purposes && self.fits_key(key))
    }

    fn fits_key(&self, key: &SubjectPublicKeyInfo<'_>) -> bool {
        let fits = |kind: &KeyKind| match kind {
            KeyKind::Rsa(bits) => {
                key.rsa().is_ok_and(|key| u64::try_from(key.bits()).is_ok_and(|own| own >= *bits))
            }
            KeyKind::Ec(curve) => key.ec().is_ok_and(|key| key.curve == *curve),
        };
        self.keys.is_empty() || self.keys.iter().any(fits)
    }

    pub(super) fn encode(&self, encoder: &mut Encoder) {
        encoder.list(self.subject.as_slice());
        encoder.list(self.alt_names.as_slice());
        let usage: Option<Vec<u8>> = self.key_usage.map(KeyUsage::to_extension);
        encoder.list(usage.as_slice());
        encoder.number(u64::from(self.purposes.is_some()));
        encoder.list(self.purposes.as_deref().unwrap_or_default());
        let keys: Vec<[u8; 8]> = self.keys.iter().map(|kind| kind.number().to_be_bytes()).collect();
        encoder.list(&keys);
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut one = || Ok::<_, Error>(decoder.list(1)?.first().map(|bytes| bytes.to_vec()));
        let (subject, alt_names, usage) = (one()?, one()?, one()?);
        let some = decoder.number()? != 0;
        let purposes: Vec<Vec<u8>> = decoder.list(64)?.into_iter().map(<[u8]>::to_vec).collect();
        let keys = decoder.list(8)?.into_iter().map(KeyKind::read).collect::<Result<_, _>>()?;
        let key_usage = usage.as_deref().map(KeyUsage::from_extension).transpose()?;
        Ok(Self { subject, alt_names, key_usage, purposes: some.then_some(purposes), keys })
    }
}

impl KeyKind {
    /// A number of bits, or 1 and 2 for the curves.
    fn number(self) -> u64 {
        match self {
            Self::Rsa(bits) => bits.max(8),
            Self::Ec(EcCurve::P256) => 1,
            Self::Ec(EcCurve::P384) => 2,
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let number = bytes.try_into().map(u64::from_be_bytes).map_err(|_| InvalidMessage::SavedState)?;
        Ok(CURVES.into_iter().map(Self::Ec).find(|kind| kind.number() == number).unwrap_or(Self::Rsa(number)))
    }
}

impl fmt::Debug for ChallengeTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject.as_deref().map(Name::parse) {
            Some(Ok(subject)) => write!(f, "ChallengeTerms({subject})"),
            Some(Err(_)) => f.write_str("ChallengeTerms(..)"),
            None => f.write_str("ChallengeTerms(any subject)"),
        }
    }
}
