//! docs/capabilities.md: what a component may be granted, made from the list of capabilities alone.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use coracle_capabilities::ALL;
use coracle_engine::{Capability, Interface};

const INTRODUCTION: &str = "# Capabilities

What a component may be granted, the interfaces that answer it, and what an operator binds behind it. This page is made by `coracle
__reference capabilities` from the list of capabilities, and a test compares them; `coracle capabilities` says the same on a terminal.

A manifest names labels, never addresses. Which backend stands behind a label is said by the runtime configuration (`coracle up
--runtime-config-file FILE`), so that the same component runs on a laptop with nothing installed and in production on real servers. A
changed configuration is applied while the app is served. Without its grant an interface answers with the error that stands below under
“without a grant”, and nothing else changes for the component.

A component may import an interface several times under labels, `(import \"cache\" (implements \"wasi:keyvalue/store@0.2.0-draft\") …)`, where
the table says so. The import's label is then the label of the manifest, and all that the import reaches: here
`key_value_stores = [\"cache\"]`. Every other interface is imported under its own name.

A version such as 0.2.12 stands for every other 0.2.x, and “unversioned” for an import without a version.

";

/// The page.
pub(crate) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    // Writing to a `String` cannot fail.
    let _ = write(&mut page);
    page
}

/// The versions of an interface, for people.
pub(crate) fn versions(interface: &Interface) -> String {
    if interface.versions.is_empty() { "unversioned".to_owned() } else { interface.versions.join(", ") }
}

/// The keys under which a manifest grants `capability`.
pub(crate) fn keys(capability: &dyn Capability) -> BTreeSet<&'static str> {
    capability.interfaces().iter().filter_map(|interface| interface.granted_by).collect()
}

fn write(page: &mut String) -> fmt::Result {
    page.push_str("| capability | what it is | backends |\n|---|---|---|\n");
    for capability in ALL {
        let (name, about) = (capability.name(), capability.about());
        let backends = if about.backends.is_empty() { "–".to_owned() } else { listed(about.backends) };
        writeln!(page, "| [{name}](#{name}) | {} | {} |", cell(about.summary), cell(&backends))?;
    }
    ALL.iter().try_for_each(|capability| section(page, *capability))
}

fn section(page: &mut String, capability: &dyn Capability) -> fmt::Result {
    let about = capability.about();
    writeln!(page, "\n## {}\n\n{}\n", capability.name(), about.summary)?;
    let keys: Vec<_> = keys(capability).into_iter().collect();
    if keys.is_empty() {
        writeln!(page, "Nothing has to be granted.\n")?;
    } else {
        writeln!(page, "Key of its grant: {}. In a manifest:\n", listed(&keys))?;
    }
    writeln!(page, "```toml\n{}\n```\n", about.example.trim_end())?;
    if !about.denied.is_empty() {
        writeln!(page, "Without a grant: {}\n", sentence(about.denied))?;
    }
    let example = capability.example_app();
    writeln!(page, "An app that uses it: [examples/{example}](../examples/{example}).\n")?;
    page.push_str("| interface | versions | granted by |\n|---|---|---|\n");
    for interface in capability.interfaces() {
        let granted_by = interface.granted_by.map_or_else(|| "nothing: it is free".to_owned(), |key| format!("`{key}`"));
        let is_labelled = capability.labelled().iter().any(|labelled| labelled.name == interface.name);
        let label = if is_labelled { ", by label too" } else { "" };
        writeln!(page, "| `{}` | {} | {granted_by}{label} |", interface.name, versions(interface))?;
    }
    for table in capability.tables() {
        writeln!(page, "\n### `{}` in the runtime configuration\n\n{}\n", table.header, table.about)?;
        writeln!(page, "```toml\n{}\n```", table.example.trim_end())?;
    }
    if !about.backends.is_empty() && !capability.tables().is_empty() {
        writeln!(page, "\nValues of `type`: {}.", listed(about.backends))?;
    }
    let bounds = capability.bounds();
    if !bounds.is_empty() {
        page.push_str("\n| bound | at most |\n|---|---|\n");
        for bound in bounds {
            writeln!(page, "| {} | {} |", bound.what, bound.most)?;
        }
    }
    Ok(())
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// Text that cannot end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
