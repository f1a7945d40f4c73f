//! Publishing to an MQTT 3.1.1 broker: a session that several callers share, opened when it is needed and again after it broke. A
//! message counts as published when the broker has acknowledged it as its quality of service demands.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4::{ConnAck, Connect, ConnectReturnCode, Login as PacketLogin, Packet, PubRel, Publish};
use rumqttc::mqttbytes::{Error as PacketError, QoS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::backend::{Connector, ConnectorError, Stream};

/// The longest topic and name that the protocol can carry.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;
/// The largest packet that the protocol can carry.
pub(crate) const SENT_BYTES_MAX: usize = 268_435_455;
/// The largest packet that is read: nothing is subscribed to, so a broker has only acknowledgements to send.
const RECEIVED_BYTES_MAX: usize = 64 << 10;
/// Messages of one session that wait for their acknowledgements; more wait to be sent.
const IN_FLIGHT_MAX: usize = 64;
/// How long a broker may take to accept a connection, and then to answer the first packet.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long somebody waits for a session, also while others try in vain to open it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(12);
/// How long a broker may take to take a packet, or to acknowledge a message.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who connects, and how.
#[derive(Clone)]
pub(crate) struct Login {
    /// The name of the session; a broker ends an older one of the same name.
    pub(crate) client_id: String,
    /// The name and password of the user, if there is one.
    pub(crate) user: Option<(String, String)>,
    /// How often the broker wants to hear something; zero never.
    pub(crate) keep_alive: Duration,
}

/// A broker, and the session with it.
pub(crate) struct Client {
    connector: Connector,
    login: Login,
    session: Mutex<Option<Session>>,
}

/// Why a message was not published, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MqttError {
    /// The topic is none that can be published to.
    #[error("`{0}` is no topic to publish to: it is empty, too long, or has `#`, `+` or NUL in it")]
    Topic(String),
    /// The message cannot be put into a packet.
    #[error("the message is too large")]
    TooLarge,
    /// There is no way to the broker.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] ConnectorError),
    /// The broker does not want us.
    #[error("the broker refuses the connection: {0}")]
    Refused(&'static str),
    /// What the broker said is no MQTT, or too much.
    #[error("the broker does not speak MQTT 3.1.1 as it should")]
    Protocol(#[source] PacketError),
    /// The connection ended while something was under way.
    #[error("the connection broke off before the broker acknowledged")]
    Broken,
    /// The broker took too long.
    #[error("the broker did not answer in time")]
    Timeout,
}

/// A connection that the broker accepted. Its driver ends it when the last sender is gone.
#[derive(Clone)]
struct Session {
    orders: mpsc::Sender<Order>,
    driver: AbortHandle,
}

/// A message on its way out.
struct Order {
    message: Publish,
    acknowledged: oneshot::Sender<()>,
}

/// What moves the packets of a session.
struct Driver {
    reader: Reader,
    writer: WriteHalf<Stream>,
    pending: HashMap<u16, oneshot::Sender<()>>,
    last_id: u16,
    keep_alive: Duration,
    /// Whether a ping was sent that is not answered yet.
    is_pinged: bool,
}

struct Reader {
    stream: ReadHalf<Stream>,
    buffer: BytesMut,
}

impl Client {
    /// A client of the broker at the end of `connector`. It is connected to when something is published, or by [`Client::connect`].
    pub(crate) fn new(connector: Connector, login: Login) -> Self {
        Self { connector, login, session: Mutex::default() }
    }

    /// Connects, unless that was done.
    ///
    /// # Errors
    /// [`MqttError`].
    pub(crate) async fn connect(&self) -> Result<(), MqttError> {
        self.session().await.map(drop)
    }

    /// Publishes one message, and waits for what `qos` promises.
    ///
    /// # Errors
    /// [`MqttError`]; after [`MqttError::Broken`] and [`MqttError::Timeout`] the broker may have the message or not.
    pub(crate) async fn publish(&self, topic: &str, payload: Bytes, qos: QoS) -> Result<(), MqttError> {
        check_topic(topic)?;
        if topic.len().saturating_add(payload.len()) > SENT_BYTES_MAX - TEXT_BYTES_MAX {
            return Err(MqttError::TooLarge);
        }
        let session = self.session().await?;
        let (acknowledged, acknowledgement) = oneshot::channel();
        let order = Order { message: Publish::from_bytes(topic, qos, payload), acknowledged };
        let published = tokio::time::timeout(ACKNOWLEDGE_TIMEOUT, async {
            session.orders.send(order).await.map_err(|_| MqttError::Broken)?;
            acknowledgement.await.map_err(|_| MqttError::Broken)
        });
        let published = published.await.unwrap_or(Err(MqttError::Timeout));
        if matches!(published, Err(MqttError::Timeout)) {
            self.forget(&session).await;
        }
        published
    }

    /// The session, opened if there is none that works. One caller opens it, the others wait for that.
    async fn session(&self) -> Result<Session, MqttError> {
        tokio::time::timeout(SESSION_TIMEOUT, self.session_in_turn()).await.unwrap_or(Err(MqttError::Timeout))
    }

    async fn session_in_turn(&self) -> Result<Session, MqttError> {
        let mut place = self.session.lock().await;
        if let Some(session) = place.as_ref().filter(|session| !session.orders.is_closed()) {
            return Ok(session.clone());
        }
        let session = Session::open(&self.connector, &self.login).await?;
        *place = Some(session.clone());
        Ok(session)
    }

    /// Gives a session up whose broker is silent, so that the next message finds another.
    async fn forget(&self, session: &Session) {
        let mut place = self.session.lock().await;
        if place.as_ref().is_some_and(|known| known.orders.same_channel(&session.orders)) {
            *place = None;
            session.driver.abort();
        }
    }
}

/// Checks a topic that is published to.
fn check_topic(topic: &str) -> Result<(), MqttError> {
    const SHOWN_MAX: usize = 64;
    if topic.is_empty() || topic.len() > TEXT_BYTES_MAX || topic.contains(['#', '+', '\0']) {
        return Err(MqttError::Topic(topic.chars().take(SHOWN_MAX).collect()));
    }
    Ok(())
}

impl Session {
    async fn open(connector: &Connector, login: &Login) -> Result<Self, MqttError> {
        let stream = connector.connect(CONNECT_TIMEOUT).await.map_err(MqttError::Unreachable)?;
        let (stream, writer) = tokio::io::split(stream);
        let mut driver = Driver {
            reader: Reader { stream, buffer: BytesMut::new() },
            writer,
            pending: HashMap::new(),
            last_id: 0,
            keep_alive: login.keep_alive,
            is_pinged: false,
        };
        tokio::time::timeout(CONNECT_TIMEOUT, driver.greet(login)).await.unwrap_or(Err(MqttError::Timeout))?;
        let (orders, received) = mpsc::channel(1);
        let driver = tokio::spawn(driver.run(received)).abort_handle();
        Ok(Self { orders, driver })
    }
}

impl Driver {
    /// Introduces us to the broker.
    async fn greet(&mut self, login: &Login) -> Result<(), MqttError> {
        let mut connect = Connect::new(&login.client_id);
        connect.keep_alive = u16::try_from(login.keep_alive.as_secs()).unwrap_or(u16::MAX);
        connect.login = login.user.clone().map(|(username, password)| PacketLogin { username, password });
        let texts = connect.login.iter().flat_map(|login| [&login.username, &login.password]).chain([&connect.client_id]);
        if texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(MqttError::TooLarge);
        }
        self.send(&Packet::Connect(connect)).await?;
        match self.reader.packet().await? {
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }) => Ok(()),
            Packet::ConnAck(ConnAck { code, .. }) => Err(MqttError::Refused(match code {
                ConnectReturnCode::RefusedProtocolVersion => "it does not speak MQTT 3.1.1",
                ConnectReturnCode::BadClientId => "it does not accept the client id",
                ConnectReturnCode::ServiceUnavailable => "it is not available",
                ConnectReturnCode::BadUserNamePassword => "the user name or password is wrong",
                ConnectReturnCode::NotAuthorized | ConnectReturnCode::Success => "the user is not authorised",
            })),
            _ => Err(MqttError::Protocol(PacketError::IncorrectPacketFormat)),
        }
    }

    /// Works until nobody has orders any more, or something fails; who waits then learns of it by what they wait for being dropped.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let ended = loop {
            let ping_after = if self.keep_alive.is_zero() { ACKNOWLEDGE_TIMEOUT } else { self.keep_alive / 2 };
            let step = tokio::select! {
                order = orders.recv(), if self.pending.len() < IN_FLIGHT_MAX => match order {
                    None => break Ok(()),
                    Some(order) => self.publish(order).await,
                },
                packet = self.reader.packet() => match packet {
                    Ok(packet) => self.receive(packet).await,
                    Err(error) => Err(error),
                },
                () = tokio::time::sleep(ping_after) => self.ping().await,
            };
            if let Err(error) = step {
                break Err(error);
            }
        };
        match ended {
            // A broker that is not told would take the end for a failure.
            Ok(()) => drop(self.send(&Packet::Disconnect).await),
            Err(error) => tracing::debug!("a session with an MQTT broker ended: {}", coracle_base::chain(&error)),
        }
    }

    async fn publish(&mut self, order: Order) -> Result<(), MqttError> {
        let Order { mut message, acknowledged } = order;
        if message.qos == QoS::AtMostOnce {
            self.send(&Packet::Publish(message)).await?;
            // Whoever asked may be gone.
            let _ = acknowledged.send(());
            return Ok(());
        }
        message.pkid = self.free_id();
        self.pending.insert(message.pkid, acknowledged);
        self.send(&Packet::Publish(message)).await
    }

    /// A number that no message under way has: there are far fewer of those than numbers.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.pending.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    async fn receive(&mut self, packet: Packet) -> Result<(), MqttError> {
        match packet {
            Packet::PubAck(acknowledgement) => self.acknowledge(acknowledgement.pkid),
            Packet::PubRec(received) => return self.send(&Packet::PubRel(PubRel::new(received.pkid))).await,
            Packet::PubComp(completed) => self.acknowledge(completed.pkid),
            Packet::PingResp => self.is_pinged = false,
            _ => {}
        }
        Ok(())
    }

    fn acknowledge(&mut self, id: u16) {
        if let Some(acknowledged) = self.pending.remove(&id) {
            // Whoever asked may be gone.
            let _ = acknowledged.send(());
        }
    }

    /// Shows the broker that we are there, and finds out whether it is.
    async fn ping(&mut self) -> Result<(), MqttError> {
        if self.keep_alive.is_zero() {
            return Ok(());
        }
        if std::mem::replace(&mut self.is_pinged, true) {
            return Err(MqttError::Timeout);
        }
        self.send(&Packet::PingReq).await
    }

    async fn send(&mut self, packet: &Packet) -> Result<(), MqttError> {
        let mut bytes = BytesMut::with_capacity(packet.size());
        packet.write(&mut bytes, SENT_BYTES_MAX).map_err(|_| MqttError::TooLarge)?;
        let sent = async {
            self.writer.write_all(&bytes).await?;
            self.writer.flush().await
        };
        let sent = tokio::time::timeout(ACKNOWLEDGE_TIMEOUT, sent).await;
        sent.map_err(|_| MqttError::Timeout)?.map_err(|_| MqttError::Broken)
    }
}

impl Reader {
    /// The next packet. What was read of one stays when the caller stops waiting.
    async fn packet(&mut self) -> Result<Packet, MqttError> {
        loop {
            match Packet::read(&mut self.buffer, RECEIVED_BYTES_MAX) {
                Ok(packet) => return Ok(packet),
                Err(PacketError::InsufficientBytes(_)) => {}
                Err(error) => return Err(MqttError::Protocol(error)),
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(MqttError::Broken),
                Ok(_) => {}
            }
        }
    }
}

/// A name for a session that no other has, as far as chance goes.
pub(crate) fn chosen_client_id() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    format!("coracle-{:016x}", RandomState::new().build_hasher().finish())
}
