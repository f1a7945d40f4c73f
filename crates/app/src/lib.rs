//! The application model: the text of a manifest becomes a checked [`App`], or a list of everything that is wrong.
//! Pure data: nothing here opens a file, talks to a network or knows WebAssembly.

#![warn(missing_docs)]

mod model;

mod document;
mod formats;
pub mod http;
mod problem;
mod reference;
pub mod template;

pub use formats::{BareWorld, MANIFEST_BYTES_MAX, bare, load, schema, spin_schema};
pub use model::{
    App, Build, Component, ComponentId, Dependency, DependencyName, DependencyNameError, DependencySource, FileMount, Format, Inherit,
    InheritKey, InstancePolicy, LimitOverrides, Middleware, NameError, NameStyle, Profile, Source, Target, Trigger, Variable,
};
pub use problem::{Errors, Place, Places, Problem, Warning};
pub use reference::reference;
