//! Brokers that do less than MQTT requires, or more.

use super::*;
use crate::Protocol;

/// Options for a broker of which nothing is known.
fn options() -> ConnectOptions {
    ConnectOptions {
        habits: Habits::default(),
        ..super::options()
    }
}

fn connected(qos: Qos) -> Session {
    let mut session = publishing(options(), qos);
    session.receive(CONNACK, at(0), || 0);
    session
}

/// Makes the next connection, after a pause if there is one, and returns its time and the bytes sent on it.
fn next_connection(session: &mut Session) -> (Instant, Vec<u8>) {
    let mut now = at(0);
    loop {
        match session.poll() {
            Some(Event::Connect(_)) => break,
            Some(event) => panic!("{event:?}"),
            None => {
                now = session.timeout().unwrap();
                session.handle_timeout(now, || 0);
            }
        }
    }
    session.connected(now);
    (now, sent(session, now))
}

/// A broker that closes on packets before its CONNACK gets none from the second connection on.
#[test]
fn a_broker_that_closes_on_what_comes_early() {
    let mut session = publishing(options(), Qos::AtLeastOnce);
    session.closed(at(0), || 0);
    let (now, train) = next_connection(&mut session);
    assert_eq!(train, CONNECT);
    session.receive(CONNACK, now, || 0);
    assert_eq!(sent(&mut session, now), b"\x32\x06\0\x01t\0\x01m");
    session.receive(PUBACK_1, now, || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    assert_eq!(session.habits().early, Early::Refused);
}

/// A message that must not arrive twice fails once, with an error that names the cause.
#[test]
fn a_message_that_a_broker_closed_on_is_in_doubt_once() {
    for qos in [Qos::AtMostOnce, Qos::ExactlyOnce] {
        for is_tls_port in [false, true] {
            let options = ConnectOptions {
                is_tls_port,
                ..options()
            };
            let mut session = publishing(options, qos);
            session.closed(at(0), || 0);
            let failure = Failure::ClosedEarly { is_tls_port };
            let message = failure.message();
            assert!(message.contains("early_publish=false"), "{message}");
            assert_eq!(message.contains("mqtts://"), is_tls_port, "{message}");
            let event = Event::Failed(failure, Fate::Unknown);
            assert_eq!(session.poll(), Some(event));

            session.publish(topic(), vec![], qos, at(1)).unwrap();
            let (now, train) = next_connection(&mut session);
            assert_eq!(train, CONNECT);
            session.receive(CONNACK, now, || 0);
            assert!(!sent(&mut session, now).is_empty());
        }
    }
}

/// Also where it is tried again.
#[test]
fn a_tls_port_that_closes_is_named() {
    let options = ConnectOptions {
        is_tls_port: true,
        ..options()
    };
    let mut session = publishing(options, Qos::AtLeastOnce);
    let mut now = at(0);
    let event = loop {
        session.closed(now, || 0);
        if let Some(event) = session.poll() {
            break event;
        }
        now = next_connection(&mut session).0;
    };
    let failure = Failure::ClosedOnTlsPort;
    assert!(failure.message().contains("mqtts://"));
    assert_eq!(event, Event::Failed(failure, Fate::Unknown));
}

#[test]
fn a_broker_that_is_known_gets_nothing_early() {
    let options = ConnectOptions {
        habits: Habits {
            early: Early::Refused,
            ..Habits::default()
        },
        ..options()
    };
    let mut session = publishing(options.clone(), Qos::AtMostOnce);
    assert!(session.publication.is_some());
    session.receive(CONNACK, at(0), || 0);
    // As on every connection, a ping follows the first QoS 0 message.
    assert_eq!(sent(&mut session, at(0)), b"\x30\x04\0\x01tm\xc0\0");
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));

    // Nothing of the message was sent, so it may be sent again.
    let mut session = publishing(options, Qos::AtMostOnce);
    session.closed(at(0), || 0);
    assert_eq!(next_connection(&mut session).1, CONNECT);
}

/// A lost connection is no sign against a broker that has accepted a message before CONNACK.
#[test]
fn a_broker_that_took_early_messages_is_trusted() {
    let mut session = connected(Qos::AtLeastOnce);
    session.receive(PUBACK_1, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    assert_eq!(session.habits().early, Early::Taken);
    session.closed(at(1), || 0);
    session
        .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(1))
        .unwrap();
    next_connection(&mut session);
    session.closed(at(1), || 0);
    assert_eq!(session.habits().early, Early::Taken);
}

/// The broker reads CONNECT, and throws away the bytes behind it: before or after its CONNACK, it sends nothing more.
#[test]
fn a_broker_that_loses_what_comes_early() {
    for answer in [&b""[..], CONNACK] {
        let mut session = publishing(options(), Qos::AtLeastOnce);
        session.receive(answer, at(0), || 0);
        // The message waits as long as a connection may take.
        assert_eq!(session.timeout(), Some(at(5)));
        session.handle_timeout(at(5), || 0);
        let (now, train) = next_connection(&mut session);
        assert_eq!(train, CONNECT);
        session.receive(CONNACK, now, || 0);
        sent(&mut session, now);
        session.receive(PUBACK_1, now, || 0);
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

/// A broker that answers the second ping and not the first one has lost the first, and the message in front of it.
#[test]
fn a_qos_0_that_was_lost_early_is_an_error() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    assert_eq!(session.timeout(), Some(at(1)));
    session.handle_timeout(at(1), || 0);
    assert_eq!(sent(&mut session, at(1)), b"\xc0\0");
    session.receive(PINGRESP, at(1), || 0);
    assert_eq!(session.poll(), None);
    session.handle_timeout(at(2), || 0);
    let event = Event::Failed(Failure::LostEarly, Fate::Unknown);
    assert_eq!(session.poll(), Some(event));
    assert_eq!(session.habits().early, Early::Refused);

    // A broker that was only slow answers both.
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(1), || 0);
    sent(&mut session, at(1));
    session.receive(&[PINGRESP, PINGRESP].concat(), at(1), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A QoS 0 message is published without an answer after a moment, and later messages send no ping.
#[test]
fn a_broker_that_answers_no_ping() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(1), || 0);
    sent(&mut session, at(1));
    assert_eq!(session.poll(), None);
    session.handle_timeout(at(2), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    assert_eq!(session.habits().pings, Pings::Ignored);

    // A late answer would endanger the next message, which therefore gets a new connection.
    session
        .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, at(3))
        .unwrap();
    let (now, train) = next_connection(&mut session);
    // Nothing would show that a message before CONNACK was lost.
    assert_eq!(train, CONNECT);
    session.receive(CONNACK, now, || 0);
    assert_eq!(sent(&mut session, now), b"\x30\x04\0\x01tn");
    assert_eq!(session.poll(), Some(Event::Published));
    // Further messages use that connection.
    for _ in 0..3 {
        session
            .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, now)
            .unwrap();
        assert_eq!(sent(&mut session, now), b"\x30\x04\0\x01tn");
        assert_eq!(session.poll(), Some(Event::Published));
    }
    // A connection that was idle for long is replaced, since a ping cannot test it.
    let later = now + SILENCE + SILENCE;
    session
        .publish(topic(), vec![], Qos::AtLeastOnce, later)
        .unwrap();
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
}

/// A broker whose CONNACK comes late has more time to answer a ping.
#[test]
fn the_patience_with_a_ping_grows_with_connack() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(2), || 0);
    assert_eq!(session.timeout(), Some(at(2 + 1 + 4 * 2)));
}

/// In a session that the broker keeps, the packet id is freed first.
#[test]
fn a_broker_that_answers_neither_pubrel_nor_ping() {
    let options = ConnectOptions {
        clean_session: false,
        ..options()
    };
    let mut session = publishing(options, Qos::ExactlyOnce);
    session.receive(&[0x20, 2, 1, 0], at(0), || 0);
    // The packets that were sent before CONNACK may be lost, so they are sent once more.
    session.handle_timeout(at(1), || 0);
    assert_eq!(sent(&mut session, at(1)), [0x62, 2, 0, 1, 0xc0, 0]);
    session.handle_timeout(at(2), || 0);
    assert_eq!(sent(&mut session, at(2)), b"\x34\x06\0\x01t\0\x01m");

    // The answers may also come late.
    session.receive(&[0x70, 2, 0, 1, 0xd0, 0], at(3), || 0);
    assert_eq!(session.transmit(), b"");
    session.receive(&[0x50, 2, 0, 1], at(3), || 0);
    assert!(sent(&mut session, at(3)).starts_with(&[0x62, 2, 0, 1]));
    session.receive(&[0x70, 2, 0, 1], at(3), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// Brokers send DISCONNECT in MQTT 5, and some in 3.1.1 too. The connection is lost, and the message may go on.
#[test]
fn a_disconnect_by_the_broker_is_a_lost_connection() {
    let mut session = connected(Qos::AtLeastOnce);
    session.receive(&[0xe0, 0], at(0), || 0);
    assert!(!session.is_connected());
    let (now, train) = next_connection(&mut session);
    assert_eq!(train, [CONNECT, b"\x32\x06\0\x01t\0\x01m"].concat());
    session.receive(&[CONNACK, PUBACK_1].concat(), now, || 0);
    assert_eq!(session.poll(), Some(Event::Published));

    let mut session = connected(Qos::ExactlyOnce);
    session.receive(&[0xe0, 2, 0x8b, 0], at(0), || 0);
    let failure = failed(&mut session);
    assert_eq!(failure, Failure::Dismissed(Awaited::Pubrec));
    assert!(failure.message().contains("by DISCONNECT, before PUBREC"));

    // Between two messages it is not reported.
    let mut session = super::connected(Qos::AtMostOnce);
    assert_eq!(session.poll(), Some(Event::Published));
    session.receive(&[0xe0, 0], at(0), || 0);
    session
        .publish(topic(), vec![], Qos::AtMostOnce, at(0))
        .unwrap();
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
}

/// Nothing is resumed in a clean session, whatever the broker says.
#[test]
fn a_session_that_is_present_for_a_clean_one() {
    let mut session = publishing(options(), Qos::ExactlyOnce);
    session.receive(&[0x20, 2, 1, 0, 0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(sent(&mut session, at(0)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A server that is not a broker is named as soon as its first bytes show its protocol.
#[test]
fn other_protocols_are_named() {
    for (bytes, protocol, says) in [
        (&[0x15, 3, 3, 0, 2, 2, 0x46][..], Protocol::Tls, "mqtts://"),
        (b"HTTP/1.1 400 Bad Request\r\n", Protocol::Http, "HTTP"),
        (b"220 mail.example.com ESMTP\r\n", Protocol::Smtp, "SMTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Protocol::Ssh, "SSH"),
    ] {
        let mut session = publishing(options(), Qos::AtLeastOnce);
        session.receive(bytes, millis(1), || 0);
        let failure = failed(&mut session);
        let expected = Failure::Violation(Violation::Protocol(protocol));
        assert_eq!(failure, expected);
        let message = failure.message();
        assert!(message.contains("no MQTT broker"), "{message}");
        assert!(message.contains(says), "{message}");
    }
}

/// A message that must not arrive twice waits for its deadline, and the error names the possible cause.
#[test]
fn silence_to_an_early_message_says_what_it_may_be() {
    for (answer, awaited) in [(&b""[..], Awaited::Connack), (CONNACK, Awaited::Pubrec)] {
        let mut session = publishing(options(), Qos::ExactlyOnce);
        session.receive(answer, at(0), || 0);
        assert_eq!(session.timeout(), Some(at(20)));
        session.handle_timeout(at(20), || 0);
        let failure = failed(&mut session);
        assert_eq!(failure, Failure::TimedOutEarly(awaited));
        assert!(failure.message().contains("early_publish=false"));
        assert_eq!(session.habits().early, Early::Refused);
    }
}

#[test]
fn a_broker_without_qos_2_is_named() {
    let mut session = connected(Qos::ExactlyOnce);
    session.receive(PUBACK_1, at(0), || 0);
    let message = failed(&mut session).message();
    assert!(message.contains("use QoS 1"), "{message}");
}
