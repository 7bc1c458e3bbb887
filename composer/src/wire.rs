//! Composition: several parts, the arguments between them, and the one part that exports become one component.

mod arguments;
mod mismatch;
pub(crate) mod preserved;
pub(crate) mod producers;
mod rename;
mod wiring;

pub(crate) use arguments::fills;
pub use mismatch::Mismatch;
pub(crate) use mismatch::{Side, check};
pub use preserved::Changed;
pub(crate) use rename::rename;
pub use wiring::PlugError;
pub(crate) use wiring::{Argument, PartId, Wiring};
