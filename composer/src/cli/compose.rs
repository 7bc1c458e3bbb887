//! `compose app.wasm`: the composition.

use std::path::{Path, PathBuf};

use anstream::eprintln;
use anyhow::{Context, Result, bail};
use clap::Args;
use spin_mqtt_composer::{Composition, Form, MQTT_INTERFACE};

use super::{
    PlugOptions, input,
    output::{self, same_file},
    report::{BOLD, LIBRARY, size},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The app: a component, or a core module for wasm32-wasip1; binary or text; `-` for the standard input.
    #[arg(value_name = "APP", required = true)]
    app: Option<PathBuf>,

    /// Where to write the result; `-` for the standard output [default: APP with the ending .composed.wasm].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    plug: PlugOptions,

    /// Print no summary.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let app = options.app.as_deref().context("no app is given")?;
    let output = match &options.output {
        Some(output) => output.clone(),
        None if input::is_standard(app) => {
            bail!("the app comes from the standard input: name a file with `-o`")
        }
        None => default_output(app),
    };
    let bytes = input::read(app)?;
    for given in [Some(app), options.plug.adapter.as_deref()]
        .into_iter()
        .flatten()
    {
        if same_file(given, &output) {
            bail!(
                "`{}` is both read and to be written: name another file with `-o`",
                output.display()
            );
        }
    }

    let composition = input::composer(&options.plug)?
        .compose(&bytes)
        .with_context(|| format!("cannot compose `{}`", app.display()))?;
    output::write(&output, composition.component())?;
    if !options.quiet {
        summarize(&composition, app, bytes.len(), &output);
    }
    Ok(())
}

/// The file beside the app that the result goes to: `app.wasm` gives `app.composed.wasm`.
pub(super) fn default_output(app: &Path) -> PathBuf {
    app.with_extension("composed.wasm")
}

/// Says what was done, what is needed to run it, and how.
fn summarize(composition: &Composition, app: &Path, app_size: usize, output: &Path) {
    let output_name = match input::is_standard(output) {
        true => "the standard output".into(),
        false => output.display().to_string(),
    };
    let from = match composition.form() {
        Form::Component => "",
        _ => " of a core module",
    };
    eprintln!(
        "{BOLD}composed{BOLD:#} {} ({}{from}) into {output_name} ({})",
        app.display(),
        size(app_size),
        size(composition.component().len()),
    );
    eprintln!(" {BOLD}plugged{BOLD:#} {MQTT_INTERFACE}");
    for (old, new) in composition.raised_imports() {
        eprintln!("    {BOLD}note{BOLD:#} the import {old} is now {new}");
    }
    for import in composition.leftovers() {
        eprintln!(
            "{BOLD}leftover{BOLD:#} {}: {}",
            import.name, import.provider
        );
    }
    let path = match input::is_standard(output) {
        true => Path::new("app.composed.wasm"),
        false => output,
    };
    let needs = super::inspect::packages(&composition.imports());
    eprintln!("   {BOLD}needs{BOLD:#} {}", needs.join(", "));
    match composition.command_line() {
        Some(line) => eprintln!(
            "     {BOLD}run{BOLD:#} {}",
            line.shell(&path.display().to_string())
        ),
        None => eprintln!("     {BOLD}run{BOLD:#} {LIBRARY}"),
    }
}
