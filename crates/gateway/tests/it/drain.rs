//! How a server stops.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use coracle_base::clock;
use coracle_gateway::{Bounds, Drained, Listener, Server, Service, Settings};
use coracle_testkit::frames::{Client, Frame, PREFACE, kind};
use coracle_testkit::raw;
use coracle_triggers::http::{Body, Peer};
use tokio::sync::Semaphore;

use crate::harness::{Options, Site, wait_for};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A service that answers when it is allowed to.
fn gated() -> (Site, Arc<Semaphore>) {
    gated_with(Bounds::default())
}

fn gated_with(bounds: Bounds) -> (Site, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let inner = Arc::clone(&gate);
    let site = Site::answering(Options { bounds, workers: 2, ..Options::default() }, move |_| {
        let gate = Arc::clone(&inner);
        async move {
            gate.acquire().await.unwrap().forget();
            http::Response::new(Body::full("done"))
        }
    });
    (site, gate)
}

fn shutdown(site: Site, grace: Duration) -> Drained {
    stop(site.server, grace)
}

fn stop(server: Server, grace: Duration) -> Drained {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(server.shutdown(grace))
}

#[test]
fn requests_in_progress_are_finished_and_nothing_new_is_accepted() {
    let (site, gate) = gated();
    let address = site.address();
    let mut busy: Vec<_> = (0..20).map(|_| raw::connect(address).unwrap()).collect();
    busy.iter_mut().for_each(|stream| stream.write_all(GET).unwrap());
    wait_for("the calls", || site.seen().len() == 20);
    let stopping = std::thread::spawn(move || shutdown(site, Duration::from_secs(30)));
    wait_for("the closed door", || std::net::TcpStream::connect(address).is_err());
    assert!(!stopping.is_finished());
    gate.add_permits(20);
    for stream in &mut busy {
        let response = raw::read_response(stream).unwrap();
        assert_eq!((response.status, response.field("connection")), (200, Some("close")));
        assert_eq!(raw::read_to_end(stream).unwrap(), b"");
    }
    assert_eq!(stopping.join().unwrap(), Drained { requests_cut: 0 });
}

/// A client may have been let in by the kernel, with its request still on the way.
#[test]
fn a_client_that_was_let_in_is_answered() {
    let (site, gate) = gated_with(Bounds { leave: raw::PATIENCE, ..Bounds::default() });
    let mut busy = raw::connect(site.address()).unwrap();
    busy.write_all(GET).unwrap();
    wait_for("the call", || site.seen().len() == 1);
    let mut fresh = raw::connect(site.address()).unwrap();
    let mut http2 = Client::silent(site.address()).unwrap();
    wait_for("the connections", || site.server.traffic().connections_open == 3);
    let address = site.address();
    gate.add_permits(3);
    let stopping = std::thread::spawn(move || shutdown(site, Duration::from_secs(30)));
    wait_for("the closed door", || std::net::TcpStream::connect(address).is_err());
    fresh.write_all(GET).unwrap();
    for stream in [&mut busy, &mut fresh] {
        assert_eq!(raw::read_response(stream).unwrap().text(), "done");
    }
    http2.send_bytes(&[PREFACE, &Frame::settings(&[]).bytes(), &Frame::get(1).bytes()].concat()).unwrap();
    assert_eq!(http2.find(|frame| frame.kind == kind::DATA).unwrap().payload, b"done");
    drop(http2);
    assert_eq!(stopping.join().unwrap(), Drained { requests_cut: 0 });
}

#[test]
fn idle_connections_are_closed_soon() {
    let site = Site::echo();
    let mut used = raw::connect(site.address()).unwrap();
    used.write_all(GET).unwrap();
    raw::read_response(&mut used).unwrap();
    let mut fresh = raw::connect(site.address()).unwrap();
    let mut http2 = Client::connect(site.address()).unwrap();
    http2.find(|frame| frame.kind == kind::SETTINGS).unwrap();
    wait_for("the connections", || site.server.traffic().connections_open == 3);
    let begun = clock::now();
    assert_eq!(shutdown(site, Duration::from_secs(30)), Drained { requests_cut: 0 });
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(raw::read_to_end(&mut used).unwrap(), b"");
    assert_eq!(raw::read_to_end(&mut fresh).unwrap(), b"");
    assert!(http2.drain().unwrap().iter().any(|frame| frame.kind == kind::GOAWAY));
}

#[test]
fn http2_streams_are_finished_after_goaway() {
    let (site, gate) = gated();
    let mut client = Client::connect(site.address()).unwrap();
    client.send(&Frame::get(1)).unwrap();
    wait_for("the call", || site.seen().len() == 1);
    let stopping = std::thread::spawn(move || shutdown(site, Duration::from_secs(30)));
    client.find(|frame| frame.kind == kind::GOAWAY).unwrap();
    // The server asks with a ping whether the client has seen it.
    let ping = client.find(|frame| frame.kind == kind::PING && frame.flags == 0).unwrap();
    client.send(&Frame::new(kind::PING, 1, 0, ping.payload)).unwrap();
    gate.add_permits(1);
    assert_eq!(client.find(|frame| frame.kind == kind::DATA).unwrap().payload, b"done");
    assert_eq!(stopping.join().unwrap(), Drained { requests_cut: 0 });
}

#[test]
fn what_is_not_done_in_time_is_cut_and_counted() {
    let (site, _gate) = gated();
    let mut busy: Vec<_> = (0..3).map(|_| raw::connect(site.address()).unwrap()).collect();
    busy.iter_mut().for_each(|stream| stream.write_all(GET).unwrap());
    wait_for("the calls", || site.seen().len() == 3);
    let begun = clock::now();
    assert_eq!(shutdown(site, Duration::from_millis(200)), Drained { requests_cut: 3 });
    assert!(begun.elapsed() < Duration::from_secs(5));
    for stream in &mut busy {
        assert_eq!(raw::read_to_end(stream).unwrap(), b"");
    }
}

/// Its calls leave something behind, which ends when it is allowed to.
struct Leaving(Arc<Semaphore>);

impl Service for Leaving {
    async fn call(&self, _: http::Request<Body>, _: Peer) -> http::Response<Body> {
        http::Response::new(Body::full("done"))
    }

    async fn finish(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

#[test]
fn what_calls_left_running_is_waited_for() {
    let gate = Arc::new(Semaphore::new(0));
    let settings = Settings { workers: NonZeroUsize::MIN, ..Settings::default() };
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = Server::start(listener, settings, Leaving(Arc::clone(&gate))).unwrap();
    let address = server.local_addr();
    raw::exchange(address, GET).unwrap();
    let stopping = std::thread::spawn(move || stop(server, Duration::from_secs(30)));
    wait_for("the closed door", || std::net::TcpStream::connect(address).is_err());
    assert!(!stopping.is_finished());
    gate.add_permits(1);
    assert_eq!(stopping.join().unwrap(), Drained { requests_cut: 0 });
}

#[test]
fn a_dropped_server_lets_go_of_its_port() {
    let site = Site::echo();
    let address = site.address();
    assert_eq!(site.exchange(GET)[0].status, 200);
    drop(site);
    wait_for("the port", || coracle_gateway::Listener::bind(address).is_ok());
}
