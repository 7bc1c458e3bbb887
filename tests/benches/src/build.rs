//! Builds all that is measured.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use end_to_end::{cargo, guest::Guest, process};

/// The folder of the guest that publishes in three ways.
const GUEST: &str = "tests/guests/benchmark";

const WASIP2: &str = "wasm32-wasip2";

/// All that was built.
pub struct Build {
    /// The stock wasmtime.
    pub wasmtime: PathBuf,
    /// The host that implements Spin's interface natively.
    pub native_host: PathBuf,
    /// The `compose` command.
    pub compose: PathBuf,
    /// The guest `spin`, composed.
    pub composed: PathBuf,
    /// The guest of Spin's example, which publishes what is posted to it.
    pub http: PathBuf,
    /// The same, composed.
    pub http_composed: PathBuf,
    /// The same with raw TCP in it in place of the interface.
    pub http_raw: PathBuf,
    /// The same with rumqttc in it.
    pub http_rumqttc: PathBuf,
    /// Where results go.
    pub output: PathBuf,
    guests: PathBuf,
    natives: PathBuf,
}

impl Build {
    /// Builds what is not built yet; says so on standard error.
    pub fn new() -> Result<Self> {
        let target = cargo::target_dir()?;
        let output = target.join("benchmark");
        fs::create_dir_all(&output)?;

        let compose =
            cargo::build_tool("compose", &["--release", "--package", "spin-mqtt-composer"])?;
        // In one build, so that both stand on the same wasmtime: its features are those that either asks for.
        let built = cargo::build_tool(
            "native-host",
            &[
                "--release",
                "--package=stock-wasmtime",
                "--package=native-host",
                "--bin=wasmtime",
            ],
        )?;
        let wasmtime = match env::var_os("WASMTIME") {
            Some(path) => path.into(),
            None => built.with_file_name("wasmtime"),
        };

        let source = cargo::workspace().join(GUEST);
        let guests = target.join("guests");
        let guest = cargo::build_guest(&source, WASIP2, &guests)?;
        cargo::build_native(&source, "rumqttc", &guests)?;
        let native = cargo::build_native(&source, "raw", &guests)?;
        let http = Guest::SpinSdk5Wasip2.build()?;
        let example = |name| cargo::build_guest_example(&source, name, WASIP2, &guests);
        let build = Self {
            wasmtime,
            native_host: built,
            compose,
            composed: output.join("spin.composed.wasm"),
            http_composed: output.join("http.composed.wasm"),
            http,
            http_raw: example("http-raw")?,
            http_rumqttc: example("http-rumqttc")?,
            guests: folder(&guest),
            natives: folder(&native),
            output,
        };
        build.write_cache_config()?;
        build.compose(&build.guest("spin"), &build.composed)?;
        build.compose(&build.http, &build.http_composed)?;
        Ok(build)
    }

    /// The guest `name` as a component: `spin`, `rumqttc` or `raw`.
    pub fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(name).with_extension("wasm")
    }

    /// The same program for this machine: `rumqttc` or `raw`.
    pub fn native(&self, name: &str) -> PathBuf {
        self.natives.join(name)
    }

    /// The option that keeps compiled code, for wasmtime and for the native host.
    pub fn cache_option(&self) -> OsString {
        let mut option = OsString::from("-Ccache-config=");
        option.push(self.cache_config());
        option
    }

    fn cache_config(&self) -> PathBuf {
        self.output.join("cache.toml")
    }

    fn write_cache_config(&self) -> Result<()> {
        let text = format!("[cache]\ndirectory = {:?}\n", self.output.join("cache"));
        Ok(fs::write(self.cache_config(), text)?)
    }

    fn compose(&self, input: &Path, output: &Path) -> Result<()> {
        let mut compose = Command::new(&self.compose);
        compose.arg(input).arg("-o").arg(output);
        let finished = process::run(compose, Duration::from_secs(60))?;
        ensure!(finished.status.success(), "compose: {finished}");
        Ok(())
    }
}

fn folder(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_owned()
}
