//! The cells that can't work. Their tests run all the same, and fail if they work after all or fail in another way.

use crate::hosts::Host;

/// Why guests can't run on a host.
pub struct Limit {
    pub host: Host,
    /// The names of the guests.
    pub guests: &'static [&'static str],
    /// What the host says.
    pub error: &'static str,
    /// Why, and whose limit it is, as the table's notes have it.
    pub why: &'static str,
}

const EXTENDED_CONST: &str = "componentize-py links Python with the extended-const proposal of WebAssembly, which wasmtime \
    24 does not know: a limit of that release";

const NO_TCP: &str = "from 48 on, wasmtime denies TCP unless it is told otherwise, and its bindings for Python have no \
    function that tells it: a limit of these bindings";

const MANY_MODULES: &str = "its 27 modules are more than `serve` of wasmtime 24 allows in a component; with \
    `-O pooling-allocator=n` it runs: a limit of that command's defaults";

pub static LIMITS: &[Limit] = &[
    Limit {
        host: Host::Wasmtime24,
        guests: &["python-http", "python-command"],
        error: "constant expression required: non-constant operator",
        why: EXTENDED_CONST,
    },
    Limit {
        host: Host::Wasmtime24,
        guests: &["python-spin-sdk"],
        error: "which exceeds the configured maximum of 20",
        why: MANY_MODULES,
    },
    Limit {
        host: Host::Python50,
        guests: &[
            "rust-wit-bindgen",
            "python-command",
            "javascript-command",
            "go-command",
        ],
        error: "the host allows no connection to it",
        why: NO_TCP,
    },
    // It has no way to say more.
    Limit {
        host: Host::Python50,
        guests: &["c-command"],
        error: "the component failed",
        why: NO_TCP,
    },
];

/// The reasons, each once: the table's notes.
pub fn reasons() -> Vec<&'static str> {
    let mut reasons: Vec<_> = LIMITS.iter().map(|limit| limit.why).collect();
    reasons.dedup();
    reasons
}
