//! Connections that die unnoticed, and the conclusions that the client draws.

use super::*;

/// The query of a session that the broker keeps.
const KEPT: &str = "client_id=c&clean_session=false&ack_timeout_secs=5";

fn connect(
    world: &Rc<World>,
    query: &str,
    keep_alive: u64,
    pings: Pings,
) -> Client<SimulatedNetwork> {
    let address: Address = format!("mqtt://broker?{query}").parse().unwrap();
    let mut options = ConnectOptions::new(&address, || "c".into(), || 7, None, keep_alive);
    options.habits.pings = pings;
    Client::connect(SimulatedNetwork(world.clone()), address, options).unwrap()
}

/// Publishes a message of this length, which tells it from the others.
fn publish(
    client: &mut Client<SimulatedNetwork>,
    qos: Qos,
    length: usize,
) -> Result<(), PublishError> {
    client.publish(Topic::new("p".into()).unwrap(), vec![b'm'; length], qos)
}

/// The number of times that the message of this length was delivered.
fn copies(world: &World, length: usize) -> usize {
    world
        .memory
        .borrow()
        .delivered
        .iter()
        .filter(|it| it.0 == length)
        .count()
}

/// The broker has answered pings before the first connection dies, and closes the second one behind CONNACK.
#[test]
fn a_dead_connection_does_not_end_the_confirmation_of_qos_0() {
    let plan = Plan {
        point: Point::Sent(CONNACK, Part::Whole),
        fault: Fault::Fin,
        after: 0,
        releasing: false,
    };
    let world = World::new(
        QUIRKS[0],
        vec![Attempt::Reached(None), Attempt::Reached(Some(plan))],
    );
    let mut client = connect(&world, KEPT, 0, Pings::Unknown);
    for length in 1..4 {
        assert_eq!(publish(&mut client, Qos::AtMostOnce, length), Ok(()));
    }
    let first = world.connections.borrow()[0].clone();
    first.borrow_mut().state = State::Silent;
    let results: Vec<_> = (10..12)
        .map(|length| {
            (
                publish(&mut client, Qos::AtMostOnce, length),
                copies(&world, length),
            )
        })
        .collect();
    assert!(
        results.iter().all(|it| it.0.is_err() || it.1 > 0),
        "{results:?} {:?}",
        client.habits()
    );
}

/// A packet id that was freed on a connection which died is freed again on the next one.
#[test]
fn a_qos_2_message_is_not_taken_for_one_of_another_instance() {
    let plan = Plan {
        point: Point::Received(PUBREL, Part::FirstByte),
        fault: Fault::Silence,
        after: 0,
        releasing: false,
    };
    for late in [false, true] {
        let world = World::new(
            QUIRKS[0],
            vec![
                Attempt::Reached(None),
                Attempt::Reached(Some(plan)),
                Attempt::Reached(None),
            ],
        );
        world.memory.borrow_mut().is_shared = true;
        world.memory.borrow_mut().delivers_late = late;
        let mut ours = connect(&world, KEPT, 0, Pings::Unknown);
        assert_eq!(publish(&mut ours, Qos::ExactlyOnce, 1), Ok(()));
        // Another instance takes over the session, and leaves a message unfinished.
        let mut other = connect(&world, KEPT, 0, Pings::Unknown);
        let theirs = publish(&mut other, Qos::ExactlyOnce, 2);
        assert!(theirs.is_err());
        // Our connection died unnoticed.
        world.connections.borrow()[0].borrow_mut().state = State::Silent;
        world.advance(world.now() + 11 * SECOND);
        let result = publish(&mut ours, Qos::ExactlyOnce, 3);
        assert_eq!((result, copies(&world, 3)), (Ok(()), 1), "late: {late}");
    }
}

/// The instance ends right after the message. A ping that the client does not wait for must not reset the connection.
#[test]
fn a_qos_0_behind_a_ping_without_an_answer_arrives() {
    let quirks = Quirks {
        reading: 800_000_000,
        ..QUIRKS[0]
    };
    let world = World::new(quirks, vec![Attempt::Reached(None)]);
    let mut client = connect(&world, "", 1, Pings::Ignored);
    assert_eq!(publish(&mut client, Qos::AtLeastOnce, 1), Ok(()));
    assert_eq!(publish(&mut client, Qos::AtMostOnce, 2), Ok(()));
    drop(client);
    world.advance(world.now() + 10 * SECOND);
    assert_eq!(copies(&world, 2), 1);
}

/// The connection is opened, and dies unnoticed before its first message.
#[test]
fn a_connection_that_died_before_its_first_message_is_replaced() {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let world = World::new(QUIRKS[0], vec![Attempt::Reached(None)]);
        let mut client = connect(&world, "", 0, Pings::Unknown);
        world.connections.borrow()[0].borrow_mut().state = State::Silent;
        world.advance(world.now() + 3600 * SECOND);
        let begin = world.now();
        assert_eq!(publish(&mut client, qos, 1), Ok(()), "{qos:?}");
        assert!(world.now() - begin < SECOND);
        assert_eq!(copies(&world, 1), 1);
        assert_eq!(client.habits().early, Early::Taken);
    }
}
