//! Sends messages through the async interfaces: `wasmcloud:messaging/consumer@0.3.0` with its bodies as streams, and `spin:mqtt@3.0.0`.
//! Errors are answered as their debug texts.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:guests;
            world messenger {
                import wasmcloud:messaging/consumer@0.3.0;
                import spin:mqtt/mqtt@3.0.0;
                export publish: async func(subject: string, body: list<u8>, reply-to: option<string>) -> result<_, string>;
                export request: async func(subject: string, body: list<u8>, timeout-ms: option<u32>) -> result<list<u8>, string>;
                export mqtt: async func(address: string, topics: list<string>) -> result<_, string>;
            }
        ",
        path: [
            "../../../capabilities/src/messaging/wit/wasmcloud-messaging@0.3.0",
            "../../../capabilities/src/mqtt/wit/spin-mqtt@3.0.0",
        ],
        world: "coracle:guests/messenger",
        generate_all,
    });
}

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bindings::spin::mqtt::mqtt::{Connection, Qos};
use bindings::wasmcloud::messaging::consumer;
use bindings::wasmcloud::messaging::types::BrokerMessage;
use wit_bindgen::StreamReader;

struct Messenger;

bindings::export!(Messenger with_types_in bindings);

impl bindings::Guest for Messenger {
    async fn publish(subject: String, body: Vec<u8>, reply_to: Option<String>) -> Result<(), String> {
        let sent = streamed(body, |body| consumer::publish(BrokerMessage { subject, body, reply_to })).await;
        sent.map_err(|error| format!("{error:?}"))
    }

    async fn request(subject: String, body: Vec<u8>, timeout_ms: Option<u32>) -> Result<Vec<u8>, String> {
        let reply = streamed(body, |body| consumer::request(subject, body, timeout_ms)).await;
        Ok(reply.map_err(|error| format!("{error:?}"))?.body.collect().await)
    }

    /// Publishes to each of `topics`, with each quality of service, over one connection.
    async fn mqtt(address: String, topics: Vec<String>) -> Result<(), String> {
        let opened = Connection::open(address, String::new(), String::new(), 30).await;
        let connection = opened.map_err(|error| format!("{error:?}"))?;
        for topic in topics {
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
                let payload = format!("{qos:?}").into_bytes();
                connection.publish(topic.clone(), payload, qos).await.map_err(|error| format!("{error:?}"))?;
            }
        }
        Ok(())
    }
}

/// Does `call` with a stream, and writes `body` to it at the same time.
async fn streamed<T, F: Future<Output = T>>(body: Vec<u8>, call: impl FnOnce(StreamReader<u8>) -> F) -> T {
    let (mut writer, reader) = bindings::wit_stream::new();
    let mut called = pin!(call(reader));
    let mut written = Some(Box::pin(async move {
        writer.write_all(body).await;
    }));
    poll_fn(|context| {
        if written.as_mut().is_some_and(|written| written.as_mut().poll(context).is_ready()) {
            written = None;
        }
        match called.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
