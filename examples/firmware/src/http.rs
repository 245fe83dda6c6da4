//! HTTP/1.1 over a serial line: one request, one response, on a connection that stays.

use crate::board::{self, Line, TICKS_PER_SECOND, Uart};
use crate::meter::{Work, during};
use alloc::string::String;
use alloc::vec::Vec;
use scep::transport::{HttpRequest, HttpResponse};

/// Why there is no response.
pub(crate) enum Lost {
    /// Nothing came for too long: bytes got lost, or the server closed the connection.
    Silence,
    /// What came is not HTTP, or too long.
    Nonsense,
}

impl Lost {
    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::Silence => "no answer",
            Self::Nonsense => "not an HTTP response",
        }
    }
}

/// The connection: a board has one.
pub(crate) struct Http {
    /// Ticks to wait for the next byte.
    patience: u64,
    /// Longest body.
    limit: usize,
}

impl Http {
    pub(crate) fn new(patience: u32, limit: usize) -> Self {
        Self { patience: u64::from(patience) * u64::from(TICKS_PER_SECOND), limit }
    }

    fn byte(&mut self) -> Result<u8, Lost> {
        let mut uart = board::uart(Line::Network);
        if let Some(byte) = uart.get() {
            return Ok(byte);
        }
        during(Work::Wait, || {
            let (mut last, mut waited) = (board::ticks(), 0_u64);
            while waited < self.patience {
                if let Some(byte) = uart.get() {
                    return Ok(byte);
                }
                let now = board::ticks();
                waited += u64::from(now.wrapping_sub(last));
                last = now;
            }
            Err(Lost::Silence)
        })
    }

    /// A line without its end. What does not fit is dropped: no header that matters is that long.
    fn line(&mut self) -> Result<Text, Lost> {
        let mut line = Text { bytes: [0; 96], length: 0 };
        for _ in 0..self.limit {
            match self.byte()? {
                b'\n' => return Ok(line),
                b'\r' => {}
                byte => line.push(byte),
            }
        }
        Err(Lost::Nonsense)
    }

    fn body(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Lost> {
        if length > self.limit.saturating_sub(body.len()) {
            return Err(Lost::Nonsense);
        }
        body.reserve_exact(length);
        for _ in 0..length {
            body.push(self.byte()?);
        }
        Ok(())
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Lost> {
        loop {
            let line = self.line()?;
            let size = line.bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            let size = digits(size.trim_ascii(), 16).ok_or(Lost::Nonsense)?;
            self.body(size, body)?;
            while !self.line()?.bytes().is_empty() && size == 0 {}
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn response(&mut self) -> Result<HttpResponse, Lost> {
        let status = self.line()?;
        // HTTP/1.1 200 OK
        let code = status.bytes().strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let code = code.and_then(|code| u16::try_from(digits(code, 10)?).ok());
        let code = code.ok_or(Lost::Nonsense)?;
        let (mut length, mut chunked, mut content_type, mut retry_after) = (0, false, None, None);
        loop {
            let line = self.line()?;
            let Some(colon) = line.bytes().iter().position(|byte| *byte == b':') else { break };
            let (name, value) = line.bytes().split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            let named = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
            if named("content-length") {
                length = digits(value, 10).ok_or(Lost::Nonsense)?;
            } else if named("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case(b"chunked");
            } else if named("content-type") {
                content_type = core::str::from_utf8(value).ok().map(String::from);
            } else if named("retry-after") {
                retry_after = core::str::from_utf8(value).ok().map(String::from);
            }
        }
        let mut body = Vec::new();
        if chunked {
            self.chunks(&mut body)?
        } else {
            self.body(length, &mut body)?
        }
        let response = HttpResponse::new(code, content_type.as_deref(), body);
        Ok(match retry_after {
            Some(value) => response.with_retry_after(&value),
            None => response,
        })
    }
}

impl Http {
    /// Sends a request and waits for the response.
    #[inline(never)]
    pub(crate) fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Lost> {
        during(Work::Program, || {
            // what is left of an answer that came too late
            while board::uart(Line::Network).get().is_some() {}
            send(request);
            self.response()
        })
    }
}

fn send(request: &HttpRequest) {
    // http://host/path?query
    let rest = request.target.as_bytes().strip_prefix(b"http://").unwrap_or_default();
    let (host, path) = rest.split_at(rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()));
    text(request.method.name().unwrap_or_default());
    text(" ");
    bytes(path);
    text(" HTTP/1.1\r\nHost: ");
    bytes(host);
    if let Some(content_type) = &request.content_type {
        text("\r\nContent-Type: ");
        text(content_type);
        text("\r\nContent-Length: ");
        number(request.body.len());
    }
    text("\r\n\r\n");
    bytes(&request.body);
}

fn text(text: &str) {
    bytes(text.as_bytes());
}

fn bytes(bytes: &[u8]) {
    let mut uart = board::uart(Line::Network);
    bytes.iter().for_each(|byte| uart.put(*byte));
}

/// A number of at least one digit.
pub(crate) fn digits(text: &[u8], radix: u32) -> Option<usize> {
    let add = |sum: usize, byte: &u8| {
        let digit = char::from(*byte).to_digit(radix)?;
        sum.checked_mul(usize::try_from(radix).ok()?)?.checked_add(usize::try_from(digit).ok()?)
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, add) }
}

/// In decimal digits.
fn number(value: usize) {
    if value >= 10 {
        number(value / 10);
    }
    bytes(&[b'0' + u8::try_from(value % 10).unwrap_or_default()]);
}

/// The beginning of a line.
struct Text {
    bytes: [u8; 96],
    length: usize,
}

impl Text {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
