//! What profiles of other systems have in common: settings with names, and what becomes of them.

use super::enrolment::EnrolmentProfile;
use super::error::{ProfileError, TemplateError};
use super::key::KeySize;
use crate::crypto::ChallengePassword;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The value of a setting: what a property list or a SyncML command holds, once the caller has read its XML. `Debug`
/// tells the type and shows no value, since one of them is a challenge.
#[derive(Clone, PartialEq)]
pub enum SettingValue {
    /// A string; a SyncML number may come as one too.
    Text(String),
    /// A number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// Bytes.
    Data(Vec<u8>),
    /// Several values.
    Array(Vec<Self>),
    /// Values with names.
    Dictionary(Vec<(String, Self)>),
}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Boolean(_) => "Boolean(..)",
            Self::Data(_) => "Data(..)",
            Self::Array(_) => "Array(..)",
            Self::Dictionary(_) => "Dictionary(..)",
        })
    }
}

impl From<&str> for SettingValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for SettingValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for SettingValue {
    fn from(on: bool) -> Self {
        Self::Boolean(on)
    }
}

/// What a profile of another system says.
#[derive(Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The profile. There are no variables in it: the server has put the values in.
    pub profile: EnrolmentProfile,
    /// The challenge that came with it, for the request.
    pub challenge: Option<ChallengePassword>,
    /// The fingerprint of the CA's certificate, for [`Trust`](crate::client::Trust).
    pub ca_fingerprint: Option<CaFingerprint>,
    /// Whether the key may leave its store, where the system says so.
    pub key_is_extractable: Option<bool>,
    /// Settings for the device that have nothing to do with the request, by name.
    pub settings: Vec<(&'static str, String)>,
    /// What was made of settings that cannot be followed to the letter.
    pub findings: Vec<ImportFinding>,
    /// The size that the system would take, bits.
    pub(super) given_bits: u32,
}

impl Imported {
    /// The same with the key size that the system itself would take, where it was raised:
    /// [`ProfileError::KeySize`] when that is not supported here, as 1024 bits without feature `legacy`.
    pub fn as_given(mut self) -> Result<Self, ProfileError> {
        self.profile.key_size = KeySize::from_bits(self.given_bits).ok_or(ProfileError::KeySize)?;
        self.findings.retain(|finding| !matches!(finding, ImportFinding::KeySizeRaised { .. }));
        Ok(self)
    }
}

/// A fingerprint of a CA's certificate, over its whole DER form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaFingerprint {
    /// SHA-1: pins a CA with feature `legacy` and
    /// [`Compat::sha1_fingerprint`](crate::client::Compat::sha1_fingerprint) only.
    Sha1([u8; 20]),
    /// SHA-256: for [`Trust::matching_sha256`](crate::client::Trust::matching_sha256).
    Sha256([u8; 32]),
}

impl CaFingerprint {
    /// By its length; MD5 is none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sha1 = bytes.try_into().map(Self::Sha1).ok();
        sha1.or_else(|| bytes.try_into().map(Self::Sha256).ok())
    }
}

/// What was made of a setting.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFinding {
    /// The system's own default is too small: see [`Imported::as_given`].
    KeySizeRaised {
        /// What it was, bits.
        given: u32,
    },
    /// No key usage was named: digitalSignature and keyEncipherment are asked for.
    KeyUsageAssumed,
    /// More retries than the system makes.
    RetriesCapped {
        /// How many were named.
        given: i64,
    },
    /// A retry sooner than the system makes one.
    RetryDelayRaised {
        /// What was named, in the unit of the system.
        given: i64,
    },
    /// Text of the subject with `{{` in it: a server has forgotten to put a value in, and it would end up in the
    /// certificate.
    Unexpanded,
    /// A setting that nobody here knows.
    UnknownSetting(String),
}

/// Why settings are no profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Which setting it is about, by the name that its system has for it; empty for the profile as a whole.
    pub setting: &'static str,
    /// What is wrong with it.
    pub fault: ImportFault,
}

/// What is wrong with a setting.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFault {
    /// It has to be there.
    Missing,
    /// It is there twice.
    Repeated,
    /// Its value is of another type.
    Type,
    /// Its value says nothing that can be followed.
    Value,
    /// Its text is no name.
    Template(TemplateError),
    /// What it says makes no profile.
    Profile(ProfileError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, fault } = self;
        if !setting.is_empty() {
            write!(f, "setting {setting}: ")?;
        }
        match fault {
            ImportFault::Missing => f.write_str("missing"),
            ImportFault::Repeated => f.write_str("given twice"),
            ImportFault::Type => f.write_str("of another type"),
            ImportFault::Value => f.write_str("says nothing that can be followed"),
            ImportFault::Template(error) => error.fmt(f),
            ImportFault::Profile(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.fault {
            ImportFault::Template(error) => Some(error),
            ImportFault::Profile(error) => Some(error),
            _ => None,
        }
    }
}

/// Settings by name, each of which is there once.
pub(super) struct Settings<'a>(Vec<(&'static str, &'a SettingValue)>);

impl<'a> Settings<'a> {
    /// Sorts out what is known, by `name_of`; the others are found.
    pub(super) fn new(
        given: impl Iterator<Item = (&'a str, &'a SettingValue)>,
        name_of: impl Fn(&str) -> Option<&'static str>,
        mut unknown: impl FnMut(&str),
    ) -> Result<Self, ImportError> {
        let mut settings: Vec<(&'static str, &SettingValue)> = Vec::new();
        for (name, value) in given {
            match name_of(name) {
                Some(setting) if settings.iter().any(|(known, _)| *known == setting) => {
                    return Err(ImportError { setting, fault: ImportFault::Repeated });
                }
                Some(setting) => settings.push((setting, value)),
                None => unknown(name),
            }
        }
        Ok(Self(settings))
    }

    pub(super) fn get(&self, setting: &'static str) -> Option<&'a SettingValue> {
        self.0.iter().find(|(known, _)| *known == setting).map(|(_, value)| *value)
    }

    /// Text; an empty one is none.
    pub(super) fn text(&self, setting: &'static str) -> Result<Option<&'a str>, ImportError> {
        match self.get(setting) {
            None => Ok(None),
            Some(SettingValue::Text(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(ImportError { setting, fault: ImportFault::Type }),
        }
    }

    pub(super) fn required_text(&self, setting: &'static str) -> Result<&'a str, ImportError> {
        self.text(setting)?.ok_or(ImportError { setting, fault: ImportFault::Missing })
    }

    /// A number, or its decimal digits.
    pub(super) fn integer(&self, setting: &'static str) -> Result<Option<i64>, ImportError> {
        let fault = |fault| ImportError { setting, fault };
        match self.get(setting) {
            None => Ok(None),
            Some(SettingValue::Integer(number)) => Ok(Some(*number)),
            Some(SettingValue::Text(text)) => {
                text.trim().parse().map(Some).map_err(|_| fault(ImportFault::Value))
            }
            Some(_) => Err(fault(ImportFault::Type)),
        }
    }

    pub(super) fn boolean(&self, setting: &'static str) -> Result<Option<bool>, ImportError> {
        match self.get(setting) {
            None => Ok(None),
            Some(SettingValue::Boolean(on)) => Ok(Some(*on)),
            Some(_) => Err(ImportError { setting, fault: ImportFault::Type }),
        }
    }
}

/// The error about a setting, for `map_err`.
pub(super) fn about<E>(
    setting: &'static str,
    fault: impl FnOnce(E) -> ImportFault,
) -> impl FnOnce(E) -> ImportError {
    move |error| ImportError { setting, fault: fault(error) }
}

/// The error of a setting whose value says nothing.
pub(super) fn value<E>(setting: &'static str) -> impl FnOnce(E) -> ImportError {
    about(setting, |_| ImportFault::Value)
}
