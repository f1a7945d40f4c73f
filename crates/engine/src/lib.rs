//! Compiles, caches, bounds and runs one WebAssembly component. This crate knows no manifest, HTTP, file or socket: what a guest may do
//! is defined by values of [`Capability`], and what it was granted by values of [`Grant`].

mod capability;
mod component;
mod engines;
mod fault;
mod limits;
mod meter;
mod shape;
mod state;
mod ticker;

pub use capability::{About, Bind, BindError, Capability, Grant, GrantError, GrantRequest, Interface, RuntimeConfig, Site};
pub use component::{Component, LoadError, store};
pub use engines::{EngineError, Engines, Settings};
pub use fault::{Fault, LimitKind};
pub use limits::{Limits, Reuse};
pub use meter::{Meter, Metered};
pub use shape::{Generation, Import, Shape, ShapeError};
pub use state::{Identity, InstanceState, View};
pub use ticker::Awake;
