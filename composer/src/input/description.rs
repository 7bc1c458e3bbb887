//! The description of the interfaces of core modules that have none.
//!
//! The tools around wit-bindgen write into a module which interfaces it uses, in a `component-type` section. Other compilers
//! don't: Go's and clang make a module that imports the functions of Spin's MQTT by their names in the canonical ABI. The
//! interfaces behind these names are known here, so such a module needs no other tool before it is composed.

use wasm_encoder::Module;
use wit_component::{DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::adapters::{EMBEDDED, MQTT_INTERFACE, VARIABLES_INTERFACE};

/// The export of a command. A module with a `main` (`_start`) has it from the adapter of WASI preview 1.
const COMMAND: &str = "package wasi:cli@0.2.0; interface run { run: func() -> result; }";

/// The name in the canonical ABI of the function that a host calls.
pub(crate) const RUN: &str = "wasi:cli/run@0.2.0#run";

/// The name under which the adapter of WASI preview 1 imports from the module that it is joined to. wit-component panics if that
/// module has such imports itself.
pub(crate) const MAIN_MODULE: &str = "__main_module__";

/// Makes the description of a module that may import Spin's MQTT and variables, and that exports [`RUN`] if `exports_run`: a module
/// of nothing but the section.
pub(crate) fn description_of(
    exports_run: bool,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    // The adapter has Spin's interfaces, which it exports.
    let mut resolve = match wit_component::decode(EMBEDDED.bytes())? {
        DecodedWasm::Component(resolve, _) | DecodedWasm::WitPackage(resolve, _) => resolve,
    };
    let mut command = Resolve::default();
    command.push_str("command.wit", COMMAND)?;
    resolve.merge(command)?;

    let export = match exports_run {
        true => "export wasi:cli/run@0.2.0;",
        false => "",
    };
    let world = format!(
        "package spin-mqtt:module; world module {{ import {MQTT_INTERFACE}; import {VARIABLES_INTERFACE}; {export} }}"
    );
    let package = resolve.push_str("module.wit", &world)?;
    let world = resolve.select_world(&[package], None)?;
    let mut description = Module::HEADER.to_vec();
    embed_component_metadata(&mut description, &resolve, world, StringEncoding::UTF8)?;
    Ok(description)
}
