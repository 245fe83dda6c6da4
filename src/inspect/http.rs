//! HTTP around a message (RFC 8894 section 4).

use super::container::{Unwrapped, Wrapping, parameter};
use super::finding::{Deviation, Findings, Place};
use super::value::{MOST, shown};
use crate::error::Error;
use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The HTTP around a message (RFC 8894 section 4). All texts are safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpReport {
    /// The method, in a request.
    pub method: Option<String>,
    /// The parameter `operation`, in a request.
    pub operation: Option<String>,
    /// The parameter `message` where it is no PKIOperation: the CA's name.
    pub ca_identifier: Option<String>,
    /// The status, in a response.
    pub status: Option<u16>,
    /// The media type, without parameters, in lower case.
    pub media_type: Option<String>,
    /// Length of the body, bytes.
    pub body_length: usize,
}

/// Head and body; the head's lines without their ends.
fn split(input: &[u8]) -> (Vec<String>, &[u8]) {
    let mut lines = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default().trim_ascii_end();
        rest = rest.get(end..).and_then(|rest| rest.get(1..)).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        if lines.len() < MOST {
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
    }
    (lines, rest)
}

fn header<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(own, _)| own.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Takes off the chunks of HTTP; what is no chunk any more ends it.
fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len());
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let line = body.get(..end).and_then(|line| core::str::from_utf8(line).ok()).unwrap_or_default();
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        body = body.get(end..).and_then(|rest| rest.get(1..)).unwrap_or_default();
        let chunk = body.get(..size).unwrap_or(body);
        whole.extend_from_slice(chunk);
        body = body.get(chunk.len()..).unwrap_or_default();
        body = body.strip_prefix(b"\r").unwrap_or(body);
        body = body.strip_prefix(b"\n").unwrap_or(body);
        if size == 0 {
            break;
        }
    }
    whole
}

impl Unwrapped {
    fn body<'a>(&mut self, lines: &[String], body: &'a [u8]) -> Cow<'a, [u8]> {
        let chunked = header(lines, "transfer-encoding").is_some_and(|coding| {
            coding.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
        });
        if chunked {
            self.wrappings.push(Wrapping::Chunked);
            return dechunk(body).into();
        }
        let length = header(lines, "content-length").and_then(|length| length.parse::<usize>().ok());
        length.and_then(|length| body.get(..length)).unwrap_or(body).into()
    }

    pub(super) fn request(&mut self, input: &[u8], findings: &mut Findings) -> Result<(), Error> {
        self.wrappings.push(Wrapping::HttpRequest);
        let (lines, body) = split(input);
        let line = lines.first().map(String::as_str).unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let body = self.body(&lines, body);
        let operation = parameter(query, "operation");
        let is_pki = operation == Some("PKIOperation");
        let known = ["GetCACaps", "GetCACert", "GetNextCACert", "PKIOperation"];
        findings.add_if(
            !operation.is_some_and(|operation| known.contains(&operation)),
            Deviation::HttpOperation,
            Place::Http,
        );
        findings.add_if(
            !(method == "GET" || (method == "POST" && is_pki)),
            Deviation::HttpMethod,
            Place::Http,
        );
        let message = parameter(query, "message").filter(|message| !message.is_empty());
        self.http = Some(HttpReport {
            method: Some(shown(method)),
            operation: operation.map(shown),
            ca_identifier: message.filter(|_| !is_pki).map(shown),
            status: None,
            media_type: header(&lines, "content-type").map(media_type),
            body_length: body.len(),
        });
        if !body.is_empty() {
            self.content(&body, findings)
        } else if is_pki {
            self.query(message.unwrap_or_default(), findings)
        } else {
            Ok(())
        }
    }

    pub(super) fn response(&mut self, input: &[u8], findings: &mut Findings) -> Result<(), Error> {
        self.wrappings.push(Wrapping::HttpResponse);
        let (lines, body) = split(input);
        let status = lines.first().and_then(|line| line.split_ascii_whitespace().nth(1)?.parse().ok());
        let body = self.body(&lines, body);
        findings.add_if(status != Some(200), Deviation::HttpStatus, Place::Http);
        let media_type = header(&lines, "content-type").map(media_type);
        let is_text = media_type.as_deref() == Some("text/plain");
        self.http = Some(HttpReport { status, media_type, body_length: body.len(), ..HttpReport::default() });
        if body.is_empty() {
            // An empty list of capabilities, where the media type says so.
            self.is_text = is_text;
            self.items.extend(is_text.then(Vec::new));
            return Ok(());
        }
        self.content(&body, findings)
    }
}

fn media_type(value: &str) -> String {
    shown(&value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()).to_string()
}
