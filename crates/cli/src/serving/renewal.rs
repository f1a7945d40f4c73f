//! The operator's configuration, applied again while an app is served: when its file or one that it names has another content, and on
//! SIGHUP. Instances that are made from then on have what it binds. One that does not fit is told, and the one before it stays.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coracle_app::ComponentId;
use coracle_host::{GrantLine, Workload};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{GrantArguments, Stage, read_config};
use crate::output::Output;
use crate::project::Project;
use crate::refusal;
use crate::watching::{Notifier, Snapshot, Watched};

/// Files must have been quiet for so long: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// Waits for changes of a runtime configuration.
pub(crate) struct Renewal {
    file: PathBuf,
    watched: Watched,
    notifier: Notifier,
    seen: Snapshot,
    hangups: Signal,
    had_terminal: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The configuration is to be applied again.
    Renewal,
    /// The terminal was closed, which hangs up too: the program ends, as it would without a configuration.
    End,
}

impl Renewal {
    /// Watches the configuration that `arguments` name; `None` where they name none. Begin before it is read for the first time.
    pub(crate) fn of(arguments: &GrantArguments) -> anyhow::Result<Option<Self>> {
        let Some(file) = arguments.runtime_config_file.clone() else { return Ok(None) };
        let mut renewal = Self {
            watched: watched(&file),
            file,
            notifier: Notifier::new(QUIET)?,
            seen: Snapshot::default(),
            hangups: signal(SignalKind::hangup())?,
            had_terminal: std::io::stderr().is_terminal(),
        };
        renewal.notifier.follow(&renewal.watched)?;
        renewal.changed();
        Ok(Some(renewal))
    }

    /// Waits until the configuration is to be applied again.
    pub(crate) async fn wanted(&mut self) -> Wanted {
        loop {
            tokio::select! {
                _ = self.hangups.recv() => {
                    self.changed();
                    let is_closed = self.had_terminal && !std::io::stderr().is_terminal();
                    return if is_closed { Wanted::End } else { Wanted::Renewal };
                }
                () = self.notifier.next() => {
                    if self.changed() {
                        return Wanted::Renewal;
                    }
                }
            }
        }
    }

    /// Applies the configuration of `project` to `workload`, and tells how that ended.
    pub(crate) async fn apply(&self, output: Output, stage: &Stage<'_>, project: &Project, workload: &mut Workload) {
        let before = bound(workload);
        match stage.rebind(workload, project).await {
            Ok(()) => {
                output.note(format_args!("{} is applied: new instances have what it binds", self.file.display()));
                for (component, line) in bound(workload).difference(&before) {
                    output.note(format_args!("  {component}: {} {}", line.capability, line.text));
                }
            }
            Err(error) => {
                refusal::print(&output, &error);
                output.note(format_args!("{} is not applied; the configuration before it stays", self.file.display()));
            }
        }
    }

    /// Whether anything has another content than when it was last looked at. What the file names may have changed with it.
    fn changed(&mut self) -> bool {
        self.watched = watched(&self.file);
        // A folder that cannot be watched was watched before, or a SIGHUP has to do.
        if let Err(error) = self.notifier.follow(&self.watched) {
            tracing::warn!("changes of the runtime configuration may go unnoticed: {error:#}");
        }
        let now = Snapshot::take(&self.watched, &Snapshot::default());
        let changes = now.since(&self.seen);
        self.seen = now;
        !changes.is_empty()
    }
}

/// The file and those that it names, as far as it can be read now.
fn watched(file: &Path) -> Watched {
    let named = read_config(file).map(|config| config.files()).unwrap_or_default();
    Watched::of_config(file, &named)
}

/// What each component has now, for people.
fn bound(workload: &Workload) -> BTreeSet<(ComponentId, GrantLine)> {
    workload.granted().map(|(component, line)| (component.clone(), line.clone())).collect()
}
