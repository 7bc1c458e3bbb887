//! The compiler for the adapters' target.

use std::{env, path::Path, process::Command};

/// The target that the adapters are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The tools that compile an adapter.
#[derive(Clone, Copy)]
pub enum Tools {
    /// The tools of the outer build.
    Outer,
    /// The tools that rustup has, or installs, for rust-toolchain.toml. `cargo install` runs with the toolchain of the current
    /// folder, and few have the target for the adapters.
    Pinned,
}

impl Tools {
    /// The first that can compile for [`TARGET`] in `workspace`.
    pub fn find(workspace: &Path) -> Result<Self, String> {
        [Self::Outer, Self::Pinned]
            .into_iter()
            .find(|tools| tools.have_target(workspace))
            .ok_or_else(|| {
                format!("Rust's target {TARGET} is missing; install it with `rustup target add {TARGET}`")
            })
    }

    /// A command that runs in `workspace`.
    pub fn command(self, workspace: &Path, name: &str) -> Command {
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
