//! The library's promises about compositions.

use std::path::Path;

use spin_mqtt_composer::{
    AppError, ComposeError, Composer, Form, MQTT_INTERFACE, WasiVersion, compose, inspect,
};
use wac_graph::{CompositionGraph, EncodeOptions, types::Package};
use wasm_metadata::Producers;
use wasmparser::{Parser, Payload, Validator};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

/// An app that uses and exports resources of WASI, as HTTP handlers do.
const WORLD: &str = r#"
    package test:app;

    interface handler {
        use wasi:io/error@0.2.6.{error};
        resource request { why: func() -> error; }
        record cat { name: string, lives: option<u8> }
        handle: func(request: request, cats: list<cat>) -> result<cat, string>;
    }

    world app {
        import fermyon:spin/mqtt@2.0.0;
        export handler;
        export feed: func(grams: u32);
    }

    package wasi:io@0.2.6 {
        interface error {
            resource error { to-debug-string: func() -> string; }
        }
    }
"#;

fn world(text: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let interfaces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(interfaces).unwrap();
    let package = resolve.push_str("app.wit", text).unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    (resolve, world)
}

/// A core module that imports and exports all of its world, with wit-bindgen's section about it.
fn module(text: &str) -> Vec<u8> {
    let (resolve, world) = world(text);
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// The component of [`module`].
fn component(text: &str) -> Vec<u8> {
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module(text)).unwrap();
    encoder.encode().unwrap()
}

/// The adapter, with settings that decide nothing.
fn adapter() -> Vec<u8> {
    Composer::new().configured_adapter().unwrap()
}

/// The names of what the component imports and exports.
fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| export.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn a_module_and_its_component_give_the_same_world() {
    let from_module = compose(module(WORLD)).unwrap();
    let from_component = compose(component(WORLD)).unwrap();
    assert_eq!(from_module.form(), Form::ReactorModule);
    assert_eq!(from_component.form(), Form::Component);
    assert_eq!(
        names(from_module.component()),
        names(from_component.component())
    );
}

#[test]
fn the_result_is_valid_and_keeps_the_apps_names() {
    let app = component(WORLD);
    let composition = Composer::new().wasi(WasiVersion::Keep).compose(&app);
    let composition = composition.unwrap();
    Validator::new()
        .validate_all(composition.component())
        .unwrap();

    let (app_imports, app_exports) = names(&app);
    let (imports, exports) = names(composition.component());
    assert_eq!(exports, app_exports);
    assert!(!imports.iter().any(|import| import == MQTT_INTERFACE));
    for import in app_imports
        .iter()
        .filter(|import| *import != MQTT_INTERFACE)
    {
        assert!(imports.contains(import), "{import} of {imports:?}");
    }
    // The adapter's import of the same interface at 0.2.0 is this one, not a second one.
    assert_eq!(
        imports
            .iter()
            .filter(|import| import.starts_with("wasi:io/error@"))
            .count(),
        1
    );
    assert_eq!(composition.renamed(), []);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for app in [module(WORLD), component(WORLD)] {
        let first = compose(&app).unwrap().into_component();
        for _ in 0..5 {
            assert!(first == compose(&app).unwrap().into_component());
        }
    }
}

#[test]
fn the_result_says_who_made_it_and_what_the_app_said() {
    let mut app = component(WORLD);
    let mut producers = Producers::empty();
    producers.add("language", "Felis", "9");
    app = producers.add_to_wasm(&app).unwrap();
    app.extend(b"\0\x14\x0bdescriptionour app!");

    let composed = compose(&app).unwrap().into_component();
    let producers = Producers::from_wasm(&composed).unwrap().unwrap();
    let processed_by = producers.get("processed-by").unwrap();
    assert_eq!(
        processed_by.get("spin-mqtt-composer").unwrap(),
        env!("CARGO_PKG_VERSION")
    );
    assert!(processed_by.get("wit-component").is_some());
    assert_eq!(
        producers.get("language").unwrap().get("Felis").unwrap(),
        "9"
    );
    assert!(composed.windows(8).any(|window| window == b"our app!"));
    assert!(composed.ends_with(producers.raw_custom_section().as_slice()));
}

#[test]
fn a_command_module_becomes_a_command() {
    let (resolve, world) = world("package test:app; world app { import fermyon:spin/mqtt@2.0.0; }");
    let mut app = wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "fermyon:spin/mqtt@2.0.0" "[resource-drop]connection" (func (param i32)))
            (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.const 0))))"#,
    )
    .unwrap();
    embed_component_metadata(&mut app, &resolve, world, StringEncoding::UTF8).unwrap();
    let composition = compose(&app).unwrap();
    assert_eq!(composition.form(), Form::CommandModule);
    assert_eq!(names(composition.component()).1, ["wasi:cli/run@0.2.0"]);
    assert_eq!(
        composition.command_line().unwrap().shell("app.wasm"),
        "wasmtime run -Sinherit-network -Sallow-ip-name-lookup app.wasm"
    );
    // What makes it a component stands at the version that all hosts have.
    for import in composition
        .imports()
        .iter()
        .filter(|import| import.name.starts_with("wasi:"))
    {
        assert!(import.name.ends_with("@0.2.0"), "{}", import.name);
    }
}

#[test]
fn the_adapter_works_with_wac_plug() {
    let app = component(WORLD);
    let mut graph = CompositionGraph::new();
    let mut register = |name, bytes: &[u8]| {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut()).unwrap();
        graph.register_package(package).unwrap()
    };
    let (plug, socket) = (
        register("test:adapter", &adapter()),
        register("test:app", &app),
    );
    wac_graph::plug(&mut graph, vec![plug], socket).unwrap();
    let plugged = graph.encode(EncodeOptions::default()).unwrap();

    let ours = Composer::new().wasi(WasiVersion::Keep).compose(&app);
    let ours = ours.unwrap();
    assert_eq!(names(&plugged), names(ours.component()));
    // And what wac has plugged is known to need nothing more.
    assert!(matches!(
        compose(&plugged),
        Err(ComposeError::App(AppError::AlreadyPlugged))
    ));
    assert!(
        inspect(&plugged).unwrap().command.is_none(),
        "a library has no command"
    );
}

#[test]
fn another_adapter_is_the_one_inside() {
    let marked = {
        let mut adapter = adapter();
        adapter.extend(b"\0\x0b\x04markcat!!!");
        adapter
    };
    let app = component(WORLD);
    let composed = Composer::new()
        .adapter(&marked)
        .unwrap()
        .compose(&app)
        .unwrap();
    assert!(
        composed
            .component()
            .windows(6)
            .any(|window| window == b"cat!!!")
    );
    assert!(
        !compose(&app)
            .unwrap()
            .component()
            .windows(6)
            .any(|window| window == b"cat!!!")
    );
}
