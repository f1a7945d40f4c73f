//! What one run of `up` or `watch` needs to make versions of an app ready: the host, the journal of the components' output, and the
//! operator's settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_app::ComponentId;
use coracle_capabilities::resolver::{self, Secret};
use coracle_capabilities::wasi::Logs;
use coracle_engine::{Limits, Site};
use coracle_host::{Host, Mounting, Placement, Workload};
use coracle_triggers::http::HttpApp;
use parking_lot::Mutex;

use super::folders::Folders;
use super::{Operator, ServeArguments, engine, presets};
use crate::context::Context;
use crate::logs::{Follow, Journal, Settings};
use crate::project::Project;
use crate::refusal::refuse;

/// Where versions of an app are made ready.
pub(crate) struct Stage<'a> {
    context: &'a Context,
    arguments: &'a ServeArguments,
    host: Host,
    logs: Arc<Logs>,
    overrides: BTreeMap<String, Secret>,
    cache: Option<PathBuf>,
    /// Where the components' output is kept.
    log_folder: Option<PathBuf>,
    /// The memory of an instance, as the operator set it.
    memory_bytes: Option<u64>,
    folders: Mutex<Folders>,
}

/// One version of an app, ready to answer.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its components.
    pub(crate) workload: Workload,
    /// Its routes.
    pub(crate) http: Arc<HttpApp>,
}

impl<'a> Stage<'a> {
    /// Starts the host and the journal for `project` and nothing else: there are as many places for instances as it can use.
    pub(crate) fn of(context: &'a Context, arguments: &'a ServeArguments, project: &Project) -> anyhow::Result<Self> {
        Self::start(context, arguments, project, |limits| engine::instances_of(&project.app, limits))
    }

    /// Starts the host and the journal for versions of `project`, whatever they will need.
    pub(crate) fn new(context: &'a Context, arguments: &'a ServeArguments, project: &Project) -> anyhow::Result<Self> {
        Self::start(context, arguments, project, |_| coracle_engine::Settings::default().instances_max)
    }

    fn start(
        context: &'a Context,
        arguments: &'a ServeArguments,
        project: &Project,
        instances: impl FnOnce(&Limits) -> u32,
    ) -> anyhow::Result<Self> {
        // What can be told without touching a folder comes first.
        let overrides = resolver::overrides(&arguments.grant.variable)?;
        let follow = follow(arguments, project)?;
        let operator = Operator::read(arguments, project)?;
        let folders = Folders::make(&operator)?;
        let journal = Journal::start(Settings {
            folder: operator.logs.clone(),
            truncate: arguments.logs.truncate_logs,
            follow,
            format: arguments.logs.log_format,
            colored: context.output.colors_logs(),
            traced: context.environment.get("SPIN_DISABLE_LOG_TO_TRACING").is_none(),
        })?;
        let mut options = engine::options(context, &arguments.engine, limits(arguments, &operator)?)?;
        if arguments.engine.instances_max.is_none() {
            options.settings.instances_max = instances(&options.limits);
        }
        let host = Host::new(options)?;
        let cache = engine::cache_folder(context, &arguments.engine);
        let logs = Arc::new(Logs(Arc::new(journal)));
        let Operator { logs: log_folder, memory_bytes, .. } = operator;
        Ok(Self { context, arguments, host, logs, overrides, cache, log_folder, memory_bytes, folders: Mutex::new(folders) })
    }

    /// Where the components' output is kept.
    pub(crate) fn log_folder(&self) -> Option<&Path> {
        self.log_folder.as_deref()
    }

    /// Makes the components of `project` ready.
    pub(crate) async fn workload(&self, project: &Project) -> anyhow::Result<Workload> {
        let operator = Operator::read(self.arguments, project)?;
        let grant = &self.arguments.grant;
        let mut only = BTreeSet::new();
        for name in &grant.component_id {
            let known = project.app.components.iter().map(|component| &component.id);
            match known.clone().find(|id| id.as_str() == name) {
                Some(id) => drop(only.insert(id.clone())),
                None => return unknown_component("--component-id", name, project),
            }
        }
        supported(project, &only)?;
        let site = self.site(project, operator.state);
        let progress = Arc::new(self.context.output.progress(format_args!("preparing {}", project.app.name)));
        let placement = Placement {
            folder: project.folder.clone(),
            cache: self.cache.clone(),
            config: operator.config,
            site,
            environment: grant.env.iter().cloned().collect(),
            only,
            watcher: engine::watcher(Arc::clone(&progress)),
            temp: grant.temp.clone(),
            mounting: Mounting { direct: grant.direct_mounts, transient_write: grant.allow_transient_write },
        };
        let workload = Workload::start(&self.host, project.app.clone(), placement).await?;
        drop(progress);
        presets::apply(&workload, grant).await?;
        Ok(workload)
    }

    /// What the edge shares with the capabilities of `project`.
    fn site(&self, project: &Project, state: Option<PathBuf>) -> Site {
        let mut site = Site::default();
        site.state_dir = state;
        site.share(Arc::clone(&self.logs));
        presets::share(&mut site, &project.app, &self.overrides, &self.context.environment);
        site
    }

    /// Reads the operator's configuration again and applies it to `workload`, which was made ready from `project`.
    pub(crate) async fn rebind(&self, workload: &mut Workload, project: &Project) -> anyhow::Result<()> {
        let operator = Operator::read(self.arguments, project)?;
        workload.rebind(self.site(project, operator.state), operator.config).await?;
        if (&operator.logs, operator.memory_bytes) != (&self.log_folder, self.memory_bytes) {
            self.context.output.warning("another `log_dir` or `max_instance_memory` counts from the next start on");
        }
        Ok(())
    }

    /// The app runs: from now on its folders stay.
    pub(crate) fn keep_folders(&self) {
        self.folders.lock().keep();
    }

    /// Makes `project` ready to answer HTTP.
    pub(crate) async fn ready(&self, project: &Project) -> anyhow::Result<Ready> {
        let workload = self.workload(project).await?;
        // Routes that hide each other were told when the manifest was read.
        let (http, _) = HttpApp::new(&workload)?;
        self.keep_folders();
        Ok(Ready { workload, http })
    }
}

/// Sees that this host has every kind of trigger that would be needed.
fn supported(project: &Project, only: &BTreeSet<ComponentId>) -> anyhow::Result<()> {
    let wanted = |component: Option<&ComponentId>| only.is_empty() || component.is_some_and(|id| only.contains(id));
    let mut triggers = project.app.triggers.iter().filter(|trigger| wanted(trigger.component.as_ref()));
    match triggers.find(|trigger| coracle_triggers::find(&trigger.kind).is_none()) {
        None => Ok(()),
        Some(trigger) => {
            let known: Vec<_> = coracle_triggers::ALL.iter().map(|known| format!("`{}`", known.kind())).collect();
            let place = trigger.places.of("").map_or_else(String::new, |place| format!("{place}: "));
            refuse(
                format!("{place}trigger `{}` is of the kind `{}`, which this host does not have", trigger.id, trigger.kind),
                format!("it has {}; run the other components alone with `--component-id`", known.join(" and ")),
            )
        }
    }
}

fn limits(arguments: &ServeArguments, operator: &Operator) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    if let Some(bytes) = operator.memory_bytes {
        limits.memory_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(timeout) = arguments.listen.request_timeout {
        limits.wall = timeout;
    }
    Ok(limits)
}

fn follow(arguments: &ServeArguments, project: &Project) -> anyhow::Result<Follow> {
    if arguments.logs.quiet {
        return Ok(Follow::Nothing);
    }
    let names = &arguments.logs.follow;
    let is_known = |name: &String| project.app.components.iter().any(|component| component.id.as_str() == *name);
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => unknown_component("--follow", unknown, project),
        None if names.is_empty() => Ok(Follow::All),
        None => Ok(Follow::Some(names.iter().cloned().collect())),
    }
}

fn unknown_component<T>(flag: &str, name: &str, project: &Project) -> anyhow::Result<T> {
    let known: Vec<_> = project.app.components.iter().map(|component| format!("`{}`", component.id)).collect();
    refuse(format!("`{flag} {name}` names a component that is not in this app"), format!("it has {}", known.join(", ")))
}
