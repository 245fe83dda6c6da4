//! What a profile says that one platform does not do, or that is not wise anywhere.

use super::enrolment::EnrolmentProfile;
use super::key::{HashFamilies, KeyProtection, KeySize};
use super::servers::ServerOrder;
use super::variable::Variable;
use crate::wire::extension::KeyUsage;
use crate::wire::oid::Oid;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// The platforms of the guide. They change nothing but what [`EnrolmentProfile::lint`] finds.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// Android, with the device administrator.
    Android,
    /// Android Enterprise.
    AndroidEnterprise,
    /// iOS and iPadOS.
    Ios,
    /// macOS.
    MacOs,
    /// Windows Phone 8.1, which is history.
    WindowsPhone81,
    /// Windows 8.1.
    Windows81,
    /// Windows 10 and later.
    Windows10,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Android,
        Self::AndroidEnterprise,
        Self::Ios,
        Self::MacOs,
        Self::WindowsPhone81,
        Self::Windows81,
        Self::Windows10,
    ];

    const fn is_apple(self) -> bool {
        matches!(self, Self::Ios | Self::MacOs)
    }

    const fn is_windows(self) -> bool {
        matches!(self, Self::WindowsPhone81 | Self::Windows81 | Self::Windows10)
    }
}

/// Something to know about a profile on a platform. The profile can be followed all the same.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// nonRepudiation on iOS or macOS: the guide wants "signature is proof of origin" off there.
    NonRepudiation,
    /// A hash other than SHA-2 is asked for, and this platform takes no such choice.
    HashIgnored,
    /// A validity is asked for, and this platform gets what the template says.
    ValidityIgnored,
    /// A validity under 5 days: it is over before a fleet has renewed.
    ValidityShort,
    /// A validity over 24 months, which the service does not take.
    ValidityLong,
    /// Several servers, and this platform is given the first one only.
    OneServer,
    /// A key store is demanded, and this platform has no such choice: its provider decides.
    KeyProtectionIgnored,
    /// A key of 4096 bits, for iOS 14 and macOS 11 and later only.
    LargeKey,
    /// A key under 2048 bits.
    SmallKey,
    /// SHA-1 is allowed.
    Sha1,
    /// No client authentication among the purposes.
    NoClientAuthentication,
    /// A purpose that is no device's: any purpose at all, OCSP signing, enrolment on behalf of others.
    BroadPurpose,
    /// Nothing names the device or the person but what a device tells of itself.
    Spoofable,
    /// A variable that only a Windows device in a domain has a value for.
    NeedsDomain(Variable),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonRepudiation => "nonRepudiation should be off on Apple's platforms",
            Self::HashIgnored => "the hash cannot be chosen on this platform",
            Self::ValidityIgnored => "the validity cannot be chosen on this platform",
            Self::ValidityShort => "validity under 5 days",
            Self::ValidityLong => "validity over 24 months",
            Self::OneServer => "only the first server is used on this platform",
            Self::KeyProtectionIgnored => "the key store cannot be chosen on this platform",
            Self::LargeKey => "keys of 4096 bits need iOS 14 or macOS 11",
            Self::SmallKey => "keys under 2048 bits are too small",
            Self::Sha1 => "SHA-1 is allowed",
            Self::NoClientAuthentication => "client authentication is not among the purposes",
            Self::BroadPurpose => "a purpose that is no device's",
            Self::Spoofable => "nothing but what a device tells of itself is in the names",
            Self::NeedsDomain(variable) => {
                return write!(f, "only Windows devices in a domain have a value for {variable}");
            }
        })
    }
}

/// Purposes that let a certificate do what no device should.
const BROAD: [Oid<'static>; 6] = [
    Oid::ANY_EXTENDED_KEY_USAGE,
    Oid::OCSP_SIGNING,
    Oid::ENROLLMENT_AGENT,
    Oid::CMC_CA,
    Oid::CMC_RA,
    Oid::PKINIT_KDC,
];

impl EnrolmentProfile {
    /// What this profile says in vain or unwisely on a platform, each finding once.
    pub fn lint(&self, platform: Platform) -> Vec<Finding> {
        let hashes = self.hash_families();
        let purpose = |wanted: Oid<'_>| self.extended_key_usage().any(|own| own == wanted);
        let chosen =
            matches!(self.key_protection(), KeyProtection::TpmElseFail | KeyProtection::PassportElseFail);
        let epoch = UnixTime::since_unix_epoch(Duration::ZERO);
        // from 1970 on, whose next two years have no leap day
        let days =
            self.validity().map(|asked| asked.end(epoch).map_or(u64::MAX, |end| end.as_secs() / 86_400));
        let variables = self.variables();
        let only_spoofable =
            !variables.is_empty() && variables.iter().all(|variable| variable.is_spoofable());
        let fqdn = variables.contains(&&Variable::FullyQualifiedDomainName);
        let several = self.servers.len() > 1 && self.order != ServerOrder::First;
        [
            (
                platform.is_apple() && self.key_usage().contains(KeyUsage::NON_REPUDIATION),
                Finding::NonRepudiation,
            ),
            (platform.is_apple() && hashes != HashFamilies::SHA2, Finding::HashIgnored),
            (platform.is_apple() && days.is_some(), Finding::ValidityIgnored),
            (days.is_some_and(|days| days < 5), Finding::ValidityShort),
            (days.is_some_and(|days| days > 730), Finding::ValidityLong),
            (platform.is_apple() && several, Finding::OneServer),
            (!platform.is_windows() && chosen, Finding::KeyProtectionIgnored),
            (platform.is_apple() && self.key_size() >= KeySize::Rsa4096, Finding::LargeKey),
            (self.key_size() < KeySize::Rsa2048, Finding::SmallKey),
            (hashes.sha1, Finding::Sha1),
            (!purpose(Oid::CLIENT_AUTH), Finding::NoClientAuthentication),
            (BROAD.into_iter().any(purpose), Finding::BroadPurpose),
            (only_spoofable, Finding::Spoofable),
            (fqdn, Finding::NeedsDomain(Variable::FullyQualifiedDomainName)),
        ]
        .into_iter()
        .filter_map(|(holds, finding)| holds.then_some(finding))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::wire::requested_validity::{RequestedValidity, ValidityUnit};

    fn validity(count: u32, unit: ValidityUnit) -> RequestedValidity {
        RequestedValidity { unit, count }
    }

    fn profile() -> EnrolmentProfileBuilder {
        EnrolmentProfile::builder(CertificateType::User, SubjectNameFormat::CommonName)
            .server("http://ca.test/scep")
    }

    fn found(profile: EnrolmentProfileBuilder, platform: Platform) -> Vec<Finding> {
        profile.build().unwrap().lint(platform)
    }

    #[test]
    fn a_plain_profile_has_nothing_against_it_anywhere() {
        for platform in Platform::ALL {
            assert_eq!(found(profile(), platform), [], "{platform:?}");
        }
    }

    // A13, A26, A37
    #[test]
    fn proof_of_origin_is_found_on_apples_platforms() {
        for platform in Platform::ALL {
            let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::NON_REPUDIATION;
            let expected = matches!(platform, Platform::Ios | Platform::MacOs);
            let found = found(profile().key_usage(usage), platform);
            assert_eq!(found == [Finding::NonRepudiation], expected, "{platform:?}");
        }
    }

    // A26
    #[test]
    fn what_a_platform_does_not_do_is_found_there_and_nowhere_else() {
        let hashes = HashFamilies { sha3: true, ..HashFamilies::SHA2 };
        let two = || profile().server("http://ca2.test/scep");
        for (profile, finding, platforms) in [
            (profile().hash_families(hashes), Finding::HashIgnored, &[Platform::Ios, Platform::MacOs][..]),
            (
                profile().validity(validity(1, ValidityUnit::Years)),
                Finding::ValidityIgnored,
                &[Platform::Ios, Platform::MacOs],
            ),
            (two(), Finding::OneServer, &[Platform::Ios, Platform::MacOs]),
            (two().server_order(ServerOrder::First), Finding::OneServer, &[]),
            (profile().key_size(KeySize::Rsa4096), Finding::LargeKey, &[Platform::Ios, Platform::MacOs]),
            (
                profile().key_protection(KeyProtection::TpmElseFail),
                Finding::KeyProtectionIgnored,
                &[Platform::Android, Platform::AndroidEnterprise, Platform::Ios, Platform::MacOs],
            ),
        ] {
            for platform in Platform::ALL {
                let found = found(profile.clone(), platform);
                assert_eq!(
                    found.contains(&finding),
                    platforms.contains(&platform),
                    "{finding:?} {platform:?}"
                );
            }
        }
    }

    // A12, A30, A38
    #[test]
    fn what_is_unwise_anywhere_is_found_everywhere() {
        let named = |subject| {
            EnrolmentProfile::builder(CertificateType::Device, subject).server("http://ca.test/scep")
        };
        let custom = |text| {
            SubjectNameFormat::Custom(
                SubjectTemplate::parse(text, NameSyntax::Windows, &Vocabulary::new()).unwrap(),
            )
        };
        let fqdn = custom("CN={{FullyQualifiedDomainName}},OU={{AAD_Device_ID}}");
        for (profile, findings) in [
            (profile().validity(validity(4, ValidityUnit::Days)), &[Finding::ValidityShort][..]),
            (profile().validity(validity(5, ValidityUnit::Days)), &[]),
            (profile().validity(validity(24, ValidityUnit::Months)), &[]),
            (profile().validity(validity(25, ValidityUnit::Months)), &[Finding::ValidityLong]),
            (profile().validity(validity(u32::MAX, ValidityUnit::Years)), &[Finding::ValidityLong]),
            (profile().hash_families(HashFamilies { sha1: true, ..HashFamilies::SHA2 }), &[Finding::Sha1]),
            (profile().extended_key_usage(&[Oid::SERVER_AUTH]), &[Finding::NoClientAuthentication]),
            (profile().extended_key_usage(&[]), &[Finding::NoClientAuthentication]),
            (profile().extended_key_usage(&[Oid::CLIENT_AUTH, Oid::CMC_RA]), &[Finding::BroadPurpose]),
            (named(SubjectNameFormat::Imei), &[Finding::Spoofable]),
            (named(fqdn), &[Finding::NeedsDomain(Variable::FullyQualifiedDomainName)]),
        ] {
            assert_eq!(found(profile, Platform::Windows10), findings);
        }
    }
}
