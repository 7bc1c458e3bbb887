//! Round trips: how long a publish takes over a link with a delay, in units of that delay.

use std::time::Duration;

use anyhow::Result;

use super::Depth;
use crate::{
    broker::{Mosquitto, NoDelay},
    build::Build,
    client::Client,
    figure::{Figure, Rounds, Sample, Subject, Unit, in_turn},
    network::Link,
};

/// There and back. What the guest takes itself, under a millisecond, is small against it.
const ROUND_TRIP: Duration = Duration::from_millis(10);

/// The bytes of a message.
const SIZE: usize = 100;

/// Long enough for a delayed acknowledgement (40 ms on Linux) and for all that is under way.
const QUIET: &str = "-: sleep/60";

const PORT: u16 = 1883;

/// Measures both figures: with a broker that sends at once, and with one that does not.
pub fn measure(build: &Build, depth: Depth) -> Result<Vec<Figure>> {
    if !Mosquitto::is_here() {
        eprintln!("round trips are left out: mosquitto is not installed");
        return Ok(Vec::new());
    }
    let link = match Link::new(ROUND_TRIP) {
        Ok(link) => link,
        Err(error) => {
            eprintln!("round trips are left out: {error:#}");
            return Ok(Vec::new());
        }
    };
    let mut figures = Vec::new();
    for (no_delay, port, name, title) in [
        (
            NoDelay::Set,
            PORT,
            "round-trips",
            "Round trips, with a broker that sets TCP_NODELAY",
        ),
        (
            NoDelay::Unset,
            PORT + 1,
            "round-trips-nagle",
            "Round trips, with a broker that does not (mosquitto's default)",
        ),
    ] {
        let broker = Mosquitto::start(&link.far, port, no_delay)?;
        let rows: Vec<String> = ROWS.map(str::to_owned).into();
        let subjects = clients(depth)
            .iter()
            .map(|client| {
                Subject::new(client.name(), || {
                    sample(*client, build, &link, &broker, depth)
                })
            })
            .collect();
        let (warm_up, counted) = match depth {
            Depth::Quick => (0, 3),
            Depth::Full => (1, 11),
        };
        figures.push(Figure {
            name: name.into(),
            title: title.into(),
            unit: Unit::RoundTrips,
            notes: vec![format!(
                "A link of {ROUND_TRIP:?} round trip, measured in each round by a TCP connect; messages of {SIZE} bytes; from \
                 `open` to the last publish's Ok, the guest's own time included."
            )],
            columns: clients(depth).iter().map(|client| client.name().into()).collect(),
            rows: in_turn(Rounds { warm_up, counted }, subjects, &rows)?,
        });
    }
    Ok(figures)
}

fn clients(depth: Depth) -> &'static [Client] {
    match depth {
        Depth::Quick => &[Client::Composed, Client::NativeHost, Client::RawGuest],
        Depth::Full => &[
            Client::Composed,
            Client::NativeHost,
            Client::RumqttcGuest,
            Client::RumqttcNative,
            Client::RawGuest,
        ],
    }
}

const ROWS: [&str; 11] = [
    "open + publish, QoS 0",
    "open + publish, QoS 1",
    "open + publish, QoS 2",
    "a further publish, QoS 0",
    "a further publish, QoS 1",
    "a further publish, QoS 2",
    "ten QoS 0 publishes, then one QoS 1",
    "opened again, QoS 0",
    "opened again, QoS 1",
    "opened again, QoS 2",
    "open + publish 1 MiB, QoS 1",
];

fn sample(
    client: Client,
    build: &Build,
    link: &Link,
    broker: &Mosquitto,
    depth: Depth,
) -> Result<Sample> {
    let run = |client: Client, groups: &[String]| {
        client.run(build, &link.near, broker.address(), groups)
    };
    // What connecting takes is what this link takes now, its own delays included.
    let connects = ["connect: open", "-: drop"].repeat(5);
    let connects: Vec<String> = connects.into_iter().map(str::to_owned).collect();
    let round_trip = run(Client::RawNative, &connects)?["connect"];

    let mut sample = Sample::new();
    let repeats = match depth {
        Depth::Quick => 1,
        Depth::Full => 4,
    };
    for qos in 0..=2 {
        let mut groups = vec![format!("open + publish, QoS {qos}: open publish/{qos}/{SIZE}")];
        for _ in 0..repeats {
            groups.push(QUIET.into());
            groups.push(format!("a further publish, QoS {qos}: publish/{qos}/{SIZE}"));
        }
        // Twice, for what is learned from it.
        for _ in 0..2 {
            groups.push("-: drop".into());
            groups.push(QUIET.into());
            groups.push(format!("-: open publish/{qos}/{SIZE}"));
        }
        for _ in 0..repeats {
            groups.push("-: drop".into());
            groups.push(QUIET.into());
            groups.push(format!("opened again, QoS {qos}: open publish/{qos}/{SIZE}"));
        }
        sample.extend(run(client, &groups)?);
    }
    sample.extend(run(
        client,
        &[
            format!("-: open publish/1/{SIZE}"),
            QUIET.into(),
            format!(
                "ten QoS 0 publishes, then one QoS 1: publish/0/{SIZE}x10 publish/1/{SIZE}"
            ),
        ],
    )?);
    sample.extend(run(
        client,
        &["open + publish 1 MiB, QoS 1: open publish/1/1048576".to_owned()],
    )?);
    for value in sample.values_mut() {
        *value /= round_trip;
    }
    Ok(sample)
}
