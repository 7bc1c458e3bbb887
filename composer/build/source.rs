//! The two places that the build takes its inputs from: the repository, and a package of this crate.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use crate::{adapter, table::Entry};

/// The folder of a package of this crate that has the adapters, and the interfaces that the repository has beside this crate.
const PACKAGED: &str = "packaged";

/// A place that the build takes its inputs from.
pub enum Source {
    /// The repository: the adapters are built from their sources in this folder.
    Workspace(PathBuf),
    /// A package, with the adapters, built, in this folder of it.
    Package(PathBuf),
}

impl Source {
    /// The repository if this crate stands in it, else this crate's own package.
    pub fn find() -> Result<Self, Box<dyn Error>> {
        let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
        let workspace = package
            .parent()
            .filter(|folder| folder.join("wit/adapter").is_dir());
        Ok(match workspace {
            Some(workspace) => Self::Workspace(workspace.to_owned()),
            None => Self::Package(package.join(PACKAGED)),
        })
    }

    /// The folder of the interfaces.
    pub fn wit(&self) -> PathBuf {
        match self {
            Self::Workspace(folder) | Self::Package(folder) => folder.join("wit"),
        }
    }

    /// The component of `entry`. A build of it is done in `out_dir`.
    pub fn adapter(&self, entry: &Entry, out_dir: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
        match self {
            Self::Workspace(workspace) => adapter::build(entry, workspace, out_dir),
            Self::Package(folder) => read(&folder.join(entry.world).with_extension("wasm")),
        }
    }
}

/// The contents of a file that is an input of the build.
pub fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read(path).map_err(|error| {
        format!(
            "cannot read {}, which stands in the repository, and in a package that `.ci/package` made: {error}",
            path.display()
        )
        .into()
    })
}
