//! Subject alternative names with variables in them.

use super::error::TemplateError;
use super::template::{Text, units};
use super::variable::{CertificateType, Values, Variable, Vocabulary};
use crate::transport::percent_encode;
use crate::wire::extension::GeneralName;
use crate::wire::name::is_unseen;
use alloc::string::String;

/// The kinds of subject alternative names that a profile has (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AltNameType {
    /// `rfc822Name`: an e-mail address.
    Email,
    /// `otherName` with a user principal name.
    UserPrincipalName,
    /// `dNSName`: a host name.
    Dns,
    /// `uniformResourceIdentifier`.
    Uri,
}

/// What does not work in a subject alternative name of a profile, as the guide has it.
const FORBIDDEN: [char; 4] = ['{', '}', '|', ';'];

/// Longest name that is asked for, bytes.
const MAX_LENGTH: usize = 2048;

/// A subject alternative name with variables in it.
///
/// In a URI of more than one variable, values are percent-encoded but for letters, digits and `-._~`, so that none can
/// end the part that it stands in; a URI that is one variable is taken as it is. An e-mail address and a user principal
/// name are one text before and one after a single `@`; a host name is letters, digits, hyphens and underscores between
/// dots. Everything is ASCII, but for user principal names: those may hold any letters and no character that is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltNameTemplate {
    kind: AltNameType,
    text: Text,
}

impl AltNameTemplate {
    /// Reads the text of one. `{`, `}`, `|` and `;` are not allowed beside variables.
    pub fn parse(kind: AltNameType, text: &str, vocabulary: &Vocabulary) -> Result<Self, TemplateError> {
        Self::read(kind, text, Some(vocabulary))
    }

    /// The same for a text in which a server has put the values already: what RFC 5280 allows is allowed.
    pub fn without_variables(kind: AltNameType, text: &str) -> Result<Self, TemplateError> {
        Self::read(kind, text, None)
    }

    fn read(kind: AltNameType, text: &str, vocabulary: Option<&Vocabulary>) -> Result<Self, TemplateError> {
        let units = units(text);
        // braces are looked at together with the variables
        let wrong = |character: char| FORBIDDEN.contains(&character) && !matches!(character, '{' | '}');
        if let Some(unit) = units.iter().find(|unit| wrong(unit.character) && vocabulary.is_some()) {
            return Err(TemplateError::ForbiddenChar { character: unit.character, at: unit.at });
        }
        let template = Self { kind, text: Text::parse(&units, vocabulary, text.len())? };
        if let Some(literal) = template.text.literal() {
            template.fits(literal)?;
        }
        Ok(template)
    }

    /// Its kind.
    pub fn kind(&self) -> AltNameType {
        self.kind
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.text.variables()
    }

    /// The name on a device with these values.
    pub fn expand(&self, values: &Values) -> Result<String, TemplateError> {
        let encoded = self.kind == AltNameType::Uri && self.text.only_variable().is_none();
        let text = self.text.expand_with(values, |variable, value| {
            match value.chars().find(|character| FORBIDDEN.contains(character) || is_unseen(*character)) {
                Some(character) => {
                    Err(TemplateError::ForbiddenInValue { variable: variable.clone(), character })
                }
                None if encoded => Ok(percent_encode(value.as_bytes())),
                None => Ok(value.into()),
            }
        })?;
        self.fits(&text)?;
        Ok(text)
    }

    /// The name for a request.
    pub(super) fn general_name<'a>(&self, text: &'a str) -> GeneralName<'a> {
        match self.kind {
            AltNameType::Email => GeneralName::Email(text),
            AltNameType::UserPrincipalName => GeneralName::UserPrincipalName(text),
            AltNameType::Dns => GeneralName::Dns(text),
            AltNameType::Uri => GeneralName::Uri(text),
        }
    }

    pub(super) fn check(&self, certificate: CertificateType) -> Result<(), TemplateError> {
        self.text.check(certificate)
    }

    fn fits(&self, text: &str) -> Result<(), TemplateError> {
        let fits = match self.kind {
            _ if text.len() > MAX_LENGTH => return Err(TemplateError::TooLong),
            AltNameType::Email => text.is_ascii() && is_address(text),
            AltNameType::UserPrincipalName => is_address(text),
            AltNameType::Dns => is_host(text),
            AltNameType::Uri => is_uri(text),
        };
        if fits { Ok(()) } else { Err(TemplateError::UnsuitableValue { at: 0 }) }
    }
}

/// Something, one `@`, something; and nothing that separates addresses or quotes parts of them.
fn is_address(text: &str) -> bool {
    let apart = |character: char| {
        character.is_whitespace() || is_unseen(character) || r#"",:;<>()[]\"#.contains(character)
    };
    let parts = text.split_once('@').filter(|(_, host)| !host.contains('@'));
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) && !text.chars().any(apart)
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A scheme, and the characters of RFC 3986 without any that others take for an end.
fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    }) && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use AltNameType::{Dns, Email, Uri, UserPrincipalName};
    use alloc::format;

    fn template(kind: AltNameType, text: &str) -> Result<AltNameTemplate, TemplateError> {
        AltNameTemplate::parse(kind, text, &Vocabulary::new())
    }

    fn expanded(kind: AltNameType, text: &str, value: &str) -> Result<String, TemplateError> {
        template(kind, text).unwrap().expand(&Values::new().with(Variable::UserName, value))
    }

    // A31
    #[test]
    fn four_characters_do_not_work_in_the_text_of_an_alternative_name() {
        for (text, error) in [
            ("a|b", TemplateError::ForbiddenChar { character: '|', at: 1 }),
            ("{{UserName}};x", TemplateError::ForbiddenChar { character: ';', at: 12 }),
            ("a{b", TemplateError::UnmatchedBrace { at: 1 }),
            ("a}b", TemplateError::UnmatchedBrace { at: 1 }),
            ("a\u{7}", TemplateError::ForbiddenChar { character: '\u{7}', at: 1 }),
            ("{{Nobody}}", TemplateError::UnknownVariable { at: 0 }),
            ("", TemplateError::Empty { at: 0 }),
        ] {
            for kind in [Email, UserPrincipalName, Dns, Uri] {
                assert_eq!(template(kind, text), Err(error.clone()), "{text}");
            }
        }
        let given = |kind, text| AltNameTemplate::without_variables(kind, text).map(|_| ());
        assert_eq!(given(Uri, "urn:a;b"), Ok(()));
        for text in ["urn:{{UserName}}", "urn:a|b"] {
            assert_eq!(given(Uri, text), Err(TemplateError::UnsuitableValue { at: 0 }));
        }
    }

    // A35
    #[test]
    fn names_of_each_kind_are_filled_in() {
        for (kind, text, value, name) in [
            (Email, "{{UserName}}@example.com", "jane.doe+x", "jane.doe+x@example.com"),
            (UserPrincipalName, "{{UserName}}", "jäne@example.com", "jäne@example.com"),
            (Dns, "{{UserName}}.example.com", "dev-1", "dev-1.example.com"),
            (Uri, "{{UserName}}", "https://example.com/a?b#c", "https://example.com/a?b#c"),
            (Uri, "urn:dev:{{UserName}}", "S-1-5-21", "urn:dev:S-1-5-21"),
        ] {
            assert_eq!(expanded(kind, text, value).as_deref(), Ok(name), "{text}");
        }
    }

    // A34, A35
    #[test]
    fn a_value_does_not_reach_beyond_its_place_in_an_alternative_name() {
        let uri = "tag:example.com,2022:sid:{{UserName}}?x";
        assert_eq!(
            expanded(Uri, uri, "a/../b?c=d&e#f,CN=admin%").as_deref(),
            Ok("tag:example.com,2022:sid:a%2F..%2Fb%3Fc%3Dd%26e%23f%2CCN%3Dadmin%25?x")
        );
        let unsuitable = Err(TemplateError::UnsuitableValue { at: 0 });
        for (kind, text, value) in [
            (Email, "{{UserName}}@example.com", "admin@evil.example"),
            (Email, "{{UserName}}@example.com", "admin@evil.example,x"),
            (Email, "{{UserName}}@example.com", "a b"),
            (Email, "{{UserName}}@example.com", "jäne"),
            (Email, "{{UserName}}", "jane"),
            (Email, "{{UserName}}", "@"),
            (UserPrincipalName, "{{UserName}}@example.com", "admin@example.com"),
            (UserPrincipalName, "{{UserName}}@example.com", "a\u{3000}b"),
            (UserPrincipalName, "{{UserName}}", "\"a\"@b"),
            (Dns, "{{UserName}}.example.com", "a,CN=admin"),
            (Dns, "{{UserName}}.example.com", "*"),
            (Dns, "{{UserName}}.example.com", "evil.example/"),
            (Dns, "{{UserName}}.example.com", "a..b"),
            (Dns, "{{UserName}}.example.com", "-a"),
            (Dns, "{{UserName}}", "ä.example"),
            (Uri, "{{UserName}}", "no uri"),
            (Uri, "{{UserName}}", "1a:b"),
            (Uri, "{{UserName}}", "urn:"),
        ] {
            assert_eq!(expanded(kind, text, value), unsuitable, "{value}");
        }
        for character in ['{', '}', '|', ';', '\0', '\n', '\u{202E}', '\u{200F}'] {
            for kind in [Email, UserPrincipalName, Dns, Uri] {
                let value = format!("urn:a{character}@b");
                let error = TemplateError::ForbiddenInValue { variable: Variable::UserName, character };
                assert_eq!(expanded(kind, "{{UserName}}", &value), Err(error), "{value:?}");
            }
        }
        assert_eq!(expanded(Uri, "urn:{{UserName}}", &"ä".repeat(400)), Err(TemplateError::TooLong));
        let missing = TemplateError::MissingValue(Variable::UserName);
        assert_eq!(expanded(Uri, "urn:{{UserName}}", " "), Err(missing));
    }

    #[test]
    fn text_without_variables_is_judged_when_it_is_read() {
        assert!(template(Dns, "dev1.example.com").is_ok());
        for (kind, text) in [(Dns, "a b"), (Email, "jane"), (UserPrincipalName, "jane"), (Uri, "jane")] {
            assert_eq!(template(kind, text), Err(TemplateError::UnsuitableValue { at: 0 }));
        }
        assert!(AltNameTemplate::without_variables(Uri, "urn:x").is_ok());
    }
}
