//! The errors of inputs that are not valid.

use thiserror::Error;
use wasmparser::BinaryReaderError;

use super::limits::{MAX_INPUT_SIZE, MAX_TEXT_SIZE};

/// The reasons why bytes are no valid WebAssembly.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// There are no bytes.
    #[error("it is empty")]
    Empty,
    /// It is larger than [`MAX_INPUT_SIZE`].
    #[error("it is larger than {} MiB, the most that is taken", MAX_INPUT_SIZE >> 20)]
    TooLarge,
    /// It is text, and larger than the limit for text.
    #[error(
        "it is WebAssembly text of more than {} MiB, the most that is taken; give the binary, which `wasm-tools parse` makes",
        MAX_TEXT_SIZE >> 20
    )]
    TextTooLarge,
    /// It is neither a binary nor WebAssembly text.
    #[error(
        "it is not WebAssembly: it begins with {start}, and not as a WebAssembly binary or text does"
    )]
    NotWasm {
        /// The first bytes, quoted.
        start: String,
    },
    /// It looks like WebAssembly text, but is malformed.
    #[error("it is WebAssembly text with a mistake in it")]
    Text(#[source] wat::Error),
    /// The file ends within a section.
    #[error(
        "it is truncated: it ends after {size} bytes, in the middle of a section; was it copied or downloaded whole?"
    )]
    Truncated {
        /// The input's size in bytes.
        size: usize,
    },
    /// It nests components in components, or types in types, so deeply that reading them might exhaust the memory or the stack.
    #[error("it nests components or their types too deeply")]
    TooDeep,
    /// It has more of some items than any app, so many that the time to compose it would have no bound.
    #[error("it has more than {most} {what}, the most that are taken")]
    TooMany {
        /// The name of the items that it has too many of.
        what: &'static str,
        /// The number that is taken.
        most: usize,
    },
    /// A component has two imports that define the very same types. wasmparser takes such a one, and goes down where it is
    /// instantiated.
    #[error(
        "it has two imports with one and the same type definition between them, with which it can't be instantiated; each \
         import needs its own, as every generator of bindings gives it"
    )]
    SharedDefinition,
    /// It is malformed or breaks a rule of WebAssembly.
    #[error("it is not valid WebAssembly")]
    Invalid(#[source] BinaryReaderError),
}
