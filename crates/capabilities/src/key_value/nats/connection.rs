//! A connection to NATS, and the bucket behind it.

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

use crate::key_value::Error;
use crate::nats_connection::{Connection as Plain, Server};

/// What a message has beside its value: subject and headers of a conditional write.
const HEADER_BYTES: usize = 256;

/// Where a bucket is.
pub(super) struct Place {
    pub(super) server: Server,
    pub(super) bucket: String,
    pub(super) creates_bucket: bool,
}

/// A connection, and the bucket behind it.
pub(super) struct Connection {
    pub(super) bucket: Store,
    /// Whether values of the bucket may end by themselves.
    pub(super) ends_values: bool,
    plain: Plain,
}

impl Place {
    /// Connects and finds the bucket.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let plain = self.server.connect().await?;
        let jetstream = plain.jetstream();
        let bucket = match jetstream.get_key_value(&self.bucket).await {
            Err(error) if !self.creates_bucket => Err(coracle_base::chain(&error).to_string()),
            Err(_) => {
                jetstream.create_stream(stream(&self.bucket)).await.map_err(|error| coracle_base::chain(&error).to_string())?;
                jetstream.get_key_value(&self.bucket).await.map_err(|error| coracle_base::chain(&error).to_string())
            }
            Ok(bucket) => Ok(bucket),
        };
        let bucket = bucket?;
        let ends_values = bucket.stream.cached_info().config.allow_message_ttl;
        Ok(Connection { bucket, ends_values, plain })
    }
}

/// The stream that is the bucket `name`, as every client of NATS makes it. The client's own way asks the server first for things that
/// older ones do not know. Servers before 2.11 pass over `allow_message_ttl`, and tell so in what they say of the stream.
pub(super) fn stream(name: &str) -> Config {
    Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        allow_message_ttl: true,
        ..Config::default()
    }
}

impl Connection {
    /// What a message is sent with, and the bucket that it is for.
    pub(super) fn parts(&self) -> (&Context, &Store) {
        (self.plain.jetstream(), &self.bucket)
    }

    /// Whether it is connected.
    pub(super) fn is_open(&self) -> bool {
        self.plain.is_open()
    }

    /// Ends when the connection does.
    pub(super) async fn lost(&self) {
        self.plain.lost().await;
    }

    /// Whether the server would take `value`.
    pub(super) fn check(&self, value: &[u8]) -> Result<(), Error> {
        let bytes_max = self.plain.client().max_payload().saturating_sub(HEADER_BYTES);
        if value.len() > bytes_max { Err(Error::ValueTooLarge { bytes: value.len(), bytes_max }) } else { Ok(()) }
    }
}
