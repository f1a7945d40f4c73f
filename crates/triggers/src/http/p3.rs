//! Guests that export `wasi:http/handler` 0.3.

use std::future::poll_fn;
use std::sync::Arc;

use coracle_capabilities::http_client;
use coracle_engine::{Fault, InstanceState};
use coracle_host::Runnable;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error, FieldMap};

use super::call::{Answer, Asked, Begun, settle};
use super::pool::{Instance, Pool};
use super::{Body, Peer};

/// A guest of this kind, ready to be instantiated.
pub(super) struct P3(Arc<Ready>);

struct Ready {
    runnable: Arc<Runnable>,
    pre: ServicePre<InstanceState>,
    pool: Pool<Service>,
}

impl P3 {
    pub(super) fn new(runnable: &Arc<Runnable>) -> wasmtime::Result<Self> {
        let (pre, pool) = (ServicePre::new(runnable.pre()?.clone())?, Pool::new(runnable));
        Ok(Self(Arc::new(Ready { runnable: Arc::clone(runnable), pre, pool })))
    }

    /// Gives `request` to an instance.
    pub(super) fn begin(&self, mut request: http::Request<Body>, peer: Peer) -> Result<Begun, Fault> {
        let asked = Asked { head_only: request.method() == http::Method::HEAD };
        super::handler::set_scheme(&mut request, peer);
        let mut instance = self.0.pool.take(&self.0.runnable)?;
        http_client::arrive(instance.store.data_mut(), request.extensions_mut().remove().unwrap_or_default());
        let meter = Arc::clone(instance.store.data().meter());
        let (sender, answer) = oneshot::channel();
        let run = settle(run(Arc::clone(&self.0), instance, request, sender), &meter);
        Ok(Begun { asked, run, meter, answer })
    }
}

async fn run(
    ready: Arc<Ready>,
    mut instance: Instance<Service>,
    request: http::Request<Body>,
    sender: oneshot::Sender<Answer>,
) -> Result<(), Fault> {
    let store = &mut instance.store;
    let service = match &instance.proxy {
        Some(service) => service,
        None => {
            let made = ready.pre.instantiate_async(&mut *store).await.map_err(|error| Fault::from_instantiate(error, store.data()))?;
            store.data().meter().instantiated();
            instance.proxy.insert(made)
        }
    };
    let ended = store.run_concurrent(async |accessor| serve(accessor, service, request, sender).await).await;
    ended.and_then(|served| served).map_err(|error| Fault::from_call(error, store.data()))?;
    ready.pool.put(&ready.runnable, instance).await;
    Ok(())
}

async fn serve(
    accessor: &Accessor<InstanceState>,
    service: &Service,
    request: http::Request<Body>,
    sender: oneshot::Sender<Answer>,
) -> wasmtime::Result<()> {
    let request = request.map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
    let (parts, body) = request.into_parts();
    let uri = parts.uri.into_parts();
    let (request, transmitted) = accessor.with(|mut store| {
        let view = http_client::types_view(store.data_mut());
        let headers = FieldMap::new_immutable(view.hooks, parts.headers);
        let (request, transmitted) = Request::new(parts.method, uri.scheme, uri.authority, uri.path_and_query, headers, None, body);
        view.table.push(request).map(|request| (request, transmitted))
    })?;
    let response = match service.wasi_http_handler().call_handle(accessor, request).await? {
        Ok(response) => response,
        Err(code) => {
            let _ = sender.send(Err(Fault::Answer(format!("{code:?}"))));
            return Ok(());
        }
    };
    let response = accessor.with(|mut store| {
        let response = http_client::types_view(store.data_mut()).table.delete(response)?;
        response.into_http_with_getter(&mut store, transmitted, http_client::types_view)
    })?;
    // The event loop runs until the body was read to its end or let go, and the guest has nothing left to do.
    let (reading, read) = oneshot::channel::<()>();
    let response = response.map(|body| Watched { body, _reading: reading }.boxed_unsync());
    let _ = sender.send(Ok(response));
    let _ = read.await;
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    Ok(())
}

pin_project_lite::pin_project! {
    /// A body that tells by being dropped that nobody reads it any more.
    struct Watched<B> {
        #[pin]
        body: B,
        _reading: oneshot::Sender<()>,
    }
}

impl<B: http_body::Body> http_body::Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
