//! The network: one HTTP exchange at a time.

use scep::client::Transport;
use scep::transport::{HttpRequest, HttpResponse, Method};
use scep::wire::Limits;
use std::fmt;
use std::io::Read;
use std::time::Duration;
use ureq::http::Request;
use ureq::{Agent, Body};

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(30);

pub(crate) struct Http {
    agent: Agent,
    last: Option<&'static str>,
}

impl Http {
    pub(crate) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // a redirect is an answer like any other, and no good one
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .build();
        Self { agent: config.into(), last: None }
    }

    /// What the last answer was, if it was nothing that a SCEP server sends: "an HTML page", for example.
    pub(crate) fn not_scep(&self) -> Option<&'static str> {
        self.last
    }

    fn send(&self, request: &HttpRequest) -> Result<ureq::http::Response<Body>, HttpError> {
        let made = Request::try_from(request).map_err(HttpError::Request)?;
        let sent = match request.method {
            // without this a GET would have a Content-Length
            Method::Get => self.agent.run(made.map(drop)),
            _ => self.agent.run(made),
        };
        sent.map_err(HttpError::Exchange)
    }
}

impl Transport for Http {
    type Error = HttpError;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.last = None;
        let (head, mut body) = self.send(request)?.into_parts();
        // one byte more than the library takes: it says what is too long
        let limit = u64::try_from(Limits::DEFAULT.response).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        body.as_reader().take(limit).read_to_end(&mut bytes).map_err(HttpError::Body)?;
        self.last = kind(&bytes);
        Ok(ureq::http::Response::from_parts(head, bytes).into())
    }
}

/// Certificates and messages in SCEP are binary.
fn kind(body: &[u8]) -> Option<&'static str> {
    const HTML: [&[u8]; 6] = [b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--"];
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    let begins = |with: &[u8]| body.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E | 0x80..);
    let has_pem = || body.windows(11).any(|window| window == b"-----BEGIN ");
    match body {
        [] => None,
        _ if HTML.iter().any(|with| begins(with)) => Some("an HTML page"),
        _ if !body.iter().all(is_text) || std::str::from_utf8(body).is_err() => None,
        _ if has_pem() => Some("PEM text"),
        _ => Some("plain text"),
    }
}

#[derive(Debug)]
pub(crate) enum HttpError {
    Request(scep::Error),
    Exchange(ureq::Error),
    Body(std::io::Error),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Exchange(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
        }
    }
}
