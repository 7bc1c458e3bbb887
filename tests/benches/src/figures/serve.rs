//! Requests a second: a request comes in, a message goes out.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use end_to_end::{host::NETWORK, process::Running};

use super::{Broker, Depth};
use crate::{
    build::Build,
    figure::{Figure, Rounds, Sample, Subject, Unit, in_turn},
    pace,
};

/// The longest that a server takes to listen.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How many requests an instance serves where instances are used again.
const REUSE: &str = "--max-instance-reuse-count=1000";

const CONCURRENT: [usize; 3] = [1, 8, 32];

/// What each request carries.
const BODY: [u8; 100] = [b'c'; 100];

/// Measures both figures: a new instance for each request, and instances that serve many.
pub fn measure(build: &Build, depth: Depth) -> Result<Vec<Figure>> {
    let broker = Broker::start()?;
    // An empty client id has the broker make one; the native host must be given one, as must Spin.
    let address = format!("--env=MQTT_ADDRESS=mqtt://{}?client_id=", &broker.address);
    let stock = |component: &Path, options: &[&str]| {
        let options = [&["-Scli"], NETWORK, options].concat();
        Server::start(&build.wasmtime, build, &options, component)
    };
    let composed = |options: &[&str]| {
        stock(
            &build.http_composed,
            &[&[address.as_str()], options].concat(),
        )
    };
    let host_and_port = format!("--env=MQTT_BROKER={}", &broker.address);
    let with_client = |component: &Path| stock(component, &[&host_and_port]);
    let native = |options: &[&str]| {
        let options = [&[address.as_str()], options].concat();
        Server::start(&build.native_host, build, &options, &build.http)
    };
    let servers = [
        ("composed", composed(&[])?),
        ("native host, as Spin's", native(&[])?),
        ("composed, instances reused", composed(&[REUSE])?),
        ("native host, instances reused", native(&[REUSE])?),
        ("rumqttc in the guest", with_client(&build.http_rumqttc)?),
        ("raw TCP in the guest", with_client(&build.http_raw)?),
    ];
    let window = match depth {
        Depth::Quick => pace::SAMPLE,
        Depth::Full => Duration::from_secs(2),
    };
    let rounds = match depth {
        Depth::Quick => Rounds {
            warm_up: 0,
            counted: 3,
        },
        Depth::Full => Rounds {
            warm_up: 1,
            counted: 5,
        },
    };
    let rows: Vec<String> = CONCURRENT.map(|count| format!("{count} concurrent")).into();
    let figure = |name: &str, title: &str, columns: &[usize]| {
        let subjects = columns
            .iter()
            .map(|index| {
                let (name, server) = &servers[*index];
                Subject::new(*name, || sample(server, window, &rows))
            })
            .collect();
        anyhow::Ok(Figure {
            name: name.into(),
            title: title.into(),
            unit: Unit::RequestsPerSecond,
            notes: vec![format!(
                "A POST of 100 bytes, which the guest publishes at QoS 1 on a connection that it opens for it, to {}.",
                broker.name
            )],
            columns: columns
                .iter()
                .map(|index| servers[*index].0.into())
                .collect(),
            rows: in_turn(rounds, subjects, &rows)?,
        })
    };
    Ok(vec![
        figure("serve", "Requests, a new instance for each", &[0, 1, 4, 5])?,
        figure("serve-reuse", "Requests, instances reused", &[2, 1, 3])?,
    ])
}

/// A running HTTP server, which ends with this value.
struct Server {
    url: String,
    process: Running,
}

impl Server {
    fn start(host: &Path, build: &Build, options: &[&str], component: &Path) -> Result<Self> {
        let mut command = std::process::Command::new(host);
        command
            // As a user runs it: with it, wasmtime takes a backtrace of each socket that is not ready yet.
            .env_remove("RUST_BACKTRACE")
            .arg("serve")
            .arg(build.cache_option())
            .args(["--addr", "127.0.0.1:0"])
            .args(options)
            .arg(component);
        let process = Running::spawn(&mut command)?;
        let url = process.await_line(START_LIMIT, |line| {
            line.strip_prefix("Serving HTTP on ").map(str::to_owned)
        });
        Ok(Self {
            url: url.with_context(|| host.display().to_string())?,
            process,
        })
    }
}

fn sample(server: &Server, window: Duration, rows: &[String]) -> Result<Sample> {
    let mut sample = Sample::new();
    for (row, concurrent) in rows.iter().zip(CONCURRENT) {
        let rate = requests_per_second(server, concurrent, window)?;
        sample.insert(row.clone(), rate);
    }
    Ok(sample)
}

/// Has so many clients post, each the next request when the one before is answered. A fifth of the window is for warming up.
fn requests_per_second(server: &Server, concurrent: usize, window: Duration) -> Result<f64> {
    let answered = AtomicU64::new(0);
    let stopping = AtomicBool::new(false);
    let post = || {
        let agent = ureq::Agent::new_with_defaults();
        while !stopping.load(Ordering::Relaxed) {
            let mut response = agent.post(&server.url).send(&BODY[..])?;
            response.body_mut().read_to_vec()?;
            answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok::<_, ureq::Error>(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..concurrent).map(|_| scope.spawn(post)).collect();
        thread::sleep(window / 5);
        let start = Instant::now();
        let before = answered.load(Ordering::Relaxed);
        thread::sleep(window);
        let count = answered.load(Ordering::Relaxed) - before;
        let elapsed = start.elapsed();
        stopping.store(true, Ordering::Relaxed);
        for client in clients {
            let result = client.join().expect("no client panics");
            result.with_context(|| server.process.stderr())?;
        }
        ensure!(
            count > 0,
            "no request was answered: {}",
            server.process.stderr()
        );
        Ok(count as f64 / elapsed.as_secs_f64())
    })
}
