//! What parent and child say to each other: the order is one line before the binary on the child's standard input, the reply one line
//! on its standard output.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Generation;
use crate::core_module::Adapter;

/// What marks the reply among whatever else the child's program may print.
pub(super) const REPLY_PREFIX: &str = "coracle-compile: ";

/// The longest order that a child reads.
pub(super) const ORDER_BYTES_MAX: u64 = 64 << 10;

/// What a child is asked to do, and within which bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// What is made of the binary.
    pub(crate) task: Task,
    /// The file that receives it. It exists and is empty.
    pub(crate) output: PathBuf,
    /// The bounds that the child sets for itself before it reads the binary.
    pub(crate) memory_bytes: u64,
    /// The longest result.
    pub(crate) output_bytes: u64,
    /// The longest binary.
    pub(crate) source_bytes: usize,
    /// The time that the parent waits.
    pub(crate) wall_ms: u64,
    /// The process that waits for the child; the child ends with it.
    pub(crate) parent: i32,
}

/// What a child makes of the binary that follows its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// The image of a component, for one of the engines.
    Compile(Generation),
    /// The image of a program, which is a core module.
    CompileProgram,
    /// The component that a core module becomes.
    Encode(Adapter),
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The result is in the file.
    Done,
    /// The binary was refused, for these reasons.
    Refused(String),
    /// A limit on memory was met.
    Memory,
    /// The result could not be written.
    Unwritable(String),
    /// The order made no sense; parent and child are different programs.
    Misunderstood(String),
}
