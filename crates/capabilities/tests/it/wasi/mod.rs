//! WASI through guests: commands that other people compiled, and our own that try what they may not.

mod cli;
mod files;
mod legacy;
mod sockets;

use std::collections::BTreeMap;
use std::sync::Arc;

use coracle_capabilities::wasi::{Captured, Command, Logs, Stdout, link_programs};
use coracle_capabilities::{ALL, grants, linker};
use coracle_engine::{
    Bind, Component, Engines, Fault, Generation, GrantError, GrantRequest, Identity, InstanceState, Limits, Metered, RuntimeConfig,
    Settings, Site, store,
};
use coracle_testkit::{built, fixture};
use serde_json::Value;
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;

/// A compiled command that can be run under different grants.
struct Guest {
    engines: Arc<Engines>,
    generation: Generation,
    pre: Pre,
}

enum Pre {
    P2(p2::CommandPre<InstanceState>),
    P3(p3::CommandPre<InstanceState>),
    /// A module of WASI 0.1.
    Program(wasmtime::InstancePre<InstanceState>),
}

/// What is the same for several runs.
struct Setting {
    grants: Value,
    limits: Limits,
    site: Site,
}

impl Default for Setting {
    fn default() -> Self {
        Self { grants: serde_json::json!({}), limits: Limits::default(), site: Site::default() }
    }
}

impl Setting {
    fn granted(grants: Value) -> Self {
        Self { grants, ..Self::default() }
    }

    fn logging_to(logs: Logs) -> Self {
        let mut setting = Self::default();
        setting.site.share(Arc::new(logs));
        setting
    }
}

impl Setting {
    /// Binds an operator's configuration, as a start does.
    fn bind(&mut self, table: &str) {
        let (site, labels) = (&mut self.site, &BTreeMap::new());
        let config = &mut RuntimeConfig::new(toml::from_str(table).unwrap(), None);
        ALL.iter().try_for_each(|capability| capability.bind(&mut Bind { site, config, labels })).unwrap();
    }
}

impl Guest {
    fn built(name: &str) -> Self {
        Self::new(&built(name).unwrap())
    }

    fn fixture(name: &str) -> Self {
        Self::new(&fixture(name).unwrap())
    }

    fn new(bytes: &[u8]) -> Self {
        let engines = Arc::new(Engines::new(&Settings { pooling: false, ..Settings::default() }).unwrap());
        let component = Component::compile(&engines, bytes).unwrap();
        let generation = component.generation();
        let prepared = || component.prepare(&linker(engines.get(generation), generation).unwrap()).unwrap();
        let pre = match generation {
            _ if component.program().is_some() => {
                let mut programs = wasmtime::Linker::new(engines.get(generation));
                link_programs(&mut programs).unwrap();
                Pre::Program(component.prepare_program(&programs).unwrap())
            }
            Generation::P2 => Pre::P2(p2::CommandPre::new(prepared()).unwrap()),
            Generation::P3 => Pre::P3(p3::CommandPre::new(prepared()).unwrap()),
        };
        Self { engines, generation, pre }
    }

    /// The state of a new instance.
    fn ready(&self, setting: &Setting) -> Result<InstanceState, GrantError> {
        let asked = setting.grants.as_object().unwrap().clone().into_iter().collect();
        let grants = grants(&GrantRequest { component: "guest", grants: &asked, site: &setting.site })?;
        let identity = Arc::new(Identity { app: "test".to_owned(), component: "guest".to_owned() });
        Ok(InstanceState::new(identity, grants.into(), Arc::new(setting.limits.clone())))
    }

    /// Runs the command in a new instance.
    async fn run(&self, setting: &Setting, command: Command) -> Result<(), Fault> {
        let _awake = self.engines.awake();
        let mut state = self.ready(setting).unwrap();
        state.put(command);
        let meter = Arc::clone(state.meter());
        let mut store = store(&self.engines, self.generation, state)?;
        let run = async move {
            let ended = match &self.pre {
                Pre::P2(pre) => {
                    let run = pre.instantiate_async(&mut store).await.map_err(Fault::Instantiate)?;
                    run.wasi_cli_run().call_run(&mut store).await
                }
                Pre::P3(pre) => {
                    let run = pre.instantiate_async(&mut store).await.map_err(Fault::Instantiate)?;
                    let ended = store.run_concurrent(async |accessor| run.wasi_cli_run().call_run(accessor).await).await;
                    ended.and_then(|ended| ended)
                }
                Pre::Program(pre) => {
                    let run = pre.instantiate_async(&mut store).await.map_err(Fault::Instantiate)?;
                    let start = run.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
                    start.call_async(&mut store, ()).await.map(Ok)
                }
            };
            match ended {
                Ok(Ok(())) => Ok(()),
                Ok(Err(())) => Err(Fault::Exit(1)),
                Err(error) => Err(Fault::from_call(error, store.data())),
            }
        };
        Metered::new(run, meter).await.unwrap()
    }

    /// Runs the command with these arguments and gives what it printed.
    async fn says(&self, setting: &Setting, arguments: &[&str]) -> String {
        let printed = Captured::new(64 << 10);
        let arguments = std::iter::once("guest").chain(arguments.iter().copied()).map(str::to_owned).collect();
        let command = Command { arguments, stdout: Stdout::Capture(printed.clone()), ..Command::default() };
        self.run(setting, command).await.unwrap();
        String::from_utf8_lossy(&printed.bytes()).trim_end().to_owned()
    }
}
