//! How much memory composing takes: for each byte of the app at most three.

use std::path::Path;

use peak_alloc::PeakAlloc;
use spin_mqtt_composer::{compose, inspect};
use wasm_encoder::{CustomSection, Section};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What it takes whatever the app, in bytes: the adapter, and the types of the interfaces.
const CONSTANT: usize = 4 << 20;

/// A core module of a bit more than `size` bytes, most of them debug information.
fn module(size: usize) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let interfaces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(interfaces).unwrap();
    let world = "package test:app; world app { import fermyon:spin/mqtt@2.0.0; }";
    let package = resolve.push_str("app.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let debug = CustomSection {
        name: ".debug_info".into(),
        data: vec![0; size].into(),
    };
    debug.append_to(&mut module);
    module
}

/// The most that is allocated at a time while `work` is done with `app`, with `app` itself.
fn peak<T>(app: Vec<u8>, work: impl FnOnce(Vec<u8>) -> T) -> usize {
    let others = MEMORY.current_usage() - app.len();
    MEMORY.reset_peak_usage();
    drop(work(app));
    MEMORY.peak_usage() - others
}

/// One test for all, for each sees what the others allocate.
#[test]
fn an_app_takes_three_times_its_size_at_most() {
    let module = module(16 << 20);
    let mut component = ComponentEncoder::default();
    let component = component.module(&module).unwrap().encode().unwrap();
    for app in [module, component] {
        let most = 3 * app.len() + CONSTANT;
        let composing = peak(app.clone(), |app| compose(app).unwrap());
        assert!(composing <= most, "{composing} bytes of {most}");
        let inspecting = peak(app, |app| inspect(app).unwrap());
        assert!(inspecting <= most, "{inspecting} bytes of {most}");
    }
}
