//! Limits on inputs.
//!
//! The time and memory of the libraries beneath grow faster than their input, or they recurse. Every input is to be composed or
//! refused within seconds: so one that exceeds any app by far is refused before they see it.

/// The largest input that is read, in bytes. The largest apps known (a JavaScript or Python runtime inside) have some
/// 40 MB; a composition needs a small multiple of its input's size in memory.
pub const MAX_INPUT_SIZE: usize = 256 << 20;

/// The largest WebAssembly text that is read, in bytes: parsed, it takes up to eighty times its size in memory.
pub(crate) const MAX_TEXT_SIZE: usize = 8 << 20;

/// The most component and instance types within others in one section. wasmparser reads them by recursion, which a hostile
/// file could make as deep as it is long; 300 fit into the 2 MiB stack of a thread in a debug build. A world of
/// the Spin SDK has some 40, one for each interface.
pub(crate) const MAX_NESTED_TYPES: usize = 200;

/// The most components around another one: each takes the validator some memory until it ends. A composition of compositions
/// has as many as it was composed times.
pub(crate) const MAX_DEPTH: usize = 100;

/// The most components and modules in an input, those within others included. Large apps have some dozens.
pub(crate) const MAX_PARTS: usize = 10_000;

/// The most imports and exports of an app or adapter, with all functions and types in them. The time of wac-graph grows with
/// the square of the exports. All of WASI 0.2 and of Spin's interfaces has less than 2,000.
pub(crate) const MAX_ITEMS: usize = 20_000;

/// The most `component-type` sections of a module. Each library with bindings of its own brings one.
pub(crate) const MAX_DESCRIPTIONS: usize = 1000;

/// The longest chain of aliases of a type: an interface that uses another's type, which uses a third one's, has 2.
pub(crate) const MAX_ALIASES: usize = 100;

/// Counts the component and instance types within others in a section of types, or more: each begins with the byte of a type
/// declaration, and the byte of one of the two kinds of type.
pub(crate) fn nested_types(section: &[u8]) -> usize {
    section
        .windows(2)
        .filter(|pair| matches!(pair, [0x01, 0x41 | 0x42]))
        .count()
}
