//! How the program ends. The codes are part of its interface: `--help` and `docs/cli.md` print the table below.

use std::process::ExitCode;

/// The status that the process ends with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Exit {
    /// Everything went well.
    Ok,
    /// The command failed; standard error says why.
    Failed,
    /// The command line is wrong.
    Usage,
    /// `coracle run`: the status of the guest.
    Guest(u8),
    /// `coracle run`: the guest trapped or met a limit.
    Trapped,
    /// A signal ended the command before it was done.
    Interrupted,
    /// What another crate decided.
    Process(ExitCode),
}

/// Each status with its meaning, as the documentation prints it.
pub(crate) const MEANINGS: &[(&str, &str)] = &[
    ("0", "it worked; a server was asked to stop and did"),
    ("1", "it failed; standard error says why and what to do"),
    ("2", "the command line is wrong"),
    ("130", "a signal ended it before it was done"),
    ("134", "`coracle run`: the guest trapped or met a limit"),
    ("other", "`coracle run`: the exit status of the guest, which may also be one of the above"),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        if let Exit::Process(code) = exit {
            return code;
        }
        Self::from(match exit {
            Exit::Ok | Exit::Process(_) => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Guest(status) => status,
            Exit::Interrupted => 130,
            Exit::Trapped => 134,
        })
    }
}

/// The table of [`MEANINGS`] for the end of a help text.
pub(crate) fn help() -> String {
    let lines = MEANINGS.iter().map(|(code, meaning)| format!("  {code:<6} {meaning}\n"));
    format!("Exit status:\n{}", lines.collect::<String>())
}
