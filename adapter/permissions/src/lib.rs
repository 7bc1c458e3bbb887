//! Spin's `allowed_outbound_hosts`: which brokers an application may connect to.
//!
//! An [`AllowedHost`] is one entry of the list, checked, and says whether it permits an
//! [`Address`](mqtt_session::Address), which is parsed once and then connected to as it was checked. An entry may be a
//! [`Template`] over the application's [variables](is_variable_name): it becomes an entry once their values are known, and a
//! value can fill a place in it, but never change its shape.
//!
//! The adapter enforces the list with this crate, the composer checks it before it is baked in, and fuzzers run it natively.
//! As in `mqtt-session`, messages are joined and not formatted, for the adapter's bytes are counted.

mod allowed_host;
mod template;

pub use allowed_host::{AllowedHost, EntryError};
pub use template::{Template, TemplateError, Unresolved, environment_name, is_variable_name};
