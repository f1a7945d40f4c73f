//! Compiling a component, and making one of a core module. Both are done by large tools that read strangers' bytes, so they work in a
//! child process with bounds on time, memory, input and output; a bomb costs one child.

mod child;
mod order;
mod process;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "compile")]
pub use child::child_main;
pub(crate) use order::{Order, Task};

use crate::Engines;

/// Who compiles.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// A program that calls [`child_main`] when it is run with `args`; usually this one.
    Child {
        /// The path of the program.
        program: PathBuf,
        /// What makes it a compiler.
        args: Vec<String>,
    },
    /// This process, without bounds on time and memory; for tests and for tools that trust their input.
    #[cfg(feature = "compile")]
    InProcess,
    /// Nobody: only artifacts that were compiled elsewhere run.
    Off,
}

/// What one compilation may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileBounds {
    /// Wall time.
    pub wall: Duration,
    /// Address space of the child, in bytes.
    pub memory_bytes: u64,
    /// The binary, in bytes.
    pub source_bytes: usize,
    /// The compiled image, in bytes.
    pub artifact_bytes: u64,
}

impl Default for CompileBounds {
    /// Wide enough for an interpreter of 18 MB on two busy cores.
    fn default() -> Self {
        Self { wall: Duration::from_secs(120), memory_bytes: 2 << 30, source_bytes: 64 << 20, artifact_bytes: 1 << 30 }
    }
}

/// What is told while a component is made ready, for progress on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Compiling, which was begun `elapsed` ago. Told at the start and then several times a second.
    Compiling {
        /// The length of the binary.
        source_bytes: usize,
        /// Since the start.
        elapsed: Duration,
    },
    /// Compiled.
    Compiled {
        /// The length of the binary.
        source_bytes: usize,
        /// From start to end.
        elapsed: Duration,
    },
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The binary is larger than allowed.
    #[error("the binary has {bytes} bytes and at most {bytes_max} are compiled; strip its debug information, or raise the limit")]
    SourceBytes {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// It took too long.
    #[error("compiling took longer than {} s and was stopped; make the component smaller, or raise the time limit", .wall.as_secs_f32())]
    Wall {
        /// The bound.
        wall: Duration,
    },
    /// It needed too much memory.
    #[error("compiling needed more than {} MiB of memory and was stopped; make the component smaller, or raise the memory limit", bytes_max >> 20)]
    Memory {
        /// The bound.
        bytes_max: u64,
    },
    /// The image grew too large.
    #[error("the compiled image would exceed {} MiB; make the component smaller, or raise the limit", bytes_max >> 20)]
    ArtifactBytes {
        /// The bound.
        bytes_max: u64,
    },
    /// The compiler refused the component.
    #[error("the compiler refused the component: {0}")]
    Refused(String),
    /// The compiler's process ended without an answer.
    #[error(
        "the compiler's process ended without an answer ({status}): {said}; the component is probably malformed, or this is a fault of the compiler"
    )]
    Crashed {
        /// How it ended.
        status: String,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// The compiler's process cannot be started.
    #[error("the compiler's process `{}` cannot be started", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The image cannot be written.
    #[error("the compiled image cannot be written; check the free space and permissions of the cache folder")]
    Write(#[source] io::Error),
    /// There is no compiler.
    #[error("this program does not compile; compile the component elsewhere with `coracle compile` and run the artifact")]
    Off,
}

impl Compiler {
    /// Does what `order` says with `binary`, and writes the result to `file`, which is at the order's `output`.
    pub(crate) fn obey(
        &self,
        engines: &Engines,
        order: &Order,
        binary: &[u8],
        file: &mut File,
        progress: &dyn Fn(Progress),
    ) -> Result<(), CompileError> {
        match self {
            Self::Child { program, args } => process::run(program, args, order, binary, progress),
            #[cfg(feature = "compile")]
            Self::InProcess => in_process(engines, order.task, binary, file),
            Self::Off => Err(CompileError::Off),
        }
    }
}

#[cfg(feature = "compile")]
fn in_process(engines: &Engines, task: Task, binary: &[u8], file: &mut File) -> Result<(), CompileError> {
    use std::io::Write as _;
    let refused = |error: wasmtime::Error| format!("{error:#}");
    let result = match task {
        Task::Compile(generation) => engines.get(generation).precompile_component(binary).map_err(refused),
        Task::CompileProgram => engines.get(crate::shape::PROGRAMS).precompile_module(binary).map_err(refused),
        Task::Encode(adapter) => crate::core_module::encode(binary, adapter),
    };
    file.write_all(&result.map_err(CompileError::Refused)?).map_err(CompileError::Write)
}
