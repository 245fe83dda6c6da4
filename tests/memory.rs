//! What a message costs in memory, measured: the largest that are accepted, and hostile ones of up to 2 MiB. Every bound
//! is a multiple of the length of the message, which itself is part of what is counted.
//!
//! The global allocator is that of the crate `allocation-counter`, which counts for each thread by itself. An allocation
//! that grows counts with both its old and its new size for a moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
// the kits of tests/it do more
#![allow(dead_code, unused_imports)]

#[path = "it/cert_rep.rs"]
mod cert_rep;
#[path = "it/client_kit.rs"]
mod client_kit;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[path = "it/reading.rs"]
mod reading;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/support.rs"]
mod support;

#[path = "memory/accepted.rs"]
mod accepted;
#[path = "memory/refused.rs"]
mod refused;
#[path = "memory/shapes.rs"]
mod shapes;

/// What something cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Most bytes that were allocated at the same time.
    pub(crate) peak: u64,
    /// Bytes that were allocated, one after the other.
    pub(crate) bytes: u64,
    /// Allocations.
    pub(crate) count: u64,
}

/// Does `work` with a copy of `message`, which is part of the cost.
pub(crate) fn cost(message: &[u8], work: impl FnOnce(Vec<u8>)) -> Cost {
    let info = allocation_counter::measure(|| work(message.to_vec()));
    assert!(info.bytes_current <= 0, "{} bytes are kept", info.bytes_current);
    // what was there before and is given back must not hide what is taken
    let given_back = info.bytes_current.unsigned_abs();
    Cost { peak: info.bytes_max + given_back, bytes: info.bytes_total, count: info.count_total }
}

#[test]
fn allocations_are_counted() {
    let cost = cost(&[7; 1000], |mut message| {
        drop(vec![0_u8; 500]);
        message.reserve_exact(1);
        message.push(1);
    });
    assert_eq!((cost.peak, cost.bytes, cost.count), (2001, 2501, 3));
}
