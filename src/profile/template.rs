//! Text with variables in it: read once, and filled in without being read again.

use super::error::TemplateError;
use super::variable::{CertificateType, Values, Variable, Vocabulary};
use alloc::string::String;
use alloc::vec::Vec;

/// A character of a template, once quotes and escapes are gone.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    /// Where it is in the text, bytes.
    pub(super) at: usize,
    pub(super) character: char,
    /// Whether it stands for itself, whatever it is.
    pub(super) escaped: bool,
}

/// The characters of a text without quotes and escapes.
pub(super) fn units(text: &str) -> Vec<Unit> {
    text.char_indices().map(|(at, character)| Unit { at, character, escaped: false }).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Variable { variable: Variable, at: usize },
}

/// What a text is made of. It is never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(Vec<Piece>);

impl Text {
    /// Finds the variables; without a vocabulary every character stands for itself. `end` is where the text ends, bytes.
    pub(super) fn parse(
        mut units: &[Unit],
        vocabulary: Option<&Vocabulary>,
        end: usize,
    ) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some((first, rest)) = units.split_first() {
            let brace = matches!(first.character, '{' | '}') && !first.escaped;
            let Some(vocabulary) = vocabulary.filter(|_| brace) else {
                if first.character.is_control() {
                    return Err(TemplateError::ForbiddenChar { character: first.character, at: first.at });
                }
                literal.push(first.character);
                units = rest;
                continue;
            };
            let unmatched = TemplateError::UnmatchedBrace { at: first.at };
            let inside = rest.split_first().filter(|(second, _)| opens(first) && opens(second));
            let (_, inside) = inside.ok_or(unmatched.clone())?;
            let length =
                inside.iter().position(|unit| closes(unit) || opens(unit)).ok_or(unmatched.clone())?;
            let (name, after) = inside.split_at(length);
            let [first_close, second_close, after @ ..] = after else { return Err(unmatched) };
            if !closes(first_close) || !closes(second_close) {
                return Err(unmatched);
            }
            let name: String = name.iter().map(|unit| unit.character).collect();
            let unknown = TemplateError::UnknownVariable { at: first.at };
            let variable = vocabulary.find(&name).ok_or(unknown)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(core::mem::take(&mut literal)));
            }
            pieces.push(Piece::Variable { variable, at: first.at });
            units = after;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        if pieces.is_empty() { Err(TemplateError::Empty { at: end }) } else { Ok(Self(pieces)) }
    }

    pub(super) fn of_variable(variable: Variable) -> Self {
        Self([Piece::Variable { variable, at: 0 }].into())
    }

    /// Puts the values in. They are not looked into for variables.
    pub(super) fn expand(&self, values: &Values) -> Result<String, TemplateError> {
        self.expand_with(values, |_, value| Ok(value.into()))
    }

    /// The same, with each value as `convert` has it.
    pub(super) fn expand_with(
        &self,
        values: &Values,
        convert: impl Fn(&Variable, &str) -> Result<String, TemplateError>,
    ) -> Result<String, TemplateError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Variable { variable, .. } => {
                    let missing = || TemplateError::MissingValue(variable.clone());
                    text.push_str(&convert(variable, values.get(variable).ok_or_else(missing)?)?);
                }
            }
        }
        Ok(text)
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable { variable, .. } => Some(variable),
            Piece::Literal(_) => None,
        })
    }

    /// The variable, when that is all there is.
    pub(super) fn only_variable(&self) -> Option<&Variable> {
        match self.0.as_slice() {
            [Piece::Variable { variable, .. }] => Some(variable),
            _ => None,
        }
    }

    /// The text, when no variable is in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Literal(literal)] => Some(literal),
            _ => None,
        }
    }

    /// Refuses attributes of a user in the certificate of a device.
    pub(super) fn check(&self, certificate: CertificateType) -> Result<(), TemplateError> {
        let wrong = self.0.iter().find_map(|piece| match piece {
            Piece::Variable { variable, at }
                if certificate == CertificateType::Device
                    && variable.belongs_to() == CertificateType::User =>
            {
                Some(TemplateError::UserVariable { variable: variable.clone(), at: *at })
            }
            _ => None,
        });
        wrong.map_or(Ok(()), Err)
    }
}

fn opens(unit: &Unit) -> bool {
    unit.character == '{' && !unit.escaped
}

fn closes(unit: &Unit) -> bool {
    unit.character == '}' && !unit.escaped
}

#[cfg(test)]
mod tests {
    use super::super::variable::CustomVariable;
    use super::*;
    use alloc::format;

    fn text(text: &str) -> Result<Text, TemplateError> {
        let site = CustomVariable::new("Site", CertificateType::Device).unwrap();
        Text::parse(&units(text), Some(&Vocabulary::new().with(site)), text.len())
    }

    fn values() -> Values {
        Values::new().with(Variable::UserName, "{{IMEI}}}{").with(Variable::Imei, "35")
    }

    // A29, A31
    #[test]
    fn variables_are_found_and_filled_in_once() {
        for (template, expanded) in [
            ("plain", "plain"),
            ("{{IMEI}}", "35"),
            ("a{{imei}}b{{Imei}}", "a35b35"),
            // braces in a value are characters
            ("<{{UserName}}>", "<{{IMEI}}}{>"),
            ("{{UserName}}{{IMEI}}", "{{IMEI}}}{35"),
        ] {
            assert_eq!(text(template).unwrap().expand(&values()).as_deref(), Ok(expanded), "{template}");
        }
        assert_eq!(text("x-{{SITE}}").unwrap().variables().count(), 1);
    }

    // A31
    #[test]
    fn braces_that_enclose_no_variable_are_told_with_their_place() {
        for (template, at) in [
            ("{", 0),
            ("ä}", 2),
            ("a{IMEI}", 1),
            ("a{{IMEI}", 1),
            ("a{{IMEI", 1),
            ("a{{IMEI}}}", 9),
            ("{{{IMEI}}}", 0),
            ("{{IMEI}}{", 8),
            ("{{IM{EI}}", 0),
            ("{{IMEI} }", 0),
            ("{{", 0),
            ("}}", 0),
        ] {
            assert_eq!(text(template), Err(TemplateError::UnmatchedBrace { at }), "{template}");
        }
        for (template, at) in [("{{}}", 0), ("ab{{ IMEI }}", 2), ("{{IMEI}}{{Nobody}}", 8), ("{{a,b}}", 0)] {
            assert_eq!(text(template), Err(TemplateError::UnknownVariable { at }), "{template}");
        }
        assert_eq!(text(""), Err(TemplateError::Empty { at: 0 }));
        assert_eq!(text("a\0"), Err(TemplateError::ForbiddenChar { character: '\0', at: 1 }));
    }

    // A32
    #[test]
    fn a_variable_without_value_is_an_error_and_never_nothing() {
        let template = text("a{{MEID}}").unwrap();
        let missing = Err(TemplateError::MissingValue(Variable::Meid));
        assert_eq!(template.expand(&values()), missing);
        assert_eq!(template.expand(&values().with(Variable::Meid, " \u{200B}")), missing);
        assert_eq!(template.expand(&values().with(Variable::Meid, "A1")).as_deref(), Ok("aA1"));
    }

    // A27
    #[test]
    fn user_variables_are_for_profiles_of_users() {
        for variable in Variable::all() {
            let template = text(&format!("ab{variable}")).unwrap();
            assert_eq!(template.check(CertificateType::User), Ok(()));
            let expected = match variable.belongs_to() {
                CertificateType::User => Err(TemplateError::UserVariable { variable, at: 2 }),
                CertificateType::Device => Ok(()),
            };
            assert_eq!(template.check(CertificateType::Device), expected);
        }
    }

    #[test]
    fn without_a_vocabulary_every_character_stands_for_itself() {
        let template = Text::parse(&units("{{IMEI}} }"), None, 10).unwrap();
        assert_eq!(template.literal(), Some("{{IMEI}} }"));
        assert_eq!(template.expand(&values()).as_deref(), Ok("{{IMEI}} }"));
    }
}
