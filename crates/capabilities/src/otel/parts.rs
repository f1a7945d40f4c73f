//! What spans, metrics and log records have in common: attributes, whose values are JSON, scopes, resources, ids and times.

use coracle_base::telemetry::guest::proto::common::v1::any_value::Value as Any;
use coracle_base::telemetry::guest::proto::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use coracle_base::telemetry::guest::proto::resource::v1::Resource;
use serde_json::Value;

use super::host::bindings::wasi::clocks::wall_clock::Datetime;
use super::host::bindings::wasi::otel::types;

/// Lengths of ids, in bytes.
pub(super) const TRACE_ID: usize = 16;
pub(super) const SPAN_ID: usize = 8;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// The attribute that names the component, in what a collector cannot tell from the trace.
const COMPONENT: &str = "component_id";

pub(super) fn attributes(pairs: Vec<types::KeyValue>) -> Vec<KeyValue> {
    pairs.into_iter().map(|pair| attribute(pair.key, value(&pair.value))).collect()
}

/// The value that JSON says; text that is no JSON says itself.
pub(super) fn value(text: &str) -> AnyValue {
    serde_json::from_str(text).map_or_else(|_| AnyValue { value: Some(Any::StringValue(text.to_owned())) }, any)
}

fn any(value: Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(value) => Some(Any::BoolValue(value)),
        Value::Number(number) => Some(match number.as_i64() {
            Some(whole) => Any::IntValue(whole),
            None => Any::DoubleValue(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Some(Any::StringValue(text)),
        Value::Array(values) => Some(Any::ArrayValue(ArrayValue { values: values.into_iter().map(any).collect() })),
        Value::Object(entries) => {
            let values = entries.into_iter().map(|(key, value)| attribute(key, any(value))).collect();
            Some(Any::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

fn attribute(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

/// A scope, and the schema that it names.
pub(super) fn scope(scope: types::InstrumentationScope) -> (InstrumentationScope, String) {
    let types::InstrumentationScope { name, version, schema_url, attributes: given } = scope;
    let version = version.unwrap_or_default();
    (
        InstrumentationScope { name, version, attributes: attributes(given), ..InstrumentationScope::default() },
        schema_url.unwrap_or_default(),
    )
}

/// A resource that says which component speaks, and the schema that it names.
pub(super) fn resource(resource: types::Resource, component: &str) -> (Resource, String) {
    let mut given = attributes(resource.attributes);
    given.retain(|attribute| attribute.key != COMPONENT);
    given.push(of_component(component));
    (Resource { attributes: given, ..Resource::default() }, resource.schema_url.unwrap_or_default())
}

/// The attribute that says which component speaks.
pub(super) fn of_component(component: &str) -> KeyValue {
    attribute(COMPONENT.to_owned(), AnyValue { value: Some(Any::StringValue(component.to_owned())) })
}

/// Nanoseconds since 1970.
pub(super) fn time(time: Datetime) -> u64 {
    time.seconds.saturating_mul(NS_PER_SECOND).saturating_add(u64::from(time.nanoseconds))
}

/// The bytes of an id of `length` bytes in hexadecimal digits; none for what is no such id.
pub(super) fn id(text: &str, length: usize) -> Vec<u8> {
    let bytes = (0..length).map(|index| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok());
    if text.len() == 2 * length && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        bytes.collect::<Option<_>>().unwrap_or_default()
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_their_json_says() {
        let shown = |text: &str| value(text).value.map(|value| format!("{value:?}")).unwrap_or_default();
        for (text, expected) in [
            ("true", "BoolValue(true)"),
            ("-7", "IntValue(-7)"),
            ("1.5", "DoubleValue(1.5)"),
            ("18446744073709551615", "DoubleValue(1.8446744073709552e19)"),
            ("\"a b\"", "StringValue(\"a b\")"),
            ("no json", "StringValue(\"no json\")"),
            ("null", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        let list = shown("[1,\"a\",[true]]");
        assert!(list.contains("IntValue(1)") && list.contains("StringValue(\"a\")") && list.contains("BoolValue(true)"), "{list}");
        assert!(shown("{\"k\":2}").contains("\"k\""));
        let deep = "[".repeat(100_000);
        assert!(matches!(value(&deep).value, Some(Any::StringValue(_))), "nesting has an end");
    }

    #[test]
    fn ids_are_read_or_left_out() {
        assert_eq!(id("b7ad6b7169203331", 8), [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
        for text in ["", "b7", "b7ad6b716920333g", "+7ad6b7169203331", "b7ad6b71692033é1", "b7ad6b716920333100"] {
            assert!(id(text, 8).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_resource_cannot_claim_another_component() {
        let pair = |key: &str| types::KeyValue { key: key.to_owned(), value: "\"other\"".to_owned() };
        let given = types::Resource { attributes: vec![pair("component_id"), pair("service.name")], schema_url: None };
        let keys: Vec<_> = resource(given, "web").0.attributes.into_iter().map(|it| (it.key, it.value)).collect();
        let text = |text: &str| Some(AnyValue { value: Some(Any::StringValue(text.to_owned())) });
        assert_eq!(keys, [("service.name".to_owned(), text("other")), ("component_id".to_owned(), text("web"))]);
    }
}
