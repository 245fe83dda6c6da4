//! A SCEP client on a microcontroller: no operating system, no clock, no `std`.
//!
//! It speaks HTTP over a serial line and keeps its state on the host, by semihosting, in place of flash memory. One start
//! takes it as far as it gets: to a certificate, to a refusal, or to PENDING, after which the power may go; the next
//! start resumes. See `README.md` beside this crate.

#![no_std]
#![no_main]

extern crate alloc;

mod board;
mod console;
mod device;
mod heap;
mod http;
mod keys;
mod meter;
mod options;
mod provider;
mod rng;
#[cfg(not(feature = "all-sizes"))]
// without a private key in the image half of it is
#[cfg_attr(feature = "element", allow(dead_code))]
mod rsa;
mod store;

use core::panic::PanicInfo;
use semihosting::process;

/// Called by the board's start-up code.
fn start() -> ! {
    board::init();
    let options = options::read();
    heap::init(options.heap);
    let outcome = device::run(&options);
    meter::report();
    process::exit(outcome.code())
}

/// A heap that runs out ends here too: the power goes, as it were, and the next start finds what was stored.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    console::line("panic");
    process::exit(101)
}
