//! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it
//! anew after a change of the tables.

use crate::document::{Additional, Part, Shape, Type};

#[rustfmt::skip]
pub(super) static MANIFEST: Shape = Shape { types: &[Type::Table], required: &["apiVersion", "kind", "metadata", "spec"], additional: Additional::Closed, properties: &[
    ("apiVersion", Part { about: "`core.oam.dev/v1beta1`", own: false, shape: &STRING }),
    ("kind", Part { about: "`Application`", own: false, shape: &STRING }),
    ("metadata", Part { about: "What the application is called", own: false, shape: &METADATA }),
    ("spec", Part { about: "What it is made of", own: false, shape: &SPEC }),
], ..Shape::ANY };

#[rustfmt::skip]
static METADATA: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The application's name", own: false, shape: &STRING }),
    ("annotations", Part { about: "Its version and description, and what other tools want to know", own: false, shape: &STRING_TABLE }),
    ("labels", Part { about: "Words by which it is found", own: false, shape: &STRING_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static SPEC: Shape = Shape { types: &[Type::Table], required: &["components"], additional: Additional::Closed, properties: &[
    ("components", Part { about: "The components and providers", own: false, shape: &COMPONENT_ARRAY }),
    ("policies", Part { about: "Where secrets come from", own: false, shape: &POLICY_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT: Shape = Shape { types: &[Type::Table], required: &["name", "type", "properties"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("type", Part { about: "`component`, or `capability` for a provider", own: false, shape: &KIND }),
    ("properties", Part { about: "Where its code is, and its configuration", own: false, shape: &PROPERTIES }),
    ("traits", Part { about: "How many there are, and what they are linked to", own: false, shape: &TRAIT_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static KIND: Shape = Shape { types: &[Type::String], literals: &["component", "actor", "capability"], ..Shape::ANY };

#[rustfmt::skip]
static PROPERTIES: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("image", Part { about: "The code: `file://` and a path, or a reference into a registry", own: false, shape: &STRING }),
    ("application", Part { about: "A component of another application", own: false, shape: &SHARED }),
    ("id", Part { about: "Its id in the lattice", own: false, shape: &STRING }),
    ("config", Part { about: "Named configuration, merged in order", own: false, shape: &CONFIG_ARRAY }),
    ("secrets", Part { about: "Secrets that it may read", own: false, shape: &SECRET_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static SHARED: Shape = Shape { types: &[Type::Table], required: &["name", "component"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The application", own: false, shape: &STRING }),
    ("component", Part { about: "The component in it", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static CONFIG: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("properties", Part { about: "Its values; without them it is one that exists already", own: false, shape: &STRING_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static SECRET: Shape = Shape { types: &[Type::Table], required: &["name", "properties"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The name by which the component asks for it", own: false, shape: &STRING }),
    ("properties", Part { about: "Where it is", own: false, shape: &SECRET_SOURCE }),
], ..Shape::ANY };

#[rustfmt::skip]
static SECRET_SOURCE: Shape = Shape { types: &[Type::Table], required: &["policy", "key"], additional: Additional::Closed, properties: &[
    ("policy", Part { about: "The policy that knows the backend", own: false, shape: &STRING }),
    ("key", Part { about: "The key in the backend", own: false, shape: &STRING }),
    ("field", Part { about: "The field of what is under the key", own: false, shape: &STRING }),
    ("version", Part { about: "The version of it", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static TRAIT: Shape = Shape { variants: &[
    Part { about: "So many instances", own: false, shape: &Shape { types: &[Type::Table], required: &["type", "properties"], properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["spreadscaler"], ..Shape::ANY } }),
        ("properties", Part { about: "", own: false, shape: &SCALER }),
    ], ..Shape::ANY } },
    Part { about: "So many instances on each host", own: false, shape: &Shape { types: &[Type::Table], required: &["type", "properties"], properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["daemonscaler"], ..Shape::ANY } }),
        ("properties", Part { about: "", own: false, shape: &SCALER }),
    ], ..Shape::ANY } },
    Part { about: "A link", own: false, shape: &Shape { types: &[Type::Table], required: &["type", "properties"], properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["link"], ..Shape::ANY } }),
        ("properties", Part { about: "", own: false, shape: &LINK }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static SCALER: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("instances", Part { about: "Instances at the same time", own: false, shape: &INTEGER_FROM_0 }),
    ("replicas", Part { about: "The old name of `instances`", own: false, shape: &INTEGER_FROM_0 }),
    ("spread", Part { about: "On which hosts", own: false, shape: &SPREAD_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static SPREAD: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("requirements", Part { about: "Labels that the hosts have", own: false, shape: &STRING_TABLE }),
    ("weight", Part { about: "The share of instances", own: false, shape: &INTEGER }),
], ..Shape::ANY };

#[rustfmt::skip]
static LINK: Shape = Shape { types: &[Type::Table], required: &["namespace", "package", "interfaces", "target"], additional: Additional::Closed, properties: &[
    ("namespace", Part { about: "The namespace of the interfaces, such as `wasi`", own: false, shape: &STRING }),
    ("package", Part { about: "Their package, such as `keyvalue`", own: false, shape: &STRING }),
    ("interfaces", Part { about: "The interfaces, such as `store`", own: false, shape: &STRING_ARRAY }),
    ("name", Part { about: "The name of the link: `default` where there is none", own: false, shape: &STRING }),
    ("source", Part { about: "Configuration of this side", own: false, shape: &SIDE }),
    ("target", Part { about: "The other side", own: false, shape: &TARGET }),
    ("source_config", Part { about: "The old form of the configuration in `source`", own: false, shape: &CONFIG_ARRAY }),
    ("target_config", Part { about: "The old form of the configuration in `target`", own: false, shape: &CONFIG_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static SIDE: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("config", Part { about: "Named configuration", own: false, shape: &CONFIG_ARRAY }),
    ("secrets", Part { about: "Secrets", own: false, shape: &SECRET_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static TARGET: Shape = Shape { variants: &[
    Part { about: "Its name", own: false, shape: &STRING },
    Part { about: "Its name and configuration", own: false, shape: &TARGET_TABLE },
], ..Shape::ANY };

#[rustfmt::skip]
static TARGET_TABLE: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The component or provider", own: false, shape: &STRING }),
    ("config", Part { about: "Named configuration", own: false, shape: &CONFIG_ARRAY }),
    ("secrets", Part { about: "Secrets", own: false, shape: &SECRET_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static POLICY: Shape = Shape { types: &[Type::Table], required: &["name", "type"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "Its name", own: false, shape: &STRING }),
    ("type", Part { about: "What it decides", own: false, shape: &STRING }),
    ("properties", Part { about: "Its settings", own: false, shape: &STRING_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &COMPONENT }), ..Shape::ANY };

#[rustfmt::skip]
static CONFIG_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &CONFIG }), ..Shape::ANY };

#[rustfmt::skip]
static INTEGER: Shape = Shape { types: &[Type::Integer], ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_0: Shape = Shape { types: &[Type::Integer], integer_min: 0, ..Shape::ANY };

#[rustfmt::skip]
static POLICY_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &POLICY }), ..Shape::ANY };

#[rustfmt::skip]
static SECRET_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &SECRET }), ..Shape::ANY };

#[rustfmt::skip]
static SPREAD_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &SPREAD }), ..Shape::ANY };

#[rustfmt::skip]
static STRING: Shape = Shape { types: &[Type::String], ..Shape::ANY };

#[rustfmt::skip]
static STRING_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static STRING_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static TRAIT_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &TRAIT }), ..Shape::ANY };
