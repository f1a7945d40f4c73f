//! The program `coracle`: a file for each command in `commands`, listed in `COMMANDS`. The other modules are what commands share.

use std::process::ExitCode;

mod building;
mod capability_page;
mod checking;
mod commands;
mod context;
mod environment;
mod exit;
mod logs;
mod output;
mod program;
mod project;
mod refusal;
mod serving;
mod survey;
mod telemetry;
mod units;
mod watching;

/// A request allocates some eighty times, and the system's allocator took a sixth of its instructions. Without huge pages, which would make
/// a start clear some 20 MB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    program::run().into()
}
