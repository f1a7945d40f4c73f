//! Guests that export `wasi:http/incoming-handler` 0.2.x.

use std::sync::Arc;

use coracle_capabilities::http_client;
use coracle_engine::Fault;
use coracle_host::Runnable;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyIndices};

use super::call::{Answer, Asked, Begun, settle};
use super::pool::{Instance, Pool};
use super::{Body, Peer};

/// The interface that shows a guest its request, and the function of it for the headers.
const TYPES: &str = "wasi:http/types@";
const HEADERS: &str = "[method]incoming-request.headers";

/// A guest of this kind, ready to be instantiated.
pub(super) struct P2(Arc<Ready>);

struct Ready {
    runnable: Arc<Runnable>,
    exports: ProxyIndices,
    pool: Pool<Proxy>,
    sees_headers: bool,
}

impl P2 {
    pub(super) fn new(runnable: &Arc<Runnable>) -> wasmtime::Result<Self> {
        let pre = runnable.pre()?;
        let (exports, pool, sees_headers) = (ProxyIndices::new(pre)?, Pool::new(runnable), sees_headers(pre.component()));
        Ok(Self(Arc::new(Ready { runnable: Arc::clone(runnable), exports, pool, sees_headers })))
    }

    /// Whether the guest can look at the headers of a request.
    pub(super) fn sees_headers(&self) -> bool {
        self.0.sees_headers
    }

    /// Gives `request` to an instance.
    pub(super) fn begin(&self, mut request: http::Request<Body>, peer: Peer) -> Result<Begun, Fault> {
        let asked = Asked { head_only: request.method() == http::Method::HEAD };
        let mut instance = self.0.pool.take(&self.0.runnable)?;
        http_client::arrive(instance.store.data_mut(), request.extensions_mut().remove().unwrap_or_default());
        let meter = Arc::clone(instance.store.data().meter());
        let (sender, answer) = oneshot::channel();
        let invocation = Invocation { ready: Arc::clone(&self.0), instance, request: Some(request), peer, sender: Some(sender) };
        let run = settle(Box::new(invocation).run(), &meter);
        Ok(Begun { asked, run, meter, answer })
    }
}

/// Whether `component` imports the function that shows the headers of a request. There is no other way to them, not even for passing them on.
fn sees_headers(component: &Component) -> bool {
    let (engine, ty) = (component.engine(), component.component_type());
    ty.imports(engine).any(|(name, import)| match import.ty {
        ComponentItem::ComponentInstance(types) => name.starts_with(TYPES) && types.get_export(engine, HEADERS).is_some(),
        _ => false,
    })
}

struct Invocation {
    ready: Arc<Ready>,
    instance: Instance<Proxy>,
    /// Until the guest has it.
    request: Option<http::Request<Body>>,
    peer: Peer,
    sender: Option<oneshot::Sender<Answer>>,
}

impl Invocation {
    /// In a box: the future would hold what it is made of twice, as its argument and as its variables, and be moved with both.
    async fn run(mut self: Box<Self>) -> Result<(), Fault> {
        let this = &mut *self;
        let instance = &mut this.instance;
        if instance.proxy.is_none() {
            let made = this.ready.instantiate(instance).await;
            made.map_err(|error| Fault::from_instantiate(error, instance.store.data()))?;
        }
        let (Some(proxy), Some(request), Some(sender)) = (&instance.proxy, this.request.take(), this.sender.take()) else {
            return Err(Fault::NoResponse);
        };
        let store = &mut instance.store;
        let scheme = if this.peer.tls { Scheme::Https } else { Scheme::Http };
        let request = request.map(|body| body.map_err(|error| Error::InternalError(Some(error.to_string()))));
        let mut view = http_client::types_view(store.data_mut());
        let request = view.new_incoming_request(scheme, request).map_err(Fault::Trap)?;
        let out = view
            .new_response_outparam_from_callback(move |answer| {
                // The receiver is gone when the caller is; the guest learns of that by being dropped.
                let _ = sender.send(answer.map_err(|code| Fault::Answer(format!("{code:?}"))));
            })
            .map_err(Fault::Trap)?;
        let called = proxy.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await;
        called.map_err(|error| Fault::from_call(error, store.data()))?;
        let Self { ready, instance, .. } = *self;
        ready.pool.put(&ready.runnable, instance).await;
        Ok(())
    }
}

impl Ready {
    async fn instantiate(&self, instance: &mut Instance<Proxy>) -> wasmtime::Result<()> {
        let uses = instance.store.data().uses();
        let guest = self.runnable.pre()?.instantiate_async(&mut instance.store).await?;
        instance.proxy = Some(self.exports.load(&mut instance.store, &guest)?);
        instance.store.data().meter().instantiated();
        self.pool.made(instance, &guest, uses).await
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::*;

    #[test]
    fn who_imports_the_headers_sees_them() {
        let sees = |interface: &str, function: &str| {
            let text = format!(
                r#"(component (import "{interface}" (instance
                    (export "fields" (type $fields (sub resource)))
                    (export "incoming-request" (type $request (sub resource)))
                    (export "{function}" (func (param "self" (borrow $request)) (result (own $fields)))))))"#
            );
            sees_headers(&Component::new(&Engine::default(), text).unwrap())
        };
        for version in ["0.2.0", "0.2.12", "0.2.0-rc-2023-11-10"] {
            assert!(sees(&format!("wasi:http/types@{version}"), HEADERS), "{version}");
        }
        assert!(!sees("wasi:http/types@0.2.0", "[method]incoming-request.trailers"));
        assert!(!sees("other:http/types@0.2.0", HEADERS));
    }
}
