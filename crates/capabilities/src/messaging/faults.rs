//! Servers that go away under load: publishing fails only while they are away, ends in time, works again soon after they are back, and
//! what was acknowledged is there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use coracle_base::clock;
use coracle_testkit::servers::{self, Server};
use parking_lot::Mutex;

use super::listen::{Backend, subscribed};
use super::{Broker, Message};

/// How long what must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The bound of one message, a little above that of the capability.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(20);
/// How soon a server that is back must be used again.
const RECOVERY: Duration = Duration::from_secs(2);
const PUBLISHERS: u32 = 4;
/// Messages that must be acknowledged before a server goes away, and after it has come back.
const ENOUGH: usize = 200;

/// Numbered messages, published by several at once until they are told to stop.
struct Load {
    acknowledged: Arc<Mutex<BTreeSet<u32>>>,
    failed: Arc<AtomicU32>,
    is_over: Arc<AtomicBool>,
    publishers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(broker: &Arc<dyn Broker>, subject: &'static str) -> Self {
        let (acknowledged, failed) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicU32::new(0)));
        let (is_over, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let publisher = |_| {
            let (broker, acknowledged, failed) = (Arc::clone(broker), Arc::clone(&acknowledged), Arc::clone(&failed));
            let (is_over, last) = (Arc::clone(&is_over), Arc::clone(&last));
            tokio::spawn(async move {
                while !is_over.load(Relaxed) {
                    let number = last.fetch_add(1, Relaxed);
                    let body = Bytes::copy_from_slice(&number.to_be_bytes());
                    let published = broker.publish(Message { subject: subject.to_owned(), body, ..Message::default() });
                    match tokio::time::timeout(MESSAGE_TIME_MAX, published).await.expect("no message hangs") {
                        Ok(()) => drop(acknowledged.lock().insert(number)),
                        Err(_) => {
                            failed.fetch_add(1, Relaxed);
                            // Others get their turn: a server that is away answers at once.
                            tokio::task::yield_now().await;
                        }
                    }
                }
            })
        };
        let publishers = (0..PUBLISHERS).map(publisher).collect();
        Self { acknowledged, failed, is_over, publishers }
    }

    /// Waits for as many more acknowledgements as are enough.
    async fn go_on(&self) {
        let before = self.acknowledged();
        until("messages are acknowledged", || self.acknowledged() >= before + ENOUGH).await;
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().len()
    }

    async fn fails(&self) {
        let before = self.failed.load(Relaxed);
        until("messages fail", || self.failed.load(Relaxed) > before).await;
    }

    /// Stops, and says which numbers were acknowledged.
    async fn stop(self) -> BTreeSet<u32> {
        self.is_over.store(true, Relaxed);
        for publisher in self.publishers {
            publisher.await.unwrap();
        }
        std::mem::take(&mut *self.acknowledged.lock())
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = clock::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

/// Lets the server go away as `leave` says, twice, under load.
async fn goes_away(backend: &mut Backend, subject: &'static str, leave: fn(&mut Server)) -> BTreeSet<u32> {
    let load = Load::start(&backend.broker, subject);
    for _ in 0..2 {
        load.go_on().await;
        let mut server = backend.server.take().unwrap();
        server = tokio::task::spawn_blocking(move || {
            leave(&mut server);
            server
        })
        .await
        .unwrap();
        load.fails().await;
        let before = load.acknowledged();
        let resumed = tokio::task::spawn_blocking(move || server.resume().map(|()| server)).await.unwrap();
        backend.server = Some(resumed.unwrap());
        let back = clock::now();
        until("a message is acknowledged", || load.acknowledged() > before).await;
        assert!(back.elapsed() < RECOVERY, "{}: used again after {:?}", backend.name, back.elapsed());
    }
    load.go_on().await;
    load.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_stream_acknowledged_is_lost_when_nats_crashes() {
    let server = servers::nats::start().unwrap();
    let address = server.place().address().to_string();
    let stream = async || {
        let jetstream = async_nats::jetstream::new(async_nats::connect(&address).await.unwrap());
        let config =
            async_nats::jetstream::stream::Config { name: "load".to_owned(), subjects: vec!["load.>".to_owned()], ..Default::default() };
        jetstream.get_or_create_stream(config).await.unwrap()
    };
    stream().await;
    let mut backend = Backend::served("nats", server, "jetstream = true");
    let acknowledged = goes_away(&mut backend, "load.a", |server| server.crash().unwrap()).await;

    let mut stream = stream().await;
    let state = stream.info().await.unwrap().state.clone();
    let mut kept = BTreeSet::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        kept.insert(u32::from_be_bytes(message.payload[..].try_into().unwrap()));
    }
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "of {} acknowledged, {} are lost: {lost:?}", acknowledged.len(), lost.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_broker_of_mqtt_acknowledged_is_lost_when_it_restarts() {
    let mut backend = Backend::mqtt();
    // A session that the broker keeps while nobody is there.
    let (_, client) = subscribed(&backend.address(), "keeper", "load/#", false).await;
    client.disconnect().await.unwrap();
    drop(client);
    let acknowledged = goes_away(&mut backend, "load.a", |server| server.stop().unwrap()).await;

    let (mut messages, _client) = subscribed(&backend.address(), "keeper", "load/#", false).await;
    let mut missing = acknowledged.clone();
    let all = async {
        while !missing.is_empty() {
            let (_, body) = messages.recv().await.unwrap();
            missing.remove(&u32::from_be_bytes(body[..].try_into().unwrap()));
        }
    };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    assert!(ended.is_ok(), "of {} acknowledged, {} are lost", acknowledged.len(), missing.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_crash_are_used_again_when_they_are_back() {
    for mut backend in [Backend::mqtt(), Backend::redis(), Backend::nats()] {
        goes_away(&mut backend, "load.a", |server| server.crash().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_hangs_nobody() {
    for backend in [Backend::mqtt(), Backend::redis(), Backend::served("nats", stream_server().await, "jetstream = true")] {
        let message = || Message { subject: "load.a".to_owned(), body: Bytes::from_static(b"x"), ..Message::default() };
        backend.broker.publish(message()).await.unwrap();
        let server = backend.server.as_ref().unwrap();
        server.freeze().unwrap();
        let begin = clock::now();
        // Its threads stop one after the other, so that a first message may still be taken.
        while tokio::time::timeout(MESSAGE_TIME_MAX, backend.broker.publish(message())).await.expect("it ends in time").is_ok() {
            assert!(begin.elapsed() < PATIENCE, "{}: fails", backend.name);
        }
        server.thaw().unwrap();
        let begin = clock::now();
        while backend.broker.publish(message()).await.is_err() {
            assert!(begin.elapsed() < PATIENCE, "{}: works again", backend.name);
        }
    }
}

async fn stream_server() -> Server {
    let server = servers::nats::start().unwrap();
    let jetstream = async_nats::jetstream::new(async_nats::connect(server.place().address().to_string()).await.unwrap());
    let config =
        async_nats::jetstream::stream::Config { name: "load".to_owned(), subjects: vec!["load.>".to_owned()], ..Default::default() };
    jetstream.create_stream(config).await.unwrap();
    server
}
