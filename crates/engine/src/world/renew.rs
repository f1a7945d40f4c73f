//! Older names for the same types. Release candidates of WASI meet the interfaces of the release under another name; where a function
//! changed between the two, a component that imports it is refused by that function's name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use wasmparser::{ComponentType, InstanceTypeDeclaration, Parser, Payload};

use super::rewrite::{RenameError, rewrite};
use crate::Shape;

/// A release candidate whose interfaces were carried over into the release.
struct Candidate {
    /// How its names end.
    version: &'static str,
    /// The major and minor version of the release.
    release: &'static str,
    packages: &'static [&'static str],
    /// The functions that the release does not have, or not with this type.
    changed: &'static [&'static str],
}

const CANDIDATES: &[Candidate] = &[
    Candidate {
        version: "@0.3.0-rc-2026-03-15",
        release: "0.3",
        packages: &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:http/", "wasi:random/", "wasi:sockets/"],
        changed: &[],
    },
    Candidate {
        version: "@0.2.0-rc-2023-11-10",
        release: "0.2",
        packages: &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:http/", "wasi:io/", "wasi:random/", "wasi:sockets/"],
        changed: &[
            "[method]future-trailers.get",
            "[method]request-options.connect-timeout-ms",
            "[method]request-options.set-connect-timeout-ms",
            "[method]request-options.first-byte-timeout-ms",
            "[method]request-options.set-first-byte-timeout-ms",
            "[method]request-options.between-bytes-timeout-ms",
            "[method]request-options.set-between-bytes-timeout-ms",
            "[method]tcp-socket.ipv6-only",
            "[method]tcp-socket.set-ipv6-only",
            "[method]udp-socket.ipv6-only",
            "[method]udp-socket.set-ipv6-only",
        ],
    },
];

/// What a host calls in guests of the snapshot before those: of the type that it has in the release. What such guests import keeps its
/// name, under which the host answers it.
const SNAPSHOT_EXPORTS: &[(&str, &str)] = &[
    ("wasi:cli/run@0.2.0-rc-2023-10-18", "wasi:cli/run@0.2.0"),
    ("wasi:http/incoming-handler@0.2.0-rc-2023-10-18", "wasi:http/incoming-handler@0.2.0"),
];

/// The component in `bytes`, whose shape is `shape`, with today's names.
pub(crate) fn renew<'a>(bytes: &'a [u8], shape: &Shape) -> Result<Cow<'a, [u8]>, RenameError> {
    let text = |names: &[crate::Import]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let (imports, exports) = (text(shape.imports()), text(shape.exports()));
    let used = |candidate: &&Candidate| imports.iter().chain(&exports).any(|name| candidate.bare(name).is_some());
    let candidates: Vec<_> = CANDIDATES.iter().filter(used).collect();
    if candidates.is_empty() && !exports.iter().any(|name| of_snapshot(name).is_some()) {
        return Ok(Cow::Borrowed(bytes));
    }
    refuse_changed(bytes, &candidates)?;
    let export = |name: &str| of_snapshot(name).map(str::to_owned).or_else(|| today(name, &exports));
    rewrite(bytes, &|import| today(&import.own_name(), &imports), &export).map(Cow::Owned)
}

/// Today's name of an export of the snapshot.
fn of_snapshot(name: &str) -> Option<&'static str> {
    SNAPSHOT_EXPORTS.iter().find(|(known, _)| *known == name).map(|(_, today)| *today)
}

/// The release that answers the interface `name` at `version`: another one only for a candidate that is renamed.
pub(crate) fn released<'a>(name: &str, version: &'a str) -> &'a str {
    let is_it = |candidate: &&Candidate| {
        candidate.version.strip_prefix('@') == Some(version) && candidate.packages.iter().any(|package| name.starts_with(package))
    };
    CANDIDATES.iter().find(is_it).map_or(version, |candidate| candidate.release)
}

impl Candidate {
    /// The part of `name` before its version, if it is one of this candidate's interfaces.
    fn bare<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_suffix(self.version).filter(|bare| self.packages.iter().any(|package| bare.starts_with(package)))
    }
}

/// The name at the release. A component that has the candidate beside the release (Python's do) would then have one name twice, which
/// is invalid; the next patch version that is free links to the same interface by the rules of semantic versioning.
fn today(name: &str, taken: &BTreeSet<String>) -> Option<String> {
    let (bare, release) = CANDIDATES.iter().find_map(|candidate| Some((candidate.bare(name)?, candidate.release)))?;
    (0_u32..).map(|patch| format!("{bare}@{release}.{patch}")).find(|name| !taken.contains(name))
}

fn refuse_changed(bytes: &[u8], candidates: &[&Candidate]) -> Result<(), RenameError> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentTypeSection(section) if depth == 0 => {
                for ty in section {
                    let ComponentType::Instance(declarations) = ty? else { continue };
                    for declaration in &declarations {
                        let InstanceTypeDeclaration::Export { name, .. } = declaration else { continue };
                        if let Some(candidate) = candidates.iter().find(|candidate| candidate.changed.contains(&name.name)) {
                            return Err(RenameError::Changed {
                                function: name.name.to_owned(),
                                candidate: candidate.version.trim_start_matches('@'),
                                release: candidate.release,
                            });
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
