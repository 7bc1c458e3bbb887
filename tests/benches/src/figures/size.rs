//! What the adapter takes: bytes, memory, and time to instantiate.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use end_to_end::process;
use serde_json::Value;
use wasmparser::{Parser, Payload};

use super::{Broker, Depth};
use crate::{
    build::Build,
    figure::{self, Cell, Figure, Row, Unit},
    pace,
};

const LIMIT: Duration = Duration::from_secs(600);

const KIB: f64 = 1024.0;

/// The bytes of the adapter, by section, and of guests with and without it.
pub fn bytes(build: &Build) -> Result<Vec<Figure>> {
    let adapter = build.output.join("adapter.wasm");
    let mut compose = Command::new(&build.compose);
    compose.args(["adapter", "-o"]).arg(&adapter);
    let finished = process::run(compose, LIMIT)?;
    ensure!(finished.status.success(), "compose adapter: {finished}");
    let bytes = fs::read(&adapter)?;
    let sections = Sections::of(&bytes)?;
    let length = |path: &Path| anyhow::Ok(fs::metadata(path)?.len() as usize);
    let row = |name: &str, bytes: usize| Row {
        name: name.into(),
        cells: vec![Some(Cell::new(vec![bytes as f64 / KIB]))],
    };
    Ok(vec![Figure {
        name: "size".into(),
        title: "Size".into(),
        unit: Unit::Kibibytes,
        notes: vec![format!("The adapter has {} bytes.", bytes.len())],
        columns: vec!["bytes".into()],
        rows: vec![
            row("the adapter", bytes.len()),
            row("of it code", sections.code),
            row("of it data", sections.data),
            row(
                "of it all else",
                bytes.len() - sections.code - sections.data,
            ),
            row("a guest on Spin's interface", length(&build.guest("spin"))?),
            row("the same, composed", length(&build.composed)?),
            row(
                "the same with rumqttc in it in place of the interface",
                length(&build.guest("rumqttc"))?,
            ),
            row("the same with raw TCP in it", length(&build.guest("raw"))?),
        ],
    }])
}

/// The bytes of sections, in all modules of a component.
struct Sections {
    code: usize,
    data: usize,
}

impl Sections {
    fn of(component: &[u8]) -> Result<Self> {
        let mut sections = Self { code: 0, data: 0 };
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::CodeSectionStart { range, .. } => {
                    sections.code += (range.end - range.start) as usize
                }
                Payload::DataSection(section) => {
                    let range = section.range();
                    sections.data += (range.end - range.start) as usize;
                }
                _ => {}
            }
        }
        Ok(sections)
    }
}

/// The linear memory of an instance, at its start and after publishing.
pub fn memory(build: &Build) -> Result<Vec<Figure>> {
    let broker = Broker::start()?;
    let guests = [
        ("composed", build.composed.clone()),
        ("the guest alone, on the native host", build.guest("spin")),
        ("rumqttc in the guest", build.guest("rumqttc")),
    ];
    let mut rows: Vec<Row> = [
        "at its start",
        "after 1,000 messages of 100 B",
        "after 1,000 messages of 64 KiB",
    ]
    .map(|name| Row {
        name: name.into(),
        cells: Vec::new(),
    })
    .into();
    for (_, guest) in &guests {
        let run = |size: usize| {
            let mut command = Command::new(&build.native_host);
            command
                .arg("run")
                .arg(build.cache_option())
                .arg("--meter")
                .arg(guest)
                .arg(&broker.address)
                .arg(format!("-: open publish/1/{size}x1000"));
            let finished = process::run(command, LIMIT)?;
            ensure!(finished.status.success(), "{finished}");
            let line = finished.stderr.lines().last().unwrap_or_default();
            let (start, end) = line.split_once(' ').with_context(|| finished.to_string())?;
            anyhow::Ok((start.parse::<f64>()?, end.parse::<f64>()?))
        };
        let (start, small) = run(100)?;
        let (_, large) = run(65_536)?;
        for (row, bytes) in rows.iter_mut().zip([start, small, large]) {
            row.cells.push(Some(Cell::new(vec![bytes / KIB])));
        }
    }
    Ok(vec![Figure {
        name: "memory".into(),
        title: "Linear memory of an instance, QoS 1".into(),
        unit: Unit::Kibibytes,
        notes: vec!["A page of WebAssembly is 64 KiB.".into()],
        columns: guests.map(|(name, _)| name.into()).into(),
        rows,
    }])
}

/// How often components are instantiated to find out how many instances a sample has.
const FIRST: usize = 1000;

/// How long an instance takes to make and to end, under the pooling allocator.
pub fn instantiation(build: &Build, depth: Depth) -> Result<Vec<Figure>> {
    let samples = match depth {
        Depth::Quick => 3,
        Depth::Full => 10,
    };
    let pairs = [
        ("a command", &build.composed, build.guest("spin")),
        (
            "an HTTP component",
            &build.http_composed,
            build.http.clone(),
        ),
    ];
    let mut rows = Vec::new();
    let mut notes =
        vec!["A sample is the median of as many instances as take a second or more.".to_owned()];
    for (name, composed, alone) in pairs {
        let components = [composed, alone.as_path()];
        let mut per_sample = FIRST;
        pace::per_second(&mut per_sample, |count| {
            let times = instantiate(build, components, count)?;
            let quicker = times.iter().map(|it| it.iter().sum::<f64>());
            Ok(Duration::from_secs_f64(
                quicker.fold(f64::INFINITY, f64::min) / 1e6,
            ))
        })?;
        let [composed, alone] = instantiate(build, components, per_sample * samples)?.map(|all| {
            let medians = all.chunks(per_sample).map(figure::median);
            Cell::new(medians.collect())
        });
        notes.push(format!(
            "Composing adds {:.1} µs to {name}.",
            composed.median - alone.median
        ));
        rows.push(Row {
            name: name.into(),
            cells: vec![Some(composed), Some(alone)],
        });
    }
    Ok(vec![Figure {
        name: "instantiation".into(),
        title: "Instantiation".into(),
        unit: Unit::Microseconds,
        notes,
        columns: vec!["composed".into(), "the guest alone".into()],
        rows,
    }])
}

/// Instantiates both components `count` times, in turn. Returns what each instance of each took, in microseconds.
fn instantiate(build: &Build, components: [&Path; 2], count: usize) -> Result<[Vec<f64>; 2]> {
    let mut command = Command::new(&build.native_host);
    command
        .arg("instantiate")
        .arg(build.cache_option())
        .arg(format!("--count={count}"))
        .args(components);
    let finished = process::run(command, LIMIT)?;
    ensure!(finished.status.success(), "{finished}");
    let measured: Value = serde_json::from_str(&finished.stdout)?;
    let times = |index: usize| {
        let times = measured[index]["nanoseconds"].as_array();
        let times = times.context("no times")?.iter();
        anyhow::Ok(times.filter_map(Value::as_f64).map(|it| it / 1e3).collect())
    };
    Ok([times(0)?, times(1)?])
}
