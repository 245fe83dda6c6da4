//! X.509 certificates as peers send them (RFC 5280), and the self-signed ones that carry first requests.

use super::algorithm::{AlgorithmIdentifier, SignatureScheme, Signed};
use super::extension::{self, Extension, Extensions, KeyUsage, boolean, extended_key_usage};
use super::limits::Limits;
use super::name::Name;
use super::oid::Oid;
use super::public_key::{SubjectPublicKeyInfo, write_unsigned};
use super::selector::IssuerAndSerialNumber;
use super::time::{Date, is_leap};
use super::tlv::{self, Tlv, Writer};
use crate::error::{Error, InvalidMessage};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// A certificate, read as far as SCEP needs it (RFC 5280 section 4.1).
///
/// ```text
/// Certificate ::= SEQUENCE {
///     tbsCertificate      TBSCertificate,
///     signatureAlgorithm  AlgorithmIdentifier,
///     signature           BIT STRING }
///
/// TBSCertificate ::= SEQUENCE {
///     version          [0] EXPLICIT INTEGER DEFAULT v1,
///     serialNumber     INTEGER,
///     signature        AlgorithmIdentifier,
///     issuer           Name,
///     validity         SEQUENCE { notBefore Time, notAfter Time },
///     subject          Name,
///     subjectPublicKeyInfo  SubjectPublicKeyInfo,
///     issuerUniqueID   [1] IMPLICIT BIT STRING OPTIONAL,
///     subjectUniqueID  [2] IMPLICIT BIT STRING OPTIONAL,
///     extensions       [3] EXPLICIT Extensions OPTIONAL }
/// ```
///
/// Devices sign their first request with certificates that no CA would issue: of version 1, with serial numbers that
/// are negative, zero or longer than 20 bytes, with critical extensions that nobody knows. All of these are read.
/// Times and extensions are looked at only when they are asked for. Two are equal when their bytes are.
#[derive(Clone, Copy)]
pub struct Certificate<'a> {
    raw: &'a [u8],
    tbs: &'a [u8],
    is_version_3: bool,
    serial: &'a [u8],
    issuer: Name<'a>,
    not_before: Tlv<'a>,
    not_after: Tlv<'a>,
    subject: Name<'a>,
    public_key: SubjectPublicKeyInfo<'a>,
    extensions: Option<&'a [u8]>,
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads one that fills `der`. [`InvalidMessage::Certificate`] when it is not one, or when the algorithm that is
    /// signed is not the one next to the signature.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        Self::read(der).map_err(|_| InvalidMessage::Certificate.into())
    }

    fn read(der: &'a [u8]) -> Result<Self, Error> {
        let Signed { to_be_signed: tbs, algorithm: signature_algorithm, signature } = Signed::read(der)?;

        let mut fields = tbs.reader()?;
        let version = fields.optional(tlv::context(0))?;
        let serial = fields.expect(tlv::INTEGER)?.value;
        let signed_algorithm = AlgorithmIdentifier::read(&mut fields)?;
        if !signed_algorithm.agrees_with(&signature_algorithm) {
            return Err(InvalidMessage::Certificate.into());
        }
        let issuer = Name::parse(fields.any()?.raw)?;
        let mut validity = fields.enter(tlv::SEQUENCE)?;
        let (not_before, not_after) = (validity.any()?, validity.any()?);
        validity.finish()?;
        let subject = Name::parse(fields.any()?.raw)?;
        let public_key = SubjectPublicKeyInfo::parse(fields.any()?.raw)?;
        fields.optional(tlv::context_primitive(1))?;
        fields.optional(tlv::context_primitive(2))?;
        let extensions = fields.optional(tlv::context(3))?.map(|extensions| extensions.value);
        fields.finish()?;
        Ok(Self {
            raw: der,
            tbs: tbs.raw,
            is_version_3: version.is_some_and(|version| version.value == [tlv::INTEGER, 1, 2]),
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            public_key,
            extensions,
            signature_algorithm,
            signature,
        })
    }

    /// The whole certificate.
    pub fn as_der(&self) -> &'a [u8] {
        self.raw
    }

    /// The TBSCertificate as it came, tag and length included: what is signed.
    pub fn tbs(&self) -> &'a [u8] {
        self.tbs
    }

    /// The serial number: contents octets of the INTEGER as they stand, of any length and sign.
    pub fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// The issuer.
    pub fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// The subject.
    pub fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// When it becomes valid; dates before 1970 become 1970. [`InvalidMessage::Time`] when it cannot be read.
    pub fn not_before(&self) -> Result<UnixTime, Error> {
        read_time(&self.not_before)
    }

    /// The last second of its validity; dates before 1970 become 1970. [`InvalidMessage::Time`] when it cannot be read.
    pub fn not_after(&self) -> Result<UnixTime, Error> {
        read_time(&self.not_after)
    }

    /// The subject's public key.
    pub fn public_key(&self) -> SubjectPublicKeyInfo<'a> {
        self.public_key
    }

    /// The algorithm of the signature.
    pub fn signature_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.signature_algorithm
    }

    /// The signature: contents of the BIT STRING, without the octet that counts unused bits. Its length is unchecked.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// The extensions. Fails as [`Extensions::parse`] does, with the bounds of [`Limits::DEFAULT`].
    pub fn extensions(&self) -> Result<Option<Extensions<'a>>, Error> {
        self.extensions.map(|der| Extensions::parse(der, &Limits::DEFAULT)).transpose()
    }

    /// The extension of this kind; fails when the extensions cannot be read.
    fn extension(&self, oid: Oid<'_>) -> Result<Option<Extension<'a>>, Error> {
        Ok(self.extensions()?.and_then(|extensions| extensions.get(oid)))
    }

    /// What the key may be used for. `None` without that extension, which allows everything. An extension that cannot
    /// be read allows nothing: [`KeyUsage::NONE`].
    pub fn key_usage(&self) -> Option<KeyUsage> {
        let usage = self.extension(Oid::KEY_USAGE).transpose()?;
        let usage = usage.and_then(|extension| KeyUsage::from_extension(extension.value));
        Some(usage.unwrap_or(KeyUsage::NONE))
    }

    /// What the key is for (RFC 5280 section 4.2.1.12). `None` without that extension, which says nothing. An extension
    /// that cannot be read, or has more purposes than [`Limits::DEFAULT`] has extensions, allows nothing: an empty list.
    pub fn extended_key_usage(&self) -> Option<Vec<Oid<'a>>> {
        let extension = match self.extension(Oid::EXTENDED_KEY_USAGE) {
            Ok(None) => return None,
            Ok(Some(extension)) => extension,
            Err(_) => return Some(Vec::new()),
        };
        Some(extended_key_usage(extension.value).unwrap_or_default())
    }

    /// Whether it is the certificate of a CA: `cA` of the extension `basicConstraints` is TRUE. An extension that
    /// cannot be read counts as FALSE, and so does one in a certificate of another version than 3, which has none (RFC
    /// 5280 section 4.1.2.9).
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|(is_ca, _)| is_ca)
    }

    /// Whether it is of version 3: others have no extensions, and say nothing about what they are for.
    #[cfg(feature = "server")]
    pub(crate) fn is_version_3(&self) -> bool {
        self.is_version_3
    }

    /// Whether it may have been meant for a CA: as [`Self::is_ca`], and where the extension is there and cannot be read.
    #[cfg(feature = "server")]
    pub(crate) fn may_be_ca(&self) -> bool {
        match self.extension(Oid::BASIC_CONSTRAINTS) {
            Ok(None) => false,
            Ok(Some(_)) => self.basic_constraints().is_none_or(|(is_ca, _)| is_ca),
            Err(_) => true,
        }
    }

    /// How many intermediate CA certificates may follow it (RFC 5280 section 4.2.1.9). `None` when there is no bound; a
    /// number that cannot be read, or is negative, counts as 0.
    pub fn path_length(&self) -> Option<u32> {
        self.basic_constraints()?.1
    }

    /// ```text
    /// BasicConstraints ::= SEQUENCE {
    ///     cA                 BOOLEAN DEFAULT FALSE,
    ///     pathLenConstraint  INTEGER (0..MAX) OPTIONAL }
    /// ```
    fn basic_constraints(&self) -> Option<(bool, Option<u32>)> {
        let extension = self.extension(Oid::BASIC_CONSTRAINTS).ok()?.filter(|_| self.is_version_3)?;
        let mut reader =
            Tlv::parse(extension.value).ok().filter(|tlv| tlv.tag == tlv::SEQUENCE)?.reader().ok()?;
        let is_ca = reader.optional(tlv::BOOLEAN).ok()?.as_ref().map_or(Ok(false), boolean).ok()?;
        let path_length = reader.optional(tlv::INTEGER).ok()?.map(|length| match length.value {
            [] | [0x80..=0xFF, ..] => 0,
            value => value
                .iter()
                .try_fold(0_u32, |length, octet| Some(length.checked_mul(256)? | u32::from(*octet)))
                .unwrap_or(u32::MAX),
        });
        reader.finish().ok()?;
        Some((is_ca, path_length))
    }

    /// The key identifier, mostly 20 bytes. `None` without that extension, and when it cannot be read.
    pub fn subject_key_identifier(&self) -> Option<&'a [u8]> {
        let extension = self.extension(Oid::SUBJECT_KEY_IDENTIFIER).ok()??;
        Tlv::parse(extension.value).ok().filter(|tlv| tlv.tag == tlv::OCTET_STRING).map(|tlv| tlv.value)
    }

    /// How messages name it.
    pub fn issuer_and_serial(&self) -> IssuerAndSerialNumber<'a> {
        IssuerAndSerialNumber { issuer: self.issuer, serial: self.serial }
    }

    /// Whether issuer and subject are the same, by the rules of [`Name::matches`]. Whose key signed it is another
    /// question.
    pub fn is_self_issued(&self) -> bool {
        self.issuer.matches(&self.subject)
    }
}

impl PartialEq for Certificate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Certificate<'_> {}

impl fmt::Debug for Certificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {:?})", self.subject, self.issuer_and_serial())
    }
}

/// Reads a time (RFC 5280 section 4.1.2.5) in UTC. Seconds may be missing, as in certificates of before 1999;
/// GeneralizedTime may be used before 2050.
///
/// ```text
/// Time ::= CHOICE {
///     utcTime      UTCTime,          -- YYMMDDHHMM[SS]Z, 1950 to 2049
///     generalTime  GeneralizedTime } -- YYYYMMDDHHMM[SS]Z
/// ```
pub(crate) fn read_time(time: &Tlv<'_>) -> Result<UnixTime, Error> {
    parse_time(time).ok_or(InvalidMessage::Time.into())
}

fn parse_time(time: &Tlv<'_>) -> Option<UnixTime> {
    let (pairs, rest) = time.value.strip_suffix(b"Z")?.as_chunks();
    let (century, pairs) = match time.tag {
        tlv::UTC_TIME => (None, pairs),
        tlv::GENERALIZED_TIME => pairs.split_first().map(|(first, pairs)| (Some(*first), pairs))?,
        _ => return None,
    };
    if !rest.is_empty() || !matches!(pairs.len(), 5 | 6) {
        return None;
    }
    let mut numbers = [0; 6];
    for (number, pair) in numbers.iter_mut().zip(pairs) {
        *number = two_digits(*pair)?;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let century = match century {
        Some(digits) => two_digits(digits)?,
        None if year < 50 => 20,
        None => 19,
    };
    let year = u16::from(century).checked_mul(100)?.checked_add(year.into())?;
    let since_epoch = |year| Date { year, month, day, hour, minute, second }.since_epoch();
    let seconds = match year {
        // Times start with 1970. The other fields have to make sense all the same; 1972 is a leap year.
        0..1970 => since_epoch(if is_leap(year) { 1972 } else { 1971 }).map(|_| 0),
        _ => since_epoch(year),
    };
    seconds.map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

fn two_digits(digits: [u8; 2]) -> Option<u8> {
    let [tens, units] = digits.map(|digit| digit.wrapping_sub(b'0'));
    if tens < 10 && units < 10 { tens.checked_mul(10)?.checked_add(units) } else { None }
}

/// Writes a time: UTCTime to 2049, GeneralizedTime from 2050 on. What is past 9999 becomes the end of that year, which
/// means "no end" (RFC 5280 section 4.1.2.5).
pub(crate) fn write_time(writer: &mut Writer, time: UnixTime) {
    let Date { year, month, day, hour, minute, second } = Date::from_seconds(time.as_secs());
    let (century, year) = (u8::try_from(year / 100).unwrap_or_default(), year % 100);
    let mut digits = Vec::with_capacity(15);
    let digit = |number: u8| b'0'.saturating_add(number % 10);
    let mut write = |number: u8| digits.extend([digit(number / 10), digit(number)]);
    let short = (century == 19 && year >= 50) || (century == 20 && year < 50);
    if !short {
        write(century);
    }
    for number in [u8::try_from(year).unwrap_or_default(), month, day, hour, minute, second] {
        write(number);
    }
    digits.push(b'Z');
    writer.tlv(if short { tlv::UTC_TIME } else { tlv::GENERALIZED_TIME }, &digits);
}

/// What goes into a self-signed certificate, which carries a first request (RFC 8894 section 2.3).
#[derive(Clone, Copy, Debug)]
pub struct TbsCertificateDraft<'a> {
    /// The serial number: unsigned, big endian. RFC 5280 section 4.1.2.2 wants 1 to 20 bytes that are not all zero.
    pub serial: &'a [u8],
    /// The subject, and the issuer too.
    pub subject: Name<'a>,
    /// When it becomes valid.
    pub not_before: UnixTime,
    /// The last second of its validity.
    pub not_after: UnixTime,
    /// The key to be certified.
    pub public_key: SubjectPublicKeyInfo<'a>,
    /// How it will be signed.
    pub scheme: SignatureScheme,
    /// What the key may be used for; the extension is critical.
    pub key_usage: KeyUsage,
}

impl TbsCertificateDraft<'_> {
    /// The DER TBSCertificate, of version 3, with `keyUsage` as its only extension: what has to be signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.nested(tlv::context(0), |writer| writer.tlv(tlv::INTEGER, &[2]));
            write_unsigned(writer, self.serial);
            self.scheme.write(writer);
            writer.raw(self.subject.as_der());
            writer.nested(tlv::SEQUENCE, |writer| {
                write_time(writer, self.not_before);
                write_time(writer, self.not_after);
            });
            writer.raw(self.subject.as_der());
            writer.raw(self.public_key.as_der());
            // not through the builder, which a device needs for nothing else
            writer.nested(tlv::context(3), |writer| {
                writer.nested(tlv::SEQUENCE, |writer| {
                    extension::write(writer, Oid::KEY_USAGE.as_bytes(), true, &self.key_usage.to_extension());
                });
            });
        });
        writer.finish()
    }
}

/// Puts a signature to what it signs: a TBSCertificate becomes a certificate, a CertificationRequestInfo a
/// certification request (RFC 2986 section 4.2).
///
/// ```text
/// SEQUENCE { toBeSigned, signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
/// ```
///
/// A certification request may hold a challenge password. `tbs` is copied once, straight into the result, so whoever
/// wipes the result wipes that copy.
pub fn assemble(tbs: &[u8], scheme: SignatureScheme, signature: &[u8]) -> Vec<u8> {
    let mut rest = Writer::new();
    scheme.write(&mut rest);
    rest.tlv(tlv::BIT_STRING, &[&[0], signature].concat());
    tlv::element(tlv::SEQUENCE, &[tbs, &rest.finish()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::algorithm::Digest;
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::public_key::encode_rsa;
    use crate::wire::selector::CertificateSelector;
    use alloc::format;

    const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    const SHA256_WITH_RSA: &[u8] = &[0x30, 13, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 11, 5, 0];

    fn time(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn subject() -> DistinguishedName {
        "C=DE, CN=dev1".parse().unwrap()
    }

    fn key() -> Vec<u8> {
        encode_rsa(&[0xFF; 256], &[1, 0, 1])
    }

    /// What the odd certificates below differ in.
    struct Fields<'a> {
        version: &'a [u8],
        serial: &'a [u8],
        not_before: &'a [u8],
        /// What follows the public key.
        rest: &'a [u8],
    }

    /// A certificate of version 1.
    const PLAIN: Fields<'static> =
        Fields { version: &[], serial: &[2, 1, 1], not_before: b"\x17\x0D700101000000Z", rest: &[] };

    fn certificate(fields: &Fields<'_>) -> Vec<u8> {
        let name = subject();
        let mut tbs = Writer::new();
        tbs.nested(tlv::SEQUENCE, |tbs| {
            tbs.raw(fields.version);
            tbs.raw(fields.serial);
            tbs.raw(SHA256_WITH_RSA);
            tbs.raw(name.as_der());
            tbs.nested(tlv::SEQUENCE, |tbs| {
                tbs.raw(fields.not_before);
                tbs.raw(b"\x17\x0D491231235959Z");
            });
            tbs.raw(name.as_der());
            tbs.raw(&key());
            tbs.raw(fields.rest);
        });
        assemble(&tbs.finish(), SCHEME, &[7; 256])
    }

    /// A certificate with these extensions: object identifier, critical, value.
    fn extended(extensions: &[(Oid<'_>, bool, &[u8])]) -> Vec<u8> {
        extended_in_version(&[0xA0, 3, 2, 1, 2], extensions)
    }

    fn extended_in_version(version: &[u8], extensions: &[(Oid<'_>, bool, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::context(3), |writer| {
            writer.nested(tlv::SEQUENCE, |writer| {
                for (oid, critical, value) in extensions {
                    writer.nested(tlv::SEQUENCE, |writer| {
                        writer.tlv(tlv::OBJECT_IDENTIFIER, oid.as_bytes());
                        writer.tlv(tlv::BOOLEAN, &[if *critical { 0xFF } else { 0 }]);
                        writer.tlv(tlv::OCTET_STRING, value);
                    });
                }
            });
        });
        certificate(&Fields { version, rest: &writer.finish(), ..PLAIN })
    }

    // R-2.3-1, R-2.3-2
    #[test]
    fn a_self_signed_certificate_is_read_back() {
        let (name, key) = (subject(), key());
        let draft = TbsCertificateDraft {
            serial: &[0xFF, 1],
            subject: name.name(),
            not_before: time(1_700_000_000),
            not_after: time(2_524_608_000),
            public_key: SubjectPublicKeyInfo::parse(&key).unwrap(),
            scheme: SCHEME,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        };
        let tbs = draft.encode();
        let der = assemble(&tbs, SCHEME, &[7; 256]);
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(certificate.as_der(), der);
        assert_eq!(certificate.tbs(), tbs);
        assert_eq!(certificate.serial(), [0, 0xFF, 1]);
        assert_eq!((certificate.issuer(), certificate.subject()), (name.name(), name.name()));
        assert!(certificate.is_self_issued());
        assert_eq!(certificate.not_before(), Ok(draft.not_before));
        assert_eq!(certificate.not_after(), Ok(draft.not_after));
        assert_eq!(certificate.public_key(), draft.public_key);
        assert_eq!(SignatureScheme::from_identifier(&certificate.signature_algorithm()), Ok(SCHEME));
        assert_eq!(certificate.signature(), [7; 256]);
        assert_eq!(certificate.key_usage(), Some(draft.key_usage));
        assert_eq!(certificate.extensions().unwrap().unwrap().iter().count(), 1);
        assert!(certificate.extensions().unwrap().unwrap().iter().all(|extension| extension.critical));
        assert!(!certificate.is_ca());
        assert!(
            CertificateSelector::IssuerAndSerialNumber(certificate.issuer_and_serial()).matches(&certificate)
        );
        assert!(tbs.windows(13).any(|window| window == b"231114221320Z"));
        assert!(tbs.windows(15).any(|window| window == b"20500101000000Z"));
        assert_eq!(
            format!("{certificate:?}"),
            "Certificate(C=DE, CN=dev1, IssuerAndSerialNumber(C=DE, CN=dev1, serial 0x00FF01))"
        );
    }

    // quirk 26, P3, X-2, Q1
    #[test]
    fn certificates_that_no_ca_would_issue_are_read() {
        let explicit = certificate(&Fields { version: &[0xA0, 3, 2, 1, 0], ..PLAIN });
        let identifiers = [0x81, 2, 0, 1, 0x82, 2, 0, 1];
        let with_identifiers = certificate(&Fields { rest: &identifiers, ..PLAIN });
        for der in [&certificate(&PLAIN), &explicit, &with_identifiers] {
            let certificate = Certificate::parse(der).unwrap();
            assert_eq!(certificate.extensions(), Ok(None));
            assert_eq!((certificate.key_usage(), certificate.is_ca()), (None, false));
        }
        let long = [&[2, 32], &[0x7F; 32][..]].concat();
        for serial in [&[2, 1, 0][..], &[2, 1, 0x80], &[2, 2, 0xFF, 0xFF], &[2, 3, 0, 0, 1], &[2, 0], &long] {
            let der = certificate(&Fields { serial, ..PLAIN });
            let certificate = Certificate::parse(&der).unwrap();
            assert_eq!(certificate.serial(), &serial[2..]);
            let selector = certificate.issuer_and_serial().encode();
            assert!(IssuerAndSerialNumber::parse(&selector).unwrap().matches(&certificate));
        }
        let unknown = Oid::new(&[0x2A, 3]);
        let der = extended(&[(unknown, true, &[0xFF]), (Oid::AUTHORITY_KEY_IDENTIFIER, true, &[0x30, 0])]);
        assert!(
            Certificate::parse(&der).unwrap().extensions().unwrap().unwrap().get(unknown).unwrap().critical
        );
    }

    #[test]
    fn one_odd_extension_leaves_the_others() {
        let der = extended(&[
            (Oid::SUBJECT_ALT_NAME, false, &[0xFF]),
            (Oid::KEY_USAGE, false, &[3, 2, 5, 0xA0]),
            (Oid::BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xFF, 2, 1, 3]),
            (Oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 2, 8, 9]),
        ]);
        let certificate = Certificate::parse(&der).unwrap();
        assert!(certificate.key_usage().unwrap().contains(KeyUsage::DIGITAL_SIGNATURE));
        assert_eq!((certificate.is_ca(), certificate.path_length()), (true, Some(3)));
        assert_eq!(certificate.subject_key_identifier(), Some(&[8, 9][..]));
        assert!(CertificateSelector::SubjectKeyIdentifier(&[8, 9]).matches(&certificate));
        assert!(!CertificateSelector::SubjectKeyIdentifier(&[8]).matches(&certificate));
        let der = self::certificate(&PLAIN);
        let certificate = Certificate::parse(&der).unwrap();
        assert!(!CertificateSelector::SubjectKeyIdentifier(&[]).matches(&certificate));
    }

    #[test]
    fn what_cannot_be_read_allows_nothing() {
        let usage: (Oid<'_>, bool, &[u8]) = (Oid::KEY_USAGE, true, &[3, 2, 5, 0xA0]);
        for extensions in [&[(Oid::KEY_USAGE, true, &[4, 0][..])][..], &[usage, usage]] {
            let der = extended(extensions);
            assert_eq!(Certificate::parse(&der).unwrap().key_usage(), Some(KeyUsage::NONE));
        }
        for (value, is_ca, path_length) in [
            (&[0x30, 0][..], false, None),
            (&[0x30, 3, 1, 1, 0], false, None),
            (&[0x30, 3, 1, 1, 0xFF], true, None),
            (&[0x30, 6, 1, 1, 0xFF, 2, 1, 0x80], true, Some(0)),
            (&[0x30, 10, 1, 1, 0xFF, 2, 5, 1, 0, 0, 0, 0], true, Some(u32::MAX)),
            (&[0x30, 5, 1, 1, 0xFF, 5, 0], false, None),
            (&[0x30, 4, 1, 2, 0xFF, 0xFF], false, None),
            (&[0x31, 3, 1, 1, 0xFF], false, None),
        ] {
            let der = extended(&[(Oid::BASIC_CONSTRAINTS, true, value)]);
            let certificate = Certificate::parse(&der).unwrap();
            assert_eq!((certificate.is_ca(), certificate.path_length()), (is_ca, path_length), "{value:?}");
        }
    }

    #[test]
    fn only_a_certificate_of_version_3_is_that_of_a_ca() {
        let ca: (Oid<'_>, bool, &[u8]) = (Oid::BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xFF, 2, 1, 3]);
        for (version, is_ca, path_length) in [
            (&[][..], false, None),
            (&[0xA0, 3, 2, 1, 0], false, None),
            (&[0xA0, 3, 2, 1, 1], false, None),
            (&[0xA0, 3, 2, 1, 2], true, Some(3)),
            (&[0xA0, 3, 2, 1, 3], false, None),
        ] {
            let der = extended_in_version(version, &[ca]);
            let certificate = Certificate::parse(&der).unwrap();
            assert_eq!((certificate.is_ca(), certificate.path_length()), (is_ca, path_length), "{version:?}");
        }
    }

    #[test]
    fn purposes_of_a_key_that_cannot_be_read_are_none() {
        let list = |tag: u8, count: usize| tlv::element(tag, &[&[6, 1, 0x2A].repeat(count)]);
        let purposes = |value: &[u8]| {
            let der = extended(&[(Oid::EXTENDED_KEY_USAGE, false, value)]);
            Certificate::parse(&der).unwrap().extended_key_usage().map(|purposes| purposes.len())
        };
        assert_eq!(purposes(&list(tlv::SEQUENCE, 1)), Some(1));
        assert_eq!(purposes(&list(tlv::SEQUENCE, 32)), Some(32));
        assert_eq!(purposes(&list(tlv::SEQUENCE, 33)), Some(0));
        assert_eq!(purposes(&list(tlv::SET, 1)), Some(0));
        assert_eq!(purposes(&[&list(tlv::SEQUENCE, 1)[..], &[5, 0]].concat()), Some(0));
        assert_eq!(purposes(&[0x30, 5, 6, 1, 0x2A, 6, 0]), Some(0));
    }

    #[test]
    fn a_signed_structure_is_made_in_one_buffer() {
        let der = assemble(&[0x30, 0x82, 1, 0].repeat(500), SCHEME, &[7; 256]);
        assert_eq!(der.capacity(), der.len());
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let refused =
            |der: &[u8]| assert_eq!(Certificate::parse(der), Err(InvalidMessage::Certificate.into()));
        let der = certificate(&PLAIN);
        for end in 0..der.len() {
            refused(&der[..end]);
        }
        refused(&[&der[..], &[0]].concat());
        refused(&certificate(&Fields { rest: &[5, 0], ..PLAIN }));
        // The algorithm next to the signature is not the one that is signed.
        let tbs = Certificate::parse(&der).unwrap().tbs();
        refused(&assemble(tbs, SignatureScheme::RsaPkcs1(Digest::Sha512), &[7]));
    }

    // T53
    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, seconds) in [
            (tlv::UTC_TIME, "700101000000Z", 0),
            (tlv::UTC_TIME, "491231235959Z", 2_524_607_999),
            (tlv::UTC_TIME, "500101000000Z", 0),
            (tlv::UTC_TIME, "2311142213Z", 1_699_999_980),
            (tlv::GENERALIZED_TIME, "20231114221320Z", 1_700_000_000),
            (tlv::GENERALIZED_TIME, "202311142213Z", 1_699_999_980),
            (tlv::GENERALIZED_TIME, "00000229000000Z", 0),
            (tlv::GENERALIZED_TIME, "20240229000000Z", 1_709_164_800),
            (tlv::GENERALIZED_TIME, "19040229000000Z", 0),
            (tlv::GENERALIZED_TIME, "99991231235959Z", 253_402_300_799),
        ] {
            let not_before = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            let der = certificate(&Fields { not_before: &not_before, ..PLAIN });
            assert_eq!(Certificate::parse(&der).unwrap().not_before(), Ok(time(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_when_it_is_asked_for() {
        for (tag, text) in [
            (tlv::UTC_TIME, ""),
            (tlv::UTC_TIME, "Z"),
            (tlv::UTC_TIME, "700101000000"),
            (tlv::UTC_TIME, "700101000000+0100"),
            (tlv::UTC_TIME, "7001010000Z0Z"),
            (tlv::UTC_TIME, "70010100000 Z"),
            (tlv::UTC_TIME, "700101Z"),
            (tlv::UTC_TIME, "19700101000000Z"),
            (tlv::UTC_TIME, "230229000000Z"),
            (tlv::UTC_TIME, "690229000000Z"),
            (tlv::GENERALIZED_TIME, "19000229000000Z"),
            (tlv::GENERALIZED_TIME, "19010229000000Z"),
            (tlv::UTC_TIME, "501301000000Z"),
            (tlv::GENERALIZED_TIME, "700101000000Z"),
            (tlv::GENERALIZED_TIME, "20230101000000.5Z"),
            (tlv::UTF8_STRING, "700101000000Z"),
        ] {
            let not_before = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            let der = certificate(&Fields { not_before: &not_before, ..PLAIN });
            let certificate = Certificate::parse(&der).unwrap();
            assert_eq!(certificate.not_before(), Err(InvalidMessage::Time.into()), "{text}");
            assert!(certificate.not_after().is_ok());
        }
    }

    #[test]
    fn a_time_without_end_is_written_as_such() {
        let mut writer = Writer::new();
        write_time(&mut writer, time(u64::MAX));
        assert_eq!(writer.finish(), b"\x18\x0F99991231235959Z");
    }
}
