use super::super::{ProfileError, TemplateError, Values};
use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

const PRINT: &str = "00112233445566778899AABBCCDDEEFF00112233";

/// Nodes with these in place of their own; an empty text takes one out.
fn import_with(changes: &[(&str, SettingValue)]) -> Result<Imported, ImportError> {
    let own: [(&str, SettingValue); 8] = [
        ("ServerURL", "https://ndes.test/certsrv/mscep/mscep.dll".into()),
        ("SubjectName", "CN=dev1;O=\"Example, \"\"Inc.\"\"\"".into()),
        ("EKUMapping", "1.3.6.1.5.5.7.3.2+1.3.6.1.4.1.311.20.2.2".into()),
        ("KeyUsage", 0xA0.into()),
        ("KeyLength", 2048.into()),
        ("HashAlgorithm", "SHA-2".into()),
        ("CAThumbprint", PRINT.into()),
        ("Enroll", "".into()),
    ];
    let kept = own.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let added = changes.iter().filter(|(_, value)| *value != "".into());
    let nodes: Vec<_> = kept.chain(added).map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    import(CertificateType::Device, &nodes)
}

fn profile(changes: &[(&str, SettingValue)]) -> EnrolmentProfile {
    import_with(changes).unwrap_or_else(|error| panic!("{changes:?}: {error}")).profile
}

fn refused(name: &str, value: impl Into<SettingValue>) -> ImportError {
    import_with(&[(name, value.into())]).unwrap_err()
}

// A33, A39
#[test]
fn nodes_become_a_profile() {
    let imported = import_with(&[
        ("./Device/Vendor/MSFT/ClientCertificateInstall/SCEP/x/Install/Challenge", "c2VjcmV0".into()),
        ("ServerURL", "https://a.test/x;https://b.test/certsrv/mscep/mscep.dll/pkiclient.EXE; ".into()),
        ("SubjectAlternativeNames", "11+jane@example.com;2+jane@example.com;3+a.test; 7+urn:x".into()),
        ("KEYPROTECTION", "4".into()),
        ("ContainerName", "hello".into()),
        ("AADKeyIdentifierList", "a;b".into()),
        ("ValidPeriod", "Months".into()),
        ("ValidPeriodUnits", "6".into()),
        ("RetryCount", 0.into()),
        ("RetryDelay", 1.into()),
    ])
    .unwrap();
    let Imported { profile, challenge, ca_fingerprint, settings, findings, .. } = &imported;
    assert_eq!(profile.subject(&Values::new()).unwrap().to_string(), r#"CN=dev1, O=Example\, \"Inc.\""#);
    assert_eq!(challenge.as_ref().unwrap().expose(), "secret");
    let Some(CaFingerprint::Sha1(print)) = ca_fingerprint else { panic!("{ca_fingerprint:?}") };
    assert_eq!((print[1], print[19]), (0x11, 0x33));
    assert_eq!(*findings, []);
    assert_eq!(*settings, [(CONTAINER, "hello".to_string()), (AAD_KEYS, "a;b".to_string())]);
    let urls: Vec<_> = profile.servers.iter().map(|url| url.as_str()).collect();
    let given = "https://b.test/certsrv/mscep/mscep.dll/pkiclient.EXE";
    assert_eq!(urls, ["https://a.test/x/pkiclient.exe", given]);
    use AltNameType::{Dns, Email, Uri, UserPrincipalName};
    let kinds: Vec<_> = profile.alt_names.iter().map(AltNameTemplate::kind).collect();
    assert_eq!(kinds, [UserPrincipalName, Email, Dns, Uri]);
    assert_eq!(profile.extended_key_usage().collect::<Vec<_>>(), [Oid::CLIENT_AUTH, Oid::SMART_CARD_LOGON]);
    assert_eq!(profile.validity(), Some(RequestedValidity { unit: ValidityUnit::Months, count: 6 }));
    assert_eq!(profile.key_protection(), KeyProtection::PassportElseFail);
    assert_eq!(profile.retries(), Some(Retries { count: 0, delay: Duration::from_secs(60) }));
    assert!(!format!("{imported:?}").contains("secret"));
}

// A36, A37, A38
#[test]
fn each_number_of_the_nodes_has_its_meaning() {
    use KeyProtection::*;
    for (number, protection) in [(1, TpmElseFail), (2, TpmElseSoftware), (3, Software)] {
        assert_eq!(profile(&[("KeyProtection", number.into())]).key_protection(), protection);
    }
    assert_eq!(profile(&[]).key_protection(), Software);
    let signature = KeyUsage::DIGITAL_SIGNATURE;
    for (bits, usage) in [
        (0x80, signature),
        (0x20, KeyUsage::KEY_ENCIPHERMENT),
        (0xA0, signature | KeyUsage::KEY_ENCIPHERMENT),
        (0xC8, signature | KeyUsage::NON_REPUDIATION | KeyUsage::KEY_AGREEMENT),
        (0x8081, signature | KeyUsage::ENCIPHER_ONLY | KeyUsage::DECIPHER_ONLY),
    ] {
        assert_eq!(profile(&[("KeyUsage", bits.into())]).key_usage(), usage);
        assert_eq!(profile(&[("KeyUsage", bits.to_string().as_str().into())]).key_usage(), usage);
    }
    let hashes = |sha1, sha2, sha3| HashFamilies { sha1, sha2, sha3 };
    for (text, families) in
        [("SHA-2", hashes(false, true, false)), ("SHA-1+SHA-2 + SHA-3", hashes(true, true, true))]
    {
        assert_eq!(profile(&[("HashAlgorithm", text.into())]).hash_families(), families);
    }
    let defaults = profile(&[]);
    assert_eq!(defaults.retries(), Some(Retries { count: 3, delay: Duration::from_secs(300) }));
    assert_eq!((defaults.validity(), defaults.key_size()), (None, KeySize::Rsa2048));
    assert_eq!(
        profile(&[("ValidPeriodUnits", 30.into())]).validity(),
        Some(RequestedValidity { unit: ValidityUnit::Days, count: 30 })
    );
    assert_eq!(profile(&[("ValidPeriod", "Years".into())]).validity(), None);
    let imported = import_with(&[("RetryCount", 31.into()), ("RetryDelay", 0.into())]).unwrap();
    assert_eq!(imported.profile.retries(), Some(Retries { count: 30, delay: Duration::from_secs(60) }));
    let capped = ImportFinding::RetriesCapped { given: 31 };
    assert_eq!(imported.findings, [capped, ImportFinding::RetryDelayRaised { given: 0 }]);
    assert_eq!(imported.as_given().unwrap().profile.key_size(), KeySize::Rsa2048);
}

// A37
#[test]
fn nodes_that_cannot_be_followed_are_named() {
    use ImportFault::{Missing, Profile, Type, Value};
    for name in
        ["ServerURL", "SubjectName", "EKUMapping", "KeyUsage", "KeyLength", "HashAlgorithm", "CAThumbprint"]
    {
        let error = refused(name, "");
        assert_eq!((error.setting, error.fault), (name, Missing));
    }
    for (name, value, fault) in [
        ("EKUMapping", "1.3.6.1.5.5.7.3.2+".into(), Value),
        ("EKUMapping", "clientAuth".into(), Value),
        ("KeyUsage", 0x100.into(), Value),
        ("KeyUsage", (-1).into(), Value),
        ("KeyUsage", "0xA0".into(), Value),
        ("KeyUsage", true.into(), Type),
        ("KeyLength", 512.into(), Value),
        ("HashAlgorithm", "MD5".into(), Value),
        ("HashAlgorithm", "SHA-2,SHA-1".into(), Value),
        ("CAThumbprint", "0011".into(), Value),
        ("CAThumbprint", "zz112233445566778899AABBCCDDEEFF00112233".into(), Value),
        ("CAThumbprint", "é".into(), Value),
        ("KeyProtection", 0.into(), Value),
        ("KeyProtection", 5.into(), Value),
        ("RetryCount", (-1).into(), Value),
        ("ValidPeriod", "Weeks".into(), Value),
        ("ValidPeriodUnits", (1_i64 << 32).into(), Value),
        ("Challenge", "not base64!".into(), Value),
        ("Challenge", "/w==".into(), Value),
        ("SubjectAlternativeNames", "jane@example.com".into(), Value),
        ("SubjectAlternativeNames", "8+127.0.0.1".into(), Value),
        (
            "SubjectAlternativeNames",
            "3+a b".into(),
            ImportFault::Template(TemplateError::UnsuitableValue { at: 0 }),
        ),
        ("SubjectName", "dev1".into(), ImportFault::Template(TemplateError::Syntax { at: 0 })),
        ("SubjectName", "CN=\"dev1".into(), ImportFault::Template(TemplateError::UnclosedQuote { at: 3 })),
        ("SubjectName", SettingValue::Data(vec![1]), Type),
    ] {
        let error = refused(name, value);
        assert_eq!((error.setting, error.fault), (name, fault));
    }
    let error = refused("KeyProtection", 4);
    assert_eq!((error.setting, error.fault), ("ContainerName", Missing));
    for (name, value, error) in [
        ("KeyUsage", SettingValue::from(0x40), ProfileError::KeyUsage),
        ("KeyUsage", 0x84.into(), ProfileError::KeyUsage),
        ("HashAlgorithm", "SHA-3".into(), ProfileError::Hash),
        ("ServerURL", "https://a.test/x;ftp://b.test".into(), ProfileError::Server { index: 1 }),
        ("ServerURL", ";".into(), ProfileError::NoServer),
    ] {
        assert_eq!(refused(name, value).fault, Profile(error));
    }
    let twice = [("KeyUsage", SettingValue::from(160)), ("Install/keyusage", 160.into())];
    assert_eq!(import_with(&twice).unwrap_err().fault, ImportFault::Repeated);
    let unknown =
        import_with(&[("KeyStorage", 1.into()), ("SubjectName", "CN={{UserName}}".into())]).unwrap();
    let expected = [ImportFinding::UnknownSetting("KeyStorage".into()), ImportFinding::Unexpanded];
    assert_eq!(unknown.findings, expected);
}
