//! Messages a second on one connection over loopback, one after the other.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::process;

use super::{Broker, Depth};
use crate::{
    build::Build,
    client::Client,
    figure::{Figure, Rounds, Sample, Subject, Unit, in_turn},
    network::Place,
};

/// The longest that mosquitto_pub runs.
const LIMIT: Duration = Duration::from_secs(120);

/// What is published: how many messages, of what size and QoS.
struct Load {
    name: &'static str,
    qos: u8,
    size: usize,
    count: usize,
}

const LOADS: [Load; 6] = [
    Load::new("100 B, QoS 0", 0, 100, 5000),
    Load::new("100 B, QoS 1", 1, 100, 2000),
    Load::new("100 B, QoS 2", 2, 100, 1000),
    Load::new("64 KiB, QoS 0", 0, 65_536, 400),
    Load::new("64 KiB, QoS 1", 1, 65_536, 400),
    Load::new("64 KiB, QoS 2", 2, 65_536, 200),
];

impl Load {
    const fn new(name: &'static str, qos: u8, size: usize, count: usize) -> Self {
        Self {
            name,
            qos,
            size,
            count,
        }
    }
}

/// Measures the figure.
pub fn measure(build: &Build, depth: Depth) -> Result<Vec<Figure>> {
    let broker = Broker::start()?;
    let clients: &[Client] = match depth {
        Depth::Quick => &[Client::Composed, Client::NativeHost, Client::RawGuest],
        Depth::Full => &[
            Client::Composed,
            Client::NativeHost,
            Client::RumqttcGuest,
            Client::RumqttcNative,
            Client::RawGuest,
        ],
    };
    let mut subjects: Vec<Subject<'_>> = clients
        .iter()
        .map(|client| Subject::new(client.name(), || sample(*client, build, &broker.address)))
        .collect();
    if depth == Depth::Full && process::find("mosquitto_pub").is_some() {
        subjects.push(Subject::new("mosquitto_pub --repeat", || {
            mosquitto_pub(&broker.address)
        }));
    }
    let columns = subjects
        .iter()
        .map(|subject| subject.name.clone())
        .collect();
    let rows: Vec<String> = LOADS.iter().map(|load| load.name.to_owned()).collect();
    let rounds = match depth {
        Depth::Quick => Rounds {
            warm_up: 0,
            counted: 3,
        },
        Depth::Full => Rounds {
            warm_up: 1,
            counted: 7,
        },
    };
    Ok(vec![Figure {
        name: "throughput".into(),
        title: "Throughput on one connection".into(),
        unit: Unit::MessagesPerSecond,
        notes: vec![format!(
            "Over loopback to {}; each message is published when the one before is through, and a QoS 1 message at the end of those \
             of QoS 0 makes sure that the broker has them all.",
            broker.name
        )],
        columns,
        rows: in_turn(rounds, subjects, &rows)?,
    }])
}

fn sample(client: Client, build: &Build, broker: &str) -> Result<Sample> {
    let mut groups = vec!["-: open".to_owned()];
    for load in &LOADS {
        let Load {
            name,
            qos,
            size,
            count,
        } = load;
        groups.push(format!(
            "-: publish/{qos}/{size}x{} publish/1/0",
            count / 10
        ));
        let end = if *qos == 0 { " publish/1/0" } else { "" };
        groups.push(format!("{name}: publish/{qos}/{size}x{count}{end}"));
    }
    let mut sample = client.run(build, &Place::Here, broker, &groups)?;
    for load in &LOADS {
        let nanos = sample.get_mut(load.name).context("a load was not timed")?;
        *nanos = load.count as f64 / *nanos * 1e9;
    }
    Ok(sample)
}

/// The time of all messages but the first, which is that of the process that starts and connects.
fn mosquitto_pub(broker: &str) -> Result<Sample> {
    let (host, port) = broker.rsplit_once(':').context("a broker without a port")?;
    let program = process::find("mosquitto_pub").context("mosquitto_pub is gone")?;
    let run = |load: &Load, count: usize| {
        let mut command = Command::new(&program);
        command.args(["-h", host, "-p", port, "-t", "pets"]);
        command.args(["-q", &load.qos.to_string(), "-m", &"c".repeat(load.size)]);
        command.args(["--repeat", &count.to_string()]);
        let finished = process::run(command, LIMIT)?;
        ensure!(finished.status.success(), "mosquitto_pub: {finished}");
        anyhow::Ok(finished.elapsed.as_secs_f64())
    };
    let mut sample = Sample::new();
    for load in &LOADS {
        let one = run(load, 1)?;
        let all = run(load, load.count + 1)?;
        sample.insert(load.name.into(), load.count as f64 / (all - one));
    }
    Ok(sample)
}
