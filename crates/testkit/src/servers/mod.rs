//! Real servers for tests, started from the installed packages: each on loopback, on a port and in a folder of its own, and gone with
//! the test. `cargo xtask test` installs what is missing.

pub mod mosquitto;
pub mod nats;
pub mod redis;
pub mod s3;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use coracle_base::clock;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked for meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// One server of a test. Its data stay when it is stopped and started again, and go with this value.
pub struct Server {
    name: &'static str,
    make: Box<dyn Fn(&Place) -> Command + Send + Sync>,
    place: Place,
    child: Option<Child>,
    _folder: TempDir,
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
    /// When it cannot be started, ends at once, or does not accept in time.
    pub fn start(
        name: &'static str,
        prepare: impl FnOnce(&Place) -> Result<()>,
        make: impl Fn(&Place) -> Command + Send + Sync + 'static,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix(format!("{name}-"))?;
        let place = Place { port: free_port()?, folder: folder.path().to_owned() };
        prepare(&place).with_context(|| format!("{name} could not be prepared"))?;
        let mut server = Self { name, make: Box::new(make), place, child: None, _folder: folder };
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
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`Server::freeze`].
    ///
    /// # Errors
    /// As [`Server::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        Ok(kill_process(Pid::from_child(child), signal)?)
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
        while TcpStream::connect_timeout(&self.place.address(), LOOK_INTERVAL).is_err() {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || begin.elapsed() > START_TIMEOUT {
                bail!("{} does not accept connections; it said: {}", self.name, std::fs::read_to_string(self.log())?);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
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

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
