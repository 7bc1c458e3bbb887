//! Topics that MQTT forbids for a publication are refused before anything is sent [MQTT-4.7.3, MQTT-3.3.2-2].

use anyhow::{Context, Result, ensure};
use end_to_end::{
    broker::scripted::{Script, ScriptedBroker},
    probe::{Probe, Qos},
};

#[test]
fn a_forbidden_topic_is_an_error_and_the_connection_goes_on() -> Result<()> {
    let too_long = "x".repeat(65_536);
    for topic in ["", "a/+", "+", "#", "a/#", "a\0b", &too_long] {
        for qos in Qos::ALL {
            refused(topic, qos)
                .with_context(|| format!("{:?} at {qos:?}", &topic[..topic.len().min(16)]))?;
        }
    }
    Ok(())
}

#[test]
fn the_longest_topic_is_published() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let longest = "x".repeat(65_535);
    Probe::new()
        .open(&broker.url())
        .publish(&longest, Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()?;
    let ledger = broker.finish()?.remove(0);
    ensure!(
        ledger
            .publications()
            .all(|publish| publish.topic == longest)
    );
    Ok(())
}

fn refused(topic: &str, qos: Qos) -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let outcomes = Probe::new()
        .open(&broker.url())
        .publish(topic, qos, "a cat")
        .publish("pets", Qos::AtLeastOnce, "another cat")
        .run()?;
    outcomes.at(1).expect_error("other", "topic")?;
    outcomes.at(2).expect_ok()?;
    let ledger = broker.finish()?.remove(0);
    let topics: Vec<_> = ledger
        .publications()
        .map(|publish| &publish.topic)
        .collect();
    ensure!(topics == ["pets"], "{topics:?}");
    Ok(())
}
