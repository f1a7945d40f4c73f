//! One component or program, compiled and ready to be linked.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use wasmtime::component::{Component as Compiled, InstancePre, Linker};
use wasmtime::{Module, Store, UpdateDeadline};

use crate::artifact::ArtifactError;
use crate::compile::{CompileError, Task};
use crate::core_module::{self, Adaptable, Fate, ModuleError};
use crate::meter::Pace;
use crate::rewind::{self, Marks};
use crate::shape::PROGRAMS;
use crate::world::{self, RenameError};
use crate::{Engines, Fault, Generation, InstanceState, Shape, ShapeError};
use crate::{turn, unroll};

/// A compiled component, or a program for WASI 0.1, and what its bytes said about it. Clones are cheap and share the code.
#[derive(Clone)]
pub struct Component(pub(crate) Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) code: Code,
    pub(crate) shape: Shape,
    pub(crate) generation: Generation,
    /// What was added for rewinding; `None` where a component cannot be rewound.
    pub(crate) marks: Option<Marks>,
}

/// Machine code.
pub(crate) enum Code {
    Component(Compiled),
    Program(Module),
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("shape", self.shape()).finish_non_exhaustive()
    }
}

/// Why a binary cannot be made ready to run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a valid binary.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It is a core module that cannot become a component.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// Its names cannot be brought up to date.
    #[error(transparent)]
    Rename(#[from] RenameError),
    /// It cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The artifact must not be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// It imports something that no capability answers, or with other types.
    #[error("the component cannot be linked")]
    Link(#[source] wasmtime::Error),
    /// A component was needed, and it is a program for WASI 0.1.
    #[error("this is a program for WASI 0.1, not a component; run it with `coracle run`, or build it for the target `wasm32-wasip2`")]
    Program,
    /// A program for WASI 0.1 was needed, and it is a component.
    #[error("this is a component, not a program for WASI 0.1")]
    NoProgram,
}

/// A binary as it goes to the compiler.
pub(crate) struct Ready<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) shape: Shape,
    pub(crate) generation: Generation,
    pub(crate) marks: Option<Marks>,
}

impl<'a> Ready<'a> {
    /// Validates `bytes`, makes a component with `encode` of a core module that is no program, and brings the names of older worlds up
    /// to date.
    pub(crate) fn new(bytes: &'a [u8], encode: impl FnOnce(&Adaptable<'_>) -> Result<Vec<u8>, LoadError>) -> Result<Self, LoadError> {
        let mut ready = Cow::Borrowed(bytes);
        let mut shape = Shape::of(&ready)?;
        if matches!(shape, Shape::Module { .. }) {
            match core_module::fate(bytes)? {
                Fate::Program => {
                    let bytes = Cow::Owned(unroll::module(bytes).map_err(ShapeError::Invalid)?);
                    return Ok(Self { bytes, shape, generation: PROGRAMS, marks: None });
                }
                Fate::Component(module) => ready = Cow::Owned(encode(&module)?),
            }
            shape = Shape::of(&ready)?;
        }
        let renewed = match world::renew(&ready, &shape)? {
            Cow::Borrowed(_) => None,
            Cow::Owned(renewed) => Some(renewed),
        };
        if let Some(renewed) = renewed {
            shape = Shape::of(&renewed)?;
            ready = Cow::Owned(renewed);
        }
        let Shape::Component { generation, .. } = shape else { return Err(RenameError::Module.into()) };
        let (ready, marks) = rewindable(ready, generation);
        let bytes = Cow::Owned(unroll::component(&ready).map_err(ShapeError::Invalid)?);
        Ok(Self { bytes, shape, generation, marks })
    }

    /// What the compiler has to do.
    pub(crate) fn task(&self) -> Task {
        match self.shape {
            Shape::Component { .. } => Task::Compile(self.generation),
            Shape::Module { .. } => Task::CompileProgram,
        }
    }
}

/// `component` with what rewinding needs, where it can be rewound.
fn rewindable(component: Cow<'_, [u8]>, generation: Generation) -> (Cow<'_, [u8]>, Option<Marks>) {
    // The event loop of an instance of WASI 0.3 is state that only wasmtime could put back.
    if generation == Generation::P3 {
        return (component, None);
    }
    match rewind::add(&component) {
        Ok((added, marks)) => (Cow::Owned(added), Some(marks)),
        Err(obstacle) => {
            tracing::debug!("instances of this component are not rewound, each is made anew: {obstacle}");
            (component, None)
        }
    }
}

/// Whether `bytes` will load, as far as can be told without compiling.
///
/// # Errors
/// [`LoadError`] that loading them would give too.
pub fn examine(bytes: &[u8]) -> Result<Shape, LoadError> {
    let shape = Shape::of(bytes)?;
    match &shape {
        Shape::Component { .. } => drop(world::renew(bytes, &shape)?),
        Shape::Module { .. } => drop(core_module::fate(bytes)?),
    }
    Ok(shape)
}

impl Component {
    /// Compiles `bytes`, a component or a core module, in this process and without a cache. A program uses a [`crate::Loader`].
    ///
    /// # Errors
    /// [`LoadError`] when they cannot become a component, or do not compile.
    #[cfg(feature = "compile")]
    pub fn compile(engines: &Engines, bytes: &[u8]) -> Result<Self, LoadError> {
        let encode = |Adaptable { module, adapter }: &Adaptable<'_>| {
            core_module::encode(module, *adapter).map_err(|reason| ModuleError::Encode(reason).into())
        };
        let ready = Ready::new(bytes, encode)?;
        let engine = engines.get(ready.generation);
        let code = match ready.shape {
            Shape::Component { .. } => Compiled::from_binary(engine, &ready.bytes).map(Code::Component),
            Shape::Module { .. } => Module::from_binary(engine, &ready.bytes).map(Code::Program),
        };
        let code = code.map_err(|error| CompileError::Refused(format!("{error:#}")))?;
        Ok(Self(Arc::new(Loaded { code, shape: ready.shape, generation: ready.generation, marks: ready.marks })))
    }

    /// What the bytes said: imports, exports, generation.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.0.shape
    }

    /// Which engine the component runs on.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// What was added for rewinding.
    pub(crate) fn marks(&self) -> Option<Marks> {
        self.0.marks
    }

    /// wasmtime's own handle; `None` for a program.
    #[must_use]
    pub fn compiled(&self) -> Option<&Compiled> {
        match &self.0.code {
            Code::Component(compiled) => Some(compiled),
            Code::Program(_) => None,
        }
    }

    /// wasmtime's own handle of a program for WASI 0.1; `None` for a component.
    #[must_use]
    pub fn program(&self) -> Option<&Module> {
        match &self.0.code {
            Code::Component(_) => None,
            Code::Program(module) => Some(module),
        }
    }

    /// Where the machine code lies in memory.
    #[must_use]
    pub fn image_range(&self) -> Range<*const u8> {
        match &self.0.code {
            Code::Component(compiled) => compiled.image_range(),
            Code::Program(module) => module.image_range(),
        }
    }

    /// Resolves every import of a component, once; each instance is then made without look-ups.
    ///
    /// # Errors
    /// [`LoadError::Link`] when an import is unknown or has another type than the host's, [`LoadError::Program`] for a program.
    pub fn prepare(&self, linker: &Linker<InstanceState>) -> Result<InstancePre<InstanceState>, LoadError> {
        let compiled = self.compiled().ok_or(LoadError::Program)?;
        linker.instantiate_pre(compiled).map_err(LoadError::Link)
    }

    /// Resolves every import of a program, once.
    ///
    /// # Errors
    /// [`LoadError::Link`] when it imports what WASI 0.1 does not have, [`LoadError::NoProgram`] for a component.
    pub fn prepare_program(&self, linker: &wasmtime::Linker<InstanceState>) -> Result<wasmtime::InstancePre<InstanceState>, LoadError> {
        let module = self.program().ok_or(LoadError::NoProgram)?;
        linker.instantiate_pre(module).map_err(LoadError::Link)
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
    let hurry = engines.hurry();
    store.epoch_deadline_callback(move |context| {
        let meter = context.data().meter();
        Ok(match meter.tick() {
            Pace::Short => UpdateDeadline::Continue(1),
            Pace::Long => {
                hurry.store(true, Relaxed);
                let meter = Arc::clone(meter);
                UpdateDeadline::YieldCustom(
                    1,
                    Box::pin(async move {
                        turn::give_way(turn::OTHERS_NS_MAX).await;
                        meter.go_on();
                    }),
                )
            }
            Pace::Exhausted => UpdateDeadline::Interrupt,
        })
    });
    Ok(store)
}
