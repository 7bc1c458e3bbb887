//! The custom sections about a component: the tools that made it, and its author's notes.

use wasm_encoder::{ComponentSection, CustomSection, RawCustomSection};
use wasm_metadata::Producers;

use crate::types::{Component, PRODUCERS};

/// The name by which this tool signs the producers section of a component (`processed-by`).
pub(crate) const TOOL_NAME: &str = env!("CARGO_PKG_NAME");

/// The version that stands beside [`TOOL_NAME`].
pub(crate) const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Adds the custom sections of `app` that are about the whole to a composition of it, and the signature of this tool.
pub(crate) fn annotate(bytes: &mut Vec<u8>, app: &Component) {
    let mut producers = Producers::empty();
    for (name, data) in app.custom_sections() {
        if name == PRODUCERS {
            // A malformed section stays in the app.
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

/// Adds `producers` and the signature of this tool.
pub(crate) fn sign(mut producers: Producers, bytes: &mut Vec<u8>) {
    producers.add("processed-by", TOOL_NAME, TOOL_VERSION);
    RawCustomSection(&producers.raw_custom_section()).append_to_component(bytes);
}

/// Returns the version of this tool that made `component`, if one did.
pub(crate) fn made_by(component: &Component) -> Option<String> {
    component
        .custom_sections()
        .iter()
        .filter(|(name, _)| name == PRODUCERS)
        .filter_map(|(_, data)| Producers::from_bytes(data, 0).ok())
        .find_map(|producers| producers.get("processed-by")?.get(TOOL_NAME).cloned())
        // Others' text does not go into this tool's messages.
        .map(|version| match semver::Version::parse(&version) {
            Ok(version) => version.to_string(),
            Err(_) => "of an unknown version".to_owned(),
        })
}
