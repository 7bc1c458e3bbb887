//! MQTT 3.1.1 packets, read strictly and written to the letter.
//!
//! It is not the adapter's codec, so that a fault of that codec shows. What a client may not send is an error here:
//! wrong reserved flags, lengths that don't add up, a will or a password where the flags forbid it, a topic that is none.

use std::fmt;

use anyhow::{Context, Result, bail, ensure};

/// A control packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect(Connect),
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK with the packet id.
    PubAck(u16),
    /// PUBREC with the packet id.
    PubRec(u16),
    /// PUBREL with the packet id.
    PubRel(u16),
    /// PUBCOMP with the packet id.
    PubComp(u16),
    /// PINGREQ.
    PingReq,
    /// DISCONNECT.
    Disconnect,
}

/// The content of a CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// Whether a clean session is asked for.
    pub clean_session: bool,
    /// The keep alive in seconds.
    pub keep_alive: u16,
    /// The client id.
    pub client_id: String,
    /// The user name, if its flag is set.
    pub username: Option<String>,
    /// The password, if its flag is set.
    pub password: Option<Vec<u8>>,
}

/// The content of a PUBLISH.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    /// Whether it says that it may be a duplicate.
    pub dup: bool,
    /// The quality of service: 0, 1 or 2.
    pub qos: u8,
    /// Whether it is to be retained.
    pub retain: bool,
    /// The topic.
    pub topic: String,
    /// The packet id, which QoS 0 has not.
    pub packet_id: Option<u16>,
    /// The payload.
    pub payload: Vec<u8>,
}

// A payload may have megabytes: a failed assertion shows its length.
impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("dup", &self.dup)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("topic", &self.topic)
            .field("packet_id", &self.packet_id)
            .field("payload bytes", &self.payload.len())
            .finish()
    }
}

/// The kind of a control packet, as in its first byte [MQTT-2.2.1].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the standard's")]
pub enum PacketKind {
    Connect = 1,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    PingReq = 12,
    Disconnect = 14,
}

impl Packet {
    /// Its kind.
    pub fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::Publish(_) => PacketKind::Publish,
            Self::PubAck(_) => PacketKind::PubAck,
            Self::PubRec(_) => PacketKind::PubRec,
            Self::PubRel(_) => PacketKind::PubRel,
            Self::PubComp(_) => PacketKind::PubComp,
            Self::PingReq => PacketKind::PingReq,
            Self::Disconnect => PacketKind::Disconnect,
        }
    }

    /// Takes the first packet off `buffer`, or nothing if it is not complete yet.
    pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Self>> {
        let Some((header, length)) = lengths(buffer)? else {
            return Ok(None);
        };
        if buffer.len() < header + length {
            return Ok(None);
        }
        let rest = buffer.split_off(header + length);
        let bytes = std::mem::replace(buffer, rest);
        let packet = Self::parse(bytes[0], &bytes[header..]);
        packet
            .map(Some)
            .with_context(|| format!("the packet {:02x?}", &bytes[..bytes.len().min(64)]))
    }

    /// How long the packet is that `buffer` begins with, once that can be told.
    pub fn length(buffer: &[u8]) -> Result<Option<usize>> {
        Ok(lengths(buffer)?.map(|(header, length)| header + length))
    }

    fn parse(first: u8, body: &[u8]) -> Result<Self> {
        let (kind, flags) = (first >> 4, first & 0x0F);
        let mut body = Reader(body);
        if kind == 3 {
            return Ok(Self::Publish(Publish::parse(flags, body)?));
        }
        let reserved = if kind == 6 { 0b0010 } else { 0 };
        ensure!(flags == reserved, "reserved flags are {flags:04b}");
        let packet = match kind {
            1 => Self::Connect(Connect::parse(&mut body)?),
            4 => Self::PubAck(body.packet_id()?),
            5 => Self::PubRec(body.packet_id()?),
            6 => Self::PubRel(body.packet_id()?),
            7 => Self::PubComp(body.packet_id()?),
            12 => Self::PingReq,
            14 => Self::Disconnect,
            _ => bail!("a client does not send a packet of kind {kind} here"),
        };
        ensure!(body.0.is_empty(), "{} bytes too many", body.0.len());
        Ok(packet)
    }
}

impl Connect {
    fn parse(body: &mut Reader<'_>) -> Result<Self> {
        ensure!(body.string()? == "MQTT", "the protocol's name");
        ensure!(body.byte()? == 4, "the protocol's level");
        let flags = body.byte()?;
        ensure!(flags & 0b0000_0001 == 0, "the reserved flag is set");
        ensure!(flags & 0b0011_1100 == 0, "there is a will: {flags:08b}");
        let has_username = flags & 0b1000_0000 != 0;
        let has_password = flags & 0b0100_0000 != 0;
        ensure!(
            has_username || !has_password,
            "a password without a user name [MQTT-3.1.2-22]"
        );
        let clean_session = flags & 0b0000_0010 != 0;
        let keep_alive = body.u16()?;
        let client_id = body.string()?;
        ensure!(
            clean_session || !client_id.is_empty(),
            "a session to keep without a client id [MQTT-3.1.3-7]"
        );
        Ok(Self {
            clean_session,
            keep_alive,
            client_id,
            username: has_username.then(|| body.string()).transpose()?,
            password: has_password
                .then(|| body.field())
                .transpose()?
                .map(<[u8]>::to_vec),
        })
    }
}

impl Publish {
    fn parse(flags: u8, mut body: Reader<'_>) -> Result<Self> {
        let qos = (flags >> 1) & 0b11;
        ensure!(qos < 3, "QoS 3 [MQTT-3.3.1-4]");
        let dup = flags & 0b1000 != 0;
        ensure!(!dup || qos > 0, "DUP with QoS 0 [MQTT-3.3.1-2]");
        let topic = body.string()?;
        ensure!(!topic.is_empty(), "an empty topic [MQTT-4.7.3-1]");
        ensure!(!topic.contains(['+', '#']), "a wildcard [MQTT-3.3.2-2]");
        let packet_id = (qos > 0).then(|| body.packet_id()).transpose()?;
        Ok(Self {
            dup,
            qos,
            retain: flags & 0b0001 != 0,
            topic,
            packet_id,
            payload: body.0.to_vec(),
        })
    }
}

/// The lengths of the fixed header and of what follows it, once they can be told.
fn lengths(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let mut length = 0;
    for (index, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((2 + index, length)));
        }
    }
    ensure!(
        buffer.len() < 5,
        "a remaining length of more than four bytes"
    );
    Ok(None)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .context("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn packet_id(&mut self) -> Result<u16> {
        let id = self.u16()?;
        ensure!(id != 0, "the packet id is 0 [MQTT-2.3.1-1]");
        Ok(id)
    }

    fn field(&mut self) -> Result<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn string(&mut self) -> Result<String> {
        let text = String::from_utf8(self.field()?.to_vec())?;
        ensure!(!text.contains('\0'), "NUL in a string [MQTT-1.5.3-2]");
        Ok(text)
    }
}

/// CONNACK with this return code; 0 accepts the connection.
pub fn connack(code: u8) -> Vec<u8> {
    vec![0x20, 2, 0, code]
}

/// CONNACK that accepts the connection and says that the broker has kept the session.
pub fn connack_with_session() -> Vec<u8> {
    vec![0x20, 2, 1, 0]
}

/// PUBACK.
pub fn puback(id: u16) -> Vec<u8> {
    with_id(0x40, id)
}

/// PUBREC.
pub fn pubrec(id: u16) -> Vec<u8> {
    with_id(0x50, id)
}

/// PUBCOMP.
pub fn pubcomp(id: u16) -> Vec<u8> {
    with_id(0x70, id)
}

/// PINGRESP.
pub fn pingresp() -> Vec<u8> {
    vec![0xD0, 0]
}

fn with_id(first: u8, id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![first, 2, high, low]
}

/// What a well-behaved broker answers to `packet`: nothing to a PUBLISH of QoS 0 and to a DISCONNECT.
pub fn answer(packet: &Packet) -> Vec<u8> {
    match packet {
        Packet::Connect(_) => connack(0),
        Packet::Publish(Publish {
            qos: 2,
            packet_id: Some(id),
            ..
        }) => pubrec(*id),
        Packet::Publish(Publish {
            packet_id: Some(id),
            ..
        }) => puback(*id),
        Packet::PubRel(id) => pubcomp(*id),
        Packet::PingReq => pingresp(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> Result<Option<Packet>> {
        Packet::take(&mut bytes.to_vec())
    }

    #[test]
    fn a_packet_is_taken_once_it_is_complete() {
        let mut bytes = vec![0x32, 7, 0, 1, b't', 0x12, 0x34, b'h', b'i', 0xE0, 0];
        for end in 0..9 {
            assert_eq!(taken(&bytes[..end]).unwrap(), None);
        }
        let publish = Packet::take(&mut bytes).unwrap().unwrap();
        let Packet::Publish(publish) = publish else {
            panic!("{publish:?}")
        };
        assert_eq!(
            (publish.qos, publish.packet_id, publish.topic.as_str()),
            (1, Some(0x1234), "t")
        );
        assert_eq!(publish.payload, b"hi");
        assert_eq!(Packet::take(&mut bytes).unwrap(), Some(Packet::Disconnect));
        assert!(bytes.is_empty());
    }

    #[test]
    fn what_a_client_may_not_send_is_an_error() {
        for bytes in [
            &[0xE1, 0][..],                                    // reserved flag
            &[0x60, 2, 0, 1],                                  // PUBREL without its flag
            &[0x40, 2, 0, 0],                                  // packet id 0
            &[0x36, 5, 0, 1, b't', 0, 1],                      // QoS 3
            &[0x38, 3, 0, 1, b't'],                            // DUP with QoS 0
            &[0x30, 2, 0, 3],                                  // topic longer than the packet
            &[0x30, 2, 0, 0],                                  // empty topic
            &[0x30, 3, 0, 1, 0],                               // NUL
            &[0x30, 3, 0, 1, 0xFF],                            // no UTF-8
            &[0x30, 3, 0, 1, b'#'],                            // wildcard
            &[0x20, 2, 0, 0],                                  // CONNACK
            &[0xC0, 0x80, 0x80, 0x80, 0x80],                   // five length bytes
            b"\x10\x10\0\x04MQTT\x04\x42\0\x1e\0\x01c\0\x01p", // a password without a user name
            b"\x10\x0d\0\x04MQTT\x04\x06\0\x1e\0\x01c",        // a will flag without a will
            b"\x10\x0c\0\x04MQTT\x04\0\0\x1e\0\0", // a session to keep without a client id
        ] {
            assert!(taken(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
