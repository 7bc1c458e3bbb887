//! Brokers that fail at any point of the exchange, in any way: a sample of all combinations, chosen and not written down.
//!
//! A [`Case`] is one combination. [`oracle`] says, from docs/delivery.md alone, what the guest may be told; what it was told
//! must also agree with the broker's ledger. [`sample`] chooses cases so that any three values of any three dimensions meet.

mod case;
mod oracle;
mod sample;

use std::{sync::Mutex, thread, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{
    broker::{
        packet::{Packet, Publish},
        scripted::{Ledger, ScriptedBroker},
    },
    payload,
    probe::{CallResult, Content, Outcomes, Probe, Qos},
};

use self::{
    case::{Case, Connection, Second},
    oracle::Verdict,
};

/// How many guests run at the same time: most of them wait.
const AT_ONCE: usize = 8;

/// How long the broker may take for an acknowledgement.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);

/// What a guest may take beyond its bound on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

const TOPIC: &str = "pets";

#[test]
fn whatever_fails_the_guest_is_told_the_truth() -> Result<()> {
    check_all(&sample::triples(&Case::all()))
}

/// As it is for virtual time to do daily, and for this one where a sample is not enough.
#[test]
#[ignore = "thousands of guests take minutes"]
fn whatever_fails_the_guest_is_told_the_truth_in_all_cases() -> Result<()> {
    check_all(&Case::all())
}

fn check_all(cases: &[Case]) -> Result<()> {
    // Built, composed and compiled once, which all would do at the same time otherwise.
    Probe::new().sleep(Duration::ZERO).run()?.expect_ok()?;
    let next = Mutex::new(cases.iter());
    let take = || next.lock().expect("nobody panics with it").next();
    let failures = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while let Some(case) = take() {
                        if let Err(error) = check(case) {
                            failures.push(format!("{case:?}: {error:#}"));
                        }
                    }
                    failures
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a worker does not panic"))
            .collect::<Vec<_>>()
    });
    ensure!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    Ok(())
}

/// Plays a case, and fails unless what the guest was told is right.
fn check(case: &Case) -> Result<()> {
    let broker = match case.second {
        Second::RefusesTcp => ScriptedBroker::start_then_refuse(case.scripts())?,
        _ => ScriptedBroker::start(case.scripts())?,
    };
    let mut address = format!(
        "{}?ack_timeout_secs={}",
        broker.url(),
        ACK_TIMEOUT.as_secs()
    );
    if case.is_kept {
        address += "&client_id=cat&clean_session=false";
    }
    let mut probe = Probe::new().open(&address);
    if case.connection == Connection::Reused {
        // Acknowledged, so that the fault that comes behind it is not its own.
        probe = probe.publish("before", Qos::AtLeastOnce, "the first cat");
    }
    let outcomes = probe
        .publish(TOPIC, case.qos, Content::Size(case.payload))
        .drop_connection()
        .run()?;
    let ledgers = broker.finish()?;

    let verdict = verdict(case, &outcomes).with_context(|| format!("{ledgers:#?}"))?;
    let allowed = oracle::allowed(case);
    ensure!(
        allowed.contains(&verdict),
        "{allowed:?} were expected, not {verdict:?}: {outcomes:?}\n{ledgers:#?}"
    );
    agree(case, verdict, &ledgers)
        .with_context(|| format!("{verdict:?} {outcomes:?}\n{ledgers:#?}"))
}

/// What the guest was told, in its time.
fn verdict(case: &Case, outcomes: &Outcomes) -> Result<Verdict> {
    if outcomes.at(0).result != CallResult::Ok {
        return Ok(Verdict::NotOpened);
    }
    let index = match case.connection {
        Connection::Fresh => 1,
        Connection::Reused => {
            outcomes.at(1).expect_ok()?;
            2
        }
    };
    let outcome = outcomes.at(index);
    let bound = ACK_TIMEOUT + Duration::from_secs(case.payload as u64 / (64 * 1024));
    ensure!(outcome.elapsed < bound + SLACK, "too late: {outcome:?}");
    match &outcome.result {
        CallResult::Ok => Ok(Verdict::Ok),
        CallResult::Error { variant, text } if variant == "connection-failed" => {
            if text.ends_with("; the message was not delivered") {
                Ok(Verdict::NotDelivered)
            } else if text.ends_with("; whether the message was delivered is unknown") {
                Ok(Verdict::Unknown)
            } else {
                bail!("the error says nothing of the message: {text}")
            }
        }
        other => bail!("not an outcome of a fault: {other:?}"),
    }
}

/// Fails unless what the broker got agrees with what the guest was told, and with the promise of its QoS.
fn agree(case: &Case, verdict: Verdict, ledgers: &[Ledger]) -> Result<()> {
    let copies: Vec<&Publish> = ledgers
        .iter()
        .flat_map(Ledger::publications)
        .filter(|publish| publish.topic == TOPIC)
        .collect();
    let expected = payload::of_size(case.payload);
    for copy in &copies {
        ensure!(copy.payload == expected, "another payload");
        ensure!(copy.qos == case.qos as u8, "another QoS");
    }
    let most = match case.qos {
        Qos::AtMostOnce => 1,
        Qos::AtLeastOnce => 2,
        Qos::ExactlyOnce if case.is_kept => 2,
        Qos::ExactlyOnce => 1,
    };
    ensure!(copies.len() <= most, "{} copies", copies.len());
    if let [first, second] = copies[..] {
        ensure!(
            second.dup == case.is_kept,
            "DUP of the second copy is {}",
            second.dup
        );
        ensure!(
            case.qos != Qos::ExactlyOnce || first.packet_id == second.packet_id,
            "the second copy is another message"
        );
    }
    match verdict {
        Verdict::NotDelivered | Verdict::NotOpened => {
            // What came with a CONNECT that was refused, the broker has not got [MQTT-3.1.4-5].
            let refused = usize::from(case.second == Second::RefusesConnect && ledgers.len() > 1);
            let accepted = &ledgers[..ledgers.len() - refused];
            let mut copies = accepted.iter().flat_map(Ledger::publications);
            ensure!(
                !copies.any(|copy| copy.topic == TOPIC),
                "not delivered, and the broker got it"
            );
        }
        Verdict::Ok if !oracle::is_unanswerable(case) => {
            ensure!(!copies.is_empty(), "Ok, and the broker has not got it");
        }
        Verdict::Ok | Verdict::Unknown => {}
    }
    if case.qos == Qos::ExactlyOnce {
        let deliveries = deliveries(case, ledgers);
        ensure!(deliveries <= 1, "delivered {deliveries} times");
        ensure!(
            verdict != Verdict::Ok || deliveries == 1,
            "Ok, and not delivered"
        );
    }
    Ok(())
}

/// How often a broker delivers the message, which it does with the PUBREL for it [MQTT-4.3.3].
fn deliveries(case: &Case, ledgers: &[Ledger]) -> usize {
    let mut held = None;
    let mut deliveries = 0;
    for (index, ledger) in ledgers.iter().enumerate() {
        if index > 0 && !(case.is_kept && case.second != Second::Forgets) {
            held = None;
        }
        for received in &ledger.received {
            match &received.packet {
                Packet::Publish(publish) if publish.topic == TOPIC => held = publish.packet_id,
                Packet::PubRel(id) if held == Some(*id) => {
                    held = None;
                    deliveries += 1;
                }
                _ => {}
            }
        }
    }
    deliveries
}
