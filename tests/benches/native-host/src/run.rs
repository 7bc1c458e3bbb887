//! `native-host run`.

use std::path::PathBuf;

use clap::Args;
use wasmtime::{Result, Store, error::format_err};
use wasmtime_wasi::p2::bindings::Command;

use crate::engine::{self, Allocator, Options};

/// Runs a command component.
#[derive(Args)]
pub struct Run {
    #[command(flatten)]
    options: Options,
    /// Says on the last line of standard error how many bytes of memory the instance took at its start and at its end.
    #[arg(long)]
    meter: bool,
    component: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Run {
    pub async fn execute(mut self) -> Result<()> {
        let linker = self.options.linker(Allocator::OnDemand)?;
        let component = engine::load(&linker, &self.component)?;
        let mut args = vec![self.component.display().to_string()];
        args.append(&mut self.args);
        let mut store = Store::new(linker.engine(), self.options.host(&args));
        store.limiter(|host| &mut host.meter);

        let command = Command::instantiate_async(&mut store, &component, &linker).await?;
        let start = store.data().meter.bytes;
        let result = command.wasi_cli_run().call_run(&mut store).await?;
        if self.meter {
            eprintln!("{start} {}", store.data().meter.bytes);
        }
        result.map_err(|()| format_err!("the component failed"))
    }
}
