//! Tells a collector of its work: a span within the host's. Uses `wasi:otel`; `OTEL_EXPORTER_OTLP_ENDPOINT` names the collector.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world otel-user {
                import wasi:otel/tracing@0.2.0-rc.2;
                import wasi:clocks/wall-clock@0.2.0;
            }
        ",
        path: ["../../crates/capabilities/src/otel/wit"],
        world: "coracle:examples/otel-user",
        generate_all,
    });
}

use bindings::wasi::clocks::wall_clock;
use bindings::wasi::otel::tracing;
use bindings::wasi::otel::types::{InstrumentationScope, KeyValue};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct App;

wasip2::http::proxy::export!(App);

impl Guest for App {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let text = work().unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

/// An SDK makes the ids by chance; one span for each trace may always have this one.
const SPAN: &str = "00000000000000a1";

fn work() -> Result<String, String> {
    let outer = tracing::outer_span_context();
    let span_context = tracing::SpanContext { span_id: SPAN.to_owned(), is_remote: false, ..outer.clone() };
    let start_time = wall_clock::now();
    tracing::on_start(&span_context);
    let text = "told\n".to_owned();
    // The value of an attribute is JSON.
    let attribute = KeyValue { key: "text.bytes".to_owned(), value: text.len().to_string() };
    tracing::on_end(&tracing::SpanData {
        span_context,
        parent_span_id: outer.span_id,
        span_kind: tracing::SpanKind::Internal,
        name: "work".to_owned(),
        start_time,
        end_time: wall_clock::now(),
        attributes: vec![attribute],
        events: vec![],
        links: vec![],
        status: tracing::Status::Ok,
        instrumentation_scope: InstrumentationScope { name: "example".to_owned(), version: None, schema_url: None, attributes: vec![] },
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    });
    Ok(text)
}

fn answer(out: ResponseOutparam, text: &str) -> Result<(), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(what.to_owned()));
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| wrong("body"))?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().map_err(|()| wrong("stream"))?;
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|_| wrong("write"))?;
    drop(stream);
    OutgoingBody::finish(body, None)
}
