//! Starts an app and serves it: what `up`, `watch` and `build --up` have in common.

mod arguments;
mod engine;
mod folders;
mod listening;
mod operator;
mod presets;
mod programs;
mod renewal;
mod signals;
mod stage;
mod summary;

pub(crate) use arguments::{EngineArguments, Format, GrantArguments, LogFormat, ServeArguments, foreign_flags, with_foreign_flags};
pub(crate) use engine::{host, options, runtime, watcher};
pub(crate) use listening::{Front, GRACE, Listening, Serving};
pub(crate) use operator::{OPERATOR_KEYS, Operator, read_config};
pub(crate) use presets::share_variables;
pub(crate) use programs::{is_program, programs, run_program};
pub(crate) use renewal::{Renewal, Wanted};
pub(crate) use signals::Signals;
pub(crate) use stage::{Ready, Stage};
pub(crate) use summary::print_summary;
