//! The parent's side: starts the child, feeds it, waits for it within the bounds, and says how it ended.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use coracle_base::clock;
use rustix::process::Signal;

use super::order::{Order, REPLY_PREFIX, Reply};
use super::{CompileError, Progress};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// The most that is kept of what a child prints.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;

/// The end of a child's standard error that goes into a message.
const SAID_CHARS_MAX: usize = 400;

/// Has a child process do what `order` says with `binary`.
pub(super) fn run(program: &Path, args: &[String], order: &Order, binary: &[u8], progress: &dyn Fn(Progress)) -> Result<(), CompileError> {
    let wall = Duration::from_millis(order.wall_ms);
    let started = clock::now();
    let start = |source| CompileError::Start { program: program.to_owned(), source };
    let line = serde_json::to_string(order).map_err(|error| start(error.into()))?;
    let mut child = Reaped::start(program, args).map_err(start)?;
    let (stdin, stdout, stderr) = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
    // The child moves into the scope: a panic of `progress` then ends it before the threads that read from it are waited for.
    thread::scope(move |scope| {
        // A child that dies early closes its input; how it ended tells more than the broken pipe.
        scope.spawn(move || stdin.map(|mut stdin| writeln!(stdin, "{line}").and_then(|()| stdin.write_all(binary))));
        let (ended, end) = mpsc::channel();
        scope.spawn(move || ended.send(stdout.map(read_bounded).unwrap_or_default()));
        let said = scope.spawn(move || stderr.map(read_bounded).unwrap_or_default());
        let printed = loop {
            let elapsed = started.elapsed();
            progress(Progress::Compiling { source_bytes: binary.len(), elapsed });
            match end.recv_timeout(PROGRESS_EVERY.min(wall.saturating_sub(elapsed))) {
                Ok(printed) => break printed,
                Err(RecvTimeoutError::Timeout) if started.elapsed() < wall => {}
                Err(RecvTimeoutError::Timeout) => {
                    child.kill();
                    return Err(CompileError::Wall { wall });
                }
                Err(RecvTimeoutError::Disconnected) => break String::new(),
            }
        };
        let status = child.0.wait().map_err(start)?;
        outcome(order, status, &printed, &said.join().unwrap_or_default())
    })
}

fn outcome(order: &Order, status: ExitStatus, printed: &str, said: &str) -> Result<(), CompileError> {
    let memory = || CompileError::Memory { bytes_max: order.memory_bytes };
    let reply = printed.lines().find_map(|line| line.strip_prefix(REPLY_PREFIX)).and_then(|reply| serde_json::from_str(reply).ok());
    match reply {
        Some(Reply::Done) => return Ok(()),
        Some(Reply::Refused(reason)) => return Err(CompileError::Refused(reason)),
        Some(Reply::Memory) => return Err(memory()),
        Some(Reply::Unwritable(reason)) => return Err(CompileError::Write(io::Error::other(reason))),
        Some(Reply::Misunderstood(_)) | None => {}
    }
    if status.signal() == Some(Signal::XFSZ.as_raw()) {
        return Err(CompileError::ArtifactBytes { bytes_max: order.output_bytes });
    }
    // Rust's allocator and thread start-up say so before they give up.
    if said.contains("memory allocation of") || said.contains("Cannot allocate memory") || said.contains("WouldBlock") {
        return Err(memory());
    }
    let reason = match reply {
        Some(Reply::Misunderstood(reason)) => reason,
        _ => tail(said),
    };
    Err(CompileError::Crashed { status: status.to_string(), said: reason })
}

/// A child that is killed and waited for however its parent leaves.
struct Reaped(Child);

impl Reaped {
    fn start(program: &Path, args: &[String]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The parent's secrets are none of a compiler's business.
        command.env_clear();
        command.spawn().map(Self)
    }

    /// Ends the child, which also closes its pipes. An error means that it ended by itself.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads to the end, so that the child never blocks, and keeps the beginning.
fn read_bounded(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = pipe.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut kept);
    let _ = io::copy(&mut pipe, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

fn tail(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() {
        return "it said nothing".to_owned();
    }
    let skipped = said.chars().count().saturating_sub(SAID_CHARS_MAX);
    said.chars().skip(skipped).collect()
}
