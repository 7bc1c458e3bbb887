//! The command's arguments, and its exit codes: 0 for done, 1 for failed, 2 for wrong usage (clap's own).

mod adapter;
mod compose;
mod documents;
mod graph;
mod input;
mod inspect;
mod manifest;
mod options;
mod output;
mod packages;
mod report;
mod settings;
mod summary;
mod usage;

use std::{
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use anyhow::anyhow;
use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

use options::ComposeOptions;
use usage::Usage;

const EXAMPLES: &str = "\
Examples:
  compose app.wasm                     write app.composed.wasm beside it
  compose app.wasm -o out.wasm         write out.wasm
  compose app.wasm --allow-host mqtt://mq.example.com:1883
                                       the same, for an app that may reach this broker alone
  compose spin.toml                    write <component>.composed.wasm, with the permissions and variables of the manifest
  compose spin.toml --all -o out       do so for each component that needs it
  compose - -o - < app.wasm | wasm-tools component wit
  compose inspect app.wasm             show the imports that would be plugged, and how to run the result
  compose adapter -o adapter.wasm      write the adapter alone, for `wac plug`

An app whose file is named as a command is given as `./inspect`.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  compose inspect app.wasm
  compose inspect app.wasm --format json | jq -r '.host[].name'
  compose inspect app.composed.wasm --format json | jq .settings
  compose inspect app.composed.wasm --format dot | dot -Tsvg > app.svg";

const ADAPTER_EXAMPLES: &str = "\
Example:
  compose adapter -o adapter.wasm
  wac plug app.wasm --plug adapter.wasm -o app.composed.wasm";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  compose completions bash > ~/.local/share/bash-completion/completions/compose
  compose completions zsh > ~/.zfunc/_compose
  compose completions fish > ~/.config/fish/completions/compose.fish";

const MAN_EXAMPLES: &str = "\
Example:
  compose man ~/.local/share/man/man1 && man compose-inspect";

/// Makes a component that was written for Spin's MQTT run on any WASI host.
///
/// Takes a component (or a core module for wasm32-wasip1) that a Spin SDK of version 3 to 5 made and plugs an adapter into
/// its import `fermyon:spin/mqtt@2.0.0`. The adapter speaks MQTT over WASI sockets, so the result imports WASI 0.2 alone.
#[derive(Debug, Parser)]
#[command(
    name = "compose",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compose: ComposeOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the exports and imports of an app, the ones that would be plugged, the requirements of the result, and how to run it.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(inspect::Options),
    /// Write the adapter alone, for use with `wac plug`.
    #[command(after_help = ADAPTER_EXAMPLES)]
    Adapter(adapter::Options),
    /// Print the completions of this command for a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(documents::Completions),
    /// Write the man pages of this command.
    #[command(after_help = MAN_EXAMPLES)]
    Man(documents::Man),
}

/// Runs the command that the process's arguments name.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = || match &cli.command {
        None => compose::run(&cli.compose),
        Some(Command::Inspect(options)) => inspect::run(options),
        Some(Command::Adapter(options)) => adapter::run(options),
        Some(Command::Completions(options)) => documents::completions(options, Cli::command()),
        Some(Command::Man(options)) => documents::man(options, Cli::command()),
    };
    // The libraries beneath have assertions about their input, and an input may be anyone's.
    let done = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(anyhow!(
            "a check inside of compose failed, and nothing was written; please report it, with the lines above and the input"
        ))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(Usage(message)) = error.downcast_ref() {
                let error = Cli::command().error(ErrorKind::ArgumentConflict, message);
                error.exit();
            }
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
