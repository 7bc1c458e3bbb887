//! Measures composed guests against their peers, on brokers and hosts that it starts itself.
//!
//! ```sh
//! cargo run --release -p benchmark -- --full
//! ```
//!
//! What is measured is measured in turn (A B A B …), after a warm-up, and told as the median of samples that take a second or
//! more each, with their median absolute deviation. The results go to `target/benchmark`: tables in Markdown (`results.md`, also
//! on standard output), all samples in JSON (`results.json`), and a plot of each figure in SVG. A full run also writes its tables
//! into docs/benchmark.md. A run of some figures alone leaves the tables of the last whole one. It asserts nothing of time, but
//! fails if a table contradicts itself.

mod broker;
mod build;
mod client;
mod figure;
mod figures;
mod link;
mod machine;
mod meter;
mod network;
mod pace;
mod page;
mod plot;
mod table;
mod tun;

use std::{ffi::OsString, fs, time::Duration};

use anyhow::{Context, Result, ensure};
use build::Build;
use clap::{Parser, Subcommand, ValueEnum};
use figures::{Depth, Kind};
use serde_json::json;

/// Measures composed guests against their peers.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct CommandLine {
    /// Measures everything, and often, and writes docs/benchmark.md; the default is a look of four minutes.
    #[arg(long)]
    full: bool,
    /// Measures these figures alone.
    #[arg(value_enum)]
    figures: Vec<Kind>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// Programs that the benchmark runs as processes of their own.
#[derive(Subcommand)]
enum Part {
    /// A link between two network namespaces that delays each packet.
    #[command(hide = true)]
    Link {
        #[arg(long)]
        delay_micros: u64,
    },
    /// Runs a command and says what time and memory it took.
    #[command(hide = true)]
    Meter {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

fn main() -> Result<()> {
    let command_line = CommandLine::parse();
    match &command_line.part {
        Some(Part::Link { delay_micros }) => link::run(Duration::from_micros(*delay_micros)),
        Some(Part::Meter { command }) => meter::run(command),
        None => measure(&command_line),
    }
}

fn measure(command_line: &CommandLine) -> Result<()> {
    let depth = match command_line.full {
        true => Depth::Full,
        false => Depth::Quick,
    };
    let kinds = match command_line.figures.is_empty() {
        true => Kind::value_variants(),
        false => &command_line.figures,
    };

    let build = Build::new()?;
    let is_whole = command_line.figures.is_empty();
    let mut left_out = Vec::new();
    let machine = machine::described(&build)?;
    let mut figures = Vec::new();
    let mut tables = format!("{machine}.\n\n");
    println!("{tables}");
    for kind in kinds {
        let measured = kind
            .measure(&build, depth)
            .with_context(|| format!("{kind:?}"))?;
        if measured.is_empty() {
            left_out.push(kind);
        }
        for figure in measured {
            let table = figure.markdown();
            println!("{table}");
            table::check(&table)?;
            tables += &table;
            tables.push('\n');
            let file = build.output.join(&figure.name).with_extension("svg");
            fs::write(file, plot::svg(&figure))?;
            figures.push(figure);
        }
    }
    if is_whole {
        fs::write(build.output.join("results.md"), &tables)?;
        fs::write(
            build.output.join("results.json"),
            serde_json::to_vec_pretty(
                &json!({ "machine": machine, "full": command_line.full, "figures": figures }),
            )?,
        )?;
    }
    eprintln!("the results are in {}", build.output.display());
    if is_whole && depth == Depth::Full {
        ensure!(
            left_out.is_empty(),
            "docs/benchmark.md stays as it is: {left_out:?} could not be measured on this machine"
        );
        page::write(&tables)?;
        eprintln!("their tables are in docs/benchmark.md");
    }
    Ok(())
}
