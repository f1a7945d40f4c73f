//! The queues between guests and collectors, one for each kind. What does not fit is dropped: no guest waits for a collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use opentelemetry_sdk::Resource;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::{Layer, Registry};

use super::proto::collector::logs::v1::ExportLogsServiceRequest;
use super::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use super::proto::collector::trace::v1::ExportTraceServiceRequest;
use super::proto::resource::v1::Resource as ResourceMessage;
use super::proto::trace::v1::ResourceSpans;
use super::sender::{Request, Sender};
use super::{Kind, Told, Untold};

/// Things of one kind that wait to be sent.
const QUEUED_MAX: usize = 4_096;
/// Their size together.
const QUEUED_BYTES_MAX: usize = 16 << 20;
/// Things that are sent at once.
const BATCH_MAX: usize = 512;

/// The way to the collectors, as a layer that sees nothing, so that it goes with the dispatcher.
#[derive(Clone, Default)]
pub(in crate::telemetry) struct Relay {
    spans: Option<Queue>,
    metrics: Option<Queue>,
    logs: Option<Queue>,
}

/// What the end of the process needs to send the rest.
#[derive(Default)]
pub(in crate::telemetry) struct Relays(Vec<Queue>);

#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<Message>,
    bytes: Arc<AtomicUsize>,
    /// Whether something was dropped since the queue was last emptied, so that it is told once.
    is_dropping: Arc<AtomicBool>,
}

enum Message {
    Told(Box<Told>),
    Flush(oneshot::Sender<()>),
}

impl Layer<Registry> for Relay {}

impl Relay {
    /// Opens the queue of `kind` and sends from it on `runtime`, with `resource` for what has none of its own.
    pub(in crate::telemetry) fn open(&mut self, kind: Kind, sender: Sender, resource: &Resource, runtime: &Handle) {
        let (messages, receiver) = mpsc::channel(QUEUED_MAX);
        let queue = Queue { sender: messages, bytes: Arc::default(), is_dropping: Arc::default() };
        let resource = resource_message(resource);
        runtime.spawn(run(kind, receiver, queue.clone_counts(), sender, resource));
        *self.slot(kind) = Some(queue);
    }

    /// What the end of the process flushes.
    pub(in crate::telemetry) fn relays(&self) -> Relays {
        Relays([&self.spans, &self.metrics, &self.logs].into_iter().flatten().cloned().collect())
    }

    pub(super) fn takes(&self, kind: Kind) -> bool {
        self.queue(kind).is_some()
    }

    pub(super) fn tell(&self, told: Told) -> Result<(), Untold> {
        let kind = told.kind();
        let queue = self.queue(kind).ok_or(Untold::Off)?;
        let bytes = told.bytes();
        let is_room = queue.bytes.fetch_add(bytes, Relaxed).saturating_add(bytes) <= QUEUED_BYTES_MAX;
        if is_room && queue.sender.try_send(Message::Told(Box::new(told))).is_ok() {
            return Ok(());
        }
        queue.bytes.fetch_sub(bytes, Relaxed);
        if !queue.is_dropping.swap(true, Relaxed) {
            tracing::warn!(?kind, "a collector is slower than what guests tell it; some of it is dropped");
        }
        Err(Untold::Full)
    }

    fn queue(&self, kind: Kind) -> Option<&Queue> {
        match kind {
            Kind::Spans => self.spans.as_ref(),
            Kind::Metrics => self.metrics.as_ref(),
            Kind::Logs => self.logs.as_ref(),
        }
    }

    fn slot(&mut self, kind: Kind) -> &mut Option<Queue> {
        match kind {
            Kind::Spans => &mut self.spans,
            Kind::Metrics => &mut self.metrics,
            Kind::Logs => &mut self.logs,
        }
    }
}

impl Relays {
    /// Waits until what was told so far is sent. For a thread that may block.
    pub(in crate::telemetry) fn flush(self) {
        for queue in self.0 {
            let (done, sent) = oneshot::channel();
            if queue.sender.blocking_send(Message::Flush(done)).is_ok() {
                let _ = sent.blocking_recv();
            }
        }
    }
}

/// The counts of a queue, for the task that empties it: it must not hold the queue open.
struct Counts {
    bytes: Arc<AtomicUsize>,
    is_dropping: Arc<AtomicBool>,
}

impl Queue {
    fn clone_counts(&self) -> Counts {
        Counts { bytes: Arc::clone(&self.bytes), is_dropping: Arc::clone(&self.is_dropping) }
    }
}

/// Sends what comes, together what came meanwhile. A batch that the collector does not take is lost, and told once.
async fn run(kind: Kind, mut receiver: mpsc::Receiver<Message>, counts: Counts, sender: Sender, resource: ResourceMessage) {
    let mut is_failing = false;
    let mut messages = Vec::new();
    while receiver.recv_many(&mut messages, BATCH_MAX).await > 0 {
        let (mut batch, mut flushes) = (Vec::new(), Vec::new());
        for message in messages.drain(..) {
            match message {
                Message::Told(told) => batch.push(*told),
                Message::Flush(done) => flushes.push(done),
            }
        }
        if !batch.is_empty() {
            counts.bytes.fetch_sub(batch.iter().map(Told::bytes).sum(), Relaxed);
            counts.is_dropping.store(false, Relaxed);
            let sent = sender.send(request(kind, batch, &resource)).await;
            if let (Err(error), false) = (&sent, is_failing) {
                tracing::warn!(?kind, "what guests tell cannot be sent to the collector: {error}");
            }
            is_failing = sent.is_err();
        }
        for done in flushes {
            let _ = done.send(());
        }
    }
}

fn request(kind: Kind, batch: Vec<Told>, resource: &ResourceMessage) -> Request {
    let own = |given: Option<ResourceMessage>| given.or_else(|| Some(resource.clone()));
    let (mut spans, mut metrics, mut logs) = (Vec::new(), Vec::new(), Vec::new());
    for told in batch {
        match told {
            Told::Span(scope) => spans.push(scope),
            Told::Metrics(told) => metrics.push(super::ResourceMetrics { resource: own(told.resource), ..told }),
            Told::Log(told) => logs.push(super::ResourceLogs { resource: own(told.resource), ..told }),
        }
    }
    match kind {
        Kind::Spans => {
            let all = ResourceSpans { resource: own(None), scope_spans: spans, schema_url: String::new() };
            Request::Spans(ExportTraceServiceRequest { resource_spans: vec![all] })
        }
        Kind::Metrics => Request::Metrics(ExportMetricsServiceRequest { resource_metrics: metrics }),
        Kind::Logs => Request::Logs(ExportLogsServiceRequest { resource_logs: logs }),
    }
}

fn resource_message(resource: &Resource) -> ResourceMessage {
    use super::proto::common::v1::{AnyValue, KeyValue};
    let attributes = resource.iter().map(|(key, value)| KeyValue {
        key: key.as_str().to_owned(),
        value: Some(AnyValue::from(value.clone())),
        ..KeyValue::default()
    });
    ResourceMessage { attributes: attributes.collect(), ..ResourceMessage::default() }
}
