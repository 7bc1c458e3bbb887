//! A mosquitto that is killed and comes back, at the same address.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{ReservedPort, await_listening, mosquitto};
use crate::process::Running;

/// The longest that mosquitto takes to save its sessions and to end.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A mosquitto with sessions on disk, and with a log of all that it does which outlives it.
///
/// It writes its sessions to disk when it is terminated and at no other time, so that what a kill takes from it is plain:
/// all since it was started.
pub struct Restartable {
    port: ReservedPort,
    folder: TempDir,
    process: Mutex<Option<Running>>,
}

/// How a broker is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: it saves its sessions first.
    Terminate,
    /// SIGKILL: it saves nothing.
    Kill,
}

impl Restartable {
    /// Starts it on a free port of 127.0.0.1. It has no bound on what it queues for subscribers that are away.
    pub fn start() -> Result<Self> {
        let broker = Self {
            port: ReservedPort::new()?,
            folder: TempDir::with_prefix("mosquitto-")?,
            process: Mutex::new(None),
        };
        let config = format!(
            "{}allow_anonymous true\npersistence true\npersistence_location {}/\nautosave_interval 0\n\
             max_queued_messages 0\n",
            mosquitto::config(broker.address()),
            broker.folder.path().display()
        );
        fs::write(broker.config_file(), config)?;
        broker.resume()?;
        Ok(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// Its address as a guest opens it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address())
    }

    /// Stops it, and waits for its end.
    pub fn stop(&self, how: Stop) -> Result<()> {
        let process = self.process().take().context("it does not run")?;
        let signal = match how {
            Stop::Terminate => Signal::TERM,
            Stop::Kill => Signal::KILL,
        };
        process.end_by(signal, STOP_LIMIT)
    }

    /// Starts it again after a [`stop`](Self::stop), and returns once it listens.
    pub fn resume(&self) -> Result<()> {
        let mut running = self.process();
        ensure!(running.is_none(), "it runs already");
        let mut command = mosquitto::command(&self.config_file())?;
        let process = running.insert(Running::spawn_logging(&mut command, &self.log_file())?);
        await_listening(self.address(), || match process.is_running() {
            true => Ok(()),
            false => bail!("mosquitto ended: {}", self.log()?),
        })
    }

    /// What it has logged so far, over all of its lives.
    pub fn log(&self) -> Result<String> {
        let log = fs::read(self.log_file())?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    fn process(&self) -> MutexGuard<'_, Option<Running>> {
        self.process
            .lock()
            .expect("nobody panics with the lock held")
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("mosquitto.conf")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("mosquitto.log")
    }
}
