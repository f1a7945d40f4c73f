//! Raw sockets, which a guest has only where it was granted them.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};

use super::{Guest, Setting};

/// Both guests, and how each writes the code of a denial.
const GUESTS: [(&str, &str); 2] = [("sockets-p2", "error access-denied (error 1)"), ("sockets-p3", "error ErrorCode::AccessDenied")];

const OPERATIONS: &[&str] =
    &["tcp-create", "tcp-echo", "tcp-bind", "tcp-listen", "udp-create", "udp-bind", "udp-echo", "udp-echo-unconnected"];

#[tokio::test]
async fn without_a_grant_no_socket_is_made() {
    for (name, denied) in GUESTS {
        let guest = Guest::built(name);
        for operation in OPERATIONS {
            let said = guest.says(&Setting::default(), &[operation, "127.0.0.1:9"]).await;
            assert_eq!(said, denied, "{name} {operation}");
        }
    }
}

#[tokio::test]
async fn names_are_not_resolved() {
    for (name, refused) in
        [("sockets-p2", "error permanent-resolver-failure (error 20)"), ("sockets-p3", "error ErrorCode::PermanentResolverFailure")]
    {
        assert_eq!(Guest::built(name).says(&Setting::default(), &["resolve", "localhost"]).await, refused, "{name}");
    }
}

/// A server that sends back what comes, by TCP and by UDP.
async fn echo() -> (SocketAddr, SocketAddr) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addresses = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            tokio::spawn(async move {
                let (mut input, mut output) = stream.split();
                tokio::io::copy(&mut input, &mut output).await
            });
        }
    });
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            udp.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    addresses
}

fn allowed(hosts: &[String]) -> Setting {
    Setting::granted(json!({ "outbound-hosts": hosts }))
}

#[tokio::test]
async fn a_socket_connects_where_the_grant_allows() {
    let (tcp, udp) = echo().await;
    for (name, denied) in GUESTS {
        let guest = Guest::built(name);
        let (target, port) = (tcp.to_string(), tcp.port());
        for (hosts, expected) in [
            (format!("*://127.0.0.1:{port}"), "ok ping"),
            (format!("tcp://127.0.0.1:{port}"), "ok ping"),
            (format!("*://127.0.0.0/24:{port}"), "ok ping"),
            ("*://*:*".to_owned(), "ok ping"),
            (format!("*://127.0.0.2:{port}"), denied),
            ("*://127.0.0.1:1".to_owned(), denied),
            (format!("udp://127.0.0.1:{port}"), denied),
            (format!("http://127.0.0.1:{port}"), denied),
            (format!("*://localhost:{port}"), denied),
        ] {
            assert_eq!(guest.says(&allowed(std::slice::from_ref(&hosts)), &["tcp-echo", &target]).await, expected, "{name} {hosts}");
        }
        let (target, any) = (udp.to_string(), "udp://0.0.0.0:0".to_owned());
        for operation in ["udp-echo", "udp-echo-unconnected"] {
            let both = allowed(&[format!("udp://{target}"), any.clone()]);
            assert_eq!(guest.says(&both, &[operation, &target]).await, "ok ping", "{name} {operation}");
            for hosts in [any.clone(), format!("tcp://{target}"), format!("udp://{target}")] {
                assert_eq!(
                    guest.says(&allowed(std::slice::from_ref(&hosts)), &[operation, &target]).await,
                    denied,
                    "{name} {operation} {hosts}"
                );
            }
        }
    }
}

#[tokio::test]
async fn nobody_listens_or_binds_on_tcp_and_names_stay_unresolved() {
    let everything = allowed(&["*://*:*".to_owned()]);
    for (name, denied) in GUESTS {
        let guest = Guest::built(name);
        for address in ["0.0.0.0:0", "127.0.0.1:0", "[::1]:0"] {
            assert_eq!(guest.says(&everything, &["tcp-bind", address]).await, denied, "{name} {address}");
            assert_eq!(guest.says(&everything, &["tcp-listen", address]).await, denied, "{name} {address}");
        }
        assert!(guest.says(&everything, &["resolve", "localhost"]).await.starts_with("error "), "{name}");
    }
}

#[tokio::test]
async fn closed_networks_and_counts_hold_for_sockets() {
    let (tcp, _) = echo().await;
    let target = tcp.to_string();
    for (name, denied) in GUESTS {
        let guest = Guest::built(name);
        for (table, expected) in [
            ("", "ok ping"),
            ("[outbound_networking]\nblock_networks = ['10.0.0.0/8']", "ok ping"),
            ("[outbound_networking]\nblock_networks = ['127.0.0.0/8']", denied),
            ("[outbound_networking]\nblock_networks = ['private']", denied),
            ("[outbound_networking]\nmax_socket_connections = 1", "ok ping"),
            ("[outbound_networking]\nmax_socket_connections = 0", denied),
            ("[outbound_networking]\nmax_total_connections = 1", "ok ping"),
            ("[outbound_networking]\nmax_total_connections = 0", denied),
        ] {
            let mut setting = allowed(&["*://*:*".to_owned()]);
            setting.bind(table);
            assert_eq!(guest.says(&setting, &["tcp-echo", &target]).await, expected, "{name} {table}");
        }
        let mut setting = allowed(&["*://*:*".to_owned()]);
        setting.limits.outbound_calls = 0;
        assert_eq!(guest.says(&setting, &["tcp-echo", &target]).await, denied, "{name}");
    }
}
