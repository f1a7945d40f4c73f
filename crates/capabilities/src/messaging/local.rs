//! A broker in this process: whoever listens to a subject gets what is published to it, and nobody else does later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use coracle_engine::BindError;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::subject::Pattern;
use super::{Broker, Error, Message, Replies};
use crate::backend::{Kind, Opened, Opening};

/// A broker in this process, which takes no configuration.
pub(super) const KIND: Kind<dyn Broker> = Kind { types: &["memory"], open };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

/// Messages that wait for one listener.
const QUEUE_MAX: usize = 256;
/// Listeners of one broker.
const LISTENERS_MAX: usize = 10_000;
/// What all messages that wait have together; the body of one counts once.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// How long a message waits for a listener that is behind.
const DELIVER_TIME_MAX: Duration = Duration::from_secs(5);

/// A broker in this process.
#[derive(Debug)]
pub struct Local {
    listeners: Mutex<Vec<Listener>>,
    room: Arc<Semaphore>,
    inboxes: AtomicU64,
}

/// The brokers of an app, for those who listen.
#[derive(Default)]
pub(super) struct Locals(Mutex<BTreeMap<String, Arc<Local>>>);

/// The messages of one listener, which listens as long as this value is there.
#[derive(Debug)]
pub struct Subscription(mpsc::Receiver<Delivery>);

#[derive(Debug)]
struct Listener {
    pattern: Pattern,
    queue: mpsc::Sender<Delivery>,
}

#[derive(Debug, Clone)]
struct Delivery {
    message: Message,
    _room: Arc<OwnedSemaphorePermit>,
}

fn open(opening: &Opening<'_>) -> Result<Opened<dyn Broker>, BindError> {
    let Config {} = opening.config()?;
    let local = Arc::new(Local::default());
    if let Some(locals) = opening.site.shared::<Locals>() {
        locals.0.lock().insert(opening.label.to_owned(), Arc::clone(&local));
    }
    Ok(Opened { backend: local, place: "memory".to_owned() })
}

impl Locals {
    pub(super) fn get(&self, label: &str) -> Option<Arc<Local>> {
        self.0.lock().get(label).cloned()
    }
}

impl Default for Local {
    fn default() -> Self {
        let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
        Self { listeners: Mutex::default(), room, inboxes: AtomicU64::new(0) }
    }
}

impl Local {
    /// Listens to the subjects that `pattern` stands for.
    ///
    /// # Errors
    /// [`Error::Subject`] when it is no pattern, [`Error::Quota`] when too many listen.
    pub fn subscribe(&self, pattern: &str) -> Result<Subscription, Error> {
        let pattern = Pattern::parse(pattern).ok_or(Error::Subject("it is no pattern of subjects"))?;
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| !listener.queue.is_closed());
        if listeners.len() >= LISTENERS_MAX {
            return Err(Error::Quota("too many listen to the broker"));
        }
        listeners.push(Listener { pattern, queue });
        Ok(Subscription(messages))
    }

    /// Hands a message to everybody who listens; says how many that are.
    async fn deliver(&self, message: Message) -> Result<usize, Error> {
        let listening: Vec<_> = {
            let mut listeners = self.listeners.lock();
            listeners.retain(|listener| !listener.queue.is_closed());
            let matching = listeners.iter().filter(|listener| listener.pattern.matches(&message.subject));
            matching.map(|listener| listener.queue.clone()).collect()
        };
        let bytes = u32::try_from(message.body.len().max(1)).unwrap_or(u32::MAX);
        let behind = |_| Error::Quota("those who listen are too far behind");
        let room = tokio::time::timeout(DELIVER_TIME_MAX, Arc::clone(&self.room).acquire_many_owned(bytes));
        let room = room.await.map_err(behind)?.map_err(|_| Error::Quota("the broker is closed"))?;
        let delivery = Delivery { message, _room: Arc::new(room) };
        for queue in &listening {
            // Whoever stopped listening meanwhile misses nothing.
            let _ = tokio::time::timeout(DELIVER_TIME_MAX, queue.send(delivery.clone())).await.map_err(behind)?;
        }
        Ok(listening.len())
    }
}

impl Subscription {
    /// The next message.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.recv().await.map(|delivery| delivery.message)
    }
}

#[async_trait]
impl Broker for Local {
    async fn publish(&self, message: Message) -> Result<(), Error> {
        self.deliver(message).await.map(drop)
    }

    async fn request(&self, mut message: Message, replies: Replies) -> Result<Vec<Message>, Error> {
        let inbox = format!("_INBOX.local.{}", self.inboxes.fetch_add(1, Relaxed));
        let subscription = self.subscribe(&inbox)?;
        message.reply_to = Some(inbox);
        if self.deliver(message).await? == 0 {
            return Err(Error::NoResponders);
        }
        let messages = stream::unfold(subscription, async |mut subscription| Some((Ok(subscription.next().await?), subscription)));
        gather(replies, messages.boxed()).await
    }
}

/// Collects messages until there are enough, or it takes too long.
pub(super) async fn gather(replies: Replies, mut messages: BoxStream<'_, Result<Message, Error>>) -> Result<Vec<Message>, Error> {
    let Replies { replies_max, bytes_max, time_max } = replies;
    let (mut gathered, mut bytes) = (Vec::new(), 0_usize);
    let enough = async {
        while gathered.len() < replies_max {
            let Some(reply) = messages.next().await.transpose()? else { break };
            bytes = bytes.saturating_add(reply.body.len());
            if bytes > bytes_max {
                return Err(Error::TooLarge { bytes, bytes_max });
            }
            gathered.push(reply);
        }
        Ok(())
    };
    if let Ok(ended) = tokio::time::timeout(time_max, enough).await {
        ended?;
    }
    if gathered.is_empty() { Err(Error::Timeout) } else { Ok(gathered) }
}
