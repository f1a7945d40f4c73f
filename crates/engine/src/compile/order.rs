//! What parent and child say to each other: the order is one line before the binary on the child's standard input, the reply one line
//! on its standard output.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Generation;

/// What marks the reply among whatever else the child's program may print.
pub(super) const REPLY_PREFIX: &str = "coracle-compile: ";

/// The longest order that a child reads.
pub(super) const ORDER_BYTES_MAX: u64 = 64 << 10;

/// What a child is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// For which engine.
    pub(crate) generation: Generation,
    /// The file that receives the image. It exists and is empty.
    pub(crate) output: PathBuf,
    /// The bounds that the child sets for itself before it reads the binary.
    pub(crate) memory_bytes: u64,
    /// The longest image.
    pub(crate) artifact_bytes: u64,
    /// The longest binary.
    pub(crate) source_bytes: usize,
    /// The time that the parent waits.
    pub(crate) wall_ms: u64,
    /// The process that waits for the child; the child ends with it.
    pub(crate) parent: i32,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The image is in the file.
    Done,
    /// The compiler refused the component, with its reasons.
    Refused(String),
    /// A limit on memory was met.
    Memory,
    /// The image could not be written.
    Unwritable(String),
    /// The order made no sense; parent and child are different programs.
    Misunderstood(String),
}
