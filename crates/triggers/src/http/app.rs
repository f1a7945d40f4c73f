//! The HTTP side of one app: its routes, the health endpoints, and what a caller is told when a guest gives no answer.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use coracle_app::http::{Executor, HttpError, HttpTrigger, RouteEntry, RouteTable, StaticResponse};
use coracle_app::{ComponentId, Place, Trigger, Warning};
use coracle_base::{chain, metrics};
use coracle_capabilities::http_client::LocalService;
use coracle_engine::{Fault, Identity};
use coracle_host::Workload;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use tracing::{Instrument as _, Span};

use super::headers::{self, RouteHeaders};
use super::{Body, Handler, HandlerError, Peer, Served, local, trace};

/// What everything below it is answered by the host.
const WELL_KNOWN: &str = "/.well-known/spin/";

/// The HTTP triggers of one app.
pub struct HttpApp {
    routes: RouteTable<Endpoint>,
    handlers: BTreeMap<ComponentId, Arc<Handler>>,
    identity: Arc<Identity>,
    info: String,
    /// What the app's own components call; it lives as long as the app is served.
    local: OnceLock<Arc<dyn LocalService>>,
}

impl std::fmt::Debug for HttpApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpApp").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Where a route ends.
#[derive(Debug)]
struct Endpoint {
    component: Option<ComponentId>,
    headers: RouteHeaders,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Component(Arc<Handler>),
    Static(Response<bytes::Bytes>),
}

/// A public route, for start-up tables.
#[derive(Debug, Clone)]
pub struct RouteSummary {
    /// The component, or the trigger of a static response.
    pub id: String,
    /// The path without its wildcard: empty for the root, else with a slash before it and none after.
    pub route: String,
    /// The methods that it answers; empty for all.
    pub methods: Vec<String>,
    /// The hosts that it answers; empty for all.
    pub hosts: Vec<String>,
    /// Whether the route matches everything below its path.
    pub wildcard: bool,
    /// The component's description.
    pub description: String,
}

/// Why the HTTP triggers of an app cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpAppError {
    /// Something that is told with its place in the manifest.
    #[error("{place}")]
    At {
        /// The place.
        place: Place,
        /// What is wrong there.
        source: Box<HttpAppError>,
    },
    /// The settings of a trigger do not read.
    #[error("trigger `{trigger}` is not understood; {}", source.remedy())]
    Trigger {
        /// The id of the trigger.
        trigger: String,
        /// Why.
        source: HttpError,
    },
    /// A component does not answer HTTP.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// A trigger names neither a component nor a response.
    #[error("trigger `{0}` names no component; add `component = \"…\"` or `static_response = {{ … }}`")]
    Nothing(String),
    /// CGI programs are not supported.
    #[error("trigger `{0}` asks for the WAGI executor, which is not supported; build the component for `wasi:http` and remove `executor`")]
    Wagi(String),
}

impl HttpApp {
    /// Builds the routes of `workload`. The warnings say which routes hide each other.
    ///
    /// # Errors
    /// [`HttpAppError`] for the first trigger that cannot be served.
    pub fn new(workload: &Workload) -> Result<(Arc<Self>, Vec<Warning>), HttpAppError> {
        let app = workload.app();
        let mut handlers = BTreeMap::new();
        let mut entries = Vec::new();
        for trigger in app.triggers_of("http") {
            let settings = settings(trigger)?;
            let target = match (&trigger.component, &settings.static_response) {
                (_, Some(response)) => Target::Static(static_response(response)),
                (Some(id), None) => match workload.runnable(id) {
                    Some(runnable) => {
                        let handler = match handlers.get(id) {
                            Some(handler) => Arc::clone(handler),
                            None => {
                                let made = Handler::new(Arc::clone(runnable));
                                Arc::new(made.map_err(|error| at(trigger, "component", error.into()))?)
                            }
                        };
                        handlers.insert(id.clone(), Arc::clone(&handler));
                        Target::Component(handler)
                    }
                    // Left out by `--component-id`.
                    None => continue,
                },
                (None, None) => continue,
            };
            let Some(route) = settings.route else { continue };
            let endpoint = Endpoint { component: trigger.component.clone(), headers: RouteHeaders::new(&route), target };
            entries.push(RouteEntry { id: trigger.id.clone(), route, hosts: settings.hosts, methods: settings.methods, value: endpoint });
        }
        let (routes, warnings) = RouteTable::new(entries);
        let identity = Arc::new(Identity { app: app.name.clone(), component: String::new() });
        let mut info = serde_json::json!({ "name": app.name });
        if !app.version.is_empty()
            && let Some(info) = info.as_object_mut()
        {
            info.insert("version".to_owned(), app.version.clone().into());
        }
        let app = Arc::new(Self { routes, handlers, identity, info: info.to_string(), local: OnceLock::new() });
        if let Some(service) = local::connect(&app, workload.site()) {
            // Nobody else has the app yet, so the place is free.
            let _ = app.local.set(service);
        }
        Ok((app, warnings))
    }

    /// The public routes, in the order of the manifest.
    #[must_use]
    pub fn routes(&self, workload: &Workload) -> Vec<RouteSummary> {
        let summary = |entry: &RouteEntry<Endpoint>| RouteSummary {
            id: entry.value.component.as_ref().map_or_else(|| entry.id.clone(), ToString::to_string),
            route: entry.route.path(),
            methods: entry.methods.clone(),
            hosts: entry.hosts.clone(),
            wildcard: entry.route.has_wildcard(),
            description: entry
                .value
                .component
                .as_ref()
                .and_then(|id| workload.app().component(id))
                .map_or_else(String::new, |it| it.description.clone()),
        };
        self.routes.entries().map(summary).collect()
    }

    /// Answers `request`, whose URI carries the authority and scheme that the gateway settled on. Always gives a response.
    pub async fn call(&self, mut request: Request<Body>, peer: Peer) -> Response<Body> {
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix(WELL_KNOWN) {
            return self.well_known(rest);
        }
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let Some(found) = self.routes.find(request.method().as_str(), host, path) else {
            return self.nobody(host, path);
        };
        let route = &found.value.headers;
        let span = trace::request(&request, peer, route.matched_route());
        match &found.value.target {
            Target::Static(response) => response.clone().map(Body::full),
            Target::Component(handler) => {
                if handler.sees_headers() {
                    let added = headers::of_request(route, &found, request.uri(), peer);
                    headers::replace(request.headers_mut(), added);
                }
                answer(handler, request, peer, span).await
            }
        }
    }

    /// Waits until no guest runs, those included that work on after their answer. It keeps nobody out.
    pub async fn finish(&self) {
        for handler in self.handlers.values() {
            handler.runnable().idle().await;
        }
    }

    /// Calls component `id` without a route, for another component of the same app.
    pub(super) async fn call_component(&self, id: &str, mut request: Request<Body>, peer: Peer) -> Option<Response<Body>> {
        let handler = self.handlers.iter().find(|(known, _)| known.as_str() == id).map(|(_, handler)| handler)?;
        let span = trace::request(&request, peer, headers::CALL_ROUTE);
        if handler.sees_headers() {
            let added = headers::of_call(request.uri(), peer);
            headers::replace(request.headers_mut(), added);
        }
        Some(answer(handler, request, peer, span).await)
    }

    /// The answer where no route is: the path is unknown, or known under other methods.
    fn nobody(&self, host: &str, path: &str) -> Response<Body> {
        let methods = self.routes.methods(host, path).join(", ");
        match HeaderValue::try_from(methods) {
            Ok(methods) if !methods.is_empty() => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "");
                response.headers_mut().insert(ALLOW, methods);
                response
            }
            _ => plain(StatusCode::NOT_FOUND, ""),
        }
    }

    fn well_known(&self, rest: &str) -> Response<Body> {
        let mut response = match rest {
            "health" => plain(StatusCode::OK, "OK"),
            "info" => {
                let mut response = Response::new(Body::full(self.info.clone()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            _ => plain(StatusCode::NOT_FOUND, ""),
        };
        response.body_mut().set_served(Served(Arc::clone(&self.identity)));
        response
    }
}

/// The settings of an HTTP trigger, if this host can serve it.
///
/// # Errors
/// [`HttpAppError`] when they do not read, or ask for what there is not.
pub fn settings(trigger: &Trigger) -> Result<HttpTrigger, HttpAppError> {
    let id = || trigger.id.clone();
    let settings = HttpTrigger::parse(trigger);
    let settings = settings.map_err(|source| at(trigger, source.key(), HttpAppError::Trigger { trigger: id(), source }))?;
    if matches!(settings.executor, Executor::Wagi { .. }) {
        return Err(at(trigger, "executor", HttpAppError::Wagi(id())));
    }
    if trigger.component.is_none() && settings.static_response.is_none() {
        return Err(at(trigger, "", HttpAppError::Nothing(id())));
    }
    Ok(settings)
}

/// `error` with the place of `key`.
fn at(trigger: &Trigger, key: &str, error: HttpAppError) -> HttpAppError {
    match trigger.places.of(key) {
        Some(place) => HttpAppError::At { place: place.clone(), source: Box::new(error) },
        None => error,
    }
}

async fn answer(handler: &Handler, mut request: Request<Body>, peer: Peer, span: Span) -> Response<Body> {
    let identity = handler.runnable().identity();
    trace::arrive(&mut request, &span);
    // Pinned first: a span around the future itself would move it, and it is large.
    let handled = pin!(handler.handle(request, peer));
    let mut response = match handled.instrument(trace::guest(&span, &identity.component)).await {
        Ok(response) => response,
        Err(fault) => {
            metrics::Invocations::new(metrics::global(), "http", &identity.app).failed(&identity.component, fault.label());
            tracing::error!(
                app = identity.app,
                component = identity.component,
                fault = fault.label(),
                "the component gave no response: {}",
                chain(&fault)
            );
            refusal(&fault)
        }
    };
    trace::answered(&span, response.status());
    response.body_mut().set_served(Served(Arc::clone(identity)));
    response
}

/// What a caller is told about `fault`.
fn refusal(fault: &Fault) -> Response<Body> {
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = plain(status, fault.public());
    if let Some(wait) = fault.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    if !text.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    response
}

fn static_response(settings: &StaticResponse) -> Response<bytes::Bytes> {
    let mut response = Response::new(bytes::Bytes::from(settings.body.clone()));
    *response.status_mut() = StatusCode::from_u16(settings.status).unwrap_or(StatusCode::OK);
    for (name, value) in &settings.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
