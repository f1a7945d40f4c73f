//! The HTTP state of one instance, and the hooks through which wasmtime's `wasi:http` sends.

use std::sync::Arc;

use coracle_engine::{InstanceState, View};
use http::{HeaderName, HeaderValue};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::client::Client;
use crate::egress::Calls;

/// What a guest writes to a body at once, in bytes.
pub(super) const CHUNK_BYTES_MAX: usize = 128 << 10;

/// The HTTP state of one instance. The default may receive requests and send none.
#[derive(Default)]
pub struct State {
    ctx: WasiHttpCtx,
    hooks: Hooks,
    is_limited: bool,
}

/// What the request that woke the guest hands on to the requests that the guest makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The W3C trace context that outgoing requests carry.
    pub traceparent: Option<HeaderValue>,
    /// How many requests inside the process led to this one.
    pub depth: u32,
}

#[derive(Default)]
struct Hooks {
    client: Client,
}

/// wasmtime's view of an instance's HTTP state.
pub fn view(instance: &mut InstanceState) -> WasiHttpCtxView<'_> {
    wasmtimes(instance.view_ready(State::is_bounded, State::bound))
}

/// The same for who sends nothing: a guest that only answers does not pay for the bounds of its own requests, without which none is sent.
pub fn types_view(instance: &mut InstanceState) -> WasiHttpCtxView<'_> {
    wasmtimes(instance.view_ready(State::is_limited, State::limit))
}

fn wasmtimes(View { state, table, .. }: View<'_, State>) -> WasiHttpCtxView<'_> {
    WasiHttpCtxView { ctx: &mut state.ctx, table, hooks: &mut state.hooks }
}

/// Tells an instance about the request that wakes it, before the guest is called.
pub fn arrive(instance: &mut InstanceState, arrival: Arrival) {
    instance.state::<State>().hooks.client.arrival = arrival;
}

/// What sends the requests of an instance.
pub(super) fn client(instance: &mut InstanceState) -> Client {
    let _ = view(instance);
    instance.state::<State>().hooks.client.clone()
}

impl State {
    /// An instance whose requests `client` sends.
    pub(super) fn of(client: Client) -> Self {
        Self { hooks: Hooks { client }, ..Self::default() }
    }

    fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Gives the state of `instance` the limit of its component.
    fn limit(instance: &mut InstanceState) {
        let bytes_max = instance.limits().header_bytes;
        let state = instance.state::<Self>();
        state.ctx.set_field_size_limit(bytes_max);
        state.is_limited = true;
    }

    fn is_bounded(&self) -> bool {
        self.hooks.client.is_bounded()
    }

    /// Gives the state of `instance` what its requests are bounded by beside that.
    fn bound(instance: &mut InstanceState) {
        Self::limit(instance);
        let (limits, identity) = (Arc::clone(instance.limits()), Arc::clone(instance.identity()));
        let calls = Calls::of(instance);
        instance.state::<Self>().hooks.client.bound(limits, calls, identity);
    }
}

/// A constant would be made and dropped for each header that is looked at.
static FORBIDDEN: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;

/// Whether a header is between two neighbours on the wire, and so nothing that a guest may set.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name)
}

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    /// The host is derived from the authority that was checked, when the request is sent.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _result: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let client = self.client.clone();
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The pool drives the connection, so nothing is left to do beside reading the body.
            let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(std::future::ready(Ok(())));
            Ok((response, done))
        })
    }
}

#[cfg(test)]
mod tests {
    use coracle_engine::{Identity, Limits};
    use wasmtime::component::Resource;
    use wasmtime_wasi_http::p2::bindings::http::types::HostFields;

    use super::*;

    /// Whether fields have room for a value that is longer than their limit.
    fn has_room(mut view: WasiHttpCtxView<'_>) -> bool {
        let fields = HostFields::new(&mut view).unwrap();
        HostFields::append(&mut view, Resource::new_borrow(fields.rep()), "a".to_owned(), vec![b'b'; 300]).is_ok()
    }

    fn instance() -> InstanceState {
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        let limits = Limits { header_bytes: 200, ..Limits::default() };
        InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(limits))
    }

    #[test]
    fn who_only_answers_is_limited_and_needs_no_bounds() {
        let mut instance = instance();
        assert!(!has_room(types_view(&mut instance)));
        assert!(instance.opened::<Calls>().is_none() && !instance.state::<State>().is_bounded());
        assert!(!has_room(view(&mut instance)));
        assert!(instance.opened::<Calls>().is_some() && instance.state::<State>().is_bounded());
    }

    #[test]
    fn who_sends_is_limited() {
        assert!(!has_room(view(&mut instance())));
    }
}
