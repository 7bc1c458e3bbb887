//! `compose adapter`: the adapter alone.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use spin_mqtt_composer::ADAPTER;

use super::output;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where to write it; `-` for the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(options: &Options) -> Result<()> {
    output::write(&options.output, ADAPTER)
}
