//! What is not permitted when the app is composed is not reached, whatever the host allows.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use anyhow::{Result, ensure};
use end_to_end::{
    broker::Access,
    compose::Composed,
    guest::Guest,
    host::Serve,
    on_each_broker,
    probe::{Probe, Qos},
    subscriber::Subscriber,
};

on_each_broker! {
    fn a_permitted_broker_is_reached(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
        let probe = Composed::new(Guest::Probe, &["--allow-host", &broker.url()])?;
        publish(&probe, &broker.url()).run()?.expect_ok()?;
        ensure!(subscriber.next()?.payload == b"a cat");
        Ok(())
    }

    fn a_variable_of_the_environment_permits_its_broker(kind) {
        let broker = kind.start(Access::Open)?;
        let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
        let entry = format!("mqtt://{{{{ broker }}}}:{}", broker.address().port());
        let probe = Composed::new(
            Guest::Probe,
            &["--allow-host", &entry, "--variable", "broker=elsewhere.invalid"],
        )?;
        publish(&probe, &broker.url())
            .env("SPIN_VARIABLE_BROKER", "127.0.0.1")
            .run()?
            .expect_ok()?;
        ensure!(subscriber.next()?.payload == b"a cat");
        Ok(())
    }
}

/// Deployments differ in more than the host: the value is the whole entry, or has the port.
#[test]
fn a_value_may_be_an_entry_or_have_the_port() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    let url = format!("mqtt://{address}");
    for (entry, value) in [
        ("{{ broker }}", &url),
        ("{{ broker }}", &format!("\n {url}/\n")),
        ("mqtt://{{ broker }}", &address.to_string()),
        ("*://{{ broker }}", &format!("{address}\n")),
    ] {
        let probe = Composed::new(
            Guest::Probe,
            &["--allow-host", entry, "--variable", "broker"],
        )?;
        let run = |probe: Probe| probe.open(&url).run();
        let probe = || Probe::new().component(&probe.path());
        run(probe().env("SPIN_VARIABLE_BROKER", value))?.expect_ok()?;
        let connection = listener.0.accept();
        ensure!(connection.is_ok(), "{entry} {value}: {connection:?}");
        let denied = run(probe().env("SPIN_VARIABLE_BROKER", ""))?;
        denied
            .last()
            .expect_error("connection-failed", "is not permitted")?;
    }
    listener.expect_untouched()
}

/// A `*` is the manifest's to give.
#[test]
fn no_value_where_the_app_runs_permits_all_hosts() -> Result<()> {
    let listener = Untouched::new()?;
    let url = format!("mqtt://{}", listener.address()?);
    let options = ["--allow-host", "{{ url }}", "--variable", "url"];
    for value in ["*://*:*", "mqtt://*:*", "mqtt://*", "*"] {
        let stderr = denied(&listener, &url, &options, &[("SPIN_VARIABLE_URL", value)])?;
        ensure!(stderr.contains("only the manifest"), "{value}: {stderr}");
    }
    let options = ["--allow-host", "{{ url }}", "--variable", "url=*://*:*"];
    let probe = Composed::new(Guest::Probe, &options)?;
    let open = Probe::new().component(&probe.path()).open(&url);
    open.run()?.expect_ok()?;
    ensure!(listener.0.accept().is_ok());
    Ok(())
}

/// What is wrong with the entries of others is not said where it helps nobody.
#[test]
fn entries_of_other_protocols_are_passed_over() -> Result<()> {
    let listener = Untouched::new()?;
    let url = format!("mqtt://{}", listener.address()?);
    let options = ["--allow-host", "https://example.com/path"];
    let stderr = denied(&listener, &url, &options, &[])?;
    ensure!(!stderr.contains("example.com"), "{stderr}");
    Ok(())
}

/// What is checked and what is connected to are one address in any form of it.
#[test]
fn an_ip_address_is_permitted_in_any_form() -> Result<()> {
    let listener = Untouched::new()?;
    let port = listener.address()?.port();
    let options = ["--allow-host", &format!("mqtt://127.1:{port}")];
    let probe = Composed::new(Guest::Probe, &options)?;
    for host in ["127.0.0.1", "127.1", "0x7f.1", "2130706433"] {
        let url = format!("mqtt://{host}:{port}");
        let open = Probe::new().component(&probe.path()).open(&url);
        open.run()?.expect_ok()?;
        ensure!(listener.0.accept().is_ok(), "{host}");
    }
    Ok(())
}

fn publish(probe: &Composed, address: &str) -> Probe {
    Probe::new()
        .component(&probe.path())
        .open(address)
        .publish("pets", Qos::AtLeastOnce, "a cat")
}

/// A broker's port that nobody may knock at.
struct Untouched(TcpListener);

impl Untouched {
    fn new() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }

    /// Fails if a connection was made.
    fn expect_untouched(&self) -> Result<()> {
        match self.0.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => anyhow::bail!("a connection was made: {other:?}"),
        }
    }
}

/// Opens `address` with a probe composed with `options`, and returns what the operator read.
fn denied(
    listener: &Untouched,
    address: &str,
    options: &[&str],
    env: &[(&str, &str)],
) -> Result<String> {
    let probe = Composed::new(Guest::Probe, options)?;
    let run = Probe::new().component(&probe.path()).open(address);
    let run = env
        .iter()
        .fold(run, |run, (name, value)| run.env(name, value));
    let outcomes = run.run()?;
    outcomes
        .last()
        .expect_error("connection-failed", "is not permitted")?;
    listener.expect_untouched()?;
    Ok(outcomes.stderr().to_owned())
}

#[test]
fn what_is_not_permitted_is_not_connected_to() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    let (url, port) = (format!("mqtt://{address}"), address.port());
    let other_port = format!("mqtt://127.0.0.1:{}", port ^ 1);
    for options in [
        &["--deny-all"][..],
        &["--allow-host", &other_port],
        &["--allow-host", "mqtt://localhost:*"],
        &["--allow-host", "http://127.0.0.1:*"],
        &["--allow-host", "mqtt://*.0.0.1.example:*"],
        &["--allow-host", "mqtt://10.0.0.0/8:*"],
        &["--allow-host", "mqtt://self:*"],
    ] {
        let stderr = denied(&listener, &url, options, &[])?;
        ensure!(
            stderr.contains(&format!("this entry would permit it: {url}")),
            "{stderr}"
        );
    }
    Ok(())
}

/// The name is checked as the name, and nobody is asked what it stands for.
#[test]
fn a_name_is_not_permitted_by_what_it_resolves_to() -> Result<()> {
    let listener = Untouched::new()?;
    let port = listener.address()?.port();
    let entry = format!("mqtt://127.0.0.1:{port}");
    denied(
        &listener,
        &format!("mqtt://localhost:{port}"),
        &["--allow-host", &entry],
        &[],
    )?;
    Ok(())
}

/// On Spin this is checked as `good.example` and connected to as `127.0.0.1`.
#[test]
fn an_address_is_checked_as_what_is_connected_to() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    for disguised in [
        format!("mqtt://{address}?client_id=x@good.example"),
        format!("mqtt://{address}/@good.example"),
        format!("mqtt://good.example@{address}"),
        format!("mqtt://good.example:1883@{address}"),
    ] {
        denied(
            &listener,
            &disguised,
            &["--allow-host", "mqtt://good.example:*"],
            &[],
        )?;
    }
    Ok(())
}

#[test]
fn an_unset_variable_permits_nothing_and_is_named() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    let manifest = Manifest::new(&format!(
        "[variables]\nbroker = {{ required = true }}\n{}allowed_outbound_hosts = [\"mqtt://{{{{ broker }}}}:{}\"]\n",
        COMPONENT,
        address.port()
    ))?;
    let probe = Composed::from_input(&manifest.path(), &["--source", &manifest.source])?;
    let run = Probe::new()
        .component(&probe.path())
        .open(&format!("mqtt://{address}"));
    let outcomes = run.run()?;
    outcomes
        .last()
        .expect_error("connection-failed", "is not permitted")?;
    ensure!(
        outcomes.stderr().contains("SPIN_VARIABLE_BROKER"),
        "{}",
        outcomes.stderr()
    );
    listener.expect_untouched()
}

/// A value fills its place in an entry and nothing beyond.
#[test]
fn no_value_of_a_variable_widens_an_entry() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    let url = format!("mqtt://{address}");
    let entry = format!("mqtt://{{{{ broker }}}}:{}", address.port());
    let options = ["--allow-host", &entry, "--variable", "broker=good.example"];
    for value in [
        "*",
        "*:*/",
        "127.0.0.0/8",
        "good.example,127.0.0.1",
        "x@127.0.0.1",
        "",
    ] {
        let stderr = denied(
            &listener,
            &url,
            &options,
            &[("SPIN_VARIABLE_BROKER", value)],
        )?;
        ensure!(
            stderr.contains("the value of the variable `broker`"),
            "{value}: {stderr}"
        );
        // It may be a secret.
        ensure!(
            value.is_empty() || !stderr.contains(&format!("`{value}`")),
            "{stderr}"
        );
    }
    // And a port is a port.
    let options = [
        "--allow-host",
        "mqtt://127.0.0.1:{{ port }}",
        "--variable",
        "port=1",
    ];
    denied(
        &listener,
        &url,
        &options,
        &[("SPIN_VARIABLE_PORT", "1..65535")],
    )?;
    Ok(())
}

const COMPONENT: &str = "[component.probe]\nsource = \"probe.wasm\"\n";

/// A spin.toml in a folder of its own.
struct Manifest {
    folder: tempfile::TempDir,
    source: String,
}

impl Manifest {
    fn new(text: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let text = format!("spin_manifest_version = 2\n[application]\nname = \"x\"\n{text}");
        std::fs::write(folder.path().join("spin.toml"), text)?;
        let source = Guest::Probe.build()?.display().to_string();
        Ok(Self { folder, source })
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("spin.toml")
    }
}

/// As on Spin.
#[test]
fn a_manifest_without_a_list_permits_nothing() -> Result<()> {
    let listener = Untouched::new()?;
    let manifest = Manifest::new(COMPONENT)?;
    let probe = Composed::from_input(&manifest.path(), &["--source", &manifest.source])?;
    let outcomes = Probe::new()
        .component(&probe.path())
        .open(&format!("mqtt://{}", listener.address()?))
        .run()?;
    outcomes
        .last()
        .expect_error("connection-failed", "is not permitted")?;
    listener.expect_untouched()
}

/// Nobody learns more of what is not permitted than that: not whether its name exists, nor whether we speak its protocol.
#[test]
fn what_is_not_permitted_is_not_looked_at_any_further() -> Result<()> {
    let probe = Composed::new(Guest::Probe, &["--allow-host", "mqtt://good.example"])?;
    let outcomes = Probe::new()
        .component(&probe.path())
        .options(&["-Sinherit-network"])
        .open("mqtt://name-that-cannot-be-looked-up.invalid")
        .open("mqtts://good.example:1883")
        .open_as("mqtt://evil.example", "", "a password without a user", 30)
        .run()?;
    for outcome in outcomes.into_vec() {
        outcome.expect_error("connection-failed", "is not permitted")?;
    }
    Ok(())
}

#[test]
fn a_guest_of_an_http_host_is_denied_as_well() -> Result<()> {
    let listener = Untouched::new()?;
    let address = format!("mqtt://{}", listener.address()?);
    for guest in [Guest::SpinSdk5Wasip1, Guest::SpinSdk5Wasip2] {
        let app = Composed::new(guest, &["--deny-all"])?;
        let serve = Serve::start(&app.path(), &[("MQTT_ADDRESS", &address)])?;
        let (status, text) = serve.post(b"a cat")?;
        ensure!(
            status == 500 && text.contains("is not permitted"),
            "{status} {text}"
        );
        serve.await_stderr("this entry would permit it")?;
    }
    listener.expect_untouched()
}

/// The same file moves between environments.
#[test]
fn a_manifests_variable_is_overridden_where_the_app_runs() -> Result<()> {
    let listener = Untouched::new()?;
    let address = listener.address()?;
    let manifest = Manifest::new(&format!(
        "[variables]\nbroker = {{ default = \"127.0.0.1\", secret = true }}\n{COMPONENT}\
         allowed_outbound_hosts = [\"mqtt://{{{{ broker }}}}:{}\"]\n",
        address.port()
    ))?;
    let probe = Composed::from_input(&manifest.path(), &["--source", &manifest.source])?;
    let run = |probe: Probe| probe.open(&format!("mqtt://{address}")).run();
    let denied = run(Probe::new()
        .component(&probe.path())
        .env("SPIN_VARIABLE_BROKER", "hush.example"))?;
    denied
        .last()
        .expect_error("connection-failed", "is not permitted")?;
    listener.expect_untouched()?;
    ensure!(!denied.stderr().contains("hush"), "{}", denied.stderr());
    run(Probe::new().component(&probe.path()))?.expect_ok()
}
