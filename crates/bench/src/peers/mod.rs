//! The peers that we are compared with: a file for each, which says what package it comes from and how it serves. A peer that cannot be had
//! is left out, and the output says so.

pub(crate) mod containerd;
pub(crate) mod deno;
pub(crate) mod envoy;
pub(crate) mod node;
pub(crate) mod wasmtime;
pub(crate) mod workerd;

mod package;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use package::Package;

use crate::record::Skipped;

/// A program of somebody else.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) package: Package,
}

/// Every peer.
pub(crate) const ALL: &[&Peer] = &[&wasmtime::PEER, &workerd::PEER, &deno::PEER, &node::PEER, &envoy::PEER, &containerd::PEER];

/// The peers that are here.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    programs: BTreeMap<&'static str, PathBuf>,
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Peers {
    /// Finds each of `wanted` below `folder`, and installs what is missing if it may.
    pub(crate) fn find(wanted: &[&'static Peer], folder: &Path, may_install: bool) -> Self {
        let mut peers = Self::default();
        for peer in wanted {
            match peer.package.find(folder, may_install) {
                Ok(program) => {
                    peers.versions.insert(peer.name.to_owned(), peer.package.version(&program));
                    peers.programs.insert(peer.name, program);
                }
                Err(why) => peers.skipped.push(Skipped { what: peer.name.to_owned(), why: format!("{why:#}") }),
            }
        }
        peers
    }

    /// The program of `peer`, if it is here.
    pub(crate) fn program(&self, peer: &Peer) -> Option<&Path> {
        self.programs.get(peer.name).map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_missing_is_left_out_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let peers = Peers::find(&[&wasmtime::PEER], folder.path(), false);
        assert!(peers.program(&wasmtime::PEER).is_none());
        assert_eq!(peers.skipped.len(), 1);
        assert!(peers.skipped.iter().all(|skipped| skipped.why.contains("is not installed")), "{:?}", peers.skipped);
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|peer| peer.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
