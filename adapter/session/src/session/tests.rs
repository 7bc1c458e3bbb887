//! Tests of the session on virtual time, with bytes as a broker would send them.

use core::time::Duration;

use super::*;
use crate::Refusal;

mod brokers;
mod hostile;
mod reconnect;

const CONNACK: &[u8] = &[0x20, 2, 0, 0];
/// CONNACK of a broker that has a session for the client.
const SESSION_PRESENT: &[u8] = &[0x20, 2, 1, 0];
const PINGREQ: &[u8] = &[0xc0, 0];
const PINGRESP: &[u8] = &[0xd0, 0];
/// The acknowledgements of packet id 1, which the first message has.
const PUBACK_1: &[u8] = &[0x40, 2, 0, 1];
const PUBREC_1: &[u8] = &[0x50, 2, 0, 1];
const PUBCOMP_1: &[u8] = &[0x70, 2, 0, 1];
/// The PUBREL that frees packet id 1, and the PINGREQ behind it.
const RELEASE_1: &[u8] = &[0x62, 2, 0, 1, 0xc0, 0];
/// CONNECT for [`options`].
const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c";
const KEEP_ALIVE_SECS: u64 = 8;

fn at(secs: u64) -> Instant {
    Instant::from_nanos(secs * 1_000_000_000)
}

fn millis(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn options() -> ConnectOptions {
    ConnectOptions {
        client_id: "c".into(),
        clean_session: true,
        keep_alive: 0,
        credentials: None,
        last_packet_id: 0,
        connect_timeout: Duration::from_secs(5),
        ack_timeout: Duration::from_secs(20),
        // The broker is known to follow the standard; see `brokers` for the others.
        habits: Habits {
            early: Early::Taken,
            ..Habits::default()
        },
        is_tls_port: false,
        max_incoming_packet_size: 1000,
        max_outgoing_packet_size: usize::MAX,
    }
}

/// Options of a session that the broker keeps.
fn kept() -> ConnectOptions {
    ConnectOptions {
        clean_session: false,
        ..options()
    }
}

/// A session with a connection on which nothing was sent.
fn online(options: ConnectOptions) -> Session {
    let mut session = Session::new(options);
    session.connected(at(0));
    session
}

fn topic() -> Topic {
    Topic::new("t".into()).unwrap()
}

/// Takes and flushes everything that the session sends, as a transport that is never busy.
fn sent(session: &mut Session, now: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !session.transmit().is_empty() {
        let pending = session.transmit().to_vec();
        session.transmitted(pending.len(), now);
        bytes.extend(pending);
    }
    session.flushed();
    bytes
}

/// A session with a message in flight whose bytes were all sent.
fn publishing(options: ConnectOptions, qos: Qos) -> Session {
    let mut session = online(options);
    session.publish(topic(), b"m".to_vec(), qos, at(0)).unwrap();
    sent(&mut session, at(0));
    session
}

fn connected(qos: Qos) -> Session {
    let mut session = publishing(options(), qos);
    session.receive(CONNACK, at(0), || 0);
    if qos == Qos::AtMostOnce {
        session.receive(PINGRESP, at(0), || 0);
    }
    session
}

fn failed(session: &mut Session) -> Failure {
    assert!(!session.is_connected());
    assert_eq!(session.transmit(), b"");
    match session.poll() {
        Some(Event::Failed(failure, _)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connect_waits_for_the_first_message_and_leaves_with_it() {
    let mut session = online(options());
    assert_eq!(session.transmit(), b"");
    assert_eq!(session.timeout(), None);
    session
        .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(0))
        .unwrap();
    // Both packets are in one piece, so that one write can send them.
    let expected = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c\x32\x06\0\x01t\0\x01m";
    assert_eq!(session.transmit(), expected);
}

/// The first message of a connection is published once the broker has answered the ping behind it; CONNACK is not enough.
#[test]
fn the_first_qos_0_is_published_once_read() {
    // The broker's answer is enough without the transport's flush.
    let mut session = online(options());
    session
        .publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(0))
        .unwrap();
    let train = b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01c\x30\x04\0\x01tm\xc0\0";
    assert_eq!(session.transmit(), train);
    session.transmitted(train.len(), at(0));
    session.receive(CONNACK, at(0), || 0);
    assert!(!session.awaits_flush());
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));

    // The transport's flush is not enough without the broker's answer.
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    assert_eq!(session.poll(), None);
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));

    // A broker cannot answer a ping that was not sent in full.
    let mut session = online(options());
    session
        .publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(0))
        .unwrap();
    session.transmitted(train.len() - 1, at(0));
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    let violation = Violation::Unexpected("PINGRESP");
    assert_eq!(failed(&mut session), Failure::Violation(violation));
}

/// No ping follows it: the app may end before the answer is read, which would reset the connection and lose the message.
#[test]
fn a_further_qos_0_is_published_once_flushed() {
    for first in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        let mut session = connected(first);
        if first == Qos::AtLeastOnce {
            session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        }
        session.poll();
        for _ in 0..3 {
            session
                .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, at(1))
                .unwrap();
            let packet = b"\x30\x04\0\x01tn";
            assert_eq!(session.transmit(), packet);
            session.transmitted(packet.len(), at(1));
            assert_eq!(session.poll(), None);
            assert!(session.awaits_flush());
            session.flushed();
            assert!(!session.awaits_flush());
            assert_eq!(session.poll(), Some(Event::Published));
        }
    }
}

/// A QoS 0 message behind a ping that is not answered yet is published only once the answer was read.
#[test]
fn a_qos_0_behind_a_question_awaits_its_answer() {
    let keep_alive = ConnectOptions {
        keep_alive: KEEP_ALIVE_SECS as u16,
        ..options()
    };
    let mut session = publishing(keep_alive, Qos::AtLeastOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(KEEP_ALIVE_SECS), || 0);
    assert_eq!(sent(&mut session, at(KEEP_ALIVE_SECS)), b"\xc0\0");
    session.receive(&[0x40, 2, 0, 1], at(KEEP_ALIVE_SECS), || 0);
    assert_eq!(session.poll(), Some(Event::Published));

    let now = at(KEEP_ALIVE_SECS + 1);
    session
        .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, now)
        .unwrap();
    assert_eq!(sent(&mut session, now), b"\x30\x04\0\x01tn");
    assert_eq!(session.poll(), None);
    session.receive(PINGRESP, now, || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A broker that sends unasked, as in a kept session, may do it again at any time, so it must have read each QoS 0 message.
#[test]
fn each_qos_0_to_a_talkative_broker_is_confirmed() {
    let unasked: [&[u8]; 5] = [
        b"\x30\x03\0\x01t",
        b"\x62\x02\0\x07",
        b"\x50\x02\0\x07",
        b"\x40\x02\0\x07",
        PINGRESP,
    ];
    for (clean_session, unasked) in unasked
        .map(|it| (true, it))
        .into_iter()
        .chain([(false, &b""[..])])
    {
        let mut session = publishing(
            ConnectOptions {
                clean_session,
                ..options()
            },
            Qos::AtLeastOnce,
        );
        session.receive(CONNACK, at(0), || 0);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        session.poll();
        session.receive(unasked, at(0), || 0);
        sent(&mut session, at(0));
        session
            .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, at(1))
            .unwrap();
        assert_eq!(sent(&mut session, at(1)), b"\x30\x04\0\x01tn\xc0\0");
        assert_eq!(session.poll(), None);
        session.receive(PINGRESP, at(1), || 0);
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

/// A ping follows a QoS 0 message once in a while, if nothing arrives for long.
#[test]
fn a_stream_of_qos_0_is_confirmed_at_times() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    for secs in 1..=40 {
        session
            .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, at(secs))
            .unwrap();
        let is_confirmed = sent(&mut session, at(secs)).ends_with(b"\xc0\0");
        assert_eq!(is_confirmed, secs % 11 == 0, "{secs}");
        if is_confirmed {
            assert_eq!(session.poll(), None);
            session.receive(PINGRESP, at(secs), || 0);
        }
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

/// A connection that was idle for long may be dead. It is pinged, and replaced at once if it does not answer.
#[test]
fn an_idle_connection_is_asked_for_a_sign_of_life() {
    let idle = || {
        let mut session = connected(Qos::AtMostOnce);
        session.poll();
        session
            .publish(topic(), b"n".to_vec(), Qos::AtLeastOnce, at(60))
            .unwrap();
        assert_eq!(sent(&mut session, at(60)), b"\xc0\0");
        session
    };
    let publish = b"\x32\x06\0\x01t\0\x02n";

    let mut alive = idle();
    alive.receive(PINGRESP, at(60), || 0);
    assert_eq!(sent(&mut alive, at(60)), publish);
    alive.receive(&[0x40, 2, 0, 2], at(60), || 0);
    assert_eq!(alive.poll(), Some(Event::Published));

    for closed in [false, true] {
        let mut dead = idle();
        if closed {
            dead.closed(at(61), || 0);
        } else {
            assert_eq!(dead.timeout(), Some(at(61)));
            dead.handle_timeout(at(61), || 0);
        }
        assert!(!dead.is_connected());
        assert!(matches!(dead.poll(), Some(Event::Connect(_))));
        dead.connected(at(61));
        let train = sent(&mut dead, at(61));
        assert!(train.ends_with(publish), "{train:?}");
    }
}

/// On a slow network, the session waits longer for the answer.
#[test]
fn the_patience_grows_with_the_round_trip() {
    let mut session = publishing(options(), Qos::AtLeastOnce);
    session.receive(CONNACK, at(2), || 0);
    session.receive(&[0x40, 2, 0, 1], at(2), || 0);
    session.poll();
    session
        .publish(topic(), b"n".to_vec(), Qos::AtLeastOnce, at(60))
        .unwrap();
    sent(&mut session, at(60));
    assert_eq!(session.timeout(), Some(at(69)));
    assert_eq!(session.farewell(), MAX_FAREWELL);
}

/// The broker may close the connection between CONNACK and the message, as happens to clients that share a client id.
#[test]
fn a_qos_0_that_was_not_read_is_an_error() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.closed(at(1), || 0);
    let event = Event::Failed(Failure::Closed(Awaited::Pingresp), Fate::Unknown);
    assert_eq!(session.poll(), Some(event));
}

#[test]
fn qos_1_is_published_once_acknowledged() {
    let mut session = connected(Qos::AtLeastOnce);
    assert_eq!(session.poll(), None);
    session.receive(&[0x40, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    assert_eq!(session.poll(), None);
    assert_eq!(session.timeout(), None);
}

#[test]
fn qos_2_is_published_once_completed() {
    let mut session = connected(Qos::ExactlyOnce);
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), None);
    assert_eq!(sent(&mut session, at(1)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// The result is the same however the network cuts and joins the broker's bytes.
#[test]
fn answers_are_understood_at_every_cut() {
    let answers = [CONNACK, &[0x50, 2, 0, 1]].concat();
    let last: &[u8] = &[0x70, 2, 0, 1];
    for cut in 0..=answers.len() {
        for last_cut in 0..=last.len() {
            let mut session = publishing(options(), Qos::ExactlyOnce);
            session.receive(&answers[..cut], at(0), || 0);
            session.receive(&answers[cut..], at(0), || 0);
            assert_eq!(sent(&mut session, at(1)), [0x62, 2, 0, 1]);
            session.receive(&last[..last_cut], at(0), || 0);
            session.receive(&last[last_cut..], at(0), || 0);
            assert_eq!(
                session.poll(),
                Some(Event::Published),
                "cut at {cut}, {last_cut}"
            );
        }
    }
}

#[test]
fn packet_ids_run_from_1_to_65535_and_never_are_0() {
    let mut session = connected(Qos::AtLeastOnce);
    session.receive(&[0x40, 2, 0, 1], at(0), || 0);
    for expected in (2..=u16::MAX).chain([1, 2]) {
        session.poll();
        session
            .publish(topic(), vec![], Qos::AtLeastOnce, at(0))
            .unwrap();
        let id = expected.to_be_bytes();
        assert_eq!(
            sent(&mut session, at(0)),
            [0x32, 5, 0, 1, b't', id[0], id[1]]
        );
        session.receive(&[0x40, 2, id[0], id[1]], at(0), || 0);
    }
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn a_refusal_ends_the_first_message() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(&[0x20, 2, 0, 4], at(0), || 0);
    // Brokers close the connection behind a refusal, which changes nothing.
    session.closed(at(0), || 0);
    assert_eq!(
        failed(&mut session),
        Failure::Refused(Refusal::BadCredentials)
    );
    // The next message connects again.
    session
        .publish(topic(), vec![], Qos::AtMostOnce, at(1))
        .unwrap();
    assert_eq!(session.poll(), Some(Event::Connect(at(6))));
}

#[test]
fn what_cannot_come_ends_the_session() {
    use Violation as V;
    let cases: [(Session, &[u8], Violation); 10] = [
        // Before CONNACK no other packet is allowed.
        (
            publishing(options(), Qos::AtLeastOnce),
            &[0x40, 2, 0, 1],
            V::Unexpected("PUBACK"),
        ),
        (
            publishing(options(), Qos::AtLeastOnce),
            &[0xd0, 0],
            V::Unexpected("PINGRESP"),
        ),
        (
            publishing(options(), Qos::AtLeastOnce),
            &[0x30, 3, 0, 1, b't'],
            V::Unexpected("PUBLISH"),
        ),
        (
            connected(Qos::AtLeastOnce),
            CONNACK,
            V::Unexpected("CONNACK"),
        ),
        (
            connected(Qos::AtLeastOnce),
            &[0x40, 2, 0, 0],
            V::NoPacketId("PUBACK"),
        ),
        (
            connected(Qos::AtLeastOnce),
            &[0x50, 2, 0, 1],
            V::Unexpected("PUBREC"),
        ),
        (connected(Qos::ExactlyOnce), &[0x40, 2, 0, 1], V::NoQos2),
        (
            connected(Qos::ExactlyOnce),
            &[0x70, 2, 0, 1],
            V::Unexpected("PUBCOMP"),
        ),
        (
            connected(Qos::AtLeastOnce),
            &[0x62, 2, 0, 0],
            V::NoPacketId("PUBREL"),
        ),
        (connected(Qos::AtLeastOnce), &[0xf0], V::FirstByte(0xf0)),
    ];
    for (mut session, bytes, violation) in cases {
        // The QoS 0 message was published before.
        let published = session.poll().is_some();
        session.receive(bytes, at(0), || 0);
        assert!(!session.is_connected());
        let violation = Failure::Violation(violation);
        if published {
            let next = session.publish(topic(), vec![], Qos::AtMostOnce, at(0));
            assert_eq!(next, Err(PublishError::Ended(violation)), "{bytes:x?}");
        } else {
            assert_eq!(failed(&mut session), violation, "{bytes:x?}");
        }
    }
}

/// A broker cannot answer a message that was not sent in full.
#[test]
fn an_answer_that_comes_too_early_is_a_violation() {
    let mut session = online(options());
    session
        .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(0))
        .unwrap();
    session.transmitted(1, at(0));
    session.receive(CONNACK, at(0), || 0);
    let violation = Violation::Unexpected("CONNACK");
    assert_eq!(failed(&mut session), Failure::Violation(violation));

    let mut session = online(options());
    session
        .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(0))
        .unwrap();
    let all_but_one = session.transmit().len() - 1;
    session.transmitted(all_but_one, at(0));
    session.receive(CONNACK, at(0), || 0);
    session.receive(&[0x40, 2, 0, 1], at(0), || 0);
    let violation = Violation::Unexpected("PUBACK");
    assert_eq!(failed(&mut session), Failure::Violation(violation));

    let mut session = connected(Qos::ExactlyOnce);
    session.receive(&[0x50, 2, 0, 1, 0x70, 2, 0, 1], at(0), || 0);
    let violation = Violation::Unexpected("PUBCOMP");
    assert_eq!(failed(&mut session), Failure::Violation(violation));
}

/// Packets that wait behind a message do not affect it.
#[test]
fn a_message_is_done_though_answers_to_others_have_not_left() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        session
            .publish(topic(), vec![9; 100_000], qos, at(0))
            .unwrap();
        session.receive(&[0x32, 5, 0, 1, b't', 0, 7], at(0), || 0);
        let header = if qos == Qos::AtMostOnce { 7 } else { 9 };
        let mut left = header + 100_000;
        while left > 0 {
            let count = session.transmit().len().min(left);
            session.transmitted(count, at(0));
            left -= count;
        }
        assert_eq!(session.transmit(), [0x40, 2, 0, 7]);
        match qos {
            Qos::AtMostOnce => session.flushed(),
            _ => session.receive(&[0x40, 2, 0, 3], at(0), || 0),
        }
        assert_eq!(session.poll(), Some(Event::Published), "{qos:?}");
        sent(&mut session, at(0));
    }
}

#[test]
fn a_promise_that_was_kept_stays_kept() {
    let mut broken = connected(Qos::AtLeastOnce);
    broken.receive(&[0x40, 2, 0, 1, 0x20, 2, 0, 0], at(0), || 0);
    let mut closed = connected(Qos::AtLeastOnce);
    closed.receive(&[0x40, 2, 0, 1], at(0), || 0);
    closed.closed(at(0), || 0);
    for mut session in [broken, closed] {
        assert_eq!(session.poll(), Some(Event::Published));
        assert!(!session.is_connected());
    }
}

#[test]
fn one_message_at_a_time() {
    let mut session = publishing(options(), Qos::AtLeastOnce);
    let second = session.publish(topic(), vec![], Qos::AtLeastOnce, at(0));
    assert_eq!(second, Err(PublishError::Busy));
    session.disconnect();
    let failed = Event::Failed(Failure::Disconnected, Fate::Unknown);
    assert_eq!(session.poll(), Some(failed));
    assert_eq!(session.timeout(), None);
}

/// If no message is in flight, the next one reports the failure, and nothing of it is sent.
#[test]
fn a_violation_between_messages_is_told_to_the_next() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    session.receive(CONNACK, at(0), || 0);
    let error = session
        .publish(topic(), vec![], Qos::AtLeastOnce, at(20))
        .unwrap_err();
    assert!(error.message().contains("unexpected CONNACK"), "{error}");
    assert!(error.message().ends_with("was not delivered"), "{error}");
}

#[test]
fn a_lost_connection_says_what_was_awaited() {
    let mut unsent = online(options());
    unsent
        .publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(0))
        .unwrap();
    let mut refused = online(options());
    refused
        .publish(topic(), vec![0; 100_000], Qos::AtMostOnce, at(0))
        .unwrap();
    refused.transmitted(20, at(0));
    unsent.transmitted(unsent.transmit().len() - 3, at(0));
    unsent.receive(CONNACK, at(0), || 0);
    let mut received = connected(Qos::ExactlyOnce);
    received.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut received, at(0));
    for (mut session, awaited) in [
        // A broker that refuses the connection need not read our message to its end.
        (refused, Awaited::Connack),
        (unsent, Awaited::Transmission),
        (publishing(options(), Qos::AtMostOnce), Awaited::Connack),
        (publishing(options(), Qos::ExactlyOnce), Awaited::Connack),
        (connected(Qos::ExactlyOnce), Awaited::Pubrec),
        (received, Awaited::Pubcomp),
    ] {
        session.closed(at(0), || 0);
        assert_eq!(failed(&mut session), Failure::Closed(awaited));
    }
}

#[test]
fn every_wait_has_a_bound() {
    let mut received = connected(Qos::ExactlyOnce);
    received.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut received, at(0));
    let mut unsent = connected(Qos::AtMostOnce);
    unsent.poll();
    unsent
        .publish(topic(), vec![], Qos::AtMostOnce, at(0))
        .unwrap();
    for (mut session, awaited) in [
        (publishing(options(), Qos::AtMostOnce), Awaited::Connack),
        (connected(Qos::AtLeastOnce), Awaited::Puback),
        (connected(Qos::ExactlyOnce), Awaited::Pubrec),
        (received, Awaited::Pubcomp),
        (unsent, Awaited::Transmission),
    ] {
        assert_eq!(session.timeout(), Some(at(20)));
        session.handle_timeout(at(19), || 0);
        assert!(session.is_connected());
        session.handle_timeout(at(20), || 0);
        let failure = Failure::TimedOut(awaited);
        assert_eq!(failed(&mut session), failure);
    }
}

/// A broker that answers one byte a second, or takes each step at the last moment, does not extend the deadline.
#[test]
fn slow_answers_do_not_move_the_bound() {
    let mut session = publishing(options(), Qos::ExactlyOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(19), || 0);
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut session, at(19));
    session.receive(&[0x70], at(0), || 0);
    assert_eq!(session.timeout(), Some(at(20)));
}

/// A large payload gets the time that it needs, as long as the transport keeps taking parts of it.
#[test]
fn sending_is_bounded_by_its_progress_and_its_size() {
    let mut session = online(options());
    let payload = vec![0; 10 * 64 * 1024];
    session
        .publish(topic(), payload, Qos::AtMostOnce, at(0))
        .unwrap();
    assert_eq!(session.timeout(), Some(at(20)));
    session.transmitted(15, at(5));
    assert_eq!(session.timeout(), Some(at(25)));
    session.transmitted(1, at(15));
    assert_eq!(session.timeout(), Some(at(30)));
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(30), || 0);
    let failure = Failure::TimedOut(Awaited::Transmission);
    assert_eq!(failed(&mut session), failure);
}

#[test]
fn a_large_payload_follows_its_header_without_a_gap() {
    let payload: Vec<u8> = (0..200_000).map(|i| (i % 251) as u8).collect();
    let mut session = online(options());
    session
        .publish(topic(), payload.clone(), Qos::AtLeastOnce, at(0))
        .unwrap();
    // The first write is full, and the rest of the payload is not copied.
    assert_eq!(session.transmit().len(), 65 * 1024);
    let mut bytes = Vec::new();
    while !session.transmit().is_empty() {
        let count = session.transmit().len().min(777);
        bytes.extend_from_slice(&session.transmit()[..count]);
        session.transmitted(count, at(0));
    }
    assert!(bytes.ends_with(&payload));
    // CONNECT, then the type, length and topic of the PUBLISH.
    assert_eq!(bytes.len() - payload.len(), 15 + 4 + 3 + 2);
}

#[test]
fn a_packet_between_a_large_payloads_pieces_waits_for_its_end() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    session
        .publish(topic(), vec![9; 100_000], Qos::AtMostOnce, at(0))
        .unwrap();
    session.transmitted(64 * 1024, at(0));
    session.receive(&[0x32, 5, 0, 1, b't', 0, 7], at(0), || 0);
    let bytes = sent(&mut session, at(0));
    assert!(bytes.ends_with(&[9, 9, 0x40, 2, 0, 7]));
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn silence_longer_than_the_keep_alive_is_broken_by_a_ping() {
    let options = ConnectOptions {
        keep_alive: KEEP_ALIVE_SECS as u16,
        ..options()
    };
    let mut session = publishing(options, Qos::AtLeastOnce);
    session.receive(CONNACK, at(0), || 0);
    assert_eq!(session.timeout(), Some(at(6)));
    session.handle_timeout(at(5), || 0);
    assert_eq!(session.transmit(), b"");
    session.handle_timeout(at(6), || 0);
    assert_eq!(sent(&mut session, at(6)), [0xc0, 0]);
    assert_eq!(session.timeout(), Some(at(12)));
    session.receive(&[0xd0, 0], at(0), || 0);
    assert_eq!(session.transmit(), b"");
    session.handle_timeout(at(12), || 0);
    assert_eq!(sent(&mut session, at(12)), [0xc0, 0]);
    // Pings do not extend the deadline either.
    assert_eq!(session.timeout(), Some(at(18)));
    // An acknowledgement counts although a ping is not sent yet.
    session.receive(&[0xd0, 0, 0x40, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn without_a_keep_alive_there_is_no_ping() {
    let session = connected(Qos::AtLeastOnce);
    assert_eq!(session.timeout(), Some(at(20)));
}

/// Some brokers repeat PUBREC if their work on the message takes long.
#[test]
fn pubrec_may_come_twice() {
    let mut session = connected(Qos::ExactlyOnce);
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(sent(&mut session, at(0)), [0x62, 2, 0, 1]);
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(session.transmit(), b"");
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// The session receives messages for a subscription that another client with its id made.
#[test]
fn messages_to_us_are_acknowledged_and_dropped() {
    let mut session = connected(Qos::AtLeastOnce);
    session.receive(&[0x30, 3, 0, 1, b't'], at(0), || 0);
    session.receive(&[0x32, 5, 0, 1, b't', 0, 7], at(0), || 0);
    session.receive(&[0x34, 5, 0, 1, b't', 0, 8], at(0), || 0);
    assert_eq!(sent(&mut session, at(0)), [0x40, 2, 0, 7, 0x50, 2, 0, 8]);
    session.receive(&[0x62, 2, 0, 8], at(0), || 0);
    assert_eq!(sent(&mut session, at(0)), [0x70, 2, 0, 8]);
    session.receive(&[0x40, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn a_flood_of_messages_does_not_grow_our_memory() {
    for message in [&[0x32, 5, 0, 1, b't', 0, 7][..], &[0x62, 2, 0, 7]] {
        let mut session = connected(Qos::AtLeastOnce);
        let messages = message.repeat(10_000);
        session.receive(&messages, at(0), || 0);
        assert!(session.is_connected());
        session.receive(&messages, at(0), || 0);
        assert_eq!(failed(&mut session), Failure::Violation(Violation::Flood));
    }
}

/// Our own message waits for the broker as well, and may be larger than the limit on kept replies.
#[test]
fn our_own_message_is_no_flood() {
    for (name, payload) in [("t".to_owned(), 65_527), ("t".repeat(65_535), 1_000_000)] {
        let mut session = connected(Qos::AtLeastOnce);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        session.poll();
        let topic = Topic::new(name).unwrap();
        session
            .publish(topic, vec![0; payload], Qos::AtLeastOnce, at(0))
            .unwrap();
        session.transmitted(1, at(0));
        session.receive(&[0x32, 5, 0, 1, b't', 0, 7].repeat(100), at(0), || 0);
        assert!(session.is_connected());
    }
}

#[test]
fn a_packet_above_the_limit_is_refused_by_its_length_alone() {
    let mut session = connected(Qos::AtLeastOnce);
    // The header claims 256 MiB.
    session.receive(&[0x30, 0xff, 0xff, 0xff, 0x7f], at(0), || 0);
    let violation = Violation::TooLarge(268_435_455);
    assert_eq!(failed(&mut session), Failure::Violation(violation));
}

#[test]
fn disconnect_says_goodbye_to_whom_it_greeted() {
    let mut session = connected(Qos::AtMostOnce);
    session.disconnect();
    assert_eq!(sent(&mut session, at(0)), [0xe0, 0]);

    let mut silent = online(options());
    silent.disconnect();
    assert_eq!(silent.transmit(), b"");

    let mut lost = connected(Qos::AtLeastOnce);
    lost.closed(at(0), || 0);
    lost.disconnect();
    assert_eq!(lost.transmit(), b"");
}

#[test]
fn what_is_too_large_is_refused_and_harms_nothing() {
    let mut session = online(ConnectOptions {
        max_outgoing_packet_size: 8,
        ..options()
    });
    let above = session.publish(topic(), vec![0; 4], Qos::AtMostOnce, at(0));
    assert_eq!(
        above,
        Err(PublishError::AboveLimit {
            packet: 9,
            limit: 8
        })
    );
    assert_eq!(session.transmit(), b"");
    session
        .publish(topic(), vec![0; 3], Qos::AtMostOnce, at(0))
        .unwrap();
    sent(&mut session, at(0));
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}
