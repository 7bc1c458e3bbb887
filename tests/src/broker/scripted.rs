//! A broker that plays a script, and keeps a ledger of what came.
//!
//! A [`Script`] is data: a list of [`Step`]s for one connection. So scripts can be generated: the exchange that goes well,
//! cut off at any point and continued with a fault.
//!
//! ```no_run
//! # use end_to_end::broker::{packet::{PacketKind::*, connack}, scripted::{Script, ScriptedBroker}};
//! let broker = ScriptedBroker::start([Script::new().receive(Connect).send(connack(5))])?;
//! // … a client connects to broker.url() …
//! let ledger = broker.finish()?.remove(0);
//! # anyhow::Ok(())
//! ```

mod player;
mod script;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};

use self::player::Player;
pub use self::script::{Part, Script, Step};
use super::{
    ReservedPort,
    packet::{self, Packet, PacketKind},
};

/// What happened on one connection.
#[derive(Debug)]
pub struct Ledger {
    /// The packets received, in their order.
    pub received: Vec<Received>,
    /// The pieces in which the bytes came: one for each read.
    pub chunks: Vec<Chunk>,
    /// How many bytes are left of a packet that never came whole.
    pub unparsed: usize,
    /// How the connection ended.
    pub end: End,
    /// When it ended, from its start.
    pub ended_at: Duration,
}

/// A packet and when it came.
#[derive(Debug)]
pub struct Received {
    /// The packet.
    pub packet: Packet,
    /// The index of the [`Chunk`] that completed it.
    pub chunk: usize,
    /// When it was complete, from the connection's start.
    pub at: Duration,
}

/// The bytes that one read brought.
#[derive(Debug)]
pub struct Chunk {
    /// How many.
    pub bytes: usize,
    /// When, from the connection's start.
    pub at: Duration,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it (FIN).
    Closed,
    /// The client or its system broke it off (RST).
    Reset,
    /// The script did.
    ByScript,
}

impl Ledger {
    /// The kinds of the packets received.
    pub fn kinds(&self) -> Vec<PacketKind> {
        self.received
            .iter()
            .map(|received| received.packet.kind())
            .collect()
    }

    /// The CONNECT, which must be the first packet.
    pub fn connect(&self) -> Result<&packet::Connect> {
        match self.received.first().map(|first| &first.packet) {
            Some(Packet::Connect(connect)) => Ok(connect),
            other => bail!("CONNECT was expected, not {other:?}"),
        }
    }

    /// All PUBLISH packets.
    pub fn publications(&self) -> impl Iterator<Item = &packet::Publish> {
        self.received
            .iter()
            .filter_map(|received| match &received.packet {
                Packet::Publish(publish) => Some(publish),
                _ => None,
            })
    }
}

/// A broker that plays one script for each connection, in the order in which they come.
pub struct ScriptedBroker {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<Vec<JoinHandle<Result<Ledger>>>>>,
    _port: Option<ReservedPort>,
}

/// What becomes of connections beyond the last script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// They are accepted and closed at once.
    Close,
    /// They are refused: nothing listens any more.
    Refuse,
}

impl ScriptedBroker {
    /// Listens on a free port of 127.0.0.1. Connections beyond the last script are closed at once.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), scripts)
    }

    /// Like [`start`](Self::start), but connections beyond the last script are refused.
    pub fn start_then_refuse(scripts: impl IntoIterator<Item = Script>) -> Result<Self> {
        // Else somebody else's broker may listen there by then.
        let port = ReservedPort::new()?;
        let mut broker = Self::listen(port.address, scripts, Beyond::Refuse)?;
        broker._port = Some(port);
        Ok(broker)
    }

    /// Listens at `address`; port 0 is any free one.
    pub fn start_at(
        address: SocketAddr,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Result<Self> {
        Self::listen(address, scripts, Beyond::Close)
    }

    fn listen(
        address: SocketAddr,
        scripts: impl IntoIterator<Item = Script>,
        beyond: Beyond,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let mut scripts: Vec<Script> = scripts.into_iter().collect();
        scripts.reverse();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let acceptor = thread::Builder::new()
            .name("scripted broker".into())
            .spawn(move || accept(listener, scripts, beyond, &stop))?;
        Ok(Self {
            address,
            stopping,
            acceptor: Some(acceptor),
            _port: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a guest opens it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Stops listening, lets the connections that are open play to their end, and returns a ledger for each.
    ///
    /// # Errors
    ///
    /// When a client sent what no client may send, or another packet than its script says.
    pub fn finish(mut self) -> Result<Vec<Ledger>> {
        let players = self.stop().context("it is stopped once")?;
        players
            .into_iter()
            .enumerate()
            .map(|(index, player)| {
                player
                    .join()
                    .map_err(|_| anyhow!("panicked"))
                    .flatten()
                    .with_context(|| format!("the scripted broker's connection {index}"))
            })
            .collect()
    }

    fn stop(&mut self) -> Option<Vec<JoinHandle<Result<Ledger>>>> {
        let acceptor = self.acceptor.take()?;
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes `accept`.
        let _ = TcpStream::connect(self.address);
        acceptor.join().ok()
    }
}

impl Drop for ScriptedBroker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(
    listener: TcpListener,
    mut scripts: Vec<Script>,
    beyond: Beyond,
    stopping: &AtomicBool,
) -> Vec<JoinHandle<Result<Ledger>>> {
    let mut players = Vec::new();
    let mut listener = Some(listener);
    while let Some(Ok((stream, _))) = listener.as_ref().map(TcpListener::accept) {
        if stopping.load(Ordering::SeqCst) {
            break;
        }
        // Before the last script is played, which may let the client come again.
        if beyond == Beyond::Refuse && scripts.len() == 1 {
            listener = None;
        }
        let Some(script) = scripts.pop() else {
            continue;
        };
        // A small stack: a test may open a thousand connections.
        let player = thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(move || Player::new(stream).play(script))
            .expect("a thread");
        players.push(player);
    }
    players
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use anyhow::ensure;

    use super::*;

    #[test]
    fn a_client_that_speaks_out_of_turn_is_an_error() -> Result<()> {
        const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c";
        const DISCONNECT: &[u8] = &[0xE0, 0];
        const PUBLISH: &[u8] = &[0x30, 3, 0, 1, b't'];
        for (packets, allowed) in [
            (&[CONNECT, PUBLISH, DISCONNECT][..], true),
            (&[PUBLISH], false),
            (&[DISCONNECT], false),
            (&[CONNECT, CONNECT], false),
            (&[CONNECT, DISCONNECT, PUBLISH], false),
        ] {
            // A byte from the broker: until it has accepted the connection, it may be stopped without it.
            let broker = ScriptedBroker::start([Script::new().send([0])])?;
            let mut client = TcpStream::connect(broker.address())?;
            client.read_exact(&mut [0])?;
            client.write_all(&packets.concat())?;
            drop(client);
            ensure!(broker.finish().is_ok() == allowed, "{packets:02x?}");
        }
        Ok(())
    }
}
