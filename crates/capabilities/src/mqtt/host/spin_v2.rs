//! `fermyon:spin/mqtt@2.0.0`.

use std::time::Duration;

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::fermyon::spin::mqtt as wit;
use super::{Asked, Connection, Error, Opener, QoS, State, hold};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/mqtt/wit/fermyon-spin@2.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "fermyon:spin/mqtt.connection": crate::mqtt::connection::Connection },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, address: String, username: String, password: String, keep_alive: u64) -> Answer<Resource<Connection>> {
        let asked = Asked { address, username, password, keep_alive: Duration::from_secs(keep_alive) };
        let opened = Connection::open(Opener::of(self.state), asked).await;
        Ok(opened.and_then(|connection| hold(self, connection)).map_err(Into::into))
    }

    async fn publish(&mut self, connection: Resource<Connection>, topic: String, payload: Vec<u8>, qos: wit::Qos) -> Answer<()> {
        let connection = self.table.get(&connection)?.clone();
        Ok(connection.publish(&topic, payload, qos.into()).await.map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl wit::Host for View<'_, State> {}

impl From<wit::Qos> for QoS {
    fn from(qos: wit::Qos) -> Self {
        match qos {
            wit::Qos::AtMostOnce => Self::AtMostOnce,
            wit::Qos::AtLeastOnce => Self::AtLeastOnce,
            wit::Qos::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidAddress => Self::InvalidAddress,
            Error::TooManyConnections => Self::TooManyConnections,
            Error::Connection(text) => Self::ConnectionFailed(text),
            Error::Other(text) => Self::Other(text),
        }
    }
}
