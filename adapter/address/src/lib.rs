//! Addresses of MQTT brokers, and the permissions to connect to them.
//!
//! An [`Address`] is parsed once: the value that is checked is the value that is connected to. An [`AllowedHost`] is one entry
//! of Spin's `allowed_outbound_hosts` and says whether it permits an address. An entry may be a [`Template`] over the
//! application's [variables](is_variable_name): it becomes an entry once their values are known, and no value permits more than
//! its place does.
//!
//! The adapter connects by this crate and enforces the list with it, the composer checks the list before it is composed in, and
//! fuzzers run both natively. There is no MQTT in it: that is `mqtt-session`.
//!
//! This crate is part of the adapter, whose bytes are counted: messages are joined from strings (`message()`) and not
//! formatted, since `core::fmt` alone would weigh more than all of it. `Display` is there for those who want it.

mod address;
mod allowed_host;
mod template;
pub mod text;

pub use address::{Address, AddressError, Host, Scheme};
pub use allowed_host::{AllowedHost, EntryError};
pub use template::{
    Template, TemplateError, Unresolved, environment_name, has_wildcard, is_variable_name,
};
