//! An address that never completes a TCP connection, on loopback.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Result, bail};
use rustix::{
    fd::OwnedFd,
    net::{AddressFamily, SocketType},
};

/// A listener whose queue is full: the system drops what further clients send, as a host that is down does.
pub struct Unresponsive {
    address: SocketAddr,
    _listener: OwnedFd,
    _queued: Vec<TcpStream>,
}

impl Unresponsive {
    /// Listens on a free port of 127.0.0.1, and fills the queue.
    pub fn start() -> Result<Self> {
        let listener = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        rustix::net::listen(&listener, 0)?;
        let address: SocketAddr = rustix::net::getsockname(&listener)?
            .try_into()
            .map_err(io::Error::from)?;

        let mut queued = Vec::new();
        while queued.len() < 64 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(stream) => queued.push(stream),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(Self {
                        address,
                        _listener: listener,
                        _queued: queued,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("the system queues more connections than it was asked to");
    }

    /// The address as a guest opens it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}
