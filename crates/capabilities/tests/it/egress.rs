//! Who may be called: the closed networks in every disguise, and that what was checked is what is connected to.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coracle_capabilities::egress::{BlockedNetworks, Networking, Policy, Refusal, Resolve, SocketUse};
use coracle_engine::{Bind, GrantRequest, RuntimeConfig, Site};
use futures::future::BoxFuture;
use serde_json::json;

use crate::guest::Given;

/// Gives its answers one after the other; the last one stays.
pub(crate) struct Answers(Mutex<VecDeque<Vec<IpAddr>>>);

impl Answers {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Arc::new(Self(Mutex::new(answers.collect())))
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(std::future::ready(answer.ok_or_else(|| io::Error::other("no such name"))))
    }
}

fn policy(entries: &[&str], blocked: &[&str], answers: &[&[&str]]) -> Arc<Policy> {
    let mut site = Site::default();
    site.share(Arc::new(Networking::new(BlockedNetworks::parse(blocked).unwrap(), Answers::new(answers))));
    let grants = BTreeMap::from([("outbound-hosts".to_owned(), json!(entries))]);
    Policy::from_request(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap()
}

/// Addresses that are nobody's on the Internet, in every form that reaches them.
const PRIVATE: &[&str] = &[
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::a9fe:a9fe",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "64:ff9b:1:a00:0:100::",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "febf:ffff::1",
    "fec0::1",
    "ff02::1",
    "ff05::1:3",
];

/// Spellings of loopback and of the metadata service that parsers of URLs or resolvers of names read as addresses.
const DISGUISES: &[&str] = &[
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "127.0.0.1.",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "127.0.0.0x",
    "0x7f.0x",
    "0",
    "0.0",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[0000::0001]",
    "[::FFFF:A9FE:A9FE]",
];

/// What no parser should take for a host.
const BROKEN: &[&str] = &[
    "",
    ".",
    "..",
    "127.0.0.1\\",
    "127.0.0.1\\@x.dev",
    "127.0.0.1%00.x.dev",
    "127.0.0.1\t",
    "127.0.0.1\n.x.dev",
    "127.0.0.1 .x.dev",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1",
    "::1",
    "x.dev:65536",
    "x.dev:-1",
    "x.dev:0x50",
    "x.dev:",
    "x..dev",
    "256.256.256.256",
    "1.2.3.4.5",
    "*",
    "x*.dev",
    "[v1.x]",
    "a.0x7f",
    "x.dev:80:80",
];

#[tokio::test]
async fn no_spelling_of_a_closed_address_is_connected_to() {
    let mut cases = 0;
    for address in PRIVATE {
        let literal = if address.contains(':') { format!("http://[{address}]/") } else { format!("http://{address}/") };
        let by_literal = policy(&["*://*:*"], &["private"], &[]).permit(&literal, "http").await;
        assert!(matches!(by_literal, Err(Refusal::Blocked(_))), "{literal}: {by_literal:?}");
        let by_name = policy(&["*://*:*"], &["private"], &[&[address]]).permit("http://evil.dev/", "http").await;
        assert!(matches!(by_name, Err(Refusal::Blocked(_))), "evil.dev at {address}: {by_name:?}");
        let by_redis = policy(&["redis://*:*"], &["private"], &[&[address]]).permit("user:pw@evil.dev:1", "redis").await;
        assert!(matches!(by_redis, Err(Refusal::Blocked(_))), "evil.dev at {address}: {by_redis:?}");
        let socket = SocketAddr::new(address.parse().unwrap(), 80);
        for socket_use in [SocketUse::TcpConnect, SocketUse::UdpSend] {
            assert!(!policy(&["*://*:*"], &["private"], &[]).allows_socket(socket, socket_use), "{socket} {socket_use:?}");
        }
        cases += 5;
    }
    for host in DISGUISES {
        let url = format!("http://{host}/latest/meta-data");
        // The resolver would say that it is a public name; it must not even be asked.
        let found = policy(&["*://*:*"], &["private"], &[&["1.1.1.1"]]).permit(&url, "http").await;
        assert!(matches!(found, Err(Refusal::Blocked(_))), "{url}: {found:?}");
        let allowed_elsewhere = policy(&["http://*.dev", "http://x.dev"], &[], &[&["1.1.1.1"]]).permit(&url, "http").await;
        assert!(matches!(allowed_elsewhere, Err(Refusal::NotAllowed(_))), "{url}: {allowed_elsewhere:?}");
        cases += 2;
    }
    for host in BROKEN {
        let url = format!("http://{host}/");
        let found = policy(&["*://*:*"], &[], &[&["1.1.1.1"]]).permit(&url, "http").await;
        assert!(matches!(found, Err(Refusal::Invalid(_))), "{url}: {found:?}");
        cases += 1;
    }
    for (entry, url) in [
        ("http://x.dev", "http://x.dev@evil.dev/"),
        ("http://x.dev", "http://x.dev:80@evil.dev/"),
        ("http://x.dev", "http://evil.dev/@x.dev"),
        ("http://x.dev", "http://evil.dev#@x.dev"),
        ("http://x.dev", "http://evil.dev?@x.dev"),
        ("http://x.dev", "http://x.dev.evil.dev/"),
        ("http://x.dev", "http://evilx.dev/"),
        ("http://x.dev", "https://x.dev/"),
        ("http://x.dev", "http://x.dev:81/"),
        ("http://x.dev", "http://xn--x-.dev/"),
        ("http://*.x.dev", "http://x.dev/"),
        ("http://*.x.dev", "http://x.dev.evil.dev/"),
        ("postgres://db", "host=db hostaddr=10.0.0.1"),
        ("postgres://db", "host=db,evil"),
        ("postgres://db", "host=evil host=db host=evil"),
    ] {
        let found = policy(&[entry], &[], &[&["1.1.1.1"]]).permit(url, "postgres").await;
        assert!(matches!(found, Err(Refusal::NotAllowed(_) | Refusal::Invalid(_))), "{entry} and {url}: {found:?}");
        cases += 1;
    }
    assert!(cases >= 300, "{cases} cases");
}

#[tokio::test]
async fn closed_addresses_are_dropped_and_the_others_stay() {
    let policy = policy(&["http://x.dev:81"], &["private"], &[&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1111"]]);
    let permit = policy.permit("http://x.dev:81/", "http").await.unwrap();
    let addresses: Vec<String> = permit.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["1.1.1.1:81", "[2606:4700::1111]:81"]);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_connected_to_where_it_was_checked() {
    // 127.0.0.2 plays the Internet, so that nothing leaves the machine.
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let policy = policy(&["http://*:*"], &["127.0.0.1/32"], &[&["127.0.0.2"], &["127.0.0.1"]]);
    let address = format!("http://rebinding.dev:{port}");
    let permit = policy.permit(&address, "http").await.unwrap();
    for _ in 0..3 {
        let connection = permit.connect(Duration::from_secs(5)).await.unwrap();
        assert_eq!(connection.peer().unwrap().to_string(), format!("127.0.0.2:{port}"));
    }
    let again = policy.permit(&address, "http").await;
    assert!(matches!(again, Err(Refusal::Blocked(_))), "{again:?}");
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let policy = policy(&["http://*:*"], &[], &[&["127.0.0.3", "127.0.0.2"]]);
    let permit = policy.permit(&format!("http://x.dev:{port}"), "http").await.unwrap();
    let connection = permit.connect(Duration::from_secs(5)).await.unwrap();
    assert_eq!(connection.peer().unwrap().ip().to_string(), "127.0.0.2");
}

#[test]
fn raw_sockets_are_decided_by_address() {
    let policy = policy(&["*://127.0.0.0/24:7", "udp://0.0.0.0:0", "*://10.0.0.1:*"], &["10.0.0.0/8"], &[]);
    for (address, socket_use, expected) in [
        ("127.0.0.1:7", SocketUse::TcpConnect, true),
        ("[::ffff:127.0.0.1]:7", SocketUse::TcpConnect, true),
        ("127.0.0.1:7", SocketUse::UdpSend, true),
        ("127.0.0.1:8", SocketUse::TcpConnect, false),
        ("127.0.1.1:7", SocketUse::TcpConnect, false),
        ("0.0.0.0:0", SocketUse::UdpBind, true),
        ("0.0.0.0:0", SocketUse::TcpConnect, false),
        ("10.0.0.1:7", SocketUse::TcpConnect, false),
        ("10.0.0.1:7", SocketUse::UdpBind, true),
    ] {
        assert_eq!(policy.allows_socket(address.parse().unwrap(), socket_use), expected, "{address} {socket_use:?}");
    }
    assert!(!Policy::default().allows_socket("127.0.0.1:7".parse().unwrap(), SocketUse::TcpConnect));
}

/// The policy of a component whose entries use variables.
fn with_variables(declared: &[(&str, Option<&str>)], environment: &[(&str, &str)], entries: &[&str]) -> Result<Arc<Policy>, String> {
    let mut given = Given::default().variables(declared, environment).grant("outbound-hosts", json!(entries));
    for capability in coracle_capabilities::ALL {
        let mut bind = Bind { site: &mut given.site, config: &mut given.config, labels: &BTreeMap::new() };
        capability.bind(&mut bind).unwrap();
    }
    let request = GrantRequest { component: "c", grants: &given.grants, site: &given.site };
    Policy::from_request(&request).map_err(|error| error.to_string())
}

fn allows(policy: &Policy, address: &str) -> bool {
    policy.allows_socket(address.parse().unwrap(), SocketUse::TcpConnect)
}

#[test]
fn variables_in_an_entry_are_filled_in() {
    let declared = &[("prefix", Some("127.0.0.0")), ("length", Some("24")), ("port", None), ("nothing", Some(""))];
    let entries = &["*://{{ prefix }}/{{length}}:{{ port }}", "http://{{ nothing }}", "{{ nothing }}"];
    let policy = with_variables(declared, &[("SPIN_VARIABLE_PORT", "7")], entries).unwrap();
    assert!(allows(&policy, "127.0.0.9:7"));
    assert!(!allows(&policy, "127.0.0.9:8"));
}

#[test]
fn one_variable_without_a_value_takes_nothing_from_the_other_entries() {
    let policy = with_variables(&[], &[], &["*://{{ unknown }}:1", "*://127.0.0.1:7"]).unwrap();
    assert!(allows(&policy, "127.0.0.1:7"));
    assert!(!allows(&policy, "127.0.0.1:1"));
}

#[test]
fn a_value_that_makes_no_host_is_found_at_load_and_stays_secret() {
    let error = with_variables(&[("host", Some("c4n4ry host"))], &[], &["https://{{ host }}"]).unwrap_err();
    assert!(error.contains("`allowed_outbound_hosts` is malformed") && error.contains("invalid host"), "{error}");
    assert!(error.contains("https://{{ host }}") && !error.contains("c4n4ry"), "{error}");
}

#[test]
fn a_malformed_entry_is_found_at_load() {
    for (entry, expected) in [("x.dev", "no scheme"), ("http://x.dev/path", "path"), ("http://{{ a", "never closed")] {
        let error = with_variables(&[], &[], &[entry]).unwrap_err();
        assert!(error.starts_with("component `c`: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn the_operators_table_is_read_strictly() {
    for (table, expected) in [
        ("[outbound_networking]\nblock_networks = [\"privat\"]", "block_networks"),
        ("[outbound_networking]\nblock_network = []", "outbound_networking"),
    ] {
        let mut site = Site::default();
        let mut config = RuntimeConfig::new(table.parse().unwrap(), None);
        let error = Networking::bind(&mut Bind { site: &mut site, config: &mut config, labels: &BTreeMap::new() }).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
