//! Writes the shapes of a format as Rust source, out of its JSON Schema. Each definition is a `static` of its name, and so is what is
//! plain enough to have a name that says it all; the rest stands where it is used.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::OWN_KEY_MARK;

/// The file that the shapes of a format are in.
///
/// # Panics
/// When the schema says something that a shape cannot.
pub(crate) fn rust_source(schema: &Value) -> String {
    let mut writer = Writer { shared: BTreeMap::new() };
    let root = writer.shape(as_table(schema), 0);
    let definitions = schema.get("$defs").and_then(Value::as_object).into_iter().flatten();
    let defined: Vec<String> = definitions.map(|(name, each)| item(&constant_case(name), &writer.shape(as_table(each), 0))).collect();
    let shared = writer.shared.iter().map(|(name, shape)| item(name, shape));
    let items: String =
        [item("MANIFEST", &root).replacen("static", "pub(super) static", 1)].into_iter().chain(defined).chain(shared).collect();
    format!(
        "//! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it\n\
         //! anew after a change of the tables.\n\nuse crate::document::{{Additional, Part, Shape, Type}};\n{items}"
    )
}

/// What a schema may say: what a shape says too, and what is only for readers and editors.
const KNOWN: &[&str] = &[
    "$defs",
    "$schema",
    "additionalProperties",
    "anyOf",
    "const",
    "default",
    "deprecated",
    "description",
    "enum",
    "format",
    "items",
    "maximum",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "title",
    "type",
    "unevaluatedProperties",
    OWN_KEY_MARK,
];

struct Writer {
    /// Shapes that are in no definition and may be used more than once, by the name that says what they are.
    shared: BTreeMap<String, String>,
}

impl Writer {
    fn shape(&mut self, schema: &Map<String, Value>, depth: usize) -> String {
        assert!(schema.keys().all(|key| KNOWN.contains(&key.as_str())), "a shape cannot say all of {schema:?}");
        let mut fields = Vec::new();
        let types: Vec<String> = types(schema).into_iter().map(|name| format!("Type::{name}")).collect();
        if !types.is_empty() {
            fields.push(format!("types: &[{}]", types.join(", ")));
        }
        if let Some(required) = schema.get("required").and_then(Value::as_array) {
            fields.push(format!("required: &{:?}", required.iter().map(as_text).collect::<Vec<_>>()));
        }
        match schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties")) {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => fields.push("additional: Additional::Closed".to_owned()),
            Some(each) => fields.push(format!("additional: Additional::Each({})", self.part(each, depth))),
        }
        match schema.get("items") {
            None | Some(Value::Bool(true)) => {}
            Some(items) => fields.push(format!("items: Some({})", self.part(items, depth))),
        }
        for (key, field) in [("minimum", "integer_min"), ("maximum", "integer_max")] {
            if let Some(bound) = schema.get(key) {
                fields.push(format!("{field}: {}", bound.as_i64().expect("a bound is an integer")));
            }
        }
        match (literals(schema), variants(schema)) {
            (Some(texts), _) => fields.push(format!("literals: &{texts:?}")),
            (None, Some(variants)) => {
                let parts = variants.iter().map(|variant| self.part(variant, depth + 1));
                fields.push(format!("variants: {}", list(parts.collect(), depth)));
            }
            (None, None) => {}
        }
        if let Some(properties) = schema.get("properties") {
            let properties = as_table(properties);
            assert!(!properties.is_empty(), "a shape cannot tell no properties from unknown ones: {schema:?}");
            let entries = properties.iter().map(|(name, property)| format!("({name:?}, {})", self.part(property, depth + 1)));
            fields.push(format!("properties: {}", list(entries.collect(), depth)));
        }
        if fields.is_empty() { "Shape::ANY".to_owned() } else { format!("Shape {{ {}, ..Shape::ANY }}", fields.join(", ")) }
    }

    fn part(&mut self, schema: &Value, depth: usize) -> String {
        let own = schema.get(OWN_KEY_MARK).is_some();
        let shape = match name(schema) {
            Some(name) => {
                if definition(schema).is_none() {
                    let shape = self.shape(schema.as_object().unwrap_or(&Map::new()), 0);
                    let before = self.shared.insert(name.clone(), shape.clone());
                    assert!(before.is_none_or(|before| before == shape), "two shapes are named {name}");
                }
                name
            }
            None => self.shape(as_table(schema), depth),
        };
        format!("Part {{ about: {:?}, own: {own}, shape: &{shape} }}", about(schema))
    }
}

fn item(name: &str, shape: &str) -> String {
    format!("\n#[rustfmt::skip]\nstatic {name}: Shape = {shape};\n")
}

fn list(items: Vec<String>, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    let lines: String = items.iter().map(|item| format!("{indent}    {item},\n")).collect();
    format!("&[\n{lines}{indent}]")
}

/// The name of a definition, or one that says all that the shape does; `None` if that would be too much.
fn name(schema: &Value) -> Option<String> {
    if schema == &Value::Bool(true) {
        return Some("ANY".to_owned());
    }
    if let Some(definition) = definition(schema) {
        return Some(constant_case(definition));
    }
    let schema = as_table(schema);
    if schema.contains_key("properties") || schema.contains_key("required") || literals(schema).is_some() {
        return None;
    }
    let plain = |part: &Value| about(part).is_empty() && part.get(OWN_KEY_MARK).is_none();
    if let Some(variants) = variants(schema) {
        let names = variants.iter().map(|variant| name(variant).filter(|_| plain(variant)));
        return Some(names.collect::<Option<Vec<_>>>()?.join("_OR_"));
    }
    let each = schema.get("items").or_else(|| schema.get("additionalProperties"));
    let mut name = match (types(schema).as_slice(), each) {
        ([], None) => "ANY".to_owned(),
        ([only @ ("Array" | "Table")], Some(each)) if plain(each) => {
            let suffix = if each == &Value::Bool(false) { return None } else { only.to_uppercase() };
            format!("{}_{suffix}", name(each)?)
        }
        ([only], None) => only.to_uppercase(),
        _ => return None,
    };
    for (key, word) in [("minimum", "FROM"), ("maximum", "TO")] {
        if let Some(bound) = schema.get(key) {
            name = format!("{name}_{word}_{}", bound.as_u64()?);
        }
    }
    Some(name)
}

fn definition(schema: &Value) -> Option<&str> {
    as_text(schema.get("$ref")?).strip_prefix("#/$defs/")
}

fn types(schema: &Map<String, Value>) -> Vec<&'static str> {
    let names = match schema.get("type") {
        None => Vec::new(),
        Some(Value::Array(names)) => names.iter().map(as_text).collect(),
        Some(name) => vec![as_text(name)],
    };
    let known = names.into_iter().map(|name| match name {
        "string" => "String",
        "integer" => "Integer",
        "number" => "Number",
        "boolean" => "Boolean",
        "array" => "Array",
        "object" => "Table",
        other => panic!("a shape knows no type `{other}`"),
    });
    known.collect()
}

fn variants(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}

/// The values of an enumeration, if the schema is one.
fn literals(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    if let Some(value) = schema.get("const") {
        return Some(vec![as_text(value)]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().map(as_text).collect());
    }
    let nested = variants(schema)?.iter().map(|variant| literals(variant.as_object()?));
    Some(nested.collect::<Option<Vec<_>>>()?.concat())
}

/// The first sentence of a schema's description.
fn about(schema: &Value) -> String {
    let text = schema.get("description").map(as_text).unwrap_or_default();
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    paragraph.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

/// `TriggerDependency` as `TRIGGER_DEPENDENCY`.
fn constant_case(name: &str) -> String {
    let mut constant = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !constant.is_empty() {
            constant.push('_');
        }
        constant.push(character.to_ascii_uppercase());
    }
    constant
}

fn as_table(schema: &Value) -> &Map<String, Value> {
    schema.as_object().unwrap_or_else(|| panic!("{schema} is no table"))
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_a_schema_demands_is_in_the_shape() {
        let schema = json!({
            "title": "Manifest",
            "type": "object",
            "properties": {
                "count": { "type": "integer", "minimum": 1, "maximum": 9, "description": "How many\nthere are. More of it." },
                "rate": { "type": ["integer", "number"], "x-coracle": true },
                "way": { "$ref": "#/$defs/TwoWays", "description": "The \"way\"." },
                "ways": { "type": "array", "items": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/TwoWays" }] } },
                "open": { "type": "object", "additionalProperties": true },
                "any": true,
            },
            "required": ["count"],
            "unevaluatedProperties": false,
            "$defs": {
                "TwoWays": { "oneOf": [
                    { "type": "object", "properties": { "type": { "const": "a" } }, "additionalProperties": { "type": "string" } },
                    { "enum": ["b", "c"], "description": "\n\nNot said." },
                ] },
                "Kind": { "oneOf": [{ "const": "one", "type": "string" }, { "const": "two", "type": "string" }] },
            },
        });
        expect![[r#"
            //! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it
            //! anew after a change of the tables.

            use crate::document::{Additional, Part, Shape, Type};

            #[rustfmt::skip]
            pub(super) static MANIFEST: Shape = Shape { types: &[Type::Table], required: &["count"], additional: Additional::Closed, properties: &[
                ("count", Part { about: "How many there are", own: false, shape: &INTEGER_FROM_1_TO_9 }),
                ("rate", Part { about: "", own: true, shape: &Shape { types: &[Type::Integer, Type::Number], ..Shape::ANY } }),
                ("way", Part { about: "The \"way\"", own: false, shape: &TWO_WAYS }),
                ("ways", Part { about: "", own: false, shape: &STRING_OR_TWO_WAYS_ARRAY }),
                ("open", Part { about: "", own: false, shape: &ANY_TABLE }),
                ("any", Part { about: "", own: false, shape: &ANY }),
            ], ..Shape::ANY };

            #[rustfmt::skip]
            static TWO_WAYS: Shape = Shape { variants: &[
                Part { about: "", own: false, shape: &Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING }), properties: &[
                    ("type", Part { about: "", own: false, shape: &Shape { literals: &["a"], ..Shape::ANY } }),
                ], ..Shape::ANY } },
                Part { about: "", own: false, shape: &Shape { literals: &["b", "c"], ..Shape::ANY } },
            ], ..Shape::ANY };

            #[rustfmt::skip]
            static KIND: Shape = Shape { literals: &["one", "two"], ..Shape::ANY };

            #[rustfmt::skip]
            static ANY: Shape = Shape::ANY;

            #[rustfmt::skip]
            static ANY_TABLE: Shape = Shape { types: &[Type::Table], ..Shape::ANY };

            #[rustfmt::skip]
            static INTEGER_FROM_1_TO_9: Shape = Shape { types: &[Type::Integer], integer_min: 1, integer_max: 9, ..Shape::ANY };

            #[rustfmt::skip]
            static STRING: Shape = Shape { types: &[Type::String], ..Shape::ANY };

            #[rustfmt::skip]
            static STRING_OR_TWO_WAYS: Shape = Shape { variants: &[
                Part { about: "", own: false, shape: &STRING },
                Part { about: "", own: false, shape: &TWO_WAYS },
            ], ..Shape::ANY };

            #[rustfmt::skip]
            static STRING_OR_TWO_WAYS_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &STRING_OR_TWO_WAYS }), ..Shape::ANY };
        "#]].assert_eq(&rust_source(&schema));
    }

    #[test]
    fn what_a_shape_cannot_say_is_refused() {
        for (schema, refusal) in [
            (json!({ "pattern": "a+" }), "a shape cannot say all of"),
            (json!({ "type": "null" }), "a shape knows no type `null`"),
            (json!({ "const": 1 }), "1 is no text"),
            (json!({ "type": "integer", "minimum": 0.5 }), "a bound is an integer"),
            (json!({ "properties": {} }), "a shape cannot tell no properties from unknown ones"),
            (json!({ "$ref": "#/$defs/Other" }), "a shape cannot say all of"),
        ] {
            let panic = std::panic::catch_unwind(|| rust_source(&schema)).unwrap_err();
            let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            assert!(said.contains(refusal), "{schema}: {said}");
        }
    }
}
