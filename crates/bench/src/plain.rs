//! wasmtime as its own documentation has it embedded, without anything of ours: what the same guest costs there, in this same process.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use tokio::sync::oneshot;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// Bytes of a slot's memory that stay resident where that is asked for.
const KEEP_RESIDENT_BYTES: usize = 2 << 20;
/// Elements of tables that stay resident, in bytes.
const KEEP_TABLES_BYTES: usize = 64 << 10;

/// How the engine is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tuning {
    /// A pool of instances, everything else as it comes.
    Pool,
    /// The pool's memory stays resident, and no concurrent event loop runs.
    Resident,
}

/// A component in a plain embedding; nothing interrupts its guests.
pub(crate) struct Plain {
    engine: Engine,
    pre: ProxyPre<State>,
}

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoCalls,
}

struct NoCalls;

type Sent = std::result::Result<(http::Response<WasiBody>, Box<dyn Future<Output = std::result::Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for NoCalls {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = std::result::Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl Plain {
    /// Compiles `guest`.
    pub(crate) fn new(guest: &Path, tuning: Tuning) -> Result<Self> {
        let mut config = Config::new();
        config.wasm_component_model(true);
        let mut pool = PoolingAllocationConfig::new();
        if tuning == Tuning::Resident {
            config.wasm_component_model_async(false).concurrency_support(false);
            pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES).table_keep_resident(KEEP_TABLES_BYTES);
            pool.pagemap_scan(Enabled::Auto);
        }
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).map_err(anyhow::Error::from)?;
        let bytes = std::fs::read(guest).with_context(|| format!("no guest at {}", guest.display()))?;
        let component = Component::new(&engine, bytes).map_err(anyhow::Error::from)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(anyhow::Error::from)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(anyhow::Error::from)?;
        let pre = ProxyPre::new(linker.instantiate_pre(&component).map_err(anyhow::Error::from)?).map_err(anyhow::Error::from)?;
        Ok(Self { engine, pre })
    }

    /// Makes an instance, calls it with a request for `path`, and drops it; the answer's body.
    pub(crate) async fn call(&self, path: &str) -> Result<Bytes> {
        let state = State { table: ResourceTable::new(), wasi: WasiCtx::builder().build(), http: WasiHttpCtx::new(), hooks: NoCalls };
        let mut store = Store::new(&self.engine, state);
        let request = http::Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new().map_err(|never| match never {}))?;
        let request = request.map(|body| body.map_err(|error: Error| error));
        let (sender, answer) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(anyhow::Error::from)?;
        let out = store.data_mut().http().new_response_outparam(sender).map_err(anyhow::Error::from)?;
        let proxy = self.pre.instantiate_async(&mut store).await.map_err(anyhow::Error::from)?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await.map_err(anyhow::Error::from)?;
        let Ok(Ok(response)) = answer.await else { bail!("the guest gave no response") };
        let body = response.into_body().collect().await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(body.to_bytes())
    }
}
