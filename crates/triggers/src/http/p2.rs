//! Guests that export `wasi:http/incoming-handler` 0.2.x.

use std::sync::Arc;

use coracle_capabilities::http_client;
use coracle_engine::{Fault, InstanceState};
use coracle_host::Runnable;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};

use super::call::{Admitted, Answer, Asked, call};
use super::pool::{Instance, Pool, Returner};
use super::{Body, Peer};

/// A guest of this kind, ready to be instantiated.
pub(super) struct P2 {
    pre: ProxyPre<InstanceState>,
    pool: Pool<Proxy>,
}

impl P2 {
    pub(super) fn new(runnable: &Runnable) -> wasmtime::Result<Self> {
        Ok(Self { pre: ProxyPre::new(runnable.pre()?.clone())?, pool: Pool::new(runnable) })
    }

    /// Calls the guest with `request`.
    pub(super) async fn handle(
        &self,
        runnable: &Runnable,
        admitted: Admitted,
        mut request: http::Request<Body>,
        peer: Peer,
    ) -> Result<http::Response<Body>, Fault> {
        let asked = Asked { head_only: request.method() == http::Method::HEAD };
        let mut instance = self.pool.take(runnable)?;
        http_client::arrive(instance.store.data_mut(), request.extensions_mut().remove().unwrap_or_default());
        let meter = Arc::clone(instance.store.data().meter());
        let (sender, answer) = oneshot::channel();
        let invocation = Invocation { pre: self.pre.clone(), instance, request, peer, sender, returner: self.pool.returner() };
        call(runnable, admitted, asked, invocation.run(), meter, answer).await
    }
}

struct Invocation {
    pre: ProxyPre<InstanceState>,
    instance: Instance<Proxy>,
    request: http::Request<Body>,
    peer: Peer,
    sender: oneshot::Sender<Answer>,
    returner: Returner<Proxy>,
}

impl Invocation {
    async fn run(self) -> Result<(), Fault> {
        let Self { pre, mut instance, request, peer, sender, returner } = self;
        let store = &mut instance.store;
        let proxy = match &instance.proxy {
            Some(proxy) => proxy,
            None => {
                let made = pre.instantiate_async(&mut *store).await.map_err(|error| Fault::from_instantiate(error, store.data()))?;
                instance.proxy.insert(made)
            }
        };
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
        let called = proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await;
        called.map_err(|error| Fault::from_call(error, store.data()))?;
        returner.put(instance);
        Ok(())
    }
}
