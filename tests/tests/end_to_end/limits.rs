//! The limits on open connections and on a message's size.

use std::{process::Command, time::Duration};

use anyhow::{Result, ensure};
use end_to_end::{
    broker::scripted::{Script, ScriptedBroker},
    compose::Composed,
    guest::Guest,
    host,
    probe::{Content, Probe, Qos},
    process,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MAX_CONNECTIONS: usize = 1024;

#[test]
fn the_1025th_connection_is_one_too_many() -> Result<()> {
    // Both this process and wasmtime, which inherits the limit, hold more files than the usual 1,024.
    let limit = getrlimit(Resource::Nofile);
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= 4096),
        "this system allows a process {limit:?} files, too few for this test"
    );
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.current.max(Some(4096)),
            maximum: limit.maximum,
        },
    )?;

    let broker = ScriptedBroker::start(vec![Script::behave(); MAX_CONNECTIONS + 1])?;
    let outcomes = Probe::new()
        .open_many(MAX_CONNECTIONS, &broker.url())
        .open(&broker.url())
        .drop_connection()
        .open(&broker.url())
        .publish("pets", Qos::AtLeastOnce, "a cat")
        .run()?;
    outcomes.at(0).expect_ok()?;
    outcomes.at(1).expect_error("too-many-connections", "")?;
    // One less, and there is room again.
    outcomes.at(2).expect_ok()?;
    outcomes.at(3).expect_ok()?;
    outcomes.at(4).expect_ok()
}

#[test]
fn a_message_above_the_addresses_limit_is_refused_and_the_next_one_goes() -> Result<()> {
    let broker = ScriptedBroker::start([Script::behave()])?;
    let outcomes = Probe::new()
        .open(&format!(
            "{}?max_outgoing_packet_size_bytes=100",
            broker.url()
        ))
        .publish("pets", Qos::AtLeastOnce, Content::Size(91))
        .publish("pets", Qos::AtLeastOnce, Content::Size(90))
        .run()?;
    outcomes
        .at(1)
        .expect_error("other", "max_outgoing_packet_size_bytes=100")?;
    outcomes.at(2).expect_ok()
}

/// The host's own word for it tells nothing.
#[test]
fn a_host_without_file_descriptors_is_named() -> Result<()> {
    let composed = Composed::new(Guest::Probe, &[])?;
    let broker = ScriptedBroker::start(vec![Script::behave(); 64])?;
    let mut wasmtime = Command::new("sh");
    wasmtime
        .args(["-c", "ulimit -n 32; exec \"$@\"", "sh"])
        .arg(host::wasmtime()?)
        .args(["run", "-Ccache=n"])
        .args(host::NETWORK)
        .arg(composed.path())
        .arg(format!("open-many 64 {}", broker.url()));
    let finished = process::run(wasmtime, Duration::from_secs(120))?;
    ensure!(finished.stdout.contains("file descriptors"), "{finished}");
    broker.finish()?;
    Ok(())
}
