//! A broker of MQTT 3.1.1. The dots of a subject become the slashes of a topic. A message is published when the broker has
//! acknowledged it; there is no place for replies in this version of the protocol.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coracle_engine::BindError;
use rumqttc::mqttbytes::QoS;
use serde::Deserialize;

use super::{Broker, Error, Message, Replies};
use crate::backend::{Kind, Opened, Opening};
use crate::mqtt_session::{Client, Login, MqttError, chosen_client_id};

/// A broker of MQTT.
pub(super) const KIND: Kind<dyn Broker> = Kind { types: &["mqtt"], open };

/// The table of such a broker.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where it is, `mqtt://host:1883` or `mqtts://host:8883`.
    url: String,
    /// The user, if it wants one.
    username: Option<String>,
    password: Option<String>,
    /// The name of the session; one that is made up when absent.
    client_id: Option<String>,
    /// 0, 1 or 2: at most once, at least once, exactly once.
    #[serde(default = "usual_qos")]
    qos: u8,
    /// Certificates to trust instead of the machine's, as PEM.
    ca_roots_file: Option<PathBuf>,
}

const fn usual_qos() -> u8 {
    1
}

/// How often the broker hears of us.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

struct Mqtt {
    client: Client,
    qos: QoS,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Broker>, BindError> {
    let config: Config = opening.config()?;
    let mut connector = opening.connector(&config.url, "mqtt")?;
    match connector.destination().scheme.as_str() {
        "mqtt" => {}
        "mqtts" => connector = connector.with_tls(opening.tls(config.ca_roots_file.as_deref())?),
        _ => return Err(opening.refused("its url is none of MQTT", "begin it with `mqtt://` or `mqtts://`")),
    }
    let qos = match config.qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        2 => QoS::ExactlyOnce,
        _ => return Err(opening.refused("its `qos` is out of range", "write 0, 1 or 2")),
    };
    let user = match (config.username, config.password) {
        (None, None) => None,
        (user, password) => Some((user.unwrap_or_default(), password.unwrap_or_default())),
    };
    let place = format!("mqtt {}", connector.destination());
    let login = Login { client_id: config.client_id.unwrap_or_else(chosen_client_id), user, keep_alive: KEEP_ALIVE };
    Ok(Opened { backend: Arc::new(Mqtt { client: Client::new(connector, login), qos }), place })
}

#[async_trait]
impl Broker for Mqtt {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        if message.reply_to.is_some() || !message.headers.is_empty() {
            return Err(Error::Unsupported("this broker carries neither replies nor metadata"));
        }
        let topic = message.subject.replace('.', "/");
        let bytes = message.body.len();
        self.client.publish(&topic, message.body, self.qos).await.map_err(|error| match error {
            MqttError::Topic(_) => Error::Subject("this broker does not take `#` and `+`"),
            MqttError::TooLarge => Error::TooLarge { bytes, bytes_max: crate::mqtt_session::SENT_BYTES_MAX },
            MqttError::Timeout => Error::Timeout,
            MqttError::Refused(_) | MqttError::Unreachable(_) | MqttError::Protocol(_) | MqttError::Broken => {
                Error::Unavailable { internal: coracle_base::chain(&error).to_string() }
            }
        })
    }

    async fn request(&self, _message: Message, _replies: Replies) -> Result<Vec<Message>, Error> {
        Err(Error::Unsupported("this broker carries no replies"))
    }
}
