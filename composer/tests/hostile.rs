//! No input makes the library panic: cuts and changes of apps, at places that a seed gives.
//!
//! `ROUNDS=100000 cargo test -p spin-mqtt-composer --test hostile` looks for longer; `APP=app.wasm` starts from another app.

use std::{env, fs, panic};

use spin_mqtt_composer::{Composer, inspect};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// A small generator of numbers (splitmix64): the same ones on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % end.max(1) as u64) as usize
    }
}

/// A module of wit-bindgen's kind, the component that is made of it, and a module that does not describe itself.
fn apps() -> Vec<Vec<u8>> {
    if let Some(path) = env::var_os("APP") {
        return vec![fs::read(path).unwrap()];
    }
    let mut resolve = Resolve::default();
    resolve
        .push_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin"))
        .unwrap();
    let package = resolve
        .push_str(
            "app.wit",
            "package test:app;
             world app {
                 import fermyon:spin/mqtt@2.0.0;
                 import measure: func(of: option<tuple<u8, string>>) -> result<list<f32>>;
                 import store: interface {
                     resource bucket { constructor(name: string); get: func(key: string) -> option<list<u8>>; }
                 }
                 export cats: interface {
                     resource cat { constructor(name: string); feed: func(grams: u32); }
                     flags mood { hungry, asleep }
                     look: func(at: borrow<cat>) -> mood;
                 }
             }",
        )
        .unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();
    let package = resolve
        .push_str(
            "undescribed.wit",
            "package test:undescribed; world app { import fermyon:spin/mqtt@2.0.0; }",
        )
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    // By the names that are known in a module that does not describe itself.
    let names = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let undescribed = wit_component::dummy_module(&resolve, world, names);
    vec![module, component, undescribed]
}

#[test]
fn no_change_of_an_app_panics() {
    let rounds = env::var("ROUNDS").map_or(3000, |rounds| rounds.parse().unwrap());
    let composer = Composer::new().allow_unresolved(true);
    let stubbing = Composer::new().stub_unresolved(true);
    let mut numbers = Numbers(0x00ca_7f00d);
    for app in apps() {
        let mut composed = 0;
        for round in 0..rounds {
            let mut app = app.clone();
            for _ in 0..1 + numbers.below(3) {
                let at = numbers.below(app.len());
                match numbers.below(5) {
                    0 => app.truncate(at),
                    1 => drop(app.remove(at)),
                    2 => app.insert(at, numbers.below(256) as u8),
                    3 => app[at] ^= 1 << numbers.below(8),
                    _ => app[at] = numbers.below(256) as u8,
                }
                if app.is_empty() {
                    break;
                }
            }
            let done = panic::catch_unwind(|| {
                let _ = inspect(&app);
                let _ = stubbing.compose(&app);
                composer.compose(&app).is_ok()
            });
            match done {
                Ok(done) => composed += usize::from(done),
                Err(_) => {
                    let path = env::temp_dir().join("hostile.wasm");
                    fs::write(&path, &app).unwrap();
                    panic!("round {round} panicked; its input is in {}", path.display());
                }
            }
        }
        // If all were refused at the door, the test would say nothing about the rooms behind it.
        assert!(composed > 0);
    }
}

/// A module that does not describe itself, with `content`.
fn undescribed(content: &str) -> String {
    let app = format!(
        r#"(module
            (import "fermyon:spin/mqtt@2.0.0" "[resource-drop]connection" (func (param i32)))
            {content}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let error = inspect(app.as_bytes()).map(|_| ()).unwrap_err();
    std::error::Error::source(&error)
        .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// wit-component has assertions about these.
#[test]
fn modules_that_take_themselves_for_two_are_refused() {
    for run in ["wasi:cli/run@0.2.0#run", "cm32p2|wasi:cli/run@0.2|run"] {
        let error = undescribed(&format!(
            r#"(func (export "_start")) (func (export "{run}") (result i32) i32.const 0)"#
        ));
        assert!(
            error.contains("exports both `_start`") && error.contains(run),
            "{error}"
        );
    }
    let error = undescribed(r#"(import "__main_module__" "x" (func)) (func (export "_start"))"#);
    assert!(error.contains("imports from `__main_module__`"), "{error}");
}

/// Their exports would be lost, and with them what the app is for.
#[test]
fn exports_that_nothing_describes_are_refused() {
    for export in [
        "wasi:cli/run@0.2.3#run",
        "wasi:http/incoming-handler@0.2.0#handle",
    ] {
        let error = undescribed(&format!(
            r#"(func (export "{export}") (result i32) i32.const 0)"#
        ));
        assert!(error.contains(&format!("its export `{export}`")), "{error}");
    }
}
