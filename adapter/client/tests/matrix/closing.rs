//! What happens between messages, and at the end.

use super::*;

fn connect(query: &str, attempts: Vec<Attempt>) -> (Rc<World>, Client<SimulatedNetwork>) {
    let address: Address = format!("mqtt://broker?{query}").parse().unwrap();
    let options = ConnectOptions::new(&address, || "c".into(), || 7, None, 0);
    let world = World::new(QUIRKS[0], attempts);
    let client = Client::connect(SimulatedNetwork(world.clone()), address, options).unwrap();
    (world, client)
}

fn publish(client: &mut Client<SimulatedNetwork>, qos: Qos) -> Result<(), PublishError> {
    client.publish(Topic::new("p".into()).unwrap(), vec![b'm'], qos)
}

/// Has the broker say `bytes` on the first connection.
fn say(world: &World, bytes: Vec<u8>) {
    let connection = world.connections.borrow()[0].clone();
    let now = world.now();
    connection.borrow_mut().outgoing.push_back((now, bytes));
}

const KEPT: &str = "client_id=c&clean_session=false";

/// More than we keep replies for, of a broker that takes all of them: that is no flood.
#[test]
fn many_messages_for_the_session_between_two_of_ours() {
    let (world, mut client) = connect(KEPT, vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    let message = |id: u16| [&[0x32, 5, 0, 1, b't'][..], &id.to_be_bytes()].concat();
    say(&world, (1..=20_000).flat_map(message).collect());
    assert_eq!(publish(&mut client, Qos::AtLeastOnce), Ok(()));
    let connections = world.connections.borrow();
    let kinds = &connections[0].borrow().kinds;
    assert!(kinds.iter().filter(|kind| **kind == PUBACK).count() > 16_384);
}

/// A broker that never stops keeps us from nothing.
#[test]
fn more_input_than_is_taken_in_at_once() {
    let (world, mut client) = connect("", vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    say(&world, [0x30, 3, 0, 1, b't'].repeat(200_000));
    publish(&mut client, Qos::AtMostOnce).unwrap();
    let connection = world.connections.borrow()[0].clone();
    assert!(!connection.borrow().outgoing.is_empty());
    client.close();
    assert_eq!(world.closed.get(), 1);
}

/// Where the broker may have more to say, to a kept session or to the ping behind the message, it would reset the connection
/// if that were closed before it is read, and with it lose the message that nobody acknowledges.
#[test]
fn a_close_waits_for_the_brokers_where_a_message_could_be_lost() {
    for (query, qos, waits) in [
        (KEPT, Qos::AtMostOnce, true),
        (KEPT, Qos::AtLeastOnce, false),
        ("", Qos::AtMostOnce, true),
        ("", Qos::AtLeastOnce, false),
    ] {
        let (world, mut client) = connect(query, vec![Attempt::Reached(None)]);
        publish(&mut client, Qos::AtLeastOnce).unwrap();
        publish(&mut client, qos).unwrap();
        let begin = world.now();
        client.close();
        let end = world.connections.borrow()[0].borrow().end.unwrap();
        assert_eq!(world.now() >= end, waits, "{query} {qos:?}");
        assert!(world.now() - begin < SECOND);
    }
}

/// Nor does it wait for ever.
#[test]
fn a_close_is_bounded() {
    for state in [State::Silent, State::Deaf] {
        let (world, mut client) = connect(KEPT, vec![Attempt::Reached(None)]);
        publish(&mut client, Qos::AtLeastOnce).unwrap();
        publish(&mut client, Qos::AtMostOnce).unwrap();
        world.connections.borrow()[0].borrow_mut().state = state;
        let begin = world.now();
        client.close();
        assert_eq!(world.now() - begin, 2 * SECOND, "{state:?}");
        assert_eq!(world.closed.get(), 1);
    }
}

/// Whether or not there is a connection to close.
#[test]
fn nothing_is_published_after_a_close() {
    let refusal = Plan {
        point: Point::InPlaceOf(CONNACK),
        fault: Fault::Refuse,
        after: 0,
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

/// The broker's time to answer begins once it has all of a long message, also where the host waits for the network within each
/// write.
#[test]
fn writes_that_take_long() {
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

/// What the broker's system does not acknowledge for 40 ms holds up what comes behind it, unless the broker answers: so of a few
/// messages in a row, each that finds the last ping answered has one of its own.
#[test]
fn a_ping_that_was_answered_is_followed_by_another() {
    let (world, mut client) = connect("", vec![Attempt::Reached(None)]);
    publish(&mut client, Qos::AtLeastOnce).unwrap();
    for _ in 0..10 {
        publish(&mut client, Qos::AtMostOnce).unwrap();
        for (time, _) in &mut world.connections.borrow()[0].borrow_mut().outgoing {
            *time = world.now();
        }
    }
    let connections = world.connections.borrow();
    let connection = connections[0].borrow();
    let pings = connection.kinds.iter().filter(|kind| **kind == PINGREQ);
    assert_eq!(pings.count(), 10);
}

/// A look costs as much as a message.
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
