//! The stock `wasmtime` command line tool.
//!
//! All of it is the published crate's own: the commands, their options and what they do. This file is the part that
//! crate keeps in its binary, which no other crate can depend on: the list of subcommands.

use clap::Parser;
use wasmtime_cli::commands::{CompileCommand, RunCommand, ServeCommand};

/// Wasmtime WebAssembly Runtime
#[derive(Parser)]
#[command(
    name = "wasmtime",
    version = VERSION,
    after_help = "If a subcommand is not provided, the `run` subcommand will be used.",
    args_conflicts_with_subcommands = true
)]
struct Wasmtime {
    #[command(subcommand)]
    subcommand: Option<Subcommand>,
    #[command(flatten)]
    run: RunCommand,
}

/// The version of `wasmtime-cli` that the workspace pins.
const VERSION: &str = "48.0.8";

#[derive(Parser)]
enum Subcommand {
    /// Runs a WebAssembly module
    Run(RunCommand),
    /// Compiles a WebAssembly module.
    Compile(CompileCommand),
    /// Serves requests from a wasi-http proxy component.
    Serve(ServeCommand),
}

fn main() -> wasmtime::Result<()> {
    let command = Wasmtime::parse();
    match command.subcommand.unwrap_or(Subcommand::Run(command.run)) {
        Subcommand::Run(run) => run.execute(),
        Subcommand::Compile(compile) => compile.execute(),
        Subcommand::Serve(serve) => serve.execute(),
    }
}
