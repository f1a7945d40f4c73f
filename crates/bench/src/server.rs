//! Servers as child processes: how each is started, when it answers, and that it ends with the benchmark.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::processes::Tree;

/// How long a server may take to its first answer.
const START_MAX: Duration = Duration::from_secs(120);
/// Between two attempts to get an answer from a server that starts.
const RETRY: Duration = Duration::from_micros(200);
/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);
/// How long a server may take to end when it is asked to.
const END_MAX: Duration = Duration::from_secs(30);
/// Between two looks at whether it has.
const END_POLL: Duration = Duration::from_millis(10);
/// What is shown of the output of a server that does not start.
const COMPLAINT_BYTES_MAX: usize = 2_000;

/// How a server is started at an address that is known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) address: SocketAddr,
    /// The path whose 200 says that it serves.
    pub(crate) path: String,
}

impl Launch {
    /// A server that is to listen at `address`.
    pub(crate) fn new(program: &Path, address: SocketAddr) -> Self {
        Self { program: program.to_owned(), arguments: Vec::new(), environment: Vec::new(), address, path: "/".to_owned() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(OsString::from));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Serves once `path` answers 200.
    pub(crate) fn ready_at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }
}

/// An address of this machine that nobody listens at.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// A server that runs; dropping it ends it and everything that it started.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first answer with 200, in milliseconds.
    pub(crate) start_ms: f64,
}

impl Server {
    /// Starts a server and waits for its first answer.
    pub(crate) fn start(launch: &Launch) -> Result<Self> {
        let output = tempfile::NamedTempFile::new().context("a file for the server's output")?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).envs(launch.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.reopen()?).stderr(output.reopen()?).process_group(0);
        let started = clock::now();
        let child = command.spawn().with_context(|| format!("{} does not start", launch.program.display()))?;
        let mut server = Self { child, address: launch.address, start_ms: 0.0 };
        while !answers(launch.address, &launch.path) {
            let ended = server.child.try_wait()?;
            if ended.is_some() || started.elapsed() > START_MAX {
                bail!("{} gives no answer:\n{}", launch.program.display(), complaint(output.path()));
            }
            std::thread::sleep(RETRY);
        }
        server.start_ms = started.elapsed().as_secs_f64() * 1_000.0;
        Ok(server)
    }

    /// Asks it to end and waits until it has, so that it writes what it writes at its end.
    pub(crate) fn end(mut self) -> Result<()> {
        if let Some(group) = self.group() {
            kill_process_group(group, Signal::TERM)?;
        }
        let asked = clock::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > END_MAX {
                bail!("the server at {} does not end", self.address);
            }
            std::thread::sleep(END_POLL);
        }
        Ok(())
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> Tree {
        Tree::of(vec![self.child.id()])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = self.group() {
            // A server that has ended already is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Whether a request over a connection of its own is answered with 200.
pub(crate) fn answers(address: SocketAddr, path: &str) -> bool {
    status_line(address, path).is_ok_and(|line| line == *b"HTTP/1.1 200")
}

/// The beginning of the answer to one request over a connection of its own. What follows is not waited for: some servers take their time to
/// close.
pub(crate) fn status_line(address: SocketAddr, path: &str) -> std::io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ATTEMPT_MAX))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(line)
}

fn complaint(output: &Path) -> String {
    let bytes = std::fs::read(output).unwrap_or_default();
    let from = bytes.len().saturating_sub(COMPLAINT_BYTES_MAX);
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_shown_with_its_words() {
        let launch = Launch::new(Path::new("/bin/sh"), free_address().unwrap()).args(["-c", "echo no luck; exit 1"]);
        let error = Server::start(&launch).unwrap_err().to_string();
        assert!(error.contains("no luck"), "{error}");
    }
}
