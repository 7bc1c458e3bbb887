//! The composition itself: one component with another as some of its imports, and all else passed through.

use thiserror::Error;
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

use crate::component::Component;

/// Why two components that fit did not make one.
#[derive(Debug, Error)]
#[error("two components that fit were not made one")]
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

/// Plugs `plug` into `socket`, at `joints`. The result exports what `socket` does.
///
/// The bytes of both are taken, and so an app is in memory twice at most: in the graph and in the result.
///
/// wac's own `plug` would do for this pair, but it joins all that fits by name and leaves out, without a word, what does
/// not. Here what is to be joined is known, and that it fits has been checked.
pub(crate) fn plug(
    (socket_bytes, socket): (Vec<u8>, &Component),
    plug_bytes: Vec<u8>,
    joints: &[Joint<'_>],
) -> Result<Vec<u8>, PlugError> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: Vec<u8>| {
        let package =
            Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(PlugError::new)?;
        graph.register_package(package).map_err(PlugError::new)
    };
    let socket_package = register("spin-mqtt:socket", socket_bytes)?;
    let plug_package = register("spin-mqtt:plug", plug_bytes)?;

    // The socket first: where both import an interface in compatible versions, wac makes them one import, and under the
    // name that it meets first. So an app's imports keep their names, and the adapter, at 0.2.0, takes what is there.
    let socket_instance = graph.instantiate(socket_package);
    let plug_instance = graph.instantiate(plug_package);
    for joint in joints {
        let export = graph
            .alias_instance_export(plug_instance, joint.export)
            .map_err(PlugError::new)?;
        graph
            .set_instantiation_argument(socket_instance, joint.import, export)
            .map_err(PlugError::new)?;
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
