//! What every case works with: how much to measure, the programs, the guests, and a folder to write to.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::app::App;
use crate::peers::{Peer, Peers};
use crate::record::{Plan, Skipped};
use crate::server::{Launch, free_address};
use crate::terminal::say;

/// Load that is thrown away before the first run of a server counts, as a share of a run.
const WARM_UP_SHARE: f64 = 0.5;
/// Connections of a run under load, unless the case is about their number.
pub(crate) const CONNECTIONS: usize = 32;

/// A run of the benchmark.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) peers: Peers,
    skipped: RefCell<Vec<Skipped>>,
    scratch: TempDir,
    programs: PathBuf,
    /// The program that is measured.
    coracle: PathBuf,
    places: Places,
}

/// What lies where.
#[derive(Debug)]
pub(crate) struct Places {
    /// The guests of this repository, compiled.
    pub(crate) guests: PathBuf,
    /// Compiled code that is kept from run to run: that of interpreters takes half a minute.
    pub(crate) caches: PathBuf,
}

impl Bench {
    /// A run with the programs that lie beside this one, and with `coracle`.
    pub(crate) fn new(plan: Plan, peers: Peers, places: Places, coracle: PathBuf) -> Result<Self> {
        let programs = std::env::current_exe()?.parent().context("this program lies in no folder")?.to_owned();
        let scratch = tempfile::Builder::new().prefix("coracle-bench-").tempdir().context("a folder to work in")?;
        Ok(Self { plan, skipped: RefCell::new(peers.skipped.clone()), peers, scratch, programs, coracle, places })
    }

    /// Notes that something was not measured, and says so.
    pub(crate) fn skip(&self, what: impl Into<String>, why: &anyhow::Error) {
        let skipped = Skipped { what: what.into(), why: format!("{why:#}") };
        say(&format!("skipped {}: {}", skipped.what, skipped.why));
        self.skipped.borrow_mut().push(skipped);
    }

    /// Everything that was not measured.
    pub(crate) fn skipped(&self) -> Vec<Skipped> {
        self.skipped.borrow().clone()
    }

    /// A folder of its own for one server or one case.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        Ok(folder)
    }

    /// How long one run under load takes.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs_f64(self.plan.seconds)
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.plan.seconds * WARM_UP_SHARE)
    }

    /// A program that was built with this one, as if it had been installed.
    pub(crate) fn own_program(&self, name: &str) -> Result<PathBuf> {
        self.installed(&self.programs.join(name))
    }

    /// A copy of `program`, as an installation makes: a linker writes here and there, what it wrote lies in the kernel's cache page by page,
    /// and each page is mapped on its own; what was copied lies there in larger parts.
    fn installed(&self, program: &Path) -> Result<PathBuf> {
        if !program.is_file() {
            bail!("{} was not built; run the benchmark as `cargo xtask bench`", program.display());
        }
        let copy = self.folder("programs")?.join(program.file_name().context("a program without a name")?);
        if !copy.exists() {
            std::fs::copy(program, &copy).with_context(|| format!("could not copy {}", program.display()))?;
        }
        Ok(copy)
    }

    /// The program of `peer`, if it is here.
    pub(crate) fn peer(&self, peer: &Peer) -> Option<&Path> {
        self.peers.program(peer)
    }

    /// A guest of this repository, compiled.
    pub(crate) fn guest(&self, name: &str) -> Result<PathBuf> {
        let path = self.places.guests.join(format!("{name}.wasm"));
        if !path.is_file() {
            bail!("the guest `{name}` was not compiled; run `cargo xtask guests`");
        }
        Ok(path)
    }

    /// `coracle up` of `app`, with compiled code in the benchmark's own cache.
    pub(crate) fn coracle(&self, app: &App) -> Result<Launch> {
        self.coracle_with_cache(app, &self.cache("coracle")?)
    }

    fn cache(&self, name: &str) -> Result<PathBuf> {
        let folder = self.places.caches.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        Ok(folder)
    }

    /// `coracle up` of `app`, with everything on that a node has on: limits, metrics, the account of each request.
    pub(crate) fn coracle_with_cache(&self, app: &App, cache: &Path) -> Result<Launch> {
        let program = self.installed(&self.coracle)?;
        let folder = app.write(&self.folder("apps")?)?;
        let (address, admin) = (free_address()?, free_address()?);
        let launch = Launch::new(&program, address).arg("up").arg(folder);
        let launch = launch.args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()]);
        let state = app.state.clone().unwrap_or_default();
        Ok(launch.args(["--quiet", "--log-dir", ""]).arg("--state-dir").arg(state).arg("--cache-dir").arg(cache))
    }

    /// The native server.
    pub(crate) fn native(&self, threads: &str) -> Result<Launch> {
        let address = free_address()?;
        Ok(Launch::new(&self.own_program("coracle-native")?, address).args([&address.to_string(), threads]))
    }

    /// The folder for the cache of `wasmtime serve`.
    pub(crate) fn wasmtime_cache(&self) -> Result<PathBuf> {
        self.cache("wasmtime")
    }
}
