//! Distinguished names made from text.

use super::name::{KEYWORDS, Name};
use super::oid::Oid;
use super::tlv::{self, Tlv, Writer};
use super::values::is_printable_string;
use crate::error::{ApiMisuse, Error};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// A distinguished name of its own, for the subject of a request.
///
/// From text, it takes the attributes in the order in which they are written: `"C=DE, O=Example, CN=dev1"`. A comma
/// separates relative distinguished names, `+` the attributes of one. Types are CN, C, ST, L, STREET, O, OU, DC, UID,
/// serialNumber, emailAddress or E, SN, GN, title, unstructuredName, unstructuredAddress, in any case, or dotted object
/// identifiers. In a value, a backslash takes the next character as it is, or two hexadecimal digits as a byte of UTF-8
/// (RFC 4514 section 2.4); a value may stand in quotes. Empty text is the empty name.
///
/// Values become PrintableString where that can hold them, else UTF8String; DC, emailAddress and unstructuredName
/// become IA5String.
///
/// ```
/// # fn main() -> Result<(), scep::Error> {
/// use scep::wire::DistinguishedName;
///
/// let name: DistinguishedName = r#"c=DE, O="Example, Inc.", CN=dev\+1"#.parse()?;
/// assert_eq!(name.to_string(), r"C=DE, O=Example\, Inc., CN=dev\+1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DistinguishedName(Vec<u8>);

impl DistinguishedName {
    /// Copies a `Name`. Fails as [`Name::parse`] does.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Name::parse(der).map(|name| Self(name.as_der().to_vec()))
    }

    /// The DER `Name`.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    /// A view of it.
    pub fn name(&self) -> Name<'_> {
        Name(&self.0)
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({self})")
    }
}

impl From<Name<'_>> for DistinguishedName {
    fn from(name: Name<'_>) -> Self {
        Self(name.as_der().to_vec())
    }
}

impl FromStr for DistinguishedName {
    type Err = Error;

    /// [`ApiMisuse::SubjectText`] for unknown types, empty values, control characters, a country that is not two
    /// letters, other than ASCII where only ASCII can go, and more or longer attributes than [`Name::parse`] takes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let der = encode(text).ok_or(ApiMisuse::SubjectText)?;
        Self::from_der(&der).map_err(|_| ApiMisuse::SubjectText.into())
    }
}

/// What ends a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Attribute,
    Rdn,
    Name,
}

fn encode(text: &str) -> Option<Vec<u8>> {
    let mut rest = text.trim_start();
    let mut name = Writer::new();
    let mut rdn = Vec::new();
    let mut end = if rest.is_empty() { End::Name } else { End::Rdn };
    while end != End::Name {
        let (keyword, after) = rest.split_once('=')?;
        let (value, after, ended_by) = take_value(after)?;
        let oid = attribute_type(keyword.trim())?;
        rdn.push(encode_attribute(Oid::new(&oid), &value, Strings::Shortest)?);
        (rest, end) = (after, ended_by);
        if end != End::Attribute {
            write_rdn(&mut name, &mut rdn);
            rdn.clear();
        }
    }
    Some(sequence(name))
}

fn write_rdn(name: &mut Writer, attributes: &mut [Vec<u8>]) {
    // DER sorts the elements of a SET OF (X.690 section 11.6).
    tlv::sort(attributes);
    name.tlv(tlv::SET, &attributes.concat());
}

fn sequence(rdns: Writer) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.tlv(tlv::SEQUENCE, &rdns.finish());
    writer.finish()
}

/// Makes a [`DistinguishedName`] of values, each of which stays one value whatever characters are in it.
///
/// ```
/// use scep::wire::{DistinguishedNameBuilder, Oid};
///
/// # fn main() -> Result<(), scep::Error> {
/// let name = DistinguishedNameBuilder::default()
///     .rdn(&[(Oid::ORGANIZATION_NAME, "Example")])?
///     .rdn(&[(Oid::COMMON_NAME, "dev1,CN=admin")])?
///     .build()?;
/// assert_eq!(name.to_string(), r"O=Example, CN=dev1\,CN\=admin");
/// # Ok(())
/// # }
/// ```
///
/// Values become UTF8String whatever is in them (RFC 5280 section 4.1.2.4), so that one device's name looks like
/// another's; C and serialNumber become PrintableString, DC, emailAddress and unstructuredName IA5String.
#[derive(Clone, Debug, Default)]
pub struct DistinguishedNameBuilder(Vec<u8>);

impl DistinguishedNameBuilder {
    /// Adds a relative distinguished name of these attributes. [`ApiMisuse::SubjectText`] when there are none, a value is
    /// empty, has control characters or is not what its type takes: two letters for C, ASCII for others.
    pub fn rdn(mut self, attributes: &[(Oid<'_>, &str)]) -> Result<Self, Error> {
        let encode = |(oid, value): &(Oid<'_>, &str)| encode_attribute(*oid, value, Strings::Utf8);
        let encoded: Option<Vec<_>> = attributes.iter().map(encode).collect();
        let mut encoded = encoded.filter(|encoded| !encoded.is_empty()).ok_or(ApiMisuse::SubjectText)?;
        let mut writer = Writer::new();
        write_rdn(&mut writer, &mut encoded);
        self.0.append(&mut writer.finish());
        Ok(self)
    }

    /// Adds the relative distinguished names of another name behind those that are there.
    #[must_use]
    pub fn name(mut self, name: &Name<'_>) -> Self {
        let contents = Tlv::parse(name.as_der()).map(|tlv| tlv.value).unwrap_or_default();
        self.0.extend_from_slice(contents);
        self
    }

    /// The name; [`ApiMisuse::SubjectText`] when it has more or longer attributes than [`Name::parse`] takes.
    pub fn build(self) -> Result<DistinguishedName, Error> {
        let mut writer = Writer::new();
        writer.tlv(tlv::SEQUENCE, &self.0);
        DistinguishedName::from_der(&writer.finish()).map_err(|_| ApiMisuse::SubjectText.into())
    }
}

/// The value at the front of `text`, what follows it, and what ended it.
fn take_value(text: &str) -> Option<(String, &str, End)> {
    // blanks only: other white space is shown without an escape, and must not get lost when that is read again
    let text = text.trim_ascii_start();
    let (value, rest) = match text.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = unescape(quoted, &['"'])?;
            (value, rest.strip_prefix('"')?.trim_start())
        }
        // A value in hexadecimal is a form of RFC 4514 that nobody writes by hand.
        None if text.starts_with('#') => return None,
        None => unescape(text, &[',', '+', ';', '"', '<', '>'])?,
    };
    let mut characters = rest.chars();
    let end = match characters.next() {
        None => End::Name,
        Some(',') => End::Rdn,
        Some('+') => End::Attribute,
        Some(_) => return None,
    };
    Some((value, characters.as_str(), end))
}

/// Reads up to one of `stops` or the end. White space at the end is dropped unless it is escaped or before a quote.
fn unescape<'a>(text: &'a str, stops: &[char]) -> Option<(String, &'a str)> {
    let mut bytes = Vec::new();
    let mut kept = 0;
    let mut rest = text;
    while let Some(character) = rest.chars().next().filter(|character| !stops.contains(character)) {
        rest = rest.get(character.len_utf8()..)?;
        let escaped = character == '\\';
        if escaped && let Some(byte) = rest.get(..2).and_then(hexadecimal) {
            bytes.push(byte);
            rest = rest.get(2..)?;
        } else {
            let character = if escaped { rest.chars().next()? } else { character };
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = if escaped { rest.get(character.len_utf8()..)? } else { rest };
        }
        if escaped || character != ' ' {
            kept = bytes.len();
        }
    }
    if stops != ['"'] {
        bytes.truncate(kept);
    }
    Some((String::from_utf8(bytes).ok()?, rest))
}

/// A byte in two digits.
pub(crate) fn hexadecimal(digits: &str) -> Option<u8> {
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// The string type of values that may be of several.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    /// PrintableString where that can hold them, else UTF8String.
    Shortest,
    Utf8,
}

/// The contents octets of the object identifier that a keyword, or dotted decimal, stands for.
pub(crate) fn attribute_type(keyword: &str) -> Option<Vec<u8>> {
    match KEYWORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(keyword)) {
        Some((_, oid)) => Some(oid.as_bytes().to_vec()),
        None => encode_oid(keyword),
    }
}

fn encode_attribute(oid: Oid<'_>, value: &str, strings: Strings) -> Option<Vec<u8>> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return None;
    }
    let printable = is_printable_string(value.as_bytes());
    let tag = match oid {
        Oid::COUNTRY_NAME => {
            let letters = value.len() == 2 && value.bytes().all(|letter| letter.is_ascii_alphabetic());
            letters.then_some(tlv::PRINTABLE_STRING)?
        }
        Oid::SERIAL_NUMBER => printable.then_some(tlv::PRINTABLE_STRING)?,
        Oid::DOMAIN_COMPONENT | Oid::EMAIL_ADDRESS | Oid::UNSTRUCTURED_NAME => {
            value.is_ascii().then_some(tlv::IA5_STRING)?
        }
        _ if printable && strings == Strings::Shortest => tlv::PRINTABLE_STRING,
        _ => tlv::UTF8_STRING,
    };
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.tlv(tlv::OBJECT_IDENTIFIER, oid.as_bytes());
        writer.tlv(tag, value.as_bytes());
    });
    Some(writer.finish())
}

/// The contents octets of an object identifier in dotted decimal, with or without `OID.` in front.
pub(crate) fn encode_oid(dotted: &str) -> Option<Vec<u8>> {
    let dotted = match dotted.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("OID.") => dotted.get(4..)?,
        _ => dotted,
    };
    let mut arcs = dotted.split('.').map(|arc| {
        let digits = (arc == "0" || !arc.starts_with('0')) && arc.bytes().all(|digit| digit.is_ascii_digit());
        arc.parse::<u64>().ok().filter(|_| digits)
    });
    let (root, second) = (arcs.next()??, arcs.next()??);
    if root > 2 || (root < 2 && second > 39) {
        return None;
    }
    let first = root.checked_mul(40)?.checked_add(second)?;
    let mut octets = Vec::new();
    for arc in core::iter::once(Some(first)).chain(arcs) {
        let arc = arc?;
        // Seven bits an octet, the most significant first; all but the last have the top bit set.
        for shift in (0..u64::BITS).step_by(7).rev() {
            let shifted = arc.checked_shr(shift)?;
            if shifted > 0 || shift == 0 {
                let more = if shift == 0 { 0 } else { 0x80 };
                octets.push(u8::try_from(shifted & 0x7F).ok()? | more);
            }
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::super::name::tests::name;
    use super::*;
    use alloc::string::ToString;

    const CN: &[u8] = &[0x55, 4, 3];

    fn made(text: &str) -> DistinguishedName {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    // X-4: Printable where possible, UTF8 else; the order as written.
    #[test]
    fn text_becomes_der_in_the_order_written() {
        let expected = name(&[
            (Oid::COUNTRY_NAME.as_bytes(), tlv::PRINTABLE_STRING, b"DE"),
            (Oid::ORGANIZATION_NAME.as_bytes(), tlv::UTF8_STRING, "Exämple".as_bytes()),
            (Oid::DOMAIN_COMPONENT.as_bytes(), tlv::IA5_STRING, b"example"),
            (&[0x88, 0x37, 0x03], tlv::UTF8_STRING, b"a_b"),
            (CN, tlv::PRINTABLE_STRING, b"dev1"),
        ]);
        let text = " c=DE , O = Exämple,dc=example,2.999.3=a_b, CN=dev1 ";
        assert_eq!(made(text).as_der(), expected);
        assert_eq!(made(text).to_string(), "C=DE, O=Exämple, DC=example, 2.999.3=a_b, CN=dev1");
        assert_eq!(made("").as_der(), [0x30, 0]);
        assert!(made("  ").name().is_empty());
    }

    #[test]
    fn escapes_and_quotes_are_read_and_shown_again() {
        for (text, value) in [
            (r"CN=a\, b\+c\=d", "a, b+c=d"),
            (r#"CN="a, b+c=d ""#, "a, b+c=d "),
            (r#"CN="say \"hi\"" "#, "say \"hi\""),
            (r"CN=\ a b\  ", " a b "),
            (r"CN=\#1", "#1"),
            (r"CN=M\C3\BCller", "Müller"),
            (r"CN=back\\slash", r"back\slash"),
            ("CN=a=b", "a=b"),
        ] {
            let name = made(text);
            assert_eq!(name.name().common_name().unwrap(), value, "{text}");
            assert_eq!(made(&name.to_string()), name, "{text}");
        }
    }

    // found by fuzzing: EN QUAD at the front was dropped when the text was read again
    #[test]
    fn white_space_other_than_blanks_belongs_to_the_value() {
        for text in ["C=DE, O=\"\u{2000}Example\"", "C=DE, O= \u{2000}Example", "C=DE, O=Example\u{2000}"] {
            let name: DistinguishedName = text.parse().unwrap();
            assert!(name.to_string().contains('\u{2000}'), "{name}");
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    // A33, A34
    #[test]
    fn a_value_given_to_the_builder_stays_one_value() {
        let start = DistinguishedNameBuilder::default;
        let hostile = "a,CN=admin+OU=x;\"\\{{UserName}}\u{202E}";
        let built = start()
            .rdn(&[(Oid::COUNTRY_NAME, "DE")])
            .and_then(|name| name.rdn(&[(Oid::DOMAIN_COMPONENT, "example")]))
            .and_then(|name| name.rdn(&[(Oid::ORGANIZATIONAL_UNIT_NAME, "b"), (Oid::COMMON_NAME, hostile)]))
            .map(|name| name.name(&made("O=x, C=FR").name()))
            .and_then(DistinguishedNameBuilder::build)
            .unwrap();
        let attributes: Vec<_> =
            built.name().attributes().map(|one| (one.oid, one.tag, one.text())).collect();
        let expected = [
            (Oid::COUNTRY_NAME, tlv::PRINTABLE_STRING, "DE"),
            (Oid::DOMAIN_COMPONENT, tlv::IA5_STRING, "example"),
            (Oid::ORGANIZATIONAL_UNIT_NAME, tlv::UTF8_STRING, "b"),
            (Oid::COMMON_NAME, tlv::UTF8_STRING, hostile),
            (Oid::ORGANIZATION_NAME, tlv::PRINTABLE_STRING, "x"),
            (Oid::COUNTRY_NAME, tlv::PRINTABLE_STRING, "FR"),
        ];
        assert_eq!(attributes, expected.map(|(oid, tag, text)| (oid, tag, Some(text.into()))));
        assert_eq!(built.name().rdns().count(), 5);
        assert!(start().build().unwrap().name().is_empty());
    }

    #[test]
    fn the_builder_takes_no_value_that_its_type_does_not() {
        let rdn = |oid, value| DistinguishedNameBuilder::default().rdn(&[(oid, value)]);
        for (oid, value) in [
            (Oid::COMMON_NAME, ""),
            (Oid::COMMON_NAME, "a\0b"),
            (Oid::COMMON_NAME, "a\nb"),
            (Oid::COUNTRY_NAME, "DEU"),
            (Oid::DOMAIN_COMPONENT, "ä"),
            (Oid::SERIAL_NUMBER, "a_b"),
        ] {
            assert_eq!(rdn(oid, value).map(|_| ()), Err(ApiMisuse::SubjectText.into()), "{value:?}");
        }
        assert!(DistinguishedNameBuilder::default().rdn(&[]).is_err());
        let long = "x".repeat(Name::MAX_VALUE + 1);
        let built = rdn(Oid::COMMON_NAME, &long).and_then(DistinguishedNameBuilder::build);
        assert_eq!(built, Err(ApiMisuse::SubjectText.into()));
        assert!(rdn(Oid::COMMON_NAME, &long[1..]).and_then(DistinguishedNameBuilder::build).is_ok());
    }

    #[test]
    fn attributes_of_one_rdn_are_sorted() {
        let name = made("OU=a + CN=b, O=x");
        assert_eq!(name, made("CN=b+OU=a,O=x"));
        assert_eq!(name.to_string(), "CN=b+OU=a, O=x");
        assert_eq!(name.name().rdns().count(), 2);
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        for text in [
            "dev1",
            "CN",
            "CN=",
            "CN=a,",
            ",CN=a",
            "CN=a,,O=b",
            "CN=a+",
            "XY=a",
            "=a",
            "CN=a\nb",
            "CN=a\\00b",
            "C=DEU",
            "C=1A",
            "DC=ä",
            "serialNumber=a_b",
            "CN=#0500",
            "CN=\"a",
            "CN=\"a\"b",
            "CN=a\\",
            "CN=\\C3",
            "CN=a;O=b",
            "CN=a<b",
            "1=a",
            "3.1=a",
            "1.40=a",
            "1.2.=a",
            "1.2.+3=a",
            "01.2.3=a",
            "1.02.3=a",
            "1.2.00=a",
            "1.2.99999999999999999999=a",
        ] {
            let error = text.parse::<DistinguishedName>();
            assert_eq!(error, Err(ApiMisuse::SubjectText.into()), "{text}");
        }
        assert!(format!("CN={}", "x".repeat(1025)).parse::<DistinguishedName>().is_err());
        assert!("O=x,".repeat(32).parse::<DistinguishedName>().is_err());
        assert!(format!("{}CN=x", "O=x,".repeat(32)).parse::<DistinguishedName>().is_err());
        assert!(format!("{}CN=x", "O=x,".repeat(31)).parse::<DistinguishedName>().is_ok());
    }
}
