//! The figures, each of which is measured by a file of its own.

mod compose;
mod round_trips;
mod serve;
mod size;
mod throughput;

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;
use clap::ValueEnum;
use end_to_end::broker::Access;

use crate::{
    broker::{Mosquitto, NoDelay},
    build::Build,
    figure::Figure,
    network::Place,
};

/// A figure, or several that come of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Round trips at a true network delay; needs root.
    RoundTrips,
    /// Messages a second on one connection.
    Throughput,
    /// Requests a second.
    Serve,
    /// Bytes.
    Size,
    /// Linear memory.
    Memory,
    /// Time to instantiate.
    Instantiation,
    /// Time and memory of `compose`.
    Compose,
}

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All figures in some four minutes.
    Quick,
    /// All rows and columns, and more rounds.
    Full,
}

impl Kind {
    /// Measures it. Returns no figure, and says why on standard error, where this machine does not allow it.
    pub fn measure(self, build: &Build, depth: Depth) -> Result<Vec<Figure>> {
        match self {
            Self::RoundTrips => round_trips::measure(build, depth),
            Self::Throughput => throughput::measure(build, depth),
            Self::Serve => serve::measure(build, depth),
            Self::Size => size::bytes(build),
            Self::Memory => size::memory(build),
            Self::Instantiation => size::instantiation(build, depth),
            Self::Compose => compose::measure(build, depth),
        }
    }
}

/// A broker on loopback.
struct Broker {
    address: String,
    name: &'static str,
    _running: Running,
}

enum Running {
    Mosquitto { _broker: Mosquitto },
    Embedded { _broker: end_to_end::broker::Broker },
}

impl Broker {
    /// Mosquitto where it is installed, or else rumqttd.
    fn start() -> Result<Self> {
        if Mosquitto::is_here() {
            let broker = Mosquitto::start(&Place::Here, free_port()?, NoDelay::Unset)?;
            return Ok(Self {
                address: broker.address().into(),
                name: "mosquitto",
                _running: Running::Mosquitto { _broker: broker },
            });
        }
        let broker = end_to_end::broker::Kind::Embedded.start(Access::Open)?;
        Ok(Self {
            address: broker.address().to_string(),
            name: "rumqttd, in the benchmark's process",
            _running: Running::Embedded { _broker: broker },
        })
    }
}

/// A port that is free now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
