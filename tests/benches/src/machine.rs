//! What the results were measured on.

use std::{fs, process::Command, thread};

use anyhow::Result;
use end_to_end::process;

use crate::build::Build;

/// A line that names the processor, the system, the versions of wasmtime and mosquitto, the day, and what else the machine
/// was busy with.
pub fn described(build: &Build) -> Result<String> {
    let cores = thread::available_parallelism()?;
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("processor unknown", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let wasmtime = first_line(Command::new(&build.wasmtime).arg("--version"));
    let mosquitto = process::find("mosquitto").map_or("no mosquitto".into(), |program| {
        first_line(Command::new(program).arg("-h"))
    });
    let day = first_line(Command::new("date").args(["-u", "+%F"]));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{cores} cores of {model}, Linux {}, {wasmtime}, {mosquitto}, on {day}; the load average before was {load}",
        kernel.trim()
    ))
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout);
    let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or_default().trim().into()
}
