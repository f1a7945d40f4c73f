//! Tells the formats apart, and recognises files that are no manifest at all.

use crate::document::{At, Node, NodeValue, Problems};
use crate::model::Format;

const VERSION_KEY: &str = "spin_manifest_version";
const VERSION_KEY_OLD: &str = "spin_version";

/// What to say about text that is plainly some other kind of file.
pub(super) fn foreign(text: &str) -> Option<(&'static str, &'static str)> {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    if first.starts_with('{') {
        return Some(("this is JSON, not a manifest", "name a coracle.toml or spin.toml; `coracle schema` prints the format"));
    }
    let starts = |key: &str| text.lines().any(|line| line.starts_with(key));
    if starts("apiVersion:") && starts("kind:") {
        return Some(("this is a Kubernetes or wadm document, not a manifest", "describe the application in a coracle.toml"));
    }
    if first.starts_with("---") {
        return Some(("this is YAML, not a manifest", "describe the application in a coracle.toml"));
    }
    None
}

/// The format, by what the caller knows, the name of the file, and the version that the manifest gives.
pub(super) fn format(root: &Node, file: &str, asked: Option<Format>, problems: &mut Problems<'_>) -> Option<Format> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let coracle = match asked {
        Some(Format::Coracle) => true,
        Some(Format::SpinV1 | Format::SpinV2) => false,
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
