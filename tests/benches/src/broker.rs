//! The broker: mosquitto, wherever a client is to reach it.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use end_to_end::process::{self, Running};
use tempfile::TempDir;

use crate::network::Place;

/// The longest that it takes to listen.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Whether it sends each packet at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDelay {
    /// `set_tcp_nodelay true`.
    Set,
    /// Mosquitto's default.
    Unset,
}

/// A running mosquitto, which ends with this value.
pub struct Mosquitto {
    address: String,
    _process: Running,
    _folder: TempDir,
}

impl Mosquitto {
    /// Whether it is installed.
    pub fn is_here() -> bool {
        process::find("mosquitto").is_some()
    }

    /// Starts one at `place`, which must have port `port` free.
    pub fn start(place: &Place, port: u16, no_delay: NoDelay) -> Result<Self> {
        let program = process::find("mosquitto").context("mosquitto is not installed")?;
        let folder = TempDir::with_prefix("mosquitto-")?;
        let config = folder.path().join("mosquitto.conf");
        let mut text = format!(
            "listener {port} {}\nallow_anonymous true\npersistence false\n\
             log_dest stderr\nlog_type information\nset_tcp_nodelay {}\n",
            place.address(),
            no_delay == NoDelay::Set
        );
        if rustix::process::geteuid().is_root() {
            // Else it becomes a user who can't read the folder.
            text += "user root\n";
        }
        fs::write(&config, text)?;
        let process = Running::spawn(place.command(program).arg("-c").arg(&config))?;
        process
            .await_line(START_LIMIT, |line| line.ends_with(" running").then_some(()))
            .context("mosquitto")?;
        Ok(Self {
            address: format!("{}:{port}", place.address()),
            _process: process,
            _folder: folder,
        })
    }

    /// Where it listens, `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}
