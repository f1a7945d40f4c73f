//! `[component.<id>.limits]`: each limit with its unit and the range that the host can honour.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;

use super::quantity::{Quantity, Unit};
use crate::document::{At, Problems};
use crate::model::LimitOverrides;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;

/// Limits that differ from the host's defaults. Sizes are bytes or text such as `"128MiB"`; times are milliseconds
/// or text such as `"1s"`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Limits")]
#[schemars(deny_unknown_fields)]
pub(crate) struct LimitsTable {
    /// Linear memory of an instance, 64KiB to 4GiB.
    memory: Option<Quantity>,
    /// Time on the CPU of one call, 1ms to 1h.
    cpu: Option<Quantity>,
    /// Time from the start of one call to its end, 1ms to 24h.
    wall: Option<Quantity>,
    /// Calls that run at the same time, 1 to 100000.
    concurrency: Option<i64>,
    /// Calls that wait for their turn before further ones are refused, up to 1000000; 0 refuses at once.
    queue: Option<i64>,
    /// Time that a call waits for its turn, up to 1h.
    queue_wait: Option<Quantity>,
    /// Body of one request, up to 1024GiB.
    request_body: Option<Quantity>,
    /// All headers of one response, 1KiB to 1MiB.
    response_header: Option<Quantity>,
    /// Elements in all tables of an instance, up to 100000.
    table_elements: Option<i64>,
    /// Core instances within an instance, and likewise memories and tables, 1 to 10000.
    instances: Option<i64>,
    /// Resource handles open at the same time, 1 to 1000000.
    handles: Option<i64>,
    /// Random bytes handed out in one call, up to 1GiB.
    random: Option<Quantity>,
    /// Data that one host call may move, 1KiB to 4GiB.
    hostcall: Option<Quantity>,
    /// Outgoing requests of one call, up to 1000000.
    outbound_calls: Option<i64>,
    /// Outgoing requests of one call at the same time, 1 to 10000.
    outbound_concurrency: Option<i64>,
    /// Output written to stdout and stderr in one call, up to 1GiB.
    log: Option<Quantity>,
}

/// Turns the table into numbers; what is out of range goes to `problems` with the limit's name.
pub(crate) fn lower_limits(table: &LimitsTable, at: At<'_>, problems: &mut Problems<'_>) -> LimitOverrides {
    let mut limits = Limits { at, problems };
    LimitOverrides {
        memory_bytes: limits.amount("memory", &table.memory, Unit::Bytes, 64 * KIB..=4 * GIB),
        cpu_ms: limits.amount("cpu", &table.cpu, Unit::Milliseconds, 1..=HOUR),
        wall_ms: limits.amount("wall", &table.wall, Unit::Milliseconds, 1..=24 * HOUR),
        concurrency: limits.count("concurrency", table.concurrency, 1..=100_000),
        queue: limits.count("queue", table.queue, 0..=1_000_000),
        queue_wait_ms: limits.amount("queue_wait", &table.queue_wait, Unit::Milliseconds, 0..=HOUR),
        request_body_bytes: limits.amount("request_body", &table.request_body, Unit::Bytes, 0..=1_024 * GIB),
        response_header_bytes: limits.amount("response_header", &table.response_header, Unit::Bytes, KIB..=MIB),
        table_elements: limits.count("table_elements", table.table_elements, 0..=100_000),
        instances: limits.count("instances", table.instances, 1..=10_000),
        handles: limits.count("handles", table.handles, 1..=1_000_000),
        random_bytes: limits.amount("random", &table.random, Unit::Bytes, 0..=GIB),
        hostcall_bytes: limits.amount("hostcall", &table.hostcall, Unit::Bytes, KIB..=4 * GIB),
        outbound_calls: limits.count("outbound_calls", table.outbound_calls, 0..=1_000_000),
        outbound_concurrency: limits.count("outbound_concurrency", table.outbound_concurrency, 1..=10_000),
        log_bytes: limits.amount("log", &table.log, Unit::Bytes, 0..=GIB),
    }
}

/// Reads one amount with its unit and checks its range; `name` is the key beneath `at`.
pub(super) fn amount(
    quantity: &Quantity,
    (name, unit, range): (&str, Unit, RangeInclusive<u64>),
    at: At<'_>,
    problems: &mut Problems<'_>,
) -> Option<u64> {
    let Some(value) = quantity.value(unit) else {
        problems.error(at.start, format!("`{name}` cannot be read"), format!("write {}", unit.example()));
        return None;
    };
    if !range.contains(&value) {
        problems.error(
            at.start,
            format!("`{name}` is out of range: {}", unit.show(value)),
            format!("use a value from {} to {}", unit.show(*range.start()), unit.show(*range.end())),
        );
        return None;
    }
    Some(value)
}

struct Limits<'d, 'p, 't> {
    at: At<'d>,
    problems: &'p mut Problems<'t>,
}

impl Limits<'_, '_, '_> {
    fn amount(&mut self, name: &str, quantity: &Option<Quantity>, unit: Unit, range: RangeInclusive<u64>) -> Option<u64> {
        amount(quantity.as_ref()?, (name, unit, range), self.at.child(name), self.problems)
    }

    fn count(&mut self, name: &str, number: Option<i64>, range: RangeInclusive<u32>) -> Option<u32> {
        let number = number?;
        let count = u32::try_from(number).ok().filter(|count| range.contains(count));
        if count.is_none() {
            self.problems.error(
                self.at.child(name).start,
                format!("`{name}` is out of range: {number}"),
                format!("use a number from {} to {}", range.start(), range.end()),
            );
        }
        count
    }
}
