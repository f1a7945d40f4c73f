//! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it
//! anew after a change of the tables.

use crate::document::{Additional, Part, Shape, Type};

#[rustfmt::skip]
pub(super) static MANIFEST: Shape = Shape { types: &[Type::Table], required: &["name", "trigger"], additional: Additional::Closed, properties: &[
    ("spin_manifest_version", Part { about: "The version of the manifest's format, `\"1\"`", own: false, shape: &STRING }),
    ("spin_version", Part { about: "The old name of `spin_manifest_version`", own: false, shape: &STRING }),
    ("name", Part { about: "The application's name", own: false, shape: &STRING }),
    ("version", Part { about: "The application's version", own: false, shape: &STRING }),
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("authors", Part { about: "The authors", own: false, shape: &STRING_ARRAY }),
    ("trigger", Part { about: "The one kind of trigger that the application has, and its settings", own: false, shape: &TRIGGER_V1 }),
    ("variables", Part { about: "Values that an operator may set when the application starts", own: false, shape: &VARIABLE_TABLE }),
    ("component", Part { about: "The components", own: false, shape: &COMPONENT_V1_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER_V1: Shape = Shape { types: &[Type::Table], required: &["type"], properties: &[
    ("type", Part { about: "The kind, such as `\"http\"`", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static VARIABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("default", Part { about: "The value when nobody sets one", own: false, shape: &STRING }),
    ("required", Part { about: "Whether the application must not start without a value", own: false, shape: &BOOLEAN }),
    ("secret", Part { about: "Whether the value must never appear in logs", own: false, shape: &BOOLEAN }),
], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT_V1: Shape = Shape { types: &[Type::Table], required: &["id", "source", "trigger"], additional: Additional::Closed, properties: &[
    ("id", Part { about: "Its id", own: false, shape: &STRING }),
    ("source", Part { about: "Where the code is: a path, or a URL with its digest", own: false, shape: &SOURCE }),
    ("trigger", Part { about: "What wakes it", own: false, shape: &ANY_TABLE }),
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("config", Part { about: "Variables that the component can read", own: false, shape: &STRING_TABLE }),
    ("environment", Part { about: "Environment variables of the component", own: false, shape: &STRING_TABLE }),
    ("files", Part { about: "Files that the component may read", own: false, shape: &FILE_ARRAY }),
    ("exclude_files", Part { about: "Globs of files to leave out of `files`", own: false, shape: &STRING_ARRAY }),
    ("allowed_http_hosts", Part { about: "Hosts that it may call over HTTP", own: false, shape: &STRING_ARRAY }),
    ("allowed_outbound_hosts", Part { about: "Where it may connect to; when absent, all databases", own: false, shape: &STRING_ARRAY }),
    ("key_value_stores", Part { about: "Labels of the key-value stores that it may open", own: false, shape: &STRING_ARRAY }),
    ("sqlite_databases", Part { about: "Labels of the SQLite databases that it may open", own: false, shape: &STRING_ARRAY }),
    ("ai_models", Part { about: "Language models that it may use", own: false, shape: &STRING_ARRAY }),
    ("build", Part { about: "How the code is built", own: false, shape: &BUILD }),
], ..Shape::ANY };

#[rustfmt::skip]
static SOURCE: Shape = Shape { variants: &[
    Part { about: "A file, relative to the manifest", own: false, shape: &STRING },
    Part { about: "A download", own: false, shape: &Shape { types: &[Type::Table], required: &["url", "digest"], additional: Additional::Closed, properties: &[
        ("url", Part { about: "Where to fetch it", own: false, shape: &STRING }),
        ("digest", Part { about: "`sha256:` and the digest that it must have", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
    Part { about: "A package of a registry", own: false, shape: &Shape { types: &[Type::Table], required: &["package", "version"], additional: Additional::Closed, properties: &[
        ("registry", Part { about: "The registry; the configured default when absent", own: false, shape: &STRING }),
        ("package", Part { about: "The package, `namespace:name`", own: false, shape: &STRING }),
        ("version", Part { about: "The exact version", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
    Part { about: "The same code as another component of the application", own: true, shape: &Shape { types: &[Type::Table], required: &["component"], additional: Additional::Closed, properties: &[
        ("component", Part { about: "The other component's id", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static FILE: Shape = Shape { variants: &[
    Part { about: "A path or glob, relative to the manifest", own: false, shape: &STRING },
    Part { about: "A file or directory that appears somewhere else in the guest", own: false, shape: &Shape { types: &[Type::Table], required: &["source", "destination"], additional: Additional::Closed, properties: &[
        ("source", Part { about: "The path, relative to the manifest", own: false, shape: &STRING }),
        ("destination", Part { about: "The absolute path in the guest", own: false, shape: &STRING }),
        ("writable", Part { about: "Whether the guest may change the files", own: true, shape: &BOOLEAN }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static BUILD: Shape = Shape { types: &[Type::Table], required: &["command"], additional: Additional::Closed, properties: &[
    ("command", Part { about: "The shell command, or several that run in order until one fails", own: false, shape: &STRING_OR_STRING_ARRAY }),
    ("workdir", Part { about: "Where it runs, relative to the manifest", own: false, shape: &STRING }),
    ("watch", Part { about: "Globs of the sources, relative to `workdir`; a change rebuilds under `coracle watch`", own: false, shape: &STRING_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static ANY_TABLE: Shape = Shape { types: &[Type::Table], ..Shape::ANY };

#[rustfmt::skip]
static BOOLEAN: Shape = Shape { types: &[Type::Boolean], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT_V1_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &COMPONENT_V1 }), ..Shape::ANY };

#[rustfmt::skip]
static FILE_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &FILE }), ..Shape::ANY };

#[rustfmt::skip]
static STRING: Shape = Shape { types: &[Type::String], ..Shape::ANY };

#[rustfmt::skip]
static STRING_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static STRING_OR_STRING_ARRAY: Shape = Shape { variants: &[
    Part { about: "", own: false, shape: &STRING },
    Part { about: "", own: false, shape: &STRING_ARRAY },
], ..Shape::ANY };

#[rustfmt::skip]
static STRING_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static VARIABLE_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &VARIABLE }), ..Shape::ANY };
