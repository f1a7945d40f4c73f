//! Compiles, caches, bounds and runs one WebAssembly component. This crate knows no manifest, HTTP, file or socket: what a guest may do
//! is defined by values of [`Capability`], and what it was granted by values of [`Grant`].

mod about;
mod artifact;
mod capability;
mod compile;
mod component;
mod core_module;
mod deny;
mod digest;
mod engines;
mod fault;
mod label;
mod limits;
mod links;
mod loader;
mod meter;
mod proposals;
mod rewind;
mod sections;
mod shape;
mod state;
mod thread;
mod ticker;
mod turn;
mod unroll;
mod world;

pub use about::{About, Bound, ConfigTable};
pub use artifact::{ArtifactCache, ArtifactError, CacheError, artifact_shape, looks_like_artifact};
pub use capability::{Bind, BindError, Capability, Grant, GrantError, GrantRequest, Interface, Labelled, RuntimeConfig, Site, named_files};
#[cfg(feature = "compile")]
pub use compile::child_main;
pub use compile::{CompileBounds, CompileError, Compiler, Progress};
pub use component::{Component, LoadError, examine, store};
pub use core_module::ModuleError;
pub use deny::{denied_name, deny, undenied_name};
pub use digest::Digest;
pub use engines::{EngineError, Engines, IdlePlace, Settings};
pub use fault::{Fault, LimitKind};
pub use label::{LABELS_MAX, Label, ViewOf};
pub use limits::{Limits, Reuse};
pub use links::{DEFAULT_LABEL, Linkable, Links};
pub use loader::Loader;
pub use meter::{Meter, Metered};
pub use rewind::{Rewind, Snapshot};
pub use shape::{Generation, Import, Shape, ShapeError};
pub use state::{Identity, InstanceState, View};
pub use ticker::Awake;
pub use world::{RenameError, rename_imports};
