//! What the composed guests promise, on real brokers and under a stock wasmtime.
//!
//! One binary: it links once, and all of its tests run side by side. A test runs alone with its name, as in
//! `cargo test -p end-to-end publish::`.

mod addresses;
mod brokers;
mod commands;
mod configuration;
mod credentials;
mod faults;
mod handshake;
mod host;
mod imports;
mod leaks;
mod limits;
mod load;
mod matrix;
mod permissions;
mod publish;
mod reopening;
mod resources;
mod restart;
mod reuse;
mod round_trips;
mod serve;
mod sessions;
mod strays;
mod stubs;
mod topics;
