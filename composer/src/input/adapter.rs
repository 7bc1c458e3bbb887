//! The adapter: the component that is plugged in.

use std::{borrow::Cow, path::Path};

use thiserror::Error;
use wasmparser::component_types::ComponentItem;

use super::bytes::{Kind, decode};
use crate::{
    adapters::{EMBEDDED, MQTT_INTERFACE, SETTINGS_INTERFACE},
    settings::Settings,
    types::{Component, InputError, Unsupported},
    wire::{Argument, Mismatch, PlugError, Side, Wiring, check},
};

/// The reasons why a component can't be used as the adapter.
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
        /// Its exports.
        exports: Vec<String>,
    },
    /// It does not import the settings, and there are some to compose in.
    #[error(
        "it takes no settings, so that permissions, variables, an environment, unique client ids, no reuse and no early publishing can't be composed in"
    )]
    NoSettings,
    /// The settings were not generated or plugged in. This is a mistake in this tool.
    #[error("the settings were not plugged into it")]
    Configure(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its interface of that name has other types.
    #[error("it exports a `{interface}` that is not Spin's: {0}", interface = .0.interface)]
    Mismatch(Box<Mismatch>),
    /// It has an import or export that no WIT world has.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It could not be compared with the embedded one.
    #[error(transparent)]
    Plug(#[from] PlugError),
}

impl AdapterError {
    /// Adds the name of the adapter's file, `path`, to an error that has a place in its text.
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
        exports => format!("it exports `{}`", exports.join("`, `")),
    }
}

/// A component that is fit to be plugged into an app.
pub(crate) struct Adapter {
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) component: Component,
}

impl Adapter {
    /// The adapter that is part of this library.
    pub(crate) fn embedded() -> Result<Self, AdapterError> {
        Self::made(EMBEDDED.bytes().into())
    }

    /// Checks `bytes`, a component as a binary or text, against the interface that the embedded adapter exports.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, AdapterError> {
        let (bytes, kind) = decode(bytes.into())?;
        if kind != Kind::Component {
            return Err(AdapterError::NotAComponent);
        }
        let component = Component::parse(&bytes)?;
        component.check_limits()?;
        let adapter = Self {
            bytes: bytes.into_owned().into(),
            component,
        };
        adapter.export()?;
        adapter.component.check_supported()?;
        adapter.compare_with(&Self::embedded()?)?;
        Ok(adapter)
    }

    /// Checks that this adapter exports all that `embedded` has in its interface of MQTT.
    fn compare_with(&self, embedded: &Self) -> Result<(), AdapterError> {
        let interface = EMBEDDED.interface();
        let mut both = Wiring::new();
        let wanted = embedded.side("Spin's interface", &mut both)?;
        let offered = self.side("this adapter", &mut both)?;
        check(interface, both.types(), wanted, offered).map_err(AdapterError::Mismatch)
    }

    /// Its interface of MQTT as a side of a comparison, for which it is added to `both`.
    fn side(&self, name: &'static str, both: &mut Wiring) -> Result<Side<'_>, AdapterError> {
        let part = both.add(self.bytes.to_vec())?;
        Ok(Side {
            name,
            component: &self.component,
            item: self.export()?,
            kind: both.export(part, EMBEDDED.interface()),
        })
    }

    /// An adapter whose function bodies have been validated.
    fn made(bytes: Cow<'static, [u8]>) -> Result<Self, AdapterError> {
        let component = Component::parse_made(&bytes)?;
        Ok(Self { bytes, component })
    }

    /// Plugs `settings` into the adapter. One that takes none is left as it is if they decide nothing.
    pub(crate) fn configure(&self, settings: &Settings) -> Result<Self, AdapterError> {
        if self.component.import(SETTINGS_INTERFACE).is_none() {
            return if *settings == Settings::default() {
                Self::made(self.bytes.clone())
            } else {
                Err(AdapterError::NoSettings)
            };
        }
        let settings = settings.component().map_err(AdapterError::Configure)?;
        let configure = || {
            let mut wiring = Wiring::new();
            let adapter = wiring.add(self.bytes.to_vec())?;
            let settings = wiring.add(settings)?;
            wiring.connect(Argument::named(SETTINGS_INTERFACE, adapter, settings))?;
            wiring.finish(adapter)
        };
        let configured =
            configure().map_err(|error: PlugError| AdapterError::Configure(error.into()))?;
        Self::made(configured.into())
    }

    /// The MQTT interface that it exports.
    fn export(&self) -> Result<&ComponentItem, AdapterError> {
        self.component
            .export(EMBEDDED.interface())
            .ok_or_else(|| AdapterError::NoExport {
                exports: self
                    .component
                    .exports()
                    .map(|(name, _)| name.to_owned())
                    .collect(),
            })
    }
}
