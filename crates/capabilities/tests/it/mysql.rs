//! Guests of Spin on a real MariaDB.

use std::path::Path;

use coracle_testkit::servers::{Server, mariadb};
use serde_json::json;

use crate::guest::Given;
use crate::sql;

fn given(server: &Server) -> Given {
    let allowed = format!("mysql://{}", server.place().address());
    Given::default().grant("outbound-hosts", json!([allowed])).runtime_config("[outbound_mysql]\nmax_connections = 4", Path::new("/"))
}

#[tokio::test]
async fn version_3_streams_rows() {
    let server = mariadb::shared().unwrap();
    sql::check_p3(given(&server), "mysql", mariadb::address(&server)).await;
}

#[tokio::test]
async fn a_transaction_ends_with_its_instance() {
    let server = mariadb::shared().unwrap();
    sql::transactions_end(given(&server).serve_built("transactions"), "mysql", &mariadb::address(&server)).await;
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let request = sql::request("/mysql/count", "mysql://me@127.0.0.1/x");
    let answer = Given::default().serve_built("transactions").answer(request).await.unwrap();
    assert_eq!(answer, (500, "Error::ConnectionFailed(\"address mysql://me@127.0.0.1/x is not permitted\")".to_owned()));
}

#[tokio::test]
async fn a_crash_costs_errors_while_it_lasts() {
    let server = mariadb::start().unwrap();
    let address = mariadb::address(&server);
    sql::survives_a_crash(given(&server).serve_built("transactions"), "mysql", &address, server).await;
}
