//! The body that a guest of `wasi:http` 0.2 writes, of a request or an answer: what it wrote waits in a short queue for its reader. It keeps
//! the rules of wasmtime's own body, which is made of three channels and is what a short answer would spend most on.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use coracle_engine::InstanceState;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Fields, OutgoingRequest, OutgoingResponse};
use wasmtime_wasi_http::p2::body::StreamContext;
use wasmtime_wasi_http::{Error, WasiBody};

use super::state::CHUNK_BYTES_MAX;

/// How often a guest writes before somebody has to read, and how much: SDKs write 4 KiB at once, and a guest that had to wait after each few
/// of those would be switched to and from all the time.
const CHUNKS_MAX: usize = 64;
const QUEUED_BYTES_MAX: usize = 256 << 10;

/// Puts these bodies in the place of wasmtime's.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance("wasi:http/types@0.2.12")?;
    types.resource("outgoing-body", ResourceType::host::<OutgoingBody>(), |mut store, rep| {
        drop_body(store.data_mut().table(), Resource::new_own(rep))
    })?;
    types.func_wrap("[method]outgoing-request.body", |mut store: Store<'_>, (request,): (Resource<OutgoingRequest>,)| {
        Ok((of_request(store.data_mut().table(), &request)?,))
    })?;
    types.func_wrap("[method]outgoing-response.body", |mut store: Store<'_>, (response,): (Resource<OutgoingResponse>,)| {
        Ok((of_response(store.data_mut().table(), &response)?,))
    })?;
    types.func_wrap("[method]outgoing-body.write", |mut store: Store<'_>, (body,): (Resource<OutgoingBody>,)| {
        Ok((write(store.data_mut().table(), &body)?,))
    })?;
    types.func_wrap(
        "[static]outgoing-body.finish",
        |mut store: Store<'_>, (body, trailers): (Resource<OutgoingBody>, Option<Resource<Fields>>)| {
            Ok((finish(store.data_mut().table(), body, trailers)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

type Store<'a> = StoreContextMut<'a, InstanceState>;

/// What the interface says to a guest that asks for something a second time.
type Once<T> = Result<Resource<T>, ()>;

/// The body of a request that is to be sent.
pub(super) fn of_request(table: &mut ResourceTable, request: &Resource<OutgoingRequest>) -> wasmtime::Result<Once<OutgoingBody>> {
    let request = table.get_mut(request)?;
    match begin(StreamContext::Request, &request.headers, &mut request.body) {
        Ok(body) => Ok(Ok(table.push(body)?)),
        Err(()) => Ok(Err(())),
    }
}

/// The body of an answer.
pub(super) fn of_response(table: &mut ResourceTable, response: &Resource<OutgoingResponse>) -> wasmtime::Result<Once<OutgoingBody>> {
    let response = table.get_mut(response)?;
    match begin(StreamContext::Response, &response.headers, &mut response.body) {
        Ok(body) => Ok(Ok(table.push(body)?)),
        Err(()) => Ok(Err(())),
    }
}

/// Gives the stream to write to.
pub(super) fn write(table: &mut ResourceTable, body: &Resource<OutgoingBody>) -> wasmtime::Result<Once<DynOutputStream>> {
    let Some(writer) = table.get_mut(body)?.writer.take() else { return Ok(Err(())) };
    let stream: DynOutputStream = Box::new(writer);
    Ok(Ok(table.push_child(stream, body)?))
}

/// Ends a body.
pub(super) fn finish(
    table: &mut ResourceTable,
    body: Resource<OutgoingBody>,
    trailers: Option<Resource<Fields>>,
) -> wasmtime::Result<Result<(), ErrorCode>> {
    let body = table.delete(body)?;
    let trailers = trailers.map(|trailers| table.delete(trailers)).transpose()?;
    Ok(body.finish(trailers.map(HeaderMap::from)))
}

/// A body whose guest lets go of it without an end breaks off.
pub(super) fn drop_body(table: &mut ResourceTable, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
    table.delete(body)?.abort();
    Ok(())
}

/// Makes the body of a head that has none yet, unless the head is wrong about its length.
fn begin(of: StreamContext, headers: &HeaderMap, place: &mut Option<WasiBody>) -> Result<OutgoingBody, ()> {
    if place.is_some() {
        return Err(());
    }
    let (body, reader) = OutgoingBody::new(of, length(headers)?);
    *place = Some(reader);
    Ok(body)
}

/// The length that a head announces, which is one number of decimal digits.
fn length(headers: &HeaderMap) -> Result<Option<u64>, ()> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(None) };
    let digits = length.to_str().ok().filter(|text| lengths.next().is_none() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or(())
}

/// The body, as its guest holds it.
pub(super) struct OutgoingBody {
    queue: Arc<Mutex<Queue>>,
    /// Until the guest takes it.
    writer: Option<Writer>,
}

/// The stream that a guest writes to.
struct Writer(Arc<Mutex<Queue>>);

/// The other end.
struct Reader(Arc<Mutex<Queue>>);

struct Queue {
    of: StreamContext,
    /// The length that the head announced.
    length: Option<u64>,
    written: u64,
    chunks: Chunks,
    has_writer: bool,
    has_reader: bool,
    end: End,
    /// Who waits for a chunk or the end.
    reading: Option<Waker>,
    /// Who waits for room.
    writing: Option<Waker>,
}

/// What was written and not read.
struct Chunks {
    /// Most answers have no more than one, which takes no room of its own.
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    chunks_max: usize,
    bytes: usize,
}

impl Chunks {
    fn new(chunks_max: usize) -> Self {
        Self { first: None, more: VecDeque::new(), chunks_max, bytes: 0 }
    }

    fn has_room(&self) -> bool {
        usize::from(self.first.is_some()) + self.more.len() < self.chunks_max && self.bytes < QUEUED_BYTES_MAX
    }

    fn push(&mut self, chunk: Bytes) {
        self.bytes = self.bytes.saturating_add(chunk.len());
        match self.first {
            None => self.first = Some(chunk),
            Some(_) => self.more.push_back(chunk),
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.first.take()?;
        self.bytes = self.bytes.saturating_sub(chunk.len());
        self.first = self.more.pop_front();
        Some(chunk)
    }
}

/// How the body ends, behind its last chunk.
enum End {
    NotYet,
    Finished,
    Trailers(HeaderMap),
    Aborted,
}

impl Queue {
    fn wait(place: &mut Option<Waker>, context: &Context<'_>) {
        match place {
            Some(waker) => waker.clone_from(context.waker()),
            None => *place = Some(context.waker().clone()),
        }
    }

    /// What may be written now; 0 while there is no room.
    fn permit(&self) -> StreamResult<usize> {
        match (self.has_reader, self.chunks.has_room()) {
            (false, _) => Err(StreamError::Closed),
            (true, true) => Ok(CHUNK_BYTES_MAX),
            (true, false) => Ok(0),
        }
    }
}

/// Changes something that the reader waits for.
fn tell_reader<T>(queue: &Mutex<Queue>, change: impl FnOnce(&mut Queue) -> T) -> T {
    let mut queue = queue.lock();
    let changed = change(&mut queue);
    let reading = queue.reading.take();
    drop(queue);
    if let Some(reading) = reading {
        reading.wake();
    }
    changed
}

/// Changes something that the writer waits for.
fn tell_writer<T>(queue: &Mutex<Queue>, change: impl FnOnce(&mut Queue) -> T) -> T {
    let mut queue = queue.lock();
    let changed = change(&mut queue);
    let writing = queue.writing.take();
    drop(queue);
    if let Some(writing) = writing {
        writing.wake();
    }
    changed
}

impl OutgoingBody {
    fn new(of: StreamContext, length: Option<u64>) -> (Self, WasiBody) {
        Self::bounded(of, length, CHUNKS_MAX)
    }

    fn bounded(of: StreamContext, length: Option<u64>, chunks_max: usize) -> (Self, WasiBody) {
        let queue = Queue {
            of,
            length,
            written: 0,
            chunks: Chunks::new(chunks_max),
            has_writer: true,
            has_reader: true,
            end: End::NotYet,
            reading: None,
            writing: None,
        };
        let queue = Arc::new(Mutex::new(queue));
        let reader = Reader(Arc::clone(&queue)).boxed_unsync();
        (Self { writer: Some(Writer(Arc::clone(&queue))), queue }, reader)
    }

    /// Ends the body. One that is not as long as it was announced breaks off.
    fn finish(mut self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        self.writer = None;
        tell_reader(&self.queue, |queue| match queue.length {
            Some(length) if length != queue.written => {
                queue.end = End::Aborted;
                Err(queue.of.as_body_size_error(queue.written))
            }
            _ => {
                queue.end = trailers.map_or(End::Finished, End::Trailers);
                Ok(())
            }
        })
    }

    /// The guest let go of the body without an end.
    fn abort(mut self) {
        self.writer = None;
        tell_reader(&self.queue, |queue| queue.end = End::Aborted);
    }
}

impl Drop for OutgoingBody {
    /// With its instance, if it has no end yet. What became of the guest is told by others.
    fn drop(&mut self) {
        self.writer = None;
        tell_reader(&self.queue, |queue| {
            if matches!(queue.end, End::NotYet) {
                queue.end = End::Finished;
            }
        });
    }
}

impl Writer {
    fn poll_permit(&self, context: &Context<'_>) -> Poll<StreamResult<usize>> {
        let mut queue = self.0.lock();
        match queue.permit() {
            Ok(0) => {
                Queue::wait(&mut queue.writing, context);
                Poll::Pending
            }
            permit => Poll::Ready(permit),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        tell_reader(&self.0, |queue| queue.has_writer = false);
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        // Writing tells that the reader is gone.
        let _ = poll_fn(|context| self.poll_permit(context)).await;
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        tell_reader(&self.0, |queue| {
            if bytes.len() > CHUNK_BYTES_MAX || queue.permit()? == 0 {
                return Err(StreamError::trap("write exceeded budget"));
            }
            queue.written = queue.written.saturating_add(bytes.len() as u64);
            queue.chunks.push(bytes);
            match queue.length {
                Some(length) if queue.written > length => {
                    Err(StreamError::LastOperationFailed(queue.of.as_body_size_error(queue.written).into()))
                }
                _ => Ok(()),
            }
        })
    }

    /// What is written is in the reader's hands already.
    fn flush(&mut self) -> StreamResult<()> {
        if self.0.lock().has_reader { Ok(()) } else { Err(StreamError::Closed) }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.lock().permit()
    }

    /// As the trait describes it, in one future: there is room after each wait, and a flush has nothing to do.
    async fn blocking_write_and_flush(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        loop {
            let permit = poll_fn(|context| self.poll_permit(context)).await?;
            self.write(bytes.split_to(bytes.len().min(permit)))?;
            if bytes.is_empty() {
                break;
            }
        }
        let _ = poll_fn(|context| self.poll_permit(context)).await;
        Ok(())
    }
}

impl Body for Reader {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        tell_writer(&self.0, |queue| {
            if let Some(chunk) = queue.chunks.pop() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if queue.has_writer || matches!(queue.end, End::NotYet) {
                Queue::wait(&mut queue.reading, context);
                return Poll::Pending;
            }
            Poll::Ready(match std::mem::replace(&mut queue.end, End::Finished) {
                End::NotYet | End::Finished => None,
                End::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
                End::Aborted => Some(Err(Error::HttpProtocolError)),
            })
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        tell_writer(&self.0, |queue| {
            queue.has_reader = false;
            queue.chunks = Chunks::new(0);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use wasmtime_wasi_http::FieldMap;
    use wasmtime_wasi_http::p2::body::HostOutgoingBody;

    use super::*;

    /// As many as fill up soon.
    const FEW_CHUNKS: usize = 3;

    /// wasmtime's body and ours, to which the same is done.
    struct Both {
        bodies: Option<(HostOutgoingBody, OutgoingBody)>,
        streams: Option<(DynOutputStream, DynOutputStream)>,
        readers: Option<(WasiBody, WasiBody)>,
    }

    impl Both {
        fn new(of: StreamContext, length: Option<u64>) -> Self {
            let (theirs, their_reader) = HostOutgoingBody::new(of, length, FEW_CHUNKS - 1, CHUNK_BYTES_MAX);
            let (ours, our_reader) = OutgoingBody::bounded(of, length, FEW_CHUNKS);
            Self { bodies: Some((theirs, ours)), streams: None, readers: Some((their_reader, our_reader)) }
        }

        /// Does one of several things to both, and tells what came of it.
        fn act(&mut self, what: usize) -> Option<(String, String)> {
            let to_streams = |both: &mut Self, act: &dyn Fn(&mut DynOutputStream) -> String| {
                both.streams.as_mut().map(|(theirs, ours)| (act(theirs), act(ours)))
            };
            match what {
                0 => {
                    let (theirs, ours) = self.bodies.as_mut()?;
                    let taken = (theirs.take_output_stream(), ours.writer.take());
                    let told = (taken.0.is_some().to_string(), taken.1.is_some().to_string());
                    if let (Some(theirs), Some(ours)) = taken {
                        self.streams = Some((theirs, Box::new(ours)));
                    }
                    Some(told)
                }
                1..=3 => to_streams(self, &|stream| told(stream.write(vec![b'x'; what - 1].into()))),
                4 => to_streams(self, &|stream| told(stream.write(vec![b'x'; CHUNK_BYTES_MAX + 1].into()))),
                5 => to_streams(self, &|stream| told(stream.check_write())),
                6 => to_streams(self, &|stream| told(stream.flush())),
                7 => to_streams(self, &|stream| format!("{:?}", now(stream.ready()))),
                8 | 9 => {
                    let bytes = Bytes::from_static(b"yes");
                    to_streams(self, &|stream| format!("{:?}", now(stream.blocking_write_and_flush(bytes.clone())).map(told)))
                }
                10 => self.streams.take().map(|_| Default::default()),
                11..=14 => self.readers.as_mut().map(|(theirs, ours)| (read(theirs), read(ours))),
                15 => self.readers.take().map(|_| Default::default()),
                // The resources of an instance end with their parents last.
                16..=18 if self.streams.is_some() => None,
                16 => self.bodies.take().map(|(theirs, ours)| (format!("{:?}", theirs.finish(None)), format!("{:?}", ours.finish(None)))),
                17 => {
                    let trailers: HeaderMap = [("a".parse().unwrap(), "b".parse().unwrap())].into_iter().collect();
                    let (theirs, ours) = self.bodies.take()?;
                    let mut fields = FieldMap::new_mutable(1 << 10);
                    fields.append_raw("a".parse().unwrap(), "b".parse().unwrap()).unwrap();
                    Some((format!("{:?}", theirs.finish(Some(fields))), format!("{:?}", ours.finish(Some(trailers)))))
                }
                18 => self.bodies.take().map(|(theirs, ours)| {
                    theirs.abort();
                    ours.abort();
                    Default::default()
                }),
                _ => self.bodies.take().map(|_| Default::default()),
            }
        }
    }

    fn told<T: std::fmt::Debug>(result: StreamResult<T>) -> String {
        result.map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
    }

    fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn read(body: &mut WasiBody) -> String {
        format!("{:?} {}", now(body.frame()), body.is_end_stream())
    }

    #[test]
    fn it_is_told_apart_from_wasmtimes_by_nothing() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % bound as u64).unwrap()
        };
        for round in 0..20_000 {
            let of = if round % 2 == 0 { StreamContext::Request } else { StreamContext::Response };
            let length = [None, Some(0), Some(3), Some(7)][next(4)];
            let mut both = Both::new(of, length);
            let acts: Vec<usize> = std::iter::once(0).chain((0..30).map(|_| next(20))).collect();
            for (number, act) in acts.iter().enumerate() {
                if let Some((theirs, ours)) = both.act(*act) {
                    assert_eq!(ours, theirs, "{of:?} of {length:?}: {:?}", &acts[..=number]);
                }
            }
        }
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn each_end_wakes_the_other() {
        let woken = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let wakes = |what: &str, waits: bool, act: &mut dyn FnMut()| {
            assert!(waits, "{what}: somebody waits");
            let before = woken.0.load(Relaxed);
            act();
            assert_eq!(woken.0.load(Relaxed), before + 1, "{what}: it is woken once");
        };
        let (mut body, mut reader) = OutgoingBody::new(StreamContext::Response, None);
        let mut writer = body.writer.take();
        let stream = writer.as_mut().unwrap();

        let waits = Pin::new(&mut reader).poll_frame(&mut context).is_pending();
        wakes("a chunk", waits, &mut || stream.write(Bytes::from_static(b"1")).unwrap());
        for _ in 1..CHUNKS_MAX {
            stream.write(Bytes::from_static(b"2")).unwrap();
        }
        let waits = stream.poll_permit(&context).is_pending();
        wakes("room", waits, &mut || assert!(Pin::new(&mut reader).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready()));

        while Pin::new(&mut reader).poll_frame(&mut context).is_ready() {}
        wakes("the end of the stream", true, &mut || writer = None);
        let waits = Pin::new(&mut reader).poll_frame(&mut context).is_pending();
        let mut body = Some(body);
        wakes("the end of the body", waits, &mut || body.take().unwrap().finish(None).unwrap());
        assert!(matches!(Pin::new(&mut reader).poll_frame(&mut context), Poll::Ready(None)));
    }

    #[test]
    fn what_waits_for_its_reader_is_bounded_in_bytes() {
        let (mut body, mut reader) = OutgoingBody::new(StreamContext::Response, None);
        let mut writer = body.writer.take().unwrap();
        let mut written = 0;
        while writer.check_write().unwrap() > 0 {
            writer.write(vec![b'x'; CHUNK_BYTES_MAX].into()).unwrap();
            written += CHUNK_BYTES_MAX;
        }
        assert_eq!(written, QUEUED_BYTES_MAX);
        assert!(now(reader.frame()).is_ready());
        assert_eq!(writer.check_write().unwrap(), CHUNK_BYTES_MAX);
    }

    #[test]
    fn a_reader_that_goes_away_wakes_the_writer() {
        let woken = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&woken));
        let (mut body, reader) = OutgoingBody::new(StreamContext::Request, None);
        let mut writer = body.writer.take().unwrap();
        for _ in 0..CHUNKS_MAX {
            writer.write(Bytes::from_static(b"1")).unwrap();
        }
        assert!(writer.poll_permit(&Context::from_waker(&waker)).is_pending());
        drop(reader);
        assert_eq!(woken.0.load(Relaxed), 1);
        assert!(matches!(writer.check_write(), Err(StreamError::Closed)));
        assert!(writer.0.lock().chunks.pop().is_none(), "what nobody will read is not kept");
    }
}
