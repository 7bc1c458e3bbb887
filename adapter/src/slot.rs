use core::sync::atomic::{AtomicU32, Ordering};

/// One of the connections that an instance may have open.
pub(crate) struct Slot;

static OPEN: AtomicU32 = AtomicU32::new(0);

impl Slot {
    /// How many there are.
    const LIMIT: u32 = 1024;

    /// Takes one until it is dropped; none if all are taken.
    pub(crate) fn take() -> Option<Self> {
        let open = OPEN.load(Ordering::Relaxed);
        (open < Self::LIMIT).then(|| {
            OPEN.store(open + 1, Ordering::Relaxed);
            Self
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
