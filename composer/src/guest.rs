//! An app that asks for MQTT: bytes, checked to be something that the adapter can be plugged into.

use std::{borrow::Cow, collections::HashSet};

use serde::Serialize;
use thiserror::Error;
use wasm_metadata::Producers;
use wasmparser::component_types::ComponentItem;

use crate::{
    bounds,
    component::{Component, InputError, Kind, PRODUCERS, decode},
    componentize::{ComponentizeError, componentize},
    names::{MQTT_INTERFACE, MqttName, TOOL_NAME},
    shared::shared,
};

/// Why an app can't have the adapter plugged in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The bytes are no valid WebAssembly.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The bytes are a core module that can't be made a component.
    #[error(transparent)]
    Componentize(#[from] ComponentizeError),
    /// Nothing in it asks for MQTT.
    #[error("it imports no MQTT interface: there is nothing to plug `{MQTT_INTERFACE}` into")]
    NoMqtt,
    /// It uses the async interface of spin-sdk 6 and later.
    #[error(
        "it imports `{import}`, the async interface of spin-sdk 6 and later, which is not supported yet"
    )]
    AsyncMqtt {
        /// The import's full name.
        import: String,
    },
    /// It uses another version of the interface.
    #[error(
        "it imports `{import}`, another version than `{MQTT_INTERFACE}`, the one that is supported"
    )]
    OtherVersion {
        /// The import's full name.
        import: String,
    },
    /// Another interface refers to a type of the MQTT interface. Its provider would have to have the same MQTT.
    #[error(
        "its {direction} `{name}` uses the type `{ty}` of `{MQTT_INTERFACE}`: who is on the other side would need the same \
         MQTT, but the adapter is to be inside of the app"
    )]
    Shared {
        /// `import` or `export`.
        direction: &'static str,
        /// The name of that import or export.
        name: String,
        /// The type, such as `connection`.
        ty: String,
    },
    /// This tool has made it.
    #[error("it is composed already, by {TOOL_NAME} {version}: the adapter is inside")]
    AlreadyComposed {
        /// The version of the tool, as its producers section has it.
        version: String,
    },
    /// It is no app but the adapter, or another component that provides MQTT.
    #[error("it exports `{MQTT_INTERFACE}`: it is an adapter, and no app")]
    IsAdapter,
    /// Another tool has plugged an adapter into it.
    #[error("it is composed already: a component inside of it exports `{MQTT_INTERFACE}`")]
    AlreadyPlugged,
}

/// What the input was before it became a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// A component.
    Component,
    /// A core module for WASI preview 1 that is called through its exports, as the Spin SDKs make it.
    ReactorModule,
    /// A core module for WASI preview 1 with a `main`.
    CommandModule,
}

/// A valid app, with or without MQTT.
pub(crate) struct Guest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) component: Component,
    pub(crate) form: Form,
}

impl Guest {
    /// Checks `app`, a component or core module as a binary or text, and makes it a component.
    pub(crate) fn parse(app: Cow<'_, [u8]>) -> Result<Self, GuestError> {
        let (bytes, kind) = decode(app)?;
        let guest = match kind {
            Kind::Component => Self {
                component: Component::parse(&bytes)?,
                bytes: bytes.into_owned(),
                form: Form::Component,
            },
            Kind::Module => componentize(bytes)?,
        };
        bounds::check(&guest.component)?;
        Ok(guest)
    }

    /// The import to plug the adapter into.
    ///
    /// # Errors
    ///
    /// All of [`GuestError`] but those about the bytes, if there is no such import or it can't be plugged.
    pub(crate) fn socket(&self) -> Result<&ComponentItem, GuestError> {
        if let Some(item) = self.component.import(MQTT_INTERFACE) {
            let inside = HashSet::from([MQTT_INTERFACE]);
            return match shared(&self.component, &inside).first() {
                None => Ok(item),
                Some(shared) => Err(GuestError::Shared {
                    direction: shared.direction,
                    name: shared.name.to_owned(),
                    ty: shared.ty.clone(),
                }),
            };
        }
        let others = || self.component.imports().map(|(name, _)| name);
        if let Some(import) = others().find(|name| MqttName::of(name) == Some(MqttName::Async)) {
            return Err(GuestError::AsyncMqtt {
                import: import.to_owned(),
            });
        }
        if let Some(import) =
            others().find(|name| MqttName::of(name) == Some(MqttName::OtherVersion))
        {
            return Err(GuestError::OtherVersion {
                import: import.to_owned(),
            });
        }
        if self.component.export(MQTT_INTERFACE).is_some() {
            return Err(GuestError::IsAdapter);
        }
        if let Some(version) = self.composed_by() {
            return Err(GuestError::AlreadyComposed { version });
        }
        if self.component.contains_adapter() {
            return Err(GuestError::AlreadyPlugged);
        }
        Err(GuestError::NoMqtt)
    }

    /// The version of this tool that made the app, if one did.
    fn composed_by(&self) -> Option<String> {
        self.component
            .custom_sections()
            .iter()
            .filter(|(name, _)| name == PRODUCERS)
            .filter_map(|(_, data)| Producers::from_bytes(data, 0).ok())
            .find_map(|producers| producers.get("processed-by")?.get(TOOL_NAME).cloned())
            // What we did not write does not stand in our messages.
            .map(|version| match semver::Version::parse(&version) {
                Ok(version) => version.to_string(),
                Err(_) => "of an unknown version".to_owned(),
            })
    }
}
