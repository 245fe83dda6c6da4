//! Subjects and alternative names with variables in them.

use scep::profile::{
    AltNameTemplate, AltNameType, CertificateType, NameSyntax, SettingValue, SubjectTemplate, TemplateError,
    Values, Variable, Vocabulary, windows,
};
use scep::wire::{DistinguishedName, ExtensionsBuilder, GeneralName};
use std::hint::black_box;

/// One value for every variable.
fn values(value: &str) -> Values {
    Variable::all().fold(Values::new(), |values, variable| values.with(variable, value))
}

/// Types and texts, each relative distinguished name by itself.
fn read(name: &DistinguishedName) -> Vec<(String, String)> {
    name.name().attributes().map(|one| (one.oid.to_string(), one.text().unwrap())).collect()
}

/// Where in the text the error is, if it says so.
fn place(error: &TemplateError) -> Option<usize> {
    match error {
        TemplateError::UnmatchedBrace { at }
        | TemplateError::UnknownVariable { at }
        | TemplateError::ForbiddenChar { at, .. }
        | TemplateError::Syntax { at }
        | TemplateError::UnclosedQuote { at }
        | TemplateError::UnknownAttribute { at }
        | TemplateError::Empty { at }
        | TemplateError::UnsuitableValue { at } => Some(*at),
        _ => None,
    }
}

fn check_place(text: &str, error: &TemplateError) {
    assert!(place(error).is_none_or(|at| text.is_char_boundary(at)), "{text:?}: {error:?}");
    if let TemplateError::ForbiddenChar { character, at } = error {
        assert!(text[*at..].starts_with(*character) || text[*at..].starts_with('\\'), "{text:?}: {error:?}");
    }
}

/// A template, a NUL, a value: see what comes out of them.
pub fn name_template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (template, value) = text.split_once('\0').unwrap_or((text, "x"));
    for syntax in [NameSyntax::Windows, NameSyntax::Rfc4514] {
        subject(template, value, syntax);
    }
    for kind in [AltNameType::Email, AltNameType::UserPrincipalName, AltNameType::Dns, AltNameType::Uri] {
        alt_name(template, value, kind);
    }
    let nodes = [
        ("SubjectName".to_owned(), SettingValue::from(template)),
        ("SubjectAlternativeNames".to_owned(), value.into()),
        ("ServerURL".to_owned(), value.into()),
        ("CAThumbprint".to_owned(), value.into()),
        ("EKUMapping".to_owned(), template.into()),
    ];
    let _ = black_box(windows::import(CertificateType::User, &nodes).map_err(|error| error.to_string()));
}

fn subject(text: &str, value: &str, syntax: NameSyntax) {
    let template = match SubjectTemplate::parse(text, syntax, &Vocabulary::new()) {
        Ok(template) => template,
        Err(error) => return check_place(text, &error),
    };
    let plain = template.expand(&values("x"));
    let variables = template.variables().count();
    match template.expand(&values(value)) {
        Ok(name) => {
            assert_eq!(DistinguishedName::from_der(name.as_der()).as_ref(), Ok(&name));
            // whatever the value, there are the same attributes, and each holds it
            let own = read(&name);
            if let Ok(plain) = plain {
                let mut types: Vec<_> = own.iter().map(|(oid, _)| oid.clone()).collect();
                let mut others: Vec<_> = read(&plain).into_iter().map(|(oid, _)| oid).collect();
                // within one relative distinguished name the order is that of DER
                types.sort();
                others.sort();
                assert_eq!(types, others, "{text:?} {value:?}");
            }
            assert!(own.iter().all(|(_, text)| !text.is_empty() && !text.contains(char::is_control)));
            if variables > 0 {
                assert!(own.iter().any(|(_, own)| own.contains(value)), "{text:?} {value:?}");
            }
            let shown = name.to_string();
            if !shown.ends_with("...") {
                let again: DistinguishedName = shown.parse().unwrap();
                assert!(again.name().matches(&name.name()), "{shown}");
            }
        }
        Err(error) => check_place(text, &error),
    }
    // without variables it is what the library makes of the text
    if syntax == NameSyntax::Rfc4514 && variables == 0 {
        let other: DistinguishedName = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let mut own = read(&template.expand(&Values::new()).unwrap());
        let mut others = read(&other);
        own.sort();
        others.sort();
        assert_eq!(own, others);
    }
    let _ = black_box(template.expand_dn().expand(&values(value)).map(|name| name.to_string()));
}

fn alt_name(text: &str, value: &str, kind: AltNameType) {
    let template = match AltNameTemplate::parse(kind, text, &Vocabulary::new()) {
        Ok(template) => template,
        Err(error) => return check_place(text, &error),
    };
    let Ok(name) = template.expand(&values(value)) else { return };
    // it is one of its kind by itself, and for the encoder
    assert!(AltNameTemplate::without_variables(kind, &name).is_ok(), "{name:?}");
    let general = match kind {
        AltNameType::Email => GeneralName::Email(&name),
        AltNameType::UserPrincipalName => GeneralName::UserPrincipalName(&name),
        AltNameType::Dns => GeneralName::Dns(&name),
        AltNameType::Uri => GeneralName::Uri(&name),
    };
    assert!(ExtensionsBuilder::default().subject_alt_names(&[general]).is_ok(), "{name:?}");
    assert!(!name.contains(['{', '}', '|', ';']), "{name:?}");
}
