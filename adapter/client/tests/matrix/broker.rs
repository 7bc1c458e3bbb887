//! A broker in memory, with faults at given points.

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

/// A part of a packet, from its beginning.
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

/// The point at which a fault occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Once the connection is made.
    Accept,
    /// Once this part of the client's packet of this type has arrived. A whole packet was processed, but not answered.
    Received(u8, Part),
    /// Once this part of the broker's packet of this type has been sent.
    Sent(u8, Part),
    /// In place of the broker's packet of this type.
    InPlaceOf(u8),
    /// Between two messages.
    Idle,
}

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The broker closes the connection.
    Fin,
    /// The broker resets the connection, and the bytes that it sent last are lost.
    Rst,
    /// The broker reads everything and sends nothing more.
    Silence,
    /// The broker neither reads nor sends anything more.
    Deafness,
    /// The broker sends something that is not allowed here, then nothing.
    Say(Nonsense),
    /// The broker refuses the connection.
    Refuse,
    /// The broker sends one byte a second from here on.
    Drip,
    /// Each byte of the broker arrives alone from here on, which is allowed.
    Split,
    /// The broker's answers are delayed and arrive together, which is allowed.
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

/// The fault of one connection, and its point.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub point: Point,
    pub fault: Fault,
    /// The number of PUBLISH packets that pass before the fault.
    pub after: usize,
    /// True if the fault concerns the PUBREL and the PINGREQ in front of the next PUBLISH, which free its packet id.
    pub releasing: bool,
}

/// The broker's state that outlives its connections.
#[derive(Debug, Default)]
pub struct Memory {
    /// True if the broker has a session to keep.
    pub session: bool,
    /// True if other clients use the session as well, so that unanswered messages may be theirs.
    pub is_shared: bool,
    /// True if a QoS 2 message is delivered when its PUBREL arrives, as in mosquitto, and not with its PUBLISH. Both are
    /// allowed [MQTT-4.3.3-2].
    pub delivers_late: bool,
    /// The QoS 2 messages that were received and not released.
    received: HashMap<u16, Delivery>,
    /// The messages of a kept session whose answer was not sent in full, and which may be sent again only with DUP.
    unanswered: HashSet<u16>,
    /// The messages that subscribers received.
    pub delivered: Vec<Delivery>,
}

/// A message as a subscriber received it: the length of its payload, and the first byte.
type Delivery = (usize, Option<u8>);

impl Memory {
    pub fn forget(&mut self) {
        self.session = false;
        self.received.clear();
        self.unanswered.clear();
    }
}

/// The state of a connection.
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
    /// The bytes that the transport took, with the time at which the broker reads them.
    pub unread: VecDeque<(u64, Vec<u8>)>,
    buffer: Vec<u8>,
    /// The bytes that the broker sent, with the time at which they arrive.
    pub outgoing: VecDeque<(u64, Vec<u8>)>,
    /// The time at which the end of the connection arrives.
    pub end: Option<u64>,
    dripping: bool,
    split: bool,
    delay: bool,
    /// The types of the packets received, in their order.
    pub kinds: Vec<u8>,
    /// The parts of each begun PUBLISH that the transport took; see [`Taken`].
    pub publications: Vec<Taken>,
    pub dups: Vec<bool>,
    said: u64,
    /// The time until the client notices what happens here, in nanoseconds.
    latency: u64,
}

/// The part of a PUBLISH packet that the transport took.
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

    /// The time at which the broker reads next, if there is something to read.
    pub fn next_read(&self) -> Option<u64> {
        self.unread.front().map(|(due, _)| *due)
    }

    /// Processes bytes from the client, which the transport took before.
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
            // Acknowledgements of messages to the client.
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

    /// True if the plan concerns the message that is being exchanged.
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

    /// Plays the fault of the plan, if this is its point.
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
            // The broker sends PUBREC in place of PUBACK, and PUBACK in place of anything else.
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

/// The length of the packet at the beginning of `bytes`, if it is known already.
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

/// The part of a packet behind the fixed header.
fn packet_body(packet: &[u8]) -> &[u8] {
    let length = packet[1..]
        .iter()
        .take_while(|byte| **byte & 0x80 != 0)
        .count();
    &packet[2 + length..]
}
