//! Lines for people.
//!
//! Without `core::fmt`, which would take 3 KB of flash, and without the texts of errors: 8 KB.

use crate::board::{self, Line, Uart};

fn put(bytes: &[u8]) {
    let mut uart = board::uart(Line::Console);
    bytes.iter().for_each(|byte| uart.put(*byte));
}

/// A line of text.
pub(crate) fn line(text: &str) {
    put(text.as_bytes());
    put(b"\n");
}

/// A line with a text in it, of which only ASCII that can be printed is shown: a CA may have sent it.
pub(crate) fn text(label: &str, text: &[u8]) {
    put(label.as_bytes());
    put(b": ");
    text.iter().for_each(|byte| put(&[if matches!(byte, b' '..=b'~') { *byte } else { b'?' }]));
    put(b"\n");
}

/// A line with a number in it.
pub(crate) fn number(label: &str, value: u32) {
    put(label.as_bytes());
    put(b": ");
    decimal(value);
    put(b"\n");
}

fn decimal(value: u32) {
    if value >= 10 {
        decimal(value / 10);
    }
    put(&[b'0' + u8::try_from(value % 10).unwrap_or_default()]);
}
