//! The folders for state and logs. They are made before an app starts, so that one that cannot be written is found at once, and taken
//! away again when the start fails.

use std::path::{Path, PathBuf};

use super::Operator;
use crate::refusal::Refusal;

/// Folders that were made for an app that does not run yet. Dropping it removes those that are still empty.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// The deepest first.
    made: Vec<PathBuf>,
}

impl Folders {
    /// Makes the folders that `operator` names.
    pub(super) fn make(operator: &Operator) -> anyhow::Result<Self> {
        let mut folders = Self::default();
        if let Some(state) = &operator.state {
            let help = "name a folder that can be written with `--state-dir`, or `--state-dir \"\"` to keep everything in memory";
            folders.add(state).map_err(|error| unusable("state", state, help, error))?;
        }
        if let Some(logs) = &operator.logs {
            let help = "name a folder that can be written with `--log-dir`, or `--log-dir \"\"` for none";
            folders.add(logs).map_err(|error| unusable("log", logs, help, error))?;
        }
        Ok(folders)
    }

    /// The app runs: its folders stay.
    pub(super) fn keep(&mut self) {
        self.made.clear();
    }

    fn add(&mut self, folder: &Path) -> std::io::Result<()> {
        let missing: Vec<_> = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
        let made = std::fs::create_dir_all(folder);
        self.made.splice(0..0, missing.into_iter().map(Path::to_owned));
        made?;
        rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)?;
        Ok(())
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in &self.made {
            // One that holds something by now stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn unusable(what: &str, folder: &Path, help: &str, error: std::io::Error) -> Refusal {
    Refusal::new(format!("the {what} folder {} cannot be used", folder.display()), help).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(root: &Path) -> Operator {
        Operator {
            config: Default::default(),
            state: Some(root.join("a/state")),
            logs: Some(root.join("a/state/logs")),
            memory_bytes: None,
        }
    }

    #[test]
    fn what_was_made_for_nothing_is_taken_away() {
        let root = tempfile::tempdir().unwrap();
        drop(Folders::make(&operator(root.path())).unwrap());
        assert!(!root.path().join("a").exists());

        let mut kept = Folders::make(&operator(root.path())).unwrap();
        kept.keep();
        drop(kept);
        assert!(root.path().join("a/state/logs").is_dir());

        drop(Folders::make(&operator(root.path())).unwrap());
        assert!(root.path().join("a/state/logs").is_dir(), "what was there before is not ours to take away");
    }

    #[test]
    fn a_folder_that_holds_something_stays() {
        let root = tempfile::tempdir().unwrap();
        let made = Folders::make(&operator(root.path())).unwrap();
        std::fs::write(root.path().join("a/state/data.db"), "").unwrap();
        drop(made);
        assert!(root.path().join("a/state/data.db").exists() && !root.path().join("a/state/logs").exists());
    }
}
