//! From an app to a component that runs on any WASI host: parse, check, plug, check again.

use std::{borrow::Cow, collections::HashSet, fmt, mem, path::Path, ptr};

use thiserror::Error;
use wasm_encoder::{ComponentSection, CustomSection, RawCustomSection};
use wasm_metadata::Producers;
use wasmparser::component_types::{ComponentEntityType, ComponentItem};

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
    needs::Needs,
    plug::{Joint, Part, PlugError, plug},
    rename::rename,
    resources::is_asynchronous,
    settings::{Settings, SettingsError},
    shape::{self, Unsupported},
    shared::shared,
    stubs,
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
    /// A type of an interface that a stub is to provide stands elsewhere in the app too.
    #[error(
        "its import `{interface}` can't have a stub, for its {direction} `{name}` uses the type `{ty}` of it: who is on the \
         other side would need the same `{interface}`, but the stub is to be inside of the app"
    )]
    SharedStub {
        /// The interface's name.
        interface: String,
        /// `import` or `export`.
        direction: &'static str,
        /// The name of that import or export.
        name: String,
        /// The type, such as `store`.
        ty: String,
    },
    /// The stubs for its imports were not generated.
    #[error("its imports can't have stubs")]
    Stub(#[source] Box<dyn std::error::Error + Send + Sync>),
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
    /// A [stub](Composer::stub_unresolved) can take its place.
    pub stubbable: bool,
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
            ..
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
    stub_unresolved: bool,
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

    /// Whether the app's imports that are neither plugged nor of stable WASI 0.2 are filled with stubs: a call of one says on
    /// standard error what was called, and traps. Not filled unless set. What a stub can't stand for is left to
    /// [`allow_unresolved`](Self::allow_unresolved): asynchronous functions, the drafts in an interface of stable WASI, and
    /// imports of the adapter.
    pub fn stub_unresolved(mut self, stub: bool) -> Self {
        self.stub_unresolved = stub;
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
        let stubbed = match self.stub_unresolved {
            true => stubbed(&guest.component, &plugged)?,
            false => Vec::new(),
        };
        let filled: HashSet<&str> = plugged.iter().chain(&stubbed).copied().collect();
        let imports = remaining(&guest.component, &adapter, &filled);
        let version = OneVersion::choose(self.wasi, imports)?;
        let new_import = |name: &str| version.as_ref()?.import(name);
        let leftovers = leftovers(&guest.component, &adapter, &filled, new_import);
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
        let stubs = match stubbed.is_empty() {
            true => None,
            false => {
                let bytes = stubs::component(&guest.bytes, &stubbed).map_err(ComposeError::Stub)?;
                let component = Component::parse(&bytes).map_err(ComposeError::InvalidResult)?;
                Some((bytes, component))
            }
        };
        let mut parts = vec![Part {
            bytes: adapter_bytes.into_owned(),
            component: &adapter,
            joints,
        }];
        let (stub_bytes, stub_component) = stubs.unzip();
        if let (Some(bytes), Some(component)) = (stub_bytes, &stub_component) {
            let names = stubbed.iter().copied();
            parts.push(Part::same_names((bytes, component), names));
        }
        // What a stub fills reaches nothing.
        let imports = guest.component.imports().map(|(name, _)| name);
        let imports: Vec<&str> = imports.filter(|name| !stubbed.contains(name)).collect();
        let needs = Needs::of(imports.iter().copied(), settings.as_ref());
        let app = (mem::take(&mut guest.bytes), &guest.component);
        let mut bytes = plug(app, parts)?;
        let exports = guest.component.exports().map(|(name, _)| name);
        let new_exports = version.as_ref().map(|version| version.exports(exports));
        let new_export = |name: &str| new_exports.as_ref()?.get(name).cloned();
        if version.is_some() {
            bytes = rename(&bytes, new_import, new_export).map_err(PlugError::new)?;
        }
        annotate(&mut bytes, &guest.component);
        let component = Component::parse(&bytes).map_err(ComposeError::InvalidResult)?;
        let mut renamed =
            kept::imports(&guest.component, &adapter, &component, &filled, new_import)?;
        renamed.extend(kept::exports(&guest.component, &component, new_export)?);
        Ok(Composition {
            bytes,
            component,
            form: guest.form,
            leftovers,
            renamed,
            wasi: version,
            plugged: plugged.into_iter().map(String::from).collect(),
            stubbed: stubbed.into_iter().map(String::from).collect(),
            settings,
            unbound: unbound(imports),
            needs,
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

/// The imports of `app` but those `plugged` that stubs are to fill: those that can have one, and types alone that are not
/// WASI's, so that nothing else remains.
fn stubbed<'a>(app: &'a Component, plugged: &[&str]) -> Result<Vec<&'a str>, ComposeError> {
    let (mut stubbed, mut types) = (HashSet::new(), HashSet::new());
    for (name, item) in app.imports().filter(|(name, _)| !plugged.contains(name)) {
        let provider = Provider::of(app, name, item);
        if provider == Provider::NotNeeded {
            if matches!(item.ty, ComponentEntityType::Instance(_)) && !name.starts_with("wasi:") {
                types.insert(name);
                stubbed.insert(name);
            }
        } else if !provider.is_everywhere() && is_stubbable(app, item, &provider) {
            stubbed.insert(name);
        }
    }
    loop {
        let shared = shared(app, &stubbed);
        if let Some(shared) = shared.iter().find(|it| !types.contains(it.interface)) {
            return Err(ComposeError::SharedStub {
                interface: shared.interface.to_owned(),
                direction: shared.direction,
                name: shared.name.to_owned(),
                ty: shared.ty.clone(),
            });
        }
        // Nobody has to provide types, so that they may as well remain for what uses them and remains.
        for shared in &shared {
            stubbed.remove(shared.interface);
        }
        if shared.is_empty() {
            let order = app.imports().map(|(name, _)| name);
            return Ok(order.filter(|name| stubbed.contains(name)).collect());
        }
    }
}

/// Whether a stub can be what `provider` would provide, the import `item` of `app`.
fn is_stubbable(app: &Component, item: &ComponentItem, provider: &Provider) -> bool {
    let can_be_called = matches!(
        item.ty,
        ComponentEntityType::Instance(_) | ComponentEntityType::Func(_)
    );
    // A host has the rest of the interface, and a stub would take that away.
    let is_partly_there = matches!(
        provider,
        Provider::Gated { .. } | Provider::Later { .. } | Provider::Unknown { .. }
    );
    can_be_called && !is_partly_there && !is_asynchronous(app.types(), item)
}

/// What will remain of the imports of `app` and `adapter`, each with the one that it is of.
fn remaining<'a>(
    app: &'a Component,
    adapter: &'a Component,
    filled: &HashSet<&str>,
) -> impl Iterator<Item = (&'a Component, &'a str, &'a ComponentItem)> {
    let of_app = app.imports().filter(|(name, _)| !filled.contains(name));
    let of_adapter = adapter.imports();
    let of_app = of_app.map(move |(name, item)| (app, name, item));
    of_app.chain(of_adapter.map(move |(name, item)| (adapter, name, item)))
}

/// What of it is not in stable WASI, once it has its new names.
fn leftovers(
    app: &Component,
    adapter: &Component,
    filled: &HashSet<&str>,
    new_import: impl Fn(&str) -> Option<String>,
) -> Vec<Leftover> {
    let mut leftovers: Vec<Leftover> = Vec::new();
    for (component, name, item) in remaining(app, adapter, filled) {
        let new = new_import(name);
        let provider = Provider::of(component, new.as_deref().unwrap_or(name), item);
        let of_adapter = ptr::eq(component, adapter);
        let is_told = of_adapter && leftovers.iter().any(|other| other.name == name);
        if !provider.is_everywhere() && !is_told {
            leftovers.push(Leftover {
                name: name.to_owned(),
                stubbable: !of_adapter && is_stubbable(component, item, &provider),
                provider,
                of_adapter,
            });
        }
    }
    leftovers
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
