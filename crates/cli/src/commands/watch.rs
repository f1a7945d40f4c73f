//! `coracle watch`: serves an app, and builds and replaces it when its files change. The server keeps its port; a version that does not
//! build or start leaves the one before it in place.

use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};

use crate::building;
use crate::commands::up;
use crate::commands::{Command, define};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;
use crate::project::{AppArguments, Project};
use crate::refusal::{self, refuse};
use crate::serving::{self, Front, Listening, Operator, Ready, ServeArguments, Serving, Signals, Stage};
use crate::telemetry;
use crate::watching::{Changes, Notifier, Outputs, Own, Role, Snapshot, Watched};

/// `coracle watch`.
pub(crate) struct Watch;

#[derive(Debug, Clone, Args)]
struct Arguments {
    #[command(flatten)]
    app: AppArguments,

    /// Clear the terminal before each build
    #[arg(long)]
    clear: bool,

    /// Wait until files have been quiet for this many milliseconds
    #[arg(short = 'd', long, value_name = "MS", default_value_t = 100)]
    debounce: u64,

    /// Never build; replace the app when its WebAssembly files change
    #[arg(long)]
    skip_build: bool,

    #[command(flatten)]
    serve: ServeArguments,
}

const HELP: &str = "\
Examples:
  coracle watch                       build, serve, and do it again when something changes
  coracle watch --skip-build          somebody else builds
  coracle watch --clear --quiet

What counts: the manifest, the globs of `build.watch`, `files`, the components' WebAssembly files, and the runtime configuration with
the files that it names. Only contents count, so a build that writes the same files again starts nothing. A change during a build cancels it. If a build or a start fails, the app
that was served before stays.
";

impl Command for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn define(&self) -> clap::Command {
        serving::with_foreign_flags(define::<Arguments>("watch", "Serve an app and renew it when files change", HELP).visible_alias("w"))
    }

    fn run(&self, context: &Context, matches: &ArgMatches) -> anyhow::Result<Exit> {
        for warning in serving::foreign_flags(matches) {
            context.output.warning(warning);
        }
        let arguments = Arguments::from_arg_matches(matches)?;
        let _telemetry = telemetry::start(context, arguments.serve.logs.log_format, arguments.serve.logs.quiet)?;
        serving::runtime()?.block_on(watch(context, &arguments))
    }
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Build, then start.
    Build,
    /// Start what is there.
    Start,
}

/// How a task ended.
enum Outcome {
    /// It is served.
    Served,
    /// It failed, and somebody has been told.
    Failed,
    /// Files changed meanwhile.
    Disturbed(Changes),
}

struct Watcher<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    /// The last manifest that could be read.
    project: Project,
    watched: Watched,
    notifier: Notifier,
    seen: Snapshot,
    outputs: Outputs,
    stage: Option<Stage<'a>>,
    listening: Option<Listening>,
    live: Option<Live>,
}

/// What is served now.
struct Live {
    serving: Serving,
    front: Front,
    ready: Ready,
}

async fn watch(context: &Context, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let project = Project::find(&arguments.app, &context.environment)?;
    if serving::is_program(&project.app, &arguments.serve.grant.component_id) {
        return refuse("this app is a program, and `coracle watch` serves apps", "run it once with `coracle up`");
    }
    let listening = Listening::open(&arguments.serve.listen)?;
    let mut watcher = Watcher {
        context,
        arguments,
        watched: watched(arguments, &project)?,
        project,
        notifier: Notifier::new(Duration::from_millis(arguments.debounce))?,
        seen: Snapshot::default(),
        outputs: Outputs::default(),
        stage: None,
        listening: Some(listening),
        live: None,
    };
    watcher.notifier.follow(&watcher.watched)?;
    watcher.seen = Snapshot::take(&watcher.watched, &Snapshot::default());
    tokio::select! {
        ended = watcher.run() => ended?,
        () = signals.next() => {}
    }
    match watcher.live {
        Some(Live { serving, ready, .. }) => up::drain(context.output, serving, &ready, &mut signals).await,
        None => Ok(Exit::Ok),
    }
}

/// The files of `project` that matter, without what this program writes itself.
fn watched(arguments: &Arguments, project: &Project) -> anyhow::Result<Watched> {
    let operator = Operator::read(&arguments.serve, project)?;
    let named = operator.config.files();
    let own = Own::new(operator.state.into_iter().chain(operator.logs));
    let mut watched = Watched::of(project, !arguments.skip_build, own);
    if let Some(file) = &arguments.serve.grant.runtime_config_file {
        watched.add_config(file, &named);
    }
    Ok(watched)
}

impl Watcher<'_> {
    /// Builds and serves for ever.
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut task = if self.arguments.skip_build { Task::Start } else { Task::Build };
        loop {
            let changes = match self.perform(task).await? {
                Outcome::Disturbed(changes) => changes,
                Outcome::Served => self.changed().await?,
                Outcome::Failed => {
                    let then = if self.live.is_some() { "the app before it is still served" } else { "nothing is served yet" };
                    self.output().note(format_args!("{then}; waiting for a change"));
                    self.changed().await?
                }
            };
            if self.arguments.clear {
                self.output().clear();
            }
            self.output().note(format_args!("changed: {}", changes.summary()));
            task = self.task_for(&changes)?;
        }
    }

    /// Waits until a file that matters has another content.
    async fn changed(&mut self) -> anyhow::Result<Changes> {
        loop {
            self.notifier.next().await;
            let changes = self.look();
            self.notifier.follow(&self.watched)?;
            if !changes.is_empty() {
                return Ok(changes);
            }
        }
    }

    /// What changed since the last look.
    fn look(&mut self) -> Changes {
        let now = Snapshot::take(&self.watched, &self.seen);
        let changes = now.since(&self.seen);
        self.seen = now;
        changes
    }

    fn task_for(&mut self, changes: &Changes) -> anyhow::Result<Task> {
        let builds = !self.arguments.skip_build;
        Ok(if builds && (changes.has(Role::Manifest) || changes.has(Role::Source)) { Task::Build } else { Task::Start })
    }

    async fn perform(&mut self, task: Task) -> anyhow::Result<Outcome> {
        match Project::read(&self.project.file, self.arguments.app.profile.as_deref()) {
            Ok(project) => self.project = project,
            Err(error) => {
                refusal::print(&self.output(), &error);
                return Ok(Outcome::Failed);
            }
        }
        self.watched = watched(self.arguments, &self.project)?;
        self.notifier.follow(&self.watched)?;
        // Files that a new manifest names are not changes. What has changed since the last look still is one.
        self.seen = Snapshot::extend(&self.watched, &self.seen);
        if task == Task::Build
            && let Some(ended) = self.build().await?
        {
            return Ok(ended);
        }
        match self.start().await {
            Ok(()) => Ok(Outcome::Served),
            Err(error) => {
                refusal::print(&self.output(), &error);
                Ok(Outcome::Failed)
            }
        }
    }

    /// Builds; the answer is `None` when the app can be started.
    async fn build(&mut self) -> anyhow::Result<Option<Outcome>> {
        let output = self.output();
        let steps = match building::plan(&self.project.app, &self.project.folder, &self.arguments.serve.grant.component_id, output) {
            Ok(steps) => steps,
            Err(error) => {
                refusal::print(&output, &error);
                return Ok(Some(Outcome::Failed));
            }
        };
        let built = {
            let build = building::build(&steps, output);
            tokio::pin!(build);
            loop {
                tokio::select! {
                    built = &mut build => break built,
                    () = self.notifier.next() => {
                        if let Some(changes) = self.disturbance() {
                            output.note("the build that runs is cancelled");
                            return Ok(Some(Outcome::Disturbed(changes)));
                        }
                    }
                }
            }
        };
        // A change that came with the last breath of the build starts another; what the build wrote does not.
        if let Some(changes) = self.disturbance() {
            return Ok(Some(Outcome::Disturbed(changes)));
        }
        self.outputs.settle();
        if let Err(error) = built {
            refusal::print(&output, &error);
            return Ok(Some(Outcome::Failed));
        }
        building::remember_profile(self.project.state_folder().as_deref(), self.project.profile.as_deref());
        Ok(None)
    }

    /// What changed during a build by another hand than the build's own.
    fn disturbance(&mut self) -> Option<Changes> {
        let mut changes = self.look();
        changes.files.retain(|(role, _)| matches!(role, Role::Manifest | Role::Source));
        for path in self.outputs.sift(&mut changes) {
            self.output().note(format_args!(
                "{} changes during every build: it is taken to be written by the build, and ignored while one runs",
                path.display()
            ));
        }
        Some(changes).filter(|changes| !changes.is_empty())
    }

    /// Starts the app and puts it in the place of the one before.
    async fn start(&mut self) -> anyhow::Result<()> {
        if self.stage.is_none() {
            self.stage = Some(Stage::new(self.context, &self.arguments.serve, &self.project)?);
            // The folders that this program writes to are there only now, and can be told from others.
            self.watched = watched(self.arguments, &self.project)?;
        }
        let Some(stage) = &self.stage else { return Ok(()) };
        let ready = stage.ready(&self.project).await?;
        let output = self.output();
        match &mut self.live {
            Some(live) => {
                live.front.replace(ready.http.clone());
                let before = std::mem::replace(&mut live.ready, ready);
                output.note(format_args!("serving the new version at {}", live.serving.base()));
                tokio::spawn(async move { before.workload.drain().await });
            }
            None => {
                let Some(listening) = self.listening.take() else { return Ok(()) };
                let front = Front::new(ready.http.clone());
                let serving = listening.serve(front.clone())?;
                serving::print_summary(output, &ready, serving.base(), self.arguments.serve.listen.format);
                self.live = Some(Live { serving, front, ready });
            }
        }
        Ok(())
    }

    fn output(&self) -> Output {
        self.context.output
    }
}
