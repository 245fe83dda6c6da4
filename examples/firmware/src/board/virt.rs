//! QEMU's RISC-V board `virt`.

use super::{Line, Uart};
use core::ptr;

/// Of the core-local timer.
pub(crate) const TICKS_PER_SECOND: u32 = 10_000_000;

const MTIME: usize = 0x0200_BFF8;

#[riscv_rt::entry]
fn main() -> ! {
    crate::start()
}

/// Nothing to do: QEMU's UART and timer run.
pub(crate) fn init() {}

/// Counts up, and around.
pub(crate) fn ticks() -> u32 {
    // SAFETY: a register of this board that may be read at any time
    unsafe { ptr::read_volatile(MTIME as *const u32) }
}

/// The one serial line is the network's; others lead nowhere.
pub(crate) fn uart(line: Line) -> Ns16550 {
    Ns16550(matches!(line, Line::Network).then_some(0x1000_0000))
}

/// A 16550.
pub(crate) struct Ns16550(Option<usize>);

impl Uart for Ns16550 {
    fn put(&mut self, byte: u8) {
        let Some(base) = self.0 else { return };
        // SAFETY: registers of this board; bit 5 of the line status says that there is room
        unsafe {
            while ptr::read_volatile((base + 5) as *const u8) & 0x20 == 0 {}
            ptr::write_volatile(base as *mut u8, byte);
        }
    }

    fn get(&mut self) -> Option<u8> {
        let base = self.0?;
        // SAFETY: registers of this board; bit 0 of the line status says that there is a byte
        unsafe {
            let ready = ptr::read_volatile((base + 5) as *const u8) & 1 != 0;
            ready.then(|| ptr::read_volatile(base as *const u8))
        }
    }
}

/// Not measured on this board.
#[cfg(feature = "measure")]
pub(crate) fn stack_peak() -> usize {
    0
}
