//! The heap: a two-level segregated fit allocator over the linear memory, in 2 KB of code where that of std takes 9 KB.
//!
//! The heap begins behind the static data, in the rest of their last page, and grows from there as one piece. So an instance
//! that publishes a short message and ends never grows its memory, which would make the host change the protection of pages
//! twice; and the memory of one payload serves the next, larger one.

#![expect(unsafe_code, reason = "an allocator deals in raw memory")]

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr::{self, NonNull},
};

use rlsf::{FlexSource, FlexTlsf, GRANULARITY};

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(FlexTlsf::new(LinearMemory {
    has_begun: false,
})));

/// 28 first levels cover all 4 GiB; 16 second levels waste at most a sixteenth.
struct Heap(UnsafeCell<FlexTlsf<LinearMemory, u32, u16, 28, 16>>);

// SAFETY: there is one thread.
unsafe impl Sync for Heap {}

// SAFETY: `FlexTlsf` keeps the contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is no other reference to the heap: nothing in it allocates, and there is one thread.
        let heap = unsafe { &mut *self.0.get() };
        heap.allocate(layout)
            .map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let heap = unsafe { &mut *self.0.get() };
        // SAFETY: `block` came from `alloc` with this layout, so that it is not null either.
        unsafe { heap.deallocate(NonNull::new_unchecked(block), layout.align()) };
    }
}

/// The linear memory behind the static data.
struct LinearMemory {
    has_begun: bool,
}

const MEMORY: u32 = 0;
const PAGE: usize = 64 * 1024;

unsafe extern "C" {
    /// The end of the static data, defined by the linker.
    static __heap_base: u8;
}

impl LinearMemory {
    fn end() -> usize {
        wasm32::memory_size(MEMORY) * PAGE
    }

    /// Grows the memory until it has `len` bytes from `start` on, and returns the number that it then has.
    fn reach(start: usize, len: usize) -> Option<usize> {
        let end = start.checked_add(len)?;
        let missing = end.saturating_sub(Self::end()).div_ceil(PAGE);
        if missing > 0 && wasm32::memory_grow(MEMORY, missing) == usize::MAX {
            return None;
        }
        Some(Self::end() - start)
    }
}

// SAFETY: the memory handed out lies behind the static data or is new, and is handed out once.
unsafe impl FlexSource for LinearMemory {
    unsafe fn alloc(&mut self, min_size: usize) -> Option<NonNull<[u8]>> {
        let start = if self.has_begun {
            Self::end()
        } else {
            (&raw const __heap_base)
                .addr()
                .next_multiple_of(GRANULARITY)
        };
        let len = Self::reach(start, min_size)?;
        self.has_begun = true;
        let start = NonNull::new(ptr::with_exposed_provenance_mut(start))?;
        Some(NonNull::slice_from_raw_parts(start, len))
    }

    unsafe fn realloc_inplace_grow(
        &mut self,
        block: NonNull<[u8]>,
        min_new_len: usize,
    ) -> Option<usize> {
        let start = block.cast::<u8>().addr().get();
        // The block can grow only if nothing else has grown the memory.
        let is_last = start + block.len() == Self::end();
        is_last.then(|| Self::reach(start, min_new_len))?
    }

    fn supports_realloc_inplace_grow(&self) -> bool {
        true
    }

    fn min_align(&self) -> usize {
        GRANULARITY
    }
}
