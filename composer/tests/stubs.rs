//! The library's promises about stubs. The end-to-end tests call them.

use std::path::Path;

use spin_mqtt_composer::{
    ComposeError, Composer, Composition, MQTT_INTERFACE, Provider, Settings, WasiVersion, inspect,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// The packages that the worlds of the tests use.
const PACKAGES: &str = r#"
    package wasi:io@0.2.6 {
        interface poll {
            resource pollable { ready: func() -> bool; }
        }
    }
    package wasi:clocks@0.2.6 {
        interface timezone {
            utc-offset: func() -> s32;
        }
    }
    package acme:shop@1.0.0 {
        interface prices {
            record price { cents: u64, currency: string }
        }
        interface carts {
            use wasi:io/poll@0.2.6.{pollable};
            use prices.{price};
            use fermyon:spin/variables@2.0.0.{error};
            flags state { paid, sent }
            variant failure { empty, other(error) }
            resource cart {
                constructor(owner: string);
                add: func(what: list<tuple<string, price>>, gift: option<bool>) -> result<price, failure>;
                delivered: func() -> pollable;
                merge: static func(one: cart, other: borrow<cart>) -> cart;
            }
            wait: func(until: list<borrow<pollable>>) -> state;
        }
        interface orders {
            use carts.{cart, failure};
            order: func(cart: cart) -> result<u64, failure>;
        }
    }
    package acme:shop@1.1.0 {
        interface carts {
            resource cart;
            count: func() -> u32;
        }
    }
    package acme:shop@2.0.0 {
        interface carts {
            resource cart { constructor(); }
            enum size { small, large }
            sizes: func(a: s8, b: u16, c: f32, d: f64, e: char) -> list<size>;
        }
    }
"#;

/// A component that imports and exports what `world` says.
fn app(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let interfaces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(interfaces).unwrap();
    let text =
        format!("package test:app; world app {{ import {MQTT_INTERFACE}; {world} }} {PACKAGES}");
    let package = resolve.push_str("app.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    let mut module =
        wit_component::dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .merge_imports_based_on_semver(false)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

fn stub(app: &[u8]) -> Result<Composition, ComposeError> {
    Composer::new().stub_unresolved(true).compose(app)
}

/// The imports that are neither of WASI nor types alone.
fn foreign(composition: &Composition) -> Vec<String> {
    let imports = composition.imports().into_iter();
    imports
        .filter(|import| import.provider != Provider::Wasi)
        .map(|import| import.name)
        .collect()
}

#[test]
fn interfaces_with_all_kinds_of_types_and_functions_are_stubbed() {
    let app = app("
        import acme:shop/carts@1.0.0;
        import acme:shop/orders@1.0.0;
        import acme:shop/carts@2.0.0;
        import fermyon:spin/variables@2.0.0;
        import plain: interface { call: func(); }
        import measure: func(of: option<tuple<u8, string>>) -> result<list<f32>>;
        export feed: func(grams: u32);
    ");
    let composition = stub(&app).unwrap();
    let mut stubbed = composition.stubbed().to_vec();
    stubbed.sort();
    assert_eq!(
        stubbed,
        [
            "acme:shop/carts@1.0.0",
            "acme:shop/carts@2.0.0",
            "acme:shop/orders@1.0.0",
            "acme:shop/prices@1.0.0",
            "measure",
            "plain",
        ]
    );
    assert_eq!(
        composition.plugged(),
        [MQTT_INTERFACE, "fermyon:spin/variables@2.0.0"]
    );
    assert_eq!(foreign(&composition), [""; 0]);
    // What the stubs take of WASI is the app's.
    let polls = composition.imports().into_iter();
    let polls = polls.filter(|import| import.name.starts_with("wasi:io/poll@"));
    assert_eq!(polls.count(), 1);
    for _ in 0..3 {
        assert!(composition.component() == stub(&app).unwrap().component());
    }
}

#[test]
fn compatible_versions_of_an_interface_have_a_stub_each() {
    let composition = stub(&app(
        "import acme:shop/carts@1.0.0; import acme:shop/carts@1.1.0;",
    ))
    .unwrap();
    let carts = composition.stubbed().iter();
    assert_eq!(carts.filter(|name| name.contains("/carts@")).count(), 2);
    assert_eq!(foreign(&composition), [""; 0]);
}

/// Also what the stubs themselves take of WASI, which is at 0.2.0.
#[test]
fn a_composition_with_stubs_imports_one_version_of_wasi() {
    let app = app("import acme:shop/carts@1.0.0; import wasi:clocks/timezone@0.2.6;");
    let versions = |wasi| {
        let composer = Composer::new().stub_unresolved(true).wasi(wasi);
        let composition = composer.compose(&app).unwrap();
        let stubs = [
            "acme:shop/prices@1.0.0",
            "acme:shop/carts@1.0.0",
            "wasi:clocks/timezone@0.2.6",
        ];
        for stub in stubs {
            assert!(
                composition.stubbed().iter().any(|name| name == stub),
                "{stub}"
            );
        }
        let imports = composition.imports();
        assert!(
            imports
                .iter()
                .any(|it| it.name.starts_with("wasi:cli/stderr@"))
        );
        let mut versions: Vec<_> = imports
            .iter()
            .map(|it| it.name.split_once('@').unwrap().1.to_owned())
            .collect();
        versions.sort();
        versions.dedup();
        versions
    };
    assert_eq!(versions(WasiVersion::Lowest), ["0.2.0"]);
    assert_eq!(versions(WasiVersion::Patch(6)), ["0.2.6"]);
    assert_eq!(versions(WasiVersion::Keep), ["0.2.0", "0.2.6"]);
}

#[test]
fn nothing_changes_for_an_app_that_needs_no_stub() {
    let app = app("import wasi:io/poll@0.2.6;");
    let without = Composer::new().compose(&app).unwrap();
    let with = stub(&app).unwrap();
    assert_eq!(with.stubbed(), [""; 0]);
    assert!(with.component() == without.component());
}

#[test]
fn values_of_a_stubbed_interface_may_stand_in_exports() {
    let app = app("
        import acme:shop/carts@1.0.0;
        export shop: interface {
            use acme:shop/prices@1.0.0.{price};
            cheapest: func(of: list<price>) -> price;
        }
    ");
    assert_eq!(foreign(&stub(&app).unwrap()), [""; 0]);
}

/// A type that the world itself uses is an import of its own, which remains, and with it what it is of.
#[test]
fn types_that_the_world_uses_remain_for_it() {
    let composition = stub(&app("
        use acme:shop/prices@1.0.0.{price};
        import pay: func(how-much: price);
        import acme:shop/carts@2.0.0;
    "))
    .unwrap();
    assert_eq!(composition.stubbed(), ["acme:shop/carts@2.0.0", "pay"]);
    assert!(composition.unresolved().is_empty());

    let error = stub(&app(
        "use acme:shop/carts@2.0.0.{size}; import measure: func() -> size;",
    ))
    .unwrap_err();
    assert!(matches!(error, ComposeError::SharedStub { .. }), "{error}");
}

#[test]
fn resources_of_a_stubbed_interface_may_not_stand_in_exports() {
    // As the encoder makes it, the exported interface uses the imported resource.
    let app = app("
        import acme:shop/carts@2.0.0;
        export shop: interface {
            use acme:shop/carts@2.0.0.{cart};
            fill: func(cart: borrow<cart>);
        }
    ");
    let error = stub(&app).unwrap_err();
    let ComposeError::SharedStub {
        interface,
        ty,
        user,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (&*interface, &*user.to_string(), &*ty),
        ("acme:shop/carts@2.0.0", "export `shop`", "cart")
    );
}

#[test]
fn resources_of_wasi_may_stand_in_exports() {
    let app = app("
        import acme:shop/carts@1.0.0;
        export shop: interface {
            use wasi:io/poll@0.2.6.{pollable};
            sold-out: func() -> pollable;
        }
    ");
    assert_eq!(foreign(&stub(&app).unwrap()), [""; 0]);
}

#[test]
fn the_name_of_the_package_between_stub_and_reporter_is_taken() {
    let app = format!(
        r#"(component
            (import "{MQTT_INTERFACE}" (instance))
            (import "spin-mqtt:stubs/report@0.1.0" (instance (export "report" (func (param "called" string))))))"#
    );
    let error = stub(app.as_bytes()).unwrap_err();
    assert!(matches!(error, ComposeError::Stub(_)), "{error:?}");
}

#[test]
fn inspect_says_what_can_have_a_stub() {
    let app = app("import acme:shop/carts@2.0.0;");
    let stubs = Composer::new().stub_unresolved(true).inspect(&app).unwrap();
    let provider = |imports: &[spin_mqtt_composer::Import]| {
        let mut imports = imports.iter();
        let carts = imports.find(|import| import.name == "acme:shop/carts@2.0.0");
        carts.unwrap().provider.clone()
    };
    assert_eq!(provider(&stubs.imports), Provider::Stub);
    assert_eq!(provider(&inspect(&app).unwrap().imports), Provider::Other);
    assert!(stubs.host.iter().all(|it| it.provider == Provider::Wasi));
}

/// A host that gives it no network loses nothing.
#[test]
fn what_is_stubbed_needs_nothing_and_reaches_nothing() {
    let app = format!(
        r#"(component
            (import "{MQTT_INTERFACE}" (instance))
            (import "wasi:sockets/tcp@0.2.0-rc-2023-11-10" (instance (export "start" (func))))
            (import "wasi:http/outgoing-handler@0.2.0-rc-2023-11-10" (instance (export "handle" (func))))
            (instance $run)
            (export "wasi:cli/run@0.2.0" (instance $run)))"#
    );
    let settings = Settings::new().allowed_hosts([]);
    let composer = Composer::new().stub_unresolved(true);
    let composer = composer.settings(settings).unwrap();
    let before = composer.inspect(app.as_bytes()).unwrap();
    let composed = composer.compose(app.as_bytes()).unwrap().into_component();
    for inspection in [before, inspect(&composed).unwrap()] {
        assert_eq!(inspection.stubbed.len(), 2);
        assert_eq!(inspection.ungoverned_imports, [""; 0]);
        let needs = inspection.requirements.unwrap();
        assert!(!needs.own_sockets && !needs.http_client, "{needs:?}");
    }
}
