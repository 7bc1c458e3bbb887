//! The tables in docs/benchmark.md, between two markers.

use std::fs;

use anyhow::{Context, Result};
use end_to_end::cargo;

const PATH: &str = "docs/benchmark.md";
const BEGIN: &str = "<!-- Written by `cargo run --release -p benchmark -- --full`. -->\n";
const END: &str = "<!-- The end of what is written. -->\n";

/// Writes `tables` in place of those that the page has.
pub fn write(tables: &str) -> Result<()> {
    let file = cargo::workspace().join(PATH);
    let page = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    fs::write(file, with_tables(&page, tables)?)?;
    Ok(())
}

/// `page` with `tables` in place of what stands between the markers.
fn with_tables(page: &str, tables: &str) -> Result<String> {
    let missing = || format!("{PATH} has lost a marker of where its tables stand");
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok([before, BEGIN, "\n", tables.trim(), "\n\n", END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    /// The page as it is, which holds for what was written by hand as well.
    #[test]
    fn the_published_tables_agree_with_themselves() -> Result<()> {
        let page = fs::read_to_string(cargo::workspace().join(PATH))?;
        table::check(&page)
    }

    #[test]
    fn the_published_page_has_a_place_for_tables() -> Result<()> {
        let page = fs::read_to_string(cargo::workspace().join(PATH))?;
        let written = with_tables(&page, "| new |\n")?;
        assert!(written.contains("| new |") && written.starts_with("# Benchmark\n"));
        assert_eq!(with_tables(&written, "| new |\n")?, written);
        Ok(())
    }

    #[test]
    fn what_is_around_the_tables_stays() -> Result<()> {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        let expected = format!("before\n{BEGIN}\n| new |\n\n{END}after\n");
        assert_eq!(with_tables(&page, "| new |\n")?, expected);
        assert!(with_tables("a page without markers\n", "| new |\n").is_err());
        Ok(())
    }
}
