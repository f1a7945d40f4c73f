//! The one task runner: `cargo xtask <command>`. Whatever a laptop or CI does to this repository is a command here.

mod commands;
mod shell;
mod source;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match commands::dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            shell::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
