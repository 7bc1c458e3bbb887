//! `compose adapter`: the adapter alone.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use spin_mqtt_composer::Composer;

use super::{
    output,
    settings::{SettingsOptions, configured},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file to write; `-` for the standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    settings: SettingsOptions,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let composer = configured(Composer::new(), options.settings.settings()?)?;
    output::write(&options.output, &composer.configured_adapter()?)
}
