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

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::net::sockopt;

use super::packet::{self, Packet, PacketKind};

/// The longest that one connection lasts.
const LIMIT: Duration = Duration::from_secs(60);

/// What a broker does with one connection, step by step. After the last step it reads, without answering, until the
/// client closes.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
}

/// A step of a [`Script`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Waits for the client's next packet, which must be of this kind.
    Receive(PacketKind),
    /// Sends these bytes in one write.
    Send(Vec<u8>),
    /// Sends what this function makes of the latest packet of this kind.
    Reply(PacketKind, fn(&Packet) -> Vec<u8>),
    /// Does nothing, not even read.
    Wait(Duration),
    /// Answers every packet as a good broker does, until the client closes.
    Behave,
    /// Closes the broker's half (FIN).
    Close,
    /// Breaks the connection off (RST).
    Reset,
}

impl Script {
    /// No step: a broker that accepts the connection and never says a word.
    pub fn new() -> Self {
        Self::default()
    }

    /// A good broker, which answers everything.
    pub fn behave() -> Self {
        Self::new().then(Step::Behave)
    }

    /// Adds a step.
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds [`Step::Receive`].
    pub fn receive(self, kind: PacketKind) -> Self {
        self.then(Step::Receive(kind))
    }

    /// Adds [`Step::Send`].
    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    /// Adds [`Step::Reply`].
    pub fn reply(self, kind: PacketKind, make: fn(&Packet) -> Vec<u8>) -> Self {
        self.then(Step::Reply(kind, make))
    }

    /// Adds [`Step::Reply`] with what a good broker answers.
    pub fn acknowledge(self, kind: PacketKind) -> Self {
        self.reply(kind, packet::answer)
    }

    /// Adds [`Step::Wait`].
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// Adds [`Step::Close`].
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Adds [`Step::Reset`].
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }
}

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
}

impl ScriptedBroker {
    /// Listens on a free port of 127.0.0.1. Connections beyond the last script are closed at once.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), scripts)
    }

    /// Listens at `address`; port 0 is any free one.
    pub fn start_at(
        address: SocketAddr,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let mut scripts: Vec<Script> = scripts.into_iter().collect();
        scripts.reverse();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let acceptor = thread::Builder::new()
            .name("scripted broker".into())
            .spawn(move || accept(&listener, scripts, &stop))?;
        Ok(Self {
            address,
            stopping,
            acceptor: Some(acceptor),
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
    listener: &TcpListener,
    mut scripts: Vec<Script>,
    stopping: &AtomicBool,
) -> Vec<JoinHandle<Result<Ledger>>> {
    let mut players = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if stopping.load(Ordering::SeqCst) {
            break;
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

struct Player {
    stream: TcpStream,
    start: Instant,
    buffer: Vec<u8>,
    received: Vec<Received>,
    chunks: Vec<Chunk>,
    read_buffer: Vec<u8>,
}

/// What a read brought.
enum Input {
    Packet(Packet),
    End(End),
}

impl Player {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            start: Instant::now(),
            buffer: Vec::new(),
            received: Vec::new(),
            chunks: Vec::new(),
            read_buffer: vec![0; 64 * 1024],
        }
    }

    fn play(mut self, script: Script) -> Result<Ledger> {
        // What a script sends leaves when the script says so.
        self.stream.set_nodelay(true)?;
        for (index, step) in script.steps.iter().enumerate() {
            let end = self
                .perform(step)
                .with_context(|| format!("step {index}, {step:?}, after {:?}", self.received))?;
            if let Some(end) = end {
                return Ok(self.ledger(end));
            }
        }
        loop {
            if let Input::End(end) = self.next()? {
                return Ok(self.ledger(end));
            }
        }
    }

    /// Performs a step. Returns how the connection ended, if it did.
    fn perform(&mut self, step: &Step) -> Result<Option<End>> {
        match step {
            Step::Receive(kind) => match self.next()? {
                Input::Packet(packet) if packet.kind() == *kind => {}
                Input::Packet(packet) => bail!("{packet:?} came"),
                Input::End(end) => return Ok(Some(end)),
            },
            Step::Send(bytes) => return self.send(bytes),
            Step::Reply(kind, make) => {
                let packet = self
                    .received
                    .iter()
                    .rev()
                    .map(|received| &received.packet)
                    .find(|packet| packet.kind() == *kind)
                    .context("nothing to reply to")?;
                let bytes = make(packet);
                return self.send(&bytes);
            }
            Step::Wait(time) => thread::sleep(*time),
            Step::Behave => loop {
                match self.next()? {
                    Input::End(end) => return Ok(Some(end)),
                    Input::Packet(packet) => {
                        if let Some(end) = self.send(&packet::answer(&packet))? {
                            return Ok(Some(end));
                        }
                    }
                }
            },
            Step::Close => self.stream.shutdown(Shutdown::Write)?,
            Step::Reset => {
                sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))?;
                return Ok(Some(End::ByScript));
            }
        }
        Ok(None)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Option<End>> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        match self.stream.write_all(bytes) {
            Ok(()) => Ok(None),
            Err(error) if is_reset(&error) => Ok(Some(End::Reset)),
            Err(error) => Err(error.into()),
        }
    }

    /// The next packet, or how the connection ended.
    fn next(&mut self) -> Result<Input> {
        loop {
            if let Some(packet) = Packet::take(&mut self.buffer)? {
                self.check_turn(&packet)?;
                self.received.push(Received {
                    packet: packet.clone(),
                    chunk: self.chunks.len() - 1,
                    at: self.start.elapsed(),
                });
                return Ok(Input::Packet(packet));
            }
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(&mut self.read_buffer) {
                Ok(0) => return Ok(Input::End(End::Closed)),
                Ok(count) => {
                    self.buffer.extend_from_slice(&self.read_buffer[..count]);
                    self.chunks.push(Chunk {
                        bytes: count,
                        at: self.start.elapsed(),
                    });
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_reset(&error) => return Ok(Input::End(End::Reset)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the client may send `packet` now: CONNECT first and once, and nothing behind DISCONNECT [MQTT-3.1.0-1]
    /// [MQTT-3.1.0-2] [MQTT-3.14.4-2].
    fn check_turn(&self, packet: &Packet) -> Result<()> {
        let is_connect = matches!(packet, Packet::Connect(_));
        ensure!(
            is_connect == self.received.is_empty(),
            "{packet:?} came as packet {}",
            self.received.len()
        );
        let last = self.received.last().map(|received| &received.packet);
        ensure!(
            last != Some(&Packet::Disconnect),
            "{packet:?} came behind DISCONNECT"
        );
        Ok(())
    }

    /// The time that the connection still has.
    fn left(&self) -> Result<Duration> {
        LIMIT
            .checked_sub(self.start.elapsed())
            .filter(|left| !left.is_zero())
            .context("the client had not closed within the limit")
    }

    fn ledger(self, end: End) -> Ledger {
        Ledger {
            received: self.received,
            chunks: self.chunks,
            unparsed: self.buffer.len(),
            end,
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
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
