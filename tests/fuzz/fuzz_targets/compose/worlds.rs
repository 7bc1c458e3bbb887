//! Modules and components that import and export what a world says, and do nothing.

use libfuzzer_sys::arbitrary::{Arbitrary, Unstructured};
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, dummy_module, embed_component_metadata,
};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

/// An adapter's world, with some of what the real one imports from WASI, and an app's.
const WORLDS: &str = "
    package test:worlds;
    world adapter {
        include spin-mqtt:adapter/adapter@0.1.0;
        import wasi:io/streams@0.2.0;
        import wasi:clocks/monotonic-clock@0.2.0;
    }
    world app {
        import fermyon:spin/mqtt@2.0.0;
        import fermyon:spin/variables@2.0.0;
        import wasi:cli/environment@0.2.0;
        import wasi:io/poll@0.2.0;
        import measure: func(of: option<tuple<u8, string>>) -> result<list<f32>>;
        export cats: interface {
            use wasi:io/poll@0.2.0.{pollable};
            resource cat { constructor(name: string); feed: func(grams: u32) -> pollable; }
            flags mood { hungry, asleep }
            look: func(at: borrow<cat>) -> mood;
        }
    }
    world mqtt {
        import fermyon:spin/mqtt@2.0.0;
    }
    package wasi:io@0.2.0 {
        interface error { resource error; }
        interface poll { resource pollable { block: func(); } }
        interface streams {
            use error.{error};
            use poll.{pollable};
            variant stream-error { last-operation-failed(error), closed }
            resource output-stream {
                subscribe: func() -> pollable;
                flush: func() -> result<_, stream-error>;
            }
        }
    }
    package wasi:clocks@0.2.0 {
        interface monotonic-clock {
            use wasi:io/poll@0.2.0.{pollable};
            subscribe-duration: func(when: u64) -> pollable;
        }
    }";

/// An adapter in all but what it does. With it, an app is composed a hundred times in the time that the real one takes, of
/// which most goes into reading the same code again and again.
pub(crate) fn adapter() -> Vec<u8> {
    let (resolve, world) = world("adapter");
    component(&module(&resolve, world)).expect("an adapter")
}

/// An app as it comes from the compiler: a core module.
pub(crate) fn app() -> Vec<u8> {
    let (resolve, world) = world("app");
    module(&resolve, world)
}

/// The component that is made of such a module.
pub(crate) fn component(module: &[u8]) -> Option<Vec<u8>> {
    ComponentEncoder::default()
        .module(module)
        .ok()?
        .encode()
        .ok()
}

/// An app of a world that `bytes` make up, which imports MQTT as well.
pub(crate) fn any_app(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Unstructured::new(bytes);
    let config = wit_smith::Config {
        max_packages: 3,
        max_files_per_package: 2,
        max_type_size: 50,
        ..wit_smith::Config::arbitrary(&mut bytes).ok()?
    };
    let packages = wit_smith::smith(&config, &mut bytes).ok()?;
    let Ok(DecodedWasm::WitPackage(mut resolve, package)) = wit_component::decode(&packages) else {
        return None;
    };
    let worlds = &resolve.packages[package].worlds;
    let world = *worlds
        .values()
        .nth(bytes.choose_index(worlds.len()).ok()?)?;
    let (other, mqtt) = self::world("mqtt");
    let merged = resolve.merge(other).ok()?;
    let mqtt = merged.map_world(mqtt, Default::default()).ok()?;
    let imports = resolve.worlds[mqtt].imports.clone();
    resolve.worlds[world].imports.extend(imports);
    Some(module(&resolve, world))
}

fn world(name: &str) -> (Resolve, WorldId) {
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let mut resolve = Resolve::default();
    for package in ["fermyon-spin", "wasi-cli", "settings", "adapter"] {
        resolve
            .push_dir(format!("{wit}/{package}"))
            .expect("a package");
    }
    let package = resolve.push_str("worlds.wit", WORLDS).expect("worlds");
    let world = resolve
        .select_world(&[package], Some(name))
        .expect("a world");
    (resolve, world)
}

fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).expect("a world");
    module
}
