//! What the standard library would bring: a heap, and what a panic is (a trap).
//!
//! Always true of the heap: nothing of a call outlives it, so that whenever no block is out, all of the memory is free
//! again. Within a call nothing but the newest block is taken back. One thread, as a component has.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr::{null_mut, with_exposed_provenance_mut, without_provenance_mut};

const PAGE: usize = 64 * 1024;

struct Heap {
    /// Blocks that are out.
    out: Cell<usize>,
    /// The memory that is ours: from here, to there.
    start: Cell<usize>,
    end: Cell<usize>,
    /// Where the next block may begin.
    next: Cell<usize>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap { out: Cell::new(0), start: Cell::new(0), end: Cell::new(0), next: Cell::new(0) };

impl Heap {
    /// Where a block of this layout lies; none: the instance has no more memory.
    fn place(&self, layout: Layout) -> Option<usize> {
        if self.out.get() == 0 {
            self.next.set(self.start.get());
        }
        let at = self.next.get().checked_next_multiple_of(layout.align())?;
        let behind = at.checked_add(layout.size())?;
        if behind <= self.end.get() {
            self.next.set(behind);
            return Some(at);
        }
        // Room for the whole block in what is grown: then it does not matter whether that follows on what we have.
        let pages = layout.size().div_ceil(PAGE).max(1);
        let at = wasm32::memory_grow::<0>(pages).checked_mul(PAGE)?;
        if self.out.get() == 0 {
            self.start.set(at);
        }
        self.end.set(at + pages * PAGE);
        self.next.set(at + layout.size());
        Some(at)
    }
}

// SAFETY: a block lies in memory that was grown for this heap, behind every block that is out, and is aligned: pages are,
// to more than any layout asks.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(at) = self.place(layout) else { return null_mut() };
        self.out.set(self.out.get() + 1);
        with_exposed_provenance_mut(at)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.out.set(self.out.get() - 1);
        if block.addr() + layout.size() == self.next.get() {
            self.next.set(block.addr());
        }
    }
}

/// How a caller gets memory for what it hands in (the canonical ABI). The standard library would bring this, too.
///
/// # Safety
/// As the canonical ABI calls it: `block` is one of this heap's of `length` bytes, or `length` is 0.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(block: *mut u8, length: usize, align: usize, wanted: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(if length == 0 { wanted } else { length }, align) else {
        return null_mut();
    };
    if layout.size() == 0 {
        return without_provenance_mut(align);
    }
    // SAFETY: neither layout is empty, and the block is this heap's.
    let block = unsafe { if length == 0 { HEAP.alloc(layout) } else { HEAP.realloc(block, layout, wanted) } };
    if block.is_null() {
        wasm32::unreachable();
    }
    block
}

#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
}
