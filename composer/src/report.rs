//! Reports on apps and compositions.

mod command_line;
mod composition;
mod graph;
mod import;
mod inspection;
mod requirements;
mod ungoverned;

pub use command_line::{CommandLine, Runner};
pub use composition::Composition;
pub use graph::{Edge, Graph};
pub use import::Import;
pub use inspection::{Inspection, Outcome};
pub use requirements::{EnvironmentVariable, Requirements};
pub(crate) use ungoverned::{imports_of_app, ungoverned};
