//! The Windows nodes `ClientCertificateInstall/SCEP/{id}/Install`.
//!
//! ```
//! use scep::profile::{CertificateType, KeyProtection, windows};
//!
//! # fn main() -> Result<(), scep::profile::ImportError> {
//! let nodes = [
//!     ("ServerURL".into(), "https://ndes.example/certsrv/mscep/mscep.dll".into()),
//!     ("Challenge".into(), "c2VjcmV0".into()),
//!     ("SubjectName".into(), r#"CN="Doe, Jane",O=Example"#.into()),
//!     ("EKUMapping".into(), "1.3.6.1.5.5.7.3.2".into()),
//!     ("KeyUsage".into(), 160.into()),
//!     ("KeyLength".into(), 2048.into()),
//!     ("KeyProtection".into(), 1.into()),
//!     ("HashAlgorithm".into(), "SHA-2".into()),
//!     ("CAThumbprint".into(), "00112233445566778899AABBCCDDEEFF00112233".into()),
//! ];
//! let imported = windows::import(CertificateType::User, &nodes)?;
//! assert_eq!(imported.profile.key_protection(), KeyProtection::TpmElseFail);
//! # Ok(())
//! # }
//! ```

use super::alt_name::{AltNameTemplate, AltNameType};
use super::enrolment::{EnrolmentProfile, Retries, SubjectNameFormat};
use super::import::{
    CaFingerprint, ImportError, ImportFault, ImportFinding, Imported, SettingValue, Settings, about, value,
};
use super::key::{HashFamilies, KeyProtection, KeySize};
use super::subject::{NameSyntax, SubjectTemplate};
use super::variable::CertificateType;
use crate::crypto::ChallengePassword;
use crate::transport::base64_decode;
use crate::wire::distinguished_name::{encode_oid, hexadecimal};
use crate::wire::extension::KeyUsage;
use crate::wire::oid::Oid;
use crate::wire::requested_validity::{RequestedValidity, ValidityUnit};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

const SERVER_URL: &str = "ServerURL";
const CHALLENGE: &str = "Challenge";
const PURPOSES: &str = "EKUMapping";
const KEY_USAGE: &str = "KeyUsage";
const SUBJECT: &str = "SubjectName";
const PROTECTION: &str = "KeyProtection";
const RETRY_DELAY: &str = "RetryDelay";
const RETRY_COUNT: &str = "RetryCount";
const TEMPLATE: &str = "TemplateName";
const KEY_LENGTH: &str = "KeyLength";
const HASH: &str = "HashAlgorithm";
const THUMBPRINT: &str = "CAThumbprint";
const ALT_NAMES: &str = "SubjectAlternativeNames";
const PERIOD: &str = "ValidPeriod";
const PERIOD_UNITS: &str = "ValidPeriodUnits";
const CONTAINER: &str = "ContainerName";
const PROMPT: &str = "CustomTextToShowInPrompt";
const AAD_KEYS: &str = "AADKeyIdentifierList";
const ENROLL: &str = "Enroll";

const KNOWN: [&str; 19] = [
    SERVER_URL,
    CHALLENGE,
    PURPOSES,
    KEY_USAGE,
    SUBJECT,
    PROTECTION,
    RETRY_DELAY,
    RETRY_COUNT,
    TEMPLATE,
    KEY_LENGTH,
    HASH,
    THUMBPRINT,
    ALT_NAMES,
    PERIOD,
    PERIOD_UNITS,
    CONTAINER,
    PROMPT,
    AAD_KEYS,
    ENROLL,
];

/// The bits of `KeyUsage`, as CryptoAPI numbers them.
const KEY_USAGES: [(i64, KeyUsage); 9] = [
    (0x80, KeyUsage::DIGITAL_SIGNATURE),
    (0x40, KeyUsage::NON_REPUDIATION),
    (0x20, KeyUsage::KEY_ENCIPHERMENT),
    (0x10, KeyUsage::DATA_ENCIPHERMENT),
    (0x08, KeyUsage::KEY_AGREEMENT),
    (0x04, KeyUsage::KEY_CERT_SIGN),
    (0x02, KeyUsage::CRL_SIGN),
    (0x01, KeyUsage::ENCIPHER_ONLY),
    (0x8000, KeyUsage::DECIPHER_ONLY),
];

/// The numbers of CertEnroll's `AlternativeNameType`.
const NAME_FORMATS: [(&str, AltNameType); 4] = [
    ("2", AltNameType::Email),
    ("3", AltNameType::Dns),
    ("7", AltNameType::Uri),
    ("11", AltNameType::UserPrincipalName),
];

/// Windows makes no more.
const MOST_RETRIES: u32 = 30;

/// The profile in the nodes, each by its name or by its whole path. Whose certificate it is follows from `./User` or
/// `./Device` at the front of that path.
///
/// As Windows does it, `/pkiclient.exe` is put behind the URLs. `TemplateName`, `ContainerName`,
/// `CustomTextToShowInPrompt` and `AADKeyIdentifierList` are for the device: they are in [`Imported::settings`]. The
/// thumbprint is that of the root by SHA-1: see [`CaFingerprint::Sha1`]. The challenge is base64 in the node, and text
/// in [`Imported::challenge`].
pub fn import(
    certificate: CertificateType,
    nodes: &[(String, SettingValue)],
) -> Result<Imported, ImportError> {
    let mut findings = Vec::new();
    let settings = Settings::new(
        nodes.iter().map(|(path, value)| (path.rsplit('/').next().unwrap_or(path), value)),
        |name| KNOWN.iter().copied().find(|known| known.eq_ignore_ascii_case(name)),
        |name| findings.push(ImportFinding::UnknownSetting(name.into())),
    )?;
    let subject = settings.required_text(SUBJECT)?;
    if subject.contains("{{") {
        findings.push(ImportFinding::Unexpanded);
    }
    let subject = SubjectTemplate::without_variables(subject, NameSyntax::Windows)
        .map_err(about(SUBJECT, ImportFault::Template))?;
    let purposes = purposes(settings.required_text(PURPOSES)?).ok_or(fault(PURPOSES))?;
    let purposes: Vec<_> = purposes.iter().map(|oid| Oid::new(oid)).collect();
    let usage = settings.integer(KEY_USAGE)?.ok_or(missing(KEY_USAGE))?;
    let bits = settings.integer(KEY_LENGTH)?.ok_or(missing(KEY_LENGTH))?;
    let bits = u32::try_from(bits).map_err(value(KEY_LENGTH))?;
    let mut builder = EnrolmentProfile::builder(certificate, SubjectNameFormat::Custom(subject))
        .extended_key_usage(&purposes)
        .key_usage(key_usage(usage).ok_or(fault(KEY_USAGE))?)
        .key_size(KeySize::from_bits(bits).ok_or(fault(KEY_LENGTH))?)
        .hash_families(hashes(settings.required_text(HASH)?).ok_or(fault(HASH))?)
        .key_protection(protection(&settings)?)
        .retries(retries(&settings, &mut findings)?)
        .append_pkiclient(true);
    let urls = settings.required_text(SERVER_URL)?.split(';').map(str::trim);
    for url in urls.filter(|url| !url.is_empty()) {
        builder = builder.server(url);
    }
    if let Some(names) = settings.text(ALT_NAMES)? {
        for name in names.split(';').filter(|name| !name.trim().is_empty()) {
            builder = builder.subject_alt_name(alt_name(name)?);
        }
    }
    if let Some(validity) = validity(&settings)? {
        builder = builder.validity(validity);
    }
    let challenge = settings.text(CHALLENGE)?.map(challenge).transpose()?;
    let thumbprint = thumbprint(settings.required_text(THUMBPRINT)?).ok_or(fault(THUMBPRINT))?;
    let mut for_device = Vec::new();
    for setting in [TEMPLATE, CONTAINER, PROMPT, AAD_KEYS] {
        for_device.extend(settings.text(setting)?.map(|text| (setting, text.into())));
    }
    Ok(Imported {
        profile: builder.build().map_err(about("", ImportFault::Profile))?,
        challenge,
        ca_fingerprint: Some(thumbprint),
        key_is_extractable: None,
        settings: for_device,
        findings,
        given_bits: bits,
    })
}

fn fault(setting: &'static str) -> ImportError {
    ImportError { setting, fault: ImportFault::Value }
}

fn missing(setting: &'static str) -> ImportError {
    ImportError { setting, fault: ImportFault::Missing }
}

/// Dotted object identifiers with plus signs between them.
fn purposes(text: &str) -> Option<Vec<Vec<u8>>> {
    text.split('+').map(|dotted| encode_oid(dotted.trim())).collect()
}

fn key_usage(bits: i64) -> Option<KeyUsage> {
    let known = KEY_USAGES.iter().fold(0, |known, (bit, _)| known | bit);
    let set = KEY_USAGES.iter().filter(|(bit, _)| bits & bit != 0);
    let usage = set.fold(KeyUsage::NONE, |usage, (_, one)| usage | *one);
    (bits & !known == 0).then_some(usage)
}

/// Families with plus signs between them.
fn hashes(text: &str) -> Option<HashFamilies> {
    let mut families = HashFamilies { sha1: false, sha2: false, sha3: false };
    for family in text.split('+').map(str::trim) {
        match family {
            "SHA-1" => families.sha1 = true,
            "SHA-2" => families.sha2 = true,
            "SHA-3" => families.sha3 = true,
            _ => return None,
        }
    }
    Some(families)
}

fn protection(settings: &Settings<'_>) -> Result<KeyProtection, ImportError> {
    match settings.integer(PROTECTION)? {
        None | Some(3) => Ok(KeyProtection::Software),
        Some(1) => Ok(KeyProtection::TpmElseFail),
        Some(2) => Ok(KeyProtection::TpmElseSoftware),
        Some(4) if settings.text(CONTAINER)?.is_none() => Err(missing(CONTAINER)),
        Some(4) => Ok(KeyProtection::PassportElseFail),
        Some(_) => Err(fault(PROTECTION)),
    }
}

fn retries(settings: &Settings<'_>, findings: &mut Vec<ImportFinding>) -> Result<Retries, ImportError> {
    let given = settings.integer(RETRY_COUNT)?.unwrap_or(3);
    let mut count = u32::try_from(given).map_err(value(RETRY_COUNT))?;
    if count > MOST_RETRIES {
        findings.push(ImportFinding::RetriesCapped { given });
        count = MOST_RETRIES;
    }
    let given = settings.integer(RETRY_DELAY)?.unwrap_or(5);
    let mut minutes = u32::try_from(given).map_err(value(RETRY_DELAY))?;
    if minutes == 0 {
        findings.push(ImportFinding::RetryDelayRaised { given });
        minutes = 1;
    }
    Ok(Retries { count, delay: Duration::from_secs(u64::from(minutes).saturating_mul(60)) })
}

/// A number for its kind, a plus sign, and the name.
fn alt_name(text: &str) -> Result<AltNameTemplate, ImportError> {
    let (format, name) = text.split_once('+').ok_or(fault(ALT_NAMES))?;
    let kind = NAME_FORMATS.iter().find(|(number, _)| *number == format.trim()).ok_or(fault(ALT_NAMES))?.1;
    AltNameTemplate::without_variables(kind, name.trim()).map_err(about(ALT_NAMES, ImportFault::Template))
}

fn validity(settings: &Settings<'_>) -> Result<Option<RequestedValidity>, ImportError> {
    let unit = settings.text(PERIOD)?.unwrap_or("Days");
    let count = u32::try_from(settings.integer(PERIOD_UNITS)?.unwrap_or(0)).map_err(value(PERIOD_UNITS))?;
    let unit = match unit {
        _ if unit.eq_ignore_ascii_case("Days") => ValidityUnit::Days,
        _ if unit.eq_ignore_ascii_case("Months") => ValidityUnit::Months,
        _ if unit.eq_ignore_ascii_case("Years") => ValidityUnit::Years,
        _ => return Err(fault(PERIOD)),
    };
    // none is the node's way to leave it to the template
    Ok(Some(RequestedValidity { unit, count }).filter(|_| count > 0))
}

fn challenge(text: &str) -> Result<ChallengePassword, ImportError> {
    let bytes = base64_decode(text.as_bytes()).map_err(value(CHALLENGE))?;
    let text = String::from_utf8(bytes).map_err(value(CHALLENGE))?;
    ChallengePassword::new(text).map_err(value(CHALLENGE))
}

/// 20 bytes in hexadecimal, with or without blanks and colons.
fn thumbprint(text: &str) -> Option<CaFingerprint> {
    let digits: String = text.chars().filter(|character| !matches!(character, ' ' | ':')).collect();
    let (mut rest, mut bytes) = (digits.as_str(), Vec::new());
    while !rest.is_empty() {
        bytes.push(hexadecimal(rest.get(..2)?)?);
        rest = rest.get(2..)?;
    }
    CaFingerprint::from_bytes(&bytes)
}

#[cfg(test)]
mod tests;
