//! What MQTT 3.1.1 asks of a client, statement by statement, on bytes and on virtual time. docs/conformance.md says which
//! test shows which statement.

use core::time::Duration;

use mqtt_session::{
    Address, AddressError, ConnectOptions, Credentials, CredentialsError, Early, Event, Failure,
    Instant, PublishError, Qos, Session, Topic, TopicError,
};

const CLEAN: &str = "mqtt://h?client_id=c";
const KEPT: &str = "mqtt://h?client_id=c&clean_session=false";

const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const PINGRESP: &[u8] = &[0xd0, 0];

/// A session with a connection, and a clock. Nothing else here calls a session.
struct Client {
    session: Session,
    now: Instant,
}

impl Client {
    /// Nothing was published yet, and so nothing sent.
    fn new(options: ConnectOptions) -> Self {
        let now = Instant::from_nanos(0);
        let mut session = Session::new(options);
        session.connected(now);
        Self { session, now }
    }

    fn publish(&mut self, topic: &str, payload: &[u8], qos: Qos) -> Result<(), PublishError> {
        let topic = Topic::new(topic.into()).unwrap();
        self.session.publish(topic, payload.to_vec(), qos, self.now)
    }

    /// Takes all that is to be sent, and says that it was.
    fn sent(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !self.session.transmit().is_empty() {
            let pending = self.session.transmit().to_vec();
            self.session.transmitted(pending.len(), self.now);
            bytes.extend(pending);
        }
        self.session.flushed();
        bytes
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(bytes, self.now, || 0);
    }

    /// Moves the clock to where the session has something to do, if it is waiting for that at all.
    fn wait(&mut self) {
        if let Some(timeout) = self.session.timeout() {
            self.now = timeout;
            self.session.handle_timeout(timeout, || 0);
        }
    }

    fn disconnect(&mut self) {
        self.session.disconnect();
    }

    /// What has become of the message, once.
    fn outcome(&mut self) -> Option<Result<(), Failure>> {
        self.session.poll().map(|event| match event {
            Event::Published => Ok(()),
            Event::Failed(failure, _) => Err(failure),
            Event::Connect(_) => panic!("another connection is asked for"),
        })
    }

    /// Whether the transport is to close the connection.
    fn closes(&self) -> bool {
        !self.session.is_connected()
    }
}

/// What `open` makes of an address.
fn options(address: &str) -> ConnectOptions {
    keep_alive(address, 0)
}

fn keep_alive(address: &str, secs: u64) -> ConnectOptions {
    let address: Address = address.parse().unwrap();
    let mut options = ConnectOptions::new(&address, || "made".into(), || 0, None, secs);
    // Of a broker that takes what comes before its CONNACK.
    options.habits.early = Early::Taken;
    options
}

/// A client whose connection was accepted, with the message `m` to the topic `t` in flight: packet id 1.
fn accepted(options: ConnectOptions, qos: Qos) -> Client {
    let mut client = Client::new(options);
    client.publish("t", b"m", qos).unwrap();
    client.sent();
    client.receive(CONNACK);
    client
}

/// A PUBLISH to us, without a payload. `flags` are DUP, QoS and retain.
fn publish(flags: u8, topic: &[u8], packet_id: u8) -> Vec<u8> {
    let mut body = vec![0, topic.len() as u8];
    body.extend(topic);
    if flags & 0b110 != 0 {
        body.extend([0, packet_id]);
    }
    [&[0x30 | flags, body.len() as u8], &body[..]].concat()
}

/// The first byte of each packet: its type and its flags.
fn first_bytes(mut packets: &[u8]) -> Vec<u8> {
    let mut first_bytes = Vec::new();
    while let [first, length, rest @ ..] = packets {
        assert!(*length < 0x80, "no packet here is longer");
        first_bytes.push(*first);
        packets = &rest[usize::from(*length)..];
    }
    first_bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// [MQTT-1.5.3-1], [MQTT-1.5.3-2]
#[test]
fn a_string_that_is_no_utf8_or_has_a_nul_closes_the_connection() {
    for topic in [
        &b"\x80"[..],
        b"t\xff",
        // Half a character, U+D800, "/" in two bytes, NUL in two bytes, U+110000.
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b"t\0",
    ] {
        let mut client = accepted(options(CLEAN), Qos::AtLeastOnce);
        client.receive(&publish(0b010, topic, 7));
        assert!(client.closes(), "{topic:x?}");
        assert_eq!(client.sent(), b"");
    }
}

/// A `String` is well-formed; what is decoded to one has to be. [MQTT-1.5.3-1], [MQTT-1.5.3-2]
#[test]
fn no_string_that_is_no_utf8_or_has_a_nul_is_sent() {
    for text in ["%80", "%ED%A0%80", "%C0%80"] {
        let user = format!("mqtt://{text}@h").parse::<Address>();
        assert_eq!(user, Err(AddressError::UserInfo), "{text}");
    }
    for text in ["%80", "%ED%A0%80", "%C0%80", "%00"] {
        let id = format!("mqtt://h?client_id={text}").parse::<Address>();
        assert!(matches!(id, Err(AddressError::Value { .. })), "{text}");
    }
    let user = Credentials::new("\0".into(), "p".into());
    assert_eq!(user, Err(CredentialsError::Control));
    assert_eq!(Topic::new("\0".into()), Err(TopicError::Control));
}

/// U+FEFF is a character, at the beginning of a string too. [MQTT-1.5.3-3]
#[test]
fn a_byte_order_mark_stays() {
    let mut options = options("mqtt://h?client_id=%EF%BB%BFc");
    options.credentials = Credentials::new("\u{feff}u".into(), String::new()).unwrap();
    let mut client = Client::new(options);
    client.publish("\u{feff}t", b"", Qos::AtLeastOnce).unwrap();
    let bytes = client.sent();
    for string in [b'c', b'u', b't'] {
        let expected = [0, 4, 0xef, 0xbb, 0xbf, string];
        assert!(contains(&bytes, &expected), "{bytes:x?}");
    }
    client.receive(CONNACK);
    client.receive(&publish(0b010, b"\xef\xbb\xbf", 7));
    assert_eq!(client.sent(), [0x40, 2, 0, 7]);
}

/// One of each that we send. [MQTT-2.2.2-1], [MQTT-3.6.1-1]
#[test]
fn reserved_flags_have_their_values() {
    let mut client = Client::new(keep_alive(CLEAN, 5));
    client.publish("t", b"m", Qos::ExactlyOnce).unwrap();
    let mut bytes = client.sent();
    client.receive(CONNACK);
    client.receive(&publish(0b010, b"t", 7));
    client.receive(&publish(0b100, b"t", 8));
    client.receive(&[0x62, 2, 0, 8]);
    client.receive(&[0x50, 2, 0, 1]);
    bytes.extend(client.sent());
    client.wait();
    bytes.extend(client.sent());
    client.disconnect();
    bytes.extend(client.sent());
    let expected = [0x10, 0x34, 0x40, 0x50, 0x70, 0x62, 0xc0, 0xe0];
    assert_eq!(first_bytes(&bytes), expected);
}

/// [MQTT-3.1.0-1], [MQTT-3.1.0-2]
#[test]
fn connect_comes_first_and_once() {
    let mut client = Client::new(options(CLEAN));
    let mut bytes = Vec::new();
    for _ in 0..3 {
        client.publish("t", b"m", Qos::AtMostOnce).unwrap();
        bytes.extend(client.sent());
        if client.outcome().is_none() {
            client.receive(CONNACK);
            client.receive(PINGRESP);
            assert_eq!(client.outcome(), Some(Ok(())));
        }
    }
    assert_eq!(first_bytes(&bytes), [0x10, 0x30, 0xc0, 0x30, 0x30]);

    let mut silent = Client::new(options(CLEAN));
    silent.disconnect();
    assert_eq!(silent.sent(), b"");
}

/// DUP and retain are 0, and QoS 0 has no packet id. [MQTT-2.3.1-5], [MQTT-3.3.1-2], [MQTT-4.3.1-1], [MQTT-4.3.2-1],
/// [MQTT-4.3.3-1]
#[test]
fn a_new_message_is_as_its_qos_asks() {
    for address in [CLEAN, KEPT] {
        for (qos, expected) in [
            (Qos::AtMostOnce, &b"\x30\x04\0\x01tm\xc0\0"[..]),
            (Qos::AtLeastOnce, b"\x32\x06\0\x01t\0\x01m"),
            (Qos::ExactlyOnce, b"\x34\x06\0\x01t\0\x01m"),
        ] {
            let mut client = Client::new(options(address));
            client.publish("t", b"m", qos).unwrap();
            let mut bytes = client.sent();
            if (address, qos) == (KEPT, Qos::ExactlyOnce) {
                // Behind the question that frees its packet id.
                client.receive(&[CONNACK, &[0x70, 2, 0, 1]].concat());
                bytes = client.sent();
            }
            assert!(bytes.ends_with(expected), "{bytes:x?}");
        }
    }
}

/// [MQTT-4.3.2-1], [MQTT-4.3.3-1], [MQTT-2.3.1-6]
#[test]
fn a_message_is_done_with_its_last_acknowledgement_and_no_sooner() {
    let mut client = accepted(options(CLEAN), Qos::AtLeastOnce);
    assert_eq!(client.outcome(), None);
    client.receive(&[0x40, 2, 0, 1]);
    assert_eq!(client.outcome(), Some(Ok(())));

    let mut client = accepted(options(CLEAN), Qos::ExactlyOnce);
    assert_eq!(client.sent(), b"");
    client.receive(&[0x50, 2, 0, 1]);
    assert_eq!(client.outcome(), None);
    assert_eq!(client.sent(), [0x62, 2, 0, 1]);
    client.receive(&[0x70, 2, 0, 1]);
    assert_eq!(client.outcome(), Some(Ok(())));
}

/// So nothing of ours can overtake. [MQTT-4.6.0-1], [MQTT-4.6.0-4]
#[test]
fn a_message_waits_for_the_one_before() {
    let mut client = accepted(options(CLEAN), Qos::ExactlyOnce);
    for answer in [0x50, 0x70] {
        let second = client.publish("t", b"n", Qos::AtLeastOnce);
        assert_eq!(second, Err(PublishError::Busy));
        client.receive(&[answer, 2, 0, 1]);
        client.sent();
    }
    assert_eq!(client.outcome(), Some(Ok(())));
    client.publish("t", b"n", Qos::AtLeastOnce).unwrap();
    assert_eq!(client.sent(), b"\x32\x06\0\x01t\0\x02n");
}

/// Though nobody reads them. [MQTT-3.3.4-1], [MQTT-4.5.0-2], [MQTT-2.3.1-6]
#[test]
fn messages_to_us_are_acknowledged_by_their_qos() {
    for (flags, answer) in [
        (0b000, &[][..]),
        (0b001, &[]),
        (0b010, &[0x40, 2, 0, 7]),
        (0b011, &[0x40, 2, 0, 7]),
        (0b100, &[0x50, 2, 0, 7]),
        (0b101, &[0x50, 2, 0, 7]),
    ] {
        for topic in [&b"t"[..], b"$SYS/x", b"a//b"] {
            let mut client = accepted(options(KEPT), Qos::AtLeastOnce);
            client.receive(&publish(flags, topic, 7));
            assert_eq!(client.sent(), answer, "{flags:b}");
            client.receive(&[0x40, 2, 0, 1]);
            assert_eq!(client.outcome(), Some(Ok(())));
        }
    }
}

/// [MQTT-4.6.0-2], [MQTT-4.6.0-3]
#[test]
fn acknowledgements_keep_the_order_of_the_messages() {
    let mut client = accepted(options(KEPT), Qos::AtLeastOnce);
    let messages = [
        publish(0b100, b"t", 9),
        publish(0b010, b"t", 3),
        publish(0b100, b"t", 7),
        publish(0b010, b"t", 8),
        publish(0b010, b"t", 1),
    ];
    client.receive(&messages.concat());
    let expected = [
        [0x50, 2, 0, 9],
        [0x40, 2, 0, 3],
        [0x50, 2, 0, 7],
        [0x40, 2, 0, 8],
        [0x40, 2, 0, 1],
    ];
    assert_eq!(client.sent(), expected.concat());
}

/// Whatever its DUP says. [MQTT-4.3.2-2]
#[test]
fn an_id_that_was_acknowledged_is_a_new_message() {
    let mut client = accepted(options(KEPT), Qos::AtLeastOnce);
    for flags in [0b0010, 0b1010, 0b0010] {
        client.receive(&publish(flags, b"t", 7));
        assert_eq!(client.sent(), [0x40, 2, 0, 7]);
    }
}

/// [MQTT-4.3.3-2]
#[test]
fn a_message_is_received_until_it_is_released() {
    let mut client = accepted(options(KEPT), Qos::AtLeastOnce);
    for _ in 0..2 {
        for flags in [0b0100, 0b1100] {
            client.receive(&publish(flags, b"t", 8));
            assert_eq!(client.sent(), [0x50, 2, 0, 8]);
        }
        client.receive(&[0x62, 2, 0, 8]);
        assert_eq!(client.sent(), [0x70, 2, 0, 8]);
    }
}

/// While a message is in flight. [MQTT-3.1.2-23]
#[test]
fn the_silence_between_two_packets_is_no_longer_than_the_keep_alive() {
    for secs in [1, 5, 19] {
        let limit = Duration::from_secs(secs);
        let mut client = accepted(keep_alive(CLEAN, secs), Qos::AtLeastOnce);
        let mut last = client.now;
        while !client.closes() {
            client.wait();
            assert!(client.now.saturating_duration_since(last) <= limit);
            let bytes = client.sent();
            if !bytes.is_empty() {
                assert_eq!(bytes, [0xc0, 0]);
                client.receive(PINGRESP);
                last = client.now;
            }
        }
        assert_ne!(last, Instant::from_nanos(0), "no ping at {secs} s");
    }
}

/// [MQTT-3.2.2-1] to [MQTT-3.2.2-4]
#[test]
fn session_present_is_for_sessions_that_were_kept() {
    for (address, session_present, code) in [
        (CLEAN, 0, 0),
        // Of no meaning here, and so of no harm.
        (CLEAN, 1, 0),
        (KEPT, 0, 0),
        (KEPT, 1, 0),
        (KEPT, 1, 5),
    ] {
        let mut client = Client::new(options(address));
        client.publish("t", b"m", Qos::AtMostOnce).unwrap();
        client.sent();
        client.receive(&[0x20, 2, session_present, code]);
        client.receive(PINGRESP);
        match client.outcome() {
            Some(Ok(())) => assert!(code == 0 && !client.closes()),
            Some(Err(Failure::Refused(_))) => assert!(code == 5 && client.closes()),
            other => panic!("{other:?}"),
        }
    }
}

/// A broker that refuses us closes; we do not wait for that. [MQTT-3.2.2-5], [MQTT-3.1.4-5]
#[test]
fn a_refusal_closes_the_connection() {
    for code in 1..=5 {
        let mut client = Client::new(options(CLEAN));
        client.publish("t", b"m", Qos::AtLeastOnce).unwrap();
        client.sent();
        client.receive(&[0x20, 2, 0, code]);
        assert!(client.closes());
        assert_eq!(client.sent(), b"");
        let outcome = client.outcome();
        assert!(
            matches!(outcome, Some(Err(Failure::Refused(_)))),
            "{outcome:?}"
        );
    }
}

/// Neither what came before it was read, nor what the app or the clock asks for. [MQTT-3.14.4-2]
#[test]
fn nothing_follows_a_disconnect() {
    let mut client = accepted(keep_alive(KEPT, 5), Qos::AtMostOnce);
    client.disconnect();
    assert!(client.closes());
    assert_eq!(client.sent(), [0xe0, 0]);
    client.receive(&publish(0b010, b"t", 7));
    client.receive(&publish(0b100, b"t", 8));
    client.receive(&[0x62, 2, 0, 8]);
    client.wait();
    client.disconnect();
    assert!(client.publish("t", b"n", Qos::AtMostOnce).is_err());
    assert_eq!(client.sent(), b"");
}

/// [MQTT-2.2.2-2], [MQTT-3.2.0-1], [MQTT-3.3.1-4], [MQTT-4.8.0-1]
#[test]
fn a_violation_closes_the_connection_and_nothing_more_is_sent() {
    let waiting = || {
        let mut client = Client::new(options(CLEAN));
        client.publish("t", b"m", Qos::AtLeastOnce).unwrap();
        client.sent();
        client
    };
    let connected = || accepted(options(CLEAN), Qos::AtLeastOnce);
    for (mut client, bytes) in [
        // Before CONNACK.
        (waiting(), &[0xd0, 0][..]),
        (waiting(), &[0x40, 2, 0, 1]),
        (waiting(), &[0x30, 3, 0, 1, b't']),
        // What only clients send, reserved types and flags, QoS 3, a wildcard.
        (connected(), &[0x10, 0]),
        (connected(), &[0xc0, 0]),
        (connected(), &[0x00, 0]),
        (connected(), &[0xf0, 0]),
        (connected(), &[0x41, 2, 0, 1]),
        (connected(), &[0x60, 2, 0, 1]),
        (connected(), &[0x36, 5, 0, 1, b't', 0, 7]),
        (connected(), &[0x32, 5, 0, 1, b'#', 0, 7]),
        // A second CONNACK, packet id 0, another kind.
        (connected(), CONNACK),
        (connected(), &[0x40, 2, 0, 0]),
        (connected(), &[0x50, 2, 0, 1]),
    ] {
        client.receive(bytes);
        assert!(client.closes(), "{bytes:x?}");
        client.receive(&publish(0b010, b"t", 7));
        client.wait();
        assert_eq!(client.sent(), b"", "{bytes:x?}");
        let outcome = client.outcome();
        assert!(
            matches!(outcome, Some(Err(Failure::Violation(_)))),
            "{outcome:?}"
        );
    }
}

/// A limit of ours is no fault of the broker's, and yet there is no going on. [MQTT-4.8.0-2]
#[test]
fn what_we_have_no_room_for_closes_the_connection() {
    let limited = "mqtt://h?client_id=c&max_incoming_packet_size_bytes=100";
    let mut client = accepted(options(limited), Qos::AtLeastOnce);
    client.receive(&[0x30, 101]);
    assert!(client.closes());

    // Acknowledgements that the broker never takes.
    let mut client = accepted(options(CLEAN), Qos::AtLeastOnce);
    client.receive(&publish(0b010, b"t", 7).repeat(20_000));
    assert!(client.closes());
    assert_eq!(client.sent(), b"");
}
