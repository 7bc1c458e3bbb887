//! A connection that has come to its end is opened again by the next publish.

use std::time::Duration;

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{
        Access,
        packet::PacketKind::*,
        scripted::{Script, ScriptedBroker},
    },
    on_each_broker,
    probe::{CallResult, Probe, Qos},
    subscriber::Subscriber,
};

on_each_broker! {
    // On Spin, QoS 0 is Ok here and the message is lost.
    fn after_the_broker_has_closed_it_for_its_silence(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::ExactlyOnce)?;
        // A connection for each QoS, which are all silent at the same time.
        let mut probe = Probe::new();
        for qos in Qos::ALL {
            probe = probe.open_as(&broker.url(), "", "", 1).publish("pets", qos, "a cat");
        }
        // Brokers close after one and a half times the keep alive, and not at once then.
        probe = probe.sleep(Duration::from_secs(4));
        for qos in Qos::ALL.into_iter().rev() {
            probe = probe.publish("pets", qos, "a late cat").drop_connection();
        }
        probe.run()?.expect_ok()?;
        let mut payloads = (0..6)
            .map(|_| subscriber.next().map(|message| message.payload))
            .collect::<Result<Vec<_>>>()?;
        payloads.sort();
        let [cat, late_cat] = [b"a cat".as_slice(), b"a late cat"];
        ensure!(payloads == [cat, cat, cat, late_cat, late_cat, late_cat], "{payloads:?}");
        ensure!(subscriber.pending().is_empty(), "one was published twice");
        Ok(())
    }
}

#[test]
fn after_an_error() -> Result<()> {
    for qos in Qos::ALL {
        let broken = Script::new().receive(Connect).send([0xFF; 8]);
        let broker = ScriptedBroker::start([broken, Script::behave()])?;
        let outcomes = Probe::new()
            .open(&broker.url())
            .publish("pets", qos, "a cat")
            .publish("pets", qos, "another cat")
            .drop_connection()
            .run()?;
        ensure!(
            matches!(outcomes.at(1).result, CallResult::Error { .. }),
            "{outcomes:?}"
        );
        outcomes.at(2).expect_ok()?;
        let ledgers = broker.finish()?;
        let payloads: Vec<_> = ledgers[1].publications().map(|it| &it.payload).collect();
        // The first one is over: its guest was told, and may have sent it otherwise.
        ensure!(payloads == [b"another cat"], "{qos:?}: {ledgers:?}");
    }
    Ok(())
}

/// The most that a busy machine adds to a bound.
const SLACK: Duration = Duration::from_secs(5);

// Nothing listens for a while. Each publish is an error, and none of them the last.
#[test]
fn after_many_errors() -> Result<()> {
    let closed = Script::new().receive(Connect).receive(Publish).close();
    let broker = ScriptedBroker::start_then_refuse([closed])?;
    let mut probe = Probe::new().open(&format!("{}?ack_timeout_secs=1", broker.url()));
    for _ in 0..4 {
        probe = probe.publish("pets", Qos::AtLeastOnce, "a cat");
    }
    let outcomes = probe.run()?;
    outcomes
        .at(1)
        .expect_error("connection-failed", "is unknown")?;
    for index in 2..5 {
        outcomes
            .at(index)
            .expect_error("connection-failed", "the message was not delivered")?;
        // It waits for the broker, and not longer than its bound.
        ensure!(
            outcomes.at(index).elapsed < Duration::from_secs(1) + SLACK,
            "{outcomes:?}"
        );
    }
    Ok(())
}
