//! The matrix as a table in docs/portability.md, between two markers.

use std::{fmt::Write, fs};

use anyhow::{Context, Result, bail};
use end_to_end::cargo;

use crate::{
    cell::Cell,
    guests::{GUESTS, Kind},
    hosts::Host,
    limits::reasons,
};

const BEGIN: &str = "<!-- Written by PORTABILITY=overwrite; see tests/tests/portability. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

/// The page with the table.
const PAGE: &str = "docs/portability.md";

/// Fails unless the page has the table as it is now; writes it down with `overwrite`.
pub fn check(overwrite: bool) -> Result<()> {
    let file = cargo::workspace().join(PAGE);
    let text = fs::read_to_string(&file)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("{PAGE} has no table"))?;
    let (found, after) = rest
        .split_once(END)
        .with_context(|| format!("{PAGE}: no end of table"))?;
    let table = table()?;
    if found == table {
        return Ok(());
    }
    if !overwrite {
        bail!(
            "the table in {PAGE} is not the matrix; write it with PORTABILITY=overwrite REQUIRE_PORTABILITY=1. It is\n{table}"
        );
    }
    fs::write(file, [before, BEGIN, &table, END, after].concat())?;
    Ok(())
}

fn table() -> Result<String> {
    let reasons = reasons();
    let mut table = String::from("| guest | |");
    for host in Host::ALL {
        write!(table, " {} |", host.column())?;
    }
    table.push_str("\n|---|---|");
    table.push_str(&":-:|".repeat(Host::ALL.len()));
    table.push('\n');
    for guest in GUESTS {
        let kind = match guest.kind {
            Kind::Http => "HTTP",
            Kind::Command | Kind::SilentCommand => "command",
        };
        write!(table, "| {} | {kind} |", guest.row)?;
        for host in Host::ALL {
            let cell = Cell { guest, host };
            match cell.limit() {
                Some(limit) => {
                    let note = reasons.iter().position(|why| *why == limit.why);
                    let note = note.context("a limit without a reason")?;
                    write!(table, " no ({}) |", note + 1)?;
                }
                None if host.takes(guest.kind) => table.push_str(" yes |"),
                None => table.push_str(" – |"),
            }
        }
        table.push('\n');
    }
    table.push('\n');
    for (index, why) in reasons.iter().enumerate() {
        writeln!(table, "{}. {why}.", index + 1)?;
    }
    Ok(table)
}
