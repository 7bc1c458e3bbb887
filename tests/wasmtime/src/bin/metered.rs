//! Runs a command component as `wasmtime run` does, and meters what it holds.
//!
//! `metered MAX-RESOURCES COMPONENT ARGUMENT…` gives the component the network, name lookup and standard streams. A
//! component that holds more than MAX-RESOURCES resources of the host at a time traps. The last line on standard error
//! is an object of JSON with the figures:
//!
//! - `memories`: the size of each linear memory at the end, in bytes, ascending;
//! - `growths`: how often one of them grew after it was made;
//! - `resources`: how many resources of the host were left at the end.

use std::env;

use serde_json::json;
use wasmtime::{
    Config, Engine, Error, ResourceLimiter, Result, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{add_to_linker_sync, bindings::sync::Command},
};

fn main() -> Result<()> {
    let mut args = env::args().skip(1);
    let mut next = |what: &str| args.next().ok_or_else(|| Error::msg(what.to_owned()));
    let max_resources = next("MAX-RESOURCES is missing")?.parse()?;
    let file = next("COMPONENT is missing")?;
    // As `wasmtime run` does, what it runs is its own first argument.
    let args: Vec<String> = [file.clone()].into_iter().chain(args).collect();

    let mut table = ResourceTable::new();
    table.set_max_capacity(max_resources);
    let wasi = WasiCtx::builder()
        .inherit_stdio()
        .inherit_network()
        .allow_tcp(true)
        .allow_ip_name_lookup(true)
        .args(&args)
        .build();
    let engine = Engine::new(&Config::new())?;
    let component = Component::from_file(&engine, &file)?;
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker)?;
    let mut store = Store::new(
        &engine,
        State {
            wasi,
            table,
            meter: Meter::default(),
        },
    );
    store.limiter(|state| &mut state.meter);

    let command = Command::instantiate(&mut store, &component, &linker)?;
    let result = command.wasi_cli_run().call_run(&mut store);

    let state = store.data_mut();
    state.meter.memories.sort_unstable();
    eprintln!(
        "{}",
        json!({
            "memories": state.meter.memories,
            "growths": state.meter.growths,
            "resources": state.table.iter_mut().count(),
        })
    );
    result?.map_err(|()| Error::msg("the component failed"))
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    meter: Meter,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Lets all memories grow, and keeps their sizes.
#[derive(Default)]
struct Meter {
    memories: Vec<usize>,
    growths: usize,
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        // Which one grows is not said. Of two that are of a size, it makes no difference.
        match self.memories.iter_mut().find(|size| **size == current) {
            Some(size) if current > 0 => {
                *size = desired;
                self.growths += 1;
            }
            _ => self.memories.push(desired),
        }
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}
