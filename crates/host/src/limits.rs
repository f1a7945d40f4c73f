//! The limits of a component: the defaults, with what its manifest changes.

use std::time::Duration;

use coracle_app::{Component, InstancePolicy};
use coracle_engine::{Limits, Reuse};

/// The limits of `component`, starting from `defaults`.
pub(crate) fn of(component: &Component, defaults: &Limits) -> Limits {
    let overrides = &component.limits;
    let bytes = |value: Option<u64>, default: usize| value.map_or(default, |value| usize::try_from(value).unwrap_or(usize::MAX));
    let count = |value: Option<u32>, default: usize| value.map_or(default, |value| value as usize);
    let time = |value: Option<u64>, default: Duration| value.map_or(default, Duration::from_millis);
    Limits {
        memory_bytes: bytes(overrides.memory_bytes, defaults.memory_bytes),
        table_elements: count(overrides.table_elements, defaults.table_elements),
        instances: count(overrides.instances, defaults.instances),
        cpu: time(overrides.cpu_ms, defaults.cpu),
        wall: time(overrides.wall_ms, defaults.wall),
        hostcall_bytes: bytes(overrides.hostcall_bytes, defaults.hostcall_bytes),
        handles: count(overrides.handles, defaults.handles),
        resources: defaults.resources,
        random_bytes: overrides.random_bytes.unwrap_or(defaults.random_bytes),
        header_bytes: bytes(overrides.response_header_bytes, defaults.header_bytes),
        header_fields: defaults.header_fields,
        request_body_bytes: overrides.request_body_bytes.unwrap_or(defaults.request_body_bytes),
        concurrency: count(overrides.concurrency, defaults.concurrency),
        queue: count(overrides.queue, defaults.queue),
        queue_wait: time(overrides.queue_wait_ms, defaults.queue_wait),
        outbound_calls: overrides.outbound_calls.unwrap_or(defaults.outbound_calls),
        outbound_concurrency: count(overrides.outbound_concurrency, defaults.outbound_concurrency),
        log_bytes: bytes(overrides.log_bytes, defaults.log_bytes),
        reuse: match component.instances {
            InstancePolicy::Fresh => defaults.reuse.clone(),
            InstancePolicy::Reuse { requests_max, concurrent_max, idle_ms } => {
                Some(Reuse { requests_max, concurrent_max, idle: Duration::from_millis(idle_ms) })
            }
        },
    }
}
