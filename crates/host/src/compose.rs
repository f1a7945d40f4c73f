//! Plugs the dependencies of a component into its imports, so that one component is left. A dependency sees only what it inherits:
//! every other import that needs a grant is renamed, and the host answers the renamed interface with a denial.

use coracle_app::{Dependency, DependencyName, Inherit};
use coracle_engine::{Import, denied_name, rename_imports};
use wac_graph::types::{Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::inherit;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A dependency with its bytes.
#[derive(Debug)]
pub(crate) struct Plug<'a> {
    /// What the manifest says about it.
    pub(crate) dependency: &'a Dependency,
    /// Its component.
    pub(crate) bytes: Vec<u8>,
    /// What it inherits, the component's own setting applied.
    pub(crate) inherit: &'a Inherit,
}

/// Why dependencies cannot be composed.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A component is not one that can be composed.
    #[error("`{what}` cannot be composed; it must be a component, not a core module")]
    Package {
        /// The component or dependency.
        what: String,
        /// What wac says.
        source: Cause,
    },
    /// A dependency matches no import.
    #[error(
        "dependency `{dependency}` of component `{component}` matches none of its imports; the component imports {imports}, the dependency \
         exports {exports}"
    )]
    Unused {
        /// The component.
        component: String,
        /// The dependency.
        dependency: String,
        /// What the component imports.
        imports: String,
        /// What the dependency exports.
        exports: String,
    },
    /// The types do not fit, or the result does not encode.
    #[error("dependency `{dependency}` of component `{component}` does not fit; build both against the same version of the interface")]
    Mismatch {
        /// The component.
        component: String,
        /// The dependency.
        dependency: String,
        /// What wac says.
        source: Cause,
    },
    /// A middleware does not stand between anything.
    #[error(
        "middleware `{middleware}` cannot stand before component `{component}`: it must import and export one interface that the component \
         exports, such as `wasi:http/handler@0.3.0`; it imports {imports} and exports {exports}, and what comes after it exports {offered}"
    )]
    NotBetween {
        /// The middleware.
        middleware: String,
        /// The component.
        component: String,
        /// What the middleware imports.
        imports: String,
        /// What the middleware exports.
        exports: String,
        /// What the component, or the middleware after this one, exports.
        offered: String,
    },
    /// The denial of what a dependency does not inherit cannot be expressed.
    #[error("the imports of dependency `{dependency}` cannot be restricted")]
    Restrict {
        /// The dependency.
        dependency: String,
        /// What the engine says.
        source: coracle_engine::RenameError,
    },
}

/// Plugs `plugs` into `socket`.
///
/// # Errors
/// [`ComposeError`] when a dependency is unused or does not fit.
pub(crate) fn compose(component: &str, socket: Vec<u8>, plugs: Vec<Plug<'_>>) -> Result<Vec<u8>, ComposeError> {
    if plugs.is_empty() {
        return Ok(socket);
    }
    let mut graph = CompositionGraph::new();
    let package = register(&mut graph, component, socket)?;
    let socket = graph.instantiate(package);
    for (index, plug) in plugs.into_iter().enumerate() {
        connect(&mut graph, component, (package, socket), index, plug)?;
    }
    encode(&mut graph, component, (package, socket))
}

/// The component that `graph` is: what `instance` exports is exported.
pub(crate) fn encode(
    graph: &mut CompositionGraph,
    component: &str,
    (package, instance): (PackageId, NodeId),
) -> Result<Vec<u8>, ComposeError> {
    for name in names(graph, package, true) {
        let mismatch = |source: Cause| ComposeError::Mismatch { component: component.to_owned(), dependency: name.clone(), source };
        let export = graph.alias_instance_export(instance, &name).map_err(|error| mismatch(error.into()))?;
        graph.export(export, &name).map_err(|error| mismatch(error.into()))?;
    }
    let all = || "all".to_owned();
    let options = EncodeOptions { validate: false, ..EncodeOptions::default() };
    graph.encode(options).map_err(|error| ComposeError::Mismatch {
        component: component.to_owned(),
        dependency: all(),
        source: error.into(),
    })
}

pub(crate) fn register(graph: &mut CompositionGraph, name: &str, bytes: Vec<u8>) -> Result<PackageId, ComposeError> {
    let wrong = |source: Cause| ComposeError::Package { what: name.to_owned(), source };
    let package = Package::from_bytes(&format!("app:{}", name.to_lowercase()), None, bytes, graph.types_mut())
        .map_err(|error| wrong(error.into()))?;
    graph.register_package(package).map_err(|error| wrong(error.into()))
}

fn connect(
    graph: &mut CompositionGraph,
    component: &str,
    (package, socket): (PackageId, NodeId),
    index: usize,
    plug: Plug<'_>,
) -> Result<(), ComposeError> {
    let dependency = plug.dependency.name.to_string();
    let restrict = |source| ComposeError::Restrict { dependency: dependency.clone(), source };
    let bytes = rename_imports(&plug.bytes, |import| restricted(import, plug.inherit)).map_err(restrict)?;
    let plugged = register(graph, &format!("dependency-{index}"), bytes)?;
    let (imports, exports) = (names(graph, package, false), names(graph, plugged, true));
    let pairs = pairs(plug.dependency, &imports, &exports);
    if pairs.is_empty() {
        return Err(ComposeError::Unused {
            component: component.to_owned(),
            dependency,
            imports: listed(&imports),
            exports: listed(&exports),
        });
    }
    let instance = graph.instantiate(plugged);
    for (import, export) in pairs {
        let mismatch = |source: Cause| ComposeError::Mismatch { component: component.to_owned(), dependency: dependency.clone(), source };
        let alias = graph.alias_instance_export(instance, export).map_err(|error| mismatch(error.into()))?;
        graph.set_instantiation_argument(socket, import, alias).map_err(|error| mismatch(error.into()))?;
    }
    Ok(())
}

/// What a package imports or exports.
pub(crate) fn names(graph: &CompositionGraph, package: PackageId, is_exports: bool) -> Vec<String> {
    let world = &graph.types()[graph[package].ty()];
    if is_exports { world.exports.keys().cloned().collect() } else { world.imports.keys().cloned().collect() }
}

/// The new name of an import that the dependency must not have.
pub(crate) fn restricted(import: &Import, inherit: &Inherit) -> Option<String> {
    let passes = import.is_denied() || inherit::inherits(inherit, import);
    (!passes).then(|| denied_name(&import.own_name()))
}

/// Which import gets which export.
fn pairs<'a>(dependency: &Dependency, imports: &'a [String], exports: &'a [String]) -> Vec<(&'a str, &'a str)> {
    let wanted = imports.iter().filter(|import| is_named(&dependency.name, import));
    let export_for = |import: &str| match &dependency.export {
        Some(chosen) => exports.iter().find(|export| *export == chosen || Import::parse(export).name == *chosen),
        None => {
            exports.iter().find(|export| *export == import).or_else(|| exports.iter().find(|export| are_semver_compatible(export, import)))
        }
    };
    wanted.filter_map(|import| export_for(import).map(|export| (import.as_str(), export.as_str()))).collect()
}

/// Whether a dependency's name means `import`.
fn is_named(name: &DependencyName, import: &str) -> bool {
    let import = Import::parse(import);
    match name {
        DependencyName::Plain(plain) => import.version.is_none() && import.name == *plain,
        DependencyName::Package { package, interface, version } => {
            let (known, rest) = import.name.split_once('/').unwrap_or((import.name.as_str(), ""));
            known == package
                && interface.as_ref().is_none_or(|interface| interface == rest)
                && version.as_ref().is_none_or(|version| {
                    import.version.as_deref().is_some_and(|known| {
                        known == version.to_string() || are_semver_compatible(&format!("a:b/c@{known}"), &format!("a:b/c@{version}"))
                    })
                })
        }
    }
}

pub(crate) fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use coracle_app::InheritKey;
    use coracle_capabilities::is_unavailable;

    use super::*;

    /// What each kind of grant brings with it: the sets by which Spin lets a dependency inherit, and what those forget.
    const GRANTED: &[(InheritKey, &[&str])] = &[
        (
            InheritKey::AllowedOutboundHosts,
            &[
                "fermyon:spin/http",
                "wasi:http/outgoing-handler@0.2.0",
                "wasi:http/outgoing-handler@0.2.6",
                "wasi:http/outgoing-handler@0.2.0-rc-2023-11-10",
                "wasi:http/client@0.3.0",
                "wasi:http/client@0.3.0-rc-2026-03-15",
                "wasi:sockets/ip-name-lookup@0.2.6",
                "wasi:sockets/ip-name-lookup@0.3.0",
                "wasi:sockets/tcp@0.2.6",
                "wasi:sockets/tcp-create-socket@0.2.6",
                "wasi:sockets/udp@0.2.6",
                "wasi:sockets/udp-create-socket@0.2.6",
                "wasi:sockets/udp-create-socket@0.2.0-rc-2023-10-18",
                "fermyon:spin/redis",
                "fermyon:spin/redis@2.0.0",
                "spin:redis/redis@3.0.0",
                "fermyon:spin/mysql",
                "fermyon:spin/mysql@2.0.0",
                "spin:mysql/mysql@3.0.0",
                "fermyon:spin/postgres",
                "fermyon:spin/postgres@2.0.0",
                "spin:postgres/postgres@3.0.0",
                "spin:postgres/postgres@4.0.0",
                "spin:postgres/postgres@4.2.0",
                "fermyon:spin/mqtt@2.0.0",
                "spin:mqtt/mqtt@3.0.0",
                // Spin leaves these open, and with them every socket of 0.3.
                "wasi:sockets/types@0.3.0",
                "wasi:sockets/types@0.3.0-rc-2026-03-15",
            ],
        ),
        (InheritKey::AiModels, &["fermyon:spin/llm", "fermyon:spin/llm@2.0.0"]),
        (
            InheritKey::Environment,
            &["wasi:cli/environment@0.2.6", "wasi:cli/environment@0.3.0", "wasi:cli/environment@0.3.0-rc-2026-03-15"],
        ),
        (
            InheritKey::Files,
            &["wasi:filesystem/preopens@0.2.6", "wasi:filesystem/preopens@0.3.0", "wasi:filesystem/preopens@0.3.0-rc-2026-03-15"],
        ),
        (
            InheritKey::KeyValueStores,
            &[
                "fermyon:spin/key-value",
                "fermyon:spin/key-value@2.0.0",
                "spin:key-value/key-value@3.0.0",
                "wasi:keyvalue/store@0.2.0-draft",
                "wasi:keyvalue/store@0.2.0-draft2",
                "wasi:keyvalue/atomics@0.2.0-draft2",
                "wasi:keyvalue/batch@0.2.0-draft2",
                "wasmcloud:keyvalue/types@0.2.0",
                "wasmcloud:keyvalue/store@0.2.0",
            ],
        ),
        (
            InheritKey::SqliteDatabases,
            &["fermyon:spin/sqlite", "fermyon:spin/sqlite@2.0.0", "spin:sqlite/sqlite@3.0.0", "spin:sqlite/sqlite@3.1.0"],
        ),
        (
            InheritKey::Variables,
            &[
                "fermyon:spin/config",
                "fermyon:spin/variables@2.0.0",
                "spin:variables/variables@3.0.0",
                "wasi:config/store@0.2.0-draft-2024-09-27",
                "wasi:config/store@0.2.0-rc.1",
            ],
        ),
    ];

    #[test]
    fn what_is_not_inherited_is_denied_in_every_version() {
        for (key, names) in GRANTED {
            let others = InheritKey::ALL.into_iter().filter(|other| other != key).collect();
            for name in *names {
                let denied = Some(denied_name(name));
                assert_eq!(restricted(&Import::parse(name), &Inherit::None), denied, "{name}");
                assert_eq!(restricted(&Import::parse(name), &Inherit::Some(BTreeSet::clone(&others))), denied, "{name}");
                assert_eq!(restricted(&Import::parse(name), &Inherit::Some([*key].into())), None, "{name}");
                assert_eq!(restricted(&Import::parse(name), &Inherit::All), None, "{name}");
            }
        }
    }

    #[test]
    fn what_needs_no_grant_passes_through() {
        for name in
            ["wasi:clocks/monotonic-clock@0.2.6", "wasi:io/streams@0.2.6", "wasi:random/random@0.3.0", "wasi:cli/stdout@0.2.6", "a:b/c"]
        {
            assert_eq!(restricted(&Import::parse(name), &Inherit::None), None, "{name}");
        }
    }

    #[test]
    fn what_this_version_lacks_is_denied_to_everybody() {
        for name in ["wasmcloud:identity/store@0.0.1", "wasmcloud:bus/error@2.0.1"] {
            assert!(is_unavailable(&Import::parse(name)), "{name}");
        }
    }
}
