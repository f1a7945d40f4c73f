//! What components print: a file for each component and stream, and a copy on standard error for whoever watches. One thread writes, so
//! that a guest never waits for a disk or a terminal; lines that it cannot keep up with are counted and dropped.

mod files;
mod timestamp;

pub(crate) use timestamp::timestamp;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;

use coracle_base::clock;
use coracle_base::telemetry::COMPONENT_OUTPUT;
use coracle_capabilities::wasi::{LogSink, Stream, visible};
use coracle_engine::Identity;
use files::Files;

use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use crate::serving::LogFormat;

/// Lines that wait for the writer.
const WAITING_MAX: usize = 4_096;

/// What is kept and shown.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where the files are; `None` keeps none.
    pub(crate) folder: Option<PathBuf>,
    /// Whether existing files are emptied.
    pub(crate) truncate: bool,
    /// What standard error gets.
    pub(crate) follow: Follow,
    /// How standard error gets it.
    pub(crate) format: LogFormat,
    /// Whether standard error shows colours.
    pub(crate) colored: bool,
    /// Whether each line is an event too, for collectors of logs.
    pub(crate) traced: bool,
}

/// The components whose output is shown.
#[derive(Debug, Clone)]
pub(crate) enum Follow {
    /// Every component.
    All,
    /// These.
    Some(BTreeSet<String>),
    /// None.
    Nothing,
}

/// Takes the lines of all components. Dropping it writes what still waits.
pub(crate) struct Journal {
    sender: Option<Sender<Line>>,
    traced: bool,
    dropped: AtomicU64,
    writer: Option<JoinHandle<()>>,
}

struct Line {
    at_ms: u64,
    app: String,
    component: String,
    stream: Stream,
    text: Vec<u8>,
    /// Lines that were lost before this one.
    dropped: u64,
}

impl Journal {
    /// Opens the folder and starts the writer.
    pub(crate) fn start(settings: Settings) -> anyhow::Result<Self> {
        let files = settings.folder.clone().map(|folder| Files::open(folder, settings.truncate)).transpose()?;
        // Not the standard library's, which makes room for all lines at once: a third of a megabyte that a start would have to touch.
        let (sender, receiver) = channel(WAITING_MAX);
        let traced = settings.traced;
        let writer = std::thread::Builder::new().name("coracle-logs".to_owned()).spawn(move || write(receiver, &settings, files))?;
        Ok(Self { sender: Some(sender), traced, dropped: AtomicU64::new(0), writer: Some(writer) })
    }
}

impl LogSink for Journal {
    fn write_line(&self, component: &Identity, stream: Stream, line: &[u8]) {
        if self.traced {
            let (app, id) = (&component.app, &component.component);
            tracing::info!(target: COMPONENT_OUTPUT, app, component = id, stream = stream.name(), "{}", visible(line));
        }
        let Some(sender) = &self.sender else { return };
        let line = Line {
            at_ms: clock::unix_ms(),
            app: component.app.clone(),
            component: component.component.clone(),
            stream,
            text: line.to_vec(),
            dropped: self.dropped.swap(0, Relaxed),
        };
        if let Err(TrySendError::Full(line)) = sender.try_send(line) {
            self.dropped.fetch_add(line.dropped + 1, Relaxed);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(mut lines: Receiver<Line>, settings: &Settings, mut files: Option<Files>) {
    while let Some(line) = lines.blocking_recv() {
        if let Some(files) = &mut files {
            files.write(&line);
        }
        let shown = match &settings.follow {
            Follow::All => true,
            Follow::Some(components) => components.contains(&line.component),
            Follow::Nothing => false,
        };
        if shown {
            // Nobody reads standard error any more: the files still get everything.
            let _ = writeln!(std::io::stderr().lock(), "{}", render(&line, settings));
        }
    }
}

fn render(line: &Line, settings: &Settings) -> String {
    let Line { app, component, stream, dropped, .. } = line;
    let (at, text) = (timestamp(line.at_ms), visible(&line.text));
    if settings.format == LogFormat::Json {
        let object = serde_json::json!({
            "timestamp": at, "app": app, "component": component, "stream": stream.name(), "message": text, "dropped_before": dropped,
        });
        return object.to_string();
    }
    let lost = if *dropped > 0 { format!("({dropped} lines were dropped) ") } else { String::new() };
    if settings.colored {
        let color = if *stream == Stream::Stderr { "33" } else { "36" };
        return format!("\x1b[2m{at}\x1b[0m \x1b[{color}m{component}\x1b[0m {lost}{text}");
    }
    format!("{at} {component} {lost}{text}")
}
