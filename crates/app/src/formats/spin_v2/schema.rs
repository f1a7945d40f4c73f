//! The JSON Schema of `coracle.toml`, and of `spin.toml` version 2, which is the same without Coracle's own keys.

use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value};

use super::tables::{Manifest, TriggerTable};
use crate::document::OWN_KEY_MARK;
use crate::http::HttpTable;

/// The schema of the whole; Coracle's own keys carry a mark.
pub(crate) fn manifest() -> Value {
    generate::<Manifest>()
}

/// The schema without what only `coracle.toml` has.
pub(crate) fn spin_manifest() -> Value {
    let mut schema = manifest();
    remove_own_keys(&mut schema);
    remove_unused_definitions(&mut schema);
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, Value::from("spin_manifest_version"));
    }
    schema
}

/// The schema of a table, without `null`, which TOML does not have.
pub(crate) fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RemoveNull);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The schema of `trigger`: the kinds that are known here in full, all others open.
pub(crate) fn triggers(generator: &mut SchemaGenerator) -> Schema {
    let http = http_trigger(generator);
    let other = generator.subschema_for::<TriggerTable>();
    json_schema!({
        "type": "object",
        "properties": {
            "http": { "type": "array", "description": "Calls components for HTTP requests.", "items": http },
        },
        "additionalProperties": { "type": "array", "items": other },
    })
}

fn http_trigger(generator: &mut SchemaGenerator) -> Value {
    let mut table = TriggerTable::json_schema(generator).to_value();
    let own = HttpTable::json_schema(generator).to_value();
    if let Some(table) = table.as_object_mut() {
        // Both are tables with keys of their own, and the route is the only one that has no default.
        for (part, more) in [("properties", own.get("properties")), ("required", own.get("required"))] {
            match (table.get_mut(part), more) {
                (Some(Value::Object(all)), Some(Value::Object(more))) => all.extend(more.clone()),
                (None, Some(more)) => {
                    table.insert(part.to_owned(), more.clone());
                }
                _ => {}
            }
        }
        table.insert("additionalProperties".to_owned(), Value::from(false));
        table.insert("description".to_owned(), Value::from("`[[trigger.http]]` calls a component for HTTP requests."));
    }
    table
}

/// Removes what an optional Rust field adds to a schema.
#[derive(Debug, Clone)]
struct RemoveNull;

impl Transform for RemoveNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(schema) = schema.as_object_mut() {
            remove_null(schema);
        }
        transform_subschemas(self, schema);
    }
}

fn remove_null(schema: &mut Map<String, Value>) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(variants)) = schema.get_mut("anyOf") else {
        return;
    };
    variants.retain(|variant| variant.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = variants.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
}

fn remove_own_keys(schema: &mut Value) {
    let own = |schema: &Value| schema.get(OWN_KEY_MARK).is_some();
    match schema {
        Value::Object(table) => {
            for (key, value) in table.iter_mut() {
                match value {
                    Value::Object(properties) if key == "properties" => properties.retain(|_, each| !own(each)),
                    Value::Array(variants) if key == "anyOf" => variants.retain(|each| !own(each)),
                    _ => {}
                }
                remove_own_keys(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(remove_own_keys),
        _ => {}
    }
}

/// Removes definitions that nothing refers to, and those that only they referred to.
fn remove_unused_definitions(schema: &mut Value) {
    loop {
        let text = schema.to_string();
        let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) else { return };
        let before = definitions.len();
        definitions.retain(|name, _| text.contains(&format!("\"#/$defs/{name}\"")));
        if definitions.len() == before {
            return;
        }
    }
}
