//! The memory that composing takes for each byte of the app.
#![cfg(target_os = "linux")]

use std::{fs::File, io::Write, path::Path, process::Command};

use nix::sys::resource::{UsageWho, getrusage};
use wasm_encoder::{Encode, Module};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The size of a large app beyond that of a small one, in bytes. The system's allocator keeps blocks smaller than 32 MiB when
/// they are freed, up to 64 MiB of them, which would hide the figure.
const SIZE: usize = 40 << 20;

/// The tolerance of the figure, in bytes.
const TOLERANCE: usize = 2 << 20;

/// The options for an import that no host has: with a stub, more is made, and a stub is small.
const OPTIONS: [&str; 2] = ["--allow-unresolved", "--stub-unresolved"];

/// A core module that imports MQTT, and a function that no host has.
fn module() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let interfaces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/fermyon-spin");
    resolve.push_dir(interfaces).unwrap();
    let world =
        "package test:app; world app { import fermyon:spin/mqtt@2.0.0; import measure: func(); }";
    let package = resolve.push_str("app.wit", world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wit_component::dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// The component of [`module`].
fn component() -> Vec<u8> {
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module()).unwrap().encode().unwrap()
}

/// The start of a custom section with debug information of `size` bytes.
fn debug_section(size: usize) -> Vec<u8> {
    let mut name = Vec::new();
    ".debug_info".encode(&mut name);
    let mut section = vec![0];
    (name.len() + size).encode(&mut section);
    section.extend(name);
    section
}

/// The most memory that any `compose` so far took, in bytes, after one more with `option`, `app` and `size` zeros behind it.
///
/// They are written nowhere: what this process has in memory counts as the command's, which it starts as a copy of itself.
fn most(app: &[u8], size: usize, option: &str) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.wasm");
    let mut file = File::create(&path).unwrap();
    file.write_all(app).unwrap();
    file.set_len((app.len() + size) as u64).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_compose"))
        .args(["--quiet", option])
        .arg(path)
        .status();
    assert!(status.unwrap().success());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    usage.max_rss() as usize * 1024
}

/// One test for all, for the system's figure is the most of all so far.
#[test]
fn a_byte_of_an_app_takes_three_at_most() {
    let mut small = 0;
    for option in OPTIONS {
        small = most(&component(), 0, option).max(most(&module(), 0, option));
    }

    let mut with_module = component();
    with_module.push(1);
    let section = [&Module::HEADER[..], &debug_section(SIZE)].concat();
    (section.len() + SIZE).encode(&mut with_module);
    with_module.extend(section);
    let large_module = [module(), debug_section(SIZE)].concat();

    for app in [with_module, large_module] {
        for option in OPTIONS {
            let more = most(&app, SIZE, option) - small;
            assert!(more <= 3 * SIZE + TOLERANCE, "{option}: {more} bytes");
            assert!(more >= SIZE, "{more} bytes are less than the app");
        }
    }
}
