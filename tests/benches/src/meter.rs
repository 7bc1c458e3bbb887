//! Runs a command, and says on standard output how long it took, in microseconds, and how much memory at its peak, in KiB.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

/// Runs `command`, of which the first word is the program.
pub fn run(command: &[OsString]) -> Result<()> {
    let (program, args) = command.split_first().context("no command was given")?;
    let start = Instant::now();
    let status = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .status()
        .with_context(|| program.display().to_string())?;
    let elapsed = start.elapsed();
    ensure!(status.success(), "{}: {status}", program.display());
    // Of the largest child, and there was but this one.
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!("{} {peak}", elapsed.as_micros());
    Ok(())
}
