//! Limits and instance policy that a manifest may set for a component; the host knows the defaults.

/// Limits of one component that differ from the host's defaults; `None` keeps the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    /// Linear memory of an instance.
    pub memory_bytes: Option<u64>,
    /// Time on the CPU of one call.
    pub cpu_ms: Option<u64>,
    /// Time from the start of one call to its end.
    pub wall_ms: Option<u64>,
    /// Calls that run at the same time.
    pub concurrency: Option<u32>,
    /// Calls that wait for their turn.
    pub queue: Option<u32>,
    /// Time that a call waits for its turn.
    pub queue_wait_ms: Option<u64>,
    /// Body of one request.
    pub request_body_bytes: Option<u64>,
    /// All headers of one response.
    pub response_header_bytes: Option<u64>,
    /// Elements in all tables of an instance.
    pub table_elements: Option<u32>,
    /// Core instances within an instance.
    pub instances: Option<u32>,
    /// Resource handles open at the same time.
    pub handles: Option<u32>,
    /// Random bytes handed out in one call.
    pub random_bytes: Option<u64>,
    /// Data that one host call may move.
    pub hostcall_bytes: Option<u64>,
    /// Outgoing requests of one call.
    pub outbound_calls: Option<u32>,
    /// Outgoing requests of one call at the same time.
    pub outbound_concurrency: Option<u32>,
    /// Output written to stdout and stderr in one call.
    pub log_bytes: Option<u64>,
}

/// When an instance is made and how long it lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InstancePolicy {
    /// A new instance for each call: nothing of one call can reach another.
    #[default]
    Fresh,
    /// An instance serves several calls; the guest keeps its memory between them.
    Reuse {
        /// Calls after which it is dropped.
        requests_max: u32,
        /// Calls that it serves at the same time.
        concurrent_max: u32,
        /// Time without a call after which it is dropped.
        idle_ms: u64,
    },
}
