//! One build command in a process group of its own, so that ending the build also ends what the command started.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::refusal::Refusal;

/// The group of a running command; dropped before the command has ended, it is killed.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may just have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Runs `command` by the shell in `folder` and waits for its end. What it prints goes to standard error, which is where a person
/// looks while a program reads standard output.
pub(crate) async fn run(command: &str, folder: &Path) -> anyhow::Result<ExitStatus> {
    let cannot = |error: std::io::Error| {
        Refusal::new(
            format!("`{command}` cannot be started in {}", folder.display()),
            "check that the folder exists and that there is a /bin/sh",
        )
        .because(error)
    };
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).current_dir(folder);
    shell.stdin(Stdio::null()).stdout(std::io::stderr()).stderr(Stdio::inherit());
    shell.process_group(0).kill_on_drop(true);
    let mut child = shell.spawn().map_err(cannot)?;
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let mut group = Group(leader);
    let status = child.wait().await.map_err(cannot)?;
    group.0 = None;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_status_of_the_command_is_told() {
        let status = run("exit 3", Path::new(".")).await.unwrap();
        assert_eq!(status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_dropped_build_ends_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let started = folder.path().join("pid");
        let build = tokio::spawn({
            let folder = folder.path().to_owned();
            async move { run("sleep 600 & echo $! > pid.new; mv pid.new pid; wait", &folder).await.map(|_| ()) }
        });
        let pid = loop {
            match std::fs::read_to_string(&started) {
                Ok(text) => break text.trim().parse::<i32>().unwrap(),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        build.abort();
        let _ = build.await;
        let pid = Pid::from_raw(pid).unwrap();
        while is_running(pid) {
            tokio::task::yield_now().await;
        }
    }

    /// A process that was killed stays as a zombie until its new parent waits for it.
    fn is_running(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z" && state != "X")
    }
}
