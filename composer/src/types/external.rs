//! The imports and exports of a component.

use std::fmt;

use serde::Serialize;

/// The side of a component that an interface, function or type is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The component imports it.
    Import,
    /// The component exports it.
    Export,
}

/// An import or export of a component: ``import `wasi:io/poll@0.2.0` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The side that it is on.
    pub direction: Direction,
    /// Its full name.
    pub name: String,
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Import => "import",
            Direction::Export => "export",
        };
        write!(f, "{direction} `{}`", self.name)
    }
}
