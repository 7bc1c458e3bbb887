//! A published message arrives, however the instance ends: with a close, or abruptly, as when its host discards it.

use super::{ledgers::Random, *};

const SEEDS: u64 = 4_000;

/// Publishes messages to a broker that works but reads late, ends the instance after any of them, and returns the number of
/// published messages that did not arrive.
///
/// Input that is unread at the end or arrives after it resets the connection; see [`SimulatedStream`].
fn lost(seed: u64) -> usize {
    let random = &mut Random::new(seed);
    let quirks = Quirks {
        latency: [1_000, 400_000, 3_000_000][random.below(3)],
        // Up to longer than a keep alive of a second waits with its ping.
        reading: [0, 1_000, 1_000_000, 50_000_000, 900_000_000][random.below(5)],
        ..QUIRKS[random.below(2)]
    };
    let query = ["", "client_id=c&clean_session=false"][random.below(2)];
    // With some of these, a ping is due while a message waits.
    let keep_alive = [0, 1, 60][random.below(3)];
    let address: Address = format!("mqtt://broker?{query}").parse().unwrap();
    let world = World::new(quirks, vec![Attempt::Reached(None)]);
    let mut sent = Vec::new();
    for _ in 0..1 + random.below(3) {
        let options = ConnectOptions::new(&address, || "c".into(), || 7, None, keep_alive);
        let network = SimulatedNetwork(world.clone());
        let mut client = Client::connect(network, address.clone(), options).unwrap();
        for _ in 0..random.below(12) {
            if random.one_in(3) {
                world.advance(world.now() + random.next() % (3 * SECOND / 2));
            }
            let large = random.one_in(8);
            let length = sent.len() + if large { 70_000 } else { 1 };
            // Most messages are of QoS 0, which the broker does not acknowledge.
            let qos = if random.one_in(3) {
                random.qos()
            } else {
                Qos::AtMostOnce
            };
            let topic = Topic::new("p".into()).unwrap();
            client.publish(topic, vec![b'm'; length], qos).unwrap();
            sent.push(length);
        }
        if random.one_in(2) {
            client.close();
        }
    }
    let memory = world.memory.borrow();
    let arrived = |length: &&usize| !memory.delivered.iter().any(|it| it.0 == **length);
    sent.iter().filter(arrived).count()
}

#[test]
fn what_was_ok_stays() {
    let lost: Vec<_> = (0..SEEDS)
        .map(lost)
        .enumerate()
        .filter(|it| it.1 > 0)
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {SEEDS} lost messages, such as {:?}",
        lost.len(),
        &lost[..lost.len().min(5)]
    );
}
