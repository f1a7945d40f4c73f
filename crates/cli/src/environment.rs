//! The one place that reads the process environment. Variables that stand for a flag are declared beside that flag.

#![expect(clippy::disallowed_methods, reason = "this is where everybody else is sent")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The environment of the process, as it was at start.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Environment {
    /// Reads it. Variables that are not UTF-8 are left out: nothing that is asked for could have such a value.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let folder = std::env::current_dir().context("the current folder is gone; change to one that exists")?;
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Ok(Self { variables: std::env::vars_os().filter_map(text).collect(), folder })
    }

    /// The value of `name`; an empty value counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The folder that the program was started in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where things are kept that can be made again.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        let base = self.get("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        base.or_else(|| self.get("HOME").map(|home| Path::new(home).join(".cache"))).map(|base| base.join("coracle"))
    }

    /// The path of this program, with which it starts itself to compile.
    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        std::env::current_exe().context("the path of this program cannot be found; check that /proc is mounted")
    }
}
