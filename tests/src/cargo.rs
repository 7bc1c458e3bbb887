//! Builds with cargo from inside a test: the tools of this workspace, and the guests, which are workspaces of their own.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;

/// The longest that a build takes, on a slow machine with nothing built yet.
const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// The root of this workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests stand in a workspace")
}

/// The workspace's target directory, wherever the user's settings put it.
pub fn target_dir() -> Result<&'static Path> {
    static TARGET_DIR: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = TARGET_DIR.get() {
        return Ok(known);
    }
    let output = cargo(workspace())
        .args(["metadata", "--no-deps", "--format-version=1"])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let path = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target directory")?;
    Ok(TARGET_DIR.get_or_init(|| path.into()))
}

/// Builds the binary `name` of this workspace; `args` choose the package and the profile. Returns its path.
pub fn build_tool(name: &str, args: &[&str]) -> Result<PathBuf> {
    let mut build = cargo(workspace());
    build.args(["build", "--bin", name]).args(args);
    artifact(build, |message| {
        (message["target"]["name"] == name).then(|| message["executable"].as_str())?
    })
}

/// Builds the guest in `dir` for the WebAssembly target `target` into `target_dir`. Returns the path of its `.wasm`.
pub fn build_guest(dir: &Path, target: &str, target_dir: &Path) -> Result<PathBuf> {
    require_target(target)?;
    let mut build = guest_build(dir, target_dir);
    build.args(["--target", target]);
    artifact(build, wasm_of)
}

/// Builds the example `name` of the guest in `dir`, as [`build_guest`] does.
pub fn build_guest_example(
    dir: &Path,
    name: &str,
    target: &str,
    target_dir: &Path,
) -> Result<PathBuf> {
    require_target(target)?;
    let mut build = guest_build(dir, target_dir);
    build.args(["--target", target, "--example", name]);
    artifact(build, wasm_of)
}

/// Builds the binary `name` of the guest in `dir` natively into `target_dir`. Returns its path.
pub fn build_native(dir: &Path, name: &str, target_dir: &Path) -> Result<PathBuf> {
    let mut build = guest_build(dir, target_dir);
    build.args(["--bin", name]);
    artifact(build, |message| message["executable"].as_str())
}

/// The `.wasm` among the files that cargo says to have made.
fn wasm_of(message: &Value) -> Option<&str> {
    let files = message["filenames"].as_array()?.iter();
    files
        .filter_map(Value::as_str)
        .find(|file| file.ends_with(".wasm"))
}

fn guest_build(dir: &Path, target_dir: &Path) -> Command {
    let mut build = cargo(dir);
    build
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(target_dir)
        // The outer build's flags and wrappers are for the host's target, not for the guest's.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .env_remove("CARGO_TARGET_DIR");
    build
}

/// A cargo that runs in `dir` and takes nothing over from the cargo that runs the tests.
fn cargo(dir: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(dir).stdin(Stdio::null());
    for inherited in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(inherited);
    }
    // What `cargo run` and `cargo test` say of the package that runs. Some build scripts (ring's) look at them, and all that
    // depends on these would be built anew by each package's turn.
    for (name, _) in env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name
            .to_str()
            .is_some_and(|name| of_package.iter().any(|it| name.starts_with(it)))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs `build` with its progress on stderr, and returns the path that `find` picks from the last message with one.
fn artifact(mut build: Command, find: impl Fn(&Value) -> Option<&str>) -> Result<PathBuf> {
    build.arg("--message-format=json-render-diagnostics");
    let shown = process::shown(&build);
    let finished = process::run_shown(build, BUILD_LIMIT)?;
    ensure!(finished.status.success(), "{shown} failed");
    let mut path = None;
    for line in finished.stdout.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if message["reason"] == "compiler-artifact"
            && let Some(found) = find(&message)
        {
            path = Some(PathBuf::from(found));
        }
    }
    path.with_context(|| format!("{shown} named no artifact"))
}

/// Fails with the command that helps if Rust's standard library for `target` is not installed.
fn require_target(target: &str) -> Result<()> {
    let libdir = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(workspace())
        .output()
        .context("rustc did not start")?;
    if !Path::new(String::from_utf8(libdir.stdout)?.trim()).is_dir() {
        bail!("Rust's target {target} is missing; install it with `rustup target add {target}`");
    }
    Ok(())
}
