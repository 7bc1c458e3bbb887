//! From an app to a component that runs on any WASI host: parse, check, plug, check again.

use std::{borrow::Cow, fmt, mem, path::Path, ptr};

use thiserror::Error;
use wasm_encoder::{ComponentSection, CustomSection, RawCustomSection};
use wasm_metadata::Producers;
use wasmparser::component_types::ComponentItem;

use crate::{
    adapter::{Adapter, AdapterError},
    component::{Component, InputError, PRODUCERS},
    composition::Composition,
    guest::{Guest, GuestError},
    interface::{self, Mismatch},
    kept,
    names::{
        ENVIRONMENT_INTERFACE, MQTT_INTERFACE, TOOL_NAME, TOOL_VERSION, VARIABLES_INTERFACE,
        compatible,
    },
    plug::{Joint, PlugError, plug},
    rename::rename,
    settings::{Settings, SettingsError},
    shape::{self, Unsupported},
    unbound::unbound,
    wasi::{OneVersion, Provider, WasiLacks, WasiVersion},
};

/// Why an app was not composed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// The app is not one that the adapter can be plugged into.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The adapter can't be used.
    #[error("the adapter can't be used")]
    Adapter(#[from] AdapterError),
    /// The app imports an interface of the right name and with other types.
    #[error("it imports a `{interface}` that is not the adapter's: {mismatch}")]
    Mismatch {
        /// The interface's name.
        interface: String,
        /// The first difference.
        mismatch: Box<Mismatch>,
    },
    /// Not every WASI 0.2 host could run the result.
    #[error("{0}")]
    Leftovers(Leftovers),
    /// The version of WASI 0.2 that was [asked for](Composer::wasi) is too low.
    #[error(transparent)]
    WasiLacks(#[from] WasiLacks),
    /// The app has an import or export that no WIT world has.
    #[error("its {direction} `{name}` can't be passed through a composition: it {what}")]
    Unsupported {
        /// `import` or `export`.
        direction: &'static str,
        /// The name of that import or export.
        name: String,
        /// What is special about it.
        what: &'static str,
    },
    /// The pieces fit, and yet did not make a component.
    #[error(transparent)]
    Plug(#[from] PlugError),
    /// What was made is not valid. This is a mistake in this tool.
    #[error("the composed component is not valid")]
    InvalidResult(#[source] InputError),
    /// What was made lacks an import or export of the app, or has one of another type. This is a mistake in this tool.
    #[error("the composed component's {direction} `{name}` is not what it was in the app")]
    Changed {
        /// `import` or `export`.
        direction: &'static str,
        /// The name of that import or export.
        name: String,
    },
}

/// Imports that would remain and that not every WASI 0.2 host provides; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers(Vec<Leftover>);

/// An import that would remain and that not every WASI 0.2 host provides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The import's full name.
    pub name: String,
    /// Who could provide it.
    pub provider: Provider,
    /// It is an import of the adapter and not of the app.
    pub of_adapter: bool,
}

impl Leftovers {
    /// The imports, the app's first, in the order of its file.
    pub fn as_slice(&self) -> &[Leftover] {
        &self.0
    }
}

impl ComposeError {
    /// The same, with `path` as the name of the app's file where the error stands at a place in its text.
    pub fn in_file(mut self, path: &Path) -> Self {
        if let Self::Guest(GuestError::Input(InputError::Text(error))) = &mut self {
            error.set_path(path);
        }
        self
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, verb) = match self.0.len() {
            1 => ("one import", "is"),
            _ => ("some imports", "are"),
        };
        write!(
            f,
            "{subject} would be left over that {verb} not in stable WASI 0.2:"
        )?;
        for Leftover {
            name,
            provider,
            of_adapter,
        } in &self.0
        {
            let of_adapter = if *of_adapter { " (of the adapter)" } else { "" };
            write!(f, "\n  `{name}`{of_adapter}: {provider}")?;
        }
        Ok(())
    }
}

/// Plugs the adapter into apps. This is the builder of the options, which all have defaults.
#[derive(Default)]
pub struct Composer {
    /// `None` for the embedded one.
    adapter: Option<Adapter>,
    pub(crate) settings: Settings,
    allow_unresolved: bool,
    wasi: WasiVersion,
}

impl Composer {
    /// A composer with the embedded adapter, which refuses what would not run on every WASI 0.2 host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses the component `adapter`, a binary or text, in place of the embedded one.
    ///
    /// # Errors
    ///
    /// If it is no valid component or does not export [`MQTT_INTERFACE`] with its types. It may import anything; what it
    /// imports counts when an app is composed with it.
    pub fn adapter(mut self, adapter: &[u8]) -> Result<Self, AdapterError> {
        self.adapter = Some(Adapter::parse(adapter)?);
        Ok(self)
    }

    /// Composes `settings` in: what the app may reach, its variables, its environment. They decide nothing unless set.
    ///
    /// # Errors
    ///
    /// If a name, a template or an entry of the allowed hosts is not valid.
    pub fn settings(mut self, settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        self.settings = settings;
        Ok(self)
    }

    /// Whether imports may remain that are neither plugged nor of stable WASI 0.2. Not allowed unless set.
    pub fn allow_unresolved(mut self, allow: bool) -> Self {
        self.allow_unresolved = allow;
        self
    }

    /// Which version of WASI 0.2 a composition imports, and has its exports of `wasi:cli/run` and `wasi:http/incoming-handler`
    /// at: one for all, so that it runs on hosts that do not match versions by themselves. [`WasiVersion::Lowest`] unless set.
    pub fn wasi(mut self, version: WasiVersion) -> Self {
        self.wasi = version;
        self
    }

    /// The adapter alone, with the settings inside: a component that exports [`MQTT_INTERFACE`] and imports WASI 0.2.0.
    ///
    /// # Errors
    ///
    /// If the adapter can't take the settings.
    pub fn configured_adapter(&self) -> Result<Vec<u8>, AdapterError> {
        let mut bytes = self.configure()?.bytes.into_owned();
        sign(Producers::empty(), &mut bytes);
        Ok(bytes)
    }

    fn configure(&self) -> Result<Adapter, AdapterError> {
        match &self.adapter {
            Some(adapter) => adapter.configure(&self.settings),
            None => Adapter::embedded()?.configure(&self.settings),
        }
    }

    /// Plugs the adapter into `app`: a component, or a core module as the Spin SDKs 3 to 5 make it for `wasm32-wasip1`,
    /// as a binary or text. An owned `app` is moved and one that is borrowed is copied: give a `Vec` that you no longer need, and
    /// a large app is in memory once less.
    ///
    /// # Errors
    ///
    /// Each way in which an app does not fit has its own variant of [`ComposeError`] or [`GuestError`]. Nothing is made
    /// that is not valid, lacks one of the app's exports, or imports what not every WASI 0.2 host has (unless
    /// [allowed](Self::allow_unresolved)).
    pub fn compose<'a>(&self, app: impl Into<Cow<'a, [u8]>>) -> Result<Composition, ComposeError> {
        self.compose_guest(&mut Guest::parse(app.into())?)
    }

    /// Composes `guest` and, unless it is refused, takes its bytes.
    pub(crate) fn compose_guest(&self, guest: &mut Guest) -> Result<Composition, ComposeError> {
        guest.socket()?;
        let Adapter {
            bytes: adapter_bytes,
            component: adapter,
        } = self.configure()?;
        let joints = joints(&guest.component, &adapter, &self.settings)?;
        let plugged: Vec<&str> = joints.iter().map(|joint| joint.import).collect();
        let imports = remaining(&guest.component, &adapter, &plugged);
        let version = OneVersion::choose(self.wasi, imports)?;
        let new_import = |name: &str| version.as_ref()?.import(name);
        let leftovers = leftovers(&guest.component, &adapter, &plugged, new_import);
        if !leftovers.is_empty() && !self.allow_unresolved {
            return Err(ComposeError::Leftovers(Leftovers(leftovers)));
        }

        for component in [&guest.component, &adapter] {
            shape::check(component).map_err(
                |Unsupported {
                     direction,
                     name,
                     what,
                 }| {
                    ComposeError::Unsupported {
                        direction,
                        name,
                        what,
                    }
                },
            )?;
        }
        // Not read back from the result, in which an app may have put some of its own beside them.
        let settings = match &self.adapter {
            None => Some(self.settings.clone()),
            Some(_) => Settings::read(&adapter_bytes),
        };
        let app = (mem::take(&mut guest.bytes), &guest.component);
        let mut bytes = plug(app, adapter_bytes.into_owned(), &joints)?;
        let exports = guest.component.exports().map(|(name, _)| name);
        let new_exports = version.as_ref().map(|version| version.exports(exports));
        let new_export = |name: &str| new_exports.as_ref()?.get(name).cloned();
        if version.is_some() {
            bytes = rename(&bytes, new_import, new_export).map_err(PlugError::new)?;
        }
        annotate(&mut bytes, &guest.component);
        let component = Component::parse(&bytes).map_err(ComposeError::InvalidResult)?;
        let mut renamed =
            kept::imports(&guest.component, &adapter, &component, &plugged, new_import)?;
        renamed.extend(kept::exports(&guest.component, &component, new_export)?);
        Ok(Composition {
            bytes,
            component,
            form: guest.form,
            leftovers,
            renamed,
            wasi: version,
            plugged: plugged.into_iter().map(String::from).collect(),
            settings,
            unbound: unbound(guest.component.imports().map(|(name, _)| name)),
        })
    }
}

/// The imports of `app` that `adapter` is to fill: MQTT, Spin's variables, and the environment if the settings add to it.
fn joints<'a>(
    app: &'a Component,
    adapter: &Component,
    settings: &Settings,
) -> Result<Vec<Joint<'a>>, ComposeError> {
    let mut joints = Vec::new();
    for (import, wanted) in app.imports() {
        let export = match import {
            MQTT_INTERFACE => MQTT_INTERFACE,
            VARIABLES_INTERFACE => VARIABLES_INTERFACE,
            _ if settings.has_environment()
                && compatible(import) == compatible(ENVIRONMENT_INTERFACE) =>
            {
                ENVIRONMENT_INTERFACE
            }
            _ => continue,
        };
        let Some(offered) = adapter.export(export) else {
            match export {
                // Left over, then.
                VARIABLES_INTERFACE => continue,
                _ => return Err(AdapterError::NoSettings.into()),
            }
        };
        interface::check(
            (app, wanted, "the app imports"),
            (adapter, offered, "the adapter exports"),
        )
        .map_err(|mismatch| ComposeError::Mismatch {
            interface: import.to_owned(),
            mismatch: mismatch.into(),
        })?;
        joints.push(Joint { import, export });
    }
    Ok(joints)
}

/// What will remain of the imports of `app` and `adapter`, each with the one that it is of.
fn remaining<'a>(
    app: &'a Component,
    adapter: &'a Component,
    plugged: &[&str],
) -> impl Iterator<Item = (&'a Component, &'a str, &'a ComponentItem)> {
    let of_app = app.imports().filter(|(name, _)| !plugged.contains(name));
    let of_adapter = adapter.imports();
    let of_app = of_app.map(move |(name, item)| (app, name, item));
    of_app.chain(of_adapter.map(move |(name, item)| (adapter, name, item)))
}

/// What of it is not in stable WASI, once it has its new names.
fn leftovers(
    app: &Component,
    adapter: &Component,
    plugged: &[&str],
    new_import: impl Fn(&str) -> Option<String>,
) -> Vec<Leftover> {
    remaining(app, adapter, plugged)
        .map(|(component, name, item)| {
            let new = new_import(name);
            Leftover {
                name: name.to_owned(),
                provider: Provider::of(component, new.as_deref().unwrap_or(name), item),
                of_adapter: ptr::eq(component, adapter),
            }
        })
        .filter(|it| !it.provider.is_everywhere())
        .filter(|it| !it.of_adapter || app.import(&it.name).is_none())
        .collect()
}

/// Adds what is to be said about the composition: what the app said, and that this tool processed it.
fn annotate(bytes: &mut Vec<u8>, app: &Component) {
    let mut producers = Producers::empty();
    for (name, data) in app.custom_sections() {
        if name == PRODUCERS {
            // One that can't be read is left in the app, where it is.
            if let Ok(of_app) = Producers::from_bytes(data, 0) {
                producers.merge(&of_app);
            }
        } else {
            CustomSection {
                name: name.into(),
                data: data.into(),
            }
            .append_to_component(bytes);
        }
    }
    sign(producers, bytes);
}

/// Adds `producers`, and that this tool processed it.
fn sign(mut producers: Producers, bytes: &mut Vec<u8>) {
    producers.add("processed-by", TOOL_NAME, TOOL_VERSION);
    RawCustomSection(&producers.raw_custom_section()).append_to_component(bytes);
}
