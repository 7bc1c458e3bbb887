//! A figure: what was measured of each subject, in rows, and how it is shown.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::Result;
use serde::Serialize;

/// A table of measurements. The first column is ours, and each other one is compared with it.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Its name on the command line, and in the names of files.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What the numbers are in.
    pub unit: Unit,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// The names of the columns, ours first.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What numbers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Round trips of the link; fewer are better.
    RoundTrips,
    /// Messages a second; more are better.
    MessagesPerSecond,
    /// Requests a second; more are better.
    RequestsPerSecond,
    /// Microseconds; fewer are better.
    Microseconds,
    /// Milliseconds; fewer are better.
    Milliseconds,
    /// Kibibytes; fewer are better.
    Kibibytes,
}

/// One row of a [`Figure`].
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// A cell for each column; none where that was not measured.
    pub cells: Vec<Option<Cell>>,
}

/// What was measured of one subject.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The median of all samples.
    pub median: f64,
    /// The lowest sample.
    pub lowest: f64,
    /// The highest sample.
    pub highest: f64,
    /// The samples, in their order: those of the same index were taken in the same round.
    pub samples: Vec<f64>,
}

impl Unit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundTrips => "round trips",
            Self::MessagesPerSecond => "messages/s",
            Self::RequestsPerSecond => "requests/s",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Kibibytes => "KiB",
        }
    }

    /// Whether more is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::MessagesPerSecond | Self::RequestsPerSecond)
    }

    /// A number of this unit as one writes it.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::RoundTrips => format!("{value:.2}"),
            _ if value >= 100.0 => thousands(value.round() as u64),
            _ if value >= 10.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    }
}

fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

impl Cell {
    /// The cell of these samples, of which there must be one at least.
    pub fn new(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        Self {
            median: median(&sorted),
            lowest: sorted[0],
            highest: sorted[sorted.len() - 1],
            samples,
        }
    }

    /// How many times `other` this is: the median of the ratios round by round, which holds where the machine's speed drifts.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        let mut ratios: Vec<f64> = self
            .samples
            .iter()
            .zip(&other.samples)
            .map(|(this, other)| this / other)
            .collect();
        ratios.sort_by(f64::total_cmp);
        median(&ratios)
    }
}

/// The median of `sorted`, which must not be empty.
pub fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

impl Figure {
    /// The figure as a table of Markdown: medians, and behind each of a peer's in brackets how many times it ours is.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {} ({})\n\n", self.title, self.unit.name());
        let _ = writeln!(text, "| | {} |", self.columns.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(self.columns.len()));
        for row in &self.rows {
            let ours = row.cells.first().and_then(Option::as_ref);
            let cells: Vec<String> = row
                .cells
                .iter()
                .enumerate()
                .map(|(index, cell)| match (cell, ours) {
                    (None, _) => String::new(),
                    (Some(cell), Some(ours)) if index > 0 && self.unit != Unit::RoundTrips => {
                        let ratio = ours.ratio_to(cell);
                        format!("{} ({ratio:.2}×)", self.unit.shown(cell.median))
                    }
                    (Some(cell), _) => self.unit.shown(cell.median),
                })
                .collect();
            let _ = writeln!(text, "| {} | {} |", row.name, cells.join(" | "));
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

/// What a subject measured in one round: a number for each row.
pub type Sample = BTreeMap<String, f64>;

/// Something that can be measured again and again.
pub struct Subject<'a> {
    /// The name of its column.
    pub name: String,
    /// Measures once.
    pub measure: Box<dyn FnMut() -> Result<Sample> + 'a>,
}

impl<'a> Subject<'a> {
    /// A subject that is measured by `measure`.
    pub fn new(name: impl Into<String>, measure: impl FnMut() -> Result<Sample> + 'a) -> Self {
        Self {
            name: name.into(),
            measure: Box::new(measure),
        }
    }
}

/// How often what is measured.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Rounds for warming up, which do not count.
    pub warm_up: usize,
    /// Rounds that count.
    pub counted: usize,
}

/// Measures all subjects in turn (A B C A B C …). Returns the rows in the order in which `rows` has their names.
pub fn in_turn(
    rounds: Rounds,
    mut subjects: Vec<Subject<'_>>,
    rows: &[String],
) -> Result<Vec<Row>> {
    let mut samples = vec![vec![Vec::new(); subjects.len()]; rows.len()];
    for round in 0..rounds.warm_up + rounds.counted {
        for (column, subject) in subjects.iter_mut().enumerate() {
            let sample = (subject.measure)()
                .map_err(|error| error.context(format!("{} was not measured", subject.name)))?;
            if round < rounds.warm_up {
                continue;
            }
            for (row, name) in rows.iter().enumerate() {
                if let Some(value) = sample.get(name) {
                    samples[row][column].push(*value);
                }
            }
        }
    }
    let row = |(name, cells): (&String, Vec<Vec<f64>>)| Row {
        name: name.clone(),
        cells: cells
            .into_iter()
            .map(|samples| (!samples.is_empty()).then(|| Cell::new(samples)))
            .collect(),
    };
    Ok(rows.iter().zip(samples).map(row).collect())
}
