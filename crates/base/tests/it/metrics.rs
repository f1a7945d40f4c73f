//! The text of metrics, and that they stay bounded and exact.

use std::time::Duration;

use coracle_base::metrics::{Description, HttpServer, Invocations, OVERFLOW, OutboundPermits, Registry, SERIES_MAX, Unit};
use expect_test::expect;

const COUNT: Description = Description { name: "a.count", help: "Counts.", unit: Unit::One, labels: &["label.one", "two"] };

#[test]
fn the_text_is_what_prometheus_reads() {
    let registry = Registry::default();
    let invocations = Invocations::new(&registry, "http", "shop");
    let web = invocations.of("web");
    web.begun();
    web.begun();
    web.ended(Duration::from_millis(2), 2 << 20, Some(1 << 20));
    web.ended(Duration::from_millis(2), 2 << 20, None);
    invocations.failed("web", "cpu");
    let gauge = registry.gauge(Description { name: "queue", help: "A\nback\\slash.", unit: Unit::One, labels: &[] }).with(&[]);
    gauge.set(5);
    gauge.add(-7);
    let seconds = Description { name: "wait", help: "Waits.", unit: Unit::Seconds, labels: &["at"] };
    let wait = registry.histogram(seconds, &[0.5, 1.0]).with(&["the \"door\"\n\\"]);
    for value in [0.25, 0.5, 0.75, 2.0, f64::NAN] {
        wait.record(value);
    }
    expect![[r#"
        # HELP coracle_fault_count_total Invocations that failed, by what went wrong.
        # TYPE coracle_fault_count_total counter
        coracle_fault_count_total{trigger_type="http",app_id="shop",component_id="web",fault="cpu"} 1
        # HELP queue A\nback\\slash.
        # TYPE queue gauge
        queue -2
    "#]]
    .assert_eq(&part(&registry, &["coracle_fault", "queue"]));
    expect![[r#"
        # HELP spin_request_count_total Invocations of a component.
        # TYPE spin_request_count_total counter
        spin_request_count_total{trigger_type="http",app_id="shop",component_id="web"} 2
        # HELP wait_seconds Waits.
        # TYPE wait_seconds histogram
        wait_seconds_bucket{at="the \"door\"\n\\",le="0.5"} 2
        wait_seconds_bucket{at="the \"door\"\n\\",le="1"} 3
        wait_seconds_bucket{at="the \"door\"\n\\",le="+Inf"} 4
        wait_seconds_sum{at="the \"door\"\n\\"} 3.5
        wait_seconds_count{at="the \"door\"\n\\"} 4
    "#]]
    .assert_eq(&part(&registry, &["spin_request", "wait"]));
    let text = registry.render();
    assert!(text.contains("spin_component_cpu_time_seconds_bucket{component_id=\"web\",le=\"0.005\"} 2"), "{text}");
    assert!(text.contains("spin_component_memory_used_bytes_sum{component_id=\"web\"} 4194304"), "{text}");
    assert!(text.contains("spin_component_memory_used_on_init_bytes_count{component_id=\"web\"} 1"), "{text}");
}

/// The lines of the metrics whose names begin so.
fn part(registry: &Registry, names: &[&str]) -> String {
    let text = registry.render();
    let is_wanted =
        |line: &&str| names.iter().any(|name| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with(name));
    text.lines().filter(is_wanted).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_http_server_is_measured() {
    let registry = Registry::default();
    let server = HttpServer::new(&registry);
    server.active().add(1);
    server.connections().set(3);
    server.answered("GET", 200, Duration::from_millis(3));
    let text = registry.render();
    assert!(text.contains("http_server_active_requests 1\n") && text.contains("http_server_open_connections 3\n"), "{text}");
    let bucket =
        "http_server_request_duration_seconds_bucket{http_request_method=\"GET\",http_response_status_code=\"200\",le=\"0.005\"} 1";
    assert!(text.contains(bucket), "{text}");
}

#[test]
fn one_name_is_one_metric() {
    let registry = Registry::default();
    registry.counter(COUNT).with(&["x", "y"]).increment();
    registry.counter(COUNT).with(&["x", "y"]).add(2);
    assert!(registry.render().ends_with("a_count_total{label_one=\"x\",two=\"y\"} 3\n"), "{}", registry.render());
}

#[test]
fn labels_that_are_missing_or_too_many_keep_the_shape() {
    let registry = Registry::default();
    registry.counter(COUNT).with(&["x"]).increment();
    registry.counter(COUNT).with(&["x", "", "more"]).increment();
    assert!(registry.render().ends_with("{label_one=\"x\",two=\"\"} 2\n"), "{}", registry.render());
}

#[test]
fn series_are_bounded() {
    let registry = Registry::default();
    let counter = registry.counter(COUNT);
    for number in 0..SERIES_MAX + 50 {
        counter.with(&[&number.to_string(), "y"]).increment();
    }
    counter.with(&["0", "y"]).increment();
    let text = registry.render();
    assert_eq!(text.lines().count(), 2 + SERIES_MAX + 1);
    assert!(text.contains(&format!("{{label_one=\"{OVERFLOW}\",two=\"{OVERFLOW}\"}} 50\n")));
    assert!(text.contains("{label_one=\"0\",two=\"y\"} 2\n"));
}

#[test]
fn nothing_is_lost_between_threads() {
    let registry = Registry::default();
    let seconds = Description { name: "wait", help: "Waits.", unit: Unit::Seconds, labels: &[] };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (count, wait) = (registry.counter(COUNT).with(&["x", "y"]), registry.histogram(seconds, &[1.0]).with(&[]));
                for _ in 0..10_000 {
                    count.increment();
                    wait.record(0.5);
                }
            });
        }
    });
    let text = registry.render();
    assert!(text.contains("a_count_total{label_one=\"x\",two=\"y\"} 40000\n"), "{text}");
    assert!(text.contains("wait_seconds_sum 20000\nwait_seconds_count 40000\n"), "{text}");
}

#[test]
fn permits_for_connections_out_are_counted() {
    let registry = Registry::default();
    let permits = OutboundPermits::new(&registry, "outbound_http");
    permits.count(true, Duration::from_millis(7));
    permits.count(false, Duration::from_secs(5));
    let text = part(&registry, &["outbound_connection_permits"]);
    assert!(text.contains("outbound_connection_permits_acquired_total{factor=\"outbound_http\"} 1"), "{text}");
    assert!(text.contains("outbound_connection_permits_rejected_total{factor=\"outbound_http\"} 1"), "{text}");
    let wait = part(&registry, &["outbound_connection_permit_wait"]);
    assert!(wait.contains("outbound_connection_permit_wait_duration_ms_sum{factor=\"outbound_http\"} 7"), "{wait}");
}
