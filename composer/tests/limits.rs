//! The command ends within seconds and takes a bounded amount of memory, for any app.
//!
//! The time allowed here is many times the time needed, for a machine that is busy; the system limits the memory of the process.
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    io::Write,
    process::{Command, Stdio},
};

use wasm_encoder::{
    Component, ComponentExportKind, ComponentExportSection, ComponentImportSection,
    ComponentTypeRef, ComponentTypeSection, ComponentValType, Encode, InstanceType,
    NestedComponentSection, PrimitiveValType, RawSection, TypeBounds,
};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const SECONDS: u32 = 120;
const MEBIBYTES: usize = 2048;

const MQTT: &str = "fermyon:spin/mqtt@2.0.0";
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
const NESTED_COMPONENT: u8 = 4;

/// Composes `app`, followed by as many zeros as make it `size` bytes. Returns true on success, and the messages.
fn compose_padded(app: &[u8], size: usize) -> (bool, String) {
    run(app, size, "--allow-unresolved --stub-unresolved");
    run(app, size, "--allow-unresolved")
}

fn run(app: &[u8], size: usize, options: &str) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut file = File::create(directory.path().join("app.wasm")).unwrap();
    file.write_all(app).unwrap();
    // What is not written takes no room on the disk.
    file.set_len(size.max(app.len()) as u64).unwrap();
    let script = format!(
        "ulimit -v {}; exec timeout {SECONDS} $compose app.wasm {options} -o /dev/null",
        MEBIBYTES << 10
    );
    let output = Command::new("sh")
        .args(["-ec", &script])
        .env("compose", env!("CARGO_BIN_EXE_compose"))
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    // 124 is that of `timeout`, 101 that of a panic; one that runs out of memory is killed by its own signal.
    let code = output.status.code();
    assert!([Some(0), Some(1)].contains(&code), "{code:?}: {text}");
    assert!(!text.contains("a check inside of compose"), "{text}");
    assert!(
        code == Some(0) || text.len() < 100_000,
        "an error of {} bytes",
        text.len()
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    (code == Some(0), text)
}

#[track_caller]
fn composed(app: &[u8]) {
    let (done, text) = compose_padded(app, 0);
    assert!(done, "{text}");
}

#[track_caller]
fn refused(app: &[u8], reason: &str) {
    let (done, text) = compose_padded(app, 0);
    assert!(!done && text.contains(reason), "{text}");
}

/// An app that imports MQTT, and what `build` adds. Its types 0 and 1 are an interface and a function, both empty.
fn app(build: impl FnOnce(&mut Component)) -> Vec<u8> {
    let mut component = Component::new();
    let mut types = ComponentTypeSection::new();
    types.instance(&InstanceType::new());
    types.function().params(NO_PARAMETERS).result(None);
    component.section(&types);
    let mut imports = ComponentImportSection::new();
    imports.import(MQTT, ComponentTypeRef::Instance(0));
    component.section(&imports);
    build(&mut component);
    component.finish()
}

const NO_PARAMETERS: [(&str, ComponentValType); 0] = [];

fn import(
    component: &mut Component,
    names: impl IntoIterator<Item = String>,
    ty: ComponentTypeRef,
) {
    let mut imports = ComponentImportSection::new();
    for name in names {
        imports.import(name.as_str(), ty);
    }
    component.section(&imports);
}

/// An app with an import `a:b/c` of what `build` puts into it.
fn app_with_interface(build: impl FnOnce(&mut InstanceType)) -> Vec<u8> {
    app(|component| {
        let mut interface = InstanceType::new();
        build(&mut interface);
        let mut types = ComponentTypeSection::new();
        types.instance(&interface);
        component.section(&types);
        import(
            component,
            ["a:b/c".to_owned()],
            ComponentTypeRef::Instance(2),
        );
    })
}

#[test]
fn large_files_take_a_few_times_their_size() {
    const SIZE: usize = 200 << 20;
    let (done, text) = compose_padded(b"", SIZE);
    assert!(!done && text.contains("is not WebAssembly"), "{text}");
    let (done, text) = compose_padded(HEADER, SIZE);
    assert!(!done && text.contains("not valid"), "{text}");

    // A custom section of zeros, behind all else.
    let mut app = app(|_| ());
    app.push(0);
    let content = SIZE - app.len() - 4;
    (content as u32).encode(&mut app);
    app.extend([1, b'x']);
    let (done, text) = compose_padded(&app, SIZE);
    assert!(done, "{text}");
}

#[test]
fn components_within_components_are_bounded() {
    // From the inside out: each is a header, the section's byte and its size, and the one within.
    let mut sizes = vec![HEADER.len() as u32];
    for _ in 0..200_000 {
        let within = *sizes.last().unwrap();
        let mut encoded = Vec::new();
        within.encode(&mut encoded);
        sizes.push(within + (HEADER.len() + 1 + encoded.len()) as u32);
    }
    let mut deep = Vec::new();
    for within in sizes.iter().rev().skip(1) {
        deep.extend(HEADER);
        deep.push(NESTED_COMPONENT);
        within.encode(&mut deep);
    }
    deep.extend(HEADER);
    refused(&deep, "too deeply");

    let mut thousand = Component::new();
    for _ in 0..1000 {
        thousand.section(&NestedComponentSection(&Component::new()));
    }
    let thousand = thousand.finish();
    let broad = app(|component| {
        for _ in 0..1000 {
            component.section(&RawSection {
                id: NESTED_COMPONENT,
                data: &thousand,
            });
        }
    });
    refused(&broad, "more than 10000 components and modules");
}

#[test]
fn imports_are_bounded() {
    let interfaces = (0..10_000).map(|n| format!("a:b/c{n}"));
    let interfaces = app(|it| import(it, interfaces, ComponentTypeRef::Instance(0)));
    refused(&interfaces, "instances count exceeds limit of 1000");

    let functions = |count| {
        let names = (0..count).map(|n| format!("f{n}"));
        app(|it| import(it, names, ComponentTypeRef::Func(1)))
    };
    refused(&functions(500_000), "more than 20000 imports and exports");
    composed(&functions(19_000));
}

/// Each compatible with all others, so that one import is what remains.
#[test]
fn versions_of_an_import_are_bounded() {
    let app = app(|component| {
        let mut types = ComponentTypeSection::new();
        let mut interface = InstanceType::new();
        interface.ty().function().params(NO_PARAMETERS).result(None);
        interface.export("f", ComponentTypeRef::Func(0));
        for _ in 0..900 {
            types.instance(&interface);
        }
        component.section(&types);
        let mut imports = ComponentImportSection::new();
        for n in 0..900 {
            let name = format!("wasi:io/poll@0.2.{n}");
            imports.import(name.as_str(), ComponentTypeRef::Instance(2 + n));
        }
        component.section(&imports);
    });
    composed(&app);
}

#[test]
fn exports_are_bounded() {
    let exports = |count| {
        app(|component| {
            import(component, ["f".to_owned()], ComponentTypeRef::Func(1));
            let mut exports = ComponentExportSection::new();
            for n in 0..count {
                let name = format!("f{n}");
                exports.export(name.as_str(), ComponentExportKind::Func, 0, None);
            }
            component.section(&exports);
        })
    };
    refused(&exports(100_000), "more than 20000 imports and exports");
    composed(&exports(15_000));
}

#[test]
fn what_is_in_an_interface_is_bounded() {
    let functions = |count| {
        app_with_interface(|interface| {
            interface.ty().function().params(NO_PARAMETERS).result(None);
            for n in 0..count {
                interface.export(format!("f{n}"), ComponentTypeRef::Func(0));
            }
        })
    };
    refused(&functions(100_000), "more than 20000 imports and exports");
    composed(&functions(19_000));

    // Each the alias of the one before.
    let aliases = app_with_interface(|interface| {
        let byte = ComponentValType::Primitive(PrimitiveValType::U8);
        interface.ty().defined_type().list(byte);
        for n in 0..19_000 {
            let ty = ComponentTypeRef::Type(TypeBounds::Eq(n));
            interface.export(format!("t{n}"), ty);
        }
    });
    refused(&aliases, "too deeply");
}

/// The check that no other interface uses one of MQTT's resources looks at each pair of the two.
#[test]
fn resources_of_a_false_mqtt_are_bounded() {
    let mut component = Component::new();
    let mut mqtt = InstanceType::new();
    for n in 0..10_000 {
        let ty = ComponentTypeRef::Type(TypeBounds::SubResource);
        mqtt.export(format!("r{n}"), ty);
    }
    let mut other = InstanceType::new();
    other.ty().function().params(NO_PARAMETERS).result(None);
    for n in 0..10 {
        other.export(format!("f{n}"), ComponentTypeRef::Func(0));
    }
    let mut types = ComponentTypeSection::new();
    types.instance(&mqtt);
    for _ in 0..900 {
        types.instance(&other);
    }
    component.section(&types);
    import(
        &mut component,
        [MQTT.to_owned()],
        ComponentTypeRef::Instance(0),
    );
    for n in 0..900 {
        let name = format!("a:b/c{n}");
        import(&mut component, [name], ComponentTypeRef::Instance(1 + n));
    }
    refused(&component.finish(), "`r0` is missing");
}

#[test]
fn text_is_bounded() {
    let text = |start: &str, repeated: &str, size: usize, end: &str| {
        let count = (size - start.len() - end.len()) / repeated.len();
        [start, &repeated.repeat(count), end].concat().into_bytes()
    };
    let most = 8 << 20;
    refused(
        &text("(module ", "(func)", most + 99, ")"),
        "text of more than 8 MiB",
    );
    refused(&text("(module ", "(func)", most, ")"), "limit of 1000000");
    refused(
        &text("(component ", "(type u8)", most, ")"),
        "imports no MQTT",
    );
    refused(&text("", "(", most, ""), "expected valid module field");
    refused(&text(";;", "x", most, ""), "at least one module field");
}

/// A module with more descriptions of its world than it could ever need.
#[test]
fn descriptions_of_a_module_are_bounded() {
    let mut resolve = Resolve::default();
    let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(wit).unwrap();
    let world = format!("package test:app; world app {{ import {MQTT}; }}");
    let package = resolve.push_str("app.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    let mut module = wasm_encoder::Module::new().finish();
    let mut describe = |times: u32| {
        for _ in 0..times {
            embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        }
        module.clone()
    };
    // Nothing of it is used.
    refused(&describe(1000), "imports no MQTT");
    refused(&describe(1), "more than 1000 `component-type` sections");
}
