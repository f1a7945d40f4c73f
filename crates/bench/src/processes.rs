//! What the kernel says that a tree of processes costs: CPU time and memory.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

/// Microseconds of one tick of the kernel's accounting, which is 100 Hz for programs on every Linux.
const TICK_US: f64 = 10_000.0;

/// A process and everything that it started and did not let go of.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    roots: Vec<u32>,
}

/// What a line of `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// User and system time, its own and that of children which have ended.
    ticks: u64,
}

impl Tree {
    /// The trees below `roots`.
    pub(crate) fn of(roots: Vec<u32>) -> Self {
        Self { roots }
    }

    /// CPU time so far, in microseconds, in steps of ten milliseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let members = self.members();
        if members.is_empty() {
            bail!("the server has ended");
        }
        Ok(members.iter().map(|stat| stat.ticks as f64 * TICK_US).sum())
    }

    /// Memory that would be free without these processes: pages shared with others count by their share.
    pub(crate) fn proportional_mib(&self) -> f64 {
        let kib = |stat: &Stat| {
            let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", stat.pid)).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:").map(str::to_owned)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0)
        };
        self.members().iter().map(kib).sum::<f64>() / 1_024.0
    }

    fn members(&self) -> Vec<Stat> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let all: Vec<Stat> = pids.filter_map(|pid| parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)).collect();
        members_of(&self.roots, &all)
    }
}

fn members_of(roots: &[u32], all: &[Stat]) -> Vec<Stat> {
    let mut known: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let before = known.len();
        known.extend(all.iter().filter(|stat| known.contains(&stat.parent)).map(|stat| stat.pid).collect::<Vec<_>>());
        if known.len() == before {
            return all.iter().filter(|stat| known.contains(&stat.pid)).copied().collect();
        }
    }
}

/// `pid (name) state parent … utime stime cutime cstime …`; the name may contain anything.
fn parse(line: &str) -> Option<Stat> {
    let (front, back) = line.rsplit_once(')')?;
    let pid = front.split(' ').next()?.parse().ok()?;
    let fields: Vec<&str> = back.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = [11, 12, 13, 14].into_iter().map(number).sum::<Option<u64>>()?;
    Some(Stat { pid, parent: u32::try_from(number(1)?).ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194304 100 200 0 0 5 6 7 8 20 0 3 0 100 1 1";
        assert_eq!(parse(line), Some(Stat { pid: 42, parent: 7, ticks: 26 }));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_tree_has_the_children_of_children() {
        let stat = |pid, parent| Stat { pid, parent, ticks: 0 };
        let all = [stat(1, 0), stat(4, 3), stat(3, 2), stat(2, 1), stat(9, 1)];
        let members: Vec<_> = members_of(&[2], &all).into_iter().map(|stat| stat.pid).collect();
        assert_eq!(members, [4, 3, 2]);
    }

    #[test]
    fn this_process_has_memory() {
        let tree = Tree::of(vec![std::process::id()]);
        assert!(tree.proportional_mib() > 0.1);
        tree.cpu_us().unwrap();
    }
}
