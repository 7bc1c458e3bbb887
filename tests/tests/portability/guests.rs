//! The rows of the matrix: guests in tests/guests/portability.
//!
//! Each publishes nine messages and shows the error of a connection that is refused; see [`crate::cell`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use anyhow::Result;
use end_to_end::{cargo, compose, process};

use crate::pages::Page;

/// A guest.
#[derive(Debug)]
pub struct Guest {
    /// Its name in the names of tests.
    pub name: &'static str,
    /// Its language and tools, as the table has them.
    pub row: &'static str,
    pub kind: Kind,
    build: Build,
    /// What `compose` gets beside its file.
    options: &'static [&'static str],
    /// The environment variables with the address of the broker, and with the one where nothing listens.
    pub addresses: [&'static str; 2],
}

/// What a host does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `wasi:http/incoming-handler`; it answers with the error.
    Http,
    /// `wasi:cli/run`; it prints the error.
    Command,
    /// `wasi:cli/run` without standard output; it publishes the error to `portability/refused`.
    SilentCommand,
}

impl Kind {
    /// How many errors it publishes in place of showing them.
    pub fn published_errors(self) -> usize {
        match self {
            Self::Http | Self::Command => 0,
            Self::SilentCommand => 1,
        }
    }
}

#[derive(Debug)]
enum Build {
    /// A folder and a target of Rust's.
    Cargo(&'static str, &'static str),
    /// The build commands of a page, and the file that is there then.
    Page(Page, &'static str),
}

const ADDRESSES: [&str; 2] = ["MQTT_ADDRESS", "MQTT_REFUSED_ADDRESS"];

pub const GUESTS: &[Guest] = &[
    Guest {
        name: "rust-spin-sdk-3",
        row: "Rust, spin-sdk 3.1.1, wasm32-wasip1",
        kind: Kind::Http,
        build: Build::Cargo("spin-sdk-3", "wasm32-wasip1"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "rust-spin-sdk-4",
        row: "Rust, spin-sdk 4.0.0, wasm32-wasip1",
        kind: Kind::Http,
        build: Build::Cargo("spin-sdk-4", "wasm32-wasip1"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "rust-spin-sdk-5",
        row: "Rust, spin-sdk 5.2.0, wasm32-wasip1",
        kind: Kind::Http,
        build: Build::Cargo("spin-sdk-5", "wasm32-wasip1"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "rust-spin-sdk-5-wasip2",
        row: "Rust, spin-sdk 5.2.0, wasm32-wasip2",
        kind: Kind::Http,
        build: Build::Cargo("spin-sdk-5", "wasm32-wasip2"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "rust-wit-bindgen",
        row: "[Rust, wit-bindgen](guests/rust.md)",
        kind: Kind::Command,
        build: Build::Cargo("wit-bindgen", "wasm32-wasip2"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "python-http",
        row: "[Python, componentize-py](guests/python.md)",
        kind: Kind::Http,
        build: Build::Page(Page::Python, "server.wasm"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "python-command",
        row: "[Python, componentize-py](guests/python.md)",
        kind: Kind::Command,
        build: Build::Page(Page::Python, "command.wasm"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "python-spin-sdk",
        row: "[Python, spin-sdk 3.4.1](guests/python-spin-sdk.md)",
        kind: Kind::Http,
        build: Build::Page(Page::PythonSpinSdk, "app.wasm"),
        options: &["--stub-unresolved"],
        addresses: ADDRESSES,
    },
    Guest {
        name: "javascript-http",
        row: "[JavaScript, jco](guests/javascript.md)",
        kind: Kind::Http,
        build: Build::Page(Page::JavaScript, "server.wasm"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "javascript-command",
        row: "[JavaScript, jco](guests/javascript.md)",
        kind: Kind::Command,
        build: Build::Page(Page::JavaScript, "command.wasm"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "go-command",
        row: "[Go](guests/go.md)",
        kind: Kind::Command,
        build: Build::Page(Page::Go, "app.wasm"),
        options: &[],
        addresses: ADDRESSES,
    },
    Guest {
        name: "c-command",
        row: "[C, without libc and WASI](guests/c.md)",
        kind: Kind::SilentCommand,
        build: Build::Page(Page::C, "app.wasm"),
        options: &["--variable=address", "--variable=refused_address"],
        addresses: ["SPIN_VARIABLE_ADDRESS", "SPIN_VARIABLE_REFUSED_ADDRESS"],
    },
];

/// The sources of all guests.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/portability")
}

impl Guest {
    /// Whether it takes more than Rust to build it.
    pub fn needs_more(&self) -> bool {
        matches!(self.build, Build::Page(..))
    }

    /// Builds and composes it, once in a process, and returns the path of the composed component.
    pub fn composed(&self) -> Result<PathBuf> {
        type Entry = Arc<OnceLock<Result<PathBuf, String>>>;
        static COMPOSED: Mutex<Option<HashMap<&str, Entry>>> = Mutex::new(None);
        let entry = COMPOSED
            .lock()
            .expect("no test panics with the lock held")
            .get_or_insert_default()
            .entry(self.name)
            .or_default()
            .clone();
        process::once(&entry, || {
            let built = self.build()?;
            let folder = cargo::target_dir()?.join("portability");
            std::fs::create_dir_all(&folder)?;
            let output = folder.join(format!("{}.composed.wasm", self.name));
            compose::compose(&built, &output, self.options)?;
            Ok(output)
        })
        .map(Path::to_path_buf)
    }

    fn build(&self) -> Result<PathBuf> {
        match self.build {
            Build::Cargo(folder, target) => {
                let target_dir = cargo::target_dir()?.join("guests");
                cargo::build_guest(&sources().join(folder), target, &target_dir)
            }
            Build::Page(page, file) => Ok(page.build()?.join(file)),
        }
    }
}
