//! The bounds of one component and the limiter that holds an instance's memories and tables to them.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::{LimitKind, Meter};

/// Everything that is bounded for the instances of one component. [`Limits::default`] is what a component gets that asks for
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories of an instance together, in bytes.
    pub memory_bytes: usize,
    /// Elements of all tables of an instance together.
    pub table_elements: usize,
    /// Core instances, memories and tables of an instance, each.
    pub instances: usize,
    /// CPU time of one invocation.
    pub cpu: Duration,
    /// Wall time of one invocation, from admission until its last byte.
    pub wall: Duration,
    /// Bytes that one host call may copy out of the guest.
    pub hostcall_bytes: usize,
    /// Live component-model handles of an instance.
    pub handles: usize,
    /// Live host resources of an instance.
    pub resources: usize,
    /// Bytes that one call for randomness may ask for.
    pub random_bytes: u64,
    /// Names and values of the headers of one message together, in bytes.
    pub header_bytes: usize,
    /// Header fields of one message.
    pub header_fields: usize,
    /// A request's body, in bytes.
    pub request_body_bytes: u64,
    /// Invocations that run at once.
    pub concurrency: usize,
    /// Invocations that wait for their turn.
    pub queue: usize,
    /// How long an invocation waits for its turn.
    pub queue_wait: Duration,
    /// Outbound calls of one invocation.
    pub outbound_calls: u32,
    /// Outbound calls of one invocation at once.
    pub outbound_concurrency: usize,
    /// What one invocation may write to standard output and error together, in bytes.
    pub log_bytes: usize,
    /// Whether an instance may serve more than one invocation.
    pub reuse: Option<Reuse>,
}

/// How an instance is reused where the manifest allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reuse {
    /// Invocations that one instance serves in its life.
    pub requests_max: u32,
    /// Invocations that one instance serves at once (WASI 0.3 only).
    pub concurrent_max: u32,
    /// How long an instance waits for its next invocation.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            table_elements: 20_000,
            instances: 64,
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(30),
            hostcall_bytes: 8 << 20,
            handles: 10_000,
            resources: 4_096,
            random_bytes: 64 << 10,
            header_bytes: 64 << 10,
            header_fields: 128,
            request_body_bytes: 100 << 20,
            concurrency: 50,
            queue: 100,
            queue_wait: Duration::from_secs(5),
            outbound_calls: 32,
            outbound_concurrency: 6,
            log_bytes: 64 << 10,
            reuse: None,
        }
    }
}

/// Holds an instance to its memory, table and instance bounds, and remembers what it refused: a guest whose `memory.grow` was
/// refused usually aborts, and the abort alone would not tell the operator why.
pub(crate) struct MemoryLimiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    meter: Arc<Meter>,
    table_elements_max: usize,
    table_elements: usize,
    instances_max: usize,
    refused: Option<LimitKind>,
}

impl MemoryLimiter {
    pub(crate) fn new(limits: &Limits, meter: Arc<Meter>) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes,
            memory_bytes: 0,
            meter,
            table_elements_max: limits.table_elements,
            table_elements: 0,
            instances_max: limits.instances,
            refused: None,
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Takes over memories that an earlier limiter let come to be.
    pub(crate) fn resume(&mut self, memory_bytes: usize) {
        self.memory_bytes = memory_bytes;
        self.meter.note_memory(memory_bytes);
    }

    pub(crate) fn refused(&self) -> Option<LimitKind> {
        self.refused
    }

    /// Lets the next invocation of a reused instance begin without the refusals of the last.
    pub(crate) fn forget(&mut self) {
        self.refused = None;
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_bytes_max {
            self.refused = Some(LimitKind::Memory);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = total;
        self.meter.note_memory(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_elements_max {
            self.refused = Some(LimitKind::TableElements);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}
