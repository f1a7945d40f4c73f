//! One run of a program: a component that exports `wasi:cli/run`, 0.2 or 0.3, or a core module of WASI 0.1 with a `_start`.

use std::pin::pin;
use std::sync::Arc;

use coracle_capabilities::wasi;
use coracle_engine::{Fault, Import, InstanceState, LimitKind, Metered};
use coracle_host::Runnable;
use wasmtime::{InstancePre, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre as P2;
use wasmtime_wasi::p3::bindings::CommandPre as P3;

const INTERFACE: &str = "wasi:cli/run";

/// Why a program did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The component is no program.
    #[error("component `{component}` is no program: it does not export `wasi:cli/run`; if it answers HTTP, serve it with `coracle up`")]
    NoProgram {
        /// The id of the component.
        component: String,
    },
    /// Its `run` has the wrong type.
    #[error("component `{component}` exports a `wasi:cli/run` of the wrong type")]
    WrongType {
        /// The id of the component.
        component: String,
        /// wasmtime's explanation.
        source: wasmtime::Error,
    },
    /// It failed.
    #[error("the program was ended")]
    Fault(#[source] Fault),
}

/// Whether a component with these exports is a program.
#[must_use]
pub fn exports_program(exports: &[Import]) -> bool {
    exports.iter().any(|export| export.name == INTERFACE)
}

/// Runs the program once. The status is 0 or 1 for what `run` returned, or what the program exited with.
///
/// # Errors
/// [`CommandError`] when it is no program, trapped, or met a limit.
pub async fn run(runnable: &Arc<Runnable>, command: wasi::Command) -> Result<i32, CommandError> {
    let program = Program::of(runnable)?;
    let fault = CommandError::Fault;
    let _slot = runnable.admit().await.map_err(fault)?;
    let mut store = runnable.store().map_err(fault)?;
    store.data_mut().put(command);
    let meter = Arc::clone(store.data().meter());
    let running = pin!(Metered::new(program.run(store), meter));
    match tokio::time::timeout(runnable.limits().wall, running).await {
        Ok(Ok(ended)) => ended.map_err(fault),
        Ok(Err(panic)) => Err(fault(Fault::HostPanic(panic))),
        Err(_) => Err(fault(Fault::limit(LimitKind::Wall, runnable.limits()))),
    }
}

enum Program {
    P1(InstancePre<InstanceState>),
    P2(P2<InstanceState>),
    P3(P3<InstanceState>),
}

impl Program {
    fn of(runnable: &Runnable) -> Result<Self, CommandError> {
        if let Some(pre) = runnable.program_pre() {
            return Ok(Self::P1(pre.clone()));
        }
        let component = || runnable.id().to_owned();
        if !exports_program(runnable.shape().exports()) {
            return Err(CommandError::NoProgram { component: component() });
        }
        let wrong = |source| CommandError::WrongType { component: component(), source };
        let pre = runnable.pre().map_err(|error| wrong(error.into()))?.clone();
        // Toolchains add a 0.2 export for `main` beside the 0.3 one that the program was written for.
        let is_p3 =
            |export: &Import| export.name == INTERFACE && export.version.as_deref().is_some_and(|version| version.starts_with("0.3"));
        if runnable.shape().exports().iter().any(is_p3) {
            Ok(Self::P3(P3::new(pre).map_err(wrong)?))
        } else {
            Ok(Self::P2(P2::new(pre).map_err(wrong)?))
        }
    }

    async fn run(self, mut store: Store<InstanceState>) -> Result<i32, Fault> {
        let returned = match self {
            Self::P1(pre) => match pre.instantiate_async(&mut store).await {
                Ok(program) => match program.get_typed_func::<(), ()>(&mut store, "_start") {
                    Ok(start) => start.call_async(&mut store, ()).await.map(Ok),
                    Err(error) => Err(error),
                },
                Err(error) => return Err(Fault::from_instantiate(error, store.data())),
            },
            Self::P2(pre) => match pre.instantiate_async(&mut store).await {
                Ok(program) => program.wasi_cli_run().call_run(&mut store).await,
                Err(error) => return Err(Fault::from_instantiate(error, store.data())),
            },
            Self::P3(pre) => match pre.instantiate_async(&mut store).await {
                Ok(program) => {
                    let ended = store.run_concurrent(async |accessor| program.wasi_cli_run().call_run(accessor).await).await;
                    ended.and_then(|returned| returned)
                }
                Err(error) => return Err(Fault::from_instantiate(error, store.data())),
            },
        };
        match returned {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => Ok(exit.0),
                None => Err(Fault::from_call(error, store.data())),
            },
        }
    }
}
