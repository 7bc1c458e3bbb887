//! `native-host serve`.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use clap::Args;
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use tokio::net::TcpListener;
use wasmtime::{Result, Store, StoreContextMut, component::GuestTaskId};
use wasmtime_wasi_http::{
    WasiHttpView,
    handler::{
        HandlerState, Instance, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration,
        WorkerState, WorkerStatus,
    },
    io::TokioIo,
    p2::bindings,
};

use crate::{
    engine::{self, Allocator, Options},
    host::Host,
};

/// Serves requests by an HTTP component, in the way of `wasmtime serve`.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    options: Options,
    /// Where to listen.
    #[arg(long)]
    addr: SocketAddr,
    /// How many requests an instance serves.
    #[arg(long, default_value_t = 1)]
    max_instance_reuse_count: usize,
    component: PathBuf,
}

impl Serve {
    pub async fn execute(mut self) -> Result<()> {
        let linker = self.options.linker(Allocator::Pooling)?;
        let component = engine::load(&linker, &self.component)?;
        let component = bindings::ProxyPre::new(linker.instantiate_pre(&component)?)?;
        let listener = TcpListener::bind(self.addr).await?;
        eprintln!("Serving HTTP on http://{}/", listener.local_addr()?);
        let handler = Arc::new(ProxyHandler::new(State {
            options: self.options,
            component,
            reuse_count: self.max_instance_reuse_count,
        }));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let handler = handler.clone();
            tokio::spawn(async move {
                let service = service_fn(|request: hyper::Request<Incoming>| async {
                    let request =
                        request.map(|body| body.map_err(|error| error.into()).boxed_unsync());
                    match handler.handle((), request).await {
                        Ok(response) => Ok::<_, Infallible>(response),
                        Err(error) => {
                            eprintln!("error: {error:?}");
                            let body = http_body_util::Full::default().map_err(|no| match no {});
                            let mut response = hyper::Response::new(body.boxed_unsync());
                            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
                            Ok(response)
                        }
                    }
                });
                let served = http1::Builder::new()
                    .keep_alive(true)
                    .serve_connection(TokioIo::new(stream), service);
                if let Err(error) = served.await {
                    eprintln!("error: {error:?}");
                }
            });
        }
    }
}

struct State {
    options: Options,
    component: bindings::ProxyPre<Host>,
    reuse_count: usize,
}

impl HandlerState for State {
    type StoreData = Host;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> Result<Instance<Host, Expiration, Worker>> {
        let mut store = Store::new(self.component.engine(), self.options.host(&[]));
        let proxy = ProxyPre::P2(self.component.clone())
            .instantiate_async(&mut store)
            .await?;
        Ok(Instance {
            store,
            proxy,
            view: WasiHttpView::http,
            expiration: Expiration(Box::pin(tokio::time::sleep(Duration::MAX))),
            state: Worker {
                reuse_count: self.reuse_count,
            },
        })
    }
}

/// Idle instances end after a second, as under the stock command.
struct Expiration(Pin<Box<tokio::time::Sleep>>);

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let deadline = (start + Duration::from_secs(1)).into();
        if deadline != self.0.deadline() {
            self.0.as_mut().reset(deadline);
        }
        self.0.as_mut().poll(context)
    }
}

struct Worker {
    reuse_count: usize,
}

impl WorkerState for Worker {
    type StoreData = Host;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.reuse_count {
            ShouldAccept::Never
        } else if concurrent >= 1 {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Host>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _: Store<Host>, result: Result<()>) {
        if let Err(error) = result {
            eprintln!("worker failed: {error:?}");
        }
    }
}
