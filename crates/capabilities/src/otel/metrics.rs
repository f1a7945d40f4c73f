//! Metrics of `wasi:otel` as OTLP has them. Its sums of histograms are floating point, and its whole numbers are signed.

use coracle_base::telemetry::guest::proto::metrics::v1 as otlp;
use coracle_base::telemetry::guest::proto::metrics::v1::AggregationTemporality;
use coracle_base::telemetry::guest::proto::metrics::v1::exponential_histogram_data_point::Buckets;

use super::host::bindings::wasi::otel::metrics::{self as wit, MetricData, MetricNumber, Temporality};
use super::parts::{SPAN_ID, TRACE_ID, attributes, id, resource, scope, time};

/// The metrics of one export, said to be `component`'s.
pub(super) fn message(told: wit::ResourceMetrics, component: &str) -> otlp::ResourceMetrics {
    let (resource, schema_url) = resource(told.resource, component);
    let scopes = told.scope_metrics.into_iter().map(|told| {
        let (scope, schema_url) = scope(told.scope);
        otlp::ScopeMetrics { scope: Some(scope), metrics: told.metrics.into_iter().map(metric).collect(), schema_url }
    });
    otlp::ResourceMetrics { resource: Some(resource), scope_metrics: scopes.collect(), schema_url }
}

fn metric(metric: wit::Metric) -> otlp::Metric {
    let wit::Metric { name, description, unit, data } = metric;
    let data = match data {
        MetricData::F64Gauge(it) | MetricData::U64Gauge(it) | MetricData::S64Gauge(it) => otlp::metric::Data::Gauge(gauge(it)),
        MetricData::F64Sum(it) | MetricData::U64Sum(it) | MetricData::S64Sum(it) => otlp::metric::Data::Sum(sum(it)),
        MetricData::F64Histogram(it) | MetricData::U64Histogram(it) | MetricData::S64Histogram(it) => {
            otlp::metric::Data::Histogram(histogram(it))
        }
        MetricData::F64ExponentialHistogram(it) | MetricData::U64ExponentialHistogram(it) | MetricData::S64ExponentialHistogram(it) => {
            otlp::metric::Data::ExponentialHistogram(exponential(it))
        }
    };
    otlp::Metric { name, description, unit, data: Some(data), ..otlp::Metric::default() }
}

fn gauge(gauge: wit::Gauge) -> otlp::Gauge {
    let (start, end) = (gauge.start_time.map_or(0, time), time(gauge.time));
    let points = gauge.data_points.into_iter().map(|point| number(point.attributes, point.value, point.exemplars, start, end));
    otlp::Gauge { data_points: points.collect() }
}

fn sum(sum: wit::Sum) -> otlp::Sum {
    let (start, end) = (time(sum.start_time), time(sum.time));
    let points = sum.data_points.into_iter().map(|point| number(point.attributes, point.value, point.exemplars, start, end));
    otlp::Sum {
        data_points: points.collect(),
        aggregation_temporality: temporality(sum.temporality).into(),
        is_monotonic: sum.is_monotonic,
    }
}

fn number(given: Vec<wit::KeyValue>, value: MetricNumber, exemplars: Vec<wit::Exemplar>, start: u64, end: u64) -> otlp::NumberDataPoint {
    use otlp::number_data_point::Value;
    let value = match value {
        MetricNumber::F64(value) => Value::AsDouble(value),
        MetricNumber::S64(value) => Value::AsInt(value),
        MetricNumber::U64(value) => Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX)),
    };
    otlp::NumberDataPoint {
        attributes: attributes(given),
        start_time_unix_nano: start,
        time_unix_nano: end,
        exemplars: exemplars.into_iter().map(exemplar).collect(),
        value: Some(value),
        ..otlp::NumberDataPoint::default()
    }
}

fn histogram(histogram: wit::Histogram) -> otlp::Histogram {
    let (start, end) = (time(histogram.start_time), time(histogram.time));
    let points = histogram.data_points.into_iter().map(|point| otlp::HistogramDataPoint {
        attributes: attributes(point.attributes),
        start_time_unix_nano: start,
        time_unix_nano: end,
        count: point.count,
        sum: Some(float(point.sum)),
        bucket_counts: point.bucket_counts,
        explicit_bounds: point.bounds,
        exemplars: point.exemplars.into_iter().map(exemplar).collect(),
        min: point.min.map(float),
        max: point.max.map(float),
        ..otlp::HistogramDataPoint::default()
    });
    otlp::Histogram { data_points: points.collect(), aggregation_temporality: temporality(histogram.temporality).into() }
}

fn exponential(histogram: wit::ExponentialHistogram) -> otlp::ExponentialHistogram {
    let (start, end) = (time(histogram.start_time), time(histogram.time));
    let points = histogram.data_points.into_iter().map(|point| otlp::ExponentialHistogramDataPoint {
        attributes: attributes(point.attributes),
        start_time_unix_nano: start,
        time_unix_nano: end,
        count: point.count,
        sum: Some(float(point.sum)),
        scale: i32::from(point.scale),
        zero_count: point.zero_count,
        positive: Some(buckets(point.positive_bucket)),
        negative: Some(buckets(point.negative_bucket)),
        exemplars: point.exemplars.into_iter().map(exemplar).collect(),
        min: point.min.map(float),
        max: point.max.map(float),
        zero_threshold: point.zero_threshold,
        ..otlp::ExponentialHistogramDataPoint::default()
    });
    otlp::ExponentialHistogram { data_points: points.collect(), aggregation_temporality: temporality(histogram.temporality).into() }
}

fn buckets(bucket: wit::ExponentialBucket) -> Buckets {
    Buckets { offset: bucket.offset, bucket_counts: bucket.counts }
}

fn exemplar(exemplar: wit::Exemplar) -> otlp::Exemplar {
    use otlp::exemplar::Value;
    let value = match exemplar.value {
        MetricNumber::F64(value) => Value::AsDouble(value),
        MetricNumber::S64(value) => Value::AsInt(value),
        MetricNumber::U64(value) => Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX)),
    };
    otlp::Exemplar {
        filtered_attributes: attributes(exemplar.filtered_attributes),
        time_unix_nano: time(exemplar.time),
        span_id: id(&exemplar.span_id, SPAN_ID),
        trace_id: id(&exemplar.trace_id, TRACE_ID),
        value: Some(value),
    }
}

fn float(number: MetricNumber) -> f64 {
    match number {
        MetricNumber::F64(value) => value,
        MetricNumber::S64(value) => value as f64,
        MetricNumber::U64(value) => value as f64,
    }
}

/// OTLP has no word for `low-memory`, with which an exporter chooses by the kind of instrument; what is summed since the start is what it
/// chooses for all but counters.
fn temporality(temporality: Temporality) -> AggregationTemporality {
    match temporality {
        Temporality::Delta => AggregationTemporality::Delta,
        Temporality::Cumulative | Temporality::LowMemory => AggregationTemporality::Cumulative,
    }
}
