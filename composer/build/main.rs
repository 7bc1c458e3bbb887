//! Builds the adapters, so that `cargo build` of any crate that needs them is all there is to do.
//!
//! The adapters of the table in `src/adapters` go, as components, into `$OUT_DIR`, with `adapters.rs`, the list of their bytes.
//! Beside them are the interfaces that the composer embeds, and `wasi.rs`, the table of the releases of WASI 0.2.
//!
//! The package that `.ci/package` makes of this crate stands alone: it has the adapters and the interfaces in a folder of its own.

mod adapter;
mod interfaces;
mod names;
mod source;
#[path = "../src/adapters/table.rs"]
mod table;
mod tools;
mod wasi;

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use source::{Source, read};
use table::TABLE;

/// The interfaces whose text the composer needs when it runs, each a folder of `wit` and the file in it.
const EMBEDDED_WIT: [&str; 2] = ["settings", "stubs"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=the composer's build script failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let source = Source::find()?;
    let mut list = "[".to_owned();
    for entry in &TABLE {
        let of_entry = |error| {
            format!(
                "the adapter `{}` of `{}`: {error}",
                entry.world, entry.interface
            )
        };
        let component = source.adapter(entry, &out_dir).map_err(of_entry)?;
        interfaces::check(entry, &component).map_err(of_entry)?;
        let file = format!("{}.wasm", entry.world);
        fs::write(out_dir.join(&file), component)?;
        write!(
            list,
            "include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")),"
        )?;
    }
    list.push(']');
    fs::write(out_dir.join("adapters.rs"), list)?;

    for name in EMBEDDED_WIT {
        let file = Path::new(name).with_extension("wit");
        let text = read(&source.wit().join(name).join(&file))?;
        fs::write(out_dir.join(&file), text)?;
    }
    let table = wasi::table(&source.wit().join("wasi"))?;
    fs::write(out_dir.join("wasi.rs"), table)?;
    Ok(())
}
