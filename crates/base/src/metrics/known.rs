//! The metrics that every app has: what its components were asked and what that took, under Spin's names, and what the HTTP server
//! did.

use std::time::Duration;

use super::{Counter, Description, Gauge, Histogram, Metric, Registry, Unit};

const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const CPU_SECONDS: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
const MEMORY_BYTES: &[f64] = &[65_536.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0, 134_217_728.0, 1_073_741_824.0];

const WAIT_MS: &[f64] = &[1.0, 5.0, 25.0, 100.0, 500.0, 1_000.0, 5_000.0, 30_000.0];

/// What happens to components.
#[derive(Debug)]
pub struct Invocations {
    requests: Metric<Counter>,
    faults: Metric<Counter>,
    cpu: Metric<Histogram>,
    memory: Metric<Histogram>,
    initial_memory: Metric<Histogram>,
    app: String,
    trigger: &'static str,
}

/// What happens to one component, kept by its trigger.
#[derive(Debug, Clone)]
pub struct Invocation {
    requests: Counter,
    cpu: Histogram,
    memory: Histogram,
    initial_memory: Histogram,
}

/// What the HTTP server does.
#[derive(Debug)]
pub struct HttpServer {
    active: Gauge,
    connections: Gauge,
    requests: Metric<Histogram>,
}

/// The operator's bounds on connections out, under Spin's names.
#[derive(Debug, Clone)]
pub struct OutboundPermits {
    acquired: Counter,
    rejected: Counter,
    wait_ms: Histogram,
}

impl OutboundPermits {
    /// Those of one kind of connection, such as `outbound_http`.
    #[must_use]
    pub fn new(registry: &Registry, factor: &str) -> Self {
        let described = |name, help| Description { name, help, unit: Unit::One, labels: &["factor"] };
        let acquired = described("outbound_connection_permits_acquired", "Connections out that were allowed.");
        let rejected = described("outbound_connection_permits_rejected", "Connections out for which there was no place in time.");
        let wait_ms = described("outbound_connection_permit_wait_duration_ms", "Milliseconds waited for the place of a connection out.");
        Self {
            acquired: registry.counter(acquired).with(&[factor]),
            rejected: registry.counter(rejected).with(&[factor]),
            wait_ms: registry.histogram(wait_ms, WAIT_MS).with(&[factor]),
        }
    }

    /// Counts a permit that was given after `waited`, or was not.
    pub fn count(&self, is_given: bool, waited: Duration) {
        if is_given {
            self.acquired.increment();
            self.wait_ms.record(waited.as_secs_f64() * 1_000.0);
        } else {
            self.rejected.increment();
        }
    }
}

impl Invocations {
    /// The metrics of the components of `app` that `trigger` wakes.
    #[must_use]
    pub fn new(registry: &Registry, trigger: &'static str, app: &str) -> Self {
        let of_component = |name, help, unit| Description { name, help, unit, labels: &["component_id"] };
        let cpu = of_component("spin.component_cpu_time", "CPU time that one invocation took.", Unit::Seconds);
        let memory = of_component("spin.component_memory_used", "Linear memory that one invocation reached.", Unit::Bytes);
        let initial_memory =
            of_component("spin.component_memory_used_on_init", "Linear memory of an instance before it was called.", Unit::Bytes);
        let requests = Description {
            name: "spin.request_count",
            help: "Invocations of a component.",
            unit: Unit::One,
            labels: &["trigger_type", "app_id", "component_id"],
        };
        let faults = Description {
            name: "coracle.fault_count",
            help: "Invocations that failed, by what went wrong.",
            unit: Unit::One,
            labels: &["trigger_type", "app_id", "component_id", "fault"],
        };
        Self {
            requests: registry.counter(requests),
            faults: registry.counter(faults),
            cpu: registry.histogram(cpu, CPU_SECONDS),
            memory: registry.histogram(memory, MEMORY_BYTES),
            initial_memory: registry.histogram(initial_memory, MEMORY_BYTES),
            app: app.to_owned(),
            trigger,
        }
    }

    /// The series of one component, to be kept.
    #[must_use]
    pub fn of(&self, component: &str) -> Invocation {
        Invocation {
            requests: self.requests.with(&[self.trigger, &self.app, component]),
            cpu: self.cpu.with(&[component]),
            memory: self.memory.with(&[component]),
            initial_memory: self.initial_memory.with(&[component]),
        }
    }

    /// Counts an invocation of `component` that failed; `fault` is a stable word for how.
    pub fn failed(&self, component: &str, fault: &str) {
        self.faults.with(&[self.trigger, &self.app, component, fault]).increment();
    }
}

impl Invocation {
    /// Counts an invocation that begins.
    pub fn begun(&self) {
        self.requests.increment();
    }

    /// Records what an invocation took that has ended, and what its instance began with if it was made for it.
    pub fn ended(&self, cpu: Duration, memory_bytes: usize, initial_memory_bytes: Option<usize>) {
        self.cpu.record(cpu.as_secs_f64());
        self.memory.record(memory_bytes as f64);
        if let Some(bytes) = initial_memory_bytes {
            self.initial_memory.record(bytes as f64);
        }
    }
}

impl HttpServer {
    /// The metrics of the HTTP server of this process.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        let gauge = |name, help| registry.gauge(Description { name, help, unit: Unit::One, labels: &[] }).with(&[]);
        let duration = Description {
            name: "http.server.request.duration",
            help: "Time from a request's head to its response's end.",
            unit: Unit::Seconds,
            labels: &["http_request_method", "http_response_status_code"],
        };
        Self {
            active: gauge("http.server.active_requests", "Requests that are being answered."),
            connections: gauge("http.server.open_connections", "Connections that are open."),
            requests: registry.histogram(duration, SECONDS),
        }
    }

    /// Requests that are being answered.
    #[must_use]
    pub fn active(&self) -> &Gauge {
        &self.active
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// Records a request that was answered. A method that the server does not know should be given as `_OTHER`.
    pub fn answered(&self, method: &str, status: u16, took: Duration) {
        self.requests.with(&[method, &status.to_string()]).record(took.as_secs_f64());
    }
}
