//! HTTP binding of RFC 8894 section 4, as values: nothing here opens a connection.
//!
//! A client sends an [`HttpRequest`] that [`get`], [`post`] or [`get_pki_operation`] made with any HTTP library and
//! hands the [`HttpResponse`] back. A server fills an [`HttpRequest`] from what it received and sends the
//! [`HttpResponse`] that it is given. What is left to the program that owns the connection:
//!
//! - limits on time and on bytes *while reading*; the checks here see a message that is already in memory;
//! - `Content-Length` on every POST and every response (old servers reject chunked bodies), `Host`, `Connection`;
//! - not following redirects;
//! - sending [`HttpResponse::content_type`] exactly as it stands. Some clients compare it byte by byte, so no
//!   parameter such as `charset` may be added.

mod client;
#[cfg(feature = "http")]
mod http_types;
mod query;
mod server;
mod url;

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

pub use client::{check_response, get, get_pki_operation, post};
pub use query::{base64_decode, base64_encode, percent_decode, percent_encode};
pub use server::{Call, allowed_methods, parse_request};
pub use url::ScepUrl;

/// Media type of one DER certificate, the answer to GetCACert of a CA without intermediates (RFC 8894
/// section 4.2.1.1).
pub const X509_CA_CERT: &str = "application/x-x509-ca-cert";
/// Media type of a certs-only CMS, the answer to GetCACert with several certificates (RFC 8894 section 4.2.1.2).
pub const X509_CA_RA_CERT: &str = "application/x-x509-ca-ra-cert";
/// Media type of the answer to GetNextCACert (RFC 8894 section 4.7.1).
pub const X509_NEXT_CA_CERT: &str = "application/x-x509-next-ca-cert";
/// Media type of a pkiMessage, in both directions (RFC 8894 section 4.3).
pub const PKI_MESSAGE: &str = "application/x-pki-message";
/// Media type of the answer to GetCACaps (RFC 8894 section 3.5.2).
pub const TEXT_PLAIN: &str = "text/plain";

/// HTTP method (RFC 8894 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// Any other; a server answers 405 to it, a client never sends it.
    Other,
}

impl Method {
    /// The method of this exact name; names are case-sensitive (RFC 9110 section 9.1).
    pub fn from_name(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            _ => Self::Other,
        }
    }

    /// `GET` or `POST`; `None` for [`Method::Other`], whose name is not kept.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("GET"),
            Self::Post => Some("POST"),
            Self::Other => None,
        }
    }
}

/// OPERATION of RFC 8894 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Capabilities of the CA (section 3.5); GET only.
    GetCaCaps,
    /// Certificates of the CA (section 4.2); GET only.
    GetCaCert,
    /// The CA's next certificate (section 4.7); GET only.
    GetNextCaCert,
    /// A pkiMessage (section 4.3); POST, or GET where the CA does not announce POSTPKIOperation.
    PkiOperation,
}

impl Operation {
    /// The value of the `operation` parameter, in the letter case of RFC 8894.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetCaCaps => "GetCACaps",
            Self::GetCaCert => "GetCACert",
            Self::GetNextCaCert => "GetNextCACert",
            Self::PkiOperation => "PKIOperation",
        }
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        [Self::GetCaCaps, Self::GetCaCert, Self::GetNextCaCert, Self::PkiOperation]
            .into_iter()
            .find(|operation| operation.name().as_bytes() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An HTTP request, without the headers that SCEP does not use. `Debug` shows the length of the body, not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// GET, POST, or anything else.
    pub method: Method,
    /// Client: the absolute URL with its query. Server: the request target as received, in origin or absolute form,
    /// still escaped.
    pub target: String,
    /// `Content-Type`. Set for POST by a client; ignored by a server, because deployed clients send any or none.
    pub content_type: Option<Cow<'static, str>>,
    /// Body: the DER of a pkiMessage for POST, else empty.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A request as a server received it; `method` and `target` are the first two words of the request line.
    pub fn new(method: &str, target: impl Into<String>, body: Vec<u8>) -> Self {
        Self { method: Method::from_name(method), target: target.into(), content_type: None, body }
    }
}

/// An HTTP response, without the headers that SCEP does not use. `Debug` shows the length of the body, not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code; 200 also for a CertRep that refuses (RFC 8894 section 4.3.1).
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<Cow<'static, str>>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// `Allow`, which goes with status 405; never read by a client.
    pub allow: Option<&'static str>,
    /// Body; may be empty.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Server: status 200 with a body of one of the media types above.
    pub const fn ok(media_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            content_type: Some(Cow::Borrowed(media_type)),
            retry_after: None,
            allow: None,
            body,
        }
    }

    /// Server: a status without a body, for what no CertRep can answer.
    ///
    /// With status 405 `allow` is `GET, POST`; set it from [`allowed_methods`] where the request is at hand.
    pub const fn error(status: u16) -> Self {
        let allow = if status == 405 { Some("GET, POST") } else { None };
        Self { status, content_type: None, retry_after: None, allow, body: Vec::new() }
    }

    /// Client: a response as received; `content_type` is the header's value, with its parameters.
    pub fn new(status: u16, content_type: Option<&str>, body: Vec<u8>) -> Self {
        let content_type = content_type.map(|value| Cow::Owned(value.to_string()));
        Self { status, content_type, retry_after: None, allow: None, body }
    }

    /// Client: adds the value of the `Retry-After` header. Seconds are read (4294967295 at most); a date is ignored,
    /// because a device's clock is not to be relied on.
    #[must_use]
    pub fn with_retry_after(mut self, value: &str) -> Self {
        let value = value.trim_ascii();
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        self.retry_after = digits.then(|| value.parse().unwrap_or(u32::MAX));
        self
    }

    /// Whether the media type is `wanted`: parameters and letter case do not count (RFC 9110 section 8.3.1).
    fn has_media_type(&self, wanted: &str) -> bool {
        self.content_type.as_deref().is_some_and(|value| {
            // not `split_once`: the searches of `str` take 0.4 KB of a device's flash
            let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
        })
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("content_type", &self.content_type)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("retry_after", &self.retry_after)
            .field("allow", &self.allow)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    #[test]
    fn debug_output_holds_the_length_of_a_body_and_not_its_bytes() {
        let request = format!("{:?}", HttpRequest::new("POST", "/scep", vec![0xAB; 12]));
        let response = format!("{:?}", HttpResponse::ok(PKI_MESSAGE, vec![0xAB; 12]));
        for text in [request, response] {
            assert!(text.contains("12 bytes") && !text.contains("171"), "{text}");
        }
    }

    #[test]
    fn operation_names_are_exact() {
        // R-3.5-1, T58
        for operation in
            [Operation::GetCaCaps, Operation::GetCaCert, Operation::GetNextCaCert, Operation::PkiOperation]
        {
            assert_eq!(Operation::from_name(operation.name().as_bytes()), Some(operation));
            assert_eq!(Operation::from_name(operation.name().to_ascii_lowercase().as_bytes()), None);
        }
        assert_eq!(Operation::from_name(b"GetCACertX"), None);
        assert_eq!(Operation::from_name(b"GetCACert\0"), None);
        assert_eq!(Operation::from_name(b""), None);
    }

    #[test]
    fn method_names_are_exact() {
        // T58
        assert_eq!(Method::from_name("GET"), Method::Get);
        assert_eq!(Method::from_name("POST"), Method::Post);
        for name in ["get", "Post", "HEAD", "PUT", "OPTIONS", "GET ", ""] {
            assert_eq!(Method::from_name(name), Method::Other, "{name}");
        }
    }

    // quirk 12, P14
    #[test]
    fn an_answer_carries_the_exact_media_type() {
        // P14, R-4.3.1-2
        let response = HttpResponse::ok(PKI_MESSAGE, vec![0x30]);
        assert_eq!(
            (response.status, response.content_type.as_deref()),
            (200, Some("application/x-pki-message"))
        );
    }

    #[test]
    fn only_405_allows_methods() {
        // E1
        assert_eq!(HttpResponse::error(405).allow, Some("GET, POST"));
        assert_eq!(HttpResponse::error(400).allow, None);
    }

    // quirk 10
    #[test]
    fn media_types_compare_without_parameters_and_case() {
        for (value, same) in [
            ("application/x-pki-message", true),
            ("Application/X-PKI-Message ; charset=x", true),
            ("application/x-pki-message2", false),
            ("x; application/x-pki-message", false),
            ("", false),
        ] {
            assert_eq!(
                HttpResponse::new(200, Some(value), vec![]).has_media_type(PKI_MESSAGE),
                same,
                "{value}"
            );
        }
        assert!(!HttpResponse::new(200, None, vec![]).has_media_type(PKI_MESSAGE));
    }

    // Q21
    #[test]
    fn retry_after_reads_seconds_only() {
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999", Some(u32::MAX)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(HttpResponse::error(503).with_retry_after(value).retry_after, seconds, "{value}");
        }
    }
}
