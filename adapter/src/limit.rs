use core::sync::atomic::{AtomicU32, Ordering};

/// One of the connections that an instance may have open.
pub(crate) struct Permit;

static OPEN: AtomicU32 = AtomicU32::new(0);

impl Permit {
    /// How many there are.
    const LIMIT: u32 = 1024;

    /// Whether one is left.
    pub(crate) fn is_left() -> bool {
        OPEN.load(Ordering::Relaxed) < Self::LIMIT
    }

    /// Takes one until it is dropped; none if all are taken.
    pub(crate) fn take() -> Option<Self> {
        Self::is_left().then(|| {
            OPEN.fetch_add(1, Ordering::Relaxed);
            Self
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
