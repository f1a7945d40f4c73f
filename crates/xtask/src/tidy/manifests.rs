//! Every crate takes its lints and its dependencies from the workspace, so that a version or a rule is changed in one place.
//! Guests stand apart, and bring a lock file of their own.

use anyhow::{Context as _, Result};

use super::{Case, Finding};
use crate::source::{SourceFile, Tree};

pub(super) const CASE: Case =
    Case { name: "manifests", rule: "crates take lints and dependencies from the workspace; guests are locked", check };

/// The crate with unsafe code: what the workspace forbids it cannot allow, so it repeats the table with `deny`.
const UNSAFE_CRATE: &str = "crates/engine/Cargo.toml";

const DEPENDENCIES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for file in tree.files() {
        let Some(folder) = file.path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        let is_crate = folder.strip_prefix("crates/").is_some_and(|name| !name.contains('/'));
        if is_crate {
            found.extend(judge(file)?);
        } else if file.is_guest() && !tree.exists(&format!("{folder}/Cargo.lock")) {
            let message = "the guest has no Cargo.lock; run `cargo xtask guests` and commit the one it makes";
            found.push(Finding::new(&file.path, 0, message));
        }
    }
    Ok(found)
}

fn judge(file: &SourceFile) -> Result<Vec<Finding>> {
    let manifest: toml::Table = toml::from_str(&file.text).with_context(|| format!("could not read {}", file.path))?;
    let mut complaints = Vec::new();
    if let Some(complaint) = wrong_lints(file, &manifest) {
        complaints.push(complaint);
    }
    for section in DEPENDENCIES {
        let dependencies = manifest.get(*section).and_then(toml::Value::as_table);
        for (name, dependency) in dependencies.into_iter().flatten() {
            if !is_from_workspace(dependency) {
                complaints.push(format!(
                    "`{name}` has a version of its own; put it into the table of the root Cargo.toml and write \
                     `{name}.workspace = true` here"
                ));
            }
        }
    }
    Ok(complaints.into_iter().map(|message| Finding::new(&file.path, 0, message)).collect())
}

fn wrong_lints(file: &SourceFile, manifest: &toml::Table) -> Option<String> {
    let lints = manifest.get("lints");
    if lints.is_some_and(is_from_workspace) {
        return None;
    }
    if file.path != UNSAFE_CRATE {
        return Some("the workspace's lints do not hold here; add `[lints]` with `workspace = true`".to_owned());
    }
    let unsafe_code = lints.and_then(|lints| lints.get("rust")?.get("unsafe_code")?.as_str());
    (unsafe_code != Some("deny")).then(|| "set `unsafe_code = \"deny\"`, and allow it use by use".to_owned())
}

fn is_from_workspace(value: &toml::Value) -> bool {
    value.get("workspace").and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::lines_of;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn what_comes_from_the_workspace_passes() {
        let host = format!("{LINTS}[dependencies]\nbytes.workspace = true\n[dev-dependencies]\nx = {{ workspace = true }}");
        let files = [
            ("crates/host/Cargo.toml", host.as_str()),
            (UNSAFE_CRATE, "[lints.rust]\nunsafe_code = \"deny\"\n"),
            ("crates/testkit/guests/hello/Cargo.toml", "[dependencies]\nwasip2 = \"1\"\n"),
            ("crates/testkit/guests/hello/Cargo.lock", ""),
        ];
        assert_eq!(lines_of(&CASE, &files), [""; 0]);
    }

    #[test]
    fn lints_of_its_own_are_found() {
        let found = lines_of(&CASE, &[("crates/host/Cargo.toml", ""), (UNSAFE_CRATE, "")]);
        assert_eq!(
            found,
            [
                "crates/host/Cargo.toml:0: the workspace's lints do not hold here; add `[lints]` with `workspace = true`",
                "crates/engine/Cargo.toml:0: set `unsafe_code = \"deny\"`, and allow it use by use",
            ]
        );
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        let manifest = format!("{LINTS}[dependencies]\nbytes = \"1\"\n");
        let found = lines_of(&CASE, &[("crates/host/Cargo.toml", &manifest)]).concat();
        assert!(found.contains("`bytes` has a version of its own"), "{found}");
    }

    #[test]
    fn a_guest_without_a_lock_is_found() {
        let found = lines_of(&CASE, &[("crates/testkit/guests/hello/Cargo.toml", "")]).concat();
        assert!(found.contains("the guest has no Cargo.lock"), "{found}");
    }
}
