//! Questions to a JSON Schema, as far as schemas of manifests go.

use serde_json::{Map, Value};

use crate::document::node::{Node, NodeValue};

/// Follows `$ref` into the definitions; `None` for a schema that accepts everything.
pub(super) fn resolve<'a>(schema: &'a Value, definitions: Option<&'a Value>) -> Option<&'a Map<String, Value>> {
    let schema = schema.as_object()?;
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => definitions?.get(reference.rsplit('/').next()?)?.as_object(),
        None => Some(schema),
    }
}

pub(super) fn variants(schema: &Map<String, Value>) -> Option<&[Value]> {
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    list.as_array().map(Vec::as_slice)
}

/// The values of an enumeration, if the schema is one.
pub(super) fn literals(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![value]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().collect());
    }
    let nested = variants(schema)?.iter().map(|variant| literals(variant.as_object()?));
    Some(nested.collect::<Option<Vec<_>>>()?.concat())
}

/// What a table's schema says of keys that it does not name.
pub(super) fn additional(schema: &Map<String, Value>) -> Option<&Value> {
    schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"))
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn accepts_type(schema: &Map<String, Value>, node: &Node) -> bool {
    let types = types(schema);
    let name = match node.value {
        NodeValue::String(_) => "string",
        NodeValue::Integer(_) => "integer",
        NodeValue::Float(_) => "number",
        NodeValue::Boolean(_) => "boolean",
        NodeValue::Datetime(_) => "datetime",
        NodeValue::Array(_) => "array",
        NodeValue::Table(_) => "object",
    };
    types.is_empty() || types.contains(&name) || (name == "integer" && types.contains(&"number"))
}

pub(super) fn describe(schema: &Map<String, Value>) -> String {
    let names = types(schema).into_iter().map(|name| match name {
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "an array",
        _ => "a table",
    });
    names.collect::<Vec<_>>().join(" or ")
}

/// The first sentence of a schema's description.
pub(super) fn about(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let paragraph = text.split("\n\n").next()?.replace('\n', " ");
    let sentence = paragraph.split(". ").next()?.trim_end_matches('.');
    (!sentence.is_empty()).then(|| format!(": {sentence}"))
}

/// The keys that a table must have.
pub(super) fn required(schema: Option<&Map<String, Value>>) -> Vec<&str> {
    let names = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The key whose value tells the variants apart, and its value in each; `None` if there is no such key.
pub(super) fn tag<'a>(variants: &[&'a Value]) -> Option<(&'a str, Vec<&'a Value>)> {
    let constant = |variant: &'a Value, key: &str| variant.get("properties")?.get(key)?.get("const");
    let keys = variants.first()?.get("properties")?.as_object()?.keys();
    keys.map(String::as_str).find_map(|key| {
        let literals = variants.iter().map(|variant| constant(variant, key));
        Some((key, literals.collect::<Option<Vec<_>>>()?))
    })
}
