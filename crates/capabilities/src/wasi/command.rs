//! What a trigger gives an instance for one run beside its grants: arguments, and where its standard streams lead. A trigger puts it
//! into the instance before the guest is instantiated; without it there are no arguments, no input, and output goes to the log.

use bytes::Bytes;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::cli::{stderr, stdin, stdout};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

/// One run of a command: `instance.put(Command { … })`.
#[derive(Debug, Default)]
pub struct Command {
    /// The arguments, with the program's name first.
    pub arguments: Vec<String>,
    /// The directory that the guest starts in, as it names it.
    pub initial_cwd: Option<String>,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: Stdout,
    /// Standard error.
    pub stderr: Stdout,
}

/// What a guest reads as standard input.
#[derive(Debug, Default)]
pub enum Stdin {
    /// Nothing: it is at its end from the start.
    #[default]
    Closed,
    /// The standard input of this process. At most one instance at a time can make sense of it.
    Inherit,
    /// These bytes.
    Bytes(Bytes),
}

/// Where standard output or error leads.
#[derive(Debug, Default)]
pub enum Stdout {
    /// The log, line by line.
    #[default]
    Log,
    /// The same stream of this process, byte by byte.
    Inherit,
    /// A buffer that the caller reads afterwards.
    Capture(Captured),
}

/// What a guest wrote, up to a bound; clones share it. A guest that writes more finds its stream closed.
#[derive(Debug, Clone)]
pub struct Captured(MemoryOutputPipe);

impl Captured {
    /// An empty buffer for at most `bytes_max`.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(MemoryOutputPipe::new(bytes_max))
    }

    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.contents()
    }
}

impl Command {
    /// Sets arguments and standard streams in `builder`; a stream for the log is left as it is.
    pub(super) fn apply(self, builder: &mut WasiCtxBuilder) {
        builder.args(&self.arguments);
        if let Some(path) = self.initial_cwd {
            builder.initial_cwd(path);
        }
        match self.stdin {
            Stdin::Closed => {}
            Stdin::Inherit => drop(builder.stdin(stdin())),
            Stdin::Bytes(bytes) => drop(builder.stdin(MemoryInputPipe::new(bytes))),
        }
        match self.stdout {
            Stdout::Log => {}
            Stdout::Inherit => drop(builder.stdout(stdout())),
            Stdout::Capture(Captured(pipe)) => drop(builder.stdout(pipe)),
        }
        match self.stderr {
            Stdout::Log => {}
            Stdout::Inherit => drop(builder.stderr(stderr())),
            Stdout::Capture(Captured(pipe)) => drop(builder.stderr(pipe)),
        }
    }
}
