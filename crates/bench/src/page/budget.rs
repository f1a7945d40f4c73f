//! The budget of a request: what each step of its way through the host takes, in instructions, from the committed counts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::svg::{self, Bar};
use crate::stats::show;
use crate::steps::STEPS;
use crate::table::Table;

/// Where the counts are committed, from the root of the repository.
const COUNTS: &str = "crates/bench/instructions.toml";
/// The step that is the whole.
const WHOLE: &str = "request";

/// The committed counts.
#[derive(Debug, Deserialize)]
pub(super) struct Budget {
    #[serde(default)]
    step: BTreeMap<String, Counted>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    instructions: u64,
    #[serde(default)]
    functions: BTreeMap<String, u64>,
}

impl Budget {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(COUNTS)).with_context(|| format!("could not read {COUNTS}"))?;
        toml::from_str(&text).with_context(|| format!("could not read {COUNTS}"))
    }

    fn of(&self, step: &str) -> Option<f64> {
        self.step.get(step).map(|counted| counted.instructions as f64)
    }

    /// The parts of a request, and what they take. The last is what no step of its own counts, less what steps do that the request does not:
    /// it can be negative.
    fn parts(&self) -> Option<Vec<(&'static str, f64)>> {
        let guest = self.step.get("call")?.functions.get("(the guest's own code)").copied().unwrap_or(0) as f64;
        let (exchange, route, admit) = (self.of("exchange")?, self.of("route")?, self.of("admit")?);
        let (handle, call) = (self.of("handle")?, self.of("call")?);
        let mut parts = vec![
            ("parse, check, account, write", exchange),
            ("route", route),
            ("admit", admit),
            ("a fresh instance and its end", (handle - call).max(0.0)),
            ("lower and lift", (call - admit - guest).max(0.0)),
            ("guest", guest),
        ];
        let known: f64 = parts.iter().map(|(_, count)| count).sum();
        parts.push(("traces and metrics, less what steps do besides", self.of(WHOLE)? - known));
        Some(parts)
    }

    /// The plot of the parts.
    pub(super) fn plot(&self) -> Option<String> {
        // A bar has no negative length.
        let parts = self.parts()?.into_iter().filter(|(_, count)| *count > 0.0);
        let bar = |(label, value): (&str, f64)| Bar { label: label.to_owned(), value, least: value, greatest: value, is_ours: true };
        Some(svg::bars("One request of the hello app", "instructions outside the kernel", &parts.map(bar).collect::<Vec<_>>()))
    }

    /// The parts and the steps that they follow from.
    pub(super) fn tables(&self) -> Option<(Table, Table)> {
        let whole = self.of(WHOLE)?;
        let head = |words: [&str; 3]| words.map(str::to_owned).to_vec();
        let mut parts = Table::new(1, head(["part", "instructions", "share"]));
        for (part, count) in self.parts()? {
            parts.row(vec![part.to_owned(), show(count), format!("{:.0} %", count / whole * 100.0)]);
        }
        let mut steps = Table::new(2, head(["step", "what it does", "instructions"]));
        for step in STEPS {
            steps.row(vec![format!("`{}`", step.name), step.about.to_owned(), self.of(step.name).map_or_else(|| "–".to_owned(), show)]);
        }
        Some((parts, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let text = "[step.request]\ninstructions = 100\n[step.exchange]\ninstructions = 20\n[step.route]\ninstructions = 3\n\
            [step.admit]\ninstructions = 1\n[step.handle]\ninstructions = 70\n[step.call]\ninstructions = 30\n\
            [step.call.functions]\n\"(the guest's own code)\" = 4\n";
        let parts = toml::from_str::<Budget>(text).unwrap().parts().unwrap();
        let counts: Vec<f64> = parts.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [20.0, 3.0, 1.0, 40.0, 25.0, 4.0, 7.0]);
        let parts = toml::from_str::<Budget>(&text.replace("= 100", "= 90")).unwrap().parts().unwrap();
        assert_eq!(parts.last().map(|(_, count)| *count), Some(-3.0));
    }

    #[test]
    fn each_step_is_committed() {
        let budget = Budget::read(&crate::root()).unwrap();
        for step in STEPS {
            assert!(budget.of(step.name).is_some(), "{}", step.name);
        }
    }
}
