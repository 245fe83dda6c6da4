//! What the host asks for on the command line, in place of buttons and jumpers.

use crate::http::digits;
use semihosting::experimental::env;

/// Largest heap that can be asked for; there is a static of this size.
pub(crate) const HEAP_MAX: usize = 32 << 10;

pub(crate) struct Options {
    /// `heap=BYTES`: how much of the heap there is.
    pub(crate) heap: usize,
    /// `renew`: ask for a certificate in place of the one that is there, for the other key.
    pub(crate) renew: bool,
    /// `rng=broken`: the generator fails.
    pub(crate) rng_broken: bool,
    /// `patience=SECONDS`: how long to wait for an answer.
    pub(crate) patience: u32,
}

pub(crate) fn read() -> Options {
    let mut options = Options { heap: HEAP_MAX, renew: false, rng_broken: false, patience: 20 };
    let Ok(args) = env::args::<256>() else { return options };
    for arg in (&args).flatten() {
        if let Some(bytes) = arg.strip_prefix("heap=") {
            options.heap = digits(bytes.as_bytes(), 10).unwrap_or(HEAP_MAX).min(HEAP_MAX);
        } else if let Some(seconds) = arg.strip_prefix("patience=") {
            options.patience = digits(seconds.as_bytes(), 10).and_then(|s| s.try_into().ok()).unwrap_or(20);
        } else {
            options.rng_broken |= arg == "rng=broken";
            options.renew |= arg == "renew";
        }
    }
    options
}
