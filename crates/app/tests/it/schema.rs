//! The JSON Schema is for editors: it must say what each key is for, and know no more than the format does.

use coracle_app::{reference, schema, spin_schema};
use expect_test::expect_file;
use serde_json::Value;

/// Calls `visit` for each property of each table in a schema.
fn properties(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    match schema {
        Value::Object(table) => {
            for (key, value) in table {
                if let (true, Some(properties)) = (key == "properties", value.as_object()) {
                    for (name, property) in properties {
                        visit(&format!("{path}/{name}"), property);
                    }
                }
                properties_in(value, &format!("{path}/{key}"), visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties_in(item, path, visit)),
        _ => {}
    }
}

fn properties_in(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    properties(schema, path, visit);
}

#[test]
fn every_key_says_what_it_is_for() {
    let mut undocumented = Vec::new();
    properties(&schema(), "", &mut |path, property| {
        let is_tag = property.get("const").is_some();
        if property.get("description").is_none() && !is_tag {
            undocumented.push(path.to_owned());
        }
    });
    assert_eq!(undocumented, Vec::<String>::new());
}

#[test]
fn nothing_may_be_null_since_toml_has_no_null() {
    assert!(!schema().to_string().contains("\"null\""));
    assert!(!schema().to_string().contains(":null"));
}

#[test]
fn the_schema_of_spin_toml_has_only_its_own_keys() {
    let spin = spin_schema();
    let mut names = Vec::new();
    properties(&spin, "", &mut |path, _| names.extend(path.rsplit('/').next().map(str::to_owned)));
    for own in ["limits", "instances", "capabilities", "strict_imports", "writable", "method", "blob_stores", "messaging"] {
        assert!(!names.iter().any(|name| name == own), "{own}");
    }
    assert!(names.iter().any(|name| name == "static_response"));
    let required: Vec<&str> = spin["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(required, ["spin_manifest_version", "application", "trigger"]);
}

#[test]
fn tables_are_closed_and_tools_are_open() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    let component = &schema["$defs"]["Component"];
    assert_eq!(component["additionalProperties"], false);
    assert_eq!(component["properties"]["tool"]["additionalProperties"], true);
    assert_eq!(schema["properties"]["trigger"]["properties"]["http"]["items"]["additionalProperties"], false);
}

#[test]
fn the_reference_page_is_up_to_date() {
    expect_file!["../../../../docs/manifest.md"].assert_eq(&reference());
}
