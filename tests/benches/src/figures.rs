//! The figures, each of which is measured by a file of its own.

mod round_trips;

use anyhow::Result;
use clap::ValueEnum;

use crate::{build::Build, figure::Figure};

/// A figure, or several that come of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Round trips at a true network delay.
    RoundTrips,
}

/// How thorough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All figures in under two minutes.
    Quick,
    /// All rows and columns, and more rounds.
    Full,
}

impl Kind {
    /// Measures it. Returns no figure, and says why on standard error, where this machine does not allow it.
    pub fn measure(self, build: &Build, depth: Depth) -> Result<Vec<Figure>> {
        match self {
            Self::RoundTrips => round_trips::measure(build, depth),
        }
    }
}
