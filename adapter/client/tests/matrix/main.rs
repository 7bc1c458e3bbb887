//! Every fault at every point of the exchange, on virtual time.
//!
//! Each case is generated: one message to a broker with a fault at one point, on a first, used or resumed connection, over a
//! transport with its own quirks. The client's result must be the one that `docs/delivery.md` gives, and must agree with what
//! the broker received. [`ledgers`], [`closing`], [`silence`] and [`ends`] cover what one message cannot show.

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

/// The time in which a message must be published, as the address sets it.
const ACK_TIMEOUT: u64 = 5 * SECOND;

/// The most connections that fit into `bound` nanoseconds: seven until the pauses between them have grown to a second, then one
/// a second.
fn max_connections(bound: u64) -> usize {
    8 + (bound / SECOND) as usize
}

/// The broker's behaviour when the client connects again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comeback {
    Good,
    /// The broker has forgotten the session.
    Forgetful,
    /// The broker closes the connection as soon as CONNECT has arrived.
    Closing,
    /// The broker refuses the connection by CONNACK.
    Refusing,
    /// The port is closed at first.
    LateListening,
    /// The port stays closed.
    Gone,
    /// The host does not answer.
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
    /// True if the connection was used before.
    used: bool,
    /// True if the broker keeps the session.
    kept: bool,
    comeback: Comeback,
    quirks: Quirks,
    /// True if the broker is known to accept packets before its CONNACK, and to answer pings.
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

/// The packets that are exchanged for a message of this `qos`: true if the client sends it, and its type.
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
        // A ping follows the first message of a connection, and each message to a broker that may send unasked.
        Qos::AtMostOnce if !used || kept => &[(CLIENT, PINGREQ), (BROKER, PINGRESP)][..],
        Qos::AtMostOnce => &[],
        Qos::AtLeastOnce => &[(BROKER, PUBACK)],
        Qos::ExactlyOnce => &[(BROKER, PUBREC), (CLIENT, PUBREL), (BROKER, PUBCOMP)],
    });
    packets
}

/// True if the packet id is freed before the PUBLISH, since the broker may have messages of other clients under it.
fn releases(qos: Qos, used: bool, kept: bool) -> bool {
    qos == Qos::ExactlyOnce && kept && !used
}

/// Each point of the exchange with each fault that is possible there.
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

/// The lengths of the payloads, each with the transports that matter for it: byte by byte, a large payload shows no more than a
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
                    // The broker's behaviour on the next connection does not depend on the size.
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

/// The events as the broker and the transport saw them.
struct Seen {
    /// The part of the message that the transport took on the first connection.
    first: Taken,
    /// True if the transport took all of it on a later connection.
    sent_later: bool,
    /// True if the broker had the session when the client connected again.
    session: bool,
}

/// The outcome that `docs/delivery.md` gives for `case`.
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
        // Each byte takes a second, and the message has five.
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

/// True if everything that the message's QoS requires has arrived before the fault.
fn promise_is_kept_before(case: &Case) -> bool {
    let Plan { point, fault, .. } = case.plan;
    let answer = match case.qos {
        // The message needs no answer, only to be sent.
        Qos::AtMostOnce if case.used && !case.kept => None,
        Qos::AtMostOnce => Some(PINGRESP),
        Qos::AtLeastOnce => Some(PUBACK),
        Qos::ExactlyOnce => Some(PUBCOMP),
    };
    // A message without an answer must be read by the broker. It is not if the broker is deaf, or if the end of the connection
    // overtakes the flush. The last bytes of a reset connection are lost.
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
    // The outcome is not predictable for a broker that is not known, nor for one that falls silent while the packet id is
    // freed, since the client then tries another connection. The checks below hold in these cases too.
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

    // The result agrees with what the broker delivered.
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

    // All attempts together take no more than the message's time.
    let bound = ACK_TIMEOUT + (case.payload as u64 / 65_536) * SECOND;
    assert!(elapsed <= bound + SECOND / 100, "{elapsed} ns: {case:?}");

    // There are no more connections than the pauses allow.
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
        // On a used connection the broker had the session; on a first one, if it processed CONNECT.
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

/// Checks that after any fault, once the broker works again, the next message arrives. Returns false if the case does not allow
/// the check.
fn goes_on(case: &Case, world: &Rc<World>, client: &mut Client<SimulatedNetwork>) -> bool {
    *world.attempts.borrow_mut() = vec![Attempt::Reached(None)];
    if let Some(connection) = world.connections.borrow().last() {
        let state = connection.borrow().state;
        // Other cases cover faults that the client has not noticed yet.
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
