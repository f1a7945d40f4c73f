//! A Wasm file without a manifest: an application of one component that is granted nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::ManifestFormat;
use crate::model::{App, Component, ComponentId, Format, InstancePolicy, LimitOverrides, Source, Trigger};
use crate::problem::Places;

/// A Wasm file named on the command line; a manifest cannot be read as one.
pub(super) const FORMAT: ManifestFormat = ManifestFormat {
    format: Format::Bare,
    load: |_, _, problems| {
        problems.error(0, "a bare component has no manifest", "leave the format open to read this file");
        None
    },
};

/// What a bare component is for; the caller knows from its exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareWorld {
    /// It answers HTTP requests, on every path.
    Http,
    /// It is a program that runs once.
    Command,
}

/// The application that a file named `name` makes up. The source is the name as given; where the file is, is up to the
/// caller.
#[must_use]
pub fn bare(name: &str, world: BareWorld) -> App {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.strip_suffix(".wasm").or_else(|| file.strip_suffix(".wat")).unwrap_or(file);
    let id = ComponentId::coerce(stem);
    let (kind, config) = match world {
        BareWorld::Http => ("http", json!({ "route": "/..." })),
        BareWorld::Command => ("command", json!({})),
    };
    App {
        name: id.to_string(),
        version: String::new(),
        description: String::new(),
        authors: Vec::new(),
        format: Format::Bare,
        variables: BTreeMap::new(),
        components: vec![Component {
            id: id.clone(),
            description: String::new(),
            source: Source::Path(name.to_owned()),
            grants: BTreeMap::new(),
            files: Vec::new(),
            exclude_files: Vec::new(),
            build: None,
            dependencies: Vec::new(),
            inherit_all: false,
            limits: LimitOverrides::default(),
            instances: InstancePolicy::Fresh,
            strict_imports: false,
            targets: None,
            profiles: BTreeMap::new(),
            places: Places::default(),
        }],
        triggers: vec![Trigger {
            id: format!("{id}-{kind}-trigger"),
            kind: kind.to_owned(),
            component: Some(id),
            components: BTreeMap::new(),
            middleware: Vec::new(),
            config,
            places: Places::default(),
        }],
        trigger_settings: BTreeMap::new(),
        targets: Vec::new(),
        warnings: Vec::new(),
    }
}
