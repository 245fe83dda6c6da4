//! Distinguished names: reading, showing and comparing them.

use super::oid::Oid;
use super::tlv::{self, Header, Reader};
use crate::error::{Error, InvalidMessage, Limit};
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::mem;
use zeroize::Zeroizing;

const NUMERIC_STRING: u8 = 0x12;
const VISIBLE_STRING: u8 = 0x1A;

/// Longest text that [`Name`] shows, characters.
const MAX_SHOWN: usize = 512;

/// The keywords of RFC 4514 section 3 and others in use, in capitals; the first of a type is the one shown.
pub(super) const KEYWORDS: [(&str, Oid<'static>); 20] = [
    ("CN", Oid::COMMON_NAME),
    ("C", Oid::COUNTRY_NAME),
    ("ST", Oid::STATE_OR_PROVINCE_NAME),
    ("S", Oid::STATE_OR_PROVINCE_NAME),
    ("L", Oid::LOCALITY_NAME),
    ("STREET", Oid::STREET_ADDRESS),
    ("O", Oid::ORGANIZATION_NAME),
    ("OU", Oid::ORGANIZATIONAL_UNIT_NAME),
    ("DC", Oid::DOMAIN_COMPONENT),
    ("UID", Oid::USER_ID),
    ("serialNumber", Oid::SERIAL_NUMBER),
    ("emailAddress", Oid::EMAIL_ADDRESS),
    ("E", Oid::EMAIL_ADDRESS),
    ("SN", Oid::SURNAME),
    ("surname", Oid::SURNAME),
    ("GN", Oid::GIVEN_NAME),
    ("givenName", Oid::GIVEN_NAME),
    ("title", Oid::TITLE),
    ("unstructuredName", Oid::UNSTRUCTURED_NAME),
    ("unstructuredAddress", Oid::UNSTRUCTURED_ADDRESS),
];

/// A distinguished name, as it stands in a certificate or a message (RFC 5280 section 4.1.2.4).
///
/// ```text
/// Name                       ::=  SEQUENCE OF RelativeDistinguishedName
/// RelativeDistinguishedName  ::=  SET SIZE (1..MAX) OF AttributeTypeAndValue
/// AttributeTypeAndValue      ::=  SEQUENCE {
///     type   OBJECT IDENTIFIER,
///     value  ANY }
/// ```
///
/// Two are equal when their bytes are; [`Self::matches`] compares what they say. Shown as text it has the order of the
/// encoding, is safe for logs (control characters and invisible ones are escaped) and is cut after 512 characters; it
/// is for people, not for comparing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a>(pub(super) &'a [u8]);

impl<'a> Name<'a> {
    /// Longest name that is read, bytes: bounds what comparing two of them costs.
    pub const MAX_LENGTH: usize = 8 << 10;
    /// Most relative distinguished names in one that is read.
    pub const MAX_RDNS: usize = 32;
    /// Most attributes in one relative distinguished name.
    pub const MAX_RDN_ATTRIBUTES: usize = 8;
    /// Longest value of an attribute, bytes.
    pub const MAX_VALUE: usize = 1024;

    /// Reads one that fills `der`. [`InvalidMessage::Name`] when it is not one; [`Limit::Name`] when it is over one of
    /// the bounds above. The string types and the characters are not checked.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        match check(der) {
            Err(error @ Error::TooLarge(_)) => Err(error),
            Err(_) => Err(InvalidMessage::Name.into()),
            Ok(()) => Ok(Self(der)),
        }
    }

    /// One that was read before, from the copy of its bytes.
    #[cfg(feature = "server")]
    pub(crate) const fn read_before(der: &'a [u8]) -> Self {
        Self(der)
    }

    /// The whole SEQUENCE.
    pub fn as_der(&self) -> &'a [u8] {
        self.0
    }

    /// Whether it has no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.rdns().next().is_none()
    }

    /// The attributes of all relative distinguished names, in the order of the encoding.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeTypeAndValue<'a>> + use<'a> {
        self.rdns().flat_map(attributes)
    }

    /// The text of the last `commonName`, which is the most specific one. `None` without one, and when it is no text.
    pub fn common_name(&self) -> Option<String> {
        self.attributes().filter(|attribute| attribute.oid == Oid::COMMON_NAME).last()?.text()
    }

    /// Whether both say the same (RFC 5280 section 7.1): the same relative distinguished names in the same order, the
    /// values compared as text, whatever their string types, without regard to the case of ASCII letters and to the
    /// amount of white space. Values that are no text are compared byte for byte.
    pub fn matches(&self, other: &Name<'_>) -> bool {
        if self.0 == other.0 {
            return true;
        }
        let (mut own, mut others) = (self.rdns(), other.rdns());
        loop {
            match (own.next(), others.next()) {
                (None, None) => return true,
                (Some(one), Some(other)) if rdns_match(&one, &other) => {}
                _ => return false,
            }
        }
    }

    /// The contents of the relative distinguished names.
    pub(super) fn rdns(&self) -> impl Iterator<Item = Reader<'a>> + use<'a> {
        let mut reader = Reader::new(self.0).and_then(|mut reader| reader.enter(tlv::SEQUENCE)).ok();
        core::iter::from_fn(move || reader.as_mut()?.enter(tlv::SET).ok())
    }
}

/// Whether `der` is a Name within bounds.
fn check(der: &[u8]) -> Result<(), Error> {
    if der.len() > Name::MAX_LENGTH {
        return Err(Limit::Name.into());
    }
    let mut outer = Reader::new(der)?;
    let mut name = outer.enter(tlv::SEQUENCE)?;
    outer.finish()?;
    let mut rdns = 0_usize;
    while !name.is_empty() {
        let mut rdn = name.enter(tlv::SET)?;
        let mut attributes = 0_usize;
        loop {
            let attribute = AttributeTypeAndValue::read(&mut rdn)?;
            attributes = attributes.saturating_add(1);
            if attributes > Name::MAX_RDN_ATTRIBUTES || attribute.value.len() > Name::MAX_VALUE {
                return Err(Limit::Name.into());
            }
            if rdn.is_empty() {
                break;
            }
        }
        rdns = rdns.saturating_add(1);
        if rdns > Name::MAX_RDNS {
            return Err(Limit::Name.into());
        }
    }
    Ok(())
}

fn attributes<'a>(mut rdn: Reader<'a>) -> impl Iterator<Item = AttributeTypeAndValue<'a>> + use<'a> {
    core::iter::from_fn(move || AttributeTypeAndValue::read(&mut rdn).ok())
}

/// Whether each attribute of one is in the other, and the other way round: a SET has no order.
fn rdns_match(one: &Reader<'_>, other: &Reader<'_>) -> bool {
    let covers = |one: &Reader<'_>, other: &Reader<'_>| {
        attributes(one.clone())
            .all(|item| attributes(other.clone()).any(|candidate| item.matches(&candidate)))
    };
    attributes(one.clone()).count() == attributes(other.clone()).count()
        && covers(one, other)
        && covers(other, one)
}

/// One attribute of a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeTypeAndValue<'a> {
    /// Which attribute it is.
    pub oid: Oid<'a>,
    /// The identifier octet of the value, which tells its string type.
    pub tag: u8,
    /// The contents octets of the value.
    pub value: &'a [u8],
}

impl<'a> AttributeTypeAndValue<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        let oid = Oid::new(fields.expect(tlv::OBJECT_IDENTIFIER)?.value);
        // UniversalString is a tag that the reader of `der` does not know.
        let mut rest = fields.rest();
        let header = Header::read(&mut rest)?;
        let value = header.contents(&mut rest)?;
        if header.is_der && rest.is_empty() {
            Ok(Self { oid, tag: header.tag, value })
        } else {
            Err(InvalidMessage::Name.into())
        }
    }

    /// The value as text; `None` when it is of another type than a string, or its bytes are not of that type.
    pub fn text(&self) -> Option<String> {
        decode_text(self.tag, self.value)
    }

    fn matches(&self, other: &AttributeTypeAndValue<'_>) -> bool {
        self.oid == other.oid
            && match (self.text(), other.text()) {
                (Some(one), Some(other)) => folded(&one) == folded(&other),
                (None, None) => (self.tag, self.value) == (other.tag, other.value),
                _ => false,
            }
    }
}

/// The text without regard to the case of ASCII letters and to the amount of white space (RFC 4518 sections 2.2 and
/// 2.6.1, as far as deployed names need it).
fn folded(text: &str) -> String {
    let (mut folded, mut gap) = (String::with_capacity(text.len()), false);
    for char in text.chars() {
        // a tab or a line break is seen as something else, so it is none
        if char == ' ' {
            gap = !folded.is_empty();
            continue;
        }
        if core::mem::take(&mut gap) {
            folded.push(' ');
        }
        // of ASCII letters: tables for all others would be larger than the rest of this module
        folded.push(char.to_ascii_lowercase());
    }
    folded
}

/// The text of a string of one of the types of `DirectoryString`, or IA5String, NumericString, VisibleString; `None`
/// for other types and for bytes that are not of the type. TeletexString is read as Latin-1, which is what is found in
/// it; PrintableString may hold any ASCII.
pub(crate) fn decode_text(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        tlv::UTF8_STRING => core::str::from_utf8(value).ok().map(String::from),
        tlv::PRINTABLE_STRING | tlv::IA5_STRING | NUMERIC_STRING | VISIBLE_STRING => {
            core::str::from_utf8(value).ok().filter(|text| text.is_ascii()).map(String::from)
        }
        // Latin-1 becomes at most two bytes of UTF-8 each.
        tlv::TELETEX_STRING => collect(value.len(), 2, value.iter().map(|byte| Some(char::from(*byte)))),
        tlv::BMP_STRING => {
            let (units, rest) = value.as_chunks();
            let characters = char::decode_utf16(units.iter().copied().map(u16::from_be_bytes));
            if rest.is_empty() { collect(units.len(), 3, characters.map(Result::ok)) } else { None }
        }
        tlv::UNIVERSAL_STRING => {
            let (units, rest) = value.as_chunks();
            let characters = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            if rest.is_empty() { collect(units.len(), 4, characters) } else { None }
        }
        _ => None,
    }
}

/// The characters of `units` units that take at most so many bytes each; `None` as soon as one is `None`. The text may
/// be a challenge password: it never grows, and is wiped when it is given up.
fn collect(units: usize, bytes: usize, characters: impl Iterator<Item = Option<char>>) -> Option<String> {
    let mut text = Zeroizing::new(String::with_capacity(units.saturating_mul(bytes)));
    for character in characters {
        text.push(character?);
    }
    Some(mem::take(&mut *text))
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Shown { f, left: MAX_SHOWN };
        match show(*self, &mut shown) {
            // The writer refused because it is full, not because of `f`.
            Err(fmt::Error) if shown.left == 0 => shown.f.write_str("..."),
            result => result,
        }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// Passes on so many characters and then fails.
struct Shown<'f, 'b> {
    f: &'f mut fmt::Formatter<'b>,
    left: usize,
}

impl fmt::Write for Shown<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.f.write_char(character)?;
        }
        Ok(())
    }
}

fn show(name: Name<'_>, out: &mut Shown<'_, '_>) -> fmt::Result {
    for (rdn_index, rdn) in name.rdns().enumerate() {
        for (index, attribute) in attributes(rdn).enumerate() {
            out.write_str(match (rdn_index, index) {
                (0, 0) => "",
                (_, 0) => ", ",
                _ => "+",
            })?;
            match KEYWORDS.iter().find(|(_, oid)| *oid == attribute.oid) {
                Some((keyword, _)) => write!(out, "{keyword}=")?,
                None => write!(out, "{}=", attribute.oid)?,
            }
            match attribute.text() {
                Some(text) => show_text(&text, out)?,
                None => {
                    write!(out, "#{:02X}..", attribute.tag)?;
                    attribute.value.iter().try_for_each(|byte| write!(out, "{byte:02X}"))?;
                }
            }
        }
    }
    Ok(())
}

/// Escapes as RFC 4514 section 2.4 has it, and what would not be seen or would break a line of a log.
fn show_text(text: &str, out: &mut Shown<'_, '_>) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(out, "\\{character}")?,
            '#' if index == 0 => out.write_str("\\#")?,
            ' ' if index == 0 || index == last => out.write_str("\\ ")?,
            _ if is_unseen(character) => {
                let mut bytes = [0; 4];
                character.encode_utf8(&mut bytes).bytes().try_for_each(|byte| write!(out, "\\{byte:02X}"))?;
            }
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

/// Control characters, and those that change the direction of text or take no space.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::distinguished_name::DistinguishedName;
    use super::super::tlv::Writer;
    use super::*;
    use alloc::string::ToString;

    const CN: &[u8] = &[0x55, 4, 3];

    /// A name with one attribute in each relative distinguished name.
    pub(crate) fn name(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            for (oid, tag, value) in attributes {
                writer.nested(tlv::SET, |writer| {
                    writer.nested(tlv::SEQUENCE, |writer| {
                        writer.tlv(tlv::OBJECT_IDENTIFIER, oid);
                        writer.tlv(*tag, value);
                    });
                });
            }
        });
        writer.finish()
    }

    fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
        name(&[(CN, tag, value)])
    }

    fn shown(tag: u8, value: &[u8]) -> String {
        Name::parse(&common_name(tag, value)).unwrap().to_string()
    }

    fn made(text: &str) -> DistinguishedName {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_string_type_is_read() {
        for (tag, value) in [
            (tlv::UTF8_STRING, "Mü".as_bytes()),
            (tlv::TELETEX_STRING, &[b'M', 0xFC]),
            (tlv::BMP_STRING, &[0, b'M', 0, 0xFC]),
            (tlv::UNIVERSAL_STRING, &[0, 0, 0, b'M', 0, 0, 0, 0xFC]),
        ] {
            assert_eq!(Name::parse(&common_name(tag, value)).unwrap().common_name().unwrap(), "Mü");
        }
        for tag in [tlv::PRINTABLE_STRING, tlv::IA5_STRING, NUMERIC_STRING, VISIBLE_STRING] {
            assert_eq!(decode_text(tag, b"1@_").unwrap(), "1@_");
            assert_eq!(decode_text(tag, &[0xFC]), None);
        }
        for (tag, value) in [
            (tlv::UTF8_STRING, &[0xFF][..]),
            (tlv::BMP_STRING, &[0, b'M', 0]),
            (tlv::BMP_STRING, &[0xD8, 0]),
            (tlv::UNIVERSAL_STRING, &[0, 0x11, 0, 0]),
            (tlv::UNIVERSAL_STRING, &[0, 0, 0]),
            (tlv::BIT_STRING, &[0]),
        ] {
            assert_eq!(decode_text(tag, value), None, "{tag:02X}");
        }
    }

    #[test]
    fn text_never_outgrows_what_was_reserved_for_it() {
        for (tag, unit, capacity) in [
            (tlv::TELETEX_STRING, &[0xFC][..], 200),
            (tlv::BMP_STRING, &[0xFF, 0xFD], 300),
            (tlv::BMP_STRING, &[0xD8, 0, 0xDC, 0], 600),
            (tlv::UNIVERSAL_STRING, &[0, 1, 0, 0], 400),
        ] {
            assert_eq!(decode_text(tag, &unit.repeat(100)).unwrap().capacity(), capacity, "{tag:02X}");
        }
    }

    // X-9
    #[test]
    fn names_match_whatever_their_string_types_case_and_spaces() {
        let one = common_name(tlv::PRINTABLE_STRING, b"Example  CA");
        for (tag, value) in [
            (tlv::UTF8_STRING, &b" example ca "[..]),
            (tlv::TELETEX_STRING, b"EXAMPLE CA"),
            (
                tlv::BMP_STRING,
                &[0, b'e', 0, b'x', 0, b'a', 0, b'm', 0, b'p', 0, b'l', 0, b'e', 0, b' ', 0, b'C', 0, b'A'],
            ),
        ] {
            let other = common_name(tag, value);
            let (one, other) = (Name::parse(&one).unwrap(), Name::parse(&other).unwrap());
            assert!(one.matches(&other) && other.matches(&one));
            assert_ne!(one, other);
        }
    }

    // T21
    #[test]
    fn other_names_do_not_match() {
        let name = made("C=DE, O=Example, CN=dev1");
        for other in [
            "C=DE, O=Example, CN=dev2",
            "C=DE, CN=dev1, O=Example",
            "C=DE, O=Example",
            "C=DE, O=Example, CN=dev1, CN=dev1",
            "C=DE, O=Example+CN=dev1",
            "C=DE, O=Exam ple, CN=dev1",
            "",
        ] {
            assert!(!name.name().matches(&made(other).name()), "{other}");
            assert!(!made(other).name().matches(&name.name()), "{other}");
        }
        assert!(!made("CN=a+CN=A").name().matches(&made("CN=a+CN=b").name()));
        assert!(!made("CN=a+CN=b").name().matches(&made("CN=a+CN=A").name()));
        // Values that are no text are compared as bytes.
        let (one, other) = (common_name(tlv::BIT_STRING, &[0, 1]), common_name(tlv::BIT_STRING, &[0, 2]));
        assert!(!Name::parse(&one).unwrap().matches(&Name::parse(&other).unwrap()));
    }

    // T50
    #[test]
    fn control_characters_and_invisible_ones_are_escaped() {
        assert_eq!(shown(tlv::UTF8_STRING, b"a\r\nb\0"), r"CN=a\0D\0Ab\00");
        assert_eq!(shown(tlv::UTF8_STRING, "a\u{202E}b".as_bytes()), r"CN=a\E2\80\AEb");
        assert_eq!(shown(tlv::IA5_STRING, b"\x1B[31m"), r"CN=\1B[31m");
        assert_eq!(shown(tlv::UTF8_STRING, &[0xFF, 0x0A]), "CN=#0C..FF0A");
        assert_eq!(shown(tlv::UTF8_STRING, "  ".as_bytes()), r"CN=\ \ ");
    }

    #[test]
    fn what_is_shown_is_bounded() {
        assert_eq!(shown(tlv::UTF8_STRING, "ä".repeat(500).as_bytes()).chars().count(), 503);
        let long = shown(tlv::UTF8_STRING, "ä".repeat(512).as_bytes());
        assert_eq!(long.chars().count(), 515);
        assert!(long.ends_with("ä..."));
    }

    #[test]
    fn the_last_common_name_counts() {
        assert_eq!(made("CN=a, O=x, CN=b").name().common_name().unwrap(), "b");
        assert_eq!(made("O=x").name().common_name(), None);
    }

    #[test]
    fn bytes_that_are_no_name_are_refused() {
        let wrong = Err(InvalidMessage::Name.into());
        for der in [
            &[][..],
            &[0x31, 0],
            &[0x30, 0, 0],
            &[0x30, 2, 0x31, 0],
            &[0x30, 2, 0x30, 0],
            &[0x30, 4, 0x31, 2, 0x30, 0],
            &[0x30, 7, 0x31, 5, 0x30, 3, 6, 1, 0x55],
            &[0x30, 10, 0x31, 8, 0x30, 6, 6, 1, 0x55, 0x0C, 0x81, 0],
            &[0x30, 11, 0x31, 9, 0x30, 7, 6, 1, 0x55, 0x0C, 0, 0x0C, 0],
        ] {
            assert_eq!(Name::parse(der), wrong, "{der:02X?}");
        }
    }

    // T39
    #[test]
    fn names_are_bounded() {
        let parse = |attributes: &[(&[u8], u8, &[u8])]| Name::parse(&name(attributes)).map(|_| ());
        let attribute: (&[u8], u8, &[u8]) = (CN, tlv::UTF8_STRING, b"x");
        assert_eq!(parse(&[attribute; 32]), Ok(()));
        assert_eq!(parse(&[attribute; 33]), Err(Limit::Name.into()));
        assert_eq!(parse(&[(CN, tlv::UTF8_STRING, &[b'x'; 1024])]), Ok(()));
        assert_eq!(parse(&[(CN, tlv::UTF8_STRING, &[b'x'; 1025])]), Err(Limit::Name.into()));
        // eight of 1013 bytes, and one that fills up what the header leaves
        let long: (&[u8], u8, &[u8]) = (CN, tlv::UTF8_STRING, &[b'x'; 996]);
        let with = |last: usize| {
            let last = vec![b'x'; last];
            let der = name(&[&[long; 8][..], &[(CN, tlv::UTF8_STRING, &last)]].concat());
            (der.len(), Name::parse(&der).map(|_| ()))
        };
        assert_eq!(with(73), (Name::MAX_LENGTH, Ok(())));
        assert_eq!(with(74), (Name::MAX_LENGTH + 1, Err(Limit::Name.into())));
        let attributes = |count: usize| vec!["CN=x"; count].join("+").parse::<DistinguishedName>().is_ok();
        assert!(attributes(8) && !attributes(9));
    }
}
