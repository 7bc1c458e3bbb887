//! The report on an app.

use serde::Serialize;

use super::{command_line::CommandLine, graph::Graph, import::Import, requirements::Requirements};
use crate::{error::ComposeError, input::Form, settings::Settings};

/// The report of [`Composer::inspect`](crate::Composer::inspect). Serialized, and with the command line, it is the output of
/// `compose inspect --json`.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The form of the input.
    pub form: Form,
    /// The names of its exports, in the order of the file.
    pub exports: Vec<String>,
    /// The imports and their providers, in the order of the file.
    pub imports: Vec<Import>,
    /// The outcome of composing it.
    #[serde(rename = "socket")]
    pub outcome: Outcome,
    /// The imports that the host must provide once it is composed (or, composed already, must provide now), in the order of the
    /// file; empty if it can't be composed.
    pub host: Vec<Import>,
    /// The settings that are composed in: those of the input if it is composed already (or an adapter), else the
    /// composer's. `None` if there are none in the input, as after another tool.
    pub settings: Option<Settings>,
    /// The imports of the app, without versions, by which it reaches hosts itself, so that no list of allowed hosts governs
    /// them. Empty unless a list is composed in (or would be).
    #[serde(rename = "unbound_imports")]
    pub ungoverned_imports: Vec<String>,
    /// The imports that [stubs](crate::Composer::stub_unresolved) fill, once it is composed.
    pub stubbed: Vec<String>,
    /// The requirements on the network and the environment, once it is composed; `None` if it can't be.
    #[serde(rename = "needs")]
    pub requirements: Option<Requirements>,
    /// The components and who serves whom, once it is composed; `None` if it can't be.
    #[serde(skip)]
    pub graph: Option<Graph>,
    /// The command that runs the result (or, composed already, the input); `None` if that is a library, if the host must provide
    /// more than WASI 0.2, or if it can't be composed.
    #[serde(skip)]
    pub command: Option<CommandLine>,
}

/// The outcome of composing an app.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The adapter is plugged into an import.
    Ready {
        /// The import's full name.
        import: &'static str,
    },
    /// There is nothing to do: the adapter is inside already.
    Composed {
        /// The evidence for that.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
    /// The app is refused.
    Refused {
        /// The reason.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
}

fn as_text<S: serde::Serializer>(error: &ComposeError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}
