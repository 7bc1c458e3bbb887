//! The result of composing an app.

use std::fmt;

use super::{command_line::CommandLine, graph::Graph, import::Import, requirements::Requirements};
use crate::{
    error::Unresolved,
    input::Form,
    settings::Settings,
    types::Component,
    wasi::{OneVersion, WasiItem},
};

/// A component with the adapter inside.
pub struct Composition {
    pub(crate) bytes: Vec<u8>,
    pub(crate) component: Component,
    pub(crate) form: Form,
    pub(crate) unresolved: Vec<Unresolved>,
    pub(crate) renamed: Vec<(String, String)>,
    pub(crate) wasi: Option<OneVersion>,
    pub(crate) plugged: Vec<String>,
    pub(crate) stubbed: Vec<String>,
    pub(crate) settings: Option<Settings>,
    pub(crate) ungoverned: Vec<String>,
    pub(crate) requirements: Requirements,
}

impl Composition {
    /// The component, a binary.
    pub fn component(&self) -> &[u8] {
        &self.bytes
    }

    /// The component, a binary.
    pub fn into_component(self) -> Vec<u8> {
        self.bytes
    }

    /// The form in which the app came.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The imports that the host must provide, in the order of the file.
    pub fn imports(&self) -> Vec<Import> {
        Import::all(&self.component)
    }

    /// The imports of the app that the adapter fills, in the order of the file.
    pub fn plugged(&self) -> &[String] {
        &self.plugged
    }

    /// The imports of the app that [stubs](crate::Composer::stub_unresolved) fill, in the order of the file.
    pub fn stubbed(&self) -> &[String] {
        &self.stubbed
    }

    /// The imports among those [left](Self::imports) that not every WASI 0.2 host provides. There are none unless they were
    /// [allowed](crate::Composer::allow_unresolved).
    pub fn unresolved(&self) -> &[Unresolved] {
        &self.unresolved
    }

    /// The imports and exports of the app that stand in the component in another version of the same 0.x or x series, as pairs
    /// of the old and the new name.
    pub fn renamed(&self) -> &[(String, String)] {
        &self.renamed
    }

    /// The x of WASI 0.2.x, to which the component's imports were brought; `None` if they were [kept](crate::WasiVersion::Keep).
    pub fn wasi_patch(&self) -> Option<u64> {
        Some(self.wasi.as_ref()?.patch)
    }

    /// The functions and types of WASI that no lower version has.
    pub fn wasi_reasons(&self) -> &[WasiItem] {
        self.wasi.as_ref().map_or(&[], |wasi| &wasi.reasons)
    }

    /// The settings that are inside, also those of an adapter that was [given](crate::Composer::adapter); `None` if that one
    /// takes none.
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// The imports of the app, without versions, by which it reaches hosts itself and not through the adapter: those of
    /// WASI's HTTP client and sockets. No list of allowed hosts governs them.
    pub fn ungoverned_imports(&self) -> &[String] {
        &self.ungoverned
    }

    /// The requirements on the network and the environment.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The components inside, and who serves whom.
    pub fn graph(&self) -> Option<Graph> {
        Graph::of(self.component())
    }

    /// The command that runs it; `None` if it is a library, or has [unresolved imports](Self::unresolved).
    pub fn command_line(&self) -> Option<CommandLine> {
        CommandLine::of(&self.component, &self.requirements)
    }
}

impl fmt::Debug for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition")
            .field("size", &self.bytes.len())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
