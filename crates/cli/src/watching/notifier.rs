//! Wakes whoever waits when something happens in the watched folders. Bursts of events are one: an editor and a compiler write a file
//! in several steps.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::Watched;
use crate::refusal::Refusal;

/// The longest that a burst is waited out, so that a folder that never rests is looked at nevertheless.
const BURST_MAX: Duration = Duration::from_secs(2);

/// Events of the file system.
pub(crate) struct Notifier {
    watcher: RecommendedWatcher,
    folders: BTreeSet<(PathBuf, bool)>,
    woken: Arc<Notify>,
    quiet: Duration,
}

impl Notifier {
    /// Waits out bursts until it has been quiet for as long as `quiet`.
    pub(crate) fn new(quiet: Duration) -> anyhow::Result<Self> {
        let woken = Arc::new(Notify::new());
        let waker = Arc::clone(&woken);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !is_reading(event.kind)) {
                waker.notify_one();
            }
        });
        let cannot =
            |error| Refusal::new("the file system cannot be watched", "raise the limit fs.inotify.max_user_instances").because(error);
        Ok(Self { watcher: watcher.map_err(cannot)?, folders: BTreeSet::new(), woken, quiet })
    }

    /// Watches what matters now. Folders that vanished and came back are watched again.
    pub(crate) fn follow(&mut self, watched: &Watched) -> anyhow::Result<()> {
        let folders = watched.folders();
        for (folder, _) in self.folders.difference(&folders) {
            // One that is gone is not watched any more either way.
            let _ = self.watcher.unwatch(folder);
        }
        for (folder, deep) in &folders {
            let mode = if *deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            let cannot = |error| {
                let help = "raise the limit fs.inotify.max_user_watches, or name fewer files in `watch` and `files`";
                Refusal::new(format!("{} cannot be watched", folder.display()), help).because(error)
            };
            self.watcher.watch(folder, mode).map_err(cannot)?;
        }
        self.folders = folders;
        Ok(())
    }

    /// Waits until something happened and it is quiet again.
    pub(crate) async fn next(&self) {
        self.woken.notified().await;
        let burst = async { while tokio::time::timeout(self.quiet, self.woken.notified()).await.is_ok() {} };
        let _ = tokio::time::timeout(BURST_MAX, burst).await;
    }
}

/// Looking at a file changes nothing; that it was closed after writing does.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
