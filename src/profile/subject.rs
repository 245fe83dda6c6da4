//! Subjects with variables in them.

use super::error::TemplateError;
use super::template::{Text, Unit, units};
use super::variable::{CertificateType, Values, Variable, Vocabulary};
use crate::wire::distinguished_name::{
    DistinguishedName, DistinguishedNameBuilder, attribute_type, hexadecimal,
};
use crate::wire::oid::Oid;
use alloc::string::String;
use alloc::vec::Vec;

/// How the text of a subject is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSyntax {
    /// As Windows writes and reads names (`CertNameToStr`, `CertStrToName`), which is what the console takes:
    /// `CN={{UserName}},OU="Sales, ""North""";C=US`. Commas and semicolons separate relative distinguished names, `+` the
    /// attributes of one; a value with such a sign or with blanks at its ends stands in quotes, and a quote in there is
    /// written twice. A backslash is a backslash.
    Windows,
    /// As RFC 4514 and [`DistinguishedName`] have it: commas separate, and a backslash takes the next character, or a
    /// byte in two hexadecimal digits, as it is, braces included.
    Rfc4514,
}

/// Keys that Windows has besides those of [`DistinguishedName`]; it takes both in any letter case.
const WINDOWS_KEYS: [(&str, Oid<'static>); 7] = [
    ("Email", Oid::EMAIL_ADDRESS),
    ("T", Oid::TITLE),
    ("G", Oid::GIVEN_NAME),
    ("I", Oid::INITIALS),
    ("Initials", Oid::INITIALS),
    ("Description", Oid::DESCRIPTION),
    ("PostalCode", Oid::POSTAL_CODE),
];

/// The subject of a profile: a name with variables in it.
///
/// It is taken apart before any variable has a value, so that a value is one value whatever is in it. Relative
/// distinguished names keep their order. C becomes PrintableString, E and DC become IA5String, all others UTF8String.
///
/// ```
/// use scep::profile::{NameSyntax, SubjectTemplate, Values, Variable, Vocabulary};
///
/// # fn main() -> Result<(), scep::profile::TemplateError> {
/// let subject = SubjectTemplate::parse("CN={{UserName}},O=Example", NameSyntax::Windows, &Vocabulary::new())?;
/// let values = Values::new().with(Variable::UserName, "jane,CN=admin");
/// assert_eq!(subject.expand(&values)?.to_string(), r"CN=jane\,CN\=admin, O=Example");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectTemplate(Vec<Rdn>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rdn {
    Attributes(Vec<Attribute>),
    /// The relative distinguished names of the name that the variable stands for.
    Of(Variable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    /// Contents octets of the object identifier.
    oid: Vec<u8>,
    text: Text,
    /// Where the text begins.
    at: usize,
}

impl SubjectTemplate {
    /// Reads the text of a subject. Empty text is [`TemplateError::Empty`]: a subject of no name is
    /// [`SubjectNameFormat::NotConfigured`](super::SubjectNameFormat).
    pub fn parse(text: &str, syntax: NameSyntax, vocabulary: &Vocabulary) -> Result<Self, TemplateError> {
        Self::read(text, syntax, Some(vocabulary))
    }

    /// The same for a text in which a server has put the values already: braces are characters.
    pub fn without_variables(text: &str, syntax: NameSyntax) -> Result<Self, TemplateError> {
        Self::read(text, syntax, None)
    }

    fn read(text: &str, syntax: NameSyntax, vocabulary: Option<&Vocabulary>) -> Result<Self, TemplateError> {
        let mut lexer = Lexer { text, at: 0, syntax };
        let mut rdns = Vec::new();
        let mut rdn = Vec::new();
        loop {
            let oid = lexer.key()?;
            let (at, value) = lexer.value()?;
            let text = Text::parse(&value, vocabulary, lexer.at)?;
            let attribute = Attribute { oid, text, at };
            if let Some(literal) = attribute.text.literal() {
                attribute.encode(literal)?;
            }
            rdn.push(attribute);
            let end = lexer.separator()?;
            if end != Some('+') {
                rdns.push(Rdn::Attributes(core::mem::take(&mut rdn)));
            }
            if end.is_none() {
                return Self(rdns).within_bounds();
            }
        }
    }

    /// A subject of relative distinguished names whose values are given: for profiles that come in another form than text.
    pub(super) fn of(rdns: &[Vec<(&str, &str)>]) -> Result<Self, TemplateError> {
        let attribute = |(key, value): &(&str, &str)| {
            let oid = key_of(key, NameSyntax::Windows).ok_or(TemplateError::UnknownAttribute { at: 0 })?;
            let text = Text::parse(&units(value), None, value.len())?;
            let attribute = Attribute { oid, text, at: 0 };
            attribute.encode(value)?;
            Ok(attribute)
        };
        let rdn = |rdn: &Vec<(&str, &str)>| match rdn.as_slice() {
            [] => Err(TemplateError::Empty { at: 0 }),
            attributes => attributes.iter().map(attribute).collect::<Result<_, _>>().map(Rdn::Attributes),
        };
        Self(rdns.iter().map(rdn).collect::<Result<_, _>>()?).within_bounds()
    }

    /// The subject of no name.
    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Attributes that are variables: what the formats of the console are made of.
    pub(super) fn of_variables(attributes: &[(Oid<'_>, Variable)]) -> Self {
        let rdn = |(oid, variable): &(Oid<'_>, Variable)| {
            let text = Text::of_variable(variable.clone());
            Rdn::Attributes([Attribute { oid: oid.as_bytes().to_vec(), text, at: 0 }].into())
        };
        Self(attributes.iter().map(rdn).collect())
    }

    /// Takes `CN={{OnPrem_Distinguished_Name}}` for the relative distinguished names of that name, in their order,
    /// instead of one CN with all of it as its value. The directory that gives the value then says what else is in the
    /// subject. Its value is read as RFC 4514 has it.
    #[must_use]
    pub fn expand_dn(mut self) -> Self {
        for rdn in &mut self.0 {
            let whole = match rdn {
                Rdn::Attributes(attributes) => match attributes.as_slice() {
                    [Attribute { oid, text, .. }] if *oid == Oid::COMMON_NAME.as_bytes() => {
                        text.only_variable()
                    }
                    _ => None,
                },
                Rdn::Of(_) => None,
            };
            if let Some(variable @ Variable::OnPremDistinguishedName) = whole {
                *rdn = Rdn::Of(variable.clone());
            }
        }
        self
    }

    /// The name on a device with these values.
    pub fn expand(&self, values: &Values) -> Result<DistinguishedName, TemplateError> {
        let mut name = DistinguishedNameBuilder::default();
        for rdn in &self.0 {
            match rdn {
                Rdn::Of(variable) => {
                    let missing = || TemplateError::MissingValue(variable.clone());
                    let value = values.get(variable).ok_or_else(missing)?;
                    let wrong = |_| TemplateError::NotAName(variable.clone());
                    let own: DistinguishedName = value.parse().map_err(wrong)?;
                    name = name.name(&own.name());
                }
                Rdn::Attributes(attributes) => {
                    let mut expanded = Vec::with_capacity(attributes.len());
                    for attribute in attributes {
                        let value = attribute.text.expand(values)?;
                        attribute.encode(&value)?;
                        expanded.push((Oid::new(&attribute.oid), value));
                    }
                    let borrowed: Vec<_> =
                        expanded.iter().map(|(oid, value)| (*oid, value.as_str())).collect();
                    name = name.rdn(&borrowed).map_err(|_| TemplateError::TooLong)?;
                }
            }
        }
        name.build().map_err(|_| TemplateError::TooLong)
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().flat_map(|rdn| {
            let (attributes, whole) = match rdn {
                Rdn::Attributes(attributes) => (attributes.as_slice(), None),
                Rdn::Of(variable) => (&[][..], Some(variable)),
            };
            attributes.iter().flat_map(|attribute| attribute.text.variables()).chain(whole)
        })
    }

    pub(super) fn check(&self, certificate: CertificateType) -> Result<(), TemplateError> {
        self.0.iter().try_for_each(|rdn| match rdn {
            Rdn::Attributes(attributes) => {
                attributes.iter().try_for_each(|attribute| attribute.text.check(certificate))
            }
            Rdn::Of(variable) if certificate == CertificateType::Device => {
                Err(TemplateError::UserVariable { variable: variable.clone(), at: 0 })
            }
            Rdn::Of(_) => Ok(()),
        })
    }

    /// As many attributes as a name may have. How long one with variables becomes is known with their values.
    fn within_bounds(self) -> Result<Self, TemplateError> {
        use crate::wire::name::Name;
        let wide = |rdn: &Rdn| matches!(rdn, Rdn::Attributes(own) if own.len() > Name::MAX_RDN_ATTRIBUTES);
        if self.0.len() > Name::MAX_RDNS || self.0.iter().any(wide) {
            return Err(TemplateError::TooLong);
        }
        if self.variables().next().is_none() {
            self.expand(&Values::new())?;
        }
        Ok(self)
    }
}

impl Attribute {
    /// Whether the attribute takes the value.
    fn encode(&self, value: &str) -> Result<(), TemplateError> {
        let encoded = DistinguishedNameBuilder::default().rdn(&[(Oid::new(&self.oid), value)]);
        encoded.map(|_| ()).map_err(|_| TemplateError::UnsuitableValue { at: self.at })
    }
}

/// The attribute that a key stands for.
fn key_of(key: &str, syntax: NameSyntax) -> Option<Vec<u8>> {
    let windows = match syntax {
        NameSyntax::Windows => WINDOWS_KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)),
        NameSyntax::Rfc4514 => None,
    };
    windows.map(|(_, oid)| oid.as_bytes().to_vec()).or_else(|| attribute_type(key))
}

struct Lexer<'a> {
    text: &'a str,
    /// What has been read, bytes.
    at: usize,
    syntax: NameSyntax,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<Unit> {
        let (at, character) = (self.at, self.peek()?);
        self.at = self.at.saturating_add(character.len_utf8());
        Some(Unit { at, character, escaped: false })
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.next();
        }
    }

    /// The attribute before an equals sign, which is read too.
    fn key(&mut self) -> Result<Vec<u8>, TemplateError> {
        self.skip_blanks();
        let start = self.at;
        if self.rest().is_empty() {
            return Err(TemplateError::Empty { at: start });
        }
        let key: String = self.rest().chars().take_while(|character| *character != '=').collect();
        let oid = key_of(key.trim_end_matches(' '), self.syntax);
        self.at = start.saturating_add(key.len());
        match self.next() {
            Some(_) => oid.ok_or(TemplateError::UnknownAttribute { at: start }),
            None => Err(TemplateError::Syntax { at: start }),
        }
    }

    /// Where a value begins, and its characters. What follows is its end.
    fn value(&mut self) -> Result<(usize, Vec<Unit>), TemplateError> {
        self.skip_blanks();
        let start = self.at;
        let mut units = Vec::new();
        if self.peek() == Some('"') {
            self.next();
            loop {
                let unit = self.next().ok_or(TemplateError::UnclosedQuote { at: start })?;
                match (unit.character, self.syntax) {
                    ('"', NameSyntax::Windows) if self.peek() == Some('"') => {
                        self.next();
                        units.push(unit);
                    }
                    ('"', _) => break,
                    ('\\', NameSyntax::Rfc4514) => self.escape(unit.at, &mut units)?,
                    _ => units.push(unit),
                }
            }
            self.skip_blanks();
            return Ok((start, units));
        }
        // a value in hexadecimal is a form that nobody writes by hand
        if self.peek() == Some('#') {
            return Err(TemplateError::Syntax { at: start });
        }
        // blanks at the end do not count, unless they are escaped
        let mut kept = 0;
        while let Some(character) = self.peek() {
            match (character, self.syntax) {
                (',' | '+', _) | (';', NameSyntax::Windows) => break,
                ('"', _) | (';' | '<' | '>', NameSyntax::Rfc4514) => {
                    return Err(TemplateError::Syntax { at: self.at });
                }
                ('\\', NameSyntax::Rfc4514) => {
                    let at = self.at;
                    self.next();
                    self.escape(at, &mut units)?;
                    kept = units.len();
                }
                _ => {
                    units.extend(self.next());
                    kept = if character == ' ' { kept } else { units.len() };
                }
            }
        }
        units.truncate(kept);
        Ok((start, units))
    }

    /// What is behind a backslash (RFC 4514 section 2.4).
    fn escape(&mut self, at: usize, units: &mut Vec<Unit>) -> Result<(), TemplateError> {
        let mut bytes = Vec::new();
        while let Some(byte) = self.rest().get(..2).and_then(hexadecimal) {
            bytes.push(byte);
            self.at = self.at.saturating_add(2);
            if self.peek() != Some('\\') || self.rest().get(1..3).and_then(hexadecimal).is_none() {
                break;
            }
            self.at = self.at.saturating_add(1);
        }
        let syntax = TemplateError::Syntax { at };
        if bytes.is_empty() {
            let unit = self.next().ok_or(syntax)?;
            units.push(Unit { escaped: true, ..unit });
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| syntax)?;
        units.extend(text.chars().map(|character| Unit { at, character, escaped: true }));
        Ok(())
    }

    /// What ended the value; nothing at the end of the text.
    fn separator(&mut self) -> Result<Option<char>, TemplateError> {
        let at = self.at;
        match (self.next().map(|unit| unit.character), self.syntax) {
            (None, _) => Ok(None),
            (Some(separator @ (',' | '+')), _) | (Some(separator @ ';'), NameSyntax::Windows) => {
                Ok(Some(separator))
            }
            _ => Err(TemplateError::Syntax { at }),
        }
    }
}

#[cfg(test)]
mod tests;
