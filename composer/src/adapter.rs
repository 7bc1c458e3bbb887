//! The component that is plugged in.

use thiserror::Error;
use wasmparser::component_types::ComponentItem;

use crate::{
    component::{Component, InputError, Kind, decode},
    interface::{self, Mismatch},
    names::MQTT_INTERFACE,
};

/// The embedded adapter component: it exports [`MQTT_INTERFACE`] and imports interfaces of WASI 0.2.0 alone.
pub const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/adapter.wasm"));

/// Why a component can't be used as the adapter.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The bytes are no valid WebAssembly.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is a core module.
    #[error("it is a core module; an adapter is a component")]
    NotAComponent,
    /// It does not export the interface.
    #[error("it does not export `{MQTT_INTERFACE}`; {}", list(.exports))]
    NoExport {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It exports an interface of that name which is another one.
    #[error("it exports a `{MQTT_INTERFACE}` that is not Spin's: {0}")]
    Mismatch(Mismatch),
}

fn list(exports: &[String]) -> String {
    match exports {
        [] => "it exports nothing".to_owned(),
        exports => format!("what it exports is `{}`", exports.join("`, `")),
    }
}

/// A component that is fit to be plugged into a guest.
pub(crate) struct Adapter {
    pub(crate) component: Component,
}

impl Adapter {
    /// The adapter that is part of this library.
    pub(crate) fn embedded() -> Result<Self, AdapterError> {
        Self::unchecked(ADAPTER)
    }

    /// Checks `bytes`, a component as a binary or text, against the interface that the embedded adapter exports.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, AdapterError> {
        let adapter = Self::unchecked(bytes)?;
        let embedded = Self::embedded()?;
        interface::check(
            (&embedded.component, embedded.export()?, "Spin's interface"),
            (&adapter.component, adapter.export()?, "this adapter"),
        )
        .map_err(AdapterError::Mismatch)?;
        Ok(adapter)
    }

    fn unchecked(bytes: &[u8]) -> Result<Self, AdapterError> {
        let (bytes, kind) = decode(bytes)?;
        if kind != Kind::Component {
            return Err(AdapterError::NotAComponent);
        }
        let component = Component::parse(bytes.into_owned())?;
        Ok(Self { component })
    }

    /// The MQTT interface that it exports.
    pub(crate) fn export(&self) -> Result<&ComponentItem, AdapterError> {
        self.component
            .export(MQTT_INTERFACE)
            .ok_or_else(|| AdapterError::NoExport {
                exports: self
                    .component
                    .exports()
                    .map(|(name, _)| name.to_owned())
                    .collect(),
            })
    }
}
