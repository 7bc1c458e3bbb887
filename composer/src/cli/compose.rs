//! `compose app.wasm` and `compose spin.toml`: the composition.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{
    PlugOptions, input, manifest,
    output::{self, same_file},
    settings::{SettingsOptions, configured},
    summary::Summary,
    usage,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The app: a component, or a core module for wasm32-wasip1; binary or text; `-` for the standard input. Or the manifest
    /// of a Spin application, whose name ends in `.toml`.
    #[arg(value_name = "APP", required = true)]
    app: Option<PathBuf>,

    // All that is too much, so that the message about it can be ours: clap takes it for a subcommand. Completions would show a
    // doc comment.
    #[arg(hide = true)]
    more: Vec<PathBuf>,

    /// Where to write the result; `-` for the standard output [default: APP with the ending .composed.wasm; with a manifest,
    /// the component's id with this ending, beside the manifest].
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) plug: PlugOptions,

    /// Print no summary, and so none of its notes either, such as on secrets that stand in the file.
    #[arg(short, long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) manifest: manifest::ManifestOptions,

    #[command(flatten)]
    pub(super) settings: SettingsOptions,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let app = options.app.as_deref().context("no app is given")?;
    if let Some(more) = options.more.first() {
        usage(format!(
            "one app at a time: `{}` is one too many",
            more.display()
        ));
    }
    if input::is_manifest(app) {
        return manifest::run(app, options);
    }
    if let Some(option) = options.manifest.given() {
        usage(format!(
            "{option} chooses from a manifest, whose name ends in `.toml`, and `{}` is an app",
            app.display()
        ));
    }
    run_app(app, options)
}

fn run_app(app: &Path, options: &Options) -> Result<()> {
    let settings = options.settings.settings();
    let output = match &options.output {
        Some(output) => output.clone(),
        None if input::is_standard(app) => {
            bail!("the app comes from the standard input: name a file with `-o`")
        }
        None => default_output(app),
    };
    let bytes = input::read(app)?;
    input::check_no_manifest(app, &bytes)?;
    let app_size = bytes.len();
    check_output(&output, [Some(app), options.plug.adapter.as_deref()])?;
    let composition = configured(input::composer(&options.plug)?, settings)?
        .compose(bytes)
        .map_err(|error| error.in_file(app))
        .with_context(|| format!("cannot compose `{}`", app.display()))?;
    output::write(&output, composition.component())?;
    if !options.quiet {
        let summary = Summary {
            composition: &composition,
            app,
            app_size,
            output: &output,
            manifest: None,
        };
        summary.print();
    }
    Ok(())
}

/// The file beside the app that the result goes to: `app.wasm` gives `app.composed.wasm`.
pub(super) fn default_output(app: &Path) -> PathBuf {
    app.with_extension("composed.wasm")
}

/// Checks that none of the files that are read is the one to write.
pub(super) fn check_output<'a>(
    output: &Path,
    read: impl IntoIterator<Item = Option<&'a Path>>,
) -> Result<()> {
    if read
        .into_iter()
        .flatten()
        .any(|given| same_file(given, output))
    {
        bail!(
            "`{}` is both read and to be written: name another file with `-o`",
            output.display()
        );
    }
    Ok(())
}
