//! Asks for secrets and models, and tells of itself by `wasi:otel`, as a test calls for.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world teller {
                import wasmcloud:secrets/store@0.1.0-draft;
                import wasmcloud:secrets/reveal@0.1.0-draft;
                import fermyon:spin/llm@2.0.0;
                import wasi:otel/tracing@0.2.0-rc.2;
                import wasi:otel/metrics@0.2.0-rc.2;
                import wasi:otel/logs@0.2.0-rc.2;
                import wasi:keyvalue/store@0.2.0-draft2;
                export secret: func(key: string) -> result<string, string>;
                export hold: func(key: string, count: u32) -> result<_, string>;
                export infer: func(model: string, prompt: string, temperature: option<f32>) -> result<string, string>;
                export embed: func(model: string, texts: list<string>) -> result<string, string>;
                export nest: func();
                export out-of-order: func();
                export without-end: func();
                export root: func();
                export outer: func() -> string;
                export measure: func() -> result<_, string>;
                export log: func(times: u32);
            }
        ",
        path: [
            "../../../capabilities/src/secrets/wit/wasmcloud-secrets@0.1.0-draft",
            "../../../capabilities/src/llm/wit/v2",
            "../../../capabilities/src/otel/wit",
            "../../../capabilities/src/key_value/wit/wasi-keyvalue@0.2.0-draft2",
        ],
        world: "coracle:guests/teller",
        generate_all,
    });
}

use bindings::fermyon::spin::llm;
use bindings::wasi::clocks::wall_clock::Datetime;
use bindings::wasi::keyvalue::store as key_value;
use bindings::wasi::otel::types::{InstrumentationScope, KeyValue, Resource};
use bindings::wasi::otel::{logs, metrics, tracing};
use bindings::wasmcloud::secrets::{reveal, store};

struct Teller;

bindings::export!(Teller with_types_in bindings);

/// A trace that the host knows nothing of.
const OWN_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

impl bindings::Guest for Teller {
    fn secret(key: String) -> Result<String, String> {
        let secret = store::get(&key).map_err(shown)?;
        match reveal::reveal(&secret) {
            store::SecretValue::String(value) => Ok(value),
            store::SecretValue::Bytes(_) => Err("bytes".to_owned()),
        }
    }

    fn hold(key: String, count: u32) -> Result<(), String> {
        let held: Result<Vec<_>, _> = (0..count).map(|_| store::get(&key)).collect();
        held.map(drop).map_err(shown)
    }

    fn infer(model: String, prompt: String, temperature: Option<f32>) -> Result<String, String> {
        let params = temperature.map(|temperature| llm::InferencingParams {
            max_tokens: 7,
            repeat_penalty: 1.5,
            repeat_penalty_last_n_token_count: 3,
            temperature,
            top_k: 5,
            top_p: 0.25,
        });
        let llm::InferencingResult { text, usage } = llm::infer(&model, &prompt, params).map_err(shown)?;
        Ok(format!("{text} ({}, {})", usage.prompt_token_count, usage.generated_token_count))
    }

    fn embed(model: String, texts: Vec<String>) -> Result<String, String> {
        let found = llm::generate_embeddings(&model, &texts).map_err(shown)?;
        Ok(format!("{:?} ({})", found.embeddings, found.usage.prompt_token_count))
    }

    /// Two spans within each other, and a call of the host in each, and after both.
    fn nest() {
        let outer = tracing::outer_span_context();
        let (parent, child) = (begin(&outer.trace_id, "00000000000000a1"), begin(&outer.trace_id, "00000000000000a2"));
        call_host();
        end(&child, "00000000000000a1", "child");
        call_host();
        end(&parent, &outer.span_id, "parent");
        call_host();
    }

    /// A child that outlives its parent.
    fn out_of_order() {
        let outer = tracing::outer_span_context();
        let (parent, child) = (begin(&outer.trace_id, "00000000000000b1"), begin(&outer.trace_id, "00000000000000b2"));
        end(&parent, &outer.span_id, "parent");
        call_host();
        end(&child, "00000000000000b1", "child");
    }

    fn without_end() {
        begin(&tracing::outer_span_context().trace_id, "00000000000000c1");
        call_host();
    }

    /// A span in a trace of its own, and one whose ids are none.
    fn root() {
        let root = begin(OWN_TRACE, "00000000000000d1");
        call_host();
        end(&root, "0000000000000000", "root");
        let wrong = begin("not hexadecimal", "00000000000000d2");
        end(&wrong, "", "wrong");
    }

    fn outer() -> String {
        let outer = tracing::outer_span_context();
        let sampled = outer.trace_flags.contains(tracing::TraceFlags::SAMPLED);
        format!("{} {} {sampled} {}", outer.trace_id, outer.span_id, outer.is_remote)
    }

    fn measure() -> Result<(), String> {
        let point = metrics::SumDataPoint { attributes: vec![pair("k", "7")], value: metrics::MetricNumber::U64(3), exemplars: vec![] };
        let sum = metrics::Sum {
            data_points: vec![point],
            start_time: at(1),
            time: at(2),
            temporality: metrics::Temporality::Delta,
            is_monotonic: true,
        };
        let metric = metrics::Metric {
            name: "guest.requests".to_owned(),
            description: "what came".to_owned(),
            unit: "1".to_owned(),
            data: metrics::MetricData::U64Sum(sum),
        };
        let resource = Resource { attributes: vec![pair("service.name", "\"teller\"")], schema_url: None };
        let scope_metrics = vec![metrics::ScopeMetrics { scope: scope(), metrics: vec![metric] }];
        metrics::export(&metrics::ResourceMetrics { resource, scope_metrics })
    }

    fn log(times: u32) {
        for _ in 0..times {
            logs::on_emit(&logs::LogRecord {
                timestamp: Some(at(3)),
                observed_timestamp: None,
                severity_text: Some("notice".to_owned()),
                severity_number: Some(10),
                body: Some("\"from the guest\"".to_owned()),
                attributes: Some(vec![pair("list", "[1,2]")]),
                event_name: Some("happened".to_owned()),
                resource: None,
                instrumentation_scope: Some(scope()),
                trace_id: Some(OWN_TRACE.to_owned()),
                span_id: Some("00000000000000e1".to_owned()),
                trace_flags: Some(tracing::TraceFlags::SAMPLED),
            });
        }
    }
}

fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn call_host() {
    let _ = key_value::open("default");
}

fn begin(trace_id: &str, span_id: &str) -> tracing::SpanContext {
    let context = tracing::SpanContext {
        trace_id: trace_id.to_owned(),
        span_id: span_id.to_owned(),
        trace_flags: tracing::TraceFlags::SAMPLED,
        is_remote: false,
        trace_state: vec![],
    };
    tracing::on_start(&context);
    context
}

fn end(context: &tracing::SpanContext, parent: &str, name: &str) {
    let event = tracing::Event { name: "halfway".to_owned(), time: at(5), attributes: vec![pair("n", "1")] };
    let link = tracing::Link { span_context: context.clone(), attributes: vec![] };
    tracing::on_end(&tracing::SpanData {
        span_context: context.clone(),
        parent_span_id: parent.to_owned(),
        span_kind: tracing::SpanKind::Internal,
        name: name.to_owned(),
        start_time: at(4),
        end_time: at(6),
        attributes: vec![pair("text", "\"a\""), pair("number", "-2")],
        events: vec![event],
        links: vec![link],
        status: tracing::Status::Error("went wrong".to_owned()),
        instrumentation_scope: scope(),
        dropped_attributes: 1,
        dropped_events: 2,
        dropped_links: 3,
    });
}

fn scope() -> InstrumentationScope {
    InstrumentationScope { name: "teller".to_owned(), version: Some("1".to_owned()), schema_url: None, attributes: vec![] }
}

fn pair(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: value.to_owned() }
}

fn at(seconds: u64) -> Datetime {
    Datetime { seconds, nanoseconds: 5 }
}
