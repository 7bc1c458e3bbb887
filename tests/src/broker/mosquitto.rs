//! The system's mosquitto, as a process with a configuration of its own.

use std::{fs, net::SocketAddr, path::Path, process::Command, sync::Once, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::{Access, await_listening};
use crate::process::{self, Running};

/// A running mosquitto, killed when this value is dropped.
pub struct Process {
    _process: Running,
    _directory: TempDir,
}

/// Whether mosquitto is installed.
pub fn is_here() -> bool {
    static SAY: Once = Once::new();
    let here = process::find("mosquitto").is_some();
    if !here {
        assert!(
            !super::mosquitto_is_required(),
            "REQUIRE_MOSQUITTO is set and mosquitto is not installed"
        );
        SAY.call_once(|| {
            // Past the capture of a test that passes: nobody should take this run for one with mosquitto.
            let line = b"mosquitto is not installed: the tests ran with the embedded broker only\n";
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line);
        });
    }
    here
}

/// Starts a mosquitto that listens at `address`.
pub fn start(address: SocketAddr, access: Access<'_>) -> Result<Process> {
    let directory = TempDir::with_prefix("mosquitto-")?;
    let mut config = config(address) + "persistence false\n";
    match access {
        Access::Open => config += "allow_anonymous true\n",
        Access::Password { user, password } => {
            let file = directory.path().join("passwords");
            write_passwords(&file, user, password)?;
            config += &format!("allow_anonymous false\npassword_file {}\n", file.display());
        }
    }
    let config_file = directory.path().join("mosquitto.conf");
    fs::write(&config_file, config)?;

    let mut process = Running::spawn(&mut command(&config_file)?)?;
    await_listening(address, || match process.is_running() {
        true => Ok(()),
        false => bail!("mosquitto ended: {}", process.stderr()),
    })?;
    Ok(Process {
        _process: process,
        _directory: directory,
    })
}

/// What every configuration has: it listens at `address`, and says on stderr all that it does.
pub(super) fn config(address: SocketAddr) -> String {
    let mut config = format!(
        "listener {} {}\nlog_dest stderr\nlog_type all\nmessage_size_limit 0\n",
        address.port(),
        address.ip()
    );
    if rustix::process::geteuid().is_root() {
        // Else it becomes a user who can't read the directory.
        config += "user root\n";
    }
    config
}

/// `mosquitto -c CONFIG_FILE`.
pub(super) fn command(config_file: &Path) -> Result<Command> {
    let program = process::find("mosquitto").context("mosquitto is not installed")?;
    let mut command = Command::new(program);
    command.arg("-c").arg(config_file);
    Ok(command)
}

fn write_passwords(file: &Path, user: &str, password: &str) -> Result<()> {
    let program = process::find("mosquitto_passwd").context("mosquitto_passwd is not installed")?;
    let mut passwd = Command::new(program);
    passwd.args(["-b", "-c"]).arg(file).args([user, password]);
    let finished = process::run(passwd, Duration::from_secs(10))?;
    ensure!(finished.status.success(), "mosquitto_passwd: {finished}");
    Ok(())
}
