//! Guests that export `wasi:http/incoming-handler` 0.2.x.

use std::sync::Arc;

use coracle_capabilities::http_client;
use coracle_engine::{Fault, InstanceState, Metered};
use coracle_host::{Runnable, Slot};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::call::{Answer, Asked, call};
use super::{Body, Peer};

/// Calls the guest with `request` in a new instance.
pub(super) async fn handle(
    pre: &ProxyPre<InstanceState>,
    runnable: &Runnable,
    slot: Slot,
    request: http::Request<Body>,
    peer: Peer,
) -> Result<http::Response<Body>, Fault> {
    let asked = Asked { head_only: request.method() == http::Method::HEAD };
    let store = runnable.store()?;
    let meter = Arc::clone(store.data().meter());
    let (sender, answer) = oneshot::channel();
    let guest = Metered::new(run(pre.clone(), store, request, peer, sender), meter);
    let run = Box::pin(async { guest.await.unwrap_or_else(|panic| Err(Fault::HostPanic(panic))) });
    call(runnable, slot, asked, run, answer).await
}

async fn run(
    pre: ProxyPre<InstanceState>,
    mut store: Store<InstanceState>,
    request: http::Request<Body>,
    peer: Peer,
    sender: oneshot::Sender<Answer>,
) -> Result<(), Fault> {
    let proxy = pre.instantiate_async(&mut store).await.map_err(|error| Fault::from_instantiate(error, store.data()))?;
    let scheme = if peer.tls { Scheme::Https } else { Scheme::Http };
    let request = request.map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
    let mut view = http_client::view(store.data_mut());
    let request = view.new_incoming_request(scheme, request).map_err(Fault::Trap)?;
    let out = view
        .new_response_outparam_from_callback(move |answer| {
            let answer = answer.map(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()));
            // The receiver is gone when the caller is; the guest learns of that by being dropped.
            let _ = sender.send(answer.map_err(|code| Fault::Answer(format!("{code:?}"))));
        })
        .map_err(Fault::Trap)?;
    let called = proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await;
    called.map_err(|error| Fault::from_call(error, store.data()))
}
