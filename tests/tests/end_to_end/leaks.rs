//! Guests that never drop their connection, as those of languages with a garbage collector: what was Ok is not lost with
//! them, however slowly the broker reads.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::{
        packet::PacketKind::*,
        scripted::{Script, ScriptedBroker, Step},
    },
    probe::{Content, Probe, Qos},
};

/// What a system takes at once from a sender whom nobody reads, and what it does not.
const SIZES: [usize; 3] = [5, 1024 * 1024, 8 * 1024 * 1024];

#[test]
fn a_guest_that_forgets_its_connection_and_ends() -> Result<()> {
    arrives_without_a_drop(Probe::forget_connection)
}

#[test]
fn a_guest_that_exits_with_its_connection_open() -> Result<()> {
    arrives_without_a_drop(Probe::exit)
}

#[test]
fn a_guest_that_forgets_its_connection_and_opens_another() -> Result<()> {
    let broker = ScriptedBroker::start([slow_reader(), Script::behave()])?;
    let publish = |probe: Probe| {
        probe
            .open(&broker.url())
            .publish("pets", Qos::AtLeastOnce, "the first cat")
            .publish("pets", Qos::AtMostOnce, Content::Size(SIZES[1]))
    };
    publish(publish(Probe::new()).forget_connection())
        .drop_connection()
        .run()?
        .expect_ok()?;
    for ledger in broker.finish()? {
        let publish = ledger.publications().nth(1).context("no PUBLISH")?;
        ensure!(
            publish.payload == Content::Size(SIZES[1]).bytes(),
            "{ledger:?}"
        );
    }
    Ok(())
}

fn arrives_without_a_drop(end: impl Fn(Probe) -> Probe) -> Result<()> {
    for qos in Qos::ALL {
        for size in SIZES {
            let broker = ScriptedBroker::start([slow_reader()])?;
            let probe =
                Probe::new()
                    .open(&broker.url())
                    .publish("pets", Qos::AtLeastOnce, "the first cat");
            end(probe.publish("pets", qos, Content::Size(size)))
                .run()?
                .expect_ok()?;
            let ledger = broker.finish()?.remove(0);
            let publish = ledger.publications().nth(1);
            ensure!(
                publish.is_some_and(|publish| publish.payload == Content::Size(size).bytes()),
                "{size} bytes at {qos:?}: {ledger:?}"
            );
        }
    }
    Ok(())
}

/// The guest could be gone before the first byte of its second message is read.
fn slow_reader() -> Script {
    Script::new()
        .receive(Connect)
        .acknowledge(Connect)
        .receive(Publish)
        .acknowledge(Publish)
        .wait(Duration::from_millis(700))
        .then(Step::Behave)
}
