//! Dependencies between our crates point down the table of ARCHITECTURE.md, and what a crate must not know it does not link.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use super::{Case, Finding, house};
use crate::shell::capture;
use crate::source::Tree;

pub(super) const CASE: Case = Case { name: "layers", rule: "a crate uses lower layers only, as the table says", check };

/// What a crate must not know of: directly, or through anything that it links.
struct Ban {
    crates: &'static [&'static str],
    of: &'static [&'static str],
    linked: Linked,
    reason: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Linked {
    Directly,
    AtAll,
}

const BANS: &[Ban] = &[
    Ban {
        crates: &["base", "app", "api", "control", "operator"],
        of: &["wasmtime", "wasmtime-wasi", "wasmtime-wasi-http"],
        linked: Linked::AtAll,
        reason: "a manifest can be checked anywhere; what runs code belongs in `engine` or above",
    },
    Ban {
        crates: &["engine"],
        of: &["hyper", "http", "h2", "wasmtime-wasi", "wasmtime-wasi-http", "socket2", "rusqlite", "reqwest"],
        linked: Linked::Directly,
        reason: "the engine knows no HTTP, file or socket; what a guest may ask of its host is a capability",
    },
    Ban {
        crates: &["app"],
        of: &["tokio", "hyper", "reqwest", "rusqlite"],
        linked: Linked::Directly,
        reason: "the application is pure data; whoever needs a file or a socket reads it and passes text",
    },
];

fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let version = capture(std::process::Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let metadata = MetadataCommand::new()
        .manifest_path(tree.root().join("Cargo.toml"))
        // Only what this machine builds, so that nothing has to be downloaded to read it.
        .other_options(["--locked".to_owned(), "--filter-platform".to_owned(), host.to_owned()])
        .exec()
        .context("`cargo metadata` failed; Cargo.lock may lag behind a Cargo.toml, which `cargo check` brings up to date")?;
    Ok(judge(&crates(&metadata)?))
}

/// One of our crates and what it uses.
#[derive(Debug, Default)]
struct Crate {
    /// Its folder below `crates/`.
    folder: String,
    package: String,
    /// Other crates of ours that it names, and whether for its tests only.
    ours: Vec<(String, bool)>,
    /// Names of the packages that it names, besides those for its tests.
    direct: BTreeSet<String>,
    /// Names of all the packages that it links.
    linked: BTreeSet<String>,
}

fn crates(metadata: &Metadata) -> Result<Vec<Crate>> {
    let names: BTreeMap<&PackageId, &str> = metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let folders: BTreeMap<&str, String> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let folder = package.manifest_path.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
            (package.name.as_str(), folder.to_owned())
        })
        .collect();
    let edges = edges(metadata)?;
    let mut crates = Vec::new();
    for package in metadata.workspace_packages() {
        let mut ours = Vec::new();
        let mut direct = BTreeSet::new();
        for dependency in &package.dependencies {
            let for_tests = dependency.kind == DependencyKind::Development;
            match folders.get(dependency.name.as_str()) {
                Some(folder) => ours.push((folder.clone(), for_tests)),
                None if for_tests => {}
                None => {
                    direct.insert(dependency.name.clone());
                }
            }
        }
        let linked = closure(&package.id, &edges).into_iter().filter_map(|id| names.get(id).map(|name| (*name).to_owned()));
        let folder = folders.get(package.name.as_str()).cloned().unwrap_or_default();
        crates.push(Crate { folder, package: package.name.to_string(), ours, direct, linked: linked.collect() });
    }
    Ok(crates)
}

type Edges<'a> = BTreeMap<&'a PackageId, Vec<&'a PackageId>>;

/// Who links whom; dependencies of tests and build scripts are not linked.
fn edges(metadata: &Metadata) -> Result<Edges<'_>> {
    let resolve = metadata.resolve.as_ref().context("`cargo metadata` resolved nothing")?;
    let links = |dependency: &&cargo_metadata::NodeDep| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
    Ok(resolve.nodes.iter().map(|node| (&node.id, node.deps.iter().filter(links).map(|dep| &dep.pkg).collect())).collect())
}

fn closure<'a>(start: &'a PackageId, edges: &Edges<'a>) -> BTreeSet<&'a PackageId> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(next) = open.pop() {
        for dependency in edges.get(next).into_iter().flatten() {
            if seen.insert(*dependency) {
                open.push(dependency);
            }
        }
    }
    seen
}

fn judge(crates: &[Crate]) -> Vec<Finding> {
    let mut found = Vec::new();
    for one in crates {
        let manifest = format!("crates/{}/Cargo.toml", one.folder);
        let complaints = wrong_name(one).into_iter().chain(wrong_edges(one)).chain(wrong_links(one));
        found.extend(complaints.map(|message| Finding::new(&manifest, 0, message)));
    }
    found
}

fn wrong_name(one: &Crate) -> Option<String> {
    let expected = if one.folder == "xtask" { "xtask".to_owned() } else { format!("coracle-{}", one.folder) };
    (one.package != expected).then(|| format!("the package `{}` must be called `{expected}`, as its folder is", one.package))
}

fn wrong_edges(one: &Crate) -> Vec<String> {
    let Some(room) = house::find(&one.folder) else {
        return vec![format!(
            "`{}` has no row in the table; add it to `HOUSE` in xtask and to ARCHITECTURE.md, with what it may use",
            one.folder
        )];
    };
    let reach = room.reach();
    let mut complaints = Vec::new();
    for (used, for_tests) in &one.ours {
        let used_is_dev = house::find(used).is_some_and(house::Room::is_dev);
        if used_is_dev && !for_tests && !room.is_dev() {
            complaints.push(format!("`{}` ships and `{used}` does not; make it a dev-dependency", one.folder));
        // Tests go in by the front door, which may be above.
        } else if !for_tests && !used_is_dev && !room.is_dev() && !reach.contains(used.as_str()) {
            complaints.push(format!(
                "`{}` (layer {}) may not use `{used}`; move the code to a layer that may, or change the table in a pull \
                 request of its own",
                one.folder, room.layer
            ));
        }
    }
    complaints
}

fn wrong_links(one: &Crate) -> Vec<String> {
    let mut complaints = Vec::new();
    for ban in BANS.iter().filter(|ban| ban.crates.contains(&one.folder.as_str())) {
        let linked = if ban.linked == Linked::AtAll { &one.linked } else { &one.direct };
        for name in ban.of.iter().filter(|name| linked.contains(**name)) {
            complaints.push(format!("`{}` must not link `{name}`: {}", one.folder, ban.reason));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(folder: &str, ours: &[(&str, bool)], direct: &[&str]) -> Crate {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        Crate {
            folder: folder.to_owned(),
            package: format!("coracle-{folder}"),
            ours: ours.iter().map(|(name, test)| ((*name).to_owned(), *test)).collect(),
            direct: names(direct),
            linked: names(direct),
        }
    }

    fn messages(one: Crate) -> String {
        judge(&[one]).into_iter().map(|finding| finding.message + "\n").collect()
    }

    #[test]
    fn edges_down_the_table_pass() {
        assert_eq!(
            messages(krate("host", &[("engine", false), ("base", false), ("testkit", true), ("triggers", true)], &["wasmtime"])),
            ""
        );
        assert_eq!(messages(krate("bench", &[("cli", false), ("testkit", false)], &[])), "");
    }

    #[test]
    fn an_edge_up_the_table_is_found() {
        let found = messages(krate("engine", &[("host", false)], &[]));
        assert!(found.contains("`engine` (layer 1) may not use `host`"), "{found}");
    }

    #[test]
    fn shipping_a_dev_crate_is_found() {
        let found = messages(krate("gateway", &[("testkit", false)], &[]));
        assert!(found.contains("make it a dev-dependency"), "{found}");
    }

    #[test]
    fn a_crate_outside_the_table_or_with_another_name_is_found() {
        assert!(messages(krate("attic", &[], &[])).contains("`attic` has no row in the table"));
        let renamed = Crate { package: "host".to_owned(), ..krate("host", &[], &[]) };
        assert_eq!(messages(renamed), "the package `host` must be called `coracle-host`, as its folder is\n");
    }

    #[test]
    fn a_banned_link_is_found() {
        assert!(messages(krate("app", &[], &["wasmtime"])).contains("`app` must not link `wasmtime`"));
        assert!(messages(krate("engine", &[], &["hyper"])).contains("`engine` must not link `hyper`"));
    }

    #[test]
    fn links_are_followed_through_other_crates() {
        let id = |name: &str| PackageId { repr: name.to_owned() };
        let (a, b, c) = (id("a"), id("b"), id("c"));
        let edges = Edges::from([(&a, vec![&b]), (&b, vec![&c]), (&c, vec![&b])]);
        assert_eq!(closure(&a, &edges), BTreeSet::from([&b, &c]));
    }
}
