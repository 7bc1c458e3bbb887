//! The errors of apps that can't be composed with any adapter.

use thiserror::Error;

use super::{
    description::{MAIN_MODULE, RUN},
    language::Language,
};
use crate::{
    adapters::{MQTT_INTERFACE, VARIABLES_INTERFACE},
    types::{External, InputError},
    wire::producers::TOOL_NAME,
};

/// The reasons why no adapter can be plugged into an app.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppError {
    /// The bytes are no valid WebAssembly.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The bytes are a core module that can't be made a component.
    #[error(transparent)]
    Componentize(#[from] ComponentizeError),
    /// It does not import MQTT.
    #[error("it imports no MQTT interface: there is nothing to plug `{MQTT_INTERFACE}` into")]
    NoMqtt,
    /// It imports the async interface of newer SDKs, with or without the other one.
    #[error(
        "it imports `{import}`, the async interface of newer Spin SDKs{}, which is not supported yet",
        Language::newer(*language)
    )]
    AsyncMqtt {
        /// The import's full name.
        import: String,
        /// The language of its SDK, if it is known.
        language: Option<Language>,
    },
    /// It uses another version of the interface.
    #[error(
        "it imports `{import}`, another version than `{MQTT_INTERFACE}`, the one that is supported"
    )]
    OtherVersion {
        /// The import's full name.
        import: String,
        /// The language of its SDK, if it is known.
        language: Option<Language>,
    },
    /// Another interface refers to a type of the MQTT interface, so that its other side would need the same MQTT.
    #[error(
        "its {user} uses the type `{ty}` of `{MQTT_INTERFACE}`: the other side of it would need the same MQTT, but the adapter goes \
         inside of the app"
    )]
    Shared {
        /// The import or export that refers to it.
        user: External,
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

/// The reasons why a core module can't be made a component.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentizeError {
    /// It has no `component-type` section, and does not import MQTT by name either.
    #[error(
        "it is a core module that does not say which interfaces it uses (it has no `component-type` section), so it was \
         not built with a Spin SDK of version 3 to 5"
    )]
    NoComponentType,
    /// It has no `component-type` section and imports MQTT by name, and another import or export, or the type of one, is not known
    /// here.
    #[error(
        "it is a core module that does not describe its interfaces (it has no `component-type` section); such a module may \
         import functions of `{MQTT_INTERFACE}` and `{VARIABLES_INTERFACE}`, as the canonical ABI has them, WASI preview 1, and \
         nothing else, and of interfaces it may export `{RUN}` alone"
    )]
    Undescribed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has two mains, of which a host could call one.
    #[error(
        "it is a core module that exports both `_start` and `{run}`, and a host calls one of them"
    )]
    TwoMains {
        /// The other one's name.
        run: String,
    },
    /// It imports from `__main_module__`, as only the adapter of WASI preview 1 does that is joined to it.
    #[error("it is a core module that imports from `{MAIN_MODULE}`, which would be itself")]
    ImportsItself,
    /// Its `component-type` section is of a kind that is not known here.
    #[error("it was built with a wit-bindgen whose metadata (section `{section}`) can't be read")]
    UnsupportedBindgen {
        /// The section's name, in which wit-bindgen writes its version.
        section: String,
        /// The problem with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its `component-type` section does not fit its imports and exports.
    #[error("it is a core module that does not match its own description of its interfaces")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}
