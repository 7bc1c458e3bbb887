//! Drives a [`Session`](mqtt_session::Session) over a network that it is given: connects, reads, writes and waits.
//!
//! [`Network`] and [`Stream`] are the interface to the network, in the form that WASI 0.2 sockets have: only the waits block,
//! and each wait has a deadline. The adapter implements them on those sockets, and the tests on a simulated network with its
//! own clock, on which thousands of network faults are played through.

mod client;
mod network;

pub use client::{Client, PublishError};
pub use network::{Closed, Network, Ready, Stream, Unreachable};
