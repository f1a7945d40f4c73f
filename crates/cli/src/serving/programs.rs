//! Runs the program of an app: a component of the trigger `command`, with the streams of this process.

use std::error::Error;

use coracle_app::{App, Format, Trigger};
use coracle_capabilities::wasi;
use coracle_engine::{Fault, LimitKind};
use coracle_host::Workload;
use coracle_triggers::command::{self, CommandError};

use super::Signals;
use crate::exit::Exit;
use crate::output::Output;
use crate::refusal::refuse;

/// Whether what was `chosen` of `app`, or all of it, is to be run and not served.
pub(crate) fn is_program(app: &App, chosen: &[String]) -> bool {
    let mut wanted = wanted(app, chosen).peekable();
    wanted.peek().is_some() && wanted.all(|trigger| trigger.kind == COMMAND)
}

/// The programs of what was `chosen`.
pub(crate) fn programs<'a>(app: &'a App, chosen: &'a [String]) -> impl Iterator<Item = &'a Trigger> {
    wanted(app, chosen).filter(|trigger| trigger.kind == COMMAND)
}

fn wanted<'a>(app: &'a App, chosen: &'a [String]) -> impl Iterator<Item = &'a Trigger> {
    let is_chosen = |trigger: &&Trigger| trigger.component.as_ref().is_some_and(|id| chosen.iter().any(|name| name == id.as_str()));
    app.triggers.iter().filter(move |trigger| chosen.is_empty() || is_chosen(trigger))
}

/// The kind of trigger that runs a program.
const COMMAND: &str = "command";

/// Runs the only program of `workload` with `arguments`, and ends as it ends. A signal ends it at once.
pub(crate) async fn run_program(
    output: Output,
    workload: &Workload,
    arguments: Vec<String>,
    signals: &mut Signals,
) -> anyhow::Result<Exit> {
    let mut runnables = workload.runnables();
    let Some(runnable) = runnables.next() else {
        return refuse("this app has no program", "give it a `[[trigger.command]]`, or serve it with `coracle up`");
    };
    if let Some(other) = runnables.next() {
        let message = format!("this app has several programs, `{}` and `{}` among them", runnable.id(), other.id());
        return refuse(message, "choose one with `--component-id`");
    }
    let command = wasi::Command {
        arguments,
        initial_cwd: None,
        stdin: wasi::Stdin::Inherit,
        stdout: wasi::Stdout::Inherit,
        stderr: wasi::Stdout::Inherit,
    };
    let ended = tokio::select! {
        ended = command::run(runnable, command) => ended,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    match ended {
        Ok(status) => Ok(Exit::Guest(truncated(status))),
        Err(CommandError::Fault(fault)) => {
            tell(output, workload.app().format, &fault);
            Ok(Exit::Trapped)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says why the program was ended, on one line, and below it where it was then.
fn tell(output: Output, format: Format, fault: &Fault) {
    let flag = match fault {
        Fault::Limit { kind: LimitKind::Wall, .. } => Some("`--timeout`"),
        Fault::Limit { kind: LimitKind::Memory, .. } => Some("`--max-instance-memory`"),
        _ => None,
    };
    // Without a manifest the bounds are those of the command line.
    if let (Fault::Limit { kind, bound, .. }, Some(flag), Format::Bare) = (fault, flag, format) {
        output.error(format_args!("the {} limit of {bound} was reached", kind.name()));
        return output.help(format_args!("raise it with {flag} if the work needs it"));
    }
    let causes = std::iter::successors(Some(fault as &(dyn Error + 'static)), |error| (**error).source()).map(ToString::to_string);
    // A cause of several lines is wasmtime's picture of the guest's stack.
    let (stacks, causes): (Vec<_>, Vec<_>) = causes.partition(|text| text.contains('\n'));
    output.error(causes.join(": "));
    stacks.iter().flat_map(|stack| stack.lines().skip(1)).for_each(|frame| output.note(frame));
}

/// The part of an exit status that a process can pass on.
fn truncated(status: i32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "systems keep the lowest byte")]
    let status = status as u8;
    status
}
