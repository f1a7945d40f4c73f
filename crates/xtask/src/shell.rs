//! Talking to the terminal and running other programs: the only place of the task runner that prints.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Prints to standard output.
#[expect(clippy::print_stdout, reason = "a task runner talks to the terminal")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints an error to standard error.
#[expect(clippy::print_stderr, reason = "a task runner talks to the terminal")]
pub(crate) fn complain(text: &str) {
    eprintln!("error: {text}");
}

/// Runs one step of a longer command, with its name before and its time after it.
#[expect(clippy::disallowed_methods, reason = "the task runner uses no crate of the workspace")]
pub(crate) fn stage<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("==> {name}"));
    let start = Instant::now();
    let outcome = step().with_context(|| format!("`{name}` failed"))?;
    say(&format!("<== {name}: {}", seconds(start.elapsed())));
    Ok(outcome)
}

/// A duration as people read it: `0.4 s`, `2 min 05 s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    if elapsed.as_secs() < 60 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{} min {:02} s", elapsed.as_secs() / 60, elapsed.as_secs() % 60)
    }
}

/// The cargo on the path. rustup's passes on the toolchain that was chosen for us (`cargo +nightly xtask …`).
pub(crate) fn cargo() -> Command {
    Command::new("cargo")
}

/// Runs a program to its end, its output on our terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start `{}`", describe(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs a program to its end and returns what it printed; its errors still go to our terminal.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("could not start `{}`", describe(command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", describe(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed bytes that are not UTF-8", describe(command)))
}

/// The command as it would be typed.
fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let error = run(Command::new("false").arg("--really")).expect_err("`false` fails");
        assert!(error.to_string().starts_with("`false --really` ended with"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).expect_err("it does not exist");
        assert_eq!(error.to_string(), "could not start `no-such-program-here`");
    }

    #[test]
    fn capture_returns_what_was_printed() {
        assert_eq!(capture(Command::new("echo").arg("hello")).expect("echo works"), "hello\n");
    }
}
