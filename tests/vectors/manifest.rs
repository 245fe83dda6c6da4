//! `vectors/manifest.toml`: what each file is, how it was made, and what reading it has to give.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use toml::de::{DeTable, DeValue};

/// What was found in a message, or has to be: a text or a list of texts for each name.
pub(crate) type Facts = BTreeMap<String, Fact>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Text(String),
    List(Vec<String>),
}

impl<T: Into<String>> From<T> for Fact {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Fact {
    pub(crate) fn list<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }
}

/// One entry. Paths are relative to `vectors/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vector {
    pub(crate) file: String,
    /// Which reader it is for: see `read.rs`.
    pub(crate) kind: String,
    /// The folder: whose message it is.
    pub(crate) origin: String,
    /// The program that made it, with its version.
    pub(crate) tool: String,
    /// What it was made to do, or what was changed afterwards.
    pub(crate) how: String,
    /// The private key that opens the envelope.
    pub(crate) key: Option<String>,
    /// The certificates that an envelope may be for. A reply is for the signer of the request that it answers.
    pub(crate) recipients: Vec<String>,
    /// The certificates that may sign a reply.
    pub(crate) signers: Vec<String>,
    /// The request that a reply answers.
    pub(crate) answers: Option<String>,
    /// The password of a PasswordRecipientInfo.
    pub(crate) password: Option<String>,
    /// A time at which the certificates of a reply are valid, in seconds after 1970.
    pub(crate) time: Option<u64>,
    pub(crate) expect: Facts,
}

/// The folder with the vectors.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

impl Vector {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        bytes(&self.file)
    }
}

/// The contents of a file in `vectors/`.
pub(crate) fn bytes(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap_or_else(|error| panic!("vectors/{file}: {error}"))
}

/// The contents of a PEM file in `vectors/`.
pub(crate) fn text(file: &str) -> String {
    String::from_utf8(bytes(file)).unwrap()
}

fn value(value: &DeValue<'_>) -> Fact {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Array(items) => Fact::list(items.iter().map(|item| item.get_ref().as_str().unwrap())),
        DeValue::Integer(number) => number.as_str().into(),
        other => panic!("manifest.toml: neither text, list nor number: {other:?}"),
    }
}

/// The entries of the manifest.
pub(crate) fn load() -> &'static [Vector] {
    static ALL: LazyLock<Vec<Vector>> = LazyLock::new(|| parse(&text("manifest.toml")));
    &ALL
}

fn parse(manifest: &str) -> Vec<Vector> {
    let document = DeTable::parse(manifest).unwrap();
    let vectors = document.get_ref().get("vector").and_then(|list| list.get_ref().as_array());
    vectors.unwrap().iter().map(|entry| vector(entry.get_ref().as_table().unwrap())).collect()
}

fn vector(table: &DeTable<'_>) -> Vector {
    let mut vector = Vector::default();
    for (name, content) in table {
        let name = name.get_ref().as_ref();
        if name == "expect" {
            let facts = content.get_ref().as_table().unwrap();
            vector.expect = facts
                .iter()
                .map(|(name, fact)| (name.get_ref().as_ref().to_owned(), value(fact.get_ref())))
                .collect();
            continue;
        }
        match (name, value(content.get_ref())) {
            ("file", Fact::Text(text)) => vector.file = text,
            ("kind", Fact::Text(text)) => vector.kind = text,
            ("origin", Fact::Text(text)) => vector.origin = text,
            ("tool", Fact::Text(text)) => vector.tool = text,
            ("how", Fact::Text(text)) => vector.how = text,
            ("key", Fact::Text(text)) => vector.key = Some(text),
            ("answers", Fact::Text(text)) => vector.answers = Some(text),
            ("password", Fact::Text(text)) => vector.password = Some(text),
            ("time", Fact::Text(text)) => vector.time = Some(text.parse().unwrap()),
            ("recipients", Fact::List(list)) => vector.recipients = list,
            ("signers", Fact::List(list)) => vector.signers = list,
            (name, _) => panic!("manifest.toml: {name} is unknown or of the wrong type"),
        }
    }
    vector
}

/// The text of a manifest with these entries.
pub(crate) fn write(head: &str, vectors: &[Vector]) -> String {
    let mut text = head.to_owned();
    for vector in vectors {
        text += "\n[[vector]]\n";
        for (name, value) in [
            ("file", Some(&vector.file)),
            ("kind", Some(&vector.kind)),
            ("origin", Some(&vector.origin)),
            ("tool", Some(&vector.tool)),
            ("how", Some(&vector.how)),
            ("key", vector.key.as_ref()),
            ("answers", vector.answers.as_ref()),
            ("password", vector.password.as_ref()),
        ] {
            if let Some(value) = value {
                writeln!(text, "{name} = {}", quoted(value)).unwrap();
            }
        }
        for (name, list) in [("recipients", &vector.recipients), ("signers", &vector.signers)] {
            if !list.is_empty() {
                writeln!(text, "{name} = {}", array(list)).unwrap();
            }
        }
        if let Some(time) = vector.time {
            writeln!(text, "time = {time}").unwrap();
        }
        text += "[vector.expect]\n";
        for (name, fact) in &vector.expect {
            let value = match fact {
                Fact::Text(text) => quoted(text),
                Fact::List(list) => array(list),
            };
            writeln!(text, "{name} = {value}").unwrap();
        }
    }
    text
}

fn array(list: &[String]) -> String {
    format!("[{}]", list.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => write!(quoted, "\\u{:04X}", u32::from(control)).unwrap(),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[test]
fn a_manifest_that_is_written_is_read_back() {
    let vector = Vector {
        file: "hostile/x.der".into(),
        how: "a \"quoted\" \\ text, \u{e4}\n".into(),
        key: Some("keys/k.pem".into()),
        recipients: vec!["keys/a.pem".into(), "keys/b.pem".into()],
        time: Some(1_800_000_000),
        expect: Facts::from([
            ("messageType".into(), "PKCSReq".into()),
            ("names".into(), Fact::list(["a", "b"])),
            ("none".into(), Fact::List(Vec::new())),
        ]),
        ..Vector::default()
    };
    let other = Vector { file: "scep/y.der".into(), ..Vector::default() };
    let vectors = [vector, other];
    assert_eq!(parse(&write("# head\n", &vectors)), vectors);
}
