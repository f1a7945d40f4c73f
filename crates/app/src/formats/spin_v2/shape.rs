//! Generated from the JSON Schema of the tables by a test of this crate: `UPDATE_EXPECT=1 cargo test -p coracle-app --lib` writes it
//! anew after a change of the tables.

use crate::document::{Additional, Part, Shape, Type};

#[rustfmt::skip]
pub(super) static MANIFEST: Shape = Shape { types: &[Type::Table], required: &["application", "trigger"], additional: Additional::Closed, properties: &[
    ("spin_manifest_version", Part { about: "The version of the manifest's format: 2", own: false, shape: &INTEGER_FROM_2_TO_2 }),
    ("application", Part { about: "What the application is called and whose it is", own: false, shape: &APPLICATION }),
    ("variables", Part { about: "Values that an operator may set when the application starts", own: false, shape: &VARIABLE_TABLE }),
    ("trigger", Part { about: "What wakes the components: `[[trigger.http]]`, `[[trigger.redis]]` and so on", own: false, shape: &Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &TRIGGER_ARRAY }), properties: &[
        ("http", Part { about: "Calls components for HTTP requests", own: false, shape: &Shape { types: &[Type::Array], items: Some(Part { about: "`[[trigger.http]]` calls a component for HTTP requests", own: false, shape: &Shape { types: &[Type::Table], required: &["route"], additional: Additional::Closed, properties: &[
            ("id", Part { about: "A name for the trigger; made up from the component when absent", own: false, shape: &STRING }),
            ("component", Part { about: "The component to call: its id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT }),
            ("components", Part { about: "Further components, by a role that the kind of trigger defines", own: false, shape: &Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "One value or a list of them", own: false, shape: &Shape { variants: &[
                Part { about: "A component's id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT },
                Part { about: "", own: false, shape: &Shape { types: &[Type::Array], items: Some(Part { about: "A component's id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT }), ..Shape::ANY } },
            ], ..Shape::ANY } }), ..Shape::ANY } }),
            ("dependencies", Part { about: "Components that a call passes through, by role; `http` has the role `middleware`, outermost first", own: false, shape: &TRIGGER_DEPENDENCY_ARRAY_TABLE }),
            ("route", Part { about: "The path to answer, such as `\"/users/:id\"` or `\"/files/...\"`, or `{ private = true }` for a component that only other components call", own: false, shape: &ROUTE }),
            ("host", Part { about: "Answer requests for this host only, or for these; `\"*.example.com\"` stands for every name beneath it", own: true, shape: &STRING_OR_STRING_ARRAY }),
            ("method", Part { about: "Answer this method only, or these; `\"GET\"` answers `HEAD` too", own: true, shape: &STRING_OR_STRING_ARRAY }),
            ("static_response", Part { about: "A response to send instead of calling a component", own: false, shape: &STATIC_RESPONSE }),
            ("executor", Part { about: "How the component is called; as an HTTP component when absent", own: false, shape: &EXECUTOR }),
        ], ..Shape::ANY } }), ..Shape::ANY } }),
    ], ..Shape::ANY } }),
    ("component", Part { about: "The components, by their kebab-case id", own: false, shape: &COMPONENT_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static APPLICATION: Shape = Shape { types: &[Type::Table], required: &["name"], additional: Additional::Closed, properties: &[
    ("name", Part { about: "The application's name", own: false, shape: &STRING }),
    ("version", Part { about: "The application's version, best a semantic one such as `\"1.0.0\"`", own: false, shape: &STRING }),
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("authors", Part { about: "The authors, such as `[\"Ada <ada@example.com>\"]`", own: false, shape: &STRING_ARRAY }),
    ("targets", Part { about: "Deployment environments that every component must fit", own: false, shape: &TARGET_ARRAY }),
    ("trigger", Part { about: "Settings that all triggers of one kind share, such as `[application.trigger.redis]`", own: false, shape: &ANY_TABLE_TABLE }),
    ("tool", Part { about: "Settings of other tools; ignored", own: false, shape: &ANY_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static TARGET: Shape = Shape { variants: &[
    Part { about: "A name of the catalogue, such as `spin-up:3.2`", own: false, shape: &STRING },
    Part { about: "A definition to download", own: false, shape: &Shape { types: &[Type::Table], required: &["url"], additional: Additional::Closed, properties: &[
        ("url", Part { about: "Where to fetch it", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
    Part { about: "A definition in a file", own: false, shape: &Shape { types: &[Type::Table], required: &["path"], additional: Additional::Closed, properties: &[
        ("path", Part { about: "The file, relative to the manifest", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static VARIABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("default", Part { about: "The value when nobody sets one", own: false, shape: &STRING }),
    ("required", Part { about: "Whether the application must not start without a value", own: false, shape: &BOOLEAN }),
    ("secret", Part { about: "Whether the value must never appear in logs", own: false, shape: &BOOLEAN }),
], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT: Shape = Shape { types: &[Type::Table], required: &["source"], additional: Additional::Closed, properties: &[
    ("source", Part { about: "Where the code is: a path, a URL with its digest, or a package of a registry", own: false, shape: &SOURCE }),
    ("description", Part { about: "A description for people", own: false, shape: &STRING }),
    ("variables", Part { about: "Variables that the component can read; a value may use application variables, as in `\"{{ name }}\"`", own: false, shape: &STRING_TABLE }),
    ("environment", Part { about: "Environment variables of the component", own: false, shape: &STRING_TABLE }),
    ("files", Part { about: "Files that the component may read: a path or glob, or a source and where it appears", own: false, shape: &FILE_ARRAY }),
    ("exclude_files", Part { about: "Globs of files to leave out of `files`", own: false, shape: &STRING_ARRAY }),
    ("allowed_http_hosts", Part { about: "The old form of `allowed_outbound_hosts`; use that one", own: false, shape: &STRING_ARRAY }),
    ("allowed_outbound_hosts", Part { about: "Where the component may connect to, such as `\"https://example.com\"` or `\"postgres://db:5432\"`", own: false, shape: &STRING_ARRAY }),
    ("key_value_stores", Part { about: "Labels of the key-value stores that it may open", own: false, shape: &STRING_ARRAY }),
    ("sqlite_databases", Part { about: "Labels of the SQLite databases that it may open", own: false, shape: &STRING_ARRAY }),
    ("blob_stores", Part { about: "Labels of the blob stores that it may use", own: true, shape: &STRING_ARRAY }),
    ("messaging", Part { about: "Labels of the brokers that it may send messages to, and to which subjects", own: true, shape: &MESSAGING }),
    ("ai_models", Part { about: "Language models that it may use", own: false, shape: &STRING_ARRAY }),
    ("targets", Part { about: "Deployment environments that it must fit, instead of those of the application", own: false, shape: &TARGET_ARRAY }),
    ("build", Part { about: "How the code is built", own: false, shape: &BUILD }),
    ("tool", Part { about: "Settings of other tools; ignored", own: false, shape: &ANY_TABLE }),
    ("dependencies_inherit_configuration", Part { about: "Whether every dependency may use all that this component may; not beside `inherit_configuration`", own: false, shape: &BOOLEAN }),
    ("dependencies", Part { about: "Components to plug into this one's imports, by the name of the import", own: false, shape: &DEPENDENCY_TABLE }),
    ("profile", Part { about: "Changes that `--profile <name>` makes", own: false, shape: &PROFILE_TABLE }),
    ("capabilities", Part { about: "Further capabilities, by name, each with its own settings; `coracle capabilities` lists them", own: true, shape: &ANY_TABLE }),
    ("limits", Part { about: "Limits that differ from the host's defaults", own: true, shape: &LIMITS }),
    ("instances", Part { about: "When an instance is made and how long it lives", own: true, shape: &INSTANCES }),
    ("strict_imports", Part { about: "Refuse to load the component when it imports something that it was not granted", own: true, shape: &BOOLEAN }),
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
static MESSAGING: Shape = Shape { variants: &[
    Part { about: "Labels, with all of their subjects; a message goes to the first", own: false, shape: &STRING_ARRAY },
    Part { about: "Labels with patterns of subjects, such as `{ default = [\"orders.>\"] }`; a message goes to the first label by name that has its subject", own: false, shape: &STRING_ARRAY_TABLE },
], ..Shape::ANY };

#[rustfmt::skip]
static BUILD: Shape = Shape { types: &[Type::Table], required: &["command"], additional: Additional::Closed, properties: &[
    ("command", Part { about: "The shell command, or several that run in order until one fails", own: false, shape: &STRING_OR_STRING_ARRAY }),
    ("workdir", Part { about: "Where it runs, relative to the manifest", own: false, shape: &STRING }),
    ("watch", Part { about: "Globs of the sources, relative to `workdir`; a change rebuilds under `coracle watch`", own: false, shape: &STRING_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static DEPENDENCY: Shape = Shape { variants: &[
    Part { about: "Versions of the package that the name gives, from the default registry", own: false, shape: &STRING },
    Part { about: "A package of a registry", own: false, shape: &Shape { types: &[Type::Table], required: &["version"], additional: Additional::Closed, properties: &[
        ("version", Part { about: "The versions that will do, such as `\"^1.2\"`", own: false, shape: &STRING }),
        ("registry", Part { about: "The registry; the configured default when absent", own: false, shape: &STRING }),
        ("package", Part { about: "The package; the one of the dependency's name when absent", own: false, shape: &STRING }),
        ("export", Part { about: "The export to plug in; the one named like the import when absent", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of this component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "A file", own: false, shape: &Shape { types: &[Type::Table], required: &["path"], additional: Additional::Closed, properties: &[
        ("path", Part { about: "The file, relative to the manifest", own: false, shape: &STRING }),
        ("export", Part { about: "The export to plug in; the one named like the import when absent", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of this component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "A download", own: false, shape: &Shape { types: &[Type::Table], required: &["url", "digest"], additional: Additional::Closed, properties: &[
        ("url", Part { about: "Where to fetch it", own: false, shape: &STRING }),
        ("digest", Part { about: "`sha256:` and the digest that it must have", own: false, shape: &STRING }),
        ("export", Part { about: "The export to plug in; the one named like the import when absent", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of this component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "Another component of the application, which must have no permissions of its own", own: false, shape: &Shape { types: &[Type::Table], required: &["component"], additional: Additional::Closed, properties: &[
        ("component", Part { about: "Its id", own: false, shape: &STRING }),
        ("export", Part { about: "The export to plug in; the one named like the import when absent", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of this component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static INHERIT: Shape = Shape { variants: &[
    Part { about: "Everything or nothing", own: false, shape: &BOOLEAN },
    Part { about: "The named ones", own: false, shape: &STRING_ARRAY },
], ..Shape::ANY };

#[rustfmt::skip]
static PROFILE: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("source", Part { about: "Replaces the component's source", own: false, shape: &SOURCE }),
    ("environment", Part { about: "Added to the component's environment", own: false, shape: &STRING_TABLE }),
    ("dependencies", Part { about: "Added to the component's dependencies; the same name replaces", own: false, shape: &DEPENDENCY_TABLE }),
    ("build", Part { about: "Replaces the component's build command", own: false, shape: &PROFILE_BUILD }),
], ..Shape::ANY };

#[rustfmt::skip]
static PROFILE_BUILD: Shape = Shape { types: &[Type::Table], required: &["command"], additional: Additional::Closed, properties: &[
    ("command", Part { about: "The shell command, or several that run in order until one fails", own: false, shape: &STRING_OR_STRING_ARRAY }),
], ..Shape::ANY };

#[rustfmt::skip]
static LIMITS: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("memory", Part { about: "Linear memory of an instance, 64KiB to 4GiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("cpu", Part { about: "Time on the CPU of one call, 1ms to 1h", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("wall", Part { about: "Time from the start of one call to its end, 1ms to 24h", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("concurrency", Part { about: "Calls that run at the same time, 1 to 100000", own: false, shape: &INTEGER }),
    ("queue", Part { about: "Calls that wait for their turn before further ones are refused, up to 1000000; 0 refuses at once", own: false, shape: &INTEGER }),
    ("queue_wait", Part { about: "Time that a call waits for its turn, up to 1h", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("request_body", Part { about: "Body of one request, up to 1024GiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("response_header", Part { about: "All headers of one response, 1KiB to 1MiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("table_elements", Part { about: "Elements in all tables of an instance, up to 100000", own: false, shape: &INTEGER }),
    ("instances", Part { about: "Core instances within an instance, and likewise memories and tables, 1 to 10000", own: false, shape: &INTEGER }),
    ("handles", Part { about: "Resource handles open at the same time, 1 to 1000000", own: false, shape: &INTEGER }),
    ("random", Part { about: "Random bytes handed out in one call, up to 1GiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("hostcall", Part { about: "Data that one host call may move, 1KiB to 4GiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
    ("outbound_calls", Part { about: "Outgoing requests of one call, up to 1000000", own: false, shape: &INTEGER }),
    ("outbound_concurrency", Part { about: "Outgoing requests of one call at the same time, 1 to 10000", own: false, shape: &INTEGER }),
    ("log", Part { about: "Output written to stdout and stderr in one call, up to 1GiB", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static INSTANCES: Shape = Shape { types: &[Type::Table], required: &["policy"], additional: Additional::Closed, properties: &[
    ("policy", Part { about: "`fresh` makes a new instance for each call, so that nothing of one call reaches another; `reuse` lets one instance serve several calls, and the guest keeps its memory between them", own: false, shape: &INSTANCE_POLICY }),
    ("requests_max", Part { about: "With `reuse`: calls after which an instance is dropped; 128 when absent", own: false, shape: &INTEGER }),
    ("concurrent_max", Part { about: "With `reuse`: calls that an instance serves at the same time; 1 when absent, and this version serves no more", own: false, shape: &INTEGER }),
    ("idle", Part { about: "With `reuse`: time without a call after which an instance is dropped, such as `\"10s\"`, which is the default", own: false, shape: &INTEGER_FROM_0_OR_STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static INSTANCE_POLICY: Shape = Shape { types: &[Type::String], literals: &["fresh", "reuse"], ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER_DEPENDENCY: Shape = Shape { variants: &[
    Part { about: "A package of a registry", own: false, shape: &Shape { types: &[Type::Table], required: &["version", "package"], additional: Additional::Closed, properties: &[
        ("version", Part { about: "The versions that will do, such as `\"^1.2\"`", own: false, shape: &STRING }),
        ("registry", Part { about: "The registry; the configured default when absent", own: false, shape: &STRING }),
        ("package", Part { about: "The package, `namespace:name`", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of the called component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "A file", own: false, shape: &Shape { types: &[Type::Table], required: &["path"], additional: Additional::Closed, properties: &[
        ("path", Part { about: "The file, relative to the manifest", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of the called component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "A download", own: false, shape: &Shape { types: &[Type::Table], required: &["url", "digest"], additional: Additional::Closed, properties: &[
        ("url", Part { about: "Where to fetch it", own: false, shape: &STRING }),
        ("digest", Part { about: "`sha256:` and the digest that it must have", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of the called component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
    Part { about: "Another component of the application, which must have no permissions of its own", own: false, shape: &Shape { types: &[Type::Table], required: &["component"], additional: Additional::Closed, properties: &[
        ("component", Part { about: "Its id", own: false, shape: &STRING }),
        ("inherit_configuration", Part { about: "What it may use of the called component's permissions: true, false or a list", own: false, shape: &INHERIT }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static ROUTE: Shape = Shape { variants: &[
    Part { about: "A path", own: false, shape: &STRING },
    Part { about: "No path: reachable by other components only", own: false, shape: &Shape { types: &[Type::Table], required: &["private"], additional: Additional::Closed, properties: &[
        ("private", Part { about: "Must be true", own: false, shape: &BOOLEAN }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static STATIC_RESPONSE: Shape = Shape { types: &[Type::Table], additional: Additional::Closed, properties: &[
    ("status_code", Part { about: "The status; 200 when absent", own: false, shape: &INTEGER_FROM_200_TO_599 }),
    ("headers", Part { about: "The headers", own: false, shape: &STRING_TABLE }),
    ("body", Part { about: "The body; empty when absent", own: false, shape: &STRING }),
], ..Shape::ANY };

#[rustfmt::skip]
static EXECUTOR: Shape = Shape { variants: &[
    Part { about: "As an HTTP component", own: false, shape: &Shape { types: &[Type::Table], required: &["type"], additional: Additional::Closed, properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["http"], ..Shape::ANY } }),
    ], ..Shape::ANY } },
    Part { about: "The old name of `http`", own: false, shape: &Shape { types: &[Type::Table], required: &["type"], additional: Additional::Closed, properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["spin"], ..Shape::ANY } }),
    ], ..Shape::ANY } },
    Part { about: "As a CGI program", own: false, shape: &Shape { types: &[Type::Table], required: &["type"], additional: Additional::Closed, properties: &[
        ("type", Part { about: "", own: false, shape: &Shape { types: &[Type::String], literals: &["wagi"], ..Shape::ANY } }),
        ("argv", Part { about: "The command line; `\"${SCRIPT_NAME} ${ARGS}\"` when absent", own: false, shape: &STRING }),
        ("entrypoint", Part { about: "The entry point, `\"_start\"`", own: false, shape: &STRING }),
    ], ..Shape::ANY } },
], ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER: Shape = Shape { types: &[Type::Table], properties: &[
    ("id", Part { about: "A name for the trigger; made up from the component when absent", own: false, shape: &STRING }),
    ("component", Part { about: "The component to call: its id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT }),
    ("components", Part { about: "Further components, by a role that the kind of trigger defines", own: false, shape: &Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "One value or a list of them", own: false, shape: &Shape { variants: &[
        Part { about: "A component's id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT },
        Part { about: "", own: false, shape: &Shape { types: &[Type::Array], items: Some(Part { about: "A component's id, or its table written in place", own: false, shape: &STRING_OR_COMPONENT }), ..Shape::ANY } },
    ], ..Shape::ANY } }), ..Shape::ANY } }),
    ("dependencies", Part { about: "Components that a call passes through, by role; `http` has the role `middleware`, outermost first", own: false, shape: &TRIGGER_DEPENDENCY_ARRAY_TABLE }),
], ..Shape::ANY };

#[rustfmt::skip]
static ANY_TABLE: Shape = Shape { types: &[Type::Table], ..Shape::ANY };

#[rustfmt::skip]
static ANY_TABLE_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &ANY_TABLE }), ..Shape::ANY };

#[rustfmt::skip]
static BOOLEAN: Shape = Shape { types: &[Type::Boolean], ..Shape::ANY };

#[rustfmt::skip]
static COMPONENT_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &COMPONENT }), ..Shape::ANY };

#[rustfmt::skip]
static DEPENDENCY_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &DEPENDENCY }), ..Shape::ANY };

#[rustfmt::skip]
static FILE_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &FILE }), ..Shape::ANY };

#[rustfmt::skip]
static INTEGER: Shape = Shape { types: &[Type::Integer], ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_0: Shape = Shape { types: &[Type::Integer], integer_min: 0, ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_0_OR_STRING: Shape = Shape { variants: &[
    Part { about: "", own: false, shape: &INTEGER_FROM_0 },
    Part { about: "", own: false, shape: &STRING },
], ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_200_TO_599: Shape = Shape { types: &[Type::Integer], integer_min: 200, integer_max: 599, ..Shape::ANY };

#[rustfmt::skip]
static INTEGER_FROM_2_TO_2: Shape = Shape { types: &[Type::Integer], integer_min: 2, integer_max: 2, ..Shape::ANY };

#[rustfmt::skip]
static PROFILE_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &PROFILE }), ..Shape::ANY };

#[rustfmt::skip]
static STRING: Shape = Shape { types: &[Type::String], ..Shape::ANY };

#[rustfmt::skip]
static STRING_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static STRING_ARRAY_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING_ARRAY }), ..Shape::ANY };

#[rustfmt::skip]
static STRING_OR_COMPONENT: Shape = Shape { variants: &[
    Part { about: "", own: false, shape: &STRING },
    Part { about: "", own: false, shape: &COMPONENT },
], ..Shape::ANY };

#[rustfmt::skip]
static STRING_OR_STRING_ARRAY: Shape = Shape { variants: &[
    Part { about: "", own: false, shape: &STRING },
    Part { about: "", own: false, shape: &STRING_ARRAY },
], ..Shape::ANY };

#[rustfmt::skip]
static STRING_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &STRING }), ..Shape::ANY };

#[rustfmt::skip]
static TARGET_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &TARGET }), ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &TRIGGER }), ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER_DEPENDENCY_ARRAY: Shape = Shape { types: &[Type::Array], items: Some(Part { about: "", own: false, shape: &TRIGGER_DEPENDENCY }), ..Shape::ANY };

#[rustfmt::skip]
static TRIGGER_DEPENDENCY_ARRAY_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &TRIGGER_DEPENDENCY_ARRAY }), ..Shape::ANY };

#[rustfmt::skip]
static VARIABLE_TABLE: Shape = Shape { types: &[Type::Table], additional: Additional::Each(Part { about: "", own: false, shape: &VARIABLE }), ..Shape::ANY };
