//! An app in a folder of its own, and the program that works on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use coracle_base::clock;
use tempfile::TempDir;

/// Longer than anything here takes, also where an interpreter compiles on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A folder with an app.
pub(crate) struct App {
    folder: TempDir,
}

/// A program that serves; killed when dropped.
pub(crate) struct Serving {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    pub(crate) address: String,
}

impl App {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// An app of one fixture on every path, whose component table ends with `more`.
    pub(crate) fn of(fixture: &str, more: &str) -> Self {
        let app = Self::new();
        app.fixture(fixture);
        app.file("spin.toml", &manifest(fixture, more));
        app
    }

    /// Copies a fixture into the folder.
    pub(crate) fn fixture(&self, name: &str) {
        std::fs::copy(coracle_testkit::fixture_path(name), self.path(&format!("{name}.wasm"))).unwrap();
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn rename(&self, name: &str, new: &str) {
        std::fs::rename(self.path(name), self.path(new)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program in the app's folder, with an environment that has nothing of ours but a cache.
    pub(crate) fn coracle(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coracle"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/bin:/bin");
        // Compiled code is shared between tests and runs.
        command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        command
    }

    /// Runs it to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.coracle(arguments).output().unwrap()
    }

    /// What a run that must fail prints, with the app's folder and exit code made constant.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "a refusal prints no result");
        format!("exit {}\n{}", output.status.code().unwrap(), self.constant(&output.stderr))
    }

    /// `text` without what differs from run to run.
    pub(crate) fn constant(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(text).replace(&self.folder.path().display().to_string(), "<app>")
    }

    /// Serves the app on a free port with more `arguments`.
    pub(crate) fn up(&self, arguments: &[&str]) -> Serving {
        Serving::start(self.coracle(&[&["up", "--listen", "127.0.0.1:0"], arguments].concat()))
    }
}

impl Serving {
    /// Starts `command`, which must say where it serves.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = lines_of(child.stderr.take().unwrap());
        let mut serving = Self { child, lines, errors, address: String::new() };
        let line = serving.line(|line| line.starts_with("Serving "));
        serving.address = line.rsplit("//").next().unwrap().to_owned();
        serving
    }

    /// Waits for a line of standard output.
    pub(crate) fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        wait(&self.lines, wanted).unwrap_or_else(|seen| panic!("no such line on standard output: {seen}{}", rest(&self.errors)))
    }

    /// Waits for a line of standard error.
    pub(crate) fn error(&self, wanted: impl Fn(&str) -> bool) -> String {
        wait(&self.errors, wanted).unwrap_or_else(|seen| panic!("no such line on standard error: {seen}"))
    }

    /// The status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        get(&self.address, path)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// What the system tells of the process under this name.
    pub(crate) fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap()
    }

    /// The most memory that it has had at a time.
    pub(crate) fn peak_kib(&self) -> u64 {
        let peak = self.proc("status");
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// How many descriptors and threads it has.
    pub(crate) fn holdings(&self) -> (usize, usize) {
        let count = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).unwrap().count();
        (count("fd"), count("task"))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap()
    }

    /// Asks it to stop, and gives everything that it printed and nobody has read.
    pub(crate) fn end(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().unwrap();
        [rest(&self.lines), rest(&self.errors)].concat()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The manifest of an app of one component on every path.
pub(crate) fn manifest(fixture: &str, more: &str) -> String {
    format!(
        "spin_manifest_version = 2\n[application]\nname = \"test\"\nversion = \"0.1.0\"\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"{fixture}\"\n[component.{fixture}]\nsource = \"{fixture}.wasm\"\n{more}"
    )
}

/// The status and body of a GET on a connection of its own.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let answer = ask(address, "GET", path, &[], b"");
    (answer.status, answer.text())
}

/// What came back for a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Sends a request on a connection of its own. A `host` among the headers takes the place of the address.
pub(crate) fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if headers.iter().all(|(name, _)| *name != "host") {
        request.push_str(&format!("host: {address}\r\n"));
    }
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    answer(&exchange(address, &[request.as_bytes(), body].concat()))
}

/// Everything that comes back for `request` on a connection of its own.
pub(crate) fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut response = Vec::new();
    std::thread::scope(|scope| {
        // An echo answers while it is still being written to; who is refused need not be heard to the end.
        let mut writing = stream.try_clone().unwrap();
        scope.spawn(move || writing.write_all(request));
        stream.read_to_end(&mut response).unwrap();
    });
    response
}

fn answer(response: &[u8]) -> Answer {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(response[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).unwrap();
    let headers: Vec<_> = lines.map(header).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &response[end + 4..];
    Answer { status, headers, body: if chunked { unchunked(body) } else { body.to_vec() } }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap().trim(), 16).unwrap();
        body = &body[end + 2..];
        whole.extend_from_slice(&body[..size]);
        if size == 0 {
            break;
        }
        body = &body[size + 2..];
    }
    whole
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

fn wait(lines: &Receiver<String>, wanted: impl Fn(&str) -> bool) -> Result<String, String> {
    let until = clock::now() + PATIENCE;
    let mut seen = String::new();
    loop {
        match lines.recv_timeout(until.saturating_duration_since(clock::now())) {
            Ok(line) if wanted(&line) => return Ok(line),
            Ok(line) => seen.push_str(&format!("{line}\n")),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(seen),
        }
    }
}

fn rest(lines: &Receiver<String>) -> String {
    std::iter::from_fn(|| lines.recv_timeout(Duration::from_secs(1)).ok()).map(|line| format!("\n{line}")).collect()
}
