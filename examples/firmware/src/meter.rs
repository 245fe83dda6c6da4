//! Where the instructions go. Under QEMU's `-icount` the timer counts instructions, exactly.

/// What the processor is busy with.
#[cfg_attr(not(feature = "measure"), allow(dead_code))]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// `scep` itself.
    Library,
    /// What `scep` calls to compute: private and public keys, digests, ciphers.
    Crypto,
    /// This program: HTTP, random numbers, storage.
    Program,
    /// Waiting for the peer.
    Wait,
}

#[cfg(feature = "measure")]
mod counting {
    use super::Work;
    use crate::board::{self, TICKS_PER_SECOND};
    use crate::{console, heap};
    use core::cell::Cell;

    struct Meter {
        work: Cell<Work>,
        since: Cell<u32>,
        sums: [Cell<u64>; 4],
    }

    // SAFETY: there is one thread, and no interrupt measures
    unsafe impl Sync for Meter {}

    static METER: Meter =
        Meter { work: Cell::new(Work::Program), since: Cell::new(0), sums: [const { Cell::new(0) }; 4] };

    fn switch(work: Work) -> Work {
        let now = board::ticks();
        let before = METER.work.replace(work);
        let spent = now.wrapping_sub(METER.since.replace(now));
        if let Some(sum) = METER.sums.get(before as usize) {
            sum.set(sum.get() + u64::from(spent));
        }
        before
    }

    /// Counts what `f` does as this kind of work.
    pub(crate) fn during<T>(work: Work, f: impl FnOnce() -> T) -> T {
        let before = switch(work);
        let result = f();
        switch(before);
        result
    }

    /// Says what was counted, for the host to read.
    pub(crate) fn report() {
        switch(Work::Program);
        let names = ["library", "crypto", "program", "wait"];
        for (name, sum) in names.iter().zip(&METER.sums) {
            // of the 25 MHz that count: two minutes and more
            console::number(name, u32::try_from(sum.get()).unwrap_or(u32::MAX));
        }
        console::number("ticks-per-second", TICKS_PER_SECOND);
        console::number("heap", u32::try_from(heap::peak()).unwrap_or(u32::MAX));
        console::number("stack", u32::try_from(board::stack_peak()).unwrap_or(u32::MAX));
    }
}

#[cfg(feature = "measure")]
pub(crate) use counting::{during, report};

#[cfg(not(feature = "measure"))]
pub(crate) fn during<T>(_: Work, f: impl FnOnce() -> T) -> T {
    f()
}

#[cfg(not(feature = "measure"))]
pub(crate) fn report() {}
