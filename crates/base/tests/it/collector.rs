//! A collector that keeps what it is sent, over HTTP/1.1 and over gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Everything that came, as path and message.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<(String, Bytes)>>>,
    _runtime: Runtime,
}

type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

impl Collector {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let received = Received::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, Arc::clone(&received)));
        Self { address, received, _runtime: runtime }
    }

    /// The messages that came to `path`.
    pub(crate) fn messages(&self, path: &str) -> Vec<Bytes> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|(at, _)| at == path).map(|(_, message)| message.clone()).collect()
    }
}

async fn serve(listener: TcpListener, received: Received) {
    while let Ok((stream, _)) = listener.accept().await {
        let received = Arc::clone(&received);
        let service = service_fn(move |request| answer(request, Arc::clone(&received)));
        tokio::spawn(async move { auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await });
    }
}

type Frames = StreamBody<futures::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

async fn answer(request: Request<Incoming>, received: Received) -> Result<Response<Frames>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let is_grpc = request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
    let body = request.into_body().collect().await?.to_bytes();
    let mut frames = Vec::new();
    if is_grpc {
        // A message has five bytes before it; the answer is one empty message, and trailers that say it went well.
        received.lock().unwrap().push((path, body.slice(5..)));
        frames.push(Ok(Frame::data(Bytes::from_static(&[0; 5]))));
        frames.push(Ok(Frame::trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect())));
    } else {
        received.lock().unwrap().push((path, body));
    }
    let kind = if is_grpc { "application/grpc" } else { "application/x-protobuf" };
    Ok(Response::builder().header("content-type", kind).body(StreamBody::new(futures::stream::iter(frames))).unwrap())
}
