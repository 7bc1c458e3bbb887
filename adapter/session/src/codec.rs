//! mqttbytes' `v4` codec, and the checks that it lacks.

use bytes::{Buf, BufMut, BytesMut};
use mqttbytes::{
    Error, FixedHeader, QoS,
    v4::{self, ConnAck, Connect, ConnectReturnCode, Login, PubAck, Publish},
};

use crate::{ConnectOptions, Protocol, Qos, Refusal, Topic, Violation};

/// The largest remaining length that a fixed header can express (2.2.3).
const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// A packet from the broker that has passed every check that needs no state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connack {
        session_present: bool,
        refusal: Option<Refusal>,
    },
    Publish {
        qos: Qos,
        packet_id: u16,
    },
    Ack(Ack, u16),
    Pingresp,
    /// A packet of MQTT 5, which some brokers also send in MQTT 3.1.1 before they close the connection.
    Disconnect,
    /// SUBACK or UNSUBACK, for which a publisher never asks: some brokers subscribe their clients on their own.
    Suback,
}

/// The packets that consist of a kind and a packet id.
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
            Self::Disconnect => Kind::Disconnect,
            Self::Suback => Kind::Suback,
        };
        kind.name()
    }
}

/// The bytes that have arrived, which are taken off packet by packet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// The number of bytes that are still to arrive of a payload that is discarded.
    skip: usize,
}

impl Input {
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.buffer.extend_from_slice(&bytes[skipped..]);
    }

    /// The protocol that the broker speaks in place of MQTT, if its first bytes show that.
    pub(crate) fn other_protocol(&self) -> Option<Protocol> {
        Protocol::guess(&self.buffer)
    }

    /// Takes off the first packet, or returns `None` if it has not arrived in full. The payload of a PUBLISH is discarded as it
    /// arrives, so that never more than a topic is kept, whatever length a packet claims.
    ///
    /// A fault in a packet is found as soon as the bytes that show it have arrived, without waiting for the rest of the packet.
    /// `limit` applies to the remaining length.
    pub(crate) fn next(&mut self, limit: usize) -> Result<Option<Packet>, Violation> {
        let Some(&first) = self.buffer.first() else {
            return Ok(None);
        };
        let kind = Kind::new(first).ok_or(Violation::FirstByte(first))?;
        let Some((length_bytes, remaining)) = remaining_length(&self.buffer)? else {
            return Ok(None);
        };
        if remaining > limit {
            return Err(Violation::TooLarge(remaining));
        }

        let header = FixedHeader::new(first, length_bytes, remaining);
        let malformed = |_| Violation::Malformed(kind.name());
        let wanted = match kind {
            // Everything in front of the payload: the topic's length, the topic, and the packet id.
            Kind::Publish => {
                let Some(topic) = self.buffer.get(1 + length_bytes..3 + length_bytes) else {
                    return match remaining {
                        0 | 1 => Err(Violation::Malformed(kind.name())),
                        _ => Ok(None),
                    };
                };
                let topic = usize::from(u16::from_be_bytes([topic[0], topic[1]]));
                let packet_id = if first & 0b110 == 0 { 0 } else { 2 };
                2 + topic + packet_id
            }
            // The packet id, and the reason code of MQTT 5 if there is one.
            Kind::Ack(_) => remaining.clamp(2, 3),
            Kind::Connack => 2,
            Kind::Pingresp | Kind::Disconnect | Kind::Suback => 0,
        };
        let unwanted = remaining.checked_sub(wanted).ok_or(match kind {
            Kind::Publish => Violation::Malformed(kind.name()),
            _ => Violation::Length,
        })?;
        if self.buffer.len() < 1 + length_bytes + wanted {
            return Ok(None);
        }
        let frame = self.buffer.split_to(1 + length_bytes + wanted).freeze();
        let skipped = unwanted.min(self.buffer.len());
        self.buffer.advance(skipped);
        self.skip = unwanted - skipped;

        Ok(Some(match kind {
            Kind::Connack => {
                // mqttbytes reads one of the flags and ignores the others, and so do we: the meaning of the packet is clear.
                let flags = frame.get(1 + length_bytes).copied().unwrap_or_default();
                match ConnAck::read(header, frame) {
                    Ok(connack) => {
                        let refusal = refusal(connack.code);
                        Packet::Connack {
                            session_present: connack.session_present && refusal.is_none(),
                            refusal,
                        }
                    }
                    // If reserved flags are set as well, the meaning of the packet is not clear.
                    Err(Error::InvalidConnectReturnCode(code)) if flags <= 1 => Packet::Connack {
                        session_present: false,
                        refusal: Some(Refusal::Other(code)),
                    },
                    Err(error) => return Err(malformed(error)),
                }
            }
            Kind::Publish => {
                let publish = Publish::read(header, frame).map_err(malformed)?;
                let qos = match publish.qos {
                    QoS::AtMostOnce => Qos::AtMostOnce,
                    QoS::AtLeastOnce => Qos::AtLeastOnce,
                    QoS::ExactlyOnce => Qos::ExactlyOnce,
                };
                let topic = publish.topic;
                if topic.is_empty() || topic.contains(['\0', '+', '#']) {
                    return Err(Violation::Malformed(kind.name()));
                }
                Packet::Publish {
                    qos,
                    packet_id: publish.pkid,
                }
            }
            Kind::Ack(ack) => {
                // In MQTT 5, a code of 0x80 or more says that the broker did not take the message.
                let reason = frame.get(length_bytes + 3).copied().unwrap_or_default();
                // All four kinds have the same layout, so one reader serves them all.
                let header = FixedHeader::new(first, length_bytes, 2);
                let packet_id = PubAck::read(header, frame).map_err(malformed)?.pkid;
                if reason >= 0x80 {
                    return Err(Violation::ReasonCode(ack.name(), reason));
                }
                Packet::Ack(ack, packet_id)
            }
            Kind::Pingresp => Packet::Pingresp,
            Kind::Disconnect => Packet::Disconnect,
            Kind::Suback => Packet::Suback,
        }))
    }
}

/// Reads the remaining length (2.2.3) and the number of bytes that encode it; `None` if they have not all arrived.
fn remaining_length(packet: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let mut remaining = 0;
    for (index, byte) in packet.iter().skip(1).take(4).enumerate() {
        remaining |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 1, remaining)));
        }
    }
    if packet.len() > 4 {
        return Err(Violation::Length);
    }
    Ok(None)
}

/// The kinds of packet that a broker sends to a publisher.
#[derive(Clone, Copy)]
enum Kind {
    Connack,
    Publish,
    Ack(Ack),
    Pingresp,
    Disconnect,
    Suback,
}

impl Kind {
    /// The kind whose packets begin with `first`; `None` for reserved types and flags [MQTT-2.2.2-2], a PUBLISH of QoS 3
    /// [MQTT-3.3.1-4], and packets that only clients send or only subscribers receive.
    const fn new(first: u8) -> Option<Self> {
        Some(match first {
            0x20 => Self::Connack,
            0x30..=0x3f if first & 0b110 != 0b110 => Self::Publish,
            0x40 => Self::Ack(Ack::Puback),
            0x50 => Self::Ack(Ack::Pubrec),
            0x62 => Self::Ack(Ack::Pubrel),
            0x70 => Self::Ack(Ack::Pubcomp),
            0xd0 => Self::Pingresp,
            0xe0 => Self::Disconnect,
            0x90 | 0xb0 => Self::Suback,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Ack(ack) => ack.name(),
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Suback => "SUBACK",
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

/// Makes the CONNECT packet of `options`.
pub(crate) fn connect(options: &ConnectOptions) -> BytesMut {
    let mut connect = Connect::new(options.client_id.as_str());
    connect.clean_session = options.clean_session;
    connect.keep_alive = options.keep_alive;
    connect.login = options
        .credentials
        .as_ref()
        .map(|credentials| Login::new(credentials.username(), credentials.password()));
    // The packet needs a buffer of its own: mqttbytes patches the flags at an offset from the start of the buffer, not of the
    // packet.
    let mut packet = BytesMut::new();
    encoded(connect.write(&mut packet));
    packet
}

/// The lengths of a PUBLISH packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishLength {
    remaining: usize,
    /// The length of the whole packet, in bytes.
    pub(crate) packet: usize,
}

impl PublishLength {
    /// Computes the lengths; `None` if the packet would be larger than MQTT allows (2.2.3).
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

/// Writes a PUBLISH packet up to its payload (3.3); retain is 0.
///
/// This is the one packet that mqttbytes does not write, since it would copy the payload, and a large payload is sent without a
/// copy. `packet_id` is ignored for QoS 0.
pub(crate) fn publish_header(
    topic: &Topic,
    length: &PublishLength,
    qos: Qos,
    dup: bool,
    packet_id: u16,
    output: &mut BytesMut,
) {
    output.put_u8(0x30 | u8::from(dup) << 3 | (qos as u8) << 1);
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

/// Checks the result of a writer of mqttbytes. These fail only on a length that MQTT does not allow, and the packets that they
/// write here have at most some 200 KB.
fn encoded(result: Result<usize, Error>) {
    debug_assert!(result.is_ok());
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::Credentials;

    fn decode_all(bytes: &[u8]) -> Result<Vec<Packet>, Violation> {
        let mut input = Input::default();
        input.extend(bytes);
        let mut packets = Vec::new();
        while let Some(packet) = input.next(100)? {
            packets.push(packet);
        }
        assert!(input.buffer.is_empty(), "left over: {input:?}");
        assert_eq!(input.skip, 0);
        Ok(packets)
    }

    fn decode_one(bytes: &[u8], limit: usize) -> Result<Option<Packet>, Violation> {
        let mut input = Input::default();
        input.extend(bytes);
        input.next(limit)
    }

    const CONNACK: Packet = Packet::Connack {
        session_present: false,
        refusal: None,
    };

    #[test]
    fn every_packet_of_a_broker_is_decoded() {
        let bytes = [
            &[0x20, 2, 0, 0][..],
            &[0x20, 2, 1, 0],
            &[0x20, 2, 0, 5],
            &[0x40, 2, 0, 1],
            &[0x50, 2, 1, 0],
            &[0x62, 2, 0xff, 0xff],
            &[0x70, 2, 0, 9],
            &[0xd0, 0],
            &[0x31, 5, 0, 1, b't', 1, 2],
            &[0x3a, 6, 0, 1, b't', 0, 7, 9],
            &[0x3c, 5, 0, 1, b't', 0, 8],
        ]
        .concat();
        let expected = [
            CONNACK,
            Packet::Connack {
                session_present: true,
                refusal: None,
            },
            Packet::Connack {
                session_present: false,
                refusal: Some(Refusal::NotAuthorized),
            },
            Packet::Ack(Ack::Puback, 1),
            Packet::Ack(Ack::Pubrec, 256),
            Packet::Ack(Ack::Pubrel, 65_535),
            Packet::Ack(Ack::Pubcomp, 9),
            Packet::Pingresp,
            Packet::Publish {
                qos: Qos::AtMostOnce,
                packet_id: 0,
            },
            Packet::Publish {
                qos: Qos::AtLeastOnce,
                packet_id: 7,
            },
            Packet::Publish {
                qos: Qos::ExactlyOnce,
                packet_id: 8,
            },
        ];
        assert_eq!(decode_all(&bytes).unwrap(), expected);
    }

    #[test]
    fn every_return_code_is_told_apart() {
        use Refusal::*;
        let refusals = [
            ProtocolVersion,
            ClientId,
            Unavailable,
            BadCredentials,
            NotAuthorized,
        ];
        for (code, refusal) in (1..).zip(refusals) {
            let expected = Packet::Connack {
                session_present: false,
                refusal: Some(refusal),
            };
            assert_eq!(decode_all(&[0x20, 2, 0, code]).unwrap(), [expected]);
            assert!(refusal.message().contains(&format!("(code {code})")));
        }
        let other = Packet::Connack {
            session_present: false,
            refusal: Some(Other(6)),
        };
        assert_eq!(decode_all(&[0x20, 2, 0, 6]).unwrap(), [other]);
        assert!(Other(6).message().contains("(code 6)"));
    }

    /// Only these first bytes are valid from a broker to a publisher [MQTT-2.2.2-2]; mqttbytes does not check the flags.
    #[test]
    fn reserved_types_and_flags_are_refused() {
        let known = [0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0];
        for first in 0..=u8::MAX {
            let publish = first >> 4 == 3 && first & 6 != 6;
            // The packet is refused before its length has arrived.
            let result = decode_one(&[first], 100);
            if known.contains(&first) || publish {
                assert_eq!(result, Ok(None), "{first:#x}");
            } else {
                assert_eq!(result, Err(Violation::FirstByte(first)), "{first:#x}");
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused_before_the_body_is_there() {
        for bytes in [
            &[0x20, 0][..],
            &[0x20, 1],
            &[0x40, 1],
            &[0x62, 0],
            &[0x30, 0xff, 0xff, 0xff, 0xff],
        ] {
            let result = decode_one(bytes, usize::MAX);
            assert_eq!(result, Err(Violation::Length), "{bytes:x?}");
        }
        let result = decode_one(&[0x30, 101], 100);
        assert_eq!(result, Err(Violation::TooLarge(101)));
    }

    #[test]
    fn malformed_content_is_refused() {
        for bytes in [
            &[0x30, 0][..],
            &[0x30, 1, 0],
            // The topic is longer than the packet, empty, not UTF-8, a wildcard, NUL.
            &[0x30, 3, 0, 9, b't'],
            &[0x30, 2, 0, 0],
            &[0x30, 3, 0, 1, 0xff],
            &[0x30, 3, 0, 1, b'#'],
            &[0x30, 3, 0, 1, 0],
            // No packet id, packet id 0.
            &[0x32, 3, 0, 1, b't'],
            &[0x32, 5, 0, 1, b't', 0, 0],
        ] {
            let malformed = Err(Violation::Malformed("PUBLISH"));
            assert_eq!(decode_all(bytes), malformed, "{bytes:x?}");
        }
    }

    /// Nothing of a message is kept beyond its topic, wherever it is cut and however long it is.
    #[test]
    fn a_payload_is_discarded_as_it_comes() {
        let message = [
            &[0x32, 0x87, 0x80, 0x04, 0, 1, b't', 0, 7][..],
            &[0xff; 65_538],
        ]
        .concat();
        for cut in [0, 1, 4, 6, 8, 9, 10, 1000, message.len() - 1] {
            let mut input = Input::default();
            let mut packets = Vec::new();
            for bytes in [&message[..cut], &message[cut..], &[0xd0, 0]] {
                for piece in bytes.chunks(4096) {
                    input.extend(piece);
                    packets.extend(input.next(usize::MAX).unwrap());
                    assert!(input.buffer.len() < 4096, "cut at {cut}");
                }
            }
            packets.extend(input.next(usize::MAX).unwrap());
            let publish = Packet::Publish {
                qos: Qos::AtLeastOnce,
                packet_id: 7,
            };
            assert_eq!(packets, [publish, Packet::Pingresp], "cut at {cut}");
        }
    }

    /// A broker may break rules that leave the meaning of its packet clear.
    #[test]
    fn what_a_broker_may_not_send_is_taken_where_it_is_plain() {
        let refused = Packet::Connack {
            session_present: false,
            refusal: Some(Refusal::NotAuthorized),
        };
        let publish = Packet::Publish {
            qos: Qos::AtMostOnce,
            packet_id: 0,
        };
        let puback = || Packet::Ack(Ack::Puback, 7);
        let accepted = || Packet::Connack {
            session_present: false,
            refusal: None,
        };
        let cases: [(&[u8], Packet); 11] = [
            // Reserved flags, session present in a refusal, the properties of MQTT 5.
            (&[0x20, 2, 0xfe, 0], accepted()),
            (&[0x20, 2, 1, 5], refused),
            (&[0x20, 3, 0, 0, 0], accepted()),
            // DUP at QoS 0.
            (&[0x38, 3, 0, 1, b't'], publish),
            // A reason code of MQTT 5, with and without properties.
            (&[0x40, 3, 0, 7, 0], puback()),
            (&[0x40, 4, 0, 7, 0x10, 0], puback()),
            (&[0x40, 9, 0, 7, 0, 5, 1, 2, 3, 4, 5], puback()),
            (&[0xd0, 3, 1, 2, 3], Packet::Pingresp),
            (&[0xe0, 0], Packet::Disconnect),
            (&[0xe0, 2, 0x8b, 0], Packet::Disconnect),
            (&[0x90, 3, 0, 1, 0], Packet::Suback),
        ];
        for (bytes, packet) in cases {
            // The packet behind it is not lost.
            let bytes = [bytes, &[0xd0, 0]].concat();
            assert_eq!(
                decode_all(&bytes).unwrap(),
                [packet, Packet::Pingresp],
                "{bytes:x?}"
            );
        }
        let malformed = Err(Violation::Malformed("CONNACK"));
        assert_eq!(decode_all(&[0x20, 2, 0xff, 0xff]), malformed);
        let refusal = Err(Violation::ReasonCode("PUBACK", 0x87));
        assert_eq!(decode_all(&[0x40, 3, 0, 7, 0x87]), refusal);
    }

    fn options(client_id: &str, credentials: Option<Credentials>) -> ConnectOptions {
        ConnectOptions {
            client_id: client_id.into(),
            clean_session: false,
            keep_alive: 258,
            credentials,
            last_packet_id: 0,
            connect_timeout: Duration::from_secs(1),
            ack_timeout: Duration::from_secs(1),
            habits: crate::Habits::default(),
            is_tls_port: false,
            max_incoming_packet_size: 100,
            max_outgoing_packet_size: 100,
        }
    }

    #[test]
    fn connect_says_what_the_options_say() {
        let packet = connect(&options("id", None));
        assert_eq!(&packet[..], b"\x10\x0e\0\x04MQTT\x04\0\x01\x02\0\x02id");

        let credentials = Credentials::new("u".into(), "p".into()).unwrap();
        let packet = connect(&options("id", credentials));
        assert_eq!(
            &packet[..],
            b"\x10\x14\0\x04MQTT\x04\xc0\x01\x02\0\x02id\0\x01u\0\x01p"
        );

        let credentials = Credentials::new("u".into(), String::new()).unwrap();
        let packet = connect(&options("id", credentials));
        assert_eq!(
            &packet[..],
            b"\x10\x11\0\x04MQTT\x04\x80\x01\x02\0\x02id\0\x01u"
        );
    }

    #[test]
    fn the_longest_strings_are_whole() {
        let long = "x".repeat(65_535);
        let credentials = Credentials::new(long.clone(), long.clone()).unwrap();
        let mut packet = connect(&options(&long, credentials));
        match v4::read(&mut packet, usize::MAX) {
            Ok(v4::Packet::Connect(connect)) => {
                assert_eq!(connect.client_id, long);
                assert_eq!(connect.login, Some(Login::new(long.clone(), long)));
            }
            other => panic!("{other:?}"),
        }
    }

    /// Our own PUBLISH equals the one of mqttbytes, at every number of bytes that encode the length.
    #[test]
    fn publish_is_as_mqttbytes_writes_it() {
        let topic = Topic::new("a/b".into()).unwrap();
        for (codec_qos, qos) in [
            (QoS::AtMostOnce, Qos::AtMostOnce),
            (QoS::AtLeastOnce, Qos::AtLeastOnce),
            (QoS::ExactlyOnce, Qos::ExactlyOnce),
        ] {
            for payload in [
                0, 1, 120, 121, 122, 123, 16_376, 16_379, 2_097_144, 2_097_147,
            ] {
                let payload = vec![b'x'; payload];
                let length = PublishLength::new(&topic, payload.len(), qos).unwrap();
                let mut ours = BytesMut::new();
                let dup = qos == Qos::ExactlyOnce;
                publish_header(&topic, &length, qos, dup, 258, &mut ours);
                ours.extend_from_slice(&payload);
                assert_eq!(ours.len(), length.packet);

                let mut publish = Publish::from_bytes("a/b", codec_qos, Bytes::from(payload));
                publish.dup = dup;
                publish.pkid = if qos == Qos::AtMostOnce { 0 } else { 258 };
                let mut theirs = BytesMut::new();
                publish.write(&mut theirs).unwrap();
                assert!(ours == theirs, "{qos:?}, {} bytes", theirs.len());
            }
        }
    }

    #[test]
    fn the_largest_packet_is_mqtts() {
        let topic = Topic::new("t".into()).unwrap();
        let largest = MAX_REMAINING_LENGTH - 5;
        let length = PublishLength::new(&topic, largest, Qos::AtLeastOnce).unwrap();
        assert_eq!(length.packet, 268_435_460);
        assert!(PublishLength::new(&topic, largest + 1, Qos::AtLeastOnce).is_none());
        assert!(PublishLength::new(&topic, largest + 2, Qos::AtMostOnce).is_some());
        assert!(PublishLength::new(&topic, usize::MAX, Qos::AtMostOnce).is_none());
    }
}
