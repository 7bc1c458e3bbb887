//! The columns of the matrix: hosts, all of them other people's.

use std::{
    env,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{
    broker::ReservedPort,
    cargo, compose,
    host::{self, NETWORK, Serve},
    process::{self, Finished, Running},
};
use serde_json::Value;

use crate::{
    guests::Kind,
    pages::{self, Page},
};

/// The longest that a host takes to compile a component and to run it, on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// A host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The stock wasmtime command that all other tests use.
    Wasmtime48,
    /// The stock command of an older long-term release; see tests/hosts.
    Wasmtime36,
    /// The same of the one before.
    Wasmtime24,
    /// jco, as the JavaScript guest installs it.
    Jco,
    /// wasmtime in a program that provides the interfaces that `compose inspect` lists, and no others.
    Listed,
    /// wasmtime for Python before 48, from which on its bindings give no TCP.
    Python46,
    /// wasmtime for Python, the newest release.
    Python50,
}

impl Host {
    pub const ALL: [Self; 7] = [
        Self::Wasmtime48,
        Self::Wasmtime36,
        Self::Wasmtime24,
        Self::Jco,
        Self::Listed,
        Self::Python46,
        Self::Python50,
    ];

    /// Its name in the names of tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasmtime48 => "wasmtime-48",
            Self::Wasmtime36 => "wasmtime-36",
            Self::Wasmtime24 => "wasmtime-24",
            Self::Jco => "jco",
            Self::Listed => "listed",
            Self::Python46 => "python-46",
            Self::Python50 => "python-50",
        }
    }

    /// Its name in the table.
    pub fn column(self) -> &'static str {
        match self {
            Self::Wasmtime48 => "wasmtime 48.0.8",
            Self::Wasmtime36 => "36.0.20",
            Self::Wasmtime24 => "24.0.13",
            Self::Jco => "jco, Node 22",
            Self::Listed => "listed only",
            Self::Python46 => "Python 46.0.1",
            Self::Python50 => "50.0.1",
        }
    }

    /// Whether it takes more than Rust, or long, to build or install it.
    pub fn needs_more(self) -> bool {
        !matches!(self, Self::Wasmtime48 | Self::Listed)
    }

    /// Whether it can do something with a guest of this kind.
    pub fn takes(self, kind: Kind) -> bool {
        kind != Kind::Http || !matches!(self, Self::Python46 | Self::Python50)
    }

    /// Has `component`, a guest of this kind, answer a request or run, and returns the answer or what it printed.
    pub fn answer(self, kind: Kind, component: &Path, env: &[(&str, &str)]) -> Result<String> {
        let wasmtime = match self {
            Self::Wasmtime48 => host::wasmtime()?,
            Self::Wasmtime36 => older_wasmtime(&WASMTIME_36, "wasmtime-36")?,
            Self::Wasmtime24 => older_wasmtime(&WASMTIME_24, "wasmtime-24")?,
            Self::Jco if kind == Kind::Http => return jco_serve(component, env),
            Self::Jco => {
                let mut run = jco()?;
                run.arg("run").arg(component);
                return output(run, env);
            }
            Self::Listed => return output(listed(component)?, env),
            Self::Python46 => return output(python("46.0.1", &PYTHON_46, component)?, env),
            Self::Python50 => return output(python("50.0.1", &PYTHON_50, component)?, env),
        };
        if kind == Kind::Http {
            let serve = Serve::start_with(wasmtime, component, env)?;
            let (status, text) = serve.post(b"")?;
            ensure!(status == 200, "{status}: {text}\n{}", serve.stderr());
            return Ok(text);
        }
        let env = env
            .iter()
            .map(|(name, value)| format!("--env={name}={value}"));
        let env: Vec<String> = env.collect();
        // What a command imports of wasi:http it need not use: StarlingMonkey has it in all that it makes.
        let options: Vec<&str> = NETWORK
            .iter()
            .copied()
            .chain(["-Shttp"])
            .chain(env.iter().map(String::as_str))
            .collect();
        printed(host::run_with(wasmtime, component, &options, [], LIMIT)?)
    }
}

static WASMTIME_36: OnceLock<Result<PathBuf, String>> = OnceLock::new();
static WASMTIME_24: OnceLock<Result<PathBuf, String>> = OnceLock::new();
static PYTHON_46: OnceLock<Result<PathBuf, String>> = OnceLock::new();
static PYTHON_50: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// What stands in tests/hosts.
fn hosts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts")
}

fn older_wasmtime(
    built: &'static OnceLock<Result<PathBuf, String>>,
    name: &str,
) -> Result<&'static Path> {
    process::once(built, || {
        let target_dir = cargo::target_dir()?.join("hosts").join(name);
        cargo::build_native(&hosts().join(name), name, &target_dir)
    })
}

/// The command that the JavaScript guest has installed, on the Node beside it: what the system's knows of WebAssembly varies.
fn jco() -> Result<Command> {
    let commands = Page::JavaScript.build()?.join("node_modules/.bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let mut jco = Command::new(commands.join("jco"));
    jco.env(
        "PATH",
        env::join_paths([commands].into_iter().chain(env::split_paths(&path)))?,
    );
    Ok(jco)
}

fn jco_serve(component: &Path, env: &[(&str, &str)]) -> Result<String> {
    let port = ReservedPort::new()?;
    let address = port.address();
    let mut serve = jco()?;
    serve
        .args(["serve", "--host", "127.0.0.1", "--port"])
        .arg(address.port().to_string())
        .arg(component)
        .envs(env.iter().copied());
    let mut serve = Running::spawn(&mut serve)?;
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(address).is_err() {
        ensure!(
            serve.is_running() && Instant::now() < deadline,
            "jco serve does not listen: {}",
            serve.stderr()
        );
        thread::sleep(Duration::from_millis(50));
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LIMIT))
        .build()
        .into();
    let mut response = agent
        .get(format!("http://{address}/"))
        .call()
        .with_context(|| serve.stderr())?;
    let text = response.body_mut().read_to_string()?;
    ensure!(
        response.status() == 200,
        "{}: {text}\n{}",
        response.status(),
        serve.stderr()
    );
    Ok(text)
}

/// The embedding of tests/wasmtime with what `compose inspect` lists.
fn listed(component: &Path) -> Result<Command> {
    embedded(component, &interfaces(component)?)
}

/// Fails unless that list has nothing that can be left out: each interface is missed.
pub fn check_list_is_short(component: &Path) -> Result<()> {
    let all = interfaces(component)?;
    for missing in &all {
        let others: Vec<String> = all.iter().filter(|it| *it != missing).cloned().collect();
        let finished = process::run(embedded(component, &others)?, LIMIT)?;
        ensure!(
            !finished.status.success() && finished.stderr.contains(missing.as_str()),
            "nobody misses {missing}: {finished}"
        );
    }
    Ok(())
}

/// What a host must provide, as `compose inspect` says.
fn interfaces(component: &Path) -> Result<Vec<String>> {
    let mut inspect = Command::new(compose::command()?);
    inspect.args(["inspect", "--json"]).arg(component);
    let report: Value = serde_json::from_str(&printed(process::run(inspect, LIMIT)?)?)?;
    let interfaces = report["host"].as_array().context("a list of interfaces")?;
    Ok(interfaces
        .iter()
        .filter_map(|it| it["name"].as_str().map(str::to_owned))
        .collect())
}

fn embedded(component: &Path, interfaces: &[String]) -> Result<Command> {
    static LISTED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = process::once(&LISTED, || {
        cargo::build_tool(
            "listed",
            &["--package", "stock-wasmtime", "--profile", "stock"],
        )
    })?;
    let mut listed = Command::new(program);
    listed
        .arg(host::cache_config()?)
        .arg(component)
        .args(interfaces);
    Ok(listed)
}

/// `run.py` of tests/hosts/python with this version of wasmtime for Python.
fn python(
    version: &str,
    installed: &'static OnceLock<Result<PathBuf, String>>,
    component: &Path,
) -> Result<Command> {
    let packages = process::once(installed, || {
        let folder = cargo::target_dir()?
            .join("portability")
            .join(format!("wasmtime-py-{version}"));
        let mut install = Command::new(pages::require("python3")?);
        install
            .args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
            .arg(&folder)
            .arg(format!("wasmtime=={version}"));
        printed(process::run(install, LIMIT)?)?;
        Ok(folder)
    })?;
    let mut python = Command::new(pages::require("python3")?);
    python
        .env("PYTHONPATH", packages)
        .arg(hosts().join("python/run.py"))
        .arg(component);
    Ok(python)
}

fn output(mut command: Command, env: &[(&str, &str)]) -> Result<String> {
    command.envs(env.iter().copied());
    printed(process::run(command, LIMIT)?)
}

fn printed(finished: Finished) -> Result<String> {
    if !finished.status.success() {
        bail!("{finished}");
    }
    Ok(finished.stdout)
}
