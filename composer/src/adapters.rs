//! The adapters that are inside of this library.

#[expect(dead_code, reason = "the build script has the rest of it")]
mod table;

use table::TABLE;

pub use table::MQTT_INTERFACE;
pub(crate) use table::{ENVIRONMENT_INTERFACE, SETTINGS_INTERFACE, VARIABLES_INTERFACE};

/// The components of [`TABLE`], in its order. They import the settings and WASI.
const BYTES: [&[u8]; TABLE.len()] = include!(concat!(env!("OUT_DIR"), "/adapters.rs"));

/// The adapter for apps that import [`MQTT_INTERFACE`].
pub(crate) const EMBEDDED: Embedded = Embedded(0);

/// An adapter, by its index in [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Embedded(usize);

impl Embedded {
    /// The interface of MQTT that it exports.
    pub(crate) fn interface(self) -> &'static str {
        TABLE[self.0].interface
    }

    /// The interfaces that it exports, in its order.
    pub(crate) fn exports(self) -> &'static [&'static str] {
        TABLE[self.0].exports
    }

    /// The component.
    pub(crate) fn bytes(self) -> &'static [u8] {
        BYTES[self.0]
    }
}
