//! The engines of this process: from flags to a [`Host`].

use std::path::PathBuf;
use std::sync::Arc;

use coracle_app::{App, Component};
use coracle_base::chain;
use coracle_engine::{ArtifactCache, CompileBounds, Compiler, Limits, Settings};
use coracle_host::{Host, Options, Watcher};

use super::EngineArguments;
use crate::commands::compile_child;
use crate::context::Context;
use crate::output::Progress;
use crate::units::show_bytes;

/// Places for instances, however little an app needs.
const INSTANCES_MIN: u32 = 16;

/// Compiled code that is kept; what was not used for the longest time goes first.
const CACHE_BYTES_MAX: u64 = 4 << 30;

/// As many instances as `app` can have at once: those that run, and a quarter of all that may be idle. A smaller pool starts faster.
pub(crate) fn instances_of(app: &App, limits: &Limits) -> u32 {
    let of = |component: &Component| component.limits.concurrency.map_or(limits.concurrency, |own| own as usize);
    // Behind middleware a component has places of its own.
    let behind = app.triggers.iter().filter(|trigger| !trigger.middleware.is_empty()).filter_map(|trigger| trigger.component.as_ref());
    let all = app.components.iter().chain(behind.filter_map(|id| app.component(id)));
    let running = u32::try_from(all.map(of).fold(0, usize::saturating_add)).unwrap_or(u32::MAX);
    running.saturating_add(running / 3 + 1).clamp(INSTANCES_MIN, Settings::default().instances_max)
}

/// The host that `arguments` ask for, with `limits` for components whose manifest says nothing else.
pub(crate) fn host(context: &Context, arguments: &EngineArguments, limits: Limits) -> anyhow::Result<Host> {
    Ok(Host::new(options(context, arguments, limits)?)?)
}

/// What makes such a host.
pub(crate) fn options(context: &Context, arguments: &EngineArguments, limits: Limits) -> anyhow::Result<Options> {
    let defaults = Settings::default();
    let settings = Settings {
        pooling: !arguments.disable_pooling && context.environment.get("SPIN_WASMTIME_POOLING") != Some("0"),
        instances_max: arguments.instances_max.unwrap_or(defaults.instances_max),
        ..defaults
    };
    let compiler = Compiler::Child { program: context.environment.program()?, args: vec![compile_child::NAME.to_owned()] };
    let cache = if arguments.disable_cache { None } else { artifacts(context, arguments)? };
    Ok(Options { settings, limits, cache, compiler, compile: CompileBounds::default(), listening: false })
}

/// Where compiled code and downloads are kept.
pub(crate) fn cache_folder(context: &Context, arguments: &EngineArguments) -> Option<PathBuf> {
    let folder = arguments.cache_dir.clone().or_else(|| context.environment.cache_folder());
    folder.filter(|_| !arguments.disable_cache)
}

/// The cache of compiled code. One that somebody named must work; the user's own is done without if it does not.
fn artifacts(context: &Context, arguments: &EngineArguments) -> anyhow::Result<Option<ArtifactCache>> {
    let Some(folder) = cache_folder(context, arguments) else { return Ok(None) };
    match ArtifactCache::open(&folder.join("artifacts"), CACHE_BYTES_MAX) {
        Ok(cache) => Ok(Some(cache)),
        Err(error) if arguments.cache_dir.is_some() => Err(error.into()),
        Err(error) => {
            context.output.warning(format_args!("compiled code is not kept: {}", chain(&error)));
            Ok(None)
        }
    }
}

/// Tells `progress` what compiles.
pub(crate) fn watcher(progress: Arc<Progress>) -> Option<Watcher> {
    Some(Arc::new(move |component, told| {
        if let coracle_engine::Progress::Compiling { source_bytes, .. } = told {
            progress.set(format_args!("compiling {component} ({})", show_bytes(source_bytes as u64)));
        }
    }))
}

/// The runtime of a command. A server's connections have threads of their own, so one worker beside the command's own thread is enough.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}
