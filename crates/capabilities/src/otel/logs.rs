//! Log records of `wasi:otel` as OTLP has them.

use coracle_base::telemetry::guest::proto::logs::v1::{LogRecord as Record, ResourceLogs, ScopeLogs};

use super::host::bindings::wasi::otel::logs::LogRecord;
use super::host::bindings::wasi::otel::tracing::TraceFlags;
use super::parts::{SPAN_ID, TRACE_ID, attributes, id, of_component, resource, scope, time, value};

/// The record with its resource, which is the host's where the guest names none; either way it says which component speaks.
pub(super) fn message(record: LogRecord, component: &str) -> ResourceLogs {
    let mut given = attributes(record.attributes.unwrap_or_default());
    let (resource, resource_schema) = match record.resource {
        Some(own) => {
            let (own, schema) = resource(own, component);
            (Some(own), schema)
        }
        None => {
            given.push(of_component(component));
            (None, String::new())
        }
    };
    let scope = record.instrumentation_scope.map(scope);
    let (scope, schema_url) = scope.map_or((None, String::new()), |(scope, schema)| (Some(scope), schema));
    let is_sampled = record.trace_flags.is_some_and(|flags| flags.contains(TraceFlags::SAMPLED));
    let told = Record {
        time_unix_nano: record.timestamp.map_or(0, time),
        observed_time_unix_nano: record.observed_timestamp.map_or(0, time),
        severity_number: record.severity_number.map_or(0, i32::from),
        severity_text: record.severity_text.unwrap_or_default(),
        body: record.body.as_deref().map(value),
        attributes: given,
        flags: u32::from(is_sampled),
        trace_id: id(&record.trace_id.unwrap_or_default(), TRACE_ID),
        span_id: id(&record.span_id.unwrap_or_default(), SPAN_ID),
        event_name: record.event_name.unwrap_or_default(),
        ..Record::default()
    };
    let told = ScopeLogs { scope, log_records: vec![told], schema_url };
    ResourceLogs { resource, scope_logs: vec![told], schema_url: resource_schema }
}
