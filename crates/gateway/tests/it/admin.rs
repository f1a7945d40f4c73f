//! The listener for operators.

use coracle_gateway::{Admin, Listener};
use coracle_testkit::raw::{self, Response};

use crate::harness::Site;

#[test]
fn it_tells_health_and_metrics_and_nothing_else() {
    let site = Site::echo();
    site.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    site.exchange("GET / HTTP/1.1\r\n\r\n");
    let meter = site.server.meter();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let admin = Admin::start(listener, move || meter().to_string(), site.server.readiness()).unwrap();
    let ask = |line: &str| {
        let answer = raw::exchange(admin.local_addr(), format!("{line} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
        Response::parse_all(&answer).unwrap().remove(0)
    };
    let health = ask("GET /healthz");
    assert_eq!((health.status, health.text().as_str()), (200, "ok\n"));
    assert_eq!(ask("GET /readyz").status, 200);
    let metrics = ask("GET /metrics");
    assert_eq!(metrics.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "coracle_http_requests_total 2",
        "coracle_http_requests_refused_total 1",
        "coracle_http_requests_open 0",
        "coracle_http_responses_total{class=\"2xx\"} 1",
        "coracle_http_responses_total{class=\"4xx\"} 1",
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line} is not in {}", metrics.text());
    }
    assert_eq!(ask("GET /other").status, 404);
    let post = ask("POST /metrics");
    assert_eq!((post.status, post.field("allow")), (405, Some("GET, HEAD")));
    drop(site);
    let stopping = ask("GET /readyz");
    assert_eq!((stopping.status, stopping.text().as_str()), (503, "stopping\n"));
    assert_eq!(ask("GET /healthz").status, 200);
}
