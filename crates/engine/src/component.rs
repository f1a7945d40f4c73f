//! One component, compiled and ready to be linked.

use wasmtime::component::{Component as Compiled, InstancePre, Linker};
use wasmtime::{Store, UpdateDeadline};

use crate::{Engines, Fault, Generation, InstanceState, Shape, ShapeError};

/// A compiled component and what its bytes said about it.
#[derive(Clone)]
pub struct Component {
    compiled: Compiled,
    shape: Shape,
    generation: Generation,
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// Why a binary cannot be made ready to run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a valid binary.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A core module that is not adapted yet.
    #[error("this is a core module, not a component; it must be adapted before it can run")]
    Module,
    /// wasmtime cannot compile it.
    #[error("the component cannot be compiled")]
    Compile(#[source] wasmtime::Error),
    /// It imports something that no capability answers, or with other types.
    #[error("the component cannot be linked")]
    Link(#[source] wasmtime::Error),
}

impl Component {
    /// Compiles `bytes` in this process.
    ///
    /// # Errors
    /// [`LoadError`] when they are no component, or do not compile.
    #[cfg(feature = "compile")]
    pub fn compile(engines: &Engines, bytes: &[u8]) -> Result<Self, LoadError> {
        let shape = Shape::of(bytes)?;
        let Shape::Component { generation, .. } = shape else { return Err(LoadError::Module) };
        let compiled = Compiled::from_binary(engines.get(generation), bytes).map_err(LoadError::Compile)?;
        Ok(Self { compiled, shape, generation })
    }

    /// What the bytes said: imports, exports, generation.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Which engine the component runs on.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// wasmtime's own handle.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Resolves every import, once; each instance is then made without look-ups.
    ///
    /// # Errors
    /// [`LoadError::Link`] when an import is unknown or has another type than the host's.
    pub fn prepare(&self, linker: &Linker<InstanceState>) -> Result<InstancePre<InstanceState>, LoadError> {
        linker.instantiate_pre(&self.compiled).map_err(LoadError::Link)
    }
}

/// A store for one instance, bounded by the limits of `state`.
///
/// # Errors
/// [`Fault::Instantiate`] when the store cannot be allocated.
pub fn store(engines: &Engines, generation: Generation, state: InstanceState) -> Result<Store<InstanceState>, Fault> {
    let (hostcall_bytes, handles) = (state.limits().hostcall_bytes, state.limits().handles);
    let mut store = Store::try_new(engines.get(generation), state).map_err(Fault::Instantiate)?;
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(hostcall_bytes);
    store.set_max_component_handles(handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        if context.data().meter().may_continue() { Ok(UpdateDeadline::Yield(1)) } else { Ok(UpdateDeadline::Interrupt) }
    });
    Ok(store)
}
