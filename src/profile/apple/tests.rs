use super::super::{TemplateError, Values};
use super::*;
use crate::wire::oid::Oid;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

fn array(values: &[SettingValue]) -> SettingValue {
    SettingValue::Array(values.to_vec())
}

fn rdn(pairs: &[(&str, &str)]) -> SettingValue {
    let pair = |(key, value): &(&str, &str)| array(&[(*key).into(), (*value).into()]);
    SettingValue::Array(pairs.iter().map(pair).collect())
}

/// A payload with these settings in place of its own; an empty text takes one out.
fn import_with(changes: &[(&str, SettingValue)]) -> Result<Imported, ImportError> {
    let own: [(&str, SettingValue); 5] = [
        ("PayloadType", "com.apple.security.scep".into()),
        ("URL", "http://ca.test/scep".into()),
        ("Subject", array(&[rdn(&[("O", "Example")]), rdn(&[("CN", "dev1")])])),
        ("Keysize", 2048.into()),
        ("Key Usage", 5.into()),
    ];
    let kept = own.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let added = changes.iter().filter(|(_, value)| *value != "".into());
    let settings: Vec<_> =
        kept.chain(added).map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    import(CertificateType::Device, &settings)
}

fn refused(name: &str, value: impl Into<SettingValue>) -> ImportError {
    import_with(&[(name, value.into())]).unwrap_err()
}

fn subject(imported: &Imported) -> String {
    imported.profile.subject(&Values::new()).unwrap().to_string()
}

#[test]
fn a_payload_becomes_a_profile() {
    let imported = import_with(&[
        ("Name", "CA-1".into()),
        ("Challenge", "secret".into()),
        ("Retries", 7.into()),
        ("RetryDelay", 30.into()),
        ("CAFingerprint", SettingValue::Data(vec![7; 32])),
        ("KeyIsExtractable", false.into()),
        ("AllowAllAppsAccess", true.into()),
        (
            "SubjectAltName",
            SettingValue::Dictionary(vec![
                ("dNSName".into(), array(&["a.test".into(), "b.test".into()])),
                ("ntPrincipalName".into(), "jane@example.com".into()),
                ("uniformResourceIdentifier".into(), "urn:a;b".into()),
                ("rfc822Name".into(), "jane@example.com".into()),
            ]),
        ),
    ])
    .unwrap();
    let Imported { profile, challenge, ca_fingerprint, key_is_extractable, settings, findings, .. } =
        &imported;
    assert_eq!(subject(&imported), "O=Example, CN=dev1");
    assert_eq!(challenge.as_ref().unwrap().expose(), "secret");
    assert_eq!(*ca_fingerprint, Some(CaFingerprint::Sha256([7; 32])));
    assert_eq!(
        (*key_is_extractable, settings.as_slice()),
        (Some(false), &[(ALL_APPS, "true".to_string())][..])
    );
    assert_eq!(*findings, []);
    let retries = Retries { count: 7, delay: Duration::from_secs(30) };
    assert_eq!((profile.retries(), profile.key_protection()), (Some(retries), KeyProtection::Software));
    let kinds: Vec<_> = profile.alt_names.iter().map(AltNameTemplate::kind).collect();
    use AltNameType::{Dns, Email, Uri, UserPrincipalName};
    assert_eq!(kinds, [Dns, Dns, UserPrincipalName, Uri, Email]);
    assert_eq!(profile.extended_key_usage().count(), 0);
    assert!(!format!("{:?}", imported).contains("secret"));
}

// A37, A38
#[test]
fn defaults_of_apples_are_raised_and_told_and_can_be_had_all_the_same() {
    let imported = import_with(&[("Keysize", "".into()), ("Key Usage", "".into())]).unwrap();
    assert_eq!(imported.profile.key_size(), KeySize::Rsa2048);
    let both = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
    assert_eq!(imported.profile.key_usage(), both);
    let raised = ImportFinding::KeySizeRaised { given: 1024 };
    assert_eq!(imported.findings, [raised, ImportFinding::KeyUsageAssumed]);
    let retries = Retries { count: 3, delay: Duration::from_secs(10) };
    assert_eq!(imported.profile.retries(), Some(retries));
    let given = imported.as_given().map(|given| (given.profile.key_size().bits(), given.findings));
    #[cfg(feature = "legacy")]
    assert_eq!(given, Ok((1024, vec![ImportFinding::KeyUsageAssumed])));
    #[cfg(not(feature = "legacy"))]
    assert_eq!(given, Err(super::super::ProfileError::KeySize));
    assert_eq!(import_with(&[("Key Usage", 0.into())]).unwrap().findings, [ImportFinding::KeyUsageAssumed]);
    for (number, usage) in [(1, KeyUsage::DIGITAL_SIGNATURE), (4, KeyUsage::KEY_ENCIPHERMENT), (5, both)] {
        assert_eq!(import_with(&[("Key Usage", number.into())]).unwrap().profile.key_usage(), usage);
    }
}

// A34
#[test]
fn a_subject_of_apples_is_types_and_values_and_nothing_is_read_into_them() {
    let given = array(&[
        rdn(&[("2.5.4.6", "DE")]),
        rdn(&[("OU", "b"), ("CN", "a,CN=admin")]),
        rdn(&[("1.2.840.113549.1.9.1", "a@b")]),
    ]);
    let imported = import_with(&[("Subject", given)]).unwrap();
    let name = imported.profile.subject(&Values::new()).unwrap();
    assert_eq!(name.name().attributes().count(), 4);
    assert_eq!(name.name().common_name().as_deref(), Some("a,CN=admin"));
    assert_eq!(name.name().attributes().next().unwrap().oid, Oid::COUNTRY_NAME);

    let left = import_with(&[("Subject", array(&[rdn(&[("CN", "{{UserName}}")])]))]).unwrap();
    assert_eq!(
        (subject(&left).as_str(), left.findings),
        ("CN={{UserName}}", vec![ImportFinding::Unexpanded])
    );
    for (given, fault) in [
        ("CN=a".into(), ImportFault::Type),
        (array(&["CN=a".into()]), ImportFault::Type),
        (array(&[array(&["CN".into(), "a".into()])]), ImportFault::Type),
        (array(&[array(&[array(&["CN".into()])])]), ImportFault::Type),
        (array(&[array(&[])]), ImportFault::Template(TemplateError::Empty { at: 0 })),
        (array(&[rdn(&[("CN", "")])]), ImportFault::Template(TemplateError::Empty { at: 0 })),
        (array(&[rdn(&[("XY", "a")])]), ImportFault::Template(TemplateError::UnknownAttribute { at: 0 })),
        (array(&[rdn(&[("C", "DEU")])]), ImportFault::Template(TemplateError::UnsuitableValue { at: 0 })),
        (
            array(&[rdn(&[("CN", "a\0b")])]),
            ImportFault::Template(TemplateError::ForbiddenChar { character: '\0', at: 1 }),
        ),
        (array(&vec![rdn(&[("CN", "a")]); 33]), ImportFault::Template(TemplateError::TooLong)),
    ] {
        assert_eq!(refused("Subject", given), ImportError { setting: SUBJECT, fault });
    }
}

#[test]
fn settings_that_cannot_be_followed_are_named() {
    use ImportFault::{Missing, Type, Value};
    let data = |length| SettingValue::Data(vec![1; length]);
    let names = |value| SettingValue::Dictionary(vec![("dNSName".into(), value)]);
    for (name, value, fault) in [
        ("URL", "".into(), Missing),
        ("URL", 1.into(), Type),
        ("Keysize", 1023.into(), Value),
        ("Keysize", (-1).into(), Value),
        ("Keysize", i64::MAX.into(), Value),
        ("Keysize", true.into(), Type),
        ("Key Type", "ECSECPrimeRandom".into(), Value),
        ("Key Usage", 2.into(), Value),
        ("Retries", (-1).into(), Value),
        ("RetryDelay", i64::MIN.into(), Value),
        ("CAFingerprint", data(16), Value),
        ("CAFingerprint", data(0), Value),
        ("CAFingerprint", "aa".into(), Type),
        ("KeyIsExtractable", 1.into(), Type),
        ("Challenge", "a\0".into(), Value),
        ("SubjectAltName", "a.test".into(), Type),
        ("SubjectAltName", names(1.into()), Type),
        ("SubjectAltName", SettingValue::Dictionary(vec![("iPAddress".into(), "::1".into())]), Value),
        (
            "SubjectAltName",
            names("a b".into()),
            ImportFault::Template(TemplateError::UnsuitableValue { at: 0 }),
        ),
    ] {
        let error = refused(name, value);
        assert_eq!((error.setting, error.fault), (name, fault));
    }
    let twice = [("URL".to_string(), "http://a.test".into()), ("URL".to_string(), "http://b.test".into())];
    let error = import(CertificateType::User, &twice).unwrap_err();
    assert_eq!((error.setting, error.fault), ("URL", ImportFault::Repeated));
    let error = refused("Subject", array(&[]));
    assert_eq!((error.setting, error.fault), ("", ImportFault::Profile(super::super::ProfileError::NoName)));
    let unknown = import_with(&[("url", "x".into())]).unwrap();
    assert_eq!(unknown.findings, [ImportFinding::UnknownSetting("url".into())]);
}
