//! Variables and environment that were composed in, and an app from its spin.toml to the message.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{
        Access,
        packet::PacketKind,
        scripted::{Script, ScriptedBroker},
    },
    compose::Composed,
    guest::Guest,
    host::Serve,
    on_each_broker, payload,
    probe::{CallResult, Probe, Qos},
    subscriber::Subscriber,
};

on_each_broker! {
    /// A manifest of the shape of Spin's outbound MQTT example, whose broker stands in `environment`.
    fn a_spin_app_goes_from_its_manifest_to_the_message(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
        let source = Guest::SpinSdk5Wasip1.build()?;
        let folder = tempfile::tempdir()?;
        let manifest = folder.path().join("spin.toml");
        fs::write(&manifest, outbound_mqtt(&source, &broker.url()))?;

        let app = Composed::from_input(&manifest, &[])?;
        let serve = Serve::start(&app.path(), &[])?;
        let cat_picture = payload::of_size(20_001);
        let (status, text) = serve.post(&cat_picture)?;
        ensure!(status == 200, "{status} {text}\n{}", serve.stderr());
        ensure!(subscriber.next()?.payload == cat_picture);
        Ok(())
    }
}

fn outbound_mqtt(source: &Path, broker: &str) -> String {
    format!(
        r#"spin_manifest_version = 2

[application]
name = "rust-outbound-mqtt"
version = "0.1.0"
authors = ["A Spin user <user@example.com>"]

[[trigger.http]]
route = "/..."
component = "rust-outbound-mqtt"

[component.rust-outbound-mqtt]
environment = {{ MQTT_ADDRESS = "{broker}?client_id=rust-client", MQTT_USERNAME = "", MQTT_PASSWORD = "", MQTT_KEEP_ALIVE_INTERVAL = "30" }}
source = {source:?}
allowed_outbound_hosts = ["{broker}", "https://example.com"]
[component.rust-outbound-mqtt.build]
command = "cargo build --target wasm32-wasip1 --release"
"#
    )
}

#[test]
fn the_environment_is_composed_in_and_the_hosts_wins() -> Result<()> {
    let probe = Composed::new(
        Guest::Probe,
        &[
            "--env",
            "BAKED=1",
            "--env",
            "BOTH=composed",
            "--env",
            "EMPTY=",
        ],
    )?;
    let outcomes = Probe::new()
        .component(&probe.path())
        .env("HOST", "2")
        .env("BOTH", "host")
        .read_env("BAKED")
        .read_env("HOST")
        .read_env("BOTH")
        .read_env("EMPTY")
        .read_env("NEITHER")
        .run()?;
    outcomes.at(0).expect_value("1")?;
    outcomes.at(1).expect_value("2")?;
    outcomes.at(2).expect_value("host")?;
    outcomes.at(3).expect_value("")?;
    ensure!(outcomes.at(4).result == CallResult::Skipped, "{outcomes:?}");
    Ok(())
}

#[test]
fn variables_come_from_the_environment_then_the_composition_then_the_default() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("spin.toml");
    let source = Guest::Probe.build()?;
    fs::write(
        &manifest,
        format!(
            r#"spin_manifest_version = 2
[application]
name = "probe"
[variables]
default = {{ default = "from the manifest" }}
given = {{ default = "not this" }}
run_time = {{ default = "not this" }}
secret = {{ required = true, secret = true }}
[component.probe]
source = {source:?}
[component.probe.variables]
first = "{{{{ default }}}}"
second = "{{{{ given }}}}"
third = "<{{{{ run_time }}}}>"
fourth = "{{{{ secret }}}}"
"#
        ),
    )?;
    let probe = Composed::from_input(&manifest, &["--variable", "given=composed in"])?;
    let outcomes = Probe::new()
        .component(&probe.path())
        .env("SPIN_VARIABLE_RUN_TIME", "of the host")
        .read_variable("first")
        .read_variable("second")
        .read_variable("third")
        .read_variable("fourth")
        .read_variable("fifth")
        .read_variable("Not A Name")
        .run()?;
    outcomes.at(0).expect_value("from the manifest")?;
    outcomes.at(1).expect_value("composed in")?;
    outcomes.at(2).expect_value("<of the host>")?;
    // The variable is there, and nobody has its value: as on Spin.
    outcomes
        .at(3)
        .expect_error("provider", "SPIN_VARIABLE_SECRET")?;
    outcomes.at(4).expect_error("undefined", "fifth")?;
    outcomes.at(5).expect_error("invalid-name", "Not A Name")?;

    let outcomes = Probe::new()
        .component(&probe.path())
        .env("SPIN_VARIABLE_SECRET", "hush")
        .env("SPIN_VARIABLE_GIVEN", "over it")
        .read_variable("fourth")
        .read_variable("second")
        .run()?;
    outcomes.at(0).expect_value("hush")?;
    outcomes.at(1).expect_value("over it")
}

/// For brokers that take nothing before their CONNACK.
#[test]
fn no_early_publish_holds_the_first_message_back() -> Result<()> {
    for (options, query, together) in [
        (&[][..], "", true),
        (&["--no-early-publish"], "", false),
        (&["--no-early-publish"], "?early_publish=true", false),
        (&[], "?early_publish=false", false),
    ] {
        let probe = Composed::new(Guest::Probe, options)?;
        let broker = ScriptedBroker::start([Script::behave()])?;
        Probe::new()
            .component(&probe.path())
            .open(&format!("{}{query}", broker.url()))
            .publish("pets", Qos::AtLeastOnce, "a cat")
            .run()?
            .expect_ok()?;
        let ledger = broker.finish()?.remove(0);
        let first_two: Vec<_> = ledger.received.iter().take(2).collect();
        let [connect, publish] = first_two[..] else {
            anyhow::bail!("{ledger:?}");
        };
        ensure!(connect.packet.kind() == PacketKind::Connect, "{ledger:?}");
        ensure!(publish.packet.kind() == PacketKind::Publish, "{ledger:?}");
        let in_one_write = connect.chunk == publish.chunk;
        ensure!(in_one_write == together, "{options:?} {query}: {ledger:?}");
    }
    Ok(())
}
