//! Brokers for tests: each kind, with somebody who listens to it from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use coracle_engine::{Bind, RuntimeConfig, Site};
use coracle_testkit::servers::{self, Server};
use futures::StreamExt as _;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::config::{self, Bindings};
use super::local::Local;
use super::{Broker, GRANT, Message};

/// A broker, and the server behind it.
pub(super) struct Backend {
    pub(super) name: &'static str,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) local: Option<Arc<Local>>,
    pub(super) server: Option<Server>,
}

/// The broker that `table` of a runtime configuration describes.
pub(super) fn bound(table: &str) -> (Arc<dyn Broker>, Option<Arc<Local>>) {
    let mut site = Site::default();
    let mut config = RuntimeConfig::new(toml::from_str(&format!("[messaging.x]\n{table}")).unwrap(), None);
    let labels = BTreeMap::from([(GRANT.to_owned(), ["x".to_owned()].into())]);
    config::bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    let broker = Arc::clone(&site.shared::<Bindings>().unwrap().get("x").unwrap().broker);
    (broker, super::local(&site, "x"))
}

impl Backend {
    pub(super) fn memory() -> Self {
        let (broker, local) = bound("type = \"memory\"");
        Self { name: "memory", broker, local, server: None }
    }

    pub(super) fn nats() -> Self {
        Self::served("nats", servers::nats::start().unwrap(), "")
    }

    pub(super) fn redis() -> Self {
        Self::served("redis", servers::redis::start().unwrap(), "")
    }

    pub(super) fn mqtt() -> Self {
        Self::served("mqtt", servers::mosquitto::start().unwrap(), "")
    }

    pub(super) fn served(name: &'static str, server: Server, more: &str) -> Self {
        let (broker, _) = bound(&format!("type = \"{name}\"\nurl = \"{name}://{}\"\n{more}", server.place().address()));
        Self { name, broker, local: None, server: Some(server) }
    }

    /// Every kind.
    pub(super) fn all() -> [Self; 4] {
        [Self::memory(), Self::nats(), Self::redis(), Self::mqtt()]
    }

    /// Those that carry replies and metadata.
    pub(super) fn that_carry_replies() -> [Self; 2] {
        [Self::memory(), Self::nats()]
    }

    pub(super) fn address(&self) -> String {
        self.server.as_ref().unwrap().place().address().to_string()
    }

    /// Listens to one subject; what is published after this is received.
    pub(super) async fn listen(&self, subject: &str) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        let subject = subject.to_owned();
        match self.name {
            "memory" => {
                let mut subscription = self.local.as_ref().unwrap().subscribe(&subject).unwrap();
                tokio::spawn(async move {
                    while let Some(message) = subscription.next().await {
                        let Ok(()) = sender.send(message) else { return };
                    }
                });
            }
            "nats" => {
                let client = async_nats::connect(self.address()).await.unwrap();
                let mut subscription = client.subscribe(subject).await.unwrap();
                client.flush().await.unwrap();
                // The server has the subscription when it answers what came after it.
                let _ = client.request("nobody.listens", Bytes::new()).await;
                tokio::spawn(async move {
                    while let Some(message) = subscription.next().await {
                        let Ok(()) = sender.send(super::nats::received(message)) else { return };
                    }
                    drop(client);
                });
            }
            "redis" => {
                let client = ::redis::Client::open(format!("redis://{}", self.address())).unwrap();
                let mut channels = client.get_async_pubsub().await.unwrap();
                channels.subscribe(&subject).await.unwrap();
                tokio::spawn(async move {
                    let mut messages = channels.on_message();
                    while let Some(message) = messages.next().await {
                        let body = Bytes::from(message.get_payload_bytes().to_vec());
                        let message = Message { subject: message.get_channel_name().to_owned(), body, ..Message::default() };
                        let Ok(()) = sender.send(message) else { return };
                    }
                });
            }
            _ => {
                let (mut messages, _client) =
                    subscribed(&self.address(), &format!("listener-{subject}"), &subject.replace('.', "/"), true).await;
                tokio::spawn(async move {
                    while let Some((topic, body)) = messages.recv().await {
                        let message = Message { subject: topic.replace('/', "."), body, ..Message::default() };
                        let Ok(()) = sender.send(message) else { return };
                    }
                    drop(_client);
                });
            }
        }
        receiver
    }
}

/// A session of MQTT that has subscribed to `topic`; what it receives by then and later.
pub(super) async fn subscribed(address: &str, id: &str, topic: &str, is_clean: bool) -> (UnboundedReceiver<(String, Bytes)>, AsyncClient) {
    let (host, port) = address.rsplit_once(':').unwrap();
    let mut options = MqttOptions::new(id, host, port.parse().unwrap());
    options.set_clean_session(is_clean).set_max_packet_size(4 << 20, 4 << 20);
    let (client, mut events) = AsyncClient::new(options, 64);
    client.subscribe(topic, QoS::ExactlyOnce).await.unwrap();
    let (sender, receiver) = unbounded_channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut ready = Some(ready);
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Packet::SubAck(_)) => drop(ready.take().map(|ready| ready.send(()))),
                Event::Incoming(Packet::Publish(message)) => {
                    let Ok(()) = sender.send((message.topic, message.payload)) else { return };
                }
                _ => {}
            }
        }
    });
    is_ready.await.unwrap();
    (receiver, client)
}
