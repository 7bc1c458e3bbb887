//! `compose completions` and `compose man`: shell completions and man pages, which clap's crates generate.

use std::{fs, io, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use super::output;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder to write them into, `compose.1` and one for each command; it is made if it does not exist.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn completions(options: &Completions, mut command: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "compose", &mut script);
    match output::write_standard(&script) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

pub(super) fn man(options: &Man, command: Command) -> Result<()> {
    let folder = &options.folder;
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("cannot write the man pages into `{}`", folder.display()))
}
