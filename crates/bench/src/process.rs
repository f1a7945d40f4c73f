//! Servers as child processes: where they are found, when they answer, and what the kernel says they cost.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;

use crate::native;
use crate::stats::say;

/// How long a server may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(120);

/// A server that is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// When the process was started.
    pub(crate) started: Instant,
}

impl Server {
    /// Starts `command`, which prints a line with `http://ADDRESS` when it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let started = clock::now();
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().context("the server does not start")?;
        let output = child.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        while started.elapsed() < START_MAX {
            line.clear();
            if lines.read_line(&mut line).context("the server's output")? == 0 {
                bail!("the server ended before it listened");
            }
            if let Some((_, rest)) = line.split_once("http://") {
                let address = rest.split(['/', ' ', '\n']).next().unwrap_or_default();
                let address = address.parse().with_context(|| format!("the server listens at `{address}`"))?;
                // What it prints later must not fill the pipe.
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                return Ok(Self { child, address, started });
            }
        }
        bail!("the server did not say where it listens")
    }

    /// CPU time of all threads so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let mut nanoseconds = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
        }
        Ok(nanoseconds / 1_000.0)
    }

    /// Resident memory, in mebibytes.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("the kernel gives no VmRSS")?;
        Ok(line.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request over a connection of its own; whether the answer is a 200.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// `coracle up` of the example, with the artifact cache at `cache`.
pub(crate) fn coracle(cache: &Path) -> Result<Command> {
    let program = std::env::current_exe()?.with_file_name("coracle");
    if !program.is_file() {
        bail!("{} is not there; run `cargo build --release -p coracle-cli` first", program.display());
    }
    let mut command = Command::new(program);
    command.arg("up").arg(example()).args(["--listen", "127.0.0.1:0", "--quiet", "--state-dir", "", "--log-dir", ""]);
    command.arg("--cache-dir").arg(cache);
    Ok(command)
}

/// This program as a native hyper server.
pub(crate) fn native(workers: usize) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(native::FLAG).arg(workers.to_string());
    Ok(command)
}

/// The app that is measured.
pub(crate) fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello")
}

/// Prints what the figures were measured on.
pub(crate) fn describe_machine() {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name").map(|rest| rest.trim_start_matches(['\t', ' ', ':']).to_owned()));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    say(&format!(
        "machine: {} × {cores}, load before the run {load} (compare only within one run)",
        model.unwrap_or_else(|| "unknown".to_owned())
    ));
}
