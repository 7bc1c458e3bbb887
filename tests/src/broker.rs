//! The brokers: real ones, and one that plays a script.
//!
//! [`Kind`] is for tests of a promise that any broker must see kept: [`on_each_broker!`](crate::on_each_broker) makes a
//! test of each kind. [`scripted`] is for what neither real broker does: refusals, garbage, silence, a broken connection,
//! and for looking at the bytes as they come. [`restartable`] is a mosquitto that is killed and comes back, and
//! [`interceptor`] stands before it and chooses the moment. [`aedes`] is one that remembers packet ids to the letter.

pub mod aedes;
mod embedded;
pub mod interceptor;
mod mosquitto;
pub mod packet;
pub mod restartable;
pub mod scripted;
pub mod unresponsive;

use std::{
    env, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// The largest message that the real brokers are set up for, with room for the header: the 16 MiB picture must pass.
pub const MAX_MESSAGE: usize = 20 * 1024 * 1024;

/// The longest that a broker takes to listen.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Which real broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// rumqttd, inside the test's process.
    Embedded,
    /// The system's mosquitto, a process of its own.
    Mosquitto,
}

/// Who may connect.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// Everybody.
    Open,
    /// One user.
    Password {
        /// The user's name.
        user: &'a str,
        /// The user's password.
        password: &'a str,
    },
}

impl Kind {
    /// Whether tests can run on this broker. Says once in a process, on stderr, that mosquitto is missing; with
    /// `REQUIRE_MOSQUITTO` set that is a failure.
    pub fn is_here(self) -> bool {
        match self {
            Self::Embedded => true,
            Self::Mosquitto => mosquitto::is_here(),
        }
    }

    /// Starts a broker of this kind, on a free port of 127.0.0.1.
    pub fn start(self, access: Access<'_>) -> Result<Broker> {
        let port = ReservedPort::new()?;
        let address = port.address;
        let process = match self {
            Self::Embedded => {
                embedded::start(address, access)?;
                None
            }
            Self::Mosquitto => Some(mosquitto::start(address, access)?),
        };
        Ok(Broker {
            address,
            _port: port,
            _process: process,
        })
    }

    /// Whether a subscriber learns at which QoS a message was published. rumqttd delivers at the QoS of the
    /// subscription, also above that of the publication, contrary to MQTT-3.8.4-6.
    pub fn delivers_published_qos(self) -> bool {
        self == Self::Mosquitto
    }
}

/// A running broker. Mosquitto ends with this value; rumqttd has no way to be stopped, and ends with the process.
pub struct Broker {
    address: SocketAddr,
    _port: ReservedPort,
    _process: Option<mosquitto::Process>,
}

impl Broker {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a guest opens it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

/// A port that nobody else is given: a socket is bound to it and does not listen. With `SO_REUSEADDR`, which all
/// brokers set, another socket may listen there. Until then connections to it are refused.
pub struct ReservedPort {
    address: SocketAddr,
    _socket: rustix::fd::OwnedFd,
}

impl ReservedPort {
    /// Reserves a free port of 127.0.0.1.
    pub fn new() -> io::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = rustix::net::getsockname(&socket)?
            .try_into()
            .map_err(io::Error::from)?;
        Ok(Self {
            address,
            _socket: socket,
        })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Waits until something accepts connections at `address`. A broker says so in no other way.
fn await_listening(address: SocketAddr, mut is_alive: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect_timeout(&address, START_LIMIT).is_err() {
        is_alive()?;
        if Instant::now() > deadline {
            bail!("nothing listens at {address} after {START_LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Whether the environment says that a missing mosquitto is a failure.
fn mosquitto_is_required() -> bool {
    env::var_os("REQUIRE_MOSQUITTO").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Makes a test on each real broker from a function of the broker's [`Kind`].
#[macro_export]
macro_rules! on_each_broker {
    ($($(#[$meta:meta])* fn $name:ident($kind:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            fn promise($kind: $crate::broker::Kind) -> anyhow::Result<()> $body

            #[test]
            fn embedded() -> anyhow::Result<()> {
                promise($crate::broker::Kind::Embedded)
            }

            #[test]
            fn mosquitto() -> anyhow::Result<()> {
                if $crate::broker::Kind::Mosquitto.is_here() {
                    promise($crate::broker::Kind::Mosquitto)?;
                }
                Ok(())
            }
        }
    )*};
}
