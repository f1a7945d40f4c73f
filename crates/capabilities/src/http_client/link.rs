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

use super::outgoing_body;
use super::state::{types_view, view};

/// The authority that stands for the app itself.
const OWN: &str = "self.alt";

/// `wasi:http` 0.2; 0.2.12 answers every 0.2.x.
pub(super) fn p2(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let options = p2::LinkOptions::default();
    p2::http::types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), types_view)?;
    outgoing_body::link(linker)?;
    linker.instance("wasi:http/outgoing-handler@0.2.12")?.func_wrap(
        "handle",
        |mut store, (request, options): (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>)| {
            Ok((handle(&mut view(store.data_mut()), request, options)?,))
        },
    )
}

/// `wasi:http` 0.3, on an engine with component-model-async.
pub(super) fn p3(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    p3::http::types::add_to_linker::<_, WasiHttp>(linker, types_view)?;
    linker.instance("wasi:http/client@0.3.0")?.func_wrap_concurrent("send", |accessor, (request,): (Resource<Request>,)| {
        Box::pin(async move { Ok((send(accessor, request).await?,)) })
    })
}

/// Sends a request of 0.2.
pub(super) fn handle(
    view: &mut WasiHttpCtxView<'_>,
    request: Resource<OutgoingRequest>,
    options: Option<Resource<RequestOptions>>,
) -> wasmtime::Result<Result<Resource<FutureIncomingResponse>, P2Code>> {
    view.table.get_mut(&request)?.authority.get_or_insert_with(|| OWN.to_owned());
    // wasmtime's host only looks at the options, and would leave one in the table for each request of a reused instance.
    let given = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
    let handled = outgoing_handler::Host::handle(view, request, options);
    if let Some(options) = given {
        view.table.delete(options)?;
    }
    match handled {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use coracle_engine::{Identity, Limits};
    use wasmtime_wasi_http::p2::bindings::http::types::{HostFields, HostFutureIncomingResponse, HostOutgoingRequest, HostRequestOptions};

    use super::*;

    #[tokio::test]
    async fn nothing_of_a_request_stays_behind() {
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        let limits = Limits { resources: 4, ..Limits::default() };
        let mut instance = InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(limits));
        for _ in 0..20 {
            let mut view = view(&mut instance);
            let fields = HostFields::new(&mut view).unwrap();
            let request = HostOutgoingRequest::new(&mut view, fields).unwrap();
            let again = Resource::new_borrow(request.rep());
            HostOutgoingRequest::set_path_with_query(&mut view, again, Some("/".to_owned())).unwrap().unwrap();
            let options = HostRequestOptions::new(&mut view).unwrap();
            let response = handle(&mut view, request, Some(options)).unwrap().unwrap();
            HostFutureIncomingResponse::drop(&mut view, response).unwrap();
        }
    }
}
