//! The fate of a message whose connection is lost, and of the next message.

use super::*;

/// CONNECT for the options [`kept`].
const CONNECT_KEPT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x00\0\0\0\x01c";

/// A kept session with a QoS 2 message whose packet id was freed and whose PUBLISH was sent.
fn awaiting_pubrec() -> Session {
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    session.receive(&[CONNACK, PUBCOMP_1, PINGRESP].concat(), at(0), || 0);
    assert_eq!(sent(&mut session, at(0)), b"\x34\x06\0\x01t\0\x01m");
    session
}

/// Loses the connection at 1 s, with a message in flight, and makes another one after the pause.
fn reconnect(session: &mut Session) {
    session.closed(at(1), || 0);
    assert_eq!(session.poll(), None);
    assert_eq!(session.transmit(), b"");
    assert_eq!(session.timeout(), Some(millis(1010)));
    session.handle_timeout(millis(1009), || 0);
    assert_eq!(session.poll(), None);
    session.handle_timeout(millis(1010), || 0);
    assert_eq!(session.poll(), Some(Event::Connect(millis(6010))));
    session.connected(at(2));
}

fn fate(session: &mut Session) -> Fate {
    assert!(!session.is_connected());
    match session.poll() {
        Some(Event::Failed(_, fate)) => fate,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dead_connection_is_replaced_before_a_message_is_sent() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    session.closed(at(1), || 0);
    assert_eq!(session.timeout(), None);
    session
        .publish(topic(), b"n".to_vec(), Qos::AtMostOnce, at(2))
        .unwrap();
    // The new connection is made at once, and CONNECT, message and ping are sent together again.
    assert_eq!(session.poll(), Some(Event::Connect(at(7))));
    session.connected(at(3));
    let bytes = sent(&mut session, at(3));
    assert_eq!(bytes, [CONNECT, b"\x30\x04\0\x01tn", PINGREQ].concat());
    session.receive(CONNACK, at(0), || 0);
    session.receive(PINGRESP, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn a_connection_idle_beyond_its_keep_alive_is_replaced() {
    for (secs, replaced) in [(8, false), (9, true)] {
        let mut session = publishing(
            ConnectOptions {
                keep_alive: KEEP_ALIVE_SECS as u16,
                ..options()
            },
            Qos::AtLeastOnce,
        );
        session.receive(CONNACK, at(0), || 0);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        session.poll();
        session
            .publish(topic(), vec![], Qos::AtMostOnce, at(secs))
            .unwrap();
        assert_eq!(session.poll().is_some(), replaced, "after {secs} s");
        assert_eq!(session.is_connected(), !replaced);
    }
}

/// After a failure, the next message tries again.
#[test]
fn a_failure_is_not_for_ever() {
    let mut session = connected(Qos::AtLeastOnce);
    session.handle_timeout(at(20), || 0);
    assert_eq!(fate(&mut session), Fate::Unknown);
    session
        .publish(topic(), vec![], Qos::AtLeastOnce, at(21))
        .unwrap();
    assert_eq!(session.poll(), Some(Event::Connect(at(26))));
    session.unreachable("refused".into(), true, at(22), || 0);
    let failure = Failure::Unreachable("refused".into());
    assert_eq!(
        session.poll(),
        Some(Event::Failed(failure, Fate::NotDelivered))
    );
}

/// A second copy of a QoS 1 message does no harm. The session ended with its connection, so for the broker this is the first
/// copy [MQTT-3.3.1-1].
#[test]
fn a_clean_session_sends_a_new_packet() {
    for mut session in [
        publishing(options(), Qos::AtLeastOnce),
        connected(Qos::AtLeastOnce),
    ] {
        reconnect(&mut session);
        let bytes = sent(&mut session, at(2));
        assert_eq!(bytes, [CONNECT, b"\x32\x06\0\x01t\0\x01m"].concat());
        session.receive(CONNACK, at(0), || 0);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

#[test]
fn a_kept_session_sends_qos_1_again_with_dup() {
    for answer in [CONNACK, SESSION_PRESENT] {
        let mut session = publishing(kept(), Qos::AtLeastOnce);
        session.receive(CONNACK, at(0), || 0);
        reconnect(&mut session);
        let bytes = sent(&mut session, at(2));
        assert_eq!(bytes, [CONNECT_KEPT, b"\x3a\x06\0\x01t\0\x01m"].concat());
        session.receive(answer, at(0), || 0);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

/// A message is sent on one connection after the other, as long as its QoS and its deadline allow.
#[test]
fn a_message_outlives_many_connections() {
    for options in [options(), kept()] {
        let mut session = publishing(options, Qos::AtLeastOnce);
        session.receive(CONNACK, at(0), || 0);
        let mut now = at(1);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            session.closed(now, || 0);
            let next = session.timeout().unwrap();
            pauses.push(next.saturating_duration_since(now).as_millis());
            now = next;
            session.handle_timeout(now, || 0);
            assert!(matches!(session.poll(), Some(Event::Connect(_))));
            session.connected(now);
            sent(&mut session, now);
            session.receive(CONNACK, now, || 0);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000]);
        session.receive(&[0x40, 2, 0, 1], now, || 0);
        assert_eq!(session.poll(), Some(Event::Published));
    }
}

/// As in mosquitto's test 03-publish-c2b-qos2-disconnect, the connection is lost behind PUBLISH, and again behind PUBREL.
#[test]
fn a_kept_qos_2_is_lost_at_each_of_its_steps() {
    let mut session = awaiting_pubrec();
    reconnect(&mut session);
    assert_eq!(sent(&mut session, at(2)), CONNECT_KEPT);
    session.receive(SESSION_PRESENT, at(2), || 0);
    assert_eq!(sent(&mut session, at(2)), b"\x3c\x06\0\x01t\0\x01m");
    session.receive(&[0x50, 2, 0, 1], at(2), || 0);
    assert!(sent(&mut session, at(2)).starts_with(&[0x62, 2, 0, 1]));
    session.closed(at(3), || 0);
    session.handle_timeout(session.timeout().unwrap(), || 0);
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
    session.connected(at(4));
    assert_eq!(sent(&mut session, at(4)), CONNECT_KEPT);
    session.receive(SESSION_PRESENT, at(4), || 0);
    assert_eq!(sent(&mut session, at(4)), [0x62, 2, 0, 1]);
    session.receive(PUBCOMP_1, at(4), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A broker that has never accepted the session may close the connection because of a wrong password. The error comes after the
/// time of one connection.
#[test]
fn a_broker_that_never_accepts_is_not_asked_until_the_bound() {
    for (accepted, lasts) in [(false, 5), (true, 19)] {
        let mut session = publishing(options(), Qos::AtLeastOnce);
        if accepted {
            session.receive(CONNACK, at(0), || 0);
        }
        let mut now = at(0);
        let event = loop {
            session.closed(now, || 0);
            if let Some(event) = session.poll() {
                break event;
            }
            now = session.timeout().unwrap();
            session.handle_timeout(now, || 0);
            match session.poll() {
                Some(Event::Connect(_)) => {}
                other => break other.unwrap(),
            }
            session.connected(now);
            sent(&mut session, now);
        };
        let awaited = Awaited::Connack;
        let expected = Event::Failed(Failure::Closed(awaited), Fate::Unknown);
        assert_eq!(event, expected);
        assert!(at(lasts) <= now && now <= at(lasts + 1), "{now:?}");
    }
}

/// A message that must not arrive twice is sent again only if no byte of it was written.
#[test]
fn what_must_not_come_twice_is_sent_again_only_if_none_of_it_was_written() {
    for qos in [Qos::AtMostOnce, Qos::ExactlyOnce] {
        for (written, again) in [(0, true), (CONNECT.len(), true), (CONNECT.len() + 1, false)] {
            let mut session = online(options());
            session.publish(topic(), b"m".to_vec(), qos, at(0)).unwrap();
            session.transmitted(written, at(0));
            if again {
                reconnect(&mut session);
                assert!(sent(&mut session, at(2)).starts_with(CONNECT));
            } else {
                session.closed(at(1), || 0);
                assert_eq!(fate(&mut session), Fate::NotDelivered);
            }
        }
        let mut session = publishing(options(), qos);
        session.closed(at(1), || 0);
        assert_eq!(fate(&mut session), Fate::Unknown);
    }
}

#[test]
fn a_resumed_session_sends_publish_with_dup() {
    let mut session = awaiting_pubrec();
    reconnect(&mut session);
    // The message is sent only once the broker has said that it has the session.
    assert_eq!(sent(&mut session, at(2)), CONNECT_KEPT);
    session.receive(SESSION_PRESENT, at(0), || 0);
    assert_eq!(sent(&mut session, at(2)), b"\x3c\x06\0\x01t\0\x01m");
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(sent(&mut session, at(2)), [0x62, 2, 0, 1]);
    session.receive(PUBCOMP_1, at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn a_resumed_session_sends_pubrel() {
    let mut session = awaiting_pubrec();
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut session, at(1));
    reconnect(&mut session);
    assert_eq!(sent(&mut session, at(2)), CONNECT_KEPT);
    session.receive(SESSION_PRESENT, at(0), || 0);
    assert_eq!(sent(&mut session, at(2)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A broker may answer both the first copy and the one that was sent again.
#[test]
fn a_resumed_session_takes_pubrec_twice() {
    let mut session = awaiting_pubrec();
    reconnect(&mut session);
    sent(&mut session, at(2));
    session.receive(&[SESSION_PRESENT, &[0x50, 2, 0, 1]].concat(), at(0), || 0);
    sent(&mut session, at(2));
    session.receive(&[0x50, 2, 0, 1, 0x50, 2, 0, 1], at(0), || 0);
    assert_eq!(sent(&mut session, at(2)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// The broker may or may not have delivered the message before it forgot the session.
#[test]
fn a_session_that_the_broker_forgot_is_not_resumed() {
    for received in [false, true] {
        let mut session = awaiting_pubrec();
        if received {
            session.receive(&[0x50, 2, 0, 1], at(0), || 0);
            sent(&mut session, at(1));
        }
        reconnect(&mut session);
        sent(&mut session, at(2));
        session.receive(CONNACK, at(0), || 0);
        let event = Event::Failed(Failure::SessionLost, Fate::Unknown);
        assert_eq!(session.poll(), Some(event));
    }
}

/// The broker does not have a message that was not sent in full, so it need not remember one.
#[test]
fn a_message_cut_short_needs_no_memory_of_it() {
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    session.receive(&[CONNACK, PUBCOMP_1, PINGRESP].concat(), at(0), || 0);
    session.transmitted(session.transmit().len() - 1, at(0));
    reconnect(&mut session);
    let bytes = sent(&mut session, at(2));
    assert_eq!(bytes, [CONNECT_KEPT, RELEASE_1].concat());
    session.receive(&[CONNACK, PUBCOMP_1].concat(), at(0), || 0);
    assert_eq!(sent(&mut session, at(2)), b"\x3c\x06\0\x01t\0\x01m");
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut session, at(2));
    session.receive(&[0x70, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A refusal of the second connection does not decide the fate of a message that was sent on the first.
#[test]
fn a_refusal_of_the_second_connection_leaves_the_first_ones_doubt() {
    let mut session = connected(Qos::AtLeastOnce);
    reconnect(&mut session);
    sent(&mut session, at(2));
    session.receive(&[0x20, 2, 0, 5], at(0), || 0);
    let event = Event::Failed(Failure::Refused(Refusal::NotAuthorized), Fate::Unknown);
    assert_eq!(session.poll(), Some(event));

    // It does decide the fate of a message that was never sent.
    let mut session = online(options());
    session
        .publish(topic(), vec![], Qos::AtLeastOnce, at(0))
        .unwrap();
    reconnect(&mut session);
    sent(&mut session, at(2));
    session.receive(&[0x20, 2, 0, 5], at(0), || 0);
    assert_eq!(fate(&mut session), Fate::NotDelivered);
}

/// A broker that is restarting refuses connections for a while. The message waits for it, up to its deadline.
#[test]
fn a_message_waits_for_the_broker() {
    for sent_before in [false, true] {
        let mut session = connected(Qos::AtLeastOnce);
        if !sent_before {
            session.receive(&[0x40, 2, 0, 1], at(0), || 0);
            session.poll();
        }
        session.closed(at(1), || 40);
        let mut now = if sent_before { millis(1050) } else { at(0) };
        if !sent_before {
            session
                .publish(topic(), vec![], Qos::AtLeastOnce, at(0))
                .unwrap();
        }
        let mut pauses = Vec::new();
        let failed = loop {
            if sent_before || !pauses.is_empty() {
                assert_eq!(session.timeout(), Some(now));
                session.handle_timeout(now, || 0);
            }
            match session.poll() {
                Some(Event::Connect(deadline)) => assert!(deadline <= at(20)),
                other => panic!("{other:?}"),
            }
            session.unreachable("refused".into(), false, now, || 40);
            if let Some(event) = session.poll() {
                break event;
            }
            let next = session.timeout().unwrap();
            pauses.push(next.saturating_duration_since(now).as_millis());
            now = next;
        };
        let first = usize::from(sent_before);
        let all = [50, 100, 200, 400, 800, 1000, 1000];
        assert_eq!(pauses[..6], all[first..first + 6]);
        assert!(now < at(20) && at(19) <= now, "{now:?}");
        let refused = Failure::Unreachable("refused".into());
        let fate = if sent_before {
            Fate::Unknown
        } else {
            Fate::NotDelivered
        };
        assert_eq!(failed, Event::Failed(refused, fate));
    }
}

/// All attempts share the deadline that the message got at the beginning.
#[test]
fn another_connection_gains_no_time() {
    // The connection is lost shortly before the deadline, and the pause would exceed it.
    let mut session = connected(Qos::AtLeastOnce);
    session.closed(millis(19_995), || 0);
    let event = Event::Failed(Failure::Closed(Awaited::Puback), Fate::Unknown);
    assert_eq!(session.poll(), Some(event));

    let mut session = connected(Qos::AtLeastOnce);
    session.closed(millis(19_000), || 0);
    session.handle_timeout(millis(19_010), || 0);
    assert_eq!(session.poll(), Some(Event::Connect(at(20))));
    session.connected(millis(19_500));
    sent(&mut session, millis(19_500));
    assert_eq!(session.timeout(), Some(at(20)));
    session.handle_timeout(at(20), || 0);
    let event = Event::Failed(Failure::TimedOut(Awaited::Connack), Fate::Unknown);
    assert_eq!(session.poll(), Some(event));
}

/// A broker that keeps the session would take a new message with the id of an old one for the old one, and drop it.
#[test]
fn packet_ids_of_messages_given_up_are_not_used_again() {
    for (answer, reused) in [(SESSION_PRESENT, false), (CONNACK, true)] {
        let mut session = awaiting_pubrec();
        session.handle_timeout(at(20), || 0);
        assert_eq!(fate(&mut session), Fate::Unknown);
        let mut used = false;
        for _ in 0..=u16::MAX {
            session
                .publish(topic(), vec![], Qos::AtLeastOnce, at(21))
                .unwrap();
            if session.poll().is_some() {
                session.connected(at(21));
            }
            let packet = sent(&mut session, at(21));
            if !matches!(session.phase, Phase::Connected) {
                session.receive(answer, at(0), || 0);
            }
            let [.., high, low] = packet[..] else {
                panic!("{packet:?}")
            };
            used |= (high, low) == (0, 1);
            session.receive(&[0x40, 2, high, low], at(0), || 0);
            assert_eq!(session.poll(), Some(Event::Published));
        }
        assert_eq!(used, reused);
    }
}

/// The app was told that the message is in doubt. The broker is told to finish it all the same [MQTT-4.4.0-1], and its answers
/// count for no other message.
#[test]
fn a_message_given_up_is_released() {
    let mut session = awaiting_pubrec();
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut session, at(0));
    session.handle_timeout(at(20), || 0);
    assert_eq!(fate(&mut session), Fate::Unknown);
    session
        .publish(topic(), vec![], Qos::ExactlyOnce, at(21))
        .unwrap();
    session.poll();
    session.connected(at(21));
    assert!(sent(&mut session, at(21)).starts_with(CONNECT_KEPT));
    session.receive(SESSION_PRESENT, at(0), || 0);
    assert_eq!(sent(&mut session, at(21)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1, 0x70, 2, 0, 2], at(0), || 0);
    assert_eq!(sent(&mut session, at(21)), b"\x34\x05\0\x01t\0\x02");
    session.receive(&[0x50, 2, 0, 2], at(0), || 0);
    assert_eq!(sent(&mut session, at(21)), [0x62, 2, 0, 2]);
    session.receive(&[0x70, 2, 0, 2], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

/// Other clients with our id may have left unfinished messages, for one of which the broker would take ours.
#[test]
fn a_packet_id_is_free_before_qos_2_uses_it() {
    let publish = b"\x34\x06\0\x01t\0\x01m";
    // Either answer is enough: some brokers do not answer a PUBREL for an id that is free.
    let orders: [&[&[u8]]; 4] = [
        &[PUBCOMP_1, PINGRESP],
        &[PINGRESP, PUBCOMP_1],
        &[PINGRESP],
        &[PUBCOMP_1],
    ];
    for answers in orders {
        for connack in [CONNACK, SESSION_PRESENT] {
            let mut session = online(kept());
            session
                .publish(topic(), b"m".to_vec(), Qos::ExactlyOnce, at(0))
                .unwrap();
            // The PUBREL is sent with CONNECT, so that both take one round trip.
            assert_eq!(
                sent(&mut session, at(0)),
                [CONNECT_KEPT, RELEASE_1].concat()
            );
            session.receive(connack, at(0), || 0);
            assert_eq!(session.transmit(), b"");
            // A broker may repeat PUBREC for the message that had the id.
            session.receive(&[0x50, 2, 0, 1], at(0), || 0);
            assert_eq!(session.transmit(), b"");
            session.receive(&answers.concat(), at(0), || 0);
            if answers == [PINGRESP] {
                // A broker that handles both packets in parallel may still be working on the first.
                assert_eq!(session.transmit(), b"");
                assert_eq!(session.timeout(), Some(millis(100)));
                session.handle_timeout(millis(100), || 0);
            }
            assert_eq!(sent(&mut session, at(0)), publish);
            session.receive(&[0x50, 2, 0, 1], at(0), || 0);
            let pubrels = sent(&mut session, at(0));
            session.receive(PUBCOMP_1, at(0), || 0);
            assert_eq!(session.poll(), Some(Event::Published));

            assert_eq!(pubrels, [0x62, 2, 0, 1]);

            // The id stays free for later messages on this connection.
            for _ in 0..3 {
                session
                    .publish(topic(), b"m".to_vec(), Qos::AtLeastOnce, at(0))
                    .unwrap();
                let qos_1 = sent(&mut session, at(0));
                session.receive(&[0x40, 2, 0, qos_1[6]], at(0), || 0);
                assert_eq!(session.poll(), Some(Event::Published));
                session
                    .publish(topic(), b"m".to_vec(), Qos::ExactlyOnce, at(0))
                    .unwrap();
                assert_eq!(sent(&mut session, at(0)), publish);
                session.receive(&[0x50, 2, 0, 1], at(0), || 0);
                assert_eq!(sent(&mut session, at(0)), [0x62, 2, 0, 1]);
                session.receive(PUBCOMP_1, at(0), || 0);
                assert_eq!(session.poll(), Some(Event::Published));
            }
            // The id is freed again on the next connection.
            session.closed(at(1), || 0);
            session
                .publish(topic(), b"m".to_vec(), Qos::ExactlyOnce, at(1))
                .unwrap();
            session.poll();
            session.connected(at(1));
            assert!(sent(&mut session, at(1)).ends_with(PINGREQ));
        }
    }
}

/// rumqttd closes the connection on a PUBREL for an id that is not in use. Later connections send none.
#[test]
fn a_broker_that_closes_on_pubrel() {
    let mut session = publishing(kept(), Qos::ExactlyOnce);
    session.receive(SESSION_PRESENT, at(0), || 0);
    reconnect(&mut session);
    // The first loss may be chance.
    assert_eq!(
        sent(&mut session, at(2)),
        [CONNECT_KEPT, RELEASE_1].concat()
    );
    session.receive(SESSION_PRESENT, at(2), || 0);
    session.closed(at(3), || 0);
    session.handle_timeout(session.timeout().unwrap(), || 0);
    assert!(matches!(session.poll(), Some(Event::Connect(_))));
    session.connected(at(4));
    assert_eq!(sent(&mut session, at(4)), CONNECT_KEPT);
    session.receive(SESSION_PRESENT, at(4), || 0);
    assert_eq!(sent(&mut session, at(4)), b"\x34\x06\0\x01t\0\x01m");
    assert!(!session.habits().frees_ids);
}

/// Otherwise the broker would take every message with that id for the unfinished one.
#[test]
fn a_pubrec_that_nobody_awaits_frees_its_packet_id() {
    for options in [options(), kept()] {
        let mut session = publishing(options, Qos::AtLeastOnce);
        session.receive(CONNACK, at(0), || 0);
        session.receive(&[0x50, 2, 0, 8, 0x50, 2, 0, 9], at(0), || 0);
        assert_eq!(sent(&mut session, at(0)), [0x62, 2, 0, 8, 0x62, 2, 0, 9]);
        session.receive(&[0x70, 2, 0, 8, 0x70, 2, 0, 9, 0x40, 2, 0, 1], at(0), || 0);
        assert_eq!(session.poll(), Some(Event::Published));
        assert!(session.is_connected());
    }
}

/// Acknowledgements of an earlier client's messages, and repeated ones, complete no message of ours.
#[test]
fn acknowledgements_that_nobody_awaits_are_ignored() {
    for stray in [[0x40, 2, 0, 9], [0x70, 2, 0, 9]] {
        let mut session = connected(Qos::AtLeastOnce);
        session.receive(&stray, at(0), || 0);
        assert_eq!(session.poll(), None);
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        assert_eq!(session.poll(), Some(Event::Published));
        session.receive(&[0x40, 2, 0, 1], at(0), || 0);
        session.receive(PINGRESP, at(0), || 0);
        session.receive(&stray, at(0), || 0);
        session
            .publish(topic(), b"n".to_vec(), Qos::ExactlyOnce, at(1))
            .unwrap();
        assert!(session.is_connected());
        assert_eq!(sent(&mut session, at(1)), b"\x34\x06\0\x01t\0\x02n");
    }
}

/// The PUBREC of a message in doubt comes only on a later connection.
#[test]
fn a_message_given_up_is_released_when_its_pubrec_comes() {
    let mut session = awaiting_pubrec();
    session.handle_timeout(at(20), || 0);
    assert_eq!(fate(&mut session), Fate::Unknown);
    session
        .publish(topic(), vec![], Qos::AtLeastOnce, at(21))
        .unwrap();
    session.poll();
    session.connected(at(21));
    sent(&mut session, at(21));
    session.receive(&[SESSION_PRESENT, &[0x50, 2, 0, 1]].concat(), at(0), || 0);
    assert_eq!(sent(&mut session, at(21)), [0x62, 2, 0, 1]);
    session.receive(&[0x70, 2, 0, 1, 0x40, 2, 0, 2], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    assert!(session.is_connected());
}

/// While the message waits for CONNACK, pings keep the connection alive.
#[test]
fn a_resumed_session_pings() {
    let options = ConnectOptions {
        keep_alive: KEEP_ALIVE_SECS as u16,
        ..kept()
    };
    let mut session = publishing(options, Qos::ExactlyOnce);
    session.receive(&[CONNACK, PUBCOMP_1, PINGRESP].concat(), at(0), || 0);
    sent(&mut session, at(0));
    reconnect(&mut session);
    sent(&mut session, at(2));
    assert_eq!(session.timeout(), Some(at(8)));
    session.handle_timeout(at(8), || 0);
    assert_eq!(sent(&mut session, at(8)), [0xc0, 0]);
}

/// No bytes of the first connection are mixed with those of the second.
#[test]
fn a_new_connection_begins_anew() {
    let mut session = connected(Qos::AtLeastOnce);
    // Half of an acknowledgement has arrived, and half of an answer to a message was sent.
    session.receive(&[0x32, 5, 0, 1, b't', 0, 7, 0x40, 2], at(0), || 0);
    session.transmitted(2, at(0));
    reconnect(&mut session);
    assert!(sent(&mut session, at(2)).starts_with(CONNECT));
    session.receive(CONNACK, at(0), || 0);
    session.receive(&[0x40, 2, 0, 1], at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
}

#[test]
fn a_session_that_said_goodbye_makes_no_connection() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    session.disconnect();
    session.closed(at(1), || 0);
    session.connected(at(1));
    assert!(!session.is_connected());
    let error = session.publish(topic(), vec![], Qos::AtMostOnce, at(1));
    assert_eq!(error, Err(PublishError::Ended(Failure::Disconnected)));
}

#[test]
fn a_flush_of_an_old_connection_says_nothing_of_the_new_one() {
    let mut session = connected(Qos::AtMostOnce);
    session.poll();
    session
        .publish(topic(), vec![9; 1000], Qos::AtMostOnce, at(0))
        .unwrap();
    sent(&mut session, at(0));
    session.poll();
    session.closed(at(1), || 0);
    session
        .publish(topic(), b"n".to_vec(), Qos::AtLeastOnce, at(2))
        .unwrap();
    session.poll();
    session.connected(at(2));
    session.transmitted(session.transmit().len(), at(2));
    session.receive(&[CONNACK, &[0x40, 2, 0, 3]].concat(), at(0), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    session
        .publish(topic(), b"o".to_vec(), Qos::AtMostOnce, at(2))
        .unwrap();
    // Any packet makes the session check if the message is complete.
    session.receive(&[0x30, 3, 0, 1, b't'], at(0), || 0);
    assert_eq!(session.poll(), None);
}

/// An answer to a ping of the old connection confirms nothing on the new one.
#[test]
fn pings_of_an_old_connection_are_forgotten() {
    let options = ConnectOptions {
        keep_alive: KEEP_ALIVE_SECS as u16,
        ..options()
    };
    let mut session = publishing(options, Qos::AtLeastOnce);
    session.receive(CONNACK, at(0), || 0);
    session.handle_timeout(at(6), || 0);
    sent(&mut session, at(6));
    session.closed(at(7), || 0);
    session.handle_timeout(at(8), || 0);
    session.poll();
    session.connected(at(8));
    sent(&mut session, at(8));
    session.receive(&[CONNACK, &[0x40, 2, 0, 1]].concat(), at(8), || 0);
    assert_eq!(session.poll(), Some(Event::Published));
    session
        .publish(topic(), vec![], Qos::AtMostOnce, at(8))
        .unwrap();
    sent(&mut session, at(8));
    assert_eq!(session.poll(), Some(Event::Published));
}

/// A message that was reported as not delivered is not sent any more, nor is a DISCONNECT behind half of it.
#[test]
fn what_a_disconnect_gives_up_never_leaves() {
    for (taken, fate, left) in [
        (0, Fate::NotDelivered, &b""[..]),
        (3, Fate::NotDelivered, b""),
        (8, Fate::Unknown, b"\xe0\0"),
    ] {
        let mut session = connected(Qos::AtMostOnce);
        session.poll();
        session
            .publish(topic(), b"n".to_vec(), Qos::AtLeastOnce, at(1))
            .unwrap();
        session.transmitted(taken, at(1));
        session.disconnect();
        let event = Event::Failed(Failure::Disconnected, fate);
        assert_eq!(session.poll(), Some(event));
        assert_eq!(session.transmit(), left);
    }
}

/// Nothing of a session that the broker has lost affects the next message.
#[test]
fn nothing_of_a_lost_session_is_remembered() {
    let mut session = awaiting_pubrec();
    session.receive(&[0x50, 2, 0, 1], at(0), || 0);
    sent(&mut session, at(1));
    reconnect(&mut session);
    sent(&mut session, at(2));
    session.receive(CONNACK, at(0), || 0);
    assert_eq!(fate(&mut session), Fate::Unknown);
    session
        .publish(topic(), vec![], Qos::AtLeastOnce, at(3))
        .unwrap();
    session.poll();
    session.connected(at(3));
    sent(&mut session, at(3));
    session.receive(SESSION_PRESENT, at(0), || 0);
    assert_eq!(session.transmit(), b"");
}

/// The memory for messages in doubt is bounded, and packet ids are left, however many there are.
#[test]
fn memory_of_messages_given_up_is_bounded() {
    let mut session = Session::new(kept());
    for round in 0..MAX_GIVEN_UP as u64 + 100 {
        session
            .publish(topic(), vec![], Qos::ExactlyOnce, at(100 * round))
            .unwrap();
        session.poll();
        let now = at(100 * round);
        session.connected(now);
        sent(&mut session, now);
        let [.., high, low] = (round + 1).to_be_bytes();
        let pubcomp = [0x70, 2, high, low];
        session.receive(&[SESSION_PRESENT, &pubcomp].concat(), now, || 0);
        sent(&mut session, now);
        session.handle_timeout(at(100 * round + 20), || 0);
        assert_eq!(fate(&mut session), Fate::Unknown);
    }
    assert_eq!(session.given_up.len(), MAX_GIVEN_UP);
}

/// Only a message in doubt keeps its packet id.
#[test]
fn a_message_that_was_not_sent_leaves_its_packet_id() {
    let mut session = Session::new(kept());
    session
        .publish(topic(), vec![], Qos::ExactlyOnce, at(0))
        .unwrap();
    session.poll();
    session.unreachable("refused".into(), true, at(0), || 0);
    assert_eq!(fate(&mut session), Fate::NotDelivered);
    assert_eq!(session.given_up.len(), 0);
}
