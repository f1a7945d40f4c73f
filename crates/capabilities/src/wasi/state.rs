//! The WASI context of one instance, made at first use from what the component was granted and what its trigger put there.

use std::any::{Any, TypeId};
use std::sync::Arc;

use coracle_engine::{Grant, GrantError, GrantRequest, Identity, InstanceState, Limits, View};
use parking_lot::Mutex;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiView as _};

use super::command::Command;
use super::files::Mount;
use super::logs::{Events, Journal, LogSink, LogStream, Logs, Stream};
use super::sockets::Sockets;
use super::{environment, files};
use crate::egress::Calls;

/// The WASI state of one instance.
#[derive(Default)]
pub struct State {
    granted: Arc<Policy>,
    /// `None` until the first use.
    ctx: Option<WasiCtx>,
    /// The same for a program of WASI 0.1, whose files and streams are numbers.
    program: Option<WasiP1Ctx>,
    journal: Option<Arc<Mutex<Journal>>>,
}

/// What one component was granted.
pub(super) struct Granted(Arc<Policy>);

struct Policy {
    environment: Vec<(String, String)>,
    files: Vec<Mount>,
    sockets: Sockets,
    sink: Arc<dyn LogSink>,
}

/// Ends the log lines that an invocation left unfinished and gives the next one its own log limit. For instances that serve more
/// than one invocation.
pub(super) fn renew(instance: &mut InstanceState) {
    if let Some(journal) = instance.opened::<State>().and_then(|state| state.journal.as_ref()) {
        journal.lock().renew();
    }
}

/// The WASI context of `instance` and its resources.
pub(super) fn view(instance: &mut InstanceState) -> View<'_, WasiCtx> {
    if instance.state::<State>().ctx.is_none() {
        let ctx = open(instance).build();
        instance.state::<State>().ctx = Some(ctx);
    }
    let View { state, table, label } = instance.view::<State>();
    // It was made above; a context of its own would allow nothing.
    View { state: state.ctx.get_or_insert_default(), table, label }
}

/// The context of `instance`, which is a program of WASI 0.1.
pub(super) fn program(instance: &mut InstanceState) -> &mut WasiP1Ctx {
    if instance.state::<State>().program.is_none() {
        let resources = instance.limits().resources;
        let mut program = open(instance).build_p1();
        program.ctx().table.set_max_capacity(resources);
        instance.state::<State>().program = Some(program);
    }
    // As above.
    instance.state::<State>().program.get_or_insert_with(|| WasiCtx::builder().build_p1())
}

/// What `instance` was granted, and what its trigger put there.
fn open(instance: &mut InstanceState) -> WasiCtxBuilder {
    let (limits, identity) = (Arc::clone(instance.limits()), Arc::clone(instance.identity()));
    let command = std::mem::take(instance.state::<Command>());
    let granted = Arc::clone(&instance.state::<State>().granted);
    let calls = granted.sockets.calls(instance);
    instance.state::<State>().open(command, calls, &limits, identity)
}

impl State {
    fn open(&mut self, command: Command, calls: Calls, limits: &Limits, identity: Arc<Identity>) -> WasiCtxBuilder {
        let Policy { environment, files, sockets, sink } = &*self.granted;
        let journal = Journal::new(Arc::clone(sink), Arc::clone(&identity), limits.log_bytes);
        let journal = Arc::new(Mutex::new(journal));
        let stream = |stream| LogStream { journal: Arc::clone(&journal), stream };
        let mut builder = WasiCtx::builder();
        builder.envs(environment).max_random_size(limits.random_bytes);
        builder.stdout(stream(Stream::Stdout)).stderr(stream(Stream::Stderr));
        command.apply(&mut builder);
        sockets.apply(&mut builder, calls);
        for mount in files {
            if let Err(error) = mount.open(&mut builder) {
                // The instance goes on without it: there is nobody here to tell, and the guest finds that the path does not exist.
                let Identity { app, component } = &*identity;
                tracing::error!(app, component, "a directory of `files` is gone since start: {}: {error:#}", mount.describe());
            }
        }
        self.journal = Some(journal);
        builder
    }
}

impl Granted {
    /// Checks what a manifest asks for.
    pub(super) fn from_request(request: &GrantRequest<'_>) -> Result<Self, GrantError> {
        let sink = request.site.shared::<Logs>().map_or_else(no_sink, |logs| Arc::clone(&logs.0));
        Ok(Self(Arc::new(Policy {
            environment: environment::from_request(request)?,
            files: files::from_request(request)?,
            sockets: Sockets::from_request(request)?,
            sink,
        })))
    }
}

impl Grant for Granted {
    fn state(&self) -> TypeId {
        TypeId::of::<State>()
    }

    fn open(&self, _identity: &Arc<Identity>) -> Box<dyn Any + Send> {
        Box::new(State { granted: Arc::clone(&self.0), ..State::default() })
    }

    fn describe(&self) -> Vec<String> {
        let Policy { environment, files, .. } = &*self.0;
        let names: Vec<_> = environment.iter().map(|(name, _)| name.as_str()).collect();
        let environment = (!names.is_empty()).then(|| format!("environment: {}", names.join(", ")));
        environment.into_iter().chain(files.iter().map(|mount| format!("files: {}", mount.describe()))).collect()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { environment: Vec::new(), files: Vec::new(), sockets: Sockets::default(), sink: no_sink() }
    }
}

fn no_sink() -> Arc<dyn LogSink> {
    Arc::new(Events)
}
