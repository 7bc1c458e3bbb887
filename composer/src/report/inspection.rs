//! The report on an app.

use serde::Serialize;

use super::{command_line::CommandLine, graph::Graph, import::Import, requirements::Requirements};
use crate::{error::ComposeError, input::Form, settings::Settings};

/// What [`Composer::inspect`](crate::Composer::inspect) found. Serialized, and with the command line, it is what `compose
/// inspect --json` prints.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// What the input is.
    pub form: Form,
    /// The names of its exports, in the order of the file.
    pub exports: Vec<String>,
    /// What it imports and for what, in the order of the file.
    pub imports: Vec<Import>,
    /// What composing would do.
    #[serde(rename = "socket")]
    pub outcome: Outcome,
    /// What the host must provide once it is composed (or, composed already, must provide now), in the order of the file;
    /// empty if it can't be composed.
    pub host: Vec<Import>,
    /// The settings that are composed in: those of the input if it is composed already (or an adapter), else the
    /// composer's. `None` if there are none in the input, as after another tool.
    pub settings: Option<Settings>,
    /// If a list of allowed hosts is composed in (or would be): the imports of the app, without versions, by which it
    /// reaches hosts itself, so that the list does not bind it. Else empty.
    #[serde(rename = "unbound_imports")]
    pub ungoverned_imports: Vec<String>,
    /// The imports that [stubs](crate::Composer::stub_unresolved) fill, once it is composed.
    pub stubbed: Vec<String>,
    /// What it needs of the network and of the environment, once it is composed; `None` if it can't be.
    #[serde(rename = "needs")]
    pub requirements: Option<Requirements>,
    /// Which component serves which import of which, once it is composed; `None` if it can't be.
    #[serde(skip)]
    pub graph: Option<Graph>,
    /// How to run the result (or, composed already, the input); `None` if that is a library, if the host must provide more
    /// than WASI 0.2, or if it can't be composed.
    #[serde(skip)]
    pub command: Option<CommandLine>,
}

/// What composing would do with an app.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Plug the adapter into this import.
    Ready {
        /// The import's full name.
        import: &'static str,
    },
    /// Nothing: the adapter is inside already.
    Composed {
        /// How that is known.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
    /// Refuse.
    Refused {
        /// Why.
        #[serde(serialize_with = "as_text")]
        reason: ComposeError,
    },
}

fn as_text<S: serde::Serializer>(error: &ComposeError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}
