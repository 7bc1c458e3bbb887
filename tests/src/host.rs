//! The host: the stock `wasmtime` command, which knows nothing of Spin.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    cargo, process,
    process::{Finished, Running},
};

/// What a composed component needs to reach a broker: the network, and host names.
pub const NETWORK: &[&str] = &["-Sinherit-network", "-Sallow-ip-name-lookup"];

/// The longest that wasmtime takes to compile a component and to listen, on a busy machine; one with Python inside is large.
const START_LIMIT: Duration = Duration::from_secs(300);

/// The path of the wasmtime command: `$WASMTIME`, or else tests/wasmtime, built with this workspace.
pub fn wasmtime() -> Result<&'static Path> {
    static WASMTIME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    process::once(&WASMTIME, || match std::env::var_os("WASMTIME") {
        Some(path) => Ok(path.into()),
        None => cargo::build_tool(
            "wasmtime",
            &["--package", "stock-wasmtime", "--profile", "stock"],
        ),
    })
}

/// A `wasmtime serve` of one component, on a free port of loopback.
pub struct Serve {
    process: Running,
    url: String,
    command_line: String,
}

impl Serve {
    /// Starts the server. The component sees `env`; it may use the network.
    pub fn start(component: &Path, env: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(wasmtime()?, component, env)
    }

    /// The same with another wasmtime command than [`wasmtime`]'s.
    pub fn start_with(wasmtime: &Path, component: &Path, env: &[(&str, &str)]) -> Result<Self> {
        Self::spawn(wasmtime, component, env, &[])
    }

    /// Starts a server that uses each instance for so many requests, one after another.
    pub fn start_reusing(component: &Path, requests: usize) -> Result<Self> {
        let option = format!("--max-instance-reuse-count={requests}");
        Self::spawn(wasmtime()?, component, &[], &[option])
    }

    fn spawn(
        wasmtime: &Path,
        component: &Path,
        env: &[(&str, &str)],
        options: &[String],
    ) -> Result<Self> {
        let mut serve = command(wasmtime, "serve")?;
        serve
            .args(["--addr", "127.0.0.1:0", "-Scli"])
            .args(NETWORK)
            .args(options)
            .args(
                env.iter()
                    .map(|(name, value)| format!("--env={name}={value}")),
            )
            .arg(component);
        let process = Running::spawn(&mut serve)?;
        let url = process
            .await_line(START_LIMIT, |line| {
                line.strip_prefix("Serving HTTP on ").map(str::to_owned)
            })
            .context("wasmtime serve")?;
        Ok(Self {
            process,
            url,
            command_line: process::shown(&serve),
        })
    }

    /// The URL that it answers, `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The command line that started it.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// What the server and the component have written to stderr so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Waits until a line with `text` in it stands on stderr: what a guest wrote may come later than its answer.
    pub fn await_stderr(&self, text: &str) -> Result<()> {
        self.process
            .await_line(START_LIMIT, |line| line.contains(text).then_some(()))
    }

    /// Posts `body` and returns the status code and the text of the answer.
    pub fn post(&self, body: &[u8]) -> Result<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let mut response = agent
            .post(&self.url)
            .content_type("application/octet-stream")
            .send(body)
            .with_context(|| format!("POST {}: {}", self.url, self.stderr()))?;
        let text = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), text))
    }
}

/// Runs a command component under `wasmtime run` with these options and arguments, at most for `limit`.
pub fn run(
    component: &Path,
    options: &[&str],
    args: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<Finished> {
    run_with(wasmtime()?, component, options, args, limit)
}

/// The same with another wasmtime command than [`wasmtime`]'s.
pub fn run_with(
    wasmtime: &Path,
    component: &Path,
    options: &[&str],
    args: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<Finished> {
    let mut run = command(wasmtime, "run")?;
    run.args(options).arg(component).args(args);
    process::run(run, limit)
}

/// What a component held of its host's; see `tests/wasmtime/src/bin/metered.rs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The size of each of its linear memories at its end, in bytes.
    pub memories: Vec<u64>,
    /// How many of the host's resources it had left at its end.
    pub resources: u64,
}

/// Runs a command component like [`run`], with the network, and with at most `max_resources` of the host's resources at
/// a time. The runtime is the stock one, embedded in a command that meters it.
pub fn run_metered(
    component: &Path,
    max_resources: usize,
    args: impl IntoIterator<Item = String>,
    limit: Duration,
) -> Result<(Finished, Figures)> {
    static METERED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = process::once(&METERED, || {
        cargo::build_tool(
            "metered",
            &["--package", "stock-wasmtime", "--profile", "stock"],
        )
    })?;
    let mut command = Command::new(program);
    command
        .arg(max_resources.to_string())
        .arg(component)
        .args(args);
    let finished = process::run(command, limit)?;
    ensure!(
        finished.status.success(),
        "the component failed: {finished}"
    );
    let line = finished.stderr.lines().last().context("no figures")?;
    let figures: Value = serde_json::from_str(line).with_context(|| finished.to_string())?;
    let memories = figures["memories"].as_array().context("no memories")?;
    let figures = Figures {
        memories: memories.iter().filter_map(Value::as_u64).collect(),
        resources: figures["resources"].as_u64().context("no resources")?,
    };
    Ok((finished, figures))
}

/// `wasmtime SUBCOMMAND`, with its cache of compiled code in the target directory and not in the user's. Another command than
/// [`wasmtime`]'s, whose configuration may have another form, goes without.
fn command(program: &Path, subcommand: &str) -> Result<Command> {
    let mut command = Command::new(program);
    command.arg(subcommand);
    match program == wasmtime()? {
        true => command.arg(format!("-Ccache-config={}", cache_config()?.display())),
        false => command.arg("-Ccache=n"),
    };
    Ok(command)
}

/// The file that configures wasmtime's cache.
pub fn cache_config() -> Result<PathBuf> {
    let directory = cargo::target_dir()?.join("wasmtime-cache");
    fs::create_dir_all(&directory)?;
    let config = directory.join("config.toml");
    let text = format!("[cache]\ndirectory = {directory:?}\n");
    if fs::read_to_string(&config).ok().as_deref() != Some(&text) {
        // Whole or not at all: another test process may be reading it.
        let new = tempfile::NamedTempFile::new_in(&directory)?;
        fs::write(new.path(), text)?;
        new.persist(&config)?;
    }
    Ok(config)
}
