//! Outgoing HTTP: `wasi:http` 0.2 and 0.3. A request leaves only through our own send hook.

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{About, Capability, Generation, Grant, GrantError, GrantRequest, Identity, InstanceState, Interface, View};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

/// Outgoing HTTP.
pub struct HttpClient;

/// The HTTP state of one instance.
#[derive(Default)]
pub struct State {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

#[derive(Default)]
struct Hooks;

struct Granted;

/// wasmtime's view of an instance's HTTP state, also for requests that come in.
pub fn view(instance: &mut InstanceState) -> WasiHttpCtxView<'_> {
    let View { state, table } = instance.view::<State>();
    WasiHttpCtxView { ctx: &mut state.ctx, table, hooks: &mut state.hooks }
}

impl Capability for HttpClient {
    fn name(&self) -> &'static str {
        "http-client"
    }

    fn interfaces(&self) -> &'static [Interface] {
        &[]
    }

    fn link(&self, l: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
        use wasmtime_wasi_http::p2::bindings as p2;
        use wasmtime_wasi_http::p3::bindings as p3;

        let options = p2::LinkOptions::default();
        p2::http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, view)?;
        p2::http::types::add_to_linker::<_, WasiHttp>(l, &(&options).into(), view)?;
        if generation == Generation::P3 {
            p3::http::client::add_to_linker::<_, WasiHttp>(l, view)?;
            p3::http::types::add_to_linker::<_, WasiHttp>(l, view)?;
        }
        Ok(())
    }

    fn grant(&self, _request: &GrantRequest<'_>) -> Result<Option<Box<dyn Grant>>, GrantError> {
        Ok(Some(Box::new(Granted)))
    }

    fn about(&self) -> About {
        About { summary: "", example: "", denied: "", backends: &[] }
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State::default())
    }
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _result: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
