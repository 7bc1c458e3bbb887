use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::net::sockopt;

use super::{Chunk, End, Ledger, Part, Received, Script, Step};
use crate::broker::packet::{self, Packet, PacketKind};

/// The longest that one connection lasts.
const LIMIT: Duration = Duration::from_secs(60);

/// Between one byte and the next of [`Step::Bytewise`], so that they are not read together.
const BETWEEN_BYTES: Duration = Duration::from_millis(5);

/// The broker's side of one connection.
pub(super) struct Player {
    stream: TcpStream,
    start: Instant,
    buffer: Vec<u8>,
    received: Vec<Received>,
    chunks: Vec<Chunk>,
    read_buffer: Vec<u8>,
    is_bytewise: bool,
}

/// What a read brought.
enum Input {
    Packet(Packet),
    End(End),
}

impl Player {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            start: Instant::now(),
            buffer: Vec::new(),
            received: Vec::new(),
            chunks: Vec::new(),
            read_buffer: vec![0; 64 * 1024],
            is_bytewise: false,
        }
    }

    pub(super) fn play(mut self, script: Script) -> Result<Ledger> {
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
            Step::ReceivePart(kind, part) => return self.receive_part(*kind, *part),
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
            Step::Bytewise => self.is_bytewise = true,
            Step::BehaveUntil(kind) => return self.behave(Some(*kind)),
            Step::Behave => return self.behave(None),
            Step::Close => self.stream.shutdown(Shutdown::Write)?,
            Step::Reset => {
                sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))?;
                return Ok(Some(End::ByScript));
            }
        }
        Ok(None)
    }

    /// Answers packets up to one of the kind `until`. Returns how the connection ended, if it did.
    fn behave(&mut self, until: Option<PacketKind>) -> Result<Option<End>> {
        loop {
            match self.next()? {
                Input::End(end) => return Ok(Some(end)),
                Input::Packet(packet) if Some(packet.kind()) == until => return Ok(None),
                Input::Packet(packet) => {
                    if let Some(end) = self.send(&packet::answer(&packet))? {
                        return Ok(Some(end));
                    }
                }
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<Option<End>> {
        let pieces = match self.is_bytewise {
            true => bytes.chunks(1),
            false => bytes.chunks(bytes.len().max(1)),
        };
        for piece in pieces {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write_all(piece) {
                Ok(()) if self.is_bytewise => thread::sleep(BETWEEN_BYTES),
                Ok(()) => {}
                Err(error) if is_reset(&error) => return Ok(Some(End::Reset)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Reads the beginning of a packet. Returns how the connection ended, if it did.
    fn receive_part(&mut self, kind: PacketKind, part: Part) -> Result<Option<End>> {
        loop {
            let is_kind = self.buffer.first().map(|first| first >> 4 == kind as u8);
            ensure!(is_kind != Some(false), "{:02x?} came", self.buffer[0]);
            let wanted = match (part, Packet::length(&self.buffer)?) {
                (Part::First, _) => 1,
                (Part::Half, Some(length)) => length / 2,
                // No packet is as short as the header that tells its length.
                (Part::Half, None) => self.buffer.len() + 1,
            };
            if self.buffer.len() >= wanted {
                return Ok(None);
            }
            if let Some(end) = self.read(wanted - self.buffer.len())? {
                return Ok(Some(end));
            }
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
            if let Some(end) = self.read(usize::MAX)? {
                return Ok(Input::End(end));
            }
        }
    }

    /// Reads once, at most so many bytes. Returns how the connection ended, if it did.
    fn read(&mut self, most: usize) -> Result<Option<End>> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            let most = most.min(self.read_buffer.len());
            match self.stream.read(&mut self.read_buffer[..most]) {
                Ok(0) => return Ok(Some(End::Closed)),
                Ok(count) => {
                    self.buffer.extend_from_slice(&self.read_buffer[..count]);
                    self.chunks.push(Chunk {
                        bytes: count,
                        at: self.start.elapsed(),
                    });
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_reset(&error) => return Ok(Some(End::Reset)),
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
            ended_at: self.start.elapsed(),
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
