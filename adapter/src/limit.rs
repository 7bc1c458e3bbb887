use core::sync::atomic::{AtomicU32, Ordering};

/// A permit for one of the connections that an instance may have open at once. Each connection holds one.
pub(crate) struct Permit;

/// The number of permits that are taken.
static OPEN: AtomicU32 = AtomicU32::new(0);

impl Permit {
    /// The number of permits.
    const LIMIT: u32 = 1024;

    /// True if a permit is left.
    pub(crate) fn is_left() -> bool {
        OPEN.load(Ordering::Relaxed) < Self::LIMIT
    }

    /// Takes a permit, which is given back when it is dropped; `None` if none is left.
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
