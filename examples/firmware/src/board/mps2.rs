//! Arm MPS2 with AN385 (Cortex-M3) or AN386 (Cortex-M4), as QEMU has them.

use super::{Line, Uart};
use core::ptr;

/// Of the timers; also of the core.
pub(crate) const TICKS_PER_SECOND: u32 = 25_000_000;

const TIMER0: usize = 0x4000_0000;
const ENABLE: u32 = 1;

#[cortex_m_rt::entry]
fn main() -> ! {
    crate::start()
}

fn write(address: usize, value: u32) {
    // SAFETY: the addresses in this file are registers of this board, which may be written at any time
    unsafe { ptr::write_volatile(address as *mut u32, value) }
}

fn read(address: usize) -> u32 {
    // SAFETY: as above; reading has no effect but to take a byte from a serial line
    unsafe { ptr::read_volatile(address as *const u32) }
}

/// The free-running timer, and the serial lines at their highest speed.
pub(crate) fn init() {
    write(TIMER0 + 8, u32::MAX);
    write(TIMER0 + 4, u32::MAX);
    write(TIMER0, ENABLE);
    for line in [Line::Network, Line::Console, Line::Element] {
        let Cmsdk(base) = uart(line);
        write(base + 0x10, 16);
        write(base + 8, 3);
        // what was received before; in QEMU this also starts the reception
        read(base);
    }
}

/// Counts up, and around.
pub(crate) fn ticks() -> u32 {
    !read(TIMER0 + 4)
}

/// The serial line for this.
pub(crate) fn uart(line: Line) -> Cmsdk {
    Cmsdk(match line {
        Line::Network => 0x4000_4000,
        Line::Console => 0x4000_5000,
        Line::Element => 0x4000_6000,
    })
}

/// A CMSDK APB UART.
pub(crate) struct Cmsdk(usize);

impl Uart for Cmsdk {
    fn put(&mut self, byte: u8) {
        while read(self.0 + 4) & 1 != 0 {}
        write(self.0, byte.into());
    }

    fn get(&mut self) -> Option<u8> {
        (read(self.0 + 4) & 2 != 0).then(|| read(self.0).to_le_bytes()[0])
    }
}

/// How much of the stack was ever in use: the start-up code painted it.
#[cfg(feature = "measure")]
pub(crate) fn stack_peak() -> usize {
    unsafe extern "C" {
        static _stack_end: u32;
        static _stack_start: u32;
    }
    let (end, start) = (&raw const _stack_end, &raw const _stack_start);
    let mut low = end;
    // SAFETY: between the two symbols of the linker script lies the stack, and nothing else
    while low < start && unsafe { ptr::read_volatile(low) } == cortex_m_rt::STACK_PAINT_VALUE {
        low = low.wrapping_add(1);
    }
    start as usize - low as usize
}
