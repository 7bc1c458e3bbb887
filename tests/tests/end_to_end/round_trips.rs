//! How many writes and turns an exchange takes, which does not depend on how fast the machine is.
//!
//! What they take in time, over a link with a delay, the benchmark shows.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use end_to_end::{
    broker::scripted::{Ledger, Script, ScriptedBroker},
    probe::{Content, Probe, Qos},
};

/// The first message leaves with CONNECT, each further one in a write, and a PUBREL is one more.
#[test]
fn a_publish_leaves_in_one_write() -> Result<()> {
    for (qos, writes) in [
        (Qos::AtMostOnce, 1),
        (Qos::AtLeastOnce, 1),
        (Qos::ExactlyOnce, 2),
    ] {
        for count in 1..=3 {
            let ledger = play(count, qos)?;
            // A read of the broker's may bring several writes, but never a part of one.
            let disconnect = 1;
            ensure!(
                ledger.chunks.len() <= count * writes + disconnect,
                "{count} at {qos:?}: {ledger:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn no_write_ends_within_a_packet() -> Result<()> {
    for qos in Qos::ALL {
        let ledger = play(3, qos)?;
        let completing: BTreeSet<_> = ledger.received.iter().map(|it| it.chunk).collect();
        ensure!(
            completing.len() == ledger.chunks.len(),
            "{qos:?}: {ledger:?}"
        );
    }
    Ok(())
}

fn play(count: usize, qos: Qos) -> Result<Ledger> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let mut probe = Probe::new().open(&broker.url());
    for _ in 0..count {
        probe = probe.publish("pets", qos, Content::Size(1000));
    }
    probe.drop_connection().run()?.expect_ok()?;
    Ok(broker.finish()?.remove(0))
}
