//! `spin:mqtt/mqtt@3.0.0`, whose functions are async.

use std::time::Duration;

use coracle_engine::View;
use wasmtime::component::{Accessor, Resource};

use self::bindings::spin::mqtt::mqtt as wit;
use super::{Access, Asked, Connection, Error, Opener, QoS, State, hold};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/mqtt/wit/spin-mqtt@3.0.0",
        world: "host",
        imports: { default: trappable },
        with: { "spin:mqtt/mqtt.connection": crate::mqtt::connection::Connection },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

impl<T: Send + 'static> wit::HostConnectionWithStore<T> for Access {
    async fn open(
        guest: &Accessor<T, Self>,
        address: String,
        username: String,
        password: String,
        keep_alive: u64,
    ) -> Answer<Resource<Connection>> {
        let opener = guest.with(|mut access| Opener::of(access.get().state));
        let asked = Asked { address, username, password, keep_alive: Duration::from_secs(keep_alive) };
        let opened = Connection::open(opener, asked).await;
        let held = opened.and_then(|connection| guest.with(|mut access| hold(&mut access.get(), connection)));
        Ok(held.map_err(Into::into))
    }

    async fn publish(
        guest: &Accessor<T, Self>,
        connection: Resource<Connection>,
        topic: String,
        payload: Vec<u8>,
        qos: wit::Qos,
    ) -> Answer<()> {
        let connection = guest.with(|mut access| access.get().table.get(&connection).cloned())?;
        Ok(connection.publish(&topic, payload, qos.into()).await.map_err(Into::into))
    }
}

impl wit::HostConnection for View<'_, State> {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
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
