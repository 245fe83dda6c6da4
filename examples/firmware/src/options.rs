//! What the host asks for on the command line, in place of buttons and jumpers.

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
        match arg.split_once('=') {
            Some(("heap", bytes)) => options.heap = bytes.parse().unwrap_or(HEAP_MAX).min(HEAP_MAX),
            Some(("rng", "broken")) => options.rng_broken = true,
            Some(("patience", seconds)) => options.patience = seconds.parse().unwrap_or(20),
            None if arg == "renew" => options.renew = true,
            _ => {}
        }
    }
    options
}
