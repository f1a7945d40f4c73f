//! Guests that publish to brokers of MQTT which they name.

use std::path::Path;
use std::sync::Arc;

use coracle_engine::Metered;
use coracle_testkit::built;
use coracle_testkit::servers::{self, Server};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wasmtime::component::Val;

use crate::guest::Given;

/// Somebody who has subscribed to a topic.
pub(crate) struct Listener {
    messages: UnboundedReceiver<(String, String)>,
    _client: AsyncClient,
}

impl Listener {
    pub(crate) async fn start(server: &Server, topic: &str) -> Self {
        let options = MqttOptions::new("listener", "127.0.0.1", server.place().port);
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe(topic, QoS::ExactlyOnce).await.unwrap();
        let (sender, messages) = unbounded_channel();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(message)) = event {
                    let text = String::from_utf8(message.payload.to_vec()).unwrap();
                    let Ok(()) = sender.send((message.topic, text)) else { return };
                }
            }
        });
        Self { messages, _client: client }
    }

    pub(crate) async fn next(&mut self) -> (String, String) {
        self.messages.recv().await.unwrap()
    }
}

fn allowed(host: &str) -> Given {
    Given::default().grant("outbound-hosts", json!([host]))
}

/// Publishes from a guest of the async interface; says how that ended.
pub(crate) async fn publish(given: Given, address: &str, topics: &[&str]) -> String {
    let runnable = given.run("messenger", &built("messenger-p3").unwrap());
    let mut store = runnable.store().unwrap();
    let meter = Arc::clone(store.data().meter());
    let topics = topics.iter().map(|topic| Val::String((*topic).to_owned())).collect();
    let arguments = [Val::String(address.to_owned()), Val::List(topics)];
    let calling = async {
        let instance = runnable.pre().unwrap().instantiate_async(&mut store).await?;
        let function = instance.get_func(&mut store, "mqtt").unwrap();
        let mut results = vec![Val::Bool(false)];
        store.run_concurrent(async |guest| function.call_concurrent(guest, &arguments, &mut results).await.map(drop)).await??;
        wasmtime::error::Ok(results.pop().unwrap())
    };
    match Metered::new(calling, meter).await.unwrap().unwrap() {
        Val::Result(Err(Some(error))) => match *error {
            Val::String(text) => text,
            other => format!("{other:?}"),
        },
        _ => "ok".to_owned(),
    }
}

#[tokio::test]
async fn messages_of_each_quality_arrive_once() {
    let server = servers::mosquitto::start().unwrap();
    let address = format!("mqtt://{}", server.place().address());
    let mut listener = Listener::start(&server, "t/#").await;
    assert_eq!(publish(allowed(&address), &address, &["t/a", "t/b"]).await, "ok");
    for topic in ["t/a", "t/b"] {
        for quality in ["Qos::AtMostOnce", "Qos::AtLeastOnce", "Qos::ExactlyOnce"] {
            assert_eq!(listener.next().await, (topic.to_owned(), quality.to_owned()));
        }
    }
    assert!(listener.messages.is_empty());
}

#[tokio::test]
async fn what_is_not_allowed_or_not_there_is_an_error_of_the_interface() {
    let server = servers::mosquitto::start().unwrap();
    let (address, topics) = (format!("mqtt://{}", server.place().address()), ["t"]);
    let refusal = format!("Error::ConnectionFailed(\"address {address} is not permitted\")");
    assert_eq!(publish(Given::default(), &address, &topics).await, refusal);
    assert_eq!(publish(allowed("mqtt://127.0.0.1:1"), &address, &topics).await, refusal);
    let blocked = allowed(&address).runtime_config("[outbound_networking]\nblock_networks = [\"private\"]", Path::new("/"));
    assert!(publish(blocked, &address, &topics).await.starts_with("Error::ConnectionFailed"));
    for wrong in ["", "mqtt://", "mqtt://a b", "mqtt://127.0.0.1:x"] {
        assert_eq!(publish(allowed("*://*:*"), wrong, &topics).await, "Error::InvalidAddress", "{wrong:?}");
    }
    assert_eq!(publish(allowed("*://*:*"), &address.replace("mqtt:", "http:"), &topics).await, "Error::InvalidAddress");
    for topic in ["", "#", "a/+/b", "a\0"] {
        assert!(publish(allowed(&address), &address, &[topic]).await.contains("is no topic to publish to"), "{topic:?}");
    }
    drop(server);
    let text = publish(allowed(&address), &address, &topics).await;
    assert_eq!(text, "Error::ConnectionFailed(\"the broker cannot be reached\")");
}

#[tokio::test]
async fn the_operators_bounds_are_kept() {
    let server = servers::mosquitto::start().unwrap();
    let address = format!("mqtt://{}", server.place().address());
    let with = |table: &str| allowed(&address).runtime_config(&format!("[outbound_mqtt]\n{table}"), Path::new("/"));
    assert_eq!(publish(with("max_connections = 0"), &address, &["t"]).await, "Error::TooManyConnections");
    let text = publish(with("max_payload_size_bytes = 15"), &address, &["t"]).await;
    assert_eq!(text, "Error::Other(\"payload of 16 bytes exceeds the limit of 15 bytes\")");
    assert_eq!(publish(with("max_connections = 1"), &address, &["t"]).await, "ok");
    let mut given = with("connections = 1");
    assert!(coracle_base::chain(&given.bind().unwrap_err()).to_string().contains("unknown field `connections`"));
}

/// A broker that answers the first packet of each connection with `bytes`, and ends it.
async fn rude(bytes: &'static [u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn a_broker_that_does_not_behave_is_an_error() {
    for (bytes, said) in [
        (&b""[..], "the connection broke off before the broker acknowledged"),
        (b"\x20", "the connection broke off"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the connection broke off"),
        (b"\x00\x00", "does not speak MQTT"),
        (b"\x20\x02\x00\x09", "does not speak MQTT"),
        (b"\x20\xff\xff\xff\x7f", "does not speak MQTT"),
        (b"\x20\xff\xff\xff\xff\xff", "does not speak MQTT"),
        (b"\xd0\x00", "does not speak MQTT"),
        (b"\x20\x00", "does not speak MQTT"),
        (b"\x20\x02\x00\x01", "the broker refuses the connection: it does not speak MQTT 3.1.1"),
        (b"\x20\x02\x00\x04", "the broker refuses the connection: the user name or password is wrong"),
        (b"\x20\x02\x00\x05", "the broker refuses the connection: the user is not authorised"),
        // It accepts the session, and then says nothing, something wrong, or acknowledges what nobody sent.
        (b"\x20\x02\x00\x00", "the connection broke off"),
        (b"\x20\x02\x00\x00\xf0\x00", "the connection broke off"),
        (b"\x20\x02\x00\x00\x40\x02\xff\xff", "the connection broke off"),
    ] {
        let address = rude(bytes).await;
        let text = publish(allowed(&address), &address, &["t"]).await;
        assert!(text.starts_with("Error::ConnectionFailed") && text.contains(said), "{bytes:?}: {text}");
    }
}
