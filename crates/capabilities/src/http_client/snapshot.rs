//! `wasi:http` of the snapshot `0.2.0-rc-2023-10-18`, on the host functions of 0.2 and with their types. Fields, requests and responses
//! had no errors of their own then: what they cannot hold is left out, and a request that names nothing traps.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};
use wasmtime_wasi_http::WasiHttpCtxView;
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, FutureTrailers, HostFields, HostFutureIncomingResponse, HostFutureTrailers,
    HostIncomingBody, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse, HostRequestOptions,
    HostResponseOutparam, IncomingBody, IncomingRequest, IncomingResponse, Method, OutgoingRequest, OutgoingResponse, RequestOptions,
    ResponseOutparam, Scheme,
};

use super::link::handle;
use super::outgoing_body::{self, OutgoingBody};
use super::state::view;

/// The version of the snapshot.
pub(super) const VERSION: &str = "0.2.0-rc-2023-10-18";

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// Why a request or a response failed, in the four kinds of the time.
#[derive(Debug, ComponentType, Lift, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "invalid-url")]
    InvalidUrl(String),
    #[component(name = "timeout-error")]
    Timeout(String),
    #[component(name = "protocol-error")]
    Protocol(String),
    #[component(name = "unexpected-error")]
    Unexpected(String),
}

/// How long a guest waits.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
struct Timeouts {
    #[component(name = "connect-timeout-ms")]
    connect_ms: Option<u32>,
    #[component(name = "first-byte-timeout-ms")]
    first_byte_ms: Option<u32>,
    #[component(name = "between-bytes-timeout-ms")]
    between_bytes_ms: Option<u32>,
}

/// Defines one function for each line. `$view` is wasmtime's view of the instance that calls; the body gives the list of results.
macro_rules! define {
    ($interface:expr, $($name:literal($($argument:ident: $type:ty),*) => |$view:ident| $body:expr;)*) => {{
        let mut interface = $interface;
        $(interface.func_wrap($name, |mut store: StoreContextMut<'_, InstanceState>, ($($argument,)*): ($($type,)*)| {
            let $view = &mut view(store.data_mut());
            $body
        })?;)*
    }};
}

/// Links the snapshot.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    link_resources(linker)?;
    link_fields(types(linker)?)?;
    link_incoming(types(linker)?)?;
    link_outgoing(types(linker)?)?;
    define!(linker.instance(&format!("wasi:http/outgoing-handler@{VERSION}"))?,
        "handle"(request: Resource<OutgoingRequest>, timeouts: Option<Timeouts>) => |view| send(view, request, timeouts).map(one);
    );
    Ok(())
}

fn types(linker: &mut Linker<InstanceState>) -> wasmtime::Result<LinkerInstance<'_, InstanceState>> {
    linker.instance(&format!("wasi:http/types@{VERSION}"))
}

fn link_resources(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let mut types = types(linker)?;
    macro_rules! resources {
        ($($name:literal: $type:ty, $host:path;)*) => {$(
            types.resource($name, ResourceType::host::<$type>(), |mut store, rep| {
                <WasiHttpCtxView<'_> as $host>::drop(&mut view(store.data_mut()), Resource::new_own(rep))
            })?;
        )*};
    }
    resources! {
        "fields": Fields, HostFields;
        "incoming-request": IncomingRequest, HostIncomingRequest;
        "outgoing-request": OutgoingRequest, HostOutgoingRequest;
        "response-outparam": ResponseOutparam, HostResponseOutparam;
        "incoming-response": IncomingResponse, HostIncomingResponse;
        "incoming-body": IncomingBody, HostIncomingBody;
        "future-trailers": FutureTrailers, HostFutureTrailers;
        "outgoing-response": OutgoingResponse, HostOutgoingResponse;
        "future-incoming-response": FutureIncomingResponse, HostFutureIncomingResponse;
    }
    types.resource("outgoing-body", ResourceType::host::<OutgoingBody>(), |mut store, rep| {
        outgoing_body::drop_body(store.data_mut().table(), Resource::new_own(rep))
    })
}

fn link_fields(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define!(types,
        "[constructor]fields"(entries: Vec<(String, Vec<u8>)>) => |view| fields(view, entries).map(one);
        "[method]fields.get"(this: Resource<Fields>, name: String) => |view| HostFields::get(view, this, name).map(one);
        "[method]fields.set"(this: Resource<Fields>, name: String, values: Vec<Vec<u8>>) => |view| {
            left_out(HostFields::set(view, this, name, values))
        };
        "[method]fields.delete"(this: Resource<Fields>, name: String) => |view| left_out(HostFields::delete(view, this, name));
        "[method]fields.append"(this: Resource<Fields>, name: String, value: Vec<u8>) => |view| {
            left_out(HostFields::append(view, this, name, value))
        };
        "[method]fields.entries"(this: Resource<Fields>) => |view| HostFields::entries(view, this).map(one);
        "[method]fields.clone"(this: Resource<Fields>) => |view| HostFields::clone(view, this).map(one);
    );
    Ok(())
}

fn link_incoming(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define!(types,
        "[method]incoming-request.method"(this: Resource<IncomingRequest>) => |view| HostIncomingRequest::method(view, this).map(one);
        "[method]incoming-request.path-with-query"(this: Resource<IncomingRequest>) => |view| {
            HostIncomingRequest::path_with_query(view, this).map(one)
        };
        "[method]incoming-request.scheme"(this: Resource<IncomingRequest>) => |view| HostIncomingRequest::scheme(view, this).map(one);
        "[method]incoming-request.authority"(this: Resource<IncomingRequest>) => |view| {
            HostIncomingRequest::authority(view, this).map(one)
        };
        "[method]incoming-request.headers"(this: Resource<IncomingRequest>) => |view| HostIncomingRequest::headers(view, this).map(one);
        "[method]incoming-request.consume"(this: Resource<IncomingRequest>) => |view| HostIncomingRequest::consume(view, this).map(one);
        "[method]incoming-response.status"(this: Resource<IncomingResponse>) => |view| HostIncomingResponse::status(view, this).map(one);
        "[method]incoming-response.headers"(this: Resource<IncomingResponse>) => |view| HostIncomingResponse::headers(view, this).map(one);
        "[method]incoming-response.consume"(this: Resource<IncomingResponse>) => |view| HostIncomingResponse::consume(view, this).map(one);
        "[method]incoming-body.stream"(this: Resource<IncomingBody>) => |view| HostIncomingBody::stream(view, this).map(one);
        "[static]incoming-body.finish"(this: Resource<IncomingBody>) => |view| HostIncomingBody::finish(view, this).map(one);
        "[method]future-trailers.subscribe"(this: Resource<FutureTrailers>) => |view| HostFutureTrailers::subscribe(view, this).map(one);
        "[method]future-trailers.get"(this: Resource<FutureTrailers>) => |view| trailers(view, this).map(one);
        "[method]future-incoming-response.get"(this: Resource<FutureIncomingResponse>) => |view| {
            let response = HostFutureIncomingResponse::get(view, this)?;
            Ok(one(response.map(|ready| ready.map(|answered| answered.map_err(Failure::from)))))
        };
        "[method]future-incoming-response.subscribe"(this: Resource<FutureIncomingResponse>) => |view| {
            HostFutureIncomingResponse::subscribe(view, this).map(one)
        };
    );
    Ok(())
}

type NewRequest = (Method, Option<String>, Option<Scheme>, Option<String>);

fn link_outgoing(types: LinkerInstance<'_, InstanceState>) -> wasmtime::Result<()> {
    define!(types,
        "[constructor]outgoing-request"(
            method: Method, path: Option<String>, scheme: Option<Scheme>, authority: Option<String>, headers: Resource<Fields>
        ) => |view| request(view, (method, path, scheme, authority), headers).map(one);
        "[method]outgoing-request.write"(this: Resource<OutgoingRequest>) => |view| outgoing_body::of_request(view.table, &this).map(one);
        "[static]response-outparam.set"(
            this: Resource<ResponseOutparam>, response: Result<Resource<OutgoingResponse>, Failure>
        ) => |view| {
            let response = response.map_err(|failure| ErrorCode::InternalError(Some(format!("{failure:?}"))));
            HostResponseOutparam::set(view, this, response)
        };
        "[constructor]outgoing-response"(status: u16, headers: Resource<Fields>) => |view| response(view, status, headers).map(one);
        "[method]outgoing-response.write"(this: Resource<OutgoingResponse>) => |view| outgoing_body::of_response(view.table, &this).map(one);
        "[method]outgoing-body.write"(this: Resource<OutgoingBody>) => |view| outgoing_body::write(view.table, &this).map(one);
        "[static]outgoing-body.finish"(this: Resource<OutgoingBody>, trailers: Option<Resource<Fields>>) => |view| {
            // A body that is not what it promised is cut, of which only its reader could be told.
            outgoing_body::finish(view.table, this, trailers).map(drop)
        };
    );
    Ok(())
}

/// Fields with those of `entries` that a guest may set.
fn fields(view: &mut WasiHttpCtxView<'_>, entries: Vec<(String, Vec<u8>)>) -> wasmtime::Result<Resource<Fields>> {
    let fields = HostFields::new(view)?;
    for (name, value) in entries {
        left_out(HostFields::append(view, Resource::new_borrow(fields.rep()), name, value))?;
    }
    Ok(fields)
}

/// What fields refuse is not in them; a trap stays one.
fn left_out(result: HeaderResult<()>) -> wasmtime::Result<()> {
    result.or_else(|error| error.downcast().map(drop))
}

fn request(
    view: &mut WasiHttpCtxView<'_>,
    (method, path, scheme, authority): NewRequest,
    headers: Resource<Fields>,
) -> wasmtime::Result<Resource<OutgoingRequest>> {
    let headers = HostFields::clone(view, headers)?;
    let request = HostOutgoingRequest::new(view, headers)?;
    let this = || Resource::new_borrow(request.rep());
    let set = [
        HostOutgoingRequest::set_method(view, this(), method)?,
        HostOutgoingRequest::set_path_with_query(view, this(), path)?,
        HostOutgoingRequest::set_scheme(view, this(), scheme)?,
        HostOutgoingRequest::set_authority(view, this(), authority)?,
    ];
    if set.contains(&Err(())) {
        return Err(wasmtime::Error::msg("an outgoing request has no valid method, path, scheme or authority; correct its URL"));
    }
    Ok(request)
}

fn response(view: &mut WasiHttpCtxView<'_>, status: u16, headers: Resource<Fields>) -> wasmtime::Result<Resource<OutgoingResponse>> {
    let headers = HostFields::clone(view, headers)?;
    let response = HostOutgoingResponse::new(view, headers)?;
    match HostOutgoingResponse::set_status_code(view, Resource::new_borrow(response.rep()), status)? {
        Ok(()) => Ok(response),
        Err(()) => Err(wasmtime::Error::msg(format!("a response has the status {status}; give it one from 100 to 599"))),
    }
}

type Trailers = Option<Result<Resource<Fields>, Failure>>;

fn trailers(view: &mut WasiHttpCtxView<'_>, this: Resource<FutureTrailers>) -> wasmtime::Result<Trailers> {
    Ok(match HostFutureTrailers::get(view, this)? {
        None => None,
        Some(Err(())) => Some(Err(Failure::Unexpected("the trailers were taken already".to_owned()))),
        Some(Ok(Err(code))) => Some(Err(code.into())),
        Some(Ok(Ok(Some(trailers)))) => Some(Ok(trailers)),
        // A body without trailers has empty ones here.
        Some(Ok(Ok(None))) => Some(Ok(HostFields::new(view)?)),
    })
}

fn send(
    view: &mut WasiHttpCtxView<'_>,
    request: Resource<OutgoingRequest>,
    timeouts: Option<Timeouts>,
) -> wasmtime::Result<Result<Resource<FutureIncomingResponse>, Failure>> {
    let options = timeouts.map(|timeouts| options(view, &timeouts)).transpose()?;
    Ok(handle(view, request, options)?.map_err(Failure::from))
}

fn options(view: &mut WasiHttpCtxView<'_>, timeouts: &Timeouts) -> wasmtime::Result<Resource<RequestOptions>> {
    let nanoseconds = |milliseconds: Option<u32>| milliseconds.map(|ms| u64::from(ms).saturating_mul(NANOSECONDS_PER_MILLISECOND));
    let options = HostRequestOptions::new(view)?;
    let this = || Resource::new_borrow(options.rep());
    let set = [
        HostRequestOptions::set_connect_timeout(view, this(), nanoseconds(timeouts.connect_ms))?,
        HostRequestOptions::set_first_byte_timeout(view, this(), nanoseconds(timeouts.first_byte_ms))?,
        HostRequestOptions::set_between_bytes_timeout(view, this(), nanoseconds(timeouts.between_bytes_ms))?,
    ];
    if set.contains(&Err(())) { Err(wasmtime::Error::msg("a timeout of a request cannot be set")) } else { Ok(options) }
}

/// A single result, as the linker wants it.
fn one<T>(result: T) -> (T,) {
    (result,)
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        let text = format!("{code:?}");
        match code {
            ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestUriTooLong => Self::InvalidUrl(text),
            ErrorCode::DnsTimeout
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => Self::Timeout(text),
            ErrorCode::HttpProtocolError
            | ErrorCode::HttpResponseIncomplete
            | ErrorCode::HttpResponseHeaderSectionSize(_)
            | ErrorCode::HttpUpgradeFailed => Self::Protocol(text),
            _ => Self::Unexpected(text),
        }
    }
}
