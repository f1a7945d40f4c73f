//! The page about performance, docs/performance.md, and its plots: made from the record of a run and from nothing else.

mod budget;
mod svg;
mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use budget::Budget;

use crate::cases::{CASES, Case};
use crate::goals::{Bound, GOALS, Goal};
use crate::record::{CaseRecord, Metric, Record};
use crate::stats::{greatest, least, show};
use crate::table::Table;

/// The page, from the root of the repository.
pub(crate) const PAGE: &str = "docs/performance.md";
/// The record and the plots.
const FOLDER: &str = "docs/performance";
/// The plot of a request's budget.
const BUDGET: &str = "budget.svg";

/// Where the record of the page lies.
pub(crate) fn record_path(root: &Path) -> PathBuf {
    root.join(FOLDER).join("runs.json")
}

/// Writes the page and its plots.
pub(crate) fn write(root: &Path, record: &Record) -> Result<()> {
    let folder = root.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
    let budget = Budget::read(root)?;
    for (name, plot) in plots(record, &budget) {
        let path = folder.join(name);
        std::fs::write(&path, plot).with_context(|| format!("could not write {}", path.display()))?;
    }
    let path = root.join(PAGE);
    std::fs::write(&path, text::page(record, &budget)).with_context(|| format!("could not write {}", path.display()))
}

/// Every plot with its file name.
fn plots(record: &Record, budget: &Budget) -> Vec<(String, String)> {
    let mut plots: Vec<_> = budget.plot().map(|plot| (BUDGET.to_owned(), plot)).into_iter().collect();
    for (case, found) in CASES.iter().filter_map(|case| Some((case, record.case(case.name)?))) {
        for (index, group) in found.groups().into_iter().enumerate() {
            if let Some(plot) = plot(case, found, group) {
                plots.push((plot_name(case, index), plot));
            }
        }
    }
    plots
}

fn plot_name(case: &Case, group: usize) -> String {
    format!("{}-{}.svg", case.name, group + 1)
}

fn plot(case: &Case, found: &CaseRecord, group: &str) -> Option<String> {
    let bars = found.series.iter().filter(|series| series.group == group).filter_map(|series| {
        let values = series.values(case.plot);
        Some(svg::Bar {
            label: series.subject.clone(),
            value: series.median(case.plot)?,
            least: least(&values),
            greatest: greatest(&values),
            is_ours: series.subject.starts_with("coracle"),
        })
    });
    let mut bars: Vec<_> = bars.collect();
    let face = case.plot.face();
    bars.sort_by(|a, b| if face.more_is_better { b.value.total_cmp(&a.value) } else { a.value.total_cmp(&b.value) });
    let title = if group.is_empty() { case.title.to_owned() } else { format!("{}, {group}", case.title) };
    let better = if face.more_is_better { "longer is better" } else { "shorter is better" };
    (bars.len() > 1).then(|| svg::bars(&title, &format!("{}, {better}", face.title), &bars))
}

/// The table of a case: medians, the range of the plotted figure, and its ratio to the reference.
pub(crate) fn table(case: &Case, found: &CaseRecord) -> Table {
    let is_grouped = found.groups().len() > 1 || found.groups().iter().any(|group| !group.is_empty());
    let columns: Vec<Metric> =
        case.columns.iter().copied().filter(|metric| found.series.iter().any(|it| it.median(*metric).is_some())).collect();
    let mut head: Vec<String> = if is_grouped { vec!["conditions".to_owned()] } else { Vec::new() };
    head.push("subject".to_owned());
    for metric in &columns {
        head.push(metric.face().title.to_owned());
        if *metric == case.plot {
            head.push("least – greatest".to_owned());
            head.push(format!("× {}", case.reference));
        }
    }
    let mut table = Table::new(1 + usize::from(is_grouped), head);
    for series in &found.series {
        let mut row = if is_grouped { vec![series.group.clone()] } else { Vec::new() };
        row.push(series.subject.clone());
        for metric in &columns {
            let median = series.median(*metric);
            row.push(median.map_or_else(|| "–".to_owned(), show));
            if *metric == case.plot {
                let values = series.values(*metric);
                row.push(format!("{} – {}", show(least(&values)), show(greatest(&values))));
                let reference = found.series(&series.group, case.reference).and_then(|reference| reference.median(*metric));
                row.push(median.zip(reference).map_or_else(|| "–".to_owned(), |(ours, theirs)| format!("{:.2}", ours / theirs)));
            }
        }
        table.row(row);
    }
    table
}

/// Every goal, and whether the record reaches it.
pub(crate) fn goals_table(record: &Record) -> Table {
    let mut table = Table::new(1, ["goal", "bound", "measured", ""].map(str::to_owned).to_vec());
    for goal in GOALS {
        let (measured, verdict) = verdict(goal, record);
        table.row(vec![goal.text.to_owned(), bound(goal), measured, verdict.to_owned()]);
    }
    table
}

fn bound(goal: &Goal) -> String {
    let unit = if goal.is_ratio() { " ×" } else { "" };
    match goal.bound {
        Bound::AtLeast(least) => format!("≥ {least}{unit}"),
        Bound::AtMost(most) => format!("≤ {most}{unit}"),
    }
}

fn verdict(goal: &Goal, record: &Record) -> (String, &'static str) {
    match goal.measured(record) {
        None => ("–".to_owned(), "not measured"),
        Some(measured) if goal.is_reached(measured) => (show(measured), "reached"),
        Some(measured) => (show(measured), "**missed**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    /// Whoever changes a case, a goal or the page's text also renders it again.
    #[test]
    fn the_page_is_what_its_record_makes() {
        let root = root();
        let Ok(record) = Record::read(&record_path(&root)) else { return };
        let budget = Budget::read(&root).unwrap();
        let page = std::fs::read_to_string(root.join(PAGE)).unwrap();
        assert!(page == text::page(&record, &budget), "{PAGE} is stale; run `cargo xtask bench --page`");
        for (name, plot) in plots(&record, &budget) {
            let drawn = std::fs::read_to_string(root.join(FOLDER).join(&name)).unwrap();
            assert!(drawn == plot, "{name} is stale; run `cargo xtask bench --page`");
        }
    }
}
