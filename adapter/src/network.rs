//! The network of the host, as the client sees it.

use mqtt_client::{Network, Unreachable};
use mqtt_session::{Address, Instant};
use wasi::{clocks::monotonic_clock, random::random::get_random_u64};

use crate::{
    linger,
    slot::Slot,
    tcp::{TcpStream, wait_until},
};

/// TCP over WASI sockets, and the host's clock.
pub(crate) struct Wasi;

impl Network for Wasi {
    type Stream = TcpStream;

    fn now(&self) -> Instant {
        now()
    }

    fn random(&self) -> u64 {
        get_random_u64()
    }

    fn wait_until(&self, time: Instant) {
        wait_until(time);
    }

    fn connect(&self, address: &Address, deadline: Instant) -> Result<TcpStream, Unreachable> {
        linger::reap();
        let mut unreachable = match Slot::take() {
            None => Unreachable {
                reason: "too many connections are open".into(),
                is_final: true,
            },
            Some(slot) => match TcpStream::connect(address, deadline, slot) {
                Ok(stream) => return Ok(stream),
                Err(unreachable) => unreachable,
            },
        };
        let location = address.location();
        unreachable.reason = ["cannot connect to ", &location, ": ", &unreachable.reason].concat();
        Err(unreachable)
    }

    fn close(&self, stream: TcpStream, is_flushed: bool) {
        linger::close(stream, is_flushed);
    }
}

/// The time on the clock that all waits go by.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}
