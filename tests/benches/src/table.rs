//! Checks tables of Markdown against themselves: a ratio must be the quotient of the medians that stand in its row.

use anyhow::{Result, ensure};

/// Fails if `markdown` has a row whose printed ratio is not the quotient of its printed medians, as far as their rounding
/// lets one tell. A cell is `MEDIAN`, `MEDIAN ± DEVIATION`, or either followed by ` (RATIO×)`; the ratio is that of the row's
/// first number to the cell's own.
pub fn check(markdown: &str) -> Result<()> {
    let contradictions: Vec<String> = markdown.lines().filter_map(contradiction).collect();
    ensure!(
        contradictions.is_empty(),
        "the table contradicts itself:\n{}",
        contradictions.join("\n")
    );
    Ok(())
}

/// What is wrong with this line of Markdown, if anything.
fn contradiction(line: &str) -> Option<String> {
    let cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|');
    let mut cells = cells.skip(1).map(str::trim);
    let ours = Printed::parse(cells.next()?);
    cells
        .filter_map(|cell| {
            let (peer, ratio) = cell.strip_suffix("×)")?.rsplit_once(" (")?;
            Some((cell, Printed::parse(peer), Printed::parse(ratio)))
        })
        .find_map(|(cell, peer, ratio)| {
            let (Some(ours), Some(peer), Some(ratio)) = (ours, peer, ratio) else {
                return Some(format!("{line}\n  {cell:?} is a ratio of no two numbers"));
            };
            let least = ours.least() / peer.most();
            let most = ours.most() / peer.least().max(0.0);
            let agrees = ratio.least() <= most && least <= ratio.most();
            (!agrees).then(|| {
                format!(
                    "{line}\n  {cell:?}: the medians' ratio is {:.2}",
                    ours.value / peer.value
                )
            })
        })
}

/// A number as it was printed, and how far off its rounding may be.
#[derive(Clone, Copy)]
struct Printed {
    value: f64,
    rounding: f64,
}

impl Printed {
    /// Takes the number at the start of `text`, with commas between its thousands.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.split(' ').next()?.replace(',', "");
        let decimals = digits.split_once('.').map_or(0, |(_, after)| after.len());
        Some(Self {
            value: digits.parse().ok()?,
            // A hair more, for the binary fractions of what is compared.
            rounding: 0.500_001 / 10_f64.powi(decimals as i32),
        })
    }

    fn least(self) -> f64 {
        self.value - self.rounding
    }

    fn most(self) -> f64 {
        self.value + self.rounding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_of_the_medians_pass() {
        for row in [
            "| 100 B, QoS 0 | 198,570 ± 1,200 | 103,287 ± 900 (1.92×) | 77,933 (2.55×) |",
            "| without a ratio | 2.07 | 2.04 |  | 2.07 ± 0.01 |",
            // 0.0149 and 0.0051, which was 2.92 before rounding.
            "| coarse | 0.01 | 0.01 (2.92×) |",
            "| rounded to nothing | 1.00 | 0.00 (900.00×) |",
            "|---|--:|--:|",
            "No table (1.00×) |",
        ] {
            check(row).expect(row);
        }
    }

    // The first is a row that was published.
    #[test]
    fn a_ratio_of_something_else_fails() {
        for row in [
            "| 100 B, QoS 0 | 198,570 | 103,287 (0.46×) |",
            "| 100 B, QoS 0 | 198,570 ± 9 | 103,287 ± 9 (1.93×) |",
            "| the last cell | 300 | 150 (2.00×) | 300 (1.02×) |",
            "| not a number | fast | 150 (2.00×) |",
        ] {
            let error = check(row).expect_err(row).to_string();
            assert!(error.contains(row), "{error}");
        }
    }
}
