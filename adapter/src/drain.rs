//! Closes connections without waiting for a broker that does not read.
//!
//! Dropping an output stream may block until the host has sent everything that was written to it (as in wasmtime, so that
//! nothing is lost unnoticed), which never happens if the broker has stopped reading. So a stream that still has bytes to send
//! when its connection is closed is put aside to drain. It is dropped at a later call, once those bytes are out.

use core::cell::RefCell;

use crate::tcp::TcpStream;

thread_local! {
    /// The streams that were put aside. Each still counts as an open connection, which limits their number.
    static DRAINING: RefCell<Vec<TcpStream>> = const { RefCell::new(Vec::new()) };
}

/// Closes `stream` at once, or puts it aside if that could take long. `is_flushed` is true if it is known that nothing is left
/// to send.
pub(crate) fn close(stream: TcpStream, is_flushed: bool) {
    reap();
    if !is_flushed && stream.is_busy() {
        DRAINING.with_borrow_mut(|streams| streams.push(stream));
    }
}

/// Closes the streams that were put aside and have drained since.
pub(crate) fn reap() {
    DRAINING.with_borrow_mut(|streams| streams.retain(TcpStream::is_busy));
}
