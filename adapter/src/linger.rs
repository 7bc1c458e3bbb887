//! Closing connections without waiting for a broker that takes no data.
//!
//! A host may hold up whoever drops an output stream until what was written to it is out (wasmtime does, so that nothing is
//! lost without a word). With a broker that has stopped reading that never ends. So a stream which is still busy when its
//! connection is done with is put aside, and dropped at a later occasion, once it is not busy any more.

use std::sync::{Mutex, PoisonError};

use crate::{slot::Slot, tcp::TcpStream};

/// What was put aside. Each still counts as an open connection, so that there is a limit to it.
static LINGERING: Mutex<Vec<(TcpStream, Slot)>> = Mutex::new(Vec::new());

/// Closes `stream` at once, or puts it aside if that could take long.
pub(crate) fn close(stream: TcpStream, slot: Slot) {
    if stream.is_busy() {
        lingering(|streams| streams.push((stream, slot)));
    }
}

/// Closes those that were put aside and are not busy any more.
pub(crate) fn reap() {
    lingering(|streams| streams.retain(|(stream, _)| stream.is_busy()));
}

fn lingering(change: impl FnOnce(&mut Vec<(TcpStream, Slot)>)) {
    change(&mut LINGERING.lock().unwrap_or_else(PoisonError::into_inner));
}
