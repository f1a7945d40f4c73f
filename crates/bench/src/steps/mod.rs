//! The steps of the host's part of a request, each done a number of times by a program of its own, so that callgrind can count the
//! instructions of one. `cargo xtask instructions` runs it.

mod run;

use std::path::Path;

use anyhow::{Context as _, Result, bail};

pub use run::prepare;

/// One step.
pub struct Step {
    /// Its name, in the command line and in instructions.toml.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Does it so many times; compiled code is in the cache at the path.
    run: fn(&Path, usize) -> Result<()>,
}

/// Every step, from the part to the whole.
pub const STEPS: &[Step] = &[
    Step { name: "route", about: "finding the route among twenty", run: run::route },
    Step {
        name: "exchange",
        about: "one request over a connection, answered with a fixed response: parse, check, account, write",
        run: run::exchange,
    },
    Step { name: "admit", about: "the right to run, taken and given back", run: run::admit },
    Step { name: "instantiate", about: "a store and an instance, made and dropped", run: run::instantiate },
    Step { name: "call", about: "a call of an instance that is there: lower, guest, lift", run: run::call },
    Step { name: "handle", about: "admit, instantiate, call, read the answer, drop", run: run::handle },
    Step { name: "request", about: "one request of the hello app over a connection, from its first byte to its last", run: run::request },
];

/// Done before a step is counted, so that what happens once has happened.
const WARM_UP: usize = 50;

/// Does step `name` `count` times.
///
/// # Errors
/// When there is no such step, or it does not work.
pub fn run(name: &str, cache: &Path, count: usize) -> Result<()> {
    let Some(step) = STEPS.iter().find(|step| step.name == name) else {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{name}`; there are {}", known.join(", "));
    };
    (step.run)(cache, WARM_UP + count).with_context(|| format!("step `{name}`"))
}
