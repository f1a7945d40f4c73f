//! Which app a command is about: finds the manifest that was named, or the nearest one above the current folder, and reads it. A
//! WebAssembly file without a manifest makes an app of its own.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coracle_app::{App, BareWorld, Format, MANIFEST_BYTES_MAX};
use coracle_engine::{Shape, artifact_shape, looks_like_artifact};
use coracle_host::{is_artifact, read_component};
use coracle_triggers::command::exports_program;

use crate::environment::Environment;
use crate::refusal::{Refusal, refuse};

/// The names of manifests, the first that exists counts.
const MANIFESTS: &[&str] = &["coracle.toml", "spin.toml"];

/// What a component exports that answers HTTP. Some toolchains add a program to it, which is never meant.
const HTTP_HANDLERS: &[&str] = &["wasi:http/incoming-handler", "wasi:http/handler", "fermyon:spin/inbound-http"];

/// What a module of Spin 1 exports that answers HTTP; some have a `_start` beside it.
const SPIN_1_HANDLER: &str = "handle-http-request";

/// How WebAssembly begins.
const MAGIC: &[u8] = b"\0asm";

/// Which app is meant.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AppArguments {
    /// The app: a manifest, a folder with one, or a WebAssembly file [default: the nearest manifest here or above]
    #[arg(value_name = "APP")]
    app: Option<PathBuf>,

    /// The app, as Spin names it
    #[arg(short = 'f', long = "from", alias = "file", value_name = "APP", conflicts_with = "app")]
    from: Option<PathBuf>,

    /// The app, which is a file or folder
    #[arg(long = "from-file", value_name = "PATH", conflicts_with_all = ["app", "from"])]
    from_file: Option<PathBuf>,

    /// The app, which is in a registry
    #[arg(long = "from-registry", value_name = "REFERENCE", hide = true, conflicts_with_all = ["app", "from", "from_file"])]
    from_registry: Option<String>,

    /// Use this build profile of the manifest
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// An app with the place that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The app.
    pub(crate) app: App,
    /// The folder against which its paths are resolved.
    pub(crate) folder: PathBuf,
    /// The manifest, or the WebAssembly file.
    pub(crate) file: PathBuf,
    /// The profile that was chosen.
    pub(crate) profile: Option<String>,
}

impl AppArguments {
    /// What was named.
    fn named(&self) -> Option<&Path> {
        self.app.as_deref().or(self.from.as_deref()).or(self.from_file.as_deref())
    }
}

impl Project {
    /// Finds and reads the app that `arguments` name.
    pub(crate) fn find(arguments: &AppArguments, environment: &Environment) -> anyhow::Result<Self> {
        let file = locate(arguments, environment)?;
        Self::read(&file, arguments.profile.as_deref())
    }

    /// Reads the app in `file`.
    pub(crate) fn read(file: &Path, profile: Option<&str>) -> anyhow::Result<Self> {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let app = match manifest_text(file)? {
            Some(text) => coracle_app::load(&text, &file.display().to_string(), None, profile)?,
            None => bare(file, profile)?,
        };
        Ok(Self { app, folder, file: file.to_owned(), profile: profile.map(str::to_owned) })
    }

    /// Where the app's state is kept unless somebody says otherwise; `None` for an app without a manifest.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        let (spin, coracle) = (self.folder.join(".spin"), self.folder.join(".coracle"));
        match self.app.format {
            Format::Bare => None,
            Format::SpinV1 | Format::SpinV2 => Some(spin),
            // An app that was moved over by a rename keeps its data.
            Format::Coracle if spin.is_dir() && !coracle.is_dir() => Some(spin),
            Format::Coracle | Format::Wadm | Format::WorkloadDeployment => Some(coracle),
        }
    }
}

/// The file that `arguments` mean.
pub(crate) fn locate(arguments: &AppArguments, environment: &Environment) -> anyhow::Result<PathBuf> {
    if let Some(reference) = &arguments.from_registry {
        return refuse_registry(reference);
    }
    let Some(named) = arguments.named() else { return nearest(environment.folder()) };
    if named.is_dir() {
        let found = MANIFESTS.iter().map(|name| named.join(name)).find(|path| path.is_file());
        return match found {
            Some(found) => Ok(found),
            None => refuse(
                format!("the folder {} has no manifest", named.display()),
                "name a folder with a coracle.toml or spin.toml, or a WebAssembly file",
            ),
        };
    }
    if !named.exists() {
        let text = named.display().to_string();
        if looks_like_reference(&text) {
            return refuse_registry(&text);
        }
        return refuse(format!("{text} does not exist"), "name a manifest, a folder with one, or a WebAssembly file");
    }
    Ok(named.to_owned())
}

fn refuse_registry<T>(reference: &str) -> anyhow::Result<T> {
    refuse(
        format!("{reference} looks like an app in a registry, and registries are not supported yet"),
        "fetch the app first, and name its manifest or WebAssembly file",
    )
}

/// The manifest in `folder` or the nearest one above it.
fn nearest(folder: &Path) -> anyhow::Result<PathBuf> {
    for (distance, candidate) in folder.ancestors().enumerate() {
        for name in MANIFESTS {
            if candidate.join(name).is_file() {
                // Messages are easier to read with the short path.
                return Ok(if distance == 0 { PathBuf::from(name) } else { candidate.join(name) });
            }
        }
    }
    refuse(
        format!("there is no coracle.toml or spin.toml in {} or above", folder.display()),
        "change to the app's folder, or name the app: `coracle up PATH`",
    )
}

/// The text of a manifest, or `None` for a WebAssembly file.
fn manifest_text(file: &Path) -> anyhow::Result<Option<String>> {
    let unreadable = |error| Refusal::new(format!("{} cannot be read", file.display()), "check its permissions").because(error);
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let limit = MANIFEST_BYTES_MAX as u64 + 1;
    opened.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    let is_named_wasm = file.extension().is_some_and(|extension| extension == "wasm" || extension == "wat");
    if is_named_wasm || bytes.starts_with(MAGIC) || looks_like_artifact(&bytes) {
        return Ok(None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => refuse(
            format!("{} is neither a manifest nor WebAssembly", file.display()),
            "name a coracle.toml, a spin.toml or a file that begins like WebAssembly",
        ),
    }
}

/// The app that a WebAssembly file makes up.
fn bare(file: &Path, profile: Option<&str>) -> anyhow::Result<App> {
    if let Some(profile) = profile {
        return refuse(format!("a WebAssembly file has no profile `{profile}`"), "leave out `--profile`, or name a manifest");
    }
    let shape = shape(file)?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    Ok(coracle_app::bare(&name, world(&shape)))
}

/// What the WebAssembly in `file` is, or was before it was compiled.
pub(crate) fn shape(file: &Path) -> anyhow::Result<Shape> {
    if is_artifact(file) {
        return artifact_shape(file).with_context(|| format!("{} cannot be used", file.display()));
    }
    let bytes = read_component(file)?;
    Shape::of(&bytes).with_context(|| format!("{} cannot be used", file.display()))
}

/// Whether a bare component is a program that runs once. Everything else is taken to answer HTTP, and says so if it does not.
fn world(shape: &Shape) -> BareWorld {
    let is_command = match shape {
        Shape::Component { exports, .. } => {
            let answers_http = exports.iter().any(|export| HTTP_HANDLERS.contains(&export.name.as_str()));
            exports_program(exports) && !answers_http
        }
        Shape::Module { exports, .. } => {
            let answers_http = exports.iter().any(|export| export == SPIN_1_HANDLER);
            exports.iter().any(|export| export == "_start") && !answers_http
        }
    };
    if is_command { BareWorld::Command } else { BareWorld::Http }
}

/// `registry.example.com/app:1`, and not a path.
fn looks_like_reference(text: &str) -> bool {
    let Some((host, rest)) = text.split_once('/') else { return false };
    let is_host = host.contains('.') && !host.starts_with('.') || host.contains(':');
    is_host && !rest.is_empty() && !rest.ends_with(".toml") && !rest.ends_with(".wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_registries_are_told_from_paths() {
        assert!(looks_like_reference("ghcr.io/someone/app:v1"));
        assert!(looks_like_reference("localhost:5000/app:v1"));
        for path in ["spin.toml", "./app", "../app/spin.toml", "a/b", "some.dir/app.wasm", "/abs/app"] {
            assert!(!looks_like_reference(path), "{path}");
        }
    }

    #[test]
    fn the_nearest_manifest_counts_and_coracle_before_spin() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(root.path().join("spin.toml"), "").unwrap();
        assert_eq!(nearest(&deep).unwrap(), root.path().join("spin.toml"));
        std::fs::write(root.path().join("coracle.toml"), "").unwrap();
        assert_eq!(nearest(&deep).unwrap(), root.path().join("coracle.toml"));
        std::fs::write(deep.join("spin.toml"), "").unwrap();
        assert_eq!(nearest(&deep).unwrap(), PathBuf::from("spin.toml"));
    }
}
