//! `compose inspect app.wasm`: the report.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anstream::AutoStream;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use spin_mqtt_composer::{Form, Import, Inspection, MQTT_INTERFACE, Provider, Socket};

use super::{
    PlugOptions,
    compose::default_output,
    input,
    report::{BOLD, plain, plain_line},
    settings::{SettingsOptions, configured},
    summary::{CLOSE_ON_DROP, UNIQUE_CLIENT_ID, permissions, run_line, unbound, unset},
    usage,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The app: a component, or a core module for wasm32-wasip1; binary or text; `-` for the standard input.
    #[arg(value_name = "APP")]
    app: PathBuf,

    #[command(flatten)]
    plug: PlugOptions,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: SettingsOptions,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let app = &options.app;
    if input::is_manifest(app) {
        usage(format!(
            "`{}` is a manifest: give a component's file, or what `compose` made of it",
            app.display()
        ));
    }
    let settings = options.settings.settings();
    let bytes = input::read(app)?;
    input::check_no_manifest(app, &bytes)?;
    let inspection = configured(input::composer(&options.plug)?, settings)?
        .inspect(bytes)
        .map_err(|error| error.in_file(app))
        .with_context(|| format!("cannot inspect `{}`", app.display()))?;
    let file = match &inspection.socket {
        Socket::Composed { .. } => app.clone(),
        _ if input::is_standard(app) => PathBuf::from("app.composed.wasm"),
        _ => default_output(app),
    };
    let file = file.display().to_string();
    let mut out = AutoStream::auto(io::stdout().lock());
    let written = match options.json {
        true => json(&mut out, &inspection, &file),
        false => text(&mut out, &app.display().to_string(), &inspection, &file),
    };
    match written {
        // Whoever read it has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

/// The report and how to run what it is about.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    /// The file that `command` runs.
    file: &'a str,
    command: Option<Vec<String>>,
}

fn json(out: &mut impl Write, inspection: &Inspection, file: &str) -> io::Result<()> {
    let command = inspection
        .command
        .as_ref()
        .map(|command| command.arguments(file));
    serde_json::to_writer_pretty(
        &mut *out,
        &Report {
            inspection,
            file,
            command,
        },
    )?;
    writeln!(out)
}

/// A reason of more than one line, none of which can pass for one of the report's own: names in it are the file's.
fn indented(reason: &impl std::fmt::Display) -> String {
    plain(&reason.to_string()).replace('\n', "\n  ")
}

fn text(out: &mut impl Write, app: &str, inspection: &Inspection, file: &str) -> io::Result<()> {
    let form = match inspection.form {
        Form::Component => "a component",
        Form::CommandModule => "a core module for WASI preview 1, a command",
        _ => "a core module for WASI preview 1",
    };
    writeln!(out, "{BOLD}{app}{BOLD:#} is {form}")?;
    writeln!(out, "\n{BOLD}exports{BOLD:#}")?;
    if inspection.exports.is_empty() {
        writeln!(out, "  nothing")?;
    }
    for export in &inspection.exports {
        writeln!(out, "  {}", plain_line(export))?;
    }
    writeln!(out, "\n{BOLD}imports{BOLD:#}")?;
    if inspection.imports.is_empty() {
        writeln!(out, "  nothing")?;
    }
    for import in &inspection.imports {
        match &import.provider {
            Provider::Wasi => writeln!(out, "  {}", plain_line(&import.name))?,
            provider => {
                let provider = provider.to_string();
                let (name, provider) = (plain_line(&import.name), plain_line(&provider));
                writeln!(out, "  {name}  ({provider})")?;
            }
        }
    }
    match &inspection.socket {
        Socket::Ready { import } => writeln!(out, "\n{BOLD}compose{BOLD:#} would plug {import}")?,
        Socket::Composed { reason } => {
            let reason = indented(reason);
            writeln!(out, "\n{BOLD}compose{BOLD:#} has nothing to do: {reason}")?
        }
        Socket::Refused { reason } => {
            let reason = indented(reason);
            writeln!(out, "\n{BOLD}compose{BOLD:#} would refuse it: {reason}")?;
        }
        _ => {}
    }
    let composed = matches!(
        inspection.socket,
        Socket::Ready { .. } | Socket::Composed { .. }
    );
    // An adapter has settings too.
    if composed || inspection.exports.iter().any(|name| name == MQTT_INTERFACE) {
        settings(out, inspection)?;
    }
    if !composed {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}the host must provide{BOLD:#}")?;
    for package in packages(&inspection.host) {
        writeln!(out, "  {}", plain_line(&package))?;
    }
    let run = run_line(inspection.command.as_ref(), &inspection.host, file);
    writeln!(out, "\n{BOLD}to run it{BOLD:#}\n  {}", plain_line(&run))
}

fn settings(out: &mut impl Write, inspection: &Inspection) -> io::Result<()> {
    let settings = inspection.settings.as_ref();
    writeln!(out, "\n{BOLD}it may reach{BOLD:#}")?;
    for (heading, text) in permissions(settings) {
        match heading {
            "permits" => writeln!(out, "  {}", plain_line(&text))?,
            heading => writeln!(out, "  {heading}: {}", plain_line(&text))?,
        }
    }
    for text in unbound(&inspection.unbound_imports) {
        writeln!(out, "  note: {}", plain_line(&text))?;
    }
    let Some(settings) = settings else {
        return Ok(());
    };
    let unset: Vec<_> = settings.unset_variables().map(unset).collect();
    let unique = settings.has_unique_client_id();
    let lists = [
        (
            "the adapter adds",
            unique
                .then(|| UNIQUE_CLIENT_ID.to_owned())
                .into_iter()
                .collect(),
        ),
        (
            "the adapter closes",
            settings
                .has_close_on_drop()
                .then(|| CLOSE_ON_DROP.to_owned())
                .into_iter()
                .collect(),
        ),
        (
            "its variables",
            settings.component_variables().map(str::to_owned).collect(),
        ),
        (
            "its environment has",
            settings.environment_names().map(str::to_owned).collect(),
        ),
        ("to set", unset),
    ];
    for (heading, lines) in lists {
        let lines: Vec<String> = lines;
        if !lines.is_empty() {
            writeln!(out, "\n{BOLD}{heading}{BOLD:#}")?;
        }
        for line in lines {
            writeln!(out, "  {}", plain_line(&line))?;
        }
    }
    Ok(())
}

/// What a host must provide, a package with its interfaces in each line: `wasi:io@0.2.0 (error, poll, streams)`.
pub(super) fn packages(imports: &[Import]) -> Vec<String> {
    let mut packages: Vec<(String, Vec<&str>)> = Vec::new();
    for import in imports
        .iter()
        .filter(|import| import.provider != Provider::NotNeeded)
    {
        let (path, version) = import.name.split_once('@').unwrap_or((&import.name, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let package = match version {
            "" => package.to_owned(),
            version => format!("{package}@{version}"),
        };
        match packages.iter_mut().find(|(name, _)| *name == package) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => packages.push((package, vec![interface])),
        }
    }
    packages.sort();
    packages
        .into_iter()
        .map(|(package, mut interfaces)| {
            interfaces.sort();
            match interfaces.join(", ").as_str() {
                "" => package,
                interfaces => format!("{package} ({interfaces})"),
            }
        })
        .collect()
}
