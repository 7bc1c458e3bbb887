//! The way from an app to a component that runs on any WASI host: parse, check, plug, check again.

use std::{borrow::Cow, collections::HashSet, mem, ptr};

use wasm_metadata::Producers;
use wasmparser::component_types::ComponentItem;

use crate::{
    adapters::VARIABLES_INTERFACE,
    error::{ComposeError, Unresolved, UnresolvedImports},
    input::{Adapter, AdapterError, App},
    report::{Composition, Requirements, ungoverned},
    settings::{Settings, SettingsError},
    stubs,
    types::Component,
    wasi::{OneVersion, Provider, WasiVersion},
    wire::{self, Argument, PartId, PlugError, Side, Wiring, preserved, producers},
};

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
    /// A composer with the embedded adapter, which refuses apps that would not run on every WASI 0.2 host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses the component `adapter`, a binary or text, in place of the embedded one.
    ///
    /// # Errors
    ///
    /// If it is no valid component or does not export [`MQTT_INTERFACE`](crate::MQTT_INTERFACE) with its types. It may import
    /// anything; its imports count when an app is composed with it.
    pub fn adapter(mut self, adapter: &[u8]) -> Result<Self, AdapterError> {
        self.adapter = Some(Adapter::parse(adapter)?);
        Ok(self)
    }

    /// Composes `settings` in: the hosts that the app may reach, its variables, its environment. They decide nothing unless set.
    ///
    /// # Errors
    ///
    /// If a name, a template or an entry of the allowed hosts is not valid.
    pub fn settings(mut self, settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        self.settings = settings;
        Ok(self)
    }

    /// Allows imports to stay unresolved: neither plugged nor of stable WASI 0.2. Not allowed unless set.
    pub fn allow_unresolved(mut self, allow: bool) -> Self {
        self.allow_unresolved = allow;
        self
    }

    /// Fills the app's imports that are neither plugged nor of stable WASI 0.2 with stubs: a call of one writes the name of the
    /// function to standard error, and traps. Not filled unless set. Some imports can have no stub and are left to
    /// [`allow_unresolved`](Self::allow_unresolved): asynchronous functions, the drafts in an interface of stable WASI, and
    /// imports of the adapter.
    pub fn stub_unresolved(mut self, stub: bool) -> Self {
        self.stub_unresolved = stub;
        self
    }

    /// Sets the one version of WASI 0.2 for a composition's imports, and for its exports of `wasi:cli/run` and
    /// `wasi:http/incoming-handler`, so that it runs on hosts that do not match versions by themselves. [`WasiVersion::Lowest`]
    /// unless set.
    pub fn wasi(mut self, version: WasiVersion) -> Self {
        self.wasi = version;
        self
    }

    /// The adapter alone, with the settings inside: a component that exports [`MQTT_INTERFACE`](crate::MQTT_INTERFACE) and imports
    /// WASI 0.2.0.
    ///
    /// # Errors
    ///
    /// If the adapter can't take the settings.
    pub fn configured_adapter(&self) -> Result<Vec<u8>, AdapterError> {
        let mut bytes = self.configure()?.bytes.into_owned();
        producers::sign(Producers::empty(), &mut bytes);
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
    /// Each reason why an app does not fit has its own variant of [`ComposeError`] or [`AppError`](crate::AppError). No result is
    /// invalid, lacks one of the app's exports, or has imports that not every WASI 0.2 host provides (unless
    /// [allowed](Self::allow_unresolved)).
    pub fn compose<'a>(&self, app: impl Into<Cow<'a, [u8]>>) -> Result<Composition, ComposeError> {
        self.compose_app(&mut App::parse(app.into())?)
    }

    /// Composes `app`, whose bytes it takes once it is known that an adapter can be plugged in.
    pub(crate) fn compose_app(&self, app: &mut App) -> Result<Composition, ComposeError> {
        app.check_pluggable(self.allow_unresolved)?;
        let adapter = self.configure()?;
        app.component.check_supported()?;
        // They are not read back from the result, for the app may have settings inside that are not the adapter's.
        let settings = match &self.adapter {
            None => Some(self.settings.clone()),
            Some(_) => Settings::read(&adapter.bytes),
        };

        let mut wiring = Wiring::new();
        let root = wiring.add(mem::take(&mut app.bytes))?;
        let plug = wiring.add(adapter.bytes.into_owned())?;
        let (app, adapter, form) = (&app.component, &adapter.component, app.form);
        let arguments = self.plug(&mut wiring, (root, app), (plug, adapter))?;
        let plugged: Vec<&str> = arguments.iter().map(|argument| argument.import).collect();
        let stubbed = match self.stub_unresolved {
            true => stubs::choose(app, &plugged)?,
            false => Vec::new(),
        };
        let filled: HashSet<&str> = plugged.iter().chain(&stubbed).copied().collect();
        let version = OneVersion::choose(self.wasi, remaining(app, adapter, &filled))?;
        let new_import = |name: &str| version.as_ref()?.import(name);
        let unresolved = unresolved(app, adapter, &filled, new_import);
        if !unresolved.is_empty() && !self.allow_unresolved {
            return Err(ComposeError::Unresolved(UnresolvedImports(unresolved)));
        }
        if !stubbed.is_empty() {
            stub(&mut wiring, (root, app), &stubbed, &arguments)?;
        }

        let mut bytes = wiring.finish(root)?;
        let exports = app.exports().map(|(name, _)| name);
        let new_exports = version.as_ref().map(|version| version.exports(exports));
        let new_export = |name: &str| new_exports.as_ref()?.get(name).cloned();
        if version.is_some() {
            bytes = wire::rename(&bytes, new_import, new_export).map_err(PlugError::new)?;
        }
        producers::annotate(&mut bytes, app);
        let component = Component::parse_made(&bytes).map_err(ComposeError::InvalidResult)?;
        let mut renamed = preserved::imports(app, adapter, &component, &filled, new_import)?;
        renamed.extend(preserved::exports(app, &component, new_export)?);

        // Stubs reach neither network nor environment.
        let imports = app.imports().map(|(name, _)| name);
        let imports: Vec<&str> = imports.filter(|name| !stubbed.contains(name)).collect();
        let requirements = Requirements::of(imports.iter().copied(), settings.as_ref());
        Ok(Composition {
            bytes,
            component,
            form,
            unresolved,
            renamed,
            plugged: plugged.into_iter().map(String::from).collect(),
            stubbed: stubbed.into_iter().map(String::from).collect(),
            wasi: version,
            settings,
            ungoverned: ungoverned(imports),
            requirements,
        })
    }

    /// Fills the imports of `app` that `adapter` is for. Returns the arguments.
    fn plug<'a>(
        &self,
        wiring: &mut Wiring,
        (root, app): (PartId, &'a Component),
        (plug, adapter): (PartId, &Component),
    ) -> Result<Vec<Argument<'a>>, ComposeError> {
        let mut arguments = Vec::new();
        for (import, export) in wire::fills(app, self.settings.has_environment()) {
            let (Some(wanted), Some(offered)) = (app.import(import), adapter.export(export)) else {
                match export {
                    // The import stays unresolved.
                    VARIABLES_INTERFACE => continue,
                    _ => return Err(AdapterError::NoSettings.into()),
                }
            };
            let wanted = Side {
                name: "the app imports",
                component: app,
                item: wanted,
                kind: wiring.import(root, import),
            };
            let offered = Side {
                name: "the adapter exports",
                component: adapter,
                item: offered,
                kind: wiring.export(plug, export),
            };
            wire::check(import, wiring.types(), wanted, offered).map_err(ComposeError::Mismatch)?;
            let argument = Argument {
                part: root,
                import,
                provider: plug,
                export,
            };
            wiring.connect(argument)?;
            arguments.push(argument);
        }
        Ok(arguments)
    }
}

/// Fills the imports `stubbed` of `app` with stubs. `arguments` fill the imports of the stubs as they do the app's.
fn stub(
    wiring: &mut Wiring,
    (root, app): (PartId, &Component),
    stubbed: &[&str],
    arguments: &[Argument<'_>],
) -> Result<(), ComposeError> {
    let bytes = stubs::component((wiring.bytes(root), app), stubbed).map_err(ComposeError::Stub)?;
    let stubs = wiring.add(bytes)?;
    for argument in arguments {
        if wiring.import(stubs, argument.import).is_some() {
            wiring.connect(Argument {
                part: stubs,
                ..*argument
            })?;
        }
    }
    for name in stubbed {
        wiring.connect(Argument::named(name, root, stubs))?;
    }
    Ok(())
}

/// The imports of `app` and `adapter` that will remain, each with its component.
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

/// The imports that will remain and that are not in stable WASI, once they have their new names.
fn unresolved(
    app: &Component,
    adapter: &Component,
    filled: &HashSet<&str>,
    new_import: impl Fn(&str) -> Option<String>,
) -> Vec<Unresolved> {
    let mut unresolved: Vec<Unresolved> = Vec::new();
    for (component, name, item) in remaining(app, adapter, filled) {
        let new = new_import(name);
        let provider = Provider::of(component, new.as_deref().unwrap_or(name), item);
        let of_adapter = ptr::eq(component, adapter);
        let is_told = of_adapter && unresolved.iter().any(|other| other.name == name);
        if !provider.is_everywhere() && !is_told {
            unresolved.push(Unresolved {
                name: name.to_owned(),
                stubbable: !of_adapter && stubs::is_stubbable(component, item, &provider),
                provider,
                of_adapter,
            });
        }
    }
    unresolved
}
