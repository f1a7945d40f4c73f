//! Mistakes that Spin's users met, and that are not made here. Others stand with what they are about: spoofed headers in `apps`, limits
//! in `http`, dependencies in the host's `compose`, stores and databases in their `conformance`, outbound hosts in `egress`.

use std::sync::Arc;
use std::time::Duration;

use coracle_triggers::http::{Body, HttpApp, Peer};
use http::HeaderValue;
use http_body_util::BodyExt as _;

use crate::apps::serve;

const HEADERS: &str = r#"
    application = { name = "traps" }
    [[trigger.http]]
    route = "/..."
    component = "headers"
    [[trigger.http]]
    route = "/ask"
    component = "asker"
    [component.headers]
    source = "headers.wasm"
    [component.asker]
    source = "outbound-http.wasm"
    allowed_outbound_hosts = ["http://headers.spin.internal", "http://self"]
"#;

/// Longer than a guest takes to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lines with which the guest answers.
async fn ask(app: &HttpApp, request: http::request::Builder, tls: bool) -> Vec<String> {
    let peer = Peer { client: "127.0.0.1:9".parse().unwrap(), tls };
    let response = app.call(request.body(Body::empty()).unwrap(), peer).await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

fn has(lines: &[String], line: &str) -> bool {
    lines.iter().any(|known| known == line)
}

#[tokio::test]
async fn a_header_that_is_not_utf8_arrives() {
    let served = serve(HEADERS).await;
    let value = HeaderValue::from_bytes(b"caf\xe9").unwrap();
    let request = http::Request::get("http://example.com/").header("host", "example.com").header("x-latin", value);
    let lines = ask(&served.app, request, false).await;
    assert!(has(&lines, r"x-latin: caf\xe9"), "{lines:?}");
}

#[tokio::test]
async fn the_full_url_has_host_and_scheme_however_the_request_came() {
    let served = serve(HEADERS).await;
    // Over HTTP/2 there is no `host`: the authority stands in the URI alone.
    for (tls, scheme) in [(false, "http"), (true, "https")] {
        let request = http::Request::get(format!("{scheme}://example.com/a?b")).version(http::Version::HTTP_2);
        let lines = ask(&served.app, request, tls).await;
        assert!(has(&lines, &format!("spin-full-url: {scheme}://example.com/a?b")), "{lines:?}");
        assert!(lines[0].eq_ignore_ascii_case(&format!("Some(Scheme::{scheme})")), "{lines:?}");
    }
    for (url, expected) in
        [("http://headers.spin.internal/a?b", "http://headers.spin.internal/a?b"), ("http://self.alt/a?b", "http://self.alt/a?b")]
    {
        let request = http::Request::get("http://example.com/ask").header("host", "example.com").header("url", url);
        let lines = ask(&served.app, request, false).await;
        assert!(has(&lines, &format!("spin-full-url: {expected}")), "{url}: {lines:?}");
    }
}

#[tokio::test]
async fn an_app_that_has_called_itself_is_gone_when_it_is_dropped() {
    let served = serve(HEADERS).await;
    let request = http::Request::get("http://example.com/ask").header("host", "example.com").header("url", "http://self.alt/");
    ask(&served.app, request, false).await;
    let (app, runnables) = (Arc::downgrade(&served.app), served.workload.runnables().map(Arc::downgrade).collect::<Vec<_>>());
    drop(served);
    assert!(app.upgrade().is_none(), "something of the app holds the app");
    assert!(runnables.iter().all(|runnable| runnable.upgrade().is_none()), "something of a component holds it");
}

#[tokio::test]
async fn an_instance_serves_once_unless_the_manifest_asks_for_reuse_in_every_version() {
    for guest in ["counter", "counter-p3"] {
        for (instances, expected) in [
            ("", ["1", "1", "1", "1"]),
            ("instances = { policy = \"fresh\" }", ["1", "1", "1", "1"]),
            ("instances = { policy = \"reuse\", requests_max = 3 }", ["1", "2", "3", "1"]),
        ] {
            let manifest = format!(
                "application = {{ name = \"reuse\" }}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"counter\"\n\
                 [component.counter]\nsource = \"{guest}.wasm\"\n{instances}\n"
            );
            let served = serve(&manifest).await;
            for count in expected {
                let request = http::Request::get("http://example.com/").header("host", "example.com");
                assert_eq!(ask(&served.app, request, false).await, [count], "{guest} {instances}");
                // An instance is put back when its guest has ended, which may be after its last byte.
                let ended = async {
                    while served.workload.runnables().any(|runnable| runnable.running() > 0) {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::time::timeout(PATIENCE, ended).await.expect("the guest ends with its answer");
            }
        }
    }
}
