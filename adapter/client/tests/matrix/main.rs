//! Every point of the exchange, and everything that can go wrong there, on virtual time.
//!
//! Each case is generated: one message to a broker that goes wrong at one point, on a first, used or resumed connection, over
//! a transport with its own quirks. What the client says of the message must be what `docs/delivery.md` says, and must agree
//! with what the broker got. What one message cannot show is in [`ledgers`] and [`closing`].

mod broker;
mod closing;
mod ends;
mod ledgers;
mod network;
mod silence;

use std::{panic, rc::Rc};

use broker::*;
use mqtt_client::{Client, PublishError};
use mqtt_session::{Address, ConnectOptions, Early, Fate, Pings, Qos, Topic};
use network::*;

const SECOND: u64 = 1_000_000_000;

/// What the address gives a publish.
const ACK_TIMEOUT: u64 = 5 * SECOND;

/// The most connections that fit into `bound` with the pauses between them: seven until they have grown to a second.
fn max_connections(bound: u64) -> usize {
    8 + (bound / SECOND) as usize
}

/// What the broker is like when the client comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comeback {
    Good,
    /// It has forgotten the session.
    Forgetful,
    /// It closes the connection as soon as CONNECT is there.
    Closing,
    /// It refuses the connection by CONNACK.
    Refusing,
    /// Nobody listens, at first.
    LateListening,
    /// Nobody listens.
    Gone,
    /// Nobody answers.
    Unreachable,
}

const COMEBACKS: [Comeback; 7] = [
    Comeback::Good,
    Comeback::Closing,
    Comeback::Forgetful,
    Comeback::Refusing,
    Comeback::LateListening,
    Comeback::Gone,
    Comeback::Unreachable,
];

#[derive(Clone, Copy, Debug)]
struct Case {
    plan: Plan,
    qos: Qos,
    payload: usize,
    /// Whether the connection has been used before.
    used: bool,
    /// Whether the session is to be kept.
    kept: bool,
    comeback: Comeback,
    quirks: Quirks,
    /// Whether the broker is known to take what comes before its CONNACK, and to answer pings.
    known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Published,
    NotDelivered,
    Unknown,
}

use Outcome::{NotDelivered, Published, Unknown};

fn outcome(result: &Result<(), PublishError>) -> Outcome {
    match result {
        Ok(()) => Published,
        Err(PublishError::Failed(_, Fate::NotDelivered) | PublishError::Refused(_)) => NotDelivered,
        Err(PublishError::Failed(_, Fate::Unknown)) => Unknown,
    }
}

/// The packets of the exchange that a publish at `qos` makes: who sends it, and its type.
fn exchange(qos: Qos, used: bool, kept: bool) -> Vec<(bool, u8)> {
    const CLIENT: bool = true;
    const BROKER: bool = false;
    let mut packets = Vec::new();
    if !used {
        packets.extend([(CLIENT, CONNECT), (BROKER, CONNACK)]);
    }
    if releases(qos, used, kept) {
        let freed = [PUBREL, PINGREQ].map(|kind| (CLIENT, kind));
        packets.extend(freed);
        packets.extend([PUBCOMP, PINGRESP].map(|kind| (BROKER, kind)));
    }
    packets.push((CLIENT, PUBLISH));
    packets.extend(match qos {
        // The first of a connection is followed by a ping, and each to a broker that may speak unasked.
        Qos::AtMostOnce if !used || kept => &[(CLIENT, PINGREQ), (BROKER, PINGRESP)][..],
        Qos::AtMostOnce => &[],
        Qos::AtLeastOnce => &[(BROKER, PUBACK)],
        Qos::ExactlyOnce => &[(BROKER, PUBREC), (CLIENT, PUBREL), (BROKER, PUBCOMP)],
    });
    packets
}

/// Whether the packet id is freed before the PUBLISH: the broker may have messages of others that have it.
fn releases(qos: Qos, used: bool, kept: bool) -> bool {
    qos == Qos::ExactlyOnce && kept && !used
}

/// Each point of the exchange with what can go wrong there.
fn plans(qos: Qos, used: bool, kept: bool) -> Vec<Plan> {
    use Nonsense::*;
    let ends = [Fault::Fin, Fault::Rst];
    let any = [
        Fault::Fin,
        Fault::Rst,
        Fault::Silence,
        Fault::Deafness,
        Fault::Drip,
        Fault::Split,
        Fault::Delay,
    ];
    let mut plans = Vec::new();
    let mut releasing = releases(qos, used, kept);
    let mut add = |point, faults: &[Fault], releasing| {
        plans.extend(faults.iter().map(|fault| Plan {
            point,
            fault: *fault,
            after: usize::from(used),
            releasing,
        }));
    };
    if used {
        add(Point::Idle, &ends, false);
        add(
            Point::Idle,
            &[Fault::Say(ReservedType), Fault::Say(SecondConnack)],
            false,
        );
    } else {
        add(Point::Accept, &any, false);
        add(Point::Accept, &[Fault::Say(NotMqtt)], false);
    }
    for (by_client, kind) in exchange(qos, used, kept) {
        releasing &= kind != PUBLISH;
        if by_client {
            for part in [Part::FirstByte, Part::Half, Part::AllButOne, Part::Whole] {
                add(Point::Received(kind, part), &any, releasing);
            }
            continue;
        }
        for part in [Part::Half, Part::Whole] {
            add(Point::Sent(kind, part), &any, releasing);
        }
        let nonsense = [
            ReservedType,
            ReservedFlags,
            ReservedReturnCode,
            PresentAndRefused,
            MalformedLength,
            TooLarge,
            WrongPacket,
            NotMqtt,
        ];
        for nonsense in nonsense {
            add(Point::InPlaceOf(kind), &[Fault::Say(nonsense)], releasing);
        }
        if kind == CONNACK {
            add(Point::InPlaceOf(kind), &[Fault::Refuse], releasing);
        } else {
            let late = [UnknownPacketId, SecondConnack].map(Fault::Say);
            add(Point::InPlaceOf(kind), &late, releasing);
        }
    }
    plans
}

const QUIRKS: [Quirks; 4] = [
    Quirks {
        permit: usize::MAX,
        read: 4096,
        slow_flush: false,
        stalls: false,
        latency: 1_000_000,
        spurious: false,
        write_time: 0,
        reading: 0,
    },
    Quirks {
        permit: 64 * 1024,
        read: 4096,
        slow_flush: true,
        stalls: false,
        latency: 1_000_000,
        spurious: false,
        write_time: 0,
        reading: 0,
    },
    Quirks {
        permit: 1460,
        read: 1,
        slow_flush: true,
        stalls: false,
        latency: 0,
        spurious: true,
        write_time: 0,
        reading: 0,
    },
    Quirks {
        permit: 1,
        read: 2,
        slow_flush: true,
        stalls: false,
        latency: 0,
        spurious: true,
        write_time: 0,
        reading: 0,
    },
];

/// The payloads, each over the transports that show something with it: byte by byte, a large one shows no more than a
/// small one.
const SHAPES: [(usize, &[Quirks]); 4] = [
    (0, &[QUIRKS[0], QUIRKS[3]]),
    (1, &QUIRKS),
    (4096, &[QUIRKS[1], QUIRKS[2]]),
    (1024 * 1024, &[QUIRKS[1]]),
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        for (used, kept) in [(false, false), (true, false), (false, true), (true, true)] {
            for plan in plans(qos, used, kept) {
                for (payload, quirks) in SHAPES {
                    // How the broker comes back does not depend on the size.
                    let comebacks = if payload > 4096 {
                        &COMEBACKS[..2]
                    } else {
                        &COMEBACKS
                    };
                    for comeback in comebacks {
                        let known = [true, false].into_iter().filter(|it| *it || payload == 1);
                        let known =
                            known.flat_map(|it| quirks.iter().map(move |quirks| (it, quirks)));
                        cases.extend(known.map(|(known, quirks)| Case {
                            plan,
                            qos,
                            payload,
                            used,
                            kept,
                            comeback: *comeback,
                            quirks: *quirks,
                            known,
                        }));
                    }
                }
            }
        }
    }
    cases
}

/// What the message met, as the broker and the transport saw it.
struct Seen {
    /// What the transport took of the message on the first connection, and whether it took all of it on a later one.
    first: Taken,
    sent_later: bool,
    /// Whether the broker had the session when the client came back.
    session: bool,
}

/// What `docs/delivery.md` says of `case`.
fn expected(case: &Case, seen: &Seen) -> Outcome {
    use Nonsense::{PresentAndRefused, ReservedReturnCode, UnknownPacketId};
    let Case {
        plan, qos, kept, ..
    } = *case;
    let fate = |sent: bool| if sent { Unknown } else { NotDelivered };
    let first = seen.first;
    match plan.fault {
        Fault::Split | Fault::Delay => Published,
        _ if promise_is_kept_before(case) && (qos != Qos::AtMostOnce || first.whole) => Published,
        // Each byte takes a second, and the bound is five.
        Fault::Drip => {
            let packets = exchange(qos, case.used, kept);
            let behind = match plan.point {
                Point::Received(kind, _) | Point::Sent(kind, _) => {
                    let is_it = |it: &(bool, u8)| it.1 == kind;
                    let position = if plan.releasing {
                        packets.iter().position(is_it)
                    } else {
                        packets.iter().rposition(is_it)
                    };
                    1 + position.unwrap()
                }
                _ => 0,
            };
            let length = |kind| if kind == PINGRESP { 2 } else { 4 };
            let answers = packets[behind..].iter().filter(|it| !it.0);
            let rest = match plan.point {
                Point::Sent(kind, Part::Half) => length(kind) / 2,
                _ => 0,
            };
            if answers.map(|it| length(it.1)).sum::<u64>() + rest < 5 {
                Published
            } else {
                fate(first.whole)
            }
        }
        Fault::Say(UnknownPacketId)
            if plan.point == Point::InPlaceOf(PINGRESP) && qos == Qos::AtMostOnce =>
        {
            // A PINGRESP with a body.
            Published
        }
        Fault::Say(ReservedReturnCode | PresentAndRefused)
            if plan.point == Point::InPlaceOf(CONNACK) =>
        {
            NotDelivered
        }
        Fault::Silence | Fault::Deafness | Fault::Say(_) => fate(first.whole),
        Fault::Refuse => NotDelivered,
        Fault::Fin | Fault::Rst => {
            let idle = plan.point == Point::Idle;
            let again = match qos {
                _ if idle => true,
                Qos::AtLeastOnce => true,
                Qos::ExactlyOnce if kept => true,
                _ => !first.begun,
            };
            if !again {
                return fate(first.whole);
            }
            let resumed = qos == Qos::ExactlyOnce && first.whole;
            match case.comeback {
                Comeback::Good | Comeback::LateListening | Comeback::Forgetful => {
                    if resumed && (!seen.session || case.comeback == Comeback::Forgetful) {
                        Unknown
                    } else {
                        Published
                    }
                }
                Comeback::Closing => fate(first.whole || seen.sent_later),
                Comeback::Refusing | Comeback::Gone | Comeback::Unreachable => fate(first.whole),
            }
        }
    }
}

/// Whether what the promise needs has come to the client before anything goes wrong.
fn promise_is_kept_before(case: &Case) -> bool {
    let Plan { point, fault, .. } = case.plan;
    let answer = match case.qos {
        // Its own bytes are all that it needs.
        Qos::AtMostOnce if case.used && !case.kept => None,
        Qos::AtMostOnce => Some(PINGRESP),
        Qos::AtLeastOnce => Some(PUBACK),
        Qos::ExactlyOnce => Some(PUBCOMP),
    };
    // A message that nobody answers must be taken by somebody, which does not happen between the end of the connection and a
    // flush that it overtakes; and what a broken connection had to say is lost.
    let overtaken = matches!(fault, Fault::Fin | Fault::Rst)
        && case.quirks.slow_flush
        && case.quirks.latency == 0;
    let deaf = fault == Fault::Deafness || overtaken;
    match (answer, point) {
        (None, Point::Received(PUBLISH, _)) => !deaf,
        (Some(last), Point::Sent(kind, Part::Whole)) => {
            kind == last && fault != Fault::Rst && !case.plan.releasing
        }
        _ => false,
    }
}

fn comeback(case: &Case) -> Vec<Attempt> {
    let plan = |point, fault| {
        Attempt::Reached(Some(Plan {
            point,
            fault,
            after: 0,
            releasing: false,
        }))
    };
    match case.comeback {
        Comeback::Good => vec![Attempt::Reached(None)],
        Comeback::Forgetful => vec![Attempt::Forgot],
        Comeback::Closing => vec![plan(Point::Received(CONNECT, Part::Whole), Fault::Fin)],
        Comeback::Refusing => vec![plan(Point::InPlaceOf(CONNACK), Fault::Refuse)],
        Comeback::LateListening => vec![
            Attempt::Refused,
            Attempt::Refused,
            Attempt::Refused,
            Attempt::Reached(None),
        ],
        Comeback::Gone => vec![Attempt::Refused],
        Comeback::Unreachable => vec![Attempt::TimedOut],
    }
}

fn payload(case: &Case) -> Vec<u8> {
    vec![b'm'; case.payload]
}

fn play(case: &Case) {
    let topic = || Topic::new("pets".into()).unwrap();
    let query = if case.kept {
        "client_id=c&clean_session=false&"
    } else {
        ""
    };
    let address = format!(
        "mqtt://broker?{query}ack_timeout_secs=5&conn_timeout_secs=2&max_incoming_packet_size_bytes=1000"
    );
    let address: Address = address.parse().unwrap();
    let options = ConnectOptions::new(&address, || "c".into(), || 7, None, 60);
    let mut options = options;
    if case.known {
        options.habits.early = Early::Taken;
        options.habits.pings = Pings::Answered;
    }
    let mut attempts = vec![Attempt::Reached(Some(case.plan))];
    attempts.extend(comeback(case));
    let world = World::new(case.quirks, attempts);
    let network = SimulatedNetwork(world.clone());
    let mut client = Client::connect(network, address, options).unwrap();
    if case.used {
        let warm_up = client.publish(topic(), b"warm up".to_vec(), Qos::AtLeastOnce);
        assert_eq!(warm_up, Ok(()), "{case:?}");
        world.memory.borrow_mut().delivered.clear();
    }
    if matches!(case.plan.point, Point::Idle | Point::Accept) {
        world.reach(Point::Idle);
    }

    let begin = world.now();
    let result = client.publish(topic(), payload(case), case.qos);
    let elapsed = world.now() - begin;

    let outcome = outcome(&result);
    let seen = seen(case, &world);
    // Of one that is not known, less can be foretold, nor of one that says nothing while it is to free a packet id, for then
    // another connection is tried: see below for what must agree all the same.
    let is_released = !releases(case.qos, case.used, case.kept) || seen.first.whole;
    let is_told = matches!(case.plan.fault, Fault::Fin | Fault::Rst | Fault::Refuse);
    if case.known && (is_released || is_told) {
        assert_eq!(outcome, expected(case, &seen), "{result:?} {case:?}");
    }
    if let Err(error) = &result {
        let message = error.message();
        let says = match outcome {
            NotDelivered => "the message was not delivered",
            _ => "is unknown",
        };
        assert!(message.ends_with(says), "{message}");
    }

    // What is said agrees with what the broker got.
    let copies = world.memory.borrow().delivered.len();
    let sent = seen.first.whole || seen.sent_later;
    let agrees = match (outcome, case.qos) {
        (Published, Qos::AtMostOnce) => copies <= 1 && sent,
        (Published, Qos::AtLeastOnce) => copies >= 1,
        (Published, Qos::ExactlyOnce) => copies == 1,
        (NotDelivered, _) => copies == 0,
        (Unknown, Qos::AtLeastOnce) => sent,
        (Unknown, _) => copies <= 1 && sent,
    };
    assert!(agrees, "{copies} copies; {outcome:?} {case:?}");

    // In its time, which is for all attempts together.
    let bound = ACK_TIMEOUT + (case.payload as u64 / 65_536) * SECOND;
    assert!(elapsed <= bound + SECOND / 100, "{elapsed} ns: {case:?}");

    // With the connections that its pauses allow.
    let connections = world.connections.borrow().len();
    assert!(
        connections <= max_connections(bound),
        "{connections}: {case:?}"
    );

    let well = goes_on(case, &world, &mut client);
    client.close();
    let connections = world.connections.borrow();
    assert_eq!(world.closed.get(), connections.len(), "{case:?}");
    for (index, connection) in connections.iter().enumerate() {
        let kinds = &connection.borrow().kinds;
        let last = index + 1 == connections.len();
        let expected = usize::from(last && well);
        let disconnects = kinds.iter().filter(|kind| **kind == DISCONNECT).count();
        assert!(disconnects == expected || !well, "{kinds:?} {case:?}");
        assert!(disconnects == 0 || kinds.last() == Some(&DISCONNECT));
    }
}

fn seen(case: &Case, world: &Rc<World>) -> Seen {
    let connections = world.connections.borrow();
    let taken = |index: usize, before: usize| {
        let connection = connections.get(index)?.borrow();
        connection.publications.get(before).copied()
    };
    Seen {
        first: taken(0, usize::from(case.used)).unwrap_or_default(),
        sent_later: (1..connections.len()).any(|index| taken(index, 0).is_some_and(|it| it.whole)),
        // On a used connection it had the session; on a first one, if CONNECT was acted on.
        session: case.used
            || connections[0].borrow().kinds.first() == Some(&CONNECT)
                && !matches!(
                    case.plan.point,
                    Point::Accept
                        | Point::Received(CONNECT, Part::FirstByte)
                        | Point::Received(CONNECT, Part::Half | Part::AllButOne)
                ),
    }
}

/// Whatever happened, once the broker is well the next message arrives. Returns whether it is.
fn goes_on(case: &Case, world: &Rc<World>, client: &mut Client<SimulatedNetwork>) -> bool {
    *world.attempts.borrow_mut() = vec![Attempt::Reached(None)];
    if let Some(connection) = world.connections.borrow().last() {
        let state = connection.borrow().state;
        // A fault that nobody has noticed yet is for another case.
        if matches!(state, State::Silent | State::Deaf) || case.plan.fault == Fault::Drip {
            return false;
        }
    }
    let before = world.memory.borrow().delivered.len();
    let topic = Topic::new("pets".into()).unwrap();
    let mut result = client.publish(topic.clone(), b"n".to_vec(), Qos::AtLeastOnce);
    if matches!(result, Err(PublishError::Refused(_))) {
        result = client.publish(topic, b"n".to_vec(), Qos::AtLeastOnce);
    }
    assert_eq!(result, Ok(()), "{case:?}");
    assert!(world.memory.borrow().delivered.len() > before, "{case:?}");
    true
}

#[test]
fn every_fault_at_every_point() {
    let cases = cases();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let failed: Vec<(usize, String)> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let cases = &cases;
                scope.spawn(move || {
                    let mut failed = Vec::new();
                    for (index, case) in cases.iter().enumerate().skip(part).step_by(threads) {
                        if let Err(panic) = panic::catch_unwind(|| play(case)) {
                            let text = panic
                                .downcast_ref::<String>()
                                .cloned()
                                .unwrap_or_else(|| format!("{panic:?}"));
                            failed.push((index, text));
                        }
                    }
                    failed
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("caught"))
            .collect()
    });
    println!("{} cases", cases.len());
    assert!(cases.len() > 20_000);
    let shown: Vec<_> = failed.iter().take(5).collect();
    assert!(
        failed.is_empty(),
        "{} of {} cases failed, such as {shown:#?}",
        failed.len(),
        cases.len()
    );
}
