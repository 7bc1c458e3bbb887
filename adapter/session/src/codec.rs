//! mqttbytes' `v4` codec with the checks around it that it lacks.

use bytes::{BufMut, BytesMut};
use mqttbytes::{
    Error, QoS,
    v4::{self, ConnAck, Connect, ConnectReturnCode, Login, PubAck, Publish},
};

use crate::{ConnectOptions, Qos, Refusal, Topic, Violation};

/// The largest remaining length that the fixed header can say (2.2.3).
const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// A packet from the broker that has passed every check which needs no state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connack { session_present: bool, refusal: Option<Refusal> },
    Publish { qos: Qos, packet_id: u16 },
    Ack(Ack, u16),
    Pingresp,
}

/// The packets that are nothing but a kind and a packet id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ack {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

impl Ack {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubrel => "PUBREL",
            Self::Pubcomp => "PUBCOMP",
        }
    }
}

impl Packet {
    pub(crate) const fn name(&self) -> &'static str {
        let kind = match self {
            Self::Connack { .. } => Kind::Connack,
            Self::Publish { .. } => Kind::Publish,
            Self::Ack(ack, _) => Kind::Ack(*ack),
            Self::Pingresp => Kind::Pingresp,
        };
        kind.name()
    }
}

/// Takes the first packet off `input`, or nothing if it is not there as a whole.
///
/// What makes a packet wrong is found as soon as the bytes that show it are there: nobody waits for, or keeps, the body of
/// a packet that will be refused.
pub(crate) fn decode(input: &mut BytesMut, limit: usize) -> Result<Option<Packet>, Violation> {
    let Some(&first) = input.first() else {
        return Ok(None);
    };
    let kind = Kind::new(first).ok_or(Violation::FirstByte(first))?;
    // Kinds of one length have one byte to say it.
    if let (Some(expected), Some(&length)) = (kind.remaining_length(), input.get(1))
        && expected != length
    {
        return Err(Violation::Length);
    }
    let header = match mqttbytes::check(input.iter(), limit) {
        Ok(header) => header,
        Err(Error::InsufficientBytes(_)) => return Ok(None),
        Err(Error::PayloadSizeLimitExceeded(bytes)) => return Err(Violation::TooLarge(bytes)),
        Err(_) => return Err(Violation::Length),
    };

    let frame = input.split_to(header.frame_length()).freeze();
    let malformed = |_| Violation::Malformed(kind.name());
    Ok(Some(match kind {
        Kind::Connack => {
            // mqttbytes reads one of the flags and ignores the rest.
            let flags = frame.get(2).copied().unwrap_or_default();
            let connack = ConnAck::read(header, frame).map_err(|error| match error {
                Error::InvalidConnectReturnCode(code) => Violation::ReturnCode(code),
                error => malformed(error),
            })?;
            let refusal = refusal(connack.code);
            if flags > 1 || (connack.session_present && refusal.is_some()) {
                return Err(Violation::ConnackFlags(flags));
            }
            Packet::Connack { session_present: connack.session_present, refusal }
        }
        Kind::Publish => {
            let publish = Publish::read(header, frame).map_err(malformed)?;
            let qos = match publish.qos {
                QoS::AtMostOnce => Qos::AtMostOnce,
                QoS::AtLeastOnce => Qos::AtLeastOnce,
                QoS::ExactlyOnce => Qos::ExactlyOnce,
            };
            // DUP must be 0 with QoS 0 [MQTT-3.3.1-2].
            if (publish.dup && qos == Qos::AtMostOnce) || Topic::new(publish.topic).is_err() {
                return Err(Violation::Malformed(kind.name()));
            }
            Packet::Publish { qos, packet_id: publish.pkid }
        }
        Kind::Ack(ack) => {
            // All four are laid out alike, so that one reader serves them.
            let packet_id = PubAck::read(header, frame).map_err(malformed)?.pkid;
            Packet::Ack(ack, packet_id)
        }
        Kind::Pingresp => Packet::Pingresp,
    }))
}

/// The kinds of packet that a broker sends to a publisher.
#[derive(Clone, Copy)]
enum Kind {
    Connack,
    Publish,
    Ack(Ack),
    Pingresp,
}

impl Kind {
    /// The kind whose packets begin with `first`; none for reserved types and flags [MQTT-2.2.2-2], a PUBLISH of QoS 3
    /// [MQTT-3.3.1-4], and what only clients send or only subscribers get.
    const fn new(first: u8) -> Option<Self> {
        Some(match first {
            0x20 => Self::Connack,
            0x30..=0x3f if first & 0b110 != 0b110 => Self::Publish,
            0x40 => Self::Ack(Ack::Puback),
            0x50 => Self::Ack(Ack::Pubrec),
            0x62 => Self::Ack(Ack::Pubrel),
            0x70 => Self::Ack(Ack::Pubcomp),
            0xd0 => Self::Pingresp,
            _ => return None,
        })
    }

    /// The remaining length, of the kinds that have but one.
    const fn remaining_length(self) -> Option<u8> {
        match self {
            Self::Connack | Self::Ack(_) => Some(2),
            Self::Publish => None,
            Self::Pingresp => Some(0),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Ack(ack) => ack.name(),
            Self::Pingresp => "PINGRESP",
        }
    }
}

fn refusal(code: ConnectReturnCode) -> Option<Refusal> {
    match code {
        ConnectReturnCode::Success => None,
        ConnectReturnCode::RefusedProtocolVersion => Some(Refusal::ProtocolVersion),
        ConnectReturnCode::BadClientId => Some(Refusal::ClientId),
        ConnectReturnCode::ServiceUnavailable => Some(Refusal::Unavailable),
        ConnectReturnCode::BadUserNamePassword => Some(Refusal::BadCredentials),
        ConnectReturnCode::NotAuthorized => Some(Refusal::NotAuthorized),
    }
}

/// The CONNECT packet of `options`.
pub(crate) fn connect(options: &ConnectOptions) -> BytesMut {
    let mut connect = Connect::new(options.client_id.as_str());
    connect.clean_session = options.clean_session;
    connect.keep_alive = options.keep_alive;
    connect.login = options
        .credentials
        .as_ref()
        .map(|credentials| Login::new(credentials.username(), credentials.password()));
    // A buffer of its own: mqttbytes patches the flags at an offset from the buffer's start, not the packet's.
    let mut packet = BytesMut::new();
    encoded(connect.write(&mut packet));
    packet
}

/// The lengths that a PUBLISH packet would have.
pub(crate) struct PublishLength {
    remaining: usize,
    /// Of the whole packet, in bytes.
    pub(crate) packet: usize,
}

impl PublishLength {
    /// `None` if the packet would be larger than MQTT allows (2.2.3).
    pub(crate) fn new(topic: &Topic, payload: usize, qos: Qos) -> Option<Self> {
        let packet_id = if qos == Qos::AtMostOnce { 0 } else { 2 };
        let remaining = (2 + topic.as_str().len() + packet_id).checked_add(payload)?;
        let length_bytes = match remaining {
            0..0x80 => 1,
            0x80..0x4000 => 2,
            0x4000..0x20_0000 => 3,
            0x20_0000..=MAX_REMAINING_LENGTH => 4,
            _ => return None,
        };
        let packet = 1 + length_bytes + remaining;
        Some(Self { remaining, packet })
    }
}

/// Writes a PUBLISH packet up to where its payload begins (3.3); retain and DUP are 0.
///
/// This is the one packet that mqttbytes does not write: it would copy the payload, and a large one goes out from where it
/// lies. `packet_id` is ignored for QoS 0.
pub(crate) fn publish_header(
    topic: &Topic,
    length: &PublishLength,
    qos: Qos,
    packet_id: u16,
    output: &mut BytesMut,
) {
    output.put_u8(0x30 | (qos as u8) << 1);
    let mut rest = length.remaining;
    while rest >= 0x80 {
        output.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.put_u8(rest as u8);
    // A `Topic` has at most 65,535 bytes.
    output.put_u16(topic.as_str().len() as u16);
    output.extend_from_slice(topic.as_str().as_bytes());
    if qos != Qos::AtMostOnce {
        output.put_u16(packet_id);
    }
}

/// Writes an acknowledgement.
pub(crate) fn ack(ack: Ack, packet_id: u16, output: &mut BytesMut) {
    encoded(match ack {
        Ack::Puback => v4::PubAck::new(packet_id).write(output),
        Ack::Pubrec => v4::PubRec::new(packet_id).write(output),
        Ack::Pubrel => v4::PubRel::new(packet_id).write(output),
        Ack::Pubcomp => v4::PubComp::new(packet_id).write(output),
    });
}

/// Writes a PINGREQ.
pub(crate) fn pingreq(output: &mut BytesMut) {
    encoded(v4::PingReq.write(output));
}

/// Writes a DISCONNECT.
pub(crate) fn disconnect(output: &mut BytesMut) {
    encoded(v4::Disconnect.write(output));
}

/// mqttbytes' writers fail on a length above MQTT's alone, and what they write here is at most some 200 KB.
fn encoded(result: Result<usize, Error>) {
    debug_assert!(result.is_ok());
}
