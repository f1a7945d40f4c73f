//! Too many connections, and too few descriptors.

use std::io::Write as _;

use coracle_base::clock;
use coracle_gateway::Bounds;
use coracle_testkit::raw::{self, Response};
use rustix::process::{Resource, getrlimit};

use crate::harness::{Options, Site, wait_for};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn one_connection_too_many_is_told_to_come_back() {
    let site = Site::echo_with(Bounds { connections_max: 2, ..Bounds::default() });
    let mut held: Vec<_> = (0..2).map(|_| raw::connect(site.address()).unwrap()).collect();
    wait_for("the connections", || site.server.traffic().connections_open == 2);
    let answer = raw::until_closed(site.address(), b"").unwrap();
    let busy = Response::parse_all(&answer).unwrap().remove(0);
    assert_eq!((busy.status, busy.field("retry-after"), busy.field("connection")), (503, Some("1"), Some("close")));
    for stream in &mut held {
        stream.write_all(GET).unwrap();
        assert_eq!(raw::read_response(stream).unwrap().status, 200);
    }
    held.clear();
    wait_for("their end", || site.server.traffic().connections_open == 0);
    assert_eq!(site.exchange(GET)[0].status, 200);
    assert_eq!(site.server.traffic().connections_shed, 1);
}

#[test]
fn connections_are_dealt_out_evenly() {
    let site = Site::start(Options { workers: 2, ..Options::default() }, None);
    let held: Vec<_> = (0..40).map(|_| raw::connect(site.address()).unwrap()).collect();
    wait_for("the connections", || site.server.traffic().connections_open == 40);
    drop(held);
    wait_for("their end", || site.server.traffic().connections_open == 0);
}

/// Both ends of each connection are in this process; the bound is for both.
#[test]
fn idle_connections_are_cheap() {
    const COUNT: usize = 400;
    // Other tests would be weighed with it.
    if !is_alone("listening::idle_connections_are_cheap", 1_500) {
        return;
    }
    let site = Site::echo();
    let held = || -> Vec<_> {
        (0..COUNT)
            .map(|_| {
                let mut stream = raw::connect(site.address()).unwrap();
                stream.write_all(GET).unwrap();
                raw::read_response(&mut stream).unwrap();
                stream
            })
            .collect()
    };
    // The first round pays for what is kept for all.
    drop(held());
    wait_for("the end of the first", || site.server.traffic().connections_open == 0);
    let before = resident_bytes();
    let held = held();
    let each = resident_bytes().saturating_sub(before) / held.len();
    assert!(each < 30 << 10, "{each} bytes for each connection");
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
}

/// Whether this is a process for `test` alone, with so many descriptors. If not, runs it in one.
#[track_caller]
fn is_alone(test: &str, descriptors: u64) -> bool {
    if getrlimit(Resource::Nofile).current == Some(descriptors) {
        return true;
    }
    let this = std::env::current_exe().unwrap();
    let script = format!("ulimit -n {descriptors}; exec \"$0\" --exact {test} --nocapture");
    let child = std::process::Command::new("sh").arg("-c").arg(script).arg(this).output().unwrap();
    assert!(child.status.success(), "{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    false
}

/// The limit is the process's.
#[test]
fn a_server_without_descriptors_recovers() {
    if !is_alone("listening::a_server_without_descriptors_recovers", 64) {
        return;
    }
    // The server believes in more descriptors than it will get.
    let site = Site::echo_with(Bounds::default());
    let mut spare: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    assert!(spare.len() > 20);
    spare.pop();
    let mut client = raw::connect(site.address()).unwrap();
    client.write_all(GET).unwrap();
    let used = cpu_ms();
    let begun = clock::now();
    wait_for("some time without a descriptor", || begun.elapsed().as_millis() > 1_000);
    let busy = cpu_ms() - used;
    // `wait_for` itself takes some.
    assert!(busy < 300, "the server was busy for {busy} ms of a second");
    assert_eq!(site.server.traffic().connections, 0);
    spare.clear();
    assert_eq!(raw::read_response(&mut client).unwrap().status, 200);
}

fn cpu_ms() -> u128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u128::try_from(time.tv_sec).unwrap() * 1_000 + u128::try_from(time.tv_nsec).unwrap() / 1_000_000
}
