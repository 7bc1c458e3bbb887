//! What the host withholds is an error to the guest, not a trap.

use anyhow::Result;
use end_to_end::{
    broker::scripted::{Script, ScriptedBroker},
    probe::{Probe, Qos},
};

#[test]
fn without_the_network_a_connection_fails() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let outcomes = Probe::new().options(&[]).open(&broker.url()).run()?;
    outcomes.last().expect_error("connection-failed", "")
}

#[test]
fn without_name_lookup_an_ip_address_works() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    Probe::new()
        .options(&["-Sinherit-network"])
        .open(&broker.url())
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?
        .expect_ok()
}

#[test]
fn without_name_lookup_a_name_fails() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let outcomes = Probe::new()
        .options(&["-Sinherit-network"])
        .open(&format!("mqtt://localhost:{}", broker.address().port()))
        .run()?;
    outcomes.last().expect_error("connection-failed", "")
}
