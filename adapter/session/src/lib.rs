//! An MQTT 3.1.1 publisher without I/O.
//!
//! [`Session`] is the protocol: a state machine that owns no socket and reads no clock. Bytes and the time go in, bytes and
//! events come out. So every path of the protocol is a plain test on virtual time, a fuzzer drives it directly, and any
//! transport can carry it. It takes checked values: [`Address`], [`ConnectOptions`], [`Topic`]. A value of one of these types
//! was checked when it was made, and is not checked again.
//!
//! Numbers in square brackets, such as [MQTT-3.1.2-24], name the statements of the standard, *MQTT Version 3.1.1*
//! (OASIS, 2014).
//!
//! This crate is part of the adapter, whose size counts: messages are concatenated from strings (`message()`) and not
//! formatted, since `core::fmt` alone would be larger than the protocol. `Display` is for other users of the crate.

mod codec;
mod error;
mod options;
mod output;
mod session;
mod time;
mod topic;

pub use error::{Awaited, Failure, Fate, Protocol, PublishError, Refusal, Violation};
use mqtt_address::text;
pub use mqtt_address::{Address, AddressError, Host, Scheme};
pub use options::{ConnectOptions, Credentials, CredentialsError};
pub use session::{Early, Event, Habits, Pings, Qos, Session};
pub use time::Instant;
pub use topic::{Topic, TopicError};
