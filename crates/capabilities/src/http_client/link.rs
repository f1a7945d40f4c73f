//! Links `wasi:http`. A request without an authority is one to the app itself; wasmtime's host would refuse it before our hook sees it,
//! so the two functions that send are linked here, and fill in the authority that stands for the app.

use coracle_engine::InstanceState;
use http::uri::Authority;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi_http::p2::bindings as p2;
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode as P2Code, FutureIncomingResponse, OutgoingRequest, RequestOptions};
use wasmtime_wasi_http::p3::bindings as p3;
use wasmtime_wasi_http::p3::bindings::http::client::HostWithStore;
use wasmtime_wasi_http::p3::bindings::http::types::{ErrorCode as P3Code, Request, Response};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView};

use super::state::view;

/// The authority that stands for the app itself.
const OWN: &str = "self.alt";

/// `wasi:http` 0.2; 0.2.12 answers every 0.2.x.
pub(super) fn p2(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let options = p2::LinkOptions::default();
    p2::http::types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), view)?;
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap(
        "handle",
        |mut store, (request, options): (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Ok((handle(&mut view(store.data_mut()), request, options)?,))
        },
    )
}

/// `wasi:http` 0.3, on an engine with component-model-async.
pub(super) fn p3(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    p3::http::types::add_to_linker::<_, WasiHttp>(linker, view)?;
    linker.instance("wasi:http/client@0.3.0")?.func_wrap_concurrent("send", |accessor, (request,): (Resource<Request>,)| {
        Box::pin(async move { Ok((send(accessor, request).await?,)) })
    })
}

fn handle(
    view: &mut WasiHttpCtxView<'_>,
    request: Resource<OutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Result<Resource<FutureIncomingResponse>, P2Code>> {
    view.table.get_mut(&request)?.authority.get_or_insert_with(|| OWN.to_owned());
    match outgoing_handler::Host::handle(view, request, options) {
        Ok(response) => Ok(Ok(response)),
        Err(error) => error.downcast().map(Err),
    }
}

async fn send(accessor: &Accessor<InstanceState>, request: Resource<Request>) -> wasmtime::Result<Result<Resource<Response>, P3Code>> {
    accessor.with(|mut store| -> wasmtime::Result<()> {
        let request = view(store.data_mut()).table.get_mut(&request)?;
        request.authority.get_or_insert_with(|| Authority::from_static(OWN));
        Ok(())
    })?;
    match <WasiHttp as HostWithStore<InstanceState>>::send(&accessor.with_getter::<WasiHttp>(view), request).await {
        Ok(response) => Ok(Ok(response)),
        Err(error) => error.downcast().map(Err),
    }
}
