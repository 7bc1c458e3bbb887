//! One version of WASI 0.2 in what is composed.

use std::{collections::HashSet, path::Path};

use spin_mqtt_composer::{
    ComposeError, Composer, Composition, MQTT_INTERFACE, Provider, Settings, Unresolved,
    WasiVersion, compose,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A component that imports and exports what `world` says, next to MQTT. Of WASI it has parts of two versions, as an app has
/// whose libraries come with bindings of their own.
fn app(world: &str) -> Vec<u8> {
    let packages = ["0.2.0", "0.2.6"].map(|version| {
        format!(
            r#"
    package wasi:io@{version} {{
        interface error {{ resource error {{ to-debug-string: func() -> string; }} }}
        interface poll {{
            resource pollable {{ block: func(); }}
            poll: func(in: list<borrow<pollable>>) -> list<u32>;
        }}
        interface streams {{
            use error.{{error}};
            use poll.{{pollable}};
            variant stream-error {{ last-operation-failed(error), closed }}
            resource input-stream {{
                read: func(len: u64) -> result<list<u8>, stream-error>;
                subscribe: func() -> pollable;
            }}
        }}
    }}
    package wasi:clocks@{version} {{
        interface monotonic-clock {{
            use wasi:io/poll@{version}.{{pollable}};
            subscribe-duration: func(when: u64) -> pollable;
        }}
    }}
    package wasi:cli@{version} {{
        interface environment {{ get-environment: func() -> list<tuple<string, string>>; }}
        interface exit {{ exit: func(status: result); exit-with-code: func(status-code: u8); }}
        interface run {{ run: func() -> result; }}
        interface stdin {{
            use wasi:io/streams@{version}.{{input-stream}};
            get-stdin: func() -> input-stream;
        }}
    }}
    package wasi:http@{version} {{
        interface types {{
            use wasi:io/poll@{version}.{{pollable}};
            resource future-trailers {{ subscribe: func() -> pollable; }}
            resource incoming-request;
            resource response-outparam;
        }}
        interface incoming-handler {{
            use types.{{incoming-request, response-outparam}};
            handle: func(request: incoming-request, response-out: response-outparam);
        }}
    }}"#
        )
    });
    let text = format!(
        "package test:app; world app {{ import {MQTT_INTERFACE}; {world} }} {}",
        packages.join("")
    );
    let mut resolve = Resolve::default();
    let interfaces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(interfaces).unwrap();
    let package = resolve.push_str("app.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).unwrap();
    encoder.encode().unwrap()
}

const MIXED: &str = "
    import wasi:io/streams@0.2.0;
    import wasi:io/streams@0.2.6;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:cli/environment@0.2.6;
    import wasi:cli/stdin@0.2.0;
    import wasi:cli/stdin@0.2.6;
    import wasi:http/types@0.2.6;
    export wasi:http/incoming-handler@0.2.6;
";

fn imports(composition: &Composition) -> Vec<String> {
    let imports = composition.imports().into_iter();
    imports.map(|import| import.name).collect()
}

/// Checks that all of WASI that it imports is at `version`, and that nothing is there twice, as a host that takes names as they
/// are would have it. That it is valid is checked wherever something is composed.
#[track_caller]
fn assert_all_at(version: &str, composition: &Composition) {
    let imports = imports(composition);
    assert!(imports.len() > 10, "{imports:?}");
    for name in &imports {
        assert!(
            name.ends_with(&format!("@{version}")),
            "{name} of {imports:?}"
        );
    }
    assert_eq!(imports.iter().collect::<HashSet<_>>().len(), imports.len());
}

fn at(version: WasiVersion) -> Composer {
    Composer::new().wasi(version)
}

#[test]
fn two_versions_in_an_app_and_one_in_the_adapter_become_one() {
    let app = app(MIXED);
    let lowest = compose(&app).unwrap();
    assert_all_at("0.2.0", &lowest);
    assert_eq!(lowest.wasi_patch(), Some(0));
    let renamed = |old: &str, new: &str| lowest.renamed().contains(&(old.into(), new.into()));
    assert!(renamed("wasi:cli/stdin@0.2.6", "wasi:cli/stdin@0.2.0"));
    assert!(renamed(
        "wasi:http/incoming-handler@0.2.6",
        "wasi:http/incoming-handler@0.2.0"
    ));
    for patch in [0, 3, 6, 12, 99] {
        let composition = at(WasiVersion::Patch(patch)).compose(&app).unwrap();
        assert_all_at(&format!("0.2.{patch}"), &composition);
    }
}

#[test]
fn kept_versions_are_those_of_the_app() {
    let composition = at(WasiVersion::Keep).compose(app(MIXED)).unwrap();
    let imports = imports(&composition);
    assert!(imports.contains(&"wasi:http/types@0.2.6".to_owned()));
    assert!(imports.contains(&"wasi:sockets/tcp@0.2.0".to_owned()));
    assert_eq!(composition.wasi_patch(), None);
    let names: HashSet<_> = imports.iter().map(|name| name.split('@').next()).collect();
    assert_eq!(names.len(), imports.len(), "{imports:?}");
}

#[test]
fn a_function_of_a_later_release_brings_all_to_it() {
    let app = app("import wasi:cli/exit@0.2.6; import wasi:cli/stdin@0.2.0;");
    let composition = compose(&app).unwrap();
    assert_all_at("0.2.12", &composition);
    let reasons = composition.wasi_reasons();
    assert_eq!(
        reasons[0].to_string(),
        "`exit-with-code` of `wasi:cli/exit`"
    );

    let Err(ComposeError::WasiLacks(lacks)) = at(WasiVersion::Patch(6)).compose(&app) else {
        panic!("WASI 0.2.6 has no such function");
    };
    assert_eq!(lacks.items(), reasons);
    // At its own version it is one that hosts do not have.
    let Err(ComposeError::Unresolved(unresolved)) = at(WasiVersion::Keep).compose(&app) else {
        panic!("WASI 0.2.6 has no such function");
    };
    assert!(matches!(
        unresolved.as_slice(),
        [Unresolved {
            provider: Provider::Later { .. },
            ..
        }]
    ));
}

/// An app can say whatever it likes of an interface.
#[test]
fn what_no_release_has_is_left_at_its_version_or_later() {
    let app = format!(
        r#"(component
            (import "{MQTT_INTERFACE}" (instance))
            (import "wasi:random/random@0.2.99" (instance (export "fly" (func)))))"#
    );
    let Err(ComposeError::Unresolved(_)) = compose(app.as_bytes()) else {
        panic!("it is not known which host has it");
    };
    let allowed = |version| at(version).allow_unresolved(true).compose(app.as_bytes());
    assert_all_at("0.2.99", &allowed(WasiVersion::Lowest).unwrap());
    assert!(matches!(
        allowed(WasiVersion::Patch(12)),
        Err(ComposeError::WasiLacks(_))
    ));
}

#[test]
fn other_interfaces_and_drafts_keep_their_versions() {
    let others = [
        "wasi:clocks/timezone@0.2.6",
        "wasi:keyvalue/store@0.2.6",
        "wasi:io/cats@0.2.6",
        "wasi:random/random@0.3.0",
        "wasi:random/random@0.2.0-rc-2023-11-10",
        "acme:random/random@0.2.6",
    ];
    let others_text: String = others
        .iter()
        .map(|name| format!(r#"(import "{name}" (instance (export "fly" (func))))"#))
        .collect();
    let app = format!(
        r#"(component
            (import "{MQTT_INTERFACE}" (instance))
            {others_text}
            (import "wasi:random/insecure@0.2.3" (instance $i))
            (export "wasi:random/random@0.2.6" (instance $i)))"#
    );
    let composition = at(WasiVersion::Patch(3))
        .allow_unresolved(true)
        .compose(app.as_bytes())
        .unwrap();
    let imports = imports(&composition);
    for name in others {
        assert!(imports.iter().any(|it| it == name), "{name} of {imports:?}");
    }
    assert_eq!(composition.renamed(), []);
}

/// Two that differ in nothing but a version would be one.
#[test]
fn exports_at_two_versions_stay_two() {
    let app = format!(
        r#"(component
            (import "{MQTT_INTERFACE}" (instance))
            (instance $i)
            (export "wasi:cli/run@0.2.0" (instance $i))
            (export "wasi:cli/run@0.2.6" (instance $i)))"#
    );
    let composition = at(WasiVersion::Patch(3)).compose(app.as_bytes()).unwrap();
    assert_eq!(composition.renamed(), []);
    assert_all_at("0.2.3", &composition);
}

#[test]
fn settings_are_plugged_at_any_version() {
    let settings = Settings::new()
        .environment("A", "1")
        .allowed_hosts(["mqtt://{{ a }}".into()])
        .variable("a", None);
    let composer = at(WasiVersion::Patch(6))
        .settings(settings.clone())
        .unwrap();
    let composition = composer.compose(app(MIXED)).unwrap();
    assert_all_at("0.2.6", &composition);
    assert!(
        composition
            .plugged()
            .contains(&"wasi:cli/environment@0.2.6".to_owned())
    );
    assert_eq!(composition.settings(), Some(&settings));
}
