//! The HTTP state of one instance, and the hooks through which wasmtime's `wasi:http` sends.

use std::sync::Arc;

use coracle_engine::{Identity, InstanceState, Limits, View};
use http::{HeaderName, HeaderValue};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::client::Client;
use crate::egress::Calls;

/// What a guest writes to a body at once, in bytes, and how often before somebody has to read.
const CHUNK_BYTES_MAX: usize = 128 << 10;
const CHUNKS_MAX: usize = 2;

/// The HTTP state of one instance. The default may receive requests and send none.
#[derive(Default)]
pub struct State {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

/// What the request that woke the guest hands on to the requests that the guest makes.
#[derive(Debug, Clone, Default)]
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

/// wasmtime's view of an instance's HTTP state, also for requests that come in.
pub fn view(instance: &mut InstanceState) -> WasiHttpCtxView<'_> {
    if !instance.state::<State>().hooks.client.is_bounded() {
        let (limits, identity) = (Arc::clone(instance.limits()), Arc::clone(instance.identity()));
        let calls = Calls::of(instance);
        instance.state::<State>().bound(limits, calls, identity);
    }
    let View { state, table, .. } = instance.view::<State>();
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
        Self { ctx: WasiHttpCtx::default(), hooks: Hooks { client } }
    }

    fn bound(&mut self, limits: Arc<Limits>, calls: Calls, identity: Arc<Identity>) {
        self.ctx.set_field_size_limit(limits.header_bytes);
        self.hooks.client.bound(limits, calls, identity);
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

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        CHUNKS_MAX
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
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
