//! The command trigger: runs a program once, with the streams and arguments that its caller chose, and gives back its exit status.

mod run;

pub use run::{CommandError, exports_program, run};

use crate::{About, Trigger};

/// Programs that run once.
pub struct Command;

impl Trigger for Command {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn about(&self) -> About {
        About {
            summary: "Runs a program once and ends with its exit status.",
            exports: &["wasi:cli/run@0.2", "wasi:cli/run@0.3", "_start"],
            example: "[[trigger.command]]\ncomponent = \"job\"\n",
        }
    }
}
