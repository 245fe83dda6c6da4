//! Names on the command line: what is wrong with one is said before anything is sent or written.

use scep::wire::{DistinguishedName, GeneralName, Name};
use std::net::IpAddr;

/// Attributes in one relative distinguished name, and bytes in a value: no more of them are read by the library.
const MAX_ATTRIBUTES: usize = 8;
const MAX_VALUE: usize = 1024;

/// A subject alternative name.
#[derive(Clone, Debug)]
pub(crate) enum San {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(Vec<u8>),
}

impl San {
    pub(crate) fn general_name(&self) -> GeneralName<'_> {
        match self {
            Self::Dns(name) => GeneralName::Dns(name),
            Self::Email(address) => GeneralName::Email(address),
            Self::Uri(uri) => GeneralName::Uri(uri),
            Self::Ip(octets) => GeneralName::Ip(octets),
        }
    }
}

/// Reads KIND:NAME.
pub(crate) fn san(text: &str) -> Result<San, String> {
    const KINDS: &str = "give dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS";
    let (kind, name) = text.split_once(':').ok_or(KINDS)?;
    let made = match kind {
        "dns" => San::Dns(name.into()),
        "email" => San::Email(name.into()),
        "uri" => San::Uri(name.into()),
        "ip" => match name.parse() {
            Ok(IpAddr::V4(address)) => San::Ip(address.octets().to_vec()),
            Ok(IpAddr::V6(address)) => San::Ip(address.octets().to_vec()),
            Err(_) => return Err("not an IPv4 or IPv6 address".into()),
        },
        _ => return Err(KINDS.into()),
    };
    if name.is_empty() {
        return Err("there is no name after the colon".into());
    }
    if name.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err("a name has no white space".into());
    }
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("only ASCII can be asked for (RFC 5280 section 4.2.1.6): write xn--... or %..".into());
    }
    match &made {
        San::Dns(name) if !is_dns_name(name) => Err("not a DNS name, such as dev1.example".into()),
        San::Email(address) if !is_mailbox(address) => {
            Err("not an e-mail address, such as dev1@example.org".into())
        }
        San::Uri(uri) if !is_uri(uri) => Err("not an absolute URI, such as https://dev1.example/".into()),
        _ => Ok(made),
    }
}

/// Labels of letters, digits, hyphens and underscores; the first one may be an asterisk.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label)
}

fn is_mailbox(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && !local.contains(['@', ',', ';', '<', '>']) && is_dns_name(host)
    })
}

/// A scheme, a colon, and something after it (RFC 3986 section 3).
fn is_uri(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(inner)
            && !rest.trim_start_matches('/').is_empty()
    })
}

/// Reads a subject. The library says only that it is none.
pub(crate) fn subject(text: &str) -> Result<DistinguishedName, String> {
    text.parse().map_err(|_| what_is_wrong(text))
}

fn what_is_wrong(text: &str) -> String {
    let rdns = split(text, ',');
    for rdn in &rdns {
        let attributes = split(rdn, '+');
        if let Some(wrong) = attributes.iter().find_map(|attribute| wrong_attribute(attribute.trim())) {
            return wrong;
        }
        if attributes.len() > MAX_ATTRIBUTES {
            return format!("{} attributes joined by `+`: at most {MAX_ATTRIBUTES}", attributes.len());
        }
    }
    let most = Name::MAX_RDNS;
    if rdns.len() > most {
        return format!("{} relative distinguished names: at most {most}", rdns.len());
    }
    "not a name such as \"C=DE, CN=dev1\"".into()
}

fn wrong_attribute(attribute: &str) -> Option<String> {
    const TYPES: &str = "CN, C, ST, L, STREET, O, OU, DC, UID, serialNumber, emailAddress, SN, GN, title, \
        unstructuredName, unstructuredAddress, or an object identifier such as 2.5.4.3";
    let is_name = |text: &str| text.parse::<DistinguishedName>().is_ok();
    if is_name(attribute) && !attribute.is_empty() {
        return None;
    }
    if attribute.is_empty() {
        return Some("nothing where TYPE=VALUE should stand: a comma or plus sign too many".into());
    }
    let Some((keyword, value)) = attribute.split_once('=') else {
        return Some(format!(
            "`{attribute}` is not TYPE=VALUE (in a value, `,` and `+` need a backslash before them)"
        ));
    };
    // two letters are a value for every type
    if !is_name(&format!("{keyword}=XX")) {
        return Some(format!("unknown type `{}`: the types are {TYPES}", keyword.trim()));
    }
    let value = value.trim();
    Some(match () {
        () if value.is_empty() || value == "\"\"" => format!("`{attribute}` has no value"),
        () if value.len() > MAX_VALUE => {
            format!("the value of {keyword} has {} bytes: at most {MAX_VALUE}", value.len())
        }
        // a country takes two letters and no others
        () if !is_name(&format!("{keyword}=XXX")) => {
            format!("`{attribute}`: a country is two letters, such as DE")
        }
        () if value.chars().any(char::is_control) => {
            format!("the value of {keyword} has a control character")
        }
        () if !value.is_ascii() && !is_name(&format!("{keyword}=é")) => {
            format!("`{attribute}`: {keyword} takes ASCII characters only")
        }
        () if !is_name(&format!("{keyword}=_")) => {
            format!("`{attribute}`: {keyword} takes letters, digits, spaces and '()+,-./:=? only")
        }
        () => format!(
            "`{attribute}`: a quote is open, or one of , + ; < > # \" \\ stands there without a backslash before it"
        ),
    })
}

/// Splits at a separator that is neither quoted nor after a backslash.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |char: char| {
        let plain = !std::mem::take(&mut escaped);
        match char {
            '\\' if plain => escaped = true,
            '"' if plain => quoted = !quoted,
            _ => {}
        }
        plain && !quoted && char == separator
    });
    parts.collect()
}
