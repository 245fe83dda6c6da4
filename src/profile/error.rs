//! What is wrong with a profile, each error with the place where that can be told.

use super::variable::Variable;
use core::fmt;

/// Why a text is no template, or cannot be filled in. Places are bytes from the start of the text.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace that is not one of two around a variable.
    UnmatchedBrace {
        /// Where it is.
        at: usize,
    },
    /// `{{...}}` around something that is no variable.
    UnknownVariable {
        /// Where its first brace is.
        at: usize,
    },
    /// A user's attribute in a profile for devices.
    UserVariable {
        /// Which one.
        variable: Variable,
        /// Where its first brace is.
        at: usize,
    },
    /// A character that may not be there: control characters anywhere, and `{`, `}`, `|` and `;` in a subject alternative
    /// name.
    ForbiddenChar {
        /// Which one.
        character: char,
        /// Where it is.
        at: usize,
    },
    /// The text is no name in its syntax: a sign is missing, or stands where none can.
    Syntax {
        /// From where on it is none.
        at: usize,
    },
    /// A quoted value without an end.
    UnclosedQuote {
        /// Where its quote is.
        at: usize,
    },
    /// A key that stands for no attribute.
    UnknownAttribute {
        /// Where it is.
        at: usize,
    },
    /// No text where a value has to be.
    Empty {
        /// Where it should be.
        at: usize,
    },
    /// A value that its attribute or its kind of name does not take: two letters for a country, an e-mail address without
    /// `@`, letters other than ASCII where only those go.
    UnsuitableValue {
        /// Where the text of the value begins.
        at: usize,
    },
    /// A character in a variable's value that may not be in a subject alternative name.
    ForbiddenInValue {
        /// Whose value it is.
        variable: Variable,
        /// Which one.
        character: char,
    },
    /// A value that should be a distinguished name and is none.
    NotAName(Variable),
    /// The device has no value for it: a tablet without IMEI, say.
    MissingValue(Variable),
    /// The name has more or longer parts than [`Name::parse`](crate::wire::Name::parse) takes.
    TooLong,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnmatchedBrace { at } => write!(f, "brace at {at} is not around a variable"),
            Self::UnknownVariable { at } => write!(f, "unknown variable at {at}"),
            Self::UserVariable { variable, at } => {
                write!(f, "{variable} at {at} is a user's, and this profile is for devices")
            }
            Self::ForbiddenChar { character, at } => {
                write!(f, "character {character:?} at {at} is not allowed")
            }
            Self::Syntax { at } => write!(f, "not a name from {at} on"),
            Self::UnclosedQuote { at } => write!(f, "quote at {at} is never closed"),
            Self::UnknownAttribute { at } => write!(f, "unknown attribute at {at}"),
            Self::Empty { at } => write!(f, "no value at {at}"),
            Self::UnsuitableValue { at } => write!(f, "value at {at} does not fit its kind"),
            Self::ForbiddenInValue { variable, character } => {
                write!(f, "character {character:?} in the value of {variable} is not allowed")
            }
            Self::NotAName(variable) => write!(f, "the value of {variable} is no distinguished name"),
            Self::MissingValue(variable) => write!(f, "this device has no value for {variable}"),
            Self::TooLong => f.write_str("name with too many or too long parts"),
        }
    }
}

impl core::error::Error for TemplateError {}

/// A name that is none for a variable: see [`CustomVariable::new`](super::CustomVariable::new).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableNameError;

impl fmt::Display for VariableNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a name for a variable")
    }
}

impl core::error::Error for VariableNameError {}

/// Why a profile cannot be, or cannot be followed.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileError {
    /// The subject.
    Subject(TemplateError),
    /// A subject alternative name.
    SubjectAltName {
        /// Which one, counted from 0.
        index: usize,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// Neither a subject nor a subject alternative name (RFC 5280 section 4.1.2.6 wants one of them).
    NoName,
    /// Neither digitalSignature nor keyEncipherment, or a use that only CAs have.
    KeyUsage,
    /// A key size that is not supported here: 1024 bits without feature `legacy`.
    KeySize,
    /// No hash family that is supported here.
    Hash,
    /// A threshold that is not from 1 to 99 percent.
    Threshold,
    /// A validity of nothing.
    Validity,
    /// No server.
    NoServer,
    /// Something that is no URL of a server.
    Server {
        /// Which one, counted from 0.
        index: usize,
    },
    /// A key that is not of the kind or size that the profile asks for.
    Key,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(error) => write!(f, "subject: {error}"),
            Self::SubjectAltName { index, error } => write!(f, "subject alternative name {index}: {error}"),
            Self::NoName => f.write_str("neither subject nor subject alternative name"),
            Self::KeyUsage => {
                f.write_str("key usage without digitalSignature and keyEncipherment, or a CA's")
            }
            Self::KeySize => f.write_str("key size that is not supported"),
            Self::Hash => f.write_str("no hash family that is supported"),
            Self::Threshold => f.write_str("renewal threshold that is not from 1 to 99 percent"),
            Self::Validity => f.write_str("validity of no time"),
            Self::NoServer => f.write_str("no server"),
            Self::Server { index } => write!(f, "server {index} is no URL of a SCEP server"),
            Self::Key => f.write_str("key of another kind or size than the profile's"),
        }
    }
}

impl core::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Subject(error) | Self::SubjectAltName { error, .. } => Some(error),
            _ => None,
        }
    }
}
