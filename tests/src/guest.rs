//! The guests: components written for Spin, built from source with the published SDK.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cargo;

/// A guest of tests/guests and the target that it is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guest {
    /// An HTTP component on spin-sdk 3.1.1, for wasm32-wasip1: a core module.
    SpinSdk3Wasip1,
    /// An HTTP component on spin-sdk 5.2.0, for wasm32-wasip1: a core module, Spin's usual build.
    SpinSdk5Wasip1,
    /// The same source, for wasm32-wasip2: a component.
    SpinSdk5Wasip2,
    /// An HTTP component on spin-sdk 5.2.0, for wasm32-wasip1, which publishes as its request's headers say; see
    /// [`crate::load`].
    Load,
    /// A command that calls the interface as its arguments say; see [`crate::probe`].
    Probe,
}

impl Guest {
    /// The HTTP components that publish what is posted to them.
    pub const HTTP: [Self; 3] = [
        Self::SpinSdk3Wasip1,
        Self::SpinSdk5Wasip1,
        Self::SpinSdk5Wasip2,
    ];

    /// Its folder in tests/guests.
    pub fn folder(self) -> &'static str {
        match self {
            Self::SpinSdk3Wasip1 => "spin-sdk-3",
            Self::SpinSdk5Wasip1 | Self::SpinSdk5Wasip2 => "spin-sdk-5",
            Self::Load => "load",
            Self::Probe => "probe",
        }
    }

    /// The Rust target that it is built for.
    pub fn target(self) -> &'static str {
        match self {
            Self::SpinSdk3Wasip1 | Self::SpinSdk5Wasip1 | Self::Load => "wasm32-wasip1",
            Self::SpinSdk5Wasip2 | Self::Probe => "wasm32-wasip2",
        }
    }

    /// Where its source stands.
    pub fn source(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("guests")
            .join(self.folder())
    }

    /// Builds it, if that is not done yet, and returns the path of its `.wasm`.
    pub fn build(self) -> Result<PathBuf> {
        // One directory for all guests: those on the same SDK share what they depend on.
        let target_dir = cargo::target_dir()?.join("guests");
        cargo::build_guest(&self.source(), self.target(), &target_dir)
    }
}
