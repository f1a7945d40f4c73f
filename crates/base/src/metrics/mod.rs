//! Counters, gauges and histograms: kept here, read as Prometheus text by whoever scrapes and exported by telemetry. A name carries
//! dots as OpenTelemetry has them. Recording touches nothing but atomics; finding a series takes a lock, so callers keep it.

mod cells;
mod known;
mod otlp;
mod text;

use cells::Cells;
pub use known::{HttpServer, Invocation, Invocations, OutboundPermits};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use crate::shards::Shards;

/// A metric with more combinations of labels than this counts the rest under [`OVERFLOW`].
pub const SERIES_MAX: usize = 2_000;

/// The value of every label of what is beyond [`SERIES_MAX`].
pub const OVERFLOW: &str = "other";

/// The media type of [`Registry::render`].
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of a process, or of one test.
#[derive(Debug, Default)]
pub struct Registry {
    families: Mutex<Vec<Arc<Family>>>,
    meter: OnceLock<opentelemetry::metrics::Meter>,
}

/// What a metric is called and how it is read. Two with one name are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// The name, with dots: `spin.request_count`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// What is measured.
    pub unit: Unit,
    /// The names of the labels.
    pub labels: &'static [&'static str],
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    One,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A metric with labels, from which series are taken.
#[derive(Debug)]
pub struct Metric<T> {
    family: Arc<Family>,
    series: std::marker::PhantomData<fn() -> T>,
}

/// A number that only grows.
#[derive(Debug, Clone)]
pub struct Counter(Arc<Series>);

/// A number that goes up and down.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Series>);

/// How values are distributed over buckets.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Series>, Arc<Family>);

#[derive(Debug)]
struct Family {
    description: Description,
    kind: Kind,
    series: RwLock<BTreeMap<Vec<String>, Arc<Series>>>,
    exported: OnceLock<opentelemetry::metrics::Histogram<f64>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

#[derive(Debug)]
struct Series {
    labels: Vec<String>,
    attributes: Vec<opentelemetry::KeyValue>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Counter(Shards<AtomicU64>),
    Gauge(AtomicI64),
    Histogram(Cells),
}

/// What a counter counted.
fn total(counts: &Shards<AtomicU64>) -> u64 {
    counts.iter().map(|count| count.load(Relaxed)).sum()
}

/// The registry of this process.
pub fn global() -> &'static Registry {
    static GLOBAL: OnceLock<Registry> = OnceLock::new();
    GLOBAL.get_or_init(Registry::default)
}

impl Registry {
    /// A counter; the same one whenever the name is the same.
    pub fn counter(&self, description: Description) -> Metric<Counter> {
        self.metric(description, Kind::Counter)
    }

    /// A gauge; the same one whenever the name is the same.
    pub fn gauge(&self, description: Description) -> Metric<Gauge> {
        self.metric(description, Kind::Gauge)
    }

    /// A histogram with these upper bounds, which rise; the same one whenever the name is the same.
    pub fn histogram(&self, description: Description, bounds: &'static [f64]) -> Metric<Histogram> {
        self.metric(description, Kind::Histogram(bounds))
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut families = self.families().clone();
        families.sort_by_key(|family| family.description.name);
        families.iter().map(|family| text::render(family)).collect()
    }

    fn metric<T>(&self, description: Description, kind: Kind) -> Metric<T> {
        let mut families = self.families();
        let known = families.iter().find(|family| family.description.name == description.name && family.kind == kind);
        let family = known.cloned().unwrap_or_else(|| {
            let series = RwLock::default();
            let family = Arc::new(Family { description, kind, series, exported: OnceLock::new() });
            families.push(Arc::clone(&family));
            if let Some(meter) = self.meter.get() {
                otlp::export(&family, meter);
            }
            family
        });
        Metric { family, series: std::marker::PhantomData }
    }

    fn families(&self) -> MutexGuard<'_, Vec<Arc<Family>>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metric<Counter> {
    /// The counter with these values for the labels, in their order.
    #[must_use]
    pub fn with(&self, labels: &[&str]) -> Counter {
        Counter(self.family.series(labels))
    }
}

impl Metric<Gauge> {
    /// The gauge with these values for the labels, in their order.
    #[must_use]
    pub fn with(&self, labels: &[&str]) -> Gauge {
        Gauge(self.family.series(labels))
    }
}

impl Metric<Histogram> {
    /// The histogram with these values for the labels, in their order.
    #[must_use]
    pub fn with(&self, labels: &[&str]) -> Histogram {
        Histogram(self.family.series(labels), Arc::clone(&self.family))
    }
}

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `n`.
    pub fn add(&self, n: u64) {
        if let Value::Counter(value) = &self.0.value {
            value.here().fetch_add(n, Relaxed);
        }
    }
}

impl Gauge {
    /// Goes up by `n`, or down.
    pub fn add(&self, n: i64) {
        if let Value::Gauge(value) = &self.0.value {
            value.fetch_add(n, Relaxed);
        }
    }

    /// Is `n` from now on.
    pub fn set(&self, n: i64) {
        if let Value::Gauge(value) = &self.0.value {
            value.store(n, Relaxed);
        }
    }
}

impl Histogram {
    /// Records one value; what is not a number is left out.
    pub fn record(&self, value: f64) {
        let (Value::Histogram(cells), Kind::Histogram(bounds)) = (&self.0.value, self.1.kind) else { return };
        if value.is_nan() {
            return;
        }
        cells.record(bounds.partition_point(|bound| *bound < value), value);
        if let Some(exported) = self.1.exported.get() {
            exported.record(value, &self.0.attributes);
        }
    }
}

impl Family {
    fn series(&self, labels: &[&str]) -> Arc<Series> {
        // A caller that gives another number of labels than the metric has still gets a series of the right shape.
        let given = labels.iter().copied().chain(std::iter::repeat(""));
        let labels: Vec<String> = given.take(self.description.labels.len()).map(str::to_owned).collect();
        let known = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&labels).cloned();
        known.unwrap_or_else(|| self.add_series(labels))
    }

    fn add_series(&self, labels: Vec<String>) -> Arc<Series> {
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let labels = if all.len() < SERIES_MAX || all.contains_key(&labels) {
            labels
        } else {
            vec![OVERFLOW.to_owned(); self.description.labels.len()]
        };
        let value = match self.kind {
            Kind::Counter => Value::Counter(Shards::default()),
            Kind::Gauge => Value::Gauge(AtomicI64::new(0)),
            Kind::Histogram(bounds) => Value::Histogram(Cells::new(bounds)),
        };
        let entry = all.entry(labels);
        let labels = entry.key().clone();
        let names = self.description.labels.iter();
        let attributes = names.zip(&labels).map(|(name, value)| opentelemetry::KeyValue::new(*name, value.clone())).collect();
        Arc::clone(entry.or_insert_with(|| Arc::new(Series { labels, attributes, value })))
    }

    fn all(&self) -> Vec<Arc<Series>> {
        self.series.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
