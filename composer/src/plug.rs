//! The composition itself: the app with the adapter as its MQTT import, and all else passed through.

use thiserror::Error;
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};

use crate::{adapter::Adapter, component::Component, names::MQTT_INTERFACE};

/// Why a fitting adapter and app did not make a component.
#[derive(Debug, Error)]
#[error("the app and the adapter were not made one component")]
pub struct PlugError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PlugError {
    fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// Plugs `adapter` into `app`.
///
/// wac's own `plug` would do for this pair, but it joins all that fits by name and leaves out, without a word, what does
/// not. Here the one thing to join is known, and that it fits has been checked.
pub(crate) fn plug(app: &Component, adapter: &Adapter) -> Result<Vec<u8>, PlugError> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, bytes: &[u8]| {
        let package =
            Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(PlugError::new)?;
        graph.register_package(package).map_err(PlugError::new)
    };
    let socket = register("spin-mqtt:app", &app.bytes)?;
    let adapter = register("spin-mqtt:adapter", &adapter.component.bytes)?;

    // The app first: where both import an interface in compatible versions, wac makes them one import, and under the name
    // that it meets first. So the app's imports keep their names, and the adapter, at 0.2.0, takes what is there.
    let socket = graph.instantiate(socket);
    let adapter = graph.instantiate(adapter);
    let mqtt = graph
        .alias_instance_export(adapter, MQTT_INTERFACE)
        .map_err(PlugError::new)?;
    graph
        .set_instantiation_argument(socket, MQTT_INTERFACE, mqtt)
        .map_err(PlugError::new)?;
    for (name, _) in app.exports() {
        let export = graph
            .alias_instance_export(socket, name)
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
