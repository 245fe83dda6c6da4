//! Which names this CA certifies: what a name says is decided here, by its kind, and anything else is refused.
//!
//! The reasons go to the client, so they say what is wrong and repeat nothing of the request.

use scep::wire::{self, ExtensionsBuilder, GeneralName, Limits, Name, Oid};
use std::net::IpAddr;

/// Why a name is refused.
pub(crate) type Reason = &'static str;

/// Upper bound of commonName, characters (RFC 5280 appendix A.1, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;
/// Longest name of a host as text, bytes (RFC 1035 section 2.3.4, without the length bytes).
const MAX_HOST: usize = 253;
/// What strong certificate mapping reads as a security identifier: it comes from a directory, never from a request.
const MICROSOFT_TAG: &str = "tag:microsoft.com";

/// Checks what a subject says; `taken` are the names of the CA and of its RA.
pub(crate) fn check_subject<'a>(
    subject: Name<'_>,
    taken: impl IntoIterator<Item = Name<'a>>,
) -> Result<(), Reason> {
    subject.attributes().try_for_each(|attribute| check_attribute(attribute.oid, attribute.text()))?;
    // cut when it is shown: who approves it would not see all
    if subject.to_string().ends_with("...") {
        return Err("subject: too long to be shown");
    }
    if taken.into_iter().any(|own| own.matches(&subject)) {
        return Err("subject: this name belongs to the CA");
    }
    Ok(())
}

fn check_attribute(oid: Oid<'_>, text: Option<String>) -> Result<(), Reason> {
    let text = text.ok_or("subject: a value that is no string, or not what its type says")?;
    if text.is_empty() {
        return Err("subject: an empty value");
    }
    if text.chars().any(is_unseen) {
        return Err("subject: a control character or an invisible one");
    }
    if oid == Oid::COMMON_NAME && text.chars().count() > MAX_COMMON_NAME {
        return Err("subject: CN longer than 64 characters");
    }
    if oid == Oid::COUNTRY_NAME && !(text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        return Err("subject: C is not two letters");
    }
    Ok(())
}

/// What nobody sees, or sees as something else: control characters, white space other than the space, what changes the
/// direction of text, joins, fills or takes no space.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || (character.is_whitespace() && character != ' ')
        || matches!(character,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..)
}

/// Checks the value of a subjectAltName and writes it anew: `Extensions` in DER with this one, or `None` when it holds
/// no name.
pub(crate) fn subject_alt_names(value: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    let names = wire::subject_alt_names(value, &Limits::DEFAULT)
        .map_err(|_| "subjectAltName: cannot be read, or too many names")?;
    names.iter().try_for_each(check_general_name)?;
    let written = ExtensionsBuilder::default()
        .subject_alt_names(&names)
        .map_err(|_| "subjectAltName: a name that cannot be written")?;
    Ok((!written.is_empty()).then(|| written.build()))
}

fn check_general_name(name: &GeneralName<'_>) -> Result<(), Reason> {
    match *name {
        GeneralName::Dns(host) => check_host(host),
        GeneralName::Email(address) => check_email(address),
        GeneralName::Uri(uri) => check_uri(uri),
        // the library has seen to it that it is 4 or 16 bytes
        GeneralName::Ip(_) => Ok(()),
        GeneralName::DirectoryName(_) => Err("subjectAltName: directoryName is not certified here"),
        GeneralName::Other { tag: 0x81, .. } => {
            Err("subjectAltName: e-mail address that is not printable ASCII")
        }
        GeneralName::Other { tag: 0x82, .. } => Err("subjectAltName: dNSName that is not printable ASCII"),
        GeneralName::Other { tag: 0x86, .. } => Err("subjectAltName: URI that is not printable ASCII"),
        GeneralName::Other { tag: 0x87, .. } => Err("subjectAltName: IP address of neither 4 nor 16 bytes"),
        _ => {
            Err("subjectAltName: only DNS names, e-mail addresses, URIs and IP addresses are certified here")
        }
    }
}

/// Letters, digits and hyphens between dots (RFC 1123 section 2.1): no wildcard, no dot at the end.
fn check_host(host: &str) -> Result<(), Reason> {
    let label = |label: &str| {
        matches!(label.len(), 1..=63)
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match host.len() {
        1..=MAX_HOST if host.split('.').all(label) => Ok(()),
        1..=MAX_HOST => {
            Err("subjectAltName: dNSName is not letters, digits and hyphens in labels of 1 to 63")
        }
        _ => Err("subjectAltName: dNSName is empty or longer than 253"),
    }
}

fn check_email(address: &str) -> Result<(), Reason> {
    match address.split_once('@') {
        Some((mailbox, host))
            if !mailbox.is_empty()
                && mailbox.bytes().all(|byte| byte.is_ascii_graphic())
                && check_host(host).is_ok() =>
        {
            Ok(())
        }
        _ => Err("subjectAltName: e-mail address is not MAILBOX@HOST"),
    }
}

/// `scheme:rest` (RFC 3986 section 3.1), of characters that are seen.
fn check_uri(uri: &str) -> Result<(), Reason> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    if uri.get(..MICROSOFT_TAG.len()).is_some_and(|start| start.eq_ignore_ascii_case(MICROSOFT_TAG)) {
        return Err("subjectAltName: a security identifier is not certified here");
    }
    match uri.split_once(':') {
        Some((scheme, rest))
            if is_scheme(scheme) && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(())
        }
        _ => Err("subjectAltName: URI without a scheme, or with characters that belong in none"),
    }
}

/// A subject alternative name as an operator writes it.
#[derive(Clone)]
pub(crate) struct San {
    kind: Kind,
    value: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    Dns,
    Email,
    Uri,
    Ip,
}

impl San {
    pub(crate) fn general_name(&self) -> GeneralName<'_> {
        // all but addresses were made of text
        let text = std::str::from_utf8(&self.value).unwrap_or_default();
        match self.kind {
            Kind::Dns => GeneralName::Dns(text),
            Kind::Email => GeneralName::Email(text),
            Kind::Uri => GeneralName::Uri(text),
            Kind::Ip => GeneralName::Ip(&self.value),
        }
    }
}

/// Reads KIND:NAME, for a name that is certified here.
pub(crate) fn parse_san(text: &str) -> Result<San, String> {
    const KINDS: &str = "give dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS";
    let (kind, name) = text.split_once(':').ok_or(KINDS)?;
    let (kind, value) = match kind {
        "dns" => (Kind::Dns, name.as_bytes().to_vec()),
        "email" => (Kind::Email, name.as_bytes().to_vec()),
        "uri" => (Kind::Uri, name.as_bytes().to_vec()),
        "ip" => match name.parse() {
            Ok(IpAddr::V4(address)) => (Kind::Ip, address.octets().to_vec()),
            Ok(IpAddr::V6(address)) => (Kind::Ip, address.octets().to_vec()),
            Err(_) => return Err("not an IPv4 or IPv6 address".into()),
        },
        _ => return Err(KINDS.into()),
    };
    let san = San { kind, value };
    check_general_name(&san.general_name())?;
    Ok(san)
}
