//! Where processes run: on this machine's loopback, or on either side of a link with a delay.

use std::{env, ffi::OsStr, process::Command, time::Duration};

use anyhow::{Context, Result};
use end_to_end::process::Running;

use crate::link::{FAR, NEAR};

/// How long a link takes to be up.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where a process runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// Where we are.
    Here,
    /// In the network namespace of a process.
    Namespace {
        /// A process in it.
        pid: u32,
        /// Its address there.
        address: &'static str,
    },
}

impl Place {
    /// The command `program`, to be run there.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Here => Command::new(program),
            Self::Namespace { pid, .. } => {
                let mut command = Command::new("nsenter");
                command
                    .arg(format!("--net=/proc/{pid}/ns/net"))
                    .arg("--")
                    .arg(program);
                command
            }
        }
    }

    /// The address at which others reach a server there.
    pub fn address(&self) -> &'static str {
        match self {
            Self::Here => "127.0.0.1",
            Self::Namespace { address, .. } => address,
        }
    }
}

/// A link with a delay, between two network namespaces of its own. Both end with this value.
pub struct Link {
    /// Its side for clients.
    pub near: Place,
    /// Its side for brokers.
    pub far: Place,
    _process: Running,
}

impl Link {
    /// A link with `round_trip` for there and back.
    ///
    /// # Errors
    ///
    /// It takes root, TUN devices, and the commands `ip`, `unshare` and `nsenter`.
    pub fn new(round_trip: Duration) -> Result<Self> {
        let delay = (round_trip / 2).as_micros().to_string();
        let mut command = Command::new("unshare");
        command
            .arg("--net")
            .arg(env::current_exe()?)
            .args(["link", "--delay-micros", &delay]);
        let process = Running::spawn(&mut command)?;
        let far = process
            .await_line(START_LIMIT, |line| {
                line.strip_prefix("ready ").and_then(|pid| pid.parse().ok())
            })
            .with_context(|| {
                format!(
                    "a link with a delay needs root, TUN devices, and iproute2 and util-linux: {}",
                    process.stderr()
                )
            })?;
        Ok(Self {
            // `unshare` has become the link.
            near: Place::Namespace {
                pid: process.id(),
                address: NEAR,
            },
            far: Place::Namespace {
                pid: far,
                address: FAR,
            },
            _process: process,
        })
    }
}
