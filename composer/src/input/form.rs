//! The forms that an app comes in.

use serde::Serialize;

/// The form of the input, before it became a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// A component.
    Component,
    /// A core module for WASI preview 1 that is called through its exports, as the Spin SDKs make it.
    ReactorModule,
    /// A core module for WASI preview 1 with a `main`.
    CommandModule,
}
