//! Guests of Spin and wasmCloud on a real PostgreSQL.

use std::path::Path;

use coracle_testkit::servers::{Server, postgres};
use serde_json::json;

use crate::guest::Given;
use crate::{sql, storage};

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
    let denied = format!("address {} is not permitted", postgres::address(&server));
    let (status, text) = given(&server, "postgres://127.0.0.1:1").serve("spin5-pg").get("/").await;
    assert!(status == 500 && text.contains(&denied), "{status} {text}");
    // The same by pairs, which are no URL; nothing is allowed, and no server is asked.
    let request = sql::request("/", "host=127.0.0.1 user=postgres");
    let answer = Given::default().serve_built("postgres").answer(request).await.unwrap();
    assert_eq!(answer, (500, "Error::ConnectionFailed(\"address host=127.0.0.1 user=postgres is not permitted\")".to_owned()));
}

#[tokio::test]
async fn what_spins_suite_asks_of_version_4() {
    let server = postgres::shared().unwrap();
    let port = server.place().port;
    let guest = given(&server, &format!("*://localhost:{port}")).serve_built("postgres");
    let address = format!("host=localhost port={port} user=postgres password=postgres dbname=postgres");
    assert_eq!(guest.answer(sql::request("/", &address)).await.unwrap(), (200, String::new()));
}

#[tokio::test]
async fn version_4_2_builds_connections_and_streams_rows() {
    let server = postgres::shared().unwrap();
    let given = given(&server, &format!("postgres://{}", server.place().address()));
    sql::check_p3(given, "postgres", postgres::address(&server)).await;
}

#[tokio::test]
async fn a_guest_of_wasmcloud_2_streams_rows() {
    let server = postgres::shared().unwrap();
    let config = format!("[postgres.default]\ntype = \"postgres\"\nurl = \"{}\"", postgres::address(&server));
    let given = Given::default().grant("postgres", json!(["default"])).runtime_config(&config, Path::new("/"));
    storage::check_of("cloud-p3", given, "postgres").await;
}

#[tokio::test]
async fn a_transaction_ends_with_its_instance() {
    let server = postgres::shared().unwrap();
    let given = given(&server, &format!("postgres://{}", server.place().address()));
    sql::transactions_end(given.serve_built("transactions"), "postgres", &postgres::address(&server)).await;
}

#[tokio::test]
async fn a_crash_costs_errors_while_it_lasts() {
    let server = postgres::start().unwrap();
    let address = postgres::address(&server);
    let given = given(&server, &format!("postgres://{}", server.place().address()));
    sql::survives_a_crash(given.serve_built("transactions"), "postgres", &address, server).await;
}

#[test]
fn every_version_4_links_without_async() {
    for version in ["4.0.0", "4.1.0", "4.2.0"] {
        let import =
            format!(r#"(component (import "spin:postgres/postgres@{version}" (instance (export "connection" (type (sub resource))))))"#);
        let runnable = Given::default().run("importer", &wat::parse_str(import).unwrap());
        assert_eq!(runnable.generation(), coracle_engine::Generation::P2);
    }
}

#[test]
fn a_label_is_bound_by_the_names_that_wasmcloud_uses() {
    let config = "
        [postgres.default]
        type = \"postgres\"
        POSTGRES_HOST = \"db.example.com\"
        POSTGRES_PORT = 6543
        POSTGRES_USERNAME = \"me\"
        POSTGRES_PASSWORD = \"it's a secret\"
    ";
    let describe = |config: &str| {
        let mut given = Given::default().grant("postgres", json!(["default"])).runtime_config(config, Path::new("/"));
        given.bind().map_err(|error| coracle_base::chain(&error).to_string())?;
        let request = coracle_engine::GrantRequest { component: "c", grants: &given.grants, site: &given.site };
        let grants = coracle_capabilities::grants(&request).map_err(|error| error.to_string())?;
        Ok::<_, String>(grants.iter().flat_map(|grant| grant.describe()).collect::<Vec<_>>())
    };
    assert_eq!(describe(config).unwrap(), ["default → postgres://db.example.com:6543"]);
    assert_eq!(describe("[postgres.default]\ntype = \"postgres\"\nurl = \"postgres://me:pw@db/x\"").unwrap(), ["default → postgres://db"]);
    for (config, expected) in [
        ("", "add `[postgres.default]`"),
        ("[postgres.default]\ntype = \"postgres\"", "needs one of `url` and `host`"),
        ("[postgres.default]\ntype = \"postgres\"\nurl = \"postgres://db/x\"", "names no user"),
        ("[postgres.default]\ntype = \"postgres\"\nurl = \"postgres://me@db/x\"\nhots = \"x\"", "unknown field `hots`"),
        ("[postgres.default]\ntype = \"postgres\"\nurl = \"postgres://me@db/x\"\nclient_cert_file = \"x.pem\"", "name both or neither"),
    ] {
        let error = describe(config).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
