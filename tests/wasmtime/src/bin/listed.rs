//! Runs a component on a host that provides the interfaces of a list and nothing else.
//!
//! `listed CACHE-CONFIG COMPONENT INTERFACE…` has the network, name lookup, our environment and standard streams. Interfaces are
//! as `compose inspect --json` lists them, `wasi:io/poll@0.2.0`; a component that imports another is not even instantiated. A
//! command is run; a server of HTTP gets one request, and the body of its answer is printed.

use std::{env, path::Path};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use tokio::sync::oneshot;
use wasmtime::{
    Cache, Config, Engine, Result, Store, bail,
    component::{Component, HasData, Linker, ResourceTable},
    error::Context,
    format_err,
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    cli::{WasiCli, WasiCliView},
    clocks::{WasiClocks, WasiClocksView},
    filesystem::{WasiFilesystem, WasiFilesystemView},
    p2::bindings::{Command, cli, clocks, filesystem, random, sockets},
    random::WasiRandom,
    sockets::{WasiSockets, WasiSocketsView},
};
use wasmtime_wasi_http::{
    WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks,
    p2::bindings::{Proxy, http, http::types::Scheme},
};
use wasmtime_wasi_io::bindings::wasi::io;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [cache, file, interfaces @ ..] = args.as_slice() else {
        bail!("usage: listed CACHE-CONFIG COMPONENT INTERFACE…");
    };
    let mut config = Config::new();
    config.cache(Some(Cache::from_file(Some(Path::new(cache)))?));
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, file)?;
    let mut linker = Linker::new(&engine);
    for interface in interfaces {
        provide(&mut linker, interface).with_context(|| interface.clone())?;
    }
    let mut store = Store::new(&engine, Host::new());

    let is_command = component
        .component_type()
        .exports(&engine)
        .any(|(name, _)| name.starts_with("wasi:cli/run@"));
    if is_command {
        let command = Command::instantiate_async(&mut store, &component, &linker).await?;
        let result = command.wasi_cli_run().call_run(&mut store).await?;
        return result.map_err(|()| format_err!("the component failed"));
    }
    let proxy = Proxy::instantiate_async(&mut store, &component, &linker).await?;
    let request = hyper::Request::get("http://localhost/").body(Empty::<Bytes>::new())?;
    let (sender, response) = oneshot::channel();
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    // The body comes while the handler still runs.
    let handled = async {
        let handler = proxy.wasi_http_incoming_handler();
        handler.call_handle(&mut store, request, out).await
    };
    let answered = async {
        let response = response.await??;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        println!("{}", String::from_utf8_lossy(&body));
        match status.is_success() {
            true => Ok(()),
            false => bail!("the component answered {status}"),
        }
    };
    let (handled, answered) = tokio::join!(handled, answered);
    handled.and(answered)
}

/// Adds the interface `name`, of whichever 0.2 version, to `linker`.
fn provide(linker: &mut Linker<Host>, name: &str) -> Result<()> {
    let l = linker;
    let (path, _version) = name.split_once('@').unwrap_or((name, ""));
    match path {
        "wasi:cli/environment" => cli::environment::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/exit" => cli::exit::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/stderr" => cli::stderr::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/stdin" => cli::stdin::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/stdout" => cli::stdout::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/terminal-input" => cli::terminal_input::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/terminal-output" => {
            cli::terminal_output::add_to_linker::<_, WasiCli>(l, Host::cli)
        }
        "wasi:cli/terminal-stderr" => {
            cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, Host::cli)
        }
        "wasi:cli/terminal-stdin" => cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, Host::cli),
        "wasi:cli/terminal-stdout" => {
            cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, Host::cli)
        }
        "wasi:clocks/monotonic-clock" => {
            clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, Host::clocks)
        }
        "wasi:clocks/wall-clock" => {
            clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, Host::clocks)
        }
        "wasi:filesystem/preopens" => {
            filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, Host::filesystem)
        }
        "wasi:filesystem/types" => {
            filesystem::types::add_to_linker::<_, WasiFilesystem>(l, Host::filesystem)
        }
        "wasi:http/outgoing-handler" => {
            http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, Host::http)
        }
        "wasi:http/types" => {
            let options = http::types::LinkOptions::default();
            http::types::add_to_linker::<_, WasiHttp>(l, &options, Host::http)
        }
        "wasi:io/error" => io::error::add_to_linker::<_, Io>(l, Host::table),
        "wasi:io/poll" => io::poll::add_to_linker::<_, Io>(l, Host::table),
        "wasi:io/streams" => io::streams::add_to_linker::<_, Io>(l, Host::table),
        "wasi:random/insecure" => {
            random::insecure::add_to_linker::<_, WasiRandom>(l, |host| host.ctx().ctx.random())
        }
        "wasi:random/insecure-seed" => {
            random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |host| host.ctx().ctx.random())
        }
        "wasi:random/random" => {
            random::random::add_to_linker::<_, WasiRandom>(l, |host| host.ctx().ctx.random())
        }
        "wasi:sockets/instance-network" => {
            sockets::instance_network::add_to_linker::<_, WasiSockets>(l, Host::sockets)
        }
        "wasi:sockets/ip-name-lookup" => {
            sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, Host::sockets)
        }
        "wasi:sockets/network" => {
            let options = sockets::network::LinkOptions::default();
            sockets::network::add_to_linker::<_, WasiSockets>(l, &options, Host::sockets)
        }
        "wasi:sockets/tcp" => sockets::tcp::add_to_linker::<_, WasiSockets>(l, Host::sockets),
        "wasi:sockets/tcp-create-socket" => {
            sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, Host::sockets)
        }
        "wasi:sockets/udp" => sockets::udp::add_to_linker::<_, WasiSockets>(l, Host::sockets),
        "wasi:sockets/udp-create-socket" => {
            sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, Host::sockets)
        }
        _ => bail!("this host has no such interface"),
    }
}

struct Host {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl Host {
    fn new() -> Self {
        let wasi = WasiCtx::builder()
            .inherit_stdio()
            .inherit_env()
            .inherit_network()
            .allow_tcp(true)
            .allow_ip_name_lookup(true)
            .build();
        Self {
            wasi,
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
        }
    }

    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
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

/// wasi:io works on the table alone.
struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}
