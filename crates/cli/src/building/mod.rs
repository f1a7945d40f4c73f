//! Builds components by the commands of their manifest: dependencies first, the first failure stops, and dropping a build ends every
//! process that it started.

mod plan;
mod process;
mod record;

pub(crate) use plan::{Step, plan};
pub(crate) use record::{profile_built, remember_profile};

use crate::output::Output;
use crate::refusal::refuse;

/// Runs `steps` in order.
pub(crate) async fn build(steps: &[Step], output: Output) -> anyhow::Result<()> {
    for step in steps {
        for command in &step.commands {
            output.note(format_args!("building `{}`: {command}", step.component));
            let status = process::run(command, &step.folder).await?;
            if !status.success() {
                return refuse(
                    format!("building component `{}` failed: `{command}` ended with {status}", step.component),
                    "mend what the command complains about, and build again",
                );
            }
        }
    }
    Ok(())
}
