//! How much of each thing an input may have.
//!
//! The libraries beneath take time or memory that grows faster than what they read, or they recurse. Whatever the input, it is
//! to be composed or refused within seconds: so what exceeds any app by far is refused before they see it.

/// The largest input that is read, in bytes. The largest guests known (a JavaScript or Python runtime inside) have some
/// 40 MB; a composition needs a small multiple of its input's size in memory.
pub const MAX_INPUT_SIZE: usize = 256 << 20;

/// The largest WebAssembly text that is read, in bytes: parsed, it takes up to eighty times its size in memory.
pub(crate) const MAX_TEXT_SIZE: usize = 8 << 20;

/// How many component and instance types may stand within others in one section. wasmparser reads them by recursion, which
/// a hostile file could make as deep as it is long; 300 fit into the 2 MiB stack of a thread in a debug build. A world of
/// the Spin SDK has some 40, one for each interface.
pub(crate) const MAX_NESTED_TYPES: usize = 200;

/// How many components may be around another: each takes the validator some memory until it ends. A composition of
/// compositions has as many as it was composed times.
pub(crate) const MAX_DEPTH: usize = 100;

/// How many components and modules may be in an input, those within others included. Large apps have some dozens.
pub(crate) const MAX_PARTS: usize = 10_000;

/// How many imports and exports an app or adapter may have, with all functions and types in them. The time that wac-graph
/// takes grows with the square of the exports. All of WASI 0.2 and of Spin's interfaces has less than 2,000.
pub(crate) const MAX_ITEMS: usize = 20_000;

/// How many `component-type` sections a module may have. Each library with bindings of its own brings one.
pub(crate) const MAX_DESCRIPTIONS: usize = 1000;

/// How often a type may be an alias of an alias: an interface that uses another's type, which uses a third one's, has 2.
pub(crate) const MAX_ALIASES: usize = 100;

/// How many component and instance types there are at most within others in a section of types: each begins with the byte
/// that makes it a declaration and one of the two that say of what.
pub(crate) fn nested_types(section: &[u8]) -> usize {
    section
        .windows(2)
        .filter(|pair| matches!(pair, [0x01, 0x41 | 0x42]))
        .count()
}
