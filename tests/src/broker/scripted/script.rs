use std::time::Duration;

use crate::broker::packet::{self, Packet, PacketKind};

/// What a broker does with one connection, step by step. After the last step it reads, without answering, until the
/// client closes.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) steps: Vec<Step>,
}

/// A step of a [`Script`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Waits for the client's next packet, which must be of this kind.
    Receive(PacketKind),
    /// Waits for a part of the client's next packet, which must be of this kind, and reads no further.
    ReceivePart(PacketKind, Part),
    /// Sends these bytes in one write.
    Send(Vec<u8>),
    /// Sends what this function makes of the latest packet of this kind.
    Reply(PacketKind, fn(&Packet) -> Vec<u8>),
    /// Does nothing, not even read.
    Wait(Duration),
    /// Sends all that follows one byte at a time.
    Bytewise,
    /// Answers every packet as a good broker does, until one of this kind comes, which it does not answer.
    BehaveUntil(PacketKind),
    /// Answers every packet as a good broker does, until the client closes.
    Behave,
    /// Closes the broker's half (FIN).
    Close,
    /// Breaks the connection off (RST).
    Reset,
}

/// A part of a packet, from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its first byte.
    First,
    /// Half of it.
    Half,
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

    /// Adds [`Step::ReceivePart`].
    pub fn receive_part(self, kind: PacketKind, part: Part) -> Self {
        self.then(Step::ReceivePart(kind, part))
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

    /// Adds [`Step::BehaveUntil`].
    pub fn behave_until(self, kind: PacketKind) -> Self {
        self.then(Step::BehaveUntil(kind))
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
