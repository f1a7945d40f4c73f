//! containerd and runc: what a container costs around the same native server. The daemon that runs here is the benchmark's own, with its own
//! folders and socket; one that the system has is not touched.

mod image;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;
use serde_json::{Value, json};

use super::Peer;
use super::package::Package;
use crate::processes::Tree;

pub(crate) use image::Image;

pub(crate) const PEER: Peer = Peer {
    name: "containerd",
    package: Package::Debian { names: &["containerd", "runc"], programs: &["containerd", "ctr", "runc", "containerd-shim-runc-v2"] },
};

/// How long the daemon may take to answer.
const START_MAX: Duration = Duration::from_secs(30);
/// Between two questions whether it does.
const RETRY: Duration = Duration::from_millis(20);
/// What the image is called.
const IMAGE: &str = "coracle.bench/native:latest";

/// A containerd of our own, with the native server's image.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
    folder: PathBuf,
}

impl Daemon {
    /// Starts containerd below `folder` and gives it `image`.
    pub(crate) fn start(program: &Path, folder: &Path, image: &Image) -> Result<Self> {
        let (socket, config) = (folder.join("containerd.sock"), folder.join("config.toml"));
        let text = format!(
            "version = 2\nroot = \"{0}/root\"\nstate = \"{0}/state\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = \"{1}\"\n",
            folder.display(),
            socket.display()
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&config).args(["--log-level", "error"]);
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("containerd does not start")?;
        let daemon = Self { child, socket, folder: folder.to_owned() };
        let started = clock::now();
        while daemon.ctr(&["version"]).is_err() {
            if started.elapsed() > START_MAX {
                bail!("containerd does not answer");
            }
            std::thread::sleep(RETRY);
        }
        let archive = image.archive(folder, IMAGE)?;
        daemon.ctr(&["images", "import", &archive.display().to_string()])?;
        Ok(daemon)
    }

    /// The command that starts a container `name` with the native server and `arguments`.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["run", "--detach", "--net-host", "--log-uri", "file:///dev/null", IMAGE, name, image::PROGRAM]).args(arguments);
        command
    }

    /// The shim of container `name` and everything below it.
    pub(crate) fn processes(&self, name: &str) -> Result<Tree> {
        let listing = self.ctr(&["tasks", "list"])?;
        let line = listing.lines().find(|line| line.split_whitespace().next() == Some(name)).context("the container does not run")?;
        let pid: u32 = line.split_whitespace().nth(1).and_then(|pid| pid.parse().ok()).context("the container has no process")?;
        Ok(Tree::of(vec![parent(pid)?]))
    }

    /// Ends container `name`.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.ctr(&["tasks", "delete", "--force", name])?;
        self.ctr(&["containers", "delete", name])?;
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket);
        command
    }

    fn ctr(&self, arguments: &[&str]) -> Result<String> {
        capture(self.command().args(arguments))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Containers that a failed case left behind.
        for name in self.ctr(&["containers", "list", "--quiet"]).unwrap_or_default().lines() {
            let _ = self.remove(name);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Where a mount is left, the folder stays.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// runc alone, with a bundle of the native server.
#[derive(Debug)]
pub(crate) struct Bundle {
    folder: PathBuf,
}

impl Bundle {
    pub(crate) fn new(folder: &Path, image: &Image, arguments: &[&str]) -> Result<Self> {
        let bundle = Self { folder: folder.to_owned() };
        std::fs::create_dir_all(folder)?;
        let path = folder.join("config.json");
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        capture(Command::new("runc").current_dir(folder).args(["spec"]))?;
        let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path)?).context("runc's own configuration")?;
        let words: Vec<&str> = [image::PROGRAM].into_iter().chain(arguments.iter().copied()).collect();
        if let Some(process) = config.pointer_mut("/process") {
            merge(process, json!({ "terminal": false, "args": words }));
        }
        if let Some(root) = config.pointer_mut("/root") {
            merge(root, json!({ "path": image.folder() }));
        }
        if let Some(Value::Array(namespaces)) = config.pointer_mut("/linux/namespaces") {
            namespaces.retain(|namespace| namespace.get("type") != Some(&json!("network")));
        }
        std::fs::write(path, config.to_string())?;
        Ok(bundle)
    }

    /// The command that starts the container `name`.
    pub(crate) fn run(&self, name: &str) -> Command {
        let mut command = self.command();
        command.args(["run", "--detach", "--bundle"]).arg(&self.folder).arg(name);
        command
    }

    pub(crate) fn processes(&self, name: &str) -> Result<Tree> {
        let state: Value = serde_json::from_str(&capture(self.command().args(["state", name]))?)?;
        let pid = state.get("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok());
        Ok(Tree::of(vec![pid.context("the container has no process")?]))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        capture(self.command().args(["delete", "--force", name])).map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.folder.join("state"));
        command
    }
}

/// Puts the keys of `with` into `value`.
fn merge(value: &mut Value, with: Value) {
    if let (Value::Object(value), Value::Object(with)) = (value, with) {
        value.extend(with);
    }
}

fn parent(pid: u32) -> Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the container has ended")?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
    parent.context("the kernel names no parent")
}

fn capture(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{program}` is not there"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{program}` ended with {}: {}", output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
