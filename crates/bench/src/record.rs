//! What a run of the benchmark found, as it is kept in JSON: every single run with every figure, and what it was measured on.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// Everything that one start of the benchmark found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Milliseconds since 1970.
    pub(crate) started_unix_ms: u64,
    pub(crate) elapsed_s: u64,
    pub(crate) plan: Plan,
    pub(crate) machine: Machine,
    /// What was measured, by name.
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) cases: Vec<CaseRecord>,
}

/// How much is measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Runs of each subject.
    pub(crate) runs: usize,
    /// How long one run under load takes.
    pub(crate) seconds: f64,
}

/// What was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// What one case found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaseRecord {
    pub(crate) name: String,
    pub(crate) series: Vec<Series>,
}

/// The runs of one subject under the same conditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    /// The conditions, where a case has several: `1 KiB up`, `64 connections`; empty where it has not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) group: String,
    pub(crate) subject: String,
    pub(crate) runs: Vec<Run>,
}

/// The figures of one run.
pub(crate) type Run = BTreeMap<Metric, f64>;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    RequestsPerS,
    MibPerS,
    OfferedPerS,
    CpuUs,
    KernelUs,
    OperationsPerS,
    CpuUsEach,
    P50Us,
    P99Us,
    P50Ms,
    P99Ms,
    StartMs,
    WorkMs,
    IdleMib,
    ResidentMib,
    KibEach,
    DirtiedKibEach,
    HostKibEach,
    ImageMib,
    Failed,
}

/// How a metric is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face {
    pub(crate) title: &'static str,
    /// Whether a greater figure is the better one.
    pub(crate) more_is_better: bool,
}

impl Metric {
    pub(crate) fn face(self) -> Face {
        let (title, more_is_better) = match self {
            Self::RequestsPerS => ("req/s", true),
            Self::MibPerS => ("MiB/s", true),
            Self::OfferedPerS => ("req/s offered", true),
            Self::CpuUs => ("CPU µs/req", false),
            Self::KernelUs => ("of them the kernel's", false),
            Self::OperationsPerS => ("operations/s", true),
            Self::CpuUsEach => ("CPU µs each", false),
            Self::P50Us => ("p50 µs", false),
            Self::P99Us => ("p99 µs", false),
            Self::P50Ms => ("p50 ms", false),
            Self::P99Ms => ("p99 ms", false),
            Self::StartMs => ("start ms", false),
            Self::WorkMs => ("CPU ms", false),
            Self::IdleMib => ("idle RSS MiB", false),
            Self::ResidentMib => ("RSS MiB", false),
            Self::KibEach => ("KiB each", false),
            Self::DirtiedKibEach => ("of them the guest's pages", false),
            Self::HostKibEach => ("beyond the guest's pages", false),
            Self::ImageMib => ("image MiB", false),
            Self::Failed => ("failed", false),
        };
        Face { title, more_is_better }
    }
}

impl CaseRecord {
    /// The series of `subject` in `group`.
    pub(crate) fn series(&self, group: &str, subject: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.group == group && series.subject == subject)
    }

    /// The groups in their order.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for series in &self.series {
            if !groups.contains(&series.group.as_str()) {
                groups.push(&series.group);
            }
        }
        groups
    }
}

impl Series {
    pub(crate) fn new(group: impl Into<String>, subject: impl Into<String>) -> Self {
        Self { group: group.into(), subject: subject.into(), runs: Vec::new() }
    }

    /// The figures of `metric` in all runs.
    pub(crate) fn values(&self, metric: Metric) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.get(&metric).copied()).collect()
    }

    /// The median over all runs; `None` where the metric was not measured.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        let values = self.values(metric);
        (!values.is_empty()).then(|| crate::stats::median(&values))
    }
}

impl Record {
    pub(crate) fn case(&self, name: &str) -> Option<&CaseRecord> {
        self.cases.iter().find(|case| case.name == name)
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("no record at {}; run the benchmark first", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no record of this version's benchmark", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
        }
        let text = serde_json::to_string_pretty(&Rounded(self))?;
        std::fs::write(path, text + "\n").with_context(|| format!("could not write {}", path.display()))
    }
}

/// The record with each figure cut to the digits that mean something.
struct Rounded<'a>(&'a Record);

impl Serialize for Rounded<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = self.0.clone();
        let runs = record.cases.iter_mut().flat_map(|case| &mut case.series).flat_map(|series| &mut series.runs);
        for figure in runs.flat_map(|run| run.values_mut()) {
            *figure = (*figure * 1_000.0).round() / 1_000.0;
        }
        record.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_file() {
        let mut series = Series::new("", "coracle");
        series.runs.push(Run::from([(Metric::CpuUs, 12.345_678), (Metric::RequestsPerS, 1.0)]));
        let record = Record {
            started_unix_ms: 1,
            elapsed_s: 2,
            plan: Plan { runs: 5, seconds: 3.0 },
            machine: Machine::read(),
            versions: BTreeMap::new(),
            skipped: vec![Skipped { what: "node".to_owned(), why: "npm is missing".to_owned() }],
            cases: vec![CaseRecord { name: "hello".to_owned(), series: vec![series] }],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/runs.json");
        record.write(&path).unwrap();
        let read = Record::read(&path).unwrap();
        let series = read.case("hello").unwrap().series("", "coracle").unwrap();
        assert_eq!(series.values(Metric::CpuUs), [12.346]);
        assert_eq!(read.skipped, record.skipped);
    }
}
