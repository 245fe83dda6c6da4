//! One pool for `alloc`, with a count of what is in use.

use crate::options::HEAP_MAX;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use linked_list_allocator::Heap;

struct Pool(UnsafeCell<State>);

struct State {
    heap: Heap,
    peak: usize,
}

// SAFETY: there is one thread, and no interrupt allocates
unsafe impl Sync for Pool {}

#[global_allocator]
static POOL: Pool = Pool(UnsafeCell::new(State { heap: Heap::empty(), peak: 0 }));

#[repr(align(8))]
struct Memory(UnsafeCell<[MaybeUninit<u8>; HEAP_MAX]>);

// SAFETY: given away once, in `init`
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([MaybeUninit::uninit(); HEAP_MAX]));

/// The first `size` bytes are the heap. To be called once, before anything is allocated.
pub(crate) fn init(size: usize) {
    // SAFETY: nobody else refers to the memory, and nothing was allocated before
    unsafe { (*POOL.0.get()).heap.init(MEMORY.0.get().cast(), size.min(HEAP_MAX)) }
}

/// Most bytes that were in use at one time, with what the allocator rounds up.
#[cfg_attr(not(feature = "measure"), allow(dead_code))]
pub(crate) fn peak() -> usize {
    // SAFETY: one thread
    unsafe { (*POOL.0.get()).peak }
}

// SAFETY: the allocator of the crate does the work; one thread
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference lives longer than this function
        let State { heap, peak } = unsafe { &mut *self.0.get() };
        let Ok(block) = heap.allocate_first_fit(layout) else { return ptr::null_mut() };
        *peak = heap.used().max(*peak);
        block.as_ptr()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block came from `alloc` with this layout
        if let Some(block) = NonNull::new(block) {
            unsafe { (*self.0.get()).heap.deallocate(block, layout) }
        }
    }
}
