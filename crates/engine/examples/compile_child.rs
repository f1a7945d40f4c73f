//! The smallest program that compiles for another: what `Compiler::Child` names. The tests of this crate use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    coracle_engine::child_main(std::io::stdin().lock(), std::io::stdout().lock())
}
