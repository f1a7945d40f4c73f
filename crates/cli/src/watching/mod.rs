//! What an app is made of, on disk: which files matter, and which of them have changed. Times do not count, contents do, so that a
//! build that writes the same files again changes nothing.

mod notifier;
mod patterns;
mod snapshot;

pub(crate) use notifier::Notifier;
pub(crate) use snapshot::{Changes, Outputs, Snapshot};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use coracle_app::{App, FileMount, Source};
use patterns::Pattern;

use crate::project::Project;

/// What a file is to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The manifest: everything may change.
    Manifest,
    /// Read by a build command.
    Source,
    /// The result of a build.
    Code,
    /// Shown to a component.
    File,
}

/// The files of one app that matter.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    patterns: Vec<(Role, Pattern)>,
}

impl Watched {
    /// What matters of `project`; without `builds` the sources do not.
    pub(crate) fn of(project: &Project, builds: bool) -> Self {
        let mut watched = Self::manifest(&project.file);
        watched.add_app(&project.app, &project.folder, builds);
        watched
    }

    /// The manifest alone, for one that does not read.
    pub(crate) fn manifest(file: &Path) -> Self {
        Self { patterns: vec![(Role::Manifest, Pattern::file(file))] }
    }

    /// Every folder in which a change can matter, and whether what is below it matters too.
    pub(crate) fn folders(&self) -> BTreeSet<(PathBuf, bool)> {
        self.patterns.iter().map(|(_, pattern)| pattern.root()).collect()
    }

    fn add_app(&mut self, app: &App, folder: &Path, builds: bool) {
        for component in &app.components {
            if let Source::Path(path) = &component.source {
                self.patterns.push((Role::Code, Pattern::file(&folder.join(path))));
            }
            for file in &component.files {
                let (FileMount::Glob(path) | FileMount::Mount { source: path, .. }) = file;
                self.patterns.push((Role::File, Pattern::below(folder, path)));
            }
            let Some(build) = component.build.as_ref().filter(|_| builds) else { continue };
            let workdir = build.workdir.as_deref().map_or_else(|| folder.to_owned(), |workdir| folder.join(workdir));
            for glob in &build.watch {
                self.patterns.push((Role::Source, Pattern::below(&workdir, glob)));
            }
        }
    }
}
