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
    pace,
};

/// The longest that mosquitto_pub runs.
const LIMIT: Duration = Duration::from_secs(120);

/// How many messages the first run of a load has. From what it takes follows how many the samples have.
const FIRST: usize = 500;

/// What is published: messages of what size and QoS.
struct Load {
    name: &'static str,
    qos: u8,
    size: usize,
}

const LOADS: [Load; 6] = [
    Load::new("100 B, QoS 0", 0, 100),
    Load::new("100 B, QoS 1", 1, 100),
    Load::new("100 B, QoS 2", 2, 100),
    Load::new("64 KiB, QoS 0", 0, 65_536),
    Load::new("64 KiB, QoS 1", 1, 65_536),
    Load::new("64 KiB, QoS 2", 2, 65_536),
];

impl Load {
    const fn new(name: &'static str, qos: u8, size: usize) -> Self {
        Self { name, qos, size }
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
        .map(|client| {
            subject(client.name(), |load, count| {
                publish(*client, build, &broker.address, load, count)
            })
        })
        .collect();
    if depth == Depth::Full && process::find("mosquitto_pub").is_some() {
        subjects.push(subject("mosquitto_pub --repeat", |load, count| {
            mosquitto_pub(&broker.address, load, count)
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
             of QoS 0 makes sure that the broker has them all. A sample has as many messages as take a second or more.",
            broker.name
        )],
        columns,
        rows: in_turn(rounds, subjects, &rows)?,
    }])
}

/// A subject whose sample is a run of each load, with as many messages as `publish` needs a second for.
fn subject<'a>(name: &str, publish: impl Fn(&Load, usize) -> Result<Duration> + 'a) -> Subject<'a> {
    let mut counts = LOADS.map(|_| FIRST);
    Subject::new(name, move || {
        let mut sample = Sample::new();
        for (load, count) in LOADS.iter().zip(&mut counts) {
            let rate = pace::per_second(count, |count| publish(load, count))?;
            sample.insert(load.name.into(), rate);
        }
        Ok(sample)
    })
}

/// The time of `count` messages behind a tenth as many for warming up.
fn publish(
    client: Client,
    build: &Build,
    broker: &str,
    load: &Load,
    count: usize,
) -> Result<Duration> {
    let Load { qos, size, .. } = load;
    let end = if *qos == 0 { " publish/1/0" } else { "" };
    let groups = [
        "-: open".to_owned(),
        format!("-: publish/{qos}/{size}x{} publish/1/0", count / 10),
        format!("all: publish/{qos}/{size}x{count}{end}"),
    ];
    let times = client.run(build, &Place::Here, broker, &groups)?;
    let nanos = times.get("all").context("a load was not timed")?;
    Ok(Duration::from_nanos(*nanos as u64))
}

/// The time of all messages but the first, which is that of the process that starts and connects.
fn mosquitto_pub(broker: &str, load: &Load, count: usize) -> Result<Duration> {
    let (host, port) = broker.rsplit_once(':').context("a broker without a port")?;
    let program = process::find("mosquitto_pub").context("mosquitto_pub is gone")?;
    let run = |count: usize| {
        let mut command = Command::new(&program);
        command.args(["-h", host, "-p", port, "-t", "pets"]);
        command.args(["-q", &load.qos.to_string(), "-m", &"c".repeat(load.size)]);
        command.args(["--repeat", &count.to_string()]);
        let finished = process::run(command, LIMIT)?;
        ensure!(finished.status.success(), "mosquitto_pub: {finished}");
        anyhow::Ok(finished.elapsed)
    };
    let one = run(1)?;
    Ok(run(count + 1)?.saturating_sub(one))
}
