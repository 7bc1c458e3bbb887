//! The adapters that are inside of this library.

mod table;

use table::TABLE;

pub use table::MQTT_INTERFACE;
pub(crate) use table::{ENVIRONMENT_INTERFACE, SETTINGS_INTERFACE, VARIABLES_INTERFACE};

/// The components of [`TABLE`], in its order. They import the settings and WASI.
pub(crate) const BYTES: [&[u8]; TABLE.len()] = include!(concat!(env!("OUT_DIR"), "/adapters.rs"));
