//! aedes, a broker for Node: tests/brokers/aedes, installed by npm.
//!
//! It remembers the packet ids of a kept session to the letter: what comes with an id that was left half way is a duplicate to
//! it, whatever is in it, where mosquitto compares.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    sync::{Once, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

use crate::{
    cargo,
    process::{self, Running},
};

/// The longest that npm takes to install it, from far away.
const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The longest that Node takes to start and to listen, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What it is made of.
const FILES: [&str; 3] = ["package.json", "package-lock.json", "broker.js"];

/// Its commands, and those of what it stands on.
const COMMANDS: &str = "node_modules/.bin";

/// A running aedes, killed when this value is dropped. It keeps sessions in memory.
pub struct Aedes {
    address: SocketAddr,
    log: NamedTempFile,
    _process: Running,
}

/// Whether tests can run on it: where `REQUIRE_PORTABILITY` is set, which says that more than Rust is there. Says once in a
/// process, on stderr, that it is not; with it set, a missing Node is a failure.
pub fn is_here() -> bool {
    static SAY: Once = Once::new();
    let is_required =
        env::var_os("REQUIRE_PORTABILITY").is_some_and(|value| !value.is_empty() && value != "0");
    if !is_required {
        SAY.call_once(|| {
            // Past the capture of a test that passes.
            let line = b"the tests with aedes were skipped: REQUIRE_PORTABILITY=1 runs them, with Node and mosquitto's clients\n";
            let _ = io::Write::write_all(&mut io::stderr(), line);
        });
    }
    is_required
}

impl Aedes {
    /// Installs it, if that is not done yet, and starts it on a free port of 127.0.0.1.
    pub fn start() -> Result<Self> {
        let folder = installed()?;
        let mut node = Command::new("node");
        // The Node that is installed with it, where there is one for this system.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(
            [folder.join(COMMANDS)]
                .into_iter()
                .chain(env::split_paths(&path)),
        )?;
        let log = NamedTempFile::with_prefix("aedes-")?;
        node.arg("broker.js")
            .arg(log.path())
            .current_dir(folder)
            .env("PATH", path);
        let process = Running::spawn(&mut node)?;
        let port: u16 = process
            .await_line(START_LIMIT, |line| {
                line.strip_prefix("listening on ")?.parse().ok()
            })
            .context("aedes")?;
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            log,
            _process: process,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged so far, in mosquitto's words: each PUBLISH that came, and `Released TOPIC` for each message that it
    /// passed on.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.log.path())?)
    }
}

/// A folder of the target directory where it is installed.
fn installed() -> Result<&'static Path> {
    static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    process::once(&INSTALLED, || {
        let npm = process::find("npm")
            .context("aedes needs Node, and `npm` is not installed (.ci/run installs it)")?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("brokers/aedes");
        let folder = cargo::target_dir()?.join("portability/aedes");
        fs::create_dir_all(&folder)?;
        let mut is_new = !folder.join(COMMANDS).is_dir();
        for file in FILES {
            let (content, copy) = (fs::read(source.join(file))?, folder.join(file));
            if fs::read(&copy).ok().as_ref() != Some(&content) {
                fs::write(copy, content)?;
                is_new |= file.starts_with("package");
            }
        }
        if is_new {
            let mut install = Command::new(npm);
            install
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&folder);
            let finished = process::run(install, INSTALL_LIMIT)?;
            ensure!(finished.status.success(), "npm: {finished}");
        }
        Ok(folder)
    })
}
