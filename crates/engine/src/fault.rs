//! How an invocation fails: one variant for each cause, with what a caller may see and what an operator may see kept apart.

use std::time::Duration;

use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::{InstanceState, Limits};

/// Which bound was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// All linear memories of an instance together.
    Memory,
    /// The elements of all tables of an instance together.
    TableElements,
    /// Core instances, memories or tables of an instance.
    Instances,
    /// CPU time.
    Cpu,
    /// Wall time.
    Wall,
    /// The stack of the guest.
    Stack,
    /// Bytes copied in one host call.
    HostcallBytes,
    /// Live handles.
    Handles,
    /// Live resources of the host.
    Resources,
    /// Bytes that one call for randomness asked for.
    Random,
    /// The headers of one message that the guest made.
    Headers,
    /// The body of the request.
    RequestBody,
}

/// Why an invocation ended without its answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A bound was met.
    #[error("the {} limit of {bound} was reached; {}", kind.name(), kind.remedy())]
    Limit {
        /// Which bound.
        kind: LimitKind,
        /// Its value, for people.
        bound: String,
        /// What the guest was doing, where it is known.
        #[source]
        source: Option<wasmtime::Error>,
    },
    /// Every slot and every place in the queue is taken.
    #[error(
        "{running} invocations are running and {waiting} are waiting; raise `concurrency` or `queue` in the component's limits, or add a node"
    )]
    Overloaded {
        /// Invocations that run.
        running: usize,
        /// Invocations that wait.
        waiting: usize,
    },
    /// The process runs as many instances as it has room for, of all components together.
    #[error("the process has no room for another instance; lower `concurrency` in the limits of its components, or add a node")]
    Full(#[source] wasmtime::Error),
    /// The workload is draining or has stopped.
    #[error("the component is shutting down")]
    Stopping,
    /// The guest trapped or a host call ended it.
    #[error("the guest trapped")]
    Trap(#[source] wasmtime::Error),
    /// The guest ended itself with a status other than success.
    #[error("the guest exited with status {0}")]
    Exit(i32),
    /// The guest returned without an answer.
    #[error("the guest returned without setting a response")]
    NoResponse,
    /// The guest answered with an error of the interface.
    #[error("the guest answered with the error `{0}`")]
    Answer(String),
    /// An instance could not be made.
    #[error("an instance could not be made")]
    Instantiate(#[source] wasmtime::Error),
    /// Host code panicked. The instance is gone; nothing else is.
    #[error("a host function panicked: {0}")]
    HostPanic(String),
}

impl LimitKind {
    /// The name of the bound in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::TableElements => "table",
            Self::Cpu => "CPU time",
            Self::Wall => "wall time",
            Self::Stack => "stack",
            Self::HostcallBytes => "host call",
            Self::Handles => "handle",
            Self::Resources => "resource",
            Self::Instances => "core instance",
            Self::Random => "randomness",
            Self::Headers => "header",
            Self::RequestBody => "request body",
        }
    }

    /// The way out.
    fn remedy(self) -> String {
        match self {
            Self::Stack | Self::Resources => "it is the same for all components: the guest must do with less".to_owned(),
            _ => format!("raise `{}` in the component's limits if the work needs it", self.key()),
        }
    }

    /// A stable word: the key of the bound in a manifest, where it has one.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::TableElements => "table_elements",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Stack => "stack",
            Self::HostcallBytes => "hostcall",
            Self::Handles => "handles",
            Self::Resources => "resources",
            Self::Instances => "instances",
            Self::Random => "random",
            Self::Headers => "response_header",
            Self::RequestBody => "request_body",
        }
    }

    fn bound(self, limits: &Limits) -> String {
        match self {
            Self::Memory => size(limits.memory_bytes),
            Self::TableElements => format!("{} elements", limits.table_elements),
            Self::Cpu => format!("{} ms", limits.cpu.as_millis()),
            Self::Wall => format!("{} ms", limits.wall.as_millis()),
            Self::Stack => format!("{} KiB", crate::engines::STACK_BYTES_MAX >> 10),
            Self::HostcallBytes => format!("{} bytes", limits.hostcall_bytes),
            Self::Handles => format!("{} handles", limits.handles),
            Self::Resources => format!("{} resources", limits.resources),
            Self::Instances => format!("{} core instances, memories or tables", limits.instances),
            Self::Random => format!("{} bytes", limits.random_bytes),
            Self::Headers => format!("{} bytes", limits.header_bytes),
            Self::RequestBody => format!("{} bytes", limits.request_body_bytes),
        }
    }
}

/// A size in the largest unit that divides it.
fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

impl Fault {
    /// The fault of meeting the bound `kind`.
    #[must_use]
    pub fn limit(kind: LimitKind, limits: &Limits) -> Self {
        Self::Limit { kind, bound: kind.bound(limits), source: None }
    }

    /// Finds out why a call into the guest failed.
    #[must_use]
    pub fn from_call(error: wasmtime::Error, state: &InstanceState) -> Self {
        let kind = if state.meter().is_exhausted() {
            Some(LimitKind::Cpu)
        } else if let Some(kind) = state.limiter.refused() {
            Some(kind)
        } else {
            limit_of(&error)
        };
        match kind {
            Some(kind) => Self::Limit { kind, bound: kind.bound(state.limits()), source: Some(error) },
            None if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() => Self::Full(error),
            None => Self::Trap(error),
        }
    }

    /// Finds out why an instance could not be made.
    #[must_use]
    pub fn from_instantiate(error: wasmtime::Error, state: &InstanceState) -> Self {
        match Self::from_call(error, state) {
            Self::Trap(error) if error.downcast_ref::<Trap>().is_none() => Self::Instantiate(error),
            fault => fault,
        }
    }

    /// Tells a guest that ended itself from one that trapped. `status` finds the status in the error of whoever answers the guest's
    /// `exit`, which the engine does not know.
    #[must_use]
    pub fn or_exit(self, status: impl FnOnce(&wasmtime::Error) -> Option<i32>) -> Self {
        match self {
            Self::Trap(error) => status(&error).map_or(Self::Trap(error), Self::Exit),
            fault => fault,
        }
    }

    /// The HTTP status that tells a caller about it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Limit { kind: LimitKind::Wall, .. } => 504,
            Self::Limit { kind: LimitKind::RequestBody, .. } => 413,
            Self::Overloaded { .. } => 429,
            Self::Full(_) | Self::Stopping => 503,
            _ => 500,
        }
    }

    /// The short text that a caller may see: the kind of failure, nothing of its inside.
    #[must_use]
    pub fn public(&self) -> &'static str {
        match self {
            Self::Limit { kind, .. } => match kind {
                LimitKind::Memory => "memory limit exceeded",
                LimitKind::TableElements => "table limit exceeded",
                LimitKind::Cpu => "CPU time limit exceeded",
                LimitKind::Wall => "wall time limit exceeded",
                LimitKind::Stack => "stack limit exceeded",
                LimitKind::HostcallBytes => "host call limit exceeded",
                LimitKind::Handles => "handle limit exceeded",
                LimitKind::Resources => "resource limit exceeded",
                LimitKind::Instances => "instance limit exceeded",
                LimitKind::Random => "randomness limit exceeded",
                LimitKind::Headers => "header limit exceeded",
                LimitKind::RequestBody => "request body limit exceeded",
            },
            Self::Overloaded { .. } => "too many requests",
            Self::Full(_) => "no room for another instance",
            Self::Stopping => "shutting down",
            Self::Trap(_) | Self::Exit(_) => "the component failed",
            Self::NoResponse => "the component sent no response",
            Self::Answer(_) => "the component answered with an error",
            Self::Instantiate(_) | Self::HostPanic(_) => "internal error",
        }
    }

    /// How long a caller should wait before it tries again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Overloaded { .. } | Self::Full(_) | Self::Stopping).then_some(Duration::from_secs(1))
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Limit { kind, .. } => kind.key(),
            Self::Overloaded { .. } => "overloaded",
            Self::Full(_) => "full",
            Self::Stopping => "stopping",
            Self::Trap(_) => "trap",
            Self::Exit(_) => "exit",
            Self::NoResponse => "no_response",
            Self::Answer(_) => "answer",
            Self::Instantiate(_) => "instantiate",
            Self::HostPanic(_) => "host_panic",
        }
    }
}

/// What wasmtime says where a bound that it was given is met. The types of these errors are private, or there are none; a test for each
/// fails if the text changes.
const TEXTS: &[(&str, LimitKind)] = &[
    ("fuel allocated for hostcalls has been exhausted", LimitKind::HostcallBytes),
    ("store handle limit exceeded", LimitKind::Handles),
    ("resource limit exceeded: ", LimitKind::Instances),
    ("requested len ", LimitKind::Random),
    ("total size of fields exceeds limit", LimitKind::Headers),
];

/// The bound that wasmtime itself enforced, if it was one.
fn limit_of(error: &wasmtime::Error) -> Option<LimitKind> {
    if let Some(Trap::StackOverflow) = error.downcast_ref::<Trap>() {
        return Some(LimitKind::Stack);
    }
    error.chain().find_map(|cause| {
        if let Some(ResourceTableError::Full) = cause.downcast_ref::<ResourceTableError>() {
            return Some(LimitKind::Resources);
        }
        let text = cause.to_string();
        TEXTS.iter().find(|(says, _)| text.contains(says)).map(|(_, kind)| *kind)
    })
}
