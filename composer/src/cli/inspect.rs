//! `compose inspect app.wasm`: the report.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anstream::AutoStream;
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use spin_mqtt_composer::{
    AppError, ComposeError, Form, Graph, Inspection, Outcome, Provider, Requirements,
};

use super::{
    graph, input,
    options::PlugOptions,
    output::default_output,
    packages::needed_packages,
    report::{BOLD, plain, plain_line},
    settings::{SettingsOptions, configured},
    summary::{
        CLOSE_ON_DROP, LATE_PUBLISH, UNIQUE_CLIENT_ID, permissions, run_line, ungoverned, unset,
    },
    usage::Usage,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The app: a component, or a core module for wasm32-wasip1; binary or text; `-` for the standard input.
    #[arg(value_name = "APP")]
    app: PathBuf,

    #[command(flatten)]
    plug: PlugOptions,

    /// The output: the report, as text or JSON, or a picture of the composition, for Graphviz (dot) or Mermaid.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    format: Format,

    /// Short for `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,

    #[command(flatten)]
    settings: SettingsOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Dot,
    Mermaid,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let app = &options.app;
    if input::is_manifest(app) {
        let app = app.display();
        bail!(Usage(format!(
            "`{app}` is a manifest: give the file of a component, or of a composition"
        )));
    }
    let settings = options.settings.settings()?;
    let bytes = input::read(app)?;
    input::check_no_manifest(app, &bytes)?;
    let inspection = configured(input::composer(&options.plug)?, settings)?
        .inspect(bytes)
        .map_err(|error| error.in_file(app))
        .with_context(|| format!("cannot inspect `{}`", app.display()))?;
    let file = match &inspection.outcome {
        _ if input::is_standard(app) => PathBuf::from("app.composed.wasm"),
        Outcome::Composed { .. } => app.clone(),
        _ => default_output(app),
    };
    let file = file.display().to_string();
    let format = match options.json {
        true => Format::Json,
        false => options.format,
    };
    let mut out = AutoStream::auto(io::stdout().lock());
    let written = match format {
        Format::Text => text(&mut out, &app.display().to_string(), &inspection, &file),
        Format::Json => json(&mut out, &inspection, &file),
        Format::Dot => graph::dot(&mut out, drawn(&inspection, app)?),
        Format::Mermaid => graph::mermaid(&mut out, drawn(&inspection, app)?),
    };
    match written {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to the standard output"),
    }
}

/// The graph to draw.
fn drawn<'a>(inspection: &'a Inspection, app: &Path) -> Result<&'a Graph> {
    let reason = match (&inspection.graph, &inspection.outcome) {
        (Some(graph), _) => return Ok(graph),
        (None, Outcome::Refused { reason }) => anyhow!("{reason}"),
        (None, _) => anyhow!("it has no components inside, or too many"),
    };
    Err(reason).with_context(|| format!("there is no composition of `{}` to draw", app.display()))
}

/// The report, and the commands that run the composition.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    /// The file that `command` runs.
    file: &'a str,
    command: Option<Vec<String>>,
    jco_command: Option<Vec<String>>,
}

fn json(out: &mut impl Write, inspection: &Inspection, file: &str) -> io::Result<()> {
    let command = inspection.command.as_ref();
    serde_json::to_writer_pretty(
        &mut *out,
        &Report {
            inspection,
            file,
            command: command.map(|command| command.arguments(file)),
            jco_command: command.map(|command| command.jco_arguments(file)),
        },
    )?;
    writeln!(out)
}

/// Indents a reason of several lines, so that none can pass for one of the report's own: it may quote names of the file.
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
    match &inspection.outcome {
        Outcome::Ready { import } => writeln!(out, "\n{BOLD}compose{BOLD:#} would plug {import}")?,
        Outcome::Composed { reason } => {
            let reason = indented(reason);
            writeln!(out, "\n{BOLD}compose{BOLD:#} has nothing to do: {reason}")?
        }
        Outcome::Refused { reason } => {
            let reason = indented(reason);
            writeln!(out, "\n{BOLD}compose{BOLD:#} would refuse it: {reason}")?;
        }
        _ => {}
    }
    let composed = matches!(
        inspection.outcome,
        Outcome::Ready { .. } | Outcome::Composed { .. }
    );
    // An adapter has settings too.
    let is_adapter = matches!(
        inspection.outcome,
        Outcome::Refused {
            reason: ComposeError::App(AppError::IsAdapter)
        }
    );
    if composed || is_adapter {
        settings(out, inspection)?;
    }
    if !composed {
        return Ok(());
    }
    if !inspection.stubbed.is_empty() {
        writeln!(out, "\n{BOLD}stubs are inside for{BOLD:#}")?;
    }
    for name in &inspection.stubbed {
        writeln!(out, "  {}", plain_line(name))?;
    }
    writeln!(out, "\n{BOLD}the host must provide{BOLD:#}")?;
    for package in needed_packages(&inspection.host) {
        writeln!(out, "  {}", plain_line(&package))?;
    }
    if let Some(requirements) = &inspection.requirements {
        self::requirements(out, requirements)?;
    }
    let command = inspection.command.as_ref();
    let run = run_line(command, &inspection.host, file);
    writeln!(out, "\n{BOLD}to run it{BOLD:#}\n  {}", plain_line(&run))?;
    match command {
        Some(command) => writeln!(out, "  {}", plain_line(&command.jco_shell(file))),
        None => Ok(()),
    }
}

/// Writes the requirements on the network and the environment.
fn requirements(out: &mut impl Write, requirements: &Requirements) -> io::Result<()> {
    let network = [
        (
            requirements.brokers,
            "connections to the brokers that it may reach",
        ),
        (
            requirements.own_sockets,
            "the app's own connections, by wasi:sockets, to all that the host allows",
        ),
        (
            requirements.http_client,
            "the app's HTTP requests, by wasi:http, to all that the host allows",
        ),
        (requirements.name_lookup, "lookup of names"),
    ];
    writeln!(out, "\n{BOLD}of the network it needs{BOLD:#}")?;
    if network.iter().all(|(needed, _)| !needed) {
        writeln!(out, "  nothing")?;
    }
    for (_, what) in network.iter().filter(|(needed, _)| *needed) {
        writeln!(out, "  {what}")?;
    }
    writeln!(out, "\n{BOLD}of the environment it reads{BOLD:#}")?;
    for variable in &requirements.environment {
        let name = plain_line(&variable.name);
        match variable.required {
            true => writeln!(
                out,
                "  {name}, which must be set (wasmtime: `--env {name}=…`)"
            )?,
            false => writeln!(out, "  {name}, in place of the value that is composed in")?,
        }
    }
    match (
        requirements.own_environment,
        requirements.environment.is_empty(),
    ) {
        (true, _) => writeln!(
            out,
            "  any variable that the app reads: it imports wasi:cli/environment"
        ),
        (false, true) => writeln!(out, "  nothing"),
        (false, false) => Ok(()),
    }
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
    for text in ungoverned(&inspection.ungoverned_imports) {
        writeln!(out, "  note: {}", plain_line(&text))?;
    }
    let Some(settings) = settings else {
        return Ok(());
    };
    // A composition has them among its requirements.
    let unset = match inspection.requirements {
        None => settings.unset_variables().map(unset).collect(),
        Some(_) => Vec::new(),
    };
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
            "the adapter waits",
            settings
                .has_late_publish()
                .then(|| LATE_PUBLISH.to_owned())
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
