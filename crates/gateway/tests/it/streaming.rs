//! Bodies in motion: both directions at once, clients that are slow, and clients that leave.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coracle_base::clock;
use coracle_gateway::Bounds;
use coracle_testkit::frames::{Client, Frame, kind};
use coracle_testkit::raw::{self, Response};
use coracle_triggers::http::Body;
use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use crate::harness::{Options, Site, wait_for};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn with(bounds: Bounds) -> Options {
    Options { bounds, ..Options::default() }
}

/// Counts how many of its kind were dropped.
struct Watched(Arc<AtomicUsize>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A service that never answers, and how many of its calls were let go.
fn never(bounds: Bounds) -> (Site, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    let site = Site::answering(with(bounds), move |request| {
        let watched = Watched(Arc::clone(&counted));
        async move {
            let _watched = watched;
            let _ = request.into_body().collect().await;
            std::future::pending::<http::Response<Body>>().await
        }
    });
    (site, dropped)
}

#[test]
fn a_body_is_echoed_while_it_is_sent() {
    let site = Site::answering(Options::default(), |request| async { http::Response::new(request.into_body()) });
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let mut received = Vec::new();
    for (sent, count) in ["first", "second", "third"].into_iter().zip(1..) {
        write!(stream, "{:x}\r\n{sent}\r\n", sent.len()).unwrap();
        // Only when this part has come back is the next one sent.
        let mut buffer = [0; 1024];
        while String::from_utf8_lossy(&received).matches(sent).count() == 0 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection ended before part {count}");
            received.extend_from_slice(&buffer[..read]);
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    received.extend(raw::read_to_end(&mut stream).unwrap());
    assert_eq!(Response::parse_all(&received).unwrap()[0].text(), "firstsecondthird");
}

#[test]
fn a_large_body_comes_back_whole() {
    let site = Site::answering(Options::default(), |request| async { http::Response::new(request.into_body()) });
    let body: Vec<u8> = (0..8_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut stream = raw::connect(site.address()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sent = body.clone();
    let sender = std::thread::spawn(move || {
        write!(writer, "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", sent.len()).unwrap();
        writer.write_all(&sent).unwrap();
    });
    let received = raw::read_to_end(&mut stream).unwrap();
    sender.join().unwrap();
    assert!(Response::parse_all(&received).unwrap()[0].body == body);
}

#[test]
fn a_service_that_does_not_read_holds_its_client_back() {
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let site = Site::answering(Options::default(), move |request| {
        let gate = Arc::clone(&gate);
        async move {
            gate.notified().await;
            let body = request.into_body().collect().await.unwrap().to_bytes();
            http::Response::new(Body::full(body.len().to_string()))
        }
    });
    let mut stream = raw::connect(site.address()).unwrap();
    let total = 64 << 20;
    write!(stream, "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {total}\r\n\r\n").unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let chunk = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while sent < total {
        match stream.write(&chunk[..chunk.len().min(total - sent)]) {
            Ok(written) => sent += written,
            Err(_) => break,
        }
    }
    assert!(sent < total / 2, "{sent} bytes went somewhere");
    go.notify_one();
    stream.set_write_timeout(Some(raw::PATIENCE)).unwrap();
    while sent < total {
        sent += stream.write(&chunk[..chunk.len().min(total - sent)]).unwrap();
    }
    assert_eq!(raw::read_response(&mut stream).unwrap().text(), total.to_string());
}

#[test]
fn a_client_that_writes_all_before_it_reads_gets_an_early_answer() {
    let bounds = Bounds { body_bytes_max: 16 << 20, ..Bounds::default() };
    let site = Site::answering(with(bounds), |_| async { http::Response::new(Body::full("early")) });
    for (bytes, status) in [(16 << 20, 200), ((16 << 20) + 1, 413)] {
        let mut stream = raw::connect(site.address()).unwrap();
        write!(stream, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {bytes}\r\n\r\n").unwrap();
        stream.write_all(&vec![b'x'; bytes]).unwrap();
        assert_eq!(raw::read_response(&mut stream).unwrap().status, status);
    }
}

#[test]
fn continue_is_said_when_the_service_reads() {
    let site = Site::echo();
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n").unwrap();
    assert_eq!(raw::read_response(&mut stream).unwrap().status, 100);
    stream.write_all(b"hello").unwrap();
    assert_eq!(raw::read_response(&mut stream).unwrap().text(), "POST hello");
}

#[test]
fn continue_is_not_said_when_the_service_does_not_read() {
    let site = Site::answering(Options::default(), |_| async { http::Response::new(Body::full("no")) });
    let answer =
        raw::until_closed(site.address(), b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n").unwrap();
    let responses = Response::parse_all(&answer).unwrap();
    assert_eq!(responses.len(), 1);
    assert_eq!((responses[0].status, responses[0].text().as_str()), (200, "no"));
}

#[test]
fn continue_is_not_said_to_http_1_0() {
    let answer =
        raw::until_closed(Site::echo().address(), b"POST / HTTP/1.0\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello")
            .unwrap();
    let responses = Response::parse_all(&answer).unwrap();
    assert_eq!(responses.iter().map(|response| response.status).collect::<Vec<_>>(), [200]);
}

/// A service whose answer never ends, and how many bytes of it were asked for.
fn endless(bounds: Bounds) -> (Site, Arc<AtomicUsize>) {
    const PIECE: &[u8] = &[0; 16 << 10];
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    let site = Site::answering(with(bounds), move |_| {
        let pieces = futures::stream::repeat_with({
            let counted = Arc::clone(&counted);
            move || {
                counted.fetch_add(PIECE.len(), Ordering::SeqCst);
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(PIECE)))
            }
        });
        async { http::Response::new(Body::boxed(http_body_util::StreamBody::new(pieces))) }
    });
    (site, made)
}

/// What the system itself holds for a connection is beyond the server, and bounded too.
const SYSTEM_BYTES_MAX: usize = 32 << 20;

#[test]
fn a_client_that_does_not_read_holds_the_service_back() {
    let (site, made) = endless(Bounds { write_stall: Duration::from_millis(500), ..Bounds::default() });
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(GET).unwrap();
    wait_for("the answer", || made.load(Ordering::SeqCst) > 0);
    wait_for("the end of patience", || site.server.traffic().connections_open == 0);
    let made = made.load(Ordering::SeqCst);
    assert!(made < SYSTEM_BYTES_MAX, "{made} bytes were made for nobody");
}

#[test]
fn streams_with_a_closed_window_hold_the_service_back() {
    let (site, made) = endless(Bounds { write_stall: Duration::from_millis(500), ..Bounds::default() });
    let mut client = Client::connect(site.address()).unwrap();
    for stream in [1, 3, 5] {
        client.send(&Frame::get(stream)).unwrap();
    }
    // It reads all that comes, and opens no window.
    let sent: usize = client.drain().unwrap().iter().filter(|frame| frame.kind == kind::DATA).map(|frame| frame.payload.len()).sum();
    assert_eq!(sent, 65_535);
    let made = made.load(Ordering::SeqCst);
    assert!(made <= 65_535 + 3 * (96 << 10), "{made} bytes were made for {sent}");
}

#[test]
fn a_client_that_closes_its_side_still_gets_its_answer() {
    let site = Site::answering(Options::default(), |_| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        http::Response::new(Body::full("late"))
    });
    assert_eq!(site.exchange(GET)[0].text(), "late");
}

#[test]
fn a_half_closed_connection_ends_with_its_last_answer() {
    let site = Site::echo_with(Bounds { half_closed: raw::PATIENCE * 2, ..Bounds::default() });
    assert_eq!(site.exchange(GET.repeat(2)).len(), 2);
}

#[test]
fn a_client_that_leaves_ends_the_call() {
    let (site, dropped) = never(Bounds { half_closed: Duration::from_millis(100), ..Bounds::default() });
    for (bytes, count) in [(GET, 1), (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhel", 2)] {
        let mut stream = raw::connect(site.address()).unwrap();
        stream.write_all(bytes).unwrap();
        wait_for("the call", || site.seen().len() == count);
        drop(stream);
        if count == 2 {
            // The body breaks off, and this service goes on regardless; nobody is there to be answered.
            continue;
        }
        wait_for("the end of the call", || dropped.load(Ordering::SeqCst) == count);
    }
    wait_for("the count", || site.server.traffic().requests_abandoned >= 1);
}

#[test]
fn a_client_that_leaves_ends_the_body_of_the_answer() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dropped);
    let site = Site::answering(Options::default(), move |_| {
        let watched = Watched(Arc::clone(&counted));
        let endless = futures::stream::unfold(watched, |watched| async {
            tokio::task::yield_now().await;
            Some((Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(&[0; 1024]))), watched))
        });
        async { http::Response::new(Body::boxed(http_body_util::StreamBody::new(endless))) }
    });
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(GET).unwrap();
    stream.read_exact(&mut [0; 10_000]).unwrap();
    drop(stream);
    wait_for("the end of the body", || dropped.load(Ordering::SeqCst) == 1);
}

#[test]
fn a_slow_head_is_refused() {
    let site = Site::echo_with(Bounds { head: Duration::from_millis(200), ..Bounds::default() });
    let begun = clock::now();
    let answer = raw::until_closed(site.address(), b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").unwrap();
    assert_eq!(Response::parse_all(&answer).unwrap()[0].status, 408);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(site.seen().len(), 0);
}

#[test]
fn a_head_that_drips_is_refused() {
    let site = Site::echo_with(Bounds { head: Duration::from_millis(300), ..Bounds::default() });
    let mut stream = raw::connect(site.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let begun = clock::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut buffer = [0; 1024];
    let read = loop {
        // Each byte is progress, and none of it counts.
        let _ = stream.write_all(b"x");
        match stream.read(&mut buffer) {
            Ok(read) => break read,
            Err(_) => assert!(begun.elapsed() < raw::PATIENCE, "it drips for ever"),
        }
    };
    assert!(buffer[..read].starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&buffer[..read]));
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let bounds = Bounds { head: Duration::from_millis(200), idle: Duration::from_millis(200), ..Bounds::default() };
    let site = Site::echo_with(bounds);
    assert_eq!(raw::until_closed(site.address(), b"").unwrap(), b"");
    let kept = raw::until_closed(site.address(), GET).unwrap();
    assert_eq!(Response::parse_all(&kept).unwrap().len(), 1);
    wait_for("the connections", || site.server.traffic().connections_open == 0);
}

#[test]
fn a_connection_stays_open_between_requests() {
    let bounds = Bounds { head: Duration::from_millis(150), idle: Duration::from_secs(10), ..Bounds::default() };
    let site = Site::echo_with(bounds);
    let mut stream = raw::connect(site.address()).unwrap();
    for pause in [0, 200, 200] {
        let since = clock::now();
        wait_for("longer than a head may take", || since.elapsed() >= Duration::from_millis(pause));
        stream.write_all(GET).unwrap();
        assert_eq!(raw::read_response(&mut stream).unwrap().status, 200);
    }
    assert_eq!(site.server.traffic().connections, 1);
}

#[test]
fn a_body_that_pauses_too_long_is_refused() {
    let site = Site::echo_with(Bounds { body_idle: Duration::from_millis(200), ..Bounds::default() });
    for start in [
        "content-length: 100\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let answer = raw::until_closed(site.address(), format!("POST / HTTP/1.1\r\nhost: a\r\n{start}").as_bytes()).unwrap();
        assert_eq!(Response::parse_all(&answer).unwrap()[0].status, 408, "{start}");
    }
}

#[test]
fn a_body_that_drips_is_refused() {
    let bounds = Bounds { body_idle: Duration::from_millis(400), body_bytes_per_second_min: 1000, ..Bounds::default() };
    let site = Site::echo_with(bounds);
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let begun = clock::now();
    let mut buffer = [0; 1024];
    let read = loop {
        let _ = stream.write_all(b"x");
        match stream.read(&mut buffer) {
            Ok(read) => break read,
            Err(_) => assert!(begun.elapsed() < raw::PATIENCE, "it drips for ever"),
        }
    };
    assert!(buffer[..read].starts_with(b"HTTP/1.1 408"), "{:?}", String::from_utf8_lossy(&buffer[..read]));
}

#[test]
fn a_client_that_takes_nothing_is_left() {
    let site = Site::answering(with(Bounds { write_stall: Duration::from_millis(300), ..Bounds::default() }), |_| async {
        http::Response::new(Body::full(vec![0; 64 << 20]))
    });
    let mut stream = raw::connect(site.address()).unwrap();
    stream.write_all(GET).unwrap();
    wait_for("the connection", || site.server.traffic().connections == 1);
    wait_for("its end", || site.server.traffic().connections_open == 0);
}

#[test]
fn many_slow_clients_do_not_hold_up_a_fast_one() {
    let site = Site::echo();
    let slow: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = raw::connect(site.address()).unwrap();
            let start: &[u8] = [&b"GET / HT"[..], b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx", b""][number % 3];
            stream.write_all(start).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(site.exchange(GET)[0].status, 200);
    }
    drop(slow);
}
