//! An adapter from its sources: a nested cargo compiles a core module, and `ComponentEncoder` makes it a component.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use wit_component::ComponentEncoder;

use crate::{
    names::without_names,
    table::Entry,
    tools::{TARGET, Tools},
};

/// The adapter's stack in bytes: with its data and the first of its heap, one page of memory. The end-to-end tests pass with half
/// of it.
const STACK: usize = 32 * 1024;

/// Builds the component of `entry` from the sources in `workspace`.
pub fn build(entry: &Entry, workspace: &Path, out_dir: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    for source in ["adapter", "wit", "Cargo.toml", "Cargo.lock"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(source).display()
        );
    }

    let module = fs::read(compile(entry, workspace, out_dir)?)?;
    let component = ComponentEncoder::default()
        .module(&module)?
        .validate(true)
        .encode()?;
    without_names(&component)
}

/// Compiles the core module of `entry` and returns its path.
fn compile(entry: &Entry, workspace: &Path, out_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tools = Tools::find(workspace)?;

    // Panic messages hold source paths: without this, the adapter's bytes would depend on where it was built.
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let rustflags = [
        format!("--remap-path-prefix={}=/workspace", workspace.display()),
        format!("--remap-path-prefix={}=/cargo", cargo_home.display()),
        // A mebibyte unless told otherwise, in each instance. Nothing here recurses or holds much there.
        format!("-Clink-arg=-zstack-size={STACK}"),
    ]
    .join("\u{1f}");

    let target_dir = out_dir.join("adapter-target");
    let output = tools
        .command(workspace, "cargo")
        .args(["build", "--locked", "--package", entry.package])
        .args(["--profile", "adapter", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        // The outer build's flags and wrappers (clippy's, a coverage run's) are for its target, not for this one.
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags)
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo failed:\n{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let file = entry.package.replace('-', "_");
    Ok(target_dir
        .join(TARGET)
        .join("adapter")
        .join(file)
        .with_extension("wasm"))
}
