//! The portability matrix: guests in many languages, composed, on many hosts.
//!
//! Each cell is a test, `cargo test -p end-to-end --test portability -- go-command::jco --ignored`. Those that take no more than
//! Rust run always. The others install their tools from PyPI and npm and build older wasmtimes, which takes minutes, and take
//! Python, Node and clang: they are ignored, so that `-- --ignored` runs them alone, and `REQUIRE_PORTABILITY=1` runs all. The
//! table of docs/portability.md is held against the matrix in every run; `PORTABILITY=overwrite REQUIRE_PORTABILITY=1` writes it down
//! when all cells have passed. The pages of docs/guests are tests as well: their commands are run as they stand there.

mod cell;
mod guests;
mod hosts;
mod limits;
mod pages;
mod table;

use std::{env, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

use crate::{cell::Cell, guests::GUESTS, pages::Page};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_required = is_set("REQUIRE_PORTABILITY");
    let cells = Cell::all().map(|cell| {
        Trial::test(cell.name(), move || {
            cell.check().map_err(|error| format!("{error:#}").into())
        })
        .with_ignored_flag(cell.needs_more() && !is_required)
    });
    let pages = Page::ALL.map(|page| {
        Trial::test(format!("page::{}", page.name()), move || {
            page.check().map_err(|error| format!("{error:#}").into())
        })
        .with_ignored_flag(!is_required)
    });
    // The control of the hosts that provide what is listed and no more.
    let lists = GUESTS
        .iter()
        .filter(|guest| !guest.needs_more())
        .map(|guest| {
            Trial::test(format!("{}::list-is-short", guest.name), move || {
                guest
                    .composed()
                    .and_then(|component| hosts::check_list_is_short(&component))
                    .map_err(|error| format!("{error:#}").into())
            })
        });
    let conclusion = libtest_mimic::run(&arguments, cells.chain(pages).chain(lists).collect());
    if arguments.list {
        return conclusion.exit_code();
    }
    if conclusion.num_ignored > 0 && !is_required {
        eprintln!(
            "{} tests of other languages and hosts were skipped: REQUIRE_PORTABILITY=1 runs them, with Python, Node and clang",
            conclusion.num_ignored
        );
    }
    if conclusion.has_failed() {
        return conclusion.exit_code();
    }
    let all_ran = conclusion.num_ignored == 0 && conclusion.num_filtered_out == 0;
    let overwrite = env::var_os("PORTABILITY").is_some_and(|value| value == "overwrite");
    match table::check(overwrite && all_ran) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}
