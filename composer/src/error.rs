//! The errors of composing, and the imports that stay unresolved.

use std::{fmt, path::Path};

use thiserror::Error;

use crate::{
    input::{AdapterError, AppError},
    types::{External, InputError, Unsupported},
    wasi::{Provider, WasiLacks},
    wire::{Mismatch, PlugError, preserved::Changed},
};

/// The reasons why an app was not composed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// The app is not one that the adapter can be plugged into.
    #[error(transparent)]
    App(#[from] AppError),
    /// The adapter can't be used.
    #[error("the adapter can't be used")]
    Adapter(#[from] AdapterError),
    /// The app imports an interface of the right name and with other types.
    #[error("it imports a `{interface}` that is not the adapter's: {0}", interface = .0.interface)]
    Mismatch(Box<Mismatch>),
    /// Not every WASI 0.2 host could run the result.
    #[error("{0}")]
    Unresolved(UnresolvedImports),
    /// The version of WASI 0.2 that was [asked for](crate::Composer::wasi) is too low.
    #[error(transparent)]
    WasiLacks(#[from] WasiLacks),
    /// The app has an import or export that no WIT world has.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Another import or export of the app uses a type of an interface that a stub is to provide.
    #[error(
        "its import `{interface}` can't have a stub, for its {user} uses the type `{ty}` of it: the other side of that would need \
         the same `{interface}`, but the stub goes inside of the app"
    )]
    SharedStub {
        /// The interface's name.
        interface: String,
        /// The type, such as `store`.
        ty: String,
        /// The import or export that uses it.
        user: External,
    },
    /// The stubs for its imports were not generated.
    #[error("its imports can't have stubs")]
    Stub(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The parts fit, and yet did not make a component.
    #[error(transparent)]
    Plug(#[from] PlugError),
    /// The composed component is not valid. This is a mistake in this tool.
    #[error("the composed component is not valid")]
    InvalidResult(#[source] InputError),
    /// The composed component lacks an import or export of the app, or has another one in its place. This is a mistake in this
    /// tool.
    #[error(transparent)]
    Changed(#[from] Changed),
}

/// Imports that would remain and that not every WASI 0.2 host provides; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedImports(pub(crate) Vec<Unresolved>);

/// An import that would remain and that not every WASI 0.2 host provides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unresolved {
    /// The import's full name.
    pub name: String,
    /// Its provider, which is not every WASI 0.2 host.
    pub provider: Provider,
    /// It is an import of the adapter and not of the app.
    pub of_adapter: bool,
    /// A [stub](crate::Composer::stub_unresolved) can take its place.
    pub stubbable: bool,
}

impl UnresolvedImports {
    /// The imports, the app's first, in the order of its file.
    pub fn as_slice(&self) -> &[Unresolved] {
        &self.0
    }
}

impl ComposeError {
    /// Adds the name of the app's file, `path`, to an error that has a place in its text.
    pub fn in_file(mut self, path: &Path) -> Self {
        if let Self::App(AppError::Input(InputError::Text(error))) = &mut self {
            error.set_path(path);
        }
        self
    }
}

impl fmt::Display for UnresolvedImports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, reason) = match self.0.len() {
            1 => ("one import", "it is"),
            _ => ("some imports", "they are"),
        };
        write!(
            f,
            "{subject} would stay unresolved, for {reason} not in stable WASI 0.2:"
        )?;
        for Unresolved {
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
