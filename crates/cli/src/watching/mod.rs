//! What an app is made of, on disk: which files matter, and which of them have changed. Times do not count, contents do, so that a
//! build that writes the same files again changes nothing.

mod notifier;
mod own;
mod patterns;
mod snapshot;

pub(crate) use notifier::Notifier;
pub(crate) use own::Own;
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
    /// The operator's configuration, and what it names.
    Config,
    /// The result of a build.
    Code,
    /// Read by a build command.
    Source,
    /// Shown to a component.
    File,
}

/// The files of one app that matter.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Of several that match a file the first counts.
    patterns: Vec<(Role, Pattern)>,
    own: Own,
}

impl Watched {
    /// What matters of `project`; without `builds` the sources do not. What is our `own` never does.
    pub(crate) fn of(project: &Project, builds: bool, own: Own) -> Self {
        let mut watched = Self { patterns: vec![(Role::Manifest, Pattern::file(&project.file))], own };
        watched.add_app(&project.app, &project.folder, builds);
        // A component's code is what its build makes, also where the globs of another one catch it.
        watched.patterns.sort_by_key(|(role, _)| *role);
        watched
    }

    /// The operator's configuration alone, with the files that it names.
    pub(crate) fn of_config(file: &Path, named: &[PathBuf]) -> Self {
        let mut watched = Self::default();
        watched.add_config(file, named);
        watched
    }

    /// The operator's configuration too, with the files that it names.
    pub(crate) fn add_config(&mut self, file: &Path, named: &[PathBuf]) {
        let files = std::iter::once(file).chain(named.iter().map(PathBuf::as_path));
        self.patterns.extend(files.map(|file| (Role::Config, Pattern::file(file))));
        self.patterns.sort_by_key(|(role, _)| *role);
    }

    /// Every file that matters, with its role.
    fn files(&self) -> impl Iterator<Item = (Role, PathBuf)> + '_ {
        self.patterns.iter().flat_map(|(role, pattern)| pattern.files(&self.own).map(|path| (*role, path)))
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
