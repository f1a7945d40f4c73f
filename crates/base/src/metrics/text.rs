//! The Prometheus text format: names without dots, units and `_total` at their ends, label values escaped.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering::Relaxed;

use super::{Family, Kind, Series, Unit, Value, total};

pub(super) fn render(family: &Family) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, family);
    text
}

fn write(text: &mut String, family: &Family) -> fmt::Result {
    let name = name(family);
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let help = family.description.help.replace('\\', r"\\").replace('\n', r"\n");
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
    for series in family.all() {
        let labels = labels(family, &series)?;
        match (&series.value, family.kind) {
            (Value::Counter(value), _) => writeln!(text, "{name}{} {}", braced(&labels), total(value))?,
            (Value::Gauge(value), _) => writeln!(text, "{name}{} {}", braced(&labels), value.load(Relaxed))?,
            (Value::Histogram(cells), Kind::Histogram(bounds)) => {
                let mut count = 0;
                let bounds = bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
                for (in_cell, bound) in cells.counts().into_iter().zip(bounds) {
                    count += in_cell;
                    let comma = if labels.is_empty() { "" } else { "," };
                    writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}")?;
                }
                let (labels, sum) = (braced(&labels), cells.sum());
                writeln!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}")?;
            }
            (Value::Histogram(_), _) => {}
        }
    }
    Ok(())
}

fn name(family: &Family) -> String {
    let mut name = identifier(family.description.name);
    let unit = match family.description.unit {
        Unit::One => "",
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
    };
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    for suffix in [unit, total] {
        if !name.ends_with(suffix) {
            name.push_str(suffix);
        }
    }
    name
}

/// Letters, digits and underscores, not beginning with a digit.
fn identifier(name: &str) -> String {
    let mut text: String = name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
    if text.starts_with(|character: char| character.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

fn labels(family: &Family, series: &Series) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for (index, (name, value)) in family.description.labels.iter().zip(&series.labels).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        write!(text, "{comma}{}=\"{value}\"", identifier(name))?;
    }
    Ok(text)
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}
