//! What the kernel says that a tree of processes costs: CPU time and memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

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
    /// The system time among it.
    kernel_ticks: u64,
}

/// CPU time in microseconds, in steps of ten milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuTime {
    pub(crate) all_us: f64,
    /// What the kernel did for the process.
    pub(crate) kernel_us: f64,
}

impl CpuTime {
    /// What has been spent since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { all_us: self.all_us - before.all_us, kernel_us: self.kernel_us - before.kernel_us }
    }

    fn of(stats: &[Stat]) -> Self {
        let us = |ticks: fn(&Stat) -> u64| stats.iter().map(|stat| ticks(stat) as f64 * TICK_US).sum();
        Self { all_us: us(|stat| stat.ticks), kernel_us: us(|stat| stat.kernel_ticks) }
    }
}

impl Tree {
    /// The trees below `roots`.
    pub(crate) fn of(roots: Vec<u32>) -> Self {
        Self { roots }
    }

    /// CPU time so far.
    pub(crate) fn cpu_time(&self) -> Result<CpuTime> {
        let members = self.members();
        if members.is_empty() {
            bail!("the server has ended");
        }
        Ok(CpuTime::of(&members))
    }

    /// Memory that is there for these processes, with the code that other processes may share.
    pub(crate) fn resident_mib(&self) -> f64 {
        let kib = |stat: &Stat| {
            let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", stat.pid)).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Rss:").map(str::to_owned)).unwrap_or_default();
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

/// CPU time of this process so far, without that of children which run.
pub(crate) fn own_cpu_time() -> Result<CpuTime> {
    let stat = parse(&std::fs::read_to_string("/proc/self/stat")?);
    stat.map(|stat| CpuTime::of(&[stat])).ok_or_else(|| anyhow::anyhow!("/proc/self/stat is not understood"))
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
    let user_ticks = number(11)? + number(13)?;
    let kernel_ticks = number(12)? + number(14)?;
    Some(Stat { pid, parent: u32::try_from(number(1)?).ok()?, ticks: user_ticks + kernel_ticks, kernel_ticks })
}

/// Pages of this process that nobody else has, in kibibytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mapped {
    /// All that were written to.
    pub(crate) private_kib: f64,
    /// Those of guests' linear memories.
    pub(crate) guest_kib: f64,
}

impl Mapped {
    /// What has been added since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { private_kib: self.private_kib - before.private_kib, guest_kib: self.guest_kib - before.guest_kib }
    }
}

/// What this process has mapped and written to. The text is read line by line: with many instances it is so long that its own pages would
/// count.
pub(crate) fn mapped() -> Result<Mapped> {
    Ok(mapped_of(BufReader::new(File::open("/proc/self/smaps")?))?)
}

/// A linear memory lies before a stretch of addresses that is reserved and out of reach: the rest of its slot. Nothing else in the process
/// has such a stretch behind it.
fn mapped_of(mut smaps: impl BufRead) -> std::io::Result<Mapped> {
    /// The shortest stretch that is the rest of a slot. Stacks and tables have a page or two there.
    const REST_BYTES_MIN: u64 = 64 << 20;

    let mut sum = Mapped::default();
    // The areas that touch each other, and how much of them was written to.
    let (mut touching_kib, mut touching_end) = (0.0, 0);
    // Pages of a program's code count as dirty while what the linker has written is still on its way to the disk.
    let mut is_writable = false;
    let mut line = String::new();
    while smaps.read_line(&mut line)? > 0 {
        if let Some((from, to, rights)) = area(&line) {
            if from != touching_end {
                touching_kib = 0.0;
            }
            touching_end = to;
            is_writable = rights.starts_with("rw");
            if rights.starts_with("---") {
                if to - from >= REST_BYTES_MIN {
                    sum.guest_kib += touching_kib;
                }
                touching_kib = 0.0;
            }
        } else if is_writable
            && let Some(kib) = line.strip_prefix("Private_Dirty:").and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
        {
            sum.private_kib += kib;
            touching_kib += kib;
        }
        line.clear();
    }
    Ok(sum)
}

/// `from-to rights …`, the first line of an area.
fn area(line: &str) -> Option<(u64, u64, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (from, to) = range.split_once('-')?;
    Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194304 100 200 0 0 5 6 7 8 20 0 3 0 100 1 1";
        assert_eq!(parse(line), Some(Stat { pid: 42, parent: 7, ticks: 26, kernel_ticks: 14 }));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn a_tree_has_the_children_of_children() {
        let stat = |pid, parent| Stat { pid, parent, ticks: 0, kernel_ticks: 0 };
        let all = [stat(1, 0), stat(4, 3), stat(3, 2), stat(2, 1), stat(9, 1)];
        let members: Vec<_> = members_of(&[2], &all).into_iter().map(|stat| stat.pid).collect();
        assert_eq!(members, [4, 3, 2]);
    }

    #[test]
    fn a_guests_pages_are_those_before_the_rest_of_a_slot() {
        let smaps = "1000-3000 rw-p 0 00:00 0 [heap]\nPrivate_Dirty:  8 kB\n\
            10000-20000 rw-p 0 00:01 7 /memfd:image\nPrivate_Clean: 4 kB\nPrivate_Dirty:       12 kB\n\
            20000-30000 rw-p 0 00:00 0\nPrivate_Dirty: 4 kB\n\
            30000-100000000 ---p 0 00:00 0\nPrivate_Dirty: 0 kB\n\
            200000000-200010000 rw-p 0 00:00 0\nPrivate_Dirty: 16 kB\n\
            200010000-200011000 ---p 0 00:00 0\nPrivate_Dirty: 0 kB\n\
            300000000-300010000 r-xp 0 00:01 8 /program\nPrivate_Dirty: 32 kB\n";
        assert_eq!(mapped_of(smaps.as_bytes()).unwrap(), Mapped { private_kib: 40.0, guest_kib: 16.0 });
        assert!(mapped().unwrap().private_kib > 0.0);
    }

    #[test]
    fn this_process_has_memory() {
        let tree = Tree::of(vec![std::process::id()]);
        assert!(tree.resident_mib() > 0.1);
        tree.cpu_time().unwrap();
    }
}
