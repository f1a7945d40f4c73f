//! `spin.toml` version 1: checked against its own schema, then rewritten into the tree of version 2.

pub(crate) mod allowed_http_hosts;
mod convert;
mod tables;

use std::sync::LazyLock;

use serde_json::Value;

use super::{ManifestFormat, spin_v2};
use crate::document::{Node, OwnKeys, Problems, check};
use crate::model::{App, Format};

/// `spin.toml` version 1.
pub(super) const FORMAT: ManifestFormat = ManifestFormat { format: Format::SpinV1, load };

/// Reads a manifest of version 1; `None` when it has an error in its structure.
fn load(root: Node, profile: Option<&str>, problems: &mut Problems<'_>) -> Option<App> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(spin_v2::schema::generate::<tables::ManifestV1>);
    check(&SCHEMA, &root, OwnKeys::Refused, problems);
    if problems.has_errors() {
        return None;
    }
    let root = convert::to_v2(root, problems);
    spin_v2::load(root, Format::SpinV1, profile, problems)
}
