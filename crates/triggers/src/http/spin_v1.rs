//! Guests of Spin 1 that export `fermyon:spin/inbound-http`. Bodies are whole in both directions: the interface has no streams.

use std::sync::Arc;

use bytes::Bytes;
use coracle_capabilities::http_client;
use coracle_engine::{Fault, InstanceState, LimitKind, Limits};
use coracle_host::Runnable;
use http::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::sync::oneshot;
use wasmtime::Store;

use super::call::{Admitted, Answer, Asked, Begun, call, settle};
use super::{Body, BodyError};

/// The interface, which carries no version.
pub(super) const INTERFACE: &str = "fermyon:spin/inbound-http";

mod bindings {
    wasmtime::component::bindgen!({
        path: "src/http/spin_v1.wit",
        world: "http-trigger",
        exports: { default: async },
    });
}

use bindings::exports::fermyon::spin::inbound_http::{Request, Response};
use bindings::fermyon::spin::http_types::Method as GuestMethod;

/// A guest of this kind, ready to be instantiated.
pub(super) struct SpinV1 {
    pre: bindings::HttpTriggerPre<InstanceState>,
}

impl SpinV1 {
    pub(super) fn new(runnable: &Runnable) -> wasmtime::Result<Self> {
        Ok(Self { pre: bindings::HttpTriggerPre::new(runnable.pre()?.clone())? })
    }

    /// Calls the guest with `request` in a new instance.
    pub(super) async fn handle(&self, admitted: Admitted, request: http::Request<Body>) -> Result<http::Response<Body>, Fault> {
        let runnable = admitted.slot.runnable();
        let asked = Asked { head_only: request.method() == Method::HEAD };
        let Some(method) = guest_method(request.method()) else { return Ok(not_allowed()) };
        let (mut parts, body) = request.into_parts();
        let body = Limited::new(body, runnable.limits().hostcall_bytes).collect().await.map_err(|error| unreadable(runnable, error))?;
        let request = Request {
            method,
            uri: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            headers: guest_headers(&parts.headers),
            params: Vec::new(),
            body: Some(body.to_bytes().to_vec()),
        };
        let mut store = runnable.store()?;
        http_client::arrive(store.data_mut(), parts.extensions.remove().unwrap_or_default());
        let meter = Arc::clone(store.data().meter());
        let (sender, answer) = oneshot::channel();
        let run = settle(run(self.pre.clone(), store, request, sender), &meter);
        call(admitted, Begun { asked, run, meter, answer }).await
    }
}

async fn run(
    pre: bindings::HttpTriggerPre<InstanceState>,
    mut store: Store<InstanceState>,
    request: Request,
    sender: oneshot::Sender<Answer>,
) -> Result<(), Fault> {
    let guest = pre.instantiate_async(&mut store).await.map_err(|error| Fault::from_instantiate(error, store.data()))?;
    store.data().meter().instantiated();
    let called = guest.fermyon_spin_inbound_http().call_handle_request(&mut store, &request).await;
    let response = called.map_err(|error| Fault::from_call(error, store.data()))?;
    let _ = sender.send(host_response(response, store.data().limits()));
    Ok(())
}

/// Why the guest is not called: the interface has no streams, so a body goes in with one host call.
fn unreadable(runnable: &Runnable, error: BodyError) -> Fault {
    if error.is::<LengthLimitError>() {
        let bound = format!("{} bytes in one host call", runnable.limits().hostcall_bytes);
        return Fault::Limit { kind: LimitKind::RequestBody, bound, source: None };
    }
    Fault::Answer(format!("the request body broke off: {error}"))
}

fn host_response(response: Response, limits: &Limits) -> Answer {
    let headers = response.headers.unwrap_or_default();
    let bytes = headers.iter().fold(0_usize, |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(value.len()));
    if bytes > limits.header_bytes {
        return Err(Fault::limit(LimitKind::Headers, limits));
    }

    let wrong = |what: String| Fault::Answer(what);
    let status = StatusCode::from_u16(response.status).ok().filter(|status| status.as_u16() < 600);
    let status = status.ok_or_else(|| wrong(format!("{} is not an HTTP status", response.status)))?;
    let body = Full::new(Bytes::from(response.body.unwrap_or_default())).map_err(|never| match never {});
    let mut host = http::Response::new(body.boxed_unsync());
    *host.status_mut() = status;
    for (name, value) in headers {
        let parsed = (HeaderName::try_from(&name), HeaderValue::try_from(&value));
        let (Ok(name), Ok(value)) = parsed else { return Err(wrong(format!("`{name}` is not an HTTP header that can be sent"))) };
        host.headers_mut().append(name, value);
    }
    Ok(host)
}

/// The headers as text; a value that is not UTF-8 is shown with replacement characters rather than refused.
fn guest_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect()
}

fn guest_method(method: &Method) -> Option<GuestMethod> {
    Some(match *method {
        Method::GET => GuestMethod::Get,
        Method::POST => GuestMethod::Post,
        Method::PUT => GuestMethod::Put,
        Method::DELETE => GuestMethod::Delete,
        Method::PATCH => GuestMethod::Patch,
        Method::HEAD => GuestMethod::Head,
        Method::OPTIONS => GuestMethod::Options,
        _ => return None,
    })
}

/// The methods of the interface's `method`.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS");

fn not_allowed() -> http::Response<Body> {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, METHODS);
    response
}

fn status(status: StatusCode) -> http::Response<Body> {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
