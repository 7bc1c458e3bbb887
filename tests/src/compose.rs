//! The composer, by its command `compose`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    cargo,
    guest::Guest,
    process::{self, Finished},
};

/// The longest that a composition takes.
const LIMIT: Duration = Duration::from_secs(60);

/// The path of the `compose` command, built from this workspace.
pub fn command() -> Result<&'static Path> {
    static COMMAND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    process::once(&COMMAND, || cargo::build_tool("compose", &[]))
}

/// Runs `compose INPUT -o OUTPUT OPTIONS`. Returns the command line, and what came of it.
pub fn compose(input: &Path, output: &Path, options: &[&str]) -> Result<(String, Finished)> {
    let mut compose = Command::new(command()?);
    compose.arg(input).arg("-o").arg(output).args(options);
    let command_line = process::shown(&compose);
    let finished = process::run(compose, LIMIT)?;
    ensure!(finished.status.success(), "compose failed: {finished}");
    Ok((command_line, finished))
}

/// A component that was composed with options of its own, in a folder that is deleted with this.
pub struct Composed {
    folder: TempDir,
}

impl Composed {
    /// Builds `guest` and composes it with `options`.
    pub fn new(guest: Guest, options: &[&str]) -> Result<Self> {
        Self::from_input(&guest.build()?, options)
    }

    /// Composes `input`, an app or a manifest, with `options`.
    pub fn from_input(input: &Path, options: &[&str]) -> Result<Self> {
        let composed = Self {
            folder: tempfile::tempdir()?,
        };
        compose(input, &composed.path(), options)?;
        Ok(composed)
    }

    /// The component's file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("app.composed.wasm")
    }
}

/// Builds and composes `guest`, once in a process, and returns the path of the composed component.
pub fn composed(guest: Guest) -> Result<PathBuf> {
    type Entry = Arc<OnceLock<Result<PathBuf, String>>>;
    static COMPOSED: Mutex<Option<HashMap<Guest, Entry>>> = Mutex::new(None);
    let entry = COMPOSED
        .lock()
        .expect("no test panics with the lock held")
        .get_or_insert_default()
        .entry(guest)
        .or_default()
        .clone();
    process::once(&entry, || {
        let module = guest.build()?;
        let name = format!("{}-{}.composed.wasm", guest.folder(), guest.target());
        let output = cargo::target_dir()?.join("guests").join(name);
        compose(&module, &output, &[]).with_context(|| format!("{guest:?}"))?;
        Ok(output)
    })
    .map(Path::to_path_buf)
}
