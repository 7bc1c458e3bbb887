//! The host's network, as the client sees it.

use mqtt_client::{Network, Unreachable};
use mqtt_session::{Address, Instant};
use wasi::{clocks::monotonic_clock, random::random::get_random_u64};

use crate::{
    drain,
    limit::Permit,
    tcp::{TcpStream, wait_until},
};

/// TCP over WASI sockets, with the host's clock and random numbers.
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
        drain::reap();
        let mut unreachable = match Permit::take() {
            None => Unreachable {
                reason: "too many connections are open".into(),
                is_final: true,
            },
            Some(permit) => match TcpStream::connect(address, deadline, permit) {
                Ok(stream) => return Ok(stream),
                Err(unreachable) => unreachable,
            },
        };
        let location = address.location();
        unreachable.reason = ["cannot connect to ", &location, ": ", &unreachable.reason].concat();
        Err(unreachable)
    }

    fn close(&self, stream: TcpStream, is_flushed: bool) {
        drain::close(stream, is_flushed);
    }
}

/// The time on the clock that all waits use.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}
