//! Builds the adapter component, so that `cargo build` of any crate that needs it is all there is to do.
//!
//! A nested cargo compiles the `adapter` crate to a core module, `ComponentEncoder` makes it a component, and its imports
//! are held against the list of what every WASI 0.2 host has. The result is `$OUT_DIR/adapter.wasm`. Beside it are the
//! interfaces that the composer has in it, and `wasi.rs`, the table of what each release of WASI 0.2 has.
//!
//! The package that `.ci/package` makes of this crate stands alone: it has the adapter and the interfaces in a folder of its own.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use wasmparser::{Chunk, Parser, Payload, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, DecodedWasm};

#[path = "build/wasi.rs"]
mod wasi;

/// Where a package of this crate has the adapter, and the interfaces that the repository has beside this folder.
const PACKAGED: &str = "packaged";

/// The interfaces whose text the composer needs when it runs, each a folder of `wit` and the file in it.
const EMBEDDED_WIT: [&str; 2] = ["settings", "stubs"];

const TARGET: &str = "wasm32-unknown-unknown";

/// The adapter's stack in bytes: with its data and the first of its heap, one page of memory. The end-to-end tests pass with half
/// of it.
const STACK: usize = 32 * 1024;

/// The features of WebAssembly that the adapter may use: those of every host with the component model.
const FEATURES: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::COMPONENT_MODEL);

/// What the composer provides to the adapter itself.
const SETTINGS: &str = "spin-mqtt:settings/settings@0.1.0";

/// The WASI interfaces that the adapter may import. All stand at 0.2.0: hosts match an import with any later 0.2 version.
const ALLOWED_IMPORTS: &[&str] = &[
    "wasi:cli/environment@0.2.0",
    "wasi:cli/stderr@0.2.0",
    "wasi:clocks/monotonic-clock@0.2.0",
    "wasi:io/error@0.2.0",
    "wasi:io/poll@0.2.0",
    "wasi:io/streams@0.2.0",
    "wasi:random/random@0.2.0",
    "wasi:sockets/instance-network@0.2.0",
    "wasi:sockets/ip-name-lookup@0.2.0",
    "wasi:sockets/network@0.2.0",
    "wasi:sockets/tcp-create-socket@0.2.0",
    "wasi:sockets/tcp@0.2.0",
];

/// The interfaces that the adapter exports: Spin's, and one of WASI that it adds to.
const EXPORTS: [&str; 3] = [
    "fermyon:spin/mqtt@2.0.0",
    "fermyon:spin/variables@2.0.0",
    "wasi:cli/environment@0.2.0",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=the adapter was not built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let workspace = package
        .parent()
        .filter(|folder| folder.join("wit/adapter").is_dir());
    let (component, wit) = match workspace {
        Some(workspace) => (build_component(workspace, &out_dir)?, workspace.join("wit")),
        None => {
            let packaged = package.join(PACKAGED);
            (read(&packaged.join("adapter.wasm"))?, packaged.join("wit"))
        }
    };
    check_interfaces(&component)?;
    Validator::new_with_features(FEATURES).validate_all(&component)?;
    fs::write(out_dir.join("adapter.wasm"), component)?;

    for name in EMBEDDED_WIT {
        let file = Path::new(name).with_extension("wit");
        fs::write(out_dir.join(&file), read(&wit.join(name).join(&file))?)?;
    }
    fs::write(out_dir.join("wasi.rs"), wasi::table(&wit.join("wasi"))?)?;
    Ok(())
}

/// The contents of a file that is an input of the build.
fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path).map_err(|error| {
        format!(
            "cannot read {}, which stands in the repository, and in a package that `.ci/package` made: {error}",
            path.display()
        )
        .into()
    })
}

/// Builds the component from the sources in `workspace`.
fn build_component(workspace: &Path, out_dir: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    for source in ["adapter", "wit", "Cargo.toml", "Cargo.lock"] {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(source).display()
        );
    }

    let module = fs::read(build_module(workspace, out_dir)?)?;
    let component = ComponentEncoder::default()
        .module(&module)?
        .validate(true)
        .encode()?;
    without_names(&component)
}

/// The tools that compile the adapter.
#[derive(Clone, Copy)]
enum Tools {
    /// Those of the outer build.
    Outer,
    /// Those that rustup has, or installs, for rust-toolchain.toml. `cargo install` runs with the toolchain of the folder that it
    /// is called in, and few have the target for the adapter.
    Pinned,
}

impl Tools {
    /// A command that runs in `workspace`.
    fn command(self, workspace: &Path, name: &str) -> Command {
        let outer = env::var_os(name.to_ascii_uppercase());
        let mut command = match (self, outer) {
            (Self::Outer, Some(path)) => Command::new(path),
            _ => Command::new(name),
        };
        if let Self::Pinned = self {
            for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC"] {
                command.env_remove(variable);
            }
        }
        command.current_dir(workspace);
        command
    }

    /// Whether they can compile for [`TARGET`].
    fn have_target(self, workspace: &Path) -> bool {
        let libdir = self
            .command(workspace, "rustc")
            .args(["--print", "target-libdir", "--target", TARGET])
            .output();
        libdir.is_ok_and(|output| {
            let path = String::from_utf8(output.stdout).unwrap_or_default();
            output.status.success() && Path::new(path.trim()).is_dir()
        })
    }
}

/// Compiles the adapter's core module and returns its path.
fn build_module(workspace: &Path, out_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tools = [Tools::Outer, Tools::Pinned]
        .into_iter()
        .find(|tools| tools.have_target(workspace))
        .ok_or_else(|| {
            format!(
                "Rust's target {TARGET} is missing; install it with `rustup target add {TARGET}`"
            )
        })?;

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
        .args([
            "build",
            "--locked",
            "--package",
            "spin-mqtt-adapter",
            "--profile",
            "adapter",
            "--target",
            TARGET,
        ])
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
    Ok(target_dir
        .join(TARGET)
        .join("adapter/spin_mqtt_adapter.wasm"))
}

/// Fails if the adapter imports what some host lacks, or exports anything but Spin's MQTT interface.
fn check_interfaces(component: &[u8]) -> Result<(), Box<dyn Error>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        return Err("the encoder made no component".into());
    };
    let world = &resolve.worlds[world];
    for (key, _) in &world.imports {
        let name = resolve.name_world_key(key);
        if name != SETTINGS && !ALLOWED_IMPORTS.contains(&name.as_str()) {
            return Err(format!(
                "it imports `{name}`, which is not on the list in composer/build.rs: not every host has it"
            )
            .into());
        }
    }
    let exports: Vec<_> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    if exports != EXPORTS {
        return Err(format!("it exports {exports:?} in place of {EXPORTS:?}").into());
    }
    Ok(())
}

/// The component without the names that the encoder gives to its parts: they are a twentieth of its bytes.
fn without_names(component: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut kept = Vec::with_capacity(component.len());
    let mut parser = Parser::new(0);
    let mut rest = component;
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            return Err("the component ends early".into());
        };
        let length = match &payload {
            // The parser stops at the start of what is nested, and goes on behind it.
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => consumed + usize::try_from(unchecked_range.end - unchecked_range.start)?,
            _ => consumed,
        };
        if !matches!(&payload, Payload::CustomSection(section) if section.name() == "component-name")
        {
            kept.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(kept)
}
