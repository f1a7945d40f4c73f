//! The committed counts, and what became of each since.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// A step may grow by this much before somebody has to say why.
const GROWTH_PERCENT_MAX: f64 = 3.0;
/// Or by so many instructions, of which the allocator and the timer can take some more or less in any run.
const GROWTH_MAX: u64 = 50;
/// A function with less of its step is not kept: the file is for people, too.
const SHARE_PERCENT_MIN: f64 = 0.5;
/// Functions that are named for a step that grew.
const NAMED_MAX: usize = 5;

const HEAD: &str = "\
# Instructions that each step of a request takes in the host, and the functions that execute them. `cargo xtask instructions` counts them by
# callgrind and compares; `--update` writes this file.

";

/// What was committed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// The compiler that made the instructions.
    pub(super) rustc: String,
    #[serde(default)]
    pub(super) step: BTreeMap<String, Counted>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    pub(super) instructions: u64,
    #[serde(default)]
    functions: BTreeMap<String, u64>,
}

impl Counted {
    /// The count of one time out of `times`.
    pub(super) fn new(functions: &BTreeMap<String, u64>, times: u64) -> Self {
        let total: u64 = functions.values().sum();
        let least = total as f64 * SHARE_PERCENT_MIN / 100.0;
        let functions = functions.iter().filter(|(_, count)| **count as f64 >= least && **count >= times);
        Self { instructions: total / times, functions: functions.map(|(name, count)| (name.clone(), count / times)).collect() }
    }

    /// The functions that execute more than in `before`, those that grew most first.
    fn grown_since(&self, before: &Self) -> Vec<String> {
        let grown = self.functions.iter().map(|(name, count)| (name, before.functions.get(name).copied().unwrap_or(0), *count));
        let mut grown: Vec<_> = grown.filter(|(_, before, now)| now > before).collect();
        grown.sort_by_key(|(_, before, now)| std::cmp::Reverse(now - before));
        let shown = grown.into_iter().take(NAMED_MAX);
        shown.map(|(name, before, now)| format!("+{} {name} ({before} → {now})", now - before)).collect()
    }
}

/// One step then and now.
#[derive(Debug)]
struct Change<'a> {
    step: &'a str,
    before: Option<&'a Counted>,
    now: Option<&'a Counted>,
}

/// All steps then and now.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    changes: Vec<Change<'a>>,
}

impl Baseline {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}; `--update` writes it", path.display()))?;
        toml::from_str(&text).with_context(|| format!("could not read {}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, format!("{HEAD}{}", toml::to_string(self)?)).with_context(|| format!("could not write {}", path.display()))
    }

    pub(super) fn judge<'a>(&'a self, counted: &'a BTreeMap<String, Counted>) -> Verdict<'a> {
        let missing = self.step.keys().filter(|step| !counted.contains_key(*step));
        let steps = counted.keys().chain(missing);
        let changes = steps.map(|step| Change { step, before: self.step.get(step), now: counted.get(step) });
        Verdict { changes: changes.collect() }
    }
}

impl Change<'_> {
    fn growth_percent(&self) -> Option<f64> {
        let (before, now) = (self.before?.instructions as f64, self.now?.instructions as f64);
        Some((now - before) / before.max(1.0) * 100.0)
    }
}

impl Verdict<'_> {
    /// A line for each step.
    pub(super) fn table(&self) -> String {
        let count = |counted: Option<&Counted>| counted.map_or_else(|| "–".to_owned(), |counted| counted.instructions.to_string());
        let line = |change: &Change<'_>| {
            let growth = change.growth_percent().map_or_else(String::new, |percent| format!("{percent:+.1} %"));
            format!("{:<14} {:>10} {:>10} {growth:>9}", change.step, count(change.before), count(change.now))
        };
        let head = format!("{:<14} {:>10} {:>10} {:>9}", "step", "committed", "counted", "growth");
        [head].into_iter().chain(self.changes.iter().map(line)).collect::<Vec<_>>().join("\n")
    }

    /// What somebody has to look at.
    pub(super) fn complaints(&self) -> Vec<String> {
        let complaint = |change: &Change<'_>| match (change.before, change.now) {
            (None, _) => Some(format!("step `{}` has no committed count; run `cargo xtask instructions --update`", change.step)),
            (_, None) => Some(format!("step `{}` is gone; run `cargo xtask instructions --update`", change.step)),
            (Some(before), Some(now)) => {
                let is_much = now.instructions > before.instructions + GROWTH_MAX;
                let percent = change.growth_percent().filter(|percent| is_much && *percent > GROWTH_PERCENT_MAX)?;
                let functions = now.grown_since(before).join("\n    ");
                Some(format!("step `{}` takes {percent:.1} % more instructions; what grew most:\n    {functions}", change.step))
            }
        };
        self.changes.iter().filter_map(complaint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(functions: &[(&str, u64)]) -> Counted {
        Counted::new(&functions.iter().map(|(name, count)| ((*name).to_owned(), count * 100)).collect(), 100)
    }

    fn complaints(before: &[(&str, u64)], now: &[(&str, u64)]) -> Vec<String> {
        let step = |functions| BTreeMap::from([("route".to_owned(), counted(functions))]);
        let (baseline, now) = (Baseline { rustc: "1.95.0".to_owned(), step: step(before) }, step(now));
        baseline.judge(&now).complaints()
    }

    #[test]
    fn a_little_growth_passes() {
        assert_eq!(complaints(&[("a", 1_000)], &[("a", 1_030)]), [""; 0]);
        assert_eq!(complaints(&[("a", 1_000)], &[("a", 500)]), [""; 0]);
        assert_eq!(complaints(&[("a", 200)], &[("a", 250)]), [""; 0]);
    }

    #[test]
    fn more_growth_is_told_with_the_functions_that_grew() {
        let found = complaints(&[("a", 900), ("b", 100)], &[("a", 900), ("b", 120), ("c", 40)]);
        let expected = "step `route` takes 6.0 % more instructions; what grew most:\n    +40 c (0 → 40)\n    +20 b (100 → 120)";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_step_on_one_side_only_is_told() {
        let baseline = Baseline { rustc: String::new(), step: BTreeMap::from([("old".to_owned(), counted(&[("a", 1)]))]) };
        let now = BTreeMap::from([("new".to_owned(), counted(&[("a", 1)]))]);
        let found = baseline.judge(&now).complaints();
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn the_file_survives_being_written() {
        let folder = std::env::current_exe().expect("a path").with_extension("baseline");
        let baseline = Baseline { rustc: "1.95.0".to_owned(), step: BTreeMap::from([("x".to_owned(), counted(&[("<a as b>::c", 7)]))]) };
        baseline.write(&folder).expect("it is written");
        assert_eq!(Baseline::read(&folder).expect("it is read").step, baseline.step);
        std::fs::remove_file(folder).expect("it is there");
    }
}
