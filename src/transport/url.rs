//! The URL of a SCEP server, checked once.

use alloc::string::String;
use core::{fmt, str::FromStr};

use crate::error::{ApiMisuse, Error};

/// The path for a URL that has none (RFC 8894 section 4.1).
const DEFAULT_PATH: &str = "/cgi-bin/pkiclient.exe";

/// Longest URL taken, in bytes.
const MAX_LENGTH: usize = 2048;

/// URL of a SCEP server (RFC 8894 section 4.1, the part before `?`): scheme, host, perhaps a port, and SCEPPATH.
///
/// A URL often comes from a profile that somebody else wrote, so only plain ones are taken: `http` or `https`, no
/// user name, no query, no fragment, no character that RFC 3986 does not allow, at most 2048 bytes. Which hosts may be
/// reached is for the caller to decide: see [`ScepUrl::host`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScepUrl {
    text: String,
    https: bool,
    host_start: usize,
    host_end: usize,
    path_start: usize,
    port: u16,
}

impl ScepUrl {
    /// Checks a URL. A missing path, or the path `/`, becomes `/cgi-bin/pkiclient.exe` as RFC 8894 section 4.1 says;
    /// any other path is used unchanged.
    ///
    /// # Errors
    /// [`ApiMisuse::Url`]: anything that the type does not allow.
    pub fn parse(url: &str) -> Result<Self, Error> {
        Self::split(url).ok_or(Error::ApiMisuse(ApiMisuse::Url))
    }

    fn split(url: &str) -> Option<Self> {
        if url.len() > MAX_LENGTH {
            return None;
        }
        let (scheme, rest) = url.split_at_checked(find(url, b':')?)?;
        let rest = rest.strip_prefix("://")?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let (authority, path) = rest.split_at_checked(find(rest, b'/').unwrap_or(rest.len()))?;
        let (host, port) = split_port(authority)?;
        let port = match port {
            Some(digits) => port_number(digits)?,
            None if https => 443,
            None => 80,
        };
        if !is_host(host) || !is_path(path) {
            return None;
        }
        // parts of one text, whose length is a usize
        let host_start = scheme.len().saturating_add("://".len());
        let path_start = host_start.saturating_add(authority.len());
        let host_end = host_start.saturating_add(host.len());
        let mut text = String::from(url.get(..path_start)?);
        text.push_str(if path.len() <= 1 { DEFAULT_PATH } else { path });
        Some(Self { text, https, host_start, host_end, path_start, port })
    }

    /// The same URL with `/pkiclient.exe` behind its path, unless the path ends so already, in any letter case: what Windows
    /// clients make of `/certsrv/mscep/mscep.dll`. [`ApiMisuse::Url`] when that is too long.
    pub fn with_pkiclient(&self) -> Result<Self, Error> {
        let last = self.path().rsplit('/').next().unwrap_or_default();
        if last.eq_ignore_ascii_case("pkiclient.exe") {
            return Ok(self.clone());
        }
        let mut text = self.text.clone();
        text.push_str(if last.is_empty() { "pkiclient.exe" } else { "/pkiclient.exe" });
        Self::parse(&text)
    }

    /// The whole URL: the text that was parsed, with the default path where it had none.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is `https`.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Host name or address as written; an IPv6 address is in brackets.
    ///
    /// For a list of allowed hosts, compare without regard to letter case and to a dot at the end. To keep out internal
    /// addresses, look at the address that is connected to, not at this text: a name may resolve to any address, and
    /// many resolvers take `127.1` or `0x7f000001` for one.
    pub fn host(&self) -> &str {
        self.text.get(self.host_start..self.host_end).unwrap_or_default()
    }

    /// Port, 1 to 65535; without one in the URL 80 for `http` and 443 for `https`.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path (SCEPPATH), starting with `/`, with its percent escapes.
    pub fn path(&self) -> &str {
        self.text.get(self.path_start..).unwrap_or_default()
    }
}

impl fmt::Display for ScepUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ScepUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::parse(url)
    }
}

/// Where an ASCII character is. The searches of `str` for patterns are larger than this module.
fn find(text: &str, byte: u8) -> Option<usize> {
    text.bytes().position(|own| own == byte)
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let host_end = if authority.starts_with('[') {
        find(authority, b']')?.checked_add(1)?
    } else {
        find(authority, b':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(host_end)?;
    if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) }
}

fn port_number(digits: &str) -> Option<u16> {
    // `parse` alone would take a plus sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|port| *port != 0)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => is_ipv6(address.as_bytes()),
        // Percent escapes are legal here and only ever hide something.
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    }
}

/// `IPv6address` of RFC 3986 section 3.2.2. The parser of `core` takes 1.5 KB of a device's flash.
fn is_ipv6(text: &[u8]) -> bool {
    let (mut groups, mut gap) = (0_u32, false);
    let mut rest = text;
    if let [b':', b':', after @ ..] = rest {
        (rest, gap) = (after, true);
    }
    while !rest.is_empty() {
        let (group, after) = rest.split_at(rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len()));
        rest = match after {
            [b':', b':', after @ ..] if !gap => {
                gap = true;
                after
            }
            [b':', after @ ..] if !after.is_empty() => after,
            [] => after,
            _ => return false,
        };
        let further = match group {
            // the last 32 bits
            _ if after.is_empty() && is_ipv4(group) => 2,
            [_, ..] if group.len() <= 4 && group.iter().all(u8::is_ascii_hexdigit) => 1,
            _ => return false,
        };
        groups = groups.saturating_add(further);
    }
    if gap { groups < 8 } else { groups == 8 }
}

fn is_ipv4(text: &[u8]) -> bool {
    let mut numbers = 0_u32;
    for digits in text.split(|byte| *byte == b'.') {
        numbers = numbers.saturating_add(1);
        let octet = match digits {
            [b'0'] => true,
            [b'1'..=b'9', ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
                let digits = digits.iter().map(|digit| u32::from(digit & 15));
                digits.fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(digit)) < 256
            }
            _ => false,
        };
        if !octet {
            return false;
        }
    }
    numbers == 4
}

/// `path-abempty` of RFC 3986 section 3.3.
fn is_path(path: &str) -> bool {
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let allowed = match byte {
            b'%' => {
                rest.next().is_some_and(|b| b.is_ascii_hexdigit())
                    && rest.next().is_some_and(|b| b.is_ascii_hexdigit())
            }
            b'/' | b':' | b'@' | b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if !allowed {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_url_without_path_gets_the_default_path() {
        // R-4.1-2
        for url in ["http://ca.test", "http://ca.test/"] {
            assert_eq!(ScepUrl::parse(url).unwrap().as_str(), "http://ca.test/cgi-bin/pkiclient.exe");
        }
        assert_eq!(
            ScepUrl::parse("https://[2001:db8::1]:8443").unwrap().as_str(),
            "https://[2001:db8::1]:8443/cgi-bin/pkiclient.exe"
        );
    }

    #[test]
    fn a_url_with_a_path_is_used_unchanged() {
        // R-4.1-2, and the paths of quirk 6
        for url in [
            "http://127.0.0.1:9010/scep",
            "HTTP://CA.test/certsrv/mscep/mscep.dll/pkiclient.exe",
            "https://ca.test/scep/a%20b/",
            "http://ca.test//x",
            "http://ca.test/p/caps=get/scep;v=1",
            "http://ca_1.test/@:~",
        ] {
            assert_eq!(ScepUrl::parse(url).unwrap().as_str(), url);
        }
    }

    // A21
    #[test]
    fn windows_clients_put_a_program_behind_the_path() {
        for (url, expected) in [
            ("http://a/certsrv/mscep/mscep.dll", "http://a/certsrv/mscep/mscep.dll/pkiclient.exe"),
            ("http://a/certsrv/mscep/", "http://a/certsrv/mscep/pkiclient.exe"),
            ("http://a/mscep.dll/PKIClient.exe", "http://a/mscep.dll/PKIClient.exe"),
            ("http://a", "http://a/cgi-bin/pkiclient.exe"),
            ("http://a/pkiclient.exe/x", "http://a/pkiclient.exe/x/pkiclient.exe"),
        ] {
            let url: ScepUrl = url.parse().unwrap();
            let with = url.with_pkiclient().unwrap();
            assert_eq!(with.as_str(), expected);
            assert_eq!(with.with_pkiclient().as_ref(), Ok(&with));
        }
        let longest: ScepUrl = format!("http://a/{}", "x".repeat(2039)).parse().unwrap();
        assert_eq!(longest.with_pkiclient(), Err(ApiMisuse::Url.into()));
    }

    #[test]
    fn the_parts_can_be_read() {
        let url: ScepUrl = "https://[::1]/scep".parse().unwrap();
        assert_eq!((url.is_https(), url.host(), url.port(), url.path()), (true, "[::1]", 443, "/scep"));
        let url = ScepUrl::parse("http://ca.test").unwrap();
        assert_eq!(
            (url.is_https(), url.host(), url.port(), url.path()),
            (false, "ca.test", 80, "/cgi-bin/pkiclient.exe")
        );
        let url = ScepUrl::parse("http://ca.test:65535/x").unwrap();
        assert_eq!((url.host(), url.port(), url.path()), ("ca.test", 65535, "/x"));
        assert_eq!(format!("{url}"), "http://ca.test:65535/x");
    }

    #[test]
    fn anything_but_a_plain_http_url_is_refused() {
        // T55
        for url in [
            "",
            "ca.test/scep",
            "/scep",
            "//ca.test/scep",
            "ftp://ca.test/scep",
            "file:///etc/passwd",
            "gopher://ca.test/",
            " http://ca.test/",
            "http:/ca.test/",
            "http:ca.test",
            "http://",
            "http:///scep",
            "http://user@ca.test/",
            "http://user:pw@ca.test/",
            "http://good.test@evil.test/",
            "http://good.test\\@evil.test/",
            "http://ca.test/?operation=GetCACert",
            "http://ca.test?x",
            "http://ca.test/#x",
            "http://ca.test#x",
            "http://ca.test:0/",
            "http://ca.test:/",
            "http://ca.test:65536/",
            "http://ca.test:+80/",
            "http://ca.test:80:80/",
            "http://ca.test:8o/",
            "http://[::1/",
            "http://[]/",
            "http://[fe80::1%25eth0]/",
            "http://[::1]x/",
            "http://[::1]80/",
            "http://::1/",
            "http://ca%2etest/",
            "http://ca.test/a b",
            "http://ca.test/a\r\nHost: evil",
            "http://ca.te\nst/",
            "http://ca.test/\t",
            "http://ca.test/\0",
            "http://ca.test/%",
            "http://ca.test/%2",
            "http://ca.test/%zz",
            "http://ca.test/ü",
            "http://cä.test/",
            "http://ca.test/<x>",
            "http://ca.test/a\\b",
        ] {
            assert_eq!(ScepUrl::parse(url), Err(Error::ApiMisuse(ApiMisuse::Url)), "{url:?}");
        }
    }

    #[cfg_attr(miri, ignore = "9,000 texts are too many for an interpreter")]
    #[test]
    fn an_ipv6_address_is_what_core_takes_for_one() {
        let parts = [
            "",
            ":",
            "::",
            "0",
            "1:2",
            "1:2:3:4",
            "fFfF",
            "12345",
            "g",
            "1.2.3.4",
            "1.2.3",
            "01.2.3.4",
            "256.1.1.1",
        ];
        let more = [
            "1.1.1.1.1",
            "255.255.255.255",
            "1.2.3.+4",
            "1..2.3",
            "%25eth0",
            ":5:6:7",
            "1:2:3:4:5:6:7",
            ":8",
        ];
        let parts: Vec<&str> = parts.iter().chain(&more).copied().collect();
        for a in &parts {
            for b in &parts {
                for c in &parts {
                    let text = format!("{a}{b}{c}");
                    let core = text.parse::<core::net::Ipv6Addr>().is_ok();
                    assert_eq!(is_ipv6(text.as_bytes()), core, "{text}");
                }
            }
        }
    }

    #[test]
    fn a_url_has_a_limit() {
        let fits = format!("http://ca.test/{:a<1$}", "", MAX_LENGTH - 15);
        assert!(ScepUrl::parse(&fits).is_ok());
        assert!(ScepUrl::parse(&format!("{fits}a")).is_err());
    }
}
