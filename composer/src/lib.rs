//! Makes a component that was written for Spin run on any WASI host.
//!
//! Such a component imports `fermyon:spin/mqtt@2.0.0`, which only Spin provides. [`compose`] plugs the *adapter*, a
//! component that exports this interface and imports nothing but WASI 0.2, into it:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = std::fs::read("app.wasm")?;
//! let composition = spin_mqtt_composer::compose(app)?;
//! std::fs::write("app.composed.wasm", composition.component())?;
//! # Ok(())
//! # }
//! ```
//!
//! The hosts that the app may reach, its variables and its environment are [`Settings`], which the adapter finds inside of the
//! composition; those of a Spin application are in its [`Manifest`]:
//!
//! ```no_run
//! # use spin_mqtt_composer::{Composer, Manifest};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let manifest = Manifest::parse(&std::fs::read("spin.toml")?)?;
//! let (id, component) = manifest.component("cats")?;
//! let settings = manifest.settings(component, &[])?;
//! let app = std::fs::read(component.source(id)?)?;
//! let composition = Composer::new().settings(settings)?.compose(app)?;
//! # Ok(())
//! # }
//! ```
//!
//! Options are methods of [`Composer`], of which [`compose`] and [`inspect`] are the short forms. Nothing here reads or
//! writes a file or prints: the `compose` command around it does. The same input gives the same bytes on every run.

use std::borrow::Cow;

mod adapters;
mod compose;
mod dependencies;
mod error;
mod input;
mod inspect;
mod manifest;
mod report;
mod settings;
mod stubs;
mod types;
mod wasi;
mod wire;

pub use adapters::MQTT_INTERFACE;
pub use compose::Composer;
pub use dependencies::{DependencyError, DependencyProblem, plug_dependencies};
pub use error::{ComposeError, Unresolved, UnresolvedImports};
pub use input::{AdapterError, AppError, ComponentizeError, Form, Language};
pub use inspect::imports_mqtt;
pub use manifest::{
    Dependency, DependencySource, Extra, Inherits, MAX_MANIFEST_SIZE, Manifest, ManifestComponent,
    ManifestError, UnknownKey,
};
pub use report::{
    CommandLine, Composition, Edge, EnvironmentVariable, Graph, Import, Inspection, Outcome,
    Requirements, Runner,
};
pub use settings::{Permission, Settings, SettingsError};
pub use types::{Direction, External, InputError, MAX_INPUT_SIZE, Unsupported};
pub use wasi::{NotAVersion, Provider, WasiItem, WasiLacks, WasiVersion};
pub use wire::{Changed, Mismatch, PlugError};

/// Plugs the embedded adapter into `app` with the default options; see [`Composer::compose`].
///
/// # Errors
///
/// Those of [`Composer::compose`].
pub fn compose<'a>(app: impl Into<Cow<'a, [u8]>>) -> Result<Composition, ComposeError> {
    Composer::new().compose(app)
}

/// Reports on `app` and on the outcome of [`compose`]; see [`Composer::inspect`].
///
/// # Errors
///
/// Those of [`Composer::inspect`].
pub fn inspect<'a>(app: impl Into<Cow<'a, [u8]>>) -> Result<Inspection, ComposeError> {
    Composer::new().inspect(app)
}
