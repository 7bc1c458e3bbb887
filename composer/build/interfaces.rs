//! The check that an adapter runs on every host that it is for.

use std::error::Error;

use wasmparser::{Validator, WasmFeatures};
use wit_component::DecodedWasm;

use crate::table::Entry;

/// The features of WebAssembly that an adapter may use: those of every host with the component model.
const FEATURES: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::COMPONENT_MODEL);

/// Fails if `component` uses a feature or imports an interface that some host lacks, or if it exports anything else than `entry`
/// says.
pub fn check(entry: &Entry, component: &[u8]) -> Result<(), Box<dyn Error>> {
    Validator::new_with_features(FEATURES).validate_all(component)?;
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        return Err("it is a package of WIT and no component".into());
    };
    let world = &resolve.worlds[world];
    for (key, _) in &world.imports {
        let name = resolve.name_world_key(key);
        if !entry.needs.contains(&name.as_str()) {
            return Err(format!(
                "it imports `{name}`, which is not among its needs in composer/src/adapters/table.rs: not every host has it"
            )
            .into());
        }
    }
    let exports: Vec<_> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    if exports != entry.exports {
        return Err(format!("it exports {exports:?} in place of {:?}", entry.exports).into());
    }
    Ok(())
}
