//! A subscriber that comes back after each outage: `mosquitto_sub` with a session that the broker keeps.

use std::{
    collections::HashMap,
    process::Command,
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{Broker, Size, topic};
use crate::{
    broker::restartable::Stop,
    process::{self, Running},
};

/// The longest that the broker takes for what it still has for the subscriber.
const LIMIT: Duration = Duration::from_secs(120);

/// The topic of the last message of all.
const LAST: &str = "load/last";

pub(super) struct Watcher {
    _process: Running,
    messages: Receiver<(String, String)>,
}

/// What it got.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How often each topic's message came.
    pub(super) times: HashMap<String, usize>,
    /// Topics whose message was not what was posted.
    pub(super) altered: Vec<String>,
}

impl Watcher {
    /// Returns once the subscription is on the broker's disk, so that it survives whatever comes.
    pub(super) fn start(broker: &Broker) -> Result<Self> {
        let subscribed = process::run(subscribe(broker, &["-E"])?, LIMIT)?;
        ensure!(subscribed.status.success(), "{subscribed}");
        if let Broker::Mosquitto(broker) = broker {
            broker.stop(Stop::Terminate)?;
            broker.resume()?;
        }

        let (sender, messages) = mpsc::channel();
        let process =
            Running::spawn_reading(&mut subscribe(broker, &["-F", "%t %p"])?, move |line| {
                if let Some((topic, payload)) = line.split_once(' ') {
                    // Nobody listens any more once the last one is there.
                    let _ = sender.send((topic.to_owned(), payload.to_owned()));
                }
            })?;
        Ok(Self {
            _process: process,
            messages,
        })
    }

    /// Waits until it has all that the broker has for it.
    pub(super) fn finish(self, broker: &Broker, size: Size) -> Result<Seen> {
        let mut publish = client("mosquitto_pub", broker)?;
        publish.args(["-q", "2", "-t", LAST, "-m", "last"]);
        let published = process::run(publish, LIMIT)?;
        ensure!(published.status.success(), "{published}");

        let mut seen = Seen::default();
        loop {
            let (name, text) = self
                .messages
                .recv_timeout(LIMIT)
                .context("the subscriber did not get the last message")?;
            if name == LAST {
                return Ok(seen);
            }
            let index = name.rsplit('/').next().and_then(|it| it.parse().ok());
            if !index.is_some_and(|index| topic(index) == name && size.payload(index) == text) {
                seen.altered.push(name.clone());
            }
            *seen.times.entry(name).or_default() += 1;
        }
    }
}

fn subscribe(broker: &Broker, args: &[&str]) -> Result<Command> {
    let mut command = client("mosquitto_sub", broker)?;
    command
        .args(["-i", "watcher", "-c", "-q", "2", "-t", "load/#"])
        .args(args);
    Ok(command)
}

fn client(name: &str, broker: &Broker) -> Result<Command> {
    let program = process::find(name).with_context(|| format!("{name} is not installed"))?;
    let mut command = Command::new(program);
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &broker.address().port().to_string(),
    ]);
    Ok(command)
}
