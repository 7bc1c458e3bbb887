//! Events between messages, and the end of a client.

use super::*;

/// The query of a session that the broker keeps.
const KEPT: &str = "client_id=c&clean_session=false";

fn connect(query: &str, attempts: Vec<Attempt>) -> (Rc<World>, Client<SimulatedNetwork>) {
    connect_over(QUIRKS[0], query, attempts)
}

fn connect_over(
    quirks: Quirks,
    query: &str,
    attempts: Vec<Attempt>,
) -> (Rc<World>, Client<SimulatedNetwork>) {
    let address: Address = format!("mqtt://broker?{query}").parse().unwrap();
    let options = ConnectOptions::new(&address, || "c".into(), || 7, None, 0);
    let world = World::new(quirks, attempts);
    let client = Client::connect(SimulatedNetwork(world.clone()), address, options).unwrap();
    (world, client)
}

fn publish(client: &mut Client<SimulatedNetwork>, qos: Qos) -> Result<(), PublishError> {
    client.publish(Topic::new("p".into()).unwrap(), vec![b'm'], qos)
}

/// Makes the broker send `bytes` on the first connection.
fn say(world: &World, bytes: Vec<u8>) {
    let connection = world.connections.borrow()[0].clone();
    let now = world.now();
    connection.borrow_mut().outgoing.push_back((now, bytes));
}

/// The number of messages exceeds the limit on kept replies, but the broker reads the replies, so this is no flood.
#[test]
fn many_messages_to_us_between_two_of_ours_are_answered() {
    let (world, mut client) = connect(KEPT, vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    let message = |id: u16| [&[0x32, 5, 0, 1, b't'][..], &id.to_be_bytes()].concat();
    say(&world, (1..=20_000).flat_map(message).collect());
    assert_eq!(publish(&mut client, Qos::AtLeastOnce), Ok(()));
    let connections = world.connections.borrow();
    let kinds = &connections[0].borrow().kinds;
    assert!(kinds.iter().filter(|kind| **kind == PUBACK).count() > 16_384);
}

/// A broker that never stops sending does not delay the client.
#[test]
fn endless_input_blocks_neither_a_message_nor_a_close() {
    let (world, mut client) = connect("", vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    say(&world, [0x30, 3, 0, 1, b't'].repeat(200_000));
    publish(&mut client, Qos::AtMostOnce).unwrap();
    say(&world, [0x30, 3, 0, 1, b't'].repeat(200_000));
    let connection = world.connections.borrow()[0].clone();
    assert!(!connection.borrow().outgoing.is_empty());
    client.close();
    assert_eq!(world.closed.get(), 1);
}

/// No published message is behind an answer that is still to come, so closing loses nothing and waits for nothing.
#[test]
fn a_close_waits_for_no_answer() {
    for query in [KEPT, ""] {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            let (world, mut client) = connect(query, vec![Attempt::Reached(None)]);
            publish(&mut client, Qos::AtLeastOnce).unwrap();
            publish(&mut client, qos).unwrap();
            let begin = world.now();
            client.close();
            assert_eq!(world.now(), begin, "{query} {qos:?}");
            let connections = world.connections.borrow();
            let kinds = &connections[0].borrow().kinds;
            assert_eq!(kinds.last(), Some(&DISCONNECT));
        }
    }
}

/// A broker that does not read gets the time of a few round trips.
#[test]
fn a_close_is_bounded_by_the_round_trip() {
    for (latency, bound) in [(1_000_000, SECOND / 5), (SECOND, 2 * SECOND)] {
        let quirks = Quirks {
            latency,
            ..QUIRKS[0]
        };
        let (world, mut client) = connect_over(quirks, "", vec![Attempt::Reached(None)]);
        publish(&mut client, Qos::AtLeastOnce).unwrap();
        publish(&mut client, Qos::AtMostOnce).unwrap();
        world.connections.borrow()[0].borrow_mut().state = State::Deaf;
        let begin = world.now();
        client.close();
        let elapsed = world.now() - begin;
        assert!(0 < elapsed && elapsed <= bound, "{elapsed} ns");
        assert_eq!(world.closed.get(), 1);
    }
}

/// This holds with and without a connection to close.
#[test]
fn nothing_is_published_after_a_close() {
    let refusal = Plan {
        point: Point::InPlaceOf(CONNACK),
        fault: Fault::Refuse,
        after: 0,
        releasing: false,
    };
    for first in [None, Some(refusal)] {
        let attempts = vec![Attempt::Reached(first), Attempt::Reached(None)];
        let (world, mut client) = connect("", attempts);
        assert_eq!(
            publish(&mut client, Qos::AtLeastOnce).is_ok(),
            first.is_none()
        );
        client.close();
        let after = publish(&mut client, Qos::AtLeastOnce);
        assert!(matches!(after, Err(PublishError::Refused(_))), "{after:?}");
        assert_eq!(world.connections.borrow().len(), 1);
    }
}

/// The broker's time to answer begins once the whole of a long message is written, also if each write waits for the network.
#[test]
fn writes_that_take_long_do_not_use_up_the_time_to_answer() {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let address: Address = "mqtt://broker?ack_timeout_secs=5".parse().unwrap();
        let options = ConnectOptions::new(&address, || "c".into(), || 7, None, 1);
        let quirks = Quirks {
            write_time: SECOND / 2,
            ..QUIRKS[1]
        };
        let world = World::new(quirks, vec![Attempt::Reached(None)]);
        let mut client =
            Client::connect(SimulatedNetwork(world.clone()), address, options).unwrap();
        let topic = || Topic::new("p".into()).unwrap();
        let result = client.publish(topic(), vec![b'm'; 1024 * 1024], qos);
        assert_eq!(result, Ok(()), "{qos:?}");
        let result = client.publish(topic(), vec![b'm'; 1024 * 1024], qos);
        assert_eq!(result, Ok(()), "{qos:?}");
        assert_eq!(world.connections.borrow().len(), 1, "{qos:?}");
    }
}

/// A connection that died unnoticed is replaced after a moment, not at the deadline of the message.
#[test]
fn a_connection_that_died_in_silence_is_replaced() {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let (world, mut client) = connect("", vec![Attempt::Reached(None)]);
        publish(&mut client, Qos::AtLeastOnce).unwrap();
        world.connections.borrow()[0].borrow_mut().state = State::Silent;
        world.advance(world.now() + 60 * SECOND);
        let begin = world.now();
        assert_eq!(publish(&mut client, qos), Ok(()), "{qos:?}");
        assert!(world.now() - begin < 2 * SECOND);
        let connections = world.connections.borrow();
        assert_eq!(connections.len(), 2);
        // No message was written to the dead connection.
        assert_eq!(connections[0].borrow().publications.len(), 1);
    }
}

/// Looking for input costs as much as sending a message.
#[test]
fn many_messages_in_a_row_are_not_each_a_look() {
    let (world, mut client) = connect("", vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    let before = world.waits.get();
    for _ in 0..1000 {
        publish(&mut client, Qos::AtMostOnce).unwrap();
    }
    assert!(world.waits.get() - before < 20);
}
