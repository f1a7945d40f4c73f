//! `[component.<id>.instances]`: a fresh instance for each call, or one that is reused within bounds.

use schemars::JsonSchema;
use serde::Deserialize;

use super::limits::amount;
use super::quantity::{Quantity, Unit};
use crate::document::{At, Problems};
use crate::model::InstancePolicy;

const REQUESTS_DEFAULT: u32 = 128;
const REQUESTS_MAX: u32 = 1_000_000;
const CONCURRENT_DEFAULT: u32 = 1;
const CONCURRENT_MAX: u32 = 10_000;
const IDLE_DEFAULT_MS: u64 = 10_000;
const IDLE_MAX_MS: u64 = 3_600_000;

/// When an instance is made and how long it lives.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Instances")]
#[schemars(deny_unknown_fields)]
pub(crate) struct InstancesTable {
    /// `fresh` makes a new instance for each call, so that nothing of one call reaches another; `reuse` lets one
    /// instance serve several calls, and the guest keeps its memory between them.
    policy: PolicyTable,
    /// With `reuse`: calls after which an instance is dropped; 128 when absent.
    requests_max: Option<i64>,
    /// With `reuse`: calls that an instance serves at the same time; 1 when absent, and this version serves no more.
    concurrent_max: Option<i64>,
    /// With `reuse`: time without a call after which an instance is dropped, such as `"10s"`, which is the default.
    idle: Option<Quantity>,
}

/// Whether instances are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "InstancePolicy")]
#[serde(rename_all = "lowercase")]
enum PolicyTable {
    Fresh,
    Reuse,
}

/// Turns the table into a policy; what is out of range goes to `problems`.
pub(crate) fn lower_instances(table: &InstancesTable, at: At<'_>, problems: &mut Problems<'_>) -> InstancePolicy {
    if table.policy == PolicyTable::Fresh {
        let given = [
            ("requests_max", table.requests_max.is_some()),
            ("concurrent_max", table.concurrent_max.is_some()),
            ("idle", table.idle.is_some()),
        ];
        for (name, _) in given.into_iter().filter(|(_, given)| *given) {
            problems.error(
                at.child(name).key,
                format!("`{name}` has no meaning with policy `fresh`"),
                "remove it, or set `policy = \"reuse\"`",
            );
        }
        return InstancePolicy::Fresh;
    }
    let mut count = |name: &str, number: Option<i64>, default: u32, max: u32| {
        let Some(number) = number else { return default };
        u32::try_from(number).ok().filter(|count| (1..=max).contains(count)).unwrap_or_else(|| {
            problems.error(at.child(name).start, format!("`{name}` is out of range: {number}"), format!("use a number from 1 to {max}"));
            default
        })
    };
    let requests_max = count("requests_max", table.requests_max, REQUESTS_DEFAULT, REQUESTS_MAX);
    let concurrent_max = count("concurrent_max", table.concurrent_max, CONCURRENT_DEFAULT, CONCURRENT_MAX);
    let idle = table.idle.as_ref().and_then(|idle| amount(idle, ("idle", Unit::Milliseconds, 1..=IDLE_MAX_MS), at.child("idle"), problems));
    InstancePolicy::Reuse { requests_max, concurrent_max, idle_ms: idle.unwrap_or(IDLE_DEFAULT_MS) }
}
