//! What is around a message: HTTP, a query, percent escapes, base64, PEM.

use super::finding::{Deviation, Findings, Place};
use super::http::HttpReport;
use super::value::{MOST, shown};
use crate::error::{Error, InvalidMessage};
use crate::transport::{base64_decode, percent_decode};
use crate::wire::capabilities::Capability;
use crate::wire::tlv;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One thing that was taken off before the message was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// The head of an HTTP request.
    HttpRequest,
    /// The head of an HTTP response.
    HttpResponse,
    /// Chunks of HTTP (RFC 9112 section 7.1).
    Chunked,
    /// The parameter `message` of a query.
    Query,
    /// Percent escapes.
    Percent,
    /// Base64, in either alphabet.
    Base64,
    /// PEM, with the label of the first block.
    Pem(String),
}

impl fmt::Display for Wrapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HttpRequest => f.write_str("HTTP request"),
            Self::HttpResponse => f.write_str("HTTP response"),
            Self::Chunked => f.write_str("chunked"),
            Self::Query => f.write_str("query"),
            Self::Percent => f.write_str("percent escapes"),
            Self::Base64 => f.write_str("base64"),
            Self::Pem(label) => write!(f, "PEM {label}"),
        }
    }
}

/// What is left when everything around is gone.
#[derive(Default)]
pub(super) struct Unwrapped {
    pub(super) wrappings: Vec<Wrapping>,
    pub(super) http: Option<HttpReport>,
    /// One element, or several from PEM; none where HTTP carried nothing.
    pub(super) items: Vec<Vec<u8>>,
    /// Whether it is capability text.
    pub(super) is_text: bool,
}

pub(super) fn unwrap(input: &[u8], findings: &mut Findings) -> Result<Unwrapped, Error> {
    let mut unwrapped = Unwrapped::default();
    let request = [&b"GET "[..], b"POST ", b"HEAD ", b"PUT "].iter().any(|start| input.starts_with(start));
    if request {
        unwrapped.request(input, findings)?;
    } else if input.starts_with(b"HTTP/") {
        unwrapped.response(input, findings)?;
    } else {
        unwrapped.content(input, findings)?;
    }
    Ok(unwrapped)
}

impl Unwrapped {
    /// The value of `message` in a query, as it was sent.
    pub(super) fn query(&mut self, value: &str, findings: &mut Findings) -> Result<(), Error> {
        self.wrappings.push(Wrapping::Query);
        findings.add_if(value.contains(['+', '/']), Deviation::NotEscaped, Place::Http);
        let text = if value.contains('%') {
            self.wrappings.push(Wrapping::Percent);
            percent_decode(value)?
        } else {
            value.as_bytes().to_vec()
        };
        self.base64(&text, findings)
    }

    fn base64(&mut self, text: &[u8], findings: &mut Findings) -> Result<(), Error> {
        let is_http = self.http.is_some() || self.wrappings.contains(&Wrapping::Query);
        let der = base64_decode(text)?;
        if is_http {
            let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
            findings.add_if(url, Deviation::Base64Url, Place::Http);
            let lines = text.iter().any(u8::is_ascii_whitespace);
            findings.add_if(lines, Deviation::Base64Lines, Place::Http);
            let symbols = text.iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'\t')).count();
            findings.add_if(symbols % 4 != 0, Deviation::Base64Padding, Place::Http);
        }
        self.wrappings.push(Wrapping::Base64);
        self.items.push(der);
        Ok(())
    }

    /// A body or a file: binary, or one of the texts.
    pub(super) fn content(&mut self, bytes: &[u8], findings: &mut Findings) -> Result<(), Error> {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii();
        let Some(text) = core::str::from_utf8(text)
            .ok()
            .filter(|_| bytes.first() != Some(&tlv::SEQUENCE) || is_base64(text))
        else {
            self.items.push(bytes.to_vec());
            return Ok(());
        };
        let in_http = self.http.is_some();
        if text.contains("-----BEGIN ") {
            findings.add_if(in_http, Deviation::TextBody, Place::Http);
            return self.pem(text);
        }
        if let Some(message) = parameter(text.split_once('?').map_or(text, |(_, query)| query), "message")
            && text.contains("operation=")
        {
            let end = message.find(|c: char| c.is_ascii_whitespace()).unwrap_or(message.len());
            return self.query(message.get(..end).unwrap_or_default(), findings);
        }
        let is_capability = |line: &str| {
            Capability::ALL.iter().any(|known| known.keyword().eq_ignore_ascii_case(line.trim()))
        };
        if text.split(['\n', '\r']).any(is_capability) {
            return self.text(bytes);
        }
        let unescaped = if text.contains('%') { percent_decode(text).ok() } else { None };
        let plain = unescaped.as_deref().unwrap_or(text.as_bytes()).trim_ascii();
        if base64_decode(plain).is_ok_and(|der| der.first() == Some(&tlv::SEQUENCE)) {
            findings.add_if(in_http, Deviation::TextBody, Place::Http);
            self.wrappings.extend(unescaped.is_some().then_some(Wrapping::Percent));
            return self.base64(plain, findings);
        }
        let is_word = |line: &str| line.len() <= 64 && line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !text.is_empty() && !text.contains('<') && text.lines().all(is_word) {
            return self.text(bytes);
        }
        self.items.push(bytes.to_vec());
        Ok(())
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.is_text = true;
        self.items.push(bytes.to_vec());
        Ok(())
    }

    fn pem(&mut self, text: &str) -> Result<(), Error> {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("-----BEGIN ") {
            let (label, after) = after.split_once("-----").ok_or(InvalidMessage::Pem)?;
            let (body, after) = after.split_once("-----END ").unwrap_or((after, ""));
            rest = after;
            if label.contains("PRIVATE KEY") || self.items.len() >= MOST {
                continue;
            }
            // Headers of RFC 1421 end with an empty line.
            let body = body.lines().filter(|line| !line.contains(':')).collect::<String>();
            let spaceless: String = body.split_whitespace().collect();
            self.items.push(base64_decode(spaceless.as_bytes()).map_err(|_| InvalidMessage::Pem)?);
            if self.items.len() == 1 {
                self.wrappings.push(Wrapping::Pem(shown(label)));
            }
        }
        if self.items.is_empty() { Err(InvalidMessage::Pem.into()) } else { Ok(()) }
    }
}

/// Base64 of DER may begin with the byte that begins DER: `0`.
fn is_base64(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_%\r\n\t ".contains(byte))
}

pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const DER: &[u8] = &[0x30, 6, 4, 4, 0xFB, 0xEF, 0xFF, 0xFE];

    fn open(input: impl AsRef<[u8]>) -> (Unwrapped, Vec<Deviation>) {
        let mut findings = Findings::default();
        let unwrapped = unwrap(input.as_ref(), &mut findings).unwrap();
        (unwrapped, findings.0.iter().map(|finding| finding.deviation).collect())
    }

    // I-1, Q2, Q3
    #[test]
    fn every_way_to_write_base64_in_a_query_is_read_and_told() {
        let get = |message: &str| {
            open(format!("GET /scep?operation=PKIOperation&message={message} HTTP/1.1\r\n\r\n"))
        };
        for (message, expected) in [
            ("MAYEBPvv%2F%2F4%3D", &[][..]),
            ("MAYEBPvv%2f%2f4=", &[]),
            ("MAYEBPvv//4%3D", &[Deviation::NotEscaped]),
            ("MAYEBPvv__4", &[Deviation::Base64Url, Deviation::Base64Padding]),
            ("MAYEBPvv%0A%2F%2F4%3D%0A", &[Deviation::Base64Lines]),
        ] {
            let (unwrapped, found) = get(message);
            assert_eq!(
                (unwrapped.items, found.as_slice()),
                (alloc::vec![DER.to_vec()], expected),
                "{message}"
            );
        }
        let mut findings = Findings::default();
        let broken = b"GET /scep?operation=PKIOperation&message=%4 HTTP/1.1";
        assert_eq!(unwrap(broken, &mut findings).err(), Some(InvalidMessage::Percent.into()));
        let broken = b"GET /scep?operation=PKIOperation&message=! HTTP/1.1";
        assert_eq!(unwrap(broken, &mut findings).err(), Some(InvalidMessage::Base64.into()));
    }

    #[test]
    fn files_in_text_are_read() {
        for text in [
            "MAYEBPvv//4=\n",
            "MAYE\r\nBPvv\r\n//4=",
            "MAYEBPvv__4",
            "MAYEBPvv%2F%2F4%3D",
            "http://ca.test/scep?operation=PKIOperation&message=MAYEBPvv%2F%2F4%3D\n",
            "text before\n-----BEGIN CMS-----\nX-Header: 1\n\nMAYEBPvv\n//4=\n-----END CMS-----\n",
        ] {
            let (unwrapped, _) = open(text);
            assert_eq!(unwrapped.items, [DER], "{text}");
            assert!(!unwrapped.is_text);
        }
        assert_eq!(open(DER).0.items, [DER]);
        let mut findings = Findings::default();
        let key = b"-----BEGIN PRIVATE KEY-----\nMAYEBPvv//4=\n-----END PRIVATE KEY-----\n";
        assert_eq!(unwrap(key, &mut findings).err(), Some(InvalidMessage::Pem.into()));
    }

    #[test]
    fn heads_and_chunks_of_http_are_taken_off() {
        let mut response =
            b"HTTP/1.1 500 Oops\r\nContent-Type: Text/HTML; charset=x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n".to_vec();
        response.extend([&DER[..3], b"\r\n5;x\r\n", &DER[3..], b"\r\n0\r\n\r\n"].concat());
        let (unwrapped, found) = open(response);
        assert_eq!(unwrapped.items, [DER]);
        assert_eq!(found, [Deviation::HttpStatus]);
        let http = unwrapped.http.unwrap();
        assert_eq!(
            (http.status, http.media_type.as_deref(), http.body_length),
            (Some(500), Some("text/html"), 8)
        );

        let (unwrapped, found) =
            open([&b"PUT /scep HTTP/1.0\nContent-Length: 8\n\n"[..], DER, b"more"].concat());
        assert_eq!(unwrapped.items, [DER]);
        assert_eq!(found, [Deviation::HttpOperation, Deviation::HttpMethod]);

        let (unwrapped, found) = open("GET /scep?operation=GetCACert&message=my%1Bca HTTP/1.1\r\n\r\n");
        assert!(unwrapped.items.is_empty() && found.is_empty());
        assert_eq!(unwrapped.http.unwrap().ca_identifier.as_deref(), Some("my%1Bca"));

        let (unwrapped, found) = open("HTTP/1.1 200 OK\r\n\r\nMAYEBPvv//4=");
        assert_eq!(unwrapped.items, [DER]);
        assert_eq!(found, [Deviation::TextBody]);
    }

    // R-3.5.2-9
    #[test]
    fn capability_text_is_known_from_base64() {
        for text in ["AES\n", "Renewal\r\nSHA-1\r\n", "aes", "Foo-1\nBar", "DES3"] {
            assert!(open(text).0.is_text, "{text}");
        }
        let (unwrapped, _) = open("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
        assert!(unwrapped.is_text && unwrapped.items == [b""]);
        assert!(!open("<html>AES</html>").0.is_text);
    }
}
