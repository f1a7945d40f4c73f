//! What several modules of tests need: engines, loaders, small components and a way to call them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use coracle_engine::{
    ArtifactCache, Compiler, Component, Engines, Fault, Identity, InstanceState, Limits, LoadError, Loader, Metered, Settings,
};
use wasmtime::Store;
use wasmtime::component::Linker;

/// A component whose `run` gives 42.
pub(crate) const ANSWER: &str = r#"
    (component
        (core module $m (func (export "run") (result i32) (i32.const 42)))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))
"#;

/// Engines without a pool, shared by all tests of the binary.
pub(crate) fn engines() -> Arc<Engines> {
    static ENGINES: OnceLock<Arc<Engines>> = OnceLock::new();
    let settings = Settings { pooling: false, ..Settings::default() };
    Arc::clone(ENGINES.get_or_init(|| Arc::new(Engines::new(&settings).unwrap())))
}

pub(crate) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A loader that compiles in this process and caches in `dir`.
pub(crate) fn loader(dir: &Path) -> Loader {
    let cache = ArtifactCache::open(&dir.join("cache"), ArtifactCache::BYTES_MAX).unwrap();
    Loader::new(engines(), Some(cache), Compiler::InProcess)
}

pub(crate) fn load(loader: &Loader, bytes: &[u8]) -> Result<Component, LoadError> {
    loader.load(bytes, &|_| {})
}

/// The program in `examples/`, which cargo builds with the tests.
pub(crate) fn child() -> Compiler {
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.parent().unwrap().parent().unwrap().join("examples/compile_child");
    assert!(program.exists(), "no {}; run `cargo test -p coracle-engine` without `--test`", program.display());
    Compiler::Child { program, args: Vec::new() }
}

/// Instantiates `component` within `limits` and calls its export `run`, which gives a number.
pub(crate) async fn run(component: &Component, limits: Limits) -> Result<u32, Fault> {
    run_with(component, limits, &Linker::new(engines().get(component.generation()))).await
}

/// A store for an instance of `component`.
pub(crate) fn store(component: &Component, limits: Limits) -> Store<InstanceState> {
    store_on(&engines(), component, limits)
}

/// The same on engines of the test's own.
pub(crate) fn store_on(engines: &Engines, component: &Component, limits: Limits) -> Store<InstanceState> {
    let identity = Identity { app: "test".to_owned(), component: "guest".to_owned() };
    let state = InstanceState::new(Arc::new(identity), Vec::new().into(), Arc::new(limits));
    coracle_engine::store(engines, component.generation(), state).unwrap()
}

pub(crate) async fn run_with(component: &Component, limits: Limits, linker: &Linker<InstanceState>) -> Result<u32, Fault> {
    let pre = component.prepare(linker).unwrap();
    let mut store = store(component, limits);
    let meter = Arc::clone(store.data().meter());
    let engines = engines();
    let _awake = engines.awake();
    let work = async {
        let instance = pre.instantiate_async(&mut store).await.map_err(|error| Fault::from_instantiate(error, store.data()))?;
        let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run").map_err(Fault::Trap)?;
        let (answer,) = run.call_async(&mut store, ()).await.map_err(|error| Fault::from_call(error, store.data()))?;
        Ok(answer)
    };
    Metered::new(work, meter).await.unwrap_or_else(|panic| Err(Fault::HostPanic(panic)))
}
