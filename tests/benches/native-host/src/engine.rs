//! What all subcommands have in common: the settings, and how a component is loaded.

use std::path::Path;

use clap::Args;
use wasmtime::{
    Engine, Result,
    component::{Component, Linker},
};
use wasmtime_cli_flags::CommonOptions;

use crate::{host::Host, mqtt};

/// The settings, as to the stock command.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Gives the component an environment variable, NAME=VALUE.
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
}

/// Which allocator is used where the settings do not say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Allocator {
    /// As `wasmtime run`.
    OnDemand,
    /// As `wasmtime serve`.
    Pooling,
}

impl Options {
    /// An engine with these settings, and all that a component may import.
    pub fn linker(&mut self, allocator: Allocator) -> Result<Linker<Host>> {
        let pooling = (allocator == Allocator::Pooling).then_some(true);
        let engine = Engine::new(&self.common.config(pooling)?)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        mqtt::add_to_linker(&mut linker)?;
        Ok(linker)
    }

    /// The host of a new instance.
    pub fn host(&self, args: &[String]) -> Host {
        Host::new(&self.env, args)
    }
}

/// Loads the component at `path`.
pub fn load(linker: &Linker<Host>, path: &Path) -> Result<Component> {
    Component::from_file(linker.engine(), path)
}
