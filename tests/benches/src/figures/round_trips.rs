//! Round trips: how long a publish takes over a link with a delay, in units of that delay.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use end_to_end::process;

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

/// The longest that mosquitto_pub runs.
const LIMIT: Duration = Duration::from_secs(60);

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
        let round_trip = round_trip(build, &link, &broker)?;
        let rows: Vec<String> = ROWS.map(str::to_owned).into();
        let mut subjects: Vec<Subject<'_>> = clients(depth)
            .iter()
            .map(|client| {
                Subject::new(client.name(), || {
                    sample(*client, build, &link, &broker, depth, round_trip)
                })
            })
            .collect();
        if depth == Depth::Full && process::find("mosquitto_pub").is_some() {
            subjects.push(Subject::new("mosquitto_pub", || {
                mosquitto_pub(&link, &broker, round_trip)
            }));
        }
        let columns = subjects
            .iter()
            .map(|subject| subject.name.clone())
            .collect();
        let (warm_up, counted) = match depth {
            Depth::Quick => (0, 3),
            Depth::Full => (1, 7),
        };
        figures.push(Figure {
            name: name.into(),
            title: title.into(),
            unit: Unit::RoundTrips,
            notes: vec![format!(
                "A link of {ROUND_TRIP:?}; a TCP connect takes {:.1} ms, which is one round trip. Messages of {SIZE} bytes; from \
                 `open` to the last publish's Ok, the guest's own time included.",
                round_trip / 1e6
            )],
            columns,
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

/// For brokers that take nothing before their CONNACK. It is a key of the adapter's addresses alone.
const EARLY_REFUSED: &str = "open + publish, QoS 1, early_publish=false";

const ROWS: [&str; 13] = [
    "open + publish, QoS 0",
    "open + publish, QoS 1",
    "open + publish, QoS 2",
    EARLY_REFUSED,
    "a further publish, QoS 0",
    "a further publish, QoS 1",
    "a further publish, QoS 2",
    "ten QoS 0 publishes, then one QoS 1",
    "one QoS 1, 25 ms after two of QoS 0",
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
    round_trip: f64,
) -> Result<Sample> {
    let run =
        |client: Client, groups: &[String]| client.run(build, &link.near, broker.address(), groups);
    let mut sample = Sample::new();
    let repeats = match depth {
        Depth::Quick => 1,
        Depth::Full => 2,
    };
    for qos in 0..=2 {
        let mut groups = vec![format!(
            "open + publish, QoS {qos}: open publish/{qos}/{SIZE}"
        )];
        for _ in 0..repeats {
            groups.push(QUIET.into());
            groups.push(format!(
                "a further publish, QoS {qos}: publish/{qos}/{SIZE}"
            ));
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
            groups.push(format!(
                "opened again, QoS {qos}: open publish/{qos}/{SIZE}"
            ));
        }
        sample.extend(run(client, &groups)?);
    }
    sample.extend(run(
        client,
        &[
            format!("-: open publish/1/{SIZE}"),
            QUIET.into(),
            format!("ten QoS 0 publishes, then one QoS 1: publish/0/{SIZE}x10 publish/1/{SIZE}"),
            QUIET.into(),
            // The second of the two leaves once the first is acknowledged, and awaits an acknowledgement of its own.
            format!("-: publish/0/{SIZE}x2 sleep/25"),
            format!("one QoS 1, 25 ms after two of QoS 0: publish/1/{SIZE}"),
        ],
    )?);
    sample.extend(run(
        client,
        &["open + publish 1 MiB, QoS 1: open publish/1/1048576".to_owned()],
    )?);
    if client == Client::Composed {
        let waits = format!("{EARLY_REFUSED}: open-waiting publish/1/{SIZE}");
        sample.extend(run(client, &[waits])?);
    }
    for value in sample.values_mut() {
        *value /= round_trip;
    }
    Ok(sample)
}

/// What there and back takes, in nanoseconds, the link's own delays included: the median of many a TCP connect.
fn round_trip(build: &Build, link: &Link, broker: &Mosquitto) -> Result<f64> {
    let connects = ["connect: open", "-: drop"].repeat(31);
    let connects: Vec<String> = connects.into_iter().map(str::to_owned).collect();
    let times = Client::RawNative.run(build, &link.near, broker.address(), &connects)?;
    times
        .get("connect")
        .copied()
        .context("no connect was timed")
}

/// The time of the whole process, less that of one that only says its usage.
fn mosquitto_pub(link: &Link, broker: &Mosquitto, round_trip: f64) -> Result<Sample> {
    let program = process::find("mosquitto_pub").context("mosquitto_pub is gone")?;
    let (host, port) = broker
        .address()
        .rsplit_once(':')
        .context("a broker without a port")?;
    let run = |args: &[&str]| {
        let mut command = link.near.command(&program);
        command.args(args);
        let finished = process::run(command, LIMIT)?;
        anyhow::Ok((finished.elapsed.as_nanos() as f64, finished))
    };
    let publish = |qos: u8, size: usize| {
        // A payload of a megabyte is too long for an argument.
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), vec![b'c'; size])?;
        let file = file.path().to_str().context("a path that is no text")?;
        let qos = qos.to_string();
        let (start, _) = run(&["--help"])?;
        let (elapsed, finished) =
            run(&["-h", host, "-p", port, "-t", "pets", "-q", &qos, "-f", file])?;
        ensure!(finished.status.success(), "mosquitto_pub: {finished}");
        anyhow::Ok(elapsed - start)
    };
    let mut sample = Sample::new();
    for qos in 0..=2 {
        let nanos = publish(qos, SIZE)?;
        sample.insert(format!("open + publish, QoS {qos}"), nanos / round_trip);
    }
    let nanos = publish(1, 1 << 20)?;
    sample.insert("open + publish 1 MiB, QoS 1".into(), nanos / round_trip);
    Ok(sample)
}
