//! Real servers for tests, started from the installed packages: each on loopback, on a port and in a folder of its own, and gone with
//! the test. `cargo xtask test` installs what is missing.

pub mod mariadb;
pub mod mosquitto;
pub mod nats;
pub mod postgres;
pub mod redis;
pub mod s3;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

use crate::certificates::Pair;

/// How long a server may take to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How often one is started that ends at once, as some do while what they left behind is still going away.
const ATTEMPTS_MAX: u32 = 50;
/// How long after one attempt the next is made.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(100);

/// Who servers run as that refuse to run as root.
const NOBODY: &str = "nobody";
const NOBODY_GROUP: &str = "nogroup";

/// One server of a test. Its data stay when it is stopped and started again, and go with this value.
pub struct Server {
    name: &'static str,
    make: Box<dyn Fn(&Place) -> Command + Send + Sync>,
    is_ready: fn(&Place) -> bool,
    place: Place,
    child: Option<Child>,
    _folder: TempDir,
}

/// A server that the tests of a binary share: it is there as long as one of them uses it.
pub struct Shared(Mutex<Weak<Server>>);

impl Shared {
    /// Nobody uses it yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// The server, which `start` makes if it is not there.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn get(&self, start: impl FnOnce() -> Result<Server>) -> Result<Arc<Server>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a server runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// A port of loopback that was free.
    pub port: u16,
    /// An empty folder for its data.
    pub folder: PathBuf,
}

impl Place {
    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Server {
    /// Starts the server that `make` describes and waits until it accepts connections. `prepare` fills its folder first.
    ///
    /// # Errors
    /// When it cannot be started, ends at once, or is not ready in time.
    pub fn start(
        name: &'static str,
        prepare: impl FnOnce(&Place) -> Result<()>,
        make: impl Fn(&Place) -> Command + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start_until(name, prepare, make, |place| TcpStream::connect_timeout(&place.address(), LOOK_INTERVAL).is_ok())
    }

    /// The same for a server that accepts connections before it `is_ready`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_until(
        name: &'static str,
        prepare: impl FnOnce(&Place) -> Result<()>,
        make: impl Fn(&Place) -> Command + Send + Sync + 'static,
        is_ready: fn(&Place) -> bool,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix(format!("{name}-"))?;
        let place = Place { port: free_port()?, folder: folder.path().to_owned() };
        prepare(&place).with_context(|| format!("{name} could not be prepared"))?;
        let mut server = Self { name, make: Box::new(make), is_ready, place, child: None, _folder: folder };
        server.resume()?;
        Ok(server)
    }

    /// Where it runs.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Starts it again on the same port and data.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn resume(&mut self) -> Result<()> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.launch() {
                Err(_) if attempts < ATTEMPTS_MAX && self.is_ended()? => std::thread::sleep(ATTEMPT_INTERVAL),
                launched => return launched,
            }
        }
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = (self.make)(&self.place);
        let log = std::fs::File::create(self.log())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let spawned = command.spawn();
        self.child = Some(spawned.with_context(|| format!("{} is not installed; run `cargo xtask setup`", self.name))?);
        self.wait()
    }

    /// Kills it as a crash would (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Stops it as a machine that hangs would: connections stay, and nothing answers.
    ///
    /// # Errors
    /// When it does not run, or does not freeze in time.
    pub fn freeze(&self) -> Result<()> {
        let child = self.signal(Signal::STOP)?;
        let begin = clock::now();
        // Until the thread that takes the signal has its turn, the others go on and may answer.
        while waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG)?.is_none() {
            if begin.elapsed() > START_TIMEOUT {
                bail!("{} does not freeze", self.name);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Lets it go on after [`Server::freeze`].
    ///
    /// # Errors
    /// As [`Server::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT).map(drop)
    }

    fn signal(&self, signal: Signal) -> Result<&Child> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        kill_process(Pid::from_child(child), signal)?;
        Ok(child)
    }

    /// Ends it as an administrator would (SIGTERM), and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be told, or does not end in time.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let begin = clock::now();
        kill_process(Pid::from_child(&child), Signal::TERM)?;
        while child.try_wait()?.is_none() {
            if begin.elapsed() > START_TIMEOUT {
                child.kill()?;
                bail!("{} does not end", self.name);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let begin = clock::now();
        while !(self.is_ready)(&self.place) {
            if self.is_ended()? || begin.elapsed() > START_TIMEOUT {
                bail!("{} is not ready; it said: {}", self.name, std::fs::read_to_string(self.log())?);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    fn is_ended(&mut self) -> Result<bool> {
        let Some(child) = &mut self.child else { return Ok(false) };
        Ok(child.try_wait()?.is_some())
    }

    fn log(&self) -> PathBuf {
        self.place.folder.join(format!("{}.log", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.crash();
    }
}

/// A program of the system; Debian puts some where only administrators look.
#[must_use]
pub fn program(names: &[&str]) -> Command {
    const FOLDERS: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];
    let mut found = names.iter().flat_map(|name| FOLDERS.map(|folder| Path::new(folder).join(name)));
    let first = names.first().copied().unwrap_or_default();
    Command::new(found.find(|path| path.is_file()).unwrap_or_else(|| first.into()))
}

/// The program `name` in the `bin` of the newest version below `folder`.
#[must_use]
pub fn program_in(folder: &Path, name: &str) -> Command {
    let versions = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path().join("bin").join(name));
    Command::new(versions.filter(|path| path.is_file()).max().unwrap_or_else(|| name.into()))
}

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// `command` as a user who is not root.
#[must_use]
pub fn of_nobody(command: &Command) -> Command {
    if !is_root() {
        return Command::new(command.get_program());
    }
    let mut wrapped = Command::new("setpriv");
    wrapped.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY_GROUP}")).arg("--clear-groups").arg(command.get_program());
    // Such a user may have no home.
    wrapped.env("HOME", "/");
    wrapped
}

/// Gives `folder` and all in it to the user of [`of_nobody`].
///
/// # Errors
/// When that fails.
pub fn owned_by_nobody(folder: &Path) -> Result<()> {
    if is_root() {
        let given = Command::new("chown").arg("-R").arg(format!("{NOBODY}:{NOBODY_GROUP}")).arg(folder).status()?;
        anyhow::ensure!(given.success(), "{} could not be given to {NOBODY}", folder.display());
    }
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
