//! What differs from board to board: start, serial lines, a timer.

#[cfg(target_arch = "arm")]
mod mps2;
#[cfg(target_arch = "riscv32")]
mod virt;

#[cfg(all(feature = "measure", target_arch = "arm"))]
pub(crate) use mps2::stack_peak;
#[cfg(target_arch = "arm")]
pub(crate) use mps2::{TICKS_PER_SECOND, init, ticks, uart};
#[cfg(all(feature = "measure", target_arch = "riscv32"))]
pub(crate) use virt::stack_peak;
#[cfg(target_arch = "riscv32")]
pub(crate) use virt::{TICKS_PER_SECOND, init, ticks, uart};

/// One byte at a time, without interrupts.
pub(crate) trait Uart {
    /// Waits until there is room, which is soon.
    fn put(&mut self, byte: u8);
    /// A byte, if one has come.
    fn get(&mut self) -> Option<u8>;
}

/// What the serial lines are for.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    /// The network: HTTP.
    Network,
    /// For people.
    Console,
    /// The secure element.
    #[cfg_attr(not(feature = "element"), allow(dead_code))]
    Element,
}
