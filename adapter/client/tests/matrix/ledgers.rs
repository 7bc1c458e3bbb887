//! Many messages with a fault on every connection, generated from seeds so that each run can be repeated. They are sent by one
//! client, or by many that share a session one after the other, as the instances of an app with a client id do.

use super::*;

const SEEDS: u64 = 20_000;

/// A random number generator (xorshift64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..5 {
            random.next();
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 11) % end as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn qos(&mut self) -> Qos {
        [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][self.below(3)]
    }

    /// Picks the result of a connection attempt. With `faults`, it is most often a fault with the first message.
    fn attempt(&mut self, faults: bool, kept: bool) -> Attempt {
        match self.below(if faults { 24 } else { 12 }) {
            0 => Attempt::Refused,
            1 => Attempt::TimedOut,
            2 if self.one_in(3) => Attempt::Forgot,
            3..=5 => Attempt::Reached(None),
            _ => {
                let (qos, used) = (self.qos(), self.one_in(2));
                let all = plans(qos, used, kept);
                let mut plan = all[self.below(all.len())];
                plan.after = if faults { 0 } else { self.below(3) };
                Attempt::Reached(Some(plan))
            }
        }
    }
}

/// A message and its result. Its length tells it from the others.
#[derive(Debug)]
struct Entry {
    length: usize,
    qos: Qos,
    outcome: Outcome,
    result: Result<(), PublishError>,
}

fn play_ledger(seed: u64, is_shared: bool) {
    let random = &mut Random::new(seed);
    let mut quirks = QUIRKS[random.below(QUIRKS.len())];
    if random.one_in(3) {
        quirks.permit = 5 + random.below(30);
    }
    quirks.stalls = !random.one_in(3);
    if random.one_in(2) {
        quirks.latency = [1_000, 400_000, 3_000_000][random.below(3)];
    }
    let faults = random.one_in(2);
    let keep_alive = [0, 1, 3, 60][random.below(4)];
    let kept = is_shared || !random.one_in(3);
    let query = if kept {
        "client_id=c&clean_session=false&"
    } else {
        ""
    };
    let address = format!(
        "mqtt://broker?{query}ack_timeout_secs=5&conn_timeout_secs=2&max_incoming_packet_size_bytes=1000"
    );
    let address: Address = address.parse().unwrap();
    let messages = 2 + random.below(if is_shared { 16 } else { 8 });
    let mut attempts: Vec<_> = (0..4 * messages)
        .map(|_| random.attempt(faults, kept))
        .collect();
    while !matches!(attempts[0], Attempt::Reached(_)) {
        attempts[0] = random.attempt(faults, kept);
    }
    attempts.push(Attempt::Reached(None));
    let world = World::new(quirks, attempts);
    world.memory.borrow_mut().delivers_late = random.one_in(2);
    world.memory.borrow_mut().is_shared = is_shared;

    let connect = |random: &mut Random| loop {
        // There are few ids, so that several clients use the same one.
        let last_packet_id = if is_shared {
            random.below(4) as u64
        } else {
            65_530
        };
        let options =
            ConnectOptions::new(&address, || "c".into(), || last_packet_id, None, keep_alive);
        let network = SimulatedNetwork(world.clone());
        if let Ok(client) = Client::connect(network, address.clone(), options) {
            break client;
        }
    };
    let mut client = connect(random);
    let mut ledger = Vec::new();
    for index in 0..messages {
        if is_shared && random.one_in(2) {
            if random.one_in(2) {
                client.close();
            }
            client = connect(random);
        }
        let qos = random.qos();
        let large = random.one_in(6) && quirks.permit > 1460;
        let length = index + if large { 70_000 } else { 10 };
        if random.one_in(4) {
            world.advance(world.now() + random.next() % (4 * SECOND));
        }
        if random.one_in(4) {
            world.lose(random.one_in(2), random.next() % 2_500_000);
        }
        let begin = world.now();
        let connections = world.connections.borrow().len();
        let result = client.publish(Topic::new("p".into()).unwrap(), vec![b'x'; length], qos);
        let elapsed = world.now() - begin;
        let bound = ACK_TIMEOUT + (length as u64 / 65_536) * SECOND;
        assert!(elapsed <= bound + SECOND / 100, "{elapsed} ns: {result:?}");
        let made = world.connections.borrow().len() - connections;
        assert!(made <= max_connections(bound), "{made} connections");
        ledger.push(Entry {
            length,
            qos,
            outcome: outcome(&result),
            result,
        });
        balance(&ledger, &world);
    }
    client.close();
    balance(&ledger, &world);
    if !is_shared {
        assert_eq!(world.closed.get(), world.connections.borrow().len());
    }
}

/// Checks that the result of each message still agrees with what the broker delivered.
fn balance(ledger: &[Entry], world: &Rc<World>) {
    for entry in ledger {
        let memory = world.memory.borrow();
        let copies = memory.delivered.iter();
        let copies = copies.filter(|it| it.0 == entry.length).count();
        let agrees = match (entry.outcome, entry.qos) {
            (Published, Qos::AtMostOnce) => copies <= 1,
            (Published, Qos::AtLeastOnce) => copies >= 1,
            (Published, Qos::ExactlyOnce) => copies == 1,
            (NotDelivered, _) => copies == 0,
            (Unknown, Qos::AtLeastOnce) => true,
            (Unknown, _) => copies <= 1,
        };
        let said = &entry.result;
        assert!(agrees, "{copies} copies, and {said:?}\n{ledger:#?}");
    }
}

fn play_ledgers(is_shared: bool) {
    for seed in 0..SEEDS {
        if let Err(panic) = panic::catch_unwind(|| play_ledger(seed, is_shared)) {
            eprintln!("seed {seed}");
            panic::resume_unwind(panic);
        }
    }
}

#[test]
fn what_is_said_of_many_messages_holds() {
    play_ledgers(false);
}

/// An unfinished message of one client does not harm the next one that uses its packet id.
#[test]
fn what_is_said_holds_for_all_who_share_a_session() {
    play_ledgers(true);
}
