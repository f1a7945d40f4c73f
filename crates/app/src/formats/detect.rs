//! Tells the formats apart, and recognises files that are no manifest at all.

use crate::document::{At, Node, NodeValue, Problems};
use crate::model::Format;

const VERSION_KEY: &str = "spin_manifest_version";
const VERSION_KEY_OLD: &str = "spin_version";

/// The versions of wasmCloud's documents.
const WADM: &str = "core.oam.dev/v1beta1";
const WORKLOAD: &str = "runtime.wasmcloud.dev/v1alpha1";

/// What to say about text that is plainly some other kind of file.
pub(super) fn foreign(text: &str) -> Option<(&'static str, &'static str)> {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    if first.starts_with('{') {
        return Some(("this is JSON, not a manifest", "name a coracle.toml or spin.toml; `coracle schema` prints the format"));
    }
    if first.starts_with("---") {
        return Some(("this is YAML, not a manifest", "describe the application in a coracle.toml"));
    }
    None
}

/// Whether `text` says of itself what kind of document it is, as those of Kubernetes do and those that look like them.
pub(super) fn is_document(text: &str) -> bool {
    let starts = |key: &str| text.lines().any(|line| line.starts_with(key));
    starts("apiVersion:") && starts("kind:")
}

/// The format of such a document.
pub(super) fn document(root: &Node, problems: &mut Problems<'_>) -> Option<Format> {
    let said = |key: &str| root.get(key).and_then(Node::as_str).unwrap_or_default();
    let (version, kind) = (said("apiVersion"), said("kind"));
    match (version.split_once('/').map_or(version, |(group, _)| group), kind) {
        ("core.oam.dev", "Application") if version == WADM => Some(Format::Wadm),
        ("runtime.wasmcloud.dev", "WorkloadDeployment") if version == WORKLOAD => Some(Format::WorkloadDeployment),
        ("core.oam.dev", "Application") | ("runtime.wasmcloud.dev", "WorkloadDeployment") => {
            let start = root.get("apiVersion").map_or(0, |node| node.start);
            problems.error(start, format!("{kind} of the version `{version}` is not known"), format!("write `{WADM}` or `{WORKLOAD}`"));
            None
        }
        ("runtime.wasmcloud.dev", _) => {
            problems.error(0, format!("wasmCloud's `{kind}` is no application"), "name a WorkloadDeployment");
            None
        }
        _ => {
            let message = format!("this is a Kubernetes document of the kind `{kind}`, not a manifest");
            problems.error(0, message, "name a wadm Application, a WorkloadDeployment of wasmCloud, a coracle.toml or a spin.toml");
            None
        }
    }
}

/// The format, by what the caller knows, the name of the file, and the version that the manifest gives.
pub(super) fn format(root: &Node, file: &str, asked: Option<Format>, problems: &mut Problems<'_>) -> Option<Format> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let coracle = match asked {
        Some(Format::Coracle) => true,
        // A document of wasmCloud was told by its text, which this is not.
        Some(Format::SpinV1 | Format::SpinV2 | Format::Wadm | Format::WorkloadDeployment) => false,
        Some(Format::Bare) => return Some(Format::Bare),
        None => name == "coracle.toml" || name.ends_with(".coracle.toml"),
    };
    let version = root.entry(VERSION_KEY).or_else(|| root.entry(VERSION_KEY_OLD));
    let Some(version) = version else {
        if coracle {
            return Some(Format::Coracle);
        }
        missing_version(root, problems);
        return None;
    };
    let found = match &version.node.value {
        NodeValue::Integer(2) if version.name == VERSION_KEY => {
            return Some(if coracle { Format::Coracle } else { Format::SpinV2 });
        }
        NodeValue::String(text) if text == "1" && !coracle => return Some(Format::SpinV1),
        NodeValue::String(text) => format!("{text:?}"),
        NodeValue::Integer(number) => number.to_string(),
        _ => version.node.kind().to_owned(),
    };
    let remedy = match found.as_str() {
        "\"1\"" => "coracle.toml has version 2 only; convert the manifest first, or rename it to spin.toml",
        "\"2\"" => "write 2 without quotes",
        "1" => "write \"1\" with quotes, or convert the manifest to version 2",
        _ => "write `spin_manifest_version = 2`",
    };
    problems.error(At::entry(version).start, format!("invalid manifest version: {found}"), remedy);
    None
}

fn missing_version(root: &Node, problems: &mut Problems<'_>) {
    if (root.get("package").is_some() || root.get("workspace").is_some()) && root.get("application").is_none() {
        problems.error(0, "this is a Cargo manifest, not that of an application", "name the application's coracle.toml or spin.toml");
        return;
    }
    problems.error(
        0,
        format!("missing field `{VERSION_KEY}`"),
        format!("add `{VERSION_KEY} = 2` as the first line, or name the file coracle.toml"),
    );
}
