//! The manifest formats, a folder each, and how one is told from another.

mod bare;
mod coracle;
mod detect;
mod one_or_many;
mod spin_v1;
mod spin_v2;
mod wadm;
mod wasmcloud;
mod workload_deployment;

pub use bare::{BareWorld, bare};
pub(crate) use one_or_many::OneOrMany;

use serde_json::Value;

use crate::document::{self, Node, Problems};
use crate::model::{App, Format};
use crate::problem::Errors;

/// A manifest format: how its tree becomes an application, once `detect` has told it from the others.
struct ManifestFormat {
    format: Format,
    load: fn(Node, Option<&str>, &mut Problems<'_>) -> Option<App>,
}

/// Every format, a folder each.
const ALL: &[ManifestFormat] =
    &[coracle::FORMAT, spin_v2::FORMAT, spin_v1::FORMAT, wadm::FORMAT, workload_deployment::FORMAT, bare::FORMAT];

/// A longer manifest is refused unread.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// Reads a manifest and checks all that can be known without touching files or the network.
///
/// `file` is shown in errors and tells the format when `format` is `None`: `coracle.toml` and `*.coracle.toml` may
/// have Coracle's own keys, every other name is read as `spin.toml`. A YAML document of wasmCloud is told by what it says itself. `profile`
/// chooses a build profile.
///
/// # Errors
/// Everything that is wrong with the manifest, not just the first thing.
pub fn load(text: &str, file: &str, format: Option<Format>, profile: Option<&str>) -> Result<App, Errors> {
    let mut problems = Problems::new(text, file);
    let app = read(text, file, format, profile, &mut problems);
    match app {
        Some(app) if !problems.has_errors() => Ok(App { warnings: problems.into_warnings(), ..app }),
        _ => Err(problems.into_errors()),
    }
}

/// The JSON Schema of `coracle.toml`, for editors and for tools that generate manifests.
#[must_use]
pub fn schema() -> Value {
    spin_v2::schema::manifest()
}

/// The JSON Schema of `spin.toml` version 2.
#[must_use]
pub fn spin_schema() -> Value {
    spin_v2::schema::spin_manifest()
}

fn read(text: &str, file: &str, format: Option<Format>, profile: Option<&str>, problems: &mut Problems<'_>) -> Option<App> {
    if text.len() > MANIFEST_BYTES_MAX {
        problems.error(
            0,
            format!("the manifest has {} bytes; at most {MANIFEST_BYTES_MAX} are read", text.len()),
            "split the application, or move data out of the manifest into files",
        );
        return None;
    }
    let (root, format) = if detect::is_document(text) {
        let root = document::parse_yaml(text, problems)?;
        let format = detect::document(&root, problems)?;
        (root, format)
    } else {
        if let Some((message, remedy)) = detect::foreign(text) {
            problems.error(0, message, remedy);
            return None;
        }
        let root = document::parse(text, problems)?;
        let format = detect::format(&root, file, format, problems)?;
        (root, format)
    };
    let found = ALL.iter().find(|candidate| candidate.format == format)?;
    (found.load)(root, profile, problems)
}
