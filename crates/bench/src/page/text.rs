//! The words of the page. What each case says of itself comes from the case.

use std::fmt::Write as _;

use super::budget::Budget;
use super::{BUDGET, goals_table, plot, plot_name, table, verdict};
use crate::cases::CASES;
use crate::goals::GOALS;
use crate::record::{Record, Skipped};
use crate::stats::show;
use crate::table::Table;

const HEAD: &str = "\
# Performance

<!-- Made by `cargo xtask bench` from performance/runs.json; change crates/bench, not this page. -->

Everything here was measured in one run of `cargo xtask bench`, which anyone can repeat: it installs the peers from their package registries, builds
the native servers, and writes this page. [performance/runs.json](performance/runs.json) has every single run.
";

const METHOD: &str = "\
## How it is measured

- Subjects take turns: one run of each, then the next of each. A figure is the median of its runs; the plotted figure has its least and
  greatest run beside it.
- The load generator is our own: raw HTTP/1.1 over keep-alive connections, a thread for each core, on the same machine as the servers. In a closed loop
  each connection has one request in flight, which finds the greatest throughput. In an open loop requests are due at fixed times whatever the
  server does, and their time counts from when they were due; the generator then has a higher priority than the servers, so that it is not
  late itself.
- `coracle` is built as it is shipped: with the profile `dist`, and guided by counts of what it executes under loads like these
  ([014](decisions/014-a-profile.md)). The native servers and what embeds the engine in this process are built with `release`. Both are
  copied before they run, as an installation does: what a linker has just written lies in the kernel's cache in small pieces, and each is
  mapped on its own, which takes a start a millisecond. Peers are what their makers publish; `wasmtime` is built by `cargo install`.
- CPU time is what the kernel accounts to all processes of a server, user and system, divided by the requests that it answered; the kernel's
  part of it is the system time alone. Memory is the resident set of the same processes, code included.
- Compare figures within one table. CPU time of a request depends on the processor, on what the other core does, and on the kernel.
";

const BUDGET_HEAD: &str = "\
## Where a request's instructions go

Counted by callgrind, one request after the other on one connection, and committed in `crates/bench/instructions.toml`: CI counts again, and
more than 3 % more in any step fails with the functions that grew. What the kernel does for a request is not among them; of the CPU time in
the tables below it is a third or more.
";

const BUDGET_STEPS: &str = "\
The parts follow from steps that are counted each on its own, the whole among them. Steps do a little that the request does not: `route` has
twenty routes to look through, and `call` and `handle` make the request that they call the guest with.
";

/// The whole page.
pub(super) fn page(record: &Record, budget: &Budget) -> String {
    let mut page = String::from(HEAD);
    push_machine(&mut page, record);
    push_goals(&mut page, record);
    page.push('\n');
    page.push_str(METHOD);
    push_budget(&mut page, budget);
    for (case, found) in CASES.iter().filter_map(|case| Some((case, record.case(case.name)?))) {
        let _ = write!(page, "\n## {}\n\n{}\n", case.title, case.about);
        for (index, group) in found.groups().into_iter().enumerate() {
            if plot(case, found, group).is_some() {
                let title = if group.is_empty() { case.title.to_owned() } else { format!("{}, {group}", case.title) };
                let _ = write!(page, "\n![{title}](performance/{})\n", plot_name(case, index));
            }
        }
        let _ = write!(page, "\n{}\nWhat this does not tell: {}\n", table(case, found), case.untold);
    }
    page
}

fn push_budget(page: &mut String, budget: &Budget) {
    if let Some((parts, steps)) = budget.tables() {
        let _ = write!(page, "\n{BUDGET_HEAD}\n![The budget of a request](performance/{BUDGET})\n\n{parts}\n{BUDGET_STEPS}\n{steps}");
    }
}

fn push_machine(page: &mut String, record: &Record) {
    let Record { machine, plan, .. } = record;
    let _ = write!(
        page,
        "\nOn {}, from {}: {} with {} cores, {} GiB of memory, {}, {}, TCP with {}. The load of the machine before the run was {}. {} runs of each \
         subject, {} s each where they are under load; the whole took {} minutes.\n\n",
        day(record.started_unix_ms),
        record.versions.get("coracle").map_or("an unknown version", String::as_str),
        machine.cpu,
        machine.cores,
        machine.memory_mib.div_ceil(1_024),
        machine.kernel,
        machine.system,
        machine.congestion_control,
        show(machine.load_before),
        plan.runs,
        show(plan.seconds),
        record.elapsed_s.div_ceil(60),
    );
    let mut versions = Table::new(2, vec!["program".to_owned(), "version".to_owned()]);
    for (program, version) in &record.versions {
        versions.row(vec![program.clone(), version.clone()]);
    }
    let _ = write!(page, "{versions}");
    for Skipped { what, why } in &record.skipped {
        let _ = write!(page, "\nNot measured: {what}, because {why}.\n");
    }
}

fn push_goals(page: &mut String, record: &Record) {
    let _ = write!(page, "\n## Goals\n\nA ratio compares two medians of this run.\n\n{}", goals_table(record));
    let missed: Vec<_> = GOALS.iter().filter(|goal| verdict(goal, record).1 == "**missed**").collect();
    // Goals that are missed for one reason stand together, and one after the other in the list.
    for goals in missed.chunk_by(|one, next| one.shortfall == next.shortfall) {
        let texts: Vec<_> = goals.iter().map(|goal| goal.text).collect();
        let reason = goals.first().map(|goal| goal.shortfall).filter(|reason| !reason.is_empty());
        let _ = write!(page, "\n**Missed: {}.** {}\n", texts.join("; "), reason.unwrap_or("Nobody has looked into it yet."));
    }
}

/// The date of a moment, `2026-01-31`, by the calendar that everybody uses.
fn day(unix_ms: u64) -> String {
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH_DAYS: u64 = 719_468;
    /// Days of 400 years, after which the calendar repeats.
    const ERA_DAYS: u64 = 146_097;

    let days = unix_ms / 86_400_000 + EPOCH_DAYS;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        let days: Vec<_> = [0, 951_782_400_000, 951_868_800_000, 1_795_478_400_000].into_iter().map(day).collect();
        assert_eq!(days, ["1970-01-01", "2000-02-29", "2000-03-01", "2026-11-24"]);
    }
}
