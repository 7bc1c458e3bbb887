//! Under load, with a broker that is killed and comes back, or with nothing amiss: what was told Ok is there, and what was not
//! is an error.
//!
//! The same at full size: `cargo run --bin load -- --help`.

use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{Kind, aedes, restartable::Stop},
    load::{BrokerKind, Plan, Report, Session, Size},
    probe::Qos,
};

const TERM_AND_KILL: [Stop; 3] = [Stop::Terminate, Stop::Kill, Stop::Terminate];

#[test]
fn at_most_once_loses_nothing_that_was_ok() -> Result<()> {
    keeps_its_promises(Qos::AtMostOnce, Session::Clean, &TERM_AND_KILL)
}

#[test]
fn at_least_once_loses_nothing() -> Result<()> {
    keeps_its_promises(Qos::AtLeastOnce, Session::Clean, &TERM_AND_KILL)
}

#[test]
fn exactly_once_doubles_nothing() -> Result<()> {
    keeps_its_promises(Qos::ExactlyOnce, Session::Clean, &TERM_AND_KILL)
}

#[test]
fn exactly_once_with_a_kept_session_loses_and_doubles_nothing() -> Result<()> {
    keeps_its_promises(Qos::ExactlyOnce, Session::Kept, &TERM_AND_KILL)
}

/// With a broker that is killed, what it had for a subscriber is lost. One that is terminated passes it on, once.
#[test]
fn each_message_goes_on_to_a_subscriber() -> Result<()> {
    keeps_its_promises(Qos::ExactlyOnce, Session::Kept, &[Stop::Terminate; 4])
}

/// They throw one another out, and each is told what became of it.
#[test]
fn requests_with_the_same_client_id() -> Result<()> {
    for qos in Qos::ALL {
        let plan = plan(qos, Session::FixedClientId, &[], 8, 400);
        let Some(report) = run(&plan)? else {
            return Ok(());
        };
        ensure!(report.contradictions.is_empty(), "{report}");
        // Only at QoS 1 may one who is thrown out come back.
        ensure!(
            qos != Qos::AtLeastOnce || report.share_ok() > 0.5,
            "{report}"
        );
    }
    Ok(())
}

/// With a random suffix, they leave one another alone.
#[test]
fn requests_with_the_same_client_id_made_unique() -> Result<()> {
    let mut plan = plan(Qos::AtLeastOnce, Session::FixedClientId, &[], 16, 400);
    plan.compose.push("--unique-client-id".into());
    let Some(report) = run(&plan)? else {
        return Ok(());
    };
    ensure!(report.contradictions.is_empty(), "{report}");
    ensure!(report.ok == plan.requests, "{report}");
    Ok(())
}

/// An instance that ends takes its connection with it, and nothing that was Ok: what a broker has not read yet is lost if the
/// host's system answers it with RST.
#[test]
fn at_most_once_on_reused_instances_loses_nothing() -> Result<()> {
    for (concurrency, reuse) in [(4, 10), (16, 100)] {
        let plan = Plan {
            reuse: Some(reuse),
            size: Size::Small,
            ..plan(Qos::AtMostOnce, Session::Clean, &[], concurrency, 2_000)
        };
        let Some(report) = run(&plan)? else {
            return Ok(());
        };
        ensure!(report.contradictions.is_empty(), "{report}");
        ensure!(report.ok == plan.requests, "{report}");
    }
    Ok(())
}

/// Each throws out another, whose message may be left half way in the session. Mosquitto has room for 20 of these.
#[test]
fn exactly_once_in_a_session_that_all_share_loses_nothing() -> Result<()> {
    match Kind::Mosquitto.is_here() {
        true => loses_nothing_in_a_shared_session(BrokerKind::Mosquitto, 300),
        false => Ok(()),
    }
}

/// It takes a message for another one that was left half way, if they have the same packet id. No more requests than these, for
/// two at the same time may choose the same one of 65,535 (docs/delivery.md); `load --broker aedes` has more.
#[test]
fn exactly_once_in_a_session_that_all_share_loses_nothing_on_aedes() -> Result<()> {
    match aedes::is_here() {
        true => loses_nothing_in_a_shared_session(BrokerKind::Aedes, 300),
        false => Ok(()),
    }
}

fn loses_nothing_in_a_shared_session(broker: BrokerKind, requests: usize) -> Result<()> {
    let plan = Plan {
        broker,
        size: Size::Small,
        ..plan(Qos::ExactlyOnce, Session::SharedKept, &[], 8, requests)
    };
    let report = plan.run()?;
    ensure!(report.contradictions.is_empty(), "{report}");
    // Else it would show nothing.
    ensure!(report.ok > 0, "{report}");
    Ok(())
}

fn keeps_its_promises(qos: Qos, session: Session, stops: &[Stop]) -> Result<()> {
    let Some(report) = run(&plan(qos, session, stops, 16, 600))? else {
        return Ok(());
    };
    ensure!(report.contradictions.is_empty(), "{report}");
    ensure!(report.terminated + report.killed == stops.len(), "{report}");
    // The rest were made while the broker was down.
    ensure!(report.share_ok() > 0.5, "{report}");
    Ok(())
}

fn plan(qos: Qos, session: Session, stops: &[Stop], concurrency: usize, requests: usize) -> Plan {
    Plan {
        requests,
        concurrency,
        reuse: None,
        qos,
        size: Size::Mixed,
        session,
        broker: BrokerKind::Mosquitto,
        stops: stops.to_vec(),
        downtime: Duration::from_millis(50),
        compose: Vec::new(),
    }
}

/// What came of it; nothing where mosquitto is not installed.
fn run(plan: &Plan) -> Result<Option<Report>> {
    match Kind::Mosquitto.is_here() {
        true => plan.run().map(Some),
        false => Ok(None),
    }
}
