//! A broker in memory, which goes wrong where it is told to.

use std::collections::{HashMap, HashSet, VecDeque};

pub const CONNECT: u8 = 1;
pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const PUBREC: u8 = 5;
pub const PUBREL: u8 = 6;
pub const PUBCOMP: u8 = 7;
pub const PINGREQ: u8 = 12;
pub const PINGRESP: u8 = 13;
pub const DISCONNECT: u8 = 14;

/// How much of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    FirstByte,
    Half,
    AllButOne,
    Whole,
}

impl Part {
    fn of(self, length: usize) -> usize {
        match self {
            Self::FirstByte => 1,
            Self::Half => length.div_ceil(2),
            Self::AllButOne => length - 1,
            Self::Whole => length,
        }
    }
}

/// When something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Once the connection is made.
    Accept,
    /// Once this part of the client's packet of this type has come. A whole one has been acted on, but not answered.
    Received(u8, Part),
    /// Once this part of the broker's packet of this type has been sent.
    Sent(u8, Part),
    /// In place of the broker's packet of this type.
    InPlaceOf(u8),
    /// Between two messages.
    Idle,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The broker closes the connection.
    Fin,
    /// The broker breaks it off, and what it sent last is lost.
    Rst,
    /// It takes all and says nothing more.
    Silence,
    /// It takes nothing more, and says nothing.
    Deafness,
    /// It says something that no broker may say here, then nothing.
    Say(Nonsense),
    /// It refuses the connection.
    Refuse,
    /// From here on, it says one byte a second.
    Drip,
    /// From here on, each byte comes alone. Nothing is wrong with that.
    Split,
    /// Its answers are held up and come together. Nothing is wrong with that either.
    Delay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    ReservedType,
    ReservedFlags,
    ReservedReturnCode,
    PresentAndRefused,
    MalformedLength,
    TooLarge,
    UnknownPacketId,
    WrongPacket,
    SecondConnack,
    NotMqtt,
}

/// What one connection is to see go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub point: Point,
    pub fault: Fault,
    /// How many PUBLISH packets are none of its business.
    pub after: usize,
    /// Whether it is for what comes before the next PUBLISH: the PUBREL and the PINGREQ that free its packet id.
    pub releasing: bool,
}

/// What outlives the connections.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whether there is a session that is to be kept.
    pub session: bool,
    /// Whether other clients use the session as well, and what is unanswered may be theirs.
    pub is_shared: bool,
    /// Whether a QoS 2 message is delivered once PUBREL has come for it, as mosquitto does, and not with its PUBLISH. Both are
    /// allowed [MQTT-4.3.3-2].
    pub delivers_late: bool,
    /// The QoS 2 messages that were received and not released.
    received: HashMap<u16, Delivery>,
    /// The messages of a kept session whose answer was not sent in full, and which can come again only with DUP.
    unanswered: HashSet<u16>,
    /// What subscribers got.
    pub delivered: Vec<Delivery>,
}

/// A message as a subscriber got it: the length of its payload, and the first byte.
type Delivery = (usize, Option<u8>);

impl Memory {
    pub fn forget(&mut self) {
        self.session = false;
        self.received.clear();
        self.unanswered.clear();
    }
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Silent,
    Deaf,
    Closed,
    Reset,
}

/// One connection, seen from the broker.
#[derive(Debug)]
pub struct Connection {
    plan: Option<Plan>,
    pub state: State,
    /// What the transport took and when the broker reads it.
    pub unread: VecDeque<(u64, Vec<u8>)>,
    buffer: Vec<u8>,
    /// What was said, and when it arrives.
    pub outgoing: VecDeque<(u64, Vec<u8>)>,
    /// When the connection's end arrives.
    pub end: Option<u64>,
    dripping: bool,
    split: bool,
    delay: bool,
    /// The types of the packets received, in their order.
    pub kinds: Vec<u8>,
    /// How many PUBLISH packets were begun, and what of them the transport took; see [`Taken`].
    pub publications: Vec<Taken>,
    pub dups: Vec<bool>,
    said: u64,
    /// How long it takes until the client knows of what happens here.
    latency: u64,
}

/// What the transport took of a PUBLISH packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub begun: bool,
    pub whole: bool,
}

const MILLISECOND: u64 = 1_000_000;

impl Connection {
    pub fn new(plan: Option<Plan>, now: u64, latency: u64) -> Self {
        let mut connection = Self {
            plan,
            state: State::Open,
            unread: VecDeque::new(),
            buffer: Vec::new(),
            outgoing: VecDeque::new(),
            end: None,
            dripping: false,
            split: false,
            delay: false,
            kinds: Vec::new(),
            publications: Vec::new(),
            dups: Vec::new(),
            said: now,
            latency,
        };
        connection.reach(Point::Accept, now);
        connection
    }

    /// When the broker reads next, if there is something to read.
    pub fn next_read(&self) -> Option<u64> {
        self.unread.front().map(|(due, _)| *due)
    }

    /// Takes bytes from the client, which the transport has taken before.
    pub fn receive(&mut self, bytes: &[u8], now: u64, memory: &mut Memory) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let Some(&first) = self.buffer.first() else {
                return;
            };
            let kind = first >> 4;
            if kind == PUBLISH
                && self.kinds.iter().filter(|it| **it == PUBLISH).count() == self.publications.len()
            {
                self.publications.push(Taken {
                    begun: true,
                    whole: false,
                });
            }
            let length = packet_length(&self.buffer);
            for part in [Part::FirstByte, Part::Half, Part::AllButOne] {
                let come = length.is_some_and(|length| self.buffer.len() >= part.of(length));
                if part == Part::FirstByte || come {
                    self.reach(Point::Received(kind, part), now);
                }
            }
            let Some(length) = length.filter(|length| self.buffer.len() >= *length) else {
                return;
            };
            let packet: Vec<u8> = self.buffer.drain(..length).collect();
            if kind == PUBLISH {
                self.publications.last_mut().unwrap().whole = true;
                self.dups.push(first & 8 != 0);
            }
            self.kinds.push(kind);
            if self.state == State::Open {
                self.handle(kind, &packet, now, memory);
            }
        }
    }

    fn handle(&mut self, kind: u8, packet: &[u8], now: u64, memory: &mut Memory) {
        let id = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let answer = match kind {
            CONNECT => {
                assert_eq!(self.kinds, [CONNECT], "CONNECT comes first and once");
                let clean = packet[9] & 2 != 0;
                if clean {
                    memory.forget();
                }
                let present = memory.session;
                memory.session = !clean;
                Some((CONNACK, vec![0x20, 2, u8::from(present), 0], 0))
            }
            PUBLISH => {
                let header = packet.len() - packet_body(packet).len();
                let topic = usize::from(id(header));
                let qos = packet[0] >> 1 & 3;
                let dup = packet[0] & 8 != 0;
                assert!(
                    !dup || (qos > 0 && memory.session),
                    "DUP is for messages of kept sessions"
                );
                let mut payload = &packet[header + 2 + topic..];
                let packet_id = match qos {
                    0 => 0,
                    _ => {
                        let id = u16::from_be_bytes([payload[0], payload[1]]);
                        payload = &payload[2..];
                        assert_ne!(id, 0);
                        id
                    }
                };
                assert!(
                    dup || memory.is_shared || !memory.unanswered.contains(&packet_id),
                    "a second copy is marked"
                );
                if qos > 0 && memory.session {
                    memory.unanswered.insert(packet_id);
                }
                let delivery = (payload.len(), payload.first().copied());
                let new = qos < 2 || memory.received.insert(packet_id, delivery).is_none();
                if new && !(qos == 2 && memory.delivers_late) {
                    memory.delivered.push(delivery);
                }
                match qos {
                    0 => None,
                    1 => Some((PUBACK, ack(0x40, packet_id), packet_id)),
                    _ => Some((PUBREC, ack(0x50, packet_id), packet_id)),
                }
            }
            PUBREL => {
                assert_eq!(packet[0], 0x62);
                if let Some(delivery) = memory.received.remove(&id(2))
                    && memory.delivers_late
                {
                    memory.delivered.push(delivery);
                }
                Some((PUBCOMP, ack(0x70, id(2)), id(2)))
            }
            PINGREQ => Some((PINGRESP, vec![0xd0, 0], 0)),
            DISCONNECT => {
                self.state = State::Closed;
                self.end = Some(now + self.latency);
                None
            }
            // Answers to messages for the session.
            PUBACK | PUBREC | PUBCOMP => None,
            _ => panic!("a client sent a packet of type {kind}"),
        };
        self.reach(Point::Received(kind, Part::Whole), now);
        let Some((kind, bytes, packet_id)) = answer else {
            return;
        };
        if self.state != State::Open {
            return;
        }
        if let Some(Plan { point, fault, .. }) = self.plan
            && point == Point::InPlaceOf(kind)
            && self.is_concerned()
        {
            self.plan = None;
            match fault {
                Fault::Refuse => {
                    self.say(&[0x20, 2, 0, 5], now);
                    self.close(State::Closed, now);
                }
                Fault::Say(nonsense) => {
                    self.say(&nonsense.bytes(kind, packet_id), now);
                    self.state = State::Silent;
                }
                _ => panic!("{fault:?} does not go there"),
            }
            return;
        }
        let mut said = 0;
        for part in [Part::Half, Part::Whole] {
            let to = part.of(bytes.len());
            self.say(&bytes[said..to], now);
            said = to;
            if part == Part::Whole && kind != PUBREC {
                memory.unanswered.remove(&packet_id);
            }
            self.reach(Point::Sent(kind, part), now);
            if self.state != State::Open {
                return;
            }
        }
    }

    fn say(&mut self, bytes: &[u8], now: u64) {
        let gap = match () {
            () if self.dripping => 1_000 * MILLISECOND,
            () if self.split => MILLISECOND,
            () => {
                let delay = if self.delay {
                    50 * MILLISECOND
                } else {
                    self.latency
                };
                self.outgoing.push_back((now + delay, bytes.to_vec()));
                return;
            }
        };
        for byte in bytes {
            self.said = self.said.max(now) + gap;
            self.outgoing.push_back((self.said, vec![*byte]));
        }
    }

    /// Whether the plan is for the message that is being exchanged.
    fn is_concerned(&self) -> bool {
        let Some(plan) = self.plan else { return false };
        let connecting = matches!(
            plan.point,
            Point::Accept
                | Point::Idle
                | Point::Received(CONNECT, _)
                | Point::Sent(CONNACK, _)
                | Point::InPlaceOf(CONNACK)
        );
        let published = self.publications.len();
        connecting
            || if plan.releasing {
                published == plan.after
            } else {
                published > plan.after
            }
    }

    /// Plays the fault of the plan, if its point is this one.
    pub fn reach(&mut self, point: Point, now: u64) {
        let Some(plan) = self.plan.filter(|plan| plan.point == point) else {
            return;
        };
        if self.state != State::Open || !self.is_concerned() {
            return;
        }
        self.plan = None;
        match plan.fault {
            Fault::Fin => self.close(State::Closed, now),
            Fault::Rst => {
                self.outgoing.clear();
                self.close(State::Reset, now);
            }
            Fault::Silence => self.state = State::Silent,
            Fault::Deafness => self.state = State::Deaf,
            Fault::Say(nonsense) => {
                self.say(&nonsense.bytes(0, 0), now);
                self.state = State::Silent;
            }
            Fault::Drip => self.dripping = true,
            Fault::Split => self.split = true,
            Fault::Delay => self.delay = true,
            Fault::Refuse => panic!("a refusal stands in place of CONNACK"),
        }
    }

    fn close(&mut self, state: State, now: u64) {
        self.state = state;
        self.end = Some(now + self.latency);
    }
}

impl Nonsense {
    fn bytes(self, kind: u8, packet_id: u16) -> Vec<u8> {
        match self {
            Self::ReservedType => vec![0xf0, 0],
            Self::ReservedFlags => vec![0x41, 2, 0, 1],
            Self::ReservedReturnCode => vec![0x20, 2, 0, 6],
            Self::PresentAndRefused => vec![0x20, 2, 1, 5],
            Self::MalformedLength => vec![0x30, 0xff, 0xff, 0xff, 0xff],
            Self::TooLarge => vec![0x30, 0xff, 0xff, 0xff, 0x7f],
            Self::UnknownPacketId => ack(kind << 4, packet_id ^ 0x55),
            // The other acknowledgement that a publisher knows.
            Self::WrongPacket if kind == PUBACK => ack(0x50, packet_id),
            Self::WrongPacket => ack(0x40, packet_id),
            Self::SecondConnack => vec![0x20, 2, 0, 0],
            Self::NotMqtt => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        }
    }
}

fn ack(first: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first, 2, high, low]
}

/// The length of the packet that `bytes` begin with, if they say it.
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(2 + index + length);
        }
    }
    None
}

/// What follows the fixed header.
fn packet_body(packet: &[u8]) -> &[u8] {
    let length = packet[1..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count();
    &packet[2 + length..]
}
