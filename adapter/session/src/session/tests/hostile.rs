//! Findings of a hostile reading of the session, each of which was an Ok too many, a wrong fate or a wrong habit.

use super::*;

fn ms(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}
fn kept() -> ConnectOptions {
    ConnectOptions {
        clean_session: false,
        ..options()
    }
}
fn untried(options: ConnectOptions) -> ConnectOptions {
    ConnectOptions {
        habits: Habits::default(),
        ..options
    }
}
fn publish(session: &mut Session, qos: Qos, now: Instant) -> Vec<u8> {
    session.publish(topic(), b"m".to_vec(), qos, now).unwrap();
    sent(session, now)
}
/// Time passes until an event, at most to `until`.
fn pass(session: &mut Session, until: Instant) -> (Option<Event>, Instant, Vec<u8>) {
    let mut all = Vec::new();
    let mut now = at(0);
    for _ in 0..1000 {
        if let Some(e) = session.poll() {
            return (Some(e), now, all);
        }
        let Some(t) = session.timeout() else { break };
        if t > until {
            break;
        }
        now = t;
        session.handle_timeout(t, || 0);
        all.extend(sent(session, t));
    }
    (session.poll(), now, all)
}

/// Kept session, broker HAS answered a ping on this very connection; then it dies in silence under a QoS 0.
#[test]
fn kept_dead_in_silence() {
    let mut s = publishing(kept(), Qos::AtMostOnce);
    s.receive(CONNACK, at(0), || 0);
    s.receive(PINGRESP, at(0), || 0);
    assert_eq!(s.poll(), Some(Event::Published));
    assert!(publish(&mut s, Qos::AtMostOnce, at(1)).ends_with(b"\xc0\0"));
    let (event, when, _) = pass(&mut s, at(100));
    assert_ne!(
        event,
        Some(Event::Published),
        "a kept session's QoS 0 is Ok without any answer at {when:?}"
    );
}

/// Clean session: one dead connection turns off the promise of the first message of every later connection.
#[test]
fn habit_from_a_dead_connection() {
    let mut s = publishing(options(), Qos::AtMostOnce);
    s.receive(CONNACK, at(0), || 0);
    s.receive(PINGRESP, at(0), || 0);
    s.poll();
    // Dead from here.
    for secs in 1..=11 {
        publish(&mut s, Qos::AtMostOnce, at(secs));
        pass(&mut s, at(100));
    }
    s.publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(20))
        .unwrap();
    assert!(matches!(s.poll(), Some(Event::Connect(_))));
    s.connected(at(20));
    let train = sent(&mut s, at(20));
    s.receive(CONNACK, at(20), || 0);
    // The broker throws us out right behind CONNACK, before it reads the message.
    s.closed(at(20), || 0);
    let e = s.poll();
    assert!(
        train.ends_with(b"\xc0\0") && e != Some(Event::Published),
        "{train:?} {e:?} {:?}",
        s.habits()
    );
}

/// Is_released leaks over `replace`.
#[test]
fn release_leaks() {
    let mut s = publishing(kept(), Qos::ExactlyOnce);
    s.receive(&[CONNACK, &[0x70, 2, 0, 1], PINGRESP].concat(), at(0), || 0);
    sent(&mut s, at(0));
    s.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut s, at(0));
    s.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(s.poll(), Some(Event::Published));
    // An hour later the connection is dead. Meanwhile others used the session.
    assert_eq!(publish(&mut s, Qos::ExactlyOnce, at(3600)), b"\xc0\0");
    s.handle_timeout(at(3601), || 0);
    assert!(matches!(s.poll(), Some(Event::Connect(_))));
    s.connected(at(3601));
    let train = sent(&mut s, at(3601));
    assert!(
        train.ends_with(&[0x62, 2, 0, 1, 0xc0, 0]),
        "id not freed on the new connection: {train:?}"
    );
}

/// A broker that loses what comes early and answers no ping is taken for one that takes it.
#[test]
fn taken_without_an_answer() {
    let mut s = publishing(untried(options()), Qos::AtMostOnce);
    s.receive(CONNACK, at(0), || 0);
    pass(&mut s, at(100));
    // The next: QoS 1, which such a broker loses as well.
    s.publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(30))
        .unwrap();
    s.poll();
    s.connected(at(30));
    sent(&mut s, at(30));
    s.receive(CONNACK, at(30), || 0);
    let (event, when, _) = pass(&mut s, at(100));
    // Promise: conn_timeout_secs later the next connection waits for CONNACK, and the message is Ok.
    assert!(
        matches!(event, Some(Event::Connect(_))),
        "{event:?} at {when:?}, {:?}",
        s.habits()
    );
}

/// Overflow where the broker speaks to a kept session before the packet id is free.
#[test]
fn overflow_release() {
    let mut s = publishing(kept(), Qos::ExactlyOnce);
    s.receive(&[CONNACK, b"\x32\x05\0\x01t\0\x07"].concat(), at(0), || 0);
}
/// The same while a sign of life is awaited.
#[test]
fn overflow_sign() {
    let mut s = connected(Qos::AtMostOnce);
    s.poll();
    publish(&mut s, Qos::AtLeastOnce, at(60));
    s.receive(b"\x32\x05\0\x01t\0\x07", at(60), || 0);
}
/// Behind 64 KiB there is no limit (no overflow either).
#[test]
fn flood() {
    let mut s = online(kept());
    s.publish(topic(), vec![0; 70_000], Qos::AtLeastOnce, at(0))
        .unwrap();
    sent(&mut s, at(0));
    s.receive(&[CONNACK, &[0x40, 2, 0, 1]].concat(), at(0), || 0);
    assert_eq!(s.poll(), Some(Event::Published));
    publish(&mut s, Qos::ExactlyOnce, at(0));
    // Takes nothing from here, and sends messages.
    for _ in 0..2_000_000 / 4 {
        s.receive(b"\x32\x05\0\x01t\0\x07", at(0), || 0);
    }
    assert!(
        !s.is_connected(),
        "{} bytes of replies are kept",
        s.transmit().len()
    );
}

/// A connection that was opened, and idle before its first message, died in silence.
#[test]
fn fresh_idle() {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut s = online(options());
        s.publish(topic(), b"m".to_vec(), qos, at(3600)).unwrap();
        sent(&mut s, at(3600));
        let (event, when, _) = pass(&mut s, at(4000));
        assert!(
            matches!(event, Some(Event::Connect(_))),
            "{qos:?} {event:?} {when:?}"
        );
    }
}

/// PUBCOMP of the first PUBREL comes while the second waits to be written.
#[test]
fn pubcomp_race() {
    let mut s = publishing(untried(kept()), Qos::ExactlyOnce);
    s.receive(CONNACK, at(0), || 0);
    s.handle_timeout(at(1), || 0);
    assert_eq!(s.transmit(), [0x62, 2, 0, 1, 0xc0, 0]);
    s.receive(&[0x70, 2, 0, 1, 0xd0, 0], at(1), || 0);
    assert_eq!(s.poll(), None);
}

/// Nothing leaves before CONNACK.
#[test]
fn ping_before_connack() {
    let mut s = publishing(
        ConnectOptions {
            keep_alive: 4,
            habits: Habits {
                early: Early::Refused,
                ..Habits::default()
            },
            ..options()
        },
        Qos::AtLeastOnce,
    );
    let (_, _, all) = pass(&mut s, at(5));
    assert_eq!(all, b"", "left before CONNACK");
}

/// A slow network and a short keep alive: pings of the keep alive keep the confirmation from coming.
#[test]
fn pings_never_zero() {
    let keep = ConnectOptions {
        keep_alive: 1,
        ..options()
    };
    let mut s = publishing(keep, Qos::AtMostOnce);
    let rtt = 800;
    // Each ping is answered 800 ms later.
    let mut due = std::collections::VecDeque::from([rtt]);
    let mut t = 0;
    let mut event = None;
    let mut answered = 0;
    while event.is_none() && t < 30_000 {
        if t == rtt {
            s.receive(CONNACK, ms(t), || 0);
        }
        if due.front().is_some_and(|&d| d <= t) {
            due.pop_front();
            answered += 1;
            s.receive(PINGRESP, ms(t), || 0);
        }
        if s.timeout().is_some_and(|d| d <= ms(t)) {
            s.handle_timeout(ms(t), || 0);
        }
        let out = sent(&mut s, ms(t));
        for _ in 0..out.len() / 2 {
            due.push_back(t + rtt);
        }
        event = s.poll();
        t += 10;
    }
    assert!(
        (s.habits().pings == Pings::Answered) && t <= 2 * rtt,
        "{event:?} after {t} ms and {answered} answers, {:?}",
        s.habits()
    );
}

/// A keep alive ping without answer holds a further QoS 0 to the bound.
#[test]
fn unanswered_keep_alive_ping() {
    let keep = ConnectOptions {
        keep_alive: 8,
        ..options()
    };
    let mut s = publishing(keep, Qos::AtLeastOnce);
    s.receive(CONNACK, at(0), || 0);
    s.handle_timeout(at(6), || 0);
    assert_eq!(sent(&mut s, at(6)), b"\xc0\0");
    s.receive(&[0x40, 2, 0, 1], at(7), || 0);
    s.poll();
    publish(&mut s, Qos::AtMostOnce, at(7));
    let (event, when, _) = pass(&mut s, at(100));
    assert_eq!(event, Some(Event::Published), "{when:?}");
}

/// Two losses under a PUBREL that are not in a row.
#[test]
fn refusals_not_in_a_row() {
    let mut s = publishing(kept(), Qos::ExactlyOnce);
    let again = |s: &mut Session, t: u64| {
        s.closed(at(t), || 0);
        while !matches!(s.poll(), Some(Event::Connect(_))) {
            let d = s.timeout().unwrap();
            s.handle_timeout(d, || 0);
        }
        s.connected(at(t + 1));
        sent(s, at(t + 1));
    };
    // Lost under the PUBREL, by chance.
    s.receive(CONNACK, at(0), || 0);
    again(&mut s, 0);
    // The PUBREL is answered: the broker takes it. Lost within the PUBLISH.
    s.receive(&[CONNACK, &[0x70, 2, 0, 1], PINGRESP].concat(), at(1), || 0);
    assert_eq!(s.transmit()[0], 0x34);
    again(&mut s, 2);
    // Lost under the PUBREL, by chance.
    s.receive(CONNACK, at(3), || 0);
    again(&mut s, 4);
    assert!(s.habits().frees_ids);
}

/// Behind a question that has no answer yet: a late PINGRESP resets the connection of an app that has ended.
#[test]
fn uncounted_ping() {
    let o = ConnectOptions {
        keep_alive: 8,
        habits: Habits {
            early: Early::Taken,
            pings: Pings::Ignored,
            frees_ids: true,
        },
        ..options()
    };
    let mut s = publishing(o, Qos::AtLeastOnce);
    s.receive(CONNACK, at(0), || 0);
    s.handle_timeout(at(6), || 0);
    assert_eq!(sent(&mut s, at(6)), b"\xc0\0");
    s.receive(&[0x40, 2, 0, 1], at(6), || 0);
    s.poll();
    s.publish(topic(), b"m".to_vec(), Qos::AtMostOnce, at(6))
        .unwrap();
    // Either a new connection, or not Ok yet.
    sent(&mut s, at(6));
    assert_ne!(s.poll(), Some(Event::Published));
}

/// Loses early, answers pings, and no PUBREL of a free id.
#[test]
fn lost_early_release() {
    let mut s = publishing(untried(kept()), Qos::ExactlyOnce);
    s.receive(CONNACK, at(0), || 0);
    s.handle_timeout(at(1), || 0);
    assert_eq!(sent(&mut s, at(1)), [0x62, 2, 0, 1, 0xc0, 0]);
    s.receive(PINGRESP, at(1), || 0);
    let (event, when, _) = pass(&mut s, at(100));
    assert!(
        matches!(event, Some(Event::Connect(_))),
        "{event:?} {when:?}"
    );
}

#[test]
fn dead_under_release() {
    let mut s = publishing(kept(), Qos::AtMostOnce);
    s.receive(CONNACK, at(0), || 0);
    s.receive(PINGRESP, at(0), || 0);
    s.poll();
    publish(&mut s, Qos::ExactlyOnce, at(1));
    let (event, when, all) = pass(&mut s, at(100));
    assert!(
        matches!(event, Some(Event::Connect(_))),
        "{event:?} {when:?} {all:?} {:?}",
        s.habits()
    );
}
