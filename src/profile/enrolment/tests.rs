use super::super::variable::Vocabulary;
use super::super::{AltNameType, NameSyntax};
use super::*;
use crate::wire::requested_validity::ValidityUnit;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

const URL: &str = "http://ca.test/scep";

fn builder(certificate: CertificateType, subject: SubjectNameFormat) -> EnrolmentProfileBuilder {
    EnrolmentProfile::builder(certificate, subject).server(URL)
}

fn custom(text: &str) -> SubjectNameFormat {
    let template = SubjectTemplate::parse(text, NameSyntax::Windows, &Vocabulary::new());
    SubjectNameFormat::Custom(template.unwrap())
}

fn alt_name(kind: AltNameType, text: &str) -> AltNameTemplate {
    AltNameTemplate::parse(kind, text, &Vocabulary::new()).unwrap()
}

/// A value for every variable, which is its name.
fn all() -> Values {
    Variable::all().fold(Values::new(), |values, variable| {
        let value = variable.name().to_string();
        values.with(variable, value)
    })
}

/// SubjectPublicKeyInfo of an RSA key; nobody computes with it.
fn rsa(bits: usize) -> Vec<u8> {
    use crate::wire::tlv::{BIT_STRING, INTEGER, NULL, OBJECT_IDENTIFIER, SEQUENCE, element};
    let octets = bits.div_ceil(8);
    let mut modulus = vec![0xFF; octets];
    modulus[0] = 0xFF >> (octets * 8 - bits);
    if modulus[0] >= 0x80 {
        modulus.insert(0, 0);
    }
    let key = element(SEQUENCE, &[&element(INTEGER, &[&modulus]), &element(INTEGER, &[&[1, 0, 1]])]);
    let oid = element(OBJECT_IDENTIFIER, &[Oid::RSA_ENCRYPTION.as_bytes()]);
    let algorithm = element(SEQUENCE, &[&oid, &element(NULL, &[])]);
    element(SEQUENCE, &[&algorithm, &element(BIT_STRING, &[&[0], &key])])
}

// A28
#[test]
fn each_subject_name_format_has_its_expansion() {
    for (format, subject) in [
        (SubjectNameFormat::CommonName, "CN=UserName"),
        (SubjectNameFormat::CommonNameIncludingEmail, "CN=UserName, emailAddress=EmailAddress"),
        (SubjectNameFormat::CommonNameAsEmail, "CN=EmailAddress"),
        (SubjectNameFormat::Imei, "CN=IMEINumber"),
        (SubjectNameFormat::SerialNumber, "CN=SerialNumber"),
        (custom("O=a,CN={{MEID}}"), "O=a, CN=MEID"),
    ] {
        let profile = builder(CertificateType::User, format).build().unwrap();
        assert_eq!(profile.subject(&all()).unwrap().to_string(), subject);
    }
    let none = builder(CertificateType::User, SubjectNameFormat::NotConfigured);
    assert_eq!(none.clone().build(), Err(ProfileError::NoName));
    let upn = alt_name(AltNameType::UserPrincipalName, "{{UserName}}@example.com");
    let profile = none.subject_alt_name(upn).build().unwrap();
    assert!(profile.subject(&all()).unwrap().name().is_empty());
}

// A27
#[test]
fn no_name_in_a_profile_for_devices_is_made_of_a_users() {
    for variable in Variable::all() {
        let subject = builder(CertificateType::Device, custom(&format!("O=a,CN={variable}"))).build();
        let name = alt_name(AltNameType::Dns, &format!("x.{variable}"));
        let names = builder(CertificateType::Device, custom("O=a")).subject_alt_name(name.clone()).build();
        match variable.belongs_to() {
            CertificateType::Device => assert!(subject.is_ok() && names.is_ok(), "{variable}"),
            CertificateType::User => {
                let error = |at| TemplateError::UserVariable { variable: variable.clone(), at };
                assert_eq!(subject, Err(ProfileError::Subject(error(7))));
                assert_eq!(names, Err(ProfileError::SubjectAltName { index: 0, error: error(2) }));
            }
        }
        assert!(builder(CertificateType::User, custom("O=a")).subject_alt_name(name).build().is_ok());
    }
    for (format, at) in [(SubjectNameFormat::CommonName, 0), (SubjectNameFormat::CommonNameAsEmail, 0)] {
        let built = builder(CertificateType::Device, format).build();
        assert!(
            matches!(built, Err(ProfileError::Subject(TemplateError::UserVariable { at: found, .. })) if found == at)
        );
    }
}

// A12, A37
#[test]
fn a_key_is_for_signatures_or_for_keys_and_never_for_a_ca() {
    let with = |usage| builder(CertificateType::Device, SubjectNameFormat::Imei).key_usage(usage).build();
    for usage in [
        KeyUsage::DIGITAL_SIGNATURE,
        KeyUsage::KEY_ENCIPHERMENT,
        KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        KeyUsage::DIGITAL_SIGNATURE | KeyUsage::NON_REPUDIATION,
    ] {
        assert_eq!(with(usage).unwrap().key_usage(), usage);
    }
    for usage in [
        KeyUsage::NONE,
        KeyUsage::NON_REPUDIATION,
        KeyUsage::KEY_AGREEMENT | KeyUsage::DATA_ENCIPHERMENT,
        KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN,
        KeyUsage::DIGITAL_SIGNATURE | KeyUsage::CRL_SIGN,
    ] {
        assert_eq!(with(usage), Err(ProfileError::KeyUsage), "{usage:?}");
    }
    let profile = builder(CertificateType::Device, SubjectNameFormat::Imei).build().unwrap();
    assert_eq!(profile.extended_key_usage().collect::<Vec<_>>(), [Oid::CLIENT_AUTH]);
}

#[test]
fn numbers_servers_and_hashes_are_checked_when_a_profile_is_built() {
    let profile = || builder(CertificateType::Device, SubjectNameFormat::Imei);
    let without = EnrolmentProfile::builder(CertificateType::Device, SubjectNameFormat::Imei);
    assert_eq!(without.build(), Err(ProfileError::NoServer));
    for url in ["", "ftp://ca.test/", "http://u@ca.test/", "http://ca.test/?operation=x"] {
        assert_eq!(profile().server(url).build(), Err(ProfileError::Server { index: 1 }), "{url}");
    }
    for (unit, _) in ValidityUnit::ALL {
        let validity = RequestedValidity { unit, count: 0 };
        assert_eq!(profile().validity(validity).build(), Err(ProfileError::Validity));
    }
    let hashes = |sha1, sha2, sha3| profile().hash_families(HashFamilies { sha1, sha2, sha3 }).build();
    assert_eq!(hashes(false, false, true), Err(ProfileError::Hash));
    assert_eq!(hashes(false, false, false), Err(ProfileError::Hash));
    assert_eq!(hashes(true, false, false).is_ok(), cfg!(feature = "legacy"));
    assert!(hashes(true, true, true).is_ok());
}

// A38
#[test]
fn a_request_is_made_for_a_key_of_the_size_that_was_asked_for_only() {
    let profile =
        |size| builder(CertificateType::Device, SubjectNameFormat::Imei).key_size(size).build().unwrap();
    for size in KeySize::ALL {
        for bits in [1024, 2047, 2048, 2049, 3072, 4096] {
            let made = profile(*size).enrolment(&all(), &rsa(bits)).map(|_| ());
            let expected = if bits == size.bits() as usize { Ok(()) } else { Err(ProfileError::Key) };
            assert_eq!(made, expected, "{size:?} {bits}");
        }
    }
    for key in [&[][..], &[0x30, 0], &rsa(2048)[1..]] {
        assert_eq!(profile(KeySize::Rsa2048).enrolment(&all(), key).map(|_| ()), Err(ProfileError::Key));
    }
}

// A32
#[test]
fn a_device_without_an_imei_makes_no_request() {
    let missing = || TemplateError::MissingValue(Variable::ImeiNumber);
    let values = Values::new().with(Variable::Imei, "35").with(Variable::ImeiNumber, "\u{200B} ");
    let profile = builder(CertificateType::Device, SubjectNameFormat::Imei).build().unwrap();
    let made = profile.enrolment(&values, &rsa(2048)).map(|_| ());
    assert_eq!(made, Err(ProfileError::Subject(missing())));
    let name = alt_name(AltNameType::Uri, "imei:{{IMEINumber}}");
    let first = alt_name(AltNameType::Uri, "imei:{{IMEI}}");
    let profile =
        builder(CertificateType::Device, custom("CN=a")).subject_alt_name(first).subject_alt_name(name);
    let made = profile.build().unwrap().enrolment(&values, &rsa(2048)).map(|_| ());
    assert_eq!(made, Err(ProfileError::SubjectAltName { index: 1, error: missing() }));
}

#[test]
fn the_variables_of_a_profile_are_told_once_each() {
    let profile =
        builder(CertificateType::User, custom("CN={{UserName}}+E={{EmailAddress}},OU={{IMEI}}{{username}}"))
            .subject_alt_name(alt_name(AltNameType::Email, "{{EmailAddress}}"))
            .subject_alt_name(alt_name(AltNameType::Dns, "{{DeviceName}}.test"))
            .build()
            .unwrap();
    let expected = [&Variable::UserName, &Variable::EmailAddress, &Variable::Imei, &Variable::DeviceName];
    assert_eq!(profile.variables(), expected);
}
