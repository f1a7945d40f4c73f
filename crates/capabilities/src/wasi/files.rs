//! The directories that a manifest grants under `files`: each is mounted at a path of the guest, read-only unless it says otherwise.
//! That nothing outside is reachable is `wasmtime-wasi`'s work, which opens every path beneath the directory's own handle.

use std::collections::BTreeSet;
use std::path::PathBuf;

use coracle_engine::{GrantError, GrantRequest};
use serde::Deserialize;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

/// The key of the grant.
const KEY: &str = "files";

const MOUNTS_MAX: usize = 64;

/// One directory of the host and where the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mount {
    source: PathBuf,
    destination: String,
    #[serde(default)]
    writable: bool,
}

/// The mounts of one component, each checked to be a directory that exists.
pub(super) fn from_request(request: &GrantRequest<'_>) -> Result<Vec<Mount>, GrantError> {
    let Some(value) = request.get(KEY) else { return Ok(Vec::new()) };
    let mounts = Vec::<Mount>::deserialize(value).map_err(|_| GrantError::Shape {
        component: request.component.to_owned(),
        key: KEY,
        expected: "a list of `{ source, destination, writable }`",
    })?;
    let mut seen = BTreeSet::new();
    let problem = mounts.iter().find_map(|mount| mount.problem().or_else(|| mount.repeats(&mut seen)));
    let too_many = || (mounts.len() > MOUNTS_MAX).then(|| too_many(mounts.len()));
    match problem.or_else(too_many) {
        Some((message, remedy)) => Err(GrantError::Refused { component: request.component.to_owned(), message, remedy }),
        None => Ok(mounts),
    }
}

fn too_many(mounts: usize) -> Problem {
    (format!("`{KEY}` has {mounts} directories"), format!("at most {MOUNTS_MAX} are possible; mount a directory above them instead"))
}

/// What is wrong, and the way out.
type Problem = (String, String);

impl Mount {
    /// Opens the directory for one instance.
    pub(super) fn open(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        let perms = if self.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        builder.preopened_dir(&self.source, &self.destination, perms).map(drop)
    }

    /// What a start-up table says.
    pub(super) fn describe(&self) -> String {
        let mode = if self.writable { "writable" } else { "read-only" };
        format!("{} → {} ({mode})", self.source.display(), self.destination)
    }

    fn problem(&self) -> Option<Problem> {
        let Self { source, destination, .. } = self;
        let shown = source.display();
        if destination.is_empty() || destination.contains('\0') {
            return Some((format!("`{shown}` is mounted at no path"), "give it a destination such as `/assets`".to_owned()));
        }
        if destination.split('/').any(|part| part == "..") {
            return Some((
                format!("`{shown}` is mounted at `{destination}`"),
                "a destination has no `..`; write the path itself".to_owned(),
            ));
        }
        match std::fs::metadata(source) {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some((format!("`{shown}` is not a directory"), format!("mount the directory that it is in at `{destination}`"))),
            Err(error) => Some((format!("`{shown}` cannot be mounted: {error}"), "correct its path or make it readable".to_owned())),
        }
    }

    fn repeats<'a>(&'a self, seen: &mut BTreeSet<&'a str>) -> Option<Problem> {
        let again = !seen.insert(self.destination.as_str());
        again.then(|| (format!("two directories are mounted at `{}`", self.destination), "give each its own destination".to_owned()))
    }
}
