//! Hands metrics to OpenTelemetry: counters and gauges are read when it asks, histograms are recorded there as well, because it
//! cannot read them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::metrics::Meter;

use super::{Family, Kind, Registry, Unit, Value, total};

impl Registry {
    /// Exports every metric, also those made later, through `meter`. Only the first meter counts.
    pub(crate) fn export(&self, meter: Meter) {
        let families = self.families();
        let meter = self.meter.get_or_init(|| meter);
        for family in families.iter() {
            export(family, meter);
        }
    }
}

pub(super) fn export(family: &Arc<Family>, meter: &Meter) {
    let description = family.description;
    let (name, help) = (description.name, description.help);
    let unit = match description.unit {
        Unit::One => "1",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
    };
    let read = Arc::clone(family);
    match family.kind {
        Kind::Counter => {
            let instrument = meter.u64_observable_counter(name).with_description(help).with_unit(unit);
            instrument
                .with_callback(move |observer| {
                    for series in read.all() {
                        if let Value::Counter(value) = &series.value {
                            observer.observe(total(value), &series.attributes);
                        }
                    }
                })
                .build();
        }
        Kind::Gauge => {
            let instrument = meter.i64_observable_gauge(name).with_description(help).with_unit(unit);
            instrument
                .with_callback(move |observer| {
                    for series in read.all() {
                        if let Value::Gauge(value) = &series.value {
                            observer.observe(value.load(Relaxed), &series.attributes);
                        }
                    }
                })
                .build();
        }
        Kind::Histogram(bounds) => {
            let instrument = meter.f64_histogram(name).with_description(help).with_unit(unit).with_boundaries(bounds.to_vec());
            family.exported.get_or_init(|| instrument.build());
        }
    }
}
