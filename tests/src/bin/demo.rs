//! A component written for Spin, composed, publishes a picture of a cat from under a stock wasmtime.
//!
//! Each step says what it does and with which command; the end compares what a subscriber got with what was posted.
//! Nothing but Rust needs to be installed.

use anyhow::{Result, ensure};
use end_to_end::{
    broker::{Access, Kind},
    cargo, compose,
    guest::Guest,
    host::{self, Serve},
    probe::Qos,
    subscriber::Subscriber,
};

const CAT_PICTURE: &str = "tests/assets/cat.png";

fn main() -> Result<()> {
    let workspace = cargo::workspace();
    let guest = Guest::SpinSdk5Wasip1;
    let cat_picture = std::fs::read(workspace.join(CAT_PICTURE))?;

    step("Build a component that was written for Spin, with the published spin-sdk 5");
    command(&format!(
        "cd tests/guests/{} && cargo build --release --target {}",
        guest.folder(),
        guest.target()
    ));
    let app = guest.build()?;
    fact(&format!(
        "{} has {} bytes",
        app.display(),
        app.metadata()?.len()
    ));

    step("Compose it with the MQTT adapter");
    compose::command()?;
    let composed = app.with_extension("composed.wasm");
    let (command_line, summary) = compose::compose(&app, &composed, &[])?;
    command(&command_line);
    summary.stderr.lines().for_each(fact);

    step("Start a broker (rumqttd) and a subscriber to `pets` (rumqttc)");
    let broker = Kind::Embedded.start(Access::Open)?;
    let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
    fact(&format!("the broker listens at {}", broker.url()));

    step("Serve the component with a stock wasmtime, which knows nothing of Spin");
    if std::env::var_os("WASMTIME").is_none() {
        fact(
            "the command of wasmtime-cli 48.0.8 is built from crates.io; the first time, that takes minutes",
        );
    }
    host::wasmtime()?;
    let serve = Serve::start(&composed, &[("MQTT_ADDRESS", &broker.url())])?;
    command(serve.command_line());
    fact(&format!("it serves {}", serve.url()));

    step("Post a picture of a cat to it");
    command(&format!(
        "curl --data-binary @{CAT_PICTURE} {}",
        serve.url()
    ));
    fact(&format!(
        "the picture has {} bytes; Spin's own client stops at 10240",
        cat_picture.len()
    ));
    let (status, text) = serve.post(&cat_picture)?;
    fact(&format!("the answer is {status}: {text}"));
    ensure!(status == 200, "the component failed: {}", serve.stderr());

    step("See what the subscriber got");
    let message = subscriber.next()?;
    fact(&format!("topic   {}", message.topic));
    fact(&format!(
        "QoS     {} ({:?})",
        message.qos as u8, message.qos
    ));
    fact(&format!("payload {} bytes", message.payload.len()));
    ensure!(message.topic == "pets", "it came to the wrong topic");
    ensure!(
        message.payload == cat_picture,
        "what was received is not what was posted"
    );
    println!("\nThe picture arrived, byte for byte.");
    Ok(())
}

fn step(title: &str) {
    println!("\n== {title}");
}

fn command(line: &str) {
    println!("   $ {}", shortened(line));
}

fn fact(line: &str) {
    println!("     {}", shortened(line));
}

/// `line` with the workspace's paths as seen from its root.
fn shortened(line: &str) -> String {
    line.replace(&format!("{}/", cargo::workspace().display()), "")
}
