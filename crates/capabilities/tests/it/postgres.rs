//! Guests of Spin on a real PostgreSQL.

use std::path::Path;

use coracle_testkit::servers::{Server, postgres};
use serde_json::json;

use crate::guest::Given;

fn given(server: &Server, allowed: &str) -> Given {
    Given::default()
        .grant("outbound-hosts", json!([allowed]))
        .grant("environment", json!({ "DB_URL": postgres::address(server) }))
        .runtime_config("[outbound_pg]\nmax_connections = 4", Path::new("/"))
}

#[tokio::test]
async fn guests_of_spin_5_and_7_keep_rows() {
    let server = postgres::shared().unwrap();
    let allowed = format!("postgres://{}", server.place().address());
    for name in ["spin5-pg", "spin7-pg"] {
        let guest = given(&server, &allowed).serve(name);
        for _ in 0..2 {
            let (status, text) = guest.get("/").await;
            assert_eq!(status, 200, "{name}: {text}");
            assert!(text.lines().last().is_some_and(|line| line.contains("\"x\"")), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let server = postgres::shared().unwrap();
    for name in ["spin5-pg", "spin7-pg"] {
        let (status, text) = given(&server, "postgres://127.0.0.1:1").serve(name).get("/").await;
        let denied = format!("address {} is not permitted", postgres::address(&server));
        assert!(status == 500 && text.contains(&denied), "{name}: {status} {text}");
    }
}
