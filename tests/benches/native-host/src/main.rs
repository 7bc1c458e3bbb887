//! A host like the stock `wasmtime` command, on the same runtime with the same settings, that implements Spin's MQTT
//! interface natively, the way Spin's own host does. It is what the benchmark compares composed components with.
//!
//! ```text
//! native-host run COMPONENT ARGUMENT…            like wasmtime run
//! native-host serve --addr ADDRESS COMPONENT     like wasmtime serve
//! native-host instantiate COMPONENT…             times instantiation, in turn
//! ```
//!
//! Settings are given as to the stock command, `-Ccache-config=FILE` and the like. What a component may do is not
//! restricted: this is for measuring.

mod engine;
mod host;
mod instantiate;
mod mqtt;
mod run;
mod serve;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Runs a command component.
    Run(run::Run),
    /// Serves requests by an HTTP component, each in a new instance.
    Serve(serve::Serve),
    /// Times the instantiation of components, in turn.
    Instantiate(instantiate::Instantiate),
}

fn main() -> wasmtime::Result<()> {
    let command = Command::parse();
    // As the stock command has it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Run(run) => run.execute().await,
            Command::Serve(serve) => serve.execute().await,
            Command::Instantiate(instantiate) => instantiate.execute().await,
        }
    })
}
