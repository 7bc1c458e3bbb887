//! Drives a [`Session`](mqtt_session::Session) over a network that it is given: who connects, reads, writes and waits.
//!
//! [`Network`] and [`Stream`] are what it asks of the network, in the form that WASI 0.2 sockets have: nothing blocks but the
//! waits, and each wait has a bound. The adapter implements them on those sockets, the tests on a simulated network with
//! a clock of its own, so that what goes wrong on a network can be played through by the thousand.

mod client;
mod network;

pub use client::{Client, PublishError};
pub use network::{Closed, Network, Ready, Stream, Unreachable};
