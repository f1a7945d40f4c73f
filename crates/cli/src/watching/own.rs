//! What this program writes while it watches: logs, state, and the file that its output is sent to. A change of these means nothing, and
//! taken for one it would start a build whose output is the next change.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A file or folder, whatever path leads to it.
type Identity = (u64, u64);

/// Files and folders that are not looked at.
#[derive(Debug, Default, Clone)]
pub(crate) struct Own {
    outputs: HashSet<Identity>,
    folders: HashSet<Identity>,
}

impl Own {
    /// What is in `folders`, and where standard output and standard error go.
    pub(crate) fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let of_stream = |stat: rustix::io::Result<rustix::fs::Stat>| stat.ok().map(|stat| (stat.st_dev, stat.st_ino));
        let outputs = [of_stream(rustix::fs::fstat(std::io::stdout())), of_stream(rustix::fs::fstat(std::io::stderr()))];
        let folders = folders.into_iter().filter_map(|folder| folder.metadata().ok().as_ref().map(identity));
        Self { outputs: outputs.into_iter().flatten().collect(), folders: folders.collect() }
    }

    /// Whether `entry`, met on a walk, is one of them.
    pub(super) fn has(&self, entry: &walkdir::DirEntry) -> bool {
        let among = if entry.file_type().is_dir() { &self.folders } else { &self.outputs };
        !among.is_empty() && entry.metadata().is_ok_and(|metadata| among.contains(&identity(&metadata)))
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}
