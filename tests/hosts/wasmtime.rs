//! The stock `wasmtime` command of an older long-term release: the published crate's own `run` and `serve`.

use clap::Parser;
use wasmtime_cli::commands::{RunCommand, ServeCommand};

/// Wasmtime WebAssembly Runtime
#[derive(Parser)]
enum Wasmtime {
    /// Runs a WebAssembly module
    Run(RunCommand),
    /// Serves requests from a wasi-http proxy component.
    Serve(ServeCommand),
}

fn main() -> anyhow::Result<()> {
    match Wasmtime::parse() {
        Wasmtime::Run(run) => run.execute(),
        Wasmtime::Serve(serve) => serve.execute(),
    }
}
