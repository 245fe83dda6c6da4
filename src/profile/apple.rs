//! Apple's payload `com.apple.security.scep`.
//!
//! ```
//! use scep::profile::{CertificateType, SettingValue, apple};
//!
//! # fn main() -> Result<(), scep::profile::ImportError> {
//! let name = |key: &str, value: &str| SettingValue::Array(vec![SettingValue::Array(vec![key.into(), value.into()])]);
//! let payload = [
//!     ("URL".into(), "http://ca.example/scep".into()),
//!     ("Subject".into(), SettingValue::Array(vec![name("O", "Example"), name("CN", "Jane's iPad")])),
//!     ("Challenge".into(), "secret".into()),
//!     ("Keysize".into(), 2048.into()),
//!     ("Key Usage".into(), 5.into()),
//! ];
//! let imported = apple::import(CertificateType::Device, &payload)?;
//! assert_eq!(imported.profile.key_size().bits(), 2048);
//! assert!(imported.findings.is_empty());
//! # Ok(())
//! # }
//! ```

use super::alt_name::{AltNameTemplate, AltNameType};
use super::enrolment::{EnrolmentProfile, Retries, SubjectNameFormat};
use super::import::{
    CaFingerprint, ImportError, ImportFault, ImportFinding, Imported, SettingValue, Settings, about, value,
};
use super::key::{KeyProtection, KeySize};
use super::subject::SubjectTemplate;
use super::variable::CertificateType;
use crate::crypto::ChallengePassword;
use crate::wire::extension::KeyUsage;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

const URL: &str = "URL";
const NAME: &str = "Name";
const SUBJECT: &str = "Subject";
const CHALLENGE: &str = "Challenge";
const KEY_SIZE: &str = "Keysize";
const KEY_TYPE: &str = "Key Type";
const KEY_USAGE: &str = "Key Usage";
const ALT_NAME: &str = "SubjectAltName";
const FINGERPRINT: &str = "CAFingerprint";
const RETRIES: &str = "Retries";
const RETRY_DELAY: &str = "RetryDelay";
const EXTRACTABLE: &str = "KeyIsExtractable";
const ALL_APPS: &str = "AllowAllAppsAccess";

const KNOWN: [&str; 13] = [
    URL,
    NAME,
    SUBJECT,
    CHALLENGE,
    KEY_SIZE,
    KEY_TYPE,
    KEY_USAGE,
    ALT_NAME,
    FINGERPRINT,
    RETRIES,
    RETRY_DELAY,
    EXTRACTABLE,
    ALL_APPS,
];

const ALT_NAMES: [(&str, AltNameType); 4] = [
    ("rfc822Name", AltNameType::Email),
    ("ntPrincipalName", AltNameType::UserPrincipalName),
    ("dNSName", AltNameType::Dns),
    ("uniformResourceIdentifier", AltNameType::Uri),
];

/// The size of a key when none is named, bits.
const DEFAULT_BITS: u32 = 1024;

/// The profile in the dictionary `PayloadContent`, or in the payload itself: names that begin with `Payload` are passed
/// over. Whose certificate it is follows from the channel that it came by.
///
/// Apple's own key size is 1024 bits; a payload that names none gets 2048, see [`Imported::as_given`]. A key for nothing
/// (`Key Usage` 0) is asked for both uses. No purpose is asked for: Apple's clients ask for none.
pub fn import(
    certificate: CertificateType,
    payload: &[(String, SettingValue)],
) -> Result<Imported, ImportError> {
    let mut findings = Vec::new();
    let given = payload.iter().map(|(name, value)| (name.as_str(), value));
    let settings = Settings::new(
        given.filter(|(name, _)| !name.starts_with("Payload")),
        |name| KNOWN.iter().copied().find(|known| *known == name),
        |name| findings.push(ImportFinding::UnknownSetting(name.into())),
    )?;
    let subject = match settings.get(SUBJECT) {
        None => SubjectNameFormat::NotConfigured,
        Some(value) => subject(value, &mut findings)?,
    };
    let mut builder = EnrolmentProfile::builder(certificate, subject)
        .server(settings.required_text(URL)?)
        .key_protection(KeyProtection::Software)
        .extended_key_usage(&[]);
    if let Some(identifier) = settings.text(NAME)? {
        builder = builder.ca_identifier(identifier);
    }
    for name in alt_names(&settings)? {
        builder = builder.subject_alt_name(name);
    }
    if settings.text(KEY_TYPE)?.is_some_and(|kind| kind != "RSA") {
        return Err(ImportError { setting: KEY_TYPE, fault: ImportFault::Value });
    }
    let given_bits = match settings.integer(KEY_SIZE)? {
        Some(bits) => {
            let bits = u32::try_from(bits).map_err(value(KEY_SIZE))?;
            let none = ImportError { setting: KEY_SIZE, fault: ImportFault::Value };
            builder = builder.key_size(KeySize::from_bits(bits).ok_or(none)?);
            bits
        }
        None => {
            findings.push(ImportFinding::KeySizeRaised { given: DEFAULT_BITS });
            DEFAULT_BITS
        }
    };
    builder = builder.key_usage(match settings.integer(KEY_USAGE)? {
        None | Some(0) => {
            findings.push(ImportFinding::KeyUsageAssumed);
            KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT
        }
        Some(1) => KeyUsage::DIGITAL_SIGNATURE,
        Some(4) => KeyUsage::KEY_ENCIPHERMENT,
        Some(5) => KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        Some(_) => return Err(ImportError { setting: KEY_USAGE, fault: ImportFault::Value }),
    });
    let count = u32::try_from(settings.integer(RETRIES)?.unwrap_or(3)).map_err(value(RETRIES))?;
    let seconds = u32::try_from(settings.integer(RETRY_DELAY)?.unwrap_or(10)).map_err(value(RETRY_DELAY))?;
    builder = builder.retries(Retries { count, delay: Duration::from_secs(seconds.into()) });
    let ca_fingerprint = match settings.get(FINGERPRINT) {
        None => None,
        Some(SettingValue::Data(bytes)) => {
            let none = ImportError { setting: FINGERPRINT, fault: ImportFault::Value };
            Some(CaFingerprint::from_bytes(bytes).ok_or(none)?)
        }
        Some(_) => return Err(ImportError { setting: FINGERPRINT, fault: ImportFault::Type }),
    };
    let challenge =
        settings.text(CHALLENGE)?.map(ChallengePassword::new).transpose().map_err(value(CHALLENGE))?;
    let all_apps =
        settings.boolean(ALL_APPS)?.map(|on| (ALL_APPS, String::from(if on { "true" } else { "false" })));
    Ok(Imported {
        profile: builder.build().map_err(about("", ImportFault::Profile))?,
        challenge,
        ca_fingerprint,
        key_is_extractable: settings.boolean(EXTRACTABLE)?,
        settings: all_apps.into_iter().collect(),
        findings,
        given_bits,
    })
}

/// An array of relative distinguished names, each an array of attributes, each an array of type and value.
fn subject(
    value: &SettingValue,
    findings: &mut Vec<ImportFinding>,
) -> Result<SubjectNameFormat, ImportError> {
    let wrong = || ImportError { setting: SUBJECT, fault: ImportFault::Type };
    let mut rdns = Vec::new();
    for rdn in elements(value).ok_or_else(wrong)? {
        let attributes = elements(rdn).ok_or_else(wrong)?;
        let pairs: Option<Vec<_>> = attributes.iter().map(attribute).collect();
        rdns.push(pairs.ok_or_else(wrong)?);
    }
    if rdns.iter().flatten().any(|(_, value)| value.contains("{{")) {
        findings.push(ImportFinding::Unexpanded);
    }
    match rdns.as_slice() {
        [] => Ok(SubjectNameFormat::NotConfigured),
        rdns => {
            let template = SubjectTemplate::of(rdns).map_err(about(SUBJECT, ImportFault::Template))?;
            Ok(SubjectNameFormat::Custom(template))
        }
    }
}

fn elements(value: &SettingValue) -> Option<&[SettingValue]> {
    match value {
        SettingValue::Array(values) => Some(values),
        _ => None,
    }
}

fn attribute(pair: &SettingValue) -> Option<(&str, &str)> {
    match elements(pair)? {
        [SettingValue::Text(key), SettingValue::Text(value)] => Some((key, value)),
        _ => None,
    }
}

/// Each kind is one text or several.
fn alt_names(settings: &Settings<'_>) -> Result<Vec<AltNameTemplate>, ImportError> {
    let wrong = |fault| ImportError { setting: ALT_NAME, fault };
    let given = match settings.get(ALT_NAME) {
        None => return Ok(Vec::new()),
        Some(SettingValue::Dictionary(given)) => given,
        Some(_) => return Err(wrong(ImportFault::Type)),
    };
    let mut names = Vec::new();
    for (key, value) in given {
        let kind = ALT_NAMES.iter().find(|(known, _)| known == key).ok_or(wrong(ImportFault::Value))?.1;
        let texts = match value {
            SettingValue::Array(texts) => texts.as_slice(),
            text => core::slice::from_ref(text),
        };
        for text in texts {
            let SettingValue::Text(text) = text else { return Err(wrong(ImportFault::Type)) };
            let name = AltNameTemplate::without_variables(kind, text);
            names.push(name.map_err(about(ALT_NAME, ImportFault::Template))?);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
