//! Lines for people.

use crate::board::{self, Line, Uart};
use core::fmt::{self, Write};

struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut uart = board::uart(Line::Console);
        text.bytes().for_each(|byte| uart.put(byte));
        Ok(())
    }
}

/// A line of text.
pub(crate) fn line(text: &str) {
    let _ = Console.write_str(text);
    let _ = Console.write_str("\n");
}

/// A line with a value in it.
pub(crate) fn value(label: &str, value: &dyn fmt::Display) {
    let _ = writeln!(Console, "{label}: {value}");
}
