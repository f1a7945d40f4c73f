//! Raw sockets without a grant.

use super::{Guest, Setting};

#[tokio::test]
async fn without_a_grant_no_socket_is_made() {
    let guest = Guest::built("sockets-p2");
    for operation in ["tcp-create", "tcp-echo", "tcp-bind", "tcp-listen", "udp-create", "udp-bind", "udp-echo", "udp-echo-unconnected"] {
        let said = guest.says(&Setting::default(), &[operation, "127.0.0.1:9"]).await;
        assert_eq!(said, "error access-denied (error 1)", "{operation}");
    }
}

#[tokio::test]
async fn names_are_not_resolved() {
    let guest = Guest::built("sockets-p2");
    assert_eq!(guest.says(&Setting::default(), &["resolve", "localhost"]).await, "error permanent-resolver-failure (error 20)");
}
