//! The heap of the built-in components: memory in classes of equal size, for one thread. A component's calls allocate
//! the same few sizes over and over; here each costs a few instructions, where the general allocator of the target
//! splits and joins blocks. A component names it as its `#[global_allocator]`, on WebAssembly alone.
//!
//! Always true: a block is handed out once until it is given back, and is aligned to [`GRAIN`] bytes. What was given
//! back is used again for its own class only, so that the heap holds at most what each class held at its peak; the
//! limit on an instance's memory bounds that, and a call that goes over it ends the instance.
//!
//! Blocks over 64 KiB, or of an alignment over [`GRAIN`], are the general allocator's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{NonNull, null_mut};

/// Bytes by which the classes up to [`FINE`] differ; every block is aligned to it.
const GRAIN: usize = 16;
/// Bytes of the largest class of its own size; above it, sizes double.
const FINE: usize = 1 << 10;
const FINE_CLASSES: usize = FINE / GRAIN;
/// Bytes of the largest class.
const LARGEST: usize = 1 << 16;
const CLASSES: usize = FINE_CLASSES + (LARGEST.ilog2() - FINE.ilog2()) as usize;
/// Bytes that are taken from the general allocator at a time.
const CHUNK: usize = 1 << 18;

/// A block that nobody uses.
struct Free {
    next: Option<NonNull<Free>>,
}

/// The classes. Not to be shared between threads.
pub struct Classes {
    /// What was given back, by class.
    free: [Option<NonNull<Free>>; CLASSES],
    /// The part of the newest chunk that was never handed out.
    fresh: *mut u8,
    left: usize,
}

/// The class of a layout, and the bytes of its blocks; none: the general allocator's.
fn class(layout: Layout) -> Option<(usize, usize)> {
    let size = layout.size().max(1);
    if layout.align() > GRAIN || size > LARGEST {
        return None;
    }
    if size <= FINE {
        let class = (size - 1) / GRAIN;
        return Some((class, (class + 1) * GRAIN));
    }
    let bytes = size.next_power_of_two();
    let above = usize::try_from(bytes.ilog2() - FINE.ilog2()).ok()?;
    Some((FINE_CLASSES + above - 1, bytes))
}

impl Default for Classes {
    fn default() -> Self {
        Self::new()
    }
}

impl Classes {
    /// Holds nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { free: [None; CLASSES], fresh: null_mut(), left: 0 }
    }

    /// A block; null when there is no memory.
    ///
    /// # Safety
    /// As for [`GlobalAlloc::alloc`].
    pub unsafe fn alloc(&mut self, layout: Layout) -> *mut u8 {
        let Some((class, bytes)) = class(layout) else {
            // SAFETY: the caller's promises are handed on.
            return unsafe { System.alloc(layout) };
        };
        if let Some(first) = self.free.get_mut(class)
            && let Some(block) = *first
        {
            // SAFETY: a block in a list is ours, and holds what `dealloc` has written into it.
            *first = unsafe { block.as_ref() }.next;
            return block.as_ptr().cast();
        }
        self.carve(bytes)
    }

    #[cold]
    fn carve(&mut self, bytes: usize) -> *mut u8 {
        if self.left < bytes {
            // What is left of the chunk before, at most one block's size, is given up.
            let Ok(layout) = Layout::from_size_align(CHUNK, GRAIN) else { return null_mut() };
            // SAFETY: the layout is not empty.
            let chunk = unsafe { System.alloc(layout) };
            if chunk.is_null() {
                return chunk;
            }
            (self.fresh, self.left) = (chunk, CHUNK);
        }
        let block = self.fresh;
        // SAFETY: `left` bytes lie behind `fresh` in the same chunk, and `bytes` are no more.
        self.fresh = unsafe { block.add(bytes) };
        self.left -= bytes;
        block
    }

    /// Give a block back.
    ///
    /// # Safety
    /// As for [`GlobalAlloc::dealloc`]; it came from this value's `alloc` or `realloc`.
    pub unsafe fn dealloc(&mut self, block: *mut u8, layout: Layout) {
        let Some((class, _)) = class(layout) else {
            // SAFETY: the same layout went to the same allocator.
            return unsafe { System.dealloc(block, layout) };
        };
        if let (Some(first), Some(block)) = (self.free.get_mut(class), NonNull::new(block.cast::<Free>())) {
            // SAFETY: nobody uses the block any more, it is aligned to `GRAIN` and no smaller, and a `Free` fits.
            unsafe { block.write(Free { next: *first }) };
            *first = Some(block);
        }
    }

    /// Grow or shrink a block, in place where its class allows.
    ///
    /// # Safety
    /// As for [`GlobalAlloc::realloc`]; it came from this value's `alloc` or `realloc`.
    pub unsafe fn realloc(&mut self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
        match (class(layout), class(wanted)) {
            (Some((before, _)), Some((after, _))) if before == after => block,
            // SAFETY: the same layout went to the same allocator.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: the caller's promises are handed on; both blocks hold the bytes that are copied, and are two.
                unsafe {
                    let moved = self.alloc(wanted);
                    if !moved.is_null() {
                        moved.copy_from_nonoverlapping(block, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

/// The classes as a global allocator, where there is one thread.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
pub struct Heap(std::cell::UnsafeCell<Classes>);

// SAFETY: without atomics a WebAssembly instance has one thread, and no call below leads to another one.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl Sync for Heap {}

#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
impl Heap {
    /// Holds nothing yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only ever a static")]
    pub const fn new() -> Self {
        Self(std::cell::UnsafeCell::new(Classes::new()))
    }
}

// SAFETY: blocks are handed out once, at their size and alignment; see `Classes`.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference outlives a call.
        unsafe { (*self.0.get()).alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { (*self.0.get()).dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { (*self.0.get()).realloc(block, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn every_size_fits_its_class() {
        for size in 0..=LARGEST {
            let (class, bytes) = class(layout(size, 8)).unwrap();
            assert!(bytes >= size && class < CLASSES && bytes.is_multiple_of(GRAIN), "{size}");
        }
        assert_eq!(class(layout(LARGEST + 1, 8)), None);
        assert_eq!(class(layout(64, 32)), None);
        assert_eq!(class(layout(LARGEST, 16)).unwrap().0, CLASSES - 1);
    }

    /// Blocks that live at the same time never touch, whatever is allocated, moved and freed in between.
    #[test]
    fn no_two_blocks_overlap() {
        let mut heap = Classes::new();
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut random = 7_u64;
        for round in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let size = usize::try_from((random >> 33) % (1 << ((random >> 20) % 18))).unwrap() + 1;
            let mark = u8::try_from(round % 251).unwrap();
            // SAFETY: every block is used within its layout, and freed once with it.
            unsafe {
                match (random >> 60, live.len()) {
                    (0..=7, _) | (_, 0) => {
                        let wanted = layout(size, 1 << ((random >> 10) % 6));
                        let block = heap.alloc(wanted);
                        assert!(!block.is_null() && block.addr().is_multiple_of(wanted.align()));
                        block.write_bytes(mark, size);
                        live.push((block, wanted, mark));
                    }
                    (8..=11, count) => {
                        let (block, had, mark) = live.swap_remove(usize::try_from(random >> 5).unwrap() % count);
                        assert!(std::slice::from_raw_parts(block, had.size()).iter().all(|byte| *byte == mark));
                        heap.dealloc(block, had);
                    }
                    (_, count) => {
                        let at = usize::try_from(random >> 5).unwrap() % count;
                        let (block, had, mark) = live[at];
                        let moved = heap.realloc(block, had, size);
                        let kept = had.size().min(size);
                        assert!(std::slice::from_raw_parts(moved, kept).iter().all(|byte| *byte == mark));
                        moved.write_bytes(mark, size);
                        live[at] = (moved, layout(size, had.align()), mark);
                    }
                }
            }
        }
        for (block, had, mark) in live {
            // SAFETY: as above.
            unsafe {
                assert!(std::slice::from_raw_parts(block, had.size()).iter().all(|byte| *byte == mark));
                heap.dealloc(block, had);
            }
        }
    }
}
