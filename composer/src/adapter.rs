//! The component that is plugged in.

use std::{borrow::Cow, path::Path};

use thiserror::Error;
use wasmparser::component_types::ComponentItem;

use crate::{
    adapters,
    bounds,
    component::{Component, InputError, Kind, decode},
    interface::{self, Mismatch},
    names::MQTT_INTERFACE,
    plug::{Part, plug},
    settings::{SETTINGS_INTERFACE, Settings},
};

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
    /// It does not import the settings, and there are some.
    #[error(
        "it takes no settings, and permissions, variables, an environment, unique client ids or no reuse are to be composed in"
    )]
    NoSettings,
    /// The settings were not generated or plugged in. This is a mistake in this tool.
    #[error("the settings were not plugged into it")]
    Configure(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It exports an interface of that name which is another one.
    #[error("it exports a `{MQTT_INTERFACE}` that is not Spin's: {0}")]
    Mismatch(Mismatch),
}

impl AdapterError {
    /// The same, with `path` as the name of the adapter's file where the error stands at a place in its text.
    pub fn in_file(mut self, path: &Path) -> Self {
        if let Self::Input(InputError::Text(error)) = &mut self {
            error.set_path(path);
        }
        self
    }
}

fn list(exports: &[String]) -> String {
    match exports {
        [] => "it exports nothing".to_owned(),
        exports => format!("what it exports is `{}`", exports.join("`, `")),
    }
}

/// A component that is fit to be plugged into a guest.
pub(crate) struct Adapter {
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) component: Component,
}

impl Adapter {
    /// The adapter that is part of this library.
    pub(crate) fn embedded() -> Result<Self, AdapterError> {
        Self::unchecked(adapters::BYTES[0].into())
    }

    /// Checks `bytes`, a component as a binary or text, against the interface that the embedded adapter exports.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, AdapterError> {
        let (bytes, kind) = decode(bytes.into())?;
        if kind != Kind::Component {
            return Err(AdapterError::NotAComponent);
        }
        let adapter = Self::unchecked(bytes.into_owned().into())?;
        bounds::check(&adapter.component)?;
        let embedded = Self::embedded()?;
        interface::check(
            (&embedded.component, embedded.export()?, "Spin's interface"),
            (&adapter.component, adapter.export()?, "this adapter"),
        )
        .map_err(AdapterError::Mismatch)?;
        Ok(adapter)
    }

    fn unchecked(bytes: Cow<'static, [u8]>) -> Result<Self, AdapterError> {
        let component = Component::parse(&bytes)?;
        Ok(Self { bytes, component })
    }

    /// The adapter with `settings` inside. One that takes none is left as it is if they decide nothing.
    pub(crate) fn configure(&self, settings: &Settings) -> Result<Self, AdapterError> {
        if self.component.import(SETTINGS_INTERFACE).is_none() {
            return if *settings == Settings::default() {
                Self::unchecked(self.bytes.clone())
            } else {
                Err(AdapterError::NoSettings)
            };
        }
        let settings = settings.component().map_err(AdapterError::Configure)?;
        let component = Component::parse(&settings)?;
        let part = Part::same_names((settings, &component), [SETTINGS_INTERFACE]);
        let adapter = (self.bytes.to_vec(), &self.component);
        let configured =
            plug(adapter, vec![part]).map_err(|error| AdapterError::Configure(error.into()))?;
        Self::unchecked(configured.into())
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
