//! The cases of the benchmark: a file each, and a line in [`CASES`].

mod hello;

pub(crate) mod bodies;
pub(crate) mod capabilities;
pub(crate) mod catalogue;
pub(crate) mod connections;
mod key_value;
mod languages;
pub(crate) mod tail;

pub(crate) mod in_process;
pub(crate) mod work;

pub(crate) mod density;
pub(crate) mod live;

mod cold_start;
mod containers;
pub(crate) mod first_request;

use anyhow::Result;

use crate::bench::Bench;
use crate::peers::Peer;
use crate::record::{Metric, Series};

/// One thing that is measured, and how it is told.
pub(crate) struct Case {
    /// What it is called on the command line and in the record.
    pub(crate) name: &'static str,
    /// Its title on the page.
    pub(crate) title: &'static str,
    /// What is measured, and how.
    pub(crate) about: &'static str,
    /// What the figures do not tell.
    pub(crate) untold: &'static str,
    pub(crate) peers: &'static [&'static Peer],
    pub(crate) run: fn(&Bench) -> Result<Vec<Series>>,
    /// The columns of its table.
    pub(crate) columns: &'static [Metric],
    /// What its plot shows.
    pub(crate) plot: Metric,
    /// The subject that others are compared with, in the figure that is plotted.
    pub(crate) reference: &'static str,
}

/// Every case, in the order in which they run and stand on the page.
pub(crate) const CASES: &[Case] = &[
    hello::CASE,
    in_process::CASE,
    cold_start::CASE,
    first_request::CASE,
    containers::CASE,
    bodies::CASE,
    catalogue::CASE,
    key_value::CASE,
    capabilities::CASE,
    languages::CASE,
    work::CASE,
    connections::CASE,
    tail::CASE,
    live::CASE,
    density::CASE,
];

/// The case of this name.
pub(crate) fn find(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_plots_one_of_its_columns_under_a_name_of_its_own() {
        for case in CASES {
            assert!(case.columns.contains(&case.plot), "{}", case.name);
            assert_eq!(find(case.name).unwrap().title, case.title, "two cases of one name");
            assert!(!case.about.is_empty() && !case.untold.is_empty(), "{}", case.name);
        }
    }
}
