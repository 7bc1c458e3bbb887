use crate::text::{decimal, display_message};

/// The reason why a message was refused before any of it was sent. The session is unchanged, except by [`Ended`](Self::Ended),
/// which is reported once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The packet would exceed MQTT's largest remaining length, 268,435,455 bytes.
    TooLarge {
        /// The payload's length in bytes.
        payload: usize,
    },
    /// The packet would exceed `max_outgoing_packet_size_bytes`.
    AboveLimit {
        /// The packet's length in bytes.
        packet: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Another message is in flight, or its result was not polled.
    Busy,
    /// The session was ended before, or its connection failed between two messages; the next message reports that.
    Ended(Failure),
}

impl PublishError {
    /// The message for the user: the fault and its remedy.
    pub fn message(&self) -> String {
        match self {
            Self::TooLarge { payload } => [
                "the payload has ",
                &decimal(*payload as u64),
                " bytes: with the topic it exceeds what one MQTT packet holds, 268435455 bytes",
            ]
            .concat(),
            Self::AboveLimit { packet, limit } => [
                "the packet has ",
                &decimal(*packet as u64),
                " bytes: the address sets max_outgoing_packet_size_bytes=",
                &decimal(*limit as u64),
            ]
            .concat(),
            Self::Busy => "another message is in flight".into(),
            Self::Ended(failure) => [
                "the connection had ended before: ",
                &failure.message(),
                Fate::NotDelivered.message(),
            ]
            .concat(),
        }
    }
}

/// The delivery of a message that failed, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The broker does not have it: it was not sent in full, or the broker refused the connection.
    NotDelivered,
    /// It was sent in full, and the broker's acknowledgement did not come.
    Unknown,
}

impl Fate {
    /// The words at the end of an error's message.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NotDelivered => "; the message was not delivered",
            Self::Unknown => "; whether the message was delivered is unknown",
        }
    }
}

/// The reason why a connection ended, or was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The broker could not be reached, for this reason.
    Unreachable(String),
    /// The broker answered CONNECT with a refusal [MQTT-3.2.2-5].
    Refused(Refusal),
    /// The connection was closed or reset while this was awaited.
    Closed(Awaited),
    /// The connection was closed or reset before CONNACK, after part of the message was sent.
    ClosedEarly {
        /// True if the port is the one for MQTT over TLS.
        is_tls_port: bool,
    },
    /// The connection was closed or reset before CONNACK, and the port is the one for MQTT over TLS.
    ClosedOnTlsPort,
    /// The broker sent DISCONNECT while this was awaited.
    Dismissed(Awaited),
    /// The broker did not process what was sent before its CONNACK.
    LostEarly,
    /// This did not happen in time.
    TimedOut(Awaited),
    /// This did not happen in time, after part of the message was sent before CONNACK.
    TimedOutEarly(Awaited),
    /// The broker broke the protocol, and so the connection was closed [MQTT-4.8.0-1].
    Violation(Violation),
    /// The broker has forgotten a session that it should keep, while a QoS 2 message was unfinished [MQTT-3.2.2-3].
    SessionLost,
    /// The session was ended by [`disconnect`](crate::Session::disconnect).
    Disconnected,
}

impl Failure {
    /// The message for the user, without the fate of the message.
    pub fn message(&self) -> String {
        match self {
            Self::Unreachable(reason) => reason.clone(),
            Self::Refused(refusal) => {
                ["the broker refused the connection: ", &refusal.message()].concat()
            }
            Self::Closed(Awaited::Connack) => {
                "the connection was closed before the broker answered CONNECT (some brokers answer a wrong user name, \
                 password or client id so)"
                    .into()
            }
            Self::ClosedEarly { is_tls_port } => [
                "the connection was closed before the broker answered CONNECT: ",
                if *is_tls_port {
                    "port 8883 is the one for TLS (mqtts://); "
                } else {
                    ""
                },
                "the broker may take nothing before its answer (early_publish=false in the address; the next message waits \
                 for it), or not like the user name, password or client id",
            ]
            .concat(),
            Self::ClosedOnTlsPort => {
                "the connection was closed before the broker answered CONNECT: port 8883 is the one for TLS, so the address \
                 must begin with mqtts://"
                    .into()
            }
            Self::LostEarly => {
                "the broker lost what was sent before its CONNACK (early_publish=false in the address; the next message \
                 waits for it)"
                    .into()
            }
            Self::Dismissed(Awaited::Publish) => {
                "the broker ended the connection by DISCONNECT".into()
            }
            Self::Dismissed(awaited) => {
                ["the broker ended the connection by DISCONNECT, before ", awaited.name()].concat()
            }
            Self::Closed(Awaited::Publish) => "the broker closed the connection".into(),
            Self::Closed(awaited) => ["the connection was lost before ", awaited.name()].concat(),
            Self::TimedOut(Awaited::Transmission) => {
                "the broker took the message too slowly, or not at all (ack_timeout_secs)".into()
            }
            Self::TimedOut(awaited) => {
                ["no ", awaited.name(), " in time (ack_timeout_secs)"].concat()
            }
            Self::TimedOutEarly(awaited) => [
                "no ",
                awaited.name(),
                " in time (ack_timeout_secs); the broker may take nothing before its CONNACK (early_publish=false in the \
                 address; the next message waits for it)",
            ]
            .concat(),
            Self::Violation(violation) => [
                match violation {
                    Violation::Protocol(_) => "this is no MQTT broker",
                    // [MQTT-4.8.0-2]
                    Violation::TooLarge(_) | Violation::Flood => "the broker exceeded a limit of ours",
                    _ => "the broker broke the protocol",
                },
                ", and the connection was closed: ",
                &violation.message(),
            ]
            .concat(),
            Self::SessionLost => {
                "the connection was lost, and the broker does not remember the session".into()
            }
            Self::Disconnected => "it was disconnected".into(),
        }
    }
}

/// The step that a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The next message to publish: nothing is in flight.
    Publish,
    /// The broker's answer to CONNECT.
    Connack,
    /// The transport taking the rest of a packet.
    Transmission,
    /// The broker's answer to a PINGREQ.
    Pingresp,
    /// The broker's answer to a QoS 1 message.
    Puback,
    /// The broker's first answer to a QoS 2 message.
    Pubrec,
    /// The broker's second answer to a QoS 2 message.
    Pubcomp,
}

impl Awaited {
    /// The name of the step in a message for the user.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "next message",
            Self::Connack => "CONNACK",
            Self::Transmission => "the end of the message",
            Self::Pingresp => "PINGRESP",
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubcomp => "PUBCOMP",
        }
    }
}

/// The broker's reason for refusing a connection: the return code of CONNACK, 1 to 5 (table 3.1 of the standard).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 1: it does not speak MQTT 3.1.1.
    ProtocolVersion,
    /// 2: it does not allow the client id.
    ClientId,
    /// 3: it serves no clients now.
    Unavailable,
    /// 4: the user name or the password is wrong or malformed.
    BadCredentials,
    /// 5: the client may not connect.
    NotAuthorized,
    /// A code that MQTT 3.1.1 does not define.
    Other(u8),
}

impl Refusal {
    /// The reason in words, with its code.
    pub fn message(self) -> String {
        match self {
            Self::Other(code) => {
                return [
                    "for a reason that MQTT 3.1.1 does not have (code ",
                    &decimal(code.into()),
                    ")",
                ]
                .concat();
            }
            Self::ProtocolVersion => "it does not speak MQTT 3.1.1 (code 1)",
            Self::ClientId => "it does not allow this client id (code 2)",
            Self::Unavailable => "its MQTT service is unavailable (code 3)",
            Self::BadCredentials => "bad user name or password (code 4)",
            Self::NotAuthorized => "not authorized (code 5)",
        }
        .into()
    }
}

/// A packet that MQTT 3.1.1 forbids the broker to send, or that exceeds a limit of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A first byte with which no packet to a publisher begins: a reserved type, a client's packet, or reserved flags
    /// [MQTT-2.2.2-2].
    FirstByte(u8),
    /// A remaining length that its kind of packet cannot have, or one of more than four bytes (2.2.3).
    Length,
    /// A packet larger than `max_incoming_packet_size_bytes`.
    TooLarge(usize),
    /// A packet that is not allowed in this state, such as a second CONNACK, or anything before the first one [MQTT-3.2.0-1].
    Unexpected(&'static str),
    /// An acknowledgement with the packet id 0, which no message has [MQTT-2.3.1-1].
    NoPacketId(&'static str),
    /// A PUBACK for a QoS 2 message.
    NoQos2,
    /// An acknowledgement with a reason code of MQTT 5 by which the broker rejects the message.
    ReasonCode(&'static str, u8),
    /// The first bytes of another protocol in place of CONNACK.
    Protocol(Protocol),
    /// An endless stream of messages whose acknowledgements the broker does not read.
    Flood,
    /// Content that cannot be decoded, such as a topic that is not UTF-8 [MQTT-1.5.3-1].
    Malformed(&'static str),
}

/// The protocol of a server that does not answer CONNECT in MQTT, recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A TLS alert or handshake.
    Tls,
    /// `HTTP/…`
    Http,
    /// `220 …`, as SMTP and FTP servers greet.
    Smtp,
    /// `SSH-…`
    Ssh,
}

impl Protocol {
    /// Recognises the protocol that begins with `bytes`.
    pub(crate) fn guess(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0x15 | 0x16, 3, ..] => Self::Tls,
            [b'H', b'T', ..] => Self::Http,
            [b'2', b'2', b'0', ..] => Self::Smtp,
            [b'S', b'S', ..] => Self::Ssh,
            _ => return None,
        })
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Tls => "the port speaks TLS, so the address must begin with mqtts://",
            Self::Http => "the port speaks HTTP",
            Self::Smtp => "the port greets like SMTP or FTP",
            Self::Ssh => "the port speaks SSH",
        }
    }
}

/// Formats `byte` as in `0x2f`.
fn hex(byte: u8) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('?');
    String::from_iter(['0', 'x', digit(byte >> 4), digit(byte & 0xf)])
}

impl Violation {
    /// The message for the user.
    pub fn message(self) -> String {
        let number = |number: usize| decimal(number as u64);
        match self {
            Self::FirstByte(byte) => ["a packet that begins with the byte ", &hex(byte)].concat(),
            Self::Length => "a packet with a malformed length".into(),
            Self::TooLarge(bytes) => [
                "a packet of ",
                &number(bytes),
                " bytes (max_incoming_packet_size_bytes)",
            ]
            .concat(),
            Self::Unexpected(packet) => ["an unexpected ", packet].concat(),
            Self::NoPacketId(packet) => [packet, " without a packet id"].concat(),
            Self::NoQos2 => {
                "PUBACK for a message of QoS 2, which this broker seems not to have (use QoS 1)"
                    .into()
            }
            Self::ReasonCode(packet, code) => [
                packet,
                " with the reason code ",
                &hex(code),
                " of MQTT 5: the broker did not take the message",
            ]
            .concat(),
            Self::Protocol(protocol) => protocol.message().into(),
            Self::Flood => "messages without end".into(),
            Self::Malformed(packet) => ["a malformed ", packet].concat(),
        }
    }
}

display_message!(PublishError, Failure);
