//! `native-host instantiate`.

use std::{path::PathBuf, time::Instant};

use clap::Args;
use serde_json::json;
use wasmtime::{Result, Store};

use crate::engine::{self, Allocator, Options};

/// Instantiates components in turn (A B A B …) under the pooling allocator. Prints an array of JSON with an object for each
/// component: `nanoseconds`, an array of the time that each instantiation took, from the store to its end; and `memory`,
/// the bytes of all linear memories of a new instance.
#[derive(Args)]
pub struct Instantiate {
    #[command(flatten)]
    options: Options,
    /// How often each component is instantiated.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    #[arg(required = true)]
    components: Vec<PathBuf>,
}

impl Instantiate {
    pub async fn execute(mut self) -> Result<()> {
        let linker = self.options.linker(Allocator::Pooling)?;
        let prepared = self
            .components
            .iter()
            .map(|path| linker.instantiate_pre(&engine::load(&linker, path)?))
            .collect::<Result<Vec<_>>>()?;
        let mut nanoseconds = vec![Vec::with_capacity(self.count); prepared.len()];
        let mut memory = vec![0; prepared.len()];
        // The first round is for warming up.
        for round in 0..=self.count {
            for (index, component) in prepared.iter().enumerate() {
                let host = self.options.host(&[]);
                let start = Instant::now();
                let mut store = Store::new(linker.engine(), host);
                store.limiter(|host| &mut host.meter);
                component.instantiate_async(&mut store).await?;
                memory[index] = store.data().meter.bytes;
                drop(store);
                if round > 0 {
                    nanoseconds[index].push(start.elapsed().as_nanos());
                }
            }
        }
        let measured: Vec<_> = nanoseconds
            .into_iter()
            .zip(memory)
            .map(|(nanoseconds, memory)| json!({ "nanoseconds": nanoseconds, "memory": memory }))
            .collect();
        println!("{}", json!(measured));
        Ok(())
    }
}
