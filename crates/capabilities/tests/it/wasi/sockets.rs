//! Raw sockets, which a guest has only where it was granted them.

use super::{Guest, Setting};

const OPERATIONS: &[&str] =
    &["tcp-create", "tcp-echo", "tcp-bind", "tcp-listen", "udp-create", "udp-bind", "udp-echo", "udp-echo-unconnected"];

#[tokio::test]
async fn without_a_grant_no_socket_is_made() {
    for (name, denied) in [("sockets-p2", "error access-denied (error 1)"), ("sockets-p3", "error ErrorCode::AccessDenied")] {
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
