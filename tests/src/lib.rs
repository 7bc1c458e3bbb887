//! The harness of the end-to-end tests: real guests, real brokers, a stock wasmtime.
//!
//! ```text
//!  guest::Guest ──▶ compose::composed ──▶ host::Serve, host::run ──▶ broker::* ──▶ subscriber::Subscriber
//!  (spin-sdk)       (`compose`)           (`wasmtime`)               (rumqttd, mosquitto, a script)
//! ```
//!
//! Everything that a test starts listens on loopback, on a port of its own, and ends with the value that stands for it.
//! Every wait is bounded.

pub mod broker;
pub mod cargo;
pub mod compose;
pub mod guest;
pub mod host;
pub mod load;
pub mod payload;
pub mod probe;
pub mod process;
pub mod subscriber;
