//! HTTP with the service, as values: what to send, the token it goes with, and what may come in place of an answer.

use crate::crypto::{Rng, random::random_array};
use crate::error::{ApiMisuse, Error, RngFailed};
use crate::transport::Method;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// An access token of the identity platform (OAuth 2.0 client credentials). How it was got is the caller's business; it
/// has to be for the scope that [`Ask::scope`](super::Ask::scope) names.
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Longest token, bytes.
    pub const MAX_LENGTH: usize = 16 << 10;

    /// Takes the token. [`ApiMisuse::Service`] when it is empty, longer than [`Self::MAX_LENGTH`], or has characters
    /// that would end the header that it is sent in.
    pub fn new(token: impl Into<String>) -> Result<Self, Error> {
        let token = Zeroizing::new(token.into());
        let plain = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || token.len() > Self::MAX_LENGTH || !plain {
            return Err(ApiMisuse::Service.into());
        }
        Ok(Self(token))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// What a support engineer finds a call by: the GUID in its header `client-request-id`. One stands for a whole
/// enrolment: validation, notification, and every repetition of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Draws one: version 4 of RFC 9562 section 5.4.
    pub fn generate(rng: &mut Rng<'_>) -> Result<Self, RngFailed> {
        let mut bytes = random_array::<16>(rng)?;
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = *version & 0x0F | 0x40;
        *variant = *variant & 0x3F | 0x80;
        Ok(Self(bytes))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, byte)| {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")
        })
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// An HTTP request to the service or to the directory that says where it is. `Debug` shows neither the token nor the
/// body, which holds a challenge password; both are zeroized when dropped.
pub struct ServiceRequest {
    /// GET or POST.
    pub method: Method,
    /// Absolute URL, always `https`.
    pub url: String,
    /// Name and value, in the order to send them. `Host` and `Content-Length` are the HTTP client's to add.
    pub headers: Vec<(&'static str, String)>,
    /// JSON in UTF-8, or empty.
    pub body: Vec<u8>,
    /// How long the answer may take, from the first byte sent to the last one read. After that it counts as
    /// [`NoAnswer::TimedOut`].
    pub timeout: Duration,
}

impl ServiceRequest {
    pub(super) fn new(url: String, token: &AccessToken, id: RequestId, timeout: Duration) -> Self {
        let headers = alloc::vec![
            ("Authorization", format!("Bearer {}", &*token.0)),
            ("client-request-id", format!("{id}")),
            ("Accept", String::from("application/json")),
        ];
        Self { method: Method::Get, url, headers, body: Vec::new(), timeout }
    }

    pub(super) fn posting(mut self, version: &str, body: &[u8]) -> Self {
        self.method = Method::Post;
        self.headers.push(("api-version", version.into()));
        self.headers.push(("Content-Type", "application/json; charset=utf-8".into()));
        self.body = body.to_vec();
        self
    }

    /// The value of a header; letter case does not count.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Drop for ServiceRequest {
    fn drop(&mut self) {
        self.body.zeroize();
        self.headers.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl fmt::Debug for ServiceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("id", &self.header("client-request-id"))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Why there is no HTTP response.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No connection, or it broke.
    Unreachable,
    /// [`ServiceRequest::timeout`] is over.
    TimedOut,
    /// The identity platform gave no token.
    NoToken,
}

/// Why nothing is known about what was asked. Every one of them is "undecided": nothing is issued, nothing is refused for
/// good, and the same challenge may be tried again.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no HTTP response.
    NoAnswer(NoAnswer),
    /// An HTTP status that is none of success (the value is the status).
    Status(u16),
    /// A response that is not the JSON that it should be, or longer than 1 MiB.
    Unreadable,
    /// The directory names no such service, or one that is not reached by `https`.
    NotFound,
    /// The service says itself that it does not know ([`ResultCode::Unknown`](super::ResultCode::Unknown)).
    Unknown,
}

impl Fault {
    /// Whether it may be another one in a moment. A service that cannot tell has told so: asking at once does not help.
    pub(super) fn may_pass(self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable => true,
            // 401: the token may have run out meanwhile; 404, 410: the service may have moved
            Self::Status(status) => matches!(status, 401 | 404 | 408 | 410 | 429 | 500..=599),
            Self::NotFound | Self::Unknown => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(NoAnswer::Unreachable) => f.write_str("the service cannot be reached"),
            Self::NoAnswer(NoAnswer::TimedOut) => f.write_str("the service did not answer in time"),
            Self::NoAnswer(NoAnswer::NoToken) => f.write_str("no access token"),
            Self::Status(status) => write!(f, "HTTP status {status} of the service"),
            Self::Unreadable => f.write_str("an answer that cannot be read"),
            Self::NotFound => f.write_str("the directory names no such service"),
            Self::Unknown => f.write_str("the service does not know"),
        }
    }
}

impl core::error::Error for Fault {}
