//! What a capability's operations come to, counted and timed for each component: `coracle.operation_count` and
//! `coracle.operation_duration`. A series is looked up when an operation first ends and is kept, so that counting takes no lock.

use std::future::Future;
use std::sync::OnceLock;

use coracle_base::clock;
use coracle_base::metrics::{self, Counter, Description, Histogram, Metric, Registry, Unit};

const LABELS: &[&str] = &["capability", "operation", "outcome", "component_id"];
const COUNT: Description = Description {
    name: "coracle.operation_count",
    help: "Operations that guests asked of a capability's backends, by how they ended.",
    unit: Unit::One,
    labels: LABELS,
};
const DURATION: Description = Description {
    name: "coracle.operation_duration",
    help: "Time that an operation of a capability's backend took.",
    unit: Unit::Seconds,
    labels: LABELS,
};
/// From a read in memory to the longest wait for a server.
const SECONDS: &[f64] = &[0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
const NS_PER_SECOND: f64 = 1e9;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The backend did it.
    Ok,
    /// The backend refused or failed.
    Error,
    /// Nobody waited for it any more: the guest ended, or met a limit.
    Cancelled,
}

/// Every [`Outcome`] in order, as the label names it.
const OUTCOMES: [&str; 3] = ["ok", "error", "cancelled"];

/// The operations of one capability that one component asks for. Made in [`coracle_engine::Capability::grant`], shared by the component's
/// instances. The default counts nothing, as a component without a grant has nothing to be counted.
#[derive(Debug, Default)]
pub(crate) struct Operations(Option<Counted>);

#[derive(Debug)]
struct Counted {
    capability: &'static str,
    component: String,
    words: &'static [&'static str],
    count: Metric<Counter>,
    duration: Metric<Histogram>,
    /// As long as `words`.
    series: Box<[[OnceLock<Series>; OUTCOMES.len()]]>,
}

#[derive(Debug)]
struct Series {
    count: Counter,
    duration: Histogram,
}

/// An operation that runs. Dropping it counts it as [`Outcome::Cancelled`] unless [`Running::end`] said otherwise.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    counted: Option<(&'a Counted, usize)>,
    begun_ns: u64,
    outcome: Outcome,
}

impl Operations {
    /// Those of `capability` that `component` may ask for; `words` name them all, as the spans do: `get`, `set`.
    pub(crate) fn new(capability: &'static str, words: &'static [&'static str], component: &str) -> Self {
        Self::in_registry(metrics::global(), capability, words, component)
    }

    fn in_registry(registry: &Registry, capability: &'static str, words: &'static [&'static str], component: &str) -> Self {
        Self(Some(Counted {
            capability,
            component: component.to_owned(),
            words,
            count: registry.counter(COUNT),
            duration: registry.histogram(DURATION, SECONDS),
            series: words.iter().map(|_| Default::default()).collect(),
        }))
    }

    /// Waits for `work`, the operation that `word` names, and counts it.
    pub(crate) async fn measure<T, E>(&self, word: &'static str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let running = self.begin(word);
        let result = work.await;
        running.end(if result.is_ok() { Outcome::Ok } else { Outcome::Error });
        result
    }

    /// Begins the operation that `word` names, for what is more than one future.
    pub(crate) fn begin(&self, word: &'static str) -> Running<'_> {
        let counted = self.0.as_ref().and_then(|counted| {
            let index = counted.words.iter().position(|known| *known == word);
            debug_assert!(index.is_some(), "`{word}` is not among the operations of `{}`", counted.capability);
            Some((counted, index?))
        });
        Running { counted, begun_ns: clock::monotonic_ns(), outcome: Outcome::Cancelled }
    }
}

impl Running<'_> {
    /// Counts the operation by its outcome.
    pub(crate) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some((counted, index)) = self.counted else { return };
        let Some(series) = counted.series(index, self.outcome) else { return };
        series.count.increment();
        series.duration.record(clock::monotonic_ns().saturating_sub(self.begun_ns) as f64 / NS_PER_SECOND);
    }
}

impl Counted {
    fn series(&self, index: usize, outcome: Outcome) -> Option<&Series> {
        let place = self.series.get(index)?.get(outcome as usize)?;
        Some(place.get_or_init(|| {
            let word = self.words.get(index).copied().unwrap_or_default();
            let outcome = OUTCOMES.get(outcome as usize).copied().unwrap_or_default();
            let labels = [self.capability, word, outcome, &self.component];
            Series { count: self.count.with(&labels), duration: self.duration.with(&labels) }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::Context;

    use futures::FutureExt as _;

    use super::*;

    const WORDS: &[&str] = &["get", "set"];

    /// The lines of `text` that count, without those of the buckets.
    fn counts(registry: &Registry) -> Vec<String> {
        let text = registry.render();
        text.lines().filter(|line| line.starts_with("coracle_operation_count_total{")).map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn operations_are_counted_by_how_they_end() {
        let registry = Registry::default();
        let operations = Operations::in_registry(&registry, "key-value", WORDS, "web");
        for result in [Ok(1), Err("full"), Ok(2)] {
            assert_eq!(operations.measure("get", ready(result)).await, result);
        }
        {
            let mut waiting = Box::pin(operations.measure("set", pending::<Result<(), ()>>()));
            assert!(waiting.poll_unpin(&mut Context::from_waker(futures::task::noop_waker_ref())).is_pending());
        }
        assert_eq!(
            counts(&registry),
            [
                r#"coracle_operation_count_total{capability="key-value",operation="get",outcome="error",component_id="web"} 1"#,
                r#"coracle_operation_count_total{capability="key-value",operation="get",outcome="ok",component_id="web"} 2"#,
                r#"coracle_operation_count_total{capability="key-value",operation="set",outcome="cancelled",component_id="web"} 1"#,
            ]
        );
        let seconds =
            r#"coracle_operation_duration_seconds_count{capability="key-value",operation="get",outcome="ok",component_id="web"} 2"#;
        assert!(registry.render().contains(seconds));
    }

    #[tokio::test]
    async fn two_grants_of_one_component_count_together() {
        let registry = Registry::default();
        for _ in 0..2 {
            let operations = Operations::in_registry(&registry, "sqlite", WORDS, "web");
            operations.measure("get", ready(Ok::<_, ()>(()))).await.unwrap();
        }
        assert!(counts(&registry).iter().all(|line| line.ends_with(" 2")));
    }

    #[tokio::test]
    async fn what_was_not_granted_is_not_counted() {
        assert_eq!(Operations::default().measure("get", ready(Err::<(), _>("denied"))).await, Err("denied"));
    }
}
