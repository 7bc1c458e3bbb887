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
    /// The median absolute deviation: half of the samples are no further from the median than this.
    pub deviation: f64,
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
        let middle = median(&samples);
        let distances: Vec<f64> = samples.iter().map(|it| (it - middle).abs()).collect();
        Self {
            median: middle,
            deviation: median(&distances),
            lowest: samples.iter().copied().fold(f64::INFINITY, f64::min),
            highest: samples.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            samples,
        }
    }

    /// The quotient of this median and `other`'s. It is made of the numbers that a table shows beside it, and so can't
    /// contradict them; [`table::check`](crate::table::check) holds it to that.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        self.median / other.median
    }
}

/// The median of `values`, which must not be empty.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

impl Figure {
    /// The figure as a table of Markdown. A cell has the median, the median absolute deviation behind `±` where there is more
    /// than one sample, and in a peer's cell, in brackets, ours divided by it.
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
                        format!("{} ({:.2}×)", self.shown(cell), ours.ratio_to(cell))
                    }
                    (Some(cell), _) => self.shown(cell),
                })
                .collect();
            let _ = writeln!(text, "| {} | {} |", row.name, cells.join(" | "));
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }

    /// The median, and the deviation where there can be one.
    fn shown(&self, cell: &Cell) -> String {
        let median = self.unit.shown(cell.median);
        match cell.samples.len() {
            1 => median,
            _ => format!("{median} ± {}", self.unit.shown(cell.deviation)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn figure(cells: [Vec<f64>; 2]) -> Figure {
        Figure {
            name: "speed".into(),
            title: "Speed".into(),
            unit: Unit::MessagesPerSecond,
            notes: Vec::new(),
            columns: vec!["ours".into(), "theirs".into()],
            rows: vec![Row {
                name: "cats".into(),
                cells: cells.map(|samples| Some(Cell::new(samples))).into(),
            }],
        }
    }

    #[test]
    fn a_cell_has_the_median_and_its_deviation() {
        let cell = Cell::new(vec![9.0, 1.0, 4.0, 5.0, 2.0]);
        assert_eq!((cell.median, cell.deviation), (4.0, 2.0));
        assert_eq!((cell.lowest, cell.highest), (1.0, 9.0));
    }

    // Round by round ours is slower three times of five (the median of the ratios is 0.5), and its median is higher.
    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let markdown = figure([
            vec![100.0, 100.0, 300.0, 300.0, 300.0],
            vec![200.0, 200.0, 600.0, 150.0, 150.0],
        ])
        .markdown();
        assert!(
            markdown.contains("| cats | 300 ± 0.00 | 200 ± 50.0 (1.50×) |"),
            "{markdown}"
        );
        table::check(&markdown).expect("it agrees with itself");
    }

    #[test]
    fn one_sample_has_no_deviation() {
        let markdown = figure([vec![300.0], vec![200.0]]).markdown();
        assert!(
            markdown.contains("| cats | 300 | 200 (1.50×) |"),
            "{markdown}"
        );
    }
}
