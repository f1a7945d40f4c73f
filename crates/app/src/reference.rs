//! The reference page of the manifest, written from its schema, which is written from the comments on the tables.

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use crate::document::OWN_KEY_MARK;
use crate::formats::schema;

/// What stands above the tables.
const INTRODUCTION: &str = "# The manifest

An application is described by a `coracle.toml`, or by a `spin.toml` of version 1 or 2. A `coracle.toml` has every key of
`spin.toml` version 2 and those marked **coracle** below, so that moving over is a rename. A key that is not listed is an
error. `coracle check` says everything that is wrong with a manifest at once, and `coracle schema` prints its JSON Schema
for editors.

This page is written by the program from the definitions that it reads manifests with.
";

/// The reference page of `coracle.toml`, in Markdown.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let mut page = Page { text: INTRODUCTION.to_owned(), schema: &schema };
    // Writing to a `String` cannot fail.
    let _ = page.write_all();
    page.text
}

struct Page<'s> {
    text: String,
    schema: &'s Value,
}

impl Page<'_> {
    fn write_all(&mut self) -> fmt::Result {
        let schema = self.schema;
        self.write_table("Manifest", schema)?;
        if let Some(http) = schema.pointer("/properties/trigger/properties/http/items") {
            self.write_table("HTTP trigger", http)?;
        }
        for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            self.write_definition(&title(name), definition)?;
        }
        Ok(())
    }

    fn write_definition(&mut self, title: &str, definition: &Value) -> fmt::Result {
        let Some(variants) = variants(definition) else {
            return self.write_table(title, definition);
        };
        write!(self.text, "\n## {title}\n\n{}\n", description(definition))?;
        if variants.iter().all(|variant| variant.get("const").is_some() || variant.get("enum").is_some()) {
            return writeln!(self.text, "\nIt is {}.", type_of(definition));
        }
        self.text.push_str("\nOne of these forms:\n\n");
        for variant in variants {
            let about = description(variant);
            let about = if about.is_empty() { String::new() } else { format!(" {about}") };
            writeln!(self.text, "- **{}**:{about}{}", form(variant), own_mark(variant))?;
            for (key, property) in keys(variant).into_iter().flatten().filter(|(_, property)| property.get("const").is_none()) {
                let optional = if required(variant).any(|name| name == key) { "" } else { ", optional" };
                writeln!(self.text, "  - `{key}` ({}{optional}): {}{}", type_of(property), description(property), own_mark(property))?;
            }
        }
        Ok(())
    }

    fn write_table(&mut self, title: &str, table: &Value) -> fmt::Result {
        write!(self.text, "\n## {title}\n\n{}\n", description(table))?;
        let Some(keys) = keys(table).filter(|keys| !keys.is_empty()) else { return Ok(()) };
        self.text.push_str("\n| Key | Value | Meaning |\n|---|---|---|\n");
        for (key, property) in keys {
            let needed = if required(table).any(|name| name == key) { " (required)" } else { "" };
            let meaning = format!("{}{}", description(property), own_mark(property)).replace('|', "\\|");
            writeln!(self.text, "| `{key}` | {}{needed} | {meaning} |", type_of(property))?;
        }
        Ok(())
    }
}

fn keys(table: &Value) -> Option<&Map<String, Value>> {
    table.get("properties")?.as_object()
}

fn required(table: &Value) -> impl Iterator<Item = &str> {
    table.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn variants(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}

/// What tells a variant from its siblings: the keys that it must have, and their values where there is only one.
fn form(variant: &Value) -> String {
    let Some(keys) = keys(variant) else { return type_of(variant) };
    let needed = required(variant).map(|key| match keys.get(key).and_then(|property| property.get("const")) {
        Some(value) => format!("`{key} = {value}`"),
        None => format!("`{key}`"),
    });
    needed.collect::<Vec<_>>().join(", ")
}

/// The description on one line.
fn description(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn own_mark(schema: &Value) -> &'static str {
    if schema.get(OWN_KEY_MARK).is_some() { " **coracle**" } else { "" }
}

/// What kind of value goes here, with links to the tables.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
        let title = title(name);
        return format!("[{title}](#{})", title.to_lowercase().replace(' ', "-"));
    }
    if let Some(literal) = schema.get("const") {
        return format!("`{literal}`");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    }
    if let Some(variants) = variants(schema) {
        return variants.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => format!("list of {}", schema.get("items").map_or_else(|| "any value".to_owned(), type_of)),
        Some("object") => match schema.get("additionalProperties") {
            Some(Value::Object(value)) => format!("table of {}", type_of(&Value::Object(value.clone()))),
            _ => "table".to_owned(),
        },
        Some("boolean") => "true or false".to_owned(),
        Some(name) => name.to_owned(),
        None => "any value".to_owned(),
    }
}

/// `TriggerDependency` as people write it.
fn title(name: &str) -> String {
    let mut title = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !title.is_empty() {
            title.push(' ');
            title.push(character.to_ascii_lowercase());
        } else {
            title.push(character);
        }
    }
    title
}
