//! Certificate extensions: reading them, and writing those that a request asks for.

use super::limits::Limits;
use super::name::Name;
use super::oid::Oid;
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{ApiMisuse, Error, InvalidMessage, Limit};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::ops::BitOr;

/// What a key may be used for (RFC 5280 section 4.2.1.3).
///
/// ```text
/// KeyUsage ::= BIT STRING {
///     digitalSignature  (0),  nonRepudiation   (1),  keyEncipherment  (2),
///     dataEncipherment  (3),  keyAgreement     (4),  keyCertSign      (5),
///     cRLSign           (6),  encipherOnly     (7),  decipherOnly     (8) }
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KeyUsage(u16);

/// The bits in their order, with the names of RFC 5280.
const KEY_USAGES: [(KeyUsage, &str); 9] = [
    (KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
    (KeyUsage::NON_REPUDIATION, "nonRepudiation"),
    (KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
    (KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
    (KeyUsage::KEY_AGREEMENT, "keyAgreement"),
    (KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
    (KeyUsage::CRL_SIGN, "cRLSign"),
    (KeyUsage::ENCIPHER_ONLY, "encipherOnly"),
    (KeyUsage::DECIPHER_ONLY, "decipherOnly"),
];

impl KeyUsage {
    /// No usage at all.
    pub const NONE: Self = Self(0);
    /// Signatures other than on certificates and CRLs: what signs SCEP messages (RFC 8894 section 2.1.2).
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// Signatures that shall bind their maker; also called contentCommitment.
    pub const NON_REPUDIATION: Self = Self(0x4000);
    /// Keys are encrypted to it: what SCEP envelopes need (RFC 8894 section 2.1.2).
    pub const KEY_ENCIPHERMENT: Self = Self(0x2000);
    /// Data other than keys are encrypted to it.
    pub const DATA_ENCIPHERMENT: Self = Self(0x1000);
    /// Key agreement.
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// Signatures on certificates.
    pub const KEY_CERT_SIGN: Self = Self(0x0400);
    /// Signatures on CRLs.
    pub const CRL_SIGN: Self = Self(0x0200);
    /// With key agreement: only to encipher.
    pub const ENCIPHER_ONLY: Self = Self(0x0100);
    /// With key agreement: only to decipher.
    pub const DECIPHER_ONLY: Self = Self(0x0080);

    /// Whether every usage of `other` is one of these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The usages that are in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The usages of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reads the value of the extension: a BIT STRING. Bits that have no name, and those that the first octet says are
    /// unused, are dropped. [`InvalidMessage::Der`] when it is none.
    pub fn from_extension(value: &[u8]) -> Result<Self, Error> {
        let bits = Tlv::parse(value)?;
        match (bits.tag, bits.value) {
            (tlv::BIT_STRING, [0]) => Ok(Self::NONE),
            (tlv::BIT_STRING, [unused @ 0..=7, bits @ .., last]) => {
                let last = *last & 0xFF_u8.checked_shl(u32::from(*unused)).unwrap_or_default();
                let mut octets = bits.iter().copied().chain([last, 0]);
                let usages = [octets.next().unwrap_or_default(), octets.next().unwrap_or_default() & 0x80];
                Ok(Self(u16::from_be_bytes(usages)))
            }
            _ => Err(InvalidMessage::Der.into()),
        }
    }

    /// The value of the extension: the DER BIT STRING, without trailing zero bits (X.690 section 11.2.2).
    pub(crate) fn to_extension(self) -> Vec<u8> {
        let [first, second] = self.0.to_be_bytes();
        let mut writer = Writer::new();
        let unused = |octet: u8| u8::try_from(octet.trailing_zeros()).unwrap_or_default();
        match (first, second) {
            (0, 0) => writer.tlv(tlv::BIT_STRING, &[0]),
            (_, 0) => writer.tlv(tlv::BIT_STRING, &[unused(first), first]),
            _ => writer.tlv(tlv::BIT_STRING, &[unused(second), first, second]),
        }
        writer.finish()
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyUsage(")?;
        let names = KEY_USAGES.iter().filter(|(usage, _)| self.contains(*usage));
        for (index, (_, name)) in names.enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        f.write_str(")")
    }
}

/// One extension (RFC 5280 section 4.1).
///
/// ```text
/// Extension ::= SEQUENCE {
///     extnID     OBJECT IDENTIFIER,
///     critical   BOOLEAN DEFAULT FALSE,
///     extnValue  OCTET STRING }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which extension it is.
    pub oid: Oid<'a>,
    /// Whether a reader that does not know it has to refuse the certificate.
    pub critical: bool,
    /// The contents of the OCTET STRING, mostly DER. Not looked at.
    pub value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// Reads the next element. An explicit FALSE and any other octet than FF for TRUE are taken as BER has them.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        let oid = Oid::new(fields.expect(tlv::OBJECT_IDENTIFIER)?.value);
        let critical = fields.optional(tlv::BOOLEAN)?.as_ref().map_or(Ok(false), boolean)?;
        let value = fields.expect(tlv::OCTET_STRING)?.value;
        fields.finish()?;
        Ok(Self { oid, critical, value })
    }
}

/// The value of a BOOLEAN: one octet, zero for FALSE (X.690 section 8.2).
pub(super) fn boolean(tlv: &Tlv<'_>) -> Result<bool, Error> {
    match tlv.value {
        [octet] => Ok(*octet != 0),
        _ => Err(InvalidMessage::Der.into()),
    }
}

/// The extensions of a certificate or a certification request, each kind once.
///
/// ```text
/// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extensions<'a> {
    raw: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads the SEQUENCE that fills `der`; an empty one is taken. [`InvalidMessage::Der`] when it is none, or one kind
    /// occurs twice; [`Limit::Extensions`] when there are more than [`Limits::extensions`].
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let sequence = Tlv::parse(der)?;
        if sequence.tag != tlv::SEQUENCE {
            return Err(InvalidMessage::Der.into());
        }
        let extensions = Self { raw: der, contents: sequence.value };
        let mut reader = sequence.reader()?;
        let mut count = 0_usize;
        while !reader.is_empty() {
            if count >= limits.extensions {
                return Err(Limit::Extensions.into());
            }
            let extension = Extension::read(&mut reader)?;
            // What comes before has been read, and the limit keeps this short.
            if extensions.iter().take(count).any(|other| other.oid == extension.oid) {
                return Err(InvalidMessage::Der.into());
            }
            count = count.saturating_add(1);
        }
        Ok(extensions)
    }

    /// The whole SEQUENCE.
    pub fn as_der(&self) -> &'a [u8] {
        self.raw
    }

    /// The extensions in their order.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut reader = Reader::new(self.contents).ok();
        core::iter::from_fn(move || Extension::read(reader.as_mut()?).ok())
    }

    /// The extension of this kind.
    pub fn get(&self, oid: Oid<'_>) -> Option<Extension<'a>> {
        self.iter().find(|extension| extension.oid == oid)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }
}

impl fmt::Debug for Extensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|extension| extension.oid)).finish()
    }
}

/// One name of a subject (RFC 5280 section 4.2.1.6).
///
/// ```text
/// GeneralName ::= CHOICE {
///     otherName      [0] OtherName,       rfc822Name                 [1] IA5String,
///     dNSName        [2] IA5String,       x400Address                [3] ORAddress,
///     directoryName  [4] Name,            ediPartyName               [5] EDIPartyName,
///     iPAddress      [7] OCTET STRING,    uniformResourceIdentifier  [6] IA5String,
///     registeredID   [8] OBJECT IDENTIFIER }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeneralName<'a> {
    /// `dNSName`: ASCII without control characters, else the name is [`Self::Other`].
    Dns(&'a str),
    /// `rfc822Name`: ASCII without control characters, else the name is [`Self::Other`].
    Email(&'a str),
    /// `uniformResourceIdentifier`: ASCII without control characters, else the name is [`Self::Other`].
    Uri(&'a str),
    /// `iPAddress`: 4 or 16 bytes, else the name is [`Self::Other`].
    Ip(&'a [u8]),
    /// `directoryName`.
    DirectoryName(Name<'a>),
    /// `otherName` that is a user principal name, such as `user@example.com` ([`Oid::USER_PRINCIPAL_NAME`]): UTF-8
    /// without control characters, else the name is [`Self::Other`].
    UserPrincipalName(&'a str),
    /// Any other name, or one that is not what its tag says.
    Other {
        /// The identifier octet, such as `A0` for otherName.
        tag: u8,
        /// The contents octets.
        value: &'a [u8],
    },
}

const OTHER_NAME: u8 = tlv::context(0);
const RFC822_NAME: u8 = tlv::context_primitive(1);
const DNS_NAME: u8 = tlv::context_primitive(2);
const X400_ADDRESS: u8 = tlv::context(3);
const DIRECTORY_NAME: u8 = tlv::context(4);
const EDI_PARTY_NAME: u8 = tlv::context(5);
const URI: u8 = tlv::context_primitive(6);
const IP_ADDRESS: u8 = tlv::context_primitive(7);
const REGISTERED_ID: u8 = tlv::context_primitive(8);

impl<'a> GeneralName<'a> {
    fn new(tag: u8, value: &'a [u8]) -> Self {
        // A NUL or a line break in a name makes two readers see two names.
        // All bytes are looked at, which takes a tenth of the time that stopping at the first one would.
        let plain = |text: &&str| text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
        let text = core::str::from_utf8(value).ok().filter(plain);
        match (tag, text, value.len()) {
            (RFC822_NAME, Some(text), _) => Self::Email(text),
            (DNS_NAME, Some(text), _) => Self::Dns(text),
            (URI, Some(text), _) => Self::Uri(text),
            (IP_ADDRESS, _, 4 | 16) => Self::Ip(value),
            (DIRECTORY_NAME, ..) => {
                Name::parse(value).map_or(Self::Other { tag: DIRECTORY_NAME, value }, Self::DirectoryName)
            }
            (OTHER_NAME, ..) => user_principal_name(value)
                .map_or(Self::Other { tag: OTHER_NAME, value }, Self::UserPrincipalName),
            (tag, ..) => Self::Other { tag, value },
        }
    }

    /// The identifier octet and the contents octets. [`ApiMisuse::SubjectText`] when they would not be read back as
    /// this kind of name.
    fn checked(&self) -> Result<(u8, Cow<'a, [u8]>), Error> {
        let (tag, value) = match *self {
            Self::Dns(text) => (DNS_NAME, text.as_bytes()),
            Self::Email(text) => (RFC822_NAME, text.as_bytes()),
            Self::Uri(text) => (URI, text.as_bytes()),
            Self::Ip(address) => (IP_ADDRESS, address),
            Self::DirectoryName(name) => (DIRECTORY_NAME, name.as_der()),
            Self::UserPrincipalName(text) if is_principal(text) => {
                let mut writer = Writer::new();
                writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::USER_PRINCIPAL_NAME.as_bytes());
                writer.nested(tlv::context(0), |writer| writer.tlv(tlv::UTF8_STRING, text.as_bytes()));
                return Ok((OTHER_NAME, Cow::Owned(writer.finish())));
            }
            Self::UserPrincipalName(_) => return Err(ApiMisuse::SubjectText.into()),
            Self::Other { tag, value } => (tag, value),
        };
        match (Self::new(tag, value), tag) {
            (Self::Other { .. }, OTHER_NAME | X400_ADDRESS | EDI_PARTY_NAME | REGISTERED_ID) => {
                Ok((tag, Cow::Borrowed(value)))
            }
            (Self::Other { .. }, _) => Err(ApiMisuse::SubjectText.into()),
            _ => Ok((tag, Cow::Borrowed(value))),
        }
    }
}

fn is_principal(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// The text of an `AnotherName` that is one.
///
/// ```text
/// AnotherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY DEFINED BY type-id } -- UTF8String
/// ```
fn user_principal_name(value: &[u8]) -> Option<&str> {
    let mut fields = Reader::new(value).ok()?;
    let kind = fields.expect(tlv::OBJECT_IDENTIFIER).ok()?.value;
    let mut inner = fields.enter(tlv::context(0)).ok()?;
    fields.finish().ok()?;
    let text = inner.expect(tlv::UTF8_STRING).ok()?.value;
    inner.finish().ok()?;
    let text = core::str::from_utf8(text).ok().filter(|text| is_principal(text))?;
    (Oid::new(kind) == Oid::USER_PRINCIPAL_NAME).then_some(text)
}

/// Reads the value of the extension `subjectAltName`. [`InvalidMessage::Der`] when it is none, [`Limit::Extensions`]
/// when it holds more than [`Limits::names`] names.
///
/// ```text
/// GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName
/// ```
pub fn subject_alt_names<'a>(value: &'a [u8], limits: &Limits) -> Result<Vec<GeneralName<'a>>, Error> {
    let mut outer = Reader::new(value)?;
    let mut reader = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut names = Vec::new();
    while !reader.is_empty() {
        if names.len() >= limits.names {
            return Err(Limit::Extensions.into());
        }
        let name = reader.any()?;
        names.push(GeneralName::new(name.tag, name.value));
    }
    Ok(names)
}

/// Reads the value of the extension `extKeyUsage`: what a key is for (RFC 5280 section 4.2.1.12). [`InvalidMessage::Der`]
/// when it is none, [`Limit::Extensions`] when it has more purposes than [`Limits::DEFAULT`] has extensions.
///
/// ```text
/// ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId -- OBJECT IDENTIFIER
/// ```
pub fn extended_key_usage(value: &[u8]) -> Result<Vec<Oid<'_>>, Error> {
    let mut outer = Reader::new(value)?;
    let mut reader = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut purposes = Vec::new();
    while !reader.is_empty() {
        let purpose = reader.expect(tlv::OBJECT_IDENTIFIER)?.value;
        if purpose.is_empty() {
            return Err(InvalidMessage::Der.into());
        }
        if purposes.len() >= Limits::DEFAULT.extensions {
            return Err(Limit::Extensions.into());
        }
        purposes.push(Oid::new(purpose));
    }
    Ok(purposes)
}

/// Collects extensions for a certification request or a certificate. A kind that is set again replaces the former.
///
/// ```
/// use scep::wire::{ExtensionsBuilder, GeneralName, KeyUsage, Oid};
///
/// # fn main() -> Result<(), scep::Error> {
/// let der = ExtensionsBuilder::default()
///     .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT)
///     .extended_key_usage(&[Oid::CLIENT_AUTH])
///     .subject_alt_names(&[GeneralName::Dns("dev1.example.com")])?
///     .build();
/// # assert_eq!(der[0], 0x30);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ExtensionsBuilder(Vec<(Vec<u8>, bool, Vec<u8>)>);

impl ExtensionsBuilder {
    /// Sets `keyUsage`, critical (RFC 5280 section 4.2.1.3).
    #[must_use]
    pub fn key_usage(self, usage: KeyUsage) -> Self {
        self.raw(Oid::KEY_USAGE, true, &usage.to_extension())
    }

    /// Sets `extKeyUsage`, not critical (RFC 5280 section 4.2.1.12). At least one purpose belongs there; with none,
    /// nothing is set.
    #[must_use]
    pub fn extended_key_usage(self, purposes: &[Oid<'_>]) -> Self {
        if purposes.is_empty() {
            return self;
        }
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            purposes.iter().for_each(|purpose| writer.tlv(tlv::OBJECT_IDENTIFIER, purpose.as_bytes()));
        });
        self.raw(Oid::EXTENDED_KEY_USAGE, false, &writer.finish())
    }

    /// Sets `subjectAltName`, not critical (RFC 5280 section 4.2.1.6). At least one name belongs there; with none,
    /// nothing is set.
    ///
    /// [`ApiMisuse::SubjectText`] for a name that is not what its kind says: text with other than ASCII or with control
    /// characters, an address of neither 4 nor 16 bytes, an unknown tag.
    pub fn subject_alt_names(self, names: &[GeneralName<'_>]) -> Result<Self, Error> {
        if names.is_empty() {
            return Ok(self);
        }
        let mut writer = Writer::new();
        for name in names {
            let (tag, value) = name.checked()?;
            writer.tlv(tag, &value);
        }
        let mut sequence = Writer::new();
        sequence.tlv(tlv::SEQUENCE, &writer.finish());
        Ok(self.raw(Oid::SUBJECT_ALT_NAME, false, &sequence.finish()))
    }

    /// Makes an extension that was set critical: a subject alternative name beside an empty subject has to be (RFC 5280
    /// section 4.2.1.6).
    #[must_use]
    pub fn critical(mut self, oid: Oid<'_>) -> Self {
        let set = self.0.iter_mut().filter(|(other, ..)| other == oid.as_bytes());
        set.for_each(|(_, critical, _)| *critical = true);
        self
    }

    /// Sets any extension; `value` becomes the contents of the OCTET STRING.
    #[must_use]
    pub fn raw(mut self, oid: Oid<'_>, critical: bool, value: &[u8]) -> Self {
        self.0.retain(|(other, ..)| other != oid.as_bytes());
        self.0.push((oid.as_bytes().to_vec(), critical, value.to_vec()));
        self
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The DER `Extensions`, in the order in which they were set. Nothing at all when nothing was set, since an empty
    /// SEQUENCE is not allowed there.
    pub fn build(self) -> Vec<u8> {
        let mut writer = Writer::new();
        if !self.is_empty() {
            writer.nested(tlv::SEQUENCE, |writer| {
                for (oid, critical, value) in &self.0 {
                    write(writer, oid, *critical, value);
                }
            });
        }
        writer.finish()
    }
}

/// Writes an `Extension`.
pub(super) fn write(writer: &mut Writer, oid: &[u8], critical: bool, value: &[u8]) {
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.tlv(tlv::OBJECT_IDENTIFIER, oid);
        if critical {
            writer.tlv(tlv::BOOLEAN, &[0xFF]);
        }
        writer.tlv(tlv::OCTET_STRING, value);
    });
}

impl fmt::Debug for ExtensionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(oid, ..)| Oid::new(oid))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    #[test]
    fn key_usage_is_written_without_trailing_zero_bits_and_read_back() {
        let both = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
        for (usage, der) in [
            (both, &[3, 2, 5, 0xA0][..]),
            (KeyUsage::ENCIPHER_ONLY, &[3, 2, 0, 1]),
            (KeyUsage::DECIPHER_ONLY | KeyUsage::KEY_AGREEMENT, &[3, 3, 7, 8, 0x80]),
            (KeyUsage::NONE, &[3, 1, 0]),
        ] {
            assert_eq!(usage.to_extension(), der);
            assert_eq!(KeyUsage::from_extension(der), Ok(usage));
        }
        assert_eq!(format!("{both:?}"), "KeyUsage(digitalSignature, keyEncipherment)");
        assert!(both.contains(KeyUsage::DIGITAL_SIGNATURE) && !KeyUsage::DIGITAL_SIGNATURE.contains(both));
    }

    #[test]
    fn odd_key_usages_are_read_or_refused() {
        // Trailing zero bits, a third octet.
        assert_eq!(KeyUsage::from_extension(&[3, 2, 0, 0x80]), Ok(KeyUsage::DIGITAL_SIGNATURE));
        assert_eq!(KeyUsage::from_extension(&[3, 4, 0, 0x80, 0xFF, 1]), Ok(KeyUsage(0x8080)));
        // Bits that are said to be unused, and yet set.
        assert_eq!(KeyUsage::from_extension(&[3, 2, 7, 0xFF]), Ok(KeyUsage::DIGITAL_SIGNATURE));
        assert_eq!(KeyUsage::from_extension(&[3, 2, 3, 0xA7]), Ok(KeyUsage(0xA000)));
        assert_eq!(KeyUsage::from_extension(&[3, 3, 7, 1, 0xFF]), Ok(KeyUsage(0x0180)));
        for value in [&[][..], &[3, 0], &[3, 1, 1], &[3, 2, 8, 0x80], &[4, 2, 0, 0x80], &[3, 2, 0, 0x80, 0]] {
            assert!(KeyUsage::from_extension(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn extensions_are_read_back_in_their_order() {
        let der = ExtensionsBuilder::default()
            .extended_key_usage(&[])
            .subject_alt_names(&[])
            .unwrap()
            .raw(Oid::SUBJECT_KEY_IDENTIFIER, true, &[1])
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usage(&[Oid::CLIENT_AUTH])
            .raw(Oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 1, 9])
            .build();
        let extensions = Extensions::parse(&der, &Limits::DEFAULT).unwrap();
        assert_eq!(extensions.as_der(), der);
        let read: Vec<_> = extensions.iter().map(|extension| (extension.oid, extension.critical)).collect();
        let expected =
            [(Oid::KEY_USAGE, true), (Oid::EXTENDED_KEY_USAGE, false), (Oid::SUBJECT_KEY_IDENTIFIER, false)];
        assert_eq!(read, expected);
        assert_eq!(extensions.get(Oid::SUBJECT_KEY_IDENTIFIER).unwrap().value, [4, 1, 9]);
        assert_eq!(extensions.get(Oid::BASIC_CONSTRAINTS), None);
    }

    #[test]
    fn no_extensions_are_no_bytes() {
        assert!(ExtensionsBuilder::default().build().is_empty());
        assert!(Extensions::parse(&[0x30, 0], &Limits::DEFAULT).unwrap().is_empty());
    }

    #[test]
    fn an_extension_that_occurs_twice_is_refused() {
        let one = [0x30, 7, 6, 3, 0x55, 0x1D, 15, 4, 0];
        let der = [&[0x30, 18][..], &one, &one].concat();
        assert_eq!(Extensions::parse(&der, &Limits::DEFAULT), Err(InvalidMessage::Der.into()));
    }

    #[test]
    fn booleans_are_read_as_ber_has_them() {
        for (octet, critical) in [(0, false), (1, true), (0xFF, true)] {
            let der = [0x30, 10, 0x30, 8, 6, 1, 0x55, 1, 1, octet, 4, 0];
            let extensions = Extensions::parse(&der, &Limits::DEFAULT).unwrap();
            assert_eq!(extensions.iter().next().unwrap().critical, critical);
        }
        let der = [0x30, 9, 0x30, 7, 6, 1, 0x55, 1, 0, 4, 0];
        assert!(Extensions::parse(&der, &Limits::DEFAULT).is_err());
    }

    // T39
    #[test]
    fn extensions_and_names_are_counted() {
        let mut builder = ExtensionsBuilder::default();
        for number in 0..33 {
            builder = builder.raw(Oid::new(&[0x55, number]), false, &[]);
        }
        let der = builder.build();
        assert_eq!(Extensions::parse(&der, &Limits::DEFAULT), Err(Limit::Extensions.into()));
        let limits = Limits { extensions: 33, ..Limits::DEFAULT };
        assert!(Extensions::parse(&der, &limits).is_ok());

        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| writer.raw(&[DNS_NAME, 0].repeat(65)));
        let names = writer.finish();
        assert_eq!(subject_alt_names(&names, &Limits::DEFAULT), Err(Limit::Extensions.into()));
        let limits = Limits { names: 65, ..Limits::DEFAULT };
        assert_eq!(subject_alt_names(&names, &limits).unwrap().len(), 65);
    }

    #[test]
    fn subject_names_are_read_back() {
        let names = vec![
            GeneralName::Dns("dev1.example.com"),
            GeneralName::Email("a@example.com"),
            GeneralName::Uri("urn:x"),
            GeneralName::Ip(&[192, 0, 2, 1]),
            GeneralName::DirectoryName(Name::parse(&[0x30, 0]).unwrap()),
            GeneralName::UserPrincipalName("jänedoe@example.com"),
            GeneralName::Other { tag: 0xA0, value: &[6, 1, 0x2A, 0xA0, 2, 5, 0] },
        ];
        let der = ExtensionsBuilder::default().subject_alt_names(&names).unwrap().build();
        let extensions = Extensions::parse(&der, &Limits::DEFAULT).unwrap();
        let value = extensions.get(Oid::SUBJECT_ALT_NAME).unwrap().value;
        assert_eq!(subject_alt_names(value, &Limits::DEFAULT).unwrap(), names);
    }

    // A35
    #[test]
    fn a_user_principal_name_is_an_other_name_of_its_kind() {
        let name = GeneralName::UserPrincipalName("a@b");
        let (tag, value) = name.checked().unwrap();
        let id = [6, 10, 0x2B, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3];
        assert_eq!((tag, &*value), (0xA0, &[&id[..], &[0xA0, 5, 0x0C, 3, b'a', b'@', b'b']].concat()[..]));
        assert_eq!(GeneralName::new(tag, &value), name);
        // another kind, another string, a control character, bytes that are no text, more than one value, nothing
        let other = [6, 10, 0x2B, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 2];
        for wrong in [
            [&other[..], &[0xA0, 5, 0x0C, 3, b'a', b'@', b'b']].concat(),
            [&id[..], &[0xA0, 5, 0x16, 3, b'a', b'@', b'b']].concat(),
            [&id[..], &[0xA0, 5, 0x0C, 3, b'a', 0, b'b']].concat(),
            [&id[..], &[0xA0, 3, 0x0C, 1, 0xFF]].concat(),
            [&id[..], &[0xA0, 5, 0x0C, 1, b'a', 5, 0]].concat(),
            [&id[..], &[0xA0, 2, 0x0C, 0]].concat(),
            id.to_vec(),
        ] {
            let name = GeneralName::new(0xA0, &wrong);
            assert_eq!(name, GeneralName::Other { tag: 0xA0, value: &wrong });
            assert_eq!(name.checked().map(|(tag, _)| tag), Ok(0xA0));
        }
    }

    // T22
    #[test]
    fn names_that_are_not_what_their_tag_says_are_other_names() {
        for (tag, value) in [
            (0x82, &[0xE9][..]),
            (0x82, b"good.example.com\0.evil.example.com"),
            (0x81, b"a@example.com\r\nx"),
            (0x86, b"urn:x\x7F"),
            (0x87, &[10, 0, 0, 0, 255, 0, 0, 0]),
            (0xA4, &[4, 0]),
        ] {
            let mut writer = Writer::new();
            writer.nested(tlv::SEQUENCE, |writer| writer.tlv(tag, value));
            let der = writer.finish();
            let names = subject_alt_names(&der, &Limits::DEFAULT).unwrap();
            assert_eq!(names, [GeneralName::Other { tag, value }]);
            assert!(ExtensionsBuilder::default().subject_alt_names(&names).is_err());
        }
    }

    #[test]
    fn names_that_no_reader_would_take_are_not_written() {
        for name in [
            GeneralName::Dns("dev1.exämple.com"),
            GeneralName::Dns("a\0b"),
            GeneralName::Email("a\n@example.com"),
            GeneralName::Uri("urn:ä"),
            GeneralName::Ip(&[10, 0, 0]),
            GeneralName::Ip(&[]),
            GeneralName::UserPrincipalName("a@b\0"),
            GeneralName::UserPrincipalName(""),
            GeneralName::Other { tag: 0x30, value: &[] },
            GeneralName::Other { tag: 0xBF, value: &[] },
        ] {
            let good = GeneralName::Dns("dev1.example.com");
            let built = ExtensionsBuilder::default().subject_alt_names(&[good, name]);
            assert_eq!(built.map(|_| ()), Err(ApiMisuse::SubjectText.into()), "{name:?}");
        }
    }
}
