//! A session is given arbitrary bytes, cut anywhere, at any time, between commands and connections in any order; and good
//! answers in between, so that it gets far. It keeps its promises, its bounds and the protocol.

#![no_main]

use std::time::Duration;

use bytes::BytesMut;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use mqtt_session::{
    ConnectOptions, Early, Event, Failure, Fate, Habits, Instant, Pings, Qos, Session, Topic,
};
use mqttbytes::v4::{self, Packet};

/// What happens to the session next.
#[derive(Arbitrary, Debug)]
enum Step {
    Publish {
        qos: u8,
        payload: u16,
    },
    Disconnect,
    Connected,
    Unreachable {
        is_final: bool,
        random: u8,
    },
    Closed(u8),
    /// These bytes come, in one piece.
    Receive(Vec<u8>),
    /// What a good broker would say to the packets since the last time; cut after so many bytes.
    Answer {
        session_present: bool,
        cut: u8,
    },
    /// The transport takes so many bytes.
    Take(u16),
    TakeAll,
    Flushed,
    /// Time passes, in milliseconds.
    Wait(u16),
    /// Time passes until the session wants to be woken.
    Sleep,
}

#[derive(Arbitrary, Debug)]
struct Input {
    clean_session: bool,
    keep_alive: u8,
    last_packet_id: u16,
    limits: bool,
    /// What is known of the broker: whether it takes early messages, and answers pings.
    early: u8,
    pings: u8,
    steps: Vec<Step>,
}

const ACK_TIMEOUT: Duration = Duration::from_secs(20);

/// What stands around a session, and holds it to its word.
struct Harness {
    session: Session,
    options: ConnectOptions,
    now: Instant,
    /// What left on this connection: the bytes of packets that are not whole yet.
    sent: BytesMut,
    /// The packets that left on this connection.
    packets: Vec<Packet>,
    /// How many of them a good broker has answered.
    answered: usize,
    /// What came on this connection.
    received: Vec<u8>,
    /// Whether the message in flight has been flushed, and how many packets of this connection went before it: none of the
    /// first message, which takes CONNECT along.
    flushed: bool,
    since: usize,
    /// The QoS of the message in flight, and the end of its time.
    in_flight: Option<(Qos, Instant)>,
    /// How often it left whole, on earlier connections and on this one.
    left_before: usize,
    left: usize,
    /// Whether the broker was found to answer no pings at some time.
    was_silent: bool,
}

fuzz_target!(|input: Input| {
    let options = ConnectOptions {
        client_id: "c".into(),
        clean_session: input.clean_session,
        keep_alive: input.keep_alive.into(),
        credentials: None,
        last_packet_id: input.last_packet_id,
        connect_timeout: Duration::from_secs(5),
        ack_timeout: ACK_TIMEOUT,
        habits: Habits {
            early: [Early::Unknown, Early::Taken, Early::Refused][usize::from(input.early % 3)],
            pings: [Pings::Unknown, Pings::Answered, Pings::Ignored][usize::from(input.pings % 3)],
            frees_ids: input.early < 128,
        },
        is_tls_port: input.limits,
        max_incoming_packet_size: if input.limits { 100 } else { usize::MAX },
        max_outgoing_packet_size: if input.limits { 1000 } else { usize::MAX },
    };
    let mut harness = Harness {
        session: Session::new(options.clone()),
        options,
        now: Instant::from_nanos(0),
        sent: BytesMut::new(),
        packets: Vec::new(),
        answered: 0,
        received: Vec::new(),
        flushed: false,
        since: 0,
        in_flight: None,
        left_before: 0,
        left: 0,
        was_silent: input.pings % 3 == 2,
    };
    for step in input.steps {
        harness.perform(step);
        harness.check();
    }
    // However it went, time ends it.
    for _ in 0..1000 {
        let Some(time) = harness.session.timeout() else {
            break;
        };
        harness.now = harness.now.max(time);
        harness.session.handle_timeout(harness.now, || 7);
        harness.check();
        if harness.session.is_connected() {
            harness.take(usize::MAX);
        }
    }
    assert!(harness.in_flight.is_none(), "a message without an end");
});

impl Harness {
    fn perform(&mut self, step: Step) {
        match step {
            Step::Publish { qos, payload } => {
                let qos = match qos % 3 {
                    0 => Qos::AtMostOnce,
                    1 => Qos::AtLeastOnce,
                    _ => Qos::ExactlyOnce,
                };
                let topic = Topic::new("t".into()).expect("a topic");
                let payload = vec![b'm'; payload.into()];
                let bound =
                    self.now + ACK_TIMEOUT + Duration::from_secs(payload.len() as u64 / 65_536);
                let result = self.session.publish(topic, payload, qos, self.now);
                if result.is_ok() {
                    assert!(self.in_flight.is_none(), "two messages at a time");
                    self.in_flight = Some((qos, bound));
                    self.flushed = false;
                    self.since = self.packets.len();
                    self.left_before = 0;
                    self.left = 0;
                }
            }
            Step::Disconnect => self.session.disconnect(),
            Step::Connected => {
                if !self.session.is_connected() {
                    self.session.connected(self.now);
                    // After its goodbye it takes no notice.
                    if self.session.is_connected() {
                        self.begin();
                    }
                }
            }
            Step::Unreachable { is_final, random } => {
                if !self.session.is_connected() {
                    let reason = "refused".into();
                    self.session
                        .unreachable(reason, is_final, self.now, || random.into());
                }
            }
            Step::Closed(random) => self.session.closed(self.now, || random.into()),
            Step::Receive(bytes) => self.receive(&bytes),
            Step::Answer {
                session_present,
                cut,
            } => {
                let answers = self.answers(session_present);
                let (one, two) = answers.split_at(answers.len().min(cut.into()));
                self.receive(one);
                self.receive(two);
            }
            Step::Take(count) => self.take(count.into()),
            Step::TakeAll => self.take(usize::MAX),
            Step::Flushed => {
                let mut since = self.packets[self.since..].iter();
                self.flushed |= since.any(|packet| matches!(packet, Packet::Publish(_)));
                self.session.flushed();
            }
            Step::Wait(millis) => {
                self.now = self.now + Duration::from_millis(millis.into());
                self.session.handle_timeout(self.now, || 7);
            }
            Step::Sleep => {
                if let Some(time) = self.session.timeout() {
                    self.now = self.now.max(time);
                    self.session.handle_timeout(self.now, || 7);
                }
            }
        }
    }

    fn begin(&mut self) {
        self.sent.clear();
        self.packets.clear();
        self.received.clear();
        self.answered = 0;
        self.flushed = false;
        self.since = 0;
        self.left_before += self.left;
        self.left = 0;
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        self.session.receive(bytes, self.now, || 7);
    }

    fn take(&mut self, most: usize) {
        let mut left = most;
        while left > 0 && !self.session.transmit().is_empty() {
            let pending = self.session.transmit();
            let count = pending.len().min(left);
            self.sent.extend_from_slice(&pending[..count]);
            self.session.transmitted(count, self.now);
            left -= count;
        }
        // What leaves is MQTT, and in its order.
        while let Ok(packet) = v4::read(&mut self.sent, usize::MAX) {
            let first = self.packets.is_empty();
            assert_eq!(first, matches!(packet, Packet::Connect(_)), "{packet:?}");
            assert!(
                !matches!(self.packets.last(), Some(Packet::Disconnect)),
                "{packet:?} after DISCONNECT"
            );
            if let Packet::Publish(publish) = &packet {
                assert!(!publish.dup || !self.options.clean_session);
                assert!(!publish.retain);
                assert!(self.in_flight.is_some(), "{publish:?} left too late");
                self.left += 1;
            }
            self.packets.push(packet);
        }
    }

    /// What a good broker says to what it has not answered yet.
    fn answers(&mut self, session_present: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let ack = |first: u8, id: u16| {
            let [high, low] = id.to_be_bytes();
            vec![first, 2, high, low]
        };
        for packet in &self.packets[self.answered..] {
            bytes.extend(match packet {
                Packet::Connect(_) => {
                    vec![
                        0x20,
                        2,
                        u8::from(session_present && !self.options.clean_session),
                        0,
                    ]
                }
                Packet::Publish(publish) => match publish.qos as u8 {
                    0 => Vec::new(),
                    1 => ack(0x40, publish.pkid),
                    _ => ack(0x50, publish.pkid),
                },
                Packet::PubRel(pubrel) => ack(0x70, pubrel.pkid),
                Packet::PingReq => vec![0xd0, 0],
                _ => Vec::new(),
            });
        }
        self.answered = self.packets.len();
        bytes
    }

    /// The id of the message in flight, if it left on this connection; with QoS 2 it may have on an earlier one.
    fn id(&self) -> Option<u16> {
        let packets = self.packets[self.since..].iter().rev();
        let mut publications = packets.filter_map(|packet| match packet {
            Packet::Publish(publish) => Some(publish.pkid),
            _ => None,
        });
        publications.next()
    }

    /// Whether `bytes` came on this connection.
    fn has(&self, bytes: &[u8]) -> bool {
        self.received.windows(bytes.len()).any(|it| it == bytes)
    }

    /// Whether the answer of this kind to the message came on this connection.
    fn has_ack(&self, first: u8) -> bool {
        let [high, low] = self.id().unwrap_or_default().to_be_bytes();
        match self.id() {
            Some(_) => self.has(&[first, 2, high, low]),
            None => self.has(&[first, 2]),
        }
    }

    fn check(&mut self) {
        while let Some(event) = self.session.poll() {
            match event {
                Event::Published => {
                    let (qos, _) = self.in_flight.take().expect("a message in flight");
                    // However long: what stands behind its return code is ignored, and so are reserved flags.
                    assert_eq!(self.received.first(), Some(&0x20), "no CONNACK");
                    // Of a broker that answers no pings, no answer is outstanding.
                    let answers_pings = self.session.habits().pings != Pings::Ignored;
                    if qos == Qos::AtMostOnce && answers_pings && !self.was_silent {
                        // An answer to one behind it shows that the message was read.
                        let is_publish = |it: &Packet| matches!(it, Packet::Publish(_));
                        let behind = self.packets.iter().rposition(is_publish).unwrap_or(0);
                        let pings = self.packets[..behind].iter();
                        let pings = pings.filter(|it| matches!(it, Packet::PingReq)).count();
                        let pongs = self.received.windows(2).filter(|it| *it == [0xd0, 0]);
                        assert!(pongs.count() >= pings, "QoS 0 behind a question");
                    }
                    match qos {
                        // The first of its connection: the broker has answered the ping behind it.
                        Qos::AtMostOnce if self.since == 0 && answers_pings && !self.was_silent => {
                            let mut packets = self.packets.iter();
                            let published = packets.any(|it| matches!(it, Packet::Publish(_)));
                            let pinged = packets.any(|it| matches!(it, Packet::PingReq));
                            assert!(published && pinged, "no ping behind QoS 0");
                            assert!(self.has(&[0xd0, 0]), "QoS 0 before it was read");
                        }
                        // Or read, in a kept session.
                        Qos::AtMostOnce => {
                            assert!(
                                self.flushed || self.has(&[0xd0, 0]),
                                "QoS 0 before it was flushed"
                            );
                        }
                        Qos::AtLeastOnce => assert!(self.has_ack(0x40), "no PUBACK"),
                        Qos::ExactlyOnce => assert!(self.has_ack(0x70), "no PUBCOMP"),
                    }
                    assert!(self.left_before + self.left > 0, "it never left");
                }
                Event::Failed(failure, fate) => {
                    let (qos, _) = self.in_flight.take().expect("a message in flight");
                    let left = match failure {
                        // A broker that refuses us does not act on what came behind CONNECT.
                        Failure::Refused(_) => self.left_before,
                        _ => self.left_before + self.left,
                    };
                    assert_eq!(fate == Fate::Unknown, left > 0, "{failure:?}");
                    if qos == Qos::AtMostOnce
                        || qos == Qos::ExactlyOnce && self.options.clean_session
                    {
                        assert!(self.left_before + self.left <= 1, "it left twice");
                    }
                    assert!(!self.session.is_connected() || failure == Failure::Disconnected);
                    assert!(!failure.message().is_empty());
                }
                Event::Connect(deadline) => {
                    let (_, bound) = self.in_flight.expect("a message in flight");
                    assert!(deadline <= bound);
                    assert!(!self.session.is_connected());
                }
            }
        }
        self.was_silent |= self.session.habits().pings == Pings::Ignored;
        if let (Some((_, bound)), Some(timeout)) = (self.in_flight, self.session.timeout()) {
            assert!(timeout <= bound, "a wait beyond the bound");
        }
        assert_eq!(self.in_flight.is_some(), self.session.timeout().is_some());
        assert!(self.session.transmit().len() <= 300_000);
    }
}
