//! The error about options that are used in a wrong way.

use std::fmt;

/// Options that don't go together, or a value of one that is of no use. The command ends as clap does for such.
#[derive(Debug)]
pub(super) struct Usage(pub(super) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
