//! Object identifiers, as the contents octets that messages hold (X.690 section 8.19).

use core::fmt;

/// An object identifier: its contents octets, without tag and length.
///
/// ```text
/// OBJECT IDENTIFIER
/// ```
///
/// It is shown in dotted decimal. Octets that are no object identifier can be held and compared, and are shown in
/// hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid<'a>(&'a [u8]);

/// Declares constants, each with its dotted form as documentation.
macro_rules! oids {
    ($($(#[$meta:meta])* $name:ident = $dotted:literal $bytes:expr;)+) => {
        impl Oid<'static> {
            $($(#[$meta])* #[doc = concat!(" (", $dotted, ").")] pub const $name: Self = Self(&$bytes);)+
        }

        #[cfg(test)]
        const ALL: &[(Oid<'static>, &str)] = &[$((Oid::$name, $dotted),)+];
    };
}

oids! {
    /// CMS content type `data`, RFC 5652 section 4
    ID_DATA = "1.2.840.113549.1.7.1" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
    /// CMS content type `signedData`, RFC 5652 section 5.1
    ID_SIGNED_DATA = "1.2.840.113549.1.7.2" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2];
    /// CMS content type `envelopedData`, RFC 5652 section 6.1
    ID_ENVELOPED_DATA = "1.2.840.113549.1.7.3" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3];

    /// CMS content type `authEnvelopedData`, RFC 5083 section 2: recognised, never opened
    ID_AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 1, 23];

    /// Attribute `contentType`, RFC 5652 section 11.1
    CONTENT_TYPE = "1.2.840.113549.1.9.3" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 3];
    /// Attribute `messageDigest`, RFC 5652 section 11.2
    MESSAGE_DIGEST = "1.2.840.113549.1.9.4" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 4];
    /// Attribute `signingTime`, RFC 5652 section 11.3
    SIGNING_TIME = "1.2.840.113549.1.9.5" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 5];
    /// Attribute `challengePassword`, RFC 2985 section 5.4.1
    CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 7];
    /// Attribute `extensionRequest`, RFC 2985 section 5.4.2
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 14];
    /// Microsoft's older name for `extensionRequest`
    EXTENSION_REQUEST_MICROSOFT = "1.3.6.1.4.1.311.2.1.14" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 1, 14];
    /// VeriSign's older name for `extensionRequest`
    EXTENSION_REQUEST_VERISIGN = "2.16.840.1.113733.1.9.8" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 8];
    /// Microsoft's attribute for pairs of names and values (szOID_ENROLLMENT_NAME_VALUE_PAIR)
    ENROLLMENT_NAME_VALUE_PAIR = "1.3.6.1.4.1.311.13.2.1" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 13, 2, 1];

    /// Attribute `messageType`, RFC 8894 section 3.2.1.2
    MESSAGE_TYPE = "2.16.840.1.113733.1.9.2" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 2];
    /// Attribute `pkiStatus`, RFC 8894 section 3.2.1.3
    PKI_STATUS = "2.16.840.1.113733.1.9.3" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 3];
    /// Attribute `failInfo`, RFC 8894 section 3.2.1.4
    FAIL_INFO = "2.16.840.1.113733.1.9.4" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 4];
    /// Attribute `senderNonce`, RFC 8894 section 3.2.1.5
    SENDER_NONCE = "2.16.840.1.113733.1.9.5" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 5];
    /// Attribute `recipientNonce`, RFC 8894 section 3.2.1.5
    RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 6];
    /// Attribute `transactionID`, RFC 8894 section 3.2.1.1
    TRANSACTION_ID = "2.16.840.1.113733.1.9.7" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x45, 1, 9, 7];
    /// Attribute `failInfoText`, RFC 8894 section 3.2.1.4
    FAIL_INFO_TEXT = "1.3.6.1.5.5.7.24.1" [0x2B, 6, 1, 5, 5, 7, 24, 1];

    /// `rsaEncryption`, RFC 8017 appendix A.1: keys, key transport, and signatures in a SignerInfo
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
    /// `sha1WithRSAEncryption`, RFC 8017 appendix A.2.4
    SHA1_WITH_RSA = "1.2.840.113549.1.1.5" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5];
    /// `sha256WithRSAEncryption`, RFC 8017 appendix A.2.4
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11];
    /// `sha384WithRSAEncryption`, RFC 8017 appendix A.2.4
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 12];
    /// `sha512WithRSAEncryption`, RFC 8017 appendix A.2.4
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 13];
    /// `id-RSAES-OAEP`, RFC 4055 section 4.1
    RSAES_OAEP = "1.2.840.113549.1.1.7" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 7];
    /// `id-mgf1`, RFC 4055 section 2.2
    MGF1 = "1.2.840.113549.1.1.8" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 8];
    /// `id-pSpecified`, RFC 4055 section 4.1
    P_SPECIFIED = "1.2.840.113549.1.1.9" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 9];
    /// `id-RSASSA-PSS`, RFC 4055 section 3.1
    RSASSA_PSS = "1.2.840.113549.1.1.10" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];

    /// `id-ecPublicKey`, RFC 5480 section 2.1.1: keys, and signatures in a SignerInfo of some peers
    EC_PUBLIC_KEY = "1.2.840.10045.2.1" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
    /// Curve `secp256r1`, which is P-256, RFC 5480 section 2.1.1.1
    SECP256R1 = "1.2.840.10045.3.1.7" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
    /// Curve `secp384r1`, which is P-384, RFC 5480 section 2.1.1.1
    SECP384R1 = "1.3.132.0.34" [0x2B, 0x81, 4, 0, 34];
    /// `ecdsa-with-SHA1`, RFC 3279 section 2.2.3
    ECDSA_WITH_SHA1 = "1.2.840.10045.4.1" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1];
    /// `ecdsa-with-SHA256`, RFC 5758 section 3.2
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
    /// `ecdsa-with-SHA384`, RFC 5758 section 3.2
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3];
    /// `ecdsa-with-SHA512`, RFC 5758 section 3.2
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4" [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 4];

    /// `id-PBKDF2`, RFC 8018 appendix A.2
    PBKDF2 = "1.2.840.113549.1.5.12" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 5, 12];
    /// `id-alg-PWRI-KEK`, RFC 3211 section 2.3.1
    PWRI_KEK = "1.2.840.113549.1.9.16.3.9" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 3, 9];
    /// `id-hmacWithSHA1`, RFC 8018 appendix B.1.1
    HMAC_WITH_SHA1 = "1.2.840.113549.2.7" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 7];
    /// `id-hmacWithSHA256`, RFC 8018 appendix B.1.2
    HMAC_WITH_SHA256 = "1.2.840.113549.2.9" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 9];
    /// `id-hmacWithSHA384`, RFC 8018 appendix B.1.2
    HMAC_WITH_SHA384 = "1.2.840.113549.2.10" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 10];
    /// `id-hmacWithSHA512`, RFC 8018 appendix B.1.2
    HMAC_WITH_SHA512 = "1.2.840.113549.2.11" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 11];

    /// `id-sha1`, RFC 3370 section 2.1
    SHA1 = "1.3.14.3.2.26" [0x2B, 14, 3, 2, 26];
    /// `id-sha256`, RFC 5754 section 2.2
    SHA256 = "2.16.840.1.101.3.4.2.1" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    /// `id-sha384`, RFC 5754 section 2.3
    SHA384 = "2.16.840.1.101.3.4.2.2" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
    /// `id-sha512`, RFC 5754 section 2.4
    SHA512 = "2.16.840.1.101.3.4.2.3" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3];

    /// `id-aes128-CBC`, RFC 3565 section 4.1
    AES128_CBC = "2.16.840.1.101.3.4.1.2" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
    /// `id-aes192-CBC`, RFC 3565 section 4.1
    AES192_CBC = "2.16.840.1.101.3.4.1.22" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
    /// `id-aes256-CBC`, RFC 3565 section 4.1
    AES256_CBC = "2.16.840.1.101.3.4.1.42" [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
    /// `des-ede3-cbc`, RFC 3370 section 5.1
    DES_EDE3_CBC = "1.2.840.113549.3.7" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 3, 7];
    /// `desCBC`, single DES, which RFC 8894 section 2.9 forbids
    DES_CBC = "1.3.14.3.2.7" [0x2B, 14, 3, 2, 7];

    /// Extension `subjectKeyIdentifier`, RFC 5280 section 4.2.1.2
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14" [0x55, 0x1D, 14];
    /// Extension `keyUsage`, RFC 5280 section 4.2.1.3
    KEY_USAGE = "2.5.29.15" [0x55, 0x1D, 15];
    /// Extension `subjectAltName`, RFC 5280 section 4.2.1.6
    SUBJECT_ALT_NAME = "2.5.29.17" [0x55, 0x1D, 17];
    /// Extension `basicConstraints`, RFC 5280 section 4.2.1.9
    BASIC_CONSTRAINTS = "2.5.29.19" [0x55, 0x1D, 19];
    /// Extension `certificatePolicies`, RFC 5280 section 4.2.1.4
    CERTIFICATE_POLICIES = "2.5.29.32" [0x55, 0x1D, 32];
    /// Extension `authorityKeyIdentifier`, RFC 5280 section 4.2.1.1
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35" [0x55, 0x1D, 35];
    /// Extension `extKeyUsage`, RFC 5280 section 4.2.1.12
    EXTENDED_KEY_USAGE = "2.5.29.37" [0x55, 0x1D, 37];
    /// Key purpose `id-kp-serverAuth`, RFC 5280 section 4.2.1.12
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1" [0x2B, 6, 1, 5, 5, 7, 3, 1];
    /// Key purpose `id-kp-clientAuth`, RFC 5280 section 4.2.1.12
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2" [0x2B, 6, 1, 5, 5, 7, 3, 2];

    /// Key purpose `anyExtendedKeyUsage`, RFC 5280 section 4.2.1.12
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0" [0x55, 0x1D, 37, 0];
    /// Key purpose `id-kp-OCSPSigning`, RFC 6960 section 4.2.2.2
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9" [0x2B, 6, 1, 5, 5, 7, 3, 9];
    /// Key purpose `id-pkinit-KPClientAuth`, RFC 4556 section 3.2.2
    PKINIT_CLIENT_AUTH = "1.3.6.1.5.2.3.4" [0x2B, 6, 1, 5, 2, 3, 4];
    /// Key purpose `id-pkinit-KPKdc`, RFC 4556 section 3.2.4
    PKINIT_KDC = "1.3.6.1.5.2.3.5" [0x2B, 6, 1, 5, 2, 3, 5];
    /// Key purpose of Microsoft's smart-card logon
    SMART_CARD_LOGON = "1.3.6.1.4.1.311.20.2.2" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 2];
    /// Kind of otherName that is a user principal name of Microsoft's (szOID_NT_PRINCIPAL_NAME)
    USER_PRINCIPAL_NAME = "1.3.6.1.4.1.311.20.2.3" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3];
    /// Extension of Microsoft's with purposes in another form (szOID_APPLICATION_CERT_POLICIES)
    APPLICATION_CERT_POLICIES = "1.3.6.1.4.1.311.21.10" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 21, 10];
    /// Extension of Netscape's with the kind of certificate (netscape-cert-type)
    NETSCAPE_CERT_TYPE = "2.16.840.1.113730.1.1" [0x60, 0x86, 0x48, 1, 0x86, 0xF8, 0x42, 1, 1];
    /// Extension of Microsoft's with the security identifier of an account (szOID_NTDS_CA_SECURITY_EXT)
    NTDS_CA_SECURITY = "1.3.6.1.4.1.311.25.2" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 25, 2];

    /// Key purpose `id-kp-cmcCA`, RFC 6402 section 2.10
    CMC_CA = "1.3.6.1.5.5.7.3.27" [0x2B, 6, 1, 5, 5, 7, 3, 27];
    /// Key purpose `id-kp-cmcRA`, RFC 6402 section 2.10
    CMC_RA = "1.3.6.1.5.5.7.3.28" [0x2B, 6, 1, 5, 5, 7, 3, 28];
    /// Key purpose of Microsoft's certificate request agents, which NDES has
    ENROLLMENT_AGENT = "1.3.6.1.4.1.311.20.2.1" [0x2B, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 1];

    /// Name attribute `commonName` (CN), RFC 4519 section 2.3
    COMMON_NAME = "2.5.4.3" [0x55, 4, 3];
    /// Name attribute `surname` (SN), RFC 4519 section 2.32
    SURNAME = "2.5.4.4" [0x55, 4, 4];
    /// Name attribute `serialNumber`, RFC 4519 section 2.31
    SERIAL_NUMBER = "2.5.4.5" [0x55, 4, 5];
    /// Name attribute `countryName` (C), RFC 4519 section 2.2
    COUNTRY_NAME = "2.5.4.6" [0x55, 4, 6];
    /// Name attribute `localityName` (L), RFC 4519 section 2.16
    LOCALITY_NAME = "2.5.4.7" [0x55, 4, 7];
    /// Name attribute `stateOrProvinceName` (ST), RFC 4519 section 2.33
    STATE_OR_PROVINCE_NAME = "2.5.4.8" [0x55, 4, 8];
    /// Name attribute `streetAddress` (STREET), RFC 4519 section 2.34
    STREET_ADDRESS = "2.5.4.9" [0x55, 4, 9];
    /// Name attribute `organizationName` (O), RFC 4519 section 2.19
    ORGANIZATION_NAME = "2.5.4.10" [0x55, 4, 10];
    /// Name attribute `organizationalUnitName` (OU), RFC 4519 section 2.20
    ORGANIZATIONAL_UNIT_NAME = "2.5.4.11" [0x55, 4, 11];
    /// Name attribute `title`, RFC 4519 section 2.38
    TITLE = "2.5.4.12" [0x55, 4, 12];
    /// Name attribute `description`, RFC 4519 section 2.5
    DESCRIPTION = "2.5.4.13" [0x55, 4, 13];
    /// Name attribute `postalCode`, RFC 4519 section 2.23
    POSTAL_CODE = "2.5.4.17" [0x55, 4, 17];
    /// Name attribute `givenName` (GN), RFC 4519 section 2.12
    GIVEN_NAME = "2.5.4.42" [0x55, 4, 42];
    /// Name attribute `initials`, RFC 4519 section 2.14
    INITIALS = "2.5.4.43" [0x55, 4, 43];
    /// Name attribute `userId` (UID), RFC 4519 section 2.39
    USER_ID = "0.9.2342.19200300.100.1.1" [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 100, 1, 1];
    /// Name attribute `domainComponent` (DC), RFC 4519 section 2.4
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25" [0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 100, 1, 25];
    /// Name attribute `emailAddress` (E), RFC 2985 section 5.2.1
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 1];
    /// Name attribute `unstructuredName`, RFC 2985 section 5.2.2
    UNSTRUCTURED_NAME = "1.2.840.113549.1.9.2" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 2];
    /// Name attribute `unstructuredAddress`, RFC 2985 section 5.2.3
    UNSTRUCTURED_ADDRESS = "1.2.840.113549.1.9.8" [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 8];
}

impl<'a> Oid<'a> {
    /// Takes contents octets. They are not checked.
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The contents octets.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The arcs, each `None` from the first that is cut off, not minimal or above 64 bits.
    fn arcs(self) -> impl Iterator<Item = Option<u64>> {
        self.0.split_inclusive(|byte| byte & 0x80 == 0).map(|octets| {
            let ends = octets.last().is_some_and(|byte| byte & 0x80 == 0);
            let minimal = octets.first() != Some(&0x80);
            let arc = octets
                .iter()
                .try_fold(0_u64, |arc, byte| Some(arc.checked_mul(128)? | u64::from(byte & 0x7F)));
            arc.filter(|_| ends && minimal)
        })
    }
}

impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() || self.arcs().any(|arc| arc.is_none()) {
            f.write_str("0x")?;
            return self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"));
        }
        for (index, arc) in self.arcs().flatten().enumerate() {
            match (index, arc) {
                (0, 0..40) => write!(f, "0.{arc}")?,
                (0, 40..80) => write!(f, "1.{}", arc.saturating_sub(40))?,
                (0, _) => write!(f, "2.{}", arc.saturating_sub(80))?,
                _ => write!(f, ".{arc}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn every_constant_is_what_its_documentation_says() {
        for (oid, dotted) in ALL {
            assert_eq!(oid.to_string(), *dotted);
        }
    }

    #[test]
    fn the_first_two_arcs_share_an_octet() {
        assert_eq!(Oid::new(&[39]).to_string(), "0.39");
        assert_eq!(Oid::new(&[40]).to_string(), "1.0");
        assert_eq!(Oid::new(&[79]).to_string(), "1.39");
        assert_eq!(Oid::new(&[0x88, 0x37, 3]).to_string(), "2.999.3");
    }

    #[test]
    fn octets_that_are_no_object_identifier_are_shown_in_hexadecimal() {
        let huge = [0x55, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        for (octets, shown) in [
            (&[][..], "0x"),
            (&[0x55, 0x84], "0x5584"),
            (&[0x55, 0x80, 0x01], "0x558001"),
            (&huge, "0x5582808080808080808000"),
        ] {
            assert_eq!(format!("{:?}", Oid::new(octets)), format!("Oid({shown})"));
        }
    }
}
