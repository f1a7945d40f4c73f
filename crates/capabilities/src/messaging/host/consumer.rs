//! `wasmcloud:messaging/consumer@0.2.0`, whose errors are texts.

use std::time::Duration;

use coracle_engine::View;

use self::bindings::wasmcloud::messaging::consumer as wit;
use super::{Error, Message, State};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/messaging/wit/wasmcloud-messaging@0.2.0",
        world: "host",
        imports: { default: async | trappable },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, String>>;

impl wit::Host for View<'_, State> {
    async fn request(&mut self, subject: String, body: Vec<u8>, timeout_ms: u32) -> Answer<wit::BrokerMessage> {
        let answered = async {
            let outlet = self.state.linked(self.label, &subject)?;
            let message = Message { subject, body: body.into(), ..Message::default() };
            let replies = outlet.request(message, None, Some(Duration::from_millis(timeout_ms.into()))).await?;
            replies.into_iter().next().ok_or(Error::Timeout)
        };
        let reply = answered.await.map_err(|error| error.to_string());
        Ok(reply.map(|Message { subject, body, reply_to, .. }| wit::BrokerMessage { subject, body: body.into(), reply_to }))
    }

    async fn publish(&mut self, message: wit::BrokerMessage) -> Answer<()> {
        let published = async {
            let outlet = self.state.linked(self.label, &message.subject)?;
            let wit::BrokerMessage { subject, body, reply_to } = message;
            outlet.publish(Message { subject, body: body.into(), reply_to, headers: Vec::new() }).await
        };
        Ok(published.await.map_err(|error| error.to_string()))
    }
}
