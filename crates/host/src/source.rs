//! Where a component's bytes come from.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use coracle_app::{App, Component, ComponentId, DependencySource, Source};
use coracle_engine::looks_like_artifact;

use crate::fetch::{self, COMPONENT_BYTES_MAX, FetchError};

/// How WebAssembly begins.
const MAGIC: &[u8] = b"\0asm";

/// Why the bytes of a component cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file is not there.
    #[error("{path} does not exist; {}", remedy(*has_build))]
    Missing {
        /// The file.
        path: PathBuf,
        /// Whether the manifest says how to build it.
        has_build: bool,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read; check its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The text format does not parse.
    #[error("{path}:{place}: {message}; correct the text, or name a binary")]
    Text {
        /// The file.
        path: PathBuf,
        /// The line and the column, from 1.
        place: String,
        /// What is wrong there.
        message: String,
    },
    /// The file is greater than any component may be.
    #[error("{path} has {bytes} bytes, and a component may have {COMPONENT_BYTES_MAX}; strip debug information from the build")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A download failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Packages of a registry are not supported yet.
    #[error(
        "package `{package}` comes from a registry, which is not supported yet; download it and use `source = \"file.wasm\"` or a URL with digest"
    )]
    Registry {
        /// The package.
        package: String,
    },
    /// A component that the app does not have.
    #[error("component `{0}` is not in this app")]
    Unknown(ComponentId),
    /// Components that name each other as their source.
    #[error("component `{0}` is its own source; give it a file or a URL")]
    Circle(ComponentId),
}

fn remedy(has_build: bool) -> &'static str {
    if has_build { "run `coracle build` first, or `coracle up --build`" } else { "build it, or correct its path" }
}

/// Finds the bytes of the components of one app.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The app.
    pub(crate) app: &'a App,
    /// The folder of its manifest.
    pub(crate) folder: &'a Path,
    /// Where downloads are kept.
    pub(crate) cache: Option<&'a Path>,
}

impl<'a> Sources<'a> {
    /// Finds the components of `app`, whose manifest is in `folder`.
    #[must_use]
    pub fn new(app: &'a App, folder: &'a Path, cache: Option<&'a Path>) -> Self {
        Self { app, folder, cache }
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// The bytes of `component`, before its dependencies are plugged in.
    ///
    /// # Errors
    /// [`SourceError`] when they cannot be had.
    pub async fn of(&self, component: &Component) -> Result<Vec<u8>, SourceError> {
        // Each step leads to another component, so more steps than components is a circle.
        let mut current = component;
        for _ in 0..=self.app.components.len() {
            let has_build = current.build.is_some();
            match &current.source {
                Source::Path(path) => return self.file(path, has_build),
                Source::Url { url, digest } => return Ok(fetch::component(url, digest, self.cache).await?),
                Source::Registry { package, .. } => return Err(SourceError::Registry { package: package.clone() }),
                Source::Component(id) => current = self.app.component(id).ok_or_else(|| SourceError::Unknown(id.clone()))?,
            }
        }
        Err(SourceError::Circle(component.id.clone()))
    }

    /// The file of `component` if that was compiled ahead of time, and is thus code for this machine.
    pub(crate) fn artifact(&self, component: &Component) -> Option<PathBuf> {
        let Source::Path(path) = &component.source else { return None };
        let path = self.folder.join(path);
        is_artifact(&path).then_some(path)
    }

    /// The bytes of a dependency.
    pub(crate) async fn of_dependency(&self, source: &DependencySource) -> Result<Vec<u8>, SourceError> {
        match source {
            DependencySource::Path { path } => self.file(path, false),
            DependencySource::Url { url, digest } => Ok(fetch::component(url, digest, self.cache).await?),
            DependencySource::Registry { package, .. } => Err(SourceError::Registry { package: package.clone() }),
            DependencySource::Component(id) => {
                let component = self.app.component(id).ok_or_else(|| SourceError::Unknown(id.clone()))?;
                self.of(component).await
            }
        }
    }

    fn file(&self, path: &str, has_build: bool) -> Result<Vec<u8>, SourceError> {
        read_component(&self.folder.join(path)).map_err(|error| match error {
            SourceError::Missing { path, .. } => SourceError::Missing { path, has_build },
            error => error,
        })
    }
}

/// Whether the file at `path` was compiled ahead of time.
#[must_use]
pub fn is_artifact(path: &Path) -> bool {
    let mut start = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && looks_like_artifact(&start)
}

/// The WebAssembly in the file at `path`; the text format is translated.
///
/// # Errors
/// [`SourceError`] when it cannot be had.
pub fn read_component(path: &Path) -> Result<Vec<u8>, SourceError> {
    let path = path.to_owned();
    let size = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SourceError::Missing { path, has_build: false }),
        Err(source) => return Err(SourceError::Read { path, source }),
    };
    if size > COMPONENT_BYTES_MAX as u64 {
        return Err(SourceError::Size { path, bytes: size });
    }
    match std::fs::read(&path) {
        Ok(bytes) if bytes.starts_with(MAGIC) || path.extension().is_none_or(|extension| extension != "wat") => Ok(bytes),
        Ok(text) => translate(path, &text),
        Err(source) => Err(SourceError::Read { path, source }),
    }
}

fn translate(path: PathBuf, text: &[u8]) -> Result<Vec<u8>, SourceError> {
    wat::parse_bytes(text).map(Cow::into_owned).map_err(|error| {
        // The library tells the place in a picture of several lines, which belongs on one.
        let told = error.to_string();
        let place = told.lines().find_map(|line| line.trim().strip_prefix("--> <anon>:")).unwrap_or("1:1").to_owned();
        SourceError::Text { path, place, message: told.lines().next().unwrap_or_default().to_owned() }
    })
}
