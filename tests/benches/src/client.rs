//! The clients: ours and its peers, each of which does what `tests/guests/benchmark` says, as a process of its own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end_to_end::{host::NETWORK, process};

use crate::{build::Build, figure, network::Place};

/// The longest that a client runs.
const LIMIT: Duration = Duration::from_secs(120);

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A guest of the Spin SDK, composed, under the stock wasmtime.
    Composed,
    /// The same guest, not composed, under a host that implements the interface natively.
    NativeHost,
    /// A guest with rumqttc in it, under the stock wasmtime.
    RumqttcGuest,
    /// rumqttc without WebAssembly.
    RumqttcNative,
    /// A guest that writes MQTT's bytes to a socket, under the stock wasmtime.
    RawGuest,
    /// A native program that writes MQTT's bytes to a socket.
    RawNative,
}

impl Client {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Composed => "composed",
            Self::NativeHost => "native host, as Spin's",
            Self::RumqttcGuest => "rumqttc in the guest",
            Self::RumqttcNative => "native rumqttc",
            Self::RawGuest => "raw TCP in the guest",
            Self::RawNative => "native raw TCP",
        }
    }

    /// The start of its command line.
    fn command(self, build: &Build) -> (PathBuf, Vec<OsString>) {
        let under = |host: &Path, options: &[&str], component: &Path| {
            let mut args: Vec<OsString> = vec!["run".into(), build.cache_option()];
            args.extend(options.iter().map(Into::into));
            args.push(component.into());
            (host.to_owned(), args)
        };
        let wasmtime = |component: &Path| under(&build.wasmtime, NETWORK, component);
        match self {
            Self::Composed => wasmtime(&build.composed),
            Self::NativeHost => under(&build.native_host, &[], &build.guest("spin")),
            Self::RumqttcGuest => wasmtime(&build.guest("rumqttc")),
            Self::RawGuest => wasmtime(&build.guest("raw")),
            Self::RumqttcNative => (build.native("rumqttc"), Vec::new()),
            Self::RawNative => (build.native("raw"), Vec::new()),
        }
    }

    /// Does `groups` at `place`, with the broker at `broker`. Returns the time that each group took, in nanoseconds; where
    /// several have the same name, their median.
    pub fn run(
        self,
        build: &Build,
        place: &Place,
        broker: &str,
        groups: &[String],
    ) -> Result<BTreeMap<String, f64>> {
        let (program, args) = self.command(build);
        let mut command = place.command(program);
        // As a user runs it: with it, wasmtime takes a backtrace of each socket that is not ready yet.
        command.env_remove("RUST_BACKTRACE");
        command.args(args).arg(broker).args(groups);
        let finished = process::run(command, LIMIT)?;
        ensure!(finished.status.success(), "{}: {finished}", self.name());
        let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for line in finished.stdout.lines() {
            let (name, nanos) = line.rsplit_once(' ').context("no time in the line")?;
            times.entry(name.into()).or_default().push(nanos.parse()?);
        }
        let medians = times
            .into_iter()
            .map(|(name, times)| (name, figure::median(&times)));
        Ok(medians.collect())
    }
}
