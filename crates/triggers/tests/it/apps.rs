//! Whole apps from their manifests: routes, headers, static responses, and dependencies that inherit what they may and nothing else.

use std::path::Path;
use std::sync::Arc;

use coracle_base::chain;
use coracle_engine::Compiler;
use coracle_host::{Host, Options, Placement, Workload, WorkloadError};
use coracle_triggers::http::{Body, HttpApp, Peer};
use http_body_util::BodyExt;

/// An app whose components are the guests built from this repository.
pub(crate) struct Served {
    pub(crate) app: Arc<HttpApp>,
    /// Lives as long as its routes.
    pub(crate) workload: Workload,
}

async fn start(manifest: &str) -> Result<Workload, WorkloadError> {
    let folder = coracle_testkit::built_path("hello-p2").parent().map(Path::to_owned).unwrap();
    let app = coracle_app::load(manifest, "coracle.toml", None, None).unwrap();
    let host = Host::new(Options { compiler: Compiler::InProcess, ..Options::default() }).unwrap();
    Workload::start(&host, app, Placement { folder, ..Placement::default() }).await
}

pub(crate) async fn serve(manifest: &str) -> Served {
    let workload = start(manifest).await.unwrap();
    let (app, warnings) = HttpApp::new(&workload).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    Served { app, workload }
}

impl Served {
    async fn get(&self, path: &str) -> (u16, http::HeaderMap, String) {
        self.ask(path, "").await
    }

    /// Gives the guest `url` to ask.
    async fn ask(&self, path: &str, url: &str) -> (u16, http::HeaderMap, String) {
        self.send("GET", path, &[("url", url), ("spin-client-addr", "6.6.6.6:6")]).await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, http::HeaderMap, String) {
        let request = http::Request::builder().method(method).uri(format!("http://example.com{path}")).header("host", "example.com");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false };
        let response = self.app.call(request.body(Body::empty()).unwrap(), peer).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_request_arrives_whole_with_genuine_headers() {
    let served = serve(
        r#"
        application = { name = "shape" }
        [[trigger.http]]
        route = "/base/:path_segment/:path_end/..."
        component = "shape"
        [component.shape]
        source = "request-shape.wasm"
        "#,
    )
    .await;
    let (status, _, body) = served.get("/base/path/end/rest?key=value").await;
    assert_eq!((status, body.as_str()), (200, ""));
}

#[tokio::test]
async fn routes_static_responses_and_well_known_paths_answer() {
    let served = serve(
        r#"
        [application]
        name = "routes"
        version = "1.2.3"
        [[trigger.http]]
        route = "/moved"
        static_response = { status_code = 302, headers = { Location = "/hello" } }
        [[trigger.http]]
        route = "/hello/..."
        component = "hello"
        [component.hello]
        source = "hello-p2.wasm"
        "#,
    )
    .await;
    let (status, headers, _) = served.get("/moved").await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (302, "/hello"));
    assert_eq!(served.get("/hello/you").await.2, "hello from /hello/you\n");
    assert_eq!(served.get("/other").await.0, 404);
    let (status, _, body) = served.get("/.well-known/spin/health").await;
    assert_eq!((status, body.as_str()), (200, "OK"));
    let (_, _, body) = served.get("/.well-known/spin/info").await;
    assert_eq!(body, r#"{"name":"routes","version":"1.2.3"}"#);
    assert_eq!(served.get("/.well-known/spin/other").await.0, 404);
}

fn dependent(inherit: &str) -> String {
    format!(
        r#"
        application = {{ name = "composed" }}
        [[trigger.http]]
        route = "/..."
        component = "main"
        [component.main]
        source = "dependent.wasm"
        environment = {{ PLACE = "here" }}
        key_value_stores = ["default"]
        allowed_outbound_hosts = ["*://127.0.0.1:9"]
        [component.main.dependencies]
        "coracle:test/probe@1.0.0" = {{ path = "dependency.wasm"{inherit} }}
        "#
    )
}

#[tokio::test]
async fn a_dependency_that_inherits_nothing_is_denied_everything() {
    let (status, _, body) = serve(&dependent("")).await.get("/").await;
    expect_test::expect![[r#"
        own environment: PLACE=here
        environment: 
        store: Err("Error::AccessDenied")
        connect: Err("PermissionDenied")"#]]
    .assert_eq(&body);
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_dependency_gets_what_it_inherits_and_no_more() {
    let (_, _, body) = serve(&dependent(r#", inherit_configuration = ["environment", "key_value_stores"]"#)).await.get("/").await;
    expect_test::expect![[r#"
        own environment: PLACE=here
        environment: PLACE=here
        store: Ok(())
        connect: Err("PermissionDenied")"#]]
    .assert_eq(&body);
}

#[tokio::test]
async fn a_dependency_that_matches_no_import_is_refused() {
    let manifest = dependent("").replace("coracle:test/probe@1.0.0", "coracle:other/thing@1.0.0");
    let error = chain(&start(&manifest).await.unwrap_err()).to_string();
    assert!(error.contains("`coracle:other/thing@1.0.0` of component `main` matches none of its imports"), "{error}");
}

#[tokio::test]
async fn an_import_that_nobody_answers_is_refused_by_name() {
    let manifest = dependent("").split("[component.main.dependencies]").next().unwrap().to_owned();
    let error = chain(&start(&manifest).await.unwrap_err()).to_string();
    assert!(error.contains("component `main` imports `coracle:test/probe@1.0.0`, which this host does not have"), "{error}");
}

#[tokio::test]
async fn an_import_without_a_grant_loads_and_is_told() {
    let manifest = r#"
        application = { name = "ungranted" }
        [[trigger.http]]
        route = "/..."
        component = "store"
        [component.store]
        source = "key-value.wasm"
        "#;
    let workload = start(manifest).await.unwrap();
    let told: Vec<_> = workload.notices().iter().map(ToString::to_string).collect();
    assert!(
        told.iter().any(|notice| notice.contains("`fermyon:spin/key-value@2.0.0`") && notice.contains("key_value_stores = ")),
        "{told:?}"
    );
    let (app, _) = HttpApp::new(&workload).unwrap();
    let (status, _, body) = Served { app, workload }.get("/").await;
    assert_eq!((status, body.as_str()), (500, "Error::AccessDenied"));

    let strict = format!("{manifest}\nstrict_imports = true\n");
    let error = chain(&start(&strict).await.unwrap_err()).to_string();
    assert!(error.contains("`strict_imports = true`; add `key_value_stores = "), "{error}");
}

#[tokio::test]
async fn the_first_wrong_thing_of_an_app_is_named() {
    let missing = r#"
        application = { name = "broken" }
        [[trigger.http]]
        route = "/..."
        component = "main"
        [component.main]
        source = "nowhere.wasm"
        [component.main.build]
        command = "true"
        "#;
    let text = chain(&start(missing).await.unwrap_err()).to_string();
    assert!(text.starts_with("coracle.toml:7:9: component `main` has no code") && text.contains("run `coracle build` first"), "{text}");

    let unknown = missing
        .replace("[component.main.build]", "capabilities = { telepathy = true }\n[component.main.build]")
        .replace("nowhere", "hello-p2");
    let error = chain(&start(&unknown).await.unwrap_err()).to_string();
    assert!(error.contains("is granted `telepathy`, which no capability knows"), "{error}");
}

/// The handler of an app outlives the app's start, and a drained app lets nobody in.
#[tokio::test]
async fn a_drained_app_refuses() {
    let manifest = "application = { name = \"a\" }\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n[component.hello]\nsource = \"hello-p2.wasm\"\n";
    let served = Arc::new(serve(manifest).await);
    assert_eq!(served.get("/").await.0, 200);
    served.workload.drain().await;
    assert_eq!(served.get("/").await.0, 503);
}

#[tokio::test]
async fn a_guest_that_works_on_after_its_answer_is_waited_for() {
    let slow = coracle_testkit::fixture_path("fault-slow-body");
    let served = serve(&format!(
        "application = {{ name = \"slow\" }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"slow\"\n[component.slow]\nsource = \"{}\"\n",
        slow.display()
    ))
    .await;
    let running = || served.workload.runnables().map(|runnable| runnable.running()).sum::<usize>();
    let request = http::Request::head("http://example.com/?n=3&ms=20").header("host", "example.com").body(Body::empty()).unwrap();
    let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls: false };
    let response = served.app.call(request, peer).await;
    assert_eq!(response.status(), 200);
    // Nobody wants the body of an answer to HEAD; the guest writes it all the same.
    drop(response);
    assert_eq!(running(), 1);
    served.app.finish().await;
    assert_eq!(running(), 0);
}

#[tokio::test]
async fn components_call_each_other_and_the_app_without_a_socket() {
    let manifest = r#"
        application = { name = "chained" }
        [[trigger.http]]
        route = "/ask"
        component = "asker"
        [[trigger.http]]
        route = "/public/..."
        component = "hello"
        [[trigger.http]]
        route = { private = true }
        component = "hidden"
        [component.asker]
        source = "outbound-http.wasm"
        allowed_outbound_hosts = ["http://hidden.spin.internal", "http://self"]
        [component.hello]
        source = "hello-p2.wasm"
        [component.hidden]
        source = "hello-p2.wasm"
        "#;
    let served = serve(manifest).await;
    assert_eq!(served.ask("/ask", "http://hidden.spin.internal/secret").await.2, "hello from /secret\n");
    assert_eq!(served.ask("/ask", "http://self.alt/public/door").await.2, "hello from /public/door\n");
    let denied = served.ask("/ask", "http://hello.spin.internal/").await;
    assert_eq!((denied.0, denied.2.as_str()), (500, "incoming-response#get: ErrorCode::HttpRequestDenied"));
}

#[tokio::test]
async fn an_interface_that_this_version_lacks_loads_and_is_denied() {
    let manifest = r#"
        application = { name = "lacking" }
        [[trigger.http]]
        route = "/..."
        component = "lacking"
        [component.lacking]
        source = "lacking.wasm"
        "#;
    let workload = start(manifest).await.unwrap();
    let told: Vec<_> = workload.notices().iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|notice| notice.contains("`wasmcloud:identity/store@0.0.1`, which this version does not have")), "{told:?}");
    let (app, _) = HttpApp::new(&workload).unwrap();
    let (status, _, body) = Served { app, workload }.get("/").await;
    assert_eq!((status, body.starts_with("Error::Other(")), (500, true), "{body}");
    assert!(body.contains("`wasmcloud:identity/store@0.0.1` is denied; this version of the host does not have it"), "{body}");
}

#[tokio::test]
async fn a_path_that_is_known_under_other_methods_says_which() {
    let served = serve(
        r#"
        application = { name = "methods" }
        [[trigger.http]]
        route = "/form"
        method = ["GET", "POST"]
        component = "hello"
        [[trigger.http]]
        route = "/hidden"
        method = "PUT"
        host = "other.example"
        static_response = { status_code = 204 }
        [component.hello]
        source = "hello-p2.wasm"
        "#,
    )
    .await;
    for method in ["GET", "HEAD", "POST"] {
        assert_eq!(served.send(method, "/form", &[]).await.0, 200, "{method}");
    }
    let (status, headers, body) = served.send("DELETE", "/form", &[]).await;
    assert_eq!((status, headers["allow"].to_str().unwrap(), body.as_str()), (405, "GET, HEAD, POST", ""));
    let (status, headers, _) = served.send("DELETE", "/hidden", &[]).await;
    assert_eq!((status, headers.get("allow")), (404, None));
}

fn gated(inherit: &str) -> String {
    let hello = coracle_testkit::fixture_path("spin7-hello");
    format!(
        r#"
        application = {{ name = "gated" }}
        [[trigger.http]]
        id = "open"
        route = "/open/..."
        component = "hello"
        [[trigger.http]]
        id = "closed"
        route = "/closed/..."
        component = "hello"
        dependencies.middleware = [{{ path = "gate-p3.wasm"{inherit} }}]
        [[trigger.http]]
        id = "twice"
        route = "/twice/..."
        component = "hello"
        dependencies.middleware = [{{ component = "gate" }}, {{ path = "gate-p3.wasm"{inherit} }}]
        [[trigger.http]]
        id = "also"
        route = "/also/..."
        component = "hello"
        dependencies.middleware = [{{ path = "gate-p3.wasm"{inherit} }}]
        [component.hello]
        source = "{}"
        environment = {{ TOKEN = "sesame" }}
        [component.gate]
        source = "gate-p3.wasm"
        "#,
        hello.display()
    )
}

#[tokio::test]
async fn middleware_stands_before_its_component_and_inherits_what_it_may() {
    let served = serve(&gated(r#", inherit_configuration = ["environment"]"#)).await;
    let with = async |path: &str, token: &str| served.send("GET", path, &[("x-token", token)]).await.0;
    assert_eq!(with("/open/", "").await, 200);
    for path in ["/closed/", "/also/"] {
        assert_eq!((with(path, "").await, with(path, "wrong").await, with(path, "sesame").await), (403, 403, 200), "{path}");
    }
    // The outer gate has inherited nothing, so that its token is the empty text, which the inner one does not take.
    assert_eq!((with("/twice/", "").await, with("/twice/", "sesame").await), (403, 403));
    let (_, _, body) = served.send("GET", "/closed/door", &[("x-token", "sesame")]).await;
    assert!(body.contains("/closed/door"), "{body}");
}

#[tokio::test]
async fn middleware_that_inherits_nothing_sees_nothing() {
    let served = serve(&gated("")).await;
    let with = async |path: &str, token: &str| served.send("GET", path, &[("x-token", token)]).await.0;
    assert_eq!((with("/closed/", "").await, with("/closed/", "sesame").await), (200, 403));
    assert_eq!((with("/twice/", "").await, with("/twice/", "sesame").await), (200, 403));
}

#[tokio::test]
async fn middleware_that_passes_nothing_on_is_refused() {
    let manifest = gated("").replace(r#"{ path = "gate-p3.wasm" }"#, r#"{ path = "hello-p2.wasm" }"#);
    let error = chain(&start(&manifest).await.unwrap_err()).to_string();
    assert!(error.contains("middleware `hello-p2.wasm` cannot stand before component `hello-v2`"), "{error}");
    let manifest = gated("").replace(&coracle_testkit::fixture_path("spin7-hello").display().to_string(), "hello-p2.wasm");
    let error = chain(&start(&manifest).await.unwrap_err()).to_string();
    assert!(error.contains("what comes after it exports `wasi:http/incoming-handler@0.2"), "{error}");
}
