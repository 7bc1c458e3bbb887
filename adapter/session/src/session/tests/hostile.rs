//! Brokers and networks at their worst. In each of these cases an earlier version of the session reported a message as published
//! too early, reported a wrong fate, or drew a wrong conclusion about the broker.

use std::collections::VecDeque;

use super::*;

/// A QoS 1 message to us with packet id 7.
const MESSAGE_TO_US: &[u8] = b"\x32\x05\0\x01t\0\x07";

/// `options` for a broker of which nothing is known.
fn untried(options: ConnectOptions) -> ConnectOptions {
    ConnectOptions {
        habits: Habits::default(),
        ..options
    }
}

/// Options of a clean session with this keep alive.
fn keep_alive(secs: u16) -> ConnectOptions {
    ConnectOptions {
        keep_alive: secs,
        ..options()
    }
}

/// Publishes a message and returns the bytes that were sent.
fn publish(session: &mut Session, qos: Qos, now: Instant) -> Vec<u8> {
    session.publish(topic(), b"m".to_vec(), qos, now).unwrap();
    sent(session, now)
}

/// The result of letting time pass.
#[derive(Debug)]
struct Passed {
    event: Option<Event>,
    /// The time of the event.
    time: Instant,
    /// The bytes that were sent until then.
    sent: Vec<u8>,
}

/// Lets time pass, with nothing arriving, until the session has an event, or until `end`.
fn pass(session: &mut Session, end: Instant) -> Passed {
    let mut passed = Passed {
        event: None,
        time: at(0),
        sent: Vec::new(),
    };
    for _ in 0..1000 {
        passed.event = session.poll();
        if passed.event.is_some() {
            return passed;
        }
        let Some(due) = session.timeout().filter(|it| *it <= end) else {
            break;
        };
        passed.time = due;
        session.handle_timeout(due, || 0);
        passed.sent.extend(sent(session, due));
    }
    passed.event = session.poll();
    passed
}

/// In a session that the broker keeps, on a connection on which it has answered a ping.
#[test]
fn a_qos_0_on_a_connection_that_dies_is_not_published() {
    let mut session = publishing(kept(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    let bytes = publish(&mut session, Qos::AtMostOnce, at(1));
    assert!(bytes.ends_with(PINGREQ), "{bytes:?}");
    let passed = pass(&mut session, at(100));
    assert_ne!(passed.event, Some(Event::Published), "{passed:?}");
}

/// The first message of a later connection is still confirmed by a ping.
#[test]
fn a_dead_connection_does_not_show_that_the_broker_ignores_pings() {
    let mut session = publishing(options(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    session.poll();
    // Nothing arrives from here on.
    for secs in 1..=11 {
        publish(&mut session, Qos::AtMostOnce, at(secs));
        pass(&mut session, at(100));
    }
    session
        .publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(20))
        .unwrap();
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
    session.connected(at(20));
    let bytes = sent(&mut session, at(20));
    assert!(bytes.ends_with(PINGREQ), "{bytes:?}");
    session.receive(CONNACK, at(20), || 0);
    // The broker closes the connection before it reads the message.
    session.closed(at(20), || 0);
    let event = session.poll();
    assert_ne!(event, Some(Event::Published), "{:?}", session.habits());
}

/// Other clients may have used the session since the id was freed on the old connection.
#[test]
fn a_packet_id_is_freed_again_on_a_new_connection() {
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    session.receive(&[CONNACK, PUBCOMP_1, PINGRESP].concat(), at(0), || 0);
    sent(&mut session, at(0));
    session.receive(PUBREC_1, at(0), || 0);
    sent(&mut session, at(0));
    session.receive(PUBCOMP_1, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    // An hour later the connection is dead.
    assert_eq!(publish(&mut session, Qos::ExactlyOnce, at(3600)), PINGREQ);
    session.handle_timeout(at(3601), || 0);
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
    session.connected(at(3601));
    let bytes = sent(&mut session, at(3601));
    assert!(bytes.ends_with(RELEASE_1), "{bytes:?}");
}

/// A QoS 0 message to a broker that answers no pings is published without an answer. The next message, which needs one, is sent
/// again on a connection that waits for CONNACK.
#[test]
fn a_message_without_an_answer_does_not_show_that_early_packets_are_taken() {
    let mut session = publishing(untried(options()), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    pass(&mut session, at(100));
    session
        .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(30))
        .unwrap();
    session.poll();
    session.connected(at(30));
    sent(&mut session, at(30));
    session.receive(CONNACK, at(30), || 0);
    let passed = pass(&mut session, at(100));
    assert!(
        matches!(passed.event, Some(Event::Connect(_))),
        "{passed:?}, {:?}",
        session.habits()
    );
}

/// The message in flight is not in the output yet, which must not overflow the count of kept replies.
#[test]
fn a_message_to_us_is_answered_while_a_packet_id_is_being_freed() {
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    session.receive(&[CONNACK, MESSAGE_TO_US].concat(), at(0), || 0);
}

/// As above, while the message waits for the answer to the ping in front of it.
#[test]
fn a_message_to_us_is_answered_while_a_sign_of_life_is_awaited() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    publish(&mut session, Qos::AtLeastOnce, at(60));
    session.receive(MESSAGE_TO_US, at(60), || 0);
}

#[test]
fn a_flood_is_noticed_while_a_packet_id_is_being_freed() {
    let mut session = online(kept());
    session
        .publish(topic(), vec![0; 70_000], Qos::AtLeastOnce, at(0))
        .unwrap();
    sent(&mut session, at(0));
    session.receive(&[CONNACK, PUBACK_1].concat(), at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    publish(&mut session, Qos::ExactlyOnce, at(0));
    // The broker sends messages and reads nothing.
    for _ in 0..500_000 {
        session.receive(MESSAGE_TO_US, at(0), || 0);
    }
    let replies = session.transmit().len();
    assert!(!session.is_connected(), "{replies} bytes of replies");
}

#[test]
fn a_connection_that_was_idle_before_its_first_message_is_replaced() {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut session = online(options());
        session
            .publish(topic(), b"m".to_vec(), qos, at(3600))
            .unwrap();
        sent(&mut session, at(3600));
        let passed = pass(&mut session, at(4000));
        assert!(
            matches!(passed.event, Some(Event::Connect(_))),
            "{qos:?} {passed:?}"
        );
    }
}

#[test]
fn a_late_pubcomp_counts_while_the_second_pubrel_is_not_sent() {
    let mut session = publishing(untried(kept()), Qos::ExactlyOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(1), || 0);
    assert_eq!(session.transmit(), RELEASE_1);
    session.receive(&[PUBCOMP_1, PINGRESP].concat(), at(1), || 0);
    assert_eq!(session.poll(), None);
}

#[test]
fn no_ping_is_sent_before_connack_to_a_broker_that_refuses_early_packets() {
    let refused = Habits {
        early: Early::Refused,
        ..Habits::default()
    };
    let options = ConnectOptions {
        habits: refused,
        ..keep_alive(4)
    };
    let mut session = publishing(options, Qos::AtLeastOnce);
    assert_eq!(pass(&mut session, at(5)).sent, b"");
}

/// On a slow network with a short keep alive, there is always a ping without an answer.
#[test]
fn pings_of_the_keep_alive_do_not_delay_a_confirmation() {
    const ROUND_TRIP_MILLIS: u64 = 800;
    let mut session = publishing(keep_alive(1), Qos::AtMostOnce);
    let mut answers_due = VecDeque::from([ROUND_TRIP_MILLIS]);
    let mut answered = 0;
    let mut event = None;
    let mut elapsed = 0;
    while event.is_none() && elapsed < 30_000 {
        let now = millis(elapsed);
        if elapsed == ROUND_TRIP_MILLIS {
            session.receive(CONNACK, now, || 0);
        }
        if answers_due.front().is_some_and(|due| *due <= elapsed) {
            answers_due.pop_front();
            answered += 1;
            session.receive(PINGRESP, now, || 0);
        }
        if session.timeout().is_some_and(|due| due <= now) {
            session.handle_timeout(now, || 0);
        }
        let pings = sent(&mut session, now).len() / PINGREQ.len();
        for _ in 0..pings {
            answers_due.push_back(elapsed + ROUND_TRIP_MILLIS);
        }
        event = session.poll();
        elapsed += 10;
    }
    assert!(
        session.habits().pings == Pings::Answered && elapsed <= 2 * ROUND_TRIP_MILLIS,
        "{event:?} after {elapsed} ms and {answered} answers"
    );
}

#[test]
fn an_unanswered_keep_alive_ping_does_not_hold_a_qos_0_to_its_deadline() {
    let mut session = publishing(keep_alive(8), Qos::AtLeastOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(6), || 0);
    assert_eq!(sent(&mut session, at(6)), PINGREQ);
    session.receive(PUBACK_1, at(7), || 0);
    session.poll();
    publish(&mut session, Qos::AtMostOnce, at(7));
    let passed = pass(&mut session, at(100));
    assert_eq!(passed.event, Some(Event::Published), "{passed:?}");
}

/// Two connections are lost while a packet id is freed, but not in a row.
#[test]
fn an_answered_pubrel_shows_that_earlier_losses_were_chance() {
    let reconnect = |session: &mut Session, secs: u64| {
        session.closed(at(secs), || 0);
        while !matches!(session.poll(), Some(Event::Connect(_))) {
            let due = session.timeout().unwrap();
            session.handle_timeout(due, || 0);
        }
        session.connected(at(secs + 1));
        sent(session, at(secs + 1));
    };
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    // The connection is lost by chance while the id is freed.
    session.receive(CONNACK, at(0), || 0);
    reconnect(&mut session, 0);
    // The broker answers the PUBREL. The connection is lost within the PUBLISH.
    session.receive(&[CONNACK, PUBCOMP_1, PINGRESP].concat(), at(1), || 0);
    assert_eq!(session.transmit()[0], 0x34);
    reconnect(&mut session, 2);
    // The connection is lost by chance again while the id is freed.
    session.receive(CONNACK, at(3), || 0);
    reconnect(&mut session, 4);
    assert!(session.habits().frees_ids);
}

/// A late PINGRESP would reset the connection of an app that has ended.
#[test]
fn a_qos_0_behind_a_ping_to_a_broker_that_answers_none_is_not_published() {
    let options = ConnectOptions {
        habits: Habits {
            early: Early::Taken,
            pings: Pings::Ignored,
            frees_ids: true,
        },
        ..keep_alive(8)
    };
    let mut session = publishing(options, Qos::AtLeastOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(6), || 0);
    assert_eq!(sent(&mut session, at(6)), PINGREQ);
    session.receive(PUBACK_1, at(6), || 0);
    session.poll();
    session
        .publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(6))
        .unwrap();
    sent(&mut session, at(6));
    assert_ne!(session.poll(), Some(Event::Published));
}

/// The broker answers the second ping but no PUBREL: the first ping was lost, and so another connection waits for CONNACK.
#[test]
fn a_pubrel_that_was_lost_early_shows_that_early_packets_are_lost() {
    let mut session = publishing(untried(kept()), Qos::ExactlyOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(1), || 0);
    assert_eq!(sent(&mut session, at(1)), RELEASE_1);
    session.receive(PINGRESP, at(1), || 0);
    let passed = pass(&mut session, at(100));
    assert!(
        matches!(passed.event, Some(Event::Connect(_))),
        "{passed:?}"
    );
}

/// The broker has answered pings before, so a missing answer means that the connection is dead.
#[test]
fn a_connection_that_dies_while_a_packet_id_is_freed_is_replaced() {
    let mut session = publishing(kept(), Qos::AtMostOnce);
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    session.poll();
    publish(&mut session, Qos::ExactlyOnce, at(1));
    let passed = pass(&mut session, at(100));
    assert!(
        matches!(passed.event, Some(Event::Connect(_))),
        "{passed:?}, {:?}",
        session.habits()
    );
}
