//! Standard output and error of a guest as log lines. Lines are bounded, and so is what one invocation may log; what is beyond is
//! dropped, because a guest must neither wait for a log nor fill a disk.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use coracle_engine::Identity;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The longest line that is kept whole.
const LINE_BYTES_MAX: usize = 8 << 10;

/// What a guest may hand over in one write.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// What follows a line that was too long.
const CUT: &[u8] = " [cut: the line is longer than 8 KiB]".as_bytes();

/// Where the lines of all guests of an app go. The host shares one in the app's site; without it they become tracing events under
/// `coracle::guest`.
pub struct Logs(pub Arc<dyn LogSink>);

/// Takes the lines of guests. Called in the guest's own task, so it must neither block nor fail.
pub trait LogSink: Send + Sync {
    /// Takes one line without its end, as the guest wrote it: it need not be UTF-8, and it may hold control characters, which
    /// [`visible`] makes harmless for a terminal.
    fn write_line(&self, component: &Identity, stream: Stream, line: &[u8]);
}

/// Which of a guest's streams a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// `line` as a terminal may show it: control characters, escape sequences and marks that turn the direction of text around are
/// written out, and what is not UTF-8 is replaced.
#[must_use]
pub fn visible(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if !text.contains(is_unsafe_to_show) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe_to_show(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

fn is_unsafe_to_show(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && character != '\t')
}

/// The log of one instance, which both of its streams share.
pub(super) struct Journal {
    sink: Arc<dyn LogSink>,
    component: Arc<Identity>,
    bytes_max: usize,
    bytes_left: usize,
    /// Whether this invocation was told that the rest is dropped.
    told: bool,
    stdout: Partial,
    stderr: Partial,
}

/// The line that a stream has begun.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Journal {
    pub(super) fn new(sink: Arc<dyn LogSink>, component: Arc<Identity>, bytes_max: usize) -> Self {
        let (stdout, stderr) = (Partial::default(), Partial::default());
        Self { sink, component, bytes_max, bytes_left: bytes_max, told: false, stdout, stderr }
    }

    /// Ends the lines that were begun and lets the next invocation log as much as the last was allowed.
    pub(super) fn renew(&mut self) {
        self.end_lines();
        self.bytes_left = self.bytes_max;
        self.told = false;
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        let within = bytes.get(..self.bytes_left).unwrap_or(bytes);
        self.bytes_left -= within.len();
        for piece in within.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.partial(stream).extend(text);
            if ends {
                self.end_line(stream);
            }
        }
        if within.len() < bytes.len() && !self.told {
            self.told = true;
            self.end_lines();
            let notice = format!("log limit: this invocation wrote more than {} bytes; raise `log` in its limits", self.bytes_max);
            self.sink.write_line(&self.component, Stream::Stderr, notice.as_bytes());
        }
    }

    fn end_lines(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.partial(stream).bytes.is_empty() {
                self.end_line(stream);
            }
        }
    }

    fn end_line(&mut self, stream: Stream) {
        let mut line = std::mem::take(self.partial(stream));
        if line.is_cut {
            line.bytes.extend_from_slice(CUT);
        }
        let text = line.bytes.strip_suffix(b"\r").unwrap_or(&line.bytes);
        self.sink.write_line(&self.component, stream, text);
        // The next line reuses the buffer.
        line.bytes.clear();
        self.partial(stream).bytes = line.bytes;
    }

    fn partial(&mut self, stream: Stream) -> &mut Partial {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end_lines();
    }
}

impl Partial {
    fn extend(&mut self, text: &[u8]) {
        let room = LINE_BYTES_MAX - self.bytes.len().min(LINE_BYTES_MAX);
        match text.get(..room) {
            Some(fits) if fits.len() < text.len() => {
                self.bytes.extend_from_slice(fits);
                self.is_cut = true;
            }
            _ => self.bytes.extend_from_slice(text),
        }
    }
}

/// One of the streams of an instance, as WASI wants it.
#[derive(Clone)]
pub(super) struct LogStream {
    pub(super) journal: Arc<Mutex<Journal>>,
    pub(super) stream: Stream,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.journal.lock().write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = bytes.get(..WRITE_BYTES_MAX).unwrap_or(bytes);
        self.journal.lock().write(self.stream, taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The sink of an app whose host shared none.
pub(super) struct Events;

impl LogSink for Events {
    fn write_line(&self, component: &Identity, stream: Stream, line: &[u8]) {
        let Identity { app, component } = component;
        tracing::info!(target: "coracle::guest", app, component, stream = stream.name(), "{}", visible(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<(Stream, String)>>);

    impl LogSink for Kept {
        fn write_line(&self, _component: &Identity, stream: Stream, line: &[u8]) {
            self.0.lock().push((stream, String::from_utf8_lossy(line).into_owned()));
        }
    }

    fn lines(bytes_max: usize, writes: &[(Stream, &[u8])]) -> Vec<(Stream, String)> {
        let kept = Arc::new(Kept::default());
        let identity = Arc::new(Identity { app: "app".to_owned(), component: "one".to_owned() });
        let mut journal = Journal::new(Arc::clone(&kept) as _, identity, bytes_max);
        writes.iter().for_each(|(stream, bytes)| journal.write(*stream, bytes));
        drop(journal);
        std::mem::take(&mut *kept.0.lock())
    }

    #[track_caller]
    fn check(writes: &[&str], expected: &[&str]) {
        let writes: Vec<_> = writes.iter().map(|text| (Stream::Stdout, text.as_bytes())).collect();
        let found: Vec<_> = lines(1 << 20, &writes).into_iter().map(|(_, line)| line).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn output_becomes_lines() {
        check(&[], &[]);
        check(&["a\nb\n"], &["a", "b"]);
        check(&["a", "b", "\n"], &["ab"]);
        check(&["a\r\n\n", "b"], &["a", "", "b"]);
        check(&["a\n", "unfinished"], &["a", "unfinished"]);
    }

    #[test]
    fn streams_do_not_mix() {
        let writes = [(Stream::Stdout, b"o1".as_slice()), (Stream::Stderr, b"e\n"), (Stream::Stdout, b"o2\n")];
        assert_eq!(lines(100, &writes), [(Stream::Stderr, "e".to_owned()), (Stream::Stdout, "o1o2".to_owned())]);
    }

    #[test]
    fn a_long_line_is_cut_and_marked() {
        let long = "x".repeat(LINE_BYTES_MAX);
        check(&[&long, "\n"], &[&long]);
        check(&[&long, "y", "z\nnext\n"], &[&format!("{long} [cut: the line is longer than 8 KiB]"), "next"]);
    }

    #[test]
    fn the_limit_is_told_once_and_the_rest_dropped() {
        let writes =
            [(Stream::Stdout, b"12345".as_slice()), (Stream::Stdout, b"678901\n2"), (Stream::Stdout, b"3\n"), (Stream::Stderr, b"4\n")];
        let found = lines(10, &writes);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], (Stream::Stdout, "1234567890".to_owned()));
        assert!(found[1].1.starts_with("log limit: this invocation wrote more than 10 bytes"), "{found:?}");
    }

    #[test]
    fn each_invocation_has_its_own_limit() {
        let kept = Arc::new(Kept::default());
        let identity = Arc::new(Identity { app: "app".to_owned(), component: "one".to_owned() });
        let mut journal = Journal::new(Arc::clone(&kept) as _, identity, 4);
        journal.write(Stream::Stdout, b"first");
        journal.renew();
        journal.write(Stream::Stdout, b"next");
        journal.renew();
        let found: Vec<_> = kept.0.lock().iter().map(|(_, line)| line.clone()).collect();
        assert_eq!(found, ["firs", "log limit: this invocation wrote more than 4 bytes; raise `log` in its limits", "next"]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert!(matches!(visible("plain\ttext é".as_bytes()), Cow::Borrowed("plain\ttext é")));
        assert_eq!(visible(b"\x1b[31mred\x07\r"), "\\u{1b}[31mred\\u{7}\\u{d}");
        assert_eq!(visible("a\u{202e}b\u{9b}c".as_bytes()), "a\\u{202e}b\\u{9b}c");
        assert_eq!(visible(b"\xff"), "\u{fffd}");
    }
}
