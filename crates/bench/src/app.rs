//! The apps that are measured, as manifests: one component on every path, and what it needs beside that.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// An app of one component.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) guest: PathBuf,
    pub(crate) policy: Policy,
    /// Lines of the component's table.
    pub(crate) settings: String,
    /// Lines of its limits.
    pub(crate) limits: String,
    /// Another component, at `/neighbour/...`, with the default limits.
    pub(crate) neighbour: Option<PathBuf>,
    /// Where its stores are kept; in memory without.
    pub(crate) state: Option<PathBuf>,
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// For one request.
    Fresh,
    /// For as many requests as the manifest's default has.
    Reuse,
}

impl App {
    pub(crate) fn new(name: &str, guest: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            guest,
            policy: Policy::Fresh,
            settings: String::new(),
            limits: String::new(),
            neighbour: None,
            state: None,
        }
    }

    pub(crate) fn reused(mut self) -> Self {
        self.policy = Policy::Reuse;
        self
    }

    /// Writes the app's manifest into a folder of its own below `folder`, which is the answer.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        let folder = folder.join(&self.name);
        std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        std::fs::write(folder.join("coracle.toml"), self.manifest()).context("the app's manifest")?;
        Ok(folder)
    }

    /// The text of its manifest.
    pub(crate) fn manifest(&self) -> String {
        let Self { name, guest, policy, settings, limits, neighbour, state: _ } = self;
        let policy = match policy {
            Policy::Fresh => "fresh",
            Policy::Reuse => "reuse",
        };
        let mut manifest = format!(
            "spin_manifest_version = 2\n\
             [application]\nname = \"{name}\"\nversion = \"0.1.0\"\n\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n\
             [component.guest]\nsource = \"{}\"\n{settings}\n\
             [component.guest.instances]\npolicy = \"{policy}\"\n\
             [component.guest.limits]\n{limits}\n",
            guest.display()
        );
        if let Some(neighbour) = neighbour {
            manifest.push_str(&format!(
                "[[trigger.http]]\nroute = \"/neighbour/...\"\ncomponent = \"neighbour\"\n\
                 [component.neighbour]\nsource = \"{}\"\n",
                neighbour.display()
            ));
        }
        manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_one_that_we_read() {
        let mut app = App::new("hello", PathBuf::from("hello.wasm")).reused();
        app.settings = "key_value_stores = [\"default\"]".to_owned();
        app.neighbour = Some(PathBuf::from("work.wasm"));
        app.limits = "memory = \"64MiB\"".to_owned();
        let manifest: toml::Table = app.manifest().parse().unwrap();
        assert_eq!(manifest["component"]["guest"]["instances"]["policy"].as_str(), Some("reuse"));
        assert_eq!(manifest["component"]["guest"]["limits"]["memory"].as_str(), Some("64MiB"));
        assert_eq!(manifest["trigger"]["http"].as_array().map(Vec::len), Some(2));
    }
}
