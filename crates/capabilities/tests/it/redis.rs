//! Redis guests of several SDKs, as they are, with a real server.

use coracle_testkit::servers::{self, Server};
use serde_json::json;

use crate::guest::Given;

const GUESTS: [&str; 2] = ["spin5-redis", "spin7-redis"];

fn address(server: &Server) -> String {
    format!("redis://{}", server.place().address())
}

fn given(address: &str, hosts: &[&str]) -> Given {
    Given::default().grant("environment", json!({ "REDIS_ADDRESS": address })).grant("outbound-hosts", json!(hosts))
}

/// What a guest says at its `count`th request.
fn expected(guest: &str, count: u32) -> String {
    match guest {
        "spin5-redis" => format!("count={count} key=value raw=[RedisResult::Binary([112, 105, 110, 103])]\n"),
        _ => format!("count={count} key=value set=[\"a\", \"b\"] raw=[RedisResult::Binary([112, 105, 110, 103])]\n"),
    }
}

#[tokio::test]
async fn guests_of_each_generation_speak_to_redis() {
    for guest in GUESTS {
        let server = servers::redis::start().unwrap();
        let host = address(&server);
        for address in [host.clone(), format!("{host}/1?protocol=resp3")] {
            let served = given(&address, &[&host]).serve(guest);
            for count in 1..4 {
                assert_eq!(served.get("/").await, (200, expected(guest, count)), "{guest} {address}");
            }
        }
    }
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_invalid() {
    for guest in GUESTS {
        for hosts in [&[][..], &["redis://127.0.0.1:1"], &["http://127.0.0.1:6379"]] {
            let (status, text) = given("redis://127.0.0.1:6379", hosts).serve(guest).try_get("/").await;
            assert!(status == 500 && text.contains("InvalidAddress"), "{guest} {hosts:?}: {status} {text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_crashes_is_an_error_until_it_is_back() {
    for guest in GUESTS {
        let mut server = servers::redis::start().unwrap();
        let address = address(&server);
        let served = given(&address, &[&address]).serve(guest);
        for count in 1..4 {
            assert_eq!(served.get("/").await, (200, expected(guest, count)), "{guest}: nothing that was acknowledged is lost");
            server.crash().unwrap();
            assert_eq!(served.try_get("/").await.0, 500, "{guest}");
            server.resume().unwrap();
        }
    }
}
