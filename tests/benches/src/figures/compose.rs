//! What `compose` takes for guests of different sizes.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::process;

use super::Depth;
use crate::{
    build::Build,
    figure::{self, Cell, Figure, Rounds, Row, Sample, Subject, Unit, in_turn},
    pace,
};

const LIMIT: Duration = Duration::from_secs(120);

/// The sizes of guests: of Rust, of a large application in it, and of Python or JavaScript with its interpreter.
const SIZES: [(&str, usize); 3] = [
    ("a guest of 0.3 MB", 0),
    ("a guest of 2.5 MB", 2_500_000),
    ("a guest of 18 MB", 18_000_000),
];

/// Measures time and peak memory.
pub fn measure(build: &Build, depth: Depth) -> Result<Vec<Figure>> {
    let inputs = inputs(build)?;
    let output = build.output.join("compose.out.wasm");
    let rows: Vec<String> = inputs.iter().map(|(name, ..)| name.clone()).collect();
    let rounds = match depth {
        Depth::Quick => Rounds {
            warm_up: 1,
            counted: 5,
        },
        Depth::Full => Rounds {
            warm_up: 1,
            counted: 15,
        },
    };
    let mut memory: Vec<Vec<f64>> = vec![Vec::new(); inputs.len()];
    let subject = Subject::new("compose", || {
        let mut times = Sample::new();
        for ((name, path, _), memory) in inputs.iter().zip(&mut memory) {
            let runs = pace::for_a_sample(|| {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("meter").arg(&build.compose).arg(path);
                command.arg("-o").arg(&output);
                let finished = process::run(command, LIMIT)?;
                ensure!(finished.status.success(), "compose: {finished}");
                let (micros, kib) = finished
                    .stdout
                    .trim()
                    .split_once(' ')
                    .with_context(|| finished.to_string())?;
                Ok((micros.parse::<f64>()? / 1e3, kib.parse::<f64>()?))
            })?;
            let (millis, kib): (Vec<f64>, Vec<f64>) = runs.into_iter().unzip();
            times.insert(name.clone(), figure::median(&millis));
            memory.push(figure::median(&kib));
        }
        Ok(times)
    });
    let times = in_turn(rounds, vec![subject], &rows)?;

    let median = |row: &Row| row.cells[0].as_ref().map_or(0.0, |cell| cell.median);
    let memory: Vec<Row> = inputs
        .iter()
        .zip(memory)
        .map(|((name, _, bytes), kib)| Row {
            name: name.clone(),
            cells: vec![
                Some(Cell::new(kib)),
                Some(Cell::new(vec![*bytes as f64 / 1024.0])),
            ],
        })
        .collect();
    // From the smallest to the largest: what more each megabyte takes.
    let slope = |rows: &[Row]| {
        let megabytes = (inputs[2].2 - inputs[0].2) as f64 / 1e6;
        (median(&rows[2]) - median(&rows[0])) / megabytes
    };
    let time_slope = slope(&times);
    let memory_slope = slope(&memory) * 1024.0 / 1e6;
    Ok(vec![
        Figure {
            name: "compose-time".into(),
            title: "Time of `compose`".into(),
            unit: Unit::Milliseconds,
            notes: vec![format!(
                "Each megabyte of the guest takes {time_slope:.1} ms more. A sample is the median of the runs within a second."
            )],
            columns: vec!["compose".into()],
            rows: times,
        },
        Figure {
            name: "compose-memory".into(),
            title: "Peak memory of `compose`".into(),
            unit: Unit::Kibibytes,
            notes: vec![format!(
                "Each megabyte of the guest takes {memory_slope:.2} MB more."
            )],
            columns: vec!["compose".into(), "the guest's size".into()],
            rows: memory,
        },
    ])
}

/// The HTTP guest, filled up to each size with components that nobody instantiates: real code, which is parsed, validated
/// and copied as a guest's own is. Returns name, path and bytes.
fn inputs(build: &Build) -> Result<Vec<(String, PathBuf, usize)>> {
    /// The id of a section that holds a component.
    const COMPONENT: u8 = 4;

    let guest = fs::read(&build.http)?;
    let filler = fs::read(build.guest("rumqttc"))?;
    let mut section = vec![COMPONENT];
    wasm_encoder::Encode::encode(filler.as_slice(), &mut section);
    SIZES
        .iter()
        .map(|(name, size)| {
            let mut bytes = guest.clone();
            while bytes.len() + section.len() / 2 < *size {
                bytes.extend(&section);
            }
            let path = build.output.join(format!("guest-{size}.wasm"));
            fs::write(&path, &bytes)?;
            Ok(((*name).into(), path, bytes.len()))
        })
        .collect()
}
