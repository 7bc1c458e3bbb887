//! What an instance has of the host.

use wasmtime::{ResourceLimiter, Result, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks};

/// The state of a store.
pub struct Host {
    /// The host's resources that the instance holds, MQTT connections among them.
    pub table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    /// What its memories take.
    pub meter: Meter,
}

impl Host {
    /// Everything is allowed.
    pub fn new(env: &[String], args: &[String]) -> Self {
        let mut wasi = WasiCtx::builder();
        // These three as the stock command has them.
        wasi.allow_blocking_current_thread(true)
            .inherit_network()
            .allow_tcp(true)
            .allow_ip_name_lookup(true)
            .inherit_stdout()
            .inherit_stderr()
            .args(args);
        for variable in env {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            wasi.env(name, value);
        }
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            meter: Meter::default(),
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: default_hooks(),
        }
    }
}

/// Lets all memories grow, and adds up what they take.
#[derive(Default)]
pub struct Meter {
    /// The bytes of all linear memories.
    pub bytes: usize,
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        self.bytes += desired - current;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool> {
        Ok(true)
    }
}
