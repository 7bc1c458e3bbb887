//! A figure as a plot: bars in groups, one group for each row.

use std::fmt::Write;

use crate::figure::{Figure, Row, Unit};

const WIDTH: usize = 860;
const LEFT: usize = 270;
const RIGHT: usize = 110;
const BAR: usize = 16;
const GAP: usize = 14;
const TOP: usize = 58;

/// Ours first: colours that can be told apart without seeing red and green.
const COLOURS: [&str; 6] = [
    "#0072b2", "#e69f00", "#56b4e9", "#cc79a7", "#009e73", "#999999",
];

/// The figure in SVG. Round trips have one scale; of all else each row has its own, from nothing to its longest bar. The thin
/// line over a bar goes from the lowest to the highest sample.
pub fn svg(figure: &Figure) -> String {
    let bars = |row: &Row| row.cells.iter().flatten().count();
    let groups: usize = figure.rows.iter().map(|row| bars(row) * BAR + GAP).sum();
    let legend_top = TOP + groups + 6;
    let height = legend_top + figure.columns.len() * 18 + 12;
    let direction = match figure.unit.more_is_better() {
        true => "longer is better",
        false => "shorter is better",
    };
    let scale = match figure.unit {
        Unit::RoundTrips => "",
        _ => "; each group has its own scale",
    };
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26" font-size="16" font-weight="bold">{}</text>
<text x="16" y="44" fill="#555555">{}; {direction}{scale}</text>
"##,
        escaped(&figure.title),
        figure.unit.name(),
    );
    let mut y = TOP;
    for row in &figure.rows {
        let longest = match figure.unit {
            Unit::RoundTrips => longest(&figure.rows),
            _ => longest(std::slice::from_ref(row)),
        };
        let x = |value: f64| LEFT as f64 + value / longest * (WIDTH - LEFT - RIGHT) as f64;
        let middle = y + (bars(row) * BAR) / 2 + 4;
        let _ = writeln!(
            svg,
            r#"<text x="{}" y="{middle}" text-anchor="end">{}</text>"#,
            LEFT - 10,
            escaped(&row.name)
        );
        for (column, cell) in row.cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            let _ = writeln!(
                svg,
                r##"<rect x="{LEFT}" y="{y}" width="{:.1}" height="{}" fill="{}"/>
<line x1="{:.1}" y1="{line}" x2="{:.1}" y2="{line}" stroke="#000000"/>
<text x="{:.1}" y="{}">{}</text>"##,
                x(cell.median) - LEFT as f64,
                BAR - 3,
                COLOURS[column % COLOURS.len()],
                x(cell.lowest),
                x(cell.highest),
                x(cell.highest) + 6.0,
                y + 11,
                figure.unit.shown(cell.median),
                line = y + (BAR - 3) / 2,
            );
            y += BAR;
        }
        y += GAP;
    }
    for (column, name) in figure.columns.iter().enumerate() {
        let y = legend_top + column * 18;
        let _ = writeln!(
            svg,
            r#"<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{}"/><text x="{}" y="{}">{}</text>"#,
            COLOURS[column % COLOURS.len()],
            LEFT + 20,
            y + 11,
            escaped(name)
        );
    }
    svg + "</svg>\n"
}

fn longest(rows: &[Row]) -> f64 {
    let cells = rows.iter().flat_map(|row| row.cells.iter().flatten());
    cells
        .map(|cell| cell.highest)
        .fold(f64::MIN_POSITIVE, f64::max)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
