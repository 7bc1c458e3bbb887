//! The composition itself: one component with others as some of its imports, and all else passed through.

use thiserror::Error;
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

use crate::component::Component;

/// Why components that fit did not make one.
#[derive(Debug, Error)]
#[error("components that fit were not made one")]
pub struct PlugError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PlugError {
    pub(crate) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// An import of one component that an export of another one fills.
pub(crate) struct Joint<'a> {
    pub(crate) import: &'a str,
    pub(crate) export: &'a str,
}

/// A component and what it fills.
pub(crate) struct Part<'a> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) component: &'a Component,
    pub(crate) joints: Vec<Joint<'a>>,
}

impl<'a> Part<'a> {
    /// A component that fills imports of the names that its exports have.
    pub(crate) fn same_names(
        (bytes, component): (Vec<u8>, &'a Component),
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let joint = |name| Joint {
            import: name,
            export: name,
        };
        Self {
            bytes,
            component,
            joints: names.into_iter().map(joint).collect(),
        }
    }
}

/// Plugs `parts` into `socket`, each at its joints. What an earlier part fills, it fills for the later ones too. The result
/// exports what `socket` does.
///
/// The bytes of all are taken, and so an app is in memory twice at most: in the graph and in the result.
///
/// wac's own `plug` would do for a pair, but it joins all that fits by name and leaves out, without a word, what does
/// not. Here what is to be joined is known, and that it fits has been checked.
pub(crate) fn plug(
    (socket_bytes, socket): (Vec<u8>, &Component),
    parts: Vec<Part<'_>>,
) -> Result<Vec<u8>, PlugError> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: Vec<u8>| {
        let package =
            Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(PlugError::new)?;
        graph.register_package(package).map_err(PlugError::new)
    };
    let socket_package = register("spin-mqtt:socket", socket_bytes)?;
    let mut plugs = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let package = register(&format!("spin-mqtt:plug{index}"), part.bytes)?;
        plugs.push((package, part.component, part.joints));
    }

    // The socket first: where both import an interface in compatible versions, wac makes them one import, and under the
    // name that it meets first. So an app's imports keep their names, and the adapter, at 0.2.0, takes what is there.
    let socket_instance = graph.instantiate(socket_package);
    let mut filled = Vec::new();
    for (package, component, joints) in plugs {
        let instance = graph.instantiate(package);
        for &(import, export) in &filled {
            if component.import(import).is_some() {
                graph
                    .set_instantiation_argument(instance, import, export)
                    .map_err(PlugError::new)?;
            }
        }
        for joint in joints {
            let export = graph
                .alias_instance_export(instance, joint.export)
                .map_err(PlugError::new)?;
            graph
                .set_instantiation_argument(socket_instance, joint.import, export)
                .map_err(PlugError::new)?;
            filled.push((joint.import, export));
        }
    }
    for (name, _) in socket.exports() {
        let export = graph
            .alias_instance_export(socket_instance, name)
            .map_err(PlugError::new)?;
        graph.export(export, name).map_err(PlugError::new)?;
    }
    // What comes out is validated by the caller, who parses it.
    let options = EncodeOptions {
        validate: false,
        ..EncodeOptions::default()
    };
    graph.encode(options).map_err(PlugError::new)
}
