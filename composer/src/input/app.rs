//! An app: bytes, checked to be a component or made one.

use std::{borrow::Cow, collections::HashSet};

use super::{
    bytes::{Kind, decode},
    error::AppError,
    form::Form,
    language::Language,
    module::componentize,
};
use crate::{
    adapters::EMBEDDED,
    types::{Component, MqttName, Outline, Shared, shared},
    wire::producers::made_by,
};

/// A valid app, with or without MQTT.
pub(crate) struct App {
    pub(crate) bytes: Vec<u8>,
    pub(crate) component: Component,
    pub(crate) form: Form,
}

impl App {
    /// Checks `app`, a component or core module as a binary or text, and makes it a component.
    pub(crate) fn parse(app: Cow<'_, [u8]>) -> Result<Self, AppError> {
        let (bytes, kind) = decode(app)?;
        let app = match kind {
            Kind::Component => Self {
                component: Component::parse(&bytes)?,
                bytes: bytes.into_owned(),
                form: Form::Component,
            },
            Kind::Module => {
                let (bytes, component, form) = componentize(bytes)?;
                Self {
                    bytes,
                    component,
                    form,
                }
            }
        };
        app.component.check_limits()?;
        Ok(app)
    }

    /// Checks that the app has an import that an adapter can be plugged into. With `allow_others` it may import another MQTT as
    /// well, which stays unresolved.
    ///
    /// # Errors
    ///
    /// All of [`AppError`] but those about the bytes.
    pub(crate) fn check_pluggable(&self, allow_others: bool) -> Result<(), AppError> {
        let interface = EMBEDDED.interface();
        let is_pluggable = self.component.import(interface).is_some();
        if !is_pluggable || !allow_others {
            self.check_versions()?;
        }
        if is_pluggable {
            let inside = HashSet::from([interface]);
            let shared = shared(&self.component, &inside).into_iter().next();
            return match shared {
                None => Ok(()),
                Some(Shared { ty, user, .. }) => Err(AppError::Shared { user, ty }),
            };
        }
        if self.component.export(interface).is_some() {
            return Err(AppError::IsAdapter);
        }
        if let Some(version) = made_by(&self.component) {
            return Err(AppError::AlreadyComposed { version });
        }
        let outline = Outline::of(&self.bytes);
        let mut inside = outline.iter().flat_map(|it| &it.components);
        if inside.any(|it| it.has_export(interface)) {
            return Err(AppError::AlreadyPlugged);
        }
        Err(AppError::NoMqtt)
    }

    /// Checks that the app imports no MQTT that is not supported. An SDK that imports one may still be used for the other, but
    /// only its author knows.
    fn check_versions(&self) -> Result<(), AppError> {
        let import = |kind: MqttName| {
            let mut names = self.component.imports().map(|(name, _)| name);
            let name = names.find(|name| MqttName::of(name) == Some(kind));
            name.map(str::to_owned)
        };
        let language = || Language::of(&self.bytes);
        if let Some(import) = import(MqttName::Async) {
            return Err(AppError::AsyncMqtt {
                import,
                language: language(),
            });
        }
        if let Some(import) = import(MqttName::OtherVersion) {
            return Err(AppError::OtherVersion {
                import,
                language: language(),
            });
        }
        Ok(())
    }

    /// Returns true if the app imports MQTT in any version.
    pub(crate) fn imports_mqtt(&self) -> bool {
        let mut imports = self.component.imports();
        imports.any(|(name, _)| MqttName::of(name).is_some())
    }
}
