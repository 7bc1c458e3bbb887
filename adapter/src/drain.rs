//! Closing connections without waiting for a broker that takes no data.
//!
//! A host may hold up whoever drops an output stream until what was written to it is out (wasmtime does, so that nothing is
//! lost without a word). With a broker that has stopped reading that never ends. So a stream which is still busy when its
//! connection is done with is put aside, and dropped at a later occasion, once it is not busy any more.

use core::cell::RefCell;

use crate::tcp::TcpStream;

thread_local! {
    /// What was put aside. Each still counts as an open connection, so that there is a limit to it.
    static DRAINING: RefCell<Vec<TcpStream>> = const { RefCell::new(Vec::new()) };
}

/// Closes `stream` at once, or puts it aside if that could take long. `is_flushed` is whether that is known not to be so.
pub(crate) fn close(stream: TcpStream, is_flushed: bool) {
    reap();
    if !is_flushed && stream.is_busy() {
        DRAINING.with_borrow_mut(|streams| streams.push(stream));
    }
}

/// Closes those that were put aside and are not busy any more.
pub(crate) fn reap() {
    DRAINING.with_borrow_mut(|streams| streams.retain(TcpStream::is_busy));
}
