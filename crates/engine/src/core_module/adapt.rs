//! Decides whether a module runs as it is, or how it becomes a component. It only reads what the module says and gives it today's names;
//! the work of the large tool is in `encode`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::anatomy::Anatomy;
use super::refuse::{PREVIEW_1, library, refuse, refuse_broken_libc};
use super::{ModuleError, spin1};

/// What answers a module's calls to WASI 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Adapter {
    /// For a program that is run once.
    Command,
    /// For a library of functions.
    Reactor,
}

/// What becomes of a module.
pub(crate) enum Fate<'a> {
    /// It runs as it is: a program for WASI 0.1. Many of these take all memory up to its end to be theirs (Go, TinyGo, AssemblyScript),
    /// and an adapter inside that memory would be overwritten.
    Program,
    /// It becomes a component.
    Component(Adaptable<'a>),
}

/// A module that can become a component, and how.
pub(crate) struct Adaptable<'a> {
    /// The module, whose names may have been brought up to date.
    pub(crate) module: Cow<'a, [u8]>,
    pub(crate) adapter: Adapter,
}

/// What becomes of `module`.
pub(crate) fn fate(module: &[u8]) -> Result<Fate<'_>, ModuleError> {
    let anatomy = Anatomy::of(module)?;
    let is_spin1 = spin1::is_spin1(&anatomy);
    refuse(&anatomy, |from| from == PREVIEW_1 || (is_spin1 && spin1::interface(from).is_some()))?;
    refuse_broken_libc(&anatomy)?;
    let component = |module, adapter| Ok(Fate::Component(Adaptable { module, adapter }));
    if is_spin1 {
        return component(spin1::renew(module, &anatomy)?.into(), Adapter::Reactor);
    }
    // An interface's function shows a reactor, which may have a `_start` all the same.
    let is_reactor = anatomy.functions.iter().any(|name| name.contains('#'));
    let is_command = anatomy.functions.contains("_start") && !is_reactor;
    match (anatomy.has_component_type, is_command) {
        (false, true) => Ok(Fate::Program),
        (false, false) => Err(library(&anatomy)),
        (true, true) => component(module.into(), Adapter::Command),
        (true, false) => component(module.into(), Adapter::Reactor),
    }
}
